//! Partition counts of small topologies, as tables.

use rstest::rstest;

use super::testing::{counts, drawn, two_stage};
use super::*;

fn resolve(topology: &Topology, existing: &[(&str, u32)]) -> Result<PartitionCounts> {
    PartitionCounts::resolve(topology, &counts(existing).collect())
}

/// The counts of the internal topics, or the message.
fn check(parts: &[&str], together: &[&str], existing: &[(&str, u32)]) -> String {
    let topology = drawn(parts, together);
    match resolve(&topology, existing) {
        Ok(counts) => {
            let count = |topic: &Arc<str>| format!("{topic}={}", counts.of(topic).unwrap_or_default());
            topology.internal_topics().map(|topic| count(&topic.name)).collect::<Vec<_>>().join(" ")
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::InvalidTopology);
            error.to_string().split(';').next().unwrap_or_default().to_owned()
        }
    }
}

const NOTHING: &str = "follows from nothing, as what writes there reads only such topics: give one of them a number";

// A part is `what it reads > what it writes`; `X` and other capitals are repartition topics, `X3` has an explicit number.
#[rstest]
#[case::largest_input(&["a b > X", "X >"], "X=4")]
#[case::explicit(&["a b > X2", "X2 >"], "X2=2")]
#[case::explicit_wins_over_smaller(&["a > X9", "X9 >"], "X9=9")]
#[case::two_writers(&["a > X", "b > X", "X >"], "X=4")]
#[case::chain(&["a > X", "X > Y", "Y > Z", "Z >"], "X=4 Y=4 Z=4")]
#[case::chain_drawn_backwards(&["Z >", "Y > Z", "X > Y", "a > X"], "X=4 Y=4 Z=4")]
#[case::chain_behind_a_smaller_number(&["a > X2", "X2 > Y", "Y >"], "X2=2 Y=2")]
#[case::explicit_inputs_only(&["a > X2", "a > Y3", "X2 Y3 > Z", "Z >"], "X2=2 Y3=3 Z=3")]
#[case::all_inputs_count_and_not_only_those_resolved_first(&["b > X", "X b > Y", "a > X", "Y >"], "X=4 Y=4")]
#[case::reads_what_it_writes(&["a X > X"], "X=4")]
#[case::reads_what_it_writes_and_an_explicit_one(&["a > X2", "X2 Y > Y"], "X2=2 Y=2")]
#[case::cycle_of_two_with_an_input(&["a Y > X", "X > Y"], "X=4 Y=4")]
#[case::cycle_of_two_with_an_explicit_number(&["Y > X2", "X2 > Y"], "X2=2 Y=2")]
#[case::cycle_with_a_larger_input_later(&["b Y > X", "X a > Y"], "X=4 Y=4")]
#[case::cycle_of_one_alone(&["X > X"], NOTHING)]
#[case::cycle_of_two_alone(&["Y > X", "X > Y"], NOTHING)]
#[case::cycle_alone_feeds_a_chain(&["Y > X", "X > Y", "Y > Z", "a > V", "V Z >"], NOTHING)]
#[case::nobody_writes(&["X > "], NOTHING)]
fn repartition_topics_get_numbers(#[case] parts: &[&str], #[case] expected: &str) {
    let found = check(parts, &[], &[("a", 4), ("b", 3)]);
    assert!(found == expected || (expected == NOTHING && found.ends_with(NOTHING)), "{found}");
}

#[test]
fn all_that_follow_from_nothing_are_named() {
    let found = check(&["Y > X", "X > Y", "a > Z", "Z >"], &[], &[("a", 4)]);
    assert_eq!(found, format!("the number of partitions of X, Y {NOTHING}"));
}

// With a=4, b=6, c=1, d=4, e=9.
#[rstest]
#[case::sources_fit(&["a d >"], &["a d"], "")]
#[case::sources_differ(&["a b >"], &["a b"], "topics not co-partitioned: {a=4, b=6}")]
#[case::raised_to_the_source(&["c > X", "X a >"], &["X a"], "X=4")]
#[case::lowered_to_the_source(&["e > X", "X a >"], &["X a"], "X=4")]
#[case::derived_but_the_sources_differ(&["c > X", "X a b >"], &["X a b"],
    "topics not co-partitioned: {X=1, a=4, b=6}")]
#[case::explicit_equals_the_source(&["c > X4", "X4 a >"], &["X4 a"], "X4=4")]
#[case::explicit_differs_from_the_source(&["c > X3", "X3 a >"], &["X3 a"], "topics not co-partitioned: {X3=3, a=4}")]
#[case::both_derived(&["c > X", "a > Y", "X Y >"], &["X Y"], "X=4 Y=4")]
#[case::explicit_lowers_a_derived_one(&["e > X", "a > Y2", "X Y2 >"], &["X Y2"], "X=2 Y2=2")]
#[case::explicit_raises_a_derived_one(&["c > X", "a > Y7", "X Y7 >"], &["X Y7"], "X=7 Y7=7")]
#[case::explicit_ones_equal(&["c > X5", "a > Y5", "X5 Y5 >"], &["X5 Y5"], "X5=5 Y5=5")]
#[case::explicit_ones_differ(&["c > X5", "a > Y2", "X5 Y2 >"], &["X5 Y2"], "topics not co-partitioned: {X5=5, Y2=2}")]
#[case::what_follows_from_a_raised_one_stays(&["c > X", "X a > Y", "X > Z", "Y Z >"], &["X a"], "X=4 Y=4 Z=4")]
#[case::behind_a_raised_one_stays(&["c > X", "a >", "X > Y", "Y >"], &["X a"], "X=4 Y=1")]
#[case::joined_with_an_aggregation_of_itself(&["a X > X"], &["a X"], "X=4")]
#[case::retail(&["c > X2", "X2 Y a2 > Y"], &["Y a2", "X2 Y a2"], "X2=2 Y=2")]
#[case::two_joins_of_one_topic(&["c > X", "X a d >"], &["X a", "X d"], "X=4")]
#[case::two_joins_of_one_topic_that_cannot_fit(&["c > X", "X a b >"], &["X a", "X b"],
    "topics not co-partitioned: {X=1, a=4, b=6}")]
#[case::the_second_join_decides_for_the_first(&["c > X", "e > Y", "X Y a >"], &["X Y", "X a"], "X=4 Y=4")]
#[case::groups_that_meet_late(&["c > X", "e > Y", "X Y a >"], &["X a", "Y", "X Y"], "X=4 Y=4")]
fn joined_topics_fit(#[case] parts: &[&str], #[case] together: &[&str], #[case] expected: &str) {
    let existing = [("a", 4), ("b", 6), ("c", 1), ("d", 4), ("e", 9), ("a2", 2)];
    assert_eq!(check(parts, together, &existing), expected);
}

#[test]
fn a_part_has_as_many_tasks_as_its_largest_input_has_partitions() {
    for (explicit, expected) in [(None, 4), (Some(2), 2)] {
        let topology = two_stage(explicit);
        let counts = resolve(&topology, &[("a", 4), ("b", 3)]).expect("fits");
        assert_eq!(counts.of_subtopology(&topology.subtopologies()[0]), 4);
        assert_eq!(counts.of_subtopology(&topology.subtopologies()[1]), expected);
    }
}

#[test]
fn missing_sources_are_all_named_with_the_remedy() {
    let error = resolve(&two_stage(None), &[]).expect_err("nothing exists");
    assert_eq!(error.kind().exit_code(), 2);
    assert!(error.to_string().starts_with("source topics are missing: a, b; make them"), "{error}");
    assert!(error.to_string().contains("topics --create --topic b "), "{error}");
}

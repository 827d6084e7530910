//! Partition counts of small topologies.

use super::testing::{counts, joined, two_stage};
use super::*;

fn resolve<const N: usize>(topology: &Topology, existing: &[(&str, u32); N]) -> Result<PartitionCounts> {
    PartitionCounts::resolve(topology, &BTreeMap::from_iter(counts(existing)))
}

#[test]
fn a_repartition_topic_follows_its_largest_input_unless_it_has_a_number() {
    for (explicit, expected) in [(None, 4), (Some(2), 2)] {
        let topology = two_stage(explicit);
        let counts = resolve(&topology, &[("a", 4), ("b", 3)]).expect("fits");
        assert_eq!(counts.of("x-repartition"), Some(expected));
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

#[test]
fn joined_topics_must_fit_and_repartition_topics_are_raised() {
    let error = resolve(&joined(None), &[("a", 4), ("b", 6), ("c", 1)]).expect_err("a and b differ");
    assert!(error.to_string().starts_with("topics not co-partitioned: {a=4, b=6, x-repartition=1}"), "{error}");
    let raised = resolve(&joined(None), &[("a", 4), ("b", 4), ("c", 1)]).expect("x is raised");
    assert_eq!(raised.of("x-repartition"), Some(4));
    let lowered = resolve(&joined(None), &[("a", 2), ("b", 2), ("c", 8)]).expect("x follows what cannot change");
    assert_eq!(lowered.of("x-repartition"), Some(2));
    resolve(&joined(Some(3)), &[("a", 4), ("b", 4), ("c", 1)]).expect_err("x was given another number");
}

//! What a cache leaves out: of several updates of a key between two commits only the newest is forwarded.
//!
//! The test driver commits after every record, so only the updates that one record causes fall together.

use rstest::rstest;
use streams_core::testing::TopologyTestDriver;
use streams_dsl::prelude::*;

use super::script::{cached, check, text};

fn words(builder: &StreamsBuilder) -> KGroupedStream<String, String> {
    let words = |line: &String| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    builder.stream::<String, String>("in").flat_map_values(words).group_by_key()
}

#[rstest]
#[case::uncached(
    false,
    "
    in k a_b_a 1 -> k = a @ 1; k = ab @ 1; k = aba @ 1
    in j b_c 2 -> j = b @ 2; j = bc @ 2
    in k d 1 -> k = abad @ 1
    dropped 0"
)]
#[case::cached(
    true,
    "
    in k a_b_a 1 -> k = aba @ 1
    in j b_c 2 -> j = bc @ 2
    in k d 1 -> k = abad @ 1
    dropped 0"
)]
fn updates_of_an_aggregate(#[case] is_cached: bool, #[case] script: &str) {
    let program = |builder: &StreamsBuilder| {
        let aggregator = |_: &String, word: &String, all: &mut String| all.push_str(word);
        words(builder).aggregate_with(cached(is_cached), String::new, aggregator).to_stream().to("out");
    };
    check(program, script);
}

#[rstest]
#[case::uncached(
    false,
    "
    in k a_b 7 -> [k@0/10] = a @ 7; [k@5/15] = a @ 7; [k@0/10] = ab @ 7; [k@5/15] = ab @ 7
    in k c 12 -> [k@5/15] = abc @ 12; [k@10/20] = c @ 12
    in j z 1 -> [j@0/10] = z @ 1
    in j y 21 -> [j@15/25] = y @ 21; [j@20/30] = y @ 21
    in k d 14 -> [k@10/20] = cd @ 14
    in k e 9 ->
    dropped 3"
)]
#[case::cached(
    true,
    "
    in k a_b 7 -> [k@0/10] = ab @ 7; [k@5/15] = ab @ 7
    in k c 12 -> [k@5/15] = abc @ 12; [k@10/20] = c @ 12
    in j z 1 -> [j@0/10] = z @ 1
    in j y 21 -> [j@15/25] = y @ 21; [j@20/30] = y @ 21
    in k d 14 -> [k@10/20] = cd @ 14
    in k e 9 ->
    dropped 3"
)]
fn updates_of_windows(#[case] is_cached: bool, #[case] script: &str) {
    let program = |builder: &StreamsBuilder| {
        let aggregator = |_: &String, word: &String, all: &mut String| all.push_str(word);
        let windows = TimeWindows::of_size_and_grace(millis(10), millis(5)).advance_by(millis(5));
        let values = words(builder).windowed_by(windows).aggregate_with(cached(is_cached), String::new, aggregator);
        values.to_stream().select_key(|windowed, _| text(windowed)).to("out");
    };
    check(program, script);
}

/// A row that comes and goes between two commits is never seen.
#[rstest]
#[case::uncached(
    false,
    "
    in k a_del 1 -> k = a @ 1; k = null @ 1
    in k b 2 -> k = b @ 2
    in k del 3 -> k = null @ 3
    in k c_del_d 1 -> k = c @ 1; k = null @ 1; k = d @ 1
    dropped 0"
)]
#[case::cached(
    true,
    "
    in k a_del 1 ->
    in k b 2 -> k = b @ 2
    in k del 3 -> k = null @ 3
    in k c_del_d 1 -> k = d @ 1
    dropped 0"
)]
fn rows_that_vanish(#[case] is_cached: bool, #[case] script: &str) {
    let program = |builder: &StreamsBuilder| {
        let aggregator = |_: &String, word: &String, all: &mut Option<String>| {
            *all = (word != "del").then(|| format!("{}{word}", all.as_deref().unwrap_or_default()));
        };
        let values = words(builder).aggregate_with(cached(is_cached), || None, aggregator);
        values.to_stream().map_values(|value| value.clone().flatten()).to("out");
    };
    check(program, script);
}

/// A repartition topic hands records over one by one, each with its own commit.
#[rstest]
#[case::uncached(
    false,
    "
    in k a_b_a 1 -> ka = 1 @ 1; kb = 1 @ 1; ka = 2 @ 1
    in k b_c 2 -> kb = 2 @ 2; kc = 1 @ 2
    dropped 0"
)]
#[case::cached(
    true,
    "
    in k a_b_a 1 -> ka = 1 @ 1; kb = 1 @ 1; ka = 2 @ 1
    in k b_c 2 -> kb = 2 @ 2; kc = 1 @ 2
    dropped 0"
)]
fn updates_behind_a_repartition(#[case] is_cached: bool, #[case] script: &str) {
    let program = |builder: &StreamsBuilder| {
        let split = |key: &String, line: &String| -> Vec<(String, String)> {
            line.split(' ').map(|word| (format!("{key}{word}"), word.to_owned())).collect()
        };
        let counts =
            builder.stream::<String, String>("in").flat_map(split).group_by_key().count_with(cached(is_cached));
        counts.to_stream().map_values(|count| count.map(|count| count.to_string())).to("out");
    };
    check(program, script);
}

/// Flushing goes from parents to children: the rows of the first table reach the second, and leave it, in one commit.
#[test]
fn a_cache_below_a_cache_is_flushed_after_it() {
    let program = |builder: &StreamsBuilder| {
        let aggregator = |_: &String, word: &String, all: &mut String| all.push_str(word);
        let first = words(builder).aggregate(String::new, aggregator);
        let kept = first.map_values_with(Materialized::named("shouted"), |_, value| value.to_uppercase());
        kept.to_stream().to("out");
    };
    check(
        program,
        "
    in k a_b_a 1 -> k = ABA @ 1
    in j b_c 2 -> j = BC @ 2
    in k d 1 -> k = ABAD @ 1
    dropped 0",
    );
}

/// Between two commits only the newest update of each key counts; a commit flushes, and may leave more to flush behind a
/// repartition.
#[test]
fn commits_by_hand_leave_caches_something_to_do() -> Result<()> {
    let builder = StreamsBuilder::new();
    let counts = words(&builder).count();
    let by_count =
        counts.to_stream().group_by(|_, count| count.unwrap_or(0)).count_with(Materialized::named("by-count"));
    by_count.to_stream().to("out");
    let driver = TopologyTestDriver::new(builder.build()?)?;
    driver.commit_manually();
    let (input, out) = (driver.input::<String, String>("in")?, driver.output::<i64, i64>("out")?);
    input.pipe_at(Timestamp(1), "k", "a b".to_owned())?;
    input.pipe_at(Timestamp(2), "j", "c d".to_owned())?;
    out.check("");
    assert!(driver.commit()?, "the second count has rows in its cache");
    out.check("");
    assert!(!driver.commit()?);
    out.check("2 = 2 @ 2");
    assert_eq!(driver.store_names(), ["KSTREAM-AGGREGATE-STATE-STORE-0000000002", "by-count"]);
    Ok(())
}

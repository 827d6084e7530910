//! More to write than the producer has room for: it holds the input up, and nothing else.

use rstest::rstest;
use streams_core::topology::Topology;
use streams_dsl::prelude::*;

use super::harness::{close, run, Cluster, Over};

const KEYS: usize = 500;

/// The latest value of each key, a kilobyte each.
fn latest_values() -> Topology {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, String>("in").group_by_key();
    let latest = grouped.aggregate_with(Materialized::named("latest"), String::new, |_, value, latest: &mut String| {
        *latest = value.repeat(1_000);
    });
    latest.to_stream().map_values(|value| value.as_ref().map_or(-1, |value| value.len() as i64)).to("out");
    builder.build().expect("is valid")
}

/// Flushes and evictions write many times what `buffer.memory` is. All of it arrives, and in the changelog the same as in
/// the table.
#[rstest]
#[case::without_a_cache("0")]
#[case::flushed_by_commits("10MB")]
#[case::evicted("100KB")]
fn a_small_buffer_holds_no_commit_up_and_loses_nothing(#[case] cache: &str) {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    let records: Vec<(String, &str)> = (0..2 * KEYS).map(|index| (format!("k{}", index % KEYS), "x")).collect();
    let records: Vec<(&str, &str)> = records.iter().map(|(key, value)| (key.as_str(), *value)).collect();
    cluster.produce("in", 0, &records);
    let settings = [("buffer.memory", "16KB"), ("batch.size", "4KB"), ("statestore.cache.max.bytes", cache)];
    let streams = cluster.streams(latest_values(), &settings);
    run(&streams);
    let expected: Vec<(String, i64)> = (0..KEYS).map(|index| (format!("k{index}"), 1_000)).collect();
    let expected: Vec<(&str, i64)> = expected.iter().map(|(key, length)| (key.as_str(), *length)).collect();
    cluster.expect_latest("out", 1, &expected);
    close(&streams);
    assert_eq!(streams.failure().map(|error| error.report()), None);

    let rows = cluster.read("app-latest-changelog", 1, |rows| {
        let keys: std::collections::BTreeSet<_> = rows.iter().map(|row| row.key.clone()).collect();
        keys.len() == KEYS
    });
    assert!(rows.iter().all(|row| row.value.as_ref().is_some_and(|value| value.len() >= 1_000)));
}

//! Records that cannot be written: refused by the producer or by the broker, passed over or not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rstest::rstest;
use streams_core::client::admin::NewTopic;
use streams_core::processor::Verdict;
use streams_core::topology::Topology;
use streams_core::{Offset, TopicPartition};
use streams_dsl::prelude::*;

use super::harness::{close, failure, run, Cluster, Over};

/// Values of so many bytes, the second too long.
fn produce(cluster: &Cluster) {
    let long = "x".repeat(5_000);
    cluster.produce("in", 0, &[("a", "short"), ("b", &long), ("c", "short too")]);
}

fn copy() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    builder.build().expect("is valid")
}

/// A cluster whose topic `out` takes only short records, or all.
fn cluster(is_short: bool) -> Cluster {
    let cluster = Cluster::new(Over::Process, &[("in", 1)]);
    let topic = NewTopic::new("out", 1).with_config("max.message.bytes", if is_short { "1000" } else { "1000000" });
    for (_, outcome) in cluster.admin().create_topics(&[topic]).expect("the broker answers") {
        outcome.expect("is created");
    }
    cluster
}

/// Who refuses the long record, and which setting makes it so. Each record is a batch: a batch is refused whole.
const BY_BROKER: [(&str, &str); 2] = [("producer.batch.size", "1"), ("max.request.size", "1000000")];
const BY_PRODUCER: [(&str, &str); 2] = [("producer.batch.size", "1"), ("max.request.size", "1000")];

#[rstest]
#[case::by_the_broker(&BY_BROKER, "the broker answers MESSAGE_TOO_LARGE")]
#[case::by_the_producer(&BY_PRODUCER, "`max.request.size`")]
fn a_record_that_is_refused_ends_the_application(#[case] settings: &[(&str, &str)], #[case] expected: &str) {
    let cluster = cluster(true);
    produce(&cluster);
    let streams = cluster.streams(copy(), settings);
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.contains(expected) && text.contains("out-0"), "{text}");
    // It is not committed, so it is not lost.
    assert!(cluster.committed(&TopicPartition::new("in", 0)).is_none_or(|offset| offset <= Offset(1)));
}

#[rstest]
#[case::by_the_broker(&BY_BROKER)]
#[case::by_the_producer(&BY_PRODUCER)]
fn a_handler_that_continues_passes_over_the_record(#[case] settings: &[(&str, &str)]) {
    let cluster = cluster(true);
    produce(&cluster);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&asked);
    let streams = cluster.streams(copy(), settings);
    let set = streams.set_handlers(|handlers| {
        handlers.production = Arc::new(move |partition, _| {
            into.lock().expect("not poisoned").push(partition.to_string());
            Verdict::Continue
        });
    });
    set.expect("is not started");
    run(&streams);
    let records = cluster.read("out", 1, |records| records.len() >= 2);
    close(&streams);
    let keys: Vec<_> = records.iter().map(|record| record.key.clone().unwrap_or_default()).collect();
    assert_eq!(keys, ["a", "c"]);
    assert_eq!(*asked.lock().expect("not poisoned"), ["out-0"]);
    assert_eq!(cluster.committed(&TopicPartition::new("in", 0)), Some(Offset(3)));
}

#[test]
fn the_setting_continues_too() {
    let cluster = cluster(true);
    produce(&cluster);
    let setting = ("production.exception.handler", "continue");
    let streams = cluster.streams(copy(), &[BY_BROKER[0], BY_BROKER[1], setting]);
    run(&streams);
    cluster.read("out", 1, |records| records.len() >= 2);
    close(&streams);
}

/// Without its changelog record a store would be wrong for ever, whatever the handler says.
#[test]
fn a_changelog_record_is_never_passed_over() {
    let cluster = cluster(false);
    produce(&cluster);
    let builder = StreamsBuilder::new();
    let small = BTreeMap::from([("max.message.bytes".to_owned(), "1000".to_owned())]);
    let store = Materialized::named("latest").logging_enabled(small);
    let grouped = builder.stream::<String, String>("in").group_by_key();
    grouped.reduce_with(store, |_, value| value.clone()).to_stream().drop_tombstones().to("out");
    let setting = ("production.exception.handler", "continue");
    let topology = builder.build().expect("is valid");
    let streams = cluster.streams(topology, &[BY_BROKER[0], BY_BROKER[1], setting]);
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.contains("app-latest-changelog-0") && text.contains("MESSAGE_TOO_LARGE"), "{text}");
}

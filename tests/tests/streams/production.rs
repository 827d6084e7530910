//! Records that cannot be written: refused by the producer or by the broker, passed over or not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use rstest::rstest;
use streams_core::client::admin::NewTopic;
use streams_core::processor::Verdict;
use streams_core::protocol::{ErrorCode, Response};
use streams_core::runtime::KafkaStreams;
use streams_core::topology::Topology;
use streams_core::{Offset, TopicPartition};
use streams_dsl::prelude::*;

use super::harness::{close, failure, run, Cluster, Over};
use super::meddler::Meddler;

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
    cluster_with("out", 1, if is_short { "1000" } else { "1000000" })
}

fn cluster_with(topic: &str, partitions: i32, max_message_bytes: &str) -> Cluster {
    let cluster = Cluster::new(Over::Process, &[("in", 1)]);
    let topic = NewTopic::new(topic, partitions).with_config("max.message.bytes", max_message_bytes);
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

/// Passes over what cannot be written, and notes where it was to go.
fn continuing(streams: &KafkaStreams) -> Arc<Mutex<Vec<String>>> {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&asked);
    let set = streams.set_handlers(|handlers| {
        handlers.production = Arc::new(move |partition, _| {
            into.lock().expect("not poisoned").push(partition.to_string());
            Verdict::Continue
        });
    });
    set.expect("is not started");
    asked
}

#[rstest]
#[case::by_the_broker(&BY_BROKER)]
#[case::by_the_producer(&BY_PRODUCER)]
fn a_handler_that_continues_passes_over_the_record(#[case] settings: &[(&str, &str)]) {
    let cluster = cluster(true);
    produce(&cluster);
    let streams = cluster.streams(copy(), settings);
    let asked = continuing(&streams);
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

/// The failure of a record comes out when a later one is sent. It is not that one's, which goes to another place, or into
/// a changelog.
#[rstest]
#[case::to_the_same_topic(false)]
#[case::behind_a_store(true)]
fn records_behind_one_that_is_refused_are_written(#[case] is_stored_first: bool) {
    let cluster = cluster(true);
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    let store = |stream: &KStream<String, String>| {
        let counts = stream.group_by_key().count_with(Materialized::named("counts").caching_disabled());
        counts.to_stream().drop_tombstones().to("counted");
    };
    if is_stored_first {
        store(&stream);
        stream.to("out");
    } else {
        stream.to("out");
        store(&stream);
    }
    // No commit in between: it would find the failure first.
    let settings = [BY_BROKER[0], BY_BROKER[1], ("commit.interval.ms", "600000")];
    let streams = cluster.streams(builder.build().expect("is valid"), &settings);
    let asked = continuing(&streams);
    run(&streams);
    let long = "x".repeat(5_000);
    for (count, (key, value)) in (1..).zip([("a", ""), ("b", &long), ("c", ""), ("d", ""), ("e", "")]) {
        cluster.produce("in", 0, &[(key, value)]);
        cluster.read("counted", 1, |records| records.len() >= count);
    }
    let records = cluster.read("out", 1, |records| records.len() >= 4);
    close(&streams);
    let keys: Vec<_> = records.iter().map(|record| record.key.clone().unwrap_or_default()).collect();
    assert_eq!(keys, ["a", "c", "d", "e"]);
    assert_eq!(*asked.lock().expect("not poisoned"), ["out-0"]);
}

#[test]
fn the_handler_is_told_the_partition_of_a_record_that_the_producer_refuses() {
    let cluster = cluster_with("out", 3, "1000000");
    produce(&cluster);
    let builder = StreamsBuilder::new();
    let to_the_last = Produced::default().partitioner(|_, _, count| Some(count - 1));
    builder.stream::<String, String>("in").to_with("out", to_the_last);
    let streams = cluster.streams(builder.build().expect("is valid"), &BY_PRODUCER);
    let asked = continuing(&streams);
    run(&streams);
    cluster.read("out", 3, |records| records.len() >= 2);
    close(&streams);
    assert_eq!(*asked.lock().expect("not poisoned"), ["out-2"]);
}

/// Only the application's own changelogs are never passed over; a name alone does not make one.
#[test]
fn a_topic_of_the_user_is_no_changelog_whatever_its_name_is() {
    let cluster = cluster_with("price-changelog", 1, "1000");
    produce(&cluster);
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("price-changelog");
    let streams = cluster.streams(builder.build().expect("is valid"), &BY_BROKER);
    let asked = continuing(&streams);
    run(&streams);
    cluster.read("price-changelog", 1, |records| records.len() >= 2);
    close(&streams);
    assert_eq!(*asked.lock().expect("not poisoned"), ["price-changelog-0"]);
}

/// Answers what is written with a code.
struct Refusing(ErrorCode);

impl Meddler for Refusing {
    fn passes(&self, response: &mut Response) -> bool {
        if let Response::Produce(produce) = response {
            let partitions = produce.responses.iter_mut().flat_map(|topic| &mut topic.partition_responses);
            partitions.for_each(|partition| partition.error_code = self.0);
        }
        true
    }
}

/// Whoever is fenced has lost its tasks: there is nothing to go on with.
#[test]
fn the_handler_is_not_asked_when_the_producer_is_fenced() {
    let cluster = cluster(false);
    produce(&cluster);
    let refusing = Arc::new(Refusing(ErrorCode::INVALID_PRODUCER_EPOCH));
    let streams = cluster.meddled(copy(), &BY_BROKER, &refusing, None);
    let asked = continuing(&streams);
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.contains("out-0: the broker answers INVALID_PRODUCER_EPOCH"), "{text}");
    assert_eq!(streams.failure().expect("failed").kind().exit_code(), 6);
    assert_eq!(*asked.lock().expect("not poisoned"), [""; 0]);
}

//! Where a task begins to read, what it waits for, and how much it holds.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::Arc;

use rstest::rstest;
use streams_core::protocol::Request;
use streams_core::topology::OffsetResetPolicy;
use streams_core::TopicPartition;
use streams_dsl::prelude::*;

use super::harness::{close, eventually, failure, run, Cluster, Over};
use super::meddler::Meddler;

fn values(cluster: &Cluster, count: usize) -> Vec<String> {
    let records = cluster.read("out", 1, |records| records.len() >= count);
    let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    records.iter().map(|record| text(record.value.as_deref())).collect()
}

fn copy(reset: OffsetResetPolicy) -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream_with::<String, String>("in", Consumed::default().offset_reset(reset)).to("out");
    builder.build().expect("is valid")
}

/// A source's own policy wins over the setting.
#[rstest]
#[case("earliest", OffsetResetPolicy::Default, true)]
#[case("latest", OffsetResetPolicy::Default, false)]
#[case("latest", OffsetResetPolicy::Earliest, true)]
#[case("none", OffsetResetPolicy::Earliest, true)]
#[case("earliest", OffsetResetPolicy::Latest, false)]
fn an_input_without_an_offset_begins_where_its_policy_says(
    #[case] setting: &str,
    #[case] reset: OffsetResetPolicy,
    #[case] from_the_start: bool,
) {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("k", "old")]);
    let streams = cluster.streams(copy(reset), &[("auto.offset.reset", setting)]);
    run(&streams);
    // Until it knows where the end is, `latest` passes over what comes.
    let mut read = Vec::new();
    eventually("a record", || {
        cluster.produce("in", 0, &[("k", "new")]);
        read = values(&cluster, 1);
        read.last().is_some_and(|value| value == "new")
    });
    close(&streams);
    assert_eq!(read[0], if from_the_start { "old" } else { "new" });
}

#[test]
fn an_input_without_an_offset_and_a_policy_is_refused() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("k", "old")]);
    let streams = cluster.streams(copy(OffsetResetPolicy::Default), &[("auto.offset.reset", "none")]);
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.contains("in-0 has no committed offset, and auto.offset.reset is none"), "{text}");
    assert_eq!(streams.failure().expect("failed").kind().exit_code(), 2);
}

/// What the application wrote for itself is never passed over, wherever its inputs begin.
#[test]
fn a_repartition_topic_is_read_from_its_start() {
    let repartition = "app-counts-repartition";
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1), (repartition, 1)]);
    cluster.produce(repartition, 0, &[("word", ""), ("word", "")]);
    let builder = StreamsBuilder::new();
    let words = builder.stream::<String, String>("in").select_key(|_, value| value.clone());
    let counts = words.group_by_key().count_with(Materialized::named("counts"));
    counts.to_stream().drop_tombstones().to("out");
    let streams = cluster.streams(builder.build().expect("is valid"), &[("auto.offset.reset", "latest")]);
    run(&streams);
    cluster.expect_latest("out", 1, &[("word", 2)]);
    close(&streams);
}

/// The latest time of a partition comes with its committed offset, so that what was late stays late.
#[test]
fn a_restart_knows_how_late_it_was() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    let topology = || {
        let builder = StreamsBuilder::new();
        let late_as_the_latest = |record: Record<'_, String, String>, latest: Timestamp| {
            if record.value == "late" {
                latest
            } else {
                record.timestamp
            }
        };
        builder.stream_with("in", Consumed::default().timestamp_extractor(late_as_the_latest)).to("out");
        builder.build().expect("is valid")
    };
    let mut count = 0;
    for records in [&[("k", "x"), ("k", "y"), ("k", "z")][..], &[("k", "late")]] {
        cluster.produce("in", 0, records);
        count += records.len();
        let streams = cluster.streams(topology(), &[]);
        run(&streams);
        eventually("the records", || {
            cluster.committed(&TopicPartition::new("in", 0)).is_some_and(|offset| offset.0 == count as i64)
        });
        close(&streams);
    }
    let records = cluster.read("out", 1, |records| records.len() >= 4);
    assert_eq!(records[3].timestamp, records[2].timestamp);
}

fn merged() -> Topology {
    let builder = StreamsBuilder::new();
    let (a, b) = (builder.stream::<String, String>("a"), builder.stream::<String, String>("b"));
    a.merge(&b).to("out");
    builder.build().expect("is valid")
}

/// That there is nothing more has to be heard from the broker.
#[test]
fn an_input_that_is_empty_holds_the_other_one_up_no_longer_than_it_may() {
    let cluster = Cluster::new(Over::Process, &[("a", 1), ("b", 1), ("out", 1)]);
    cluster.produce("a", 0, &[("k", "1"), ("k", "2")]);
    let streams = cluster.streams(merged(), &[]);
    run(&streams);
    assert_eq!(values(&cluster, 2), ["1", "2"]);
    close(&streams);
}

/// One input comes whole, the other one record by record: it is waited for.
#[test]
fn two_inputs_are_processed_by_time_however_they_are_fetched() {
    let cluster = Cluster::new(Over::Process, &[("a", 1), ("b", 1), ("out", 1)]);
    let names: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    let records: Vec<(&str, &str)> = names.iter().map(|name| ("k", name.as_str())).collect();
    cluster.produce("a", 0, &records);
    // Each record is a batch of its own, and a fetch takes one batch of it.
    for (index, record) in records.iter().enumerate() {
        cluster.produce_at("b", 0, 1_000 + i64::try_from(index).expect("small"), &[*record]);
    }
    let streams = cluster.streams(merged(), &[("consumer.max.partition.fetch.bytes", "1")]);
    run(&streams);
    let read = values(&cluster, 60);
    close(&streams);
    let expected: Vec<String> = names.iter().flat_map(|name| [name.clone(), name.clone()]).collect();
    assert_eq!(read, expected);
}

/// Fails while it may not go on, and looks how far the input is fetched.
#[derive(Default)]
struct Gate {
    fetched_to: AtomicI64,
    opened: AtomicUsize,
    tries: AtomicUsize,
}

impl Meddler for Gate {
    fn loses(&self, request: &Request) -> bool {
        if let Request::Fetch(fetch) = request {
            let inputs = fetch.topics.iter().filter(|topic| topic.topic == "in");
            for partition in inputs.flat_map(|topic| &topic.partitions) {
                self.fetched_to.fetch_max(partition.fetch_offset, Ordering::SeqCst);
            }
        }
        false
    }
}

struct Gated(Arc<Gate>);

impl Processor<String, String> for Gated {
    type KOut = String;
    type VOut = String;

    fn process(&mut self, record: Record<'_, String, String>, cx: &mut Context<'_, String, String>) -> Result<()> {
        self.0.tries.fetch_add(1, Ordering::SeqCst);
        match self.0.opened.load(Ordering::SeqCst) {
            0 => Err(Error::new(ErrorKind::Retriable, "not now")),
            _ => cx.forward(record),
        }
    }
}

#[test]
fn a_task_that_does_not_get_on_fetches_no_more_than_it_may_buffer() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    for _ in 0..100 {
        cluster.produce("in", 0, &[("k", "v")]);
    }
    let gate = Arc::new(Gate::default());
    let builder = StreamsBuilder::new();
    let shared = Arc::clone(&gate);
    builder.stream::<String, String>("in").process(move || Gated(Arc::clone(&shared))).to("out");
    let settings = [("buffered.records.per.partition", "10"), ("consumer.max.partition.fetch.bytes", "1")];
    let streams = cluster.meddled(builder.build().expect("is valid"), &settings, &gate, None);
    run(&streams);
    eventually("more records than fit", || gate.fetched_to.load(Ordering::SeqCst) > 10);
    let tries = gate.tries.load(Ordering::SeqCst);
    eventually("more tries", || gate.tries.load(Ordering::SeqCst) > tries + 2);
    let fetched_to = gate.fetched_to.load(Ordering::SeqCst);
    assert!(fetched_to < 20, "fetched up to {fetched_to}");
    gate.opened.store(1, Ordering::SeqCst);
    cluster.read("out", 1, |records| records.len() == 100);
    close(&streams);
}

//! Failures that may pass: tried again until `task.timeout.ms` is over, and said by that name then.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use streams_core::client::admin::NewTopic;
use streams_core::protocol::Request;
use streams_core::runtime::KafkaStreams;
use streams_core::time::ManualClock;
use streams_core::topology::Topology;
use streams_core::{Clock, Offset, SystemClock, TopicPartition};
use streams_dsl::prelude::*;

use super::harness::{close, eventually, failure, run, Cluster, Over};
use super::meddler::Meddler;

/// Loses some questions until it is told to let them through.
struct Unheard {
    is_lost: fn(&Request) -> bool,
    is_on: AtomicBool,
}

impl Meddler for Unheard {
    fn loses(&self, request: &Request) -> bool {
        (self.is_lost)(request) && self.is_on.load(Ordering::SeqCst)
    }
}

fn copy() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    builder.build().expect("is valid")
}

/// An application some of whose questions nobody hears, and what makes them heard.
fn unheard(
    cluster: &Cluster,
    topology: Topology,
    is_lost: fn(&Request) -> bool,
    task_timeout_ms: &str,
) -> (KafkaStreams, Arc<Unheard>) {
    // Each question is given up quickly, so that it is the tasks' time that counts.
    let settings = [("task.timeout.ms", task_timeout_ms), ("consumer.default.api.timeout.ms", "20")];
    let meddler = Arc::new(Unheard { is_lost, is_on: AtomicBool::new(true) });
    (cluster.meddled(topology, &settings, &meddler, None), meddler)
}

fn for_committed_offsets(request: &Request) -> bool {
    matches!(request, Request::OffsetFetch(_))
}

fn for_positions(request: &Request) -> bool {
    matches!(request, Request::ListOffsets(_))
}

#[test]
fn committed_offsets_that_nobody_tells_are_asked_for_until_the_time_is_over() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    let (streams, _) = unheard(&cluster, copy(), for_committed_offsets, "200");
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.starts_with("fetching the committed offsets fails for 200 ms (task.timeout.ms)"), "{text}");
}

#[test]
fn committed_offsets_that_are_told_late_are_waited_for() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "1")]);
    let (streams, meddler) = unheard(&cluster, copy(), for_committed_offsets, "600000");
    streams.start().expect("starts");
    // Longer than one question is kept up: without asking again it would have failed.
    let gave_up = streams.wait_until_running(Duration::from_millis(300));
    gave_up.expect_err("nobody tells it where to start");
    meddler.is_on.store(false, Ordering::SeqCst);
    cluster.read("out", 1, |records| records.len() == 1);
    close(&streams);
}

/// Counts by key, with a changelog that is read at the start.
fn counted() -> Topology {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, String>("in").group_by_key();
    grouped.count_with(Materialized::named("counts")).to_stream().drop_tombstones().to("out");
    builder.build().expect("is valid")
}

#[rstest]
#[case::of_a_changelog(counted(), "restore stores: where app-counts-changelog-0 begins or ends")]
#[case::of_an_input(copy(), "read the application's input: where in-0 begins or ends")]
fn positions_that_nobody_tells_are_asked_for_until_the_time_is_over(#[case] topology: Topology, #[case] what: &str) {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    let (streams, _) = unheard(&cluster, topology, for_positions, "200");
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.starts_with(&format!("{what} cannot be found out for ")), "{text}");
    assert!(text.ends_with(" ms (task.timeout.ms): nobody answers"), "{text}");
    assert_eq!(streams.failure().expect("failed").kind().exit_code(), 5);
}

#[test]
fn positions_that_are_told_late_are_waited_for() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "1")]);
    let (streams, meddler) = unheard(&cluster, counted(), for_positions, "600000");
    streams.start().expect("starts");
    let gave_up = streams.wait_until_running(Duration::from_millis(300));
    gave_up.expect_err("nobody tells it where the changelog ends");
    meddler.is_on.store(false, Ordering::SeqCst);
    cluster.expect_latest("out", 1, &[("a", 1)]);
    close(&streams);
}

/// Everything to a topic that does not exist.
fn to_nowhere() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("nowhere");
    builder.build().expect("is valid")
}

#[test]
fn a_task_whose_output_topic_is_missing_fails_when_its_time_is_over() {
    let cluster = Cluster::without_auto_creation(&[("in", 1)]);
    cluster.produce("in", 0, &[("a", "1")]);
    let streams = cluster.streams(to_nowhere(), &[("task.timeout.ms", "200")]);
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.contains("task 0_0 fails for 200 ms (task.timeout.ms)"), "{text}");
    assert!(text.contains("topic nowhere is unknown"), "{text}");
}

#[test]
fn a_task_whose_output_topic_comes_late_goes_on() {
    let cluster = Cluster::without_auto_creation(&[("in", 1)]);
    cluster.produce("in", 0, &[("a", "1")]);
    let streams = cluster.streams(to_nowhere(), &[("metadata.max.age.ms", "50")]);
    run(&streams);
    for (_, outcome) in cluster.admin().create_topics(&[NewTopic::new("nowhere", 1)]).expect("the broker answers") {
        outcome.expect("is created");
    }
    cluster.read("nowhere", 1, |records| records.len() == 1);
    eventually("the commit", || streams.metrics().commits() > 0);
    close(&streams);
}

/// A wall clock goes back: the interval has passed all the same, and whatever takes time goes on taking it.
#[test]
fn a_clock_that_is_set_back_holds_no_commit_up() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    let topology = builder.build().expect("is valid");
    let clock = ManualClock::starting_at(SystemClock.now());
    let config = cluster.config(&[("commit.interval.ms", "500")]);
    let streams = KafkaStreams::with_clock(topology, config, cluster.connect(), Arc::new(clock.clone()));
    let streams = streams.expect("is valid");
    streams.start().expect("starts");
    let input = TopicPartition::new("in", 0);
    for count in 1..4 {
        cluster.produce("in", 0, &[("k", "v")]);
        eventually("the commit", || {
            clock.advance(Duration::from_millis(100));
            streams.wait_until_ended(Duration::from_millis(10));
            cluster.committed(&input) == Some(Offset(count))
        });
        clock.set_back(Duration::from_secs(3_600));
    }
    close(&streams);
}

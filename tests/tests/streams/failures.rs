//! What goes wrong is named with its place, and nothing is passed over in silence.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use streams_core::client::admin::NewTopic;
use streams_core::runtime::{KafkaStreams, State, UncaughtExceptionResponse};
use streams_core::serde::DefaultSerde;
use streams_core::state::EngineKind;
use streams_core::topology::Topology;
use streams_core::{ErrorKind, Offset, TopicPartition};
use streams_dsl::prelude::*;

use super::harness::{close, failure, run, Cluster, Over, PATIENCE};

fn copy<V: DefaultSerde>(check: impl Fn(&V) + Send + Sync + 'static) -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, V>("in").peek(move |_, value| check(value)).to("out");
    builder.build().expect("is valid")
}

#[test]
fn a_record_that_does_not_decode_stops_the_application_at_its_place() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "12345678"), ("b", "oops"), ("c", "12345678")]);
    let streams = cluster.streams(copy::<i64>(|_| {}), &[]);
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.contains("in-0 offset 1 value: deserialize failed"), "{text}");
    assert!(text.contains("4 bytes"), "{text}");
    // A restart hits it again: it was not passed over.
    let again = cluster.streams(copy::<i64>(|_| {}), &[]);
    again.start().expect("starts");
    assert!(failure(&again).contains("in-0 offset 1 value"));
}

#[test]
fn a_handler_that_continues_passes_over_it_and_counts() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "12345678"), ("b", "oops"), ("c", "12345678")]);
    let streams = cluster.streams(copy::<i64>(|_| {}), &[("deserialization.exception.handler", "continue")]);
    run(&streams);
    cluster.read("out", 1, |records| records.len() == 2);
    close(&streams);
    assert_eq!(streams.metrics().total().dropped_records, 1);
    assert_eq!(cluster.committed(&TopicPartition::new("in", 0)), Some(Offset(3)));
}

#[test]
fn the_dead_letter_topic_gets_the_source_record_with_what_failed() {
    for handler in ["continue", "fail"] {
        let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1), ("dead", 1)]);
        cluster.produce("in", 0, &[("a", "12345678"), ("b", "oops")]);
        let settings =
            [("errors.dead.letter.queue.topic.name", "dead"), ("deserialization.exception.handler", handler)];
        let streams = cluster.streams(copy::<i64>(|_| {}), &settings);
        streams.start().expect("starts");
        let dead = cluster.read("dead", 1, |records| !records.is_empty());
        assert_eq!((dead[0].key.as_deref(), dead[0].value.as_deref()), (Some(&b"b"[..]), Some(&b"oops"[..])));
        let headers: Vec<String> = ["exception", "topic", "partition", "offset"]
            .iter()
            .map(|name| {
                let header = dead[0].headers.last(&format!("__streams.errors.{name}"));
                String::from_utf8_lossy(header.and_then(|header| header.value.as_deref()).unwrap_or_default()).into()
            })
            .collect();
        assert_eq!(headers, ["Serialization", "in", "0", "1"], "{handler}");
        streams.close(PATIENCE).expect("closes");
    }
}

#[test]
fn a_panic_of_user_code_is_an_error_with_the_record_s_place() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "1"), ("b", "2"), ("c", "3")]);
    let streams = cluster.streams(copy::<String>(|value| assert_ne!(value, "3", "no threes")), &[]);
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.starts_with("user code of task 0_0 fails at in-0 offset 2: panic at "), "{text}");
    assert!(text.contains("failures.rs:") && text.contains("no threes"), "{text}");
}

/// Fails on its first record.
struct Failing(Arc<AtomicUsize>);

impl Processor<String, String> for Failing {
    type KOut = String;
    type VOut = String;

    fn process(&mut self, _: Record<'_, String, String>, _: &mut Context<'_, String, String>) -> Result<()> {
        Err(Error::new(ErrorKind::Processing, "no records, please"))
    }

    fn close(&mut self) -> Result<()> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
}

#[test]
fn a_processor_is_closed_once_after_a_failure_too() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "1")]);
    let closed = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&closed);
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").process(move || Failing(Arc::clone(&shared))).to("out");
    let streams = cluster.streams(builder.build().expect("is valid"), &[]);
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.contains("no records, please"), "{text}");
    assert_eq!(closed.load(Ordering::SeqCst), 1);
}

#[test]
fn a_thread_that_is_replaced_goes_on_from_the_last_commit() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "1"), ("b", "2")]);
    let (calls, failures) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let topology = copy::<String>(move |_| assert_ne!(calls.fetch_add(1, Ordering::SeqCst), 1, "only once"));
    let streams = cluster.streams(topology, &[]);
    let counted = Arc::clone(&failures);
    let handler = move |_: &Error| {
        counted.fetch_add(1, Ordering::SeqCst);
        UncaughtExceptionResponse::ReplaceThread
    };
    streams.set_uncaught_exception_handler(handler).expect("is not started");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&heard);
    let listener = move |new: State, _| into.lock().expect("not poisoned").push(new.to_string());
    streams.set_state_listener(listener).expect("is not started");
    streams.start().expect("starts");
    let records = cluster.read("out", 1, |records| records.iter().any(|record| record.value.as_deref() == Some(b"2")));
    close(&streams);
    assert_eq!(failures.load(Ordering::SeqCst), 1);
    let mut heard = heard.lock().expect("not poisoned").clone();
    heard.dedup();
    // Without its thread it does not run.
    assert_eq!(heard, ["REBALANCING", "RUNNING", "REBALANCING", "RUNNING", "PENDING_SHUTDOWN", "NOT_RUNNING"]);
    assert_eq!(records.iter().filter(|record| record.value.as_deref() == Some(b"2")).count(), 1);
}

/// Row B53.
#[test]
fn missing_source_topics_are_all_named_at_the_start() {
    let cluster = Cluster::new(Over::Process, &[("here", 1)]);
    let builder = StreamsBuilder::new();
    for topic in ["here", "gone", "lost"] {
        builder.stream::<String, String>(topic).to("out");
    }
    let streams = cluster.streams(builder.build().expect("is valid"), &[]);
    let error = streams.start().expect_err("two are missing");
    assert_eq!(error.kind().exit_code(), 2);
    assert!(error.report().contains("source topics are missing: gone, lost;"), "{}", error.report());
    assert_eq!(streams.state(), State::Error);
}

fn stored() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").group_by_key().count_with(Materialized::named("counts"));
    builder.build().expect("is valid")
}

/// Rows B49 and B50.
#[test]
fn an_internal_topic_that_does_not_fit_is_refused() {
    for (partitions, policy, expected) in [
        (3, "compact", "app-counts-changelog has invalid partitions: expected: 1; actual: 3"),
        (1, "delete", "app-counts-changelog has cleanup.policy=delete, and needs compact"),
    ] {
        let cluster = Cluster::new(Over::Process, &[("in", 1)]);
        let topic = NewTopic::new("app-counts-changelog", partitions).with_config("cleanup.policy", policy);
        for (_, outcome) in cluster.admin().create_topics(&[topic]).expect("the broker answers") {
            outcome.expect("is created");
        }
        let error = cluster.streams(stored(), &[]).start().expect_err("it does not fit");
        assert_eq!(error.kind().exit_code(), 2);
        assert!(error.report().contains(expected), "{}", error.report());
    }
}

/// Row B15.
#[test]
fn b15_more_replicas_than_brokers_are_refused() {
    let cluster = Cluster::configured(|config| config.clamp_replication_factor = false, &[("in", 1)]);
    let error = cluster.streams(stored(), &[("replication.factor", "3")]).start().expect_err("there is one broker");
    assert_eq!(error.kind().exit_code(), 2);
    let text = error.report();
    assert!(text.starts_with("setting `replication.factor` is 3: create topic `app-counts-changelog`: "), "{text}");
    assert!(text.ends_with("replication factor 3 does not fit: 1 broker available; use 1 or -1"), "{text}");
    cluster.streams(stored(), &[("replication.factor", "1")]).start().expect("one is as many as there are");
}

/// Row B29.
#[test]
fn a_locked_state_directory_names_its_owner() {
    let cluster = Cluster::new(Over::Process, &[("in", 1)]);
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, String>("in").group_by_key();
    grouped.count_with(Materialized::named("counts").store_type(EngineKind::RocksDb));
    let streams = cluster.streams(builder.build().expect("is valid"), &[]);
    let directory = cluster.state_dir().join("app");
    DirBuilder::new().mode(0o700).create(&directory).expect("is made");
    let lock = OpenOptions::new().create(true).truncate(true).write(true).open(directory.join(".lock"));
    let mut lock = lock.expect("is made");
    writeln!(lock, "4711").expect("is written");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("is free");

    let error = streams.start().expect_err("it is locked");
    assert_eq!((error.kind(), error.kind().exit_code()), (ErrorKind::Locked, 6));
    assert!(error.report().contains("is locked by process 4711"), "{}", error.report());
    assert_eq!(streams.cleanup().expect_err("it is locked").kind(), ErrorKind::Locked);
}

#[test]
fn an_unknown_output_topic_that_nobody_makes_is_an_error_that_names_it() {
    let cluster = Cluster::new(Over::Process, &[("in", 1)]);
    cluster.produce("in", 0, &[("a", "1")]);
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to_chosen(|_, _| "not a topic".to_owned());
    let streams: KafkaStreams = cluster.streams(builder.build().expect("is valid"), &[]);
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.contains("\"not a topic\""), "{text}");
}

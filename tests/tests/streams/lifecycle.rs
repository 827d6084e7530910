//! Start, listeners, close: what is allowed when, and how long it takes.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use streams_core::runtime::{State, UncaughtExceptionResponse};
use streams_core::topology::Topology;
use streams_core::{Clock, ErrorKind, Offset, SystemClock, TopicPartition};
use streams_dsl::prelude::*;

use super::harness::{close, run, Cluster, Over, PATIENCE};

fn copy() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    builder.build().expect("is valid")
}

#[test]
fn the_listener_hears_the_whole_life() {
    let cluster = Cluster::new(Over::Process, &[("in", 2), ("out", 1)]);
    let streams = cluster.streams(copy(), &[("num.stream.threads", "2")]);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&heard);
    let listener = move |new: State, _| into.lock().expect("not poisoned").push(new.to_string());
    streams.set_state_listener(listener).expect("is not started");
    run(&streams);
    close(&streams);
    let mut heard = heard.lock().expect("not poisoned").clone();
    // The second of two threads to start makes it run.
    heard.dedup();
    assert_eq!(heard, ["REBALANCING", "RUNNING", "PENDING_SHUTDOWN", "NOT_RUNNING"]);
}

#[test]
fn close_commits_and_is_quick_even_when_threads_wait_for_input() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "1"), ("b", "2")]);
    // Threads sleep for a minute when there is nothing to do, and nothing is committed before the close.
    let slow = [("poll.ms", "60000"), ("commit.interval.ms", "600000"), ("fetch.max.wait.ms", "60000")];
    let streams = cluster.streams(copy(), &slow);
    run(&streams);
    cluster.read("out", 1, |records| records.len() == 2);
    assert_eq!(cluster.committed(&TopicPartition::new("in", 0)), None);
    let began = SystemClock.now();
    close(&streams);
    assert!(SystemClock.now() - began < Duration::from_secs(5), "closing waited for something");
    assert_eq!(cluster.committed(&TopicPartition::new("in", 0)), Some(Offset(2)));
}

#[test]
fn what_is_not_allowed_names_the_state() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    let streams = cluster.streams(copy(), &[]);
    streams.cleanup().expect("there is nothing to delete");
    run(&streams);
    for error in [
        streams.start().expect_err("it is started"),
        streams.cleanup().expect_err("it runs"),
        streams.set_state_listener(|_, _| {}).expect_err("it is started"),
        streams
            .set_uncaught_exception_handler(|_| UncaughtExceptionResponse::ShutdownClient)
            .expect_err("it is started"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Closed);
        assert!(error.report().contains("RUNNING"), "{}", error.report());
    }
    close(&streams);
    close(&streams);
    streams.start().expect_err("it has ended");
    streams.cleanup().expect("it has ended");
}

#[test]
fn an_application_that_was_never_started_closes_at_once() {
    let cluster = Cluster::new(Over::Process, &[]);
    let streams = cluster.streams(copy(), &[]);
    close(&streams);
    assert_eq!(streams.wait_until_ended(PATIENCE), State::NotRunning);
}

/// Says when it is closed.
struct Closing(Arc<Mutex<Vec<String>>>);

impl Processor<String, String> for Closing {
    type KOut = String;
    type VOut = String;

    fn process(&mut self, record: Record<'_, String, String>, cx: &mut Context<'_, String, String>) -> Result<()> {
        cx.forward(record)
    }

    fn close(&mut self) -> Result<()> {
        self.0.lock().expect("not poisoned").push("closed".to_owned());
        Ok(())
    }
}

#[test]
fn processors_are_closed_once_by_a_close() {
    let cluster = Cluster::new(Over::Process, &[("in", 2), ("out", 1)]);
    let closed = Arc::new(Mutex::new(Vec::new()));
    let (shared, builder) = (Arc::clone(&closed), StreamsBuilder::new());
    builder.stream::<String, String>("in").process(move || Closing(Arc::clone(&shared))).to("out");
    let streams = cluster.streams(builder.build().expect("is valid"), &[]);
    run(&streams);
    assert_eq!(*closed.lock().expect("not poisoned"), [""; 0]);
    close(&streams);
    drop(streams);
    assert_eq!(*closed.lock().expect("not poisoned"), ["closed", "closed"], "one for each task");
}

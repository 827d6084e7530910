//! What an application does when answers are lost or wrong for a while: it goes on where that loses nothing, for as long
//! as its settings say.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use streams_core::client::admin::{Admin, NewTopic};
use streams_core::protocol::{ApiKey, ErrorCode, Request, Response};
use streams_core::runtime::{KafkaStreams, State, UncaughtExceptionResponse};
use streams_core::topology::Topology;
use streams_core::{Clock, ManualClock, Offset, SystemClock, TopicPartition};
use streams_dsl::prelude::*;

use super::harness::{close, eventually, failure, run, Cluster, Hurried, Over, PATIENCE};
use super::meddler::Meddler;

/// Loses requests of one kind while it is deaf.
struct Deaf {
    to: ApiKey,
    is_deaf: AtomicBool,
    lost: AtomicUsize,
}

impl Deaf {
    fn to(to: ApiKey) -> Arc<Self> {
        Arc::new(Self { to, is_deaf: AtomicBool::new(true), lost: AtomicUsize::new(0) })
    }

    fn hear(&self) {
        self.is_deaf.store(false, Ordering::SeqCst);
    }

    fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }
}

impl Meddler for Deaf {
    fn loses(&self, request: &Request) -> bool {
        let loses = request.api_key() == self.to && self.is_deaf.load(Ordering::SeqCst);
        self.lost.fetch_add(usize::from(loses), Ordering::SeqCst);
        loses
    }
}

fn copy() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    builder.build().expect("is valid")
}

/// An application that copies. Each question about offsets is given up quickly, so that it is the tasks' time that counts.
fn copying(cluster: &Cluster, task_timeout_ms: &str, deaf: &Arc<Deaf>) -> KafkaStreams {
    let settings = [("task.timeout.ms", task_timeout_ms), ("consumer.default.api.timeout.ms", "20")];
    cluster.meddled(copy(), &settings, deaf, None)
}

fn counted() -> Topology {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, String>("in").group_by_key();
    grouped.count_with(Materialized::named("counts")).to_stream().drop_tombstones().to("out");
    builder.build().expect("is valid")
}

#[test]
fn offsets_that_nobody_takes_are_committed_again_until_the_time_is_over() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "1")]);
    let streams = copying(&cluster, "200", &Deaf::to(ApiKey::OffsetCommit));
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.starts_with("commit the offsets of the application: "), "{text}");
    assert_eq!(cluster.committed(&TopicPartition::new("in", 0)), None);
}

#[test]
fn offsets_that_somebody_takes_late_are_committed() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "1")]);
    let deaf = Deaf::to(ApiKey::OffsetCommit);
    let streams = copying(&cluster, "600000", &deaf);
    run(&streams);
    // Each commit of a client is lost once before its time is over; then the thread begins another.
    eventually("the third commit", || deaf.lost() >= 3 || streams.failure().is_some());
    assert_eq!(streams.state(), State::Running, "{:?}", streams.failure());
    deaf.hear();
    eventually("the commit", || cluster.committed(&TopicPartition::new("in", 0)) == Some(Offset(1)));
    close(&streams);
}

/// Records that were sent and not acknowledged in time may be in the log or not: the tasks go on from the last commit,
/// and nobody is asked whether the application should end.
#[test]
fn outputs_that_nobody_acknowledges_in_time_are_made_again_from_the_last_commit() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "1"), ("b", "2")]);
    let deaf = Deaf::to(ApiKey::Produce);
    let settings = [("producer.request.timeout.ms", "20"), ("producer.delivery.timeout.ms", "40")];
    let streams = cluster.meddled(copy(), &settings, &deaf, None);
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let handler = move |_: &Error| {
        counted.fetch_add(1, Ordering::SeqCst);
        UncaughtExceptionResponse::ShutdownClient
    };
    streams.set_uncaught_exception_handler(handler).expect("is not started");
    let rebuilt = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&rebuilt);
    let listener = move |new: State, old: State| {
        count.fetch_add(usize::from((old, new) == (State::Running, State::Rebalancing)), Ordering::SeqCst);
    };
    streams.set_state_listener(listener).expect("is not started");
    run(&streams);
    eventually("a thread begins anew", || rebuilt.load(Ordering::SeqCst) > 0 || streams.failure().is_some());
    deaf.hear();
    cluster.read("out", 1, |records| records.len() >= 2);
    close(&streams);
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nobody is asked");
    assert_eq!(cluster.committed(&TopicPartition::new("in", 0)), Some(Offset(2)));
}

/// Fails so many times with an error that may pass.
struct Failing {
    left: Arc<AtomicI64>,
}

impl Processor<String, String> for Failing {
    type KOut = String;
    type VOut = String;

    fn process(&mut self, record: Record<'_, String, String>, cx: &mut Context<'_, String, String>) -> Result<()> {
        if self.left.fetch_sub(1, Ordering::SeqCst) > 0 {
            return Err(Error::new(ErrorKind::Retriable, "not now"));
        }
        cx.forward(record)
    }
}

/// `task.timeout.ms` counts from the first failure since the task last got on.
#[test]
fn time_in_which_a_task_failed_before_does_not_count() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    let left = Arc::new(AtomicI64::new(2));
    let builder = StreamsBuilder::new();
    let shared = Arc::clone(&left);
    builder.stream::<String, String>("in").process(move || Failing { left: Arc::clone(&shared) }).to("out");
    let clock = ManualClock::starting_at(SystemClock.now());
    let topology = builder.build().expect("is valid");
    let settings = [("task.timeout.ms", "20000"), ("metadata.max.age.ms", "600000")];
    let config = cluster.config(&settings);
    let streams = KafkaStreams::with_clock(topology, config, cluster.connect(), Arc::new(clock.clone()));
    let streams = streams.expect("is valid");
    streams.start().expect("starts");
    for (records, key) in [(1, "a"), (2, "b")] {
        cluster.produce("in", 0, &[(key, "1")]);
        eventually("the record", || {
            clock.advance(Duration::from_millis(10));
            streams.wait_until_ended(Duration::from_millis(5));
            assert!(streams.failure().is_none(), "{:?}", streams.failure());
            cluster.end("out", 0) == records
        });
        assert!(left.load(Ordering::SeqCst) < 0, "it failed before");
        // Jumps of a clock count for little, so it goes on in steps.
        let began = clock.now();
        eventually("longer than the time of the task", || {
            clock.advance(Duration::from_millis(500));
            streams.wait_until_ended(Duration::from_millis(5));
            clock.now() - began > Duration::from_secs(30)
        });
        left.store(2, Ordering::SeqCst);
    }
    streams.close(PATIENCE).expect("closes");
}

/// A broker that does not know the topic `in`, while it is said so.
#[derive(Default)]
struct Forgetful {
    has_forgotten: AtomicBool,
    answers: AtomicUsize,
}

impl Meddler for Forgetful {
    fn passes(&self, response: &mut Response) -> bool {
        let Response::Metadata(metadata) = response else { return true };
        for topic in metadata.topics.iter_mut().filter(|topic| topic.name.as_deref() == Some("in")) {
            self.answers.fetch_add(1, Ordering::SeqCst);
            if self.has_forgotten.load(Ordering::SeqCst) {
                topic.error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
                topic.partitions.clear();
            }
        }
        true
    }
}

/// Row B54: one broker of several can be late with its metadata. Twice for a while is not once for long.
#[test]
fn b54_an_input_that_is_missing_for_a_moment_is_waited_for() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    let forgetful = Arc::new(Forgetful::default());
    let settings = [("metadata.max.age.ms", "200"), ("retry.backoff.max.ms", "200")];
    let app = Hurried::meddled(&cluster, copy(), &settings, &forgetful);
    for round in 1..=3 {
        forgetful.has_forgotten.store(true, Ordering::SeqCst);
        let (began, answers) = (app.clock.now(), forgetful.answers.load(Ordering::SeqCst));
        app.until("some seconds without the topic", |streams| {
            assert!(streams.failure().is_none(), "round {round}: {:?}", streams.failure());
            app.clock.now() - began > Duration::from_secs(4) && forgetful.answers.load(Ordering::SeqCst) > answers + 5
        });
        forgetful.has_forgotten.store(false, Ordering::SeqCst);
        cluster.produce("in", 0, &[("k", "v")]);
        app.until("the record", |streams| {
            assert!(streams.failure().is_none(), "round {round}: {:?}", streams.failure());
            cluster.end("out", 0) == round
        });
    }
    forgetful.has_forgotten.store(true, Ordering::SeqCst);
    let text = app.failure();
    assert!(text.contains("input topic in was deleted while the application ran"), "{text}");
}

/// Makes a topic just before the application does, and notes how many copies of it the application wants.
struct Quicker {
    admin: Mutex<Option<Admin>>,
    replicas: AtomicI64,
}

impl Meddler for Quicker {
    fn loses(&self, request: &Request) -> bool {
        if let Request::CreateTopics(create) = request {
            self.replicas.store(create.topics[0].replication_factor.into(), Ordering::SeqCst);
            if let Some(mut admin) = self.admin.lock().expect("not poisoned").take() {
                let topic = NewTopic::new(&create.topics[0].name, 1).with_config("cleanup.policy", "compact");
                for (_, outcome) in admin.create_topics(&[topic]).expect("the broker answers") {
                    outcome.expect("is created");
                }
            }
        }
        false
    }
}

/// Somebody else may make an internal topic first; it has to fit like any other.
#[test]
fn an_internal_topic_that_somebody_else_makes_at_the_same_time_is_used() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    let quicker = Arc::new(Quicker { admin: Mutex::new(Some(cluster.admin())), replicas: AtomicI64::new(0) });
    let streams = cluster.meddled(counted(), &[], &quicker, None);
    run(&streams);
    cluster.produce("in", 0, &[("a", "x")]);
    cluster.expect_latest("out", 1, &[("a", 1)]);
    close(&streams);
    assert!(quicker.admin.lock().expect("not poisoned").is_none());
    assert_eq!(quicker.replicas.load(Ordering::SeqCst), -1, "as many as the broker makes by itself");
}

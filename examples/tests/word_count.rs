//! The program `word_count` as a process: it counts on a broker over TCP, and a signal closes it after a commit.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use broker_lite::server::{Server, ServerConfig};
use broker_lite::Broker;
use rstest::rstest;
use streams_core::client::admin::{Admin, NewTopic};
use streams_core::client::consumer::Consumer;
use streams_core::client::producer::Producer;
use streams_core::config::{AdminConfig, ConsumerConfig, ProducerConfig};
use streams_core::{Clock, Headers, SystemClock, Timestamp, TopicPartition};

/// No wait is longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program; a test that fails leaves none behind.
struct Program(Option<Child>);

impl Program {
    fn start(arguments: &[String]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_word_count"));
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        Self(Some(command.spawn().expect("runs")))
    }

    fn signal(&self, name: &str) {
        let pid = self.0.as_ref().expect("is there until its end").id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().expect("runs").success());
    }

    fn end(mut self) -> (ExitStatus, String) {
        let output = self.0.take().expect("ends once").wait_with_output().expect("ends");
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let _ = child.kill().and_then(|()| child.wait());
        }
    }
}

struct Cluster {
    broker: Arc<Broker>,
    server: Server,
    state: tempfile::TempDir,
}

impl Cluster {
    fn new(topics: &[&str]) -> Self {
        let broker = Broker::builder().configure(|config| config.auto_create_topics = false).start().expect("starts");
        let any = "127.0.0.1:0".parse().expect("an address");
        let server = Server::start(&broker, ServerConfig::new(any)).expect("listens");
        let clock = Arc::new(SystemClock);
        let mut admin = Admin::new(AdminConfig::default(), Box::new(broker.in_process()), clock, 1);
        let topics: Vec<NewTopic> = topics.iter().map(|name| NewTopic::new(*name, 1)).collect();
        for (_, outcome) in admin.create_topics(&topics).expect("the broker answers") {
            outcome.expect("is created");
        }
        Self { broker, server, state: tempfile::tempdir().expect("a directory") }
    }

    fn word_count(&self) -> Program {
        Program::start(&[
            format!("bootstrap.servers={}", self.server.address()),
            format!("state.dir={}", self.state.path().display()),
            // Each count comes out at once, long before the first commit that is not asked for.
            "statestore.cache.max.bytes=0".to_owned(),
            "commit.interval.ms=600000".to_owned(),
        ])
    }

    fn say(&self, line: &str) {
        let transport = Box::new(self.broker.in_process());
        let mut producer = Producer::new(ProducerConfig::default(), transport, 2).expect("is valid");
        producer.poll(SystemClock.now(), Duration::ZERO).expect("is open");
        let to = TopicPartition::new("lines", 0);
        producer.send(&to, None, Some(line.as_bytes()), Timestamp(1), Headers::none()).expect("is taken");
        producer.flush(&SystemClock, PATIENCE).expect("is acknowledged");
    }

    /// The first records of `counts`, as `word=count`.
    fn counts(&self, records: usize) -> Vec<String> {
        let transport = Box::new(self.broker.in_process());
        let mut consumer = Consumer::new(ConsumerConfig::default(), transport, 3).expect("is valid");
        let counts = TopicPartition::new("counts", 0);
        consumer.assign(std::slice::from_ref(&counts));
        consumer.seek_to_beginning(&counts).expect("is assigned");
        let (mut found, deadline) = (Vec::new(), SystemClock.now() + PATIENCE);
        while found.len() < records {
            let now = SystemClock.now();
            assert!(now < deadline, "{records} records were to come, not only {found:?}");
            for record in consumer.poll_records(now, Duration::from_millis(20)).expect("reads") {
                let count = <[u8; 8]>::try_from(record.value.as_deref().expect("a count")).expect("eight bytes");
                let word = String::from_utf8_lossy(record.key.as_deref().expect("a word")).into_owned();
                found.push(format!("{word}={}", i64::from_be_bytes(count)));
            }
        }
        found
    }
}

#[rstest]
#[case("-INT")]
#[case("-TERM")]
fn a_signal_closes_it_after_a_commit(#[case] name: &str) {
    let cluster = Cluster::new(&["lines", "counts"]);
    let first = cluster.word_count();
    cluster.say("the cat and the dog");
    assert_eq!(cluster.counts(5).len(), 5);
    first.signal(name);
    let (status, complaints) = first.end();
    assert!(status.success(), "{status}: {complaints}");

    // What was committed is not counted again: the second run goes on with the third `the`.
    let second = cluster.word_count();
    cluster.say("the end");
    assert_eq!(cluster.counts(7)[5..], ["the=3", "end=1"]);
    second.signal(name);
    let (status, complaints) = second.end();
    assert!(status.success(), "{status}: {complaints}");
}

#[test]
fn what_ends_it_is_what_it_says() {
    let cluster = Cluster::new(&["counts"]);
    let (status, complaints) = cluster.word_count().end();
    assert_eq!(status.code(), Some(1), "{complaints}");
    assert!(complaints.contains("lines"), "{complaints}");

    let (status, complaints) = Program::start(&["lines".to_owned()]).end();
    assert!(complaints.contains("lines"), "an argument that is no setting: {complaints}");
    assert_eq!(status.code(), Some(1), "{complaints}");
}

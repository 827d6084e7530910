//! A broker, clients to feed and to read it, and applications on it. Waits are for what is waited for, with a deadline.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use broker_lite::server::{Server, ServerConfig};
use broker_lite::{Broker, BrokerConfig};
use streams_core::client::admin::{Admin, NewTopic, OffsetSpec};
use streams_core::client::consumer::{Consumer, ConsumerRecord};
use streams_core::client::producer::Producer;
use streams_core::client::transport::tcp::TcpTransport;
use streams_core::client::transport::Transport;
use streams_core::config::{AdminConfig, ConsumerConfig, ProducerConfig, StreamsConfig};
use streams_core::runtime::{KafkaStreams, State};
use streams_core::topology::Topology;
use streams_core::{Clock, Headers, ManualClock, Offset, Result, SystemClock, Timestamp, TopicPartition};

use super::meddler::{Meddled, Meddler, Unchanged};

/// No wait is longer: what has not happened by then does not happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// How clients reach the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Process,
    Tcp,
}

pub(super) struct Cluster {
    broker: Arc<Broker>,
    server: Option<Server>,
    pub(super) dir: tempfile::TempDir,
}

impl Cluster {
    pub(super) fn new(over: Over, topics: &[(&str, i32)]) -> Self {
        Self::with_broker(Broker::builder().start().expect("starts"), over, topics)
    }

    /// A cluster of a broker that makes no topic by itself.
    pub(super) fn without_auto_creation(topics: &[(&str, i32)]) -> Self {
        Self::configured(|config| config.auto_create_topics = false, topics)
    }

    /// A cluster of a broker with other settings.
    pub(super) fn configured(change: impl FnOnce(&mut BrokerConfig), topics: &[(&str, i32)]) -> Self {
        Self::with_broker(Broker::builder().configure(change).start().expect("starts"), Over::Process, topics)
    }

    /// A cluster of a broker that somebody else started.
    pub(super) fn over(broker: Arc<Broker>, topics: &[(&str, i32)]) -> Self {
        Self::with_broker(broker, Over::Process, topics)
    }

    fn with_broker(broker: Arc<Broker>, over: Over, topics: &[(&str, i32)]) -> Self {
        let server = (over == Over::Tcp).then(|| {
            let any = "127.0.0.1:0".parse().expect("an address");
            Server::start(&broker, ServerConfig::new(any)).expect("listens")
        });
        let cluster = Self { broker, server, dir: tempfile::tempdir().expect("a directory") };
        let topics: Vec<NewTopic> = topics.iter().map(|(name, count)| NewTopic::new(*name, *count)).collect();
        if !topics.is_empty() {
            for (_, outcome) in cluster.admin().create_topics(&topics).expect("the broker answers") {
                outcome.expect("is created");
            }
        }
        cluster
    }

    pub(super) fn connect(&self) -> impl Fn() -> Result<Box<dyn Transport>> + Send + Sync + 'static {
        let broker = Arc::clone(&self.broker);
        let address = self.server.as_ref().map(|server| server.address().to_string());
        move || -> Result<Box<dyn Transport>> {
            match &address {
                None => Ok(Box::new(broker.in_process())),
                Some(address) => {
                    let config = AdminConfig::from_settings([("bootstrap.servers", address.as_str())])?;
                    Ok(Box::new(TcpTransport::new(&config.client)?))
                }
            }
        }
    }

    pub(super) fn delete_topic(&self, topic: &str) {
        for (_, outcome) in self.admin().delete_topics(&[topic]).expect("the broker answers") {
            outcome.expect("is deleted");
        }
    }

    /// Makes a topic of one partition.
    pub(super) fn create_topic(&self, topic: &str) {
        for (_, outcome) in self.admin().create_topics(&[NewTopic::new(topic, 1)]).expect("the broker answers") {
            outcome.expect("is created");
        }
    }

    fn transport(&self) -> Box<dyn Transport> {
        (self.connect())().expect("connects")
    }

    pub(super) fn admin(&self) -> Admin {
        Admin::new(AdminConfig::default(), self.transport(), Arc::new(SystemClock), 1)
    }

    /// An application named `app` with quick commits, whatever else is set.
    pub(super) fn streams(&self, topology: Topology, settings: &[(&str, &str)]) -> KafkaStreams {
        KafkaStreams::new(topology, self.config(settings), self.connect()).expect("is valid")
    }

    /// The same over connections that a test meddles with, and under a clock of its own if there is one.
    pub(super) fn meddled(
        &self,
        topology: Topology,
        settings: &[(&str, &str)],
        meddler: &Arc<impl Meddler>,
        clock: Option<&ManualClock>,
    ) -> KafkaStreams {
        let (connect, meddler) = (self.connect(), Arc::clone(meddler));
        let connect = move || -> Result<Box<dyn Transport>> {
            Ok(Box::new(Meddled::new(connect()?, Arc::clone(&meddler) as Arc<dyn Meddler>)))
        };
        let clock: Arc<dyn Clock> = match clock {
            Some(clock) => Arc::new(clock.clone()),
            None => Arc::new(SystemClock),
        };
        KafkaStreams::with_clock(topology, self.config(settings), connect, clock).expect("is valid")
    }

    pub(super) fn config(&self, settings: &[(&str, &str)]) -> StreamsConfig {
        let dir = self.dir.path().to_str().expect("is text");
        let defaults = [
            ("application.id", "app"),
            ("state.dir", dir),
            ("commit.interval.ms", "20"),
            ("linger.ms", "0"),
            ("poll.ms", "20"),
            ("dsl.store.type", "in_memory"),
        ];
        StreamsConfig::from_settings(defaults.into_iter().chain(settings.iter().copied())).expect("is valid")
    }

    pub(super) fn state_dir(&self) -> &Path {
        self.dir.path()
    }

    /// Writes records to a partition, a millisecond apart.
    pub(super) fn produce(&self, topic: &str, partition: i32, records: &[(&str, &str)]) {
        self.produce_at(topic, partition, 1_000, records);
    }

    /// The same from a time on, in milliseconds.
    pub(super) fn produce_at(&self, topic: &str, partition: i32, time: i64, records: &[(&str, &str)]) {
        let mut producer = Producer::new(ProducerConfig::default(), self.transport(), 2).expect("is valid");
        // The producer takes the time of what is sent from its last poll.
        producer.poll(SystemClock.now(), Duration::ZERO).expect("is open");
        let to = TopicPartition::new(topic, partition);
        for (index, (key, value)) in records.iter().enumerate() {
            let time = Timestamp(time + i64::try_from(index).expect("small"));
            let sent = producer.send(&to, Some(key.as_bytes()), Some(value.as_bytes()), time, Headers::none());
            sent.expect("is taken");
        }
        producer.flush(&SystemClock, PATIENCE).expect("is acknowledged");
    }

    /// Reads a topic's partitions from the start until `enough` says so.
    pub(super) fn read(
        &self,
        topic: &str,
        partitions: i32,
        enough: impl Fn(&[ConsumerRecord]) -> bool,
    ) -> Vec<ConsumerRecord> {
        let config = ConsumerConfig::from_settings([("auto.offset.reset", "earliest"), ("fetch.max.wait.ms", "20")]);
        let mut consumer = Consumer::new(config.expect("is valid"), self.transport(), 3).expect("is valid");
        let assigned: Vec<TopicPartition> = (0..partitions).map(|index| TopicPartition::new(topic, index)).collect();
        consumer.assign(&assigned);
        let deadline = SystemClock.now() + PATIENCE;
        let mut records = Vec::new();
        while !enough(&records) {
            let now = SystemClock.now();
            assert!(now < deadline, "gave up on {topic} with {} records: {:?}", records.len(), latest(&records));
            records.extend(consumer.poll_records(now, Duration::from_millis(50)).expect("reads"));
        }
        records
    }

    /// Reads until the latest value of each key is as expected, and fails with what was there otherwise.
    pub(super) fn expect_latest(&self, topic: &str, partitions: i32, expected: &[(&str, i64)]) {
        let expected: BTreeMap<String, i64> = expected.iter().map(|(key, count)| ((*key).to_owned(), *count)).collect();
        self.read(topic, partitions, |records| latest(records) == expected);
    }

    /// Whether a partition has no record.
    pub(super) fn is_empty(&self, partition: &TopicPartition) -> bool {
        let asked = [(partition.clone(), OffsetSpec::Latest)];
        let ends = self.admin().list_offsets(&asked).expect("the broker answers");
        ends[0].1 == Ok(Offset(0))
    }

    /// How many records were ever written to a partition.
    pub(super) fn end(&self, topic: &str, partition: i32) -> i64 {
        let ends = self.admin().list_offsets(&[(TopicPartition::new(topic, partition), OffsetSpec::Latest)]);
        ends.expect("the broker answers")[0].1.as_ref().expect("is there").0
    }

    /// What the group `app` has committed for a partition.
    pub(super) fn committed(&self, partition: &TopicPartition) -> Option<Offset> {
        let config = ConsumerConfig::from_settings([("group.id", "app")]).expect("is valid");
        let mut consumer = Consumer::new(config, self.transport(), 4).expect("is valid");
        let answer = consumer.committed(&SystemClock, std::slice::from_ref(partition)).expect("the broker answers");
        answer.into_iter().find_map(|(_, position)| position).map(|position| position.offset)
    }
}

/// An application under a clock that the test moves ten times as fast as it waits.
pub(super) struct Hurried {
    pub(super) streams: KafkaStreams,
    pub(super) clock: ManualClock,
}

impl Hurried {
    pub(super) fn run(cluster: &Cluster, topology: Topology, settings: &[(&str, &str)]) -> Self {
        Self::meddled(cluster, topology, settings, &Arc::new(Unchanged))
    }

    /// The same over connections that a test meddles with.
    pub(super) fn meddled(
        cluster: &Cluster,
        topology: Topology,
        settings: &[(&str, &str)],
        meddler: &Arc<impl Meddler>,
    ) -> Self {
        let clock = ManualClock::starting_at(SystemClock.now());
        let streams = cluster.meddled(topology, settings, meddler, Some(&clock));
        let hurried = Self { streams, clock };
        hurried.streams.start().expect("starts");
        hurried.until("RUNNING", |streams| streams.state() == State::Running);
        hurried
    }

    pub(super) fn until(&self, what: &str, holds: impl Fn(&KafkaStreams) -> bool) {
        eventually(what, || {
            self.clock.advance(Duration::from_millis(100));
            self.streams.wait_until_ended(Duration::from_millis(10));
            holds(&self.streams)
        });
    }

    /// The failure that ends it.
    pub(super) fn failure(&self) -> String {
        self.until("the end", |streams| streams.state() == State::Error);
        assert_eq!(self.streams.failure().expect("failed").kind().exit_code(), 5);
        failure(&self.streams)
    }
}

/// The latest number of each key.
pub(super) fn latest(records: &[ConsumerRecord]) -> BTreeMap<String, i64> {
    let mut latest = BTreeMap::new();
    for record in records {
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        let value = record.value.as_deref().and_then(|value| value.try_into().ok()).map_or(-1, i64::from_be_bytes);
        latest.insert(key, value);
    }
    latest
}

/// Starts an application and waits until it runs.
pub(super) fn run(streams: &KafkaStreams) {
    streams.start().expect("starts");
    streams.wait_until_running(PATIENCE).expect("runs");
}

/// Closes an application in time.
pub(super) fn close(streams: &KafkaStreams) {
    assert!(streams.close(PATIENCE).expect("closes"), "did not end in time");
    assert_eq!(streams.state(), State::NotRunning);
}

/// Waits until an application has ended by a failure, and answers its text.
pub(super) fn failure(streams: &KafkaStreams) -> String {
    assert_eq!(streams.wait_until_ended(PATIENCE), State::Error);
    streams.failure().expect("there is a reason").report()
}

/// What runs, and what is logged on this thread meanwhile.
pub(super) fn logged<T>(run: impl FnOnce() -> T) -> (T, String) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let outcome = tracing::subscriber::with_default(subscriber, run);
    let bytes = log.0.lock().expect("not poisoned");
    (outcome, String::from_utf8_lossy(&bytes).into_owned())
}

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Polls until something holds.
pub(super) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = SystemClock.now() + PATIENCE;
    while !holds() {
        assert!(SystemClock.now() < deadline, "{what} did not come to hold");
        std::thread::yield_now();
    }
}

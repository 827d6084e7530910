//! A broker in memory, clients over one of the two transports, and waiting that ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use broker_lite::server::{Server, ServerConfig};
use broker_lite::Broker;
use streams_core::client::admin::NewTopic;
use streams_core::client::consumer::ConsumerRecord;
use streams_core::client::transport::{TcpTransport, Transport};
use streams_core::client::{Admin, Consumer, Producer};
use streams_core::config::{AdminConfig, ClientConfig, ConsumerConfig, ProducerConfig};
use streams_core::record::Headers;
use streams_core::{Clock, Offset, Result, SystemClock, Timestamp, TopicPartition};

/// No step of a test takes longer, however slow the machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// How clients reach the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Over {
    InProcess,
    Tcp,
}

/// A broker and the way to it.
pub(crate) struct Cluster {
    broker: Arc<Broker>,
    server: Option<Server>,
}

pub(crate) type Settings<'a> = &'a [(&'a str, &'a str)];

impl Cluster {
    pub(crate) fn new(over: Over) -> Self {
        let broker = Broker::builder().start().expect("a broker in memory starts");
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let serve = || Server::start(&broker, ServerConfig::new(address)).expect("a free port is found");
        let server = (over == Over::Tcp).then(serve);
        Self { broker, server }
    }

    pub(crate) fn with_topic(over: Over, topic: &str, partitions: i32) -> Self {
        let cluster = Self::new(over);
        let created = cluster.admin().create_topics(&[NewTopic::new(topic, partitions)]).expect("the broker answers");
        assert!(created.iter().all(|(_, outcome)| outcome.is_ok()), "{created:?}");
        cluster
    }

    pub(crate) fn transport(&self) -> Box<dyn Transport> {
        match &self.server {
            None => Box::new(self.broker.in_process()),
            Some(server) => Box::new(tcp(&server.address().to_string()).expect("the I/O thread starts")),
        }
    }

    pub(crate) fn producer(&self, settings: Settings<'_>) -> Producer {
        self.producer_over(self.transport(), settings)
    }

    pub(crate) fn producer_over(&self, transport: Box<dyn Transport>, settings: Settings<'_>) -> Producer {
        let config = ProducerConfig::from_settings(settings.iter().copied()).expect("valid settings");
        Producer::new(config, transport, 1).expect("settings fit")
    }

    pub(crate) fn consumer(&self, settings: Settings<'_>) -> Consumer {
        self.consumer_over(self.transport(), settings)
    }

    pub(crate) fn consumer_over(&self, transport: Box<dyn Transport>, settings: Settings<'_>) -> Consumer {
        let settings = [("auto.offset.reset", "earliest")].into_iter().chain(settings.iter().copied());
        Consumer::new(ConsumerConfig::from_settings(settings).expect("valid settings"), transport, 2)
            .expect("settings fit")
    }

    pub(crate) fn admin(&self) -> Admin {
        Admin::new(AdminConfig::default(), self.transport(), Arc::new(SystemClock), 3)
    }
}

/// A TCP transport to one address.
pub(crate) fn tcp(address: &str) -> Result<TcpTransport> {
    let settings = [("bootstrap.servers", address), ("request.timeout.ms", "20s")];
    let config: ClientConfig = ConsumerConfig::from_settings(settings)?.client;
    TcpTransport::new(&config)
}

/// Time now; where a client's driver reads it.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// Sends values without keys and waits until they are acknowledged.
pub(crate) fn produce(producer: &mut Producer, partition: &TopicPartition, values: impl IntoIterator<Item = String>) {
    for (index, value) in (0..).zip(values) {
        send(producer, partition, None, Some(value.as_bytes()), Timestamp(1_000 + index));
    }
    producer.flush(&SystemClock, LIMIT).expect("all is acknowledged");
}

/// Sends one record, polling while the buffer is full.
pub(crate) fn send(
    producer: &mut Producer,
    to: &TopicPartition,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    timestamp: Timestamp,
) {
    while producer.is_full() {
        producer.poll(now(), Duration::from_millis(10)).expect("the transport is open");
    }
    producer.send(to, key, value, timestamp, Headers::none()).expect("there is room");
}

/// Polls until `count` records have come, and no longer than the limit.
pub(crate) fn take(consumer: &mut Consumer, count: usize) -> Vec<ConsumerRecord> {
    let deadline = now() + LIMIT;
    let mut records = Vec::new();
    while records.len() < count {
        assert!(now() < deadline, "{} of {count} records after {LIMIT:?}", records.len());
        records.extend(consumer.poll_records(now(), Duration::from_secs(1)).expect("polling goes on"));
    }
    records
}

/// Polls until something holds.
pub(crate) fn eventually(consumer: &mut Consumer, what: &str, mut holds: impl FnMut(&Consumer) -> bool) {
    let deadline = now() + LIMIT;
    while !holds(consumer) {
        assert!(now() < deadline, "not within {LIMIT:?}: {what}");
        consumer.poll(now(), Duration::from_millis(50)).expect("polling goes on");
    }
}

pub(crate) fn values(records: &[ConsumerRecord]) -> Vec<String> {
    let text =
        |record: &ConsumerRecord| String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
    records.iter().map(text).collect()
}

pub(crate) fn offsets(records: &[ConsumerRecord]) -> Vec<i64> {
    records.iter().map(|record| record.offset.0).collect()
}

pub(crate) fn partition(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::new(topic, partition)
}

/// The position of a consumer, once it is known.
pub(crate) fn position(consumer: &mut Consumer, of: &TopicPartition) -> Offset {
    eventually(consumer, "the position is known", |consumer| consumer.position(of).is_some());
    consumer.position(of).expect("it was just there")
}

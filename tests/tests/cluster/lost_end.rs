//! A broker whose machine loses its power: who has read what is lost is told, whatever was written in its place.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use broker_lite::disk::memory::{Crash, MemoryDisk};
use broker_lite::{Broker, SyncPolicy};
use rstest::rstest;
use streams_core::client::consumer::{ConsumerRecord, OffsetAndMetadata, OutOfRange};
use streams_core::client::transport::{BrokerAddress, BrokerId, Delivery, RequestId, Transport, Waker};
use streams_core::client::{Consumer, Producer};
use streams_core::config::{ConsumerConfig, ProducerConfig};
use streams_core::protocol::Request;
use streams_core::{Error, ErrorKind, Offset, Result, SystemClock};

use super::support::{now, offsets, partition, produce, take, values, Settings, LIMIT};

/// A broker on a disk, which comes back after each crash.
#[derive(Clone)]
struct Machine(Arc<Mutex<Life>>);

struct Life {
    number: u64,
    disk: MemoryDisk,
    broker: Arc<Broker>,
}

impl Life {
    fn on(disk: MemoryDisk, number: u64) -> Self {
        let broker = Broker::builder().disk(Arc::new(disk.clone())).sync(SyncPolicy::Os).start();
        Self { number, disk, broker: broker.expect("it starts") }
    }
}

impl Machine {
    /// Of `t-0`, 0 to 8 are on the disk, and 9 to 11 were written under another leader epoch, and not synced.
    fn new() -> Self {
        let machine = Self(Arc::new(Mutex::new(Life::on(MemoryDisk::new(), 0))));
        machine.write("old", 9);
        machine.life().broker.close();
        machine.crash(Crash::KeepAll);
        machine.write("old", 3);
        machine
    }

    /// Loses 9 to 11, and takes others in: 9 to 14.
    fn lose_the_end(&self) {
        self.crash(Crash::LoseUnsynced);
        self.write("new", 6);
    }

    fn life(&self) -> std::sync::MutexGuard<'_, Life> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn crash(&self, crash: Crash) {
        let mut life = self.life();
        let next = Life::on(life.disk.crash(crash), life.number + 1);
        std::mem::replace(&mut *life, next).broker.close();
    }

    fn write(&self, value: &str, count: usize) {
        let mut producer = Producer::new(ProducerConfig::default(), self.transport(), 1).expect("settings fit");
        produce(&mut producer, &partition("t", 0), (0..count).map(|_| value.to_owned()));
    }

    fn transport(&self) -> Box<dyn Transport> {
        let (number, inner) = self.connect();
        Box::new(Reconnecting { machine: self.clone(), number, inner, unanswered: Vec::new(), failed: Vec::new() })
    }

    fn connect(&self) -> (u64, Box<dyn Transport>) {
        let life = self.life();
        (life.number, Box::new(life.broker.in_process()))
    }

    /// A consumer of `t-0`.
    fn consumer(&self, settings: Settings<'_>) -> Consumer {
        let quick = [("retry.backoff.ms", "1"), ("retry.backoff.max.ms", "5"), ("fetch.max.wait.ms", "20")];
        let config = ConsumerConfig::from_settings(quick.into_iter().chain(settings.iter().copied()));
        let mut consumer = Consumer::new(config.expect("valid settings"), self.transport(), 2).expect("settings fit");
        consumer.assign(&[partition("t", 0)]);
        consumer
    }
}

/// A transport to a machine, which fails what was under way when it crashed.
struct Reconnecting {
    machine: Machine,
    number: u64,
    inner: Box<dyn Transport>,
    unanswered: Vec<RequestId>,
    failed: Vec<RequestId>,
}

impl Reconnecting {
    fn reconnect(&mut self) {
        if self.machine.life().number != self.number {
            (self.number, self.inner) = self.machine.connect();
            self.failed.append(&mut self.unanswered);
        }
    }

    fn named(&self, id: RequestId) -> RequestId {
        RequestId((self.number << 32) + id.0)
    }
}

impl Transport for Reconnecting {
    fn send(&mut self, to: BrokerId, request: Request) -> Result<RequestId> {
        self.reconnect();
        let id = self.inner.send(to, request)?;
        self.unanswered.push(self.named(id));
        Ok(self.named(id))
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<Delivery>> {
        self.reconnect();
        if let Some(id) = self.failed.pop() {
            return Ok(Some(Delivery { id, response: Err(Error::new(ErrorKind::Retriable, "connection reset")) }));
        }
        let Some(Delivery { id, response }) = self.inner.poll(wait)? else { return Ok(None) };
        let id = self.named(id);
        self.unanswered.retain(|unanswered| *unanswered != id);
        Ok(Some(Delivery { id, response }))
    }

    fn update_brokers(&mut self, brokers: &[BrokerAddress]) {
        self.inner.update_brokers(brokers);
    }

    fn waker(&self) -> Waker {
        self.inner.waker()
    }
}

/// Polls until records or an error come.
fn next(consumer: &mut Consumer) -> Result<Vec<ConsumerRecord>> {
    let deadline = now() + LIMIT;
    loop {
        let records = consumer.poll_records(now(), Duration::from_millis(50))?;
        if !records.is_empty() || now() > deadline {
            return Ok(records);
        }
    }
}

fn expect_lost(consumer: &mut Consumer) {
    let gap =
        "fetch t-0 at offset 12: out of range, the log holds 0 to 15 (3 records that were read, 9 to 11, were lost \
               and others are in their place)";
    for _ in 0..2 {
        let error = next(consumer).expect_err("it says so for as long as nobody seeks");
        assert!(error.to_string().starts_with(gap), "{error}");
    }
    let expected = OutOfRange {
        partition: partition("t", 0),
        position: Offset(12),
        start: Offset(0),
        end: Offset(15),
        diverged_at: Some(Offset(9)),
    };
    assert_eq!(consumer.out_of_range(), [expected]);
    consumer.seek(&partition("t", 0), Offset(9)).expect("it is assigned");
    assert_eq!(values(&take(consumer, 6)), ["new"; 6]);
}

#[test]
fn a_reader_without_a_policy_is_told_that_what_it_read_is_gone() {
    let machine = Machine::new();
    let mut consumer = machine.consumer(&[("auto.offset.reset", "none")]);
    consumer.seek(&partition("t", 0), Offset(0)).expect("it is assigned");
    assert_eq!(values(&take(&mut consumer, 12)), ["old"; 12]);
    machine.lose_the_end();
    expect_lost(&mut consumer);
}

/// Whatever the policy, as in Kafka's consumer.
#[rstest]
fn a_reader_with_a_policy_goes_back_to_where_the_log_differs(#[values("earliest", "latest")] policy: &str) {
    let machine = Machine::new();
    let mut consumer = machine.consumer(&[("auto.offset.reset", policy)]);
    consumer.seek_to_beginning(&partition("t", 0)).expect("it is assigned");
    assert_eq!(values(&take(&mut consumer, 12)), ["old"; 12]);
    machine.lose_the_end();
    let read = take(&mut consumer, 1);
    assert_eq!(offsets(&read)[0], 9);
    assert_eq!(values(&read)[0], "new");
}

/// The position after a look-up carries an epoch, too.
#[test]
fn a_reader_that_waits_at_the_end_is_told_that_the_end_is_gone() {
    let machine = Machine::new();
    let mut consumer = machine.consumer(&[("auto.offset.reset", "none")]);
    consumer.seek_to_end(&partition("t", 0)).expect("it is assigned");
    assert_eq!(super::support::position(&mut consumer, &partition("t", 0)), Offset(12));
    machine.lose_the_end();
    expect_lost(&mut consumer);
}

#[rstest]
fn a_position_from_before_is_checked_before_it_is_read_from(#[values(true, false)] is_committed: bool) {
    let machine = Machine::new();
    machine.lose_the_end();
    let t0 = partition("t", 0);
    let before = OffsetAndMetadata { offset: Offset(12), leader_epoch: 1, metadata: String::new() };
    let mut consumer = machine.consumer(&[("auto.offset.reset", "none"), ("group.id", "g")]);
    match is_committed {
        true => consumer.commit_sync(&SystemClock, vec![(t0.clone(), before)]).expect("it is taken"),
        false => consumer.seek_with(&t0, &before).expect("it is assigned"),
    }
    if is_committed {
        consumer = machine.consumer(&[("auto.offset.reset", "none"), ("group.id", "g")]);
    }
    expect_lost(&mut consumer);
}

/// A broker that came back without losing anything is read on as if nothing had happened.
#[test]
fn a_position_that_is_still_there_is_read_on_from() {
    let machine = Machine::new();
    let mut consumer = machine.consumer(&[("auto.offset.reset", "none")]);
    consumer.seek(&partition("t", 0), Offset(0)).expect("it is assigned");
    assert_eq!(take(&mut consumer, 12).len(), 12);
    machine.crash(Crash::KeepAll);
    machine.write("new", 2);
    assert_eq!(offsets(&take(&mut consumer, 2)), [12, 13]);
}

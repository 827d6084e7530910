//! The producer: collects records into batches per partition and sees them acknowledged, in order.
//!
//! A state machine: [`Producer::send`] only appends, [`Producer::poll`] sends and takes answers in, both without
//! waiting unless told to. Failures that no repeat can mend come out of the next `send` or [`Producer::flushed`],
//! naming the partition.
//!
//! Back-pressure: a caller asks [`Producer::is_full`] before it produces more. `send` itself refuses only far beyond
//! `buffer.memory`, because a stream thread cannot stop in the middle of a record that fans out.
//!
//! A transactional producer will need a state beside `idempotence` and a stamp on each batch; `send` stays as it is.

mod accumulator;
mod batch;
mod idempotence;
mod missing;
mod partitioner;
mod sender;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::client::requests::{Requests, STEP_MAX};
use crate::client::retry::{Backoff, Random};
use crate::client::transport::{Transport, Waker};
use crate::config::{CompressionType, ProducerConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Offset, Partition, TopicPartition};
use crate::protocol::batch::Compression;
use crate::record::Headers;
use crate::time::{Clock, SteadyTime, Timestamp};

use accumulator::Accumulator;
use idempotence::Idempotence;
use missing::MissingTopics;
use partitioner::Sticky;
use sender::Sent;

pub use accumulator::Destination;
pub use partitioner::{murmur2, partition_for_key};

/// Writes records to topics.
#[derive(Debug)]
pub struct Producer {
    config: ProducerConfig,
    compression: Compression,
    requests: Requests<Tag>,
    accumulator: Accumulator,
    idempotence: Idempotence,
    sticky: Sticky,
    backoff: Backoff,
    random: Random,
    /// How many produce requests each broker has not answered.
    unanswered: HashMap<i32, usize, FixedState>,
    errors: VecDeque<(Option<TopicPartition>, Error)>,
    flushing: bool,
    missing: MissingTopics,
    /// The time of the last poll.
    polled_at: Timestamp,
}

/// What a request in flight was for.
#[derive(Debug)]
enum Tag {
    ProducerId,
    Produce(i32, Vec<Sent>),
}

impl Producer {
    /// A producer over a transport. `seed` spreads retries and the partitions of records without a key.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when settings do not fit each other.
    pub fn new(config: ProducerConfig, transport: Box<dyn Transport>, seed: u64) -> Result<Self> {
        config.validate()?;
        let client = &config.client;
        Ok(Self {
            compression: compression(config.compression_type),
            requests: Requests::new(client, transport, seed, true),
            accumulator: Accumulator::new(&config),
            idempotence: Idempotence::new(config.enable_idempotence),
            sticky: Sticky::new(seed),
            backoff: Backoff::new(client.retry_backoff, client.retry_backoff_max),
            random: Random::new(seed),
            unanswered: HashMap::default(),
            errors: VecDeque::new(),
            flushing: false,
            missing: MissingTopics::default(),
            polled_at: Timestamp::UNKNOWN,
            config,
        })
    }

    /// Refuses no record for want of room: for a caller that cannot stop in the middle of a record or of a flush, and asks
    /// [`Self::is_full`] before it begins another.
    pub(crate) fn accept_always(&mut self) {
        self.accumulator.accept_always();
    }

    /// Names a partition for [`Self::send_to`]. Cheap to call again, cheaper to keep.
    pub fn destination(&mut self, partition: &TopicPartition) -> Destination {
        match self.accumulator.find(partition) {
            Some(known) => known,
            None => {
                self.want(&partition.topic);
                self.accumulator.add(partition)
            }
        }
    }

    fn want(&mut self, topic: &Arc<str>) {
        if self.requests.cluster_mut().want(topic) {
            self.requests.refresh_metadata();
        }
    }

    /// Appends a record to the open batch of its partition. Nothing is sent before [`Self::poll`].
    ///
    /// # Errors
    /// As [`Self::send_to`].
    pub fn send(
        &mut self,
        partition: &TopicPartition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<()> {
        let to = self.destination(partition);
        self.send_to(to, key, value, timestamp, headers)
    }

    /// [`Self::send`] to a partition that was [named](Self::destination) before.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] when the record is larger than `max.request.size`; [`ErrorKind::Retriable`] when the
    /// buffer is used up far beyond `buffer.memory`; and the failure of an earlier record, whose message names its
    /// partition: this record is then not appended.
    #[inline]
    pub fn send_to(
        &mut self,
        to: Destination,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<()> {
        if !self.errors.is_empty() {
            return self.raise();
        }
        self.accumulator.append(to, key, value, timestamp, headers)
    }

    /// The next failure of records that were sent, and their partition; they are lost. None of a partition when the
    /// producer itself failed. What is taken here does not come out of [`Self::send`] or [`Self::flushed`].
    #[inline]
    pub fn take_failure(&mut self) -> Option<(Option<TopicPartition>, Error)> {
        self.errors.pop_front()
    }

    /// Whether a caller should stop sending and poll until there is room.
    pub fn is_full(&self) -> bool {
        self.accumulator.is_full()
    }

    /// Bytes that wait to be acknowledged.
    pub fn buffered_bytes(&self) -> u64 {
        self.accumulator.buffered()
    }

    /// Sends batches that are due and takes answers in. Waits up to `wait` for an answer; zero never waits.
    ///
    /// # Errors
    /// When the transport is closed. What happens to records comes out of [`Self::send`] and [`Self::flushed`].
    pub fn poll(&mut self, now: Timestamp, wait: Duration) -> Result<()> {
        let now = self.requests.steady(now);
        self.step(now, wait)
    }

    fn step(&mut self, now: Timestamp, wait: Duration) -> Result<()> {
        self.send_ready(now)?;
        let mut wait = wait.min(self.due_in(now));
        while let Some(completed) = self.requests.poll(now, wait)? {
            self.complete(now, completed);
            self.send_ready(now)?;
            wait = Duration::ZERO;
        }
        Ok(())
    }

    /// How long nothing is due: no batch to send, no time-out to notice.
    pub fn next_wakeup(&self, now: Timestamp) -> Duration {
        self.due_in(self.requests.steady_between(now))
    }

    fn due_in(&self, now: Timestamp) -> Duration {
        let mut due = self.requests.next_wakeup(now);
        if let Some(opened) = self.accumulator.oldest_open() {
            due = due.min(opened + self.config.linger - now);
        }
        if let Some(not_before) = self.idempotence.not_before().filter(|not_before| *not_before > now) {
            due = due.min(not_before - now);
        }
        for (_, queue) in self.accumulator.queues() {
            let is_waiting = |batch: &&batch::Batch| matches!(batch.state, batch::State::Waiting(_));
            if let Some(batch) = queue.batches.front().filter(is_waiting) {
                due = due.min(batch.created + self.config.delivery_timeout - now);
            }
            let waiting = queue.batches.iter().find_map(|batch| match batch.state {
                batch::State::Waiting(not_before) if not_before > now => Some(not_before - now),
                _ => None,
            });
            due = due.min(waiting.unwrap_or(Duration::MAX));
        }
        due
    }

    /// Sends everything without lingering from now on, until all is acknowledged. Goes on with [`Self::poll`].
    pub fn begin_flush(&mut self) {
        self.flushing = true;
    }

    /// Whether every record sent so far is acknowledged.
    ///
    /// # Errors
    /// The failure of a record, whose message names its partition. It is reported once.
    pub fn flushed(&mut self) -> Result<bool> {
        self.raise()?;
        Ok(self.accumulator.is_empty())
    }

    /// Waits until every record sent so far is acknowledged.
    ///
    /// # Errors
    /// The failure of a record, and [`ErrorKind::Retriable`] after `timeout`.
    pub fn flush(&mut self, clock: &dyn Clock, timeout: Duration) -> Result<()> {
        let mut time = SteadyTime::new(STEP_MAX);
        let deadline = time.at(clock.now()) + timeout;
        self.begin_flush();
        while !self.flushed()? {
            let reading = clock.now();
            let now = time.at(reading);
            if now >= deadline {
                let message = format!("flush: {} bytes are not acknowledged", self.buffered_bytes());
                return Err(Error::new(ErrorKind::Retriable, message));
            }
            self.poll(reading, deadline - now)?;
        }
        Ok(())
    }

    /// The offset of the last record of a partition up to which all were acknowledged; none before the first, and
    /// with `acks=0`.
    pub fn last_acked_offset(&self, partition: &TopicPartition) -> Option<Offset> {
        self.accumulator.queue(self.accumulator.find(partition)?).last_acked
    }

    /// Asks who leads what now; [`Self::leader_epoch_since`] knows when that is answered.
    pub(crate) fn ask_for_leaders(&mut self) -> u64 {
        self.requests.ask_anew()
    }

    /// Whether a question of [`Self::ask_for_leaders`] is answered.
    pub(crate) fn knows_leaders_since(&self, question: u64) -> bool {
        self.requests.has_answered(question)
    }

    /// The epoch of a partition's leader, as of an answer to that question or a later one.
    pub(crate) fn leader_epoch_since(&self, question: u64, partition: &TopicPartition) -> Option<i32> {
        let leader = self.requests.cluster().leader(partition).filter(|_| self.knows_leaders_since(question))?;
        Some(leader.epoch).filter(|epoch| *epoch >= 0)
    }

    /// How many partitions a topic has. None until metadata has come: poll and ask again.
    pub fn partition_count(&mut self, topic: &str) -> Option<i32> {
        match self.requests.cluster().partition_count(topic) {
            Some(count) => Some(count),
            None => {
                self.want(&Arc::from(topic));
                None
            }
        }
    }

    /// Whether the broker has said anything about a topic.
    pub(crate) fn is_answered(&self, topic: &str) -> bool {
        self.requests.cluster().topic_error(topic).is_some()
    }

    /// [`Self::poll`] at the time of the last one.
    pub(crate) fn poll_again(&mut self, wait: Duration) -> Result<()> {
        self.step(self.polled_at, wait)
    }

    /// Whether the broker has been saying for so long that there is no such topic that what is sent there is given up,
    /// as of the last poll.
    pub(crate) fn is_missing(&self, topic: &str) -> bool {
        self.missing.missing_for(topic, self.polled_at).is_some()
    }

    /// The partition for a record: by the key's hash, or one that sticks for a batch when there is no key. None until
    /// metadata has come.
    pub fn partition_for(&mut self, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> Option<Partition> {
        let count = self.partition_count(topic)?;
        Some(match key {
            Some(key) => partition_for_key(key, count),
            None => {
                let batch_size = usize::try_from(self.config.batch_size).unwrap_or(0);
                self.sticky.next(count, value.map_or(0, <[u8]>::len), batch_size)
            }
        })
    }

    /// Ends a wait in [`Self::poll`] from another thread.
    pub fn waker(&self) -> Waker {
        self.requests.waker()
    }

    #[cold]
    fn raise(&mut self) -> Result<()> {
        match self.errors.pop_front() {
            Some((_, error)) => Err(error),
            None => Ok(()),
        }
    }
}

fn compression(setting: CompressionType) -> Compression {
    match setting {
        CompressionType::None => Compression::None,
        CompressionType::Gzip => Compression::Gzip,
        CompressionType::Snappy => Compression::Snappy,
        CompressionType::Lz4 => Compression::Lz4,
        CompressionType::Zstd => Compression::Zstd,
    }
}

//! Records on their way to a partition: an open batch that grows, and full ones that wait, in order.
//!
//! Appending is the hot path of a stream thread: one look-up, one copy into the open batch, nothing allocated until
//! the batch is full. Builders are used again. What is buffered is counted per record and bounded.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::client::producer::batch::{Batch, State};
use crate::config::ProducerConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Offset, TopicPartition};
use crate::protocol::batch::BatchBuilder;
use crate::record::Headers;
use crate::time::Timestamp;

/// Beyond `buffer.memory`, `send` accepts this many times as much before it refuses.
const OVERSHOOT_FACTOR: u64 = 2;
/// How many empty builders are kept for new batches. More than one per partition that is written at once is waste.
const FREE_BUILDERS_MAX: usize = 64;
/// Bytes a header adds beyond key and value: two varints.
const HEADER_OVERHEAD_MAX: usize = 10;

/// The time of a batch that no poll has seen yet. Only [`Accumulator::stamp`] knows the time.
const NOT_SEEN: Timestamp = Timestamp(i64::MAX);

/// Names a partition to a producer, so that sending to it again needs no look-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Destination(pub(super) usize);

/// All partitions that records were sent to.
#[derive(Debug)]
pub(super) struct Accumulator {
    queues: Vec<Queue>,
    index: HashMap<TopicPartition, Destination, FixedState>,
    free: Vec<BatchBuilder>,
    buffered: u64,
    buffer_memory: u64,
    /// What is buffered when a record is refused.
    refused_from: u64,
    batch_size: usize,
    max_request_size: usize,
}

/// The batches of one partition, oldest first.
#[derive(Debug)]
pub(super) struct Queue {
    /// Where they go.
    pub(super) partition: TopicPartition,
    open: Option<BatchBuilder>,
    opened_at: Timestamp,
    next_serial: u64,
    /// Batches that take no more records and are not done with.
    pub(super) batches: VecDeque<Batch>,
    /// The sequence number of the next batch.
    pub(super) next_sequence: i32,
    /// Whether a numbered batch was given up, so that the numbers must start again under a new epoch.
    pub(super) lost_sequence: bool,
    /// Whether a batch was acknowledged under the epoch of now, so that the broker knows which number comes next.
    pub(super) is_numbering_known: bool,
    /// The offset of the last record up to which everything was acknowledged.
    pub(super) last_acked: Option<Offset>,
}

impl Accumulator {
    pub(super) fn new(config: &ProducerConfig) -> Self {
        Self {
            queues: Vec::new(),
            index: HashMap::default(),
            free: Vec::new(),
            buffered: 0,
            buffer_memory: config.buffer_memory,
            refused_from: config.buffer_memory.saturating_mul(OVERSHOOT_FACTOR),
            batch_size: usize::try_from(config.batch_size).unwrap_or(0),
            max_request_size: usize::try_from(config.max_request_size).unwrap_or(usize::MAX),
        }
    }

    /// The destination of a partition that was sent to before.
    pub(super) fn find(&self, partition: &TopicPartition) -> Option<Destination> {
        self.index.get(partition).copied()
    }

    /// The destination of a partition.
    pub(super) fn add(&mut self, partition: &TopicPartition) -> Destination {
        if let Some(known) = self.find(partition) {
            return known;
        }
        let destination = Destination(self.queues.len());
        self.index.insert(partition.clone(), destination);
        self.queues.push(Queue::new(partition.clone()));
        destination
    }

    pub(super) fn queue(&self, destination: Destination) -> &Queue {
        &self.queues[destination.0]
    }

    pub(super) fn queue_mut(&mut self, destination: Destination) -> &mut Queue {
        &mut self.queues[destination.0]
    }

    pub(super) fn queues_mut(&mut self) -> impl Iterator<Item = (Destination, &mut Queue)> {
        self.queues.iter_mut().enumerate().map(|(index, queue)| (Destination(index), queue))
    }

    pub(super) fn queues(&self) -> impl Iterator<Item = (Destination, &Queue)> {
        self.queues.iter().enumerate().map(|(index, queue)| (Destination(index), queue))
    }

    /// Bytes of records that are not acknowledged.
    pub(super) fn buffered(&self) -> u64 {
        self.buffered
    }

    /// Refuses no record for want of room.
    pub(super) fn accept_always(&mut self) {
        self.refused_from = u64::MAX;
    }

    /// Whether `buffer.memory` is used up.
    pub(super) fn is_full(&self) -> bool {
        self.buffered >= self.buffer_memory
    }

    /// Appends a record to the open batch of a partition, and starts another when it does not fit.
    #[inline]
    pub(super) fn append(
        &mut self,
        to: Destination,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<()> {
        let size =
            BatchBuilder::record_len_max(key, value) + if headers.is_empty() { 0 } else { headers_len_max(headers) };
        let queue = &mut self.queues[to.0];
        let fits = queue.open.as_ref().is_some_and(|open| open.len() + size <= self.batch_size);
        if !fits {
            self.start_batch(to, size)?;
        }
        let queue = &mut self.queues[to.0];
        let open = queue.open.as_mut().expect("a batch was just started if there was none");
        let before = open.len();
        let appended = match headers.is_empty() {
            true => open.append(timestamp, key, value),
            false => {
                let headers = headers.iter().map(|header| (header.key.as_bytes(), header.value.as_deref()));
                open.append_with_headers(timestamp, key, value, headers)
            }
        };
        if let Err(error) = appended {
            return Err(Error::with_source(
                ErrorKind::Refused,
                format!("send to {}", queue.partition),
                Error::from(error),
            ));
        }
        self.buffered += (open.len() - before) as u64;
        Ok(())
    }

    /// Checks the limits and opens a batch for a record of `size`; closes the one that is open.
    #[cold]
    fn start_batch(&mut self, to: Destination, size: usize) -> Result<()> {
        let queue = &mut self.queues[to.0];
        if size > self.max_request_size {
            return Err(too_large(&queue.partition, size, self.max_request_size));
        }
        if self.buffered >= self.refused_from {
            return Err(buffer_full(&queue.partition, self.buffered, self.buffer_memory));
        }
        queue.close(&mut self.buffered);
        let builder = self.free.pop().unwrap_or_else(|| BatchBuilder::with_capacity(self.batch_size.max(size)));
        self.buffered += builder.len() as u64;
        queue.open = Some(builder);
        queue.opened_at = NOT_SEEN;
        Ok(())
    }

    /// Gives the batches that began since the last poll their time. A caller that polls seldom would else see them
    /// expire by a time that was long over when their first record came.
    pub(super) fn stamp(&mut self, now: Timestamp) {
        for queue in &mut self.queues {
            if queue.opened_at == NOT_SEEN {
                queue.opened_at = now;
            }
            for batch in queue.batches.iter_mut().rev().take_while(|batch| batch.created == NOT_SEEN) {
                batch.created = now;
            }
        }
    }

    /// Closes the open batches that are due: all, or those opened at `opened_before` or earlier.
    pub(super) fn close_due(&mut self, opened_before: Timestamp, all: bool) {
        for queue in &mut self.queues {
            if queue.open.is_some() && (all || queue.opened_at <= opened_before) {
                queue.close(&mut self.buffered);
            }
        }
    }

    /// When the oldest open batch was opened.
    pub(super) fn oldest_open(&self) -> Option<Timestamp> {
        self.queues.iter().filter(|queue| queue.open.is_some()).map(|queue| queue.opened_at).min()
    }

    /// Whether nothing waits for an acknowledgement.
    pub(super) fn is_empty(&self) -> bool {
        self.queues.iter().all(|queue| queue.batches.is_empty() && queue.open.is_none())
    }

    /// Gives the memory of batches that are done back.
    pub(super) fn release(&mut self, bytes: usize) {
        self.buffered = self.buffered.saturating_sub(bytes as u64);
    }

    /// Keeps a builder for the next batch.
    pub(super) fn recycle(&mut self, mut builder: BatchBuilder) {
        if self.free.len() < FREE_BUILDERS_MAX {
            builder.clear();
            self.free.push(builder);
        }
    }
}

impl Queue {
    fn new(partition: TopicPartition) -> Self {
        Self {
            partition,
            open: None,
            opened_at: NOT_SEEN,
            next_serial: 0,
            batches: VecDeque::new(),
            next_sequence: 0,
            lost_sequence: false,
            is_numbering_known: false,
            last_acked: None,
        }
    }

    /// Closes the open batch. One without records gives its header's memory back.
    fn close(&mut self, buffered: &mut u64) {
        match self.open.take() {
            Some(builder) if builder.is_empty() => *buffered = buffered.saturating_sub(builder.len() as u64),
            Some(builder) => {
                self.batches.push_back(Batch::new(self.next_serial, builder, self.opened_at));
                self.next_serial += 1;
            }
            None => {}
        }
    }

    /// The batch to send now, by its index: in order, and behind a failed one only when that is acknowledged.
    ///
    /// A batch that was sent before is sent again only when it is the oldest; a new one only when none before it
    /// waits to be sent again. So batches reach the log in order whatever fails. The window counts from the oldest batch
    /// without an acknowledgement, because the broker recognizes a repeat only among the last five it appended.
    ///
    /// The first batch of an epoch goes alone: a broker that knows nothing of the producer takes any number for the first,
    /// so one that followed a refused first batch too closely would be appended in its place.
    pub(super) fn next_to_send(&self, now: Timestamp, in_flight_max: usize) -> Option<usize> {
        let mut in_flight = 0;
        for (index, batch) in self.batches.iter().enumerate() {
            match batch.state {
                State::InFlight => in_flight += 1,
                State::Acked(_) => {}
                State::Waiting(not_before) => {
                    let retry_in_turn = (batch.attempts == 0 && self.is_numbering_known) || in_flight == 0;
                    return (retry_in_turn && not_before <= now && index < in_flight_max).then_some(index);
                }
            }
        }
        None
    }

    /// Whether the broker may have a numbered batch that is not acknowledged: then it must not be numbered again.
    ///
    /// If it does not have the oldest, it has none of those behind it once none is on its way: a broker takes numbers
    /// in turn.
    pub(super) fn may_be_appended(&self) -> bool {
        let oldest = self.batches.iter().find(|batch| batch.sequence.is_some() && !batch.is_acked());
        let is_in_flight = self.batches.iter().any(|batch| batch.state == State::InFlight);
        is_in_flight || oldest.is_some_and(|batch| !batch.is_absent)
    }

    /// Whether a numbered batch is not acknowledged yet.
    pub(super) fn has_numbered(&self) -> bool {
        self.batches.iter().any(|batch| batch.sequence.is_some() && !batch.is_acked())
    }

    /// Takes the acknowledged batches off the front. Returns how many bytes they held.
    pub(super) fn retire(&mut self) -> usize {
        let mut bytes = 0;
        while let Some(Batch { state: State::Acked(last), bytes: held, .. }) = self.batches.front() {
            bytes += held;
            self.last_acked = last.or(self.last_acked);
            self.batches.pop_front();
        }
        bytes
    }
}

fn headers_len_max(headers: &Headers) -> usize {
    let len = |header: &crate::record::Header| header.key.len() + header.value.as_ref().map_or(0, bytes::Bytes::len);
    headers.iter().map(|header| len(header) + HEADER_OVERHEAD_MAX).sum()
}

#[cold]
fn too_large(partition: &TopicPartition, size: usize, limit: usize) -> Error {
    Error::new(
        ErrorKind::Refused,
        format!(
            "send to {partition}: the record is {size} bytes when serialized, which is larger than {limit}, the value \
             of `max.request.size`; raise it together with the topic's `max.message.bytes`"
        ),
    )
}

#[cold]
fn buffer_full(partition: &TopicPartition, buffered: u64, limit: u64) -> Error {
    Error::new(
        ErrorKind::Retriable,
        format!(
            "send to {partition}: {buffered} bytes wait to be acknowledged, and `buffer.memory` is {limit}; poll the \
             producer until it has room"
        ),
    )
}

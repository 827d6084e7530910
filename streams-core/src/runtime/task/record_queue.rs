//! The records of one partition that wait for their task: whole fetched batches, and a position in the first.
//!
//! A record is decoded once, when it is processed, from bytes that stay where the fetch left them: buffering costs per
//! batch, not per record. Only the timestamp of the head is known ahead, and only when another partition competes.
//!
//! Invariant: the position moves past a record only when everything that follows from it is done, so a failed record
//! is still the head, and its offset is the one to commit. Checksums were checked where the bytes arrived.

use std::collections::VecDeque;

use bytes::Bytes;

use super::offsets::{CommittableOffset, PartitionMetadata};
use super::punctuate::{punctuate, LiveNodes};
use crate::error::{Error, Result};
use crate::ids::{Offset, TopicPartition};
use crate::processor::{PunctuationType, RawRecord, SourceNode, TaskContext};
use crate::protocol::batch::{BatchError, BatchView, Compression, HeaderViews, Records, RecordsPosition, Scratch};
use crate::record::Headers;
use crate::time::Timestamp;

/// The buffered records of one partition.
#[derive(Debug)]
pub(super) struct RecordQueue {
    topic_partition: TopicPartition,
    /// The index of the live source that takes its records.
    pub(super) source: usize,
    waiting: VecDeque<Bytes>,
    current: Option<Current>,
    head: Option<Timestamp>,
    next_offset: Offset,
    leader_epoch: i32,
    partition_time: Timestamp,
    buffered: usize,
    commit_needed: bool,
    scratch: Scratch,
    headers: Headers,
}

/// The batch that is being read.
#[derive(Debug)]
struct Current {
    /// Its records, decompressed.
    block: Bytes,
    position: RecordsPosition,
    next_offset: Offset,
}

/// Up to which record a queue may go on before another queue has its turn: records sort by timestamp, then by queue.
#[derive(Debug, Clone, Copy)]
pub(super) struct Until {
    /// The smallest head timestamp of the other queues.
    pub(super) timestamp: Timestamp,
    /// Whether a record with just this timestamp is ours.
    pub(super) inclusive: bool,
}

impl Until {
    /// No other queue has records.
    pub(super) const END: Self = Self { timestamp: Timestamp(i64::MAX), inclusive: true };

    #[inline]
    fn admits(self, timestamp: Timestamp) -> bool {
        timestamp < self.timestamp || (self.inclusive && timestamp == self.timestamp)
    }
}

/// Why a batch is left.
#[derive(PartialEq, Eq)]
enum Left {
    Read,
    OthersTurn,
}

impl RecordQueue {
    pub(super) fn new(topic_partition: TopicPartition, source: usize) -> Self {
        Self {
            topic_partition,
            source,
            waiting: VecDeque::new(),
            current: None,
            head: None,
            next_offset: Offset::ZERO,
            leader_epoch: -1,
            partition_time: Timestamp::UNKNOWN,
            buffered: 0,
            commit_needed: false,
            scratch: Scratch::default(),
            headers: Headers::new(),
        }
    }

    pub(super) fn topic_partition(&self) -> &TopicPartition {
        &self.topic_partition
    }

    /// Forgets what is buffered and goes on at an offset.
    pub(super) fn seek(&mut self, offset: Offset) {
        self.waiting.clear();
        self.current = None;
        self.head = None;
        self.buffered = 0;
        self.next_offset = offset;
        self.commit_needed = false;
    }

    pub(super) fn set_partition_time(&mut self, time: Timestamp) {
        self.partition_time = time;
    }

    /// How many records wait. Those that a seek leaves out count until they are passed over.
    pub(super) fn buffered(&self) -> usize {
        self.buffered
    }

    /// Whether nothing is left to look at. A queue that is not drained can still turn out to hold only dropped records.
    pub(super) fn is_drained(&self) -> bool {
        self.current.is_none() && self.waiting.is_empty()
    }

    /// The timestamp of the head, once [`Self::run`] has found it.
    pub(super) fn head(&self) -> Option<Timestamp> {
        self.head
    }

    /// Takes fetched bytes: whole batches, of which the last may be cut off. Returns how many records came.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Corrupt`] with topic, partition and offset when they are no batches.
    pub(super) fn add(&mut self, fetched: &Bytes) -> Result<usize> {
        let mut at = 0;
        let mut added = 0;
        while let Some((batch, _)) = BatchView::split(&fetched[at..]).map_err(|error| self.corrupt(error))? {
            let end = at + batch.len();
            if batch.last_offset() >= self.next_offset {
                if !batch.is_control() {
                    added += usize::try_from(batch.records_count()).unwrap_or(0);
                }
                self.waiting.push_back(fetched.slice(at..end));
            }
            at = end;
        }
        self.buffered += added;
        Ok(added)
    }

    /// Processes up to `max` records that come before `until`; with a `max` of 0 it only finds the head. Returns how
    /// many it processed.
    ///
    /// # Errors
    /// What the record's way through the graph reports, or [`crate::ErrorKind::Corrupt`] with its position.
    pub(super) fn run(
        &mut self,
        (max, until): (usize, Until),
        source: &mut dyn SourceNode,
        live: &LiveNodes,
        task: &mut TaskContext,
    ) -> Result<usize> {
        let mut taken = 0;
        while self.current.is_some() || self.load()? {
            if self.run_batch((max, until), &mut taken, source, live, task)? == Left::OthersTurn {
                break;
            }
            if let Some(batch) = self.current.take() {
                self.next_offset = self.next_offset.max(batch.next_offset);
            }
        }
        Ok(taken)
    }

    fn run_batch(
        &mut self,
        (max, until): (usize, Until),
        taken: &mut usize,
        source: &mut dyn SourceNode,
        live: &LiveNodes,
        task: &mut TaskContext,
    ) -> Result<Left> {
        let Some(Current { block, position, .. }) = &mut self.current else { return Ok(Left::Read) };
        let mut records = Records::resume(block, *position);
        while let Some(record) = records.next() {
            let record = record.map_err(|error| corrupt(&self.topic_partition, self.next_offset, error))?;
            if record.offset < self.next_offset {
                *position = records.suspend();
                self.buffered = self.buffered.saturating_sub(1);
                continue;
            }
            let headers = if record.headers.is_empty() {
                Headers::none()
            } else {
                fill(&mut self.headers, record.headers, block)
            };
            let raw = RawRecord { key: record.key, value: record.value, timestamp: record.timestamp, headers };
            let known = match self.head {
                Some(timestamp) => Some(timestamp),
                None => {
                    task.set_position(&self.topic_partition, record.offset);
                    let timestamp = source.timestamp(raw, self.partition_time, task);
                    task.send_dead_letters(raw)?;
                    timestamp?
                }
            };
            if let Some(timestamp) = known {
                if *taken == max || !until.admits(timestamp) {
                    self.head = Some(timestamp);
                    return Ok(Left::OthersTurn);
                }
                task.begin_record(&self.topic_partition, record.offset, timestamp);
                let processed = source.process(raw, timestamp, task);
                task.send_dead_letters(raw)?;
                processed?;
                self.partition_time = self.partition_time.max(timestamp);
                *taken += 1;
            }
            self.head = None;
            self.next_offset = record.offset.next();
            self.buffered = self.buffered.saturating_sub(1);
            self.commit_needed = true;
            *position = records.suspend();
            if !task.punctuations.is_empty() {
                punctuate(PunctuationType::StreamTime, task.stream_time(), live, task)?;
            }
        }
        Ok(Left::Read)
    }

    /// Makes the next batch with records the current one. False when there is none.
    fn load(&mut self) -> Result<bool> {
        while let Some(bytes) = self.waiting.front() {
            let batch = BatchView::parse(bytes).map_err(|error| self.corrupt(error))?;
            self.leader_epoch = batch.partition_leader_epoch();
            let next_offset = batch.next_offset();
            if !batch.is_control() {
                let topic_partition = &self.topic_partition;
                let records = batch
                    .records(&mut self.scratch)
                    .map_err(|error| corrupt(topic_partition, batch.base_offset(), error))?;
                let position = records.suspend();
                let block = if batch.compression().is_ok_and(|codec| codec == Compression::None) {
                    bytes.slice_ref(batch.records_block())
                } else {
                    Bytes::copy_from_slice(records.unread())
                };
                self.current = Some(Current { block, position, next_offset });
                self.waiting.pop_front();
                return Ok(true);
            }
            self.next_offset = self.next_offset.max(next_offset);
            self.waiting.pop_front();
        }
        Ok(false)
    }

    /// What to commit, if records were taken since the [last commit](Self::committed).
    pub(super) fn committable(&self) -> Option<CommittableOffset> {
        self.commit_needed.then(|| CommittableOffset {
            topic_partition: self.topic_partition.clone(),
            offset: self.next_offset,
            leader_epoch: self.leader_epoch,
            metadata: PartitionMetadata { partition_time: self.partition_time }.encode(),
        })
    }

    pub(super) fn is_commit_needed(&self) -> bool {
        self.commit_needed
    }

    /// What [`Self::committable`] gave was committed; no record was processed in between.
    pub(super) fn committed(&mut self) {
        self.commit_needed = false;
    }

    #[cold]
    fn corrupt(&self, error: BatchError) -> Error {
        corrupt(&self.topic_partition, self.next_offset, error)
    }
}

#[cold]
fn corrupt(topic_partition: &TopicPartition, offset: Offset, error: BatchError) -> Error {
    Error::from(error).context(format!(
        "{topic_partition} at or after offset {offset}: the fetched records are damaged; check the broker's log, or \
         pass over them by setting the group's offset"
    ))
}

/// Fills the reused slot with the headers of a record.
fn fill<'s>(slot: &'s mut Headers, headers: HeaderViews<'_>, block: &Bytes) -> &'s Headers {
    slot.refill(headers.map(|header| (header.key_text(), header.value.map(|value| block.slice_ref(value)))));
    slot
}

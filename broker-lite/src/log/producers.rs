//! Sequence numbers of idempotent producers, per partition: the same batch is appended once, and in order.
//!
//! For every producer id the last five batches are remembered, as many as a producer may have in flight. In this order
//! a batch is a duplicate of one of them (answered with its offsets), or carries an old epoch, or does not follow the
//! last one, or is new.
//!
//! [`Producers::check`] decides and changes nothing; [`Producers::note`] runs after the write succeeded. The state is
//! derived from the log: it is rebuilt from batch headers after a restart. A snapshot shortens that and is a cache.
//!
//! A producer is forgotten after `producer.id.expiration.ms` without a batch, counted in the broker's time, so that
//! replaying old records does not make the protection expire at once.

use std::collections::VecDeque;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use streams_core::protocol::ErrorCode;
use streams_core::{Offset, Timestamp};

use super::batch::{BatchHeader, CONTROL_BIT};
use super::error::{LogError, LogResult};

/// How many batches per producer are remembered: Kafka's limit on requests in flight of an idempotent producer.
pub(super) const BATCHES_MAX: usize = 5;

/// How many producers one partition remembers. Beyond, those silent for longest are forgotten: some 30 MB here.
const PRODUCERS_MAX: usize = 100_000;

/// How many are forgotten at once when there are too many, so that the search for them is rare.
const EVICTED_AT_ONCE: usize = PRODUCERS_MAX / 8;

/// A batch as its producer numbered it and the log placed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProducedBatch {
    pub(super) first_sequence: i32,
    pub(super) last_sequence: i32,
    pub(super) base_offset: Offset,
    pub(super) last_offset: Offset,
    /// The time stamped on the batch when it was appended, or [`Timestamp::UNKNOWN`].
    pub(super) log_append_time: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Producer {
    pub(super) epoch: i16,
    /// When the last batch arrived.
    pub(super) last_seen: Timestamp,
    /// Oldest first, at most [`BATCHES_MAX`].
    pub(super) batches: VecDeque<ProducedBatch>,
}

/// What to do with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is new and in order.
    Append,
    /// It is in the log already.
    Duplicate(ProducedBatch),
}

/// The producers of a partition.
#[derive(Debug, Default)]
pub(super) struct Producers {
    by_id: HashMap<i64, Producer, FixedState>,
}

/// The sequence number `distance` after `sequence`; after the largest comes zero.
fn sequence_after(sequence: i32, distance: i32) -> i32 {
    sequence.checked_add(distance).unwrap_or_else(|| {
        // Wraps at 2^31: what is left of the distance after reaching the maximum and zero.
        distance - (i32::MAX - sequence) - 1
    })
}

impl Producers {
    /// What to do with a batch whose header is valid.
    ///
    /// # Errors
    /// `INVALID_PRODUCER_EPOCH` for an epoch that was replaced, `OUT_OF_ORDER_SEQUENCE_NUMBER` for a gap and for a
    /// duplicate that is too old to be known.
    pub(super) fn check(&self, header: &BatchHeader) -> LogResult<Verdict> {
        if header.producer_id < 0 || header.has(CONTROL_BIT) {
            return Ok(Verdict::Append);
        }
        let Some(producer) = self.by_id.get(&header.producer_id) else {
            // Nothing is known of the producer, perhaps because it was silent for too long: any number may be next.
            return Ok(Verdict::Append);
        };
        let first = header.base_sequence;
        let last = sequence_after(first, header.last_offset_delta);
        if header.producer_epoch == producer.epoch {
            let known = |batch: &&ProducedBatch| batch.first_sequence == first && batch.last_sequence == last;
            if let Some(batch) = producer.batches.iter().find(known) {
                return Ok(Verdict::Duplicate(*batch));
            }
        }
        if header.producer_epoch < producer.epoch {
            return Err(LogError::refused(
                ErrorCode::INVALID_PRODUCER_EPOCH,
                format!(
                    "producer {} uses epoch {}, which epoch {} replaced",
                    header.producer_id, header.producer_epoch, producer.epoch
                ),
            ));
        }
        let newest = producer.batches.back().filter(|_| header.producer_epoch == producer.epoch);
        let expected = newest.map_or(0, |batch| sequence_after(batch.last_sequence, 1));
        if first == expected {
            return Ok(Verdict::Append);
        }
        Err(LogError::refused(
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER,
            format!("producer {} sends sequence number {first}, but {expected} is next", header.producer_id),
        ))
    }

    /// Takes note of a batch that is in the log at `base_offset`.
    pub(super) fn note(
        &mut self,
        header: &BatchHeader,
        base_offset: Offset,
        log_append_time: Timestamp,
        now: Timestamp,
    ) {
        if header.producer_id < 0 {
            return;
        }
        if self.by_id.len() >= PRODUCERS_MAX && !self.by_id.contains_key(&header.producer_id) {
            self.evict();
        }
        let producer = self.by_id.entry(header.producer_id).or_insert_with(|| Producer {
            epoch: header.producer_epoch,
            last_seen: now,
            batches: VecDeque::new(),
        });
        if producer.epoch != header.producer_epoch {
            producer.epoch = header.producer_epoch;
            producer.batches.clear();
        }
        producer.last_seen = now;
        // A marker carries no sequence number.
        if header.has(CONTROL_BIT) || header.base_sequence < 0 {
            return;
        }
        if producer.batches.len() == BATCHES_MAX {
            producer.batches.pop_front();
        }
        producer.batches.push_back(ProducedBatch {
            first_sequence: header.base_sequence,
            last_sequence: sequence_after(header.base_sequence, header.last_offset_delta),
            base_offset,
            last_offset: Offset(base_offset.0 + i64::from(header.last_offset_delta)),
            log_append_time,
        });
    }

    /// Forgets producers that were silent for `expiration_ms`; returns how many.
    pub(super) fn expire(&mut self, now: Timestamp, expiration_ms: i64) -> usize {
        let before = self.by_id.len();
        self.by_id.retain(|_, producer| now.0.saturating_sub(producer.last_seen.0) < expiration_ms);
        before - self.by_id.len()
    }

    /// The last sequence batch of every producer, by id; for snapshots and for compaction.
    pub(super) fn sorted(&self) -> Vec<(i64, &Producer)> {
        let mut producers: Vec<_> = self.by_id.iter().map(|(id, producer)| (*id, producer)).collect();
        producers.sort_unstable_by_key(|(id, _)| *id);
        producers
    }

    /// Puts a producer back from a snapshot.
    pub(super) fn restore(&mut self, id: i64, epoch: i16, last_seen: Timestamp, batch: Option<ProducedBatch>) {
        let empty = || Producer { epoch, last_seen, batches: VecDeque::new() };
        let producer = self.by_id.entry(id).or_insert_with(empty);
        producer.batches.extend(batch);
        while producer.batches.len() > BATCHES_MAX {
            producer.batches.pop_front();
        }
    }

    fn evict(&mut self) {
        let mut seen: Vec<Timestamp> = self.by_id.values().map(|producer| producer.last_seen).collect();
        seen.sort_unstable();
        let Some(&limit) = seen.get(EVICTED_AT_ONCE) else { return };
        let mut left = EVICTED_AT_ONCE;
        self.by_id.retain(|_, producer| {
            let goes = left > 0 && producer.last_seen <= limit;
            left -= usize::from(goes);
            !goes
        });
    }
}

//! Fetch: reads batches as they are stored, and waits until there are enough of them.
//!
//! The first partition that has data returns at least one whole batch whatever the limits say, so that no consumer
//! gets stuck at a large batch (KIP-74). A fetch that finds less than `min_bytes` and no error is parked: every
//! partition it asks for holds it, and the deadline is `max_wait_ms` away. While it waits it counts bytes; it reads again
//! when there seem to be enough of them, and at its deadline. Fetch sessions are declined: every answer
//! carries session id 0, and clients then name their partitions each time (KIP-227 allows it). A request that goes on
//! with a session, whatever its id, is told that there is none.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use streams_core::protocol::batch::Batches;
use streams_core::protocol::messages::fetch::{
    EpochEndOffset, FetchPartition, FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData,
};
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;
use uuid::Uuid;

use crate::broker::Broker;
use crate::purgatory::Delayed;
use crate::reply::{Completer, Reply, Ticket};
use crate::topics::partition::Partition;

/// Reads only what is committed.
const READ_COMMITTED: i8 = 1;

/// An epoch of -1 is not checked.
const NO_EPOCH: i32 = -1;

/// The epochs of requests that name all their partitions: one asks for a session, the other for none.
const FULL_FETCH_EPOCHS: [i32; 2] = [0, -1];

pub(super) fn handle(broker: &Broker, request: FetchRequest, now: Timestamp) -> Reply {
    if !FULL_FETCH_EPOCHS.contains(&request.session_epoch) {
        let response = FetchResponse { error_code: ErrorCode::FETCH_SESSION_ID_NOT_FOUND, ..FetchResponse::default() };
        return Reply::Now(response.into());
    }
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let wait = wait.min(broker.config().fetch_wait_max);
    let bytes_max = usize::try_from(request.max_bytes).unwrap_or(0).min(broker.config().fetch_bytes_max);
    let bytes_min = usize::try_from(request.min_bytes).unwrap_or(0).min(bytes_max);
    let plan = Plan::resolve(broker, request, bytes_max);
    let read = plan.read();
    if wait.is_zero() || plan.is_empty() || read.is_enough(bytes_min) {
        return Reply::Now(read.response.into());
    }
    let (ticket, completer) = Ticket::pair();
    let seen = Mutex::new(read.seen);
    let delayed = Arc::new(DelayedFetch { plan, bytes_min, seen, completer: Mutex::new(Some(completer)) });
    delayed.park(broker, now, wait);
    Reply::Later(ticket)
}

/// A fetch with its names resolved.
struct Plan {
    topics: Vec<PlannedTopic>,
    bytes_max: usize,
    is_read_committed: bool,
}

struct PlannedTopic {
    name: String,
    id: Uuid,
    partitions: Vec<PlannedPartition>,
}

struct PlannedPartition {
    wanted: FetchPartition,
    found: Result<Arc<Partition>, ErrorCode>,
}

/// What one attempt found.
struct Read {
    response: FetchResponse,
    bytes: usize,
    has_error: bool,
    /// For each partition, in the order of the plan.
    seen: Vec<Seen>,
}

/// What an attempt found in one partition that it may have to wait for.
#[derive(Clone, Copy, Default)]
struct Seen {
    /// The bytes it got.
    bytes: usize,
    /// [`Partition::visible_bytes`] at that moment.
    visible_bytes: u64,
}

impl Read {
    /// Whether there is no reason to wait: an error, enough bytes, or more records than one answer takes.
    fn is_enough(&self, bytes_min: usize) -> bool {
        let mut partitions = self.response.responses.iter().flat_map(|topic| &topic.partitions);
        self.has_error || self.bytes >= bytes_min || (self.bytes > 0 && partitions.any(is_cut_off))
    }
}

/// Whether there are visible records after those that were read.
fn is_cut_off(data: &PartitionData) -> bool {
    let records = data.records.as_deref().unwrap_or_default();
    let last = Batches::new(records).filter_map(Result::ok).last();
    last.is_some_and(|batch| batch.next_offset().0 < data.high_watermark)
}

impl Plan {
    fn resolve(broker: &Broker, request: FetchRequest, bytes_max: usize) -> Self {
        let topics = request.topics.into_iter().map(|topic| {
            let found = broker.topics().resolve(&topic.topic, topic.topic_id);
            let partitions = topic.partitions.into_iter().map(|wanted| {
                let found = found.as_ref().map_err(|code| *code).and_then(|topic| {
                    topic.partition(wanted.partition).cloned().ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
                });
                PlannedPartition { wanted, found }
            });
            PlannedTopic { name: topic.topic, id: topic.topic_id, partitions: partitions.collect() }
        });
        let topics = topics.collect();
        Self { topics, bytes_max, is_read_committed: request.isolation_level == READ_COMMITTED }
    }

    fn is_empty(&self) -> bool {
        self.topics.iter().all(|topic| topic.partitions.is_empty())
    }

    fn read(&self) -> Read {
        let mut read = Read { response: FetchResponse::default(), bytes: 0, has_error: false, seen: Vec::new() };
        read.response.responses.reserve(self.topics.len());
        for topic in &self.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for planned in &topic.partitions {
                let left = self.bytes_max.saturating_sub(read.bytes);
                let (data, visible_bytes) = self.read_partition(planned, left, read.bytes == 0);
                let bytes = data.records.as_ref().map_or(0, Bytes::len);
                read.bytes += bytes;
                read.has_error |= data.error_code.is_error() || data.diverging_epoch.epoch != NO_EPOCH;
                read.seen.push(Seen { bytes, visible_bytes });
                partitions.push(data);
            }
            let name = topic.name.clone();
            read.response.responses.push(FetchableTopicResponse { topic: name, topic_id: topic.id, partitions });
        }
        read
    }

    /// Whether a read may find enough, as far as that can be told without one: never too late, seldom too early. What
    /// was there at the last read was not enough.
    fn may_be_enough(&self, seen: &[Seen], bytes_min: usize) -> bool {
        let mut total = 0_usize;
        for (planned, seen) in self.topics.iter().flat_map(|topic| &topic.partitions).zip(seen) {
            let Ok(partition) = &planned.found else { return true };
            let Ok(visible_bytes) = partition.visible_bytes(planned.wanted.fetch_offset) else { return true };
            let more = visible_bytes.saturating_sub(seen.visible_bytes);
            let bytes = seen.bytes.saturating_add(usize::try_from(more).unwrap_or(usize::MAX));
            // A partition of which one answer does not take everything is not waited for.
            if more > 0 && bytes > usize::try_from(planned.wanted.partition_max_bytes).unwrap_or(0) {
                return true;
            }
            total = total.saturating_add(bytes);
        }
        total >= bytes_min
    }

    /// What is there, and how many bytes were visible then.
    fn read_partition(&self, planned: &PlannedPartition, left: usize, is_first: bool) -> (PartitionData, u64) {
        let wanted = &planned.wanted;
        let outcome = planned.found.as_ref().map_err(|code| *code).and_then(|partition| {
            partition.check_epoch(wanted.current_leader_epoch)?;
            let diverges = partition.diverges(wanted.last_fetched_epoch, wanted.fetch_offset)?;
            if let Some((epoch, end_offset)) = diverges {
                let diverging_epoch = EpochEndOffset { epoch, end_offset };
                return Ok((PartitionData { diverging_epoch, ..self.empty(wanted.partition, ErrorCode::NONE) }, 0));
            }
            let bytes_max = usize::try_from(wanted.partition_max_bytes).unwrap_or(0).min(left);
            let read = partition.read(wanted.fetch_offset, bytes_max, is_first)?;
            let data = PartitionData {
                high_watermark: read.high_watermark,
                last_stable_offset: read.high_watermark,
                log_start_offset: read.log_start_offset,
                records: Some(read.records),
                ..self.empty(wanted.partition, ErrorCode::NONE)
            };
            Ok((data, read.visible_bytes))
        });
        outcome.unwrap_or_else(|code| (self.empty(wanted.partition, code), 0))
    }

    fn empty(&self, partition_index: i32, error_code: ErrorCode) -> PartitionData {
        PartitionData {
            partition_index,
            error_code,
            high_watermark: -1,
            aborted_transactions: self.is_read_committed.then(Vec::new),
            records: Some(Bytes::new()),
            ..PartitionData::default()
        }
    }
}

/// A fetch that waits for records.
pub(crate) struct DelayedFetch {
    plan: Plan,
    bytes_min: usize,
    /// Of the last read.
    seen: Mutex<Vec<Seen>>,
    completer: Mutex<Option<Completer>>,
}

impl DelayedFetch {
    /// Registers everywhere, then looks once more: an append in between found nobody to wake.
    fn park(self: Arc<Self>, broker: &Broker, now: Timestamp, wait: Duration) {
        for planned in self.plan.topics.iter().flat_map(|topic| &topic.partitions) {
            if let Ok(partition) = &planned.found {
                partition.waiters().add(Arc::clone(&self) as Arc<dyn Delayed>);
            }
        }
        broker.purgatory().park(Arc::clone(&self) as Arc<dyn Delayed>, now, wait);
        self.try_complete(false);
    }

    fn seen(&self) -> MutexGuard<'_, Vec<Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Delayed for DelayedFetch {
    fn try_complete(&self, is_due: bool) -> bool {
        if self.is_done() {
            return true;
        }
        if !is_due && !self.plan.may_be_enough(&self.seen(), self.bytes_min) {
            return false;
        }
        let read = self.plan.read();
        if !is_due && !read.is_enough(self.bytes_min) {
            *self.seen() = read.seen;
            return false;
        }
        let completer = self.completer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(completer) = completer {
            completer.complete(read.response.into());
        }
        true
    }

    fn is_done(&self) -> bool {
        self.completer.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

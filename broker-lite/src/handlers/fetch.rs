//! Fetch: reads batches as they are stored, and waits until there are enough of them.
//!
//! The first partition that has data returns at least one whole batch whatever the limits say, so that no consumer
//! gets stuck at a large batch (KIP-74). A fetch that finds less than `min_bytes` and no error is parked: every
//! partition it asks for holds it, and the deadline is `max_wait_ms` away. While it waits it counts bytes; it reads again
//! when there seem to be enough of them, and at its deadline. Who reads in a session ([`sessions`]) waits for all partitions
//! of it, and the answer says only what is new.

pub(crate) mod sessions;

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

use self::sessions::{FetchSessions, Session};
use super::topic_of;
use crate::broker::{Broker, Context};
use crate::purgatory::Delayed;
use crate::reply::{Completer, Reply, Ticket};
use crate::topics::partition::{Partition, NO_EPOCH};

/// Reads only what is committed.
const READ_COMMITTED: i8 = 1;

/// From this version on topics go by id.
const TOPIC_IDS_SINCE: i16 = 13;

pub(super) fn handle(broker: &Broker, context: &Context, mut request: FetchRequest, now: Timestamp) -> Reply {
    let session = match broker.fetch_sessions().begin(&mut request, context.api_version, now) {
        Ok(session) => session,
        Err(error_code) => return Reply::Now(FetchResponse { error_code, ..FetchResponse::default() }.into()),
    };
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let wait = wait.min(broker.config().fetch_wait_max);
    let bytes_max = usize::try_from(request.max_bytes).unwrap_or(0).min(broker.config().fetch_bytes_max);
    let bytes_min = usize::try_from(request.min_bytes).unwrap_or(0).min(bytes_max);
    let sessions = Arc::clone(broker.fetch_sessions());
    let random = if matches!(session, Session::New { .. }) { broker.new_id().as_u128() } else { 0 };
    let place = SessionPlace { sessions, session, random, now };
    let plan = Plan::resolve(broker, context, request, bytes_max, place);
    let read = plan.read();
    if wait.is_zero() || plan.is_empty() || read.is_enough(bytes_min) {
        return Reply::Now(plan.settle(read.response).into());
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
    place: SessionPlace,
}

/// Where a fetch stands in a session, for when it is answered.
struct SessionPlace {
    sessions: Arc<FetchSessions>,
    session: Session,
    /// What a new session may be called.
    random: u128,
    now: Timestamp,
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
    fn resolve(
        broker: &Broker,
        context: &Context,
        request: FetchRequest,
        bytes_max: usize,
        place: SessionPlace,
    ) -> Self {
        let goes_by_id = context.api_version >= TOPIC_IDS_SINCE;
        let topics = request.topics.into_iter().map(|topic| {
            let found = topic_of(broker, goes_by_id, &topic.topic, topic.topic_id);
            let partitions = topic.partitions.into_iter().map(|wanted| {
                let found = found.as_ref().map_err(|code| *code).and_then(|topic| {
                    topic.partition(wanted.partition).cloned().ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
                });
                PlannedPartition { wanted, found }
            });
            PlannedTopic { name: topic.topic, id: topic.topic_id, partitions: partitions.collect() }
        });
        let topics = topics.collect();
        Self { topics, bytes_max, is_read_committed: request.isolation_level == READ_COMMITTED, place }
    }

    /// What of an answer the session has not heard yet, all of it without one.
    fn settle(&self, mut response: FetchResponse) -> FetchResponse {
        let SessionPlace { sessions, session, random, now } = &self.place;
        match *session {
            Session::None => response,
            Session::Next { id, epoch } => sessions.settle(id, epoch, response),
            Session::New { goes_by_id } => {
                let answered = self.topics.iter().zip(&response.responses).flat_map(|(topic, answer)| {
                    topic.partitions.iter().zip(&answer.partitions).map(|(planned, data)| {
                        let place = (topic.name.clone(), topic.id, planned.wanted.partition);
                        (place, planned.wanted.clone(), data)
                    })
                });
                response.session_id = sessions.create(goes_by_id, answered, *random, *now);
                response
            }
        }
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
        let partition = match &planned.found {
            Ok(partition) => partition,
            // A list that is there, though empty, whatever is asked for: so Kafka answers for an unknown place.
            Err(code) => {
                return (PartitionData { aborted_transactions: Some(Vec::new()), ..empty(wanted.partition, *code) }, 0)
            }
        };
        let read = || {
            // As in Kafka, every negative epoch of a fetch stands for none.
            partition.check_epoch(wanted.current_leader_epoch.max(NO_EPOCH))?;
            let diverges = partition.diverges(wanted.last_fetched_epoch, wanted.fetch_offset)?;
            if let Some(divergence) = diverges {
                let data = PartitionData {
                    diverging_epoch: EpochEndOffset { epoch: divergence.epoch, end_offset: divergence.end_offset },
                    high_watermark: divergence.high_watermark,
                    last_stable_offset: divergence.high_watermark,
                    log_start_offset: divergence.log_start_offset,
                    ..empty(wanted.partition, ErrorCode::NONE)
                };
                return Ok((data, 0));
            }
            let bytes_max = usize::try_from(wanted.partition_max_bytes).unwrap_or(0).min(left);
            let read = partition.read(wanted.fetch_offset, bytes_max, is_first)?;
            let data = PartitionData {
                aborted_transactions: self.is_read_committed.then(Vec::new),
                high_watermark: read.high_watermark,
                last_stable_offset: read.high_watermark,
                log_start_offset: read.log_start_offset,
                records: Some(read.records),
                ..empty(wanted.partition, ErrorCode::NONE)
            };
            Ok((data, read.visible_bytes))
        };
        read().unwrap_or_else(|code| (empty(wanted.partition, code), 0))
    }
}

fn empty(partition_index: i32, error_code: ErrorCode) -> PartitionData {
    PartitionData {
        partition_index,
        error_code,
        high_watermark: -1,
        aborted_transactions: None,
        records: Some(Bytes::new()),
        ..PartitionData::default()
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
            completer.complete(self.plan.settle(read.response).into());
        }
        true
    }

    fn is_done(&self) -> bool {
        self.completer.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }
}

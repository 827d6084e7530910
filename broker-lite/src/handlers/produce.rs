//! Produce: appends one batch to each partition and answers when the appends are as durable as the policy says.
//!
//! 1. Append to every partition; each succeeds or fails on its own. One that the request names twice is refused, both
//!    times: which batch comes first would be anyone's guess.
//! 2. Under `os` and `interval` the records are visible: wake who waits for them and answer.
//! 3. Under `fsync` mark the partitions dirty, register the answer, and let the next round sync, make the records
//!    visible and answer. A partition whose sync failed answers with a storage error then.

use std::sync::Arc;

use bytes::Bytes;
use streams_core::protocol::batch::{BatchView, Compression};
use streams_core::protocol::messages::produce::{
    BatchIndexAndErrorMessage, PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicProduceData, TopicProduceResponse,
};
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;
use uuid::Uuid;

use super::topic_of;
use crate::broker::{Broker, Context};
use crate::reply::{Reply, Ticket};
use crate::topics::partition::{AppendRefusal, Partition};
use crate::topics::{names, Topic};

/// Every replica, of which there is one.
const ACKS_ALL: i16 = -1;
/// No answer wanted.
const ACKS_NONE: i16 = 0;

/// From this version on topics go by id.
const TOPIC_IDS_SINCE: i16 = 13;

/// From this version on clients know what zstd is; before, a batch that uses it could not be read back.
const ZSTD_SINCE: i16 = 7;

type FoundTopic = Result<Arc<Topic>, ErrorCode>;

/// An append that waits for a sync: where its answer stands in the response.
struct Unsynced {
    partition: Arc<Partition>,
    topic_at: usize,
    partition_at: usize,
}

pub(super) fn handle(broker: &Broker, context: &Context, request: ProduceRequest, now: Timestamp) -> Reply {
    let acks = request.acks;
    let knows_zstd = context.api_version >= ZSTD_SINCE;
    let goes_by_id = context.api_version >= TOPIC_IDS_SINCE;
    let resolve = |data: &TopicProduceData| topic_of(broker, goes_by_id, &data.name, data.topic_id);
    let topics: Vec<FoundTopic> = request.topic_data.iter().map(resolve).collect();
    let repeated = repeated(&request, &topics);
    let lacks_id = request.transactional_id.is_none() && is_transactional(&request);
    let mut unsynced = Vec::new();
    let mut response = ProduceResponse::default();
    for (data, topic) in request.topic_data.into_iter().zip(topics) {
        let mut partition_responses = Vec::with_capacity(data.partition_data.len());
        for part in data.partition_data {
            let index = part.index;
            let outcome = check(&topic, acks, lacks_id).and_then(|topic| {
                check_part(topic, &part, &repeated, knows_zstd)?;
                append(broker, topic, part, now)
            });
            if let Ok((_, Some(partition))) = &outcome {
                let (topic_at, partition_at) = (response.responses.len(), partition_responses.len());
                unsynced.push(Unsynced { partition: Arc::clone(partition), topic_at, partition_at });
            }
            partition_responses.push(match outcome {
                Ok((appended, _)) => appended,
                Err(refusal) => refused(index, refusal),
            });
        }
        let topic = TopicProduceResponse { name: data.name, topic_id: data.topic_id, partition_responses };
        response.responses.push(topic);
    }
    if unsynced.is_empty() || acks == ACKS_NONE {
        if !unsynced.is_empty() {
            broker.sync_queue().nudge();
        }
        return Reply::Now(response.into());
    }
    let (ticket, completer) = Ticket::pair();
    broker.sync_queue().after_sync(Box::new(move || {
        report_failed_syncs(&mut response, &unsynced);
        completer.complete(response.into());
    }));
    Reply::Later(ticket)
}

/// Whether a batch belongs to a transaction.
fn is_transactional(request: &ProduceRequest) -> bool {
    let mut batches = request.topic_data.iter().flat_map(|topic| &topic.partition_data);
    batches.any(|part| {
        let batch = BatchView::split(part.records.as_deref().unwrap_or_default());
        matches!(batch, Ok(Some((batch, _))) if batch.is_transactional())
    })
}

fn check(topic: &FoundTopic, acks: i16, lacks_id: bool) -> Result<&Arc<Topic>, AppendRefusal> {
    if lacks_id {
        let message = "the request has a batch of a transaction, and no transactional id";
        return Err(AppendRefusal::new(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, message));
    }
    if !(ACKS_ALL..=1).contains(&acks) {
        return Err(AppendRefusal::from(ErrorCode::INVALID_REQUIRED_ACKS));
    }
    let topic = topic.as_ref().map_err(|code| AppendRefusal::from(*code))?;
    if names::is_internal(&topic.name) {
        return Err(AppendRefusal::new(
            ErrorCode::INVALID_TOPIC_EXCEPTION,
            format!("topic {} is written by the broker only", topic.name),
        ));
    }
    // No `min.insync.replicas` is too much: Kafka, too, wants no more of them than the topic has replicas.
    Ok(topic)
}

/// The partitions that a request names more than once.
fn repeated(request: &ProduceRequest, topics: &[FoundTopic]) -> Vec<(Uuid, i32)> {
    let places = topics.iter().zip(&request.topic_data).filter_map(|(topic, data)| Some((topic.as_ref().ok()?, data)));
    let places = places.flat_map(|(topic, data)| data.partition_data.iter().map(|part| (topic.id, part.index)));
    if places.clone().nth(1).is_none() {
        return Vec::new();
    }
    let mut places: Vec<_> = places.collect();
    places.sort_unstable();
    places.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect()
}

fn check_part(
    topic: &Topic,
    part: &PartitionProduceData,
    repeated: &[(Uuid, i32)],
    knows_zstd: bool,
) -> Result<(), AppendRefusal> {
    if topic.partition(part.index).is_none() {
        return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION.into());
    }
    let refuse = |code, why: &str| Err(AppendRefusal::new(code, format!("{}-{}: {why}", topic.name, part.index)));
    if repeated.contains(&(topic.id, part.index)) {
        return refuse(ErrorCode::INVALID_REQUEST, "the request names the partition more than once");
    }
    // What is wrong with a batch itself, the log says.
    let Ok(batch) = BatchView::split(part.records.as_deref().unwrap_or_default()) else { return Ok(()) };
    let Some((batch, rest)) = batch else {
        return refuse(ErrorCode::INVALID_RECORD, "there is no whole batch to append");
    };
    if matches!(BatchView::split(rest), Ok(Some(_))) {
        return refuse(
            ErrorCode::INVALID_RECORD,
            "a client sends one batch per partition and request, and here are more",
        );
    }
    if !knows_zstd && batch.compression().is_ok_and(|compression| compression == Compression::Zstd) {
        let why = format!("zstd needs version {ZSTD_SINCE} of the produce request");
        return refuse(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, &why);
    }
    Ok(())
}

type Appended = (PartitionProduceResponse, Option<Arc<Partition>>);

/// Appends one batch; returns the partition too when a sync must follow before the answer.
fn append(
    broker: &Broker,
    topic: &Topic,
    data: PartitionProduceData,
    now: Timestamp,
) -> Result<Appended, AppendRefusal> {
    let partition = topic.partition(data.index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let mut records: Bytes = data.records.unwrap_or_default();
    if let Ok(Some((batch, rest))) = BatchView::split(&records) {
        // What no batch is, Kafka drops.
        if !rest.is_empty() && matches!(BatchView::split(rest), Ok(None)) {
            records = records.slice(..batch.len());
        }
    }
    let appended = partition.append(records, now)?;
    let response = PartitionProduceResponse {
        index: data.index,
        base_offset: appended.base_offset,
        log_append_time_ms: appended.log_append_time_ms,
        log_start_offset: appended.log_start_offset,
        ..PartitionProduceResponse::default()
    };
    broker.sync_queue().mark_dirty(partition);
    if broker.sync_queue().awaits_sync() {
        return Ok((response, Some(Arc::clone(partition))));
    }
    partition.wake();
    Ok((response, None))
}

fn refused(index: i32, refusal: AppendRefusal) -> PartitionProduceResponse {
    let record_errors = refusal.records.into_iter().map(|(batch_index, message)| BatchIndexAndErrorMessage {
        batch_index,
        batch_index_error_message: Some(message),
    });
    PartitionProduceResponse {
        index,
        error_code: refusal.code,
        base_offset: -1,
        log_start_offset: refusal.log_start_offset,
        record_errors: record_errors.collect(),
        error_message: refusal.message,
        ..PartitionProduceResponse::default()
    }
}

/// After the round: what could not be synced is not acknowledged.
fn report_failed_syncs(response: &mut ProduceResponse, unsynced: &[Unsynced]) {
    for Unsynced { partition, topic_at, partition_at } in unsynced {
        let Some(message) = partition.offline_reason() else { continue };
        let topic = response.responses.get_mut(*topic_at);
        if let Some(answer) = topic.and_then(|topic| topic.partition_responses.get_mut(*partition_at)) {
            let refusal = AppendRefusal::new(ErrorCode::KAFKA_STORAGE_ERROR, message);
            *answer = refused(answer.index, refusal);
        }
    }
}

//! DeleteRecords: moves the start of partitions forward, durably before the answer.
//!
//! An application deletes what it committed to have processed. Where commits are answered before they are durable, they
//! become so before the records go, and so do the records that stay: a crash must not bring back a position before the
//! deleted records, nor give their offsets to others.

use streams_core::protocol::messages::topics::{
    DeleteRecordsPartition, DeleteRecordsPartitionResult, DeleteRecordsRequest, DeleteRecordsResponse,
    DeleteRecordsTopicResult,
};
use streams_core::protocol::ErrorCode;

use crate::broker::Broker;
use crate::topics::{names, Topic};

/// Asks for the high watermark.
const HIGH_WATERMARK: i64 = -1;

pub(super) fn handle(broker: &Broker, request: DeleteRecordsRequest) -> DeleteRecordsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let found = broker.topics().get(&topic.name);
        let partitions = topic.partitions.iter().map(|wanted| {
            let outcome = found
                .as_ref()
                .ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
                .and_then(|topic| delete(broker, topic, wanted));
            let (low_watermark, error_code) = match outcome {
                Ok(low_watermark) => (low_watermark, ErrorCode::NONE),
                Err(code) => (-1, code),
            };
            DeleteRecordsPartitionResult { partition_index: wanted.partition_index, low_watermark, error_code }
        });
        let partitions = partitions.collect();
        DeleteRecordsTopicResult { name: topic.name, partitions }
    });
    DeleteRecordsResponse { topics: topics.collect(), ..DeleteRecordsResponse::default() }
}

fn delete(broker: &Broker, topic: &Topic, wanted: &DeleteRecordsPartition) -> Result<i64, ErrorCode> {
    let partition = topic.partition(wanted.partition_index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    if names::is_internal(&topic.name) {
        return Err(ErrorCode::INVALID_TOPIC_EXCEPTION);
    }
    if topic.config.has_policy("compact") && !topic.config.has_policy("delete") {
        return Err(ErrorCode::POLICY_VIOLATION);
    }
    let (_, high_watermark) = partition.bounds()?;
    let offset = if wanted.offset == HIGH_WATERMARK { high_watermark } else { wanted.offset };
    if offset < 0 || offset > high_watermark {
        return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    if !broker.sync_queue().awaits_sync() {
        broker.sync_offsets()?;
        broker.sync_now(partition);
    }
    partition.delete_records(offset)
}

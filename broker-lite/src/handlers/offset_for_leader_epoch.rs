//! OffsetForLeaderEpoch: where an epoch ended, so that a consumer notices that records it read are gone.

use streams_core::protocol::messages::list_offsets::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};
use streams_core::protocol::ErrorCode;

use crate::broker::Broker;

pub(super) fn handle(broker: &Broker, request: OffsetForLeaderEpochRequest) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let found = broker.topics().get(&topic.topic);
        let partitions = topic.partitions.iter().map(|wanted| {
            let partition = found.as_ref().and_then(|topic| topic.partition(wanted.partition));
            let end = partition.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION).and_then(|partition| {
                partition.check_epoch(wanted.current_leader_epoch)?;
                Ok(partition.end_of_epoch(wanted.leader_epoch)?.unwrap_or((-1, -1)))
            });
            let (error_code, (leader_epoch, end_offset)) = match end {
                Ok(end) => (ErrorCode::NONE, end),
                Err(code) => (code, (-1, -1)),
            };
            EpochEndOffset { error_code, partition: wanted.partition, leader_epoch, end_offset }
        });
        let partitions = partitions.collect();
        OffsetForLeaderTopicResult { topic: topic.topic, partitions }
    });
    OffsetForLeaderEpochResponse { topics: topics.collect(), ..OffsetForLeaderEpochResponse::default() }
}

//! OffsetFetch: the positions of groups. What was never committed is offset -1, which is no error.

use streams_core::protocol::messages::offsets::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions, OffsetFetchResponseTopic,
    OffsetFetchResponseTopics,
};
use streams_core::protocol::ErrorCode;
use uuid::Uuid;

use super::topic_of;
use crate::broker::{Broker, Context};
use crate::coordinator::offset_records::CommitValue;

/// From this version on a request names many groups.
const BATCHED_SINCE: i16 = 8;
/// From this version on topics go by id.
const TOPIC_IDS_SINCE: i16 = 10;

pub(super) fn handle(broker: &Broker, context: &Context, request: OffsetFetchRequest) -> OffsetFetchResponse {
    let is_by_id = context.api_version >= TOPIC_IDS_SINCE;
    if context.api_version >= BATCHED_SINCE {
        let groups = request.groups.into_iter().map(|group| one_group(broker, group, is_by_id));
        return OffsetFetchResponse { groups: groups.collect(), ..OffsetFetchResponse::default() };
    }
    let topics = request.topics.map(|topics| {
        let topics = topics.into_iter().map(|topic| OffsetFetchRequestTopics {
            name: topic.name,
            topic_id: Uuid::nil(),
            partition_indexes: topic.partition_indexes,
        });
        topics.collect()
    });
    let group = OffsetFetchRequestGroup { group_id: request.group_id, topics, ..OffsetFetchRequestGroup::default() };
    let answer = one_group(broker, group, false);
    OffsetFetchResponse {
        topics: answer.topics.into_iter().map(unbatched).collect(),
        error_code: answer.error_code,
        ..OffsetFetchResponse::default()
    }
}

fn one_group(broker: &Broker, group: OffsetFetchRequestGroup, is_by_id: bool) -> OffsetFetchResponseGroup {
    let group_id = group.group_id;
    let topics = match group.topics {
        Some(topics) => topics.into_iter().map(|topic| wanted_topic(broker, &group_id, topic, is_by_id)).collect(),
        None => every_topic(broker, &group_id, is_by_id),
    };
    OffsetFetchResponseGroup { group_id, topics, error_code: ErrorCode::NONE }
}

fn wanted_topic(
    broker: &Broker,
    group: &str,
    wanted: OffsetFetchRequestTopics,
    is_by_id: bool,
) -> OffsetFetchResponseTopics {
    let OffsetFetchRequestTopics { mut name, topic_id, partition_indexes } = wanted;
    let topic = topic_of(broker, is_by_id, &name, topic_id);
    if let (Ok(topic), false) = (&topic, topic_id.is_nil()) {
        name = topic.name.to_string();
    }
    let partitions = partition_indexes.into_iter().map(|index| match &topic {
        Ok(topic) => answer(index, broker.offsets().get(group, topic, index)),
        Err(ErrorCode::UNKNOWN_TOPIC_ID) => {
            OffsetFetchResponsePartitions { error_code: ErrorCode::UNKNOWN_TOPIC_ID, ..answer(index, None) }
        }
        // To have committed nothing in a topic that does not exist is no error.
        Err(_) => answer(index, None),
    });
    let partitions = partitions.collect();
    OffsetFetchResponseTopics { name, topic_id, partitions }
}

fn every_topic(broker: &Broker, group: &str, is_by_id: bool) -> Vec<OffsetFetchResponseTopics> {
    let mut topics: Vec<OffsetFetchResponseTopics> = Vec::new();
    for (name, partition, value) in broker.offsets().all(group) {
        let Some(topic) = broker.topics().get(&name).filter(|topic| value.is_of(topic.id)) else { continue };
        if topics.last().is_none_or(|topic| topic.name != name) {
            let topic_id = if is_by_id { topic.id } else { Uuid::nil() };
            topics.push(OffsetFetchResponseTopics { name, topic_id, partitions: Vec::new() });
        }
        if let Some(topic) = topics.last_mut() {
            topic.partitions.push(answer(partition, Some(value)));
        }
    }
    topics
}

fn answer(partition_index: i32, committed: Option<CommitValue>) -> OffsetFetchResponsePartitions {
    let value = committed.unwrap_or(CommitValue {
        offset: -1,
        leader_epoch: -1,
        metadata: String::new(),
        commit_timestamp: streams_core::time::Timestamp::UNKNOWN,
        topic_id: Uuid::nil(),
    });
    OffsetFetchResponsePartitions {
        partition_index,
        committed_offset: value.offset,
        committed_leader_epoch: value.leader_epoch,
        metadata: Some(value.metadata),
        error_code: ErrorCode::NONE,
    }
}

fn unbatched(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partitions = topic.partitions.into_iter().map(|partition| OffsetFetchResponsePartition {
        partition_index: partition.partition_index,
        committed_offset: partition.committed_offset,
        committed_leader_epoch: partition.committed_leader_epoch,
        metadata: partition.metadata,
        error_code: partition.error_code,
    });
    OffsetFetchResponseTopic { name: topic.name, partitions: partitions.collect() }
}

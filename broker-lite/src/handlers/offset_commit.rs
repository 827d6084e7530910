//! OffsetCommit: stores positions of a group, durably before the answer.
//!
//! Groups have no members in this broker yet, so a commit must come from outside a generation (-1), as from a client
//! that assigns its partitions itself.

use std::sync::Arc;

use streams_core::protocol::messages::offsets::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;

use crate::broker::Broker;
use crate::coordinator::offset_records::{CommitKey, CommitValue};
use crate::coordinator::offsets::GroupOffsets;
use crate::reply::{Reply, Ticket};
use crate::topics::Topic;

/// The longest metadata of a position; Kafka's limit.
const METADATA_BYTES_MAX: usize = 4096;

/// The longest group id: it must fit a string of the protocol with room to spare.
const GROUP_ID_BYTES_MAX: usize = 16 * 1024;

pub(super) fn handle(broker: &Broker, request: OffsetCommitRequest, now: Timestamp) -> Reply {
    let refusal = check_group(&request).err();
    let mut entries = Vec::new();
    let topics = request.topics.into_iter().map(|wanted| {
        let topic = broker.topics().resolve(&wanted.name, wanted.topic_id);
        let partitions = wanted.partitions.into_iter().map(|position| {
            let partition_index = position.partition_index;
            let outcome = refusal.map_or_else(|| entry(&request.group_id, topic.as_ref(), position, now), Err);
            let error_code = match outcome {
                Ok(entry) => {
                    entries.push(entry);
                    ErrorCode::NONE
                }
                Err(code) => code,
            };
            OffsetCommitResponsePartition { partition_index, error_code }
        });
        let partitions = partitions.collect();
        OffsetCommitResponseTopic { name: wanted.name, topic_id: wanted.topic_id, partitions }
    });
    let response = OffsetCommitResponse { topics: topics.collect(), ..OffsetCommitResponse::default() };
    if entries.is_empty() {
        return Reply::Now(response.into());
    }
    store(broker, entries, response, now)
}

fn check_group(request: &OffsetCommitRequest) -> Result<(), ErrorCode> {
    if request.group_id.is_empty() || request.group_id.len() > GROUP_ID_BYTES_MAX {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    if request.generation_id_or_member_epoch >= 0 {
        return Err(ErrorCode::ILLEGAL_GENERATION);
    }
    Ok(())
}

type Entry = (CommitKey, Option<CommitValue>);

fn entry(
    group: &str,
    topic: Result<&Arc<Topic>, &ErrorCode>,
    position: OffsetCommitRequestPartition,
    now: Timestamp,
) -> Result<Entry, ErrorCode> {
    let topic = topic.map_err(|code| *code)?;
    let partition = topic.partition(position.partition_index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let metadata = position.committed_metadata.unwrap_or_default();
    if metadata.len() > METADATA_BYTES_MAX {
        return Err(ErrorCode::OFFSET_METADATA_TOO_LARGE);
    }
    let key = CommitKey { group: group.to_owned(), topic: topic.name.to_string(), partition: partition.index() };
    let value = CommitValue {
        offset: position.committed_offset,
        leader_epoch: position.committed_leader_epoch,
        metadata,
        commit_timestamp: now,
    };
    Ok((key, Some(value)))
}

fn store(broker: &Broker, entries: Vec<Entry>, mut response: OffsetCommitResponse, now: Timestamp) -> Reply {
    let journaled = broker.offsets_journal(now).map_err(|refusal| refusal.code).and_then(|journal| {
        let commit = GroupOffsets::journal(&journal, entries, now).map_err(|refusal| refusal.code)?;
        Ok((journal, commit))
    });
    let (journal, commit) = match journaled {
        Ok(journaled) => journaled,
        Err(code) => {
            fail(&mut response, code);
            return Reply::Now(response.into());
        }
    };
    let offsets = Arc::clone(broker.offsets());
    broker.sync_queue().mark_dirty(&journal);
    if !broker.sync_queue().awaits_sync() {
        offsets.apply_commit(commit);
        journal.wake();
        return Reply::Now(response.into());
    }
    let (ticket, completer) = Ticket::pair();
    broker.sync_queue().after_sync(Box::new(move || {
        if journal.offline_reason().is_some() {
            fail(&mut response, ErrorCode::KAFKA_STORAGE_ERROR);
        } else {
            offsets.apply_commit(commit);
        }
        completer.complete(response.into());
    }));
    Reply::Later(ticket)
}

/// Nothing was stored: every position that was accepted fails.
fn fail(response: &mut OffsetCommitResponse, code: ErrorCode) {
    for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if partition.error_code.is_none() {
            partition.error_code = code;
        }
    }
}

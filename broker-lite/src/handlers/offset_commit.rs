//! OffsetCommit: stores positions of a group, durably before the answer.
//!
//! Groups have no members in this broker yet, so a commit must come from outside a generation (-1), as from a client
//! that assigns its partitions itself. As in Kafka, topics and partitions are looked at before the group is, and the
//! empty group id is one like any other.

use std::sync::Arc;

use streams_core::protocol::messages::offsets::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitResponse, OffsetCommitResponsePartition,
    OffsetCommitResponseTopic,
};
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;

use super::topic_of;
use crate::broker::{Broker, Context};
use crate::coordinator::offset_records::{CommitKey, CommitValue};
use crate::coordinator::offsets::{GroupOffsets, JournaledCommit};
use crate::reply::{Reply, Ticket};
use crate::topics::partition::Partition;
use crate::topics::Topic;

/// The longest metadata of a position in UTF-16 units, as Kafka counts them: its `offset.metadata.max.bytes`.
pub(super) const METADATA_UNITS_MAX: usize = 4096;

/// The longest group id: it must fit a string of the protocol with room to spare.
const GROUP_ID_BYTES_MAX: usize = 16 * 1024;

/// From this version on a group that does not exist has a code of its own.
const UNKNOWN_GROUP_SINCE: i16 = 9;

/// From this version on topics go by id.
const TOPIC_IDS_SINCE: i16 = 10;

/// "No position": what a client that never read anything may commit.
const NO_OFFSET: i64 = -1;

pub(super) fn handle(broker: &Broker, context: &Context, request: OffsetCommitRequest, now: Timestamp) -> Reply {
    let refusal = check_group(broker, context, &request).err();
    let mut entries = Vec::new();
    let mut deletable = Vec::new();
    let topics = request.topics.into_iter().map(|wanted| {
        let goes_by_id = context.api_version >= TOPIC_IDS_SINCE;
        let topic = topic_of(broker, goes_by_id, &wanted.name, wanted.topic_id);
        let partitions = wanted.partitions.into_iter().map(|position| {
            let partition_index = position.partition_index;
            let place = place(topic.as_ref(), partition_index);
            let place = place.and_then(|place| refusal.map_or(Ok(place), Err));
            let entry = place.and_then(|place| Ok((place.1, entry(&request.group_id, place, position, now)?)));
            let error_code = match entry {
                Ok((partition, entry)) => {
                    entries.push(entry);
                    deletable.push(Arc::clone(partition));
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
    store(broker, entries, deletable, response, now)
}

fn check_group(broker: &Broker, context: &Context, request: &OffsetCommitRequest) -> Result<(), ErrorCode> {
    if request.group_id.len() > GROUP_ID_BYTES_MAX {
        return Err(ErrorCode::INVALID_GROUP_ID);
    }
    if request.generation_id_or_member_epoch < 0 {
        return Ok(());
    }
    Err(match broker.offsets().all(&request.group_id).is_empty() {
        false => ErrorCode::UNKNOWN_MEMBER_ID,
        true if context.api_version >= UNKNOWN_GROUP_SINCE => ErrorCode::GROUP_ID_NOT_FOUND,
        true => ErrorCode::ILLEGAL_GENERATION,
    })
}

type Entry = (CommitKey, Option<CommitValue>);

fn place<'a>(
    topic: Result<&'a Arc<Topic>, &ErrorCode>,
    index: i32,
) -> Result<(&'a Topic, &'a Arc<Partition>), ErrorCode> {
    let topic = topic.map_err(|code| *code)?;
    let partition = topic.partition(index).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    Ok((topic, partition))
}

fn entry(
    group: &str,
    (topic, partition): (&Topic, &Arc<Partition>),
    position: OffsetCommitRequestPartition,
    now: Timestamp,
) -> Result<Entry, ErrorCode> {
    let metadata = position.committed_metadata.unwrap_or_default();
    if metadata.encode_utf16().count() > METADATA_UNITS_MAX {
        return Err(ErrorCode::OFFSET_METADATA_TOO_LARGE);
    }
    if position.committed_offset < NO_OFFSET {
        return Err(ErrorCode::INVALID_REQUEST);
    }
    let key = CommitKey { group: group.to_owned(), topic: topic.name.to_string(), partition: partition.index() };
    let value = CommitValue {
        offset: position.committed_offset,
        leader_epoch: position.committed_leader_epoch,
        metadata,
        commit_timestamp: now,
        topic_id: topic.id,
    };
    Ok((key, Some(value)))
}

/// Journals the entries and answers when they are as durable as the policy says. Of a topic that is deleted meanwhile
/// nothing is kept; what else the request commits is stored, and refused all the same.
fn store(
    broker: &Broker,
    entries: Vec<Entry>,
    partitions: Vec<Arc<Partition>>,
    mut response: OffsetCommitResponse,
    now: Timestamp,
) -> Reply {
    let (journal, commit) = match journal(broker, entries, now) {
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
            if partitions.iter().any(|partition| partition.is_deleted()) {
                fail(&mut response, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
            }
        }
        completer.complete(response.into());
    }));
    Reply::Later(ticket)
}

/// While no topic can be deleted, so that the journal has nothing of a topic after the tombstones of its deletion.
fn journal(
    broker: &Broker,
    entries: Vec<Entry>,
    now: Timestamp,
) -> Result<(Arc<Partition>, JournaledCommit), ErrorCode> {
    let journal = broker.offsets_journal(now).map_err(|refusal| refusal.code)?;
    let commit = broker.topics().hold(|is_there| {
        let mut ids = entries.iter().filter_map(|(_, value)| value.as_ref()).map(|value| value.topic_id);
        if !ids.all(is_there) {
            return Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        }
        GroupOffsets::journal(&journal, entries, now).map_err(|refusal| commit_code(refusal.code))
    })?;
    Ok((journal, commit))
}

/// What a refusal of the journal is called in the answer to a commit, as in Kafka.
fn commit_code(code: ErrorCode) -> ErrorCode {
    match code {
        ErrorCode::MESSAGE_TOO_LARGE | ErrorCode::RECORD_LIST_TOO_LARGE => ErrorCode::INVALID_COMMIT_OFFSET_SIZE,
        code => code,
    }
}

/// Nothing was stored: every position that was accepted fails.
fn fail(response: &mut OffsetCommitResponse, code: ErrorCode) {
    for partition in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if partition.error_code.is_none() {
            partition.error_code = code;
        }
    }
}

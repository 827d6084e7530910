//! FindCoordinator, committed positions, and producer ids.

use streams_core::protocol::messages::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use streams_core::protocol::messages::metadata::MetadataResponse;
use streams_core::protocol::messages::offsets::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    OffsetFetchResponse,
};
use streams_core::protocol::messages::transactions::{InitProducerIdRequest, InitProducerIdResponse};
use streams_core::protocol::ErrorCode;
use uuid::Uuid;

use crate::talk::{describe_request, Talk};

/// From this version on a request names many keys, and before this one a key has no type.
const KEYS_SINCE: i16 = 4;
const TYPES_SINCE: i16 = 1;

/// From this version on a producer says which id it had.
const PRODUCERS_SINCE: i16 = 3;

/// From these versions on a request names many groups, and topics by id.
const BATCHED_SINCE: i16 = 8;
const IDS_SINCE: i16 = 10;

/// Asks for the coordinator of a group, in this version or those that are written like it.
pub(crate) fn coordinator_request(group: &str, version: i16) -> FindCoordinatorRequest {
    match version < KEYS_SINCE {
        true => FindCoordinatorRequest { key: group.to_owned(), ..FindCoordinatorRequest::default() },
        false => {
            FindCoordinatorRequest { coordinator_keys: vec![group.to_owned()], ..FindCoordinatorRequest::default() }
        }
    }
}

/// Whether the broker need not be asked again.
pub(crate) fn is_found(answer: &FindCoordinatorResponse) -> bool {
    let mut codes = answer.coordinators.iter().map(|found| found.error_code).chain([answer.error_code]);
    codes.all(|code| code != ErrorCode::COORDINATOR_NOT_AVAILABLE)
}

/// Whether the topic of positions is there: its code, whether it is internal, whether it has partitions.
fn note_topic(talk: &mut Talk, label: &str) {
    let answer: MetadataResponse = talk.ask(describe_request("__consumer_offsets"), 12);
    let topic = &answer.topics[0];
    talk.note(label, [(topic.error_code, topic.is_internal, !topic.partitions.is_empty())]);
}

pub(crate) fn coordinators(talk: &mut Talk) {
    talk.ask_until(coordinator_request("group", 4), 4, |answer: &FindCoordinatorResponse| is_found(answer));
    for version in 0..=6 {
        for (group, key_type) in [("group", 0), ("", 0), ("group", 5), ("group", -1)] {
            if version < TYPES_SINCE && key_type != 0 {
                continue;
            }
            let request = FindCoordinatorRequest { key_type, ..coordinator_request(group, version) };
            let mut answer: FindCoordinatorResponse = talk.ask(request, version);
            answer.port = answer.port.min(1);
            answer.coordinators.iter_mut().for_each(|found| found.port = found.port.min(1));
            talk.note(format!("key `{group}` of type {key_type}, v{version}"), [answer]);
        }
    }
    let request = FindCoordinatorRequest { coordinator_keys: Vec::new(), ..FindCoordinatorRequest::default() };
    let answer: FindCoordinatorResponse = talk.ask(request, 4);
    talk.note("no keys", [answer]);
}

/// Of partition 0 of a topic that goes by name and by id.
fn commit_request(
    group: &str,
    topic: &str,
    topic_id: Uuid,
    partition: i32,
    metadata: Option<&str>,
) -> OffsetCommitRequest {
    let position = OffsetCommitRequestPartition {
        partition_index: partition,
        committed_offset: 7,
        committed_leader_epoch: 3,
        committed_metadata: metadata.map(str::to_owned),
    };
    let topic = OffsetCommitRequestTopic { name: topic.to_owned(), topic_id, partitions: vec![position] };
    OffsetCommitRequest { group_id: group.to_owned(), topics: vec![topic], ..OffsetCommitRequest::default() }
}

fn commit(talk: &mut Talk, label: &str, request: OffsetCommitRequest, version: i16) {
    let is_ready = |answer: &OffsetCommitResponse| {
        let mut codes = answer.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code);
        !codes.any(|code| code == ErrorCode::COORDINATOR_LOAD_IN_PROGRESS || code == ErrorCode::NOT_COORDINATOR)
    };
    let answer: OffsetCommitResponse = talk.ask_until(request, version, is_ready);
    talk.note(format!("commit: {label}, v{version}"), answer.topics);
}

fn fetch_request(group: &str, topics: Option<&[(&str, Uuid, i32)]>) -> OffsetFetchRequest {
    let batched = |(name, topic_id, index): &(&str, Uuid, i32)| OffsetFetchRequestTopics {
        name: (*name).to_owned(),
        topic_id: *topic_id,
        partition_indexes: vec![*index],
    };
    let single = |(name, _, index): &(&str, Uuid, i32)| OffsetFetchRequestTopic {
        name: (*name).to_owned(),
        partition_indexes: vec![*index],
    };
    OffsetFetchRequest {
        group_id: group.to_owned(),
        topics: topics.map(|topics| topics.iter().map(single).collect()),
        groups: vec![OffsetFetchRequestGroup {
            group_id: group.to_owned(),
            topics: topics.map(|topics| topics.iter().map(batched).collect()),
            ..OffsetFetchRequestGroup::default()
        }],
        ..OffsetFetchRequest::default()
    }
}

fn fetch(talk: &mut Talk, label: &str, mut request: OffsetFetchRequest, version: i16) {
    if version < BATCHED_SINCE {
        request.groups.clear();
    } else {
        (request.group_id, request.topics) = (String::new(), OffsetFetchRequest::default().topics);
    }
    let mut answer: OffsetFetchResponse = talk.ask(request, version);
    answer.topics.sort_by(|one, other| one.name.cmp(&other.name));
    answer.groups.iter_mut().for_each(|group| group.topics.sort_by(|one, other| one.name.cmp(&other.name)));
    talk.note(format!("fetch: {label}, v{version}"), [answer]);
}

pub(crate) fn positions(talk: &mut Talk) {
    let id = talk.create("positions", 2, &[]);
    note_topic(talk, "the topic of positions before anybody asked for a coordinator");
    talk.ask_until(coordinator_request("group", 4), 4, |answer: &FindCoordinatorResponse| is_found(answer));
    note_topic(talk, "the topic of positions after FindCoordinator");
    for version in 2..=10 {
        let topic_id = if version >= IDS_SINCE { id } else { Uuid::nil() };
        commit(talk, "a position", commit_request("group", "positions", topic_id, 0, Some("note")), version);
        fetch(talk, "a position", fetch_request("group", Some(&[("positions", topic_id, 0)])), version);
        fetch(talk, "all positions", fetch_request("group", None), version);
        fetch(talk, "no topics", fetch_request("group", Some(&[])), version);
        fetch(
            talk,
            "a position that nobody committed",
            fetch_request("group", Some(&[("positions", topic_id, 1)])),
            version,
        );
        fetch(
            talk,
            "a group that nobody knows",
            fetch_request("unknown", Some(&[("positions", topic_id, 0)])),
            version,
        );
        fetch(talk, "all of a group that nobody knows", fetch_request("unknown", None), version);
        fetch(talk, "no such partition", fetch_request("group", Some(&[("positions", topic_id, 9)])), version);
        let (missing, missing_id) = ("missing", if version >= IDS_SINCE { Uuid::from_u128(7) } else { Uuid::nil() });
        fetch(talk, "no such topic", fetch_request("group", Some(&[(missing, missing_id, 0)])), version);
        commit(talk, "no such topic", commit_request("group", missing, missing_id, 0, None), version);
        commit(talk, "no such partition", commit_request("group", "positions", topic_id, 2, None), version);
        commit(talk, "no note", commit_request("no-note", "positions", topic_id, 0, None), version);
        fetch(talk, "no note", fetch_request("no-note", Some(&[("positions", topic_id, 0)])), version);
        let mut request = commit_request("unknown", "positions", topic_id, 0, None);
        request.generation_id_or_member_epoch = 5;
        commit(talk, "a generation of an unknown group", request.clone(), version);
        request.group_id = "group".to_owned();
        commit(talk, "a generation of a group without members", request.clone(), version);
        request.member_id = "member".to_owned();
        request.generation_id_or_member_epoch = -1;
        commit(talk, "a member of a group without members", request, version);
        commit(
            talk,
            "nothing",
            OffsetCommitRequest { topics: Vec::new(), ..commit_request("group", "", id, 0, None) },
            version,
        );
    }
    commit(talk, "no group", commit_request("", "positions", Uuid::nil(), 0, Some("")), 8);
    fetch(talk, "no group", fetch_request("", Some(&[("positions", Uuid::nil(), 0)])), BATCHED_SINCE);
    let long = "x".repeat(4097);
    commit(talk, "a note too long", commit_request("group", "positions", Uuid::nil(), 0, Some(&long)), 8);
    let mut request = commit_request("group", "positions", Uuid::nil(), 0, None);
    request.topics[0].partitions[0].committed_offset = -1;
    commit(talk, "offset -1", request.clone(), 8);
    fetch(talk, "offset -1", fetch_request("group", Some(&[("positions", Uuid::nil(), 0)])), 8);
    for (member, epoch) in [(None, -1), (Some("member"), -1), (Some("member"), 5), (None, 5)] {
        let mut request = fetch_request("group", Some(&[("positions", Uuid::nil(), 0)]));
        request.groups[0].member_id = member.map(str::to_owned);
        request.groups[0].member_epoch = epoch;
        fetch(talk, &format!("as member {member:?} in epoch {epoch}"), request.clone(), 9);
        request.groups[0].group_id = "unknown".to_owned();
        fetch(talk, &format!("as member {member:?} in epoch {epoch} of an unknown group"), request, 9);
    }
    let mut request = fetch_request("group", None);
    request.groups = ["group", "no-note", "group"].map(|name| fetch_request(name, None).groups.remove(0)).to_vec();
    fetch(talk, "several groups", request, 9);
}

pub(crate) fn producer_ids(talk: &mut Talk) {
    let is_ready = |answer: &InitProducerIdResponse| answer.error_code != ErrorCode::COORDINATOR_LOAD_IN_PROGRESS;
    for version in 0..=5 {
        for (transactional_id, producer_id, producer_epoch) in
            [(None, -1, -1), (None, 5, 3), (None, 5, -1), (None, -1, 3), (None, -7, -9), (Some(""), -1, -1)]
        {
            if version < PRODUCERS_SINCE && (producer_id, producer_epoch) != (-1, -1) {
                continue;
            }
            let request = InitProducerIdRequest {
                transactional_id: transactional_id.map(str::to_owned),
                transaction_timeout_ms: -5,
                producer_id,
                producer_epoch,
            };
            let mut answer: InitProducerIdResponse = talk.ask_until(request, version, is_ready);
            answer.producer_id = answer.producer_id.min(0);
            let label =
                format!("id {transactional_id:?}, producer {producer_id} in epoch {producer_epoch}, v{version}");
            talk.note(label, [answer]);
        }
    }
}

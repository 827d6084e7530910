//! Committed offsets: what is refused, what is kept verbatim, and what was never committed.

use broker_lite::disk::memory::{Crash, MemoryDisk};
use broker_lite::SyncPolicy;
use streams_core::protocol::messages::offsets::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
    OffsetFetchResponsePartitions,
};
use streams_core::protocol::ErrorCode;
use uuid::Uuid;

use crate::stepped::*;
use crate::support::*;

/// A commit of offset 7 for partition 0 of `orders` by a group without members.
fn commit_request(group: &str) -> OffsetCommitRequest {
    let position = OffsetCommitRequestPartition {
        committed_offset: 7,
        committed_metadata: Some("note".to_owned()),
        ..OffsetCommitRequestPartition::default()
    };
    let topic = OffsetCommitRequestTopic {
        name: "orders".to_owned(),
        partitions: vec![position],
        ..OffsetCommitRequestTopic::default()
    };
    OffsetCommitRequest { group_id: group.to_owned(), topics: vec![topic], ..OffsetCommitRequest::default() }
}

pub(crate) fn commit_one(wire: &mut Wire, group: &str) {
    assert_eq!(commit(wire, commit_request(group), 8), ErrorCode::NONE);
}

fn commit(wire: &mut Wire, request: OffsetCommitRequest, version: i16) -> ErrorCode {
    let answer: OffsetCommitResponse = wire.ask(request, version);
    answer.topics[0].partitions[0].error_code
}

fn fetch(wire: &mut Wire, group: &str, name: &str, id: Uuid, version: i16) -> OffsetFetchResponsePartitions {
    let topic = OffsetFetchRequestTopics { name: name.to_owned(), topic_id: id, partition_indexes: vec![0] };
    let group = OffsetFetchRequestGroup {
        group_id: group.to_owned(),
        topics: Some(vec![topic]),
        ..OffsetFetchRequestGroup::default()
    };
    let request = OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() };
    let mut answer: OffsetFetchResponse = wire.ask(request, version);
    let mut group = answer.groups.remove(0);
    assert_eq!(group.error_code, ErrorCode::NONE);
    group.topics.remove(0).partitions.remove(0)
}

fn with_orders() -> Wire {
    let mut wire = Wire::new();
    wire.create("orders", &[]);
    wire
}

fn changed(
    topic: impl FnOnce(&mut OffsetCommitRequestTopic),
    position: impl FnOnce(&mut OffsetCommitRequestPartition),
) -> OffsetCommitRequest {
    let mut request = commit_request("group");
    topic(&mut request.topics[0]);
    position(&mut request.topics[0].partitions[0]);
    request
}

/// As Kafka 4.3 answers, in the version in which a topic goes by id, too.
#[test]
fn a_commit_for_what_does_not_exist_is_refused() {
    let mut wire = with_orders();
    let to_topic = |name: &str| changed(|topic| topic.name = name.to_owned(), |_| {});
    for version in [2, 7, 9] {
        assert_eq!(commit(&mut wire, to_topic("missing"), version), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        for index in [-1, 2] {
            let request = changed(|_| {}, |position| position.partition_index = index);
            assert_eq!(commit(&mut wire, request, version), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, "{index}");
        }
    }
    for id in [Uuid::nil(), Uuid::from_u128(7)] {
        let request = changed(|topic| topic.topic_id = id, |_| {});
        assert_eq!(commit(&mut wire, request, 10), ErrorCode::UNKNOWN_TOPIC_ID);
    }
    assert_eq!(fetch(&mut wire, "group", "missing", Uuid::nil(), 8).committed_offset, -1, "nothing was stored");
    let id = wire.describe("orders", false).topic_id;
    assert_eq!(commit(&mut wire, changed(|topic| topic.topic_id = id, |_| {}), 10), ErrorCode::NONE);
    assert_eq!(fetch(&mut wire, "group", "", id, 10).committed_offset, 7);
}

/// The place is looked at before the group is.
#[test]
fn an_unknown_place_is_told_before_a_wrong_group() {
    let mut wire = with_orders();
    let mut request = changed(|topic| topic.name = "missing".to_owned(), |_| {});
    request.generation_id_or_member_epoch = 5;
    assert_eq!(commit(&mut wire, request, 8), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

/// B92: a generation of a group that has none, before and after the group has offsets.
#[test]
fn a_generation_of_a_group_without_members_is_refused() {
    let mut wire = with_orders();
    let mut request = commit_request("group");
    (request.generation_id_or_member_epoch, request.member_id) = (5, "member".to_owned());
    assert_eq!(commit(&mut wire, request.clone(), 8), ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(commit(&mut wire, request.clone(), 9), ErrorCode::GROUP_ID_NOT_FOUND);
    commit_one(&mut wire, "group");
    for version in [8, 9] {
        assert_eq!(commit(&mut wire, request.clone(), version), ErrorCode::UNKNOWN_MEMBER_ID);
    }
}

/// B92: the limit counts UTF-16 units, as Kafka does.
#[rstest::rstest]
#[case::b92_limit("x", 4096, ErrorCode::NONE)]
#[case::b92_one_more("x", 4097, ErrorCode::OFFSET_METADATA_TOO_LARGE)]
#[case::b92_5_kb("x", 5000, ErrorCode::OFFSET_METADATA_TOO_LARGE)]
#[case::b92_limit_in_two_bytes_each("ü", 4096, ErrorCode::NONE)]
#[case::b92_one_more_in_two_bytes_each("ü", 4097, ErrorCode::OFFSET_METADATA_TOO_LARGE)]
fn metadata_has_a_limit(#[case] letter: &str, #[case] count: usize, #[case] code: ErrorCode) {
    let mut wire = with_orders();
    let text = letter.repeat(count);
    let request = changed(|_| {}, |position| position.committed_metadata = Some(text.clone()));
    assert_eq!(commit(&mut wire, request, 8), code);
    let kept = fetch(&mut wire, "group", "orders", Uuid::nil(), 8).metadata;
    assert_eq!(kept, Some(if code.is_none() { text } else { String::new() }));
}

/// B92: -1 says "no position" and reads back as that; other negative offsets are no positions.
#[test]
fn a_negative_offset_is_refused() {
    let mut wire = with_orders();
    for (offset, code) in
        [(-5, ErrorCode::INVALID_REQUEST), (i64::MIN, ErrorCode::INVALID_REQUEST), (-1, ErrorCode::NONE)]
    {
        let request = changed(|_| {}, |position| position.committed_offset = offset);
        assert_eq!(commit(&mut wire, request, 8), code, "{offset}");
    }
    assert_eq!(fetch(&mut wire, "group", "orders", Uuid::nil(), 8).committed_offset, -1);
}

/// What was never committed is no error; an id that nothing has is.
#[test]
fn what_was_never_committed_is_no_error() {
    let mut wire = with_orders();
    commit_one(&mut wire, "group");
    for (group, topic) in [("nobody", "orders"), ("group", "missing"), ("", "orders")] {
        let found = fetch(&mut wire, group, topic, Uuid::nil(), 8);
        let expected = (-1, -1, Some(String::new()), ErrorCode::NONE);
        let found = (found.committed_offset, found.committed_leader_epoch, found.metadata, found.error_code);
        assert_eq!(found, expected, "{group}/{topic}");
    }
    for id in [Uuid::nil(), Uuid::from_u128(7)] {
        assert_eq!(fetch(&mut wire, "group", "", id, 10).error_code, ErrorCode::UNKNOWN_TOPIC_ID);
    }
}

/// B84: a group's name is anything, comes back as it was given, and the empty one is a name too, as with Kafka.
#[rstest::rstest]
#[case::b84_empty("")]
#[case::b84_control("a\u{1b}[2J\r\n\0b")]
#[case::b84_direction("a\u{202e}b")]
fn group_ids_are_opaque(#[case] group: &str) {
    let mut wire = with_orders();
    commit_one(&mut wire, group);
    let found = fetch(&mut wire, group, "orders", Uuid::nil(), 8);
    assert_eq!((found.committed_offset, found.metadata.as_deref()), (7, Some("note")));
}

/// A topic of the same name is another topic: a group that read the first one has read nothing of the second.
#[rstest::rstest]
fn offsets_of_a_deleted_topic_do_not_come_back(
    #[values(SyncPolicy::Fsync, SyncPolicy::Os)] sync: SyncPolicy,
    #[values(Crash::LoseUnsynced, Crash::KeepAll)] crash: Crash,
    #[values(false, true)] is_made_before_the_crash: bool,
) {
    let disk = MemoryDisk::new();
    let broker = Stepped::over(&disk, sync);
    for topic in ["orders", "kept"] {
        broker.create(topic, &[]);
        assert_eq!(broker.commit(topic, 7), ErrorCode::NONE);
    }
    // The commits are durable, as an interval or a clean stop makes them; what follows need not be.
    broker.0.close();
    let disk = disk.crash(Crash::KeepAll);
    let broker = Stepped::over(&disk, sync);
    broker.delete("orders");
    if is_made_before_the_crash {
        broker.create("orders", &[]);
    }
    let (broker, disk) = broker.crashed(&disk, crash, sync);
    if !is_made_before_the_crash {
        broker.create("orders", &[]);
    }
    assert_eq!((broker.committed("orders"), broker.committed("kept")), (-1, 7));
    let (broker, disk) = broker.crashed(&disk, crash, sync);
    assert_eq!((broker.committed("orders"), broker.committed("kept")), (-1, 7), "nor at the start after that");
    assert_eq!(broker.commit("orders", 3), ErrorCode::NONE);
    broker.0.sync();
    let (broker, _) = broker.crashed(&disk, Crash::KeepAll, sync);
    assert_eq!(broker.committed("orders"), 3);
}

/// A commit whose sync ends after its topic was deleted stores nothing, neither for it nor for its successor.
#[test]
fn a_commit_that_outlives_its_topic_is_refused() {
    let disk = MemoryDisk::new();
    let broker = Stepped::over(&disk, SyncPolicy::Fsync);
    broker.create("orders", &[]);
    assert_eq!(broker.commit("orders", 1), ErrorCode::NONE);
    let late = broker.send(Stepped::commit_request("orders", 7), NOW).expect_err("it waits for its sync");
    broker.delete("orders");
    broker.create("orders", &[]);
    broker.0.sync();
    let answer = OffsetCommitResponse::try_from(late.try_take().expect("synced")).unwrap();
    assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(broker.committed("orders"), -1);
    let (broker, _) = broker.crashed(&disk, Crash::KeepAll, SyncPolicy::Fsync);
    assert_eq!(broker.committed("orders"), -1);
}

/// How many positions with the longest metadata make a commit of this size; `max.message.bytes` is 1 MiB.
#[rstest::rstest]
#[case::above_max_message_bytes(600, ErrorCode::NONE)]
#[case::above_a_segment_of_the_journal(5000, ErrorCode::INVALID_COMMIT_OFFSET_SIZE)]
fn large_commits_are_stored_or_refused_in_kafkas_words(#[case] positions: usize, #[case] code: ErrorCode) {
    let disk = MemoryDisk::new();
    let broker = Stepped::over(&disk, SyncPolicy::Fsync);
    broker.create("orders", &[]);
    let mut request = Stepped::commit_request("orders", 7);
    request.topics[0].partitions[0].committed_metadata = Some("m".repeat(4096));
    let position = request.topics[0].partitions[0].clone();
    request.topics[0].partitions = vec![position; positions];
    let answer: OffsetCommitResponse = broker.ask(request, NOW);
    assert!(answer.topics[0].partitions.iter().all(|partition| partition.error_code == code), "{answer:?}");
    assert_eq!(broker.committed("orders"), if code.is_none() { 7 } else { -1 });
    broker.0.close();
    let broker = Stepped::over(&disk.crash(Crash::KeepAll), SyncPolicy::Fsync);
    assert_eq!(broker.committed("orders"), if code.is_none() { 7 } else { -1 });
}

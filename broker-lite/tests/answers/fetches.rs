//! Fetch: where it begins, how much it takes, epochs, and sessions.

use streams_core::protocol::batch::{BatchOptions, Batches};
use streams_core::protocol::messages::fetch::{
    FetchPartition, FetchRequest, FetchResponse, FetchTopic, ForgottenTopic, PartitionData,
};
use streams_core::Timestamp;
use uuid::Uuid;

use crate::support::{batch, batch_with, fetch_request};
use crate::talk::Talk;

/// From this version on topics go by id.
const IDS_SINCE: i16 = 13;

/// Asks, and notes what came of each partition.
fn note(talk: &mut Talk, label: &str, request: FetchRequest, version: i16) -> FetchResponse {
    let mut answer: FetchResponse = talk.ask(request, version);
    answer.responses.sort_by(|one, other| (&one.topic, one.topic_id).cmp(&(&other.topic, other.topic_id)));
    let mut lines = vec![format!("{:?}, in a session: {}", answer.error_code, answer.session_id != 0)];
    for topic in &mut answer.responses {
        topic.partitions.sort_by_key(|data| data.partition_index);
        lines.extend(topic.partitions.iter().map(|data| format!("{} {} {}", topic.topic, topic.topic_id, shown(data))));
    }
    lines.extend(answer.node_endpoints.iter().map(|node| format!("node {}", node.node_id)));
    talk.note(format!("{label}, v{version}"), lines.into_iter().map(Plain));
    answer
}

/// Text that is noted as it is.
struct Plain(String);

impl std::fmt::Debug for Plain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The whole batches as offsets and leader epochs: Kafka also sends the beginning of one more, which clients drop.
fn shown(data: &PartitionData) -> String {
    let records = data.records.as_deref();
    let batches = Batches::new(records.unwrap_or_default()).map_while(Result::ok);
    let batches = batches.map(|batch| {
        let compression = batch.compression().unwrap().name();
        format!("{}-{}@{} {compression}", batch.base_offset(), batch.last_offset(), batch.partition_leader_epoch())
    });
    let batches: Vec<String> = batches.collect();
    let data = PartitionData { records: None, ..data.clone() };
    format!("{data:?}, null: {}, batches: {batches:?}", records.is_none())
}

/// A request by id for versions that want one.
fn of(topic: &str, id: Uuid, partitions: Vec<FetchPartition>, version: i16) -> FetchRequest {
    let mut request = fetch_request(topic, 0, 0);
    request.topics[0].partitions = partitions;
    if version >= IDS_SINCE {
        request.topics[0].topic_id = id;
    }
    request
}

fn at(partition: i32, fetch_offset: i64) -> FetchPartition {
    FetchPartition { partition, fetch_offset, partition_max_bytes: 1 << 20, ..FetchPartition::default() }
}

/// Two partitions: one with the batches 0 to 2, 3, and 4 to 5, and an empty one.
fn filled(talk: &mut Talk, topic: &str) -> Uuid {
    let id = talk.create(topic, 2, &[]);
    for count in [3, 1, 2] {
        talk.produce(topic, batch_with(&vec!["v"; count], Timestamp(1_700_000_000_000), &BatchOptions::default()));
    }
    id
}

pub(crate) fn fetch(talk: &mut Talk) {
    let id = filled(talk, "fetched");
    for version in [4, 7, 9, 11, 12, 13, 15, 16, 17, 18] {
        note(talk, "from the start", of("fetched", id, vec![at(0, 0), at(1, 0)], version), version);
        for offset in [-1, 1, 6, 7, i64::MAX] {
            note(talk, &format!("from {offset}"), of("fetched", id, vec![at(0, offset)], version), version);
        }
        note(talk, "no such partition", of("fetched", id, vec![at(-1, 0), at(2, 0)], version), version);
        note(talk, "no such topic", of("missing", Uuid::from_u128(7), vec![at(0, 0)], version), version);
    }
    note(talk, "no id", of("", Uuid::nil(), vec![at(0, 0)], IDS_SINCE), IDS_SINCE);
    note(talk, "no topics", FetchRequest { topics: Vec::new(), ..fetch_request("", 0, 0) }, 12);
    for offset in [0, 6, 7] {
        let mut request = of("fetched", id, vec![at(0, offset)], 12);
        request.isolation_level = 1;
        note(talk, &format!("committed only, from {offset}"), request, 12);
    }
    let mut request = of("missing", id, vec![at(0, 0)], 12);
    request.isolation_level = 1;
    note(talk, "committed only, no such topic", request, 12);
    talk.delete_records("fetched", 4);
    for offset in [0, 3, 4, 5] {
        note(
            talk,
            &format!("after records were deleted, from {offset}"),
            of("fetched", id, vec![at(0, offset)], 12),
            12,
        );
    }
    talk.create("fetched-gzip", 1, &[("compression.type", "gzip")]);
    talk.produce("fetched-gzip", batch("v"));
    note(talk, "what the broker compresses", fetch_request("fetched-gzip", 0, 0), 12);
    twice(talk, id);
}

/// A place that a request names more than once.
fn twice(talk: &mut Talk, id: Uuid) {
    let mut request = of("fetched", id, vec![at(0, 4)], 12);
    request.topics.push(FetchTopic { partitions: vec![at(1, 0)], ..request.topics[0].clone() });
    note(talk, "a topic twice", request, 12);
}

pub(crate) fn limits(talk: &mut Talk) {
    let id = filled(talk, "limited");
    let both = filled(talk, "limited-too");
    let one = batch_with(&["v"; 3], Timestamp(1_700_000_000_000), &BatchOptions::default()).len();
    let one = i32::try_from(one).unwrap();
    for partition_most in [0, 1, one - 1, one, one + 1, 2 * one] {
        let mut request = of("limited", id, vec![at(0, 0)], 12);
        request.topics[0].partitions[0].partition_max_bytes = partition_most;
        note(talk, &format!("first batch and {} bytes of a partition", partition_most - one), request, 12);
    }
    for most in [0, 1, one, one + 1, 2 * one, 3 * one] {
        let mut request = of("limited", id, vec![at(0, 0)], 12);
        request.topics.extend(of("limited-too", both, vec![at(0, 0)], 12).topics);
        request.max_bytes = most;
        note(talk, &format!("first batch and {} bytes", most - one), request, 12);
    }
    let mut request = of("limited", id, vec![at(1, 0), at(0, 0)], 12);
    request.topics[0].partitions.iter_mut().for_each(|partition| partition.partition_max_bytes = 1);
    note(talk, "the first partition has nothing", request, 12);
    for (label, offset, least, wait) in [
        ("less than wanted", 0, 1 << 19, 30),
        ("nothing there", 6, 1, 30),
        ("no least", 6, 0, 600_000),
        ("an error", 7, 1, 600_000),
    ] {
        let mut request = of("limited", id, vec![at(0, offset)], 12);
        (request.min_bytes, request.max_wait_ms) = (least, wait);
        note(talk, label, request, 12);
    }
    let mut request = of("limited", id, vec![at(0, 0)], 12);
    (request.min_bytes, request.max_wait_ms, request.topics[0].partitions[0].partition_max_bytes) = (1 << 19, 30, 1);
    note(talk, "less than wanted, but more than a partition may give", request, 12);
}

pub(crate) fn epochs(talk: &mut Talk) {
    let id = filled(talk, "fetched-epochs");
    for version in [12, 16, 17] {
        for epoch in [-2, -1, 0, 1] {
            let partition = FetchPartition { current_leader_epoch: epoch, ..at(0, 3) };
            note(talk, &format!("current epoch {epoch}"), of("fetched-epochs", id, vec![partition], version), version);
        }
    }
    for (epoch, offset) in [(-2, 3), (-1, 3), (0, 3), (0, 6), (0, 7), (0, -1), (1, 3), (1, 7)] {
        let partition = FetchPartition { last_fetched_epoch: epoch, ..at(0, offset) };
        let label = format!("last epoch {epoch} before {offset}");
        note(talk, &label, of("fetched-epochs", id, vec![partition], 12), 12);
    }
    talk.delete_records("fetched-epochs", 4);
    for (epoch, offset) in [(0, 3), (0, 4), (0, 7)] {
        let partition = FetchPartition { last_fetched_epoch: epoch, ..at(0, offset) };
        let label = format!("last epoch {epoch} before {offset}, after records were deleted");
        note(talk, &label, of("fetched-epochs", id, vec![partition], 12), 12);
    }
}

/// With partitions and those to forget, in a session.
fn in_session(talk: &mut Talk, label: &str, (id, epoch): (i32, i32), partitions: Vec<FetchPartition>) -> i32 {
    let mut request = of("in-session", Uuid::nil(), partitions, 12);
    (request.session_id, request.session_epoch) = (id, epoch);
    note(talk, label, request, 12).session_id
}

pub(crate) fn sessions(talk: &mut Talk) {
    filled(talk, "in-session");
    in_session(talk, "no session", (0, -1), vec![at(0, 6), at(1, 0)]);
    let id = in_session(talk, "a new one", (0, 0), vec![at(0, 6), at(1, 0)]);
    in_session(talk, "nothing is new", (id, 1), Vec::new());
    talk.produce("in-session", batch("v"));
    in_session(talk, "something is new", (id, 2), Vec::new());
    in_session(talk, "the same again", (id, 3), Vec::new());
    in_session(talk, "a partition moves on", (id, 4), vec![at(0, 7)]);
    in_session(talk, "and has nothing", (id, 5), Vec::new());
    in_session(talk, "an epoch again", (id, 5), Vec::new());
    in_session(talk, "an epoch too far", (id, 9), Vec::new());
    in_session(talk, "the right epoch", (id, 6), vec![at(1, 5)]);
    in_session(talk, "an error stays", (id, 7), vec![at(0, 0)]);
    in_session(talk, "the end", (id, -1), vec![at(0, 6)]);
    in_session(talk, "after the end", (id, 8), Vec::new());
    in_session(talk, "no session goes on", (0, 3), Vec::new());
    forgetting(talk);
    fairness(talk);
}

/// A partition that nobody reads any more, the last one, and a session that changes its ways.
fn forgetting(talk: &mut Talk) {
    let id = in_session(talk, "one to forget from", (0, 0), vec![at(0, 6), at(1, 0)]);
    let forget = |partition| ForgottenTopic {
        topic: "in-session".to_owned(),
        partitions: vec![partition],
        ..ForgottenTopic::default()
    };
    let mut request = of("in-session", Uuid::nil(), Vec::new(), 12);
    (request.session_id, request.session_epoch, request.forgotten_topics_data) = (id, 1, vec![forget(0)]);
    note(talk, "one is forgotten", request.clone(), 12);
    let mut by_id = request.clone();
    (by_id.session_epoch, by_id.forgotten_topics_data, by_id.topics) = (2, Vec::new(), Vec::new());
    note(talk, "by ids all of a sudden", by_id, 13);
    (request.session_epoch, request.forgotten_topics_data) = (2, vec![forget(1), forget(5)]);
    note(talk, "all are forgotten", request, 12);
    in_session(talk, "after all were forgotten", (id, 3), Vec::new());
}

/// Whose turn it is when an answer has room for one partition.
fn fairness(talk: &mut Talk) {
    filled(talk, "in-session-too");
    let mut request = of("in-session", Uuid::nil(), vec![at(0, 0)], 12);
    request.topics.extend(of("in-session-too", Uuid::nil(), vec![at(0, 0)], 12).topics);
    (request.max_bytes, request.session_epoch) = (1, 0);
    request.session_id = note(talk, "room for one", request.clone(), 12).session_id;
    request.topics.clear();
    for number in 1..5 {
        request.session_epoch = number;
        note(talk, &format!("room for one, turn {number}"), request.clone(), 12);
    }
}

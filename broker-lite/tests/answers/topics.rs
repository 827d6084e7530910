//! CreateTopics, DeleteTopics, CreatePartitions and DeleteRecords.

use streams_core::protocol::messages::find_coordinator::FindCoordinatorResponse;
use streams_core::protocol::messages::metadata::MetadataResponse;
use streams_core::protocol::messages::topics::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig, CreatableTopicResult, CreatePartitionsAssignment,
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreateTopicsRequest,
    CreateTopicsResponse, DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
    DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use uuid::Uuid;

use crate::groups::{coordinator_request, is_found};
use crate::support::batch;
use crate::talk::{describe_request, Talk};

const TIMEOUT_MS: i32 = 30_000;

/// From this version on topics are deleted by name or id.
const STATES_SINCE: i16 = 6;

/// A topic of one partition and one replica.
fn topic(name: &str) -> CreatableTopic {
    CreatableTopic { name: name.to_owned(), num_partitions: 1, replication_factor: 1, ..CreatableTopic::default() }
}

fn assigned(name: &str, places: &[(i32, &[i32])]) -> CreatableTopic {
    let place = |(partition_index, broker_ids): &(i32, &[i32])| CreatableReplicaAssignment {
        partition_index: *partition_index,
        broker_ids: broker_ids.to_vec(),
    };
    let assignments = places.iter().map(place).collect();
    CreatableTopic { num_partitions: -1, replication_factor: -1, assignments, ..topic(name) }
}

fn configured(name: &str, configs: &[(&str, Option<&str>)]) -> CreatableTopic {
    let config = |(name, value): &(&str, Option<&str>)| CreatableTopicConfig {
        name: (*name).to_owned(),
        value: value.map(str::to_owned),
    };
    CreatableTopic { configs: configs.iter().map(config).collect(), ..topic(name) }
}

/// The results by name; of the configs only those with these names, and how many there are else.
fn asked(talk: &mut Talk, topics: Vec<CreatableTopic>, is_dry: bool, version: i16) -> Vec<CreatableTopicResult> {
    let request = CreateTopicsRequest { topics, timeout_ms: TIMEOUT_MS, validate_only: is_dry };
    let mut answer: CreateTopicsResponse = talk.ask(request, version);
    answer.topics.sort_by(|one, other| one.name.cmp(&other.name));
    answer.topics
}

fn note(talk: &mut Talk, label: &str, topics: Vec<CreatableTopic>, is_dry: bool, version: i16) {
    let mut results = asked(talk, topics, is_dry, version);
    for result in &mut results {
        if !result.topic_id.is_nil() {
            result.topic_id = Uuid::max();
        }
        if result.name.len() > 100 {
            result.name = "a long name".to_owned();
        }
        if let Some(configs) = &mut result.configs {
            configs.retain(|config| config.config_source == 1);
        }
    }
    talk.note(format!("{label}, v{version}"), results);
}

pub(crate) fn create(talk: &mut Talk) {
    for version in 2..=7 {
        note(talk, "a topic", vec![topic(&format!("created-{version}"))], false, version);
        note(talk, "only checked", vec![topic(&format!("checked-{version}"))], true, version);
        note(talk, "there already", vec![topic(&format!("created-{version}"))], false, version);
    }
    talk.wait_for("created-7", 1);
    talk.create("collides_here", 1, &[]);
    let of = |partitions: i32, replicas: i16| CreatableTopic {
        num_partitions: partitions,
        replication_factor: replicas,
        ..topic("created-not")
    };
    for (partitions, replicas) in [(0, 1), (-2, 1), (1, 0), (1, -2), (0, 0), (1, 2), (-1, -1), (i32::MIN, 1)] {
        note(talk, &format!("{partitions} partitions of {replicas} replicas"), vec![of(partitions, replicas)], true, 7);
    }
    for (label, wanted) in [
        ("assigned", assigned("created-not", &[(0, &[1]), (1, &[1])])),
        ("assigned out of order", assigned("created-not", &[(1, &[1]), (0, &[1])])),
        ("assigned with a gap", assigned("created-not", &[(0, &[1]), (2, &[1])])),
        ("assigned not from 0", assigned("created-not", &[(1, &[1])])),
        ("assigned twice", assigned("created-not", &[(0, &[1]), (0, &[1])])),
        ("assigned to a broker that is not there", assigned("created-not", &[(0, &[9])])),
        ("assigned to no broker", assigned("created-not", &[(0, &[])])),
        ("assigned to one broker twice", assigned("created-not", &[(0, &[1, 1])])),
        ("assigned and counted", CreatableTopic { num_partitions: 1, ..assigned("created-not", &[(0, &[1])]) }),
        ("assigned and replicated", CreatableTopic { replication_factor: 1, ..assigned("created-not", &[(0, &[1])]) }),
        ("assigned, but there already", assigned("created-7", &[(0, &[9])])),
        ("no partitions, but there already", CreatableTopic { num_partitions: 0, ..topic("created-7") }),
        ("a bad config, but there already", configured("created-7", &[("retention.ms", Some("soon"))])),
        (
            "a bad config and no partitions",
            CreatableTopic { num_partitions: 0, ..configured("created-not", &[("retention", Some("1"))]) },
        ),
        ("no partitions and no name", CreatableTopic { num_partitions: 0, ..topic("") }),
        ("a bad config and no name", configured("", &[("retention", Some("1"))])),
        ("a name that collides", topic("collides.here")),
        ("a name that collides, and no partitions", CreatableTopic { num_partitions: 0, ..topic("collides.here") }),
        ("a bad name", topic("a/b")),
        ("a name of 250 letters", topic(&"x".repeat(250))),
        ("the topic of the cluster", topic("__cluster_metadata")),
    ] {
        note(talk, label, vec![wanted], true, 7);
    }
    note(talk, "a name twice", vec![topic("created-not"), topic("created-not"), topic("created-too")], true, 7);
    note(talk, "names that collide with each other", vec![topic("created.x"), topic("created_x")], true, 7);
    note(talk, "a good and a bad one", vec![topic("a/b"), topic("created-good")], false, 7);
    note(talk, "nothing", Vec::new(), false, 7);
    let mut results = asked(talk, vec![configured("created-configured", &[("retention.ms", Some("1000"))])], false, 7);
    let mut configs = results.remove(0).configs.unwrap();
    // Kafka sets this one by itself, to its default.
    configs.retain(|config| config.name != "min.insync.replicas");
    talk.note("all configs", configs);
}

/// Values that a config may or may not take.
#[rustfmt::skip]
const VALUES: &[(&str, &[&str])] = &[
    ("cleanup.policy", &["delete", "compact", "compact,delete", "delete,delete", "", " compact", "compact, delete", "compact,", "shred", "DELETE", "none"]),
    ("compression.gzip.level", &["-1", "0", "1", "9", "10"]),
    ("compression.lz4.level", &["0", "1", "17", "18"]),
    ("compression.type", &["producer", "uncompressed", "gzip", "zstd", "none", "ZSTD", ""]),
    ("compression.zstd.level", &["-131073", "-131072", "0", "22", "23"]),
    ("delete.retention.ms", &["-1", "0", "9223372036854775807", "9223372036854775808"]),
    ("file.delete.delay.ms", &["-1", "0"]),
    ("flush.messages", &["0", "1"]),
    ("flush.ms", &["-1", "0"]),
    ("follower.replication.throttled.replicas", &["", "*", "0:1", "0:1,1:2", "none", "x"]),
    ("index.interval.bytes", &["-1", "0", "2147483648"]),
    ("leader.replication.throttled.replicas", &["*", "0:1,x"]),
    ("local.retention.bytes", &["-3", "-2", "-1", "5"]),
    ("local.retention.ms", &["-3", "-2", "-1", "5"]),
    ("max.compaction.lag.ms", &["0", "1"]),
    ("max.message.bytes", &["-1", "0", "1e3", "+5", "5.0", " 5", "5 "]),
    ("message.timestamp.after.max.ms", &["-1", "0"]),
    ("message.timestamp.before.max.ms", &["-1", "0"]),
    ("message.timestamp.type", &["CreateTime", "LogAppendTime", "createtime"]),
    ("min.cleanable.dirty.ratio", &["-0.1", "0", "1", "1.1", "NaN", ".5", "half"]),
    ("min.compaction.lag.ms", &["-1", "0"]),
    ("min.insync.replicas", &["0", "1", "2"]),
    ("preallocate", &["true", "FALSE", " true", "yes", "1", ""]),
    ("remote.log.copy.disable", &["true"]),
    ("remote.log.delete.on.disable", &["true"]),
    ("remote.storage.enable", &["true", "false"]),
    ("retention.bytes", &["-2", "-1", "0"]),
    ("retention.ms", &["-2", "-1", "0", ""]),
    ("segment.bytes", &["0", "1023", "1048575", "1048576", "2147483647"]),
    ("segment.index.bytes", &["3", "4"]),
    ("segment.jitter.ms", &["-1", "0"]),
    ("segment.ms", &["0", "1"]),
    ("unclean.leader.election.enable", &["true", "x"]),
    ("message.format.version", &["2.8"]),
    ("no.such.config", &["1"]),
    ("", &["1"]),
];

pub(crate) fn configs(talk: &mut Talk) {
    let code = |talk: &mut Talk, configs: &[(&str, Option<&str>)]| {
        asked(talk, vec![configured("configured-not", configs)], true, 7).remove(0).error_code
    };
    for (name, values) in VALUES {
        for value in *values {
            let code = code(talk, &[(name, Some(value))]);
            talk.note(format!("{name} = `{value}`"), [code]);
        }
    }
    for (label, configs) in [
        ("a null", &[("retention.ms", None)][..]),
        ("a name twice", &[("retention.ms", Some("1")), ("retention.ms", Some("2"))]),
        ("lags that cross", &[("min.compaction.lag.ms", Some("5")), ("max.compaction.lag.ms", Some("4"))]),
        ("lags that meet", &[("min.compaction.lag.ms", Some("5")), ("max.compaction.lag.ms", Some("5"))]),
        ("more time local than in all", &[("local.retention.ms", Some("5")), ("retention.ms", Some("4"))]),
        ("more bytes local than in all", &[("local.retention.bytes", Some("5")), ("retention.bytes", Some("4"))]),
        ("a jitter above the time", &[("segment.jitter.ms", Some("5")), ("segment.ms", Some("4"))]),
    ] {
        let code = code(talk, configs);
        talk.note(label, [code]);
    }
}

fn named(name: &str) -> DeleteTopicState {
    DeleteTopicState { name: Some(name.to_owned()), topic_id: Uuid::nil() }
}

fn identified(topic_id: Uuid) -> DeleteTopicState {
    DeleteTopicState { name: None, topic_id }
}

fn note_deletion(talk: &mut Talk, label: &str, topics: Vec<DeleteTopicState>, version: i16) {
    let topic_names = topics.iter().filter_map(|topic| topic.name.clone()).collect();
    let topics = if version < STATES_SINCE { Vec::new() } else { topics };
    let request = DeleteTopicsRequest { topics, topic_names, timeout_ms: TIMEOUT_MS };
    let mut answer: DeleteTopicsResponse = talk.ask(request, version);
    answer.responses.sort_by(|one, other| (&one.name, one.topic_id).cmp(&(&other.name, other.topic_id)));
    talk.note(format!("{label}, v{version}"), answer.responses);
}

pub(crate) fn delete(talk: &mut Talk) {
    for version in 1..=6 {
        let name = format!("deleted-{version}");
        talk.create(&name, 1, &[]);
        note_deletion(talk, "a topic", vec![named(&name)], version);
        talk.wait_for_end_of(&name);
        note_deletion(talk, "gone already", vec![named(&name)], version);
        talk.create(&name, 1, &[]);
    }
    let ids: Vec<Uuid> = (0..4).map(|number| talk.create(&format!("deleted-by-id-{number}"), 1, &[])).collect();
    note_deletion(talk, "an id", vec![identified(ids[0])], 6);
    talk.wait_for_end_of("deleted-by-id-0");
    note_deletion(talk, "an id that is gone", vec![identified(ids[0])], 6);
    note_deletion(talk, "neither name nor id", vec![identified(Uuid::nil())], 6);
    let both = DeleteTopicState { name: Some("deleted-by-id-1".to_owned()), topic_id: ids[1] };
    note_deletion(talk, "name and id", vec![both], 6);
    note_deletion(talk, "a name twice", vec![named("deleted-by-id-1"), named("deleted-by-id-1")], 6);
    note_deletion(talk, "a name twice", vec![named("deleted-by-id-1"), named("deleted-by-id-1")], 5);
    note_deletion(talk, "a name that is not there twice", vec![named("missing"), named("missing")], 6);
    note_deletion(talk, "an id twice", vec![identified(ids[1]), identified(ids[1])], 6);
    note_deletion(talk, "the name and the id of a topic", vec![named("deleted-by-id-1"), identified(ids[1])], 6);
    note_deletion(talk, "two topics", vec![named("deleted-by-id-2"), identified(ids[3])], 6);
    note_deletion(talk, "a bad name", vec![named("a/b")], 6);
    note_deletion(talk, "no name", vec![named("")], 6);
    note_deletion(talk, "nothing", Vec::new(), 6);
    let answer: MetadataResponse = talk.ask(describe_request("deleted-by-id-1"), 12);
    talk.note("what was named twice is there", [answer.topics[0].error_code]);
}

fn note_growth(talk: &mut Talk, label: &str, topics: &[(&str, i32, Option<&[i32]>)], is_dry: bool) {
    let wanted = |(name, count, brokers): &(&str, i32, Option<&[i32]>)| CreatePartitionsTopic {
        name: (*name).to_owned(),
        count: *count,
        assignments: brokers
            .map(|ids| ids.iter().map(|id| CreatePartitionsAssignment { broker_ids: vec![*id] }).collect()),
    };
    let topics = topics.iter().map(wanted).collect();
    let request = CreatePartitionsRequest { topics, timeout_ms: TIMEOUT_MS, validate_only: is_dry };
    let mut answer: CreatePartitionsResponse = talk.ask(request, 3);
    answer.results.sort_by(|one, other| one.name.cmp(&other.name));
    talk.note(label, answer.results);
}

pub(crate) fn grow(talk: &mut Talk) {
    talk.create("grown", 2, &[]);
    for (label, count, brokers) in [
        ("as many as there are", 2, None),
        ("fewer", 1, None),
        ("none", 0, None),
        ("a negative number", -1, None),
        ("more", 4, None),
        ("more, placed", 4, Some(&[1, 1][..])),
        ("placed, but not all", 4, Some(&[1])),
        ("placed, and more", 4, Some(&[1, 1, 1])),
        ("placed where no broker is", 3, Some(&[9])),
        ("placed, but fewer", 1, Some(&[9])),
        ("placed, an empty list", 3, Some(&[])),
    ] {
        note_growth(talk, label, &[("grown", count, brokers)], true);
    }
    note_growth(talk, "no such topic", &[("missing", 3, None)], true);
    note_growth(talk, "no such topic, placed", &[("missing", 3, Some(&[9]))], true);
    note_growth(talk, "a topic twice", &[("grown", 3, None), ("grown", 4, None)], false);
    note_growth(talk, "nothing", &[], false);
    note_growth(talk, "done", &[("grown", 3, None), ("missing", 3, None)], false);
    talk.wait_for("grown", 3);
    note_growth(talk, "as many as there are now", &[("grown", 3, None)], false);
}

fn note_trim(talk: &mut Talk, label: &str, topic: &str, partition_index: i32, offset: i64) {
    let partitions = vec![DeleteRecordsPartition { partition_index, offset }];
    let topics = vec![DeleteRecordsTopic { name: topic.to_owned(), partitions }];
    for version in [0, 2] {
        let request = DeleteRecordsRequest { topics: topics.clone(), timeout_ms: TIMEOUT_MS };
        let answer: DeleteRecordsResponse = talk.ask(request, version);
        talk.note(format!("{label}, v{version}"), answer.topics.into_iter().flat_map(|topic| topic.partitions));
    }
}

pub(crate) fn trim(talk: &mut Talk) {
    talk.create("trimmed", 1, &[]);
    talk.create("trimmed-compacted", 1, &[("cleanup.policy", "compact")]);
    talk.create("trimmed-both", 1, &[("cleanup.policy", "compact,delete")]);
    for topic in ["trimmed", "trimmed-compacted", "trimmed-both"] {
        for _ in 0..4 {
            talk.produce(topic, batch("v"));
        }
        for offset in [0, 2, 1, 5, -2, i64::MIN, -1, 4, 0] {
            let label = format!("{topic} before {offset}");
            if offset == 0 && topic != "trimmed" {
                continue;
            }
            note_trim(talk, &label, topic, 0, offset);
        }
    }
    note_trim(talk, "no such partition", "trimmed", 1, 0);
    note_trim(talk, "no such topic", "missing", 0, 0);
    talk.ask_until(coordinator_request("trimmed", 4), 4, |answer: &FindCoordinatorResponse| is_found(answer));
    talk.wait_for("__consumer_offsets", 1);
    note_trim(talk, "the topic of positions", "__consumer_offsets", 0, 0);
    note_trim(talk, "the topic of positions, no such partition", "__consumer_offsets", 99, 0);
}

//! The records that Kafka's coordinators write (`tests/fixtures/`), against ours. Kinds and versions that this broker does
//! not write or read are pinned by name.

use std::collections::{BTreeMap, BTreeSet};

use expect_test::expect;
use serde_json::Value;
use streams_core::time::Timestamp;

use super::offset_records::{CommitKey, CommitValue};
use crate::data_dir::base64_id;
use crate::kafka_fixtures as fixtures;

/// Whether a record is written and read here as Kafka does.
fn is_ours(line: &Value) -> bool {
    let bytes = fixtures::unhex(text(&line["bytes"]));
    let (json, mut ours) = (&line["json"], Vec::new());
    let int = |name: &str| i32::try_from(json[name].as_i64().expect("a number")).expect("32 bits");
    match (text(&line["format"]), text(&line["type"]), line["version"].as_i64()) {
        ("groupRecordKey", "OFFSET_COMMIT", _) => {
            let (group, topic) = (text(&json["group"]).to_owned(), text(&json["topic"]).to_owned());
            let key = CommitKey { group, topic, partition: int("partition") };
            key.encode(&mut ours);
            assert_eq!((&ours, CommitKey::decode(&bytes)), (&bytes, Some(key)), "{line}");
            true
        }
        ("groupRecordKey", "LEGACY_OFFSET_COMMIT", _) => {
            assert!(CommitKey::decode(&bytes).is_some(), "{line}");
            true
        }
        ("groupRecordKey", ..) => {
            assert_eq!(CommitKey::decode(&bytes), None, "{line}");
            false
        }
        ("groupRecordValue", "OFFSET_COMMIT", Some(3 | 4)) => {
            let value = CommitValue::decode(&bytes).expect("it decodes");
            let expected = CommitValue {
                offset: json["offset"].as_i64().expect("a number"),
                leader_epoch: int("leaderEpoch"),
                metadata: text(&json["metadata"]).to_owned(),
                commit_timestamp: Timestamp(json["commitTimestamp"].as_i64().expect("a number")),
                topic_id: value.topic_id,
            };
            assert_eq!(value, expected, "{line}");
            match json["topicId"].as_str() {
                Some(id) => assert_eq!(base64_id(value.topic_id), id),
                None => assert!(value.topic_id.is_nil(), "{line}"),
            }
            if line["version"] == 4 {
                value.encode(&mut ours);
                assert_eq!(ours, bytes, "{line}");
            }
            true
        }
        _ => false,
    }
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

#[test]
fn records_of_coordinators_are_kafkas_or_pinned_as_missing() {
    let lines = String::from_utf8(fixtures::bytes("groups.jsonl")).expect("the fixtures are text");
    let (mut here, mut missing) = (BTreeSet::new(), BTreeMap::<String, BTreeSet<String>>::new());
    for line in fixtures::parse(&lines).iter().filter(|line| line.get("type").is_some()) {
        let kind = text(&line["type"]).to_owned();
        let part = line["version"].as_i64().map_or_else(|| "key".to_owned(), |version| format!("v{version}"));
        if is_ours(line) {
            here.insert((kind, part));
        } else {
            missing.entry(kind).or_default().insert(part);
        }
    }
    assert!(here.iter().all(|(kind, part)| missing.get(kind).is_none_or(|parts| !parts.contains(part))));
    let mut list = format!("{} keys and values are here, missing:\n", here.len());
    for (kind, parts) in &missing {
        let parts: Vec<_> = parts.iter().map(String::as_str).collect();
        list += &format!("{kind} {}\n", parts.join(" "));
    }
    expect![[r#"
        4 keys and values are here, missing:
        CONSUMER_GROUP_CURRENT_MEMBER_ASSIGNMENT key v0
        CONSUMER_GROUP_MEMBER_METADATA key v0
        CONSUMER_GROUP_METADATA key v0
        CONSUMER_GROUP_PARTITION_METADATA key v0
        CONSUMER_GROUP_REGULAR_EXPRESSION key v0
        CONSUMER_GROUP_TARGET_ASSIGNMENT_MEMBER key v0
        CONSUMER_GROUP_TARGET_ASSIGNMENT_METADATA key v0
        GROUP_METADATA key v0 v1 v2 v3 v4
        LEGACY_OFFSET_COMMIT v0
        OFFSET_COMMIT v0 v1 v2
        SHARE_GROUP_CURRENT_MEMBER_ASSIGNMENT key v0
        SHARE_GROUP_MEMBER_METADATA key v0
        SHARE_GROUP_METADATA key v0
        SHARE_GROUP_STATE_PARTITION_METADATA key v0
        SHARE_GROUP_TARGET_ASSIGNMENT_MEMBER key v0
        SHARE_GROUP_TARGET_ASSIGNMENT_METADATA key v0
        STREAMS_GROUP_CURRENT_MEMBER_ASSIGNMENT key v0
        STREAMS_GROUP_MEMBER_METADATA key v0
        STREAMS_GROUP_METADATA key v0
        STREAMS_GROUP_TARGET_ASSIGNMENT_MEMBER key v0
        STREAMS_GROUP_TARGET_ASSIGNMENT_METADATA key v0
        STREAMS_GROUP_TOPOLOGY key v0
        TRANSACTION_LOG key v0 v1
    "#]]
    .assert_eq(&list);
}

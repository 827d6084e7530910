//! Administration: topics and what is said when the broker refuses.

use rstest::rstest;
use streams_core::client::admin::{NewTopic, OffsetSpec};
use streams_core::protocol::ErrorCode;
use streams_core::{Offset, Timestamp};

use super::support::{partition, produce, Cluster, Over};

#[rstest]
fn topics_are_created_described_and_deleted(#[values(Over::InProcess, Over::Tcp)] over: Over) {
    let cluster = Cluster::new(over);
    let mut admin = cluster.admin();
    let topics = [NewTopic::new("b", 3).with_config("cleanup.policy", "compact"), NewTopic::new("a", 1)];
    let created = admin.create_topics(&topics).expect("the broker answers");
    assert!(created.iter().all(|(_, outcome)| outcome.as_ref().is_ok_and(|id| !id.is_nil())), "{created:?}");

    let again = admin.create_topics(&topics[1..]).expect("the broker answers");
    let refusal = again[0].1.as_ref().expect_err("it exists");
    assert_eq!(refusal.code, ErrorCode::TOPIC_ALREADY_EXISTS);
    assert!(refusal.message.starts_with("create topic `a`: the broker answers TOPIC_ALREADY_EXISTS"), "{refusal}");

    let described = admin.describe_topics(&["b", "none"]).expect("the broker answers");
    let find = |name| &described.iter().find(|(found, _)| found == name).expect("one outcome per name").1;
    assert_eq!(find("b").as_ref().expect("it exists").partitions, 3);
    assert_eq!(find("none").as_ref().expect_err("it does not").code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let names = admin.list_topics().expect("the broker answers").into_iter().map(|topic| topic.name);
    assert_eq!(names.filter(|name| !name.starts_with("__")).collect::<Vec<_>>(), ["a", "b"]);

    let deleted = admin.delete_topics(&["a", "none"]).expect("the broker answers");
    assert_eq!(deleted[0].1, Ok(()));
    assert_eq!(deleted[1].1.as_ref().expect_err("it never existed").code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let created = admin.create_topics(&topics[1..]).expect("the broker answers");
    assert!(created[0].1.is_ok(), "a deleted name is free at once: {created:?}");
}

#[rstest]
fn bad_topics_are_refused_with_the_reason(#[values(Over::InProcess, Over::Tcp)] over: Over) {
    let cluster = Cluster::new(over);
    let bad = [
        (NewTopic::new("a b", 1), ErrorCode::INVALID_TOPIC_EXCEPTION),
        (NewTopic::new("zero", 0), ErrorCode::INVALID_PARTITIONS),
        (NewTopic::new("config", 1).with_config("retention.mss", "1"), ErrorCode::INVALID_CONFIG),
    ];
    for (topic, code) in bad {
        let created = cluster.admin().create_topics(std::slice::from_ref(&topic)).expect("the broker answers");
        assert_eq!(created[0].1.as_ref().expect_err("it is bad").code, code, "{topic:?}");
    }
}

#[rstest]
fn offsets_are_listed_by_time(#[values(Over::InProcess, Over::Tcp)] over: Over) {
    let cluster = Cluster::with_topic(over, "t", 1);
    let t0 = partition("t", 0);
    produce(&mut cluster.producer(&[]), &t0, (0..10).map(|number| number.to_string()));
    let mut admin = cluster.admin();
    for (spec, offset) in [
        (OffsetSpec::Earliest, 0),
        (OffsetSpec::Latest, 10),
        (OffsetSpec::Timestamp(Timestamp(1_004)), 4),
        (OffsetSpec::Timestamp(Timestamp(5_000)), -1),
    ] {
        let listed = admin.list_offsets(&[(t0.clone(), spec)]).expect("the broker answers");
        assert_eq!(listed, [(t0.clone(), Ok(Offset(offset)))], "{spec:?}");
    }
}

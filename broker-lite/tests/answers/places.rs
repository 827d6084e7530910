//! Metadata and DescribeCluster.

use streams_core::protocol::messages::find_coordinator::FindCoordinatorResponse;
use streams_core::protocol::messages::metadata::{
    DescribeClusterRequest, DescribeClusterResponse, MetadataRequest, MetadataRequestTopic, MetadataResponse,
};
use uuid::Uuid;

use crate::groups::{coordinator_request, is_found};
use crate::talk::{describe_request, Talk};

/// From these versions on topics have ids, and may go by them.
const IDS_SINCE: i16 = 10;
const BY_ID_SINCE: i16 = 12;

fn wanted(name: Option<&str>, topic_id: Uuid) -> MetadataRequestTopic {
    MetadataRequestTopic { name: name.map(str::to_owned), topic_id }
}

fn note(talk: &mut Talk, label: &str, request: MetadataRequest, version: i16) {
    let mut answer: MetadataResponse = talk.ask(request, version);
    for broker in &mut answer.brokers {
        broker.port = broker.port.min(1);
    }
    if let Some(id) = &mut answer.cluster_id {
        assert_eq!(id.len(), 22);
        *id = "the cluster".to_owned();
    }
    // Other cases have topics of their own.
    answer
        .topics
        .retain(|topic| topic.name.as_ref().is_none_or(|name| !name.starts_with("__") || name == "__consumer_offsets"));
    answer.topics.sort_by(|one, other| (&one.name, one.topic_id).cmp(&(&other.name, other.topic_id)));
    talk.note(format!("{label}, v{version}"), [answer]);
}

fn of(topics: Option<Vec<MetadataRequestTopic>>) -> MetadataRequest {
    MetadataRequest { topics, allow_auto_topic_creation: false, ..MetadataRequest::default() }
}

pub(crate) fn metadata(talk: &mut Talk) {
    let id = talk.create("described", 2, &[]);
    for version in 4..=13 {
        note(talk, "a topic", describe_request("described"), version);
        note(talk, "no topics", of(Some(Vec::new())), version);
        note(talk, "no such topic", describe_request("missing"), version);
        note(talk, "a bad name", describe_request("a/b"), version);
        note(talk, "no name", describe_request(""), version);
        note(talk, "a topic twice", of(Some(vec![wanted(Some("described"), Uuid::nil()); 2])), version);
        let answer: MetadataResponse = talk.ask(of(None), version);
        let mut all = answer.topics.into_iter().filter(|topic| topic.name.as_deref() == Some("described"));
        talk.note(format!("among all, v{version}"), [all.next()]);
        assert!(all.next().is_none());
    }
    for version in IDS_SINCE..BY_ID_SINCE {
        note(talk, "an id before its time", of(Some(vec![wanted(Some("described"), id)])), version);
    }
    for version in BY_ID_SINCE..=13 {
        note(talk, "an id", of(Some(vec![wanted(None, id)])), version);
        note(talk, "no such id", of(Some(vec![wanted(None, Uuid::from_u128(7))])), version);
        note(talk, "name and id", of(Some(vec![wanted(Some("described"), id)])), version);
        note(talk, "another name and an id", of(Some(vec![wanted(Some("missing"), id)])), version);
        note(
            talk,
            "a name, and an id",
            of(Some(vec![wanted(Some("missing"), Uuid::nil()), wanted(None, id)])),
            version,
        );
    }
    for version in 8..=13 {
        let request = MetadataRequest {
            include_topic_authorized_operations: true,
            include_cluster_authorized_operations: version <= 10,
            ..describe_request("described")
        };
        note(talk, "what is allowed", request, version);
    }
    talk.ask_until(coordinator_request("described", 4), 4, |answer: &FindCoordinatorResponse| is_found(answer));
    talk.wait_for("__consumer_offsets", 1);
    let answer: MetadataResponse = talk.ask(describe_request("__consumer_offsets"), 12);
    talk.note("the topic of positions", [(answer.topics[0].error_code, answer.topics[0].is_internal)]);
    let answer: MetadataResponse = talk.ask(describe_request("__transaction_state"), 12);
    talk.note("the topic of transactions", [(answer.topics[0].error_code, answer.topics[0].is_internal)]);
    cluster(talk);
}

fn cluster(talk: &mut Talk) {
    for version in 0..=2 {
        for (label, is_asked, endpoint_type) in [
            ("the cluster", false, 1),
            ("the cluster and what is allowed", true, 1),
            ("controllers", false, 2),
            ("neither", false, 3),
        ] {
            if version == 0 && endpoint_type != 1 {
                continue;
            }
            let request = DescribeClusterRequest {
                include_cluster_authorized_operations: is_asked,
                endpoint_type,
                include_fenced_brokers: version == 2,
            };
            let mut answer: DescribeClusterResponse = talk.ask(request, version);
            answer.brokers.iter_mut().for_each(|broker| broker.port = broker.port.min(1));
            if answer.cluster_id.len() == 22 {
                answer.cluster_id = "the cluster".to_owned();
            }
            talk.note(format!("{label}, v{version}"), [answer]);
        }
    }
}

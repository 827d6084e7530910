//! Metadata and DescribeCluster: brokers, topics, partitions, leaders. Creates topics on the way if allowed.

use streams_core::protocol::messages::metadata::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse, MetadataRequest, MetadataRequestTopic,
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;

use crate::broker::{Broker, Context, NODE_ID};
use crate::error::Refusal;
use crate::topics::config::TopicConfig;
use crate::topics::{names, NewTopic, Topic};

/// DescribeCluster asks for brokers with 1 and for controllers with 2.
const ENDPOINT_BROKERS: i8 = 1;
const ENDPOINT_CONTROLLERS: i8 = 2;

pub(super) fn handle(broker: &Broker, context: &Context, request: MetadataRequest, now: Timestamp) -> MetadataResponse {
    let wanted = request.topics.filter(|topics| context.api_version > 0 || !topics.is_empty());
    let may_create = request.allow_auto_topic_creation && broker.config().auto_create_topics;
    let topics = match wanted {
        None => broker.topics().all().iter().map(|topic| describe(topic)).collect(),
        Some(wanted) => wanted.into_iter().map(|wanted| one(broker, wanted, may_create, now)).collect(),
    };
    let (host, port) = broker.endpoint();
    MetadataResponse {
        brokers: vec![MetadataResponseBroker { node_id: NODE_ID, host, port: port.into(), rack: None }],
        cluster_id: Some(broker.cluster_id().to_owned()),
        controller_id: NODE_ID,
        topics,
        ..MetadataResponse::default()
    }
}

fn one(broker: &Broker, wanted: MetadataRequestTopic, may_create: bool, now: Timestamp) -> MetadataResponseTopic {
    let MetadataRequestTopic { name, topic_id } = wanted;
    let Some(name) = name else {
        return match broker.topics().get_by_id(topic_id) {
            Some(topic) => describe(&topic),
            None => MetadataResponseTopic {
                error_code: ErrorCode::UNKNOWN_TOPIC_ID,
                topic_id,
                ..MetadataResponseTopic::default()
            },
        };
    };
    let error_code = match broker.topics().get(&name) {
        Some(topic) => return describe(&topic),
        None if names::validate(&name).is_err() => ErrorCode::INVALID_TOPIC_EXCEPTION,
        None if !may_create || names::is_internal(&name) => ErrorCode::UNKNOWN_TOPIC_OR_PARTITION,
        None => match create(broker, &name, now) {
            Ok(topic) => return topic,
            Err(refusal) => refusal.code,
        },
    };
    let is_internal = names::is_internal(&name);
    MetadataResponseTopic { error_code, name: Some(name), topic_id, is_internal, ..MetadataResponseTopic::default() }
}

/// Creates a topic because someone asked about it. Of two who ask at once, one creates and the other finds it.
fn create(broker: &Broker, name: &str, now: Timestamp) -> Result<MetadataResponseTopic, Refusal> {
    let partitions = usize::try_from(broker.config().default_partitions).unwrap_or(1);
    let new = NewTopic { name, id: broker.new_id(), partitions, config: TopicConfig::default() };
    match broker.topics().create(new, now) {
        Ok(topic) => Ok(describe(&topic)),
        Err(refusal) => broker.topics().get(name).map(|topic| describe(&topic)).ok_or(refusal),
    }
}

fn describe(topic: &Topic) -> MetadataResponseTopic {
    let partitions = topic.partitions.iter().map(|partition| MetadataResponsePartition {
        error_code: ErrorCode::NONE,
        partition_index: partition.index(),
        leader_id: NODE_ID,
        leader_epoch: partition.leader_epoch(),
        replica_nodes: vec![NODE_ID],
        isr_nodes: vec![NODE_ID],
        offline_replicas: Vec::new(),
    });
    MetadataResponseTopic {
        error_code: ErrorCode::NONE,
        name: Some(topic.name.to_string()),
        topic_id: topic.id,
        is_internal: names::is_internal(&topic.name),
        partitions: partitions.collect(),
        ..MetadataResponseTopic::default()
    }
}

pub(super) fn describe_cluster(broker: &Broker, request: &DescribeClusterRequest) -> DescribeClusterResponse {
    let (host, port) = broker.endpoint();
    let refusal = match request.endpoint_type {
        ENDPOINT_BROKERS => None,
        ENDPOINT_CONTROLLERS => {
            Some((ErrorCode::MISMATCHED_ENDPOINT_TYPE, "this is a broker endpoint, not a controller's".to_owned()))
        }
        other => Some((ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, format!("endpoint type {other} is unknown"))),
    };
    let (error_code, error_message) = match refusal {
        Some((code, message)) => (code, Some(message)),
        None => (ErrorCode::NONE, None),
    };
    DescribeClusterResponse {
        error_code,
        error_message,
        endpoint_type: request.endpoint_type,
        cluster_id: broker.cluster_id().to_owned(),
        controller_id: NODE_ID,
        brokers: vec![DescribeClusterBroker {
            broker_id: NODE_ID,
            host,
            port: port.into(),
            rack: None,
            is_fenced: false,
        }],
        ..DescribeClusterResponse::default()
    }
}

//! Metadata and DescribeCluster: brokers, topics, partitions, leaders. Creates topics on the way if allowed.

use streams_core::protocol::messages::metadata::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse, MetadataRequest, MetadataRequestTopic,
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;

use super::each_once;
use crate::broker::{Broker, Context, NODE_ID};
use crate::error::Refusal;
use crate::topics::config::TopicConfig;
use crate::topics::{names, NewTopic, Topic};

/// DescribeCluster asks for brokers with 1 and for controllers with 2.
const ENDPOINT_BROKERS: i8 = 1;
const ENDPOINT_CONTROLLERS: i8 = 2;

/// From this version on a topic may go by its id, and before it a request must not have one.
const BY_ID_SINCE: i16 = 12;

/// What anybody may do to topics and to the cluster, since nobody is kept from anything: a bit for each of Kafka's
/// `AclOperation`s.
const TOPIC_OPERATIONS: i32 =
    operations(&[READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS]);
const CLUSTER_OPERATIONS: i32 =
    operations(&[CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE]);

/// In their place when nobody asked for them.
const NOT_ASKED: i32 = i32::MIN;

const READ: u8 = 3;
const WRITE: u8 = 4;
const CREATE: u8 = 5;
const DELETE: u8 = 6;
const ALTER: u8 = 7;
const DESCRIBE: u8 = 8;
const CLUSTER_ACTION: u8 = 9;
const DESCRIBE_CONFIGS: u8 = 10;
const ALTER_CONFIGS: u8 = 11;
const IDEMPOTENT_WRITE: u8 = 12;

const fn operations(numbers: &[u8]) -> i32 {
    let (mut bits, mut at) = (0, 0);
    while at < numbers.len() {
        bits |= 1 << numbers[at];
        at += 1;
    }
    bits
}

pub(super) fn handle(broker: &Broker, context: &Context, request: MetadataRequest, now: Timestamp) -> MetadataResponse {
    if context.api_version < BY_ID_SINCE {
        let is_by_id = |wanted: &MetadataRequestTopic| wanted.name.is_none() || !wanted.topic_id.is_nil();
        if request.topics.as_ref().is_some_and(|topics| topics.iter().any(is_by_id)) {
            return refuse_ids(request);
        }
    }
    let wanted = request.topics.filter(|topics| context.api_version > 0 || !topics.is_empty());
    let may_create = request.allow_auto_topic_creation && broker.config().auto_create_topics;
    let mut topics: Vec<MetadataResponseTopic> = match wanted {
        None => broker.topics().all().iter().map(|topic| describe(topic)).collect(),
        Some(mut wanted) => {
            // As in Kafka, names are not looked at beside ids.
            if wanted.iter().any(|wanted| !wanted.topic_id.is_nil()) {
                wanted.retain(|wanted| !wanted.topic_id.is_nil());
            }
            let wanted = each_once(wanted, |wanted| (wanted.name.clone(), wanted.topic_id));
            wanted.into_iter().map(|(wanted, _)| one(broker, wanted, may_create, now)).collect()
        }
    };
    if request.include_topic_authorized_operations {
        let there = topics.iter_mut().filter(|topic| topic.error_code.is_none());
        there.for_each(|topic| topic.topic_authorized_operations = TOPIC_OPERATIONS);
    }
    let (host, port) = broker.endpoint();
    MetadataResponse {
        brokers: vec![MetadataResponseBroker { node_id: NODE_ID, host, port: port.into(), rack: None }],
        cluster_id: Some(broker.cluster_id().to_owned()),
        controller_id: NODE_ID,
        topics,
        cluster_authorized_operations: if request.include_cluster_authorized_operations {
            CLUSTER_OPERATIONS
        } else {
            NOT_ASKED
        },
        ..MetadataResponse::default()
    }
}

/// The answer to a request whose version knows ids only in answers: nothing but what is wrong with it.
fn refuse_ids(request: MetadataRequest) -> MetadataResponse {
    let topics = request.topics.into_iter().flatten().map(|wanted| MetadataResponseTopic {
        error_code: ErrorCode::INVALID_REQUEST,
        name: Some(wanted.name.unwrap_or_default()),
        topic_id: wanted.topic_id,
        ..MetadataResponseTopic::default()
    });
    MetadataResponse { topics: topics.collect(), ..MetadataResponse::default() }
}

fn one(broker: &Broker, wanted: MetadataRequestTopic, may_create: bool, now: Timestamp) -> MetadataResponseTopic {
    let MetadataRequestTopic { name, topic_id } = wanted;
    let Some(name) = name.filter(|_| topic_id.is_nil()) else {
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
    let refuse = |error_code, message: String| DescribeClusterResponse {
        error_code,
        error_message: Some(message),
        ..DescribeClusterResponse::default()
    };
    match request.endpoint_type {
        ENDPOINT_BROKERS => {}
        ENDPOINT_CONTROLLERS => {
            let message = "this is a broker endpoint, not a controller's".to_owned();
            return refuse(ErrorCode::MISMATCHED_ENDPOINT_TYPE, message);
        }
        other => {
            return refuse(ErrorCode::UNSUPPORTED_ENDPOINT_TYPE, format!("endpoint type {other} is unknown"));
        }
    }
    DescribeClusterResponse {
        cluster_id: broker.cluster_id().to_owned(),
        controller_id: NODE_ID,
        brokers: vec![DescribeClusterBroker {
            broker_id: NODE_ID,
            host,
            port: port.into(),
            rack: None,
            is_fenced: false,
        }],
        cluster_authorized_operations: if request.include_cluster_authorized_operations {
            CLUSTER_OPERATIONS
        } else {
            NOT_ASKED
        },
        ..DescribeClusterResponse::default()
    }
}

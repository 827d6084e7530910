//! CreateTopics: validates, creates, and answers with every config in force, which clients read.

use streams_core::protocol::messages::topics::{
    CreatableTopic, CreatableTopicConfigs, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse,
};
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;

use super::each_once;
use crate::broker::{Broker, NODE_ID};
use crate::error::Refusal;
use crate::topics::config::{TopicConfig, TOPIC_CONFIGS};
use crate::topics::{names, NewTopic};

/// Asks for the broker's default.
const DEFAULT_COUNT: i32 = -1;
const DEFAULT_REPLICATION: i16 = -1;

/// Where a config comes from, in the numbers of DescribeConfigs.
pub(super) const SOURCE_TOPIC: i8 = 1;
pub(super) const SOURCE_DEFAULT: i8 = 5;

pub(super) fn handle(broker: &Broker, request: CreateTopicsRequest, now: Timestamp) -> CreateTopicsResponse {
    let is_dry = request.validate_only;
    let wanted = each_once(request.topics, |wanted| wanted.name.clone());
    let topics = wanted.into_iter().map(|(wanted, is_repeated)| {
        let outcome = match is_repeated {
            true => Err(Refusal::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name.")),
            false => create(broker, &wanted, is_dry, now),
        };
        outcome.unwrap_or_else(|refusal| CreatableTopicResult {
            name: wanted.name,
            error_code: refusal.code,
            error_message: Some(refusal.to_string()),
            configs: Some(Vec::new()),
            ..CreatableTopicResult::default()
        })
    });
    CreateTopicsResponse { topics: topics.collect(), ..CreateTopicsResponse::default() }
}

fn create(
    broker: &Broker,
    wanted: &CreatableTopic,
    is_dry: bool,
    now: Timestamp,
) -> Result<CreatableTopicResult, Refusal> {
    if wanted.name == names::CLUSTER_METADATA {
        let message = format!("Creation of internal topic {} is prohibited.", wanted.name);
        return Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
    }
    broker.topics().check_name(&wanted.name)?;
    let entries = wanted.configs.iter().map(|config| (config.name.as_str(), config.value.as_deref()));
    let config = TopicConfig::parse(entries).map_err(|message| Refusal::new(ErrorCode::INVALID_CONFIG, message))?;
    check_replication(broker, wanted)?;
    let partitions = partition_count(broker, wanted)?;
    let mut result = CreatableTopicResult {
        name: wanted.name.clone(),
        num_partitions: i32::try_from(partitions).unwrap_or(i32::MAX),
        replication_factor: 1,
        configs: Some(in_force(&config)),
        ..CreatableTopicResult::default()
    };
    // As in Kafka, a topic that is only checked has an id as well.
    result.topic_id = broker.new_id();
    if is_dry {
        broker.topics().check_creatable(&wanted.name, partitions)?;
    } else {
        let new = NewTopic { name: &wanted.name, id: result.topic_id, partitions, config };
        broker.topics().create(new, now)?;
    }
    Ok(result)
}

fn partition_count(broker: &Broker, wanted: &CreatableTopic) -> Result<usize, Refusal> {
    if !wanted.assignments.is_empty() {
        return assigned_count(wanted);
    }
    let count = match wanted.num_partitions {
        DEFAULT_COUNT => broker.config().default_partitions,
        count => count,
    };
    usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
        Refusal::new(
            ErrorCode::INVALID_PARTITIONS,
            "Number of partitions must be larger than 0, or -1 for the default.",
        )
    })
}

/// Replicas named by hand: consecutive partitions, each on this broker.
fn assigned_count(wanted: &CreatableTopic) -> Result<usize, Refusal> {
    if wanted.num_partitions != DEFAULT_COUNT || wanted.replication_factor != DEFAULT_REPLICATION {
        let message = "Both partition counts and replica assignments are set: use one of them.";
        return Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
    }
    let mut indexes: Vec<i32> = wanted.assignments.iter().map(|assignment| assignment.partition_index).collect();
    indexes.sort_unstable();
    let is_consecutive = (0..).zip(&indexes).all(|(expected, index)| expected == *index);
    if !is_consecutive || wanted.assignments.iter().any(|assignment| assignment.broker_ids != [NODE_ID]) {
        let message = format!("partitions must be numbered from 0 and placed on broker {NODE_ID}, the only one");
        return Err(Refusal::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
    }
    Ok(indexes.len())
}

fn check_replication(broker: &Broker, wanted: &CreatableTopic) -> Result<(), Refusal> {
    let is_clamped = broker.config().clamp_replication_factor;
    match wanted.replication_factor {
        DEFAULT_REPLICATION | 1 => Ok(()),
        factor if factor > 1 && is_clamped => Ok(()),
        factor => Err(Refusal::new(
            ErrorCode::INVALID_REPLICATION_FACTOR,
            format!("replication factor {factor} does not fit: 1 broker available; use 1 or -1"),
        )),
    }
}

/// Every config of a topic with its value and where it comes from.
fn in_force(config: &TopicConfig) -> Vec<CreatableTopicConfigs> {
    let entry = |def: &crate::topics::config::ConfigDef| CreatableTopicConfigs {
        name: def.name.to_owned(),
        value: Some(config.own(def.name).unwrap_or(def.default).to_owned()),
        read_only: false,
        config_source: if config.own(def.name).is_some() { SOURCE_TOPIC } else { SOURCE_DEFAULT },
        is_sensitive: false,
    };
    TOPIC_CONFIGS.iter().map(entry).collect()
}

//! DescribeConfigs: the settings of topics and of the broker, with where each comes from.

use streams_core::protocol::messages::configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};
use streams_core::protocol::ErrorCode;

use super::create_topics::{SOURCE_DEFAULT, SOURCE_TOPIC};
use crate::broker::{Broker, NODE_ID};
use crate::error::Refusal;
use crate::topics::config::{ConfigDef, ConfigType, TOPIC_CONFIGS};
use crate::topics::Topic;

/// Kinds of resources.
const RESOURCE_TOPIC: i8 = 2;
const RESOURCE_BROKER: i8 = 4;

/// A setting of the broker that was given at its start.
const SOURCE_STATIC_BROKER: i8 = 4;

pub(super) fn handle(broker: &Broker, request: DescribeConfigsRequest) -> DescribeConfigsResponse {
    let with_synonyms = request.include_synonyms;
    let results = request.resources.into_iter().map(|resource| {
        let outcome = match resource.resource_type {
            RESOURCE_TOPIC => topic(broker, &resource, with_synonyms),
            RESOURCE_BROKER => this_broker(broker, &resource),
            other => {
                Err(Refusal::new(ErrorCode::INVALID_REQUEST, format!("resource type {other} has no configs here")))
            }
        };
        let (error_code, error_message, configs) = match outcome {
            Ok(configs) => (ErrorCode::NONE, None, configs),
            Err(refusal) => (refusal.code, Some(refusal.to_string()), Vec::new()),
        };
        DescribeConfigsResult {
            error_code,
            error_message,
            resource_type: resource.resource_type,
            resource_name: resource.resource_name,
            configs,
        }
    });
    DescribeConfigsResponse { results: results.collect(), ..DescribeConfigsResponse::default() }
}

fn is_wanted(resource: &DescribeConfigsResource, name: &str) -> bool {
    resource.configuration_keys.as_ref().is_none_or(|keys| keys.iter().any(|key| key == name))
}

fn topic(
    broker: &Broker,
    resource: &DescribeConfigsResource,
    with_synonyms: bool,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    let topic = broker.topics().get(&resource.resource_name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let wanted = TOPIC_CONFIGS.iter().filter(|def| is_wanted(resource, def.name));
    Ok(wanted.map(|def| topic_entry(&topic, def, with_synonyms)).collect())
}

fn topic_entry(topic: &Topic, def: &ConfigDef, with_synonyms: bool) -> DescribeConfigsResourceResult {
    let own = topic.config.own(def.name);
    let synonym = |name: &str, value: &str, source| DescribeConfigsSynonym {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        source,
    };
    let mut synonyms = Vec::new();
    if with_synonyms {
        synonyms.extend(own.map(|value| synonym(def.name, value, SOURCE_TOPIC)));
        if !def.synonym.is_empty() {
            synonyms.push(synonym(def.synonym, def.default, SOURCE_DEFAULT));
        }
    }
    DescribeConfigsResourceResult {
        name: def.name.to_owned(),
        value: Some(own.unwrap_or(def.default).to_owned()),
        config_source: if own.is_some() { SOURCE_TOPIC } else { SOURCE_DEFAULT },
        synonyms,
        config_type: def.kind.code(),
        ..DescribeConfigsResourceResult::default()
    }
}

fn this_broker(
    broker: &Broker,
    resource: &DescribeConfigsResource,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    match resource.resource_name.as_str() {
        // The defaults for all brokers can only be set while they run, which this broker has no way to.
        "" => return Ok(Vec::new()),
        name if name == NODE_ID.to_string() => {}
        name => {
            let name = crate::text::escape(name);
            let message = format!("Unexpected broker id, expected {NODE_ID} or empty string, but received {name}");
            return Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
        }
    }
    let config = broker.config();
    let own: [(&str, String, ConfigType); 7] = [
        ("auto.create.topics.enable", config.auto_create_topics.to_string(), ConfigType::Boolean),
        ("broker.id", NODE_ID.to_string(), ConfigType::Int),
        ("default.replication.factor", "1".to_owned(), ConfigType::Int),
        ("delete.topic.enable", "true".to_owned(), ConfigType::Boolean),
        ("fetch.max.bytes", config.fetch_bytes_max.to_string(), ConfigType::Int),
        ("num.partitions", config.default_partitions.to_string(), ConfigType::Int),
        ("offsets.retention.minutes", i32::MAX.to_string(), ConfigType::Int),
    ];
    let own = own.into_iter().map(|(name, value, kind)| entry(name, value, SOURCE_STATIC_BROKER, kind));
    let defaults = TOPIC_CONFIGS.iter().filter(|def| !def.synonym.is_empty());
    let defaults = defaults.map(|def| entry(def.synonym, def.default.to_owned(), SOURCE_DEFAULT, def.kind));
    Ok(own.chain(defaults).filter(|entry| is_wanted(resource, &entry.name)).collect())
}

fn entry(name: &str, value: String, config_source: i8, kind: ConfigType) -> DescribeConfigsResourceResult {
    DescribeConfigsResourceResult {
        name: name.to_owned(),
        value: Some(value),
        read_only: true,
        config_source,
        config_type: kind.code(),
        ..DescribeConfigsResourceResult::default()
    }
}

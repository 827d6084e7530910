//! DescribeConfigs: the settings of topics and of the broker, with where each comes from.

use streams_core::protocol::messages::configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult, DescribeConfigsSynonym,
};
use streams_core::protocol::ErrorCode;

mod of_broker;

use self::of_broker::Setting;
use super::create_topics::{SOURCE_DEFAULT, SOURCE_TOPIC};
use crate::broker::{Broker, NODE_ID};
use crate::error::Refusal;
use crate::topics::config::{ConfigDef, TOPIC_CONFIGS};
use crate::topics::{names, Topic};

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
            RESOURCE_BROKER => this_broker(broker, &resource, with_synonyms),
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
    // As in Kafka, to ask for nothing is to ask for everything.
    let keys = resource.configuration_keys.as_ref().filter(|keys| !keys.is_empty());
    keys.is_none_or(|keys| keys.iter().any(|key| key == name))
}

fn topic(
    broker: &Broker,
    resource: &DescribeConfigsResource,
    with_synonyms: bool,
) -> Result<Vec<DescribeConfigsResourceResult>, Refusal> {
    names::validate(&resource.resource_name)
        .map_err(|message| Refusal::new(ErrorCode::INVALID_TOPIC_EXCEPTION, message))?;
    let topic = broker.topics().get(&resource.resource_name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let wanted = TOPIC_CONFIGS.iter().filter(|def| is_wanted(resource, def.name));
    Ok(wanted.map(|def| topic_entry(&topic, def, with_synonyms)).collect())
}

fn topic_entry(topic: &Topic, def: &ConfigDef, with_synonyms: bool) -> DescribeConfigsResourceResult {
    let own = topic.config.own(def.name);
    let mut synonyms = Vec::new();
    if with_synonyms {
        synonyms.extend(own.map(|value| synonym(def.name, value, SOURCE_TOPIC)));
        if !def.synonym.is_empty() && !of_broker::UNSET.contains(&def.synonym) {
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

fn synonym(name: &str, value: &str, source: i8) -> DescribeConfigsSynonym {
    DescribeConfigsSynonym { name: name.to_owned(), value: Some(value.to_owned()), source }
}

fn this_broker(
    broker: &Broker,
    resource: &DescribeConfigsResource,
    with_synonyms: bool,
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
    let settings = of_broker::settings(broker);
    let wanted = settings.into_iter().filter(|setting| is_wanted(resource, setting.name));
    Ok(wanted.map(|setting| broker_entry(setting, with_synonyms)).collect())
}

fn broker_entry(setting: Setting, with_synonyms: bool) -> DescribeConfigsResourceResult {
    let config_source = setting.source();
    let mut synonyms = Vec::new();
    if with_synonyms {
        let own = setting.value.as_deref().filter(|_| config_source == SOURCE_STATIC_BROKER);
        synonyms.extend(own.map(|value| synonym(setting.name, value, SOURCE_STATIC_BROKER)));
        synonyms.extend(setting.default.map(|value| synonym(setting.name, value, SOURCE_DEFAULT)));
    }
    DescribeConfigsResourceResult {
        name: setting.name.to_owned(),
        value: setting.value,
        read_only: setting.read_only,
        config_source,
        synonyms,
        config_type: setting.kind.code(),
        ..DescribeConfigsResourceResult::default()
    }
}

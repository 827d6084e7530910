//! DeleteTopics: by name or by id, one result for each asked for. The name is free again when the answer is given.

use std::collections::BTreeSet;

use streams_core::protocol::messages::topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;
use uuid::Uuid;

use super::each_once;
use crate::broker::{Broker, Context};
use crate::error::Refusal;
use crate::topics::names;

/// From this version on topics go by name or id.
const STATES_SINCE: i16 = 6;

pub(super) fn handle(
    broker: &Broker,
    context: &Context,
    request: DeleteTopicsRequest,
    now: Timestamp,
) -> DeleteTopicsResponse {
    let by_name = |name| DeleteTopicState { name: Some(name), topic_id: Uuid::nil() };
    let wanted: Vec<DeleteTopicState> = match context.api_version {
        version if version >= STATES_SINCE => request.topics,
        _ => request.topic_names.into_iter().map(by_name).collect(),
    };
    let responses = named_once(broker, wanted).into_iter().map(|(wanted, is_repeated)| {
        let (name, topic_id) = (wanted.name.clone(), wanted.topic_id);
        let outcome = match is_repeated {
            true => Err(Refusal::new(ErrorCode::INVALID_REQUEST, "The request names the topic more than once.")),
            false => delete(broker, wanted, now),
        };
        match outcome {
            Ok((name, topic_id)) => {
                DeletableTopicResult { name: Some(name), topic_id, ..DeletableTopicResult::default() }
            }
            Err(refusal) => DeletableTopicResult {
                name,
                topic_id,
                error_code: refusal.code,
                error_message: Some(refusal.to_string()),
            },
        }
    });
    DeleteTopicsResponse { responses: responses.collect(), ..DeleteTopicsResponse::default() }
}

/// Each topic once, with whether the request names it more than once: by name, by id, or by both.
fn named_once(broker: &Broker, wanted: Vec<DeleteTopicState>) -> Vec<(DeleteTopicState, bool)> {
    let mut wanted = each_once(wanted, |wanted| (wanted.name.clone(), wanted.topic_id));
    let id_of = |wanted: &DeleteTopicState| match (&wanted.name, wanted.topic_id.is_nil()) {
        (Some(name), true) => broker.topics().get(name).map(|topic| topic.id),
        _ => None,
    };
    let by_id: BTreeSet<Uuid> =
        wanted.iter().filter(|(wanted, _)| wanted.name.is_none()).map(|(wanted, _)| wanted.topic_id).collect();
    let mut by_both = BTreeSet::new();
    for (wanted, is_repeated) in &mut wanted {
        if let Some(id) = id_of(wanted).filter(|id| by_id.contains(id)) {
            (wanted.topic_id, *is_repeated) = (id, true);
            by_both.insert(id);
        }
    }
    wanted.retain(|(wanted, _)| wanted.name.is_some() || !by_both.contains(&wanted.topic_id));
    wanted
}

fn delete(broker: &Broker, wanted: DeleteTopicState, now: Timestamp) -> Result<(String, Uuid), Refusal> {
    let topic = match (wanted.name, wanted.topic_id.is_nil()) {
        (Some(name), true) => broker.topics().get(&name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?,
        (None, false) => broker.topics().get_by_id(wanted.topic_id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?,
        _ => return Err(Refusal::new(ErrorCode::INVALID_REQUEST, "Give either a topic name or a topic id.")),
    };
    if names::is_internal(&topic.name) {
        let message = format!("topic {} belongs to the broker", topic.name);
        return Err(Refusal::new(ErrorCode::INVALID_REQUEST, message));
    }
    broker.topics().delete(topic.id, |topic| broker.forget_offsets(topic, now))?;
    Ok((topic.name.to_string(), topic.id))
}

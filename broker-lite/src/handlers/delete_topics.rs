//! DeleteTopics: by name or by id, one result for each asked for. The name is free again when the answer is given.

use streams_core::protocol::messages::topics::{
    DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;
use uuid::Uuid;

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
    let responses = wanted.into_iter().map(|wanted| {
        let (name, topic_id) = (wanted.name.clone(), wanted.topic_id);
        match delete(broker, wanted, now) {
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

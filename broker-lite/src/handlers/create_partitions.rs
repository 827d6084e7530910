//! CreatePartitions: raises the number of partitions of topics, one result for each asked for.

use streams_core::protocol::messages::topics::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;

use super::each_once;
use crate::broker::{Broker, NODE_ID};
use crate::error::Refusal;
use crate::topics::names;

pub(super) fn handle(broker: &Broker, request: CreatePartitionsRequest, now: Timestamp) -> CreatePartitionsResponse {
    let is_dry = request.validate_only;
    let wanted = each_once(request.topics, |wanted| wanted.name.clone());
    let results = wanted.into_iter().map(|(wanted, is_repeated)| {
        let outcome = match is_repeated {
            true => Err(Refusal::new(ErrorCode::INVALID_REQUEST, "Duplicate topic name.")),
            false => grow(broker, &wanted, is_dry, now),
        };
        let (error_code, error_message) = match outcome {
            Ok(()) => (ErrorCode::NONE, None),
            Err(refusal) => (refusal.code, Some(refusal.to_string())),
        };
        CreatePartitionsTopicResult { name: wanted.name, error_code, error_message }
    });
    CreatePartitionsResponse { results: results.collect(), ..CreatePartitionsResponse::default() }
}

fn grow(broker: &Broker, wanted: &CreatePartitionsTopic, is_dry: bool, now: Timestamp) -> Result<(), Refusal> {
    if names::is_internal(&wanted.name) {
        let message = format!("topic {} belongs to the broker", wanted.name);
        return Err(Refusal::new(ErrorCode::INVALID_TOPIC_EXCEPTION, message));
    }
    let (topic, count) = broker.topics().check_growable(&wanted.name, wanted.count)?;
    if let Some(assignments) = &wanted.assignments {
        let is_complete = assignments.len() == count - topic.partitions.len();
        if !is_complete || assignments.iter().any(|assignment| assignment.broker_ids != [NODE_ID]) {
            let message = format!("every new partition must be placed on broker {NODE_ID}, the only one");
            return Err(Refusal::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
        }
    }
    if is_dry {
        return Ok(());
    }
    broker.topics().add_partitions(&wanted.name, wanted.count, now)
}

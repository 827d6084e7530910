//! CreatePartitions: raises the number of partitions of topics, one result for each asked for.

use streams_core::protocol::messages::topics::{
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic, CreatePartitionsTopicResult,
};
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;

use crate::broker::{Broker, NODE_ID};
use crate::error::Refusal;
use crate::topics::names;

pub(super) fn handle(broker: &Broker, request: CreatePartitionsRequest, now: Timestamp) -> CreatePartitionsResponse {
    let is_dry = request.validate_only;
    let results = request.topics.into_iter().map(|wanted| {
        let (error_code, error_message) = match grow(broker, &wanted, is_dry, now) {
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
    if let Some(assignments) = &wanted.assignments {
        if assignments.iter().any(|assignment| assignment.broker_ids != [NODE_ID]) {
            let message = format!("every new partition must be placed on broker {NODE_ID}, the only one");
            return Err(Refusal::new(ErrorCode::INVALID_REPLICA_ASSIGNMENT, message));
        }
    }
    if is_dry {
        return broker.topics().check_growable(&wanted.name, wanted.count).map(drop);
    }
    broker.topics().add_partitions(&wanted.name, wanted.count, now)
}

//! FindCoordinator: which broker keeps a group. There is one, so it is this one.
//!
//! As in Kafka, the topic of committed positions is there from when somebody first asked: tools look for it. Kafka says
//! meanwhile that no coordinator is available, and here that is over when the answer is given.

use streams_core::protocol::messages::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse,
};
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;

use crate::broker::{Broker, Context, NODE_ID};

/// From this version on a request names many keys.
const BATCHED_SINCE: i16 = 4;

const KEY_GROUP: i8 = 0;

pub(super) fn handle(
    broker: &Broker,
    context: &Context,
    request: FindCoordinatorRequest,
    now: Timestamp,
) -> FindCoordinatorResponse {
    let is_batched = context.api_version >= BATCHED_SINCE;
    let (error_code, error_message) = match request.key_type {
        KEY_GROUP if is_batched && request.coordinator_keys.is_empty() => (ErrorCode::NONE, None),
        KEY_GROUP => match broker.offsets_journal(now) {
            Ok(_) => (ErrorCode::NONE, None),
            Err(refusal) => (ErrorCode::COORDINATOR_NOT_AVAILABLE, Some(refusal.to_string())),
        },
        other => (ErrorCode::INVALID_REQUEST, Some(format!("key type {other} has no coordinator in this broker"))),
    };
    let (node_id, host, port) = match error_code {
        ErrorCode::NONE => {
            let (host, port) = broker.endpoint();
            (NODE_ID, host, i32::from(port))
        }
        _ => (-1, String::new(), -1),
    };
    if !is_batched {
        return FindCoordinatorResponse {
            error_code,
            error_message,
            node_id,
            host,
            port,
            ..FindCoordinatorResponse::default()
        };
    }
    let coordinators = request.coordinator_keys.into_iter().map(|key| Coordinator {
        key,
        node_id,
        host: host.clone(),
        port,
        error_code,
        error_message: error_message.clone(),
    });
    FindCoordinatorResponse { coordinators: coordinators.collect(), ..FindCoordinatorResponse::default() }
}

//! InitProducerId: a producer id for idempotent producers. Transactional ids are refused: this broker has none yet.

use streams_core::protocol::messages::transactions::{InitProducerIdRequest, InitProducerIdResponse};
use streams_core::protocol::ErrorCode;

use crate::broker::Broker;

/// An id or epoch that is not given.
const NONE: i64 = -1;

pub(super) fn handle(broker: &Broker, request: &InitProducerIdRequest) -> InitProducerIdResponse {
    let refuse = |error_code| InitProducerIdResponse {
        error_code,
        producer_id: NONE,
        producer_epoch: -1,
        ..InitProducerIdResponse::default()
    };
    match request.transactional_id.as_deref() {
        Some("") => return refuse(ErrorCode::INVALID_REQUEST),
        Some(_) => return refuse(ErrorCode::TRANSACTIONAL_ID_AUTHORIZATION_FAILED),
        None => {}
    }
    if (request.producer_id == NONE) != (request.producer_epoch == -1) {
        return refuse(ErrorCode::INVALID_REQUEST);
    }
    match broker.producer_ids().next() {
        Ok(producer_id) => InitProducerIdResponse {
            error_code: ErrorCode::NONE,
            producer_id,
            producer_epoch: 0,
            ..InitProducerIdResponse::default()
        },
        Err(refusal) => refuse(refusal.code),
    }
}

//! The Kafka wire protocol: requests, responses and record batches as bytes, nothing else.
//!
//! | module | what it is |
//! |---|---|
//! | [`api`] | the APIs and their versions; whole frames to [`Request`] and [`Response`] and back |
//! | [`messages`] | the requests and responses, declared field by field |
//! | [`codes`] | [`ErrorCode`] |
//! | [`batch`] | record batches: a borrowed view, a builder, compression, control records |
//! | `wire`, `codec` | primitives, and the macro behind [`messages`] |
//!
//! No clock, no thread, no socket. Bytes from outside never panic here, never size an allocation, and fail with the
//! place where they are wrong. Requests are strict (a version that cannot carry a field refuses it), responses are
//! lenient (they leave it out), as brokers are with old clients.

pub mod api;
pub mod batch;
mod codec;
pub mod codes;
pub mod messages;
mod wire;

pub use api::{
    decode_request, decode_response, encode_request, encode_response, ApiKey, Request, RequestHeader, Response,
};
pub use codes::ErrorCode;
pub use wire::Frame;

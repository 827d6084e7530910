//! A Kafka client: transports, producer, consumer and admin as state machines without threads.
//!
//! | module | what it is |
//! |---|---|
//! | [`transport`] | how requests reach a broker; over TCP, in process, with faults |
//! | `cluster`, `retry`, `requests` | metadata, backoff, and requests in flight: what all clients share |
//! | [`producer`] | batches per partition, in order, acknowledged |
//! | [`consumer`] | fetched batches, positions, committed offsets |
//! | [`admin`] | topics, their configs, their offsets |
//!
//! Each client owns its transport and is stepped with the time: `poll(now, wait)`. Only `transport::tcp` knows
//! sockets and has a thread. Blocking helpers take a clock.

pub mod transport;

mod cluster;
mod requests;
mod retry;
#[cfg(test)]
pub(crate) mod testing;

pub mod producer;

pub mod consumer;

pub mod admin;

pub use admin::Admin;
pub use consumer::Consumer;
pub use producer::Producer;

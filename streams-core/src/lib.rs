//! The engine of a Kafka Streams in Rust: everything below the typed DSL.
//!
//! Read the modules in this order; each may import only those above it (ARCHITECTURE.md has the exact table, and
//! `tests/tests/tidy.rs` checks it):
//!
//! | module | what it is |
//! |---|---|
//! | [`error`], [`ids`], [`time`], [`record`] | the vocabulary |
//! | [`config`], [`serde`] | settings under Kafka's names; bytes by type |
//! | [`protocol`] | the Kafka wire protocol: requests, responses, record batches. Pure bytes |
//! | [`client`] | transports, producer, consumer, admin: state machines without threads |
//! | [`state`] | stores: a typed facade over cache, changelog and byte engine |
//! | [`processor`] | the hot path: borrowed records pushed through typed edges |
//! | [`topology`] | the closed, validated, describable plan, and its wiring into a live graph |
//! | [`runtime`] | stream threads that step tasks: poll, process, punctuate, commit |
//! | [`testing`] | `TopologyTestDriver`: a task without broker, port or sleep |
//!
//! This crate knows no broker and no DSL. Nothing in it reads a clock, opens a socket or starts a thread outside
//! the drivers (`client::transport::tcp`, `runtime::streams`).

pub mod error;
pub mod ids;
pub mod record;
pub mod time;

pub mod config;
pub mod serde;

pub mod protocol;

pub mod client;

pub mod state;

pub mod processor;

pub mod topology;

pub mod runtime;

pub mod testing;

#[cfg(test)]
mod kafka_bytes_tests;
#[cfg(test)]
#[path = "../../tests/fixtures/reader.rs"]
mod kafka_fixtures;

pub use error::{Error, ErrorKind, Result, ResultExt};
pub use ids::{ChangelogPosition, NodeId, Offset, Partition, SubtopologyId, TaskId, TopicPartition};
pub use record::{Change, Header, Headers, Record};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};

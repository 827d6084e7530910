//! A durable single-node broker that speaks the Kafka wire protocol, embeddable in one call.
//!
//! ```
//! use broker_lite::Broker;
//!
//! let broker = Broker::builder().start()?;      // in memory; `.data_dir(path)` keeps the data
//! let transport = broker.in_process();          // for a client in this process: no socket, no encoding
//! # drop(transport);
//! # Ok::<(), streams_core::Error>(())
//! ```
//!
//! [`Broker`] is a state machine over a [`log`] per partition; [`SyncPolicy`] says how durable a write is when it
//! is acknowledged.

mod broker;
mod builder;
pub mod cli;
mod config;
mod coordinator;
mod data_dir;
pub mod disk;
mod drivers;
mod error;
mod handlers;
mod in_process;
#[cfg(test)]
#[path = "../../tests/fixtures/reader.rs"]
mod kafka_fixtures;
pub mod log;
mod purgatory;
mod reply;
pub mod server;
mod syncer;
mod text;
mod topics;

pub use broker::{Broker, Context};
pub use builder::BrokerBuilder;
pub use config::{BrokerConfig, SyncPolicy};
pub use reply::{Reply, Ticket};

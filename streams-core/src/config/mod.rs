//! Settings under Kafka's names, typed, with their defaults and reasons.
//!
//! A setting is a field with a type; text becomes a field in one place ([`parse`]), where a bad value is refused with
//! the key, what was given and what is accepted. An unknown key is an error, never ignored.
//!
//! Must not import protocol, client or runtime: settings are data.

mod settings;

pub mod client;
pub mod parse;
pub mod streams;

pub use client::{
    Acks, AdminConfig, AutoOffsetReset, ClientConfig, CompressionType, ConsumerConfig, IsolationLevel, ProducerConfig,
    SecurityProtocol,
};
pub use parse::HostPort;
pub use streams::{
    DslStoreType, ExceptionHandler, OffsetOutOfRangePolicy, ProcessingGuarantee, RuntimeConfig, StreamsConfig,
    TopologyChangePolicy, TopologyOptimization,
};

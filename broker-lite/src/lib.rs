//! A durable single-node broker that speaks the Kafka wire protocol.

pub mod disk;
pub mod log;

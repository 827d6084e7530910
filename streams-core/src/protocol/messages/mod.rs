//! The requests and responses, one file per family, fields in wire order under Kafka's names in snake_case.
//!
//! Every field says in which versions it exists. Decoding a version without it yields the default.

pub mod api_versions;
pub mod classic_group;
pub mod configs;
pub mod consumer_group_heartbeat;
pub mod fetch;
pub mod find_coordinator;
pub mod groups;
pub mod list_offsets;
pub mod metadata;
pub mod offsets;
pub mod produce;
pub mod streams_group_describe;
pub mod streams_group_heartbeat;
pub mod topics;
pub mod transactions;

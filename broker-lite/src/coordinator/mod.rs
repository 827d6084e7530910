//! What the broker keeps for clients beyond topics: committed offsets of groups and producer ids.
//!
//! Lock order: topics, group, partition. No lock of this module is held while a reply is written.

#[cfg(test)]
mod kafka_records_tests;
pub(crate) mod offset_records;
pub(crate) mod offsets;
pub(crate) mod producer_ids;

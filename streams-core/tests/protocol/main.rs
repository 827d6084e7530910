//! The wire protocol from outside: against Kafka's own bytes, against another codec, and against hostile bytes.

mod allocator;
mod batches;
mod debug_tree;
mod fixtures;
mod hostile;
mod kafka_batches;
#[path = "../../../tests/fixtures/reader.rs"]
mod reader;

//! The wire protocol from outside: against Kafka's own bytes, against another codec, and against hostile bytes.

mod allocator;
mod batches;
mod fixtures;
mod hostile;

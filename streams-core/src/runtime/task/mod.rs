//! A task: one sub-topology on one partition number, stepped by whoever owns it (a stream thread, the test driver).
//!
//! ```text
//! fetched batches ─► RecordQueue (one per partition) ─► PartitionGroup (smallest timestamp first) ─► source node ─► …
//!                                    committable offsets ◄── prepare_commit ◄── caches and stores flushed
//! ```
//!
//! A task runs on one thread, depth first, one record at a time. It knows no client: batches come in as bytes, records
//! leave through its collector, offsets are handed out for others to commit. Time comes in as an argument.

mod active;
mod offsets;
mod partition_group;
mod punctuate;
mod record_queue;

pub use active::{ActiveTask, TaskOptions, TaskStore};
pub use offsets::{CommittableOffset, PartitionMetadata};

#[cfg(test)]
mod tests;

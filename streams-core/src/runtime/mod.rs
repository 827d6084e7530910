//! Stream threads that step tasks: poll, process, punctuate, commit.
//!
//! ```text
//! KafkaStreams (driver: threads, clock, directory lock)
//!   └─ StreamThread::run_once(now)      one per `num.stream.threads`
//!        ├─ consumer ──records──► tasks ──records──► collector ──► producer
//!        ├─ restorer ──changelog──► byte stores, before their tasks are built
//!        └─ commit: flush caches ► flush producer ► offsets ► stores
//! ```
//!
//! Which task runs where is a pure function of the topology, the partition counts and the number of threads; the group
//! protocol can take its place. Everything below [`KafkaStreams`] is stepped with the time passed in.

mod assignment;
mod collector;
mod driver;
mod handlers;
mod internal_topics;
mod lifecycle;
mod metrics;
mod origin;
mod panics;
mod partitions;
mod plan;
mod purge;
mod restore;
mod state_dir;
mod streams;
pub mod task;
mod thread;

pub use handlers::{Handlers, ProductionHandler, UncaughtExceptionHandler, UncaughtExceptionResponse};
pub use lifecycle::{State, StateListener};
pub use metrics::{StreamsMetrics, TaskMetrics, ThreadMetrics};
pub use restore::StateRestoreListener;
pub use streams::KafkaStreams;

//! Apache Kafka on this machine, for tests, benchmarks and people: `make kafka`, or [`KafkaCluster::start`].
//!
//! ```text
//!   KafkaCluster ──pipe──► supervisor (sh, a process group of its own)
//!                            ├─ java StorageTool format, then java kafka.Kafka   node-1
//!                            └─ ..                                               node-N
//! ```
//!
//! Each node is broker and controller, listens on free ports of 127.0.0.1 and keeps everything in one temporary
//! directory. The supervisor waits for the end of the pipe: when the cluster is dropped, or its process is killed, it
//! kills the nodes and removes the directory. So nothing stays, whatever happens to us; killing the supervisor itself
//! with SIGKILL is the one thing that leaves nodes behind.
//!
//! The jars come from Maven Central, once, into the build cache ([`Kafka::find`]). Where Java or Maven is missing, a
//! cluster is `None` and a line on standard error says what to install: tests skip, and everybody sees it.

mod cluster;
mod jars;
mod ready;
mod supervisor;
mod tools;

pub use cluster::{KafkaCluster, Node, Options};
pub use jars::{Kafka, VERSION};

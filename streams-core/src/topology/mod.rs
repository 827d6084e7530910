//! The closed, validated, describable plan, and its wiring into one live graph per task.
//!
//! ```text
//! TopologyBuilder ──build()──► Topology ──wire(task)──► LiveGraph
//!   add_source, add_processor,    checked: names, types of       sources by topic, live nodes,
//!   add_sink, add_store           edges, stores, sub-topologies  stores' typed handles inside the nodes
//! ```
//!
//! A [`Topology`] that was built is valid: every edge joins equal types, every name is legal and taken once, every
//! store is connected to nodes that exist. It is immutable and shared by all threads. It is a plan, not an execution:
//! this module knows neither clients nor threads.

mod builder;
#[cfg(test)]
mod builder_tests;
mod describe;
mod node;
mod subtopology;
mod validate;
mod wiring;

pub use builder::{SinkOptions, SourceOptions, Topology, TopologyBuilder};
pub use describe::{NodeDescription, SubtopologyDescription, TopologyDescription};
pub use node::{InternalTopic, NodeFactory, NodeKind, NodeSpec, OffsetResetPolicy, Place, TypeSignature};
pub use subtopology::Subtopology;
pub(crate) use validate::validate_name;
pub use wiring::{LiveGraph, LiveSource, Wiring};

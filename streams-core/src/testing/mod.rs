//! `TopologyTestDriver`: the whole topology in one process, without broker, port, thread or sleep.
//!
//! The driver is not a second runtime: it steps the same tasks that a stream thread steps, one per sub-topology, and
//! stands in for the broker with a list of records per topic.

mod driver;
mod restart;
mod topics;
mod wire;

pub use driver::TopologyTestDriver;
pub use topics::{ProducedRecord, TestInputTopic, TestOutputTopic, TestRecord};

#[cfg(test)]
pub(crate) mod support;
#[cfg(test)]
mod tests;

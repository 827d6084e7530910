//! The same five applications here and on the JVM: input, workloads, the processes that run them, what they wrote, and
//! the table.
//!
//! Every application and every broker is a process of its own, so that its CPU time can be told from the others'.

pub mod application;
pub mod input;
pub mod output;
pub mod process;
pub mod report;
pub mod workloads;

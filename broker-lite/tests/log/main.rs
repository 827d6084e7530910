//! The partition log through its public interface: what it keeps, refuses, finds again and says.

#![expect(clippy::unwrap_used, reason = "helpers of tests end a test, too")]

mod support;

mod basics;
mod compaction;
mod damage;
mod faults;
mod model;
mod producers;
mod refusals;
mod times;

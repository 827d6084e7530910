//! The partition log through its public interface: what it keeps, refuses, finds again and says.

mod support;

mod basics;
mod compaction;
mod damage;
mod faults;
mod model;
mod producers;
mod refusals;
mod times;

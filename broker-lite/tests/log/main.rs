//! The partition log through its public interface: what it keeps, refuses, finds again and says.

mod support;

mod basics;
mod damage;
mod faults;
mod producers;
mod refusals;

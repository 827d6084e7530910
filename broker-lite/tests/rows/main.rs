//! Bad input and bad times, row by row: what the broker answers, says and leaves behind.
//!
//! Each test names its rows (B60 to B110); `../README.md` has the table of all of them, and where the proof of those
//! lies that are not here.

#![expect(clippy::unwrap_used, reason = "helpers of tests end a test, too")]

mod batches;
mod connections;
mod damage;
mod directory;
mod fetches;
mod names;
mod offline;
mod offsets;
mod produces;
#[path = "../support/mod.rs"]
mod program;
mod reads;
mod stepped;
mod storage;
mod support;
mod upkeep;

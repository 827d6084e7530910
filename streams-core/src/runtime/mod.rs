//! Stream threads that step tasks: poll, process, punctuate, commit.

pub mod task;

//! Programs that show the framework at work; the retail pipeline is the one to read first.

pub mod retail;

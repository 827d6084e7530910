//! Harness of the suites that need more than one crate.

//! Harness of the benchmarks.

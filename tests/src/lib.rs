//! Suites that need more than one crate live in `tests/tests/`; this library only runs the README's programs.

/// The README, whose Rust programs are compiled and run as documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

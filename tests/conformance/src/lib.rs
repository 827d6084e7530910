//! Cases recorded from Apache Kafka Streams (`cases/*.json`, format in `FORMAT.md`), run on our public DSL and test driver.
//!
//! Uses only what a user could: `streams_dsl`'s prelude and the test driver. Never a second implementation of an operator.
//!
//! ```text
//! families ──write──► cases/*.json ──make golden (Kafka Streams)──► expected
//!                          │
//!                      interpret ──► run ──► compare ──► report
//! ```

pub mod compare;
pub mod families;
pub mod folds;
pub mod functions;
pub mod interpret;
pub mod model;
pub mod random;
pub mod report;
pub mod run;
pub mod suite;
pub mod value;
pub mod write;

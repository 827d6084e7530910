//! The cases themselves, written as programs: one file per family, each a function that returns its cases without
//! answers. `conformance write` puts them into `cases/*.json`, where `make golden` adds what Kafka Streams answers.

use crate::model::Case;

/// A family of cases by its name, which is also the name of its file.
#[derive(Debug, Clone, Copy)]
pub struct FamilyOf {
    /// The name.
    pub name: &'static str,
    /// Makes its cases, always the same.
    pub cases: fn() -> Vec<Case>,
}

/// All families in the order of the report.
pub const FAMILIES: &[FamilyOf] = &[];

//! `Materialized`: how a table is stored.
/// How a table is stored.
#[derive(Debug)]
pub struct Materialized;

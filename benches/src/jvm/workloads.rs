//! The five applications that are measured, as `tests/oracle/src/main/java/oracle/bench/Workload.java` has them.
//!
//! Each reads `PREFIX-left` (joins also `PREFIX-right`) and writes `PREFIX-out`; keys and values are text.

use std::time::Duration;

use streams_core::topology::Topology;
use streams_core::Result;
use streams_dsl::prelude::*;
use streams_dsl::StreamsBuilder;

use crate::jvm::input::Shape;
use crate::jvm::output::Compared;

/// The width of windows, and how far apart two records may be that join.
pub const WINDOW: Duration = Duration::from_secs(10);
/// A value starts with the key of the right side that it refers to.
pub const FOREIGN_KEY_LENGTH: usize = 8;

/// One of the five.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload {
    /// Its name on the command line and in the table.
    pub title: &'static str,
    /// What it reads.
    pub shape: Shape,
    /// What of its output must be the same on both sides.
    pub compared: Compared,
    build: Build,
}

/// All five, in the order of the table.
pub const WORKLOADS: &[Workload] = &[
    workload("stateless", Shape::Single, Compared::EveryRecord, Ok(stateless)),
    workload("count", Shape::Single, Compared::LastOfKey, Ok(count)),
    workload("tumbling-count", Shape::Single, Compared::LastOfWindow, Ok(tumbling_count)),
    workload("stream-join", Shape::Pairs, Compared::EveryRecord, Err("the join of two streams")),
    workload("foreign-key-join", Shape::Foreign, Compared::LastValueOfKey, Err("the foreign-key join")),
];

/// Builds a workload, or says which operator it waits for.
type Build = std::result::Result<fn(&str) -> Result<Topology>, &'static str>;

const fn workload(title: &'static str, shape: Shape, compared: Compared, build: Build) -> Workload {
    Workload { title, shape, compared, build }
}

impl Workload {
    /// The one of that name.
    pub fn named(title: &str) -> Option<Self> {
        WORKLOADS.iter().copied().find(|workload| workload.title == title)
    }

    /// The operator that is not built yet, when there is one.
    pub fn missing_operator(&self) -> Option<&'static str> {
        self.build.err()
    }

    /// Its topology; `None` when an operator of it is missing.
    ///
    /// # Errors
    /// What the builder refuses.
    pub fn topology(&self, prefix: &str) -> Result<Option<Topology>> {
        self.build.ok().map(|build| build(prefix)).transpose()
    }
}

fn left(builder: &StreamsBuilder, prefix: &str) -> KStream<String, String> {
    builder.stream(&format!("{prefix}-left"))
}

fn stateless(prefix: &str) -> Result<Topology> {
    let builder = StreamsBuilder::new();
    left(&builder, prefix)
        .filter(|_, value| value.bytes().last().is_some_and(|last| last % 2 == 0))
        .map_values(|value| format!("{}!", value.get(..FOREIGN_KEY_LENGTH).unwrap_or(value)))
        .to(&format!("{prefix}-out"));
    builder.build()
}

fn count(prefix: &str) -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let counts = left(&builder, prefix).group_by_key().count_with(Materialized::named("counts"));
    counts.to_stream().to(&format!("{prefix}-out"));
    builder.build()
}

fn tumbling_count(prefix: &str) -> Result<Topology> {
    let builder = StreamsBuilder::new();
    left(&builder, prefix)
        .group_by_key()
        .windowed_by(TimeWindows::of_size_with_no_grace(WINDOW))
        .count_with(Materialized::named("counts"))
        .to_stream()
        .select_key(|windowed, _| windowed.key.clone())
        .to(&format!("{prefix}-out"));
    builder.build()
}

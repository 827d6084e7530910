//! The names a program needs: `use streams_dsl::prelude::*;`.

use std::time::Duration;

pub use streams_core::processor::{Context, Processor, Punctuation, PunctuationType};
pub use streams_core::serde::{DefaultSerde, Nullable, Serde};
pub use streams_core::state::{KeyValueStore, Stores, WindowStore};
pub use streams_core::topology::Topology;
pub use streams_core::{Error, ErrorKind, Headers, Record, Result, Timestamp};

pub use crate::windows::{TimeWindows, UnlimitedWindows, Window, Windowed};
pub use crate::{
    Branched, Consumed, FixedKeyContext, FixedKeyProcessor, FixedKeyRecord, Grouped, Joined, KGroupedStream, KStream,
    KTable, Materialized, Printed, Produced, Repartitioned, StoreRef, StreamsBuilder,
};

/// A duration of milliseconds.
pub fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A duration of seconds.
pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A duration of minutes.
pub fn mins(minutes: u64) -> Duration {
    Duration::from_secs(minutes.saturating_mul(60))
}

/// A duration of hours.
pub fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours.saturating_mul(3600))
}

/// A duration of days.
pub fn days(days: u64) -> Duration {
    Duration::from_secs(days.saturating_mul(86_400))
}

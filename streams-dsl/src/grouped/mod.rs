//! Streams that are grouped by key, before they are aggregated.

mod plan;
mod stream;
mod time;

pub use stream::KGroupedStream;
pub use time::TimeWindowedKStream;

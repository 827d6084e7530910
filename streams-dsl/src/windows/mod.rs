//! Windows: what they are, and which of them a timestamp falls into.

mod fixed;
mod time;
mod unlimited;

pub(crate) use fixed::FixedWindows;
pub use streams_core::serde::{Window, Windowed};
pub use time::TimeWindows;
pub use unlimited::UnlimitedWindows;

use crate::grouped::KGroupedStream;

/// A kind of window. It decides what a stream that is windowed by it offers.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no kind of window",
    note = "use `TimeWindows::of_size_and_grace(size, grace)` or another kind of `streams_dsl::windows`"
)]
pub trait WindowSpec {
    /// The grouped and windowed stream.
    type Grouped<K: 'static, V: 'static>;

    /// Cuts a grouped stream into windows of this kind.
    fn group<K: 'static, V: 'static>(self, stream: KGroupedStream<K, V>) -> Self::Grouped<K, V>;
}

//! Unlimited windows: one window from a start to the end of time.

use std::time::Duration;

use streams_core::time::duration_ms;
use streams_core::{Error, ErrorKind, Result, Timestamp};

use crate::grouped::{KGroupedStream, TimeWindowedKStream};
use crate::windows::fixed::{FixedWindows, WindowsOf};
use crate::windows::WindowSpec;

/// One window that begins at 0, or where [`Self::start_on`] says, and never ends. Records before it are in no window.
///
/// ```
/// use streams_core::testing::TopologyTestDriver;
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let since = UnlimitedWindows::of().start_on(Timestamp(100));
/// let counts = builder.stream::<String, i64>("sales").group_by_key().windowed_by(since).count();
/// counts.to_stream().select_key(|key, _| key.key.clone()).to("counts");
///
/// let driver = TopologyTestDriver::new(builder.build()?)?;
/// let sales = driver.input::<String, i64>("sales")?;
/// sales.pipe_at(Timestamp(99), "pen", 1)?;
/// sales.pipe_at(Timestamp(100), "pen", 1)?;
/// sales.pipe_at(Timestamp(1_000_000), "pen", 1)?;
/// driver.output::<String, i64>("counts")?.check("pen = 1 @ 100\npen = 2 @ 1000000");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct UnlimitedWindows {
    start: Timestamp,
}

impl UnlimitedWindows {
    /// The window from 0 on.
    pub fn of() -> Self {
        Self { start: Timestamp(0) }
    }

    /// The window from `start` on, which must not be negative.
    #[doc(alias = "startOn")]
    pub fn start_on(mut self, start: Timestamp) -> Self {
        self.start = start;
        self
    }

    /// Checks the start.
    pub(crate) fn validate(self) -> Result<()> {
        if self.start >= Timestamp(0) {
            return Ok(());
        }
        let message = format!("unlimited window from {} on: the start must not be negative", self.start);
        Err(Error::new(ErrorKind::InvalidTopology, message))
    }

    /// Kafka's size of such a window: all of time.
    pub(crate) fn size() -> Duration {
        Duration::from_millis(u64::try_from(i64::MAX).unwrap_or(u64::MAX))
    }

    #[inline]
    pub(crate) fn windows_of(self, timestamp: Timestamp) -> WindowsOf {
        WindowsOf::one((timestamp >= self.start).then_some(self.start.0), duration_ms(Self::size()))
    }
}

impl WindowSpec for UnlimitedWindows {
    type Grouped<K: 'static, V: 'static> = TimeWindowedKStream<K, V>;

    fn group<K: 'static, V: 'static>(self, stream: KGroupedStream<K, V>) -> TimeWindowedKStream<K, V> {
        TimeWindowedKStream::new(stream, FixedWindows::Unlimited(self))
    }
}

//! Time windows: of fixed size, aligned to 1970, tumbling or hopping.

use std::time::Duration;

use streams_core::time::duration_ms;
use streams_core::{Error, ErrorKind, Result, Timestamp};

use crate::grouped::{KGroupedStream, TimeWindowedKStream};
use crate::windows::fixed::{FixedWindows, WindowsOf};
use crate::windows::WindowSpec;

/// Windows `[start, start + size)` at every multiple of the advance. Tumbling unless [`Self::advance_by`] is given.
///
/// A window takes late records until stream time passes its end by the grace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct TimeWindows {
    size_ms: i64,
    advance_ms: i64,
    grace_ms: i64,
}

impl TimeWindows {
    /// Tumbling windows that close as soon as stream time reaches their end.
    #[doc(alias = "ofSizeWithNoGrace")]
    pub fn of_size_with_no_grace(size: Duration) -> Self {
        Self::of_size_and_grace(size, Duration::ZERO)
    }

    /// Tumbling windows that take late records for `grace` after their end.
    #[doc(alias = "ofSizeAndGrace")]
    pub fn of_size_and_grace(size: Duration, grace: Duration) -> Self {
        let size_ms = duration_ms(size);
        Self { size_ms, advance_ms: size_ms, grace_ms: duration_ms(grace) }
    }

    /// Makes them hopping: a window starts every `advance`, so that each record falls into several.
    #[doc(alias = "advanceBy")]
    pub fn advance_by(mut self, advance: Duration) -> Self {
        self.advance_ms = duration_ms(advance);
        self
    }

    /// The size in milliseconds.
    pub fn size_ms(&self) -> i64 {
        self.size_ms
    }

    pub(crate) fn size(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.size_ms).unwrap_or(0))
    }

    /// How long a window's row must be kept: until it can no longer change.
    pub(crate) fn minimum_retention(&self) -> Duration {
        Duration::from_millis(u64::try_from(self.size_ms.saturating_add(self.grace_ms)).unwrap_or(0))
    }

    /// Checks size and advance.
    pub(crate) fn validate(&self) -> Result<()> {
        let Self { size_ms, advance_ms, grace_ms } = self;
        let invalid = |why: &str| {
            let message =
                format!("window of size {size_ms} ms, advance {advance_ms} ms and grace {grace_ms} ms: {why}");
            Err(Error::new(ErrorKind::InvalidTopology, message))
        };
        if *size_ms == 0 {
            return invalid("the size must be larger than zero");
        }
        if *advance_ms == 0 || advance_ms > size_ms {
            return invalid("the advance must be larger than zero and no larger than the size");
        }
        Ok(())
    }

    /// The windows that a timestamp falls into, earliest first.
    #[inline]
    pub(crate) fn windows_of(self, timestamp: Timestamp) -> WindowsOf {
        let after_previous = timestamp.0.saturating_sub(self.size_ms).saturating_add(self.advance_ms);
        let earliest = after_previous.max(0) / self.advance_ms * self.advance_ms;
        WindowsOf::every(self.advance_ms, earliest, timestamp.0, self.size_ms)
    }

    /// Refuses a timestamp of which a window would end after the greatest of all times.
    ///
    /// # Errors
    /// [`ErrorKind::Processing`], as Kafka Streams fails.
    #[inline]
    pub(crate) fn check(self, timestamp: Timestamp) -> Result<()> {
        let latest = timestamp.0 - timestamp.0 % self.advance_ms;
        if latest.checked_add(self.size_ms).is_none() {
            return Err(self.beyond_all_times(timestamp));
        }
        Ok(())
    }

    #[cold]
    fn beyond_all_times(self, timestamp: Timestamp) -> Error {
        let message = format!(
            "the window of {} ms that timestamp {timestamp} falls into would end after the greatest of all times: is it in \
             milliseconds? take the record's time from elsewhere with a timestamp extractor",
            self.size_ms
        );
        Error::new(ErrorKind::Processing, message)
    }

    /// Windows that end at or before this time take no more records.
    #[inline]
    pub(crate) fn close_time(&self, stream_time: Timestamp) -> Timestamp {
        Timestamp(stream_time.0.saturating_sub(self.grace_ms))
    }
}

impl WindowSpec for TimeWindows {
    type Grouped<K: 'static, V: 'static> = TimeWindowedKStream<K, V>;

    fn group<K: 'static, V: 'static>(self, stream: KGroupedStream<K, V>) -> TimeWindowedKStream<K, V> {
        TimeWindowedKStream::new(stream, FixedWindows::Time(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::tumbling_start(10, 10, 20, &[(20, 30)])]
    #[case::tumbling_end(10, 10, 29, &[(20, 30)])]
    #[case::hopping(10, 4, 13, &[(4, 14), (8, 18), (12, 22)])]
    #[case::before_a_full_size(10, 4, 3, &[(0, 10)])]
    #[case::at_zero(10, 5, 0, &[(0, 10)])]
    #[case::at_the_end(7, 7, i64::MAX - 1, &[(i64::MAX - 7, i64::MAX)])]
    fn a_timestamp_falls_into_windows(
        #[case] size: u64,
        #[case] advance: u64,
        #[case] timestamp: i64,
        #[case] expected: &[(i64, i64)],
    ) {
        let windows =
            TimeWindows::of_size_with_no_grace(Duration::from_millis(size)).advance_by(Duration::from_millis(advance));
        let windows: Vec<(i64, i64)> =
            windows.windows_of(Timestamp(timestamp)).map(|window| (window.start.0, window.end.0)).collect();
        assert_eq!(windows, expected);
    }

    #[rstest]
    #[case::the_last_window(7, 7, i64::MAX - 1, true)]
    #[case::beyond(7, 7, i64::MAX, false)]
    #[case::hopping(14, 7, i64::MAX - 8, true)]
    #[case::hopping_beyond(14, 7, i64::MAX - 7, false)]
    fn no_window_ends_beyond_all_times(
        #[case] size: u64,
        #[case] advance: u64,
        #[case] timestamp: i64,
        #[case] is_fine: bool,
    ) {
        let windows =
            TimeWindows::of_size_with_no_grace(Duration::from_millis(size)).advance_by(Duration::from_millis(advance));
        assert_eq!(windows.check(Timestamp(timestamp)).is_ok(), is_fine);
    }

    /// Row B41.
    #[rstest]
    #[case::no_size(0, 0)]
    #[case::no_advance(10, 0)]
    #[case::advance_over_size(10, 11)]
    fn impossible_windows_are_refused(#[case] size: u64, #[case] advance: u64) {
        let windows =
            TimeWindows::of_size_with_no_grace(Duration::from_millis(size)).advance_by(Duration::from_millis(advance));
        let error = windows.validate().expect_err("it is impossible");
        assert!(error.to_string().contains(&format!("size {size} ms, advance {advance} ms")), "{error}");
    }
}

//! The kinds of windows that a timestamp alone decides on, as the nodes that aggregate see them.

use std::time::Duration;

use streams_core::{Result, Timestamp};

use crate::windows::{TimeWindows, UnlimitedWindows, Window};

/// Windows that a timestamp alone decides on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FixedWindows {
    /// Tumbling or hopping.
    Time(TimeWindows),
    /// One that never ends.
    Unlimited(UnlimitedWindows),
}

impl FixedWindows {
    /// Checks what the program asked for.
    ///
    /// # Errors
    /// [`streams_core::ErrorKind::InvalidTopology`] when there are no such windows.
    pub(crate) fn validate(&self) -> Result<()> {
        match self {
            Self::Time(windows) => windows.validate(),
            Self::Unlimited(windows) => windows.validate(),
        }
    }

    pub(crate) fn size(&self) -> Duration {
        match self {
            Self::Time(windows) => windows.size(),
            Self::Unlimited(_) => UnlimitedWindows::size(),
        }
    }

    /// How long a window's row must be kept: until it can no longer change.
    pub(crate) fn minimum_retention(&self) -> Duration {
        match self {
            Self::Time(windows) => windows.minimum_retention(),
            Self::Unlimited(_) => UnlimitedWindows::size(),
        }
    }

    /// Refuses a timestamp of which a window would end after the greatest of all times.
    ///
    /// # Errors
    /// [`streams_core::ErrorKind::Processing`], as Kafka Streams fails.
    #[inline]
    pub(crate) fn check(self, timestamp: Timestamp) -> Result<()> {
        match self {
            Self::Time(windows) => windows.check(timestamp),
            Self::Unlimited(_) => Ok(()),
        }
    }

    /// The windows that a timestamp falls into, earliest first.
    #[inline]
    pub(crate) fn windows_of(self, timestamp: Timestamp) -> WindowsOf {
        match self {
            Self::Time(windows) => windows.windows_of(timestamp),
            Self::Unlimited(windows) => windows.windows_of(timestamp),
        }
    }

    /// Windows that end at or before this time take no more records.
    #[inline]
    pub(crate) fn close_time(self, stream_time: Timestamp) -> Timestamp {
        match self {
            Self::Time(windows) => windows.close_time(stream_time),
            Self::Unlimited(_) => stream_time,
        }
    }
}

/// The windows that a timestamp falls into, earliest first.
#[derive(Debug, Clone)]
pub(crate) struct WindowsOf {
    next: Option<i64>,
    latest: i64,
    advance_ms: i64,
    size_ms: i64,
}

impl WindowsOf {
    /// A window that starts every `advance_ms`, from `earliest` to `latest`.
    #[inline]
    pub(crate) fn every(advance_ms: i64, earliest: i64, latest: i64, size_ms: i64) -> Self {
        Self { next: Some(earliest), latest, advance_ms, size_ms }
    }

    /// At most one window.
    #[inline]
    pub(crate) fn one(start: Option<i64>, size_ms: i64) -> Self {
        Self { next: start, latest: start.unwrap_or(0), advance_ms: i64::MAX, size_ms }
    }
}

impl Iterator for WindowsOf {
    type Item = Window;

    #[inline]
    fn next(&mut self) -> Option<Window> {
        let start = self.next.filter(|start| *start <= self.latest)?;
        // At the end of time there is no later window.
        self.next = start.checked_add(self.advance_ms);
        Some(Window::new(Timestamp(start), Timestamp(start.saturating_add(self.size_ms))))
    }
}

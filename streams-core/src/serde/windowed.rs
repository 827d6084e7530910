//! Windowed keys, and their bytes on topics.
//!
//! ```text
//! time window     key ‖ i64 start              the end is not written: readers know the window size
//! session window  key ‖ i64 end ‖ i64 start
//! ```
//!
//! Kafka's `TimeWindowedSerializer` and `SessionWindowedSerializer`. Changelog keys of window stores carry a sequence
//! number more; they are the business of `state`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::primitives::wrong_length;
use super::{DefaultSerde, Serde, SerdeRef};
use crate::error::{Error, ErrorKind, Result};
use crate::time::Timestamp;

/// A span of event time. Whether the end belongs to it is up to the kind of window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    /// The first millisecond.
    pub start: Timestamp,
    /// The end: exclusive for time windows, inclusive for session and sliding windows.
    pub end: Timestamp,
}

impl Window {
    /// The window from `start` to `end`.
    pub const fn new(start: Timestamp, end: Timestamp) -> Self {
        Self { start, end }
    }
}

/// A key within a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Windowed<K> {
    /// The key.
    pub key: K,
    /// The window.
    pub window: Window,
}

impl<K> Windowed<K> {
    /// A key within a window.
    pub const fn new(key: K, window: Window) -> Self {
        Self { key, window }
    }
}

impl<K: fmt::Display> fmt::Display for Windowed<K> {
    /// Kafka's `[key@start/end]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}@{}/{}]", self.key, self.window.start, self.window.end)
    }
}

/// The bytes of a time on topics.
const TIME_BYTES: usize = 8;

fn split_time(bytes: &[u8], what: &str) -> Result<(usize, Timestamp)> {
    match bytes.last_chunk::<TIME_BYTES>() {
        Some(time) => Ok((bytes.len() - TIME_BYTES, Timestamp(i64::from_be_bytes(*time)))),
        None => Err(wrong_length(what, bytes.len(), "a key and 8 bytes a time")),
    }
}

fn require_order(window: Window, what: &str) -> Result<Window> {
    if window.start.0 < 0 || window.end < window.start {
        let message = format!("serde `{what}` got a window from {} to {}", window.start, window.end);
        return Err(Error::new(ErrorKind::Serialization, message));
    }
    Ok(window)
}

/// The serde of keys in time windows.
pub struct TimeWindowedSerde<K> {
    inner: SerdeRef<K>,
    size: Option<Duration>,
}

impl<K: 'static> TimeWindowedSerde<K> {
    /// Windows of a known size, so that the end is known on reading.
    pub fn new(inner: SerdeRef<K>, size: Duration) -> Self {
        Self { inner, size: Some(size) }
    }

    /// Windows of unknown size: on reading they end at the largest timestamp, as in Kafka.
    pub fn of_unknown_size(inner: SerdeRef<K>) -> Self {
        Self { inner, size: None }
    }

    fn window(&self, start: Timestamp) -> Result<Window> {
        let end = self.size.map_or(Timestamp(i64::MAX), |size| start + size);
        require_order(Window::new(start, end), "time window")
    }
}

impl<K> fmt::Debug for TimeWindowedSerde<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeWindowedSerde").field("size", &self.size).finish_non_exhaustive()
    }
}

impl<K: 'static> Serde<Windowed<K>> for TimeWindowedSerde<K> {
    fn name(&self) -> String {
        format!("windowed {}", self.inner.name())
    }

    fn serialize(&self, value: &Windowed<K>, out: &mut Vec<u8>) -> Result<()> {
        self.inner.serialize(&value.key, out)?;
        out.extend_from_slice(&value.window.start.0.to_be_bytes());
        Ok(())
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<Windowed<K>> {
        let (key, start) = split_time(bytes, "time window")?;
        Ok(Windowed::new(self.inner.deserialize(&bytes[..key])?, self.window(start)?))
    }

    fn deserialize_into(&self, bytes: &[u8], slot: &mut Windowed<K>) -> Result<()> {
        let (key, start) = split_time(bytes, "time window")?;
        let window = self.window(start)?;
        self.inner.deserialize_into(&bytes[..key], &mut slot.key)?;
        slot.window = window;
        Ok(())
    }
}

/// The serde of keys in session windows.
pub struct SessionWindowedSerde<K>(SerdeRef<K>);

impl<K: 'static> SessionWindowedSerde<K> {
    /// Sessions of keys that `inner` reads and writes.
    pub fn new(inner: SerdeRef<K>) -> Self {
        Self(inner)
    }
}

impl<K> fmt::Debug for SessionWindowedSerde<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionWindowedSerde")
    }
}

impl<K: 'static> Serde<Windowed<K>> for SessionWindowedSerde<K> {
    fn name(&self) -> String {
        format!("session of {}", self.0.name())
    }

    fn serialize(&self, value: &Windowed<K>, out: &mut Vec<u8>) -> Result<()> {
        self.0.serialize(&value.key, out)?;
        out.extend_from_slice(&value.window.end.0.to_be_bytes());
        out.extend_from_slice(&value.window.start.0.to_be_bytes());
        Ok(())
    }

    fn deserialize(&self, bytes: &[u8]) -> Result<Windowed<K>> {
        let (rest, start) = split_time(bytes, "session window")?;
        let (key, end) = split_time(&bytes[..rest], "session window")?;
        let window = require_order(Window::new(start, end), "session window")?;
        Ok(Windowed::new(self.0.deserialize(&bytes[..key])?, window))
    }
}

/// Time windows of unknown size; topics of windowed results carry no more.
impl<K: DefaultSerde> DefaultSerde for Windowed<K> {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(TimeWindowedSerde::of_unknown_size(K::default_serde()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windowed(start: i64, end: i64) -> Windowed<String> {
        Windowed::new("ab".to_owned(), Window::new(Timestamp(start), Timestamp(end)))
    }

    #[test]
    fn a_time_window_writes_its_start() {
        let serde = TimeWindowedSerde::new(String::default_serde(), Duration::from_millis(10));
        let mut bytes = Vec::new();
        serde.serialize(&windowed(258, 268), &mut bytes).unwrap();
        assert_eq!(bytes, b"ab\0\0\0\0\0\0\x01\x02");
        assert_eq!(serde.deserialize(&bytes).unwrap(), windowed(258, 268));
        let mut slot = windowed(0, 0);
        Windowed::<String>::default_serde().deserialize_into(&bytes, &mut slot).unwrap();
        assert_eq!(slot, windowed(258, i64::MAX));
        assert_eq!(windowed(258, 268).to_string(), "[ab@258/268]");
    }

    #[test]
    fn a_session_writes_its_end_first() {
        let serde = SessionWindowedSerde::new(String::default_serde());
        let mut bytes = Vec::new();
        serde.serialize(&windowed(1, 2), &mut bytes).unwrap();
        assert_eq!(bytes, b"ab\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x01");
        assert_eq!(serde.deserialize(&bytes).unwrap(), windowed(1, 2));
    }

    #[test]
    fn short_keys_and_impossible_windows_are_refused() {
        let sessions = SessionWindowedSerde::new(String::default_serde());
        let short = sessions.deserialize(&[0; 15]).unwrap_err();
        assert_eq!(short.to_string(), "serde `session window` got 7 bytes, expects a key and 8 bytes a time");
        let backwards = sessions.deserialize(&[&1_i64.to_be_bytes()[..], &2_i64.to_be_bytes()].concat()).unwrap_err();
        assert_eq!(backwards.to_string(), "serde `session window` got a window from 2 to 1");
        Windowed::<String>::default_serde().deserialize(&[0xff; 8]).unwrap_err();
    }
}

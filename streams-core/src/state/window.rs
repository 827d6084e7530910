//! Window stores of plain values, for processors.

use std::time::Duration;

use super::cursor::StoreCursor;
use super::engine::Direction;
use super::facade::{decode_windowed, require_window_key, Handle};
use super::schema::KeyRange;
use super::StateStore;
use crate::error::Result;
use crate::serde::Windowed;
use crate::time::{duration_ms, Timestamp};

/// A store of one value per key and window start. Cloning copies the handle, not the store.
///
/// Rows whose start is the retention or more before the latest start put are gone: reads do not see them, writes of
/// them are dropped and counted. Times of ranges are inclusive.
pub struct WindowStore<K, V>(Handle<K, V>);

impl<K, V> Clone for WindowStore<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> std::fmt::Debug for WindowStore<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("WindowStore").field(&self.0.shared.name()).finish()
    }
}

impl<K: 'static, V: 'static> StateStore for WindowStore<K, V> {
    fn name(&self) -> &str {
        self.0.shared.name()
    }
}

impl<K: 'static, V: 'static> WindowStore<K, V> {
    pub(super) fn new(handle: Handle<K, V>) -> Self {
        Self(handle)
    }

    /// The value of a key in the window that starts at `start`.
    ///
    /// # Errors
    /// What the engine refuses, and a row that does not decode.
    #[inline]
    pub fn fetch(&self, key: &K, start: Timestamp) -> Result<Option<V>> {
        self.0.read_window(key, start, |row| self.0.values.deserialize(row))
    }

    /// Decodes that value into a slot and says whether there is one. The slot's memory is reused.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    #[inline]
    pub fn fetch_into(&self, key: &K, start: Timestamp, slot: &mut V) -> Result<bool> {
        Ok(self.0.read_window(key, start, |row| self.0.values.deserialize_into(row, slot))?.is_some())
    }

    /// Writes the value of a key in the window that starts at `start`.
    ///
    /// # Errors
    /// A null key, a negative start, a key or value without bytes, what engine or changelog refuse.
    #[inline]
    pub fn put(&self, key: &K, value: &V, start: Timestamp) -> Result<()> {
        self.0.write_window(key, start, |row| {
            let has_value = !self.0.values.is_null(value);
            if has_value {
                self.0.values.serialize(value, row)?;
            }
            Ok(has_value)
        })
    }

    /// Deletes the row of a key in the window that starts at `start`.
    ///
    /// # Errors
    /// As [`Self::put`].
    #[inline]
    pub fn delete(&self, key: &K, start: Timestamp) -> Result<()> {
        self.0.write_window(key, start, |_| Ok(false))
    }

    /// The rows of a key with starts in `from..=to`, in order of time.
    ///
    /// # Errors
    /// A key that does not encode.
    pub fn fetch_range(&self, key: &K, from: Timestamp, to: Timestamp) -> Result<StoreCursor<(Timestamp, V)>> {
        self.key_cursor(key, from, to, Direction::Forward)
    }

    /// The same, latest first.
    ///
    /// # Errors
    /// A key that does not encode.
    pub fn backward_fetch_range(&self, key: &K, from: Timestamp, to: Timestamp) -> Result<StoreCursor<(Timestamp, V)>> {
        self.key_cursor(key, from, to, Direction::Reverse)
    }

    /// The rows of all keys with starts in `from..=to`: segment by segment, and by key within a segment.
    ///
    /// # Errors
    /// None at present; rows are read by the cursor.
    pub fn fetch_all(&self, from: Timestamp, to: Timestamp) -> Result<StoreCursor<(Windowed<K>, V)>> {
        let (ranges, from, to) = all_ranges(&self.0, from, to)?;
        let shape = self.0.window_shape()?;
        let Handle { keys, values, shared } = self.0.clone();
        Ok(StoreCursor::new(shared, ranges, Direction::Forward, move |key, row| {
            let (_, start) = require_window_key(key)?;
            if start < from || start > to {
                return Ok(None);
            }
            Ok(Some((decode_windowed(&keys, shape, key)?, values.deserialize(row)?)))
        }))
    }

    /// All rows, in the order of [`Self::fetch_all`].
    ///
    /// # Errors
    /// None at present; rows are read by the cursor.
    pub fn all(&self) -> Result<StoreCursor<(Windowed<K>, V)>> {
        self.fetch_all(Timestamp(0), Timestamp(i64::MAX))
    }

    /// How long windows are.
    pub fn window_size(&self) -> Duration {
        window_size(&self.0)
    }

    fn key_cursor(
        &self,
        key: &K,
        from: Timestamp,
        to: Timestamp,
        direction: Direction,
    ) -> Result<StoreCursor<(Timestamp, V)>> {
        let (ranges, wanted) = key_ranges(&self.0, key, from, to)?;
        let Handle { values, shared, .. } = self.0.clone();
        Ok(StoreCursor::new(shared, ranges, direction, move |key, row| {
            let (key, start) = require_window_key(key)?;
            if !wanted.matches(key, start) {
                return Ok(None);
            }
            Ok(Some((start, values.deserialize(row)?)))
        }))
    }
}

/// Which rows of a scan over one key belong to it: the ranges hold rows of longer keys too.
pub(super) struct Wanted {
    key: Vec<u8>,
    from: Timestamp,
    to: Timestamp,
}

impl Wanted {
    pub(super) fn matches(&self, key: &[u8], start: Timestamp) -> bool {
        self.key == key && start >= self.from && start <= self.to
    }
}

/// The scans for one key, within the retention.
pub(super) fn key_ranges<K: 'static, V: 'static>(
    handle: &Handle<K, V>,
    key: &K,
    from: Timestamp,
    to: Timestamp,
) -> Result<(Vec<KeyRange>, Wanted)> {
    let mut bytes = Vec::new();
    handle.encode_key(key, &mut bytes)?;
    let (from, to) = handle.shared.layers().live_times(from, to)?;
    let ranges = handle.window_shape()?.key_ranges(&bytes, from, to);
    Ok((ranges, Wanted { key: bytes, from, to }))
}

/// The scan for all keys, within the retention.
pub(super) fn all_ranges<K: 'static, V: 'static>(
    handle: &Handle<K, V>,
    from: Timestamp,
    to: Timestamp,
) -> Result<(Vec<KeyRange>, Timestamp, Timestamp)> {
    let (from, to) = handle.shared.layers().live_times(from, to)?;
    Ok((handle.window_shape()?.time_range(from, to), from, to))
}

/// How long the windows of a store are.
pub(super) fn window_size<K: 'static, V: 'static>(handle: &Handle<K, V>) -> Duration {
    let size_ms = handle.window_shape().map_or(0, |shape| shape.window_size_ms);
    debug_assert!(size_ms <= duration_ms(Duration::MAX));
    Duration::from_millis(u64::try_from(size_ms).unwrap_or(0))
}

//! Window stores whose rows have an event time: what windowed aggregations keep.

use std::time::Duration;

use super::cursor::StoreCursor;
use super::engine::Direction;
use super::facade::{decode_timestamped, decode_windowed, require_window_key, Handle};
use super::layers::FlushListener;
use super::timestamped::{decode_flushed, decode_into, encode_timestamped, Flushed};
use super::window::{all_ranges, key_ranges, window_size};
use super::StateStore;
use crate::error::{Result, ResultExt};
use crate::record::Headers;
use crate::serde::{ValueAndTimestamp, Window, Windowed};
use crate::time::Timestamp;

/// A store of one value and its time per key and window start. Cloning copies the handle, not the store.
///
/// Retention is that of [`super::WindowStore`].
pub struct TimestampedWindowStore<K, V>(Handle<K, V>);

impl<K, V> Clone for TimestampedWindowStore<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> std::fmt::Debug for TimestampedWindowStore<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TimestampedWindowStore").field(&self.0.shared.name()).finish()
    }
}

impl<K: 'static, V: 'static> StateStore for TimestampedWindowStore<K, V> {
    fn name(&self) -> &str {
        self.0.shared.name()
    }
}

impl<K: 'static, V: 'static> TimestampedWindowStore<K, V> {
    pub(super) fn new(handle: Handle<K, V>) -> Self {
        Self(handle)
    }

    /// The value of a key in the window that starts at `start`, and its time.
    ///
    /// # Errors
    /// What the engine refuses, and a row that does not decode.
    #[inline]
    pub fn fetch(&self, key: &K, start: Timestamp) -> Result<Option<ValueAndTimestamp<V>>> {
        self.0.read_window(key, start, |row| decode_timestamped(&self.0.values, row))
    }

    /// Decodes that value into a slot, whose memory is reused, and returns its time if there is one.
    ///
    /// # Errors
    /// As [`Self::fetch`].
    #[inline]
    pub fn fetch_into(&self, key: &K, start: Timestamp, slot: &mut V) -> Result<Option<Timestamp>> {
        self.0.read_window(key, start, |row| decode_into(&self.0.values, row, slot))
    }

    /// Writes the value of a key in the window that starts at `start`, and its time.
    ///
    /// # Errors
    /// A null key, a negative start, a key or value without bytes, what engine or changelog refuse.
    #[inline]
    pub fn put(&self, key: &K, value: &V, timestamp: Timestamp, start: Timestamp) -> Result<()> {
        self.0.write_window(key, start, |row| encode_timestamped(&self.0.values, value, timestamp, row))
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
    pub fn fetch_range(
        &self,
        key: &K,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<StoreCursor<(Timestamp, ValueAndTimestamp<V>)>> {
        self.key_cursor(key, from, to, Direction::Forward)
    }

    /// The same, latest first.
    ///
    /// # Errors
    /// A key that does not encode.
    pub fn backward_fetch_range(
        &self,
        key: &K,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<StoreCursor<(Timestamp, ValueAndTimestamp<V>)>> {
        self.key_cursor(key, from, to, Direction::Reverse)
    }

    /// The rows of all keys with starts in `from..=to`: segment by segment, and by key within a segment.
    ///
    /// # Errors
    /// None at present; rows are read by the cursor.
    pub fn fetch_all(
        &self,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<StoreCursor<(Windowed<K>, ValueAndTimestamp<V>)>> {
        let (ranges, from, to) = all_ranges(&self.0, from, to)?;
        let shape = self.0.window_shape()?;
        let Handle { keys, values, shared } = self.0.clone();
        Ok(StoreCursor::new(shared, ranges, Direction::Forward, move |key, row| {
            let (_, start) = require_window_key(key)?;
            if start < from || start > to {
                return Ok(None);
            }
            Ok(Some((decode_windowed(&keys, shape, key)?, decode_timestamped(&values, row)?)))
        }))
    }

    /// All rows, in the order of [`Self::fetch_all`].
    ///
    /// # Errors
    /// None at present; rows are read by the cursor.
    pub fn all(&self) -> Result<StoreCursor<(Windowed<K>, ValueAndTimestamp<V>)>> {
        self.fetch_all(Timestamp(0), Timestamp(i64::MAX))
    }

    /// How long windows are.
    pub fn window_size(&self) -> Duration {
        window_size(&self.0)
    }

    /// Whether results wait in a cache; see [`super::TimestampedKeyValueStore::is_cached`].
    pub fn is_cached(&self) -> bool {
        self.0.shared.layers().is_cached()
    }

    /// Says what the node wants to know of rows that leave the cache.
    pub fn set_flush_listener(&self, listener: FlushListener) {
        self.0.shared.layers().set_flush_listener(listener);
    }

    /// Gives the row that is written next these headers, for when it leaves the cache.
    pub fn set_next_headers(&self, headers: &Headers) {
        self.0.shared.layers().set_next_headers(headers);
    }

    /// Sends all dirty rows of the cache down and queues them for [`Self::next_flushed`].
    ///
    /// # Errors
    /// What engine or changelog refuse.
    pub fn flush_cache(&self) -> Result<()> {
        self.0.shared.layers().flush_cache()
    }

    /// Takes the next row that left the cache into `slot`; see [`super::TimestampedKeyValueStore::next_flushed`].
    ///
    /// # Errors
    /// A row that does not decode.
    #[inline]
    pub fn next_flushed(&self, slot: &mut Option<Flushed<Windowed<K>, V>>) -> Result<bool> {
        let mut layers = self.0.shared.layers();
        let shape = layers.window()?;
        let Some(row) = layers.next_flushed() else { return Ok(false) };
        decode_flushed(row, &self.0.values, slot, |bytes, slot| match slot {
            Some(windowed) => {
                let (key, start) = require_window_key(bytes)?;
                self.0.keys.deserialize_into(key, &mut windowed.key)?;
                windowed.window = Window::new(start, shape.end(start));
                Ok(None)
            }
            None => decode_windowed(&self.0.keys, shape, bytes).map(Some),
        })
        .context(|| format!("read a row that left the cache of store `{}`", self.0.shared.name()))?;
        Ok(true)
    }

    /// The row that [`Self::next_flushed`] handed out last was not forwarded: it is handed out again first.
    pub fn put_back_flushed(&self) {
        self.0.shared.layers().put_back_flushed();
    }

    fn key_cursor(
        &self,
        key: &K,
        from: Timestamp,
        to: Timestamp,
        direction: Direction,
    ) -> Result<StoreCursor<(Timestamp, ValueAndTimestamp<V>)>> {
        let (ranges, wanted) = key_ranges(&self.0, key, from, to)?;
        let Handle { values, shared, .. } = self.0.clone();
        Ok(StoreCursor::new(shared, ranges, direction, move |key, row| {
            let (key, start) = require_window_key(key)?;
            if !wanted.matches(key, start) {
                return Ok(None);
            }
            Ok(Some((start, decode_timestamped(&values, row)?)))
        }))
    }
}

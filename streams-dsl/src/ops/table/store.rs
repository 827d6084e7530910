//! What the nodes of a table need of its store, so that one body of code serves key-value and window stores.

use streams_core::serde::Windowed;
use streams_core::state::{FlushListener, Flushed, StateStore, TimestampedKeyValueStore, TimestampedWindowStore};
use streams_core::{Headers, Result, Timestamp};

/// A store of a table's rows: one value and its time per key, a windowed key included.
pub(crate) trait TableStore<K, V>: StateStore {
    /// Decodes the row of a key into `slot`, whose memory is reused, and returns its time; `None` when there is no row,
    /// and `slot` then holds what it held.
    fn read(&self, key: &K, slot: &mut Option<V>) -> Result<Option<Timestamp>>;

    /// Writes a row.
    fn write(&self, key: &K, value: &V, timestamp: Timestamp) -> Result<()>;

    /// Deletes a row.
    fn remove(&self, key: &K) -> Result<()>;

    /// Whether rows are forwarded when they leave the cache, and not at each write.
    fn is_cached(&self) -> bool;

    /// Says what is to be known of rows that leave the cache.
    fn set_flush_listener(&self, listener: FlushListener);

    /// Gives the row that is written next these headers, for when it leaves the cache.
    fn set_next_headers(&self, headers: &Headers);

    /// Sends all dirty rows out of the cache.
    fn flush_cache(&self) -> Result<()>;

    /// Takes the next row that left the cache.
    fn next_flushed(&self, slot: &mut Option<Flushed<K, V>>) -> Result<bool>;

    /// The row that was taken last was not forwarded.
    fn put_back_flushed(&self);
}

impl<K: 'static, V: 'static> TableStore<K, V> for TimestampedKeyValueStore<K, V> {
    #[inline]
    fn read(&self, key: &K, slot: &mut Option<V>) -> Result<Option<Timestamp>> {
        match slot {
            Some(value) => self.get_into(key, value),
            None => Ok(self.get(key)?.map(|row| {
                *slot = Some(row.value);
                row.timestamp
            })),
        }
    }

    #[inline]
    fn write(&self, key: &K, value: &V, timestamp: Timestamp) -> Result<()> {
        self.put(key, value, timestamp)
    }

    fn remove(&self, key: &K) -> Result<()> {
        self.delete(key)
    }

    fn is_cached(&self) -> bool {
        Self::is_cached(self)
    }

    fn set_flush_listener(&self, listener: FlushListener) {
        Self::set_flush_listener(self, listener);
    }

    fn set_next_headers(&self, headers: &Headers) {
        Self::set_next_headers(self, headers);
    }

    fn flush_cache(&self) -> Result<()> {
        Self::flush_cache(self)
    }

    #[inline]
    fn next_flushed(&self, slot: &mut Option<Flushed<K, V>>) -> Result<bool> {
        Self::next_flushed(self, slot)
    }

    fn put_back_flushed(&self) {
        Self::put_back_flushed(self);
    }
}

impl<K: 'static, V: 'static> TableStore<Windowed<K>, V> for TimestampedWindowStore<K, V> {
    #[inline]
    fn read(&self, key: &Windowed<K>, slot: &mut Option<V>) -> Result<Option<Timestamp>> {
        match slot {
            Some(value) => self.fetch_into(&key.key, key.window.start, value),
            None => Ok(self.fetch(&key.key, key.window.start)?.map(|row| {
                *slot = Some(row.value);
                row.timestamp
            })),
        }
    }

    #[inline]
    fn write(&self, key: &Windowed<K>, value: &V, timestamp: Timestamp) -> Result<()> {
        self.put(&key.key, value, timestamp, key.window.start)
    }

    fn remove(&self, key: &Windowed<K>) -> Result<()> {
        self.delete(&key.key, key.window.start)
    }

    fn is_cached(&self) -> bool {
        Self::is_cached(self)
    }

    fn set_flush_listener(&self, listener: FlushListener) {
        Self::set_flush_listener(self, listener);
    }

    fn set_next_headers(&self, headers: &Headers) {
        Self::set_next_headers(self, headers);
    }

    fn flush_cache(&self) -> Result<()> {
        Self::flush_cache(self)
    }

    #[inline]
    fn next_flushed(&self, slot: &mut Option<Flushed<Windowed<K>, V>>) -> Result<bool> {
        Self::next_flushed(self, slot)
    }

    fn put_back_flushed(&self) {
        Self::put_back_flushed(self);
    }
}

//! Key-value stores whose rows have an event time: what tables and aggregations keep.
//!
//! The changelog carries the plain value; the row's time is the time of the record, as in Kafka Streams.

use std::ops::RangeBounds;

use super::cursor::StoreCursor;
use super::engine::Direction;
use super::facade::{decode_timestamped, require_timestamp, Handle};
use super::flushed::FlushedRow;
use super::key_value::{key_range, prefix_range};
use super::layers::FlushListener;
use super::schema::KeyRange;
use super::StateStore;
use crate::error::{Result, ResultExt};
use crate::record::Headers;
use crate::serde::{Serde, SerdeRef, ValueAndTimestamp};
use crate::time::Timestamp;

/// A store of one value and its time per key. Cloning copies the handle, not the store.
pub struct TimestampedKeyValueStore<K, V>(Handle<K, V>);

/// A row that left a store's cache: what the node that owns the store forwards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flushed<K, V> {
    /// The row's key.
    pub key: K,
    /// The value now; `None` is a deletion.
    pub new: Option<V>,
    /// The value before, where the listener asked for it.
    pub old: Option<V>,
    /// The time of the row, or of the record that deleted it.
    pub timestamp: Timestamp,
    /// The headers of the record that wrote the row.
    pub headers: Headers,
}

impl<K, V> Clone for TimestampedKeyValueStore<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> std::fmt::Debug for TimestampedKeyValueStore<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TimestampedKeyValueStore").field(&self.0.shared.name()).finish()
    }
}

impl<K: 'static, V: 'static> StateStore for TimestampedKeyValueStore<K, V> {
    fn name(&self) -> &str {
        self.0.shared.name()
    }
}

impl<K: 'static, V: 'static> TimestampedKeyValueStore<K, V> {
    pub(super) fn new(handle: Handle<K, V>) -> Self {
        Self(handle)
    }

    /// The value of a key and its time.
    ///
    /// # Errors
    /// What the engine refuses, and a row that does not decode.
    #[inline]
    pub fn get(&self, key: &K) -> Result<Option<ValueAndTimestamp<V>>> {
        self.0.read(key, |row| decode_timestamped(&self.0.values, row))
    }

    /// Decodes the value of a key into a slot, whose memory is reused, and returns its time if there is one.
    ///
    /// # Errors
    /// As [`Self::get`].
    #[inline]
    pub fn get_into(&self, key: &K, slot: &mut V) -> Result<Option<Timestamp>> {
        self.0.read(key, |row| decode_into(&self.0.values, row, slot))
    }

    /// Writes a value and its time.
    ///
    /// # Errors
    /// A null key, a key or value without bytes, what engine or changelog refuse.
    #[inline]
    pub fn put(&self, key: &K, value: &V, timestamp: Timestamp) -> Result<()> {
        self.0.write(key, |row| encode_timestamped(&self.0.values, value, timestamp, row))
    }

    /// Writes a value unless the key has one; returns the one it has.
    ///
    /// # Errors
    /// As [`Self::get`] and [`Self::put`].
    pub fn put_if_absent(&self, key: &K, value: &V, timestamp: Timestamp) -> Result<Option<ValueAndTimestamp<V>>> {
        let present = self.get(key)?;
        if present.is_none() {
            self.put(key, value, timestamp)?;
        }
        Ok(present)
    }

    /// Deletes a row. Its changelog record has the time of the record in process.
    ///
    /// # Errors
    /// As [`Self::put`].
    #[inline]
    pub fn delete(&self, key: &K) -> Result<()> {
        self.0.write(key, |_| Ok(false))
    }

    /// All rows in the order of their keys' bytes.
    pub fn all(&self) -> StoreCursor<(K, ValueAndTimestamp<V>)> {
        self.cursor(KeyRange::all(), Direction::Forward)
    }

    /// All rows in reverse order.
    pub fn reverse_all(&self) -> StoreCursor<(K, ValueAndTimestamp<V>)> {
        self.cursor(KeyRange::all(), Direction::Reverse)
    }

    /// The rows of a range of keys. Kafka's ranges include their end: `store.range(from..=to)`.
    ///
    /// # Errors
    /// A bound that does not encode.
    pub fn range(&self, keys: impl RangeBounds<K>) -> Result<StoreCursor<(K, ValueAndTimestamp<V>)>> {
        Ok(self.cursor(key_range(&self.0, &keys)?, Direction::Forward))
    }

    /// The same in reverse order.
    ///
    /// # Errors
    /// A bound that does not encode.
    pub fn reverse_range(&self, keys: impl RangeBounds<K>) -> Result<StoreCursor<(K, ValueAndTimestamp<V>)>> {
        Ok(self.cursor(key_range(&self.0, &keys)?, Direction::Reverse))
    }

    /// The rows whose key's bytes begin with those of `prefix`.
    ///
    /// # Errors
    /// A prefix that does not encode.
    pub fn prefix_scan<P: 'static>(
        &self,
        prefix: &P,
        prefixes: &dyn Serde<P>,
    ) -> Result<StoreCursor<(K, ValueAndTimestamp<V>)>> {
        Ok(self.cursor(prefix_range(prefix, prefixes)?, Direction::Forward))
    }

    /// About how many rows there are.
    pub fn approximate_num_entries(&self) -> u64 {
        self.0.shared.layers().approximate_num_entries()
    }

    /// Whether results wait in a cache: the node then forwards what [`Self::next_flushed`] hands out, after each put
    /// and after each flush, and nothing at the put itself.
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

    /// Takes the next row that left the cache into `slot`, whose memory is reused; `false` when there is none. No
    /// borrow of the store is left, so the node can forward it.
    ///
    /// # Errors
    /// A row that does not decode.
    #[inline]
    pub fn next_flushed(&self, slot: &mut Option<Flushed<K, V>>) -> Result<bool> {
        let mut layers = self.0.shared.layers();
        let Some(row) = layers.next_flushed() else { return Ok(false) };
        decode_flushed(row, &self.0.values, slot, |bytes, key| match key {
            Some(key) => self.0.keys.deserialize_into(bytes, key).map(|()| None),
            None => self.0.keys.deserialize(bytes).map(Some),
        })
        .context(|| format!("read a row that left the cache of store `{}`", self.0.shared.name()))?;
        Ok(true)
    }

    /// The row that [`Self::next_flushed`] handed out last was not forwarded: it is handed out again first.
    pub fn put_back_flushed(&self) {
        self.0.shared.layers().put_back_flushed();
    }

    fn cursor(&self, range: KeyRange, direction: Direction) -> StoreCursor<(K, ValueAndTimestamp<V>)> {
        let Handle { keys, values, shared } = self.0.clone();
        StoreCursor::new(shared, vec![range], direction, move |key, row| {
            Ok(Some((keys.deserialize(key)?, decode_timestamped(&values, row)?)))
        })
    }
}

/// Appends a timestamped row and says whether there is one.
#[inline]
pub(super) fn encode_timestamped<V: 'static>(
    values: &SerdeRef<V>,
    value: &V,
    timestamp: Timestamp,
    row: &mut Vec<u8>,
) -> Result<bool> {
    if values.is_null(value) {
        return Ok(false);
    }
    row.extend_from_slice(&timestamp.0.to_be_bytes());
    values.serialize(value, row)?;
    Ok(true)
}

/// Decodes a timestamped row into a slot.
#[inline]
pub(super) fn decode_into<V: 'static>(values: &SerdeRef<V>, row: &[u8], slot: &mut V) -> Result<Timestamp> {
    let (timestamp, value) = require_timestamp(row)?;
    values.deserialize_into(value, slot)?;
    Ok(timestamp)
}

/// Decodes a row that left a cache into a slot. `decode_key` fills the key it is given, or returns a new one.
#[inline]
pub(super) fn decode_flushed<K, V: 'static>(
    row: FlushedRow<'_>,
    values: &SerdeRef<V>,
    slot: &mut Option<Flushed<K, V>>,
    decode_key: impl FnOnce(&[u8], Option<&mut K>) -> Result<Option<K>>,
) -> Result<()> {
    let fresh = decode_key(row.key, slot.as_mut().map(|flushed| &mut flushed.key))?;
    if let Some(key) = fresh {
        *slot = Some(Flushed { key, new: None, old: None, timestamp: row.timestamp, headers: Headers::new() });
    }
    let Some(flushed) = slot else { return Ok(()) };
    let time = decode_side(values, row.new, &mut flushed.new)?;
    decode_side(values, row.old, &mut flushed.old)?;
    flushed.timestamp = time.unwrap_or(row.timestamp);
    if row.headers.is_empty() {
        flushed.headers.clear();
    } else {
        flushed.headers.clone_from(row.headers);
    }
    Ok(())
}

fn decode_side<V: 'static>(
    values: &SerdeRef<V>,
    row: Option<&[u8]>,
    slot: &mut Option<V>,
) -> Result<Option<Timestamp>> {
    match (row, slot) {
        (None, slot) => {
            *slot = None;
            Ok(None)
        }
        (Some(row), Some(value)) => decode_into(values, row, value).map(Some),
        (Some(row), slot) => {
            let ValueAndTimestamp { value, timestamp } = decode_timestamped(values, row)?;
            *slot = Some(value);
            Ok(Some(timestamp))
        }
    }
}

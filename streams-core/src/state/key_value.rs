//! Key-value stores of plain values, for processors.

use std::ops::{Bound, RangeBounds};

use super::cursor::StoreCursor;
use super::engine::Direction;
use super::facade::Handle;
use super::schema::KeyRange;
use super::StateStore;
use crate::error::Result;
use crate::serde::Serde;

/// A store of one value per key. Cloning copies the handle, not the store.
///
/// A value that its serde writes as null (`None` of an `Option`) deletes the row. Ranges compare the keys' bytes as
/// unsigned numbers, as Kafka Streams does: for negative integers that is not their numeric order.
#[doc(alias = "ReadOnlyKeyValueStore")]
pub struct KeyValueStore<K, V>(Handle<K, V>);

impl<K, V> Clone for KeyValueStore<K, V> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<K, V> std::fmt::Debug for KeyValueStore<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("KeyValueStore").field(&self.0.shared.name()).finish()
    }
}

impl<K: 'static, V: 'static> StateStore for KeyValueStore<K, V> {
    fn name(&self) -> &str {
        self.0.shared.name()
    }
}

impl<K: 'static, V: 'static> KeyValueStore<K, V> {
    pub(super) fn new(handle: Handle<K, V>) -> Self {
        Self(handle)
    }

    /// The value of a key.
    ///
    /// # Errors
    /// What the engine refuses, and a row that does not decode.
    #[inline]
    pub fn get(&self, key: &K) -> Result<Option<V>> {
        self.0.read(key, |row| self.0.values.deserialize(row))
    }

    /// Decodes the value of a key into a slot and says whether there is one. The slot's memory is reused.
    ///
    /// # Errors
    /// As [`Self::get`].
    #[inline]
    pub fn get_into(&self, key: &K, slot: &mut V) -> Result<bool> {
        Ok(self.0.read(key, |row| self.0.values.deserialize_into(row, slot))?.is_some())
    }

    /// Writes a value.
    ///
    /// # Errors
    /// A null key, a key or value without bytes, what engine or changelog refuse.
    #[inline]
    pub fn put(&self, key: &K, value: &V) -> Result<()> {
        self.0.write(key, |row| {
            let has_value = !self.0.values.is_null(value);
            if has_value {
                self.0.values.serialize(value, row)?;
            }
            Ok(has_value)
        })
    }

    /// Writes a value unless the key has one; returns the one it has.
    ///
    /// # Errors
    /// As [`Self::get`] and [`Self::put`].
    pub fn put_if_absent(&self, key: &K, value: &V) -> Result<Option<V>> {
        let present = self.get(key)?;
        if present.is_none() {
            self.put(key, value)?;
        }
        Ok(present)
    }

    /// Deletes a row. The old value is not read: ask [`Self::get`] first where it matters.
    ///
    /// # Errors
    /// As [`Self::put`].
    #[inline]
    pub fn delete(&self, key: &K) -> Result<()> {
        self.0.write(key, |_| Ok(false))
    }

    /// All rows in the order of their keys' bytes.
    pub fn all(&self) -> StoreCursor<(K, V)> {
        self.cursor(KeyRange::all(), Direction::Forward)
    }

    /// All rows in reverse order.
    pub fn reverse_all(&self) -> StoreCursor<(K, V)> {
        self.cursor(KeyRange::all(), Direction::Reverse)
    }

    /// The rows of a range of keys. Kafka's ranges include their end: `store.range(from..=to)`.
    ///
    /// # Errors
    /// A bound that does not encode.
    pub fn range(&self, keys: impl RangeBounds<K>) -> Result<StoreCursor<(K, V)>> {
        Ok(self.cursor(key_range(&self.0, &keys)?, Direction::Forward))
    }

    /// The same in reverse order.
    ///
    /// # Errors
    /// A bound that does not encode.
    pub fn reverse_range(&self, keys: impl RangeBounds<K>) -> Result<StoreCursor<(K, V)>> {
        Ok(self.cursor(key_range(&self.0, &keys)?, Direction::Reverse))
    }

    /// The rows whose key's bytes begin with those of `prefix`.
    ///
    /// # Errors
    /// A prefix that does not encode.
    pub fn prefix_scan<P: 'static>(&self, prefix: &P, prefixes: &dyn Serde<P>) -> Result<StoreCursor<(K, V)>> {
        Ok(self.cursor(prefix_range(prefix, prefixes)?, Direction::Forward))
    }

    /// About how many rows there are.
    pub fn approximate_num_entries(&self) -> u64 {
        self.0.shared.layers().approximate_num_entries()
    }

    fn cursor(&self, range: KeyRange, direction: Direction) -> StoreCursor<(K, V)> {
        let Handle { keys, values, shared } = self.0.clone();
        StoreCursor::new(shared, vec![range], direction, move |key, row| {
            Ok(Some((keys.deserialize(key)?, values.deserialize(row)?)))
        })
    }
}

/// The bytes of a range of keys.
pub(super) fn key_range<K: 'static, V: 'static>(handle: &Handle<K, V>, keys: &impl RangeBounds<K>) -> Result<KeyRange> {
    let bound = |bound: Bound<&K>| -> Result<Bound<Vec<u8>>> {
        let encode = |key: &K| {
            let mut bytes = Vec::new();
            handle.encode_key(key, &mut bytes).map(|()| bytes)
        };
        Ok(match bound {
            Bound::Included(key) => Bound::Included(encode(key)?),
            Bound::Excluded(key) => Bound::Excluded(encode(key)?),
            Bound::Unbounded => Bound::Unbounded,
        })
    };
    Ok(KeyRange { from: bound(keys.start_bound())?, to: bound(keys.end_bound())? })
}

/// The bytes of all keys with a prefix.
pub(super) fn prefix_range<P: 'static>(prefix: &P, prefixes: &dyn Serde<P>) -> Result<KeyRange> {
    let mut bytes = Vec::new();
    prefixes.serialize(prefix, &mut bytes)?;
    Ok(KeyRange::prefix(bytes))
}

//! Byte engines: where rows live. They know no types, no topics and no threads, and are `Send`, so that the thread
//! that restores a store can own it before a task does.
//!
//! An engine keeps the changelog position of its rows inside itself: [`ByteStore::write_batch`] applies rows and
//! [`Checkpoint`] together or not at all. Rows of persistent engines are therefore never ahead of the checkpoint that
//! a reopened engine reports.
//!
//! Window stores use the same trait: their keys begin with eight bytes of segment number (see `state::schema`), and a
//! segmented engine drops whole segments.

pub(crate) mod byte_map;
pub(crate) mod memory;
pub(crate) mod memory_window;
#[cfg(feature = "rocksdb")]
pub(crate) mod rocks;
#[cfg(feature = "rocksdb")]
mod rocks_options;
#[cfg(feature = "rocksdb")]
pub(crate) mod rocks_window;
pub(crate) mod row_bytes;

#[cfg(test)]
#[cfg(feature = "rocksdb")]
mod damage_tests;
#[cfg(test)]
#[cfg(feature = "rocksdb")]
mod kill_tests;
#[cfg(test)]
mod suite;

use std::fmt;
use std::ops::{Bound, Deref};

use crate::error::{Error, ErrorKind, Result};
use crate::ids::ChangelogPosition;
use crate::time::Timestamp;

/// How many rows a cursor reads ahead at most: enough to spread the cost of finding its place again.
pub(crate) const CHUNK_ROWS_MAX: usize = 128;

/// How many bytes a cursor reads ahead before it stops taking rows, so that large rows do not add up.
pub(crate) const CHUNK_BYTES_MAX: usize = 256 * 1024;

/// The order in which a scan walks the keys; keys compare as unsigned bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// From the smallest key.
    Forward,
    /// From the largest key.
    Reverse,
}

/// The bounds of a scan.
pub(crate) type KeyBounds<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// Whether no key can lie within the bounds; ordered maps panic on such bounds, so scans ask first.
pub(crate) fn is_inverted((from, to): KeyBounds<'_>) -> bool {
    match (from, to) {
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) => from >= to,
    }
}

/// The bytes of a segment number in front of a window store's keys.
pub(crate) const SEGMENT_BYTES: usize = 8;

/// The segment number of a window store's key.
#[inline]
pub(crate) fn segment_of(key: &[u8]) -> Option<i64> {
    key.first_chunk::<SEGMENT_BYTES>().map(|bytes| i64::from_be_bytes(*bytes))
}

/// The segment of a key, or an error for a key that never was one of a window store.
fn require_segment(key: &[u8]) -> Result<i64> {
    segment_of(key).ok_or_else(|| {
        Error::new(ErrorKind::Internal, format!("a key of {} bytes reached a segmented store", key.len()))
    })
}

/// The segments that a scan can touch.
fn segment_bounds((from, to): KeyBounds<'_>) -> (i64, i64) {
    let segment = |bound: Bound<&[u8]>, open: i64| match bound {
        Bound::Included(key) | Bound::Excluded(key) => segment_of(key).unwrap_or(open),
        Bound::Unbounded => open,
    };
    (segment(from, i64::MIN), segment(to, i64::MAX))
}

/// What an engine remembers with its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Checkpoint {
    /// The last changelog record whose row is in the engine; reading goes on at the next one.
    pub(crate) position: Option<ChangelogPosition>,
    /// The largest window start that was put, for segmented stores.
    pub(crate) stream_time: Option<Timestamp>,
}

/// A value read from a layer or an engine, without a copy.
pub(crate) enum ValueRef<'a> {
    /// Memory of the store.
    Memory(&'a [u8]),
    /// A block that RocksDB holds for us.
    #[cfg(feature = "rocksdb")]
    Rocks(rocksdb::DBPinnableSlice<'a>),
}

impl Deref for ValueRef<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Memory(bytes) => bytes,
            #[cfg(feature = "rocksdb")]
            Self::Rocks(slice) => slice,
        }
    }
}

/// A byte engine.
pub(crate) trait ByteStore: Send {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<ValueRef<'_>>>;

    /// Writes a row, or deletes it where `value` is `None`, outside any batch.
    fn put(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()>;

    /// Reads rows into `rows` until it is full or the bounds end, and says which in [`Rows::is_done`].
    fn scan(&mut self, bounds: KeyBounds<'_>, direction: Direction, rows: &mut Rows) -> Result<()>;

    /// Applies rows and checkpoint together or not at all.
    fn write_batch<'a>(
        &mut self,
        entries: &mut dyn Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        checkpoint: Checkpoint,
    ) -> Result<()>;

    /// What the last batch recorded.
    fn checkpoint(&self) -> Checkpoint;

    /// Drops the segments before this one. Engines without segments have none to drop.
    fn drop_segments_before(&mut self, segment: i64) -> Result<()> {
        let _ = segment;
        Ok(())
    }

    /// About how many rows there are.
    fn approximate_num_entries(&self) -> u64;

    /// Whether rows outlive the process. Writes to such an engine wait in an overlay for the commit.
    fn is_persistent(&self) -> bool;

    /// Makes what was written durable.
    fn flush(&mut self) -> Result<()>;
}

impl fmt::Debug for dyn ByteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteStore")
            .field("checkpoint", &self.checkpoint())
            .field("persistent", &self.is_persistent())
            .finish_non_exhaustive()
    }
}

/// Rows in one reused piece of memory: what a scan read, or what a batch will write.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    bytes: Vec<u8>,
    ends: Vec<RowEnd>,
    done: bool,
}

#[derive(Debug, Clone, Copy)]
struct RowEnd {
    key: usize,
    value: usize,
    live: bool,
}

impl Rows {
    /// Empties the list and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.done = false;
    }

    /// Adds a row; `None` is a deletion.
    pub(crate) fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        self.bytes.extend_from_slice(key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.ends.push(RowEnd { key: key_end, value: self.bytes.len(), live: value.is_some() });
    }

    /// Whether a scan must stop here.
    pub(crate) fn is_full(&self) -> bool {
        self.ends.len() >= CHUNK_ROWS_MAX || self.bytes.len() >= CHUNK_BYTES_MAX
    }

    /// Says that the scan reached the end of its bounds.
    pub(crate) fn finish(&mut self) {
        self.done = true;
    }

    /// Takes the end back: there is more to scan.
    pub(crate) fn resume(&mut self) -> &mut Self {
        self.done = false;
        self
    }

    /// Whether the scan reached the end of its bounds; otherwise it goes on behind the last row.
    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The row at an index.
    pub(crate) fn row(&self, index: usize) -> Option<(&[u8], Option<&[u8]>)> {
        let end = self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].value);
        let value = end.live.then(|| &self.bytes[end.key..end.value]);
        Some((&self.bytes[start..end.key], value))
    }

    /// The key of the last row.
    pub(crate) fn last_key(&self) -> Option<&[u8]> {
        let last = self.len().checked_sub(1)?;
        self.row(last).map(|(key, _)| key)
    }

    /// All rows in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        (0..self.len()).filter_map(|index| self.row(index))
    }
}

//! The write-back cache: the newest row per key, in front of changelog and engine.
//!
//! ```text
//!  put ──► cached row (dirty) ──► flush or eviction ──► changelog, overlay or engine, and the node's forward queue
//!  get ──► cached row, dirty or clean
//! ```
//!
//! Dirty rows keep the order of their last write, which is the order of a flush. Over its budget the cache evicts its
//! least recently used row; when that one is dirty, every dirty row is flushed, the evicted one first, as in Kafka
//! Streams. The cache itself writes nothing: [`Cache::pop_dirty`] hands rows out, and `state::layers` acts.
//!
//! Both orders are exact, and a hit pays for neither: it only notes two ticks of the cache's clock in the row that it has
//! in hand. A flush sorts the dirty rows by the tick of their write. Evictions follow a list of all rows sorted by the
//! tick of their use; it is made when it is needed, passes over what was used since, and serves until it is used up.
//!
//! Rows sit in a slab, so that a hit allocates nothing; nor does a row that comes or goes while it is short.

use std::cmp::Reverse;

use foldhash::fast::FixedState;
use hashbrown::hash_table::HashTable;
use hashbrown::HashMap;

use super::engine::byte_map::{hash_key, KeyOrder};
use super::engine::row_bytes::{key_len, RowBytes};
use super::engine::{Direction, KeyBounds, Rows};
use crate::record::Headers;
use crate::time::Timestamp;

/// What a row costs beside memory of its own: its places in slab, table and the list of dirty rows. The list of victims,
/// 16 bytes a row, is not counted: it is there only once rows had to go.
const ROW_OVERHEAD_BYTES: usize = size_of::<Row>() + 12 + size_of::<u32>();

/// Rows are numbered by `u32`; at the smallest size per row this many take more than 400 GiB.
const ROWS_MAX: usize = u32::MAX as usize;

/// A time of the cache's own clock, which goes on with every use.
type Tick = u64;

#[derive(Debug)]
struct Row {
    bytes: RowBytes,
    key_len: u32,
    live: bool,
    dirty: bool,
    timestamp: Timestamp,
    used: Tick,
    /// When it was last written; only a dirty row's counts.
    written: Tick,
}

impl Row {
    #[inline]
    fn key(&self) -> &[u8] {
        &self.bytes.as_slice()[..self.key_len as usize]
    }

    #[inline]
    fn value(&self) -> Option<&[u8]> {
        self.live.then(|| &self.bytes.as_slice()[self.key_len as usize..])
    }

    #[inline]
    fn cost(&self) -> usize {
        self.bytes.heap_bytes() + ROW_OVERHEAD_BYTES
    }
}

/// A dirty row that must go down.
#[derive(Debug)]
pub(crate) struct DirtyRow<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) timestamp: Timestamp,
    pub(crate) headers: Option<Box<Headers>>,
}

/// The cache of one store.
#[derive(Debug)]
pub(crate) struct Cache {
    table: HashTable<u32>,
    rows: Vec<Row>,
    free: Vec<u32>,
    now: Tick,
    /// The row that was used last, unless it is gone.
    newest: Option<u32>,
    /// The dirty rows; while `dirty_is_sorted`, the one that was written first is the last.
    dirty: Vec<u32>,
    dirty_is_sorted: bool,
    /// Rows to evict, the next one last, each with the tick of its use when the list was made.
    victims: Vec<(Tick, u32)>,
    /// The headers of the records that wrote rows, for the few rows that have any.
    headers: HashMap<u32, Box<Headers>, FixedState>,
    order: KeyOrder,
    bytes: usize,
    bytes_max: usize,
}

impl Cache {
    /// An empty cache with a budget.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self {
            table: HashTable::new(),
            rows: Vec::new(),
            free: Vec::new(),
            now: 0,
            newest: None,
            dirty: Vec::new(),
            dirty_is_sorted: true,
            victims: Vec::new(),
            headers: HashMap::default(),
            order: KeyOrder::default(),
            bytes: 0,
            bytes_max,
        }
    }

    /// Gives the cache another budget; the next [`Self::is_over_budget`] answers by it.
    pub(crate) fn set_budget(&mut self, bytes_max: usize) {
        self.bytes_max = bytes_max;
    }

    /// The place of a key's row, which becomes the most recently used one.
    #[inline]
    pub(crate) fn touch(&mut self, key: &[u8]) -> Option<u32> {
        let rows = &self.rows;
        let index = match self.newest {
            // A row is mostly read and then written.
            Some(index) if rows[index as usize].key() == key => index,
            _ => *self.table.find(hash_key(key), |index| rows[*index as usize].key() == key)?,
        };
        self.now += 1;
        self.rows[index as usize].used = self.now;
        self.newest = Some(index);
        Some(index)
    }

    /// The value at a place that [`Self::touch`] gave; `None` is a deletion.
    #[inline]
    pub(crate) fn value(&self, index: u32) -> Option<&[u8]> {
        self.rows[index as usize].value()
    }

    /// Writes a row; it is the last of the dirty ones afterwards.
    pub(crate) fn put(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: Option<Box<Headers>>,
    ) {
        let index = self.upsert(key, value);
        match headers {
            Some(headers) => drop(self.headers.insert(index, headers)),
            None => self.forget_headers(index),
        }
        let row = &mut self.rows[index as usize];
        row.timestamp = timestamp;
        row.written = row.used;
        if !row.dirty {
            row.dirty = true;
            self.dirty.push(index);
        }
        self.dirty_is_sorted = false;
    }

    /// Keeps a row that was read from below; returns its place.
    pub(crate) fn keep_clean(&mut self, key: &[u8], value: &[u8]) -> u32 {
        self.upsert(key, Some(value))
    }

    /// Whether rows must be evicted.
    #[inline]
    pub(crate) fn is_over_budget(&self) -> bool {
        self.bytes > self.bytes_max || self.table.len() > ROWS_MAX
    }

    /// Drops least recently used clean rows until the cache fits or the next one is dirty. Then that row becomes the
    /// first of the dirty ones, and the answer is `true`: everything dirty must be flushed before going on.
    pub(crate) fn evict_clean(&mut self) -> bool {
        while self.is_over_budget() {
            let Some(index) = self.least_recently_used() else { return false };
            let row = &mut self.rows[index as usize];
            if row.dirty {
                row.written = 0;
                self.dirty_is_sorted = false;
                return true;
            }
            self.remove(index);
        }
        false
    }

    /// The row that was used longest ago. All rows that are not in the list of victims, or there with another tick,
    /// were used after it was made.
    fn least_recently_used(&mut self) -> Option<u32> {
        loop {
            while let Some((used, index)) = self.victims.last().copied() {
                if self.rows[index as usize].used == used {
                    return Some(index);
                }
                self.victims.pop();
            }
            if self.table.is_empty() {
                return None;
            }
            self.victims.extend(self.table.iter().map(|index| (self.rows[*index as usize].used, *index)));
            self.victims.sort_unstable_by_key(|(used, _)| Reverse(*used));
        }
    }

    /// Takes the mark of the dirty row that was written first and hands it out; a deletion leaves the cache with
    /// [`Self::forget_deletion`].
    pub(crate) fn pop_dirty(&mut self) -> Option<(u32, DirtyRow<'_>)> {
        if !self.dirty_is_sorted {
            let rows = &self.rows;
            self.dirty.sort_unstable_by_key(|index| Reverse(rows[*index as usize].written));
            self.dirty_is_sorted = true;
        }
        let index = self.dirty.pop()?;
        let headers = if self.headers.is_empty() { None } else { self.headers.remove(&index) };
        let row = &mut self.rows[index as usize];
        row.dirty = false;
        let row = &*row;
        Some((index, DirtyRow { key: row.key(), value: row.value(), timestamp: row.timestamp, headers }))
    }

    /// Drops a row that was handed out if it is a deletion: below it is applied, and nothing is left to hide.
    pub(crate) fn forget_deletion(&mut self, index: u32) {
        let row = &self.rows[index as usize];
        if !row.live && !row.dirty {
            self.remove(index);
        }
    }

    /// Whether a row waits to go down.
    pub(crate) fn has_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Reads rows within the bounds in key order, deletions too.
    pub(crate) fn scan(&mut self, bounds: KeyBounds<'_>, direction: Direction, out: &mut Rows) {
        let Self { table, rows, order, .. } = self;
        let keys = order.keys(table.iter().map(|index| rows[*index as usize].key()));
        KeyOrder::walk(keys, bounds, direction, out, |key, out| {
            if let Some(index) = table.find(hash_key(key), |index| rows[*index as usize].key() == key) {
                out.push(key, rows[*index as usize].value());
            }
        });
    }

    /// How much of the budget is used.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        self.bytes
    }

    fn upsert(&mut self, key: &[u8], value: Option<&[u8]>) -> u32 {
        if let Some(index) = self.touch(key) {
            let row = &mut self.rows[index as usize];
            let before = row.cost();
            row.bytes.set_value(row.key_len as usize, value.unwrap_or_default());
            row.live = value.is_some();
            self.bytes = self.bytes + row.cost() - before;
            return index;
        }
        self.insert(key, value)
    }

    fn insert(&mut self, key: &[u8], value: Option<&[u8]>) -> u32 {
        let index = match self.free.pop() {
            Some(index) => index,
            None => {
                self.rows.push(Row {
                    bytes: RowBytes::EMPTY,
                    key_len: 0,
                    live: false,
                    dirty: false,
                    timestamp: Timestamp::UNKNOWN,
                    used: 0,
                    written: 0,
                });
                u32::try_from(self.rows.len() - 1).expect("one row more than `ROWS_MAX` is evicted at once")
            }
        };
        let row = &mut self.rows[index as usize];
        row.bytes.set(key, value.unwrap_or_default());
        row.key_len = key_len(key);
        row.live = value.is_some();
        self.now += 1;
        row.used = self.now;
        self.bytes += row.cost();
        let rows = &self.rows;
        self.table.insert_unique(hash_key(key), index, |other| hash_key(rows[*other as usize].key()));
        self.order.added(key);
        index
    }

    fn remove(&mut self, index: u32) {
        let row = &mut self.rows[index as usize];
        let cost = row.cost();
        let bytes = std::mem::replace(&mut row.bytes, RowBytes::EMPTY);
        let key = &bytes.as_slice()[..std::mem::take(&mut row.key_len) as usize];
        row.used = 0;
        self.newest = self.newest.filter(|newest| *newest != index);
        self.bytes -= cost;
        if let Ok(slot) = self.table.find_entry(hash_key(key), |other| *other == index) {
            slot.remove();
        }
        self.order.removed(key);
        self.free.push(index);
    }

    #[inline]
    fn forget_headers(&mut self, index: u32) {
        if !self.headers.is_empty() {
            self.headers.remove(&index);
        }
    }
}

#[cfg(test)]
mod tests;

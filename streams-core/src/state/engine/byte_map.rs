//! A hash table from bytes to bytes that can be read in key order.
//!
//! Point access is what stores do per record, so rows live in a hash table, key and value in one piece of memory, short
//! ones in the table itself: an update that fits allocates nothing. The order of keys is kept beside the table, and only from the first scan on:
//! a store that nobody scans never pays for it, and one that is scanned pays per new or removed key, not per update.
//!
//! A row can be a tombstone (`None`): layers above an engine need to remember deletions.

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;
use hashbrown::hash_table::{Entry as Slot, HashTable};

use super::row_bytes::{key_len, RowBytes};
use super::{is_inverted, Direction, KeyBounds, Rows};

/// What a row costs beside memory of its own: the table's slot, of which about every third is free.
const ROW_OVERHEAD_BYTES: usize = size_of::<Row>() + size_of::<Row>() / 2;

/// The hash of a key, the same in every run.
#[inline]
pub(crate) fn hash_key(key: &[u8]) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    hasher.write(key);
    hasher.finish()
}

/// The keys of a table in order, once somebody asked for it.
#[derive(Debug, Default)]
pub(crate) struct KeyOrder(Option<BTreeSet<Box<[u8]>>>);

impl KeyOrder {
    /// Notes a key that is new in the table.
    #[inline]
    pub(crate) fn added(&mut self, key: &[u8]) {
        if let Some(keys) = &mut self.0 {
            keys.insert(key.into());
        }
    }

    /// Notes a key that left the table.
    #[inline]
    pub(crate) fn removed(&mut self, key: &[u8]) {
        if let Some(keys) = &mut self.0 {
            keys.remove(key);
        }
    }

    /// Notes that the table is empty.
    pub(crate) fn clear(&mut self) {
        if let Some(keys) = &mut self.0 {
            keys.clear();
        }
    }

    /// The keys in order; the first call sorts those of the table.
    pub(crate) fn keys<'t>(&mut self, table: impl Iterator<Item = &'t [u8]>) -> &BTreeSet<Box<[u8]>> {
        self.0.get_or_insert_with(|| table.map(Box::from).collect())
    }

    /// Calls `visit` for the keys within the bounds until it says stop.
    pub(crate) fn walk(
        keys: &BTreeSet<Box<[u8]>>,
        bounds: KeyBounds<'_>,
        direction: Direction,
        rows: &mut Rows,
        mut visit: impl FnMut(&[u8], &mut Rows),
    ) {
        if is_inverted(bounds) {
            return rows.finish();
        }
        let mut range = keys.range::<[u8], _>(bounds);
        while !rows.is_full() {
            let next = match direction {
                Direction::Forward => range.next(),
                Direction::Reverse => range.next_back(),
            };
            match next {
                Some(key) => visit(key, rows),
                None => return rows.finish(),
            }
        }
    }
}

/// The table.
#[derive(Default)]
pub(crate) struct ByteMap {
    table: HashTable<Row>,
    order: KeyOrder,
    bytes: usize,
}

struct Row {
    bytes: RowBytes,
    key_len: u32,
    live: bool,
}

impl Row {
    fn new(key: &[u8], value: Option<&[u8]>) -> Self {
        Self { bytes: RowBytes::new(key, value.unwrap_or_default()), key_len: key_len(key), live: value.is_some() }
    }

    #[inline]
    fn key(&self) -> &[u8] {
        &self.bytes.as_slice()[..self.key_len as usize]
    }

    #[inline]
    fn value(&self) -> Option<&[u8]> {
        self.live.then(|| &self.bytes.as_slice()[self.key_len as usize..])
    }

    #[inline]
    fn set(&mut self, value: Option<&[u8]>) {
        self.bytes.set_value(self.key_len as usize, value.unwrap_or_default());
        self.live = value.is_some();
    }

    #[inline]
    fn cost(&self) -> usize {
        self.bytes.heap_bytes() + ROW_OVERHEAD_BYTES
    }
}

impl ByteMap {
    /// The row of a key: `Some(None)` is a tombstone.
    #[inline]
    pub(crate) fn get(&self, key: &[u8]) -> Option<Option<&[u8]>> {
        self.table.find(hash_key(key), |row| row.key() == key).map(Row::value)
    }

    /// Writes a row; `None` leaves a tombstone.
    #[inline]
    pub(crate) fn insert(&mut self, key: &[u8], value: Option<&[u8]>) {
        match self.table.entry(hash_key(key), |row| row.key() == key, |row| hash_key(row.key())) {
            Slot::Occupied(mut slot) => {
                let row = slot.get_mut();
                let before = row.cost();
                row.set(value);
                self.bytes = self.bytes + row.cost() - before;
            }
            Slot::Vacant(slot) => {
                let row = Row::new(key, value);
                self.bytes += row.cost();
                slot.insert(row);
                self.order.added(key);
            }
        }
    }

    /// Takes a row out, tombstone or not.
    pub(crate) fn remove(&mut self, key: &[u8]) {
        if let Ok(slot) = self.table.find_entry(hash_key(key), |row| row.key() == key) {
            let (row, _) = slot.remove();
            self.bytes -= row.cost();
            self.order.removed(key);
        }
    }

    /// Reads rows within the bounds in key order until `rows` is full; tombstones too.
    pub(crate) fn scan(&mut self, bounds: KeyBounds<'_>, direction: Direction, rows: &mut Rows) {
        let Self { table, order, .. } = self;
        let keys = order.keys(table.iter().map(Row::key));
        KeyOrder::walk(keys, bounds, direction, rows, |key, rows| {
            if let Some(row) = table.find(hash_key(key), |row| row.key() == key) {
                rows.push(key, row.value());
            }
        });
    }

    /// All rows in key order, tombstones too.
    pub(crate) fn sorted(&self) -> Vec<(&[u8], Option<&[u8]>)> {
        let mut rows: Vec<_> = self.table.iter().map(|row| (row.key(), row.value())).collect();
        rows.sort_unstable_by_key(|(key, _)| *key);
        rows
    }

    /// Empties the table and keeps its slots.
    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.order.clear();
        self.bytes = 0;
    }

    /// How many rows there are, tombstones included.
    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    /// About how much memory the rows take.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.bytes
    }
}

impl fmt::Debug for ByteMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByteMap").field("rows", &self.len()).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

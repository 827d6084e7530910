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
//! Rows sit in a slab and are linked by index in two lists (use, write), so that a hit allocates nothing; nor does a row
//! that comes or goes while it is short.

use hashbrown::hash_table::HashTable;

use super::engine::byte_map::{hash_key, KeyOrder};
use super::engine::row_bytes::{key_len, RowBytes};
use super::engine::{Direction, KeyBounds, Rows};
use crate::record::Headers;
use crate::time::Timestamp;

/// What a row costs beside memory of its own: its place in slab and table.
const ROW_OVERHEAD_BYTES: usize = size_of::<Row>() + 12;

/// The end of a list.
const NIL: u32 = u32::MAX;

/// Rows are numbered by `u32`; at the smallest size per row this many take more than 400 GiB.
const ROWS_MAX: usize = (u32::MAX - 1) as usize;

#[derive(Debug, Clone, Copy)]
struct Link {
    before: u32,
    after: u32,
}

const UNLINKED: Link = Link { before: NIL, after: NIL };

/// The two lists that a row can be in.
#[derive(Debug, Clone, Copy)]
enum List {
    Use,
    Write,
}

#[derive(Debug)]
struct Row {
    bytes: RowBytes,
    key_len: u32,
    live: bool,
    dirty: bool,
    timestamp: Timestamp,
    /// Those of the record that wrote the row; most have none, and a box keeps the row small.
    headers: Option<Box<Headers>>,
    links: [Link; 2],
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

#[derive(Debug, Clone, Copy)]
struct Ends {
    first: u32,
    last: u32,
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
    lists: [Ends; 2],
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
            lists: [Ends { first: NIL, last: NIL }; 2],
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
        let index = *self.table.find(hash_key(key), |index| rows[*index as usize].key() == key)?;
        if self.lists[List::Use as usize].last != index {
            self.unlink(List::Use, index);
            self.link_last(List::Use, index);
        }
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
        let row = &mut self.rows[index as usize];
        row.timestamp = timestamp;
        row.headers = headers;
        if row.dirty {
            if self.lists[List::Write as usize].last == index {
                return;
            }
            self.unlink(List::Write, index);
        }
        self.rows[index as usize].dirty = true;
        self.link_last(List::Write, index);
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
            let index = self.lists[List::Use as usize].first;
            if index == NIL {
                return false;
            }
            if self.rows[index as usize].dirty {
                self.unlink(List::Write, index);
                self.link_first(List::Write, index);
                return true;
            }
            self.remove(index);
        }
        false
    }

    /// Takes the mark of the dirty row that was written first and hands it out; a deletion leaves the cache with
    /// [`Self::forget_deletion`].
    pub(crate) fn pop_dirty(&mut self) -> Option<(u32, DirtyRow<'_>)> {
        let index = self.lists[List::Write as usize].first;
        if index == NIL {
            return None;
        }
        self.unlink(List::Write, index);
        let row = &mut self.rows[index as usize];
        row.dirty = false;
        let headers = row.headers.take();
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
        self.lists[List::Write as usize].first != NIL
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
                    headers: None,
                    links: [UNLINKED; 2],
                });
                u32::try_from(self.rows.len() - 1).unwrap_or(NIL)
            }
        };
        let row = &mut self.rows[index as usize];
        row.bytes.set(key, value.unwrap_or_default());
        row.key_len = key_len(key);
        row.live = value.is_some();
        self.bytes += row.cost();
        let rows = &self.rows;
        self.table.insert_unique(hash_key(key), index, |other| hash_key(rows[*other as usize].key()));
        self.order.added(key);
        self.link_last(List::Use, index);
        index
    }

    fn remove(&mut self, index: u32) {
        self.unlink(List::Use, index);
        let row = &mut self.rows[index as usize];
        let cost = row.cost();
        let bytes = std::mem::replace(&mut row.bytes, RowBytes::EMPTY);
        let key = &bytes.as_slice()[..row.key_len as usize];
        self.bytes -= cost;
        if let Ok(slot) = self.table.find_entry(hash_key(key), |other| *other == index) {
            slot.remove();
        }
        self.order.removed(key);
        self.free.push(index);
    }

    fn unlink(&mut self, list: List, index: u32) {
        let Link { before, after } = std::mem::replace(&mut self.rows[index as usize].links[list as usize], UNLINKED);
        match before {
            NIL => self.lists[list as usize].first = after,
            _ => self.rows[before as usize].links[list as usize].after = after,
        }
        match after {
            NIL => self.lists[list as usize].last = before,
            _ => self.rows[after as usize].links[list as usize].before = before,
        }
    }

    fn link_last(&mut self, list: List, index: u32) {
        let last = std::mem::replace(&mut self.lists[list as usize].last, index);
        self.rows[index as usize].links[list as usize] = Link { before: last, after: NIL };
        match last {
            NIL => self.lists[list as usize].first = index,
            _ => self.rows[last as usize].links[list as usize].after = index,
        }
    }

    fn link_first(&mut self, list: List, index: u32) {
        let first = std::mem::replace(&mut self.lists[list as usize].first, index);
        self.rows[index as usize].links[list as usize] = Link { before: NIL, after: first };
        match first {
            NIL => self.lists[list as usize].last = index,
            _ => self.rows[first as usize].links[list as usize].before = index,
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{expect, Expect};

    use super::*;

    fn put(cache: &mut Cache, rows: &[(&str, Option<&str>)]) {
        for (at, (key, value)) in rows.iter().enumerate() {
            cache.put(key.as_bytes(), value.map(str::as_bytes), Timestamp(at as i64), None);
        }
    }

    fn drain(cache: &mut Cache, expected: Expect) {
        let mut text = String::new();
        while let Some((index, row)) = cache.pop_dirty() {
            let key = String::from_utf8_lossy(row.key);
            let value = row.value.map(String::from_utf8_lossy);
            text.push_str(&format!("{key} = {value:?} @ {}\n", row.timestamp));
            cache.forget_deletion(index);
        }
        expected.assert_eq(&text);
    }

    #[test]
    fn dirty_rows_leave_in_the_order_of_their_last_write() {
        let mut cache = Cache::new(usize::MAX);
        put(&mut cache, &[("a", Some("1")), ("b", Some("2")), ("c", None), ("a", Some("333"))]);
        drain(
            &mut cache,
            expect![[r#"
            b = Some("2") @ 1
            c = None @ 2
            a = Some("333") @ 3
        "#]],
        );
        drain(&mut cache, expect![""]);
        let index = cache.touch(b"a").unwrap();
        assert_eq!(cache.value(index), Some(&b"333"[..]));
        assert_eq!(cache.touch(b"c"), None);
    }

    #[test]
    fn a_dirty_victim_goes_first_and_takes_all_dirty_rows_along() {
        let mut cache = Cache::new(3 * ROW_OVERHEAD_BYTES);
        put(&mut cache, &[("a", Some("1")), ("b", Some("2")), ("c", Some("3"))]);
        cache.put(b"a", Some(b"4"), Timestamp(9), None);
        assert!(!cache.is_over_budget());
        cache.put(b"d", Some(b"5"), Timestamp(10), None);
        assert!(cache.is_over_budget());
        assert!(cache.evict_clean());
        drain(
            &mut cache,
            expect![[r#"
            b = Some("2") @ 1
            c = Some("3") @ 2
            a = Some("4") @ 9
            d = Some("5") @ 10
        "#]],
        );
        assert!(!cache.evict_clean());
        assert_eq!(cache.touch(b"b"), None);
        assert!(cache.touch(b"c").is_some());
        assert_eq!(cache.bytes(), 3 * ROW_OVERHEAD_BYTES);
    }

    #[test]
    fn clean_rows_leave_by_last_use() {
        let mut cache = Cache::new(2 * ROW_OVERHEAD_BYTES);
        cache.keep_clean(b"a", b"1");
        cache.keep_clean(b"b", b"2");
        assert!(cache.touch(b"a").is_some());
        cache.keep_clean(b"c", b"3");
        assert!(!cache.evict_clean());
        let mut rows = Rows::default();
        cache.scan((std::ops::Bound::Unbounded, std::ops::Bound::Unbounded), Direction::Forward, &mut rows);
        assert_eq!(rows.iter().map(|(key, _)| key.to_vec()).collect::<Vec<_>>(), [b"a".to_vec(), b"c".to_vec()]);
    }

    /// The victim is the row that was used longest ago, which need not be the one written longest ago.
    #[test]
    fn the_victim_goes_before_rows_that_were_written_earlier() {
        let mut cache = Cache::new(2 * ROW_OVERHEAD_BYTES);
        put(&mut cache, &[("a", Some("1")), ("b", Some("2"))]);
        assert!(cache.touch(b"a").is_some());
        put(&mut cache, &[("c", Some("3"))]);
        assert!(cache.evict_clean());
        drain(
            &mut cache,
            expect![[r#"
            b = Some("2") @ 1
            a = Some("1") @ 0
            c = Some("3") @ 0
        "#]],
        );
        assert!(!cache.evict_clean());
        assert_eq!((cache.touch(b"b"), cache.touch(b"a").is_some()), (None, true));
    }

    #[test]
    fn rows_count_by_their_size_now() {
        let mut cache = Cache::new(2 * ROW_OVERHEAD_BYTES);
        let long = "x".repeat(2 * ROW_OVERHEAD_BYTES);
        put(&mut cache, &[("a", Some("1"))]);
        let before = cache.bytes();
        put(&mut cache, &[("a", Some(&long))]);
        assert!(cache.is_over_budget(), "{} bytes", cache.bytes());
        put(&mut cache, &[("a", Some("1"))]);
        put(&mut cache, &[("b", None)]);
        assert!(cache.bytes() >= before + ROW_OVERHEAD_BYTES);
        while let Some((index, _)) = cache.pop_dirty() {
            cache.forget_deletion(index);
        }
        cache.set_budget(0);
        assert!(!cache.evict_clean());
        assert_eq!(cache.bytes(), 0, "nothing is left that would count");
    }

    #[test]
    fn a_row_leaves_with_the_headers_of_its_last_write() {
        let mut cache = Cache::new(usize::MAX);
        let mut headers = Headers::new();
        headers.push("trace", None);
        for (value, headers) in [("1", None), ("2", Some(Box::new(headers))), ("3", None)] {
            let expected = headers.is_some();
            cache.put(b"a", Some(value.as_bytes()), Timestamp(1), headers.clone());
            cache.put(b"b", Some(value.as_bytes()), Timestamp(1), headers);
            if value == "2" {
                continue;
            }
            let (_, row) = cache.pop_dirty().expect("it is dirty");
            assert_eq!((row.key, row.headers.is_some()), (&b"a"[..], expected), "{value}");
        }
    }
}

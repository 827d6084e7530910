//! The queue of rows that left a cache and wait for their node to forward them. One piece of memory, reused.
//!
//! A row that is taken is out until the next one is. Whoever could not forward it puts it back, and it comes out again
//! first: a failure that passes loses no row.

use super::cache::DirtyRow;
use crate::record::Headers;
use crate::time::Timestamp;

/// A row that left the cache.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FlushedRow<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) new: Option<&'a [u8]>,
    pub(crate) old: Option<&'a [u8]>,
    /// The time of the record that wrote the row.
    pub(crate) timestamp: Timestamp,
    /// The headers of that record.
    pub(crate) headers: &'a Headers,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct FlushedRows {
    bytes: Vec<u8>,
    rows: Vec<Place>,
    /// The row that is out, or else the next one.
    next: usize,
    is_out: bool,
}

#[derive(Debug)]
struct Place {
    start: usize,
    key_end: usize,
    new_end: usize,
    end: usize,
    has_new: bool,
    has_old: bool,
    timestamp: Timestamp,
    headers: Option<Box<Headers>>,
}

impl FlushedRows {
    pub(crate) fn push(&mut self, row: &mut DirtyRow<'_>, old: Option<&[u8]>) {
        if self.next == self.rows.len() {
            self.bytes.clear();
            self.rows.clear();
            self.next = 0;
        }
        let start = self.bytes.len();
        self.bytes.extend_from_slice(row.key);
        let key_end = self.bytes.len();
        self.bytes.extend_from_slice(row.value.unwrap_or_default());
        let new_end = self.bytes.len();
        self.bytes.extend_from_slice(old.unwrap_or_default());
        self.rows.push(Place {
            start,
            key_end,
            new_end,
            end: self.bytes.len(),
            has_new: row.value.is_some(),
            has_old: old.is_some(),
            timestamp: row.timestamp,
            headers: row.headers.take(),
        });
    }

    pub(crate) fn pop(&mut self) -> Option<FlushedRow<'_>> {
        self.next += usize::from(std::mem::take(&mut self.is_out));
        let place = self.rows.get(self.next)?;
        self.is_out = true;
        Some(FlushedRow {
            key: &self.bytes[place.start..place.key_end],
            new: place.has_new.then(|| &self.bytes[place.key_end..place.new_end]),
            old: place.has_old.then(|| &self.bytes[place.new_end..place.end]),
            timestamp: place.timestamp,
            headers: place.headers.as_deref().unwrap_or(Headers::none()),
        })
    }

    /// Takes the row back that is out, if one is.
    pub(crate) fn put_back(&mut self) {
        self.is_out = false;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.next + usize::from(self.is_out) == self.rows.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_out_in_order_and_leave_nothing_behind() {
        let mut queue = FlushedRows::default();
        for round in 0..3_u8 {
            for (key, value, old) in [(b"a", Some(&b"1"[..]), None), (b"b", None, Some(&b"old"[..]))] {
                let mut row = DirtyRow { key, value, timestamp: Timestamp(i64::from(round)), headers: None };
                queue.push(&mut row, old);
            }
            let first = queue.pop().expect("two are there");
            assert_eq!((first.key, first.new, first.old), (&b"a"[..], Some(&b"1"[..]), None));
            let second = queue.pop().expect("one is there");
            assert_eq!((second.key, second.new, second.old), (&b"b"[..], None, Some(&b"old"[..])));
            assert_eq!(second.timestamp, Timestamp(i64::from(round)));
            assert!(queue.pop().is_none() && queue.is_empty());
        }
        assert_eq!((queue.rows.len(), queue.bytes.len()), (2, 6), "one round's worth");
    }

    fn push(queue: &mut FlushedRows, key: &[u8]) {
        queue.push(&mut DirtyRow { key, value: None, timestamp: Timestamp(0), headers: None }, None);
    }

    fn pop(queue: &mut FlushedRows) -> Option<Vec<u8>> {
        queue.pop().map(|row| row.key.to_vec())
    }

    #[test]
    fn a_row_that_is_put_back_comes_out_first_whatever_came_meanwhile() {
        let mut queue = FlushedRows::default();
        queue.put_back();
        assert_eq!(pop(&mut queue), None);
        push(&mut queue, b"a");
        push(&mut queue, b"b");
        assert_eq!(pop(&mut queue), Some(b"a".to_vec()));
        queue.put_back();
        assert_eq!(pop(&mut queue), Some(b"a".to_vec()));
        assert_eq!(pop(&mut queue), Some(b"b".to_vec()));
        assert!(queue.is_empty(), "none waits");
        // The last one is out while another comes.
        push(&mut queue, b"c");
        queue.put_back();
        assert!(!queue.is_empty());
        assert_eq!(pop(&mut queue), Some(b"b".to_vec()));
        assert_eq!(pop(&mut queue), Some(b"c".to_vec()));
        assert_eq!(pop(&mut queue), None);
        queue.put_back();
        assert_eq!(pop(&mut queue), None, "what was forwarded stays so");
    }
}

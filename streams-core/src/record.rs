//! Records and changes as they travel through a task: borrowed, four words, `Copy`.
//!
//! Forwarding a record to many children copies references. No operator needs `Clone` on user data, and intermediate
//! values live on the stack frame of the node that made them.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

use crate::time::Timestamp;

/// A record on its way through one task.
pub struct Record<'a, K, V> {
    /// The key. Types that allow null are `Option<K>`.
    pub key: &'a K,
    /// The value. Types that allow null are `Option<V>`.
    pub value: &'a V,
    /// The event time; never negative inside a task.
    pub timestamp: Timestamp,
    /// The headers in the order of the source record; duplicates are kept.
    pub headers: &'a Headers,
}

impl<'a, K, V> Record<'a, K, V> {
    /// A record without headers.
    pub fn new(key: &'a K, value: &'a V, timestamp: Timestamp) -> Self {
        Self { key, value, timestamp, headers: Headers::none() }
    }

    /// The same record under another key.
    #[inline]
    pub fn with_key<'b, K2>(self, key: &'b K2) -> Record<'b, K2, V>
    where
        'a: 'b,
    {
        Record { key, value: self.value, timestamp: self.timestamp, headers: self.headers }
    }

    /// The same record with another value.
    #[inline]
    pub fn with_value<'b, V2>(self, value: &'b V2) -> Record<'b, K, V2>
    where
        'a: 'b,
    {
        Record { key: self.key, value, timestamp: self.timestamp, headers: self.headers }
    }

    /// The same record at another time.
    #[inline]
    #[must_use]
    pub fn with_timestamp(self, timestamp: Timestamp) -> Self {
        Self { timestamp, ..self }
    }

    /// The same record with other headers.
    #[inline]
    #[must_use]
    pub fn with_headers(self, headers: &'a Headers) -> Self {
        Self { headers, ..self }
    }
}

impl<K, V> Clone for Record<'_, K, V> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Record<'_, K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Record<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} = {:?} @ {}", self.key, self.value, self.timestamp)
    }
}

/// What happened to one row of a table. `old` is filled only where a node downstream asked for old values.
///
/// Both sides borrow an `Option`, so that a change becomes a stream's record without copying the value, and
/// [`Change::none`] needs no storage.
pub struct Change<'a, V> {
    /// The row after the change; `None` is a deletion.
    pub new: &'a Option<V>,
    /// The row before the change, where it is known.
    pub old: &'a Option<V>,
    /// False only for an out-of-order update to a versioned table.
    pub is_latest: bool,
}

impl<'a, V> Change<'a, V> {
    /// A change of the latest version of a row.
    #[inline]
    pub fn new(new: &'a Option<V>, old: &'a Option<V>) -> Self {
        Self { new, old, is_latest: true }
    }

    /// The side of a change that is absent.
    #[inline]
    pub fn none() -> &'a Option<V> {
        &None
    }
}

impl<V> Clone for Change<'_, V> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<V> Copy for Change<'_, V> {}

impl<V: fmt::Debug> fmt::Debug for Change<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} <- {:?}", self.new, self.old)
    }
}

/// One header: a key and a value that can be null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The key; need not be unique within a record.
    pub key: String,
    /// The value; `None` is null.
    pub value: Option<Bytes>,
}

/// The headers of a record: a list, because Kafka keeps order and duplicates.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Headers(Vec<Header>);

static NO_HEADERS: Headers = Headers(Vec::new());

impl Headers {
    /// The empty list, shared.
    #[inline]
    pub fn none() -> &'static Self {
        &NO_HEADERS
    }

    /// An empty list to fill.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header at the end.
    pub fn push(&mut self, key: impl Into<String>, value: Option<Bytes>) {
        self.0.push(Header { key: key.into(), value });
    }

    /// Replaces all headers and reuses the memory of those that were there.
    pub fn refill<'a>(&mut self, headers: impl Iterator<Item = (Cow<'a, str>, Option<Bytes>)>) {
        let mut filled = 0;
        for (key, value) in headers {
            match self.0.get_mut(filled) {
                Some(slot) => {
                    slot.key.clear();
                    slot.key.push_str(&key);
                    slot.value = value;
                }
                None => self.0.push(Header { key: key.into_owned(), value }),
            }
            filled += 1;
        }
        self.0.truncate(filled);
    }

    /// The value of the last header under a key, as Kafka's `lastHeader`.
    pub fn last(&self, key: &str) -> Option<&Header> {
        self.0.iter().rev().find(|header| header.key == key)
    }

    /// All headers in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.0.iter()
    }

    /// How many headers there are, duplicates counted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Empties the list and keeps its memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = &'a Header;
    type IntoIter = std::slice::Iter<'a, Header>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<Header> for Headers {
    fn from_iter<I: IntoIterator<Item = Header>>(headers: I) -> Self {
        Self(headers.into_iter().collect())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.0).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_keep_order_and_duplicates() {
        let mut headers = Headers::new();
        headers.push("a", Some(Bytes::from_static(b"1")));
        headers.push("b", None);
        headers.push("a", Some(Bytes::from_static(b"2")));
        assert_eq!(headers.len(), 3);
        assert_eq!(headers.last("a").and_then(|header| header.value.as_deref()), Some(&b"2"[..]));
        assert_eq!(headers.iter().map(|header| header.key.as_str()).collect::<Vec<_>>(), ["a", "b", "a"]);
    }

    #[test]
    fn a_refill_leaves_nothing_of_what_was_there() {
        let mut headers = Headers::new();
        headers.push("long key", Some(Bytes::from_static(b"1")));
        headers.push("b", None);
        headers.refill([("k".into(), None)].into_iter());
        assert_eq!(headers.iter().collect::<Vec<_>>(), [&Header { key: "k".to_owned(), value: None }]);
    }
}

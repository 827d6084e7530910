//! The records of a batch, borrowed from its bytes: checked one by one as they are read, headers included.

use std::borrow::Cow;
use std::fmt;

use super::varint::{nullable_bytes, varint, varlong, Wrong};
use super::{BatchError, TimestampType};
use crate::ids::Offset;
use crate::protocol::codes::ErrorCode;
use crate::time::Timestamp;

/// A record, borrowed from its batch.
#[derive(Debug, Clone, Copy)]
pub struct RecordView<'a> {
    /// The position in the partition.
    pub offset: Offset,
    /// The producer's time, or the broker's where the topic says so.
    pub timestamp: Timestamp,
    /// The key; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value; `None` is null, a tombstone.
    pub value: Option<&'a [u8]>,
    /// The headers in order, duplicates included.
    pub headers: HeaderViews<'a>,
}

/// A header, borrowed from its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeaderView<'a> {
    /// The key's bytes: UTF-8 where the producer kept to the rules.
    pub key: &'a [u8],
    /// The value; `None` is null.
    pub value: Option<&'a [u8]>,
}

impl<'a> HeaderView<'a> {
    /// The key as text; bytes that are no UTF-8 become replacement characters, as in Kafka's clients.
    pub fn key_text(&self) -> Cow<'a, str> {
        String::from_utf8_lossy(self.key)
    }
}

/// The headers of a record in order, duplicates included. Checked before they are handed out.
#[derive(Clone, Copy, Default)]
pub struct HeaderViews<'a> {
    bytes: &'a [u8],
    count: usize,
}

impl HeaderViews<'_> {
    /// How many headers are left.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}

impl<'a> Iterator for HeaderViews<'a> {
    type Item = HeaderView<'a>;

    fn next(&mut self) -> Option<HeaderView<'a>> {
        self.count = self.count.checked_sub(1)?;
        let (header, rest) = header(self.bytes).ok()?;
        self.bytes = rest;
        Some(header)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for HeaderViews<'_> {}

impl fmt::Debug for HeaderViews<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

fn header(bytes: &[u8]) -> Result<(HeaderView<'_>, &[u8]), Wrong> {
    match nullable_bytes(bytes)? {
        (Some(key), rest) => {
            let (value, rest) = nullable_bytes(rest)?;
            Ok((HeaderView { key, value }, rest))
        }
        (None, _) => Err("null header key"),
    }
}

/// The headers that fill the rest of a record.
#[inline]
fn headers(bytes: &[u8]) -> Result<HeaderViews<'_>, Wrong> {
    match bytes {
        [0] => Ok(HeaderViews::default()),
        _ => some_headers(bytes),
    }
}

fn some_headers(bytes: &[u8]) -> Result<HeaderViews<'_>, Wrong> {
    let (count, bytes) = varint(bytes)?;
    let count = usize::try_from(count).map_err(|_| "negative number of headers")?;
    let mut rest = bytes;
    for _ in 0..count {
        (_, rest) = header(rest)?;
    }
    if rest.is_empty() {
        Ok(HeaderViews { bytes, count })
    } else {
        Err("bytes left after the headers")
    }
}

/// The records of one batch. Yields an error for the first record that does not decode, then ends; at the end it
/// checks that no byte is left.
#[derive(Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    left: i32,
    read: i32,
    base_offset: i64,
    base_timestamp: i64,
    append_timestamp: Option<i64>,
}

/// Where reading the records of a batch stands, without a borrow of them. Made by [`Records::suspend`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordsPosition {
    rest: usize,
    left: i32,
    read: i32,
    base_offset: i64,
    base_timestamp: i64,
    append_timestamp: Option<i64>,
}

impl<'a> Records<'a> {
    /// The position, for a reader that keeps the records' bytes elsewhere and comes back later.
    #[inline]
    pub fn suspend(&self) -> RecordsPosition {
        let Self { rest, left, read, base_offset, base_timestamp, append_timestamp } = *self;
        RecordsPosition { rest: rest.len(), left, read, base_offset, base_timestamp, append_timestamp }
    }

    /// Goes on at a position. `bytes` are those of the records as [`Self::unread`] gave them, or end with them.
    #[inline]
    pub fn resume(bytes: &'a [u8], position: RecordsPosition) -> Self {
        let RecordsPosition { rest, left, read, base_offset, base_timestamp, append_timestamp } = position;
        let rest = &bytes[bytes.len().saturating_sub(rest)..];
        Self { rest, left, read, base_offset, base_timestamp, append_timestamp }
    }

    /// The bytes of the records that are not read yet, decompressed.
    pub fn unread(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn new(
        bytes: &'a [u8],
        count: i32,
        base_offset: Offset,
        base_timestamp: Timestamp,
        append: (TimestampType, Timestamp),
    ) -> Self {
        let append_timestamp = (append.0 == TimestampType::LogAppendTime).then_some(append.1 .0);
        let (base_offset, base_timestamp) = (base_offset.0, base_timestamp.0);
        Self { rest: bytes, left: count, read: 0, base_offset, base_timestamp, append_timestamp }
    }

    #[inline]
    fn record(&mut self) -> Result<RecordView<'a>, Wrong> {
        let (length, rest) = varint(self.rest)?;
        let length = usize::try_from(length).map_err(|_| "negative length")?;
        let (body, rest) = rest.split_at_checked(length).ok_or("record goes past the batch")?;
        self.rest = rest;
        let body = body.get(1..).ok_or("record of no length")?;
        let (timestamp_delta, body) = varlong(body)?;
        let (offset_delta, body) = varint(body)?;
        let (key, body) = nullable_bytes(body)?;
        let (value, body) = nullable_bytes(body)?;
        let headers = headers(body)?;
        let timestamp = match self.append_timestamp {
            None => self.base_timestamp.checked_add(timestamp_delta).ok_or("timestamp overflows")?,
            Some(timestamp) => timestamp,
        };
        let offset = self.base_offset.checked_add(i64::from(offset_delta)).ok_or("offset overflows")?;
        Ok(RecordView { offset: Offset(offset), timestamp: Timestamp(timestamp), key, value, headers })
    }

    #[cold]
    fn wrong(&mut self, why: Wrong) -> BatchError {
        self.left = 0;
        self.rest = &[];
        BatchError::new(ErrorCode::INVALID_RECORD, format!("record {} of the batch: {why}", self.read))
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<RecordView<'a>, BatchError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.left <= 0 {
            return if self.rest.is_empty() { None } else { Some(Err(self.wrong("bytes left after the last record"))) };
        }
        match self.record() {
            Ok(record) => {
                self.left -= 1;
                self.read += 1;
                Some(Ok(record))
            }
            Err(why) => Some(Err(self.wrong(why))),
        }
    }
}

impl fmt::Debug for Records<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Records({} left in {} bytes)", self.left, self.rest.len())
    }
}

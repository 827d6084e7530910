//! Builds a batch in a buffer that is used again: records go straight to their bytes, the header follows at the end.

use super::compression::{compress, Compression};
use super::edit::BatchMut;
use super::varint::{push_varint, short, varint_len, zigzag, SHORT_MAX, VARLONG_LEN_MAX};
use super::{
    BatchError, TimestampType, BATCH_HEADER_LEN, BATCH_LENGTH_END, CONTROL_BIT, MAGIC, TIMESTAMP_TYPE_BIT,
    TRANSACTIONAL_BIT,
};
use crate::ids::Offset;
use crate::protocol::codes::ErrorCode;
use crate::time::Timestamp;

/// The most bytes of a record besides key, value and headers, with the room that a register takes and gives back.
const OVERHEAD_MAX: usize = 5 + 1 + VARLONG_LEN_MAX + 5 + 5 + 5 + 8;

/// The most bytes a batch can have, so that its length fits its field.
const BATCH_LEN_MAX: usize = i32::MAX as usize;

/// What the header of a batch says besides what follows from its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchOptions {
    /// How the records are compressed.
    pub compression: Compression,
    /// Whose clock the timestamps are.
    pub timestamp_type: TimestampType,
    /// The offset of the first record; 0 from a producer.
    pub base_offset: Offset,
    /// The epoch of the leader that appends; -1 from a producer.
    pub partition_leader_epoch: i32,
    /// The producer's id; -1 is none.
    pub producer_id: i64,
    /// The producer's epoch; -1 is none.
    pub producer_epoch: i16,
    /// The sequence number of the first record; -1 is none.
    pub base_sequence: i32,
    /// Whether the batch is part of a transaction.
    pub is_transactional: bool,
    /// Whether the batch holds a control record.
    pub is_control: bool,
}

impl Default for BatchOptions {
    fn default() -> Self {
        Self {
            compression: Compression::None,
            timestamp_type: TimestampType::CreateTime,
            base_offset: Offset::ZERO,
            partition_leader_epoch: -1,
            producer_id: -1,
            producer_epoch: -1,
            base_sequence: -1,
            is_transactional: false,
            is_control: false,
        }
    }
}

impl BatchOptions {
    fn attributes(&self) -> i16 {
        let mut bits = self.compression.bits();
        if self.timestamp_type == TimestampType::LogAppendTime {
            bits |= TIMESTAMP_TYPE_BIT;
        }
        if self.is_transactional {
            bits |= TRANSACTIONAL_BIT;
        }
        if self.is_control {
            bits |= CONTROL_BIT;
        }
        bits
    }
}

/// Collects records into one batch. [`Self::clear`] keeps the memory for the next one.
#[derive(Debug)]
pub struct BatchBuilder {
    /// The header's room, then the records.
    plain: Vec<u8>,
    /// The same with the records compressed, when they are.
    compressed: Vec<u8>,
    records: i32,
    last_offset_delta: i32,
    base_timestamp: i64,
    base_timestamp_is_set: bool,
    max_timestamp: i64,
}

impl Default for BatchBuilder {
    fn default() -> Self {
        Self::with_capacity(0)
    }
}

impl BatchBuilder {
    /// A builder with room for records of so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        let mut plain = Vec::with_capacity(bytes + BATCH_HEADER_LEN);
        plain.resize(BATCH_HEADER_LEN, 0);
        let (records, last_offset_delta, base_timestamp, max_timestamp) = (0, -1, 0, -1);
        let (compressed, base_timestamp_is_set) = (Vec::new(), false);
        Self { plain, compressed, records, last_offset_delta, base_timestamp, base_timestamp_is_set, max_timestamp }
    }

    /// Forgets the records and keeps the memory.
    pub fn clear(&mut self) {
        self.plain.truncate(BATCH_HEADER_LEN);
        self.records = 0;
        self.last_offset_delta = -1;
        self.base_timestamp_is_set = false;
        self.max_timestamp = -1;
    }

    /// Counts the timestamps of the records to come from here instead of from the first one, until [`Self::clear`]:
    /// a compacted batch keeps there when its tombstones may go. Call it before the first record.
    pub fn set_base_timestamp(&mut self, base: Timestamp) {
        self.base_timestamp = base.0;
        self.base_timestamp_is_set = true;
    }

    /// Whether no record was appended.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// How many records were appended.
    pub fn records(&self) -> i32 {
        self.records
    }

    /// The length of the batch before compression, header included.
    pub fn len(&self) -> usize {
        self.plain.len()
    }

    /// The largest timestamp appended; [`Timestamp::UNKNOWN`] if there is none.
    pub fn max_timestamp(&self) -> Timestamp {
        Timestamp(self.max_timestamp)
    }

    /// An upper bound of what a record without headers adds to [`Self::len`].
    pub fn record_len_max(key: Option<&[u8]>, value: Option<&[u8]>) -> usize {
        OVERHEAD_MAX + key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len)
    }

    /// Appends a record without headers at the next offset.
    ///
    /// # Errors
    /// When the batch would outgrow its length field, or the timestamp is too far from the first for a delta.
    #[inline]
    pub fn append(&mut self, timestamp: Timestamp, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<(), BatchError> {
        let start = self.begin(self.last_offset_delta.wrapping_add(1), timestamp, key, value, 1)?;
        self.plain.push(0);
        self.end(start);
        Ok(())
    }

    /// Appends a record with headers, in their order, at the next offset.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn append_with_headers<'h, H>(
        &mut self,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: H,
    ) -> Result<(), BatchError>
    where
        H: IntoIterator<Item = (&'h [u8], Option<&'h [u8]>)>,
        H::IntoIter: Clone,
    {
        self.append_at(self.last_offset_delta.wrapping_add(1), timestamp, key, value, headers)
    }

    /// Appends a record at a distance from the base offset, for logs with gaps.
    ///
    /// # Errors
    /// As [`Self::append`], and when the distance is not larger than that of the record before.
    pub fn append_at<'h, H>(
        &mut self,
        offset_delta: i32,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: H,
    ) -> Result<(), BatchError>
    where
        H: IntoIterator<Item = (&'h [u8], Option<&'h [u8]>)>,
        H::IntoIter: Clone,
    {
        let headers = headers.into_iter();
        let mut count = 0;
        let mut len = 0;
        for (key, value) in headers.clone() {
            count += 1;
            len += nullable_len(Some(key)) + nullable_len(value);
        }
        let start = self.begin(offset_delta, timestamp, key, value, varint_len(zigzag(count)) + len)?;
        push_varint(&mut self.plain, zigzag(count));
        for (key, value) in headers {
            push_nullable(&mut self.plain, Some(key));
            push_nullable(&mut self.plain, value);
        }
        self.end(start);
        Ok(())
    }

    /// Writes a record up to its headers, whose length is known. Returns where it ends.
    #[inline]
    fn begin(
        &mut self,
        offset_delta: i32,
        timestamp: Timestamp,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers_len: usize,
    ) -> Result<usize, BatchError> {
        if self.records == 0 && !self.base_timestamp_is_set {
            self.base_timestamp = timestamp.0;
        }
        let delta = timestamp.0.checked_sub(self.base_timestamp).ok_or_else(|| too_far(timestamp))?;
        if offset_delta <= self.last_offset_delta {
            return Err(out_of_order(offset_delta));
        }
        let fields = [zigzag(delta), zigzag(i64::from(offset_delta)), zigzag_len(key), zigzag_len(value)];
        let (key, value) = (key.unwrap_or_default(), value.unwrap_or_default());
        let data_len = 1 + key.len() + value.len() + headers_len;
        if data_len >= BATCH_LEN_MAX.saturating_sub(self.plain.len() + OVERHEAD_MAX) {
            return Err(too_large(data_len));
        }
        self.plain.reserve(data_len + OVERHEAD_MAX);
        let end = match Short::new(fields, data_len) {
            Some(short) => short.push(&mut self.plain, key, value),
            None => push_long(&mut self.plain, fields, data_len, key, value),
        };
        self.records += 1;
        self.last_offset_delta = offset_delta;
        self.max_timestamp = self.max_timestamp.max(timestamp.0);
        Ok(end)
    }

    #[inline]
    fn end(&self, end: usize) {
        debug_assert_eq!(self.plain.len(), end, "a record is as long as its length says");
    }

    /// Compresses, writes the header and returns the batch. The builder keeps its records: finishing again with other
    /// options is allowed, and [`Self::clear`] starts over.
    ///
    /// # Errors
    /// When compression fails or makes the batch too large.
    pub fn finish(&mut self, options: &BatchOptions) -> Result<&[u8], BatchError> {
        let bytes = if options.compression == Compression::None {
            &mut self.plain
        } else {
            self.compressed.clear();
            self.compressed.resize(BATCH_HEADER_LEN, 0);
            compress(options.compression, &self.plain[BATCH_HEADER_LEN..], &mut self.compressed)?;
            &mut self.compressed
        };
        let length = i32::try_from(bytes.len() - BATCH_LENGTH_END).map_err(|_| too_large(bytes.len()))?;
        let mut batch = BatchMut::over(bytes);
        batch
            .put(0, options.base_offset.0.to_be_bytes())
            .put(8, length.to_be_bytes())
            .put(12, options.partition_leader_epoch.to_be_bytes())
            .put(16, MAGIC.to_be_bytes())
            .put(21, options.attributes().to_be_bytes())
            .put(23, self.last_offset_delta.max(0).to_be_bytes())
            .put(27, self.base_timestamp.to_be_bytes())
            .put(35, self.max_timestamp.to_be_bytes())
            .put(43, options.producer_id.to_be_bytes())
            .put(51, options.producer_epoch.to_be_bytes())
            .put(53, options.base_sequence.to_be_bytes())
            .put(57, self.records.to_be_bytes())
            .update_crc();
        Ok(bytes)
    }
}

/// What stands around the key of a record whose key length takes one byte and whose other fields take two at most,
/// each put together in a register: copying it from bytes just written would wait for them.
struct Short {
    prefix: (u64, usize),
    value_len: (u64, usize),
    body_len: usize,
}

impl Short {
    #[inline]
    fn new([delta, offset, key_len, value_len]: [u64; 4], data_len: usize) -> Option<Self> {
        if key_len >= 0x80 || (delta | offset | value_len) >= SHORT_MAX {
            return None;
        }
        let (delta, offset, value_len) = (short(delta), short(offset), short(value_len));
        let body_len = data_len + delta.1 + offset.1 + 1 + value_len.1;
        let length = (body_len as u64) << 1;
        if length >= SHORT_MAX {
            return None;
        }
        let mut prefix = short(length);
        for field in [(0, 1), delta, offset, (key_len, 1)] {
            prefix = (prefix.0 | field.0 << (8 * prefix.1), prefix.1 + field.1);
        }
        Some(Self { prefix, value_len, body_len })
    }

    /// Appends the record up to its headers and returns where it ends.
    #[inline]
    fn push(self, out: &mut Vec<u8>, key: &[u8], value: &[u8]) -> usize {
        let end = out.len() + 1 + usize::from(self.body_len >= 0x40) + self.body_len;
        push_register(out, self.prefix);
        out.extend_from_slice(key);
        push_register(out, self.value_len);
        out.extend_from_slice(value);
        end
    }
}

/// Appends at most eight bytes of a register, the lowest first.
#[inline]
fn push_register(out: &mut Vec<u8>, (bytes, len): (u64, usize)) {
    let end = out.len() + len;
    out.extend_from_slice(&bytes.to_le_bytes());
    out.truncate(end);
}

/// Appends any record up to its headers and returns where it ends.
#[inline(never)]
fn push_long(out: &mut Vec<u8>, fields: [u64; 4], data_len: usize, key: &[u8], value: &[u8]) -> usize {
    let body_len = data_len + fields.into_iter().map(varint_len).sum::<usize>();
    let [delta, offset, key_len, value_len] = fields;
    push_varint(out, (body_len as u64) << 1);
    let end = out.len() + body_len;
    out.push(0);
    push_varint(out, delta);
    push_varint(out, offset);
    push_varint(out, key_len);
    out.extend_from_slice(key);
    push_varint(out, value_len);
    out.extend_from_slice(value);
    end
}

fn push_nullable(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    push_varint(out, zigzag_len(bytes));
    out.extend_from_slice(bytes.unwrap_or_default());
}

/// A length in zigzag; that of null is -1.
#[inline]
fn zigzag_len(bytes: Option<&[u8]>) -> u64 {
    bytes.map_or(1, |bytes| (bytes.len() as u64) << 1)
}

#[inline]
fn nullable_len(bytes: Option<&[u8]>) -> usize {
    varint_len(zigzag_len(bytes)) + bytes.map_or(0, <[u8]>::len)
}

#[cold]
fn too_far(timestamp: Timestamp) -> BatchError {
    let message = format!("timestamp {timestamp} is too far from the first one of the batch");
    BatchError::new(ErrorCode::INVALID_TIMESTAMP, message)
}

#[cold]
fn out_of_order(offset_delta: i32) -> BatchError {
    BatchError::new(ErrorCode::INVALID_RECORD, format!("offset delta {offset_delta} is not after the last one"))
}

#[cold]
fn too_large(len: usize) -> BatchError {
    BatchError::new(ErrorCode::MESSAGE_TOO_LARGE, format!("{len} more bytes do not fit in one batch"))
}

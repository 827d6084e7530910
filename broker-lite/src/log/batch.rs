//! The fixed header of a record batch (version 2): what a log needs of it to store, find and serve batches.
//!
//! Layout (big-endian): base offset 0..8, length after byte 12 at 8..12, leader epoch 12..16, magic 16, CRC-32C of
//! everything from 21 at 17..21, attributes 21..23, last offset delta 23..27, base timestamp 27..35, max timestamp
//! 35..43, producer id 43..51, producer epoch 51..53, base sequence 53..57, record count 57..61.
//! Base offset and leader epoch lie outside the checksum, so a broker assigns offsets with two stores.

use crc_fast::{checksum, CrcAlgorithm};
use streams_core::{Offset, Timestamp};

/// The bytes before the records.
pub(super) const HEADER_BYTES: usize = 61;

/// The bytes that the length field does not count: base offset and the length itself.
const LENGTH_OVERHEAD: usize = 12;

/// Where the checksummed bytes start.
const CHECKSUMMED_FROM: usize = 21;

/// The only batch version since Kafka 4.0.
const MAGIC: u8 = 2;

/// Attribute bit: the timestamps are the broker's.
pub(super) const LOG_APPEND_TIME_BIT: i16 = 1 << 3;

/// Attribute bit: part of a transaction.
pub(super) const TRANSACTIONAL_BIT: i16 = 1 << 4;

/// Attribute bit: a marker, not data.
pub(super) const CONTROL_BIT: i16 = 1 << 5;

/// Attribute bit: the base timestamp is the time from which on tombstones may go.
pub(super) const DELETE_HORIZON_BIT: i16 = 1 << 6;

/// Attribute bits: how the records are compressed.
const COMPRESSION_BITS: i16 = 7;

/// The header of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchHeader {
    pub(super) base_offset: i64,
    /// The whole batch in bytes, header included; at least [`HEADER_BYTES`].
    pub(super) size: usize,
    pub(super) crc: u32,
    pub(super) attributes: i16,
    pub(super) last_offset_delta: i32,
    pub(super) base_timestamp: i64,
    pub(super) max_timestamp: Timestamp,
    pub(super) producer_id: i64,
    pub(super) producer_epoch: i16,
    pub(super) base_sequence: i32,
    pub(super) count: i32,
}

/// Why bytes are not a batch header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BadHeader {
    /// Fewer bytes than a header.
    Short,
    /// The length field is smaller than a header or negative.
    Length(i32),
    /// Another version of batches.
    Magic(u8),
    /// The last offset lies before the first, or offsets are negative.
    Offsets,
}

impl std::fmt::Display for BadHeader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Short => f.write_str("the batch ends within its header"),
            Self::Length(length) => write!(f, "the batch says that it has {length} bytes"),
            Self::Magic(magic) => write!(f, "the batch has magic {magic}, and message format v2 is required"),
            Self::Offsets => f.write_str("the batch's offsets are out of order"),
        }
    }
}

fn array<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

impl BatchHeader {
    /// Reads the header at the start of `bytes`.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, BadHeader> {
        let bytes: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(BadHeader::Short)?;
        if bytes[16] != MAGIC {
            return Err(BadHeader::Magic(bytes[16]));
        }
        let length = i32::from_be_bytes(array(bytes, 8));
        let size = usize::try_from(length).ok().and_then(|length| length.checked_add(LENGTH_OVERHEAD));
        let size = size.filter(|size| *size >= HEADER_BYTES).ok_or(BadHeader::Length(length))?;
        let header = Self {
            base_offset: i64::from_be_bytes(array(bytes, 0)),
            size,
            crc: u32::from_be_bytes(array(bytes, 17)),
            attributes: i16::from_be_bytes(array(bytes, 21)),
            last_offset_delta: i32::from_be_bytes(array(bytes, 23)),
            base_timestamp: i64::from_be_bytes(array(bytes, 27)),
            max_timestamp: Timestamp(i64::from_be_bytes(array(bytes, 35))),
            producer_id: i64::from_be_bytes(array(bytes, 43)),
            producer_epoch: i16::from_be_bytes(array(bytes, 51)),
            base_sequence: i32::from_be_bytes(array(bytes, 53)),
            count: i32::from_be_bytes(array(bytes, 57)),
        };
        let last = header.base_offset.checked_add(i64::from(header.last_offset_delta));
        if header.base_offset < 0 || header.last_offset_delta < 0 || last.is_none_or(|last| last == i64::MAX) {
            return Err(BadHeader::Offsets);
        }
        Ok(header)
    }

    /// The offset of the last record. A compacted batch may have lost that record; the offset stays taken.
    pub(super) fn last_offset(&self) -> Offset {
        Offset(self.base_offset + i64::from(self.last_offset_delta))
    }

    /// The offset after the batch.
    pub(super) fn end(&self) -> Offset {
        self.last_offset().next()
    }

    pub(super) fn has(&self, attribute: i16) -> bool {
        self.attributes & attribute != 0
    }
}

/// Whether the checksum of a whole batch is right.
pub(super) fn checksum_matches(batch: &[u8], header: &BatchHeader) -> bool {
    batch_checksum(batch) == header.crc
}

/// The checksum of a whole batch; of one without records' room, the checksum of nothing.
pub(super) fn batch_checksum(batch: &[u8]) -> u32 {
    let checksummed = batch.get(CHECKSUMMED_FROM..).unwrap_or(&[]);
    // The algorithm has 32 bits; the type of the result serves wider ones too.
    u32::try_from(checksum(CrcAlgorithm::Crc32Iscsi, checksummed)).unwrap_or(0)
}

/// Assigns offset and leader epoch in place, without touching the checksum.
pub(super) fn stamp(batch: &mut [u8], base_offset: Offset, leader_epoch: i32) {
    if let Some(header) = batch.first_chunk_mut::<HEADER_BYTES>() {
        header[0..8].copy_from_slice(&base_offset.0.to_be_bytes());
        header[12..16].copy_from_slice(&leader_epoch.to_be_bytes());
    }
}

/// Gives a whole batch the broker's time, which needs a new checksum.
pub(super) fn stamp_append_time(batch: &mut [u8], attributes: i16, now: Timestamp) {
    if let Some(header) = batch.first_chunk_mut::<HEADER_BYTES>() {
        header[21..23].copy_from_slice(&(attributes | LOG_APPEND_TIME_BIT).to_be_bytes());
        header[35..43].copy_from_slice(&now.0.to_be_bytes());
    }
    write_checksum(batch);
}

/// Corrects the largest timestamp of a whole batch, which needs a new checksum.
pub(super) fn stamp_max_timestamp(batch: &mut [u8], max_timestamp: Timestamp) {
    if let Some(header) = batch.first_chunk_mut::<HEADER_BYTES>() {
        header[35..43].copy_from_slice(&max_timestamp.0.to_be_bytes());
    }
    write_checksum(batch);
}

/// Sets the attributes; the checksum is to be written after.
pub(super) fn set_attributes(batch: &mut [u8], attributes: i16) {
    if let Some(header) = batch.first_chunk_mut::<HEADER_BYTES>() {
        header[21..23].copy_from_slice(&attributes.to_be_bytes());
    }
}

/// Sets which offsets the batch takes; the checksum is to be written after.
pub(super) fn set_last_offset_delta(batch: &mut [u8], last_offset_delta: i32) {
    if let Some(header) = batch.first_chunk_mut::<HEADER_BYTES>() {
        header[23..27].copy_from_slice(&last_offset_delta.to_be_bytes());
    }
}

/// Makes a bare header a batch without records, as Kafka's log cleaner writes it: a base timestamp of -1 and the largest
/// timestamp as it was. The checksum is to be written after.
pub(super) fn set_no_records(batch: &mut [u8]) {
    const LENGTH: i32 = (HEADER_BYTES - LENGTH_OVERHEAD) as i32;
    if let Some(header) = batch.first_chunk_mut::<HEADER_BYTES>() {
        let attributes = i16::from_be_bytes([header[21], header[22]]) & !COMPRESSION_BITS & !DELETE_HORIZON_BIT;
        header[8..12].copy_from_slice(&LENGTH.to_be_bytes());
        header[21..23].copy_from_slice(&attributes.to_be_bytes());
        header[27..35].copy_from_slice(&Timestamp::UNKNOWN.0.to_be_bytes());
        header[57..61].copy_from_slice(&0_i32.to_be_bytes());
    }
}

/// Computes and stores the checksum of a whole batch.
pub(super) fn write_checksum(batch: &mut [u8]) {
    let crc = batch_checksum(batch);
    if let Some(header) = batch.first_chunk_mut::<HEADER_BYTES>() {
        header[17..21].copy_from_slice(&crc.to_be_bytes());
    }
}

/// The batches of a buffer, one after the other; stops at the first that is no batch or not whole.
#[derive(Debug, Clone)]
pub(super) struct Batches<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Batches<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next batch starts; after the last, where whole batches end.
    pub(super) fn position(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Batches<'a> {
    /// Header and all bytes of a batch.
    type Item = (BatchHeader, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..)?;
        let header = BatchHeader::read(rest).ok()?;
        let batch = rest.get(..header.size)?;
        self.at += header.size;
        Some((header, batch))
    }
}

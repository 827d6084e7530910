//! Record batches v2 as a hand-written loop reads and writes them: straight from and to bytes, checking only what it
//! needs in order not to read past the end.
//!
//! Written apart from the project's own codec on purpose: it is what that one is measured against.

use bytes::Bytes;
use crc_fast::{checksum, CrcAlgorithm};

const HEADER_BYTES: usize = 61;
/// The checksum covers the batch from here.
const CRC_START: usize = 21;

/// Whether the checksum of a batch is right.
pub fn is_whole(batch: &[u8]) -> bool {
    let (Some(stored), Some(covered)) = (batch.get(17..CRC_START), batch.get(CRC_START..)) else { return false };
    u32::try_from(checksum(CrcAlgorithm::Crc32Iscsi, covered)).is_ok_and(|crc| crc.to_be_bytes() == stored)
}

/// Calls `visit` with time, key and value of every record in whole batches; returns how many there were.
///
/// # Errors
/// The first failure of `visit`.
#[inline]
pub fn each_record<E>(bytes: &[u8], mut visit: impl FnMut(i64, &[u8], &[u8]) -> Result<(), E>) -> Result<u64, E> {
    let mut batches = bytes;
    let mut count = 0;
    while let Some(length) = batches.get(8..12).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes) {
        let end = 12 + length as usize;
        let Some(batch) = batches.get(..end) else { break };
        let base_time = i64::from_be_bytes(batch[27..35].try_into().unwrap_or_default());
        let records = u32::from_be_bytes(batch[57..61].try_into().unwrap_or_default());
        let mut at = HEADER_BYTES;
        for _ in 0..records {
            let body = varint(batch, &mut at);
            let next = at + length_of(body);
            at += 1;
            let delta = varint(batch, &mut at);
            varint(batch, &mut at);
            let key_end = length_of(varint(batch, &mut at)) + at;
            let key = &batch[at..key_end];
            at = key_end;
            let value_end = length_of(varint(batch, &mut at)) + at;
            visit(base_time + delta, key, &batch[at..value_end])?;
            at = next;
        }
        count += u64::from(records);
        batches = &batches[end..];
    }
    Ok(count)
}

#[inline]
fn length_of(length: i64) -> usize {
    usize::try_from(length).unwrap_or(0)
}

#[inline]
fn varint(bytes: &[u8], at: &mut usize) -> i64 {
    let mut value = 0_u64;
    let mut shift = 0;
    loop {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
        shift += 7;
    }
    (value >> 1).cast_signed() ^ -(value & 1).cast_signed()
}

/// A batch that grows.
#[derive(Debug, Default)]
pub struct BatchWriter {
    bytes: Vec<u8>,
    records: u32,
    base_time: i64,
    max_time: i64,
}

impl BatchWriter {
    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Appends a record without headers.
    #[inline]
    pub fn append(&mut self, time: i64, key: &[u8], value: &[u8]) {
        if self.records == 0 {
            self.bytes.clear();
            self.bytes.resize(HEADER_BYTES, 0);
            (self.base_time, self.max_time) = (time, time);
        }
        self.max_time = self.max_time.max(time);
        let delta = zigzag(time - self.base_time);
        let offset = u64::from(self.records) << 1;
        let (key_len, value_len) = ((key.len() as u64) << 1, (value.len() as u64) << 1);
        let body = 2
            + key.len()
            + value.len()
            + [delta, offset, key_len, value_len].into_iter().map(varint_len).sum::<usize>();
        self.push((body as u64) << 1);
        self.bytes.push(0);
        self.push(delta);
        self.push(offset);
        self.push(key_len);
        self.bytes.extend_from_slice(key);
        self.push(value_len);
        self.bytes.extend_from_slice(value);
        self.bytes.push(0);
        self.records += 1;
    }

    #[inline]
    fn push(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.bytes.push(value.to_le_bytes()[0]);
    }

    /// The batch with its header and checksum; the writer is empty afterwards.
    pub fn finish(&mut self) -> Bytes {
        let length = u32::try_from(self.bytes.len() - 12).unwrap_or(u32::MAX);
        let mut put = |at: usize, field: &[u8]| self.bytes[at..at + field.len()].copy_from_slice(field);
        put(8, &length.to_be_bytes());
        put(12, &(-1_i32).to_be_bytes());
        put(16, &[2]);
        put(23, &(self.records.saturating_sub(1)).to_be_bytes());
        put(27, &self.base_time.to_be_bytes());
        put(35, &self.max_time.to_be_bytes());
        put(43, &(-1_i64).to_be_bytes());
        put(51, &(-1_i16).to_be_bytes());
        put(53, &(-1_i32).to_be_bytes());
        put(57, &self.records.to_be_bytes());
        let crc = checksum(CrcAlgorithm::Crc32Iscsi, &self.bytes[CRC_START..]);
        self.bytes[17..21].copy_from_slice(&u32::try_from(crc).unwrap_or(0).to_be_bytes());
        self.records = 0;
        Bytes::copy_from_slice(&self.bytes)
    }
}

#[inline]
fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

#[inline]
fn varint_len(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

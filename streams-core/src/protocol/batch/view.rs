//! A batch as it lies in memory: header fields by position, checksum and records on demand.

use super::compression::{Compression, Scratch};
use super::records::Records;
use super::{
    checksum, BatchError, TimestampType, BATCH_HEADER_LEN, BATCH_LENGTH_END, CONTROL_BIT, CRC_START,
    DELETE_HORIZON_BIT, MAGIC, TIMESTAMP_TYPE_BIT, TRANSACTIONAL_BIT,
};
use crate::ids::Offset;
use crate::protocol::codes::ErrorCode;
use crate::time::Timestamp;

/// One batch over borrowed bytes. Its length, magic, and the sums of its offsets are checked; its checksum
/// ([`Self::check_crc`]) and its records ([`Self::records`]) are when asked for.
#[derive(Debug, Clone, Copy)]
pub struct BatchView<'a> {
    header: &'a [u8; BATCH_HEADER_LEN],
    bytes: &'a [u8],
}

impl<'a> BatchView<'a> {
    /// The batch that fills `bytes`.
    ///
    /// # Errors
    /// When the bytes are not exactly one batch of magic 2.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BatchError> {
        match Self::split(bytes)? {
            Some((batch, [])) => Ok(batch),
            Some((batch, rest)) => {
                let message = format!("{} bytes left after a batch of {}", rest.len(), batch.len());
                Err(BatchError::new(ErrorCode::INVALID_RECORD, message))
            }
            None => {
                let message = format!("batch is cut off: {} bytes of it are there", bytes.len());
                Err(BatchError::new(ErrorCode::CORRUPT_MESSAGE, message))
            }
        }
    }

    /// The first batch in `bytes` and what follows it; `None` when the batch is cut off.
    ///
    /// # Errors
    /// When the bytes do not start with a batch of magic 2.
    pub fn split(bytes: &'a [u8]) -> Result<Option<(Self, &'a [u8])>, BatchError> {
        let Some(length) = bytes.get(8..).and_then(<[u8]>::first_chunk) else { return Ok(None) };
        let length = i32::from_be_bytes(*length);
        let total = usize::try_from(length).ok().and_then(|length| length.checked_add(BATCH_LENGTH_END));
        let Some(total) = total.filter(|total| *total >= BATCH_HEADER_LEN) else {
            return Err(wrong_length(bytes, length));
        };
        let Some((bytes, rest)) = bytes.split_at_checked(total) else { return Ok(None) };
        let header = bytes.first_chunk().expect("a batch is at least as long as its header");
        let batch = Self { header, bytes };
        batch.check_header()?;
        Ok(Some((batch, rest)))
    }

    fn check_header(&self) -> Result<(), BatchError> {
        if self.magic() != MAGIC {
            return Err(wrong_magic(self.magic()));
        }
        let delta = self.last_offset_delta();
        if delta < 0 || self.base_offset().0.checked_add(i64::from(delta)).is_none_or(|last| last == i64::MAX) {
            let message = format!("offsets {} + {delta} are out of range", self.base_offset());
            return Err(BatchError::new(ErrorCode::INVALID_RECORD, message));
        }
        if self.records_count() < 0 {
            let message = format!("batch of {} records", self.records_count());
            return Err(BatchError::new(ErrorCode::INVALID_RECORD, message));
        }
        Ok(())
    }

    /// Compares the checksum with the bytes.
    ///
    /// # Errors
    /// [`ErrorCode::CORRUPT_MESSAGE`] with both values when they differ.
    pub fn check_crc(&self) -> Result<(), BatchError> {
        let computed = checksum(&self.bytes[CRC_START..]);
        if computed == self.crc() {
            return Ok(());
        }
        let (offset, stored) = (self.base_offset(), self.crc());
        let message = format!("batch at offset {offset}: checksum is {stored:#010x}, its bytes give {computed:#010x}");
        Err(BatchError::new(ErrorCode::CORRUPT_MESSAGE, message))
    }

    /// The records, decompressed into `scratch` if they are compressed.
    ///
    /// # Errors
    /// When the compression is unknown, the block does not decompress or is larger than the scratch allows.
    pub fn records<'b>(&self, scratch: &'b mut Scratch) -> Result<Records<'b>, BatchError>
    where
        'a: 'b,
    {
        let block = self.records_block();
        let records = match self.compression()? {
            Compression::None => block,
            compression => scratch.decompress(compression, block)?,
        };
        let append = (self.timestamp_type(), self.max_timestamp());
        Ok(Records::new(records, self.records_count(), self.base_offset(), self.base_timestamp(), append))
    }

    /// All bytes of the batch.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The records as stored, compressed or not.
    pub fn records_block(&self) -> &'a [u8] {
        &self.bytes[BATCH_HEADER_LEN..]
    }

    /// The length of the batch in bytes, header included.
    #[expect(clippy::len_without_is_empty, reason = "a batch is never shorter than its header")]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(&self.header[at..at + N]);
        array
    }

    /// The offset that record deltas count from.
    pub fn base_offset(&self) -> Offset {
        Offset(i64::from_be_bytes(self.array(0)))
    }

    /// The offset of the last record, or where it was before compaction.
    pub fn last_offset(&self) -> Offset {
        Offset(self.base_offset().0 + i64::from(self.last_offset_delta()))
    }

    /// The offset after the last one.
    pub fn next_offset(&self) -> Offset {
        self.last_offset().next()
    }

    /// The epoch of the leader that appended the batch; -1 from a producer.
    pub fn partition_leader_epoch(&self) -> i32 {
        i32::from_be_bytes(self.array(12))
    }

    fn magic(&self) -> i8 {
        i8::from_be_bytes(self.array(16))
    }

    /// The stored checksum.
    pub fn crc(&self) -> u32 {
        u32::from_be_bytes(self.array(17))
    }

    /// The attribute bits as stored.
    pub fn attributes(&self) -> i16 {
        i16::from_be_bytes(self.array(21))
    }

    /// How the records are compressed.
    ///
    /// # Errors
    /// [`ErrorCode::UNSUPPORTED_COMPRESSION_TYPE`] for a codec that does not exist.
    pub fn compression(&self) -> Result<Compression, BatchError> {
        Compression::from_bits(self.attributes())
    }

    /// Whose clock the timestamps are.
    pub fn timestamp_type(&self) -> TimestampType {
        if self.attributes() & TIMESTAMP_TYPE_BIT == 0 {
            TimestampType::CreateTime
        } else {
            TimestampType::LogAppendTime
        }
    }

    /// Whether the batch is part of a transaction.
    pub fn is_transactional(&self) -> bool {
        self.attributes() & TRANSACTIONAL_BIT != 0
    }

    /// Whether the batch holds a control record instead of data.
    pub fn is_control(&self) -> bool {
        self.attributes() & CONTROL_BIT != 0
    }

    /// Whether the base timestamp is the time from which tombstones may be removed.
    pub fn has_delete_horizon(&self) -> bool {
        self.attributes() & DELETE_HORIZON_BIT != 0
    }

    /// The last offset less the first.
    pub fn last_offset_delta(&self) -> i32 {
        i32::from_be_bytes(self.array(23))
    }

    /// The timestamp that record deltas count from.
    pub fn base_timestamp(&self) -> Timestamp {
        Timestamp(i64::from_be_bytes(self.array(27)))
    }

    /// The largest timestamp of the records, or the time of the append.
    pub fn max_timestamp(&self) -> Timestamp {
        Timestamp(i64::from_be_bytes(self.array(35)))
    }

    /// The producer's id; -1 is none.
    pub fn producer_id(&self) -> i64 {
        i64::from_be_bytes(self.array(43))
    }

    /// The producer's epoch; -1 is none.
    pub fn producer_epoch(&self) -> i16 {
        i16::from_be_bytes(self.array(51))
    }

    /// The sequence number of the first record; -1 is none.
    pub fn base_sequence(&self) -> i32 {
        i32::from_be_bytes(self.array(53))
    }

    /// The sequence number of the last record; wraps after `i32::MAX` to 0, and is -1 if there are none.
    pub fn last_sequence(&self) -> i32 {
        let first = self.base_sequence();
        if first < 0 {
            return first;
        }
        first.wrapping_add(self.last_offset_delta()) & i32::MAX
    }

    /// How many records the header announces.
    pub fn records_count(&self) -> i32 {
        i32::from_be_bytes(self.array(57))
    }
}

#[cold]
fn wrong_magic(magic: i8) -> BatchError {
    let message = format!("magic {magic}: message format v2 required");
    BatchError::new(ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, message)
}

/// Names the old format where there is one, because its messages can be shorter than our header.
#[cold]
fn wrong_length(bytes: &[u8], length: i32) -> BatchError {
    match bytes.get(16) {
        Some(magic @ (0 | 1)) if length > 0 => wrong_magic(if *magic == 0 { 0 } else { 1 }),
        _ => {
            BatchError::new(ErrorCode::CORRUPT_MESSAGE, format!("batch of length {length} is shorter than its header"))
        }
    }
}

/// The batches that lie one after another in a fetch response or a log. Ends before a batch that is cut off, which a
/// reader fetches again from its offset; ends after an error.
#[derive(Debug, Clone)]
pub struct Batches<'a> {
    rest: &'a [u8],
}

impl<'a> Batches<'a> {
    /// The batches in `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The bytes that no batch was taken from yet; after the end, those of a batch that is cut off.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Batches<'a> {
    type Item = Result<BatchView<'a>, BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        match BatchView::split(self.rest) {
            Ok(Some((batch, rest))) => {
                self.rest = rest;
                Some(Ok(batch))
            }
            Ok(None) => None,
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}

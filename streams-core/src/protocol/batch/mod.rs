//! Record batches of format 2 (magic 2): the bytes that producers send, logs store and consumers fetch.
//!
//! ```text
//!  0  base offset        i64   set by the broker ┐
//!  8  batch length       i32   total - 12        │ not covered by the checksum
//! 12  leader epoch       i32   set by the broker │
//! 16  magic              i8    2                 │
//! 17  crc                u32   CRC-32C from 21 on┘
//! 21  attributes         i16   0-2 compression, 3 timestamp type, 4 transactional, 5 control, 6 delete horizon
//! 23  last offset delta  i32
//! 27  base timestamp     i64
//! 35  max timestamp      i64
//! 43  producer id        i64   -1 none
//! 51  producer epoch     i16   -1
//! 53  base sequence      i32   -1
//! 57  records            i32   how many
//! 61  records, compressed as one block if the attributes say so:
//!     length varint | 0 i8 | timestamp delta varlong | offset delta varint
//!     | key length varint (-1 null), key | value length varint (-1 null), value
//!     | headers varint, each: key length varint, key, value length varint (-1 null), value
//! ```
//!
//! Varints are zigzag. A broker assigns offsets by two stores and no checksum work, because the first twenty-one bytes
//! are outside the checksum. Reading borrows ([`BatchView`], [`RecordView`]); writing appends to a buffer that is used
//! again ([`BatchBuilder`]). Nothing here allocates per record.

mod builder;
mod compression;
mod control;
mod edit;
mod records;
mod varint;
mod view;

use std::fmt;

pub use builder::{BatchBuilder, BatchOptions};
pub use compression::{Compression, Scratch, DECOMPRESSED_BYTES_MAX};
pub use control::{ControlRecord, ControlType};
pub use edit::BatchMut;
pub use records::{HeaderView, HeaderViews, RecordView, Records, RecordsPosition};
pub use view::{BatchView, Batches};

use super::codes::ErrorCode;
use crate::error::{Error, ErrorKind};

/// Bytes of a batch before its records; also the smallest batch.
pub const BATCH_HEADER_LEN: usize = 61;

/// Bytes before those that the length counts: base offset and the length itself.
pub const BATCH_LENGTH_END: usize = 12;

/// The only format that is read and written.
const MAGIC: i8 = 2;

/// The first byte under the checksum.
const CRC_START: usize = 21;

const TIMESTAMP_TYPE_BIT: i16 = 1 << 3;
const TRANSACTIONAL_BIT: i16 = 1 << 4;
const CONTROL_BIT: i16 = 1 << 5;
const DELETE_HORIZON_BIT: i16 = 1 << 6;

/// Whose clock the timestamps of a batch are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum TimestampType {
    /// The producer's: every record has its own.
    #[default]
    CreateTime,
    /// The broker's: all records have that of the append.
    LogAppendTime,
}

/// The checksum of the bytes of a batch from [`CRC_START`] on.
fn checksum(covered: &[u8]) -> u32 {
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, covered);
    u32::try_from(crc).expect("a 32-bit checksum comes in 64 bits")
}

/// Why bytes are no valid batch, with the code a broker answers.
#[derive(Clone)]
pub struct BatchError(Box<(ErrorCode, String)>);

impl BatchError {
    #[cold]
    fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new((code, message.into())))
    }

    /// What a broker answers to a producer that sends this.
    pub fn code(&self) -> ErrorCode {
        self.0 .0
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0 .1)
    }
}

impl fmt::Debug for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0 .0.name(), self.0 .1)
    }
}

impl std::error::Error for BatchError {}

impl From<BatchError> for Error {
    fn from(error: BatchError) -> Self {
        Self::new(ErrorKind::Corrupt, error.to_string())
    }
}

//! The records that every case reads: what is in them, and the batches that hold them.
//!
//! 16-byte keys, 84-byte values, [`KEYS`] keys in a scrambled but fixed order, times that go on evenly. Both sides of a
//! case read these same batches.

use std::sync::Arc;

use bytes::Bytes;
use streams_core::protocol::batch::{BatchBuilder, BatchOptions};
use streams_core::serde::{DefaultSerde, Serde, SerdeRef};
use streams_core::{Error, ErrorKind, Result, Timestamp};

/// How many different keys there are.
pub const KEYS: u64 = 100_000;
/// Bytes of a value.
pub const VALUE_BYTES: usize = 84;
/// Records per millisecond of event time.
pub const RECORDS_PER_MS: u64 = 20;
/// The input's batches are as large as those of a producer with default settings.
const BATCH_BYTES: usize = 16 * 1024;

/// A value: an amount, and what else a sale line has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// Decides whether the stateless case keeps the record.
    pub amount: u64,
    /// The rest of the bytes.
    pub rest: [u8; VALUE_BYTES - 8],
}

impl Line {
    /// Decodes the fixed layout.
    #[inline]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (amount, rest) = bytes.split_first_chunk::<8>()?;
        Some(Self { amount: u64::from_be_bytes(*amount), rest: rest.try_into().ok()? })
    }

    /// Whether the stateless case keeps the record: three of four.
    #[inline]
    pub fn is_kept(&self) -> bool {
        self.amount & 3 != 0
    }

    /// What the stateless case makes of the value.
    #[inline]
    #[must_use]
    pub fn changed(&self) -> Self {
        Self { amount: self.amount.wrapping_mul(3), rest: self.rest }
    }
}

/// Big-endian amount, then the rest.
struct LineSerde;

impl Serde<Line> for LineSerde {
    #[inline]
    fn serialize(&self, value: &Line, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(&value.amount.to_be_bytes());
        out.extend_from_slice(&value.rest);
        Ok(())
    }

    #[inline]
    fn deserialize(&self, bytes: &[u8]) -> Result<Line> {
        Line::read(bytes).ok_or_else(|| {
            Error::new(ErrorKind::Serialization, format!("a line got {} bytes, expects {VALUE_BYTES}", bytes.len()))
        })
    }
}

impl DefaultSerde for Line {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(LineSerde)
    }
}

/// The batches of `records` records, the first at time `start`.
///
/// # Errors
/// When a batch cannot be built.
pub fn batches(records: u64, start: Timestamp) -> Result<Vec<Bytes>> {
    let mut builder = BatchBuilder::with_capacity(BATCH_BYTES);
    let mut batches = Vec::new();
    let mut value = [b'.'; VALUE_BYTES];
    for number in 0..records {
        let random = scramble(number);
        let key = format!("product-{:08}", random % KEYS);
        value[..8].copy_from_slice(&(random >> 32).to_be_bytes());
        let time = start.0.saturating_add(i64::try_from(number / RECORDS_PER_MS).unwrap_or(i64::MAX));
        builder.append(Timestamp(time), Some(key.as_bytes()), Some(&value))?;
        if builder.len() + BatchBuilder::record_len_max(Some(key.as_bytes()), Some(&value)) > BATCH_BYTES {
            batches.push(Bytes::copy_from_slice(builder.finish(&BatchOptions::default())?));
            builder.clear();
        }
    }
    if !builder.is_empty() {
        batches.push(Bytes::copy_from_slice(builder.finish(&BatchOptions::default())?));
    }
    Ok(batches)
}

/// A fixed number that looks random (the finalizer of splitmix64).
pub(crate) fn scramble(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

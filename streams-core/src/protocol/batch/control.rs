//! Control records: the markers with which a transaction ends in every partition it touched.
//!
//! The key is a version and a type, two `i16`; the value of a marker is a version `i16` and the epoch of the
//! coordinator that wrote it, `i32`. A control batch is transactional, has one record and no sequence numbers.

use super::builder::{BatchBuilder, BatchOptions};
use super::BatchError;
use crate::protocol::codes::ErrorCode;
use crate::time::Timestamp;

/// What a control record says. Types that are not here belong to Kafka's own consensus and are skipped by readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ControlType {
    /// The transaction was aborted.
    Abort,
    /// The transaction was committed.
    Commit,
    /// Something that readers skip.
    Other(i16),
}

impl ControlType {
    /// The type in the key of a control record.
    ///
    /// # Errors
    /// When the key is missing or too short.
    pub fn from_key(key: Option<&[u8]>) -> Result<Self, BatchError> {
        match key {
            Some([_, _, high, low, ..]) => Ok(match i16::from_be_bytes([*high, *low]) {
                0 => Self::Abort,
                1 => Self::Commit,
                other => Self::Other(other),
            }),
            _ => Err(BatchError::new(ErrorCode::INVALID_RECORD, "control record without a type in its key")),
        }
    }

    fn code(self) -> i16 {
        match self {
            Self::Abort => 0,
            Self::Commit => 1,
            Self::Other(code) => code,
        }
    }
}

/// The end of a transaction in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlRecord {
    /// How it ended.
    pub control_type: ControlType,
    /// The epoch of the coordinator that decided.
    pub coordinator_epoch: i32,
}

impl ControlRecord {
    /// The marker in the key and value of a control record.
    ///
    /// # Errors
    /// When either is missing or too short.
    pub fn parse(key: Option<&[u8]>, value: Option<&[u8]>) -> Result<Self, BatchError> {
        let control_type = ControlType::from_key(key)?;
        match value.and_then(|value| value.get(2..)).and_then(<[u8]>::first_chunk) {
            Some(epoch) => Ok(Self { control_type, coordinator_epoch: i32::from_be_bytes(*epoch) }),
            None => Err(BatchError::new(ErrorCode::INVALID_RECORD, "control record without a coordinator epoch")),
        }
    }

    /// Builds the batch that ends the transaction of a producer, for a broker to stamp with its offset.
    ///
    /// # Errors
    /// As [`BatchBuilder::append`].
    pub fn build(
        self,
        builder: &mut BatchBuilder,
        producer_id: i64,
        producer_epoch: i16,
        timestamp: Timestamp,
    ) -> Result<&[u8], BatchError> {
        let mut key = [0; 4];
        key[2..].copy_from_slice(&self.control_type.code().to_be_bytes());
        let mut value = [0; 6];
        value[2..].copy_from_slice(&self.coordinator_epoch.to_be_bytes());
        builder.clear();
        builder.append(timestamp, Some(&key), Some(&value))?;
        builder.finish(&BatchOptions {
            producer_id,
            producer_epoch,
            is_transactional: true,
            is_control: true,
            ..BatchOptions::default()
        })
    }
}

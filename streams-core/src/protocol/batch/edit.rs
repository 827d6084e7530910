//! Changes to a batch in place: what a broker stamps on append, and what a producer changes before it sends again.

use super::view::BatchView;
use super::{checksum, BatchError, BATCH_HEADER_LEN, CRC_START, TIMESTAMP_TYPE_BIT};
use crate::ids::Offset;
use crate::time::Timestamp;

/// One batch over bytes that can be changed.
#[derive(Debug)]
pub struct BatchMut<'a> {
    bytes: &'a mut [u8],
}

impl<'a> BatchMut<'a> {
    /// The batch that fills `bytes`.
    ///
    /// # Errors
    /// As [`BatchView::parse`].
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self, BatchError> {
        BatchView::parse(bytes)?;
        Ok(Self { bytes })
    }

    /// Over bytes that are known to be a batch.
    pub(super) fn over(bytes: &'a mut [u8]) -> Self {
        debug_assert!(bytes.len() >= BATCH_HEADER_LEN, "a batch is at least as long as its header");
        Self { bytes }
    }

    /// The batch as it is now.
    ///
    /// # Errors
    /// When a change made its offsets overflow.
    pub fn view(&self) -> Result<BatchView<'_>, BatchError> {
        BatchView::parse(self.bytes)
    }

    pub(super) fn put<const N: usize>(&mut self, at: usize, value: [u8; N]) -> &mut Self {
        self.bytes[at..at + N].copy_from_slice(&value);
        self
    }

    pub(super) fn update_crc(&mut self) {
        let crc = checksum(&self.bytes[CRC_START..]);
        self.put(17, crc.to_be_bytes());
    }

    /// Moves the records to other offsets. Outside the checksum.
    pub fn set_base_offset(&mut self, offset: Offset) {
        self.put(0, offset.0.to_be_bytes());
    }

    /// Notes which leader appended the batch. Outside the checksum.
    pub fn set_partition_leader_epoch(&mut self, epoch: i32) {
        self.put(12, epoch.to_be_bytes());
    }

    /// Corrects the largest timestamp; computes the checksum.
    pub fn set_max_timestamp(&mut self, timestamp: Timestamp) {
        self.put(35, timestamp.0.to_be_bytes()).update_crc();
    }

    /// Gives all records the time of the append; computes the checksum.
    pub fn set_log_append_time(&mut self, timestamp: Timestamp) {
        let attributes = i16::from_be_bytes([self.bytes[21], self.bytes[22]]) | TIMESTAMP_TYPE_BIT;
        self.put(21, attributes.to_be_bytes()).put(35, timestamp.0.to_be_bytes()).update_crc();
    }

    /// Sends the batch as another producer or from another sequence number on; computes the checksum.
    pub fn set_producer(&mut self, producer_id: i64, producer_epoch: i16, base_sequence: i32) {
        self.put(43, producer_id.to_be_bytes())
            .put(51, producer_epoch.to_be_bytes())
            .put(53, base_sequence.to_be_bytes())
            .update_crc();
    }
}

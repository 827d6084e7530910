//! A batch on its way from the accumulator to its acknowledgement.

use bytes::{Bytes, BytesMut};

use crate::client::producer::idempotence::ProducerId;
use crate::error::Result;
use crate::ids::Offset;
use crate::protocol::batch::{BatchBuilder, BatchMut, BatchOptions, Compression};
use crate::time::Timestamp;

/// Where a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// To be sent, not before this time.
    Waiting(Timestamp),
    /// Sent and not answered.
    InFlight,
    /// In the log; none where the broker does not say at which offset its last record is.
    Acked(Option<Offset>),
}

/// A batch that takes no more records.
#[derive(Debug)]
pub(super) struct Batch {
    contents: Contents,
    /// Names the batch within its partition.
    pub(super) serial: u64,
    /// How many records it holds.
    pub(super) records: i32,
    /// How much of the buffer it holds.
    pub(super) bytes: usize,
    /// When its first record came.
    pub(super) created: Timestamp,
    /// How often it was sent.
    pub(super) attempts: u32,
    /// Where it is.
    pub(super) state: State,
    /// Whether one before it was not acknowledged when it was sent: then being out of order is no wonder.
    pub(super) was_sent_behind: bool,
    /// Whether the broker does not have it for sure: it answered so, and the batch was not sent since.
    pub(super) is_absent: bool,
    /// Its first sequence number, once it has one.
    pub(super) sequence: Option<i32>,
}

/// A batch is encoded when it is sent for the first time, because only then it is known under which producer id.
#[derive(Debug)]
enum Contents {
    Open(BatchBuilder),
    Encoded(Bytes),
}

impl Batch {
    pub(super) fn new(serial: u64, builder: BatchBuilder, created: Timestamp) -> Self {
        Self {
            serial,
            records: builder.records(),
            bytes: builder.len(),
            contents: Contents::Open(builder),
            created,
            attempts: 0,
            state: State::Waiting(Timestamp(i64::MIN)),
            was_sent_behind: false,
            is_absent: false,
            sequence: None,
        }
    }

    /// The bytes, once they are encoded.
    pub(super) fn encoded(&self) -> Option<&Bytes> {
        match &self.contents {
            Contents::Encoded(bytes) => Some(bytes),
            Contents::Open(_) => None,
        }
    }

    /// Makes bytes of the records, under a producer id and from a sequence number (-1 is none). Gives the builder
    /// back for the next batch.
    pub(super) fn encode(
        &mut self,
        compression: Compression,
        id: ProducerId,
        sequence: i32,
    ) -> Result<Option<BatchBuilder>> {
        let Contents::Open(builder) = &mut self.contents else { return Ok(None) };
        let bytes = builder.finish(&BatchOptions {
            compression,
            producer_id: id.id,
            producer_epoch: id.epoch,
            base_sequence: sequence,
            ..BatchOptions::default()
        })?;
        let encoded = Contents::Encoded(Bytes::copy_from_slice(bytes));
        self.sequence = Some(sequence).filter(|sequence| *sequence >= 0);
        match std::mem::replace(&mut self.contents, encoded) {
            Contents::Open(builder) => Ok(Some(builder)),
            Contents::Encoded(_) => Ok(None),
        }
    }

    /// Numbers an encoded batch again, under a new epoch.
    pub(super) fn restamp(&mut self, id: ProducerId, sequence: i32) -> Result<()> {
        let Contents::Encoded(bytes) = &mut self.contents else { return Ok(()) };
        let mut copy = BytesMut::from(&bytes[..]);
        BatchMut::parse(&mut copy)?.set_producer(id.id, id.epoch, sequence);
        *bytes = copy.freeze();
        self.sequence = Some(sequence);
        Ok(())
    }

    /// Whether the broker has it for sure.
    pub(super) fn is_acked(&self) -> bool {
        matches!(self.state, State::Acked(_))
    }
}

/// The sequence number `count` records after `sequence`; wraps after `i32::MAX` to 0.
pub(super) fn sequence_after(sequence: i32, count: i32) -> i32 {
    sequence.wrapping_add(count) & i32::MAX
}

//! One batch under compaction: copied as it is, written anew without some records, emptied, or gone.
//!
//! A rewritten batch keeps base offset, last offset, leader epoch, producer fields, codec and kind of time, so that its
//! records keep their offsets and its producer its sequence numbers. When it holds tombstones, the time at which they
//! may go stands in its base timestamp, and attribute bit 6 says so; the records' times are counted from there.

use streams_core::protocol::batch::{BatchBuilder, BatchError, BatchOptions, BatchView, RecordView, Scratch};
use streams_core::{Offset, Timestamp};

use super::batch::{
    set_attributes, set_last_offset_delta, set_no_records, write_checksum, BatchHeader, CONTROL_BIT,
    DELETE_HORIZON_BIT, HEADER_BYTES, TRANSACTIONAL_BIT,
};

/// What decides over a record and its batch.
pub(super) struct Rules<'a> {
    /// Whether a record with this key has no newer one than at this offset.
    pub(super) is_newest: &'a dyn Fn(&[u8], Offset) -> bool,
    /// From here on records were not looked at: they stay, tombstones too, and no time begins for them.
    pub(super) mapped_to: Offset,
    /// Tombstones whose time is before go.
    pub(super) now: Timestamp,
    /// The time of tombstones that have none yet.
    pub(super) delete_horizon: Timestamp,
    /// The batch must stay, if empty, for its sequence numbers.
    pub(super) is_sequenced: bool,
}

/// Memory used for batch after batch.
#[derive(Debug, Default)]
pub(super) struct Rewriter {
    builder: BatchBuilder,
    scratch: Scratch,
}

impl Rewriter {
    /// Appends to `out` what stays of a batch.
    pub(super) fn rewrite(
        &mut self,
        view: &BatchView<'_>,
        rules: &Rules<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), BatchError> {
        let bytes = view.as_bytes();
        let Ok(header) = BatchHeader::read(bytes) else { return Ok(()) };
        // Markers stay: they are few, and readers of transactions need them.
        if header.has(CONTROL_BIT) || Offset(header.base_offset) >= rules.mapped_to {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        let had_horizon = header.has(DELETE_HORIZON_BIT);
        let expired = had_horizon && header.base_timestamp < rules.now.0;
        let stays = |record: &RecordView<'_>| {
            let newest = record.key.is_some_and(|key| (rules.is_newest)(key, record.offset));
            newest && !(expired && record.value.is_none())
        };
        let (mut kept, mut tombstones) = (0, 0);
        for record in view.records(&mut self.scratch)? {
            let record = record?;
            let stays = stays(&record);
            kept += i32::from(stays);
            tombstones += i32::from(stays && record.value.is_none());
        }
        if kept == header.count && (tombstones == 0 || had_horizon) && (kept > 0 || rules.is_sequenced) {
            out.extend_from_slice(bytes);
            return Ok(());
        }
        if kept == 0 {
            if rules.is_sequenced {
                push_empty(bytes, out);
            }
            return Ok(());
        }
        let horizon = match (tombstones, had_horizon) {
            (0, _) => None,
            (_, true) => Some(Timestamp(header.base_timestamp)),
            (_, false) => Some(rules.delete_horizon),
        };
        self.rebuild(view, &header, horizon, stays, out)
    }

    fn rebuild(
        &mut self,
        view: &BatchView<'_>,
        header: &BatchHeader,
        horizon: Option<Timestamp>,
        stays: impl Fn(&RecordView<'_>) -> bool,
        out: &mut Vec<u8>,
    ) -> Result<(), BatchError> {
        self.builder.clear();
        if let Some(horizon) = horizon {
            self.builder.set_base_timestamp(horizon);
        }
        for record in view.records(&mut self.scratch)? {
            let record = record?;
            if !stays(&record) {
                continue;
            }
            // Within the batch, because the view checked that the record is.
            let delta = i32::try_from(record.offset.0 - header.base_offset).unwrap_or(header.last_offset_delta);
            let headers = record.headers.map(|header| (header.key, header.value));
            self.builder.append_at(delta, record.timestamp, record.key, record.value, headers)?;
        }
        let options = BatchOptions {
            compression: view.compression()?,
            timestamp_type: view.timestamp_type(),
            base_offset: view.base_offset(),
            partition_leader_epoch: view.partition_leader_epoch(),
            producer_id: header.producer_id,
            producer_epoch: header.producer_epoch,
            base_sequence: header.base_sequence,
            is_transactional: header.has(TRANSACTIONAL_BIT),
            is_control: false,
        };
        let start = out.len();
        out.extend_from_slice(self.builder.finish(&options)?);
        let batch = &mut out[start..];
        set_last_offset_delta(batch, header.last_offset_delta);
        let horizon_bit = if horizon.is_some() { DELETE_HORIZON_BIT } else { 0 };
        set_attributes(batch, (header.attributes & !DELETE_HORIZON_BIT) | horizon_bit);
        write_checksum(batch);
        Ok(())
    }
}

/// The header of a batch without its records.
fn push_empty(batch: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&batch[..HEADER_BYTES.min(batch.len())]);
    set_no_records(&mut out[start..]);
    write_checksum(&mut out[start..]);
}

#[cfg(test)]
mod tests;

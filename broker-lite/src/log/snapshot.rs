//! Snapshots of producer state, in Kafka's format: `<offset>.snapshot` holds the state before that offset.
//!
//! `version i16 = 1 | crc32c u32 of all that follows | count i32 | count x (producer id i64, epoch i16, last sequence
//! i32, last offset i64, offset delta i32, timestamp i64, coordinator epoch i32, first offset of the open transaction
//! i64)`. Where Kafka keeps a producer's last batch only, we write one entry for each remembered batch, oldest first:
//! Kafka's reader ends with the last one, ours with all, so that no retry turns into an error by a restart.
//!
//! A snapshot is a cache: a missing, damaged or foreign one only makes the start read more of the log.

use crc_fast::{checksum, CrcAlgorithm};
use streams_core::{Offset, Timestamp};

use super::producers::{ProducedBatch, Producers};

/// The longest snapshot that is read: every producer a partition remembers, five batches each.
pub(super) const SNAPSHOT_BYTES_MAX: u64 = 32 << 20;

const VERSION: i16 = 1;
const ENTRY_BYTES: usize = 46;
const PREFIX_BYTES: usize = 2 + 4 + 4;

/// Stands for "no batch" and "no transaction", as in Kafka.
const NONE: i64 = -1;

/// The content of a snapshot file.
pub(super) fn encode(producers: &Producers) -> Vec<u8> {
    let mut entries = Vec::new();
    let mut count = 0_i32;
    for (id, producer) in producers.sorted() {
        let no_batch = producer.batches.is_empty().then_some(None);
        for batch in producer.batches.iter().map(Some).chain(no_batch) {
            let (sequence, offset, delta) = match batch {
                Some(batch) => {
                    let delta = i32::try_from(batch.last_offset.0 - batch.base_offset.0).unwrap_or(0);
                    (batch.last_sequence, batch.last_offset.0, delta)
                }
                None => (-1, NONE, 0),
            };
            entries.extend_from_slice(&id.to_be_bytes());
            entries.extend_from_slice(&producer.epoch.to_be_bytes());
            entries.extend_from_slice(&sequence.to_be_bytes());
            entries.extend_from_slice(&offset.to_be_bytes());
            entries.extend_from_slice(&delta.to_be_bytes());
            entries.extend_from_slice(&producer.last_seen.0.to_be_bytes());
            entries.extend_from_slice(&(-1_i32).to_be_bytes());
            entries.extend_from_slice(&NONE.to_be_bytes());
            count += 1;
        }
    }
    let mut checked = count.to_be_bytes().to_vec();
    checked.append(&mut entries);
    let crc = u32::try_from(checksum(CrcAlgorithm::Crc32Iscsi, &checked)).unwrap_or(0);
    let mut bytes = VERSION.to_be_bytes().to_vec();
    bytes.extend_from_slice(&crc.to_be_bytes());
    bytes.append(&mut checked);
    bytes
}

/// The producers of a snapshot file; `None` when it is not one, or damaged.
pub(super) fn decode(bytes: &[u8]) -> Option<Producers> {
    let prefix: &[u8; PREFIX_BYTES] = bytes.first_chunk()?;
    let [v0, v1, c0, c1, c2, c3, n0, n1, n2, n3] = *prefix;
    let crc = u64::from(u32::from_be_bytes([c0, c1, c2, c3]));
    let checked = bytes.get(6..)?;
    if i16::from_be_bytes([v0, v1]) != VERSION || checksum(CrcAlgorithm::Crc32Iscsi, checked) != crc {
        return None;
    }
    let count = usize::try_from(i32::from_be_bytes([n0, n1, n2, n3])).ok()?;
    let entries = bytes.get(PREFIX_BYTES..)?;
    if entries.len() != count.checked_mul(ENTRY_BYTES)? {
        return None;
    }
    let mut producers = Producers::default();
    for entry in entries.chunks_exact(ENTRY_BYTES) {
        let delta = i32::from_be_bytes(field(entry, 22)?);
        let (last_sequence, last_offset) =
            (i32::from_be_bytes(field(entry, 10)?), i64::from_be_bytes(field(entry, 14)?));
        let batch = ProducedBatch {
            first_sequence: last_sequence.checked_sub(delta).map_or(0, |first| {
                // The numbers of the batch wrapped to zero within it.
                if first < 0 {
                    (first + i32::MAX) + 1
                } else {
                    first
                }
            }),
            last_sequence,
            base_offset: Offset(last_offset.checked_sub(i64::from(delta))?),
            last_offset: Offset(last_offset),
            log_append_time: Timestamp::UNKNOWN,
        };
        producers.restore(
            i64::from_be_bytes(field(entry, 0)?),
            i16::from_be_bytes(field(entry, 8)?),
            Timestamp(i64::from_be_bytes(field(entry, 26)?)),
            (last_offset != NONE).then_some(batch),
        );
    }
    Some(producers)
}

fn field<const N: usize>(entry: &[u8], at: usize) -> Option<[u8; N]> {
    entry.get(at..at + N)?.first_chunk().copied()
}

//! The sparse indexes of a segment, in Kafka's formats: offset to position, and time to offset.
//!
//! `.index` holds 8-byte entries `(last offset of a batch - base i32, position where that batch starts i32)`;
//! `.timeindex` holds 12-byte entries `(largest timestamp so far i64, last offset of the batch that has it - base i32)`.
//! Both grow by an entry for every `index.interval.bytes` of batches, and the time index by one when the segment closes.
//!
//! Indexes are caches without checksums. The active segment's live in memory and are written when it closes. An offset
//! entry read from a file is believed only after the batch that it names was found to end at its offset; any doubt, and
//! the caller rebuilds or walks the segment from its start. A time entry cannot be proved right by looking at one batch,
//! so `.timeindex` files are written for Kafka's tools and never read: looking for a time in a closed segment reads it.
//! Losing or damaging index files changes no answer.

use std::io;

use streams_core::{Offset, Timestamp};

use super::batch::BatchHeader;
use super::window::to_u64;
use crate::disk::DiskFile;

const OFFSET_ENTRY_BYTES: usize = 8;
const TIME_ENTRY_BYTES: usize = 12;

/// Where a batch starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OffsetEntry {
    /// The last offset of the batch, from the base of the segment.
    pub(super) offset: i32,
    /// Where the batch starts in the file.
    pub(super) position: i32,
}

/// The first batch with a larger timestamp than all before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimeEntry {
    pub(super) timestamp: Timestamp,
    /// The last offset of the batch, from the base of the segment.
    pub(super) offset: i32,
}

/// The indexes of the active segment.
#[derive(Debug, Default)]
pub(super) struct SegmentIndex {
    offsets: Vec<OffsetEntry>,
    times: Vec<TimeEntry>,
    bytes_since_entry: u64,
    newest: Option<TimeEntry>,
}

impl SegmentIndex {
    /// Takes note of a batch at `position` of the segment that starts at `base`.
    pub(super) fn note(&mut self, base: Offset, header: &BatchHeader, position: u64, interval_bytes: u64) {
        // A segment closes before a relative offset or a position outgrows its field.
        let relative = i32::try_from(header.last_offset().0 - base.0);
        let (Ok(offset), Ok(position)) = (relative, i32::try_from(position)) else { return };
        if self.newest.is_none_or(|newest| newest.timestamp < header.max_timestamp) {
            self.newest = Some(TimeEntry { timestamp: header.max_timestamp, offset });
        }
        if self.bytes_since_entry > interval_bytes {
            self.offsets.push(OffsetEntry { offset, position });
            self.finish_times();
            self.bytes_since_entry = 0;
        }
        self.bytes_since_entry += to_u64(header.size);
    }

    /// Adds the newest timestamp to the time index, as when a segment closes.
    pub(super) fn finish_times(&mut self) {
        let Some(newest) = self.newest else { return };
        if self.times.last().is_none_or(|last| last.timestamp < newest.timestamp) {
            self.times.push(newest);
        }
    }

    pub(super) fn offset_bytes(&self) -> u64 {
        to_u64(self.offsets.len() * OFFSET_ENTRY_BYTES)
    }

    /// The last entry at or before an offset.
    pub(super) fn position_of(&self, offset: i32) -> Option<OffsetEntry> {
        let after = self.offsets.partition_point(|entry| entry.offset <= offset);
        self.offsets.get(after.checked_sub(1)?).copied()
    }

    /// The last entry at or before a time.
    pub(super) fn offset_of(&self, timestamp: Timestamp) -> Option<TimeEntry> {
        let after = self.times.partition_point(|entry| entry.timestamp <= timestamp);
        self.times.get(after.checked_sub(1)?).copied()
    }

    /// The index of a segment that is active again after a restart, from its `.index` file; `None` when that does not
    /// fit the segment or does not cover it to within `uncovered_bytes_max`. Of its times only the largest is known.
    pub(super) fn reopened(
        offsets: &[u8],
        bytes: u64,
        max_timestamp: Timestamp,
        uncovered_bytes_max: u64,
    ) -> Option<Self> {
        let (entries, odd) = offsets.as_chunks::<OFFSET_ENTRY_BYTES>();
        let offsets: Vec<OffsetEntry> = entries.iter().map(offset_entry).collect();
        let ascending = offsets.is_sorted_by(|a, b| a.offset < b.offset && a.position < b.position);
        let covered = match offsets.last() {
            Some(last) => u64::try_from(last.position).ok().filter(|position| *position < bytes)?,
            None => 0,
        };
        if !ascending || !odd.is_empty() || bytes - covered > uncovered_bytes_max {
            return None;
        }
        // True whichever batch has it: no batch before the first one does.
        let newest = Some(TimeEntry { timestamp: max_timestamp, offset: 0 });
        Some(Self { offsets, times: Vec::new(), bytes_since_entry: bytes - covered, newest })
    }

    /// The content of the `.index` file.
    pub(super) fn encode_offsets(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.offsets.len() * OFFSET_ENTRY_BYTES);
        for entry in &self.offsets {
            bytes.extend_from_slice(&entry.offset.to_be_bytes());
            bytes.extend_from_slice(&entry.position.to_be_bytes());
        }
        bytes
    }

    /// The content of the `.timeindex` file.
    pub(super) fn encode_times(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.times.len() * TIME_ENTRY_BYTES);
        for entry in &self.times {
            bytes.extend_from_slice(&entry.timestamp.0.to_be_bytes());
            bytes.extend_from_slice(&entry.offset.to_be_bytes());
        }
        bytes
    }
}

/// The last entry of an `.index` file at or before an offset.
pub(super) fn position_in_file(file: &dyn DiskFile, offset: i32) -> io::Result<Option<OffsetEntry>> {
    let read = |at: u64| Ok(offset_entry(&entry(file, at)?));
    last_at_or_before(file, OFFSET_ENTRY_BYTES, read, |entry| entry.offset <= offset)
}

fn offset_entry(bytes: &[u8; OFFSET_ENTRY_BYTES]) -> OffsetEntry {
    let [a, b, c, d, e, f, g, h] = *bytes;
    OffsetEntry { offset: i32::from_be_bytes([a, b, c, d]), position: i32::from_be_bytes([e, f, g, h]) }
}

fn entry<const N: usize>(file: &dyn DiskFile, at: u64) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    if file.read_at(&mut bytes, at)? < N {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
    }
    Ok(bytes)
}

/// Binary search without reading the file into memory: a cold read costs some twenty small reads at most.
fn last_at_or_before<E>(
    file: &dyn DiskFile,
    entry_bytes: usize,
    read: impl Fn(u64) -> io::Result<E>,
    before: impl Fn(&E) -> bool,
) -> io::Result<Option<E>> {
    let entry_bytes = to_u64(entry_bytes);
    let (mut low, mut high) = (0, file.size()? / entry_bytes);
    let mut found = None;
    while low < high {
        let middle = low + (high - low) / 2;
        let entry = read(middle * entry_bytes)?;
        if before(&entry) {
            found = Some(entry);
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(found)
}

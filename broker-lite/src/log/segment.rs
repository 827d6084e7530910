//! A segment: a file of batches named by its first offset, and the two index files beside it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use streams_core::{Offset, Timestamp};

use super::batch::BatchHeader;
use super::index::{self, SegmentIndex};
use super::manifest::SegmentFacts;
use super::window::{to_u64, NoBatch, Window, SCAN_BYTES, WALK_BYTES};
use crate::disk::{read_file, replace_cache_file, Disk, DiskFile, OpenMode};

/// What a log keeps in memory of a segment.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) base: Offset,
    /// The offset after the last one taken: the base of the next segment.
    pub(super) end: Offset,
    pub(super) bytes: u64,
    /// [`Timestamp::UNKNOWN`] when no record has one.
    pub(super) max_timestamp: Timestamp,
    /// Of the first batch, for `segment.ms`; unknown when empty, and for segments that were closed before a restart.
    pub(super) first_timestamp: Timestamp,
    /// Open while the segment is active or not durable yet; closed ones are opened for each cold read.
    pub(super) file: Option<Arc<dyn DiskFile>>,
}

impl Segment {
    pub(super) fn empty(base: Offset, file: Option<Arc<dyn DiskFile>>) -> Self {
        Self { base, end: base, bytes: 0, max_timestamp: Timestamp::UNKNOWN, first_timestamp: Timestamp::UNKNOWN, file }
    }

    /// Takes note of a batch at the end.
    pub(super) fn extend(&mut self, header: &BatchHeader) {
        if self.bytes == 0 {
            self.first_timestamp = header.max_timestamp;
        }
        self.end = header.end();
        self.bytes += to_u64(header.size);
        self.max_timestamp = self.max_timestamp.max(header.max_timestamp);
    }

    pub(super) fn facts(&self) -> SegmentFacts {
        let Self { base, end, bytes, max_timestamp, .. } = *self;
        SegmentFacts { base, end, bytes, max_timestamp }
    }

    /// The file of batches.
    pub(super) fn open(&self, disk: &dyn Disk, dir: &Path) -> io::Result<Arc<dyn DiskFile>> {
        match &self.file {
            Some(file) => Ok(Arc::clone(file)),
            None => disk.open(&log_path(dir, self.base), OpenMode::Read),
        }
    }

    /// An offset as the indexes write it: from the base, at most the largest.
    pub(super) fn relative(&self, offset: Offset) -> i32 {
        i32::try_from(offset.0.saturating_sub(self.base.0).max(0)).unwrap_or(i32::MAX)
    }
}

pub(super) fn log_path(dir: &Path, base: Offset) -> PathBuf {
    dir.join(format!("{:020}.log", base.0))
}

pub(super) fn index_path(dir: &Path, base: Offset) -> PathBuf {
    dir.join(format!("{:020}.index", base.0))
}

pub(super) fn time_index_path(dir: &Path, base: Offset) -> PathBuf {
    dir.join(format!("{:020}.timeindex", base.0))
}

pub(super) fn snapshot_path(dir: &Path, offset: Offset) -> PathBuf {
    dir.join(format!("{:020}.snapshot", offset.0))
}

/// The offset in a name like `00000000000000000042.log`, when it has this extension and exactly this form.
pub(super) fn offset_of_name(name: &str, extension: &str) -> Option<Offset> {
    let digits = name.strip_suffix(extension)?.strip_suffix('.')?;
    let ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    ours.then(|| digits.parse().ok()).flatten().map(Offset)
}

/// Writes both index files of a segment.
pub(super) fn write_indexes(disk: &dyn Disk, dir: &Path, base: Offset, index: &SegmentIndex) -> io::Result<()> {
    replace_cache_file(disk, &index_path(dir, base), &index.encode_offsets())?;
    replace_cache_file(disk, &time_index_path(dir, base), &index.encode_times())
}

/// Reads a whole segment and makes its indexes. Stops at the first bytes that are no batch; reads will name them.
pub(super) fn build_index(segment: &Segment, file: &dyn DiskFile, interval_bytes: u64) -> SegmentIndex {
    let mut index = SegmentIndex::default();
    let mut window = Window::new(file, segment.bytes, SCAN_BYTES);
    let mut at = 0;
    while let Ok(header) = window.header(at) {
        index.note(segment.base, &header, at, interval_bytes);
        at += to_u64(header.size);
    }
    index.finish_times();
    index
}

/// Where to start looking for an offset in a closed segment: the position of a batch that does not lie after it.
/// Believes an index entry only if the batch is what the entry says; rebuilds the index files when it is not.
pub(super) fn seek_closed(
    disk: &dyn Disk,
    dir: &Path,
    segment: &Segment,
    file: &dyn DiskFile,
    offset: Offset,
    interval_bytes: u64,
) -> u64 {
    for rebuilt in [false, true] {
        if rebuilt {
            let index = build_index(segment, file, interval_bytes);
            // Without room for the files, the next read walks again.
            if write_indexes(disk, dir, segment.base, &index).is_err() {
                return index.position_of(segment.relative(offset)).map_or(0, |entry| position(entry.position));
            }
        }
        let found = disk.open(&index_path(dir, segment.base), OpenMode::Read).and_then(|index| {
            // A crash can leave the name without the content.
            let lost = index.size()? == 0 && segment.bytes > 2 * interval_bytes && !rebuilt;
            if lost {
                Err(io::ErrorKind::UnexpectedEof.into())
            } else {
                index::position_in_file(&*index, segment.relative(offset))
            }
        });
        match found {
            Ok(Some(entry)) if batch_ends_at(segment, file, position(entry.position), entry.offset) => {
                return position(entry.position);
            }
            // Before the first entry: the start is near.
            Ok(None) => return 0,
            Ok(Some(_)) | Err(_) => {}
        }
    }
    0
}

/// Where to start looking for an offset in the active segment, by its index in memory, which may come from a file.
pub(super) fn seek_active(segment: &Segment, file: &dyn DiskFile, index: &SegmentIndex, offset: Offset) -> u64 {
    match index.position_of(segment.relative(offset)) {
        Some(entry) if batch_ends_at(segment, file, position(entry.position), entry.offset) => position(entry.position),
        _ => 0,
    }
}

/// The index of a segment that is active again after a restart, if its file covers it.
pub(super) fn load_index(
    disk: &dyn Disk,
    dir: &Path,
    segment: &Segment,
    index_bytes_max: u64,
    uncovered_bytes_max: u64,
) -> Option<SegmentIndex> {
    let offsets = read_file(disk, &index_path(dir, segment.base), index_bytes_max).ok()?;
    SegmentIndex::reopened(&offsets, segment.bytes, segment.max_timestamp, uncovered_bytes_max)
}

/// The first batch from `start` on that ends at or after `offset`; none when the segment ends before. `start` is a
/// position that [`seek_closed`] or an index gave; `dense` says that offsets have no gaps, and checks it.
///
/// # Errors
/// The position of what is no batch, or not the one that must be there.
pub(super) fn walk_to(
    segment: &Segment,
    file: &dyn DiskFile,
    start: u64,
    offset: Offset,
    dense: bool,
) -> Result<Option<(u64, BatchHeader)>, (u64, NoBatch)> {
    let mut window = Window::new(file, segment.bytes, WALK_BYTES);
    let mut at = start;
    let mut expected = (start == 0).then_some(segment.base);
    while at < segment.bytes {
        let header = window.header(at).map_err(|why| (at, why))?;
        if let Some(expected) = expected {
            check_follows(&header, expected, dense).map_err(|why| (at, why))?;
        }
        if header.last_offset() >= offset {
            return Ok(Some((at, header)));
        }
        expected = Some(header.end());
        at += to_u64(header.size);
    }
    Ok(None)
}

/// Whether a batch may follow what ends at `expected`.
pub(super) fn check_follows(header: &BatchHeader, expected: Offset, dense: bool) -> Result<(), NoBatch> {
    let found = Offset(header.base_offset);
    if found < expected || (dense && found != expected) {
        return Err(NoBatch::Offset { expected, found });
    }
    Ok(())
}

fn batch_ends_at(segment: &Segment, file: &dyn DiskFile, at: u64, relative: i32) -> bool {
    let header = Window::new(file, segment.bytes, super::batch::HEADER_BYTES).header(at);
    header.is_ok_and(|header| header.last_offset().0 == segment.base.0.saturating_add(i64::from(relative)))
}

/// A position as it was read: negative ones are damage and match no batch.
fn position(position: i32) -> u64 {
    u64::try_from(position).unwrap_or(u64::MAX)
}

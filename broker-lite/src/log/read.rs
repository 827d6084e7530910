//! Reading: whole batches by offset, from memory where a consumer keeps up, else from the segment's file.
//!
//! Batches from memory are shared, not copied, when one append holds enough of them; many small appends are put
//! together. Batches from a file are checked before they are served: checksum, and offsets without gaps where there can
//! be none. A consumer therefore never gets bytes that changed on disk.

use bytes::{Bytes, BytesMut};
use streams_core::protocol::batch::{BatchError, BatchView, Scratch};
use streams_core::protocol::ErrorCode;
use streams_core::{Offset, Timestamp};

use super::batch::{checksum_matches, BatchHeader, Batches};
use super::error::{LogError, LogResult};
use super::segment::{self, check_follows, log_path, Segment};
use super::window::{to_u64, NoBatch, Window, SCAN_BYTES, WALK_BYTES};
use super::Log;
use crate::disk::DiskFile;

/// From this size on, the batches of one append are served shared and alone; smaller ones are copied together.
const SHARED_BYTES_MIN: usize = 64 << 10;

/// What a read may return.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    from: Offset,
    up_to: Offset,
    bytes_max: usize,
    at_least_one: bool,
}

impl Bounds {
    /// Whether a batch of this end may join what is `taken` already.
    fn admits(&self, header: &BatchHeader, taken: usize) -> bool {
        let fits = taken.checked_add(header.size).is_some_and(|total| total <= self.bytes_max);
        header.end() <= self.up_to && (fits || (self.at_least_one && taken == 0))
    }
}

impl Log {
    /// Whole batches from the one that holds `from` on, which may begin before it; at most `bytes_max` bytes, unless
    /// `at_least_one` and the first batch alone is larger. Nothing from `up_to` or the visible end on. Often less than
    /// there is: ask again. Empty when there is nothing to see yet.
    ///
    /// # Errors
    /// `OFFSET_OUT_OF_RANGE` before the start and after the end of the log; `KAFKA_STORAGE_ERROR` when the disk fails
    /// or holds damaged bytes, with the file and byte in the message.
    pub fn read(&self, from: Offset, bytes_max: usize, up_to: Offset, at_least_one: bool) -> LogResult<Bytes> {
        if from < self.log_start || from > self.end_offset() {
            return Err(LogError::refused(
                ErrorCode::OFFSET_OUT_OF_RANGE,
                format!("offset {from} is not in [{}, {}]", self.log_start, self.end_offset()),
            ));
        }
        let bounds = Bounds { from, up_to: up_to.min(self.visible_end()), bytes_max, at_least_one };
        if bounds.from >= bounds.up_to {
            return Ok(Bytes::new());
        }
        match self.read_tail(bounds) {
            Some(bytes) => Ok(bytes),
            None => self.read_files(bounds),
        }
    }

    /// `None` when the batches are not in memory.
    fn read_tail(&self, bounds: Bounds) -> Option<Bytes> {
        let tail = self.tail.lock();
        let mut chunks = tail.from(bounds.from);
        let first = &chunks.next()?.bytes;
        let skipped = first_batch_holding(first, bounds.from);
        let range = skipped..skipped + admitted(&first[skipped..], bounds, 0);
        let shared = first.slice(range.clone());
        let mut next = chunks.next();
        if shared.len() >= SHARED_BYTES_MIN || range.end < first.len() || next.is_none() {
            return Some(shared);
        }
        let mut together = BytesMut::from(&shared[..]);
        while let Some(chunk) = next {
            if together.len() >= SHARED_BYTES_MIN && chunk.bytes.len() >= SHARED_BYTES_MIN {
                break;
            }
            let admitted = admitted(&chunk.bytes, bounds, together.len());
            together.extend_from_slice(&chunk.bytes[..admitted]);
            if admitted < chunk.bytes.len() {
                break;
            }
            next = chunks.next();
        }
        Some(together.freeze())
    }

    fn read_files(&self, bounds: Bounds) -> LogResult<Bytes> {
        let first = self.segments.partition_point(|segment| segment.end <= bounds.from);
        // Compaction may have emptied the end of a segment: the next one has the following records.
        for segment in &self.segments[first..] {
            if let Some(bytes) = self.read_segment(segment, bounds)? {
                return Ok(bytes);
            }
        }
        Ok(Bytes::new())
    }

    /// `None` when the segment holds nothing from the offset on.
    fn read_segment(&self, segment: &Segment, bounds: Bounds) -> LogResult<Option<Bytes>> {
        let file = segment.open(&*self.disk, &self.dir).map_err(|error| self.read_error(segment, 0, error))?;
        let dense = segment.base >= self.sparse_to;
        let start = self.seek(segment, &*file, bounds.from);
        let found = segment::walk_to(segment, &*file, start, bounds.from, dense);
        let Some((at, header)) = found.map_err(|(at, why)| self.damaged(segment, at, why))? else { return Ok(None) };
        if !bounds.admits(&header, 0) {
            // Not even this says anything true unless the header is what was written.
            let checked = Window::new(&*file, segment.bytes, WALK_BYTES).batch(at).map(|_| ());
            checked.map_err(|why| self.damaged(segment, at, why))?;
            return Ok(Some(Bytes::new()));
        }
        let left = usize::try_from(segment.bytes - at).unwrap_or(usize::MAX);
        let mut bytes = BytesMut::zeroed(bounds.bytes_max.max(header.size).min(left));
        let read = file.read_at(&mut bytes, at).map_err(|error| self.read_error(segment, at, error))?;
        bytes.truncate(read);
        let whole = verified(&bytes, bounds, Offset(header.base_offset), dense)
            .map_err(|(skip, why)| self.damaged(segment, at + to_u64(skip), why))?;
        bytes.truncate(whole);
        Ok(Some(bytes.freeze()))
    }

    /// Where to start walking for an offset.
    fn seek(&self, segment: &Segment, file: &dyn DiskFile, offset: Offset) -> u64 {
        if segment.base == self.active().base {
            return segment::seek_active(segment, file, &self.active_index, offset);
        }
        segment::seek_closed(&*self.disk, &self.dir, segment, file, offset, self.config.index_interval_bytes)
    }

    /// The first record at or after `time`, as far as readers may see: its offset and timestamp. Reads one closed
    /// segment at most from its start, and the active one from near the time.
    ///
    /// # Errors
    /// As for [`Log::read`].
    pub fn offset_for_timestamp(&self, time: Timestamp) -> LogResult<Option<(Offset, Timestamp)>> {
        let readable = |segment: &&Segment| segment.max_timestamp >= time && segment.end > self.log_start;
        for segment in self.segments.iter().filter(readable) {
            let found = if segment.base == self.active().base {
                self.find_time_in_active(segment, time)?
            } else {
                self.find_time_in_closed(segment, time)?
            };
            if found.is_some() {
                return Ok(found.filter(|(offset, _)| *offset < self.visible_end()));
            }
        }
        Ok(None)
    }

    /// The first record with the largest timestamp, as far as readers may see: its offset and timestamp. Mostly that is
    /// the largest of all; when that one is deleted or not visible yet, segments are read.
    ///
    /// # Errors
    /// As for [`Log::read`].
    pub fn offset_of_max_timestamp(&self) -> LogResult<Option<(Offset, Timestamp)>> {
        let mut largest = self.max_timestamp();
        if largest != Timestamp::UNKNOWN {
            if let Some(found) = self.offset_for_timestamp(largest)? {
                return Ok(Some(found));
            }
        }
        largest = Timestamp::UNKNOWN;
        for segment in self.segments.iter().rev() {
            let is_readable = segment.end > self.log_start && segment.base < self.visible_end();
            if is_readable && segment.max_timestamp > largest {
                largest = largest.max(self.max_timestamp_in(segment)?);
            }
        }
        match largest {
            Timestamp::UNKNOWN => Ok(None),
            largest => self.offset_for_timestamp(largest),
        }
    }

    /// The largest timestamp of a record that readers may see.
    fn max_timestamp_in(&self, segment: &Segment) -> LogResult<Timestamp> {
        let file = segment.open(&*self.disk, &self.dir).map_err(|error| self.read_error(segment, 0, error))?;
        let mut window = Window::new(&*file, segment.bytes, SCAN_BYTES);
        let (mut largest, mut at) = (Timestamp::UNKNOWN, 0);
        while at < segment.bytes {
            let (header, batch) = window.batch(at).map_err(|why| self.damaged(segment, at, why))?;
            if header.end() > self.visible_end() {
                break;
            }
            // A batch that compaction emptied still has the times of its records.
            let is_newer = header.count > 0 && header.max_timestamp > largest;
            if is_newer && Offset(header.base_offset) >= self.log_start {
                largest = header.max_timestamp;
            } else if is_newer && header.end() > self.log_start {
                largest = largest.max(max_timestamp_from(&header, batch, self.log_start)?);
            }
            at += to_u64(header.size);
        }
        Ok(largest)
    }

    fn find_time_in_active(&self, segment: &Segment, time: Timestamp) -> LogResult<Option<(Offset, Timestamp)>> {
        let up_to = self.visible_end();
        let entry = self.active_index.offset_of(time);
        let start = entry.map_or(segment.base, |entry| Offset(segment.base.0 + i64::from(entry.offset)));
        let mut from = start.max(self.log_start);
        while from < up_to {
            let bytes = self.read(from, SHARED_BYTES_MIN, up_to, true)?;
            for (header, batch) in Batches::new(&bytes) {
                if let Some(found) = first_record_at(&header, batch, time, self.log_start)? {
                    return Ok(Some(found));
                }
                from = header.end();
            }
            if bytes.is_empty() {
                break;
            }
        }
        Ok(None)
    }

    fn find_time_in_closed(&self, segment: &Segment, time: Timestamp) -> LogResult<Option<(Offset, Timestamp)>> {
        let file = segment.open(&*self.disk, &self.dir).map_err(|error| self.read_error(segment, 0, error))?;
        let mut window = Window::new(&*file, segment.bytes, SCAN_BYTES);
        let mut expected = segment.base;
        let mut at = 0;
        while at < segment.bytes {
            let (header, batch) = window.batch(at).map_err(|why| self.damaged(segment, at, why))?;
            let dense = segment.base >= self.sparse_to;
            check_follows(&header, expected, dense).map_err(|why| self.damaged(segment, at, why))?;
            if let Some(found) = first_record_at(&header, batch, time, self.log_start)? {
                return Ok(Some(found));
            }
            expected = header.end();
            at += to_u64(header.size);
        }
        Ok(None)
    }

    pub(super) fn damaged(&self, segment: &Segment, at: u64, why: NoBatch) -> LogError {
        let file = log_path(&self.dir, segment.base);
        match why {
            NoBatch::Io(error) => self.read_error(segment, at, error),
            why => LogError::corrupt(format!("{} is damaged at byte {at}: {why}", file.display())),
        }
    }

    fn read_error(&self, segment: &Segment, at: u64, error: std::io::Error) -> LogError {
        LogError::storage(format!("read {} at byte {at}", log_path(&self.dir, segment.base).display()), error)
    }
}

/// Where in whole batches the one that holds `offset`, or the first after it, starts.
fn first_batch_holding(bytes: &[u8], offset: Offset) -> usize {
    let mut batches = Batches::new(bytes);
    loop {
        let at = batches.position();
        match batches.next() {
            Some((header, _)) if header.last_offset() < offset => {}
            _ => return at,
        }
    }
}

/// How many bytes of whole batches may be served.
fn admitted(bytes: &[u8], bounds: Bounds, taken: usize) -> usize {
    let mut batches = Batches::new(bytes);
    loop {
        let at = batches.position();
        match batches.next() {
            Some((header, _)) if bounds.admits(&header, taken + at) => {}
            _ => return at,
        }
    }
}

/// The same for bytes from a file, with every batch checked.
fn verified(bytes: &[u8], bounds: Bounds, first: Offset, dense: bool) -> Result<usize, (usize, NoBatch)> {
    let mut expected = first;
    let mut batches = Batches::new(bytes);
    loop {
        let at = batches.position();
        match batches.next() {
            Some((header, batch)) => {
                check_follows(&header, expected, dense).map_err(|why| (at, why))?;
                if !bounds.admits(&header, at) {
                    return Ok(at);
                }
                if !checksum_matches(batch, &header) {
                    return Err((at, NoBatch::Checksum));
                }
                expected = header.end();
            }
            // What is no batch here is cut off by the buffer, or damaged: then the next read finds it at its start.
            None if at == 0 => return Err((0, NoBatch::Torn)),
            None => return Ok(at),
        }
    }
}

/// The largest timestamp of the records of a batch from `start` on.
fn max_timestamp_from(header: &BatchHeader, batch: &[u8], start: Offset) -> LogResult<Timestamp> {
    let mut largest = Timestamp::UNKNOWN;
    let mut scratch = Scratch::default();
    let view = BatchView::parse(batch).map_err(|error| undecodable(header, &error))?;
    for record in view.records(&mut scratch).map_err(|error| undecodable(header, &error))? {
        let record = record.map_err(|error| undecodable(header, &error))?;
        if record.offset >= start {
            largest = largest.max(record.timestamp);
        }
    }
    Ok(largest)
}

fn undecodable(header: &BatchHeader, error: &BatchError) -> LogError {
    LogError::corrupt(format!("batch at offset {}: {error}", header.base_offset))
}

/// The first record of a batch at or after `time`, from `start` on.
fn first_record_at(
    header: &BatchHeader,
    batch: &[u8],
    time: Timestamp,
    start: Offset,
) -> LogResult<Option<(Offset, Timestamp)>> {
    if header.max_timestamp < time || header.end() <= start {
        return Ok(None);
    }
    let mut scratch = Scratch::default();
    let view = BatchView::parse(batch).map_err(|error| undecodable(header, &error))?;
    for record in view.records(&mut scratch).map_err(|error| undecodable(header, &error))? {
        let record = record.map_err(|error| undecodable(header, &error))?;
        if record.timestamp >= time && record.offset >= start {
            return Ok(Some((record.offset, record.timestamp)));
        }
    }
    Ok(None)
}

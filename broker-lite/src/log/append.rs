//! Appending: check, assign offsets, roll, write, and only then take note.
//!
//! State changes after the write succeeded and never before. A write that failed is cut off again, so that the bytes of
//! a refused batch can never be taken for a record; if the cut fails too, the log stops.

use std::io;

use bytes::{Bytes, BytesMut};
use streams_core::protocol::ErrorCode;
use streams_core::{Offset, Timestamp};

use super::batch::{stamp, stamp_append_time, stamp_max_timestamp, BatchHeader, Batches};
use super::config::TimestampType;
use super::error::{LogError, LogResult};
use super::producers::Verdict;
use super::tail::Chunk;
use super::validate::{self, Checked};
use super::window::to_u64;
use super::Log;

/// The largest file: positions in an index are `i32`.
const SEGMENT_BYTES_LIMIT: u64 = i32::MAX as u64;

/// Who made the batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A client: everything is checked.
    Client,
    /// This broker (coordinator journals, markers): checksum and counts are checked.
    Broker,
}

/// What an append depends on besides the batches.
#[derive(Debug, Clone, Copy)]
pub struct AppendContext {
    /// The broker's time.
    pub now: Timestamp,
    /// The partition's leader epoch, which is stored in the batches.
    pub leader_epoch: i32,
    /// Who made the batches.
    pub origin: Origin,
}

/// Where batches went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// The offset of the first record.
    pub base_offset: Offset,
    /// The offset of the last record: durable once [`Log::durable_end`] is larger.
    pub last_offset: Offset,
    /// The time that the broker stamped, on topics with `LogAppendTime`; else [`Timestamp::UNKNOWN`].
    pub log_append_time: Timestamp,
    /// The first offset of the log.
    pub log_start_offset: Offset,
    /// The producer sent the batch before: these are the offsets it got then, and nothing was appended.
    pub duplicate: bool,
}

impl Log {
    /// Appends whole batches: assigns offsets, stores the leader epoch, writes. Batches of one append are contiguous.
    ///
    /// A buffer that nobody else holds is stamped in place; a shared one is copied once.
    ///
    /// # Errors
    /// A refused batch (see [`LogError::code`]) or a failed write; either way nothing was appended. After a full disk
    /// the next append may succeed.
    pub fn append(&mut self, batches: Bytes, context: &AppendContext) -> LogResult<Appended> {
        self.check_running()?;
        let checked = validate::check(&batches, &self.config, context)?;
        if let Verdict::Duplicate(batch) = self.producers.check(&checked.first)? {
            return Ok(Appended {
                base_offset: batch.base_offset,
                last_offset: batch.last_offset,
                log_append_time: batch.log_append_time,
                log_start_offset: self.log_start,
                duplicate: true,
            });
        }
        let base = self.end_offset();
        let end = base.0.checked_add(checked.offsets).map(Offset);
        let end = end.ok_or_else(|| LogError::refused(ErrorCode::INVALID_RECORD, "the log has no offsets left"))?;
        let size = to_u64(batches.len());
        if size > self.segment_bytes_max() {
            return Err(LogError::refused(
                ErrorCode::RECORD_LIST_TOO_LARGE,
                format!("{size} bytes do not fit in a segment of segment.bytes={}", self.config.segment_bytes),
            ));
        }
        let (bytes, log_append_time) = self.stamp(batches, base, &checked, context);
        if self.must_roll(&checked, end, size) {
            self.roll().map_err(|error| self.storage_error("start a segment", error))?;
        }
        self.write(&bytes)?;
        self.note(bytes, base, end, log_append_time, context.now);
        Ok(Appended {
            base_offset: base,
            last_offset: Offset(end.0 - 1),
            log_append_time,
            log_start_offset: self.log_start,
            duplicate: false,
        })
    }

    /// Gives the batches their offsets, leader epoch and, where the topic wants it, time.
    fn stamp(&self, batches: Bytes, base: Offset, checked: &Checked, context: &AppendContext) -> (Bytes, Timestamp) {
        // A clock that jumped back must not make the times of the log go back.
        let is_broker_time = self.config.message_timestamp_type == TimestampType::LogAppendTime;
        let append_time = is_broker_time.then(|| context.now.max(self.newest_timestamp()));
        let mut bytes = batches.try_into_mut().unwrap_or_else(|shared| BytesMut::from(&shared[..]));
        let mut next = base;
        let mut rest = &mut bytes[..];
        while let Ok(header) = BatchHeader::read(rest) {
            let (batch, after) = rest.split_at_mut(header.size.min(rest.len()));
            stamp(batch, next, context.leader_epoch);
            if let Some(now) = append_time {
                stamp_append_time(batch, header.attributes, now);
            } else if checked.wrong_max_timestamp && next == base {
                stamp_max_timestamp(batch, checked.first.max_timestamp);
            }
            next = Offset(next.0 + i64::from(header.last_offset_delta) + 1);
            rest = after;
        }
        (bytes.freeze(), append_time.unwrap_or(Timestamp::UNKNOWN))
    }

    fn segment_bytes_max(&self) -> u64 {
        self.config.segment_bytes.min(SEGMENT_BYTES_LIMIT)
    }

    fn must_roll(&self, checked: &Checked, end: Offset, size: u64) -> bool {
        const INDEX_ENTRY_BYTES: u64 = 8;
        let active = self.active();
        if active.bytes == 0 {
            return false;
        }
        let span_ms = checked.first.max_timestamp.0.saturating_sub(active.first_timestamp.0);
        let timed = active.first_timestamp != Timestamp::UNKNOWN && checked.first.max_timestamp != Timestamp::UNKNOWN;
        active.bytes.saturating_add(size) > self.segment_bytes_max()
            || (timed && span_ms > self.config.segment_ms)
            || self.active_index.offset_bytes() + INDEX_ENTRY_BYTES > self.config.segment_index_bytes
            || end.0 - active.base.0 > i64::from(i32::MAX)
    }

    /// Closes the active segment and starts the next.
    pub(super) fn roll(&mut self) -> io::Result<()> {
        self.active_index.finish_times();
        // Caches: without room for them, reads and the next start work harder.
        let _ = self.write_indexes();
        let _ = self.write_snapshot();
        self.start_segment(self.end_offset())
    }

    /// Writes at the end of the active segment, or leaves it as it was.
    fn write(&mut self, bytes: &[u8]) -> LogResult<()> {
        let at = self.active().bytes;
        let Err(error) = self.active_file.write_at(bytes, at) else { return Ok(()) };
        if let Err(cut) = self.active_file.truncate(at) {
            self.stop(format!("an append failed ({error}) and what it wrote cannot be cut off again ({cut})"));
        }
        Err(self.storage_error("append", error))
    }

    /// Takes note of what was written.
    fn note(&mut self, bytes: Bytes, base: Offset, end: Offset, log_append_time: Timestamp, now: Timestamp) {
        let interval_bytes = self.config.index_interval_bytes;
        for (header, _) in Batches::new(&bytes) {
            let segment = self.segments.last_mut().expect("a log has an active segment from when it is opened");
            self.active_index.note(segment.base, &header, segment.bytes, interval_bytes);
            segment.extend(&header);
            self.producers.note(&header, Offset(header.base_offset), log_append_time, now);
        }
        self.appended_bytes += to_u64(bytes.len());
        self.tail.push(Chunk { base, end, bytes }, self.config.tail_bytes_max);
    }

    fn storage_error(&self, what: &str, error: io::Error) -> LogError {
        let hint = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full, free some space: ",
            _ => "",
        };
        LogError::storage(format!("{hint}{what} in {}", self.dir.display()), error)
    }
}

//! Deleting old records: whole segments from the oldest on, by time, by size, or because readers may not have them.
//!
//! What goes is decided by a pure function. The manifest is replaced before any file is removed, so that a crash in
//! between leaves files that the next start removes, and never a hole.

use std::path::PathBuf;

use streams_core::protocol::ErrorCode;
use streams_core::{Offset, Timestamp};

use super::config::LogConfig;
use super::error::{LogError, LogResult};
use super::manifest::SegmentFacts;
use super::recovery::remove_segment_files;
use super::segment::Segment;
use super::Log;

/// What retention removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// How many segments.
    pub segments: usize,
    /// How many bytes of batches.
    pub bytes: u64,
}

/// How many of the oldest segments go. All of them may; the caller starts a new one first. A segment whose records
/// carry no time is as old as its successor.
pub(super) fn decide(
    segments: &[SegmentFacts],
    config: &LogConfig,
    log_start: Offset,
    durable_end: Offset,
    now: Timestamp,
) -> usize {
    let mut bytes: u64 = segments.iter().map(|segment| segment.bytes).sum();
    let bytes_max = u64::try_from(config.retention_bytes).ok().filter(|_| config.cleanup_policy.delete);
    let age_max_ms = Some(config.retention_ms).filter(|ms| *ms >= 0 && config.cleanup_policy.delete);
    let mut go = 0;
    let mut undated = 0;
    for (number, segment) in segments.iter().enumerate() {
        let active = number + 1 == segments.len();
        let unreadable = segment.end <= log_start && !active;
        // The size that is left without it must still be enough.
        let surplus = bytes_max.is_some_and(|max| bytes.saturating_sub(segment.bytes) >= max) && !active;
        let dated = segment.max_timestamp != Timestamp::UNKNOWN;
        let age_ms = now.0.saturating_sub(segment.max_timestamp.0);
        let old = dated && age_max_ms.is_some_and(|max| age_ms > max);
        if segment.end > durable_end || (active && segment.bytes == 0) {
            break;
        }
        if unreadable || surplus || old {
            go += undated + 1;
            undated = 0;
            bytes = bytes.saturating_sub(segment.bytes);
        } else if !dated && age_max_ms.is_some() {
            undated += 1;
        } else {
            break;
        }
    }
    go
}

impl Log {
    /// Removes the segments that `retention.ms` and `retention.bytes` no longer want, and those before the log start.
    /// Nothing that is not durable goes.
    ///
    /// # Errors
    /// When the disk refuses. The log is as before, or files that nobody reads are left for the next start.
    pub fn retain(&mut self, now: Timestamp) -> LogResult<Removed> {
        self.check_running()?;
        let facts: Vec<SegmentFacts> = self.segments.iter().map(Segment::facts).collect();
        let go = decide(&facts, &self.config, self.log_start, self.durable.end, now);
        if go == 0 {
            return Ok(Removed::default());
        }
        if go == self.segments.len() {
            self.roll()
                .map_err(|error| LogError::storage(format!("start a segment in {}", self.dir.display()), error))?;
        }
        let log_start = self.log_start.max(self.segments[go].base);
        self.remove_oldest(go, log_start)
    }

    /// Raises the log start to `before`, as `DeleteRecords` asks; records before it are gone for readers, and segments
    /// without others are removed. Returns the log start, which is on disk.
    ///
    /// # Errors
    /// `OFFSET_OUT_OF_RANGE` past the visible end; `KAFKA_STORAGE_ERROR` when the disk refuses.
    pub fn delete_records(&mut self, before: Offset) -> LogResult<Offset> {
        self.check_running()?;
        if before > self.visible_end() || before < Offset::ZERO {
            return Err(LogError::refused(
                ErrorCode::OFFSET_OUT_OF_RANGE,
                format!("offset {before} is not in [0, {}]", self.visible_end()),
            ));
        }
        if before > self.log_start {
            let limit = before.min(self.durable.end);
            let closed = &self.segments[..self.segments.len() - 1];
            let go = closed.iter().take_while(|segment| segment.end <= limit).count();
            self.remove_oldest(go, before)?;
        }
        Ok(self.log_start)
    }

    /// Commits a new log start and removes the oldest segments.
    fn remove_oldest(&mut self, go: usize, log_start: Offset) -> LogResult<Removed> {
        let kept = self.segments.split_off(go);
        let gone = std::mem::replace(&mut self.segments, kept);
        let log_start_before = std::mem::replace(&mut self.log_start, log_start);
        if let Err(error) = self.store_manifest(None) {
            self.log_start = log_start_before;
            let kept = std::mem::replace(&mut self.segments, gone);
            self.segments.extend(kept);
            return Err(error);
        }
        let removed = Removed { segments: gone.len(), bytes: gone.iter().map(|segment| segment.bytes).sum() };
        for segment in gone {
            remove_segment_files(&*self.disk, &self.dir, segment.base).map_err(|error| {
                let dir: &PathBuf = &self.dir;
                LogError::storage(format!("remove segment {} in {}", segment.base, dir.display()), error)
            })?;
        }
        Ok(removed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::config::CleanupPolicy;

    /// Segments of 10 records and 100 bytes each with these largest timestamps; the last is the active one.
    fn segments(times: &[i64]) -> Vec<SegmentFacts> {
        let segment = |(number, time): (usize, &i64)| {
            let base = 10 * i64::try_from(number).unwrap();
            SegmentFacts { base: Offset(base), end: Offset(base + 10), bytes: 100, max_timestamp: Timestamp(*time) }
        };
        times.iter().enumerate().map(segment).collect()
    }

    #[rstest::rstest]
    #[case::nothing_is_old(&[950, 960, 970], 100, -1, 0, 30, 0)]
    #[case::the_oldest_is_old(&[899, 960, 970], 100, -1, 0, 30, 1)]
    #[case::exactly_the_limit_stays(&[900, 960, 970], 100, -1, 0, 30, 0)]
    #[case::an_old_one_behind_a_young_one_stays(&[950, 100, 100], 100, -1, 0, 30, 0)]
    #[case::all_are_old(&[1, 2, 3], 100, -1, 0, 30, 3)]
    #[case::what_is_not_durable_stays(&[1, 2, 3], 100, -1, 0, 29, 2)]
    #[case::no_time_limit(&[1, 2, 3], -1, -1, 0, 30, 0)]
    #[case::without_time_as_old_as_the_next(&[-1, 2, 970], 100, -1, 0, 30, 2)]
    #[case::without_time_and_a_young_next(&[-1, 970, 970], 100, -1, 0, 30, 0)]
    #[case::too_large(&[950, 960, 970], -1, 150, 0, 30, 1)]
    #[case::enough_is_left(&[950, 960, 970], -1, 201, 0, 30, 0)]
    #[case::size_never_takes_the_active_one(&[950, 960, 970], -1, 0, 0, 30, 2)]
    #[case::deleted_records(&[950, 960, 970], -1, -1, 20, 30, 2)]
    #[case::partly_deleted(&[950, 960, 970], -1, -1, 19, 30, 1)]
    fn what_goes(
        #[case] times: &[i64],
        #[case] retention_ms: i64,
        #[case] retention_bytes: i64,
        #[case] log_start: i64,
        #[case] durable_end: i64,
        #[case] expected: usize,
    ) {
        let mut config = LogConfig { retention_ms, retention_bytes, ..LogConfig::default() };
        let go = |config: &LogConfig| {
            decide(&segments(times), config, Offset(log_start), Offset(durable_end), Timestamp(1000))
        };
        assert_eq!(go(&config), expected);
        config.cleanup_policy = CleanupPolicy { delete: false, compact: true };
        let without_policy = usize::try_from(log_start / 10).unwrap();
        assert_eq!(go(&config), without_policy, "only what readers cannot have goes");
    }
}

//! Group commit: one `fdatasync` makes durable whatever was appended before it began, for all who wait.
//!
//! [`Log::begin_sync`] notes how far the log goes and which files to sync; [`SyncTicket::run`] does the slow part
//! without the log; [`Log::complete_sync`] raises the durable end. Appends go on meanwhile and belong to the next round.
//! Several rounds may overlap: the durable end only grows.
//!
//! A sync that fails stops the log. The kernel may have dropped the pages it could not write and forgotten about them,
//! so a second sync that succeeds would prove nothing.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use streams_core::{Offset, Timestamp};

use super::error::{LogError, LogResult};
use super::manifest::SegmentFacts;
use super::segment::Segment;
use super::Log;
use crate::disk::{Disk, DiskFile};

/// How far a log is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DurableMark {
    /// Everything before is durable.
    pub(super) end: Offset,
    /// The segment that the end is in, and what it held then.
    pub(super) segment: SegmentFacts,
    /// How many bytes were appended up to there since the log was opened.
    pub(super) appended_bytes: u64,
}

impl DurableMark {
    pub(super) fn at_end_of(segment: &Segment, appended_bytes: u64) -> Self {
        Self { end: segment.end, segment: segment.facts(), appended_bytes }
    }

    /// What a manifest may promise of the segments.
    pub(super) fn facts(&self, segments: &[Segment]) -> Vec<SegmentFacts> {
        let mut facts: Vec<SegmentFacts> =
            segments.iter().filter(|segment| segment.base < self.segment.base).map(Segment::facts).collect();
        let still_there = segments.iter().any(|segment| segment.base == self.segment.base);
        // One without offsets is the active segment, whose name may not be durable. One without bytes but with offsets
        // was compacted: without it there would be a hole.
        if still_there && self.segment.end > self.segment.base {
            facts.push(self.segment);
        }
        facts
    }

    /// Takes note that the segments of a range, all of them durable, became one.
    pub(super) fn replaced_by(&self, replacement: SegmentFacts) -> Self {
        let is_within = (replacement.base..replacement.end).contains(&self.segment.base);
        Self { segment: if is_within { replacement } else { self.segment }, ..*self }
    }
}

/// The slow part of a sync, to be run without holding the log.
#[derive(Debug)]
#[must_use = "a sync happens when the ticket is run and the result handed to `Log::complete_sync`"]
pub struct SyncTicket {
    files: Vec<Arc<dyn DiskFile>>,
    names: Option<(Arc<dyn Disk>, PathBuf)>,
    names_changed: u64,
    mark: DurableMark,
}

/// A sync that was run.
#[derive(Debug)]
#[must_use = "hand it to `Log::complete_sync`"]
pub struct Synced {
    result: io::Result<()>,
    names_changed: u64,
    mark: DurableMark,
}

impl SyncTicket {
    /// The durable end if the sync succeeds.
    pub fn end(&self) -> Offset {
        self.mark.end
    }

    /// Syncs, oldest file first, then the directory if files were added. Blocks for as long as the disk takes.
    pub fn run(self) -> Synced {
        let mut result = self.files.iter().try_for_each(|file| file.sync());
        if let (Ok(()), Some((disk, dir))) = (&result, &self.names) {
            result = disk.sync_dir(dir);
        }
        Synced { result, names_changed: self.names_changed, mark: self.mark }
    }
}

impl Log {
    /// Starts to make durable all that is appended so far; `None` when it is, or when the log stopped.
    pub fn begin_sync(&self) -> Option<SyncTicket> {
        if self.stopped.is_some() || self.durable.end >= self.end_offset() {
            return None;
        }
        let dirty = self.segments.iter().filter(|segment| segment.end > self.durable.end);
        let names = (self.names_changed > self.names_durable).then(|| (Arc::clone(&self.disk), self.dir.clone()));
        Some(SyncTicket {
            files: dirty.filter_map(|segment| segment.file.clone()).collect(),
            names,
            names_changed: self.names_changed,
            mark: DurableMark::at_end_of(self.active(), self.appended_bytes),
        })
    }

    /// Takes the result of a sync; returns the durable end.
    ///
    /// # Errors
    /// When the sync failed: the log has stopped for good.
    pub fn complete_sync(&mut self, synced: Synced) -> LogResult<Offset> {
        if let Err(error) = synced.result {
            self.stop(format!(
                "a sync failed ({error}), so it is not known what the disk holds since offset {}; \
                 a restart verifies it",
                self.durable.end
            ));
            return Err(LogError::storage(format!("sync {}", self.dir.display()), error));
        }
        self.check_running()?;
        self.names_durable = self.names_durable.max(synced.names_changed);
        if synced.mark.end > self.durable.end {
            self.durable = synced.mark;
            self.release_closed_files();
        }
        // Once per segment: what was closed is durable now, and the next start need not read it.
        if self.recovery_point < self.active().base && self.active().base <= self.durable.end {
            // The sync itself succeeded; the next one tries this again.
            let _ = self.checkpoint();
        }
        Ok(self.durable.end)
    }

    /// Whether closed segments wait for a sync: to be synced soon even where appends do not wait for it.
    pub fn closed_segment_is_dirty(&self) -> bool {
        self.durable.end < self.active().base
    }

    fn release_closed_files(&mut self) {
        let durable_end = self.durable.end;
        let active = self.segments.len() - 1;
        for segment in &mut self.segments[..active] {
            if segment.end <= durable_end {
                segment.file = None;
            }
        }
    }
}

/// The mark of a log that holds nothing yet.
pub(super) fn empty_mark(base: Offset) -> DurableMark {
    let segment = SegmentFacts { base, end: base, bytes: 0, max_timestamp: Timestamp::UNKNOWN };
    DurableMark { end: base, segment, appended_bytes: 0 }
}

//! Compaction: of every key only the newest record stays, at its offset.
//!
//! Closed, durable segments only; the active one is never touched. Like a sync it has a slow part that needs no lock:
//!
//! ```text
//! let task = log.begin_compaction(now);      // None when there is too little to gain
//! let output = task.run()?;                  // reads segments, writes `.cleaned` files; any thread
//! let done = log.complete_compaction(output)?;
//! ```
//!
//! 1. Read the keys of the new part, from where the last pass ended: key -> its newest offset. When the keys outgrow
//!    their memory, the pass ends there and the next one goes on.
//! 2. Copy all segments up to there, neighbours together up to `segment.bytes`, without the records that have a newer
//!    one. A tombstone stays for `delete.retention.ms` after the first pass that saw it: its batch carries that time
//!    (Kafka's delete horizon). Batches that lose nothing are copied as they are.
//! 3. Per group of segments, oldest first: rename the file to `.swap`, commit by replacing the manifest, put it in the
//!    place of the originals. A crash leaves the old or the new group.
//! 4. Only after the last group is the part marked as clean. A pass that was interrupted starts over.
//!
//! Because older groups are swapped first, a tombstone never disappears while an older record of its key is left.
//! A batch whose sequence numbers are remembered for its producer stays at least as an empty batch, and so do markers.
//! If segments were removed meanwhile, the output is thrown away.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use streams_core::protocol::batch::{BatchError, BatchView, Scratch};
use streams_core::{Offset, Timestamp};

use super::batch::{BatchHeader, CONTROL_BIT};
use super::config::LogConfig;
use super::error::{LogError, LogResult};
use super::manifest::SegmentFacts;
use super::recovery::{finish_swap, CLEANED_SUFFIX, SWAP_SUFFIX};
use super::rewrite::{Rewriter, Rules};
use super::segment::{log_path, Segment};
use super::window::{to_u64, Window, SCAN_BYTES};
use super::Log;
use crate::disk::{remove_if_exists, Disk, DiskFile, OpenMode};

/// The memory for keys in one pass: some million keys of ordinary length.
const KEY_BYTES_MAX: usize = 128 << 20;

/// What an entry of the key map takes besides the key.
const KEY_OVERHEAD_BYTES: usize = 48;

/// How much is collected before it is written.
const WRITE_BYTES: usize = 1 << 20;

/// What compaction did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Compacted {
    /// The bytes of the segments before.
    pub bytes_before: u64,
    /// The bytes of the segments that replaced them.
    pub bytes_after: u64,
}

/// The slow part of a compaction, to be run without holding the log.
#[derive(Debug)]
#[must_use = "a compaction happens when the task is run and its output handed to `Log::complete_compaction`"]
pub struct CompactionTask {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    config: LogConfig,
    segments: Vec<SegmentFacts>,
    cleaned_to: Offset,
    /// The last offsets of batches that must stay for the sake of sequence numbers.
    sequenced: BTreeSet<Offset>,
    now: Timestamp,
    key_bytes_max: usize,
}

/// Compacted segments that are written but not in place.
#[derive(Debug)]
#[must_use = "hand it to `Log::complete_compaction`"]
pub struct CompactionOutput {
    groups: Vec<Group>,
    cleaned_to: Offset,
}

#[derive(Debug)]
struct Group {
    originals: Vec<SegmentFacts>,
    replacement: SegmentFacts,
}

/// Where the newest record of every key is.
type Newest = HashMap<Box<[u8]>, Offset, FixedState>;

impl Log {
    /// Starts a compaction if the topic wants it and the share of new bytes, or their age, makes it worthwhile.
    pub fn begin_compaction(&self, now: Timestamp) -> Option<CompactionTask> {
        if !self.config.cleanup_policy.compact || self.stopped.is_some() {
            return None;
        }
        let young = now.0.saturating_sub(self.config.min_compaction_lag_ms);
        let closed = &self.segments[..self.segments.len() - 1];
        let ready = |segment: &&Segment| {
            let lagging = self.config.min_compaction_lag_ms <= 0 || segment.max_timestamp.0 <= young;
            segment.end <= self.durable.end && lagging
        };
        let segments: Vec<SegmentFacts> = closed.iter().take_while(ready).map(Segment::facts).collect();
        let total: u64 = segments.iter().map(|segment| segment.bytes).sum();
        let dirty = segments.iter().filter(|segment| segment.end > self.cleaned_to);
        let (dirty_bytes, oldest) = dirty.fold((0, Timestamp(i64::MAX)), |(bytes, oldest), segment| {
            (bytes + segment.bytes, Timestamp(oldest.0.min(segment.max_timestamp.0)))
        });
        let overdue = now.0.saturating_sub(oldest.0) > self.config.max_compaction_lag_ms;
        #[expect(clippy::cast_precision_loss, reason = "a ratio of byte counts needs no last digit")]
        let worthwhile = dirty_bytes as f64 >= self.config.min_cleanable_dirty_ratio * total as f64;
        if dirty_bytes == 0 || !(worthwhile || overdue) {
            return None;
        }
        let remembered = self.producers.sorted();
        let sequenced = remembered.iter().flat_map(|(_, producer)| producer.batches.iter());
        Some(CompactionTask {
            disk: Arc::clone(&self.disk),
            dir: self.dir.clone(),
            config: self.config.clone(),
            segments,
            cleaned_to: self.cleaned_to,
            sequenced: sequenced.map(|batch| batch.last_offset).collect(),
            now,
            key_bytes_max: KEY_BYTES_MAX,
        })
    }

    /// Puts compacted segments in place.
    ///
    /// # Errors
    /// When the disk refuses. Groups that are in place stay; the rest is as before. If a group is committed but cannot
    /// be put in place, the log stops; a restart finishes it.
    pub fn complete_compaction(&mut self, output: CompactionOutput) -> LogResult<Compacted> {
        self.check_running()?;
        let unchanged = |facts: &SegmentFacts| self.segments.iter().any(|segment| segment.facts() == *facts);
        if !output.groups.iter().flat_map(|group| &group.originals).all(unchanged) {
            remove_cleaned(&*self.disk, &self.dir, &output.groups);
            return Ok(Compacted::default());
        }
        let mut done = Compacted::default();
        self.sparse_to = self.sparse_to.max(output.cleaned_to);
        for group in &output.groups {
            self.swap(group)?;
            done.bytes_before += group.originals.iter().map(|facts| facts.bytes).sum::<u64>();
            done.bytes_after += group.replacement.bytes;
        }
        self.cleaned_to = self.cleaned_to.max(output.cleaned_to);
        self.store_manifest(None)?;
        Ok(done)
    }

    /// A whole compaction in one step, for logs that nobody else waits for. `None` when there was nothing to do.
    ///
    /// # Errors
    /// As for [`CompactionTask::run`] and [`Log::complete_compaction`].
    pub fn compact(&mut self, now: Timestamp) -> LogResult<Option<Compacted>> {
        let Some(task) = self.begin_compaction(now) else { return Ok(None) };
        let output = task.run()?;
        self.complete_compaction(output).map(Some)
    }

    fn swap(&mut self, group: &Group) -> LogResult<()> {
        let facts = group.replacement;
        let path = log_path(&self.dir, facts.base);
        let failed = |error| LogError::storage(format!("replace {} by its compacted form", path.display()), error);
        let ready = self.disk.rename(&suffixed(&path, CLEANED_SUFFIX), &suffixed(&path, SWAP_SUFFIX));
        ready.and_then(|()| self.disk.sync_dir(&self.dir)).map_err(failed)?;
        let first = self.segments.partition_point(|segment| segment.base < facts.base);
        let replacement = Segment {
            base: facts.base,
            end: facts.end,
            bytes: facts.bytes,
            max_timestamp: facts.max_timestamp,
            first_timestamp: Timestamp::UNKNOWN,
            file: None,
        };
        let originals = self.segments.splice(first..first + group.originals.len(), [replacement]);
        let originals: Vec<Segment> = originals.collect();
        // The manifest must not promise the bytes of a segment that is replaced.
        let durable = self.durable;
        self.durable = durable.replaced_by(facts);
        if let Err(error) = self.store_manifest(Some(facts)) {
            self.segments.splice(first..=first, originals);
            self.durable = durable;
            return Err(error);
        }
        finish_swap(&*self.disk, &self.dir, &facts).map_err(|error| {
            self.stop(format!("a compacted segment is committed but not in place ({error}); a restart finishes it"));
            failed(error)
        })
    }
}

impl CompactionTask {
    /// Reads and writes. On failure nothing has changed, and the next start removes what is left over.
    ///
    /// # Errors
    /// When the disk refuses or holds damaged bytes.
    pub fn run(self) -> LogResult<CompactionOutput> {
        let (newest, mapped_to) = self.map_keys()?;
        let mut groups = Vec::new();
        let mut rest = &self.segments[..];
        // A segment of which only a part is mapped may be cleaned, too: what is not mapped stays.
        while let Some(first) = rest.first().filter(|first| first.base < mapped_to) {
            let mut bytes = 0;
            let fits = |facts: &&SegmentFacts| {
                bytes += facts.bytes;
                facts.base < mapped_to
                    && (bytes <= self.config.segment_bytes || facts.base == first.base)
                    && (facts.end.0 - first.base.0 <= i64::from(i32::MAX) || facts.base == first.base)
            };
            let (originals, after) = rest.split_at(rest.iter().take_while(fits).count());
            let replacement = self.write_group(originals, &newest, mapped_to).inspect_err(|_| {
                remove_cleaned(&*self.disk, &self.dir, &groups);
            })?;
            groups.push(Group { originals: originals.to_vec(), replacement });
            rest = after;
        }
        Ok(CompactionOutput { groups, cleaned_to: mapped_to })
    }

    /// The newest offset of every key in the new part, and where the part ends for which that is known.
    fn map_keys(&self) -> LogResult<(Newest, Offset)> {
        let mut newest = Newest::default();
        let mut bytes = 0;
        let mut mapped_to = self.cleaned_to;
        for facts in self.segments.iter().filter(|facts| facts.end > self.cleaned_to) {
            let mut full = false;
            self.each_batch(facts, |header, view| {
                if header.end() <= self.cleaned_to || full {
                    return Ok(());
                }
                full = bytes > self.key_bytes_max;
                if full || header.has(CONTROL_BIT) {
                    return Ok(());
                }
                let mut scratch = Scratch::default();
                for record in view.records(&mut scratch)? {
                    let record = record?;
                    let Some(key) = record.key else { continue };
                    match newest.get_mut(key) {
                        Some(offset) => *offset = record.offset,
                        None => {
                            bytes += key.len() + KEY_OVERHEAD_BYTES;
                            newest.insert(key.into(), record.offset);
                        }
                    }
                }
                mapped_to = header.end();
                Ok(())
            })?;
            if full {
                return Ok((newest, mapped_to));
            }
            mapped_to = facts.end;
        }
        Ok((newest, mapped_to))
    }

    fn write_group(&self, originals: &[SegmentFacts], newest: &Newest, mapped_to: Offset) -> LogResult<SegmentFacts> {
        let (Some(first), Some(last)) = (originals.first(), originals.last()) else {
            return Err(LogError::stopped("a compaction without segments"));
        };
        let path = suffixed(&log_path(&self.dir, first.base), CLEANED_SUFFIX);
        let failed = |error| LogError::storage(format!("write {}", path.display()), error);
        let file = self.disk.open(&path, OpenMode::Replace).map_err(failed)?;
        let mut writer = Writer {
            file: &*file,
            segment: Segment::empty(first.base, None),
            buffer: Vec::new(),
            written: 0,
            outcome: Ok(()),
        };
        let mut rewriter = Rewriter::default();
        let is_newest = |key: &[u8], offset| newest.get(key).is_none_or(|newest| *newest <= offset);
        for facts in originals {
            self.each_batch(facts, |header, view| {
                let rules = Rules {
                    is_newest: &is_newest,
                    mapped_to,
                    now: self.now,
                    delete_horizon: Timestamp(self.now.0.saturating_add(self.config.delete_retention_ms)),
                    is_sequenced: self.sequenced.contains(&header.last_offset()),
                };
                writer.push(|out| rewriter.rewrite(view, &rules, out))
            })?;
        }
        let segment = writer.finish().map_err(failed)?;
        Ok(SegmentFacts { end: last.end, ..segment.facts() })
    }

    /// Reads a segment batch by batch, checked.
    fn each_batch(
        &self,
        facts: &SegmentFacts,
        mut act: impl FnMut(&BatchHeader, &BatchView<'_>) -> Result<(), BatchError>,
    ) -> LogResult<()> {
        let path = log_path(&self.dir, facts.base);
        let damaged = |at: u64, why: &dyn std::fmt::Display| {
            LogError::corrupt(format!("compact {}: damaged at byte {at}: {why}", path.display()))
        };
        let file = self.disk.open(&path, OpenMode::Read);
        let file = file.map_err(|error| LogError::storage(format!("open {}", path.display()), error))?;
        let mut window = Window::new(&*file, facts.bytes, SCAN_BYTES);
        let mut at = 0;
        while at < facts.bytes {
            let (header, batch) = window.batch(at).map_err(|why| damaged(at, &why))?;
            let view = BatchView::parse(batch).map_err(|why| damaged(at, &why))?;
            act(&header, &view).map_err(|why| damaged(at, &why))?;
            at += to_u64(header.size);
        }
        Ok(())
    }
}

/// Collects batches for a new segment and writes them in large pieces. A failed write shows at [`Writer::finish`].
struct Writer<'a> {
    file: &'a dyn DiskFile,
    segment: Segment,
    buffer: Vec<u8>,
    written: u64,
    outcome: io::Result<()>,
}

impl Writer<'_> {
    /// Adds what `write` appends: a batch or nothing.
    fn push(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), BatchError>) -> Result<(), BatchError> {
        let start = self.buffer.len();
        write(&mut self.buffer)?;
        if let Ok(header) = BatchHeader::read(&self.buffer[start..]) {
            self.segment.extend(&header);
        }
        if self.buffer.len() >= WRITE_BYTES {
            self.write();
        }
        Ok(())
    }

    fn write(&mut self) {
        if self.outcome.is_ok() {
            self.outcome = self.file.write_at(&self.buffer, self.written);
        }
        self.written += to_u64(self.buffer.len());
        self.buffer.clear();
    }

    /// Writes the rest and makes it durable.
    fn finish(mut self) -> io::Result<Segment> {
        self.write();
        self.outcome?;
        self.file.sync()?;
        Ok(self.segment)
    }
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Throws output away. What cannot be removed goes at the next start.
fn remove_cleaned(disk: &dyn Disk, dir: &Path, groups: &[Group]) {
    for group in groups {
        let _ = remove_if_exists(disk, &suffixed(&log_path(dir, group.replacement.base), CLEANED_SUFFIX));
    }
}

#[cfg(test)]
mod tests;

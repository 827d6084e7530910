//! Opening a log: what the manifest promises must be there; what came after is read, and cut at the first bad byte.
//!
//! 1. Finish or undo a compaction that was interrupted (the manifest says which), and drop leftovers.
//! 2. Check that every segment of the manifest exists with its length. The last may have grown.
//! 3. Read what the manifest does not cover, batch by batch: structure, checksum, offsets without gaps. The first bad
//!    byte above the recovery point ends the log there, and all later segments go. Below it, the log does not open.
//! 4. Sync what was read: from here on it counts as durable.
//! 5. Rebuild producer state from the newest snapshot and the batches after it.
//! 6. Store the manifest.
//!
//! Step 3 reads nothing after a clean stop, and about one segment after a crash.

use std::io;
use std::path::Path;
use std::sync::Arc;

use streams_core::{Error, ErrorKind, Offset, Result, ResultExt as _, Timestamp};

use super::config::LogConfig;
use super::index::SegmentIndex;
use super::manifest::{Manifest, SegmentFacts};
use super::producers::Producers;
use super::segment::{self, check_follows, log_path, offset_of_name, snapshot_path, Segment};
use super::snapshot;
use super::sync::{empty_mark, DurableMark};
use super::tail::Tail;
use super::window::{to_u64, NoBatch, Window, SCAN_BYTES, WALK_BYTES};
use super::Log;
use crate::disk::{read_file, remove_if_exists, Disk, OpenMode, TEMPORARY_SUFFIX};

/// The suffix of a file that compaction is still writing.
pub(super) const CLEANED_SUFFIX: &str = ".cleaned";

/// The suffix of a compacted file that is about to replace segments.
pub(super) const SWAP_SUFFIX: &str = ".swap";

/// How many snapshots stay: the newest, and one to fall back on.
const SNAPSHOTS_KEPT: usize = 2;

/// What opening a log found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// There was nothing: the log is new.
    pub created: bool,
    /// How many bytes of batches were read and verified.
    pub verified_bytes: u64,
    /// What was cut off, when something was; worth a warning.
    pub truncated: Option<Truncation>,
}

/// A tail that was cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Truncation {
    /// The file that was cut.
    pub file: String,
    /// At which byte.
    pub at_byte: u64,
    /// How many bytes are gone, those of later segments included.
    pub bytes: u64,
    /// The first offset that is gone; the next record gets it.
    pub from_offset: Offset,
    /// What was wrong there.
    pub reason: String,
}

impl std::fmt::Display for Truncation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, at_byte, bytes, from_offset, reason } = self;
        write!(f, "truncated {bytes} bytes of {file} from byte {at_byte} (offset {from_offset}) on: {reason}")
    }
}

impl Log {
    /// Whether there is a log in `dir`.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the disk does not say.
    pub(crate) fn exists(disk: &dyn Disk, dir: &Path) -> Result<bool> {
        match disk.list(dir) {
            Ok(names) => Ok(!names.is_empty()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).context(|| format!("list {}", dir.display())),
        }
    }

    /// Opens the log in `dir`, which is made when it does not exist.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when bytes that were durable are damaged or missing: the message names file and byte,
    /// nothing was changed, and the partition must stay offline. [`ErrorKind::Io`] when the disk refuses.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path, config: LogConfig, now: Timestamp) -> Result<(Self, Recovery)> {
        let found = Found::gather(&*disk, dir)?;
        let mut opening =
            Opening { disk: &*disk, dir, config: &config, manifest: found.manifest, report: Recovery::default() };
        opening.report.created = found.created;
        let mut segments = opening.listed_segments(&found.bases)?;
        opening.drop_leftovers(&found.bases)?;
        let unlisted = found.bases.iter().copied().filter(|base| *base >= opening.manifest.recovery_point);
        let unlisted: Vec<Offset> = unlisted.filter(|base| segments.iter().all(|known| known.base != *base)).collect();
        let active_index = opening.recover_tail(&mut segments, &unlisted)?;
        let manifest = opening.manifest.clone();
        let recovery = opening.report;
        let active_file = match segments.last().and_then(|segment| segment.file.clone()) {
            Some(file) => file,
            None => return Err(Error::new(ErrorKind::Internal, "recovery left no active segment")),
        };
        let mut log = Self {
            disk,
            dir: dir.to_owned(),
            config,
            log_start: manifest.log_start,
            active_file,
            active_index,
            tail: Tail::default(),
            appended_bytes: 0,
            producers: Producers::default(),
            durable: empty_mark(manifest.recovery_point),
            sparse_to: manifest.sparse_to,
            cleaned_to: manifest.cleaned_to,
            recovery_point: manifest.recovery_point,
            names_changed: 0,
            names_durable: 0,
            stopped: None,
            segments,
        };
        log.durable = DurableMark::at_end_of(log.active(), 0);
        log.log_start = log.log_start.max(log.segments[0].base).min(log.end_offset());
        log.recover_producers(now)?;
        // A start beyond what a crash left must not apply to the records that will take those offsets.
        let is_start_kept = manifest.log_start == log.log_start;
        let unchanged = manifest.recovery_point == log.end_offset() && is_start_kept && !recovery.created;
        if !unchanged {
            log.store_manifest(None)?;
        }
        Ok((log, recovery))
    }

    /// Step 5.
    fn recover_producers(&mut self, now: Timestamp) -> Result<()> {
        let end = self.end_offset();
        let mut from = self.log_start;
        let names = self.disk.list(&self.dir).context(|| format!("list {}", self.dir.display()))?;
        let mut snapshots: Vec<Offset> = names.iter().filter_map(|name| offset_of_name(name, "snapshot")).collect();
        snapshots.sort_unstable();
        for offset in snapshots.into_iter().rev() {
            let path = snapshot_path(&self.dir, offset);
            let usable = offset <= end;
            let content = read_file(&*self.disk, &path, snapshot::SNAPSHOT_BYTES_MAX).ok().filter(|_| usable);
            if let Some(producers) = content.and_then(|bytes| snapshot::decode(&bytes)) {
                self.producers = producers;
                from = offset.max(from);
                break;
            }
            // Damaged, or of a tail that was cut off: it must not be mistaken for the state of what follows.
            remove_if_exists(&*self.disk, &path).context(|| format!("remove {}", path.display()))?;
            self.disk.sync_dir(&self.dir).context(|| format!("sync {}", self.dir.display()))?;
        }
        for segment in self.segments.iter().filter(|segment| segment.end > from) {
            let file = segment.open(&*self.disk, &self.dir).context(|| format!("open segment {}", segment.base))?;
            let mut window = Window::new(&*file, segment.bytes, SCAN_BYTES);
            let mut at = 0;
            while at < segment.bytes {
                let (header, _) = window.batch(at).map_err(|why| self.damaged(segment, at, why))?;
                if header.last_offset() >= from {
                    self.producers.note(&header, Offset(header.base_offset), Timestamp::UNKNOWN, now);
                }
                at += to_u64(header.size);
            }
        }
        self.producers.expire(now, self.config.producer_id_expiration_ms);
        Ok(())
    }
}

/// What is in a directory.
struct Found {
    manifest: Manifest,
    created: bool,
    /// Of the segments, ascending.
    bases: Vec<Offset>,
}

impl Found {
    fn gather(disk: &dyn Disk, dir: &Path) -> Result<Self> {
        disk.create_dir_all(dir).context(|| format!("create {}", dir.display()))?;
        let stored = Manifest::load(disk, dir)?;
        let created = stored.is_none();
        let mut manifest = stored.unwrap_or_default();
        if let Some(swap) = manifest.swap.take() {
            finish_swap(disk, dir, &swap).context(|| format!("finish the compaction of {}", dir.display()))?;
            manifest.store(disk, dir).context(|| format!("write the state of {}", dir.display()))?;
        }
        let names = disk.list(dir).context(|| format!("list {}", dir.display()))?;
        for name in &names {
            let unfinished =
                [TEMPORARY_SUFFIX, CLEANED_SUFFIX, SWAP_SUFFIX].iter().any(|suffix| name.ends_with(suffix));
            if unfinished {
                remove_if_exists(disk, &dir.join(name)).context(|| format!("remove {name} in {}", dir.display()))?;
            }
        }
        let mut bases: Vec<Offset> = names.iter().filter_map(|name| offset_of_name(name, "log")).collect();
        bases.sort_unstable();
        if created && !bases.is_empty() {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!("{} has segments but no log-state file: restore it from a backup", dir.display()),
            ));
        }
        if created {
            manifest.store(disk, dir).context(|| format!("write the state of {}", dir.display()))?;
        }
        Ok(Self { manifest, created, bases })
    }
}

/// Puts a compacted file in the place of the segments of its range. Every step may have happened already.
pub(super) fn finish_swap(disk: &dyn Disk, dir: &Path, swap: &SegmentFacts) -> io::Result<()> {
    for name in disk.list(dir)? {
        let replaced = offset_of_name(&name, "log").filter(|base| *base > swap.base && *base < swap.end);
        if let Some(base) = replaced {
            remove_segment_files(disk, dir, base)?;
        }
    }
    remove_if_exists(disk, &segment::index_path(dir, swap.base))?;
    remove_if_exists(disk, &segment::time_index_path(dir, swap.base))?;
    let target = log_path(dir, swap.base);
    let mut ready = target.clone().into_os_string();
    ready.push(SWAP_SUFFIX);
    match disk.rename(Path::new(&ready), &target) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    disk.sync_dir(dir)
}

/// Removes a segment and its indexes.
pub(super) fn remove_segment_files(disk: &dyn Disk, dir: &Path, base: Offset) -> io::Result<()> {
    remove_if_exists(disk, &segment::index_path(dir, base))?;
    remove_if_exists(disk, &segment::time_index_path(dir, base))?;
    remove_if_exists(disk, &log_path(dir, base))
}

/// Keeps the newest snapshots only.
pub(super) fn remove_old_snapshots(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    let mut offsets: Vec<Offset> = disk.list(dir)?.iter().filter_map(|name| offset_of_name(name, "snapshot")).collect();
    offsets.sort_unstable();
    let surplus = offsets.len().saturating_sub(SNAPSHOTS_KEPT);
    offsets[..surplus].iter().try_for_each(|offset| remove_if_exists(disk, &snapshot_path(dir, *offset)))
}

/// A log while it is opened.
struct Opening<'a> {
    disk: &'a dyn Disk,
    dir: &'a Path,
    config: &'a LogConfig,
    manifest: Manifest,
    report: Recovery,
}

impl Opening<'_> {
    /// Step 2: the segments of the manifest, with their lengths checked.
    fn listed_segments(&self, bases: &[Offset]) -> Result<Vec<Segment>> {
        let mut segments: Vec<Segment> = Vec::with_capacity(self.manifest.segments.len());
        for (number, facts) in self.manifest.segments.iter().enumerate() {
            let path = log_path(self.dir, facts.base);
            let corrupt = |what: String| Error::new(ErrorKind::Corrupt, format!("{} {what}", path.display()));
            if !bases.contains(&facts.base) {
                return Err(corrupt("is missing: restore it from a backup".to_owned()));
            }
            let file = self.disk.open(&path, OpenMode::Write).context(|| format!("open {}", path.display()))?;
            let size = file.size().context(|| format!("read {}", path.display()))?;
            let last = number + 1 == self.manifest.segments.len();
            if size < facts.bytes || (size > facts.bytes && !last) {
                return Err(corrupt(format!("has {size} bytes where {} were written: it is damaged", facts.bytes)));
            }
            if let Some(before) = segments.last_mut() {
                before.file = None;
            }
            segments.push(Segment {
                base: facts.base,
                end: facts.end,
                bytes: facts.bytes,
                max_timestamp: facts.max_timestamp,
                first_timestamp: Timestamp::UNKNOWN,
                file: Some(file),
            });
        }
        Ok(segments)
    }

    /// Removes segments that the manifest dropped before a crash: those below the recovery point that it does not list.
    fn drop_leftovers(&self, bases: &[Offset]) -> Result<()> {
        let listed = |base: &Offset| self.manifest.segments.iter().any(|facts| facts.base == *base);
        for base in bases.iter().filter(|base| **base < self.manifest.recovery_point && !listed(base)) {
            remove_segment_files(self.disk, self.dir, *base)
                .context(|| format!("remove segment {base} in {}", self.dir.display()))?;
        }
        Ok(())
    }

    /// Steps 3 and 4. Returns the index of the active segment.
    fn recover_tail(&mut self, segments: &mut Vec<Segment>, unlisted: &[Offset]) -> Result<SegmentIndex> {
        let mut index = SegmentIndex::default();
        let mut cut = false;
        if let Some(last) = segments.last_mut() {
            match self.unchanged_index(last)? {
                Some(known) => index = known,
                None => (index, cut) = self.scan(last)?,
            }
        }
        for (number, base) in unlisted.iter().enumerate() {
            let due = segments.last().map_or(self.manifest.recovery_point, |last| last.end);
            if cut || *base != due {
                self.drop_segments(&unlisted[number..], due)?;
                break;
            }
            if let Some(closed) = segments.last_mut() {
                // Caches; closed segments are opened when they are read.
                let _ = segment::write_indexes(self.disk, self.dir, closed.base, &index);
                closed.file = None;
            }
            let path = log_path(self.dir, *base);
            let file = self.disk.open(&path, OpenMode::Write).context(|| format!("open {}", path.display()))?;
            let mut next = Segment::empty(*base, Some(file));
            (index, cut) = self.scan(&mut next)?;
            segments.push(next);
        }
        if segments.is_empty() {
            let base = self.manifest.recovery_point;
            let path = log_path(self.dir, base);
            let file = self.disk.open(&path, OpenMode::Create).context(|| format!("create {}", path.display()))?;
            segments.push(Segment::empty(base, Some(file)));
        }
        self.disk.sync_dir(self.dir).context(|| format!("sync {}", self.dir.display()))?;
        Ok(index)
    }

    /// The index of the last segment of the manifest if it has not grown since and its index files are good.
    fn unchanged_index(&self, segment: &mut Segment) -> Result<Option<SegmentIndex>> {
        let path = log_path(self.dir, segment.base);
        let Some(file) = &segment.file else { return Ok(None) };
        if file.size().context(|| format!("read {}", path.display()))? != segment.bytes {
            return Ok(None);
        }
        let uncovered_bytes_max = self.config.index_interval_bytes + 2 * to_u64(self.config.max_message_bytes);
        let index_bytes_max = self.config.segment_index_bytes;
        if segment.bytes == 0 {
            return Ok(Some(SegmentIndex::default()));
        }
        let index = segment::load_index(self.disk, self.dir, segment, index_bytes_max, uncovered_bytes_max);
        match Window::new(&**file, segment.bytes, WALK_BYTES).header(0) {
            Ok(first) => segment.first_timestamp = first.max_timestamp,
            Err(_) => return Ok(None),
        }
        Ok(index)
    }

    /// Reads a segment from its start, sets what it holds, and cuts it at the first bad byte if that lies after what the
    /// manifest says of it. Returns its index and whether it was cut.
    fn scan(&mut self, segment: &mut Segment) -> Result<(SegmentIndex, bool)> {
        let promised = segment.facts();
        let path = log_path(self.dir, segment.base);
        let Some(file) = segment.file.clone() else {
            return Err(Error::new(ErrorKind::Internal, "recovery reads a closed segment"));
        };
        let size = file.size().context(|| format!("read {}", path.display()))?;
        let dense = segment.base >= self.manifest.sparse_to;
        let mut index = SegmentIndex::default();
        let mut window = Window::new(&*file, size, SCAN_BYTES);
        *segment = Segment::empty(segment.base, segment.file.take());
        let bad = loop {
            let at = segment.bytes;
            if at == promised.bytes {
                // Compaction may have taken the last records; their offsets stay taken.
                segment.end = segment.end.max(promised.end);
            }
            if at >= size {
                break None;
            }
            let batch = window.batch(at).and_then(|(header, _)| {
                check_follows(&header, segment.end, dense)?;
                Ok(header)
            });
            match batch {
                Ok(header) => {
                    index.note(segment.base, &header, at, self.config.index_interval_bytes);
                    segment.extend(&header);
                }
                Err(NoBatch::Io(error)) => {
                    return Err(error).context(|| format!("read {} at byte {at}", path.display()))
                }
                Err(why) => break Some(why),
            }
        };
        self.report.verified_bytes += segment.bytes;
        let Some(why) = bad else {
            file.sync().context(|| format!("sync {}", path.display()))?;
            return Ok((index, false));
        };
        let at = segment.bytes;
        if at < promised.bytes {
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "{} is damaged at byte {at} (offset {}), which was durable: {why}; restore the file from a backup",
                    path.display(),
                    segment.end
                ),
            ));
        }
        file.truncate(at).and_then(|()| file.sync()).context(|| format!("truncate {}", path.display()))?;
        self.report_cut(&path, at, size - at, segment.end, why.to_string());
        Ok((index, true))
    }

    /// Removes segments that do not continue what is before them.
    fn drop_segments(&mut self, bases: &[Offset], due: Offset) -> Result<()> {
        for base in bases {
            let path = log_path(self.dir, *base);
            let size = self.disk.open(&path, OpenMode::Read).and_then(|file| file.size());
            let size = size.context(|| format!("read {}", path.display()))?;
            self.report_cut(&path, 0, size, due, format!("the segment starts at offset {base} where {due} is due"));
            remove_segment_files(self.disk, self.dir, *base).context(|| format!("remove {}", path.display()))?;
        }
        Ok(())
    }

    /// The first cut names the place; later ones add their bytes.
    fn report_cut(&mut self, path: &Path, at_byte: u64, bytes: u64, from_offset: Offset, reason: String) {
        let cut = self.report.truncated.get_or_insert_with(|| Truncation {
            file: path.display().to_string(),
            at_byte,
            bytes: 0,
            from_offset,
            reason,
        });
        cut.bytes += bytes;
    }
}

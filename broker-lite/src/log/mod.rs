//! One partition's append-only log: step functions over a [`Disk`]. No threads, no locks, no clock.
//!
//! ```text
//! <data>/topics/<topic id>/<partition>/
//!   log-state                        what must be there: see `manifest`
//!   00000000000000000000.log         batches, one after the other, exactly as served      closed segment
//!   00000000000000000000.index       offset -> position, sparse (cache)
//!   00000000000000000000.timeindex   time -> offset, sparse (cache)
//!   00000000000000002345.log         the active segment: appends go here
//!   00000000000000002345.snapshot    producers before 2345 (cache)
//!
//! offsets   log_start ......... recovery point ........ durable end ........ end
//!           first readable      checkpointed as         synced               appended
//!                               durable
//! ```
//!
//! Invariants:
//! - Offsets only grow. An offset that was acknowledged or shown to a reader never names other bytes: under
//!   [`Durability::Fsync`] readers see nothing past the durable end.
//! - A batch is there as a whole or not at all. A failed write is cut off again; if even that fails the log stops.
//! - After a failed sync nothing is known about what the disk holds, so the log stops for good: no retry, no more
//!   appends. Opening it again verifies what is there.
//! - Recovery cuts only above the recovery point. A damaged byte below is an error that names it.
//! - Bytes are stored and served exactly as appended, but for base offset and leader epoch, which lie outside the
//!   checksum (and the timestamp of topics that use the broker's time).
//! - Indexes and snapshots are caches.
//!
//! How a broker uses it; only step 2 takes long, and it needs no lock on the log:
//!
//! ```text
//! let (log, recovery) = Log::open(disk, dir, config, now)?;            // Recovery says what was cut, if anything
//! let appended = log.append(batches, &AppendContext { .. })?;          // answer when durable_end > last_offset
//! let ticket = log.begin_sync();                                       // 1. None when all is durable
//! let synced = ticket.run();                                           // 2. fdatasync, off the lock, any thread
//! let durable_end = log.complete_sync(synced)?;                        // 3. answers wait no longer
//! let bytes = log.read(from, max_bytes, log.visible_end(), true)?;     // whole batches; empty at the end
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use streams_core::{Offset, Timestamp};

use crate::disk::{replace_cache_file, Disk, DiskFile, OpenMode};

pub mod config;
pub mod error;

mod batch;
mod index;
mod manifest;
mod producers;
mod rewrite;
mod segment;
mod snapshot;
mod tail;
mod validate;
mod window;

mod append;
mod compaction;
mod read;
mod recovery;
mod retention;
mod sync;

pub use append::{AppendContext, Appended, Origin};
pub use compaction::{Compacted, CompactionOutput, CompactionTask};
pub use config::{CleanupPolicy, Durability, LogConfig, TimestampType, Validation};
pub use error::{LogError, LogResult};
pub use recovery::{Recovery, Truncation};
pub use retention::Removed;
pub use sync::{SyncTicket, Synced};
pub use tail::TailBudget;

use index::SegmentIndex;
use manifest::Manifest;
use producers::Producers;
use segment::Segment;
use sync::DurableMark;
use tail::Tail;

/// The log of one partition. See the module for how it is used.
#[derive(Debug)]
pub struct Log {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    config: LogConfig,
    log_start: Offset,
    /// Ascending, contiguous, never empty; the last is the active one.
    segments: Vec<Segment>,
    active_file: Arc<dyn DiskFile>,
    active_index: SegmentIndex,
    tail: Tail,
    /// Since the log was opened.
    appended_bytes: u64,
    producers: Producers,
    durable: DurableMark,
    /// In segments that start before it, compaction may have made gaps.
    sparse_to: Offset,
    /// Everything before was compacted.
    cleaned_to: Offset,
    /// The recovery point of the stored manifest.
    recovery_point: Offset,
    /// Counts changes of names in the directory, and how many of them are durable.
    names_changed: u64,
    names_durable: u64,
    /// Why the log takes no more appends.
    stopped: Option<String>,
}

impl Log {
    /// The first offset that readers may ask for.
    pub fn start_offset(&self) -> Offset {
        self.log_start
    }

    /// The offset that the next record gets.
    pub fn end_offset(&self) -> Offset {
        self.active().end
    }

    /// Everything before this offset is on disk.
    pub fn durable_end(&self) -> Offset {
        self.durable.end
    }

    /// Readers may see everything before this offset: the durable end under [`Durability::Fsync`], else the end.
    pub fn visible_end(&self) -> Offset {
        match self.config.durability {
            Durability::Fsync => self.durable.end,
            Durability::Os => self.end_offset(),
        }
    }

    /// How many bytes became visible since the log was opened. What it grew by is what a reader who was at the visible end
    /// finds now, or a little more when compaction came in between.
    pub fn visible_bytes(&self) -> u64 {
        match self.config.durability {
            Durability::Fsync => self.durable.appended_bytes,
            Durability::Os => self.appended_bytes,
        }
    }

    /// The bytes of all segments.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }

    /// The largest timestamp in the newest segment that has one: of all, where times never go back.
    fn newest_timestamp(&self) -> Timestamp {
        let newest_first = self.segments.iter().rev().map(|segment| segment.max_timestamp);
        newest_first.into_iter().find(|time| *time != Timestamp::UNKNOWN).unwrap_or(Timestamp::UNKNOWN)
    }

    /// The largest timestamp of any record, or [`Timestamp::UNKNOWN`].
    pub fn max_timestamp(&self) -> Timestamp {
        self.segments.iter().map(|segment| segment.max_timestamp).fold(Timestamp::UNKNOWN, Timestamp::max)
    }

    /// Where the log lives.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The settings.
    pub fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Takes new settings, from the next operation on.
    pub fn configure(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// Keeps the newest batches in memory within what several logs may hold together, besides the limit of this one.
    pub fn share_tail(&mut self, budget: &Arc<TailBudget>) {
        self.tail.share(budget);
    }

    /// Why the log takes no more appends, when it does not.
    pub fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// Forgets idempotent producers that were silent for `producer.id.expiration.ms`; returns how many.
    pub fn expire_producers(&mut self, now: Timestamp) -> usize {
        self.producers.expire(now, self.config.producer_id_expiration_ms)
    }

    /// Writes down what is durable, so that the next start reads less. Not needed for safety.
    ///
    /// # Errors
    /// When the disk refuses; the log works on.
    pub fn checkpoint(&mut self) -> LogResult<()> {
        self.store_manifest(None)
    }

    /// Syncs everything and leaves the log so that the next start reads next to nothing. Not needed for safety.
    ///
    /// # Errors
    /// As for [`Log::complete_sync`] and [`Log::checkpoint`].
    pub fn close(mut self) -> LogResult<()> {
        if let Some(ticket) = self.begin_sync() {
            self.complete_sync(ticket.run())?;
        }
        if self.stopped.is_none() {
            self.active_index.finish_times();
            // Caches: a start without them reads the active segment.
            let _ = self.write_indexes();
            let _ = self.write_snapshot();
            self.store_manifest(None)?;
        }
        Ok(())
    }

    fn active(&self) -> &Segment {
        self.segments.last().expect("a log has an active segment from when it is opened")
    }

    /// Refuses when the log takes no more appends.
    fn check_running(&self) -> LogResult<()> {
        match &self.stopped {
            None => Ok(()),
            Some(why) => Err(LogError::stopped(format!("{}: {why}", self.dir.display()))),
        }
    }

    /// Ends all appends. What is visible stays readable.
    fn stop(&mut self, why: String) {
        self.stopped.get_or_insert(why);
    }

    /// Makes a new, empty active segment at `base`.
    fn start_segment(&mut self, base: Offset) -> io::Result<()> {
        let file = self.disk.open(&segment::log_path(&self.dir, base), OpenMode::Replace)?;
        self.names_changed += 1;
        self.segments.push(Segment::empty(base, Some(Arc::clone(&file))));
        self.active_file = file;
        self.active_index = SegmentIndex::default();
        Ok(())
    }

    fn write_indexes(&self) -> io::Result<()> {
        segment::write_indexes(&*self.disk, &self.dir, self.active().base, &self.active_index)
    }

    /// Writes the state of the producers as of the end of the log, and removes snapshots that are not needed.
    fn write_snapshot(&self) -> io::Result<()> {
        let path = segment::snapshot_path(&self.dir, self.end_offset());
        replace_cache_file(&*self.disk, &path, &snapshot::encode(&self.producers))?;
        recovery::remove_old_snapshots(&*self.disk, &self.dir)
    }

    /// Stores the manifest as of the durable mark.
    fn store_manifest(&mut self, swap: Option<manifest::SegmentFacts>) -> LogResult<()> {
        let manifest = Manifest {
            log_start: self.log_start,
            recovery_point: self.durable.end,
            sparse_to: self.sparse_to,
            cleaned_to: self.cleaned_to,
            segments: self.durable.facts(&self.segments),
            swap,
        };
        manifest
            .store(&*self.disk, &self.dir)
            .map_err(|error| LogError::storage(format!("write the state of {}", self.dir.display()), error))?;
        self.recovery_point = manifest.recovery_point;
        Ok(())
    }
}

//! One partition: its log behind a lock, its leader epochs, and the requests that wait for it.
//!
//! The high watermark is the log's visible end. Whoever moves it (an append, or a sync under `fsync`) calls
//! [`Partition::wake`] after releasing the lock. A log that cannot be opened, or whose sync failed, is offline: it
//! answers with a storage error and the reason stays for whoever asks. A deleted partition answers that it is unknown.
//! No question has an answer that would also be an empty log's: who reads it would take every record for processed, or
//! for never written.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;
use streams_core::{Error, ErrorKind, Offset, Result};

use super::epochs::Epochs;
use crate::disk::Disk;
use crate::log::{AppendContext, Log, LogConfig, LogError, Origin, Recovery, TailBudget};
use crate::purgatory::Waiters;

/// An epoch that a client does not know.
pub(crate) const NO_EPOCH: i32 = -1;

/// Where a partition's log lies, what it is called, and what it shares with others.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) directory: PathBuf,
    pub(crate) topic: &'a str,
    pub(crate) index: usize,
    /// What all partitions may keep in memory together.
    pub(crate) tails: Arc<TailBudget>,
}

/// One partition.
pub(crate) struct Partition {
    name: String,
    index: i32,
    epochs: Epochs,
    state: Mutex<State>,
    waiters: Waiters,
    is_in_sync_queue: AtomicBool,
    /// At the last append, a closed segment was not durable yet.
    has_dirty_segment: AtomicBool,
}

#[derive(Debug)]
enum State {
    Online(Box<Log>),
    Offline(String),
    Deleted,
}

/// Where a batch went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Appended {
    pub(crate) base_offset: i64,
    pub(crate) log_append_time_ms: i64,
    pub(crate) log_start_offset: i64,
}

/// What a read found.
#[derive(Debug)]
pub(crate) struct PartitionRead {
    pub(crate) high_watermark: i64,
    pub(crate) log_start_offset: i64,
    pub(crate) records: Bytes,
    /// [`Partition::visible_bytes`] at that moment.
    pub(crate) visible_bytes: u64,
}

/// Where a client's log parts from this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Divergence {
    /// The largest epoch that both have, as far as is known.
    pub(crate) epoch: i32,
    /// Where it ended here.
    pub(crate) end_offset: i64,
    pub(crate) log_start_offset: i64,
    pub(crate) high_watermark: i64,
}

/// Why a batch was not appended.
#[derive(Debug)]
pub(crate) struct AppendRefusal {
    pub(crate) code: ErrorCode,
    pub(crate) message: Option<String>,
    /// The records at fault, by their index in the batch, and why.
    pub(crate) records: Vec<(i32, String)>,
    /// The first offset of the log; -1 where Kafka does not tell it.
    pub(crate) log_start_offset: i64,
}

impl AppendRefusal {
    /// A refusal that explains itself.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..Self::from(code) }
    }
}

impl From<ErrorCode> for AppendRefusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: None, records: Vec::new(), log_start_offset: -1 }
    }
}

impl Partition {
    /// Makes the first log of a new partition.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(crate) fn create(place: Place<'_>, config: LogConfig, now: Timestamp) -> Result<Self> {
        let name = format!("{}-{}", place.topic, place.index);
        let (mut log, _) = Log::open(place.disk, &place.directory, config, now)?;
        log.share_tail(&place.tails);
        Ok(Self::new(name, place.index, Epochs::new(), State::Online(Box::new(log))))
    }

    /// Opens a partition that was there before and begins its next leader epoch. One that cannot be opened, or whose
    /// directory is gone, is offline, so that the others can work.
    pub(crate) fn open(place: Place<'_>, config: LogConfig, epochs: &[(i32, i64)], now: Timestamp) -> Self {
        let name = format!("{}-{}", place.topic, place.index);
        match open_existing(&place, config, now) {
            Ok((mut log, recovery)) => {
                log.share_tail(&place.tails);
                if let Some(cut) = recovery.truncated {
                    tracing::warn!("{name}: {cut}");
                }
                let epochs = Epochs::restarted(epochs, log.end_offset().0);
                Self::new(name, place.index, epochs, State::Online(Box::new(log)))
            }
            Err(error) => {
                let reason = error.report();
                tracing::error!("partition {name} is offline: {reason}");
                let epochs = Epochs::restarted(epochs, i64::MAX);
                Self::new(name, place.index, epochs, State::Offline(reason))
            }
        }
    }

    fn new(name: String, index: usize, epochs: Epochs, state: State) -> Self {
        Self {
            name,
            index: i32::try_from(index).unwrap_or(i32::MAX),
            epochs,
            state: Mutex::new(state),
            waiters: Waiters::default(),
            is_in_sync_queue: AtomicBool::new(false),
            has_dirty_segment: AtomicBool::new(false),
        }
    }

    /// The number within the topic.
    pub(crate) fn index(&self) -> i32 {
        self.index
    }

    /// The leader epochs.
    pub(crate) fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// The leader epoch in force.
    pub(crate) fn leader_epoch(&self) -> i32 {
        self.epochs.current()
    }

    /// The requests that wait for this partition.
    pub(crate) fn waiters(&self) -> &Waiters {
        &self.waiters
    }

    /// Tries the waiting requests, because there is more to read.
    pub(crate) fn wake(&self) {
        self.waiters.wake(false);
    }

    /// Appends a client's batch.
    ///
    /// # Errors
    /// The refusal of the log, for the client.
    pub(crate) fn append(&self, batch: Bytes, now: Timestamp) -> Result<Appended, AppendRefusal> {
        self.append_from(Origin::Client, batch, now)
    }

    /// Appends a batch of the broker's own.
    ///
    /// # Errors
    /// The refusal of the log.
    pub(crate) fn append_own(&self, batch: Bytes, now: Timestamp) -> Result<Appended, AppendRefusal> {
        self.append_from(Origin::Broker, batch, now)
    }

    fn append_from(&self, origin: Origin, batch: Bytes, now: Timestamp) -> Result<Appended, AppendRefusal> {
        let context = AppendContext { now, leader_epoch: self.leader_epoch(), origin };
        let mut state = self.lock();
        if let State::Offline(reason) = &*state {
            let message = format!("partition {} is offline: {reason}", self.name);
            return Err(AppendRefusal::new(ErrorCode::KAFKA_STORAGE_ERROR, message));
        }
        let log = state.log_mut()?;
        let appended = match log.append(batch, &context) {
            Ok(appended) => appended,
            Err(error) => return Err(self.refusal(&error, log.start_offset())),
        };
        self.has_dirty_segment.store(log.closed_segment_is_dirty(), Ordering::SeqCst);
        Ok(Appended {
            base_offset: appended.base_offset.0,
            log_append_time_ms: appended.log_append_time.0,
            log_start_offset: appended.log_start_offset.0,
        })
    }

    fn refusal(&self, error: &LogError, log_start: Offset) -> AppendRefusal {
        let message = format!("{}: {}", self.name, error.error().report());
        if error.code() == ErrorCode::KAFKA_STORAGE_ERROR {
            tracing::error!("append to {message}");
        }
        let tells_start = !matches!(
            error.code(),
            ErrorCode::MESSAGE_TOO_LARGE
                | ErrorCode::RECORD_LIST_TOO_LARGE
                | ErrorCode::CORRUPT_MESSAGE
                | ErrorCode::KAFKA_STORAGE_ERROR
        );
        AppendRefusal {
            code: error.code(),
            message: Some(message),
            records: error.records().to_vec(),
            log_start_offset: if tells_start { log_start.0 } else { -1 },
        }
    }

    /// Reads whole batches from the one that contains `offset`. `at_least_one` returns the first batch even when it
    /// is larger than `bytes_max`.
    ///
    /// # Errors
    /// Out of range, or a storage error.
    pub(crate) fn read(&self, offset: i64, bytes_max: usize, at_least_one: bool) -> Result<PartitionRead, ErrorCode> {
        let state = self.lock();
        let log = state.log()?;
        let (start, end) = (log.start_offset(), log.visible_end());
        let offset = Offset(offset);
        if offset < start || offset > end {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        let records = if offset == end {
            Bytes::new()
        } else {
            log.read(offset, bytes_max, end, at_least_one).map_err(|error| self.read_error(&error))?
        };
        let visible_bytes = log.visible_bytes();
        Ok(PartitionRead { high_watermark: end.0, log_start_offset: start.0, records, visible_bytes })
    }

    /// A count of visible bytes that only grows, for who waits at `offset` for more of them: no byte is read.
    ///
    /// # Errors
    /// As [`Self::read`]: there is no reason to wait.
    pub(crate) fn visible_bytes(&self, offset: i64) -> Result<u64, ErrorCode> {
        let state = self.lock();
        let log = state.log()?;
        if Offset(offset) < log.start_offset() {
            return Err(ErrorCode::OFFSET_OUT_OF_RANGE);
        }
        Ok(log.visible_bytes())
    }

    fn read_error(&self, error: &LogError) -> ErrorCode {
        tracing::error!("read {}: {}", self.name, error.error().report());
        error.code()
    }

    /// Reads for the broker itself: whole batches from the one that contains `offset` on, none at the end.
    ///
    /// # Errors
    /// Why the partition is offline, or which file cannot be read at which byte.
    pub(crate) fn read_own(&self, offset: i64, bytes_max: usize) -> Result<Bytes> {
        match &*self.lock() {
            State::Online(log) => Ok(log.read(Offset(offset), bytes_max, log.visible_end(), true)?),
            State::Offline(reason) => Err(Error::new(ErrorKind::Corrupt, reason.clone())),
            State::Deleted => Err(Error::new(ErrorKind::Closed, "the topic was deleted")),
        }
    }

    /// The first offset and the high watermark.
    ///
    /// # Errors
    /// A storage error while the partition is offline.
    pub(crate) fn bounds(&self) -> Result<(i64, i64), ErrorCode> {
        let state = self.lock();
        let log = state.log()?;
        Ok((log.start_offset().0, log.visible_end().0))
    }

    /// The first visible record with the largest timestamp, as (timestamp, offset).
    ///
    /// # Errors
    /// A storage error.
    pub(crate) fn offset_of_max_timestamp(&self) -> Result<Option<(i64, i64)>, ErrorCode> {
        let state = self.lock();
        let found = state.log()?.offset_of_max_timestamp().map_err(|error| self.read_error(&error))?;
        Ok(found.map(|(offset, timestamp)| (timestamp.0, offset.0)))
    }

    /// The first visible record at or after a time, as (timestamp, offset).
    ///
    /// # Errors
    /// A storage error.
    pub(crate) fn offset_at(&self, time: Timestamp) -> Result<Option<(i64, i64)>, ErrorCode> {
        let state = self.lock();
        let log = state.log()?;
        let found = log.offset_for_timestamp(time).map_err(|error| self.read_error(&error))?;
        Ok(found.map(|(offset, timestamp)| (timestamp.0, offset.0)))
    }

    /// Makes `offset` the first one, durably; returns the first offset. An earlier offset changes nothing.
    ///
    /// # Errors
    /// A storage error.
    pub(crate) fn delete_records(&self, offset: i64) -> Result<i64, ErrorCode> {
        let start = {
            let mut state = self.lock();
            let log = state.log_mut()?;
            log.delete_records(Offset(offset)).map_err(|error| self.read_error(&error))?.0
        };
        self.wake();
        Ok(start)
    }

    /// Compares a client's idea of the leader epoch with the one in force.
    ///
    /// # Errors
    /// When it is older or newer.
    pub(crate) fn check_epoch(&self, epoch: i32) -> Result<(), ErrorCode> {
        match epoch {
            NO_EPOCH => Ok(()),
            epoch if epoch < self.leader_epoch() => Err(ErrorCode::FENCED_LEADER_EPOCH),
            epoch if epoch > self.leader_epoch() => Err(ErrorCode::UNKNOWN_LEADER_EPOCH),
            _ => Ok(()),
        }
    }

    /// The largest epoch up to `epoch` and where it ended.
    ///
    /// # Errors
    /// A storage error while the partition is offline.
    pub(crate) fn end_of_epoch(&self, epoch: i32) -> Result<Option<(i32, i64)>, ErrorCode> {
        let (_, end) = self.bounds()?;
        Ok(self.epochs.end_of(epoch, end))
    }

    /// Where a client that read up to `offset` in `epoch` has to go back to, if its records are gone.
    ///
    /// # Errors
    /// Out of range for an epoch that never was and an offset before the first one; a storage error while the partition
    /// is offline.
    pub(crate) fn diverges(&self, epoch: i32, offset: i64) -> Result<Option<Divergence>, ErrorCode> {
        if epoch < 0 {
            return Ok(None);
        }
        let (log_start_offset, high_watermark) = self.bounds()?;
        let end = self.epochs.end_of(epoch, high_watermark).filter(|_| offset >= log_start_offset);
        let (known, end_offset) = end.ok_or(ErrorCode::OFFSET_OUT_OF_RANGE)?;
        let diverges = known < epoch || end_offset < offset;
        Ok(diverges.then_some(Divergence { epoch: known, end_offset, log_start_offset, high_watermark }))
    }

    /// Takes a place in the sync queue; false when it has one already.
    pub(crate) fn enter_sync_queue(&self) -> bool {
        !self.is_in_sync_queue.swap(true, Ordering::SeqCst)
    }

    /// Whether a closed segment waits for a sync: until then it can be neither deleted nor compacted, its file stays
    /// open, and the next start reads it.
    pub(crate) fn has_dirty_segment(&self) -> bool {
        self.has_dirty_segment.load(Ordering::SeqCst)
    }

    /// Makes what was appended durable, without holding the lock while the disk works, and wakes readers. Returns why
    /// the log stopped, if it did.
    pub(crate) fn sync(&self) -> Option<String> {
        self.is_in_sync_queue.store(false, Ordering::SeqCst);
        let ticket = match &*self.lock() {
            State::Online(log) => log.begin_sync(),
            _ => None,
        };
        let synced = ticket?.run();
        let mut stopped = None;
        if let State::Online(log) = &mut *self.lock() {
            if let Err(error) = log.complete_sync(synced) {
                tracing::error!("sync {}: {}", self.name, error.error().report());
                stopped = log.stopped().map(|why| format!("partition {}: {why}", self.name));
            }
        }
        self.wake();
        stopped
    }

    /// Why this partition takes no appends, if it does not.
    pub(crate) fn offline_reason(&self) -> Option<String> {
        match &*self.lock() {
            State::Online(log) => log.stopped().map(str::to_owned),
            State::Offline(reason) => Some(reason.clone()),
            State::Deleted => Some("the topic was deleted".to_owned()),
        }
    }

    /// Whether the topic was deleted.
    pub(crate) fn is_deleted(&self) -> bool {
        matches!(&*self.lock(), State::Deleted)
    }

    /// Deletes old segments, compacts, and forgets silent producers; what is not durable stays. Compaction works beside
    /// appends and reads; calls must not overlap.
    pub(crate) fn maintain(&self, now: Timestamp) {
        let task = match &mut *self.lock() {
            State::Online(log) => {
                log.expire_producers(now);
                if let Err(error) = log.retain(now) {
                    tracing::warn!("retention of {}: {}", self.name, error.error().report());
                }
                log.begin_compaction(now)
            }
            _ => None,
        };
        let Some(task) = task else { return };
        let compacted = task.run().and_then(|output| match &mut *self.lock() {
            State::Online(log) => log.complete_compaction(output).map(drop),
            _ => Ok(()),
        });
        if let Err(error) = compacted {
            tracing::warn!("compaction of {}: {}", self.name, error.error().report());
        }
    }

    /// Closes the log; whoever waits is answered. The data is removed by the caller.
    pub(crate) fn delete(&self) {
        *self.lock() = State::Deleted;
        self.waiters.wake(true);
    }

    /// Takes no more appends and reads, for a reason that a restart may mend.
    pub(crate) fn take_offline(&self, reason: &str) {
        let mut state = self.lock();
        if matches!(*state, State::Online(_)) {
            *state = State::Offline(reason.to_owned());
        }
        drop(state);
        self.waiters.wake(true);
    }

    /// Syncs and closes the log, because the broker stops.
    pub(crate) fn close(&self) {
        let state = std::mem::replace(&mut *self.lock(), State::Offline("the broker is stopping".to_owned()));
        if let State::Online(log) = state {
            if let Err(error) = log.close() {
                tracing::error!("close {}: {}", self.name, error.error().report());
            }
        }
        self.waiters.wake(true);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a log that must be there: to make an empty one in its place would pass for having lost nothing.
fn open_existing(place: &Place<'_>, config: LogConfig, now: Timestamp) -> Result<(Log, Recovery)> {
    if !Log::exists(&*place.disk, &place.directory)? {
        let message = format!(
            "{} is missing or empty, and with it every record: restore it from a backup, or delete the topic",
            place.directory.display()
        );
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    Log::open(Arc::clone(&place.disk), &place.directory, config, now)
}

impl State {
    fn log(&self) -> Result<&Log, ErrorCode> {
        match self {
            Self::Online(log) => Ok(log),
            Self::Offline(_) => Err(ErrorCode::KAFKA_STORAGE_ERROR),
            Self::Deleted => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        }
    }

    fn log_mut(&mut self) -> Result<&mut Log, ErrorCode> {
        match self {
            Self::Online(log) => Ok(log),
            Self::Offline(_) => Err(ErrorCode::KAFKA_STORAGE_ERROR),
            Self::Deleted => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        }
    }
}

impl fmt::Debug for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partition({})", self.name)
    }
}

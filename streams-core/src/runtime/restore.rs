//! Restores the byte stores of tasks from their changelogs, before the tasks are built around them.
//!
//! ```text
//! every store with a changelog:
//!
//! FindEnd ──► FindStart ──► Checking ──► Reading ──► Done
//!    ▲                        │ │           │         ▲
//!    │                        │ └─ nothing to read ───┘
//!    └─────── wiped ──────────┴─────────────┘  the log no longer has what comes next, or what the rows are of
//! ```
//!
//! A store goes on behind the offset that it committed together with its rows; one in memory begins at the start of
//! its log. What is written to the log while it is read is not waited for: the end is taken once, at the start, when
//! nobody else writes it. If the log no longer holds the store's next record, or ends before it, then rows and log do
//! not belong together: the store is wiped and read from the start. But a log without any record cannot rebuild what the
//! store has: then nothing is wiped, and the application does not start.
//!
//! A log may also have lost its end and be filled again past the store's offset. So the leader is asked first where the
//! epoch ended in which a leader had the store's last record (see [`ChangelogPosition`]); if that is before it, the store
//! is wiped, too. A store of which no epoch is known is not checked.
//!
//! Where a log ends and begins is asked again and again while no broker says it, but not longer than `task.timeout.ms`.
//!
//! No serde and no user code runs here, only bytes are copied; a restoration that is cut off goes on where its last
//! batch ended, as every batch is written with its offset in one piece.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::client::consumer::{Consumer, FetchedPartition, OffsetAndMetadata};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::ids::{ChangelogPosition, Offset, TaskId, TopicPartition};
use crate::protocol::batch::Scratch;
use crate::state::{ChangelogRow, RestoringStore, StoreSpec};
use crate::time::Timestamp;

/// Told how stores are restored. Runs on the thread that restores.
pub trait StateRestoreListener: Send + Sync {
    /// A store begins to read `start..end` of its changelog.
    fn on_restore_start(&self, partition: &TopicPartition, store: &str, start: Offset, end: Offset) {
        let _ = (partition, store, start, end);
    }

    /// Some records were written into the store.
    fn on_batch_restored(&self, partition: &TopicPartition, store: &str, batch_end: Offset, records: u64) {
        let _ = (partition, store, batch_end, records);
    }

    /// The store has reached the end.
    fn on_restore_end(&self, partition: &TopicPartition, store: &str, records: u64) {
        let _ = (partition, store, records);
    }
}

/// Opens a store's rows, after a wipe where it is told so.
pub(crate) type OpenStore<'a> = &'a dyn Fn(TaskId, &StoreSpec, Rows) -> Result<RestoringStore>;

/// Which rows an opened store has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// Those it had.
    Kept,
    /// None.
    Wiped,
}

/// A store of a task, restored or on the way.
pub(crate) struct StoreToRestore {
    pub(crate) spec: Arc<StoreSpec>,
    /// None only while it is being reopened.
    rows: Option<RestoringStore>,
    /// None for a store without a changelog.
    pub(crate) changelog: Option<TopicPartition>,
    stage: Stage,
    restored: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    FindEnd,
    FindStart {
        end: Offset,
    },
    /// Whether the log has the record before `at` is being asked, since a time.
    Checking {
        end: Offset,
        at: Offset,
        since: Timestamp,
    },
    Reading {
        end: Offset,
        at: Offset,
    },
    Done,
}

impl StoreToRestore {
    pub(crate) fn new(spec: Arc<StoreSpec>, rows: RestoringStore, changelog: Option<TopicPartition>) -> Self {
        let stage = if changelog.is_some() { Stage::FindEnd } else { Stage::Done };
        Self { spec, rows: Some(rows), changelog, stage, restored: 0 }
    }

    fn rows(&mut self) -> Result<&mut RestoringStore> {
        let name = self.spec.name();
        self.rows.as_mut().ok_or_else(|| Error::new(ErrorKind::Internal, format!("store {name} is not open")))
    }

    /// How many records were read back.
    pub(crate) fn restored(&self) -> u64 {
        self.restored
    }

    /// The rows, when they are restored.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when they are not.
    pub(crate) fn into_rows(self) -> Result<RestoringStore> {
        let name = self.spec.name();
        let restored = self.rows.filter(|_| self.stage == Stage::Done);
        restored.ok_or_else(|| Error::new(ErrorKind::Internal, format!("store {name} is not restored")))
    }
}

/// How far a task's stores are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RestoreProgress {
    pub(crate) restored: u64,
    pub(crate) remaining: u64,
}

/// Restores the stores of the tasks of one thread.
pub(crate) struct Restorer {
    consumer: Consumer,
    tasks: Vec<(TaskId, Vec<StoreToRestore>)>,
    listener: Option<Arc<dyn StateRestoreListener>>,
    /// How long a position may stay unknown (`task.timeout.ms`).
    timeout: Duration,
    scratch: Scratch,
}

impl Restorer {
    /// A restorer that reads through `consumer`, which has no group and no reset policy.
    pub(crate) fn new(consumer: Consumer, listener: Option<Arc<dyn StateRestoreListener>>, timeout: Duration) -> Self {
        Self { consumer, tasks: Vec::new(), listener, timeout, scratch: Scratch::default() }
    }

    /// Takes tasks on. What was being restored before is forgotten.
    ///
    /// # Errors
    /// What the consumer refuses.
    pub(crate) fn begin(&mut self, tasks: Vec<(TaskId, Vec<StoreToRestore>)>) -> Result<()> {
        self.tasks = tasks;
        let stores = self.tasks.iter().flat_map(|(_, stores)| stores);
        let partitions: Vec<TopicPartition> = stores.filter_map(|store| store.changelog.clone()).collect();
        self.consumer.assign(&partitions);
        for partition in &partitions {
            self.consumer.pause(partition)?;
            self.consumer.seek_to_end(partition)?;
        }
        Ok(())
    }

    /// Whether all tasks were handed out.
    pub(crate) fn is_done(&self) -> bool {
        self.tasks.is_empty()
    }

    /// How far a task is.
    pub(crate) fn progress(&self) -> impl Iterator<Item = (TaskId, RestoreProgress)> + '_ {
        self.tasks.iter().map(|(task, stores)| {
            let mut progress = RestoreProgress::default();
            for store in stores {
                progress.restored += store.restored;
                if let Stage::Reading { end, at } = store.stage {
                    progress.remaining += u64::try_from(end.0 - at.0).unwrap_or(0);
                }
            }
            (*task, progress)
        })
    }

    /// Reads on, waiting up to `wait` for the broker. Answers the tasks whose stores are all restored.
    ///
    /// # Errors
    /// What the broker, the bytes or an engine report. [`ErrorKind::Retriable`] ones may be tried again.
    pub(crate) fn step(
        &mut self,
        now: Timestamp,
        wait: Duration,
        open: OpenStore<'_>,
    ) -> Result<Vec<(TaskId, Vec<StoreToRestore>)>> {
        if self.tasks.iter().any(|(_, stores)| stores.iter().any(|store| store.stage != Stage::Done)) {
            match self.consumer.poll(now, wait) {
                Ok(fetched) => {
                    for fetched in &fetched.partitions {
                        self.apply(fetched)?;
                    }
                }
                Err(error) if self.consumer.out_of_range().is_empty() => return Err(error),
                Err(_) => self.start_over(open)?,
            }
            require_positions(&self.consumer, now, self.timeout).context(|| "restore stores".to_owned())?;
            self.advance(now, open)?;
        }
        Ok(self.take_done())
    }

    fn take_done(&mut self) -> Vec<(TaskId, Vec<StoreToRestore>)> {
        let mut done = Vec::new();
        let mut index = 0;
        while index < self.tasks.len() {
            match self.tasks[index].1.iter().all(|store| store.stage == Stage::Done) {
                true => done.push(self.tasks.remove(index)),
                false => index += 1,
            }
        }
        done
    }

    /// Writes fetched batches into their store.
    fn apply(&mut self, fetched: &FetchedPartition) -> Result<()> {
        let partition = &fetched.partition;
        let stores = self.tasks.iter_mut().flat_map(|(_, stores)| stores);
        let mut of_partition = stores.filter(|store| store.changelog.as_ref() == Some(partition));
        let Some(store) = of_partition.next() else { return Ok(()) };
        let Stage::Reading { end, .. } = store.stage else { return Ok(()) };
        let mut records = 0;
        for batch in fetched.batches() {
            let batch = batch.context(|| format!("restore from {partition}"))?;
            let mut broken = None;
            let decoded = batch.records(&mut self.scratch).map_err(Error::from)?;
            let rows =
                decoded.map_while(|record| record.map_err(|error| broken = Some(error)).ok()).filter_map(|record| {
                    if record.offset < fetched.start {
                        return None;
                    }
                    records += 1;
                    record.key.map(|key| ChangelogRow { key, value: record.value, timestamp: record.timestamp })
                });
            let leader_epoch = Some(batch.partition_leader_epoch()).filter(|epoch| *epoch >= 0);
            store.rows()?.restore(rows, ChangelogPosition { offset: batch.last_offset(), leader_epoch })?;
            if let Some(error) = broken {
                return Err(Error::from(error).context(format!("restore from {partition}")));
            }
        }
        store.restored += records;
        store.stage = Stage::Reading { end, at: fetched.end.min(end) };
        if let Some(listener) = &self.listener {
            listener.on_batch_restored(partition, store.spec.name(), fetched.end, records);
        }
        if fetched.end >= end {
            store.stage = Stage::Done;
            self.consumer.pause(partition)?;
            tracing::info!(%partition, store = store.spec.name(), records = store.restored, "restored");
            if let Some(listener) = &self.listener {
                listener.on_restore_end(partition, store.spec.name(), store.restored);
            }
        }
        Ok(())
    }

    /// Moves every store on whose positions are known.
    fn advance(&mut self, now: Timestamp, open: OpenStore<'_>) -> Result<()> {
        for (task, stores) in &mut self.tasks {
            for store in stores {
                let Some(partition) = store.changelog.clone() else { continue };
                if let (Stage::FindEnd, Some(end)) = (store.stage, self.consumer.position(&partition)) {
                    store.stage = Stage::FindStart { end };
                    self.consumer.seek_to_beginning(&partition)?;
                }
                if let (Stage::FindStart { end }, Some(log_start)) = (store.stage, self.consumer.position(&partition)) {
                    let at = start_of(*task, store, &partition, (log_start, end), open)?;
                    let position = OffsetAndMetadata { leader_epoch: epoch_before(store, at), ..at.into() };
                    self.consumer.seek_with(&partition, &position)?;
                    store.stage = Stage::Checking { end, at, since: now };
                }
                let Stage::Checking { end, at, since } = store.stage else { continue };
                if !self.consumer.is_checked(&partition) {
                    require_check(*task, store, &partition, now - since, self.timeout)?;
                    continue;
                }
                store.stage = Stage::Done;
                if at < end {
                    store.stage = Stage::Reading { end, at };
                    self.consumer.resume(&partition)?;
                    if let Some(listener) = &self.listener {
                        listener.on_restore_start(&partition, store.spec.name(), at, end);
                    }
                }
            }
        }
        Ok(())
    }

    /// The log of some stores does not have what they are of, or was cut while they read it: they begin again.
    fn start_over(&mut self, open: OpenStore<'_>) -> Result<()> {
        let lost = self.consumer.out_of_range().to_vec();
        for (task, stores) in &mut self.tasks {
            for store in stores {
                let Some(partition) = store.changelog.clone() else { continue };
                let Some(found) = lost.iter().find(|found| found.partition == partition) else { continue };
                let what = match store.stage {
                    Stage::Reading { .. } => "its changelog was cut while it was read",
                    _ => "its changelog has lost what its rows are of",
                };
                wipe(*task, store, &partition, &format!("{what}: {found}"), open)?;
                store.stage = Stage::FindEnd;
                self.consumer.pause(&partition)?;
                self.consumer.seek_to_end(&partition)?;
            }
        }
        Ok(())
    }
}

/// Where a store reads on; wiped first where its rows and the log do not belong together.
fn start_of(
    task: TaskId,
    store: &mut StoreToRestore,
    partition: &TopicPartition,
    (log_start, end): (Offset, Offset),
    open: OpenStore<'_>,
) -> Result<Offset> {
    let Some(next) = store.rows()?.committed_offset().map(Offset::next) else { return Ok(log_start) };
    if next > end && log_start == end {
        let (store, held) = (store.spec.name(), next.0);
        let message = format!(
            "changelog {partition} is empty, and the rows of store {store} of task {task} are those of {held} records: \
             the topic was deleted or made anew, and the state of the store cannot be rebuilt; its local copy is kept: \
             restore the topic, or delete the state directory and reset the application to begin anew"
        );
        return Err(Error::new(ErrorKind::Corrupt, message));
    }
    if next > end {
        let why = format!("its rows are those of offset {next}, and its changelog ends at {end}");
        wipe(task, store, partition, &why, open)?;
        return Ok(log_start);
    }
    if next < log_start {
        let why = format!("its rows are those of offset {next}, and its changelog begins at {log_start}");
        wipe(task, store, partition, &why, open)?;
        return Ok(log_start);
    }
    Ok(next)
}

/// The epoch of a leader that had the record before `at`, as far as the store knows; -1 where it does not.
fn epoch_before(store: &StoreToRestore, at: Offset) -> i32 {
    let position = store.rows.as_ref().and_then(RestoringStore::committed_position);
    let before = position.filter(|position| position.offset.next() == at);
    before.and_then(|position| position.leader_epoch).unwrap_or(-1)
}

/// Checks that it is not asked for `timeout` (`task.timeout.ms`) or longer whether a changelog has what a store's rows are
/// of.
fn require_check(
    task: TaskId,
    store: &StoreToRestore,
    partition: &TopicPartition,
    waited: Duration,
    timeout: Duration,
) -> Result<()> {
    if waited < timeout {
        return Ok(());
    }
    let message = format!(
        "restore stores: whether {partition} has what the rows of store {} of task {task} are of cannot be found out for \
         {} ms (task.timeout.ms)",
        store.spec.name(),
        waited.as_millis()
    );
    Err(Error::new(ErrorKind::Processing, message))
}

/// Checks that no position of a consumer is looked up for `timeout` (`task.timeout.ms`) or longer.
///
/// # Errors
/// [`ErrorKind::Processing`] naming the partition, the time and what the broker said last.
pub(crate) fn require_positions(consumer: &Consumer, now: Timestamp, timeout: Duration) -> Result<()> {
    let Some(failing) = consumer.failing_lookup(now, timeout) else { return Ok(()) };
    let message = format!(
        "where {} begins or ends cannot be found out for {} ms (task.timeout.ms): {}",
        failing.partition,
        failing.waited.as_millis(),
        failing.why
    );
    Err(Error::new(ErrorKind::Processing, message))
}

fn wipe(
    task: TaskId,
    store: &mut StoreToRestore,
    partition: &TopicPartition,
    why: &str,
    open: OpenStore<'_>,
) -> Result<()> {
    tracing::warn!(%task, store = store.spec.name(), %partition, "wiping a store and restoring it whole: {why}");
    // Closed first: an engine on disk cannot be opened twice.
    store.rows = None;
    store.rows = Some(open(task, &store.spec, Rows::Wiped)?);
    store.restored = 0;
    Ok(())
}

impl fmt::Debug for Restorer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tasks.iter().map(|(task, _)| task)).finish()
    }
}

impl fmt::Debug for StoreToRestore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreToRestore").field("rows", &self.rows).field("stage", &self.stage).finish_non_exhaustive()
    }
}

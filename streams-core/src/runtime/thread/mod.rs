//! One stream thread: its tasks, its clients, and the step that moves all of them on.
//!
//! ```text
//!            committed offsets known       all stores restored
//! STARTING ───────────────────────► RESTORING ───────────► RUNNING ─── begin_close ──► CLOSING ──► CLOSED
//!     │                                 │                                                 ▲
//!     └─────────────────────────────────┴─────────────────────────────────────────────────┘
//!
//! run_once(now): poll ► add records ► process N per task ► punctuate ► commit if due ► adapt N
//! ```
//!
//! A step waits only in `poll`, only when the step before found nothing to do, and never longer than until the next
//! thing is due. A [`Waker`] ends the wait. While a commit is under way no record is processed: the offsets that are
//! committed are those of the state that is committed (see [`commit`]).
//!
//! Tasks that are restored run while others of the thread still restore. An error out of [`StreamThread::run_once`]
//! ends the thread: its owner throws it away without a commit, and whoever takes its tasks over goes on from the last
//! one. Nothing here reads a clock or starts anything.
//!
//! Punctuations and processors get the wall clock's time as it comes in. Everything that takes time, commits first, is
//! measured in [`SteadyTime`]: it is what `now` means below [`StreamThread::run_once`].

mod commit;
mod input;
mod pacing;
mod start;
mod topics;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::client::consumer::{CommitId, Consumer, OffsetAndMetadata};
use crate::client::producer::Producer;
use crate::client::transport::Waker;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Offset, TopicPartition};
use crate::runtime::assignment::TaskAssignment;
use crate::runtime::collector::{ProductionPolicy, SharedProducer};
use crate::runtime::metrics::{Published, TaskMetrics};
use crate::runtime::panics;
use crate::runtime::plan::Plan;
use crate::runtime::purge::PurgeQueue;
use crate::runtime::restore::{RestoreProgress, Restorer};
use crate::runtime::task::ActiveTask;
use crate::time::{SteadyTime, Timestamp};

use commit::Commit;
use pacing::Pacing;
use topics::TopicWatch;

/// Counters are published at least so often while the thread runs.
const PUBLISH_INTERVAL: Duration = Duration::from_secs(1);
/// What counts of the time between two steps, at most: longer than a step that processes records should take. A clock
/// that is set forward by more brings a commit, and ends nothing that is tried again.
const STEP_MAX: Duration = Duration::from_secs(60);
/// How long a task that failed with an error that may pass is left alone before it is tried again.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// How many records a task processes between two looks at the room in the producer: what they lead to may go beyond
/// `buffer.memory`, and so may what a commit flushes from caches.
const SLICE_RECORDS: usize = 256;

/// Where a thread is.
enum Phase {
    /// Waits for the offsets that the group has committed.
    Starting(CommitId),
    /// Some tasks are not restored yet.
    Restoring,
    /// All tasks run.
    Running,
    /// Commits once more and closes its tasks.
    Closing,
    /// Has no task left.
    Closed,
}

/// The clients of a thread.
pub(crate) struct Clients {
    /// Reads the tasks' inputs; member of the application's group.
    pub(crate) consumer: Consumer,
    /// Reads changelogs; no group, no reset policy.
    pub(crate) restore_consumer: Consumer,
    /// Writes outputs and changelogs.
    pub(crate) producer: Producer,
}

/// A task that processes.
struct Running {
    task: ActiveTask,
    inputs: Vec<Input>,
    /// Those of its inputs whose records are deleted once they are committed.
    repartitions: Vec<TopicPartition>,
    records: u64,
    restored: u64,
    /// Its outputs are known, or known to be missing.
    is_ready: bool,
    /// Since when it fails with errors that may pass, and when it is tried again.
    failing: Option<Failing>,
}

struct Input {
    partition: TopicPartition,
    paused: bool,
}

#[derive(Clone, Copy)]
struct Failing {
    since: Timestamp,
    retry_at: Timestamp,
}

/// One stream thread. Its owner steps it.
pub(crate) struct StreamThread {
    plan: Arc<Plan>,
    time: SteadyTime,
    /// What the clock says, for punctuations and processors.
    wall_clock: Timestamp,
    assignment: Vec<TaskAssignment>,
    consumer: Consumer,
    producer: SharedProducer,
    policy: ProductionPolicy,
    restorer: Restorer,
    phase: Phase,
    tasks: Vec<Running>,
    /// The task that an input partition belongs to, as an index into `tasks`.
    owners: BTreeMap<TopicPartition, usize>,
    /// The committed position of each input, as of the last commit.
    committed: BTreeMap<TopicPartition, Option<OffsetAndMetadata>>,
    topics: TopicWatch,
    /// The budget of each cached store in bytes.
    cache_bytes_max: usize,
    /// What all stores may hold in memory before the thread commits early, in bytes.
    uncommitted_bytes_max: usize,
    /// When the first step was.
    began: Option<Timestamp>,
    pacing: Pacing,
    /// The task that begins the next round.
    turn: usize,
    commit: Commit,
    last_commit: Option<Timestamp>,
    commits: u64,
    /// The step before found nothing to do.
    idle: bool,
    /// The task whose turn it is, for the message of a panic.
    current: Option<usize>,
    published: Published,
    published_at: Timestamp,
    purge: PurgeQueue,
}

impl StreamThread {
    /// A thread that will run these tasks.
    ///
    /// # Errors
    /// What the clients refuse.
    pub(crate) fn new(
        plan: Arc<Plan>,
        assignment: Vec<TaskAssignment>,
        clients: Clients,
        published: Published,
        purge: PurgeQueue,
    ) -> Result<Self> {
        let Clients { mut consumer, restore_consumer, mut producer } = clients;
        producer.accept_always();
        let inputs: Vec<TopicPartition> = assignment.iter().flat_map(|task| task.inputs.iter().cloned()).collect();
        consumer.assign(&inputs);
        for input in &inputs {
            consumer.pause(input)?;
            // Anywhere: it moves to where the task begins before it is resumed.
            consumer.seek(input, Offset::ZERO)?;
        }
        for topic in &plan.topics {
            consumer.watch(&topic.name);
        }
        let question = consumer.begin_committed(&inputs)?;
        let policy = ProductionPolicy::new(Arc::clone(&plan.handlers.production), &plan.config, &plan.topology);
        let restorer = Restorer::new(restore_consumer, plan.restore_listener.clone(), plan.config.runtime.task_timeout);
        Ok(Self {
            cache_bytes_max: start::cache_bytes_max(&plan, &assignment),
            uncommitted_bytes_max: start::uncommitted_bytes_max(&plan),
            time: SteadyTime::new(STEP_MAX),
            wall_clock: Timestamp::UNKNOWN,
            began: None,
            assignment,
            consumer,
            producer: Rc::new(RefCell::new(producer)),
            policy,
            restorer,
            phase: Phase::Starting(question),
            tasks: Vec::new(),
            owners: BTreeMap::new(),
            committed: BTreeMap::new(),
            topics: TopicWatch::default(),
            pacing: Pacing::default(),
            turn: 0,
            commit: Commit::Idle,
            last_commit: None,
            commits: 0,
            idle: false,
            current: None,
            published,
            published_at: Timestamp::UNKNOWN,
            purge,
            plan,
        })
    }

    /// Ends a wait of this thread from another one.
    pub(crate) fn wakers(&self) -> [Waker; 2] {
        [self.consumer.waker(), self.producer.borrow().waker()]
    }

    /// Whether all tasks process.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.phase, Phase::Running)
    }

    /// Whether the thread is done for good.
    pub(crate) fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Moves everything on by one step.
    ///
    /// # Errors
    /// Ends the thread. A panic of user code is an error that names the record it happened on.
    pub(crate) fn run_once(&mut self, now: Timestamp) -> Result<()> {
        self.wall_clock = now;
        let now = self.time.at(now);
        let outcome = match panics::catch(|| Ok(self.step(now))) {
            Ok(outcome) => outcome,
            Err(panic) => Err(self.at_current_record(panic)),
        };
        outcome.inspect_err(|_| self.send_dead_letters(now))
    }

    /// What the failed record left for the dead letter topic is sent, as far as the broker takes it at once.
    #[cold]
    fn send_dead_letters(&mut self, now: Timestamp) {
        if self.plan.config.runtime.errors_dead_letter_queue_topic_name.is_none() {
            return;
        }
        let Ok(mut producer) = self.producer.try_borrow_mut() else { return };
        producer.begin_flush();
        let _ = producer.poll(now, self.plan.config.runtime.poll);
    }

    /// Commits what was processed and closes all tasks, in the steps that follow.
    pub(crate) fn begin_close(&mut self) {
        if !self.is_closed() {
            self.phase = Phase::Closing;
        }
    }

    fn step(&mut self, now: Timestamp) -> Result<()> {
        self.began.get_or_insert(now);
        self.last_commit.get_or_insert(now);
        let wait = if self.idle { self.wait(now) } else { Duration::ZERO };
        match self.phase {
            Phase::Starting(question) => return self.start(now, question),
            Phase::Restoring => self.restore(now, wait)?,
            Phase::Running => {}
            Phase::Closing => return self.close(now),
            Phase::Closed => return Ok(()),
        }
        self.poll(now, wait)?;
        if self.commit.is_under_way() {
            return self.commit_step(now);
        }
        let processed = self.process(now)?;
        let punctuated = self.punctuate()?;
        let committed = self.commit_if_due(now)?;
        self.idle = processed == 0 && !punctuated && !committed;
        self.pacing.round_ended(punctuated || committed);
        if now >= self.published_at + PUBLISH_INTERVAL {
            self.publish(now);
        }
        Ok(())
    }

    /// How long nothing is due.
    fn wait(&self, now: Timestamp) -> Duration {
        let mut wait = self.plan.config.runtime.poll.min(self.producer.borrow().next_wakeup(now));
        for running in &self.tasks {
            if let Some(due) = running.next_punctuation() {
                wait = wait.min(due - self.wall_clock);
            }
            if let Some(failing) = running.failing {
                wait = wait.min(failing.retry_at - now);
            }
        }
        wait.min(self.until_commit(now))
    }

    /// Gives every task its turn. Answers how many records were processed. A broker that is behind ends the round: nothing
    /// new is made until it has taken some of what there is, and the round goes on where it ended.
    fn process(&mut self, now: Timestamp) -> Result<usize> {
        let mut processed = 0;
        let first = std::mem::take(&mut self.turn);
        for index in (first..self.tasks.len()).chain(0..first.min(self.tasks.len())) {
            if self.tasks[index].failing.is_some_and(|failing| now < failing.retry_at) {
                continue;
            }
            let mut remaining = self.pacing.records();
            while remaining > 0 {
                if self.producer.borrow().is_full() {
                    self.turn = index;
                    self.producer.borrow_mut().poll(now, self.plan.config.runtime.poll)?;
                    return Ok(processed.max(1));
                }
                let slice = remaining.min(SLICE_RECORDS);
                let records = self.process_task(index, slice, now)?;
                processed += records;
                remaining = if records < slice { 0 } else { remaining - slice };
            }
        }
        Ok(processed)
    }

    fn process_task(&mut self, index: usize, max_records: usize, now: Timestamp) -> Result<usize> {
        let running = &mut self.tasks[index];
        self.current = Some(index);
        let outcome = running.process(max_records, self.wall_clock);
        self.current = None;
        match outcome {
            Ok(records) => {
                running.records += records as u64;
                running.failing = None;
                Ok(records)
            }
            Err(error) => {
                running.try_again_later(error, now, self.plan.config.runtime.task_timeout)?;
                Ok(0)
            }
        }
    }

    fn punctuate(&mut self) -> Result<bool> {
        let now = self.wall_clock;
        let mut punctuated = false;
        for index in 0..self.tasks.len() {
            let running = &mut self.tasks[index];
            if running.next_punctuation().is_some_and(|due| due <= now) {
                self.current = Some(index);
                punctuated |= running.task.punctuate(now)?;
                self.current = None;
            }
        }
        Ok(punctuated)
    }

    /// Copies the counters to where others see them.
    fn publish(&mut self, now: Timestamp) {
        self.published_at = now;
        self.published.publish(|metrics| {
            metrics.commits = self.commits;
            for running in &self.tasks {
                let task = TaskMetrics {
                    records_processed: running.records,
                    dropped_records: running.task.dropped_records(),
                    records_restored: running.restored,
                    records_to_restore: 0,
                };
                metrics.tasks.insert(running.task.id(), task);
            }
            for (task, RestoreProgress { restored, remaining }) in self.restorer.progress() {
                let progress =
                    TaskMetrics { records_restored: restored, records_to_restore: remaining, ..TaskMetrics::default() };
                metrics.tasks.insert(task, progress);
            }
        });
    }

    #[cold]
    fn at_current_record(&self, panic: Error) -> Error {
        let Some(running) = self.current.and_then(|index| self.tasks.get(index)) else { return panic };
        let at = match running.task.position() {
            Some(position) => position.to_string(),
            None => "a punctuation or a flush".to_owned(),
        };
        panic.context(format!("user code of task {} fails at {at}", running.task.id()))
    }
}

impl Running {
    fn process(&mut self, max_records: usize, now: Timestamp) -> Result<usize> {
        if !self.is_ready {
            self.task.require_outputs()?;
            self.is_ready = true;
        }
        self.task.catch_up()?;
        self.task.process(max_records, now)
    }

    /// When its next wall-clock schedule is due; not while it is held up, as it would only make more of what waits.
    fn next_punctuation(&self) -> Option<Timestamp> {
        self.task.next_punctuation().filter(|_| self.failing.is_none())
    }

    /// Takes an error that may pass, until `task.timeout.ms` is over.
    #[cold]
    fn try_again_later(&mut self, error: Error, now: Timestamp, timeout: Duration) -> Result<()> {
        if error.kind() != ErrorKind::Retriable {
            return Err(error);
        }
        let since = self.failing.map_or(now, |failing| failing.since);
        if now - since >= timeout {
            let message = format!("task {} fails for {} ms (task.timeout.ms)", self.task.id(), timeout.as_millis());
            return Err(Error::with_source(ErrorKind::Processing, message, error));
        }
        if self.failing.is_none() {
            tracing::warn!(task = %self.task.id(), error = %error.report(), "trying again until task.timeout.ms is over");
        }
        self.failing = Some(Failing { since, retry_at: now + RETRY_INTERVAL });
        Ok(())
    }
}

impl fmt::Debug for StreamThread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamThread").field("tasks", &self.assignment.len()).finish_non_exhaustive()
    }
}

//! The task that processes: a live graph, its stores, and the records that wait for it.
//!
//! ```text
//! Created ──init──► Running ──close──► Closed
//!                   add_records, process, punctuate
//!                   prepare_commit ► (others flush the producer and commit the offsets) ► post_commit
//! ```
//!
//! An error out of [`ActiveTask::process`] leaves the task at the failed record: it can be tried again (an error that
//! may pass), or the task is closed without a commit. Effects of records before it, and of the failed record's way up
//! to the failure, stay: that is what at-least-once means.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::offsets::{CommittableOffset, PartitionMetadata};
use super::partition_group::{Input, PartitionGroup};
use super::punctuate::punctuate;
use super::record_queue::RecordQueue;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{ChangelogPosition, Offset, Partition, TaskId, TopicPartition};
use crate::processor::{
    DeserializationHandler, ProcessingHandler, PunctuationType, RecordCollector, RecordPosition, TaskContext,
};
use crate::state::{AnyStore, ChangelogSink, RestoringStore, StoreContext, StoreSpec};
use crate::time::Timestamp;
use crate::topology::{LiveGraph, Subtopology, Topology, Wiring};

/// What a task is told by its application's settings.
#[derive(Clone)]
pub struct TaskOptions {
    /// Prefixes internal topics.
    pub application_id: Arc<str>,
    /// How long an empty partition that has caught up is waited for; `None` never waits (`max.task.idle.ms`).
    pub max_task_idle: Option<Duration>,
    /// A partition with more records than this wants no more (`buffered.records.per.partition`).
    pub buffered_records_per_partition: usize,
    /// Decides about records whose processing fails.
    pub processing_handler: ProcessingHandler,
    /// Decides about records that do not decode.
    pub deserialization_handler: DeserializationHandler,
    /// Where the source records of failures are written (`errors.dead.letter.queue.topic.name`).
    pub dead_letter_topic: Option<Arc<str>>,
}

impl TaskOptions {
    /// Kafka Streams' defaults: no idling, 1,000 records per partition, fail on every error.
    pub fn new(application_id: impl Into<Arc<str>>) -> Self {
        use crate::processor::Verdict;
        Self {
            application_id: application_id.into(),
            max_task_idle: Some(Duration::ZERO),
            buffered_records_per_partition: 1_000,
            processing_handler: Arc::new(|_, _, _| Verdict::Fail),
            deserialization_handler: Arc::new(|_, _| Verdict::Fail),
            dead_letter_topic: None,
        }
    }
}

impl fmt::Debug for TaskOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskOptions")
            .field("application_id", &self.application_id)
            .field("max_task_idle", &self.max_task_idle)
            .field("buffered_records_per_partition", &self.buffered_records_per_partition)
            .finish_non_exhaustive()
    }
}

/// A store that is restored, and what its task needs to work with it.
pub struct TaskStore {
    /// The store's plan.
    pub spec: Arc<StoreSpec>,
    /// Its rows.
    pub rows: RestoringStore,
    /// Where its changes are logged; ignored by stores without a changelog.
    pub changelog: Option<Rc<dyn ChangelogSink>>,
    /// The budget of its cache; ignored by stores without a cache, and 0 leaves it out.
    pub cache_bytes_max: usize,
}

impl fmt::Debug for TaskStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskStore").field("spec", &self.spec).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Created,
    Running,
    Closed,
}

/// A task that processes records.
pub struct ActiveTask {
    state: State,
    context: TaskContext,
    stores: Vec<AnyStore>,
    graph: LiveGraph,
    group: PartitionGroup,
    buffered_max: usize,
    /// Something happened that a commit has to make last, beside records taken from queues.
    commit_needed: bool,
    /// A flush failed half-way, and goes on where it ended.
    is_flush_cut: bool,
}

impl ActiveTask {
    /// Wires the sub-topology's nodes for one partition number, over all of its stores. `partition_count` says how many
    /// partitions a topic has: of source topics with too few, the task reads none.
    ///
    /// # Errors
    /// When a node cannot be wired, or the task would read nothing.
    pub fn new(
        topology: &Topology,
        subtopology: &Subtopology,
        partition: Partition,
        options: &TaskOptions,
        collector: Box<dyn RecordCollector>,
        stores: Vec<TaskStore>,
        partition_count: &dyn Fn(&str) -> i32,
    ) -> Result<Self> {
        let id = TaskId { subtopology: subtopology.id, partition };
        let mut context = TaskContext::new(id, topology.node_names(), collector);
        context.set_handlers(Arc::clone(&options.processing_handler), Arc::clone(&options.deserialization_handler));
        if let Some(name) = &options.dead_letter_topic {
            let topic = context.collector().topic(name)?;
            context.set_dead_letter_topic(topic);
        }
        let stores = stores.into_iter().map(|store| attach(store, &context)).collect::<Vec<_>>();
        let graph = Wiring::wire(topology, subtopology, &options.application_id, &stores, context.collector())
            .map_err(|error| error.context(format!("wire task {id}")))?;
        let mut queues = Vec::new();
        for (index, source) in graph.sources.iter().enumerate() {
            for topic in source.topics.iter().filter(|topic| partition.0 < partition_count(topic)) {
                queues.push(RecordQueue::new(TopicPartition { topic: Arc::clone(topic), partition }, index));
            }
        }
        if queues.is_empty() {
            let message = format!("task {id} has no partition to read: no source topic of its has that many");
            return Err(Error::new(ErrorKind::Internal, message));
        }
        let group = PartitionGroup::new(queues, options.max_task_idle);
        let buffered_max = options.buffered_records_per_partition;
        let state = State::Created;
        Ok(Self { state, context, stores, graph, group, buffered_max, commit_needed: false, is_flush_cut: false })
    }

    /// The task's name.
    pub fn id(&self) -> TaskId {
        self.context.task()
    }

    /// The partitions that the task reads.
    pub fn input_partitions(&self) -> impl Iterator<Item = &TopicPartition> {
        self.group.inputs().iter().map(|input| input.queue.topic_partition())
    }

    /// Starts the nodes, after the stores are restored and before the first record.
    ///
    /// # Errors
    /// What user code reports; the task is then to be closed.
    pub fn init(&mut self, now: Timestamp) -> Result<()> {
        self.expect_state(State::Created, "init")?;
        self.context.set_wall_clock(now);
        for (node, live) in &self.graph.live {
            let started = live.borrow_mut().init(&mut self.context);
            started.map_err(|error| {
                let name = self.context.node_name(*node);
                error.context(format!("start node {name} of task {}", self.context.task()))
            })?;
        }
        self.state = State::Running;
        Ok(())
    }

    /// Goes on at a committed offset, with the metadata that was committed beside it. Buffered records are forgotten.
    ///
    /// # Errors
    /// When the task does not read the partition.
    pub fn seek(&mut self, partition: &TopicPartition, offset: Offset, metadata: &str) -> Result<()> {
        let PartitionMetadata { partition_time } = PartitionMetadata::decode(metadata);
        let input = self.input_mut(partition)?;
        input.queue.seek(offset);
        input.queue.set_partition_time(partition_time);
        self.context.restore_stream_time(partition_time);
        Ok(())
    }

    /// Goes on at another offset, where the log does not have the next one; times stay. Says whether it does: not while
    /// there are records to process first.
    ///
    /// # Errors
    /// When the task does not read the partition.
    pub fn leave_gap(&mut self, partition: &TopicPartition, offset: Offset) -> Result<bool> {
        let queue = &mut self.input_mut(partition)?.queue;
        let is_empty = queue.buffered() == 0;
        if is_empty {
            queue.seek(offset);
        }
        Ok(is_empty)
    }

    /// Buffers fetched batches; the last one may be cut off. Records before the task's position are passed over.
    /// Returns how many records came.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] with partition and offset when the bytes are no batches.
    pub fn add_records(&mut self, partition: &TopicPartition, fetched: &Bytes) -> Result<usize> {
        self.input_mut(partition)?.queue.add(fetched)
    }

    /// Tells how many records the broker has that are not fetched yet; `None` when that is unknown.
    ///
    /// # Errors
    /// When the task does not read the partition.
    pub fn set_lag(&mut self, partition: &TopicPartition, lag: Option<u64>) -> Result<()> {
        self.input_mut(partition)?.lag = lag;
        Ok(())
    }

    /// Whether the partition has more records buffered than it should: its consumer pauses until that is over.
    pub fn is_full(&self, partition: &TopicPartition) -> bool {
        let input = self.group.inputs().iter().find(|input| input.queue.topic_partition() == partition);
        input.is_some_and(|input| input.queue.buffered() > self.buffered_max)
    }

    /// How many records wait.
    pub fn buffered(&self) -> usize {
        self.group.inputs().iter().map(|input| input.queue.buffered()).sum()
    }

    /// Checks that there is where the sinks write to; to be called before the first record is processed.
    ///
    /// # Errors
    /// [`ErrorKind::Retriable`] naming a topic that is unknown so far.
    pub fn require_outputs(&mut self) -> Result<()> {
        self.context.collector().require_outputs()
    }

    /// Finishes what a failure that may pass has held up: records whose topic was unknown, and a flush that was cut short.
    /// To be called before records are processed: they come behind it.
    ///
    /// # Errors
    /// [`ErrorKind::Retriable`] while it is still held up.
    pub fn catch_up(&mut self) -> Result<()> {
        self.context.collector().send_waiting()?;
        if !self.is_flush_cut {
            return Ok(());
        }
        self.flush()?;
        self.context.collector().send_waiting()
    }

    /// Processes up to `max_records` records in the order of their timestamps. Returns how many it processed; fewer
    /// than asked for means that it waits for input.
    ///
    /// # Errors
    /// The first failure that no handler takes. The task stays at the failed record.
    pub fn process(&mut self, max_records: usize, now: Timestamp) -> Result<usize> {
        self.expect_state(State::Running, "process")?;
        self.context.set_wall_clock(now);
        let LiveGraph { sources, live } = &mut self.graph;
        self.group.process(max_records, now, sources, live, &mut self.context)
    }

    /// Runs the wall-clock schedules that are due. Says whether one ran.
    ///
    /// # Errors
    /// The first failure that no handler takes.
    pub fn punctuate(&mut self, now: Timestamp) -> Result<bool> {
        self.expect_state(State::Running, "punctuate")?;
        self.context.set_wall_clock(now);
        let ran = punctuate(PunctuationType::WallClockTime, now, &self.graph.live, &mut self.context)?;
        self.commit_needed |= ran;
        Ok(ran)
    }

    /// When the next wall-clock schedule is due.
    pub fn next_punctuation(&self) -> Option<Timestamp> {
        self.context.punctuations.next_wall_clock()
    }

    /// The timestamp of the record that is next, for a driver that orders tasks by it.
    ///
    /// # Errors
    /// What a source reports about a record that it cannot take.
    pub fn head_timestamp(&mut self) -> Result<Option<Timestamp>> {
        let LiveGraph { sources, live } = &mut self.graph;
        self.group.find_heads(sources, live, &mut self.context)?;
        Ok(self.group.head_timestamp())
    }

    /// Whether anything happened since the last commit.
    pub fn is_commit_needed(&self) -> bool {
        self.commit_needed || self.group.inputs().iter().any(|input| input.queue.is_commit_needed())
    }

    /// Whether user code asked for a commit since the last call.
    pub fn take_commit_request(&mut self) -> bool {
        self.context.take_commit_request()
    }

    /// Flushes caches, parents before children, then stores; everything that follows from the processed records is
    /// with the collector afterwards. Returns what to commit once the collector's records are acknowledged.
    ///
    /// # Errors
    /// What nodes and stores report; nothing may be committed then. After one that is [`ErrorKind::Retriable`] it can be
    /// called again: nothing that was flushed is lost.
    pub fn prepare_commit(&mut self) -> Result<Vec<CommittableOffset>> {
        self.expect_state(State::Running, "commit")?;
        self.flush()?;
        self.context.collector().send_waiting()?;
        Ok(self.group.inputs().iter().filter_map(|input| input.queue.committable()).collect())
    }

    fn flush(&mut self) -> Result<()> {
        self.is_flush_cut = true;
        let stream_time = self.context.stream_time();
        for (node, live) in &self.graph.live {
            self.context.begin_without_record(stream_time);
            let flushed = live.borrow_mut().flush(&mut self.context);
            if let Err(error) = flushed {
                self.context.on_processing_error(*node, error)?;
            }
        }
        for store in &self.stores {
            store.flush_cache()?;
        }
        self.is_flush_cut = false;
        Ok(())
    }

    /// The offsets of [`Self::prepare_commit`] are committed; no record was processed in between. `acknowledged` says
    /// for a store's name which is the last of its changelog records that the broker has, if any was written.
    ///
    /// # Errors
    /// When a store cannot settle its data; its rows are then behind its changelog, which a restart mends.
    pub fn post_commit(&mut self, acknowledged: &dyn Fn(&str) -> Option<ChangelogPosition>) -> Result<()> {
        self.expect_state(State::Running, "commit")?;
        for store in &self.stores {
            store.commit(acknowledged(store.name()))?;
        }
        self.commit_needed = false;
        for input in self.group.inputs_mut() {
            input.queue.committed();
        }
        Ok(())
    }

    /// Closes the nodes, and makes last what stores have committed. Failures are logged: a task closes in any case.
    /// Nothing is committed here.
    pub fn close(&mut self) {
        if self.state == State::Closed {
            return;
        }
        self.state = State::Closed;
        for (node, live) in &self.graph.live {
            if let Err(error) = live.borrow_mut().close() {
                let (task, node) = (self.context.task(), self.context.node_name(*node));
                tracing::warn!(%task, node, error = error.report(), "closing a node fails");
            }
        }
        for store in &self.stores {
            if let Err(error) = store.flush() {
                let (task, store) = (self.context.task(), store.name());
                tracing::warn!(%task, store, error = error.report(), "flushing a store on close fails");
            }
        }
    }

    /// The task's stores: their sizes and counts, and handles for queries.
    pub fn stores(&self) -> &[AnyStore] {
        &self.stores
    }

    /// The record being processed, or the last one that was; `None` inside a punctuation and a flush.
    pub fn position(&self) -> Option<&RecordPosition> {
        self.context.position()
    }

    /// The largest timestamp taken for processing.
    pub fn stream_time(&self) -> Timestamp {
        self.context.stream_time()
    }

    /// How many records were dropped: by nodes, and by window stores as past their retention.
    pub fn dropped_records(&self) -> u64 {
        let expired: u64 = self.stores.iter().map(AnyStore::dropped_expired).sum();
        self.context.dropped_records() + expired
    }

    fn input_mut(&mut self, partition: &TopicPartition) -> Result<&mut Input> {
        let id = self.context.task();
        self.group.inputs_mut().iter_mut().find(|input| input.queue.topic_partition() == partition).ok_or_else(|| {
            Error::new(ErrorKind::Internal, format!("task {id} does not read {partition}: give its records to another"))
        })
    }

    fn expect_state(&self, expected: State, what: &str) -> Result<()> {
        if self.state == expected {
            return Ok(());
        }
        let (id, state) = (self.context.task(), self.state);
        let kind = if state == State::Closed { ErrorKind::Closed } else { ErrorKind::Internal };
        Err(Error::new(kind, format!("task {id} is {state:?} and cannot {what}: it has to be {expected:?}")))
    }
}

/// Puts the layers around a store's rows. Its changelog records carry the time of the record in process.
fn attach(store: TaskStore, context: &TaskContext) -> AnyStore {
    let TaskStore { spec, rows, changelog, cache_bytes_max } = store;
    spec.attach(rows, StoreContext { changelog, cache_bytes_max, timestamp: context.record_time() })
}

impl fmt::Debug for ActiveTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ActiveTask")
            .field("id", &self.id())
            .field("state", &self.state)
            .field("buffered", &self.buffered())
            .finish_non_exhaustive()
    }
}

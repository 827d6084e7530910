//! The driver: one task per sub-topology on partition 0, a wall clock that moves by hand, and topics as lists.
//!
//! As in Kafka Streams' driver, a piped record is followed to its end before the call returns: depth first through its
//! task, then a commit that flushes caches, then what it left on internal topics and on topics the topology reads
//! itself, until all tasks are idle. [`TopologyTestDriver::commit_manually`] leaves the commits to the test, so that
//! caches have something to do. Unlike there, every sub-topology has its own task and so its own stream time, as
//! in production.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::topics::{ProducedRecord, TestInputTopic, TestOutputTopic};
use super::wire::{Wire, WireChangelog, WireCollector, WireRecord};
use crate::config::{ExceptionHandler, StreamsConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Partition, TopicPartition};
use crate::processor::Verdict;
use crate::protocol::batch::{BatchBuilder, BatchOptions};
use crate::runtime::task::{ActiveTask, CommittableOffset, TaskOptions, TaskStore};
use crate::serde::{DefaultSerde, SerdeRef};
use crate::state::{
    AnyStore, ChangelogSink, KeyValueStore, RestoringStore, StateStore, StoreSpec, TimestampedKeyValueStore,
    TimestampedWindowStore, WindowStore,
};
use crate::time::Timestamp;
use crate::topology::{Subtopology, Topology};

/// The `application.id` of a driver that is not told another.
const APPLICATION_ID: &str = "topology-test-driver";
/// Records that follow from one piped record. A topology that feeds its own source never ends.
const STEPS_MAX: usize = 1_000_000;

/// Runs a topology record by record. Handles on its topics and stores share it and can be used in any order.
#[derive(Debug)]
pub struct TopologyTestDriver(Rc<RefCell<Inner>>);

impl TopologyTestDriver {
    /// A driver with default settings; the wall clock stands at 0.
    ///
    /// # Errors
    /// When a node or a store of the topology cannot be made or started.
    pub fn new(topology: Topology) -> Result<Self> {
        Self::with_config(topology, &StreamsConfig::new(APPLICATION_ID)?)
    }

    /// A driver with the settings of an application: its name, handlers, idling and cache size count.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_config(topology: Topology, config: &StreamsConfig) -> Result<Self> {
        Ok(Self(Rc::new(RefCell::new(Inner::new(topology, config)?))))
    }

    /// A topic that the topology reads, under the default serdes of its types.
    ///
    /// # Errors
    /// When the topology does not read it; the message names the topics that it reads.
    pub fn input<K: DefaultSerde, V: DefaultSerde>(&self, topic: &str) -> Result<TestInputTopic<K, V>> {
        self.input_with(topic, K::default_serde(), V::default_serde())
    }

    /// A topic that the topology reads, under other serdes.
    ///
    /// # Errors
    /// As [`Self::input`].
    pub fn input_with<K, V>(
        &self,
        topic: &str,
        keys: SerdeRef<K>,
        values: SerdeRef<V>,
    ) -> Result<TestInputTopic<K, V>> {
        let topic = self.0.borrow().input(topic)?;
        Ok(TestInputTopic::new(Rc::clone(&self.0), topic, keys, values))
    }

    /// A topic that the topology writes, internal and changelog topics included, under the default serdes of its types.
    /// A topic that is only chosen per record is known once a record went there.
    ///
    /// # Errors
    /// When the topology does not write it; the message names the topics that it writes.
    pub fn output<K: DefaultSerde, V: DefaultSerde>(&self, topic: &str) -> Result<TestOutputTopic<K, V>> {
        self.output_with(topic, K::default_serde(), V::default_serde())
    }

    /// A topic that the topology writes, under other serdes.
    ///
    /// # Errors
    /// As [`Self::output`].
    pub fn output_with<K, V>(
        &self,
        topic: &str,
        keys: SerdeRef<K>,
        values: SerdeRef<V>,
    ) -> Result<TestOutputTopic<K, V>> {
        let inner = self.0.borrow();
        let index = inner.output(topic)?;
        Ok(TestOutputTopic::new(Rc::clone(&inner.wire), index, topic.into(), keys, values))
    }

    /// A key-value store that the topology has. The handle reads and writes the live store.
    ///
    /// # Errors
    /// When there is no such store, or it is of another type; the message says which.
    pub fn key_value_store<K: 'static, V: 'static>(&self, name: &str) -> Result<KeyValueStore<K, V>> {
        self.store(name)
    }

    /// A key-value store with timestamps, such as that of a table.
    ///
    /// # Errors
    /// As [`Self::key_value_store`].
    pub fn timestamped_key_value_store<K: 'static, V: 'static>(
        &self,
        name: &str,
    ) -> Result<TimestampedKeyValueStore<K, V>> {
        self.store(name)
    }

    /// A window store.
    ///
    /// # Errors
    /// As [`Self::key_value_store`].
    pub fn window_store<K: 'static, V: 'static>(&self, name: &str) -> Result<WindowStore<K, V>> {
        self.store(name)
    }

    /// A window store with timestamps, such as that of a windowed aggregation.
    ///
    /// # Errors
    /// As [`Self::key_value_store`].
    pub fn timestamped_window_store<K: 'static, V: 'static>(&self, name: &str) -> Result<TimestampedWindowStore<K, V>> {
        self.store(name)
    }

    /// A store of any type.
    ///
    /// # Errors
    /// As [`Self::key_value_store`].
    pub fn store<S: StateStore>(&self, name: &str) -> Result<S> {
        let inner = self.0.borrow();
        let mut stores = inner.tasks.iter().flat_map(ActiveTask::stores);
        match stores.find(|store| store.name() == name) {
            Some(store) => store.handle(),
            None => {
                Err(unknown("has no store", name, inner.tasks.iter().flat_map(ActiveTask::stores).map(AnyStore::name)))
            }
        }
    }

    /// Moves the wall clock and runs what is due by it.
    ///
    /// # Errors
    /// The first failure that no handler takes.
    pub fn advance_wall_clock_time(&self, by: Duration) -> Result<()> {
        self.0.borrow_mut().advance(by)
    }

    /// The wall clock.
    pub fn wall_clock_time(&self) -> Timestamp {
        self.0.borrow().now
    }

    /// How many records were dropped, by all tasks: null keys, late records, records a handler passed over.
    pub fn dropped_records(&self) -> u64 {
        let inner = self.0.borrow();
        inner.dropped_before + inner.tasks.iter().map(ActiveTask::dropped_records).sum::<u64>()
    }

    /// Leaves the commits to [`Self::commit`]: from now on piped records and ticks are followed to their end without one,
    /// so that caches hold what they hold between two commits of an application.
    pub fn commit_manually(&self) {
        self.0.borrow_mut().commits_itself = false;
    }

    /// Commits every task once, which flushes its caches, and follows what that wrote to its end. Returns whether
    /// something is left to commit: what a commit sends through internal topics may fill caches again.
    ///
    /// # Errors
    /// The first failure that no handler takes.
    pub fn commit(&self) -> Result<bool> {
        self.0.borrow_mut().commit_all()
    }

    /// Commits, closes all tasks and opens them anew on a machine that has nothing: new processors, stores restored from
    /// their changelogs, times as committed. What a store does not log is lost. Handles on topics stay good; those on
    /// stores show what was before.
    ///
    /// # Errors
    /// The first failure that no handler takes; a store whose changelog cannot be read.
    pub fn restart(&self) -> Result<()> {
        self.0.borrow_mut().restart()
    }

    /// All records written since the last call, over all topics in the order in which they were written: those of sinks,
    /// of internal topics and of changelogs. Handles on output topics keep their own place and are not disturbed.
    pub fn take_produced(&self) -> Vec<ProducedRecord> {
        self.0.borrow().wire.borrow_mut().take_produced()
    }

    /// The names of all stores, those without a name of the program included, in order.
    #[doc(alias = "getAllStateStores")]
    pub fn store_names(&self) -> Vec<String> {
        let inner = self.0.borrow();
        let mut names: Vec<String> =
            inner.tasks.iter().flat_map(ActiveTask::stores).map(|store| store.name().to_owned()).collect();
        names.sort_unstable();
        names
    }

    /// The topics that records were written to so far, in the order of their names.
    pub fn produced_topic_names(&self) -> Vec<String> {
        self.0.borrow().wire.borrow().produced().map(ToString::to_string).collect()
    }

    /// Closes all nodes. Handles on output topics and stores stay readable.
    pub fn close(&self) {
        for task in &mut self.0.borrow_mut().tasks {
            task.close();
        }
    }
}

/// What the driver and the handles on its input topics share.
pub(super) struct Inner {
    pub(super) topology: Topology,
    pub(super) config: StreamsConfig,
    pub(super) application_id: String,
    pub(super) tasks: Vec<ActiveTask>,
    /// The task that reads a topic, and the offset of its next record.
    pub(super) readers: BTreeMap<Arc<str>, Reader>,
    pub(super) wire: Rc<RefCell<Wire>>,
    batch: BatchBuilder,
    pub(super) now: Timestamp,
    /// What a restart goes on at.
    pub(super) committed: BTreeMap<TopicPartition, CommittableOffset>,
    /// The records that tasks of earlier lives dropped.
    pub(super) dropped_before: u64,
    /// Whether a commit follows each record and each tick.
    commits_itself: bool,
}

#[derive(Debug)]
pub(super) struct Reader {
    pub(super) task: usize,
    partition: TopicPartition,
    next_offset: i64,
}

impl Inner {
    fn new(topology: Topology, config: &StreamsConfig) -> Result<Self> {
        let wire = Rc::new(RefCell::new(Wire::default()));
        let now = Timestamp(0);
        let mut tasks = tasks(&topology, config, &wire, &|_, _| Ok(()))?;
        let mut readers = BTreeMap::new();
        for (index, task) in tasks.iter_mut().enumerate() {
            task.init(now)?;
            for partition in task.input_partitions() {
                let reader = Reader { task: index, partition: partition.clone(), next_offset: 0 };
                readers.insert(Arc::clone(&partition.topic), reader);
            }
        }
        let mut inner = Self {
            topology,
            config: config.clone(),
            application_id: config.application_id.clone(),
            tasks,
            readers,
            wire,
            batch: BatchBuilder::default(),
            now,
            committed: BTreeMap::new(),
            dropped_before: 0,
            commits_itself: true,
        };
        inner.run_until_idle()?;
        Ok(inner)
    }

    fn input(&self, topic: &str) -> Result<Arc<str>> {
        match self.readers.get_key_value(topic) {
            Some((name, _)) => Ok(Arc::clone(name)),
            None => Err(unknown("does not read topic", topic, self.readers.keys().map(|name| &**name))),
        }
    }

    fn output(&self, topic: &str) -> Result<usize> {
        let mut wire = self.wire.borrow_mut();
        if wire.contains(topic) {
            return Ok(wire.topic(topic));
        }
        let error = unknown("does not write topic", topic, wire.names().map(|name| &**name));
        Err(error)
    }

    /// Puts a record on an input topic and follows it to its end.
    pub(super) fn pipe(&mut self, topic: &str, record: &WireRecord) -> Result<()> {
        self.enqueue(topic, record)?;
        self.run_until_idle()
    }

    fn enqueue(&mut self, topic: &str, record: &WireRecord) -> Result<()> {
        let Some(reader) = self.readers.get_mut(topic) else { return Ok(()) };
        self.batch.clear();
        let headers = record.headers.iter().map(|header| (header.key.as_bytes(), header.value.as_deref()));
        self.batch.append_with_headers(record.timestamp, record.key.as_deref(), record.value.as_deref(), headers)?;
        let offset = crate::ids::Offset(reader.next_offset);
        let bytes = self.batch.finish(&BatchOptions { base_offset: offset, ..BatchOptions::default() })?;
        reader.next_offset += 1;
        self.tasks[reader.task].add_records(&reader.partition, &Bytes::copy_from_slice(bytes))?;
        Ok(())
    }

    fn advance(&mut self, by: Duration) -> Result<()> {
        self.now = self.now + by;
        for task in 0..self.tasks.len() {
            self.tasks[task].punctuate(self.now)?;
            self.after_step(task)?;
        }
        self.run_until_idle()
    }

    pub(super) fn run_until_idle(&mut self) -> Result<()> {
        for _ in 0..STEPS_MAX {
            if !self.step()? {
                return Ok(());
            }
        }
        let message = format!("the topology is still busy after {STEPS_MAX} records: does it feed its own source?");
        Err(Error::new(ErrorKind::InvalidTopology, message))
    }

    /// Processes the record with the smallest timestamp of all tasks that may go on. False when there is none.
    fn step(&mut self) -> Result<bool> {
        self.set_lags()?;
        let mut heads = Vec::new();
        for (index, task) in self.tasks.iter_mut().enumerate() {
            heads.extend(task.head_timestamp()?.map(|head| (head, index)));
        }
        heads.sort_unstable();
        for (_, task) in heads {
            if self.tasks[task].process(1, self.now)? > 0 {
                self.after_step(task)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// All that was written is fetched at once, so no partition lags.
    fn set_lags(&mut self) -> Result<()> {
        for reader in self.readers.values() {
            self.tasks[reader.task].set_lag(&reader.partition, Some(0))?;
        }
        Ok(())
    }

    fn after_step(&mut self, task: usize) -> Result<()> {
        if self.commits_itself {
            self.commit(task)
        } else {
            self.feed_back()
        }
    }

    pub(super) fn commit_all(&mut self) -> Result<bool> {
        for task in 0..self.tasks.len() {
            self.commit(task)?;
        }
        self.run_until_idle()?;
        Ok(self.tasks.iter().any(ActiveTask::is_commit_needed))
    }

    fn commit(&mut self, task: usize) -> Result<()> {
        for offset in self.tasks[task].prepare_commit()? {
            self.committed.insert(offset.topic_partition.clone(), offset);
        }
        let (wire, application_id) = (self.wire.borrow(), &self.application_id);
        self.tasks[task]
            .post_commit(&|store| wire.last_offset(&changelog_topic(application_id, store)).map(Into::into))?;
        drop(wire);
        self.feed_back()
    }

    /// Puts what was written to topics that the topology reads itself onto their readers' queues.
    fn feed_back(&mut self) -> Result<()> {
        loop {
            let fresh = self.wire.borrow_mut().next_fresh();
            let Some((topic, record)) = fresh else { return Ok(()) };
            self.enqueue(&topic, &record)?;
        }
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("tasks", &self.tasks).field("now", &self.now).finish_non_exhaustive()
    }
}

fn options(config: &StreamsConfig) -> TaskOptions {
    let verdict = |handler| if handler == ExceptionHandler::Continue { Verdict::Continue } else { Verdict::Fail };
    let processing = verdict(config.runtime.processing_exception_handler);
    let deserialization = verdict(config.runtime.deserialization_exception_handler);
    TaskOptions {
        max_task_idle: config.runtime.max_task_idle,
        buffered_records_per_partition: config.runtime.buffered_records_per_partition,
        processing_handler: Arc::new(move |_, _, _| processing),
        deserialization_handler: Arc::new(move |_, _| deserialization),
        ..TaskOptions::new(config.application_id.as_str())
    }
}

/// Fills a store before its task is made.
pub(super) type Restore<'a> = &'a dyn Fn(&StoreSpec, &mut RestoringStore) -> Result<()>;

/// A task per sub-topology, not started yet.
pub(super) fn tasks(
    topology: &Topology,
    config: &StreamsConfig,
    wire: &Rc<RefCell<Wire>>,
    restore: Restore<'_>,
) -> Result<Vec<ActiveTask>> {
    let options = options(config);
    let task = |subtopology| {
        let collector = Box::new(WireCollector(Rc::clone(wire)));
        let stores = stores(topology, subtopology, config, wire, restore)?;
        ActiveTask::new(topology, subtopology, Partition(0), &options, collector, stores, &|_| 1)
    };
    topology.subtopologies().iter().map(task).collect()
}

/// The sub-topology's stores in memory, with their changelogs on the wire.
fn stores(
    topology: &Topology,
    subtopology: &Subtopology,
    config: &StreamsConfig,
    wire: &Rc<RefCell<Wire>>,
    restore: Restore<'_>,
) -> Result<Vec<TaskStore>> {
    let cache_bytes_max = usize::try_from(config.runtime.statestore_cache_max_bytes).unwrap_or(usize::MAX);
    let specs = subtopology.stores.iter().filter_map(|name| topology.store(name));
    let open = |spec: &Arc<StoreSpec>| {
        let changelog = spec.changelog().map(|_| {
            let topic = wire.borrow_mut().topic(&changelog_topic(&config.application_id, spec.name()));
            Rc::new(WireChangelog { wire: Rc::clone(wire), topic }) as Rc<dyn ChangelogSink>
        });
        let mut rows = spec.open_in_memory()?;
        restore(spec, &mut rows)?;
        Ok(TaskStore { spec: Arc::clone(spec), rows, changelog, cache_bytes_max })
    };
    specs.map(open).collect()
}

pub(super) fn changelog_topic(application_id: &str, store: &str) -> String {
    format!("{application_id}-{store}-changelog")
}

#[cold]
fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let known: Vec<&str> = known.collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Error::new(ErrorKind::InvalidConfig, format!("the topology {what} {name}: it knows {known}"))
}

//! What all threads of an application share: the plan of its tasks, and how to open their stores.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use uuid::Uuid;

use crate::config::{DslStoreType, StreamsConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{TaskId, TopicPartition};
use crate::runtime::assignment::{full_name, TaskAssignment};
use crate::runtime::handlers::Handlers;
use crate::runtime::internal_topics::{changelog_topic, Prepared};
use crate::runtime::partitions::inputs;
use crate::runtime::restore::{Rows, StateRestoreListener, StoreToRestore};
use crate::runtime::state_dir::StateDirectory;
use crate::runtime::task::TaskOptions;
use crate::state::{EngineKind, RestoringStore, StoreSpec};
use crate::topology::{NodeKind, OffsetResetPolicy, Subtopology, Topology};

/// A topic that must stay what it was when the application started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownTopic {
    /// Its full name.
    pub(crate) name: Arc<str>,
    /// Its id; zero where the broker has none.
    pub(crate) id: Uuid,
    pub(crate) partitions: i32,
    /// The store whose changes it has; none for an input.
    pub(crate) store: Option<Arc<str>>,
}

/// The plan of an application that is about to run.
pub(crate) struct Plan {
    pub(crate) topology: Topology,
    pub(crate) config: StreamsConfig,
    pub(crate) handlers: Handlers,
    pub(crate) restore_listener: Option<Arc<dyn StateRestoreListener>>,
    /// None when the application has no state.
    pub(crate) directory: Option<StateDirectory>,
    /// By full name.
    partition_counts: BTreeMap<Arc<str>, i32>,
    /// The inputs and changelogs as they were at the start.
    pub(crate) topics: Vec<KnownTopic>,
    /// Where to start without a committed offset, by full topic name.
    resets: BTreeMap<Arc<str>, OffsetResetPolicy>,
}

impl Plan {
    pub(crate) fn new(
        topology: Topology,
        config: StreamsConfig,
        handlers: Handlers,
        restore_listener: Option<Arc<dyn StateRestoreListener>>,
        directory: Option<StateDirectory>,
        prepared: &Prepared,
    ) -> Self {
        let counts = &prepared.counts;
        let application = &config.application_id;
        let mut partition_counts = BTreeMap::new();
        for topic in topology.subtopologies().iter().flat_map(inputs) {
            let count = i32::try_from(counts.of(topic).unwrap_or(0)).unwrap_or(i32::MAX);
            partition_counts.insert(full_name(&topology, application, topic), count);
        }
        let mut resets = BTreeMap::new();
        for node in topology.nodes() {
            let NodeKind::Source { topics, reset } = &node.kind else { continue };
            for topic in topics {
                // What the application wrote for itself is never passed over.
                let reset = if topology.is_internal_topic(topic) { OffsetResetPolicy::Earliest } else { *reset };
                resets.insert(full_name(&topology, application, topic), reset);
            }
        }
        let topics = known_topics(&topology, &config, &partition_counts, prepared);
        Self { topology, config, handlers, restore_listener, directory, partition_counts, topics, resets }
    }

    /// How many partitions a topic has that the application reads, by full name.
    pub(crate) fn partition_count(&self, topic: &str) -> i32 {
        self.partition_counts.get(topic).copied().unwrap_or(0)
    }

    /// Where a topic is read from that has no committed offset.
    pub(crate) fn reset(&self, topic: &str) -> OffsetResetPolicy {
        self.resets.get(topic).copied().unwrap_or_default()
    }

    /// The settings of tasks.
    pub(crate) fn task_options(&self) -> TaskOptions {
        let runtime = &self.config.runtime;
        TaskOptions {
            max_task_idle: runtime.max_task_idle,
            buffered_records_per_partition: runtime.buffered_records_per_partition,
            processing_handler: Arc::clone(&self.handlers.processing),
            deserialization_handler: Arc::clone(&self.handlers.deserialization),
            dead_letter_topic: runtime.errors_dead_letter_queue_topic_name.as_deref().map(Arc::from),
            ..TaskOptions::new(self.config.application_id.as_str())
        }
    }

    /// The part of the topology that a task runs.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when there is none of that number.
    pub(crate) fn subtopology(&self, task: TaskId) -> Result<&Subtopology> {
        let index = usize::try_from(task.subtopology.0).unwrap_or(usize::MAX);
        let part = self.topology.subtopologies().get(index);
        part.ok_or_else(|| Error::new(ErrorKind::Internal, format!("task {task} is of no sub-topology")))
    }

    /// Opens the stores of a task.
    ///
    /// # Errors
    /// What the engine or the state directory report.
    pub(crate) fn open_stores(&self, assignment: &TaskAssignment) -> Result<Vec<StoreToRestore>> {
        let task = assignment.task;
        let mut stores = Vec::new();
        for name in &self.subtopology(task)?.stores {
            let Some(spec) = self.topology.store(name) else { continue };
            let rows = self.open_store(task, spec, Rows::Kept)?;
            let changelog = spec.changelog().map(|_| self.changelog(task, spec.name()));
            stores.push(StoreToRestore::new(Arc::clone(spec), rows, changelog));
        }
        Ok(stores)
    }

    /// The partition of a store's changelog that belongs to a task.
    pub(crate) fn changelog(&self, task: TaskId, store: &str) -> TopicPartition {
        TopicPartition { topic: changelog_topic(&self.config.application_id, store).into(), partition: task.partition }
    }

    /// Checks that the directories of a task's stores are still where they were made.
    ///
    /// # Errors
    /// [`ErrorKind::TaskCorrupted`] when somebody deleted one: what its engine writes goes nowhere.
    pub(crate) fn check_stores(&self, task: TaskId) -> Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        let engine = default_engine(&self.config);
        for spec in self.subtopology(task)?.stores.iter().filter_map(|store| self.topology.store(store)) {
            if spec.engine().unwrap_or(engine) == EngineKind::RocksDb {
                directory.check_store(task, spec.name(), spec.is_windowed())?;
            }
        }
        Ok(())
    }

    /// Opens one store of a task, empty if it is told so. Rows on disk that cannot be used, because they are damaged or
    /// something else wrote them, are moved out of the way where a changelog has them too: the store is then empty.
    ///
    /// # Errors
    /// What the engine or the state directory report.
    pub(crate) fn open_store(&self, task: TaskId, spec: &StoreSpec, rows: Rows) -> Result<RestoringStore> {
        let engine = default_engine(&self.config);
        let named = |error: Error| error.context(format!("open store {} of task {task}", spec.name()));
        let (Some(directory), EngineKind::RocksDb) = (&self.directory, spec.engine().unwrap_or(engine)) else {
            return spec.open(Path::new(""), engine).map_err(named);
        };
        directory.hold()?;
        let task_directory = directory.task_directory(task)?;
        if rows == Rows::Wiped {
            directory.wipe_store(task, spec.name(), spec.is_windowed())?;
        }
        match spec.open(&task_directory, engine) {
            Err(error) if error.kind() == ErrorKind::Corrupt && spec.changelog().is_some() => {
                let moved_to = directory.set_store_aside(task, spec.name(), spec.is_windowed()).map_err(named)?;
                tracing::warn!(
                    %task, store = spec.name(), moved_to = %moved_to.display(), error = %error.report(),
                    "a store's rows on disk cannot be used: they are moved away and restored from the changelog"
                );
                spec.open(&task_directory, engine).map_err(named)
            }
            Err(error) if error.kind() == ErrorKind::Corrupt => {
                let message = format!(
                    "store {} of task {task} cannot be used and has no changelog to restore it from: put a copy of its \
                     directory there, or move the directory away to begin with an empty store",
                    spec.name()
                );
                Err(error.context(message))
            }
            opened => opened.map_err(named),
        }
    }
}

fn known_topics(
    topology: &Topology,
    config: &StreamsConfig,
    inputs: &BTreeMap<Arc<str>, i32>,
    Prepared { counts, ids }: &Prepared,
) -> Vec<KnownTopic> {
    let known = |name: Arc<str>, partitions, store| {
        let id = ids.get(&name).copied().unwrap_or_default();
        KnownTopic { name, id, partitions, store }
    };
    let mut topics: Vec<KnownTopic> =
        inputs.iter().map(|(name, partitions)| known(Arc::clone(name), *partitions, None)).collect();
    for part in topology.subtopologies() {
        let partitions = i32::try_from(counts.of_subtopology(part)).unwrap_or(i32::MAX);
        for store in &part.stores {
            if topology.store(store).is_some_and(|spec| spec.changelog().is_some()) {
                let name = changelog_topic(&config.application_id, store).into();
                topics.push(known(name, partitions, Some(Arc::from(&**store))));
            }
        }
    }
    topics
}

/// The engine of stores that do not name one.
pub(crate) fn default_engine(config: &StreamsConfig) -> EngineKind {
    match config.runtime.dsl_store_type {
        DslStoreType::InMemory => EngineKind::InMemory,
        DslStoreType::RocksDb => EngineKind::RocksDb,
    }
}

/// Whether the application has anything that a later run goes on with: stores, or records on their way between its parts.
pub(crate) fn has_state(topology: &Topology) -> bool {
    topology.stores().next().is_some() || topology.internal_topics().next().is_some()
}

/// Whether any store of the topology lasts on disk.
pub(crate) fn is_persistent(topology: &Topology, config: &StreamsConfig) -> bool {
    let engine = default_engine(config);
    topology.stores().any(|spec| spec.engine().unwrap_or(engine) != EngineKind::InMemory)
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan").field("application_id", &self.config.application_id).finish_non_exhaustive()
    }
}

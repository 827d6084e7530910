//! From an assignment to running tasks: committed offsets, open stores, restored stores, wired graphs.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::{Input, Phase, Running, StreamThread};
use crate::client::consumer::CommitId;
use crate::config::AutoOffsetReset;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{TaskId, TopicPartition};
use crate::runtime::assignment::TaskAssignment;
use crate::runtime::collector::{Changelog, Collector};
use crate::runtime::plan::Plan;
use crate::runtime::restore::StoreToRestore;
use crate::runtime::task::{ActiveTask, TaskStore};
use crate::state::ChangelogSink;
use crate::time::Timestamp;
use crate::topology::OffsetResetPolicy;

/// The cache budget of each cached store: an equal part of the thread's part of `statestore.cache.max.bytes`.
pub(super) fn cache_bytes_max(plan: &Plan, assignment: &[TaskAssignment]) -> usize {
    let cached = |task: &TaskAssignment| {
        let stores = plan.subtopology(task.task).map(|part| part.stores.as_slice()).unwrap_or_default();
        stores.iter().filter(|store| plan.topology.store(store).is_some_and(|spec| spec.is_cached())).count()
    };
    let stores: usize = assignment.iter().map(cached).sum();
    let runtime = &plan.config.runtime;
    let total = usize::try_from(runtime.statestore_cache_max_bytes).unwrap_or(usize::MAX);
    total / runtime.num_stream_threads.max(1) / stores.max(1)
}

/// What the thread's stores may hold in memory before it commits early: an equal part of
/// `statestore.uncommitted.max.bytes`.
pub(super) fn uncommitted_bytes_max(plan: &Plan) -> usize {
    let runtime = &plan.config.runtime;
    let total = runtime.statestore_uncommitted_max_bytes.and_then(|bytes| usize::try_from(bytes).ok());
    total.map_or(usize::MAX, |total| total / runtime.num_stream_threads.max(1))
}

impl StreamThread {
    /// Waits for the committed offsets, then opens all stores and begins to restore them.
    pub(super) fn start(&mut self, now: Timestamp, question: CommitId) -> Result<()> {
        if let Err(error) = self.consumer.poll(now, self.plan.config.runtime.poll) {
            // The consumer asks again by itself.
            return self.start_later(now, error);
        }
        match self.consumer.committed_outcome(question) {
            None => return Ok(()),
            Some(Ok(answer)) => self.committed = answer.into_iter().collect(),
            Some(Err(error)) => return self.ask_again(now, error),
        }
        let mut tasks = Vec::new();
        for assignment in &self.assignment {
            tasks.push((assignment.task, self.plan.open_stores(assignment)?));
        }
        self.restorer.begin(tasks)?;
        self.phase = Phase::Restoring;
        Ok(())
    }

    /// Asks for the committed offsets again after an error that may pass.
    #[cold]
    fn ask_again(&mut self, now: Timestamp, error: Error) -> Result<()> {
        self.start_later(now, error)?;
        let inputs: Vec<TopicPartition> = self.owned_inputs().cloned().collect();
        self.phase = Phase::Starting(self.consumer.begin_committed(&inputs)?);
        Ok(())
    }

    /// Takes an error that may pass, until `task.timeout.ms` is over.
    #[cold]
    fn start_later(&self, now: Timestamp, error: Error) -> Result<()> {
        let timeout = self.plan.config.runtime.task_timeout;
        if error.kind() != ErrorKind::Retriable {
            return Err(error.context("fetch the committed offsets of the application"));
        }
        if now - self.began.unwrap_or(now) >= timeout {
            let millis = timeout.as_millis();
            let message = format!("fetching the committed offsets fails for {millis} ms (task.timeout.ms)");
            return Err(Error::with_source(ErrorKind::Processing, message, error));
        }
        tracing::warn!(error = %error.report(), "fetching the committed offsets fails and is tried again");
        Ok(())
    }

    fn owned_inputs(&self) -> impl Iterator<Item = &TopicPartition> {
        self.assignment.iter().flat_map(|task| &task.inputs)
    }

    /// Restores stores, and starts the tasks that have theirs.
    pub(super) fn restore(&mut self, now: Timestamp, wait: Duration) -> Result<()> {
        let plan = Arc::clone(&self.plan);
        let restored = self.restorer.step(now, wait, &|task, spec, rows| plan.open_store(task, spec, rows))?;
        for (task, stores) in restored {
            self.start_task(task, stores)?;
        }
        if self.restorer.is_done() {
            self.phase = Phase::Running;
            self.publish(now);
        }
        Ok(())
    }

    fn start_task(&mut self, id: TaskId, stores: Vec<StoreToRestore>) -> Result<()> {
        let Some(assignment) = self.assignment.iter().find(|assignment| assignment.task == id).cloned() else {
            return Err(Error::new(ErrorKind::Internal, format!("task {id} is not assigned to this thread")));
        };
        let restored = stores.iter().map(StoreToRestore::restored).sum();
        let collector = Collector::new(Rc::clone(&self.producer), self.policy.clone());
        let plan = Arc::clone(&self.plan);
        let mut task = ActiveTask::new(
            &plan.topology,
            plan.subtopology(id)?,
            id.partition,
            &plan.task_options(),
            Box::new(collector),
            self.task_stores(stores)?,
            &|topic| plan.partition_count(topic),
        )?;
        let mut inputs = Vec::new();
        for partition in &assignment.inputs {
            self.seek(&mut task, partition)?;
            self.owners.insert(partition.clone(), self.tasks.len());
            inputs.push(Input { partition: partition.clone(), paused: false });
        }
        task.init(self.wall_clock)?;
        for partition in &assignment.inputs {
            self.consumer.resume(partition)?;
        }
        let repartitions = assignment.repartitions;
        self.tasks.push(Running { task, inputs, repartitions, records: 0, restored, is_ready: false, failing: None });
        Ok(())
    }

    fn task_stores(&self, stores: Vec<StoreToRestore>) -> Result<Vec<TaskStore>> {
        let attach = |store: StoreToRestore| {
            let changelog = store.changelog.clone().map(|partition| -> Rc<dyn ChangelogSink> {
                Rc::new(Changelog::new(Rc::clone(&self.producer), self.policy.clone(), partition))
            });
            let spec = Arc::clone(&store.spec);
            Ok(TaskStore { spec, rows: store.into_rows()?, changelog, cache_bytes_max: self.cache_bytes_max })
        };
        stores.into_iter().map(attach).collect()
    }

    /// Puts consumer and task at the committed offset of an input, or where its reset policy says.
    fn seek(&mut self, task: &mut ActiveTask, partition: &TopicPartition) -> Result<()> {
        if let Some(Some(committed)) = self.committed.get(partition) {
            self.consumer.seek_with(partition, committed)?;
            return task.seek(partition, committed.offset, &committed.metadata);
        }
        let configured = self.plan.config.consumer.auto_offset_reset;
        match (self.plan.reset(&partition.topic), configured) {
            (OffsetResetPolicy::Earliest, _) | (OffsetResetPolicy::Default, AutoOffsetReset::Earliest) => {
                self.consumer.seek_to_beginning(partition)
            }
            (OffsetResetPolicy::Latest, _) | (OffsetResetPolicy::Default, AutoOffsetReset::Latest) => {
                self.consumer.seek_to_end(partition)
            }
            (OffsetResetPolicy::Default, AutoOffsetReset::None) => {
                let message = format!(
                    "{partition} has no committed offset, and auto.offset.reset is none: set it to earliest or latest, \
                     or give the source a reset policy"
                );
                Err(Error::new(ErrorKind::InvalidConfig, message))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;
    use crate::config::StreamsConfig;
    use crate::runtime::assignment::{assign, tasks};
    use crate::runtime::handlers::Handlers;
    use crate::runtime::internal_topics::Prepared;
    use crate::runtime::partitions::PartitionCounts;
    use crate::state::Stores;
    use crate::testing::support::add_processor;
    use crate::topology::{SourceOptions, TopologyBuilder};

    /// What each cached store of the first thread gets, and what all its stores may hold, of 24,000 bytes each. There are
    /// four tasks, with two cached stores and one that is not.
    #[rstest]
    #[case(1, 3_000, 24_000)]
    #[case(2, 3_000, 12_000)]
    #[case(4, 3_000, 6_000)]
    #[case::threads_without_tasks_count(8, 1_500, 3_000)]
    fn memory_is_divided_by_threads_and_stores(
        #[case] threads: usize,
        #[case] cache_bytes: usize,
        #[case] uncommitted_bytes: usize,
    ) {
        let mut builder = TopologyBuilder::new();
        let source = builder.add_source::<String, String>("in", &["in"], SourceOptions::default()).expect("is new");
        let node = add_processor::<String, String>(&mut builder, "node", &[source], |_, _| Ok(())).expect("is new");
        for (name, is_cached) in [("a", true), ("b", true), ("c", false)] {
            let store = Stores::in_memory_key_value::<String, String>(name);
            let store = if is_cached { store.with_caching_enabled() } else { store };
            builder.add_store(Arc::new(store.build())).expect("is new");
            builder.connect(node, name).expect("is there");
        }
        let topology = builder.build().expect("is valid");
        let number = threads.to_string();
        let settings = [
            ("application.id", "app"),
            ("num.stream.threads", &number),
            ("statestore.cache.max.bytes", "24000"),
            ("statestore.uncommitted.max.bytes", "24000"),
        ];
        let config = StreamsConfig::from_settings(settings).expect("is valid");
        let existing = BTreeMap::from([(Arc::from("in"), 4)]);
        let counts = PartitionCounts::resolve(&topology, &existing).expect("fits");
        let assigned = assign(tasks(&topology, "app", &counts), threads).swap_remove(0);
        let (handlers, prepared) = (Handlers::from_config(&config.runtime), Prepared { counts, ids: BTreeMap::new() });
        let plan = Plan::new(topology, config, handlers, None, None, &prepared);
        assert_eq!(cache_bytes_max(&plan, &assigned), cache_bytes);
        assert_eq!(uncommitted_bytes_max(&plan), uncommitted_bytes);
    }
}

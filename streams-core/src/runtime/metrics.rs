//! Counters of threads and tasks, as another thread sees them.
//!
//! The data path counts in plain fields of its own. Once in a while, at a commit and at least every second, a thread
//! copies them here, under a lock that is taken for nothing else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ids::TaskId;

/// What a task has counted since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct TaskMetrics {
    /// Records taken for processing, dropped ones included.
    pub records_processed: u64,
    /// Records dropped: null keys, late ones, undecodable ones passed over, and so on.
    pub dropped_records: u64,
    /// Records read back from changelogs.
    pub records_restored: u64,
    /// Records of changelogs still to be read back.
    pub records_to_restore: u64,
}

/// What a thread has counted since it was made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ThreadMetrics {
    /// The thread's name.
    pub name: String,
    /// Commits that were done.
    pub commits: u64,
    /// Its tasks.
    pub tasks: BTreeMap<TaskId, TaskMetrics>,
}

/// What an application has counted, as of the last time that each of its threads published.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct StreamsMetrics {
    /// Its threads, in the order of their numbers.
    pub threads: Vec<ThreadMetrics>,
}

impl StreamsMetrics {
    /// The sum over all tasks.
    pub fn total(&self) -> TaskMetrics {
        let mut total = TaskMetrics::default();
        for task in self.threads.iter().flat_map(|thread| thread.tasks.values()) {
            total.records_processed += task.records_processed;
            total.dropped_records += task.dropped_records;
            total.records_restored += task.records_restored;
            total.records_to_restore += task.records_to_restore;
        }
        total
    }

    /// How many commits all threads did.
    pub fn commits(&self) -> u64 {
        self.threads.iter().map(|thread| thread.commits).sum()
    }
}

/// Where a thread publishes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Published(Arc<Mutex<ThreadMetrics>>);

impl Published {
    /// Copies counters in.
    pub(crate) fn publish(&self, fill: impl FnOnce(&mut ThreadMetrics)) {
        fill(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Copies counters out.
    pub(crate) fn snapshot(&self) -> ThreadMetrics {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Partition, SubtopologyId};

    #[test]
    fn totals_are_sums_over_threads_and_tasks() {
        let published = Published::default();
        published.publish(|thread| {
            thread.commits = 3;
            for partition in 0..2 {
                let task = TaskId { subtopology: SubtopologyId(0), partition: Partition(partition) };
                let metrics = TaskMetrics { records_processed: 10, dropped_records: 1, ..TaskMetrics::default() };
                thread.tasks.insert(task, metrics);
            }
        });
        let metrics = StreamsMetrics { threads: vec![published.snapshot(), published.snapshot()] };
        assert_eq!(metrics.commits(), 6);
        assert_eq!((metrics.total().records_processed, metrics.total().dropped_records), (40, 4));
    }
}

//! Which tasks there are and which thread runs each: a pure function of topology, partition counts and threads.
//!
//! This is the seam to the group protocol. There, the broker computes the assignment and sends each member its own
//! part; here, the only member computes it for its threads.

use std::sync::Arc;

use crate::ids::{Partition, TaskId, TopicPartition};
use crate::runtime::partitions::{inputs, PartitionCounts};
use crate::topology::{Subtopology, Topology};

/// A task and the partitions it owns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskAssignment {
    /// The task.
    pub(crate) task: TaskId,
    /// What it reads: its partition of every source topic that has one, under full names.
    pub(crate) inputs: Vec<TopicPartition>,
    /// Those of `inputs` that are repartition topics, whose records are deleted once they are committed.
    pub(crate) repartitions: Vec<TopicPartition>,
}

/// All tasks of a topology, ordered by sub-topology and partition.
pub(crate) fn tasks(topology: &Topology, application_id: &str, counts: &PartitionCounts) -> Vec<TaskAssignment> {
    let mut tasks = Vec::new();
    for part in topology.subtopologies() {
        for number in 0..counts.of_subtopology(part) {
            tasks.push(task(topology, application_id, counts, part, number));
        }
    }
    tasks
}

fn task(
    topology: &Topology,
    application_id: &str,
    counts: &PartitionCounts,
    part: &Subtopology,
    number: u32,
) -> TaskAssignment {
    let partition = Partition(i32::try_from(number).unwrap_or(i32::MAX));
    let mut assignment = TaskAssignment {
        task: TaskId { subtopology: part.id, partition },
        inputs: Vec::new(),
        repartitions: Vec::new(),
    };
    for topic in inputs(part) {
        if counts.of(topic).is_some_and(|count| number < count) {
            let topic_partition = TopicPartition { topic: full_name(topology, application_id, topic), partition };
            if topology.is_internal_topic(topic) {
                assignment.repartitions.push(topic_partition.clone());
            }
            assignment.inputs.push(topic_partition);
        }
    }
    assignment
}

/// The name of a topic on the broker: an internal one carries the application's name.
pub(crate) fn full_name(topology: &Topology, application_id: &str, topic: &Arc<str>) -> Arc<str> {
    if topology.is_internal_topic(topic) {
        format!("{application_id}-{topic}").into()
    } else {
        Arc::clone(topic)
    }
}

/// Deals tasks to threads one by one, so that the tasks of each sub-topology are spread as evenly as can be.
pub(crate) fn assign(tasks: Vec<TaskAssignment>, threads: usize) -> Vec<Vec<TaskAssignment>> {
    let mut assigned = vec![Vec::new(); threads.max(1)];
    let count = assigned.len();
    for (index, task) in tasks.into_iter().enumerate() {
        assigned[index % count].push(task);
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::partitions::testing::{counts, two_stage};

    #[test]
    fn every_partition_is_read_by_one_task_and_every_task_by_one_thread() {
        let topology = two_stage(None);
        let existing = counts(&[("a", 2), ("b", 3)]).collect();
        let counts = PartitionCounts::resolve(&topology, &existing).expect("fits");
        let tasks = tasks(&topology, "shop", &counts);
        let shown: Vec<String> = tasks
            .iter()
            .map(|task| {
                let inputs: Vec<String> = task.inputs.iter().map(ToString::to_string).collect();
                format!("{}: {} purges {}", task.task, inputs.join(" "), task.repartitions.len())
            })
            .collect();
        assert_eq!(
            shown,
            [
                "0_0: a-0 b-0 purges 0",
                "0_1: a-1 b-1 purges 0",
                "0_2: b-2 purges 0",
                "1_0: shop-X-0 purges 1",
                "1_1: shop-X-1 purges 1",
                "1_2: shop-X-2 purges 1",
            ]
        );
        let threads: Vec<Vec<String>> =
            assign(tasks, 2).iter().map(|tasks| tasks.iter().map(|task| task.task.to_string()).collect()).collect();
        assert_eq!(threads, [["0_0", "0_2", "1_1"], ["0_1", "1_0", "1_2"]]);
        assert_eq!(assign(Vec::new(), 2), [Vec::new(), Vec::new()]);
    }
}

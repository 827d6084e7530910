//! Chooses the partition whose record is next: smallest head timestamp first, ties in the order of the queues.
//!
//! The choice is made per run of records, not per record: a queue goes on until another one's head comes first. A task
//! with one partition never compares anything.
//!
//! ```text
//! all queues have records            -> go on
//! some queue is empty:
//!     max.task.idle.ms = -1          -> go on
//!     lag unknown, or lag > 0        -> wait: what is there is not fetched yet
//!     lag = 0                        -> wait until max.task.idle.ms have passed since it was first seen empty
//! ```

use std::time::Duration;

use super::punctuate::LiveNodes;
use super::record_queue::{RecordQueue, Until};
use crate::error::Result;
use crate::processor::TaskContext;
use crate::time::Timestamp;
use crate::topology::LiveSource;

/// The queues of a task.
#[derive(Debug)]
pub(super) struct PartitionGroup {
    inputs: Vec<Input>,
    /// `None` never waits.
    max_task_idle: Option<Duration>,
}

/// A queue, and what is known about its partition when it is empty.
#[derive(Debug)]
pub(super) struct Input {
    pub(super) queue: RecordQueue,
    /// How many records the broker has behind what is buffered; `None` before the first answer.
    pub(super) lag: Option<u64>,
    idle_until: Option<Timestamp>,
}

impl PartitionGroup {
    pub(super) fn new(queues: impl IntoIterator<Item = RecordQueue>, max_task_idle: Option<Duration>) -> Self {
        let inputs = queues.into_iter().map(|queue| Input { queue, lag: None, idle_until: None }).collect();
        Self { inputs, max_task_idle }
    }

    pub(super) fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    pub(super) fn inputs_mut(&mut self) -> &mut [Input] {
        &mut self.inputs
    }

    /// Processes up to `max` records in their order, as far as no empty partition holds them up.
    ///
    /// # Errors
    /// What the records' way through the graph reports.
    pub(super) fn process(
        &mut self,
        max: usize,
        now: Timestamp,
        sources: &mut [LiveSource],
        live: &LiveNodes,
        task: &mut TaskContext,
    ) -> Result<usize> {
        let mut taken = 0;
        while taken < max {
            self.find_heads(sources, live, task)?;
            if !self.is_ready(now) {
                break;
            }
            let Some((index, until)) = self.choose() else { break };
            let queue = &mut self.inputs[index].queue;
            let source = sources[queue.source].source.as_mut();
            taken += queue.run((max - taken, until), source, live, task)?;
        }
        Ok(taken)
    }

    /// Finds the heads of queues that have records and no head yet. Records that are dropped on the way are gone.
    ///
    /// # Errors
    /// What the source reports about a record that it cannot take.
    pub(super) fn find_heads(
        &mut self,
        sources: &mut [LiveSource],
        live: &LiveNodes,
        task: &mut TaskContext,
    ) -> Result<()> {
        for input in &mut self.inputs {
            if input.queue.head().is_none() && !input.queue.is_drained() {
                let source = sources[input.queue.source].source.as_mut();
                input.queue.run((0, Until::END), source, live, task)?;
            }
        }
        Ok(())
    }

    /// Whether the heads that are there are known to be the next records, or waiting for better ones is over.
    fn is_ready(&mut self, now: Timestamp) -> bool {
        let Some(max_task_idle) = self.max_task_idle else { return true };
        for input in &mut self.inputs {
            if input.queue.head().is_some() {
                input.idle_until = None;
                continue;
            }
            if input.lag != Some(0) {
                input.idle_until = None;
                return false;
            }
            let until = *input.idle_until.get_or_insert(now + max_task_idle);
            // Longer than that is left only when the clock was set back.
            if now < until && until - now <= max_task_idle {
                return false;
            }
        }
        true
    }

    /// The queue whose head is next, and up to which record it may go on.
    fn choose(&self) -> Option<(usize, Until)> {
        let mut best: Option<(Timestamp, usize)> = None;
        let mut second: Option<(Timestamp, usize)> = None;
        for (index, input) in self.inputs.iter().enumerate() {
            let Some(head) = input.queue.head().map(|timestamp| (timestamp, index)) else { continue };
            if best.is_none_or(|best| head < best) {
                second = best.replace(head);
            } else if second.is_none_or(|second| head < second) {
                second = Some(head);
            }
        }
        let (_, index) = best?;
        let until = second.map_or(Until::END, |(timestamp, other)| Until { timestamp, inclusive: index < other });
        // A queue that runs empty has to be waited for before the others go on, so its run ends there by itself.
        Some((index, until))
    }

    /// The smallest head timestamp.
    pub(super) fn head_timestamp(&self) -> Option<Timestamp> {
        self.inputs.iter().filter_map(|input| input.queue.head()).min()
    }
}

//! The Processor API: what users implement, and what they can do while a record is theirs.

use std::fmt;
use std::time::Duration;

use crate::error::Result;
use crate::ids::{NodeId, TaskId};
use crate::processor::{Cancellable, Output, Punctuation, PunctuationType, RecordPosition, Sink, TaskContext};
use crate::record::Record;
use crate::time::Timestamp;

/// A user's operator: one instance per task, with its own stores, schedules and outputs.
///
/// State lives in the value itself or in stores handed to it when it is made; it is never shared between tasks.
pub trait Processor<K, V>: 'static {
    /// The key type of what it forwards.
    type KOut: 'static;
    /// The value type of what it forwards.
    type VOut: 'static;

    /// Runs once before the first record, with restored stores. The place to schedule punctuations.
    ///
    /// # Errors
    /// Stops the task.
    fn init(&mut self, cx: &mut Context<'_, Self::KOut, Self::VOut>) -> Result<()> {
        let _ = cx;
        Ok(())
    }

    /// Processes one record.
    ///
    /// # Errors
    /// Goes to the processing handler, which stops the task unless told otherwise.
    fn process(&mut self, record: Record<'_, K, V>, cx: &mut Context<'_, Self::KOut, Self::VOut>) -> Result<()>;

    /// One of the schedules made with [`Context::schedule`] is due.
    ///
    /// # Errors
    /// As [`Self::process`], without a source record.
    fn punctuate(&mut self, tick: Punctuation, cx: &mut Context<'_, Self::KOut, Self::VOut>) -> Result<()> {
        let _ = (tick, cx);
        Ok(())
    }

    /// Runs once when the task closes, also after a failure.
    ///
    /// # Errors
    /// Is logged; the task closes all the same.
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What a processor can do while a record, or a tick, is its turn.
pub struct Context<'a, KOut, VOut> {
    output: &'a mut Output<dyn Sink<KOut, VOut>>,
    task: &'a mut TaskContext,
    node: NodeId,
}

impl<'a, KOut, VOut> Context<'a, KOut, VOut> {
    /// The context of the processor at `node`; made by the live node that hosts it.
    pub fn new(output: &'a mut Output<dyn Sink<KOut, VOut>>, task: &'a mut TaskContext, node: NodeId) -> Self {
        Self { output, task, node }
    }

    /// Sends a record to all children, depth first; returns when all that follows from it is done.
    ///
    /// # Errors
    /// What nodes downstream report; pass it on.
    #[inline]
    pub fn forward(&mut self, record: Record<'_, KOut, VOut>) -> Result<()> {
        let before = self.task.replace_record_time(record.timestamp);
        let forwarded = self.output.push(record, self.task);
        self.task.replace_record_time(before);
        forwarded
    }

    /// Asks for a call of [`Processor::punctuate`] every `interval` of the given clock.
    pub fn schedule(&mut self, interval: Duration, clock: PunctuationType) -> Cancellable {
        let now = self.task.wall_clock();
        self.task.punctuations.schedule(self.node, interval, clock, now)
    }

    /// Asks for a commit at the next opportunity.
    pub fn commit(&mut self) {
        self.task.request_commit();
    }

    /// The task that this instance belongs to.
    pub fn task_id(&self) -> TaskId {
        self.task.task()
    }

    /// Topic, partition and offset of the record being processed; `None` inside a punctuation.
    pub fn record_position(&self) -> Option<&RecordPosition> {
        self.task.position()
    }

    /// The task's stream time: the largest timestamp seen so far, -1 before the first record.
    pub fn current_stream_time(&self) -> Timestamp {
        self.task.stream_time()
    }

    /// The wall clock as of the current step.
    pub fn current_system_time(&self) -> Timestamp {
        self.task.wall_clock()
    }
}

impl<KOut, VOut> fmt::Debug for Context<'_, KOut, VOut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("task", &self.task).finish_non_exhaustive()
    }
}

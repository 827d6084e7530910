//! What all nodes of a task share while a record is on its way: time, source position, collector, handlers.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::{NodeId, Offset, TaskId, TopicPartition};
use crate::processor::dead_letters::DeadLetters;
use crate::processor::{Punctuations, RawRecord, RecordCollector, SinkTopic};
use crate::time::Timestamp;

/// Where the record that is being processed came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPosition {
    /// Topic and partition.
    pub topic_partition: TopicPartition,
    /// Offset within them.
    pub offset: Offset,
}

impl fmt::Display for RecordPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} offset {}", self.topic_partition, self.offset)
    }
}

/// What a handler decides about a record that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The task stops at this record.
    Fail,
    /// The record is skipped and counted.
    Continue,
}

/// Decides about a record whose user code failed: given the node's name, the source position and the error.
pub type ProcessingHandler = Arc<dyn Fn(&str, Option<&RecordPosition>, &Error) -> Verdict + Send + Sync>;

/// Decides about a record that does not decode.
pub type DeserializationHandler = Arc<dyn Fn(&RecordPosition, &Error) -> Verdict + Send + Sync>;

/// The state that a task's nodes share. Passed down with every record, so nodes need no pointer back to their task.
pub struct TaskContext {
    task: TaskId,
    node_names: Arc<[Arc<str>]>,
    collector: Box<dyn RecordCollector>,
    position: Option<RecordPosition>,
    stream_time: Timestamp,
    wall_clock: Timestamp,
    record_time: Rc<Cell<Timestamp>>,
    dropped_records: u64,
    commit_requested: bool,
    /// The current record failed, and its error already names node and position.
    failure_placed: bool,
    dead_letters: DeadLetters,
    processing_handler: ProcessingHandler,
    deserialization_handler: DeserializationHandler,
    /// The schedules of all nodes.
    pub punctuations: Punctuations,
}

impl TaskContext {
    /// The context of a task that writes through `collector`; `node_names` is indexed by [`NodeId`]. Handlers fail on
    /// every error until [others are set](Self::set_handlers).
    pub fn new(task: TaskId, node_names: Arc<[Arc<str>]>, collector: Box<dyn RecordCollector>) -> Self {
        Self {
            task,
            node_names,
            collector,
            position: None,
            stream_time: Timestamp::UNKNOWN,
            wall_clock: Timestamp::UNKNOWN,
            record_time: Rc::new(Cell::new(Timestamp::UNKNOWN)),
            dropped_records: 0,
            commit_requested: false,
            failure_placed: false,
            dead_letters: DeadLetters::default(),
            processing_handler: Arc::new(|_, _, _| Verdict::Fail),
            deserialization_handler: Arc::new(|_, _| Verdict::Fail),
            punctuations: Punctuations::default(),
        }
    }

    /// Takes the application's handlers.
    pub fn set_handlers(&mut self, processing: ProcessingHandler, deserialization: DeserializationHandler) {
        self.processing_handler = processing;
        self.deserialization_handler = deserialization;
    }

    /// The task.
    pub fn task(&self) -> TaskId {
        self.task
    }

    /// The name of a node, for messages.
    pub fn node_name(&self, node: NodeId) -> &str {
        self.node_names.get(node.index()).map_or("unknown node", |name| name)
    }

    /// Where records leave the task.
    #[inline]
    pub fn collector(&mut self) -> &mut dyn RecordCollector {
        self.collector.as_mut()
    }

    /// The largest timestamp of a record that the task has taken for processing.
    #[inline]
    pub fn stream_time(&self) -> Timestamp {
        self.stream_time
    }

    /// Stream time goes on where an earlier run of the task left it, as committed beside its offsets.
    pub fn restore_stream_time(&mut self, timestamp: Timestamp) {
        self.stream_time = self.stream_time.max(timestamp);
    }

    /// The wall clock as of the current step.
    #[inline]
    pub fn wall_clock(&self) -> Timestamp {
        self.wall_clock
    }

    /// The driver tells the time at the start of a step.
    pub fn set_wall_clock(&mut self, now: Timestamp) {
        self.wall_clock = now;
    }

    /// The position of the record being processed; `None` inside a punctuation and a flush.
    pub fn position(&self) -> Option<&RecordPosition> {
        self.position.as_ref()
    }

    /// A record is looked at: errors and drops from here on name its position. Time stands still.
    #[inline]
    pub fn set_position(&mut self, topic_partition: &TopicPartition, offset: Offset) {
        match &mut self.position {
            Some(position) if Arc::ptr_eq(&position.topic_partition.topic, &topic_partition.topic) => {
                position.topic_partition.partition = topic_partition.partition;
                position.offset = offset;
            }
            position => *position = Some(RecordPosition { topic_partition: topic_partition.clone(), offset }),
        }
    }

    /// A record is taken for processing: its position and time become current, and stream time moves on.
    #[inline]
    pub fn begin_record(&mut self, topic_partition: &TopicPartition, offset: Offset, timestamp: Timestamp) {
        self.set_position(topic_partition, offset);
        self.stream_time = self.stream_time.max(timestamp);
        self.record_time.set(timestamp);
        self.failure_placed = false;
    }

    /// Work that no source record caused begins: a punctuation or a flush at `timestamp`.
    pub fn begin_without_record(&mut self, timestamp: Timestamp) {
        self.position = None;
        self.record_time.set(timestamp);
        self.failure_placed = false;
    }

    /// The timestamp of the record being processed, shared with the stores whose changelog rows carry it.
    pub fn record_time(&self) -> Rc<Cell<Timestamp>> {
        Rc::clone(&self.record_time)
    }

    /// Sets the time that changelog rows carry and returns the one before: what a processor forwards at another time
    /// than its record's is in process at that time.
    #[inline]
    pub(super) fn replace_record_time(&self, timestamp: Timestamp) -> Timestamp {
        self.record_time.replace(timestamp)
    }

    /// Counts a record that was dropped (null key, late, undecodable, ...), under Kafka's metric `dropped-records`.
    #[cold]
    pub fn drop_record(&mut self, node: NodeId, reason: &'static str) {
        self.dropped_records += 1;
        // The first of each power of two is logged, so that a flood of bad records does not become a flood of lines.
        if self.dropped_records.is_power_of_two() {
            tracing::warn!(
                task = %self.task, node = self.node_name(node), position = self.position.as_ref().map(tracing::field::display),
                dropped_records = self.dropped_records, "skipping record: {reason}"
            );
        }
    }

    /// How many records were dropped so far.
    pub fn dropped_records(&self) -> u64 {
        self.dropped_records
    }

    /// The source records of failures go to this topic, whatever the handlers decide.
    pub fn set_dead_letter_topic(&mut self, topic: SinkTopic) {
        self.dead_letters.set_topic(topic);
    }

    /// Writes the record being processed to the dead letter topic if it failed. Called by whoever holds its bytes, when
    /// it has come back from its way through the graph.
    ///
    /// # Errors
    /// What the collector reports.
    #[inline]
    pub fn send_dead_letters(&mut self, raw: RawRecord<'_>) -> Result<()> {
        if self.dead_letters.is_empty() {
            return Ok(());
        }
        self.dead_letters.send(raw, self.collector.as_mut())
    }

    /// User code asks for a commit as soon as possible.
    pub fn request_commit(&mut self) {
        self.commit_requested = true;
    }

    /// Whether a commit was asked for since the last call.
    pub fn take_commit_request(&mut self) -> bool {
        std::mem::take(&mut self.commit_requested)
    }

    /// A child failed on a record. The innermost failing node asks the handler; outer ones pass the verdict on.
    ///
    /// # Errors
    /// The error with its node and position, unless the handler says to continue.
    #[cold]
    pub fn on_processing_error(&mut self, node: NodeId, error: Error) -> Result<()> {
        if self.failure_placed || !is_of_one_record(error.kind()) {
            return Err(error);
        }
        let name = self.node_name(node).to_owned();
        self.dead_letters.note(self.position.as_ref(), &error);
        match (self.processing_handler)(&name, self.position.as_ref(), &error) {
            Verdict::Continue => {
                self.drop_record(node, "its processing failed and the processing handler continues");
                Ok(())
            }
            Verdict::Fail => {
                self.failure_placed = true;
                let at = self.position.as_ref().map_or_else(|| "no source record".to_owned(), ToString::to_string);
                Err(error.context(format!("node {name} of task {} fails at {at}", self.task)))
            }
        }
    }

    /// A record does not decode.
    ///
    /// # Errors
    /// The error with its position, unless the handler says to continue.
    #[cold]
    pub fn on_deserialization_error(&mut self, node: NodeId, what: &str, error: Error) -> Result<()> {
        let Some(position) = self.position.clone() else { return Err(error) };
        self.dead_letters.note(Some(&position), &error);
        match (self.deserialization_handler)(&position, &error) {
            Verdict::Continue => {
                self.drop_record(node, "it does not decode and the deserialization handler continues");
                Ok(())
            }
            Verdict::Fail => Err(error.context(format!(
                "{position} {what}: deserialize failed; mend the record's producer, or set \
                 deserialization.exception.handler=continue or a dead letter topic to pass over such records"
            ))),
        }
    }
}

/// Whether a failure is the record's own, so that passing over the record leaves everything else whole. What a store's
/// disk, a changelog or the broker have to do with it is never passed over: see `runtime/handlers.rs`.
fn is_of_one_record(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Processing | ErrorKind::Serialization | ErrorKind::Store)
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskContext")
            .field("task", &self.task)
            .field("position", &self.position)
            .field("stream_time", &self.stream_time)
            .finish_non_exhaustive()
    }
}

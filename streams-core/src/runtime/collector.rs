//! Where records leave a task: the collector of its sinks and the changelogs of its stores, over one producer.
//!
//! A thread has one producer; its tasks share it, each through a [`Collector`] of its own. A topic's partitions are
//! resolved once, so that a send is a hash of the key and an append to a buffer. A thread is one thread: the cell around
//! the producer is a flag, no lock, and no borrow outlives a call.
//!
//! What becomes of records that cannot be written, as in Kafka Streams but for the last two lines:
//!
//! | failure | what happens |
//! |---|---|
//! | not acknowledged within `delivery.timeout.ms`, and could be later | the task goes on from its last commit |
//! | refused by the broker or too large | the production handler decides; a changelog's fails |
//! | nobody says yet which partitions the topic has | it waits here; the task stops and commits nothing meanwhile, at most for `task.timeout.ms` |
//! | the topic is missing, also after a while | the production handler decides |
//!
//! Kafka Streams blocks its thread on an unknown topic for `max.block.ms`, then lets the task go on from its last commit,
//! again and again. A record that waits here is neither lost nor made a second time. How many there are is bounded like
//! what goes beyond `buffer.memory`: by what a slice of records, a punctuation or a flush leads to. Where a partitioner
//! has to know the number of partitions, nothing can wait here: the record, or the row of a cache, is tried again.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::client::producer::{murmur2, partition_for_key, Destination, Producer};
use crate::config::StreamsConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Partition, TopicPartition};
use crate::processor::{RecordCollector, SinkTopic, Verdict};
use crate::record::Headers;
use crate::runtime::assignment::full_name;
use crate::runtime::handlers::ProductionHandler;
use crate::state::ChangelogSink;
use crate::time::Timestamp;
use crate::topology::{NodeKind, Topology};

/// How long and how often metadata is waited for that nobody has asked for before: about as long as a broker takes.
const METADATA_POLL: Duration = Duration::from_millis(100);
const METADATA_POLLS_MAX: usize = 10;
/// How the names of changelogs end.
const CHANGELOG_SUFFIX: &str = "-changelog";

/// The producer of a thread, as its tasks share it.
pub(crate) type SharedProducer = Rc<RefCell<Producer>>;

/// What happens to records that the producer could not write.
#[derive(Clone)]
pub(crate) struct ProductionPolicy {
    handler: ProductionHandler,
    /// `<application.id>-`: topics that begin so and end with `-changelog` are stores' own.
    prefix: Arc<str>,
    writers: Arc<Writers>,
}

/// Who writes to which topic, for messages.
#[derive(Debug, Default)]
struct Writers {
    /// The sinks of a topic, by its full name.
    sinks: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    dead_letter_topic: Option<Arc<str>>,
}

impl ProductionPolicy {
    /// The policy of an application.
    pub(crate) fn new(handler: ProductionHandler, config: &StreamsConfig, topology: &Topology) -> Self {
        let mut writers = Writers::default();
        for node in topology.nodes() {
            if let NodeKind::Sink { topic: Some(topic) } = &node.kind {
                let topic = full_name(topology, &config.application_id, topic);
                writers.sinks.entry(topic).or_default().push(Arc::clone(&node.name));
            }
        }
        writers.dead_letter_topic = config.runtime.errors_dead_letter_queue_topic_name.as_deref().map(Arc::from);
        Self { handler, prefix: format!("{}-", config.application_id).into(), writers: Arc::new(writers) }
    }

    /// Takes the failures of records that were sent earlier and decides about each.
    ///
    /// # Errors
    /// [`ErrorKind::TaskCorrupted`] where records were lost that a repeat could have saved: the tasks have to go on from
    /// their last commit. Otherwise the failure itself, unless the handler continues.
    pub(crate) fn settle_failures(&self, producer: &mut Producer) -> Result<()> {
        while let Some((partition, error)) = producer.take_failure() {
            self.settle(partition, error)?;
        }
        Ok(())
    }

    #[cold]
    fn settle(&self, partition: Option<TopicPartition>, error: Error) -> Result<()> {
        if error.kind() == ErrorKind::Retriable {
            let message = "records were sent and not acknowledged in time; going on from the last commit";
            return Err(Error::with_source(ErrorKind::TaskCorrupted, message, error));
        }
        match partition {
            Some(partition) if self.passes(&partition, &error) => Ok(()),
            Some(partition) => Err(self.explained(&partition.topic, error)),
            None => Err(error),
        }
    }

    /// A record is for a topic that has been missing for long.
    #[cold]
    fn on_missing(&self, topic: &Arc<str>) -> Result<()> {
        let error = Error::new(ErrorKind::Refused, format!("topic {topic} does not exist: make it"));
        match self.passes(&TopicPartition::new(Arc::clone(topic), 0), &error) {
            true => Ok(()),
            false => Err(self.explained(topic, error)),
        }
    }

    /// Names who wrote what could not be written, and how to go on without it.
    #[cold]
    fn explained(&self, topic: &str, error: Error) -> Error {
        let writer = self.writer(topic);
        let remedy = match error.kind() {
            ErrorKind::Refused if !self.is_changelog(topic) => {
                "; production.exception.handler=continue goes on without what cannot be written"
            }
            _ => "",
        };
        error.context(format!("{writer} cannot write to topic {topic}{remedy}"))
    }

    /// Who writes to a topic.
    fn writer(&self, topic: &str) -> String {
        if let Some(store) = topic.strip_prefix(&*self.prefix).and_then(|rest| rest.strip_suffix(CHANGELOG_SUFFIX)) {
            return format!("store {store}");
        }
        match self.writers.sinks.get(topic) {
            Some(sinks) => format!("sink {}", sinks.join(", ")),
            None if self.writers.dead_letter_topic.as_deref() == Some(topic) => "the dead letter queue".to_owned(),
            None => "a sink that chooses its topic".to_owned(),
        }
    }

    fn is_changelog(&self, topic: &str) -> bool {
        topic.starts_with(&*self.prefix) && topic.ends_with(CHANGELOG_SUFFIX)
    }

    /// Whether to go on without a record. Never without one of a changelog: its store would be wrong for ever.
    fn passes(&self, partition: &TopicPartition, error: &Error) -> bool {
        let may_pass = error.kind() == ErrorKind::Refused && !self.is_changelog(&partition.topic);
        may_pass && (self.handler)(partition, error) == Verdict::Continue
    }
}

impl fmt::Debug for ProductionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProductionPolicy")
    }
}

/// Sends what the sinks of one task write.
pub(crate) struct Collector {
    producer: SharedProducer,
    policy: ProductionPolicy,
    targets: Vec<Target>,
    /// Whether any of them has records that wait.
    has_waiting: bool,
}

/// A topic that the task writes to.
struct Target {
    name: Arc<str>,
    /// By partition; empty until the topic's metadata has come.
    partitions: Vec<Destination>,
    count: i32,
    /// What was sent before, in order.
    waiting: VecDeque<Waiting>,
}

/// A record that waits for its topic's metadata.
struct Waiting {
    partition: Option<Partition>,
    key: Option<Box<[u8]>>,
    value: Option<Box<[u8]>>,
    timestamp: Timestamp,
    headers: Headers,
}

impl Collector {
    pub(crate) fn new(producer: SharedProducer, policy: ProductionPolicy) -> Self {
        Self { producer, policy, targets: Vec::new(), has_waiting: false }
    }

    /// Sends to a topic whose partitions are known.
    #[inline]
    fn send_known(
        &mut self,
        topic: SinkTopic,
        partition: Option<Partition>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<()> {
        let target = &self.targets[topic.0 as usize];
        let producer = &mut *self.producer.borrow_mut();
        let partition = match (partition, key) {
            (Some(partition), _) => partition,
            (None, Some(_)) if target.count == 1 => Partition(0),
            (None, Some(key)) => partition_for_key(key, target.count),
            (None, None) => producer.partition_for(&target.name, None, value).unwrap_or_default(),
        };
        let known = usize::try_from(partition.0).ok().and_then(|index| target.partitions.get(index));
        let Some(to) = known.copied() else {
            let chosen = u32::try_from(partition.0).unwrap_or(u32::MAX);
            return Err(self.no_such_partition(topic, chosen, key));
        };
        self.policy.settle_failures(producer)?;
        match producer.send_to(to, key, value, timestamp, headers) {
            Ok(()) => Ok(()),
            Err(error) => self.own_failure(topic, partition, error),
        }
    }

    /// Whether a record can be sent now. One for a topic of which nothing is known waits, behind those that do.
    #[cold]
    fn is_known(&mut self, topic: SinkTopic, record: impl FnOnce() -> Waiting) -> Result<bool> {
        let target = &mut self.targets[topic.0 as usize];
        if target.waiting.is_empty() {
            match target.learn(&mut self.producer.borrow_mut(), &self.policy) {
                Ok(true) => return Ok(true),
                Ok(false) => return self.policy.on_missing(&target.name).map(|()| false),
                Err(error) if error.kind() != ErrorKind::Retriable => return Err(error),
                Err(error) => tracing::debug!(error = %error.report(), "a record waits"),
            }
        }
        target.waiting.push_back(record());
        self.has_waiting = true;
        Ok(false)
    }

    /// Sends what waits for one topic.
    fn send_waiting_to(&mut self, topic: SinkTopic) -> Result<()> {
        let target = &mut self.targets[topic.0 as usize];
        if target.waiting.is_empty() {
            return Ok(());
        }
        let exists = target.learn(&mut self.producer.borrow_mut(), &self.policy)?;
        while let Some(record) = self.targets[topic.0 as usize].waiting.pop_front() {
            let Waiting { partition, key, value, timestamp, headers } = record;
            match exists {
                true => self.send_known(topic, partition, key.as_deref(), value.as_deref(), timestamp, &headers)?,
                false => self.policy.on_missing(&self.targets[topic.0 as usize].name)?,
            }
        }
        Ok(())
    }

    #[cold]
    fn own_failure(&self, topic: SinkTopic, partition: Partition, error: Error) -> Result<()> {
        let partition = TopicPartition { topic: Arc::clone(&self.targets[topic.0 as usize].name), partition };
        match self.policy.passes(&partition, &error) {
            true => Ok(()),
            false => Err(self.policy.explained(&partition.topic, error)),
        }
    }
}

impl Target {
    /// Finds out the topic's partitions, waiting a moment for metadata that was never asked for before. Says whether there
    /// is such a topic: not when it has been missing for long.
    ///
    /// # Errors
    /// [`ErrorKind::Retriable`] while the topic is unknown.
    #[cold]
    fn learn(&mut self, producer: &mut Producer, policy: &ProductionPolicy) -> Result<bool> {
        let name = &self.name;
        for _ in 0..METADATA_POLLS_MAX {
            if producer.partition_count(name).is_some() || producer.is_answered(name) {
                break;
            }
            producer.poll_again(METADATA_POLL)?;
        }
        let Some(count) = producer.partition_count(name) else {
            if producer.is_missing(name) {
                return Ok(false);
            }
            let message = format!(
                "topic {name} is unknown, to which {} writes: it does not exist, or its metadata has not come yet; make it \
                 if it is missing",
                policy.writer(name)
            );
            return Err(Error::new(ErrorKind::Retriable, message));
        };
        self.count = count;
        self.partitions = (0..count)
            .map(|partition| producer.destination(&TopicPartition::new(Arc::clone(name), partition)))
            .collect();
        Ok(true)
    }
}

impl RecordCollector for Collector {
    fn topic(&mut self, name: &str) -> Result<SinkTopic> {
        let known = self.targets.iter().position(|target| &*target.name == name);
        let index = match known {
            Some(index) => index,
            None => {
                crate::topology::validate_name("topic", name)?;
                // Asking is what makes the producer fetch the topic's metadata.
                self.producer.borrow_mut().partition_count(name);
                let (partitions, waiting) = (Vec::new(), VecDeque::new());
                self.targets.push(Target { name: name.into(), partitions, count: 0, waiting });
                self.targets.len() - 1
            }
        };
        let index = u32::try_from(index).map_err(|_| Error::new(ErrorKind::Refused, "too many topics for one task"))?;
        Ok(SinkTopic(index))
    }

    fn require_outputs(&mut self) -> Result<()> {
        let producer = &mut *self.producer.borrow_mut();
        let is_sinks = |target: &&mut Target| self.policy.writers.sinks.contains_key(&target.name);
        for target in self.targets.iter_mut().filter(is_sinks).filter(|target| target.partitions.is_empty()) {
            target.learn(producer, &self.policy)?;
        }
        Ok(())
    }

    fn send_waiting(&mut self) -> Result<()> {
        if !self.has_waiting {
            return Ok(());
        }
        let mut unknown = None;
        for topic in (0..).map(SinkTopic).take(self.targets.len()) {
            match self.send_waiting_to(topic) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::Retriable => unknown = unknown.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        self.has_waiting = unknown.is_some();
        unknown.map_or(Ok(()), Err)
    }

    fn partition_count(&mut self, topic: SinkTopic) -> Result<u32> {
        let target = &mut self.targets[topic.0 as usize];
        if target.partitions.is_empty() && !target.learn(&mut self.producer.borrow_mut(), &self.policy)? {
            // The record's fate is decided when it is sent; until then any number will do.
            return Ok(1);
        }
        Ok(u32::try_from(target.count).unwrap_or(0))
    }

    #[cold]
    fn no_such_partition(&self, topic: SinkTopic, chosen: u32, key: Option<&[u8]>) -> Error {
        let Target { name, count, .. } = &self.targets[topic.0 as usize];
        // Of the key itself nothing is said: it is the user's data.
        let key = key.map_or_else(|| "no key".to_owned(), |key| format!("a key of hash {:#010x}", murmur2(key)));
        let message = format!(
            "partition {chosen} of topic {name} was chosen for {key}, and the topic has {count}; choose one below"
        );
        Error::new(ErrorKind::Processing, message)
    }

    #[inline]
    fn send(
        &mut self,
        topic: SinkTopic,
        partition: Option<Partition>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<()> {
        if self.targets[topic.0 as usize].partitions.is_empty() {
            let owned = |bytes: Option<&[u8]>| bytes.map(Box::from);
            let record =
                || Waiting { partition, key: owned(key), value: owned(value), timestamp, headers: headers.clone() };
            if !self.is_known(topic, record)? {
                return Ok(());
            }
        }
        self.send_known(topic, partition, key, value, timestamp, headers)
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.targets.iter().map(|target| &target.name)).finish()
    }
}

/// The changelog partition of one store.
pub(crate) struct Changelog {
    producer: SharedProducer,
    policy: ProductionPolicy,
    partition: TopicPartition,
    to: Destination,
}

impl Changelog {
    pub(crate) fn new(producer: SharedProducer, policy: ProductionPolicy, partition: TopicPartition) -> Self {
        let to = producer.borrow_mut().destination(&partition);
        Self { producer, policy, partition, to }
    }
}

impl ChangelogSink for Changelog {
    #[inline]
    fn log(&self, key: &[u8], value: Option<&[u8]>, timestamp: Timestamp) -> Result<()> {
        let producer = &mut *self.producer.borrow_mut();
        // Failures of other records first: they must not be taken for this one's.
        self.policy.settle_failures(producer)?;
        producer.send_to(self.to, Some(key), value, timestamp, Headers::none())
    }
}

impl fmt::Debug for Changelog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Changelog({})", self.partition)
    }
}

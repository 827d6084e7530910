//! Where records leave a task: the collector of its sinks and the changelogs of its stores, over one producer.
//!
//! A thread has one producer; its tasks share it, each through a [`Collector`] of its own. A topic's partitions are
//! resolved once, so that a send is a hash of the key and an append to a buffer. A thread is one thread: the cell around
//! the producer is a flag, no lock, and no borrow outlives a call.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::client::producer::{partition_for_key, Destination, Producer};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Partition, TopicPartition};
use crate::processor::{RecordCollector, SinkTopic, Verdict};
use crate::record::Headers;
use crate::runtime::handlers::ProductionHandler;
use crate::state::ChangelogSink;
use crate::time::Timestamp;

/// The producer of a thread, as its tasks share it.
pub(crate) type SharedProducer = Rc<RefCell<Producer>>;

/// What happens to records that the producer could not write.
#[derive(Clone)]
pub(crate) struct ProductionPolicy {
    pub(crate) handler: ProductionHandler,
    /// `<application.id>-`: topics that begin so and end with `-changelog` are stores' own.
    pub(crate) prefix: Arc<str>,
}

impl ProductionPolicy {
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
            _ => Err(error),
        }
    }

    /// Whether to go on without a record. Never without one of a changelog: its store would be wrong for ever.
    fn passes(&self, partition: &TopicPartition, error: &Error) -> bool {
        let is_changelog = partition.topic.starts_with(&*self.prefix) && partition.topic.ends_with("-changelog");
        error.kind() == ErrorKind::Refused && !is_changelog && (self.handler)(partition, error) == Verdict::Continue
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
}

/// A topic that the task writes to.
struct Target {
    name: Arc<str>,
    /// By partition; empty until the topic's metadata has come.
    partitions: Vec<Destination>,
    count: i32,
}

impl Collector {
    pub(crate) fn new(producer: SharedProducer, policy: ProductionPolicy) -> Self {
        Self { producer, policy, targets: Vec::new() }
    }

    #[cold]
    fn own_failure(&self, topic: SinkTopic, partition: Partition, error: Error) -> Result<()> {
        let topic = Arc::clone(&self.targets[topic.0 as usize].name);
        match self.policy.passes(&TopicPartition { topic, partition }, &error) {
            true => Ok(()),
            false => Err(error),
        }
    }
}

impl Target {
    #[cold]
    fn learn(&mut self, producer: &mut Producer) -> Result<()> {
        let Some(count) = producer.partition_count(&self.name) else {
            let message = format!(
                "topic {} is unknown: it does not exist, or its metadata has not come yet; make it if it is missing",
                self.name
            );
            return Err(Error::new(ErrorKind::Retriable, message));
        };
        self.count = count;
        self.partitions = (0..count)
            .map(|partition| producer.destination(&TopicPartition::new(Arc::clone(&self.name), partition)))
            .collect();
        Ok(())
    }

    #[cold]
    fn no_such_partition(&self, partition: Partition) -> Error {
        let message = format!(
            "partition {partition} of topic {} does not exist: it has {}; choose one below",
            self.name, self.count
        );
        Error::new(ErrorKind::Processing, message)
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
                self.targets.push(Target { name: name.into(), partitions: Vec::new(), count: 0 });
                self.targets.len() - 1
            }
        };
        let index = u32::try_from(index).map_err(|_| Error::new(ErrorKind::Refused, "too many topics for one task"))?;
        Ok(SinkTopic(index))
    }

    fn partition_count(&mut self, topic: SinkTopic) -> Result<u32> {
        let target = &mut self.targets[topic.0 as usize];
        if target.partitions.is_empty() {
            target.learn(&mut self.producer.borrow_mut())?;
        }
        Ok(u32::try_from(target.count).unwrap_or(0))
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
        let target = &mut self.targets[topic.0 as usize];
        let producer = &mut *self.producer.borrow_mut();
        if target.partitions.is_empty() {
            target.learn(producer)?;
        }
        let partition = match (partition, key) {
            (Some(partition), _) => partition,
            (None, Some(_)) if target.count == 1 => Partition(0),
            (None, Some(key)) => partition_for_key(key, target.count),
            (None, None) => producer.partition_for(&target.name, None, value).unwrap_or_default(),
        };
        let known = usize::try_from(partition.0).ok().and_then(|index| target.partitions.get(index));
        let Some(to) = known.copied() else {
            return Err(target.no_such_partition(partition));
        };
        self.policy.settle_failures(producer)?;
        match producer.send_to(to, key, value, timestamp, headers) {
            Ok(()) => Ok(()),
            Err(error) => self.own_failure(topic, partition, error),
        }
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

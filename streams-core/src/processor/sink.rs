//! Where typed records become bytes and leave the task.

use std::fmt;
use std::sync::Arc;

use crate::error::Result;
use crate::ids::{NodeId, Partition};
use crate::processor::{Sink, SinkTopic, TaskContext};
use crate::record::Record;
use crate::serde::SerdeRef;

/// Chooses the partition of a record: given key, value and the number of partitions. `None` leaves it to the default
/// partitioner (murmur2 of the key's bytes).
pub type Partitioner<K, V> = Arc<dyn Fn(&K, &V, u32) -> Option<u32> + Send + Sync>;

/// Chooses the topic of a record.
pub type TopicChooser<K, V> = Arc<dyn Fn(&K, &V) -> String + Send + Sync>;

enum Target<K, V> {
    Fixed(SinkTopic),
    Chosen(TopicChooser<K, V>),
}

/// A sink of `(K, V)` records.
pub struct SinkNode<K, V> {
    node: NodeId,
    target: Target<K, V>,
    keys: SerdeRef<K>,
    values: SerdeRef<V>,
    partitioner: Option<Partitioner<K, V>>,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl<K: 'static, V: 'static> SinkNode<K, V> {
    /// A sink to one topic.
    pub fn fixed(
        node: NodeId,
        topic: SinkTopic,
        keys: SerdeRef<K>,
        values: SerdeRef<V>,
        partitioner: Option<Partitioner<K, V>>,
    ) -> Self {
        Self { node, target: Target::Fixed(topic), keys, values, partitioner, key: Vec::new(), value: Vec::new() }
    }

    /// A sink that chooses the topic for each record.
    pub fn chosen(
        node: NodeId,
        chooser: TopicChooser<K, V>,
        keys: SerdeRef<K>,
        values: SerdeRef<V>,
        partitioner: Option<Partitioner<K, V>>,
    ) -> Self {
        Self { node, target: Target::Chosen(chooser), keys, values, partitioner, key: Vec::new(), value: Vec::new() }
    }

    #[cold]
    fn partition(
        &self,
        record: Record<'_, K, V>,
        topic: SinkTopic,
        task: &mut TaskContext,
    ) -> Result<Option<Partition>> {
        let Some(partitioner) = &self.partitioner else { return Ok(None) };
        let partitions = task.collector().partition_count(topic)?;
        match partitioner(record.key, record.value, partitions) {
            None => Ok(None),
            Some(chosen) if chosen < partitions => Ok(Some(Partition(i32::try_from(chosen).unwrap_or(i32::MAX)))),
            Some(chosen) => {
                let mut key = Vec::new();
                let key = encode(&self.keys, record.key, &mut key)?;
                let error = task.collector().no_such_partition(topic, chosen, key);
                Err(error.context(format!("partitioner of sink {}", task.node_name(self.node))))
            }
        }
    }
}

impl<K: 'static, V: 'static> Sink<K, V> for SinkNode<K, V> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        let topic = match &self.target {
            Target::Fixed(topic) => *topic,
            Target::Chosen(chooser) => task.collector().topic(&chooser(record.key, record.value))?,
        };
        let partition = if self.partitioner.is_none() { None } else { self.partition(record, topic, task)? };
        let key = encode(&self.keys, record.key, &mut self.key)?;
        let value = encode(&self.values, record.value, &mut self.value)?;
        task.collector().send(topic, partition, key, value, record.timestamp, record.headers)
    }
}

/// Encodes into a reused buffer; null is `None`.
#[inline]
fn encode<'b, T: 'static>(serde: &SerdeRef<T>, value: &T, buffer: &'b mut Vec<u8>) -> Result<Option<&'b [u8]>> {
    buffer.clear();
    if serde.is_null(value) {
        return Ok(None);
    }
    serde.serialize(value, buffer)?;
    Ok(Some(buffer))
}

impl<K, V> fmt::Debug for SinkNode<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkNode").field("node", &self.node).finish_non_exhaustive()
    }
}

//! `Produced`: how a sink writes its topic.

use std::sync::Arc;

use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::topology::SinkOptions;

/// Serdes, partitioner and name of a sink.
#[derive(Debug, Clone)]
#[must_use]
pub struct Produced<K, V> {
    pub(crate) sink: SinkOptions<K, V>,
    pub(crate) name: Option<String>,
}

impl<K: DefaultSerde, V: DefaultSerde> Default for Produced<K, V> {
    fn default() -> Self {
        Self { sink: SinkOptions::default(), name: None }
    }
}

impl<K, V> Produced<K, V> {
    /// Writes with these serdes instead of the types' own.
    pub fn with(keys: SerdeRef<K>, values: SerdeRef<V>) -> Self {
        Self { sink: SinkOptions { keys, values, partitioner: None }, name: None }
    }

    /// Chooses the partition of each record, given key, value and the number of partitions; `None` leaves it to murmur2
    /// of the key's bytes.
    pub fn partitioner<F>(mut self, partitioner: F) -> Self
    where
        F: Fn(&K, &V, u32) -> Option<u32> + Send + Sync + 'static,
    {
        self.sink.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// Names the sink node.
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }
}

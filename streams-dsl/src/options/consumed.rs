//! `Consumed`: how a source reads its topic.

use std::sync::Arc;

use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::topology::{OffsetResetPolicy, SourceOptions};
use streams_core::{Record, Timestamp};

/// Serdes, timestamp extractor, offset reset policy and name of a source.
#[derive(Debug, Clone)]
#[must_use]
pub struct Consumed<K, V> {
    pub(crate) source: SourceOptions<K, V>,
    pub(crate) name: Option<String>,
}

impl<K: DefaultSerde, V: DefaultSerde> Default for Consumed<K, V> {
    fn default() -> Self {
        Self { source: SourceOptions::default(), name: None }
    }
}

impl<K, V> Consumed<K, V> {
    /// Reads with these serdes instead of the types' own.
    pub fn with(keys: SerdeRef<K>, values: SerdeRef<V>) -> Self {
        let source = SourceOptions { keys, values, extractor: None, reset: OffsetResetPolicy::Default };
        Self { source, name: None }
    }

    /// Takes the event time from `extractor` (given the record and the largest time seen on its partition) instead of
    /// the record's timestamp. A negative result drops the record.
    pub fn timestamp_extractor<F>(mut self, extractor: F) -> Self
    where
        F: Fn(Record<'_, K, V>, Timestamp) -> Timestamp + Send + Sync + 'static,
    {
        self.source.extractor = Some(Arc::new(extractor));
        self
    }

    /// Where to start on a partition without a committed offset.
    pub fn offset_reset(mut self, policy: OffsetResetPolicy) -> Self {
        self.source.reset = policy;
        self
    }

    /// Names the source node.
    pub fn named(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }
}

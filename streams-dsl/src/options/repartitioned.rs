//! `Repartitioned`: how `repartition` sends a stream through a topic.

use streams_core::serde::{DefaultSerde, SerdeRef};

/// Serdes and name of a repartition topic. The name becomes that of the repartition topic.
#[derive(Clone)]
#[must_use]
pub struct Repartitioned<K, V> {
    pub(crate) keys: SerdeRef<K>,
    pub(crate) values: SerdeRef<V>,
    pub(crate) name: Option<String>,
    pub(crate) partitions: Option<u32>,
}

impl<K: DefaultSerde, V: DefaultSerde> Default for Repartitioned<K, V> {
    fn default() -> Self {
        Self::with(K::default_serde(), V::default_serde())
    }
}

impl<K: DefaultSerde, V: DefaultSerde> Repartitioned<K, V> {
    /// Names the repartition topic: `<application.id>-<name>-repartition`.
    pub fn named(name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::default() }
    }
}

impl<K, V> Repartitioned<K, V> {
    /// Repartitions with these serdes instead of the types' own.
    pub fn with(keys: SerdeRef<K>, values: SerdeRef<V>) -> Self {
        Self { keys, values, name: None, partitions: None }
    }

    /// Names the repartition topic, beside serdes that were given.
    #[doc(alias = "withName")]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Gives the topic this many partitions, instead of as many as the largest topic upstream.
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.partitions = Some(partitions);
        self
    }
}

impl<K, V> std::fmt::Debug for Repartitioned<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Repartitioned").field("name", &self.name).finish_non_exhaustive()
    }
}

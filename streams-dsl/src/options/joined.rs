//! `Joined`: how a stream is joined with a table, and named on the repartition topic where the key changed.

use streams_core::serde::{DefaultSerde, SerdeRef};

/// Serdes and name of a join's stream side. The name becomes that of the join and of the repartition topic.
#[derive(Clone)]
#[must_use]
pub struct Joined<K, V> {
    pub(crate) keys: SerdeRef<K>,
    pub(crate) values: SerdeRef<V>,
    pub(crate) name: Option<String>,
}

impl<K: DefaultSerde, V: DefaultSerde> Default for Joined<K, V> {
    fn default() -> Self {
        Self::with(K::default_serde(), V::default_serde())
    }
}

impl<K: DefaultSerde, V: DefaultSerde> Joined<K, V> {
    /// Names the join, and the repartition topic where the key changed: `<application.id>-<name>-repartition`.
    pub fn named(name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::default() }
    }
}

impl<K, V> Joined<K, V> {
    /// Repartitions with these serdes instead of the types' own.
    pub fn with(keys: SerdeRef<K>, values: SerdeRef<V>) -> Self {
        Self { keys, values, name: None }
    }

    /// Names the join and its repartition topic, beside serdes that were given.
    #[doc(alias = "withName")]
    pub fn with_name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }
}

impl<K, V> std::fmt::Debug for Joined<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Joined").field("name", &self.name).finish_non_exhaustive()
    }
}

//! `Materialized`: how a table is stored.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::state::{EngineKind, StateStore, StoreBuilder, StoreSerdes, StoreSpec};

/// Name, serdes, engine, cache, changelog and retention of a table's store. Caching and logging are on by default.
///
/// ```
/// use streams_core::testing::TopologyTestDriver;
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let counts = Materialized::<String, i64>::named("counts").caching_disabled();
/// builder.stream::<String, String>("in").group_by_key().count_with(counts).to_stream().to("out");
///
/// let driver = TopologyTestDriver::new(builder.build()?)?;
/// driver.input::<String, String>("in")?.pipe_at(Timestamp(4), "k", "v".to_owned())?;
/// let store = driver.timestamped_key_value_store::<String, i64>("counts")?;
/// assert_eq!(store.get(&"k".to_owned())?.map(|row| (row.value, row.timestamp)), Some((1, Timestamp(4))));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Materialized<K, V> {
    name: Option<String>,
    keys: SerdeRef<K>,
    values: SerdeRef<V>,
    caching: bool,
    logging: Option<BTreeMap<String, String>>,
    engine: Option<EngineKind>,
    retention: Option<Duration>,
}

impl<K: DefaultSerde, V: DefaultSerde> Default for Materialized<K, V> {
    fn default() -> Self {
        Self::with(K::default_serde(), V::default_serde())
    }
}

impl<K: DefaultSerde, V: DefaultSerde> Materialized<K, V> {
    /// Names the store, which makes it queryable and keeps its changelog's name when the program changes.
    #[doc(alias = "as")]
    pub fn named(name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::default() }
    }
}

impl<K: 'static, V: 'static> Materialized<K, V> {
    /// Stores with these serdes instead of the types' own.
    pub fn with(keys: SerdeRef<K>, values: SerdeRef<V>) -> Self {
        Self { name: None, keys, values, caching: true, logging: Some(BTreeMap::new()), engine: None, retention: None }
    }

    /// Names the store.
    #[doc(alias = "as")]
    pub fn store_name(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self
    }

    /// Forwards every update instead of the newest per key at each commit.
    #[doc(alias = "withCachingDisabled")]
    pub fn caching_disabled(mut self) -> Self {
        self.caching = false;
        self
    }

    /// Gives the changelog topic these configurations over the defaults.
    #[doc(alias = "withLoggingEnabled")]
    pub fn logging_enabled(mut self, configs: BTreeMap<String, String>) -> Self {
        self.logging = Some(configs);
        self
    }

    /// Keeps no changelog: the table is lost when its task moves.
    #[doc(alias = "withLoggingDisabled")]
    pub fn logging_disabled(mut self) -> Self {
        self.logging = None;
        self
    }

    /// Keeps the rows in this engine whatever the application's default is.
    #[doc(alias = "withStoreType")]
    pub fn store_type(mut self, engine: EngineKind) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Keeps windows for at least this long after their start.
    #[doc(alias = "withRetention")]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = Some(retention);
        self
    }

    pub(crate) fn given_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn keys(&self) -> &SerdeRef<K> {
        &self.keys
    }

    pub(crate) fn values(&self) -> &SerdeRef<V> {
        &self.values
    }

    pub(crate) fn given_retention(&self) -> Option<Duration> {
        self.retention
    }

    /// The serdes as a store wants them.
    pub(crate) fn serdes(&self) -> StoreSerdes<K, V> {
        StoreSerdes::new(Arc::clone(&self.keys), Arc::clone(&self.values))
    }

    /// Applies the options that do not depend on the kind of store.
    pub(crate) fn apply<S: StateStore>(&self, mut store: StoreBuilder<S>) -> Arc<StoreSpec> {
        store = if self.caching { store.with_caching_enabled() } else { store.with_caching_disabled() };
        store = match &self.logging {
            Some(configs) => store.with_logging_enabled(configs.clone()),
            None => store.with_logging_disabled(),
        };
        if let Some(engine) = self.engine {
            store = store.with_engine(engine);
        }
        Arc::new(store.build())
    }
}

impl<K, V> std::fmt::Debug for Materialized<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Materialized").field("name", &self.name).field("caching", &self.caching).finish_non_exhaustive()
    }
}

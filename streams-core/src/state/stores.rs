//! How stores are described: name, kind, engine, cache, changelog and serdes.
//!
//! [`Stores`] begins a [`StoreBuilder`], which knows the type of the handle; [`StoreBuilder::build`] gives a
//! [`StoreSpec`], the untyped plan that a topology holds and every task opens.

use std::any::{type_name, Any};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::facade::{Handle, Shared};
use super::key_value::KeyValueStore;
use super::schema::{KeyShape, Schema, ValueShape, WindowShape};
use super::timestamped::TimestampedKeyValueStore;
use super::timestamped_window::TimestampedWindowStore;
use super::window::WindowStore;
use super::StateStore;
use crate::error::{Error, ErrorKind, Result};
use crate::serde::{DefaultSerde, SerdeRef};
use crate::time::duration_ms;

/// Where a store keeps its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EngineKind {
    /// In memory: restored from the changelog after a restart.
    InMemory,
    /// On disk, with RocksDB: only the tail of the changelog is restored.
    RocksDb,
}

/// Which topic a store's changelog needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangelogConfig {
    retention: Option<Duration>,
    overrides: BTreeMap<String, String>,
}

impl ChangelogConfig {
    /// The topic's settings under Kafka's names. `additional_retention` is
    /// `windowstore.changelog.additional.retention.ms`, for clock drift between brokers and clients.
    pub fn topic_configs(&self, additional_retention: Duration) -> BTreeMap<String, String> {
        let mut configs = BTreeMap::from([("message.timestamp.type".to_owned(), "CreateTime".to_owned())]);
        match self.retention {
            None => {
                configs.insert("cleanup.policy".to_owned(), "compact".to_owned());
            }
            Some(retention) => {
                let retention_ms = duration_ms(retention.saturating_add(additional_retention));
                configs.insert("cleanup.policy".to_owned(), "compact,delete".to_owned());
                configs.insert("retention.ms".to_owned(), retention_ms.to_string());
            }
        }
        configs.extend(self.overrides.clone());
        configs
    }

    /// What the program set for this store's topic; wins over everything else.
    pub fn overrides(&self) -> &BTreeMap<String, String> {
        &self.overrides
    }

    /// How long rows are kept, for window stores.
    pub fn retention(&self) -> Option<Duration> {
        self.retention
    }
}

/// Makes the typed handle of an open store; erased so that a topology can hold it.
pub(super) type MakeHandle = Arc<dyn Fn(&Rc<Shared>) -> Box<dyn Any> + Send + Sync>;

/// A store's plan: everything but the task that will own it.
#[derive(Clone)]
pub struct StoreSpec {
    pub(super) name: Arc<str>,
    pub(super) schema: Schema,
    pub(super) engine: Option<EngineKind>,
    pub(super) is_cached: bool,
    pub(super) changelog: Option<ChangelogConfig>,
    /// The names of its serdes: of keys, of values.
    pub(super) serdes: (String, String),
    pub(super) handle_type: &'static str,
    pub(super) make_handle: MakeHandle,
}

impl StoreSpec {
    /// The store's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The changelog topic's settings; `None` when the store does not log.
    pub fn changelog(&self) -> Option<&ChangelogConfig> {
        self.changelog.as_ref()
    }

    /// Whether the store wants a cache.
    pub fn is_cached(&self) -> bool {
        self.is_cached
    }

    /// Whether this is a window store.
    pub fn is_windowed(&self) -> bool {
        self.schema.window().is_some()
    }

    /// Checks what the program asked for.
    ///
    /// # Errors
    /// When rows would vanish while their window is open.
    pub(crate) fn validate(&self) -> Result<()> {
        let Some(window) = self.schema.window() else { return Ok(()) };
        if window.retention_ms >= window.window_size_ms {
            return Ok(());
        }
        let message = format!(
            "store {}: its retention of {}ms is shorter than its windows, which are of {}ms: rows would vanish while \
             their window is open; keep them at least as long",
            self.name, window.retention_ms, window.window_size_ms
        );
        Err(Error::new(ErrorKind::InvalidTopology, message))
    }

    /// What its rows are, for messages and for the record of what made them: `key-value`, or `windows of 60000 ms`.
    pub fn kind(&self) -> String {
        match self.schema.window() {
            None => "key-value".to_owned(),
            Some(shape) => format!("windows of {} ms", shape.window_size_ms),
        }
    }

    /// The name of its keys' serde.
    pub fn key_serde(&self) -> &str {
        &self.serdes.0
    }

    /// The name of its values' serde.
    pub fn value_serde(&self) -> &str {
        &self.serdes.1
    }

    /// The engine, if the program chose one; otherwise the application's default holds.
    pub fn engine(&self) -> Option<EngineKind> {
        self.engine
    }

    /// The type of the handle, for messages.
    pub fn handle_type(&self) -> &'static str {
        self.handle_type
    }
}

impl fmt::Debug for StoreSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreSpec")
            .field("name", &self.name)
            .field("handle", &self.handle_type)
            .field("engine", &self.engine)
            .field("cached", &self.is_cached)
            .field("changelog", &self.changelog)
            .finish_non_exhaustive()
    }
}

/// A store in the making whose handle is `S`.
#[must_use = "a store does nothing until it is added to a topology"]
pub struct StoreBuilder<S> {
    spec: StoreSpec,
    handle: PhantomData<fn() -> S>,
}

impl<S> fmt::Debug for StoreBuilder<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StoreBuilder").field(&self.spec).finish()
    }
}

impl<S: StateStore> StoreBuilder<S> {
    fn new(
        name: impl Into<Arc<str>>,
        schema: Schema,
        serdes: (String, String),
        make: impl Fn(&Rc<Shared>) -> S + Send + Sync + 'static,
    ) -> Self {
        let retention =
            schema.window().map(|shape| Duration::from_millis(u64::try_from(shape.retention_ms).unwrap_or(0)));
        let spec = StoreSpec {
            name: name.into(),
            schema,
            engine: None,
            is_cached: false,
            changelog: Some(ChangelogConfig { retention, overrides: BTreeMap::new() }),
            serdes,
            handle_type: type_name::<S>(),
            make_handle: Arc::new(move |shared| Box::new(make(shared))),
        };
        Self { spec, handle: PhantomData }
    }

    /// Keeps the rows in this engine whatever the application's default is.
    pub fn with_engine(mut self, engine: EngineKind) -> Self {
        self.spec.engine = Some(engine);
        self
    }

    /// Puts a write-back cache in front: fewer changelog records, and fewer results downstream.
    #[doc(alias = "withCachingEnabled")]
    pub fn with_caching_enabled(mut self) -> Self {
        self.spec.is_cached = true;
        self
    }

    /// Leaves the cache out.
    #[doc(alias = "withCachingDisabled")]
    pub fn with_caching_disabled(mut self) -> Self {
        self.spec.is_cached = false;
        self
    }

    /// Sets configurations of the changelog topic; they win over the defaults.
    #[doc(alias = "withLoggingEnabled")]
    pub fn with_logging_enabled(mut self, configs: BTreeMap<String, String>) -> Self {
        let retention = self.retention();
        self.spec.changelog = Some(ChangelogConfig { retention, overrides: configs });
        self
    }

    /// Keeps no changelog: what is in the store dies with the task.
    #[doc(alias = "withLoggingDisabled")]
    pub fn with_logging_disabled(mut self) -> Self {
        self.spec.changelog = None;
        self
    }

    /// The plan.
    pub fn build(self) -> StoreSpec {
        self.spec
    }

    fn retention(&self) -> Option<Duration> {
        let shape = self.spec.schema.window()?;
        Some(Duration::from_millis(u64::try_from(shape.retention_ms).unwrap_or(0)))
    }
}

/// The serdes of a store's keys and values.
pub struct StoreSerdes<K, V> {
    keys: SerdeRef<K>,
    values: SerdeRef<V>,
}

impl<K: 'static, V: 'static> StoreSerdes<K, V> {
    /// These two.
    pub fn new(keys: SerdeRef<K>, values: SerdeRef<V>) -> Self {
        Self { keys, values }
    }

    fn names(&self) -> (String, String) {
        (self.keys.name(), self.values.name())
    }

    fn handle(&self, shared: &Rc<Shared>) -> Handle<K, V> {
        Handle { shared: Rc::clone(shared), keys: Arc::clone(&self.keys), values: Arc::clone(&self.values) }
    }
}

impl<K: DefaultSerde, V: DefaultSerde> Default for StoreSerdes<K, V> {
    /// Those of the types.
    fn default() -> Self {
        Self::new(K::default_serde(), V::default_serde())
    }
}

impl<K, V> fmt::Debug for StoreSerdes<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoreSerdes")
    }
}

const fn key_value(values: ValueShape) -> Schema {
    Schema { keys: KeyShape::Plain, values }
}

fn window(retention: Duration, window_size: Duration, values: ValueShape) -> Schema {
    Schema { keys: KeyShape::Window(WindowShape::new(retention, window_size)), values }
}

/// Begins the description of a store. Methods without an engine in their name leave it to the application's default.
///
/// A topology refuses a retention shorter than the window: rows must live as long as their window is open.
#[derive(Debug, Clone, Copy)]
pub struct Stores;

impl Stores {
    /// A key-value store of plain values.
    pub fn key_value<K: 'static, V: 'static>(
        name: impl Into<Arc<str>>,
        serdes: StoreSerdes<K, V>,
    ) -> StoreBuilder<KeyValueStore<K, V>> {
        StoreBuilder::new(name, key_value(ValueShape::Plain), serdes.names(), move |shared| {
            KeyValueStore::new(serdes.handle(shared))
        })
    }

    /// A key-value store of values with a time, for tables and aggregations.
    pub fn timestamped_key_value<K: 'static, V: 'static>(
        name: impl Into<Arc<str>>,
        serdes: StoreSerdes<K, V>,
    ) -> StoreBuilder<TimestampedKeyValueStore<K, V>> {
        StoreBuilder::new(name, key_value(ValueShape::Timestamped), serdes.names(), move |shared| {
            TimestampedKeyValueStore::new(serdes.handle(shared))
        })
    }

    /// A window store of plain values.
    pub fn window<K: 'static, V: 'static>(
        name: impl Into<Arc<str>>,
        retention: Duration,
        window_size: Duration,
        serdes: StoreSerdes<K, V>,
    ) -> StoreBuilder<WindowStore<K, V>> {
        StoreBuilder::new(name, window(retention, window_size, ValueShape::Plain), serdes.names(), move |shared| {
            WindowStore::new(serdes.handle(shared))
        })
    }

    /// A window store of values with a time, for windowed aggregations.
    pub fn timestamped_window<K: 'static, V: 'static>(
        name: impl Into<Arc<str>>,
        retention: Duration,
        window_size: Duration,
        serdes: StoreSerdes<K, V>,
    ) -> StoreBuilder<TimestampedWindowStore<K, V>> {
        StoreBuilder::new(
            name,
            window(retention, window_size, ValueShape::Timestamped),
            serdes.names(),
            move |shared| TimestampedWindowStore::new(serdes.handle(shared)),
        )
    }

    /// A key-value store on disk.
    #[doc(alias = "persistentKeyValueStore")]
    pub fn persistent_key_value<K: DefaultSerde, V: DefaultSerde>(
        name: impl Into<Arc<str>>,
    ) -> StoreBuilder<KeyValueStore<K, V>> {
        Self::key_value(name, StoreSerdes::default()).with_engine(EngineKind::RocksDb)
    }

    /// A key-value store in memory.
    #[doc(alias = "inMemoryKeyValueStore")]
    pub fn in_memory_key_value<K: DefaultSerde, V: DefaultSerde>(
        name: impl Into<Arc<str>>,
    ) -> StoreBuilder<KeyValueStore<K, V>> {
        Self::key_value(name, StoreSerdes::default()).with_engine(EngineKind::InMemory)
    }

    /// A key-value store of values with a time, on disk.
    #[doc(alias = "persistentTimestampedKeyValueStore")]
    pub fn persistent_timestamped_key_value<K: DefaultSerde, V: DefaultSerde>(
        name: impl Into<Arc<str>>,
    ) -> StoreBuilder<TimestampedKeyValueStore<K, V>> {
        Self::timestamped_key_value(name, StoreSerdes::default()).with_engine(EngineKind::RocksDb)
    }

    /// A key-value store of values with a time, in memory.
    pub fn in_memory_timestamped_key_value<K: DefaultSerde, V: DefaultSerde>(
        name: impl Into<Arc<str>>,
    ) -> StoreBuilder<TimestampedKeyValueStore<K, V>> {
        Self::timestamped_key_value(name, StoreSerdes::default()).with_engine(EngineKind::InMemory)
    }

    /// A window store on disk.
    #[doc(alias = "persistentWindowStore")]
    pub fn persistent_window<K: DefaultSerde, V: DefaultSerde>(
        name: impl Into<Arc<str>>,
        retention: Duration,
        window_size: Duration,
    ) -> StoreBuilder<WindowStore<K, V>> {
        Self::window(name, retention, window_size, StoreSerdes::default()).with_engine(EngineKind::RocksDb)
    }

    /// A window store in memory.
    #[doc(alias = "inMemoryWindowStore")]
    pub fn in_memory_window<K: DefaultSerde, V: DefaultSerde>(
        name: impl Into<Arc<str>>,
        retention: Duration,
        window_size: Duration,
    ) -> StoreBuilder<WindowStore<K, V>> {
        Self::window(name, retention, window_size, StoreSerdes::default()).with_engine(EngineKind::InMemory)
    }

    /// A window store of values with a time, on disk.
    #[doc(alias = "persistentTimestampedWindowStore")]
    pub fn persistent_timestamped_window<K: DefaultSerde, V: DefaultSerde>(
        name: impl Into<Arc<str>>,
        retention: Duration,
        window_size: Duration,
    ) -> StoreBuilder<TimestampedWindowStore<K, V>> {
        Self::timestamped_window(name, retention, window_size, StoreSerdes::default()).with_engine(EngineKind::RocksDb)
    }

    /// A window store of values with a time, in memory.
    pub fn in_memory_timestamped_window<K: DefaultSerde, V: DefaultSerde>(
        name: impl Into<Arc<str>>,
        retention: Duration,
        window_size: Duration,
    ) -> StoreBuilder<TimestampedWindowStore<K, V>> {
        Self::timestamped_window(name, retention, window_size, StoreSerdes::default()).with_engine(EngineKind::InMemory)
    }
}

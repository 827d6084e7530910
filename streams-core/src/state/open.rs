//! Opening a store for a task, and the untyped handle that the runtime keeps.
//!
//! ```text
//!   StoreSpec ──open──► RestoringStore ──restore──► .. ──attach──► AnyStore ──handle::<S>()──► typed store
//! ```

use std::any::Any;
use std::cell::Cell;
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use super::changelog::ChangelogSink;
use super::engine::memory::MemoryStore;
use super::engine::memory_window::MemoryWindowStore;
use super::engine::ByteStore;
use super::facade::Shared;
use super::layers::Layers;
use super::restore::{ChangelogRow, RestoringStore};
use super::stores::{EngineKind, StoreSpec};
use super::StateStore;
#[cfg(feature = "rocksdb")]
use crate::error::ResultExt;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{ChangelogPosition, Offset};
use crate::time::Timestamp;

/// The longest store name: changelog topics are named by it, and Kafka's topic names end at 249 characters.
const NAME_CHARS_MAX: usize = 200;

impl StoreSpec {
    /// Opens the store's rows below `task_dir`; a store in memory starts empty. No type is involved yet, so any
    /// thread can restore it.
    ///
    /// # Errors
    /// A name that is no file name, an engine that this build does not have, what the engine refuses.
    pub fn open(&self, task_dir: &Path, default_engine: EngineKind) -> Result<RestoringStore> {
        self.require_name()?;
        let engine: Box<dyn ByteStore> = match (self.engine.unwrap_or(default_engine), self.is_windowed()) {
            (EngineKind::InMemory, false) => Box::new(MemoryStore::default()),
            (EngineKind::InMemory, true) => Box::new(MemoryWindowStore::default()),
            (EngineKind::RocksDb, _) => self.open_rocks(task_dir)?,
        };
        Ok(RestoringStore::new(self.name.clone(), self.schema, engine))
    }

    /// Opens the store empty and in memory, whatever its engine is: for tests of topologies.
    ///
    /// # Errors
    /// A name that is no file name.
    pub fn open_in_memory(&self) -> Result<RestoringStore> {
        let spec = Self { engine: Some(EngineKind::InMemory), ..self.clone() };
        spec.open(Path::new(""), EngineKind::InMemory)
    }

    /// Puts the layers around restored rows and makes the typed handle.
    pub fn attach(&self, store: RestoringStore, context: StoreContext) -> AnyStore {
        let cache_bytes_max = if self.is_cached { context.cache_bytes_max } else { 0 };
        let changelog = context.changelog.filter(|_| self.changelog.is_some());
        let shared = Shared::new(Layers::new(store, changelog, cache_bytes_max, context.timestamp));
        let handle = (self.make_handle)(&shared);
        AnyStore { shared, handle, handle_type: self.handle_type }
    }

    /// Opens a RocksDB in the directory that Kafka Streams would use.
    #[cfg(feature = "rocksdb")]
    fn open_rocks(&self, task_dir: &Path) -> Result<Box<dyn ByteStore>> {
        use super::engine::{rocks::RocksStore, rocks_window::RocksWindowStore};
        let opened = |store: Result<Box<dyn ByteStore>>| store.context(|| format!("open store `{}`", self.name));
        if self.is_windowed() {
            let store = RocksWindowStore::open(&task_dir.join(self.name()), &self.schema.format());
            opened(store.map(|store| Box::new(store) as Box<dyn ByteStore>))
        } else {
            let store = RocksStore::open(&task_dir.join("rocksdb").join(self.name()), &self.schema.format());
            opened(store.map(|store| Box::new(store) as Box<dyn ByteStore>))
        }
    }

    #[cfg(not(feature = "rocksdb"))]
    fn open_rocks(&self, _: &Path) -> Result<Box<dyn ByteStore>> {
        let message = format!(
            "store `{}` is persistent, but this build has no RocksDB: enable the feature `rocksdb`, \
             or choose an in-memory store",
            self.name
        );
        Err(Error::new(ErrorKind::InvalidConfig, message))
    }

    /// Names become directories and parts of topic names.
    fn require_name(&self) -> Result<()> {
        let name = self.name();
        let is_legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.len() > NAME_CHARS_MAX || name == "." || name == ".." || !name.chars().all(is_legal)
        {
            let message = format!(
                "store name `{name}`: use 1 to {NAME_CHARS_MAX} of the characters a-z, A-Z, 0-9, `.`, `_` and `-`"
            );
            return Err(Error::new(ErrorKind::InvalidTopology, message));
        }
        Ok(())
    }
}

/// What a store needs of the task that owns it.
pub struct StoreContext {
    /// Where writes are logged; ignored by stores without a changelog.
    pub changelog: Option<Rc<dyn ChangelogSink>>,
    /// The budget of the store's cache in bytes; 0 leaves the cache out.
    pub cache_bytes_max: usize,
    /// The time of the record in process, which the task sets. Changelog records of plain values have it.
    pub timestamp: Rc<Cell<Timestamp>>,
}

impl StoreContext {
    /// No changelog, no cache, time unknown.
    pub fn detached() -> Self {
        Self { changelog: None, cache_bytes_max: 0, timestamp: Rc::new(Cell::new(Timestamp::UNKNOWN)) }
    }
}

impl fmt::Debug for StoreContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreContext").field("cache_bytes_max", &self.cache_bytes_max).finish_non_exhaustive()
    }
}

/// An open store without its types: what a task flushes, commits and restores.
///
/// A task that fails drops its stores without a commit. One on disk then holds what was last committed; one in memory
/// is gone and restored from the changelog. Neither can be used on after a failed write or an aborted transaction.
pub struct AnyStore {
    shared: Rc<Shared>,
    handle: Box<dyn Any>,
    handle_type: &'static str,
}

impl AnyStore {
    /// The store's name.
    pub fn name(&self) -> &str {
        self.shared.name()
    }

    /// The typed handle, for wiring.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTopology`] when the store is of another type.
    pub fn handle<S: StateStore>(&self) -> Result<S> {
        self.handle.downcast_ref::<S>().cloned().ok_or_else(|| {
            let (name, is, asked) = (self.name(), self.handle_type, std::any::type_name::<S>());
            Error::new(ErrorKind::InvalidTopology, format!("store `{name}` is a `{is}`, not a `{asked}`"))
        })
    }

    /// Sends the dirty rows of the cache down: to changelog, store and, where a node listens, its queue.
    ///
    /// # Errors
    /// What engine or changelog refuse.
    pub fn flush_cache(&self) -> Result<()> {
        self.shared.layers().flush_cache()
    }

    /// Whether a row that left the cache waits to be forwarded.
    pub fn has_flushed(&self) -> bool {
        self.shared.layers().has_flushed()
    }

    /// Settles everything written so far, after the changelog acknowledged it. `position` is that of the last changelog
    /// record that was acknowledged, of this store's partition; `None` when nothing was logged since the last commit.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] when the cache was not flushed; what the engine refuses.
    pub fn commit(&self, position: Option<ChangelogPosition>) -> Result<()> {
        self.shared.layers().commit(position)
    }

    /// Applies changelog records; see [`RestoringStore::restore`].
    ///
    /// # Errors
    /// As there.
    pub fn restore<'a>(
        &self,
        rows: impl IntoIterator<Item = ChangelogRow<'a>>,
        last: impl Into<ChangelogPosition>,
    ) -> Result<()> {
        self.shared.layers().base_mut().restore(rows, last)
    }

    /// See [`RestoringStore::committed_offset`].
    pub fn committed_offset(&self) -> Option<Offset> {
        self.shared.layers().base().committed_offset()
    }

    /// See [`RestoringStore::committed_position`].
    pub fn committed_position(&self) -> Option<ChangelogPosition> {
        self.shared.layers().base().committed_position()
    }

    /// Whether rows outlive the process.
    pub fn is_persistent(&self) -> bool {
        self.shared.layers().base().is_persistent()
    }

    /// How much memory the writes since the last commit take, in bytes.
    pub fn uncommitted_bytes(&self) -> usize {
        self.shared.layers().uncommitted_bytes()
    }

    /// Gives the cache another budget and evicts what is over it.
    ///
    /// # Errors
    /// What engine or changelog refuse.
    pub fn set_cache_bytes(&self, bytes_max: usize) -> Result<()> {
        self.shared.layers().set_cache_bytes(bytes_max)
    }

    /// How many writes were dropped because their window is past the retention.
    pub fn dropped_expired(&self) -> u64 {
        self.shared.layers().dropped_expired()
    }

    /// How many rows were written and how many read through typed handles.
    pub fn counts(&self) -> (u64, u64) {
        self.shared.counts()
    }

    /// Makes what was committed durable: a clean stop restores nothing.
    ///
    /// # Errors
    /// What the engine refuses.
    pub fn flush(&self) -> Result<()> {
        self.shared.layers().base_mut().flush()
    }
}

impl fmt::Debug for AnyStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnyStore")
            .field("name", &self.name())
            .field("handle", &self.handle_type)
            .finish_non_exhaustive()
    }
}

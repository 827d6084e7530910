//! How a broker is put together: where its data lies, when a write counts, and what drives it.

use std::path::PathBuf;
use std::sync::Arc;

use streams_core::time::{Clock, SystemClock};
use streams_core::Result;
use uuid::Uuid;

use crate::broker::{Broker, IdSource, Parts};
use crate::config::{BrokerConfig, SyncPolicy};
use crate::disk::memory::MemoryDisk;
use crate::disk::{Disk, RealDisk};
use crate::{data_dir, drivers};

/// Where the data of a broker without a directory lies on its disk.
const MEMORY_PATH: &str = "/data";

/// Collects what a broker is made of. Without a data directory it lives in memory and forgets everything at the end.
#[derive(Default)]
pub struct BrokerBuilder {
    config: BrokerConfig,
    sync: Option<SyncPolicy>,
    data_dir: Option<PathBuf>,
    disk: Option<Arc<dyn Disk>>,
    clock: Option<Arc<dyn Clock>>,
    ids: Option<IdSource>,
}

impl BrokerBuilder {
    /// Keeps the data in this directory, which is made if it does not exist.
    #[must_use]
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// When a write counts as done. The default is [`SyncPolicy::Fsync`] with a directory and [`SyncPolicy::Os`] in
    /// memory, where there is nothing to sync.
    #[must_use]
    pub fn sync(mut self, sync: SyncPolicy) -> Self {
        self.sync = Some(sync);
        self
    }

    /// Changes other settings.
    #[must_use]
    pub fn configure(mut self, change: impl FnOnce(&mut BrokerConfig)) -> Self {
        change(&mut self.config);
        self
    }

    /// Reads the time from this clock instead of the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Keeps the data on this disk, for tests and simulation.
    #[must_use]
    pub fn disk(mut self, disk: Arc<dyn Disk>) -> Self {
        self.disk = Some(disk);
        self
    }

    /// Takes topic ids from here instead of the machine's randomness.
    #[must_use]
    pub fn ids(mut self, ids: impl Fn() -> Uuid + Send + Sync + 'static) -> Self {
        self.ids = Some(Box::new(ids));
        self
    }

    /// Opens the broker and starts its threads: one that syncs, one that lets deadlines come, one that deletes
    /// and compacts.
    ///
    /// # Errors
    /// When the data directory is locked, foreign, damaged or not writable; the message says which and what to do.
    pub fn start(self) -> Result<Arc<Broker>> {
        let broker = Arc::new(self.open()?);
        drivers::start(&broker)?;
        Ok(broker)
    }

    /// Opens the broker without threads: the caller steps it with [`Broker::tick`], [`Broker::sync`]
    /// and [`Broker::maintain`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn open(self) -> Result<Broker> {
        let mut config = self.config;
        let is_in_memory = self.data_dir.is_none() && self.disk.is_none();
        config.sync = self.sync.unwrap_or(if is_in_memory { SyncPolicy::Os } else { config.sync });
        let disk: Arc<dyn Disk> = match (self.disk, &self.data_dir) {
            (Some(disk), _) => disk,
            (None, None) => Arc::new(MemoryDisk::ephemeral()),
            (None, Some(path)) => {
                data_dir::check_real(path, config.free_bytes_min)?;
                Arc::new(RealDisk::below(path))
            }
        };
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock));
        let ids = self.ids.unwrap_or_else(|| Box::new(random_id));
        let owner = format!("{}\n", std::process::id());
        let path = self.data_dir.unwrap_or_else(|| MEMORY_PATH.into());
        let now = clock.now();
        Broker::open(config, &path, Parts { disk, clock, ids, owner }, now)
    }
}

#[expect(clippy::disallowed_methods, reason = "the driver's default source of randomness; tests inject another")]
fn random_id() -> Uuid {
    Uuid::new_v4()
}

impl std::fmt::Debug for BrokerBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrokerBuilder").field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

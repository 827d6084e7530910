//! What later operators ask of a table that was planned before them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// Set while a program is written, read when it is lowered and wired. Never changed afterwards.
#[derive(Debug, Default)]
pub(crate) struct TableFlags {
    old_values: AtomicBool,
    materialized: AtomicBool,
}

impl TableFlags {
    /// The flags of a table that nobody asked anything of yet.
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Changes must carry the row before.
    pub(crate) fn enable_old_values(&self) {
        self.old_values.store(true, Ordering::Relaxed);
    }

    /// Whether changes carry the row before.
    pub(crate) fn old_values(&self) -> bool {
        self.old_values.load(Ordering::Relaxed)
    }

    /// Somebody looks rows up, so the table needs its store.
    pub(crate) fn materialize(&self) {
        self.materialized.store(true, Ordering::Relaxed);
    }

    /// Whether the table needs its store.
    pub(crate) fn is_materialized(&self) -> bool {
        self.materialized.load(Ordering::Relaxed)
    }
}

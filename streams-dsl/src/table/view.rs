//! What later operators may ask of a table: to be looked up, and to tell the row before each change.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::ops::table::{GetterFactory, StoreGetter, TableFlags, TableStore};

/// How much the row before a change is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The results would be wrong without it.
    Needed,
    /// It saves work, but is not worth a store.
    IfCheap,
}

/// A table as its later operators see it while a program is written.
pub(crate) trait TableView<K, V> {
    /// How nodes look rows up. The table keeps its rows from now on.
    fn getter(&self) -> Arc<dyn GetterFactory<K, V>>;

    /// Changes carry the row before from now on, if that can be had: `Asked::Needed` makes a table keep its rows for it,
    /// `Asked::IfCheap` asks only a table that keeps them anyhow. Returns whether they do.
    fn enable_old_values(&self, asked: Asked) -> bool;
}

/// A table that has, or can have, a store `S` of its own.
pub(crate) struct StoredView<S> {
    flags: Arc<TableFlags>,
    store: Arc<str>,
    handle: PhantomData<fn() -> S>,
}

impl<S> StoredView<S> {
    pub(crate) fn new(flags: Arc<TableFlags>, store: Arc<str>) -> Self {
        Self { flags, store, handle: PhantomData }
    }
}

impl<K: 'static, V: 'static, S: TableStore<K, V>> TableView<K, V> for StoredView<S> {
    fn getter(&self) -> Arc<dyn GetterFactory<K, V>> {
        self.flags.materialize();
        Arc::new(StoreGetter::<S>::new(Arc::clone(&self.store)))
    }

    fn enable_old_values(&self, asked: Asked) -> bool {
        if asked == Asked::IfCheap && !self.flags.is_materialized() {
            return false;
        }
        self.flags.materialize();
        self.flags.enable_old_values();
        true
    }
}

//! What later operators may ask of a table: to be looked up, and to tell the row before each change.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::ops::table::{GetterFactory, StoreGetter, TableFlags, TableStore};

/// A table as its later operators see it while a program is written.
pub(crate) trait TableView<K, V> {
    /// How nodes look rows up. The table keeps its rows from now on.
    fn getter(&self) -> Arc<dyn GetterFactory<K, V>>;

    /// Changes carry the row before from now on.
    fn enable_old_values(&self);
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

    fn enable_old_values(&self) {
        self.flags.materialize();
        self.flags.enable_old_values();
    }
}

//! How a node looks up a row of a table: in its store, or computed from the table that it is a view of.

use std::marker::PhantomData;
use std::sync::Arc;

use streams_core::topology::Wiring;
use streams_core::{NodeId, Result, Timestamp};

use crate::ops::table::TableStore;

/// Looks rows up. The value lies in the getter's own slot, so no borrow of a store outlives the call.
pub(crate) trait ValueGetter<K, V> {
    /// The row of a key and its time.
    fn get(&mut self, key: &K) -> Result<Option<(&V, Timestamp)>>;
}

/// Makes the getters of a table, one per task and node that looks rows up.
pub(crate) trait GetterFactory<K, V>: Send + Sync {
    /// The stores that a node must be connected to before it can look rows up.
    fn stores(&self) -> Vec<Arc<str>>;

    /// The getter for one node of one task.
    fn make(&self, node: NodeId, wiring: &Wiring<'_>) -> Result<Box<dyn ValueGetter<K, V>>>;
}

/// Looks rows up in the store `S` of a table.
pub(crate) struct StoreGetter<S> {
    store: Arc<str>,
    handle: PhantomData<fn() -> S>,
}

impl<S> StoreGetter<S> {
    pub(crate) fn new(store: Arc<str>) -> Self {
        Self { store, handle: PhantomData }
    }
}

impl<K: 'static, V: 'static, S: TableStore<K, V>> GetterFactory<K, V> for StoreGetter<S> {
    fn stores(&self) -> Vec<Arc<str>> {
        vec![Arc::clone(&self.store)]
    }

    fn make(&self, node: NodeId, wiring: &Wiring<'_>) -> Result<Box<dyn ValueGetter<K, V>>> {
        let store: S = wiring.store(node, &self.store)?;
        Ok(Box::new(Stored { store, slot: None, key: PhantomData }))
    }
}

struct Stored<K, V, S> {
    store: S,
    slot: Option<V>,
    key: PhantomData<fn(K)>,
}

impl<K, V, S: TableStore<K, V>> ValueGetter<K, V> for Stored<K, V, S> {
    #[inline]
    fn get(&mut self, key: &K) -> Result<Option<(&V, Timestamp)>> {
        let timestamp = self.store.read(key, &mut self.slot)?;
        Ok(timestamp.zip(self.slot.as_ref()).map(|(timestamp, value)| (value, timestamp)))
    }
}

//! Nodes of aggregations: a fold over a table's store.

mod key_value;
mod time_window;

use std::sync::Arc;

use streams_core::serde::SerdeRef;

pub(crate) use key_value::aggregate;
pub(crate) use time_window::aggregate_windows;

/// Updates the aggregate of a key by a record; an empty slot is a key without an aggregate.
pub(crate) type Fold<K, V, A> = Arc<dyn Fn(&K, &V, &mut Option<A>) + Send + Sync>;

/// The serdes of what is aggregated, which know null.
pub(crate) struct Inputs<K, V> {
    pub(crate) keys: SerdeRef<K>,
    pub(crate) values: SerdeRef<V>,
}

impl<K, V> Clone for Inputs<K, V> {
    fn clone(&self) -> Self {
        Self { keys: Arc::clone(&self.keys), values: Arc::clone(&self.values) }
    }
}

//! Nodes of aggregations: a fold over a table's store.

mod key_value;
mod time_window;

use std::sync::Arc;

use streams_core::serde::SerdeRef;

pub(crate) use key_value::aggregate;
pub(crate) use time_window::aggregate_windows;

/// Updates the aggregate of a key by a record; an empty slot is a key without an aggregate.
type FoldFn<K, V, A> = dyn Fn(&K, &V, &mut Option<A>) + Send + Sync;

/// What an aggregation does with a record.
pub(crate) struct Fold<K, V, A> {
    /// Makes the aggregate of a key that has none; a reduction has no such value.
    initializer: Option<Arc<dyn Fn() -> A + Send + Sync>>,
    update: Arc<FoldFn<K, V, A>>,
}

impl<K, V, A: 'static> Fold<K, V, A> {
    /// Starts from what `initializer` makes and updates it by each record.
    pub(crate) fn aggregate<I, F>(initializer: I, aggregator: F) -> Self
    where
        I: Fn() -> A + Send + Sync + 'static,
        F: Fn(&K, &V, &mut A) + Send + Sync + 'static,
    {
        let initializer: Arc<dyn Fn() -> A + Send + Sync> = Arc::new(initializer);
        let first = Arc::clone(&initializer);
        let update: Arc<FoldFn<K, V, A>> =
            Arc::new(move |key, value, slot| aggregator(key, value, slot.get_or_insert_with(|| first())));
        Self { initializer: Some(initializer), update }
    }

    /// Counts records.
    pub(crate) fn count() -> Fold<K, V, i64> {
        Fold::aggregate(|| 0, |_, _, count| *count += 1)
    }
}

impl<K, V: Clone> Fold<K, V, V> {
    /// Keeps the first value as it is and combines each later one with what there is.
    pub(crate) fn reduce<F>(reducer: F) -> Self
    where
        F: Fn(&V, &V) -> V + Send + Sync + 'static,
    {
        let update: Arc<FoldFn<K, V, V>> = Arc::new(move |_, value, slot| {
            *slot = Some(match slot {
                Some(reduced) => reducer(reduced, value),
                None => value.clone(),
            });
        });
        Self { initializer: None, update }
    }
}

impl<K, V, A> Fold<K, V, A> {
    /// Updates the aggregate of a key by a record; an empty slot is a key without an aggregate.
    #[inline]
    fn update(&self, key: &K, value: &V, slot: &mut Option<A>) {
        (self.update)(key, value, slot);
    }

    /// What is forwarded as the row before the first: without a cache that is the initializer's value and not nothing,
    /// as Kafka Streams 4.3 does.
    fn before_first(&self) -> Option<A> {
        self.initializer.as_ref().map(|initializer| initializer())
    }
}

impl<K, V, A> Clone for Fold<K, V, A> {
    fn clone(&self) -> Self {
        Self { initializer: self.initializer.clone(), update: Arc::clone(&self.update) }
    }
}

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

//! `TimeWindowedKStream`: a stream grouped by key and cut into time windows.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::serde::{DefaultSerde, SerdeRef, TimeWindowedSerde, Windowed};
use streams_core::state::{Stores, TimestampedWindowStore};
use streams_core::{Error, ErrorKind};

use crate::graph::ProcessorNode;
use crate::grouped::plan::{add_aggregation, Names, AGGREGATE, REDUCE};
use crate::grouped::KGroupedStream;
use crate::ops::aggregate::{aggregate_windows, Fold};
use crate::ops::table::TableFlags;
use crate::options::Materialized;
use crate::table::{KTable, StoredView};
use crate::windows::FixedWindows;

/// A stream grouped by key and cut into time windows. Records with a null key are dropped and counted, and so is, per
/// window, a record that is too late for it; null values are aggregated, as in Kafka Streams.
pub struct TimeWindowedKStream<K, V> {
    stream: KGroupedStream<K, V>,
    windows: FixedWindows,
}

impl<K: 'static, V: 'static> TimeWindowedKStream<K, V> {
    pub(crate) fn new(stream: KGroupedStream<K, V>, windows: FixedWindows) -> Self {
        if let Err(error) = windows.validate() {
            stream.graph.borrow_mut().refuse(error);
        }
        Self { stream, windows }
    }
}

impl<K: Clone + 'static, V: 'static> TimeWindowedKStream<K, V> {
    /// How many records each key has in each window.
    #[track_caller]
    pub fn count(&self) -> KTable<Windowed<K>, i64> {
        self.counted(self.stream.unnamed::<i64>(), false)
    }

    /// The same with options for the store.
    #[track_caller]
    pub fn count_with(&self, materialized: Materialized<K, i64>) -> KTable<Windowed<K>, i64> {
        self.counted(materialized, true)
    }

    #[track_caller]
    fn counted(&self, materialized: Materialized<K, i64>, is_unnamed_count: bool) -> KTable<Windowed<K>, i64> {
        self.folded(AGGREGATE, &materialized, is_unnamed_count, Fold::<K, V, i64>::count())
    }

    /// The values of each key in each window combined by `reducer`.
    #[track_caller]
    pub fn reduce<F>(&self, reducer: F) -> KTable<Windowed<K>, V>
    where
        V: Clone,
        F: Fn(&V, &V) -> V + Send + Sync + 'static,
    {
        let materialized = Materialized::with(Arc::clone(&self.stream.keys), Arc::clone(&self.stream.values));
        self.reduce_with(materialized, reducer)
    }

    /// The same with options for the store.
    #[doc(alias = "reduce")]
    #[track_caller]
    pub fn reduce_with<F>(&self, materialized: Materialized<K, V>, reducer: F) -> KTable<Windowed<K>, V>
    where
        V: Clone,
        F: Fn(&V, &V) -> V + Send + Sync + 'static,
    {
        self.folded(REDUCE, &materialized, false, Fold::reduce(reducer))
    }

    /// An aggregate of each key's values in each window.
    #[track_caller]
    pub fn aggregate<A, I, F>(&self, initializer: I, aggregator: F) -> KTable<Windowed<K>, A>
    where
        A: DefaultSerde,
        I: Fn() -> A + Send + Sync + 'static,
        F: Fn(&K, &V, &mut A) + Send + Sync + 'static,
    {
        self.aggregate_with(self.stream.unnamed::<A>(), initializer, aggregator)
    }

    /// The same with options for the store.
    #[doc(alias = "aggregate")]
    #[track_caller]
    pub fn aggregate_with<A, I, F>(
        &self,
        materialized: Materialized<K, A>,
        initializer: I,
        aggregator: F,
    ) -> KTable<Windowed<K>, A>
    where
        A: 'static,
        I: Fn() -> A + Send + Sync + 'static,
        F: Fn(&K, &V, &mut A) + Send + Sync + 'static,
    {
        self.folded(AGGREGATE, &materialized, false, Fold::aggregate(initializer, aggregator))
    }

    #[track_caller]
    fn folded<A: 'static>(
        &self,
        prefix: &str,
        materialized: &Materialized<K, A>,
        is_unnamed_count: bool,
        fold: Fold<K, V, A>,
    ) -> KTable<Windowed<K>, A> {
        let stream = &self.stream;
        let names = Names::take(&mut stream.graph.borrow_mut(), prefix, materialized.given_name(), is_unnamed_count);
        let flags = TableFlags::new();
        flags.materialize();
        let (size, minimum) = (self.windows.size(), self.windows.minimum_retention());
        let retention = materialized.given_retention().unwrap_or(minimum);
        if retention < minimum {
            let message = format!(
                "store {}: its retention of {retention:?} is shorter than its windows' size and grace together, \
                 {minimum:?}: rows would vanish while they can still change",
                names.store
            );
            stream.graph.borrow_mut().refuse(Error::new(ErrorKind::InvalidTopology, message));
        }
        let serdes = materialized.serdes();
        let store = materialized.apply(Stores::timestamped_window(names.store.as_str(), retention, size, serdes));
        let store_name: Arc<str> = names.store.as_str().into();
        let aggregates = Arc::clone(materialized.values());
        let factory = aggregate_windows(
            stream.inputs(),
            aggregates,
            Arc::clone(&store_name),
            Arc::clone(&flags),
            self.windows,
            fold,
        );
        let lower = ProcessorNode::stream_to_table::<K, V, Windowed<K>, A>(factory).with_own_store(store);
        let (node, sources) = add_aggregation(stream, &names, lower);
        let view = StoredView::<TimestampedWindowStore<K, A>>::new(flags, store_name);
        let keys: SerdeRef<Windowed<K>> = Arc::new(TimeWindowedSerde::new(Arc::clone(materialized.keys()), size));
        KTable::new(Rc::clone(&stream.graph), node, Rc::new(view), sources)
            .with_serdes(Some(keys), Some(Arc::clone(materialized.values())))
            .stored_in(&names.store)
    }
}

impl<K, V> fmt::Debug for TimeWindowedKStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimeWindowedKStream").field("stream", &self.stream).field("windows", &self.windows).finish()
    }
}

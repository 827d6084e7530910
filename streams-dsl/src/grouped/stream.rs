//! `KGroupedStream`: a stream grouped by key.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::state::{Stores, TimestampedKeyValueStore};

use crate::graph::{GraphId, GraphRef, ProcessorNode};
use crate::grouped::plan::{add_aggregation, Names, AGGREGATE, REDUCE};
use crate::ops::aggregate::{aggregate, Fold, Inputs};
use crate::ops::table::TableFlags;
use crate::options::{Grouped, Materialized};
use crate::table::{KTable, StoredView};
use crate::windows::WindowSpec;

/// A stream grouped by key: aggregate it, or cut it into windows first. Records with a null key or value are dropped
/// and counted.
///
/// ```
/// use streams_core::testing::TopologyTestDriver;
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let sales = builder.stream::<String, i64>("sales").group_by_key();
/// sales.aggregate(String::new, |_, units, all| all.push_str(&format!("{units};"))).to_stream().to("history");
/// sales.reduce(|sum, units| sum + units).to_stream().to("units");
/// sales.count().to_stream().to("lines");
///
/// let driver = TopologyTestDriver::new(builder.build()?)?;
/// driver.input::<String, i64>("sales")?.pipe_all([("pen", 2), ("pen", 5)])?;
/// driver.output::<String, i64>("units")?.check("pen = 2 @ 0\npen = 7 @ 0");
/// driver.output::<String, String>("history")?.check("pen = 2; @ 0\npen = 2;5; @ 0");
/// driver.output::<String, i64>("lines")?.check("pen = 1 @ 0\npen = 2 @ 0");
/// # Ok::<(), Error>(())
/// ```
pub struct KGroupedStream<K, V> {
    pub(super) graph: GraphRef,
    pub(super) node: GraphId,
    pub(super) keys: SerdeRef<K>,
    pub(super) values: SerdeRef<V>,
    pub(super) name: Option<String>,
    pub(super) repartition_required: bool,
    pub(super) sources: Rc<[GraphId]>,
    /// The repartition under the user's name, once an aggregation needed it.
    pub(super) repartition: Rc<Cell<Option<GraphId>>>,
}

impl<K: 'static, V: 'static> KGroupedStream<K, V> {
    pub(crate) fn new(
        graph: GraphRef,
        node: GraphId,
        grouped: Grouped<K, V>,
        repartition_required: bool,
        sources: Rc<[GraphId]>,
    ) -> Self {
        let Grouped { keys, values, name } = grouped;
        Self { graph, node, keys, values, name, repartition_required, sources, repartition: Rc::default() }
    }

    /// How many records each key has.
    #[track_caller]
    pub fn count(&self) -> KTable<K, i64> {
        self.counted(self.unnamed::<i64>(), false)
    }

    /// The same with options for the store.
    #[track_caller]
    pub fn count_with(&self, materialized: Materialized<K, i64>) -> KTable<K, i64> {
        self.counted(materialized, true)
    }

    #[track_caller]
    fn counted(&self, materialized: Materialized<K, i64>, is_unnamed_count: bool) -> KTable<K, i64> {
        self.folded(AGGREGATE, materialized, is_unnamed_count, Fold::<K, V, i64>::count())
    }

    /// The values of each key combined by `reducer`: the first stays as it is, each later one is combined with what
    /// there is. Where times differ the result has the later one.
    #[track_caller]
    pub fn reduce<F>(&self, reducer: F) -> KTable<K, V>
    where
        V: Clone,
        F: Fn(&V, &V) -> V + Send + Sync + 'static,
    {
        let materialized = Materialized::with(Arc::clone(&self.keys), Arc::clone(&self.values));
        self.reduce_with(materialized, reducer)
    }

    /// The same with options for the store.
    #[doc(alias = "reduce")]
    #[track_caller]
    pub fn reduce_with<F>(&self, materialized: Materialized<K, V>, reducer: F) -> KTable<K, V>
    where
        V: Clone,
        F: Fn(&V, &V) -> V + Send + Sync + 'static,
    {
        self.folded(REDUCE, materialized, false, Fold::reduce(reducer))
    }

    /// An aggregate of each key's values: `initializer` makes the first, `aggregator` updates it by each record.
    #[track_caller]
    pub fn aggregate<A, I, F>(&self, initializer: I, aggregator: F) -> KTable<K, A>
    where
        A: DefaultSerde,
        I: Fn() -> A + Send + Sync + 'static,
        F: Fn(&K, &V, &mut A) + Send + Sync + 'static,
    {
        self.aggregate_with(self.unnamed::<A>(), initializer, aggregator)
    }

    /// The same with options for the store.
    #[doc(alias = "aggregate")]
    #[track_caller]
    pub fn aggregate_with<A, I, F>(
        &self,
        materialized: Materialized<K, A>,
        initializer: I,
        aggregator: F,
    ) -> KTable<K, A>
    where
        A: 'static,
        I: Fn() -> A + Send + Sync + 'static,
        F: Fn(&K, &V, &mut A) + Send + Sync + 'static,
    {
        self.folded(AGGREGATE, materialized, false, Fold::aggregate(initializer, aggregator))
    }

    /// Cuts the stream into windows.
    ///
    /// ```
    /// use streams_core::testing::TopologyTestDriver;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let windows = TimeWindows::of_size_and_grace(secs(60), secs(10));
    /// let counts = builder.stream::<String, i64>("sales").group_by_key().windowed_by(windows).count();
    /// counts.to_stream().select_key(|key, _| format!("{} in minute {}", key.key, key.window.start.0 / 60_000)).to("counts");
    ///
    /// let driver = TopologyTestDriver::new(builder.build()?)?;
    /// let sales = driver.input::<String, i64>("sales")?;
    /// sales.pipe_at(Timestamp(59_000), "pen", 1)?;
    /// sales.pipe_at(Timestamp(61_000), "pen", 1)?;
    /// sales.pipe_at(Timestamp(58_000), "pen", 1)?; // late, within the grace
    /// sales.pipe_at(Timestamp(70_000), "pen", 1)?; // closes the first minute
    /// sales.pipe_at(Timestamp(57_000), "pen", 1)?; // too late
    /// driver.output::<String, i64>("counts")?.check(
    ///     "pen in minute 0 = 1 @ 59000
    ///      pen in minute 1 = 1 @ 61000
    ///      pen in minute 0 = 2 @ 59000
    ///      pen in minute 1 = 2 @ 70000",
    /// );
    /// assert_eq!(driver.dropped_records(), 1);
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "windowedBy")]
    pub fn windowed_by<W: WindowSpec>(&self, windows: W) -> W::Grouped<K, V> {
        windows.group(self.clone())
    }

    pub(super) fn unnamed<A: DefaultSerde>(&self) -> Materialized<K, A> {
        Materialized::with(Arc::clone(&self.keys), A::default_serde())
    }

    /// What an aggregation node needs of the grouping.
    pub(super) fn inputs(&self) -> Inputs<K, V> {
        Inputs { keys: Arc::clone(&self.keys), values: Arc::clone(&self.values) }
    }

    #[track_caller]
    fn folded<A: 'static>(
        &self,
        prefix: &str,
        materialized: Materialized<K, A>,
        is_unnamed_count: bool,
        fold: Fold<K, V, A>,
    ) -> KTable<K, A> {
        let names = Names::take(&mut self.graph.borrow_mut(), prefix, materialized.given_name(), is_unnamed_count);
        let flags = TableFlags::new();
        flags.materialize();
        let store = materialized.apply(Stores::timestamped_key_value(names.store.as_str(), materialized.serdes()));
        let store_name: Arc<str> = names.store.as_str().into();
        let aggregates = Arc::clone(materialized.values());
        let factory = aggregate(self.inputs(), aggregates, Arc::clone(&store_name), Arc::clone(&flags), fold);
        let lower = ProcessorNode::stream_to_table::<K, V, K, A>(factory).with_own_store(store);
        let (node, sources) = add_aggregation(self, &names, lower);
        let view = StoredView::<TimestampedKeyValueStore<K, A>>::new(flags, store_name);
        KTable::new(Rc::clone(&self.graph), node, Rc::new(view), sources)
            .with_serdes(Some(Arc::clone(materialized.keys())), Some(Arc::clone(materialized.values())))
            .stored_in(&names.store)
    }
}

impl<K, V> Clone for KGroupedStream<K, V> {
    fn clone(&self) -> Self {
        Self {
            graph: Rc::clone(&self.graph),
            node: self.node,
            keys: Arc::clone(&self.keys),
            values: Arc::clone(&self.values),
            name: self.name.clone(),
            repartition_required: self.repartition_required,
            sources: Rc::clone(&self.sources),
            repartition: Rc::clone(&self.repartition),
        }
    }
}

impl<K, V> fmt::Debug for KGroupedStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KGroupedStream({})", self.graph.borrow().name(self.node))
    }
}

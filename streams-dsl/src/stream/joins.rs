//! Joins of a stream with a table.

use std::rc::Rc;
use std::sync::Arc;

use streams_core::serde::DefaultSerde;
use streams_core::{NodeId, Result};

use crate::graph::{Graph, GraphId, Lower, LowerSite, ProcessorNode};
use crate::ops::join::{stream_table, StreamTableJoin};
use crate::options::{Joined, Repartitioned};
use crate::stream::{add_repartition, skip_repartition_names, KStream};
use crate::table::KTable;

impl<K: DefaultSerde, V: DefaultSerde> KStream<K, V> {
    /// Each record with the current row of its key; records without a row are dropped.
    ///
    /// Only the stream triggers: a row that changes later does not change what was joined before. Records are repartitioned
    /// first where their key changed.
    ///
    /// ```
    /// use streams_core::testing::TopologyTestDriver;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.table::<String, i64>("prices");
    /// let sales = builder.stream::<String, i64>("sales");
    /// sales.join_table(&prices, |units, price| units * price).to("revenue");
    ///
    /// let driver = TopologyTestDriver::new(builder.build()?)?;
    /// driver.input::<String, i64>("prices")?.pipe("pen", 3)?;
    /// driver.input::<String, i64>("sales")?.pipe_all([("pen", 2), ("ink", 1)])?;
    /// driver.output::<String, i64>("revenue")?.check("pen = 6 @ 0");
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "join")]
    #[track_caller]
    pub fn join_table<VT, R, F>(&self, table: &KTable<K, VT>, joiner: F) -> KStream<K, R>
    where
        VT: 'static,
        R: 'static,
        F: Fn(&V, &VT) -> R + Send + Sync + 'static,
    {
        self.join_table_with(table, self.joined(), joiner)
    }

    /// Each record with the current row of its key, if there is one.
    #[doc(alias = "leftJoin")]
    #[track_caller]
    pub fn left_join_table<VT, R, F>(&self, table: &KTable<K, VT>, joiner: F) -> KStream<K, R>
    where
        VT: 'static,
        R: 'static,
        F: Fn(&V, Option<&VT>) -> R + Send + Sync + 'static,
    {
        self.left_join_table_with(table, self.joined(), joiner)
    }

    fn joined(&self) -> Joined<K, V> {
        let keys = self.keys.clone().unwrap_or_else(K::default_serde);
        let values = self.values.clone().unwrap_or_else(V::default_serde);
        Joined::with(keys, values)
    }
}

impl<K: 'static, V: 'static> KStream<K, V> {
    /// As [`Self::join_table`], with options: serdes of the stream, name of the join and of its repartition topic.
    #[doc(alias = "join")]
    #[track_caller]
    pub fn join_table_with<VT, R, F>(&self, table: &KTable<K, VT>, joined: Joined<K, V>, joiner: F) -> KStream<K, R>
    where
        VT: 'static,
        R: 'static,
        F: Fn(&V, &VT) -> R + Send + Sync + 'static,
    {
        self.joined_with(table, joined, "KSTREAM-JOIN-", false, move |value: &V, row: Option<&VT>| {
            row.map(|row| joiner(value, row))
        })
    }

    /// As [`Self::left_join_table`], with options: serdes of the stream, name of the join and of its repartition topic.
    #[doc(alias = "leftJoin")]
    #[track_caller]
    pub fn left_join_table_with<VT, R, F>(
        &self,
        table: &KTable<K, VT>,
        joined: Joined<K, V>,
        joiner: F,
    ) -> KStream<K, R>
    where
        VT: 'static,
        R: 'static,
        F: Fn(&V, Option<&VT>) -> R + Send + Sync + 'static,
    {
        self.joined_with(table, joined, "KSTREAM-LEFTJOIN-", true, move |value: &V, row: Option<&VT>| {
            Some(joiner(value, row))
        })
    }

    /// The repartition in front of a join. A join that is named has its own; others share the one before, named or not, as
    /// in Kafka Streams.
    #[track_caller]
    fn repartition_for_join(&self, graph: &mut Graph, name: Option<&str>, options: Repartitioned<K, V>) -> GraphId {
        if let Some(shared) = self.repartition.get().filter(|_| name.is_none()) {
            skip_repartition_names(graph);
            return shared;
        }
        let name = name.map_or_else(|| graph.name(self.node).to_string(), str::to_owned);
        let node = add_repartition(graph, self.node, &name, options);
        self.repartition.set(Some(node));
        node
    }

    #[track_caller]
    fn joined_with<VT, R, F>(
        &self,
        table: &KTable<K, VT>,
        joined: Joined<K, V>,
        prefix: &str,
        is_left: bool,
        joiner: F,
    ) -> KStream<K, R>
    where
        VT: 'static,
        R: 'static,
        F: Fn(&V, Option<&VT>) -> Option<R> + Send + Sync + 'static,
    {
        let Joined { keys, values, name } = joined;
        let mut graph = self.graph.borrow_mut();
        let (parent, sources): (GraphId, Rc<[GraphId]>) = if self.repartition_required {
            let options = Repartitioned::with(Arc::clone(&keys), Arc::clone(&values));
            let node = self.repartition_for_join(&mut graph, name.as_deref(), options);
            (node, [node].into())
        } else {
            (self.node, Rc::clone(&self.sources))
        };
        if is_left {
            graph.keep_null_keys(parent);
        }
        let getter = table.getter();
        let stores = getter.stores();
        let join =
            StreamTableJoin { keys: Arc::clone(&keys), values, table: getter, is_left, joiner: Arc::new(joiner) };
        let processor = ProcessorNode::stream_to_stream::<K, V, K, R>(stream_table(join)).connected_to(stores);
        let sources: Rc<[GraphId]> = sources.iter().chain(table.sources()).copied().collect();
        let generated = graph.names().operator(prefix);
        let lower = Copartitioned { sources: Rc::clone(&sources), node: processor };
        let node = graph.add(name.unwrap_or(generated), &[parent], lower);
        drop(graph);
        KStream::new(Rc::clone(&self.graph), node, sources).with_serdes(Some(keys), None)
    }
}

/// A processor whose inputs must be partitioned alike.
struct Copartitioned {
    sources: Rc<[GraphId]>,
    node: ProcessorNode,
}

impl Lower for Copartitioned {
    fn lower(&self, mut site: LowerSite<'_>) -> Result<NodeId> {
        site.copartition(&self.sources);
        self.node.lower(site)
    }
}

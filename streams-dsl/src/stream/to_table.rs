//! `to_table`: a stream whose records are taken as updates of a table.

use std::rc::Rc;
use std::sync::Arc;

use streams_core::serde::{DefaultSerde, OptionSerde};

use crate::graph::GraphId;
use crate::options::{Materialized, Repartitioned};
use crate::stream::{add_renamable_repartition, KStream};
use crate::table::{KTable, Rows};

impl<K: DefaultSerde, V: DefaultSerde> KStream<K, Option<V>> {
    /// The table of which each record is the new value of its key; `None` deletes it. Records with a null key are
    /// dropped and counted.
    ///
    /// A stream whose values are never null gets there by `map_values(|value| Some(value.clone()))`, or by reading its
    /// topic as `stream::<K, Option<V>>`.
    ///
    /// ```
    /// use streams_core::testing::TopologyTestDriver;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, Option<i64>>("prices").filter(|_, price| *price != Some(0)).to_table().to_stream().to("out");
    /// let driver = TopologyTestDriver::new(builder.build()?)?;
    /// driver.input::<String, Option<i64>>("prices")?.pipe_all([("pen", Some(3)), ("ink", Some(0)), ("pen", None)])?;
    /// driver.output::<String, Option<i64>>("out")?.check("pen = 3 @ 0\npen = null @ 0");
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "toTable")]
    #[track_caller]
    pub fn to_table(&self) -> KTable<K, V> {
        let keys = self.keys.clone().unwrap_or_else(K::default_serde);
        self.to_table_with(Materialized::with(keys, V::default_serde()))
    }
}

impl<K: 'static, V: 'static> KStream<K, Option<V>> {
    /// The same with options. Where the key changed, the repartition topic in front has the name that the table is given
    /// with [`KTable::named`]. A store is kept when `materialized` names it, or when something looks rows up.
    #[doc(alias = "toTable")]
    #[track_caller]
    pub fn to_table_with(&self, materialized: Materialized<K, V>) -> KTable<K, V> {
        let mut graph = self.graph.borrow_mut();
        let name = graph.names().operator("KSTREAM-TOTABLE-");
        let store_name = match materialized.given_name() {
            Some(name) => name.to_owned(),
            None => graph.names().store("KSTREAM-TOTABLE-"),
        };
        let rows = Rows::new(&store_name, &materialized);
        let (node, sources): (GraphId, Rc<[GraphId]>) = if self.repartition_required {
            let values = Arc::new(OptionSerde::new(Arc::clone(materialized.values())));
            let options = Repartitioned::with(Arc::clone(materialized.keys()), values);
            let (repartition, rename) = add_renamable_repartition(&mut graph, self.node, &name, options);
            let node = graph.add(name, &[repartition], rows.clone());
            graph.name_after(node, rename);
            (node, [repartition].into())
        } else {
            (graph.add(name, &[self.node], rows.clone()), Rc::clone(&self.sources))
        };
        drop(graph);
        rows.table(&self.graph, node, sources, &materialized)
    }
}

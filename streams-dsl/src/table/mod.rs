//! `KTable<K, V>`: a handle on a table, the latest value of each key.

mod joins;
mod source;
mod stateless;
mod view;

use std::fmt;
use std::rc::Rc;

use streams_core::serde::SerdeRef;

use crate::graph::{GraphId, GraphRef, Lower, ProcessorNode};
use crate::ops::table::{to_stream, GetterFactory};
use crate::stream::KStream;

pub(crate) use source::{table_source, Rows};
pub(crate) use view::{Asked, StoredView, TableView};

/// A table: the latest value of each key. A cheap handle: use it as often as you like.
///
/// ```
/// use streams_core::testing::TopologyTestDriver;
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let stock = builder.table::<String, i64>("stock");
/// let names = builder.table::<String, String>("names");
/// let scarce = stock.filter(|_, units| *units < 5);
/// let named = scarce.left_join(&names, |units, name| format!("{units} of {}", name.map_or("unnamed", |name| name)));
/// named.to_stream().to("scarce");
///
/// let driver = TopologyTestDriver::new(builder.build()?)?;
/// let (stock, names) = (driver.input::<String, i64>("stock")?, driver.input::<String, String>("names")?);
/// stock.pipe_at(Timestamp(1), "sku1", 3)?;
/// names.pipe_at(Timestamp(2), "sku1", "pen".to_owned())?;
/// stock.pipe_at(Timestamp(3), "sku1", 30)?;
/// driver.output::<String, Option<String>>("scarce")?.check(
///     "sku1 = 3 of unnamed @ 1
///      sku1 = 3 of pen @ 2
///      sku1 = null @ 3",
/// );
/// # Ok::<(), Error>(())
/// ```
pub struct KTable<K, V> {
    graph: GraphRef,
    node: GraphId,
    keys: Option<SerdeRef<K>>,
    values: Option<SerdeRef<V>>,
    /// How its rows are looked up, and what its changes carry.
    view: Rc<dyn TableView<K, V>>,
    store_name: Option<Rc<str>>,
    sources: Rc<[GraphId]>,
}

impl<K: 'static, V: 'static> KTable<K, V> {
    pub(crate) fn new(graph: GraphRef, node: GraphId, view: Rc<dyn TableView<K, V>>, sources: Rc<[GraphId]>) -> Self {
        Self { graph, node, keys: None, values: None, view, store_name: None, sources }
    }

    pub(crate) fn with_serdes(self, keys: Option<SerdeRef<K>>, values: Option<SerdeRef<V>>) -> Self {
        Self { keys, values, ..self }
    }

    pub(crate) fn stored_in(self, store: &str) -> Self {
        Self { store_name: Some(store.into()), ..self }
    }

    /// Names the operator that made this table. Names of other operators, and of stores, do not move.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.graph.borrow_mut().rename(self.node, name);
        self
    }

    /// The name of the store that queries can read; `None` when the table keeps none of its own.
    #[doc(alias = "queryableStoreName")]
    pub fn queryable_store_name(&self) -> Option<&str> {
        self.store_name.as_deref()
    }

    /// The table's changes as a stream; deletions are `None`.
    #[doc(alias = "toStream")]
    #[track_caller]
    pub fn to_stream(&self) -> KStream<K, Option<V>> {
        let lower = ProcessorNode::table_to_stream::<K, V>(to_stream::<K, V>());
        let node = self.add("KTABLE-TOSTREAM-", lower);
        let values = self.values.clone().map(nullable);
        KStream::new(Rc::clone(&self.graph), node, Rc::clone(&self.sources)).with_serdes(self.keys.clone(), values)
    }

    /// How nodes look this table's rows up; the table keeps them from now on.
    pub(crate) fn getter(&self) -> std::sync::Arc<dyn GetterFactory<K, V>> {
        self.view.getter()
    }

    pub(crate) fn sources(&self) -> impl Iterator<Item = &GraphId> {
        self.sources.iter()
    }

    #[track_caller]
    fn add(&self, prefix: &str, lower: impl Lower + 'static) -> GraphId {
        let mut graph = self.graph.borrow_mut();
        let name = graph.names().operator(prefix);
        graph.add(name, &[self.node], lower)
    }
}

fn nullable<V: 'static>(values: SerdeRef<V>) -> SerdeRef<Option<V>> {
    std::sync::Arc::new(streams_core::serde::OptionSerde::new(values))
}

impl<K, V> Clone for KTable<K, V> {
    fn clone(&self) -> Self {
        Self {
            graph: Rc::clone(&self.graph),
            node: self.node,
            keys: self.keys.clone(),
            values: self.values.clone(),
            view: Rc::clone(&self.view),
            store_name: self.store_name.clone(),
            sources: Rc::clone(&self.sources),
        }
    }
}

impl<K, V> fmt::Debug for KTable<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KTable({})", self.graph.borrow().name(self.node))
    }
}

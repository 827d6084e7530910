//! `StreamsBuilder`: where a program's streams and tables begin, and where it becomes a topology.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::serde::DefaultSerde;
use streams_core::state::{StateStore, StoreBuilder};
use streams_core::topology::{SourceOptions, Topology, TopologyBuilder, TypeSignature};
use streams_core::{NodeId, Result};

use crate::graph::{compile, Graph, GraphRef, Lower, LowerSite, ReadTopics};
use crate::options::{Consumed, Materialized};
use crate::stream::{KStream, StoreRef};
use crate::table::{table_source, KTable};

/// Builds a topology out of streams and tables.
///
/// ```
/// use streams_core::testing::TopologyTestDriver;
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// builder.stream::<String, String>("orders").filter(|_, order| !order.is_empty()).to("valid-orders");
/// let driver = TopologyTestDriver::new(builder.build()?)?;
///
/// let orders = driver.input::<String, String>("orders")?;
/// orders.pipe("o1", "2 pens".to_owned())?;
/// orders.pipe("o2", String::new())?;
/// driver.output::<String, String>("valid-orders")?.check("o1 = 2 pens @ 0");
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct StreamsBuilder {
    graph: GraphRef,
}

impl StreamsBuilder {
    /// An empty program.
    pub fn new() -> Self {
        Self { graph: Rc::new(RefCell::new(Graph::default())) }
    }

    /// The stream of a topic's records, decoded by the types' default serdes. Use the handle as often as you like; another
    /// `stream` of the same topic and types gives the same source.
    #[track_caller]
    pub fn stream<K: DefaultSerde, V: DefaultSerde>(&self, topic: &str) -> KStream<K, V> {
        self.stream_with(topic, Consumed::default())
    }

    /// The same with options: other serdes, a timestamp extractor, an offset reset policy.
    #[track_caller]
    pub fn stream_with<K: 'static, V: 'static>(&self, topic: &str, consumed: Consumed<K, V>) -> KStream<K, V> {
        self.stream_of(&[topic], consumed)
    }

    /// The stream of several topics' records; there is no order between topics beyond that of timestamps.
    #[track_caller]
    pub fn stream_of<K: 'static, V: 'static>(&self, topics: &[&str], consumed: Consumed<K, V>) -> KStream<K, V> {
        let keys = Arc::clone(&consumed.source.keys);
        let values = Arc::clone(&consumed.source.values);
        let mut graph = self.graph.borrow_mut();
        let generated = graph.names().operator("KSTREAM-SOURCE-");
        let name = consumed.name.unwrap_or(generated);
        let read = ReadTopics::new(topics, TypeSignature::of::<KStream<K, V>>(), &consumed.source);
        let node = match graph.source_of(&read) {
            Some(shared) => shared,
            None => {
                let topics = topics.iter().map(|topic| (*topic).to_owned()).collect();
                let node = graph.add(name, &[], StreamSource { topics, options: consumed.source });
                graph.add_source(read, node);
                node
            }
        };
        drop(graph);
        KStream::from_source(Rc::clone(&self.graph), node).with_serdes(Some(keys), Some(values))
    }

    /// The table of a topic: each record is the new value of its key, null deletes it.
    #[track_caller]
    pub fn table<K: DefaultSerde, V: DefaultSerde>(&self, topic: &str) -> KTable<K, V> {
        self.table_with(topic, Consumed::default(), Materialized::default())
    }

    /// The same with options. A store is kept when `materialized` names it, or when something looks rows up.
    #[track_caller]
    pub fn table_with<K: 'static, V: 'static>(
        &self,
        topic: &str,
        consumed: Consumed<K, V>,
        materialized: Materialized<K, V>,
    ) -> KTable<K, V> {
        table_source(&self.graph, topic, consumed, &materialized)
    }

    /// Adds a store for processors; name it in [`KStream::process_with`].
    #[doc(alias = "addStateStore")]
    #[track_caller]
    pub fn add_store<S: StateStore>(&self, store: StoreBuilder<S>) -> StoreRef<S> {
        let spec = Arc::new(store.build());
        let name = spec.name().into();
        self.graph.borrow_mut().add_store(spec);
        StoreRef::new(name)
    }

    /// Checks the program and closes it.
    ///
    /// # Errors
    /// [`streams_core::ErrorKind::InvalidTopology`], naming the operator and the remedy.
    pub fn build(&self) -> Result<Topology> {
        compile(&self.graph.borrow(), TopologyBuilder::new())
    }
}

struct StreamSource<K, V> {
    topics: Vec<String>,
    options: SourceOptions<K, V>,
}

impl<K: 'static, V: 'static> Lower for StreamSource<K, V> {
    fn lower(&self, site: LowerSite<'_>) -> Result<NodeId> {
        let topics: Vec<&str> = self.topics.iter().map(String::as_str).collect();
        site.topology.add_source(site.name, &topics, self.options.clone())
    }
}

//! `KStream<K, V>`: a handle on a stream of records, each of them an event.

mod output;
mod process;
mod repartition;
mod split;
mod stateless;

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::processor::StreamEdge;
use streams_core::serde::SerdeRef;
use streams_core::topology::{NodeFactory, TypeSignature};
use streams_core::{NodeId, Result};

use crate::graph::{Flags, GraphId, GraphRef, Lower, LowerSite};

pub use process::{StoreRef, StoreSet};
pub(crate) use repartition::add_repartition;
pub use split::Split;

/// A stream of records, each an event of its own. A cheap handle: use it as often as you like.
pub struct KStream<K, V> {
    graph: GraphRef,
    node: GraphId,
    /// The serdes that came with the records, where they are still those of the source.
    keys: Option<SerdeRef<K>>,
    values: Option<SerdeRef<V>>,
    /// The key changed since the records were last partitioned by it.
    repartition_required: bool,
}

impl<K: 'static, V: 'static> KStream<K, V> {
    pub(crate) fn new(graph: GraphRef, node: GraphId) -> Self {
        Self { graph, node, keys: None, values: None, repartition_required: false }
    }

    pub(crate) fn with_serdes(self, keys: Option<SerdeRef<K>>, values: Option<SerdeRef<V>>) -> Self {
        Self { keys, values, ..self }
    }

    pub(crate) fn requiring_repartition(self, repartition_required: bool) -> Self {
        Self { repartition_required, ..self }
    }

    /// Names the operator that made this stream. Names of other operators do not move.
    ///
    /// Legal names have letters, digits, `.`, `_` and `-`; `build` reports others.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.graph.borrow_mut().rename(self.node, name);
        self
    }

    /// Adds an operator with this stream as its only input.
    fn operator<K2: 'static, V2: 'static>(
        &self,
        prefix: &str,
        flags: Flags,
        factory: Arc<dyn NodeFactory>,
    ) -> KStream<K2, V2> {
        let node = ProcessorNode::stream_to_stream::<K, V, K2, V2>(factory);
        KStream::new(Rc::clone(&self.graph), self.add(prefix, flags, node))
            .requiring_repartition(self.repartition_required || flags.key_changing)
    }

    fn add(&self, prefix: &str, flags: Flags, lower: impl Lower + 'static) -> GraphId {
        let mut graph = self.graph.borrow_mut();
        let name = graph.names().operator(prefix);
        graph.add(name, &[self.node], flags, lower)
    }
}

impl<K, V> Clone for KStream<K, V> {
    fn clone(&self) -> Self {
        Self {
            graph: Rc::clone(&self.graph),
            node: self.node,
            keys: self.keys.clone(),
            values: self.values.clone(),
            repartition_required: self.repartition_required,
        }
    }
}

impl<K, V> fmt::Debug for KStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KStream({})", self.graph.borrow().name(self.node))
    }
}

/// The lowering of an operator that becomes one processor.
pub(crate) struct ProcessorNode {
    input: TypeSignature,
    output: Option<TypeSignature>,
    factory: Arc<dyn NodeFactory>,
    stores: Vec<Arc<str>>,
}

impl ProcessorNode {
    /// A processor between edges of these types.
    pub(crate) fn new(input: TypeSignature, output: Option<TypeSignature>, factory: Arc<dyn NodeFactory>) -> Self {
        Self { input, output, factory, stores: Vec::new() }
    }

    /// A processor from a stream to a stream.
    pub(crate) fn stream_to_stream<K: 'static, V: 'static, K2: 'static, V2: 'static>(
        factory: Arc<dyn NodeFactory>,
    ) -> Self {
        let output = Some(TypeSignature::of::<StreamEdge<K2, V2>>());
        Self::new(TypeSignature::of::<StreamEdge<K, V>>(), output, factory)
    }

    /// Connects it to stores that are added by others.
    pub(crate) fn with_stores(self, stores: Vec<Arc<str>>) -> Self {
        Self { stores, ..self }
    }
}

impl Lower for ProcessorNode {
    fn lower(&self, site: LowerSite<'_>) -> Result<NodeId> {
        let factory = Arc::clone(&self.factory);
        let node = site.topology.add_processor(site.name, site.parents, self.input, self.output, factory)?;
        for store in &self.stores {
            site.topology.connect(node, store)?;
        }
        Ok(node)
    }
}

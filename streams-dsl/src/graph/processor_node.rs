//! The lowering of an operator that becomes one processor.

use std::sync::Arc;

use streams_core::processor::{StreamEdge, TableEdge};
use streams_core::state::StoreSpec;
use streams_core::topology::{NodeFactory, TypeSignature};
use streams_core::{NodeId, Result};

use crate::graph::{Lower, LowerSite};

/// An operator that becomes one processor, with a store of its own or with those of others.
pub(crate) struct ProcessorNode {
    input: TypeSignature,
    output: Option<TypeSignature>,
    factory: Arc<dyn NodeFactory>,
    own_store: Option<Arc<StoreSpec>>,
    connected: Vec<Arc<str>>,
}

impl ProcessorNode {
    /// A processor between edges of these types.
    pub(crate) fn new(input: TypeSignature, output: Option<TypeSignature>, factory: Arc<dyn NodeFactory>) -> Self {
        Self { input, output, factory, own_store: None, connected: Vec::new() }
    }

    /// A processor from a stream to a stream.
    pub(crate) fn stream_to_stream<K: 'static, V: 'static, K2: 'static, V2: 'static>(
        factory: Arc<dyn NodeFactory>,
    ) -> Self {
        let output = Some(TypeSignature::of::<StreamEdge<K2, V2>>());
        Self::new(TypeSignature::of::<StreamEdge<K, V>>(), output, factory)
    }

    /// A processor from a table to a table.
    pub(crate) fn table_to_table<K: 'static, V: 'static, K2: 'static, V2: 'static>(
        factory: Arc<dyn NodeFactory>,
    ) -> Self {
        let output = Some(TypeSignature::of::<TableEdge<K2, V2>>());
        Self::new(TypeSignature::of::<TableEdge<K, V>>(), output, factory)
    }

    /// A processor from a table to the stream of its changes.
    pub(crate) fn table_to_stream<K: 'static, V: 'static>(factory: Arc<dyn NodeFactory>) -> Self {
        let output = Some(TypeSignature::of::<StreamEdge<K, Option<V>>>());
        Self::new(TypeSignature::of::<TableEdge<K, V>>(), output, factory)
    }

    /// A processor from a stream to a table.
    pub(crate) fn stream_to_table<K: 'static, V: 'static, K2: 'static, V2: 'static>(
        factory: Arc<dyn NodeFactory>,
    ) -> Self {
        let output = Some(TypeSignature::of::<TableEdge<K2, V2>>());
        Self::new(TypeSignature::of::<StreamEdge<K, V>>(), output, factory)
    }

    /// Adds a store of its own.
    pub(crate) fn with_own_store(self, store: Arc<StoreSpec>) -> Self {
        Self { own_store: Some(store), ..self }
    }

    /// Connects it to stores that others add.
    pub(crate) fn connected_to(self, stores: Vec<Arc<str>>) -> Self {
        Self { connected: stores, ..self }
    }
}

impl Lower for ProcessorNode {
    fn lower(&self, site: LowerSite<'_>) -> Result<NodeId> {
        let factory = Arc::clone(&self.factory);
        let node = site.topology.add_processor(site.name, site.parents, self.input, self.output, factory)?;
        if let Some(store) = &self.own_store {
            site.topology.add_store(Arc::clone(store))?;
            site.topology.connect(node, store.name())?;
        }
        for store in &self.connected {
            site.topology.connect(node, store)?;
        }
        Ok(node)
    }
}

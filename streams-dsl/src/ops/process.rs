//! The node that hosts a user's [`Processor`].

use std::sync::Arc;

use streams_core::processor::{
    Context, LiveNode, Output, Processor, Punctuation, Shared, Sink, StreamEdge, TaskContext,
};
use streams_core::topology::{NodeFactory, Wiring};
use streams_core::{NodeId, Record, Result};

use crate::ops::wire_with;

struct Host<K, V, P: Processor<K, V>> {
    node: NodeId,
    processor: P,
    output: Output<StreamEdge<P::KOut, P::VOut>>,
}

impl<K, V, P: Processor<K, V>> Sink<K, V> for Host<K, V, P> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        self.processor.process(record, &mut Context::new(&mut self.output, task, self.node))
    }
}

impl<K, V, P: Processor<K, V>> LiveNode for Host<K, V, P> {
    fn init(&mut self, task: &mut TaskContext) -> Result<()> {
        self.processor.init(&mut Context::new(&mut self.output, task, self.node))
    }

    fn punctuate(&mut self, tick: Punctuation, task: &mut TaskContext) -> Result<()> {
        self.processor.punctuate(tick, &mut Context::new(&mut self.output, task, self.node))
    }

    fn close(&mut self) -> Result<()> {
        self.processor.close()
    }
}

/// A factory of nodes that each host a processor of their own, made by `supplier` with the stores it asks for.
pub(crate) fn process<K, V, P, S>(supplier: S) -> Arc<dyn NodeFactory>
where
    K: 'static,
    V: 'static,
    P: Processor<K, V>,
    S: Fn(NodeId, &Wiring<'_>) -> Result<P> + Send + Sync + 'static,
{
    wire_with(move |node, wiring| {
        let output = wiring.output::<P::KOut, P::VOut>(node)?;
        let processor = supplier(node, wiring)?;
        let host = Shared::new(Host { node, processor, output });
        wiring.live(node, host.handle());
        wiring.input::<K, V>(node, host);
        Ok(())
    })
}

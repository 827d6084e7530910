//! Small processors for the tests of tasks and of the driver.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::Result;
use crate::ids::NodeId;
use crate::processor::{Context, LiveNode, Output, Processor, Punctuation, Shared, Sink, StreamEdge, TaskContext};
use crate::record::Record;
use crate::topology::{NodeFactory, TopologyBuilder, TypeSignature, Wiring};

struct Hosted<P: Processor<K, V>, K, V> {
    node: NodeId,
    processor: P,
    output: Output<StreamEdge<P::KOut, P::VOut>>,
    input: PhantomData<fn(K, V)>,
}

impl<P: Processor<K, V>, K, V> Sink<K, V> for Hosted<P, K, V> {
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        self.processor.process(record, &mut Context::new(&mut self.output, task, self.node))
    }
}

impl<P: Processor<K, V>, K, V> LiveNode for Hosted<P, K, V> {
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

struct HostFactory<F, K, V> {
    make: F,
    input: PhantomData<fn(K, V)>,
}

impl<F, P, K, V> NodeFactory for HostFactory<F, K, V>
where
    F: Fn(NodeId, &Wiring<'_>) -> Result<P> + Send + Sync,
    P: Processor<K, V>,
    K: 'static,
    V: 'static,
{
    fn wire(&self, node: NodeId, wiring: &mut Wiring<'_>) -> Result<()> {
        let output = wiring.output(node)?;
        let processor = (self.make)(node, wiring)?;
        let shared = Shared::new(Hosted { node, processor, output, input: PhantomData });
        wiring.live(node, shared.handle());
        wiring.input(node, shared);
        Ok(())
    }
}

/// Adds a processor whose instances `make` makes.
pub(crate) fn add_processor_with<K: 'static, V: 'static, P: Processor<K, V>>(
    builder: &mut TopologyBuilder,
    name: &str,
    parents: &[NodeId],
    make: impl Fn(NodeId, &Wiring<'_>) -> Result<P> + Send + Sync + 'static,
) -> Result<NodeId> {
    let input = TypeSignature::of::<StreamEdge<K, V>>();
    let output = TypeSignature::of::<StreamEdge<P::KOut, P::VOut>>();
    builder.add_processor(name, parents, input, Some(output), Arc::new(HostFactory { make, input: PhantomData }))
}

struct Each<F, K, V>(F, PhantomData<fn(K, V)>);

impl<F, K: 'static, V: 'static> Processor<K, V> for Each<F, K, V>
where
    F: FnMut(Record<'_, K, V>, &mut Context<'_, K, V>) -> Result<()> + 'static,
{
    type KOut = K;
    type VOut = V;

    fn process(&mut self, record: Record<'_, K, V>, cx: &mut Context<'_, K, V>) -> Result<()> {
        (self.0)(record, cx)
    }
}

/// Forwards what it gets.
pub(crate) struct Keep<K, V>(PhantomData<fn(K, V)>);

impl<K, V> Default for Keep<K, V> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<K: 'static, V: 'static> Processor<K, V> for Keep<K, V> {
    type KOut = K;
    type VOut = V;

    fn process(&mut self, record: Record<'_, K, V>, cx: &mut Context<'_, K, V>) -> Result<()> {
        cx.forward(record)
    }
}

/// Adds a processor that runs a closure on each record.
pub(crate) fn add_processor<K: 'static, V: 'static>(
    builder: &mut TopologyBuilder,
    name: &str,
    parents: &[NodeId],
    each: impl Fn(Record<'_, K, V>, &mut Context<'_, K, V>) -> Result<()> + Clone + Send + Sync + 'static,
) -> Result<NodeId> {
    add_processor_with(builder, name, parents, move |_, _| Ok(Each(each.clone(), PhantomData)))
}

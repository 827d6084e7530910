//! From plan to live graph: every node is made once per task, children first, and edges are downcast here and never
//! again.
//!
//! A node's factory asks for its outputs (each child's input, already made) and gives its own input. The input is kept
//! type-erased until its parents ask for it by type; validation has compared the signatures, so a wrong downcast is a
//! bug and not a user's error.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::NodeId;
use crate::processor::{
    LiveNode, Output, RecordCollector, Shared, Sink, SinkTopic, SourceNode, StreamEdge, TableEdge, TableSink,
};
use crate::state::{AnyStore, StateStore};
use crate::topology::{NodeKind, Subtopology, Topology};

/// A source of a live graph and the topics it reads.
pub struct LiveSource {
    /// Full topic names.
    pub topics: Vec<Arc<str>>,
    /// The plan's node.
    pub node: NodeId,
    /// Where raw records go in.
    pub source: Box<dyn SourceNode>,
}

/// The live graph of one task.
pub struct LiveGraph {
    /// The entries.
    pub sources: Vec<LiveSource>,
    /// Nodes with a life of their own, sorted by id, hence parents before children. A schedule names its node by id.
    pub live: Vec<(NodeId, Rc<RefCell<dyn LiveNode>>)>,
}

impl fmt::Debug for LiveGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveGraph")
            .field("sources", &self.sources.len())
            .field("live", &self.live.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LiveSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveSource").field("topics", &self.topics).field("node", &self.node).finish_non_exhaustive()
    }
}

/// An input that is made and waits for its parents.
struct Input {
    /// `Box<dyn Sink<K, V>>` or `Box<dyn TableSink<K, V>>` for one parent, `Shared<..>` of it for several.
    edge: Box<dyn Any>,
    shared: bool,
}

/// The state of wiring one task; what a [`crate::topology::NodeFactory`] works with.
pub struct Wiring<'a> {
    topology: &'a Topology,
    /// Prefix of internal topics: `<application.id>-`.
    prefix: &'a str,
    inputs: Vec<Option<Input>>,
    stores: &'a [AnyStore],
    collector: &'a mut dyn RecordCollector,
    sources: Vec<LiveSource>,
    live: Vec<(NodeId, Rc<RefCell<dyn LiveNode>>)>,
}

impl<'a> Wiring<'a> {
    /// Wires the nodes of a sub-topology over its open stores.
    ///
    /// # Errors
    /// When a node's factory fails.
    pub fn wire(
        topology: &'a Topology,
        subtopology: &Subtopology,
        application_id: &'a str,
        stores: &'a [AnyStore],
        collector: &'a mut dyn RecordCollector,
    ) -> Result<LiveGraph> {
        let mut wiring = Self {
            topology,
            prefix: application_id,
            inputs: topology.nodes().iter().map(|_| None).collect(),
            stores,
            collector,
            sources: Vec::new(),
            live: Vec::new(),
        };
        // Parents are added before their children, so the reverse order is children first.
        for node in subtopology.nodes.iter().rev() {
            let spec = &topology.nodes()[node.index()];
            spec.factory.wire(*node, &mut wiring)?;
        }
        wiring.sources.reverse();
        // Children were wired first, but flushing and starting go from parents to children.
        wiring.live.sort_by_key(|(node, _)| *node);
        Ok(LiveGraph { sources: wiring.sources, live: wiring.live })
    }

    /// The node's output to stream edges.
    ///
    /// # Errors
    /// When a child takes another type, which validation excludes.
    pub fn output<K: 'static, V: 'static>(&mut self, node: NodeId) -> Result<Output<StreamEdge<K, V>>> {
        let mut children = Vec::new();
        for child in self.topology.children(node) {
            children.push((*child, self.take_input::<StreamEdge<K, V>, _>(*child, |shared| Box::new(shared))?));
        }
        Ok(Output::new(children))
    }

    /// The node's output to table edges.
    ///
    /// # Errors
    /// When a child takes another type, which validation excludes.
    pub fn table_output<K: 'static, V: 'static>(&mut self, node: NodeId) -> Result<Output<TableEdge<K, V>>> {
        let mut children = Vec::new();
        for child in self.topology.children(node) {
            children.push((*child, self.take_input::<TableEdge<K, V>, _>(*child, |shared| Box::new(shared))?));
        }
        Ok(Output::new(children))
    }

    fn take_input<E, F>(&mut self, child: NodeId, share: F) -> Result<Box<E>>
    where
        E: ?Sized + 'static,
        F: Fn(Shared<Box<E>>) -> Box<E>,
    {
        let slot = &mut self.inputs[child.index()];
        let shared = slot.as_ref().is_some_and(|input| input.shared);
        let edge = if shared {
            let input = slot.as_ref().map(|input| input.edge.downcast_ref::<Shared<Box<E>>>().cloned());
            input.flatten().map(share)
        } else {
            slot.take().and_then(|input| input.edge.downcast::<Box<E>>().ok()).map(|edge| *edge)
        };
        edge.ok_or_else(|| self.wrong_edge::<E>(child))
    }

    #[cold]
    fn wrong_edge<E: ?Sized>(&self, child: NodeId) -> Error {
        let name = &self.topology.nodes()[child.index()].name;
        let wanted = std::any::type_name::<E>();
        Error::new(ErrorKind::Internal, format!("node {name} is wired to a parent that emits {wanted}; this is a bug"))
    }

    /// Gives the input of a node that takes stream records.
    pub fn input<K: 'static, V: 'static>(&mut self, node: NodeId, sink: impl Sink<K, V> + 'static) {
        let edge: Box<StreamEdge<K, V>> = Box::new(sink);
        let shared = self.has_several_parents(node);
        let edge: Box<dyn Any> = if shared { Box::new(Shared::new(edge)) } else { Box::new(edge) };
        self.inputs[node.index()] = Some(Input { edge, shared });
    }

    /// Gives the input of a node that takes table changes.
    pub fn table_input<K: 'static, V: 'static>(&mut self, node: NodeId, sink: impl TableSink<K, V> + 'static) {
        let edge: Box<TableEdge<K, V>> = Box::new(sink);
        let shared = self.has_several_parents(node);
        let edge: Box<dyn Any> = if shared { Box::new(Shared::new(edge)) } else { Box::new(edge) };
        self.inputs[node.index()] = Some(Input { edge, shared });
    }

    fn has_several_parents(&self, node: NodeId) -> bool {
        self.topology.nodes()[node.index()].parents.len() > 1
    }

    /// Gives the entry of a source node.
    pub fn source(&mut self, node: NodeId, source: impl SourceNode + 'static) {
        let topics = match &self.topology.nodes()[node.index()].kind {
            NodeKind::Source { topics, .. } => topics.iter().map(|topic| self.full_name(topic)).collect(),
            NodeKind::Processor | NodeKind::Sink { .. } => Vec::new(),
        };
        self.sources.push(LiveSource { topics, node, source: Box::new(source) });
    }

    /// Registers a node that starts, ticks, flushes or closes. Its schedules name it by `node`.
    pub fn live(&mut self, node: NodeId, live: Rc<RefCell<dyn LiveNode>>) {
        self.live.push((node, live));
    }

    /// A typed handle of a store that the node is connected to.
    ///
    /// # Errors
    /// When the store is unknown, or is of another type; the message names both.
    pub fn store<S: StateStore>(&self, node: NodeId, store: &str) -> Result<S> {
        let spec = &self.topology.nodes()[node.index()];
        let connected = spec.stores.iter().any(|name| &**name == store);
        let open = self.stores.iter().find(|open| connected && open.name() == store).ok_or_else(|| {
            let name = &spec.name;
            let message = format!("processor {name} has no access to store {store}: connect it to the store first");
            Error::new(ErrorKind::InvalidTopology, message)
        })?;
        open.handle().map_err(|error| error.context(format!("wire node {}", spec.name)))
    }

    /// Resolves a topic that the plan names; an internal one gets the application's prefix.
    ///
    /// # Errors
    /// When the name is illegal.
    pub fn topic(&mut self, name: &str) -> Result<SinkTopic> {
        let full = self.full_name(name);
        self.collector.topic(&full)
    }

    /// The full name of a topic that the plan names.
    pub fn full_name(&self, topic: &str) -> Arc<str> {
        if self.topology.is_internal_topic(topic) {
            format!("{}-{topic}", self.prefix).into()
        } else {
            topic.into()
        }
    }
}

impl fmt::Debug for Wiring<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wiring").field("prefix", &self.prefix).field("live", &self.live.len()).finish_non_exhaustive()
    }
}

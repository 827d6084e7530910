//! The logical graph: what the handles of a program build, before it becomes a topology.
//!
//! A node of it is one operator of the DSL, with its name, its parents and a [`Lower`] that writes it into a
//! [`TopologyBuilder`]. Nodes are lowered in the order in which they were created, which is the order of Kafka Streams'
//! build priorities, because a handle's parents exist before it. Methods of handles are `#[track_caller]`, so that every
//! node knows the place in the user's program that asked for it.
//!
//! This module knows no handles: handles know it.

mod compile;
mod names;
mod processor_node;
mod sources;

use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::state::StoreSpec;
use streams_core::topology::TopologyBuilder;
use streams_core::{Error, NodeId, Result};

pub(crate) use compile::compile;
pub(crate) use names::Names;
pub(crate) use processor_node::ProcessorNode;
pub(crate) use sources::ReadTopics;

/// The prefix of generated names of processors.
pub(crate) const PROCESSOR: &str = "KSTREAM-PROCESSOR-";

/// The prefix of generated names of processors of values.
pub(crate) const PROCESS_VALUES: &str = "KSTREAM-PROCESSVALUES-";

/// A node of the logical graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GraphId(usize);

/// Writes one logical node into a topology.
pub(crate) trait Lower {
    /// Adds the nodes, stores and topics of this operator. Returns the topology node that children are fed by.
    fn lower(&self, site: LowerSite<'_>) -> Result<NodeId>;
}

/// Where a logical node is lowered: its name, its lowered parents and the builder.
pub(crate) struct LowerSite<'a> {
    /// The operator's name: generated, or as given with `named`.
    pub(crate) name: &'a str,
    /// The topology nodes that feed it.
    pub(crate) parents: &'a [NodeId],
    /// The name of the first operator that feeds it; empty where none does.
    pub(crate) parent_name: &'a str,
    /// Whether an operator below it takes records without a key, so that a repartition must not end them.
    pub(crate) keeps_null_keys: bool,
    /// The topology nodes of all operators before it, by [`GraphId`].
    lowered: &'a [NodeId],
    /// Where it is written to.
    pub(crate) topology: &'a mut TopologyBuilder,
}

impl LowerSite<'_> {
    /// Declares that what these operators read must be partitioned alike.
    pub(crate) fn copartition(&mut self, sources: &[GraphId]) {
        let sources: Vec<NodeId> = sources.iter().map(|source| self.lowered[source.0]).collect();
        self.topology.copartition(&sources);
    }
}

/// What is named after an operator that the user may name later.
pub(crate) type NamedAfter = Rc<dyn Fn(&mut Graph, &str)>;

struct GraphNode {
    name: Arc<str>,
    named_after: Option<NamedAfter>,
    parents: Vec<GraphId>,
    keeps_null_keys: bool,
    lower: Box<dyn Lower>,
    /// Where the program asked for it.
    place: &'static Location<'static>,
}

/// The logical graph of one program.
#[derive(Default)]
pub(crate) struct Graph {
    nodes: Vec<GraphNode>,
    stores: Vec<(Arc<StoreSpec>, &'static Location<'static>)>,
    names: Names,
    /// What the sources of streams read.
    sources: Vec<(ReadTopics, GraphId)>,
    /// What was already found to be wrong; `build` reports the first.
    refused: Option<Error>,
}

/// The graph as handles share it.
pub(crate) type GraphRef = Rc<RefCell<Graph>>;

impl Graph {
    /// The counter that names are numbered by.
    pub(crate) fn names(&mut self) -> &mut Names {
        &mut self.names
    }

    /// Notes a mistake of the program, to be reported when it is built.
    pub(crate) fn refuse(&mut self, error: Error) {
        self.refused.get_or_insert(error);
    }

    /// Adds an operator under a name that [`Names`] gave, asked for by the caller of whoever is marked to have one.
    #[track_caller]
    pub(crate) fn add(
        &mut self,
        name: impl Into<Arc<str>>,
        parents: &[GraphId],
        lower: impl Lower + 'static,
    ) -> GraphId {
        let (name, parents, lower) = (name.into(), parents.to_vec(), Box::new(lower));
        let place = Location::caller();
        self.nodes.push(GraphNode { name, named_after: None, parents, keeps_null_keys: false, lower, place });
        GraphId(self.nodes.len() - 1)
    }

    /// Says that what is below `node` takes records without a key: no repartition above ends them. As in Kafka Streams
    /// that holds for everything above, whoever else reads from there.
    pub(crate) fn keep_null_keys(&mut self, node: GraphId) {
        let mut above = vec![node];
        while let Some(next) = above.pop() {
            let node = &mut self.nodes[next.0];
            if !std::mem::replace(&mut node.keeps_null_keys, true) {
                above.extend(&node.parents);
            }
        }
    }

    /// Adds a store that processors name.
    #[track_caller]
    pub(crate) fn add_store(&mut self, store: Arc<StoreSpec>) {
        self.stores.push((store, Location::caller()));
    }

    /// Gives an operator the user's name. Its generated name was already counted, so no other name moves; but a processor
    /// that is named takes no number in Kafka Streams, so it gives its own back while no later one is taken.
    pub(crate) fn rename(&mut self, node: GraphId, name: &str) {
        let before = &self.nodes[node.0].name;
        if before.starts_with(PROCESSOR) || before.starts_with(PROCESS_VALUES) {
            self.names.release(before);
        }
        self.nodes[node.0].name = name.into();
        if let Some(rename) = self.nodes[node.0].named_after.clone() {
            rename(self, name);
        }
    }

    /// Says what else the user names when `node` is named.
    pub(crate) fn name_after(&mut self, node: GraphId, rename: NamedAfter) {
        self.nodes[node.0].named_after = Some(rename);
    }

    /// An operator's name.
    pub(crate) fn name(&self, node: GraphId) -> &Arc<str> {
        &self.nodes[node.0].name
    }
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.nodes.iter().map(|node| &node.name)).finish()
    }
}

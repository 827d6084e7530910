//! `Topology::describe()`: the plan as text, byte for byte as Kafka Streams prints it.
//!
//! ```text
//! Topologies:
//!    Sub-topology: 0
//!     Source: NAME (topics: [a, b])
//!       --> CHILD, CHILD
//!     Processor: NAME (stores: [s])
//!       --> none
//!       <-- PARENT
//!     Sink: NAME (topic: t)
//!       <-- PARENT
//!
//! ```
//!
//! Nodes are sorted by the size of what lies below them, then by name. Java computes sizes while it connects nodes in
//! the order of a hash map: connecting a node adds its size of that moment to its parent and, along every path, to all
//! ancestors. Shared children count several times, and lists of children and parents are search trees sorted by sizes
//! that change later. All of it shows in the text, so all of it is done again here. Internal topics stand without the
//! application's prefix.

mod java;

use std::cmp::Ordering;
use std::fmt;

use self::java::{set_of_copy, set_of_insertions, TreeSet};
use crate::ids::{NodeId, SubtopologyId};
use crate::topology::{NodeKind, NodeSpec, Subtopology, Topology};

/// A topology as text and as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopologyDescription {
    subtopologies: Vec<SubtopologyDescription>,
}

impl TopologyDescription {
    /// The sub-topologies in the order of their ids.
    pub fn subtopologies(&self) -> &[SubtopologyDescription] {
        &self.subtopologies
    }
}

/// A sub-topology as text and as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubtopologyDescription {
    /// The number that begins its tasks' ids.
    pub id: SubtopologyId,
    /// Its nodes in the order in which they are printed.
    pub nodes: Vec<NodeDescription>,
}

/// A node as text and as data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeDescription {
    /// Its name.
    pub name: String,
    /// What it is, with its topics in the order in which they are printed.
    pub kind: NodeKind,
    /// Its stores in the order in which they are printed.
    pub stores: Vec<String>,
    /// Its children in the order in which they are printed.
    pub successors: Vec<String>,
    /// Its parents in the order in which they are printed.
    pub predecessors: Vec<String>,
}

impl Topology {
    /// The plan as Kafka Streams describes it: compare its text with that of another build before an upgrade, because
    /// names and numbers of sub-topologies are part of what is stored.
    pub fn describe(&self) -> TopologyDescription {
        let subtopologies = self.subtopologies().iter().map(|part| describe(self.nodes(), part)).collect();
        TopologyDescription { subtopologies }
    }
}

/// A node while it is being connected.
struct Connected {
    size: i32,
    predecessors: TreeSet,
    successors: TreeSet,
}

fn describe(nodes: &[NodeSpec], part: &Subtopology) -> SubtopologyDescription {
    let names: Vec<&str> = part.nodes.iter().map(|node| &*nodes[node.index()].name).collect();
    let parents: Vec<Vec<usize>> =
        part.nodes.iter().map(|node| places(&part.nodes, &nodes[node.index()].parents)).collect();
    let mut connected: Vec<Connected> =
        names.iter().map(|_| Connected { size: 1, predecessors: TreeSet::new(), successors: TreeSet::new() }).collect();
    for node in set_of_insertions(&names) {
        for parent in &parents[node] {
            connect(&mut connected, &names, node, *parent);
        }
    }
    let mut order: Vec<usize> = (0..names.len()).collect();
    order.sort_by(|a, b| compare(&connected, &names, *a, *b));
    let describe_node = |place: usize| {
        let spec = &nodes[part.nodes[place].index()];
        let name_all = |places: Vec<usize>| places.into_iter().map(|place| names[place].to_owned()).collect();
        NodeDescription {
            name: spec.name.to_string(),
            kind: printed_kind(&spec.kind),
            stores: printed_stores(spec),
            successors: name_all(connected[place].successors.in_order()),
            predecessors: name_all(connected[place].predecessors.in_order()),
        }
    };
    SubtopologyDescription { id: part.id, nodes: order.into_iter().map(describe_node).collect() }
}

/// The places of nodes in a sub-topology.
fn places(part: &[NodeId], nodes: &[NodeId]) -> Vec<usize> {
    nodes.iter().filter_map(|node| part.iter().position(|other| other == node)).collect()
}

/// Larger sizes first, then names; a node is equal only to itself. Sizes wrap as Java's do.
fn compare(connected: &[Connected], names: &[&str], a: usize, b: usize) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    match connected[b].size.wrapping_sub(connected[a].size) {
        0 => names[a].cmp(names[b]),
        difference => difference.cmp(&0),
    }
}

/// Connects a node to a parent, and adds its size to everything above.
fn connect(connected: &mut [Connected], names: &[&str], node: usize, parent: usize) {
    let mut predecessors = std::mem::take(&mut connected[node].predecessors);
    predecessors.insert(parent, &|a, b| compare(connected, names, a, b));
    connected[node].predecessors = predecessors;
    let mut successors = std::mem::take(&mut connected[parent].successors);
    successors.insert(node, &|a, b| compare(connected, names, a, b));
    connected[parent].successors = successors;
    add_above(connected, parent, connected[node].size);
}

/// Adds to a node and, once for every path, to each of its ancestors. Parents have lower places than children, so one
/// walk downwards counts all paths, of which there can be exponentially many.
fn add_above(connected: &mut [Connected], from: usize, size: i32) {
    let mut paths = vec![0_i32; from + 1];
    paths[from] = 1;
    for place in (0..=from).rev() {
        let count = paths[place];
        connected[place].size = connected[place].size.wrapping_add(size.wrapping_mul(count));
        for parent in connected[place].predecessors.in_order() {
            paths[parent] = paths[parent].wrapping_add(count);
        }
    }
}

fn printed_kind(kind: &NodeKind) -> NodeKind {
    match kind {
        NodeKind::Source { topics, reset } => {
            let names: Vec<&str> = topics.iter().map(|topic| &**topic).collect();
            let topics = set_of_copy(&names, (0..names.len()).collect()).into_iter();
            NodeKind::Source { topics: topics.map(|place| names[place].into()).collect(), reset: *reset }
        }
        other => other.clone(),
    }
}

fn printed_stores(spec: &NodeSpec) -> Vec<String> {
    let names: Vec<&str> = spec.stores.iter().map(|store| &**store).collect();
    let inserted = set_of_insertions(&names);
    set_of_copy(&names, inserted).into_iter().map(|place| names[place].to_owned()).collect()
}

impl fmt::Display for TopologyDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Topologies:\n ")?;
        self.subtopologies.iter().try_for_each(|part| write!(f, "  {part}"))
    }
}

impl fmt::Display for SubtopologyDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Sub-topology: {}", self.id)?;
        self.nodes.iter().try_for_each(|node| writeln!(f, "    {node}"))?;
        f.write_str("\n")
    }
}

impl fmt::Display for NodeDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, successors, predecessors) = (&self.name, list(&self.successors), list(&self.predecessors));
        match &self.kind {
            NodeKind::Source { topics, .. } => {
                write!(f, "Source: {name} (topics: [{}])\n      --> {successors}", topics.join(", "))
            }
            NodeKind::Processor => {
                let stores = self.stores.join(", ");
                write!(f, "Processor: {name} (stores: [{stores}])\n      --> {successors}\n      <-- {predecessors}")
            }
            NodeKind::Sink { topic: Some(topic) } => {
                write!(f, "Sink: {name} (topic: {topic})\n      <-- {predecessors}")
            }
            NodeKind::Sink { topic: None } => {
                write!(f, "Sink: {name} (extractor class: chosen per record)\n      <-- {predecessors}")
            }
        }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.join(", ")
}

#[cfg(test)]
mod tests;

//! The connected parts of a plan. Nodes are connected when one feeds the other, or when they share a store.
//!
//! As in Kafka Streams, ids are given in the order in which the parts' first nodes were added. They fix task ids and
//! directory names, so this order is part of the stored format.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::ids::{NodeId, SubtopologyId};
use crate::topology::{InternalTopic, NodeKind, NodeSpec};

/// A connected part of a topology; each becomes one task per partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subtopology {
    /// Its number, which begins its tasks' ids.
    pub id: SubtopologyId,
    /// Its nodes in the order in which they were added.
    pub nodes: Vec<NodeId>,
    /// The topics it reads that exist on their own.
    pub source_topics: Vec<Arc<str>>,
    /// The internal topics it reads, without the prefix.
    pub repartition_source_topics: Vec<Arc<str>>,
    /// The internal topics it writes, without the prefix.
    pub repartition_sink_topics: Vec<Arc<str>>,
    /// The names of its stores.
    pub stores: Vec<Arc<str>>,
}

/// Splits a plan into its connected parts.
pub(crate) fn subtopologies(
    nodes: &[NodeSpec],
    internal_topics: &BTreeMap<Arc<str>, InternalTopic>,
) -> Vec<Subtopology> {
    let mut groups = Groups::new(nodes.len());
    let mut store_users: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        for parent in &node.parents {
            groups.join(index, parent.index());
        }
        for store in &node.stores {
            let first = *store_users.entry(store).or_insert(index);
            groups.join(index, first);
        }
    }
    let mut parts: Vec<Subtopology> = Vec::new();
    let mut part_of_root: BTreeMap<usize, usize> = BTreeMap::new();
    for (index, node) in nodes.iter().enumerate() {
        let part = *part_of_root.entry(groups.root(index)).or_insert_with(|| {
            parts.push(empty_part(parts.len()));
            parts.len() - 1
        });
        add_node(&mut parts[part], index, node, internal_topics);
    }
    parts
}

fn empty_part(index: usize) -> Subtopology {
    Subtopology {
        id: SubtopologyId(u32::try_from(index).unwrap_or(u32::MAX)),
        nodes: Vec::new(),
        source_topics: Vec::new(),
        repartition_source_topics: Vec::new(),
        repartition_sink_topics: Vec::new(),
        stores: Vec::new(),
    }
}

fn add_node(
    part: &mut Subtopology,
    index: usize,
    node: &NodeSpec,
    internal_topics: &BTreeMap<Arc<str>, InternalTopic>,
) {
    part.nodes.push(NodeId(u32::try_from(index).unwrap_or(u32::MAX)));
    for store in &node.stores {
        if !part.stores.contains(store) {
            part.stores.push(Arc::clone(store));
        }
    }
    match &node.kind {
        NodeKind::Source { topics, .. } => {
            for topic in topics {
                let internal = internal_topics.contains_key(topic);
                let list = if internal { &mut part.repartition_source_topics } else { &mut part.source_topics };
                list.push(Arc::clone(topic));
            }
        }
        NodeKind::Sink { topic: Some(topic) } if internal_topics.contains_key(topic) => {
            part.repartition_sink_topics.push(Arc::clone(topic));
        }
        NodeKind::Sink { .. } | NodeKind::Processor => {}
    }
}

/// Union-find over node indices.
struct Groups(Vec<usize>);

impl Groups {
    fn new(len: usize) -> Self {
        Self((0..len).collect())
    }

    fn root(&mut self, index: usize) -> usize {
        let mut root = index;
        while self.0[root] != root {
            self.0[root] = self.0[self.0[root]];
            root = self.0[root];
        }
        root
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::Stores;
    use crate::testing::support::add_processor;
    use crate::topology::{SinkOptions, SourceOptions, Topology, TopologyBuilder};

    /// Sources `s0`.. of topics `t0`.., each with a processor `p0`.. and a sink to `out0`..
    fn chains(count: usize) -> TopologyBuilder {
        let mut builder = TopologyBuilder::new();
        for index in 0..count {
            let name = |prefix: &str| format!("{prefix}{index}");
            let source = builder.add_source::<(), ()>(&name("s"), &[&name("t")], SourceOptions::default()).unwrap();
            let node = add_processor::<(), ()>(&mut builder, &name("p"), &[source], |_, _| Ok(())).unwrap();
            builder.add_sink::<(), ()>(&name("k"), &name("out"), SinkOptions::default(), &[node]).unwrap();
        }
        builder
    }

    fn parts(topology: &Topology) -> Vec<String> {
        let text = |part: &Subtopology| {
            let nodes: Vec<&str> = part.nodes.iter().map(|node| &*topology.nodes()[node.index()].name).collect();
            format!("{}: {}", part.id, nodes.join(" "))
        };
        topology.subtopologies().iter().map(text).collect()
    }

    #[test]
    fn parts_are_numbered_by_their_first_node() {
        assert_eq!(parts(&chains(2).build().unwrap()), ["0: s0 p0 k0", "1: s1 p1 k1"]);
    }

    #[test]
    fn a_shared_store_joins_parts_and_the_others_keep_their_order() {
        let mut builder = chains(4);
        builder.add_store(Arc::new(Stores::in_memory_key_value::<i64, i64>("shared").build())).unwrap();
        for name in ["p3", "p1"] {
            let node = builder.node(name).unwrap();
            builder.connect(node, "shared").unwrap();
        }
        let topology = builder.build().unwrap();
        assert_eq!(parts(&topology), ["0: s0 p0 k0", "1: s1 p1 k1 s3 p3 k3", "2: s2 p2 k2"]);
        assert_eq!(topology.subtopologies()[1].stores, [Arc::from("shared")]);
        assert_eq!(topology.subtopologies()[1].source_topics, [Arc::from("t1"), Arc::from("t3")]);
    }

    #[test]
    fn a_common_child_joins_parts_and_an_internal_topic_does_not() {
        let mut builder = chains(2);
        let (first, second) = (builder.node("p0").unwrap(), builder.node("p1").unwrap());
        builder.add_internal_topic(InternalTopic { name: "again".into(), partitions: None }).unwrap();
        builder.add_sink::<(), ()>("both", "again", SinkOptions::default(), &[first, second]).unwrap();
        builder.add_source::<(), ()>("s2", &["again"], SourceOptions::default()).unwrap();
        let topology = builder.build().unwrap();
        assert_eq!(parts(&topology), ["0: s0 p0 k0 s1 p1 k1 both", "1: s2"]);
        assert_eq!(topology.subtopologies()[0].repartition_sink_topics, [Arc::from("again")]);
        assert_eq!(topology.subtopologies()[1].repartition_source_topics, [Arc::from("again")]);
        assert!(topology.subtopologies()[1].source_topics.is_empty());
    }
}

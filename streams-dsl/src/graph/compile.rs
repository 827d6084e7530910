//! From the logical graph to a topology: every node is lowered once, parents first.

use std::sync::Arc;

use streams_core::topology::{Topology, TopologyBuilder};
use streams_core::{Error, NodeId, Result, ResultExt};

use crate::graph::{Graph, LowerSite};

/// Lowers the whole graph into `topology` and closes it.
///
/// # Errors
/// When an operator cannot be written or the topology is not valid; the message names the operator.
pub(crate) fn compile(graph: &Graph, mut topology: TopologyBuilder) -> Result<Topology> {
    if let Some(error) = &graph.refused {
        return Err(Error::new(error.kind(), error.to_string()));
    }
    for (store, place) in &graph.stores {
        topology.set_place(place);
        topology.add_store(Arc::clone(store))?;
    }
    let mut lowered: Vec<NodeId> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        topology.set_place(node.place);
        let parents: Vec<NodeId> = node.parents.iter().map(|parent| lowered[parent.0]).collect();
        let site = LowerSite {
            name: &node.name,
            parents: &parents,
            parent_name: node.parents.first().map_or("", |parent| &graph.nodes[parent.0].name),
            keeps_null_keys: node.keeps_null_keys,
            lowered: &lowered,
            topology: &mut topology,
        };
        lowered.push(node.lower.lower(site).context(|| format!("build operator {}", node.name))?);
    }
    topology.build()
}

//! From the logical graph to a topology: every node is lowered once, parents first.

use streams_core::topology::{Topology, TopologyBuilder};
use streams_core::{NodeId, Result, ResultExt};

use crate::graph::{Graph, LowerSite};

/// Lowers the whole graph into `topology` and closes it.
///
/// # Errors
/// When an operator cannot be written or the topology is not valid; the message names the operator.
pub(crate) fn compile(graph: &Graph, mut topology: TopologyBuilder) -> Result<Topology> {
    let mut lowered: Vec<NodeId> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let parents: Vec<NodeId> = node.parents.iter().map(|parent| lowered[parent.0]).collect();
        let site = LowerSite { name: &node.name, parents: &parents, topology: &mut topology };
        lowered.push(node.lower.lower(site).context(|| format!("build operator {}", node.name))?);
    }
    topology.build()
}

//! Runtime nodes of the DSL's operators: concrete code behind the edges of a live graph.
//!
//! A node never knows how it was planned: this module must not import the logical graph or the handles. Each operator
//! has its file, with its node and the factory that wires it; the generic shell is thin.

pub(crate) mod aggregate;
pub(crate) mod join;
pub(crate) mod process;
pub(crate) mod stateless;
pub(crate) mod table;

use std::sync::Arc;

use streams_core::topology::{NodeFactory, Wiring};
use streams_core::{NodeId, Result};

/// A factory out of a closure that wires one node.
struct WireWith<F>(F);

impl<F> NodeFactory for WireWith<F>
where
    F: Fn(NodeId, &mut Wiring<'_>) -> Result<()> + Send + Sync,
{
    fn wire(&self, node: NodeId, wiring: &mut Wiring<'_>) -> Result<()> {
        (self.0)(node, wiring)
    }
}

/// A factory out of a closure that wires one node.
pub(crate) fn wire_with<F>(wire: F) -> Arc<dyn NodeFactory>
where
    F: Fn(NodeId, &mut Wiring<'_>) -> Result<()> + Send + Sync + 'static,
{
    Arc::new(WireWith(wire))
}

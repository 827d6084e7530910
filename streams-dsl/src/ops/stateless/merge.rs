//! A node that passes on what it gets: `merge`, and the children of `split`.

use std::sync::Arc;

use streams_core::processor::{Output, Sink, StreamEdge, TaskContext};
use streams_core::topology::NodeFactory;
use streams_core::{Record, Result};

use crate::ops::wire_with;

struct PassThrough<K, V> {
    output: Output<StreamEdge<K, V>>,
}

impl<K, V> Sink<K, V> for PassThrough<K, V> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        self.output.push(record, task)
    }
}

/// A factory of nodes that pass records on.
pub(crate) fn pass_through<K: 'static, V: 'static>() -> Arc<dyn NodeFactory> {
    wire_with(|node, wiring| {
        let output = wiring.output::<K, V>(node)?;
        wiring.input(node, PassThrough { output });
        Ok(())
    })
}

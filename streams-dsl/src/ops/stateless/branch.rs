//! `split`: sends each record to the child of the first predicate that takes it.

use std::sync::Arc;

use streams_core::processor::{Output, Sink, StreamEdge, TaskContext};
use streams_core::topology::NodeFactory;
use streams_core::{Record, Result};

use crate::ops::wire_with;

/// The predicates of a split in the order of its branches.
pub(crate) type Predicates<K, V> = Vec<Arc<dyn Fn(&K, &V) -> bool + Send + Sync>>;

struct Branch<K, V> {
    predicates: Predicates<K, V>,
    has_default: bool,
    output: Output<StreamEdge<K, V>>,
}

impl<K, V> Sink<K, V> for Branch<K, V> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        match self.predicates.iter().position(|predicate| predicate(record.key, record.value)) {
            Some(branch) => self.output.push_to(branch, record, task),
            None if self.has_default => self.output.push_to(self.predicates.len(), record, task),
            None => Ok(()),
        }
    }
}

/// A factory of nodes with one child per predicate, and one more for the default branch.
pub(crate) fn branch<K: 'static, V: 'static>(predicates: Predicates<K, V>, has_default: bool) -> Arc<dyn NodeFactory> {
    wire_with(move |node, wiring| {
        let output = wiring.output::<K, V>(node)?;
        wiring.input(node, Branch { predicates: predicates.clone(), has_default, output });
        Ok(())
    })
}

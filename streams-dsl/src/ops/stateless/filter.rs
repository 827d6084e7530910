//! `filter` and `filter_not`: forwards the records that a predicate takes.

use std::sync::Arc;

use streams_core::processor::{Output, Sink, StreamEdge, TaskContext};
use streams_core::topology::NodeFactory;
use streams_core::{Record, Result};

use crate::ops::wire_with;

struct Filter<K, V, F> {
    predicate: Arc<F>,
    output: Output<StreamEdge<K, V>>,
}

impl<K, V, F: Fn(&K, &V) -> bool> Sink<K, V> for Filter<K, V, F> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        if (self.predicate)(record.key, record.value) {
            self.output.push(record, task)
        } else {
            Ok(())
        }
    }
}

/// A factory of nodes that forward what `predicate` takes.
pub(crate) fn filter<K, V, F>(predicate: F) -> Arc<dyn NodeFactory>
where
    K: 'static,
    V: 'static,
    F: Fn(&K, &V) -> bool + Send + Sync + 'static,
{
    let predicate = Arc::new(predicate);
    wire_with(move |node, wiring| {
        let output = wiring.output::<K, V>(node)?;
        wiring.input(node, Filter { predicate: Arc::clone(&predicate), output });
        Ok(())
    })
}

//! `peek` and `for_each`: looks at records.

use std::sync::Arc;

use streams_core::processor::{Output, Sink, StreamEdge, TaskContext};
use streams_core::topology::NodeFactory;
use streams_core::{Record, Result};

use crate::ops::wire_with;

struct Peek<K, V, F> {
    look: Arc<F>,
    output: Output<StreamEdge<K, V>>,
}

impl<K, V, F: Fn(&K, &V)> Sink<K, V> for Peek<K, V, F> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        (self.look)(record.key, record.value);
        self.output.push(record, task)
    }
}

/// A factory of nodes that show each record to `look` and pass it on.
pub(crate) fn peek<K, V, F>(look: F) -> Arc<dyn NodeFactory>
where
    K: 'static,
    V: 'static,
    F: Fn(&K, &V) + Send + Sync + 'static,
{
    let look = Arc::new(look);
    wire_with(move |node, wiring| {
        let output = wiring.output::<K, V>(node)?;
        wiring.input(node, Peek { look: Arc::clone(&look), output });
        Ok(())
    })
}

/// A factory of nodes that show each record to `look` and end there.
pub(crate) fn foreach<K, V, F>(look: F) -> Arc<dyn NodeFactory>
where
    K: 'static,
    V: 'static,
    F: Fn(&K, &V) + Send + Sync + 'static,
{
    let look = Arc::new(look);
    wire_with(move |node, wiring| {
        wiring.input(node, Peek { look: Arc::clone(&look), output: Output::<StreamEdge<K, V>>::new([]) });
        Ok(())
    })
}

//! `filter` and `filter_not`: forwards the records that a predicate takes.

use std::sync::Arc;

use streams_core::processor::{Output, Sink, StreamEdge, TaskContext};
use streams_core::serde::SerdeRef;
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

struct DropNullKeys<K, V> {
    keys: SerdeRef<K>,
    output: Output<StreamEdge<K, V>>,
}

impl<K: 'static, V> Sink<K, V> for DropNullKeys<K, V> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        if self.keys.is_null(record.key) {
            return Ok(());
        }
        self.output.push(record, task)
    }
}

/// A factory of the nodes in front of repartition topics: null keys end there silently, as in Kafka Streams.
pub(crate) fn drop_null_keys<K: 'static, V: 'static>(keys: SerdeRef<K>) -> Arc<dyn NodeFactory> {
    wire_with(move |node, wiring| {
        let output = wiring.output::<K, V>(node)?;
        wiring.input(node, DropNullKeys { keys: Arc::clone(&keys), output });
        Ok(())
    })
}

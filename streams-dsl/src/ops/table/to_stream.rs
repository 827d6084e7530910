//! `to_stream`: a table's changes as records, deletions as `None`.

use std::sync::Arc;

use streams_core::processor::{Output, StreamEdge, TableRecord, TableSink, TaskContext};
use streams_core::topology::NodeFactory;
use streams_core::{Record, Result};

use crate::ops::wire_with;

struct ToStream<K, V> {
    output: Output<StreamEdge<K, Option<V>>>,
}

impl<K, V> TableSink<K, V> for ToStream<K, V> {
    #[inline]
    fn push(&mut self, record: TableRecord<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        let TableRecord { key, change, timestamp, headers } = record;
        self.output.push(Record { key, value: change.new, timestamp, headers }, task)
    }
}

/// A factory of nodes that turn changes into records.
pub(crate) fn to_stream<K: 'static, V: 'static>() -> Arc<dyn NodeFactory> {
    wire_with(|node, wiring| {
        let output = wiring.output::<K, Option<V>>(node)?;
        wiring.table_input::<K, V>(node, ToStream { output });
        Ok(())
    })
}

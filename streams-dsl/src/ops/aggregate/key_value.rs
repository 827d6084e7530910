//! `count`, `reduce` and `aggregate` without windows.
//!
//! Null keys and values are dropped. The result's time is the later of the record's and the row's; a late record changes
//! the aggregate too.

use std::sync::Arc;

use streams_core::processor::{LiveNode, Shared, Sink, TaskContext};
use streams_core::serde::SerdeRef;
use streams_core::state::TimestampedKeyValueStore;
use streams_core::topology::NodeFactory;
use streams_core::{Change, NodeId, Record, Result};

use crate::ops::aggregate::{Fold, Inputs};
use crate::ops::table::{TableFlags, TableStore, TableWriter, Update};
use crate::ops::wire_with;

struct Aggregate<K, V, A> {
    node: NodeId,
    inputs: Inputs<K, V>,
    fold: Fold<K, V, A>,
    writer: TableWriter<K, A, TimestampedKeyValueStore<K, A>>,
    aggregate: Option<A>,
    old: Option<A>,
}

impl<K: 'static, V: 'static, A: 'static> Sink<K, V> for Aggregate<K, V, A> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        if self.inputs.keys.is_null(record.key) || self.inputs.values.is_null(record.value) {
            task.drop_record(self.node, "its key or value is null, and aggregations take neither");
            return Ok(());
        }
        let row_time = self.writer.store().read(record.key, &mut self.aggregate)?;
        if row_time.is_none() {
            self.aggregate = None;
        }
        let old = if !self.writer.wants_old() {
            Change::none()
        } else {
            if row_time.is_none() {
                self.old = self.fold.before_first();
            } else {
                self.writer.store().read(record.key, &mut self.old)?;
            }
            &self.old
        };
        self.fold.update(record.key, record.value, &mut self.aggregate);
        let timestamp = row_time.map_or(record.timestamp, |row_time| row_time.max(record.timestamp));
        let update = Update { key: record.key, new: &self.aggregate, old, timestamp, headers: record.headers };
        self.writer.update(update, task)
    }
}

impl<K: 'static, V: 'static, A: 'static> LiveNode for Aggregate<K, V, A> {
    fn flush(&mut self, task: &mut TaskContext) -> Result<()> {
        self.writer.flush(task)
    }
}

/// A factory of nodes that fold records into the rows of `store`.
pub(crate) fn aggregate<K: 'static, V: 'static, A: 'static>(
    inputs: Inputs<K, V>,
    aggregates: SerdeRef<A>,
    store: Arc<str>,
    flags: Arc<TableFlags>,
    fold: Fold<K, V, A>,
) -> Arc<dyn NodeFactory> {
    wire_with(move |node, wiring| {
        let output = wiring.table_output::<K, A>(node)?;
        let handle = wiring.store(node, &store)?;
        let writer = TableWriter::new(handle, Arc::clone(&aggregates), &flags, output);
        let fold = fold.clone();
        let aggregate =
            Shared::new(Aggregate { node, inputs: inputs.clone(), fold, writer, aggregate: None, old: None });
        wiring.live(node, aggregate.handle());
        wiring.input::<K, V>(node, aggregate);
        Ok(())
    })
}

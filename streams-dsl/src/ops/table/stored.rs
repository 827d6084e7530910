//! Rows of a derived table (`filter`, `map_values`, a join) that the user wants kept: written behind the node that
//! computes them, then forwarded.

use std::sync::Arc;

use streams_core::processor::{LiveNode, Output, Shared, TableEdge, TableRecord, TableSink, TaskContext};
use streams_core::serde::SerdeRef;
use streams_core::state::TimestampedKeyValueStore;
use streams_core::topology::Wiring;
use streams_core::{Change, NodeId, Result};

use crate::ops::table::{TableFlags, TableStore, TableWriter, Update};

/// What is done with the row before a change, which the store knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OldRow {
    /// A change from nothing to nothing ends here, and others carry it.
    EndNothing,
    /// Changes carry it.
    Tell,
    /// It is not read: changes carry what the node says it was.
    Given,
}

/// The store of a derived table.
pub(crate) struct Keep<V> {
    pub(crate) store: Arc<str>,
    pub(crate) values: SerdeRef<V>,
    pub(crate) flags: Arc<TableFlags>,
    pub(crate) old_row: OldRow,
}

struct Kept<K, V> {
    writer: TableWriter<K, V, TimestampedKeyValueStore<K, V>>,
    old_row: OldRow,
    old_values: bool,
    old: Option<V>,
}

impl<K: 'static, V: 'static> TableSink<K, V> for Kept<K, V> {
    #[inline]
    fn push(&mut self, record: TableRecord<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        let TableRecord { key, change, timestamp, headers } = record;
        let reads = match self.old_row {
            OldRow::EndNothing => self.old_values,
            OldRow::Tell => self.writer.wants_old(),
            OldRow::Given => false,
        };
        let had_row = reads && self.writer.store().read(key, &mut self.old)?.is_some();
        let old = match self.old_row {
            OldRow::Given => change.old,
            _ if had_row => &self.old,
            _ => Change::none(),
        };
        if self.old_row == OldRow::EndNothing && self.old_values && change.new.is_none() && old.is_none() {
            return Ok(());
        }
        self.writer.update(Update { key, new: change.new, old, timestamp, headers }, task)
    }
}

impl<K: 'static, V: 'static> LiveNode for Kept<K, V> {
    fn flush(&mut self, task: &mut TaskContext) -> Result<()> {
        self.writer.flush(task)
    }
}

impl<V: 'static> Keep<V> {
    /// The output of the node that computes the rows: straight to its children, or through the store that keeps them.
    ///
    /// # Errors
    /// When the node is not connected to the store, or a child takes another type.
    pub(crate) fn output<K: 'static>(
        keep: Option<&Self>,
        node: NodeId,
        wiring: &mut Wiring<'_>,
    ) -> Result<Output<TableEdge<K, V>>> {
        let output = wiring.table_output::<K, V>(node)?;
        let Some(keep) = keep else { return Ok(output) };
        let store = wiring.store(node, &keep.store)?;
        let old_values = keep.flags.old_values();
        let writer = TableWriter::new(store, Arc::clone(&keep.values), &keep.flags, output);
        let kept = Shared::new(Kept { writer, old_row: keep.old_row, old_values, old: None });
        wiring.live(node, kept.handle());
        let edge: Box<TableEdge<K, V>> = Box::new(kept);
        Ok(Output::new([(node, edge)]))
    }
}

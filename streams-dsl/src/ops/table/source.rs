//! Where a table begins: each record of its topic is the new value of its key, null deletes it.
//!
//! As in Kafka Streams an update is applied also when its time is before that of the row, and is forwarded also when it
//! changes nothing.

use std::sync::Arc;

use streams_core::processor::{LiveNode, Output, Shared, Sink, TableEdge, TableRecord, TaskContext};
use streams_core::serde::SerdeRef;
use streams_core::topology::NodeFactory;
use streams_core::{Change, NodeId, Record, Result};

use crate::ops::table::{TableFlags, TableStore, TableWriter, Update};
use crate::ops::wire_with;

/// The keys of a table's records: null ones are dropped and counted.
struct Keys<K> {
    node: NodeId,
    serde: SerdeRef<K>,
}

impl<K: 'static> Keys<K> {
    #[inline]
    fn take(&self, key: &K, task: &mut TaskContext) -> bool {
        let is_taken = !self.serde.is_null(key);
        if !is_taken {
            task.drop_record(self.node, "its key is null, and tables have none");
        }
        is_taken
    }
}

struct StoredSource<K, V, S> {
    keys: Keys<K>,
    writer: TableWriter<K, V, S>,
    old: Option<V>,
}

impl<K: 'static, V: 'static, S: TableStore<K, V>> Sink<K, Option<V>> for StoredSource<K, V, S> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, Option<V>>, task: &mut TaskContext) -> Result<()> {
        if !self.keys.take(record.key, task) {
            return Ok(());
        }
        let mut had_row = false;
        if self.writer.wants_old() {
            had_row = self.writer.store().read(record.key, &mut self.old)?.is_some();
        }
        let update = Update {
            key: record.key,
            new: record.value,
            old: if had_row { &self.old } else { Change::none() },
            timestamp: record.timestamp,
            headers: record.headers,
        };
        self.writer.update(update, task)
    }
}

impl<K: 'static, V: 'static, S: TableStore<K, V>> LiveNode for StoredSource<K, V, S> {
    fn flush(&mut self, task: &mut TaskContext) -> Result<()> {
        self.writer.flush(task)
    }
}

/// A factory of sources that keep their rows in `store`.
pub(crate) fn stored_source<K: 'static, V: 'static, S: TableStore<K, V>>(
    store: Arc<str>,
    keys: SerdeRef<K>,
    values: SerdeRef<V>,
    flags: Arc<TableFlags>,
) -> Arc<dyn NodeFactory> {
    wire_with(move |node, wiring| {
        let output = wiring.table_output::<K, V>(node)?;
        let handle: S = wiring.store(node, &store)?;
        let writer = TableWriter::new(handle, Arc::clone(&values), &flags, output);
        let source = Shared::new(StoredSource { keys: Keys { node, serde: Arc::clone(&keys) }, writer, old: None });
        wiring.live(node, source.handle());
        wiring.input::<K, Option<V>>(node, source);
        Ok(())
    })
}

struct UnstoredSource<K, V> {
    keys: Keys<K>,
    values: SerdeRef<V>,
    output: Output<TableEdge<K, V>>,
}

impl<K: 'static, V: 'static> Sink<K, Option<V>> for UnstoredSource<K, V> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, Option<V>>, task: &mut TaskContext) -> Result<()> {
        if !self.keys.take(record.key, task) {
            return Ok(());
        }
        let new = match record.value {
            Some(value) if self.values.is_null(value) => Change::none(),
            row => row,
        };
        let change = Change::new(new, Change::none());
        let Record { key, timestamp, headers, .. } = record;
        self.output.push(TableRecord { key, change, timestamp, headers }, task)
    }
}

/// A factory of sources of tables that nobody looks rows up in.
pub(crate) fn unstored_source<K: 'static, V: 'static>(keys: SerdeRef<K>, values: SerdeRef<V>) -> Arc<dyn NodeFactory> {
    wire_with(move |node, wiring| {
        let output = wiring.table_output::<K, V>(node)?;
        let keys = Keys { node, serde: Arc::clone(&keys) };
        wiring.input::<K, Option<V>>(node, UnstoredSource { keys, values: Arc::clone(&values), output });
        Ok(())
    })
}

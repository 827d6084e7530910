//! `count`, `reduce` and `aggregate` in time windows.
//!
//! Stream time moves before lateness is judged: a window takes a record while its end is after stream time minus the
//! grace. Each window that does not is counted as one dropped record. Stream time is that of this node in this task, kept
//! in memory and unknown after a restart, as in Kafka Streams. Null values are aggregated; null keys are dropped.

use std::sync::Arc;

use streams_core::processor::{LiveNode, Shared, Sink, TaskContext};
use streams_core::serde::{SerdeRef, Windowed};
use streams_core::state::TimestampedWindowStore;
use streams_core::topology::NodeFactory;
use streams_core::{Change, NodeId, Record, Result, Timestamp};

use crate::ops::aggregate::{Fold, Inputs};
use crate::ops::table::{TableFlags, TableStore, TableWriter, Update};
use crate::ops::wire_with;
use crate::windows::{FixedWindows, Window};

struct AggregateWindows<K, V, A> {
    node: NodeId,
    inputs: Inputs<K, V>,
    windows: FixedWindows,
    fold: Fold<K, V, A>,
    writer: TableWriter<Windowed<K>, A, TimestampedWindowStore<K, A>>,
    stream_time: Timestamp,
    /// The windowed key of the update in hand; its memory is reused.
    key: Option<Windowed<K>>,
    aggregate: Option<A>,
    old: Option<A>,
}

impl<K: Clone + 'static, V: 'static, A: 'static> AggregateWindows<K, V, A> {
    #[inline]
    fn fold_into(&mut self, window: Window, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        match &mut self.key {
            Some(key) => {
                key.key.clone_from(record.key);
                key.window = window;
            }
            None => self.key = Some(Windowed::new(record.key.clone(), window)),
        }
        let Some(key) = &self.key else { return Ok(()) };
        let row_time = self.writer.store().read(key, &mut self.aggregate)?;
        if row_time.is_none() {
            self.aggregate = None;
        }
        let old = if !self.writer.wants_old() {
            Change::none()
        } else {
            if row_time.is_none() {
                self.old = self.fold.before_first();
            } else {
                self.writer.store().read(key, &mut self.old)?;
            }
            &self.old
        };
        self.fold.update(record.key, record.value, &mut self.aggregate);
        let timestamp = row_time.map_or(record.timestamp, |row_time| row_time.max(record.timestamp));
        self.writer.update(Update { key, new: &self.aggregate, old, timestamp, headers: record.headers }, task)
    }
}

impl<K: Clone + 'static, V: 'static, A: 'static> Sink<K, V> for AggregateWindows<K, V, A> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        if self.inputs.keys.is_null(record.key) {
            task.drop_record(self.node, "its key is null, and windowed aggregations take none");
            return Ok(());
        }
        self.stream_time = self.stream_time.max(record.timestamp);
        self.windows.check(record.timestamp)?;
        let close_time = self.windows.close_time(self.stream_time);
        for window in self.windows.windows_of(record.timestamp) {
            if window.end > close_time {
                self.fold_into(window, record, task)?;
            } else {
                task.drop_record(self.node, "it is too late: its window is closed");
            }
        }
        Ok(())
    }
}

impl<K: Clone + 'static, V: 'static, A: 'static> LiveNode for AggregateWindows<K, V, A> {
    fn flush(&mut self, task: &mut TaskContext) -> Result<()> {
        self.writer.flush(task)
    }
}

/// A factory of nodes that fold records into the windows of `store`.
pub(crate) fn aggregate_windows<K: Clone + 'static, V: 'static, A: 'static>(
    inputs: Inputs<K, V>,
    aggregates: SerdeRef<A>,
    store: Arc<str>,
    flags: Arc<TableFlags>,
    windows: FixedWindows,
    fold: Fold<K, V, A>,
) -> Arc<dyn NodeFactory> {
    wire_with(move |node, wiring| {
        let output = wiring.table_output::<Windowed<K>, A>(node)?;
        let handle = wiring.store(node, &store)?;
        let writer = TableWriter::new(handle, Arc::clone(&aggregates), &flags, output);
        let aggregate = Shared::new(AggregateWindows {
            node,
            inputs: inputs.clone(),
            windows,
            fold: fold.clone(),
            writer,
            stream_time: Timestamp::UNKNOWN,
            key: None,
            aggregate: None,
            old: None,
        });
        wiring.live(node, aggregate.handle());
        wiring.input::<K, V>(node, aggregate);
        Ok(())
    })
}

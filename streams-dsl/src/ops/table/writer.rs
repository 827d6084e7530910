//! Writes the rows of a stored table and forwards what changed: at once without a cache, when rows leave it with one.

use std::sync::Arc;

use streams_core::processor::{Output, TableEdge, TableRecord, TaskContext};
use streams_core::serde::SerdeRef;
use streams_core::state::{FlushListener, Flushed};
use streams_core::{Change, Headers, Result, Timestamp};

use crate::ops::table::{TableFlags, TableStore};

/// One write of a row.
pub(crate) struct Update<'a, K, V> {
    pub(crate) key: &'a K,
    /// The row after; `None` deletes it.
    pub(crate) new: &'a Option<V>,
    /// The row before, where the node knows it.
    pub(crate) old: &'a Option<V>,
    /// The time of the row after. A deletion goes to the changelog, and leaves a cache, under that of what reached the node.
    pub(crate) timestamp: Timestamp,
    pub(crate) headers: &'a Headers,
}

/// A table's store together with what listens to the table.
pub(crate) struct TableWriter<K, V, S> {
    store: S,
    values: SerdeRef<V>,
    is_cached: bool,
    old_values: bool,
    flushed: Option<Flushed<K, V>>,
    output: Output<TableEdge<K, V>>,
}

impl<K: 'static, V: 'static, S: TableStore<K, V>> TableWriter<K, V, S> {
    pub(crate) fn new(store: S, values: SerdeRef<V>, flags: &Arc<TableFlags>, output: Output<TableEdge<K, V>>) -> Self {
        let old_values = flags.old_values();
        store.set_flush_listener(if old_values { FlushListener::NewAndOld } else { FlushListener::New });
        Self { is_cached: store.is_cached(), store, values, old_values, flushed: None, output }
    }

    pub(crate) fn store(&self) -> &S {
        &self.store
    }

    /// Whether the node must know the row before each update. With a cache the store knows it when the row leaves.
    #[inline]
    pub(crate) fn wants_old(&self) -> bool {
        self.old_values && !self.is_cached
    }

    /// Writes a row and forwards the change, or what the write drove out of the cache. A value that its serde writes as
    /// null deletes the row.
    #[inline]
    pub(crate) fn update(&mut self, update: Update<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        if self.is_cached {
            self.store.set_next_headers(update.headers);
        }
        let new = match update.new {
            Some(value) if !self.values.is_null(value) => {
                self.store.write(update.key, value, update.timestamp)?;
                update.new
            }
            _ => {
                self.store.remove(update.key)?;
                Change::none()
            }
        };
        if self.is_cached {
            return self.forward_flushed(task);
        }
        let old = match update.old {
            Some(old) if self.old_values && !self.values.is_null(old) => update.old,
            _ => Change::none(),
        };
        let change = Change::new(new, old);
        let Update { key, timestamp, headers, .. } = update;
        self.output.push(TableRecord { key, change, timestamp, headers }, task)
    }

    /// Empties the cache and forwards its rows.
    pub(crate) fn flush(&mut self, task: &mut TaskContext) -> Result<()> {
        if !self.is_cached {
            return Ok(());
        }
        self.store.flush_cache()?;
        self.forward_flushed(task)
    }

    fn forward_flushed(&mut self, task: &mut TaskContext) -> Result<()> {
        let forwarded = self.forward_each(task);
        // What failed may pass: then the row is forwarded once more, and those behind it after it.
        forwarded.inspect_err(|_| self.store.put_back_flushed())
    }

    fn forward_each(&mut self, task: &mut TaskContext) -> Result<()> {
        while self.store.next_flushed(&mut self.flushed)? {
            let Some(Flushed { key, new, old, timestamp, headers }) = &self.flushed else { break };
            let change = Change::new(new, if self.old_values { old } else { Change::none() });
            let record = TableRecord { key, change, timestamp: *timestamp, headers };
            self.output.push(record, task)?;
        }
        Ok(())
    }
}

//! `filter` on a table: rows that the predicate does not take are deleted downstream.

use std::marker::PhantomData;
use std::sync::Arc;

use streams_core::processor::{Output, TableEdge, TableRecord, TableSink, TaskContext};
use streams_core::topology::{NodeFactory, Wiring};
use streams_core::{Change, NodeId, Result, Timestamp};

use crate::ops::table::{GetterFactory, Keep, TableFlags, ValueGetter};
use crate::ops::wire_with;

struct Filter<K, V, F> {
    predicate: Arc<F>,
    old_values: bool,
    output: Output<TableEdge<K, V>>,
}

impl<K, V, F: Fn(&K, &V) -> bool> TableSink<K, V> for Filter<K, V, F> {
    #[inline]
    fn push(&mut self, record: TableRecord<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        let taken = |row: &'_ Option<V>| row.as_ref().is_some_and(|value| (self.predicate)(record.key, value));
        let new = if taken(record.change.new) { record.change.new } else { Change::none() };
        let old = if self.old_values && taken(record.change.old) { record.change.old } else { Change::none() };
        if self.old_values && new.is_none() && old.is_none() {
            return Ok(());
        }
        self.output.push(record.with_change(Change { new, old, ..record.change }), task)
    }
}

/// A factory of nodes that pass on the rows which `predicate` takes, and keep them when they are to be kept.
pub(crate) fn filter<K, V, F>(predicate: Arc<F>, flags: Arc<TableFlags>, keep: Option<Keep<V>>) -> Arc<dyn NodeFactory>
where
    K: 'static,
    V: 'static,
    F: Fn(&K, &V) -> bool + Send + Sync + 'static,
{
    wire_with(move |node, wiring| {
        let output = Keep::output::<K>(keep.as_ref(), node, wiring)?;
        let predicate = Arc::clone(&predicate);
        // A kept row tells itself what was before.
        let old_values = flags.old_values() && keep.is_none();
        wiring.table_input(node, Filter { predicate, old_values, output });
        Ok(())
    })
}

/// Looks up rows of the filtered table by asking the predicate again.
pub(crate) struct FilterGetter<K, V, F> {
    pub(crate) parent: Arc<dyn GetterFactory<K, V>>,
    pub(crate) predicate: Arc<F>,
}

impl<K, V, F> GetterFactory<K, V> for FilterGetter<K, V, F>
where
    K: 'static,
    V: 'static,
    F: Fn(&K, &V) -> bool + Send + Sync + 'static,
{
    fn stores(&self) -> Vec<Arc<str>> {
        self.parent.stores()
    }

    fn make(&self, node: NodeId, wiring: &Wiring<'_>) -> Result<Box<dyn ValueGetter<K, V>>> {
        let parent = self.parent.make(node, wiring)?;
        Ok(Box::new(Filtered { parent, predicate: Arc::clone(&self.predicate), row: PhantomData }))
    }
}

struct Filtered<K, V, F> {
    parent: Box<dyn ValueGetter<K, V>>,
    predicate: Arc<F>,
    row: PhantomData<fn(K, V)>,
}

impl<K, V, F: Fn(&K, &V) -> bool> ValueGetter<K, V> for Filtered<K, V, F> {
    fn get(&mut self, key: &K) -> Result<Option<(&V, Timestamp)>> {
        Ok(self.parent.get(key)?.filter(|(value, _)| (self.predicate)(key, value)))
    }
}

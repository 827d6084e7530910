//! `map_values` on a table: a view whose rows are computed from its parent's.

use std::marker::PhantomData;
use std::sync::Arc;

use streams_core::processor::{Output, TableEdge, TableRecord, TableSink, TaskContext};
use streams_core::topology::{NodeFactory, Wiring};
use streams_core::{Change, NodeId, Result, Timestamp};

use crate::ops::table::{GetterFactory, Keep, Nulls, TableFlags, ValueGetter};
use crate::ops::wire_with;

struct MapValues<K, V, V2, F> {
    map: Arc<F>,
    nulls: Nulls<V2>,
    old_values: bool,
    output: Output<TableEdge<K, V2>>,
    input: PhantomData<fn(V)>,
}

impl<K, V, V2: 'static, F: Fn(&K, &V) -> V2> TableSink<K, V> for MapValues<K, V, V2, F> {
    #[inline]
    fn push(&mut self, record: TableRecord<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        let map = |row: &Option<V>| self.nulls.row((self.map)(record.key, row.as_ref()?));
        let new = map(record.change.new);
        let old = if self.old_values { map(record.change.old) } else { None };
        let is_latest = record.change.is_latest;
        self.output.push(record.with_change(Change { new: &new, old: &old, is_latest }), task)
    }
}

/// A factory of nodes that replace a row's value, and keep the rows when they are to be kept.
pub(crate) fn map_values<K, V, V2, F>(
    map: Arc<F>,
    nulls: Nulls<V2>,
    flags: Arc<TableFlags>,
    keep: Option<Keep<V2>>,
) -> Arc<dyn NodeFactory>
where
    K: 'static,
    V: 'static,
    V2: 'static,
    F: Fn(&K, &V) -> V2 + Send + Sync + 'static,
{
    wire_with(move |node, wiring| {
        let output = Keep::output::<K>(keep.as_ref(), node, wiring)?;
        let (map, nulls) = (Arc::clone(&map), nulls.clone());
        // A kept row tells itself what was before.
        let old_values = flags.old_values() && keep.is_none();
        wiring.table_input::<K, V>(node, MapValues { map, nulls, old_values, output, input: PhantomData });
        Ok(())
    })
}

/// Looks up rows of the view by mapping the parent's row again.
pub(crate) struct MapValuesGetter<K, V, V2, F> {
    pub(crate) parent: Arc<dyn GetterFactory<K, V>>,
    pub(crate) map: Arc<F>,
    pub(crate) nulls: Nulls<V2>,
}

impl<K, V, V2, F> GetterFactory<K, V2> for MapValuesGetter<K, V, V2, F>
where
    K: 'static,
    V: 'static,
    V2: 'static,
    F: Fn(&K, &V) -> V2 + Send + Sync + 'static,
{
    fn stores(&self) -> Vec<Arc<str>> {
        self.parent.stores()
    }

    fn make(&self, node: NodeId, wiring: &Wiring<'_>) -> Result<Box<dyn ValueGetter<K, V2>>> {
        let parent = self.parent.make(node, wiring)?;
        Ok(Box::new(Mapped { parent, map: Arc::clone(&self.map), nulls: self.nulls.clone(), slot: None }))
    }
}

struct Mapped<K, V, V2, F> {
    parent: Box<dyn ValueGetter<K, V>>,
    map: Arc<F>,
    nulls: Nulls<V2>,
    slot: Option<V2>,
}

impl<K, V, V2: 'static, F: Fn(&K, &V) -> V2> ValueGetter<K, V2> for Mapped<K, V, V2, F> {
    fn get(&mut self, key: &K) -> Result<Option<(&V2, Timestamp)>> {
        let Some((value, timestamp)) = self.parent.get(key)? else { return Ok(None) };
        self.slot = self.nulls.row((self.map)(key, value));
        Ok(self.slot.as_ref().map(|mapped| (mapped, timestamp)))
    }
}

//! Two tables joined on equal keys: each side looks up the other's row and forwards the change of the joined row.
//!
//! The result's time is the later of both rows'. A result that is null is no row. The row before a change is the join of the
//! old values, also where the join keeps its rows: it is not looked up. As in Kafka Streams an inner join forwards nothing at all while the other
//! side has no row, and forwards a deletion also for a row that it never emitted.

use std::marker::PhantomData;
use std::sync::Arc;

use streams_core::processor::{Output, TableEdge, TableRecord, TableSink, TaskContext};
use streams_core::topology::{NodeFactory, Wiring};
use streams_core::{Change, NodeId, Result, Timestamp};

use crate::ops::table::{GetterFactory, Keep, Nulls, TableFlags, ValueGetter};
use crate::ops::wire_with;

/// Which rows a side of a join gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableJoin {
    /// Both rows must exist.
    Inner,
    /// This side's row must exist.
    This,
    /// The other side's row must exist.
    Other,
    /// One of the two must exist.
    Either,
}

impl TableJoin {
    fn has_row(self, this: bool, other: bool) -> bool {
        match self {
            Self::Inner => this && other,
            Self::This => this,
            Self::Other => other,
            Self::Either => this || other,
        }
    }
}

struct JoinSide<K, V, O, R, F> {
    kind: TableJoin,
    other: Box<dyn ValueGetter<K, O>>,
    joiner: Arc<F>,
    nulls: Nulls<R>,
    /// Asked when the node is wired: later operators may want the row before.
    old_values: bool,
    output: Output<TableEdge<K, R>>,
    this: PhantomData<fn(V)>,
}

impl<K, V, O, R, F> TableSink<K, V> for JoinSide<K, V, O, R, F>
where
    R: 'static,
    F: Fn(&K, Option<&V>, Option<&O>) -> Option<R>,
{
    #[inline]
    fn push(&mut self, record: TableRecord<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        let other = self.other.get(record.key)?;
        let Change { new, old, is_latest } = record.change;
        let is_silent = match self.kind {
            TableJoin::Inner | TableJoin::Other => other.is_none(),
            TableJoin::This | TableJoin::Either => other.is_none() && new.is_none() && old.is_none(),
        };
        if is_silent {
            return Ok(());
        }
        let timestamp = other.as_ref().map_or(record.timestamp, |(_, time)| record.timestamp.max(*time));
        let other = other.map(|(row, _)| row);
        let joined = |this: &Option<V>| {
            if self.kind.has_row(this.is_some(), other.is_some()) {
                self.nulls.row((self.joiner)(record.key, this.as_ref(), other)?)
            } else {
                None
            }
        };
        let new = joined(new);
        let old = if self.old_values { joined(old) } else { None };
        let change = Change { new: &new, old: &old, is_latest };
        self.output.push(record.with_change(change).with_timestamp(timestamp), task)
    }
}

/// A factory of one side of a join.
pub(crate) fn table_table<K, V, O, R, F>(
    kind: TableJoin,
    other: Arc<dyn GetterFactory<K, O>>,
    flags: Arc<TableFlags>,
    joiner: Arc<F>,
    nulls: Nulls<R>,
) -> Arc<dyn NodeFactory>
where
    K: 'static,
    V: 'static,
    O: 'static,
    R: 'static,
    F: Fn(&K, Option<&V>, Option<&O>) -> Option<R> + Send + Sync + 'static,
{
    wire_with(move |node, wiring| {
        let output = wiring.table_output::<K, R>(node)?;
        let other = other.make(node, wiring)?;
        let side = JoinSide {
            kind,
            other,
            joiner: Arc::clone(&joiner),
            nulls: nulls.clone(),
            old_values: flags.old_values(),
            output,
            this: PhantomData,
        };
        wiring.table_input::<K, V>(node, side);
        Ok(())
    })
}

struct MergeTables<K, V> {
    output: Output<TableEdge<K, V>>,
}

impl<K, V> TableSink<K, V> for MergeTables<K, V> {
    #[inline]
    fn push(&mut self, record: TableRecord<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        self.output.push(record, task)
    }
}

/// A factory of the node behind both sides, which keeps the rows when they are to be kept.
pub(crate) fn merge_tables<K: 'static, V: 'static>(keep: Option<Keep<V>>) -> Arc<dyn NodeFactory> {
    wire_with(move |node, wiring| {
        let output = Keep::output::<K>(keep.as_ref(), node, wiring)?;
        wiring.table_input(node, MergeTables { output });
        Ok(())
    })
}

/// Looks up a joined row by looking up both sides.
pub(crate) struct JoinGetter<K, V, O, R, F> {
    pub(crate) kind: TableJoin,
    pub(crate) this: Arc<dyn GetterFactory<K, V>>,
    pub(crate) other: Arc<dyn GetterFactory<K, O>>,
    pub(crate) joiner: Arc<F>,
    pub(crate) nulls: Nulls<R>,
}

impl<K, V, O, R, F> GetterFactory<K, R> for JoinGetter<K, V, O, R, F>
where
    K: 'static,
    V: 'static,
    O: 'static,
    R: 'static,
    F: Fn(&K, Option<&V>, Option<&O>) -> Option<R> + Send + Sync + 'static,
{
    fn stores(&self) -> Vec<Arc<str>> {
        let mut stores = self.this.stores();
        stores.extend(self.other.stores());
        stores
    }

    fn make(&self, node: NodeId, wiring: &Wiring<'_>) -> Result<Box<dyn ValueGetter<K, R>>> {
        let this = self.this.make(node, wiring)?;
        let other = self.other.make(node, wiring)?;
        let (joiner, nulls) = (Arc::clone(&self.joiner), self.nulls.clone());
        Ok(Box::new(Joined { kind: self.kind, this, other, joiner, nulls, slot: None }))
    }
}

struct Joined<K, V, O, R, F> {
    kind: TableJoin,
    this: Box<dyn ValueGetter<K, V>>,
    other: Box<dyn ValueGetter<K, O>>,
    joiner: Arc<F>,
    nulls: Nulls<R>,
    slot: Option<R>,
}

impl<K, V, O, R, F> ValueGetter<K, R> for Joined<K, V, O, R, F>
where
    R: 'static,
    F: Fn(&K, Option<&V>, Option<&O>) -> Option<R>,
{
    fn get(&mut self, key: &K) -> Result<Option<(&R, Timestamp)>> {
        let this = self.this.get(key)?;
        let other = self.other.get(key)?;
        if !self.kind.has_row(this.is_some(), other.is_some()) {
            return Ok(None);
        }
        let time = |row: &Option<Timestamp>| row.unwrap_or(Timestamp::UNKNOWN);
        let times = (this.as_ref().map(|(_, at)| *at), other.as_ref().map(|(_, at)| *at));
        let joined = (self.joiner)(key, this.map(|(row, _)| row), other.map(|(row, _)| row));
        self.slot = joined.and_then(|joined| self.nulls.row(joined));
        Ok(self.slot.as_ref().map(|joined| (joined, time(&times.0).max(time(&times.1)))))
    }
}

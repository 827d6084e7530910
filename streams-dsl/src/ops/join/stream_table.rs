//! A stream joined with a table: each record looks up the current row of its key.
//!
//! Only the stream triggers. The result has the record's time and headers. Null values are dropped and counted; a null
//! key joins nothing: it is dropped by an inner join and kept by a left join.

use std::marker::PhantomData;
use std::sync::Arc;

use streams_core::processor::{Output, Sink, StreamEdge, TaskContext};
use streams_core::serde::SerdeRef;
use streams_core::topology::NodeFactory;
use streams_core::{NodeId, Record, Result};

use crate::ops::table::{GetterFactory, ValueGetter};
use crate::ops::wire_with;

/// What is joined, and how.
pub(crate) struct StreamTableJoin<K, V, VT, F> {
    pub(crate) keys: SerdeRef<K>,
    pub(crate) values: SerdeRef<V>,
    pub(crate) table: Arc<dyn GetterFactory<K, VT>>,
    /// Keep records without a row.
    pub(crate) is_left: bool,
    pub(crate) joiner: Arc<F>,
}

struct Join<K, V, VT, R, F> {
    node: NodeId,
    keys: SerdeRef<K>,
    values: SerdeRef<V>,
    table: Box<dyn ValueGetter<K, VT>>,
    is_left: bool,
    joiner: Arc<F>,
    output: Output<StreamEdge<K, R>>,
    row: PhantomData<fn(VT)>,
}

impl<K, V, VT, R, F> Sink<K, V> for Join<K, V, VT, R, F>
where
    K: 'static,
    V: 'static,
    F: Fn(&V, Option<&VT>) -> Option<R>,
{
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        if self.values.is_null(record.value) {
            task.drop_record(self.node, "its value is null, and stream-table joins take none");
            return Ok(());
        }
        let row = if self.keys.is_null(record.key) {
            if !self.is_left {
                task.drop_record(self.node, "its key is null, and inner joins take none");
                return Ok(());
            }
            None
        } else {
            self.table.get(record.key)?.map(|(row, _)| row)
        };
        match (self.joiner)(record.value, row) {
            Some(joined) => self.output.push(record.with_value(&joined), task),
            None => Ok(()),
        }
    }
}

/// A factory of nodes that join each record with the row of its key. The joiner gives `None` for no result.
pub(crate) fn stream_table<K, V, VT, R, F>(join: StreamTableJoin<K, V, VT, F>) -> Arc<dyn NodeFactory>
where
    K: 'static,
    V: 'static,
    VT: 'static,
    R: 'static,
    F: Fn(&V, Option<&VT>) -> Option<R> + Send + Sync + 'static,
{
    wire_with(move |node, wiring| {
        let output = wiring.output::<K, R>(node)?;
        let table = join.table.make(node, wiring)?;
        let (keys, values) = (Arc::clone(&join.keys), Arc::clone(&join.values));
        let joiner = Arc::clone(&join.joiner);
        let is_left = join.is_left;
        wiring.input::<K, V>(node, Join { node, keys, values, table, is_left, joiner, output, row: PhantomData });
        Ok(())
    })
}

//! `flat_map` and `flat_map_values`: one record in, any number out, in order, all with the input's time and headers.

use std::marker::PhantomData;
use std::sync::Arc;

use streams_core::processor::{Output, Sink, StreamEdge, TaskContext};
use streams_core::topology::NodeFactory;
use streams_core::{Record, Result};

use crate::ops::wire_with;

struct FlatMapValues<K, V, V2, F> {
    map: Arc<F>,
    output: Output<StreamEdge<K, V2>>,
    input: PhantomData<fn(V)>,
}

impl<K, V, V2, I, F> Sink<K, V> for FlatMapValues<K, V, V2, F>
where
    I: IntoIterator<Item = V2>,
    F: Fn(&K, &V) -> I,
{
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        for value in (self.map)(record.key, record.value) {
            self.output.push(record.with_value(&value), task)?;
        }
        Ok(())
    }
}

/// A factory of nodes that replace a value by any number of values.
pub(crate) fn flat_map_values<K, V, V2, I, F>(map: F) -> Arc<dyn NodeFactory>
where
    K: 'static,
    V: 'static,
    V2: 'static,
    I: IntoIterator<Item = V2> + 'static,
    F: Fn(&K, &V) -> I + Send + Sync + 'static,
{
    let map = Arc::new(map);
    wire_with(move |node, wiring| {
        let output = wiring.output::<K, V2>(node)?;
        wiring.input::<K, V>(node, FlatMapValues { map: Arc::clone(&map), output, input: PhantomData });
        Ok(())
    })
}

struct FlatMap<K, V, K2, V2, F> {
    map: Arc<F>,
    output: Output<StreamEdge<K2, V2>>,
    input: PhantomData<fn(K, V)>,
}

impl<K, V, K2, V2, I, F> Sink<K, V> for FlatMap<K, V, K2, V2, F>
where
    I: IntoIterator<Item = (K2, V2)>,
    F: Fn(&K, &V) -> I,
{
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        for (key, value) in (self.map)(record.key, record.value) {
            self.output.push(record.with_key(&key).with_value(&value), task)?;
        }
        Ok(())
    }
}

/// A factory of nodes that replace a record by any number of records.
pub(crate) fn flat_map<K, V, K2, V2, I, F>(map: F) -> Arc<dyn NodeFactory>
where
    K: 'static,
    V: 'static,
    K2: 'static,
    V2: 'static,
    I: IntoIterator<Item = (K2, V2)> + 'static,
    F: Fn(&K, &V) -> I + Send + Sync + 'static,
{
    let map = Arc::new(map);
    wire_with(move |node, wiring| {
        let output = wiring.output::<K2, V2>(node)?;
        wiring.input::<K, V>(node, FlatMap { map: Arc::clone(&map), output, input: PhantomData });
        Ok(())
    })
}

//! `map`, `map_values` and `select_key`: one record in, one record out.

use std::marker::PhantomData;
use std::sync::Arc;

use streams_core::processor::{Output, Sink, StreamEdge, TaskContext};
use streams_core::topology::NodeFactory;
use streams_core::{Record, Result};

use crate::ops::wire_with;

struct MapValues<K, V, V2, F> {
    map: Arc<F>,
    output: Output<StreamEdge<K, V2>>,
    input: PhantomData<fn(V)>,
}

impl<K, V, V2, F: Fn(&K, &V) -> V2> Sink<K, V> for MapValues<K, V, V2, F> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        let value = (self.map)(record.key, record.value);
        self.output.push(record.with_value(&value), task)
    }
}

/// A factory of nodes that replace the value.
pub(crate) fn map_values<K, V, V2, F>(map: F) -> Arc<dyn NodeFactory>
where
    K: 'static,
    V: 'static,
    V2: 'static,
    F: Fn(&K, &V) -> V2 + Send + Sync + 'static,
{
    let map = Arc::new(map);
    wire_with(move |node, wiring| {
        let output = wiring.output::<K, V2>(node)?;
        wiring.input::<K, V>(node, MapValues { map: Arc::clone(&map), output, input: PhantomData });
        Ok(())
    })
}

struct SelectKey<K, V, K2, F> {
    select: Arc<F>,
    output: Output<StreamEdge<K2, V>>,
    input: PhantomData<fn(K)>,
}

impl<K, V, K2, F: Fn(&K, &V) -> K2> Sink<K, V> for SelectKey<K, V, K2, F> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        let key = (self.select)(record.key, record.value);
        self.output.push(record.with_key(&key), task)
    }
}

/// A factory of nodes that replace the key.
pub(crate) fn select_key<K, V, K2, F>(select: F) -> Arc<dyn NodeFactory>
where
    K: 'static,
    V: 'static,
    K2: 'static,
    F: Fn(&K, &V) -> K2 + Send + Sync + 'static,
{
    let select = Arc::new(select);
    wire_with(move |node, wiring| {
        let output = wiring.output::<K2, V>(node)?;
        wiring.input::<K, V>(node, SelectKey { select: Arc::clone(&select), output, input: PhantomData });
        Ok(())
    })
}

struct Map<K, V, K2, V2, F> {
    map: Arc<F>,
    output: Output<StreamEdge<K2, V2>>,
    input: PhantomData<fn(K, V)>,
}

impl<K, V, K2, V2, F: Fn(&K, &V) -> (K2, V2)> Sink<K, V> for Map<K, V, K2, V2, F> {
    #[inline]
    fn push(&mut self, record: Record<'_, K, V>, task: &mut TaskContext) -> Result<()> {
        let (key, value) = (self.map)(record.key, record.value);
        self.output.push(record.with_key(&key).with_value(&value), task)
    }
}

/// A factory of nodes that replace key and value.
pub(crate) fn map<K, V, K2, V2, F>(map: F) -> Arc<dyn NodeFactory>
where
    K: 'static,
    V: 'static,
    K2: 'static,
    V2: 'static,
    F: Fn(&K, &V) -> (K2, V2) + Send + Sync + 'static,
{
    let map = Arc::new(map);
    wire_with(move |node, wiring| {
        let output = wiring.output::<K2, V2>(node)?;
        wiring.input::<K, V>(node, Map { map: Arc::clone(&map), output, input: PhantomData });
        Ok(())
    })
}

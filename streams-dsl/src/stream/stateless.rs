//! Operators of a stream that keep no state.

use std::rc::Rc;

use crate::graph::{GraphId, ProcessorNode};
use crate::ops::stateless;
use crate::stream::KStream;

impl<K: 'static, V: 'static> KStream<K, V> {
    /// The records that `predicate` takes.
    #[track_caller]
    pub fn filter<F>(&self, predicate: F) -> Self
    where
        F: Fn(&K, &V) -> bool + Send + Sync + 'static,
    {
        self.operator("KSTREAM-FILTER-", stateless::filter(predicate))
            .with_serdes(self.keys.clone(), self.values.clone())
    }

    /// The records that `predicate` does not take.
    #[doc(alias = "filterNot")]
    #[track_caller]
    pub fn filter_not<F>(&self, predicate: F) -> Self
    where
        F: Fn(&K, &V) -> bool + Send + Sync + 'static,
    {
        self.filter(move |key, value| !predicate(key, value))
    }

    /// Every record with the value that `map` makes of its value. The key stays, so does the partitioning.
    #[doc(alias = "mapValues")]
    #[track_caller]
    pub fn map_values<V2, F>(&self, map: F) -> KStream<K, V2>
    where
        V2: 'static,
        F: Fn(&V) -> V2 + Send + Sync + 'static,
    {
        self.map_values_with_key(move |_, value| map(value))
    }

    /// The same, for a `map` that looks at the key too.
    #[doc(alias = "mapValues")]
    #[track_caller]
    pub fn map_values_with_key<V2, F>(&self, map: F) -> KStream<K, V2>
    where
        V2: 'static,
        F: Fn(&K, &V) -> V2 + Send + Sync + 'static,
    {
        self.operator("KSTREAM-MAPVALUES-", stateless::map_values::<K, V, V2, F>(map))
            .with_serdes(self.keys.clone(), None)
    }

    /// Every record replaced by the key and value that `map` makes of it. What follows by key is repartitioned.
    #[track_caller]
    pub fn map<K2, V2, F>(&self, map: F) -> KStream<K2, V2>
    where
        K2: 'static,
        V2: 'static,
        F: Fn(&K, &V) -> (K2, V2) + Send + Sync + 'static,
    {
        self.operator("KSTREAM-MAP-", stateless::map::<K, V, K2, V2, F>(map)).requiring_repartition(true)
    }

    /// Every record replaced by any number of records, in order. What follows by key is repartitioned.
    #[doc(alias = "flatMap")]
    #[track_caller]
    pub fn flat_map<K2, V2, I, F>(&self, map: F) -> KStream<K2, V2>
    where
        K2: 'static,
        V2: 'static,
        I: IntoIterator<Item = (K2, V2)> + 'static,
        F: Fn(&K, &V) -> I + Send + Sync + 'static,
    {
        self.operator("KSTREAM-FLATMAP-", stateless::flat_map::<K, V, K2, V2, I, F>(map)).requiring_repartition(true)
    }

    /// Every value replaced by any number of values, in order, under the same key.
    #[doc(alias = "flatMapValues")]
    #[track_caller]
    pub fn flat_map_values<V2, I, F>(&self, map: F) -> KStream<K, V2>
    where
        V2: 'static,
        I: IntoIterator<Item = V2> + 'static,
        F: Fn(&V) -> I + Send + Sync + 'static,
    {
        self.flat_map_values_with_key(move |_, value| map(value))
    }

    /// The same, for a `map` that looks at the key too.
    #[doc(alias = "flatMapValues")]
    #[track_caller]
    pub fn flat_map_values_with_key<V2, I, F>(&self, map: F) -> KStream<K, V2>
    where
        V2: 'static,
        I: IntoIterator<Item = V2> + 'static,
        F: Fn(&K, &V) -> I + Send + Sync + 'static,
    {
        let factory = stateless::flat_map_values::<K, V, V2, I, F>(map);
        self.operator("KSTREAM-FLATMAPVALUES-", factory).with_serdes(self.keys.clone(), None)
    }

    /// Every record under the key that `select` makes of it. What follows by key is repartitioned.
    #[doc(alias = "selectKey")]
    #[track_caller]
    pub fn select_key<K2, F>(&self, select: F) -> KStream<K2, V>
    where
        K2: 'static,
        F: Fn(&K, &V) -> K2 + Send + Sync + 'static,
    {
        self.operator("KSTREAM-KEY-SELECT-", stateless::select_key::<K, V, K2, F>(select))
            .with_serdes(None, self.values.clone())
            .requiring_repartition(true)
    }

    /// Shows every record to `look` and passes it on.
    #[track_caller]
    pub fn peek<F>(&self, look: F) -> Self
    where
        F: Fn(&K, &V) + Send + Sync + 'static,
    {
        self.operator("KSTREAM-PEEK-", stateless::peek(look)).with_serdes(self.keys.clone(), self.values.clone())
    }

    /// The records of both streams, each in its own order, with none between the two. A stream merged with itself is that
    /// stream: its records do not come twice.
    #[track_caller]
    pub fn merge(&self, other: &Self) -> Self {
        let mut graph = self.graph.borrow_mut();
        let name = graph.names().operator("KSTREAM-MERGE-");
        let node = ProcessorNode::stream_to_stream::<K, V, K, V>(stateless::pass_through::<K, V>());
        // Merged with itself it has one parent, and so each record once, as in Kafka Streams.
        let both = [self.node, other.node];
        let parents = if self.node == other.node { &both[..1] } else { &both[..] };
        let node = graph.add(name, parents, node);
        drop(graph);
        let sources: Vec<GraphId> = self.sources.iter().chain(other.sources.iter()).copied().collect();
        Self::new(Rc::clone(&self.graph), node, sources.into())
            .requiring_repartition(self.repartition_required || other.repartition_required)
    }
}

impl<K: 'static, V: Clone + 'static> KStream<K, Option<V>> {
    /// The records that have a value. Tombstones end here.
    #[track_caller]
    pub fn drop_tombstones(&self) -> KStream<K, V> {
        self.flat_map_values(|value: &Option<V>| value.clone())
    }
}

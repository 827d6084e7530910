//! `group_by_key` and `group_by`: a stream on its way to be aggregated.

use std::rc::Rc;

use streams_core::serde::DefaultSerde;

use crate::grouped::KGroupedStream;
use crate::options::Grouped;
use crate::stream::KStream;

impl<K: DefaultSerde, V: DefaultSerde> KStream<K, V> {
    /// Groups the records by their key. They are repartitioned only where the key changed upstream.
    #[doc(alias = "groupByKey")]
    #[track_caller]
    pub fn group_by_key(&self) -> KGroupedStream<K, V> {
        let keys = self.keys.clone().unwrap_or_else(K::default_serde);
        let values = self.values.clone().unwrap_or_else(V::default_serde);
        self.group_by_key_with(Grouped::with(keys, values))
    }
}

impl<K: 'static, V: 'static> KStream<K, V> {
    /// The same with options: serdes, name of the repartition topic.
    #[doc(alias = "groupByKey")]
    #[track_caller]
    pub fn group_by_key_with(&self, grouped: Grouped<K, V>) -> KGroupedStream<K, V> {
        let graph = Rc::clone(&self.graph);
        KGroupedStream::new(graph, self.node, grouped, self.repartition_required, Rc::clone(&self.sources))
    }

    /// Groups the records by the key that `select` makes of each; they are repartitioned by it.
    #[doc(alias = "groupBy")]
    #[track_caller]
    pub fn group_by<K2, F>(&self, select: F) -> KGroupedStream<K2, V>
    where
        K2: DefaultSerde,
        V: DefaultSerde,
        F: Fn(&K, &V) -> K2 + Send + Sync + 'static,
    {
        self.select_key(select).group_by_key()
    }

    /// The same with options: serdes, name of the repartition topic.
    #[doc(alias = "groupBy")]
    #[track_caller]
    pub fn group_by_with<K2, F>(&self, grouped: Grouped<K2, V>, select: F) -> KGroupedStream<K2, V>
    where
        K2: 'static,
        F: Fn(&K, &V) -> K2 + Send + Sync + 'static,
    {
        let selected = self.select_key(select);
        // A grouping's name is also that of the key selection in front of it.
        let selected = match &grouped.name {
            Some(name) => selected.named(name),
            None => selected,
        };
        selected.group_by_key_with(grouped)
    }
}

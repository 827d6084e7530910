//! Views of a table: computed from its rows, without a store of their own.

use std::rc::Rc;
use std::sync::Arc;

use crate::graph::ProcessorNode;
use crate::ops::table::{filter, map_values, FilterGetter, GetterFactory, MapValuesGetter, TableFlags};
use crate::table::{KTable, TableView};

impl<K: 'static, V: 'static> KTable<K, V> {
    /// The rows that `predicate` takes. A row that it no longer takes is deleted downstream.
    pub fn filter<F>(&self, predicate: F) -> Self
    where
        F: Fn(&K, &V) -> bool + Send + Sync + 'static,
    {
        let (predicate, flags) = (Arc::new(predicate), TableFlags::new());
        let lower = ProcessorNode::table_to_table::<K, V, K, V>(filter(Arc::clone(&predicate), Arc::clone(&flags)));
        let node = self.add("KTABLE-FILTER-", lower);
        let view = FilterView { parent: Rc::clone(&self.view), predicate, flags };
        Self::new(Rc::clone(&self.graph), node, Rc::new(view), Rc::clone(&self.sources))
            .with_serdes(self.keys.clone(), self.values.clone())
    }

    /// The rows that `predicate` does not take.
    #[doc(alias = "filterNot")]
    pub fn filter_not<F>(&self, predicate: F) -> Self
    where
        F: Fn(&K, &V) -> bool + Send + Sync + 'static,
    {
        self.filter(move |key, value| !predicate(key, value))
    }

    /// Every row with the value that `map` makes of its value. Not called for deletions.
    #[doc(alias = "mapValues")]
    pub fn map_values<V2, F>(&self, map: F) -> KTable<K, V2>
    where
        V2: 'static,
        F: Fn(&V) -> V2 + Send + Sync + 'static,
    {
        self.map_values_with_key(move |_, value| map(value))
    }

    /// The same, for a `map` that looks at the key too.
    #[doc(alias = "mapValues")]
    pub fn map_values_with_key<V2, F>(&self, map: F) -> KTable<K, V2>
    where
        V2: 'static,
        F: Fn(&K, &V) -> V2 + Send + Sync + 'static,
    {
        let (map, flags) = (Arc::new(map), TableFlags::new());
        let factory = map_values::<K, V, V2, F>(Arc::clone(&map), Arc::clone(&flags));
        let node = self.add("KTABLE-MAPVALUES-", ProcessorNode::table_to_table::<K, V, K, V2>(factory));
        let view = MapValuesView { parent: Rc::clone(&self.view), map, flags };
        KTable::new(Rc::clone(&self.graph), node, Rc::new(view), Rc::clone(&self.sources))
            .with_serdes(self.keys.clone(), None)
    }
}

struct FilterView<K, V, F> {
    parent: Rc<dyn TableView<K, V>>,
    predicate: Arc<F>,
    flags: Arc<TableFlags>,
}

impl<K, V, F> TableView<K, V> for FilterView<K, V, F>
where
    K: 'static,
    V: 'static,
    F: Fn(&K, &V) -> bool + Send + Sync + 'static,
{
    fn getter(&self) -> Arc<dyn GetterFactory<K, V>> {
        Arc::new(FilterGetter { parent: self.parent.getter(), predicate: Arc::clone(&self.predicate) })
    }

    fn enable_old_values(&self) {
        self.flags.enable_old_values();
        self.parent.enable_old_values();
    }
}

struct MapValuesView<K, V, F> {
    parent: Rc<dyn TableView<K, V>>,
    map: Arc<F>,
    flags: Arc<TableFlags>,
}

impl<K, V, V2, F> TableView<K, V2> for MapValuesView<K, V, F>
where
    K: 'static,
    V: 'static,
    V2: 'static,
    F: Fn(&K, &V) -> V2 + Send + Sync + 'static,
{
    fn getter(&self) -> Arc<dyn GetterFactory<K, V2>> {
        Arc::new(MapValuesGetter { parent: self.parent.getter(), map: Arc::clone(&self.map) })
    }

    fn enable_old_values(&self) {
        self.flags.enable_old_values();
        self.parent.enable_old_values();
    }
}

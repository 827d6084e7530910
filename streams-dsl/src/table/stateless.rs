//! Tables computed row by row from another: views without a store of their own, unless one is named.

use std::rc::Rc;
use std::sync::Arc;

use streams_core::serde::Nullable;
use streams_core::state::{StoreSpec, Stores, TimestampedKeyValueStore};
use streams_core::topology::NodeFactory;

use crate::graph::ProcessorNode;
use crate::ops::table::{
    filter, map_values, FilterGetter, GetterFactory, Keep, MapValuesGetter, Nulls, OldRow, TableFlags,
};
use crate::options::Materialized;
use crate::table::{Asked, KTable, StoredView, TableView};

/// The store of a derived table, under the name that the user gave it.
pub(super) struct Kept<V> {
    pub(super) spec: Arc<StoreSpec>,
    pub(super) keep: Keep<V>,
}

impl<V: 'static> Kept<V> {
    pub(super) fn new<K: 'static>(
        name: &str,
        materialized: &Materialized<K, V>,
        flags: &Arc<TableFlags>,
        old_row: OldRow,
    ) -> Self {
        flags.materialize();
        let spec = materialized.apply(Stores::timestamped_key_value(name, materialized.serdes()));
        let (values, flags) = (Arc::clone(materialized.values()), Arc::clone(flags));
        Self { spec, keep: Keep { store: name.into(), values, flags, old_row } }
    }

    /// The table as later operators see it.
    pub(super) fn view<K: 'static>(&self) -> Rc<dyn TableView<K, V>> {
        let (flags, store) = (Arc::clone(&self.keep.flags), Arc::clone(&self.keep.store));
        Rc::new(StoredView::<TimestampedKeyValueStore<K, V>>::new(flags, store))
    }
}

impl<K: 'static, V: 'static> KTable<K, V> {
    /// The rows that `predicate` takes. A row that it no longer takes is deleted downstream.
    #[track_caller]
    pub fn filter<F>(&self, predicate: F) -> Self
    where
        F: Fn(&K, &V) -> bool + Send + Sync + 'static,
    {
        let table = self.filtered(predicate, None);
        table.with_serdes(self.keys.clone(), self.values.clone())
    }

    /// The same, kept in a store when `materialized` names one.
    #[doc(alias = "filter")]
    #[track_caller]
    pub fn filter_with<F>(&self, materialized: Materialized<K, V>, predicate: F) -> Self
    where
        F: Fn(&K, &V) -> bool + Send + Sync + 'static,
    {
        self.filtered(predicate, Some(materialized))
    }

    /// The rows that `predicate` does not take.
    #[doc(alias = "filterNot")]
    #[track_caller]
    pub fn filter_not<F>(&self, predicate: F) -> Self
    where
        F: Fn(&K, &V) -> bool + Send + Sync + 'static,
    {
        self.filter(move |key, value| !predicate(key, value))
    }

    #[track_caller]
    fn filtered<F>(&self, predicate: F, materialized: Option<Materialized<K, V>>) -> Self
    where
        F: Fn(&K, &V) -> bool + Send + Sync + 'static,
    {
        let (predicate, flags) = (Arc::new(predicate), TableFlags::new());
        // With the row before at hand, deletions of rows that were never taken end here. It is asked of the table as it is
        // now, as in Kafka Streams, and not as later operators make it.
        if self.view.enable_old_values(Asked::IfCheap) {
            flags.enable_old_values();
        }
        let kept = self.kept("KTABLE-FILTER-", materialized.as_ref(), &flags, OldRow::EndNothing);
        let view = match &kept {
            Some(kept) => kept.view(),
            None => {
                let (parent, predicate) = (Rc::clone(&self.view), Arc::clone(&predicate));
                Rc::new(FilterView { parent, predicate, flags: Arc::clone(&flags) })
            }
        };
        self.derived("KTABLE-FILTER-", view, kept, materialized, |keep| filter(predicate, flags, keep))
    }

    /// Every row with the value that `map` makes of its value. Not called for deletions. A row whose value becomes `None`
    /// is deleted downstream, as for null in Kafka Streams.
    ///
    /// ```
    /// use streams_core::testing::TopologyTestDriver;
    /// use streams_dsl::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.table::<String, String>("prices").map_values(|price| price.parse::<i64>().ok());
    /// prices.to_stream().to("cents");
    ///
    /// let driver = TopologyTestDriver::new(builder.build()?)?;
    /// driver.input::<String, String>("prices")?.pipe_all([("pen", "30".to_owned()), ("pen", "none".to_owned())])?;
    /// driver.output::<String, Option<i64>>("cents")?.check("pen = 30 @ 0\npen = null @ 0");
    /// # Ok::<(), Error>(())
    /// ```
    #[doc(alias = "mapValues")]
    #[track_caller]
    pub fn map_values<V2, F>(&self, map: F) -> KTable<K, V2>
    where
        V2: Nullable + 'static,
        F: Fn(&V) -> V2 + Send + Sync + 'static,
    {
        self.map_values_with_key(move |_, value| map(value))
    }

    /// The same, for a `map` that looks at the key too.
    #[doc(alias = "mapValues")]
    #[track_caller]
    pub fn map_values_with_key<V2, F>(&self, map: F) -> KTable<K, V2>
    where
        V2: Nullable + 'static,
        F: Fn(&K, &V) -> V2 + Send + Sync + 'static,
    {
        let table = self.mapped(map, Nulls::of_type(), None);
        table.with_serdes(self.keys.clone(), None)
    }

    /// The same, kept in a store when `materialized` names one.
    #[doc(alias = "mapValues")]
    #[track_caller]
    pub fn map_values_with<V2, F>(&self, materialized: Materialized<K, V2>, map: F) -> KTable<K, V2>
    where
        V2: 'static,
        F: Fn(&K, &V) -> V2 + Send + Sync + 'static,
    {
        let nulls = Nulls::Serde(Arc::clone(materialized.values()));
        self.mapped(map, nulls, Some(materialized))
    }

    #[track_caller]
    fn mapped<V2, F>(&self, map: F, nulls: Nulls<V2>, materialized: Option<Materialized<K, V2>>) -> KTable<K, V2>
    where
        V2: 'static,
        F: Fn(&K, &V) -> V2 + Send + Sync + 'static,
    {
        let (map, flags) = (Arc::new(map), TableFlags::new());
        let kept = self.kept("KTABLE-MAPVALUES-", materialized.as_ref(), &flags, OldRow::Tell);
        let view: Rc<dyn TableView<K, V2>> = match &kept {
            Some(kept) => kept.view(),
            None => {
                let (parent, map, nulls) = (Rc::clone(&self.view), Arc::clone(&map), nulls.clone());
                Rc::new(MapValuesView { parent, map, nulls, flags: Arc::clone(&flags) })
            }
        };
        self.derived("KTABLE-MAPVALUES-", view, kept, materialized, |keep| {
            map_values::<K, V, V2, F>(map, nulls, flags, keep)
        })
    }

    /// The store of a derived table. Options without a name take a number and keep nothing, as in Kafka Streams.
    #[track_caller]
    fn kept<V2: 'static>(
        &self,
        prefix: &str,
        materialized: Option<&Materialized<K, V2>>,
        flags: &Arc<TableFlags>,
        old_row: OldRow,
    ) -> Option<Kept<V2>> {
        let materialized = materialized?;
        match materialized.given_name() {
            Some(name) => Some(Kept::new(name, materialized, flags, old_row)),
            None => {
                self.graph.borrow_mut().names().store(prefix);
                None
            }
        }
    }

    #[track_caller]
    fn derived<V2: 'static>(
        &self,
        prefix: &str,
        view: Rc<dyn TableView<K, V2>>,
        kept: Option<Kept<V2>>,
        materialized: Option<Materialized<K, V2>>,
        factory: impl FnOnce(Option<Keep<V2>>) -> Arc<dyn NodeFactory>,
    ) -> KTable<K, V2> {
        let (spec, keep) = match kept {
            Some(kept) => (Some(kept.spec), Some(kept.keep)),
            None => (None, None),
        };
        let mut lower = ProcessorNode::table_to_table::<K, V, K, V2>(factory(keep));
        let store_name = spec.as_ref().map(|spec| spec.name().to_owned());
        if let Some(spec) = spec {
            lower = lower.with_own_store(spec);
        }
        let node = self.add(prefix, lower);
        let mut table = KTable::new(Rc::clone(&self.graph), node, view, Rc::clone(&self.sources));
        if let Some(materialized) = &materialized {
            let (keys, values) = (Arc::clone(materialized.keys()), Arc::clone(materialized.values()));
            table = table.with_serdes(Some(keys), Some(values));
        }
        match store_name {
            Some(name) => table.stored_in(&name),
            None => table,
        }
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

    fn enable_old_values(&self, asked: Asked) -> bool {
        if self.parent.enable_old_values(asked) {
            self.flags.enable_old_values();
        }
        self.flags.old_values()
    }
}

struct MapValuesView<K, V, V2, F> {
    parent: Rc<dyn TableView<K, V>>,
    map: Arc<F>,
    nulls: Nulls<V2>,
    flags: Arc<TableFlags>,
}

impl<K, V, V2, F> TableView<K, V2> for MapValuesView<K, V, V2, F>
where
    K: 'static,
    V: 'static,
    V2: 'static,
    F: Fn(&K, &V) -> V2 + Send + Sync + 'static,
{
    fn getter(&self) -> Arc<dyn GetterFactory<K, V2>> {
        let (map, nulls) = (Arc::clone(&self.map), self.nulls.clone());
        Arc::new(MapValuesGetter { parent: self.parent.getter(), map, nulls })
    }

    fn enable_old_values(&self, asked: Asked) -> bool {
        if self.parent.enable_old_values(asked) {
            self.flags.enable_old_values();
        }
        self.flags.old_values()
    }
}

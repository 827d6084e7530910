//! Where tables begin: at a topic, or at a stream whose records are taken as updates.

use std::rc::Rc;
use std::sync::Arc;

use streams_core::processor::{StreamEdge, TableEdge};
use streams_core::serde::{OptionSerde, SerdeRef};
use streams_core::state::{StoreSpec, Stores, TimestampedKeyValueStore};
use streams_core::topology::{SourceOptions, TypeSignature};
use streams_core::{NodeId, Record, Result};

use crate::graph::{GraphId, GraphRef, Lower, LowerSite};
use crate::ops::table::{stored_source, unstored_source, TableFlags};
use crate::options::{Consumed, Materialized};
use crate::table::{KTable, StoredView};

/// Adds the table of a topic. Takes the number of its store (unless it is named), of the source and of the table.
#[track_caller]
pub(crate) fn table_source<K: 'static, V: 'static>(
    graph: &GraphRef,
    topic: &str,
    consumed: Consumed<K, V>,
    materialized: &Materialized<K, V>,
) -> KTable<K, V> {
    let mut nodes = graph.borrow_mut();
    let store_name = match materialized.given_name() {
        Some(name) => name.to_owned(),
        None => nodes.names().store(&format!("{topic}-")),
    };
    let generated_source = nodes.names().operator("KSTREAM-SOURCE-");
    let source_name = consumed.name.unwrap_or(generated_source);
    let name = nodes.names().operator("KTABLE-SOURCE-");
    let rows = Rows::new(&store_name, materialized);
    let (keys, values) = (Arc::clone(&consumed.source.keys), Arc::clone(&consumed.source.values));
    let lower = TableSource { topic: topic.to_owned(), source_name, options: consumed.source, rows: rows.clone() };
    let node = nodes.add(name, &[], lower);
    drop(nodes);
    rows.table(graph, node, [node].into(), materialized).with_serdes(Some(keys), Some(values))
}

/// The rows of a table that begins here, with the store that keeps them once somebody needs it.
pub(crate) struct Rows<K, V> {
    keys: SerdeRef<K>,
    values: SerdeRef<V>,
    flags: Arc<TableFlags>,
    store: Arc<StoreSpec>,
}

impl<K: 'static, V: 'static> Rows<K, V> {
    /// Rows that are kept when `materialized` names their store, or once somebody needs them.
    pub(crate) fn new(store_name: &str, materialized: &Materialized<K, V>) -> Self {
        let flags = TableFlags::new();
        if materialized.given_name().is_some() {
            flags.materialize();
        }
        let (keys, values) = (Arc::clone(materialized.keys()), Arc::clone(materialized.values()));
        let store = materialized.apply(Stores::timestamped_key_value(store_name, materialized.serdes()));
        Self { keys, values, flags, store }
    }

    /// The handle on the table that `node` makes.
    #[track_caller]
    pub(crate) fn table(
        self,
        graph: &GraphRef,
        node: GraphId,
        sources: Rc<[GraphId]>,
        materialized: &Materialized<K, V>,
    ) -> KTable<K, V> {
        let view = StoredView::<TimestampedKeyValueStore<K, V>>::new(self.flags, self.store.name().into());
        let table =
            KTable::new(Rc::clone(graph), node, Rc::new(view), sources).with_serdes(Some(self.keys), Some(self.values));
        match materialized.given_name() {
            Some(name) => table.stored_in(name),
            None => table,
        }
    }

    fn lower_below(&self, parents: &[NodeId], site: LowerSite<'_>) -> Result<NodeId> {
        let input = TypeSignature::of::<StreamEdge<K, Option<V>>>();
        let output = Some(TypeSignature::of::<TableEdge<K, V>>());
        let (keys, values) = (Arc::clone(&self.keys), Arc::clone(&self.values));
        if !self.flags.is_materialized() {
            let factory = unstored_source::<K, V>(keys, values);
            return site.topology.add_processor(site.name, parents, input, output, factory);
        }
        site.topology.add_store(Arc::clone(&self.store))?;
        let factory = stored_source::<K, V, TimestampedKeyValueStore<K, V>>(
            self.store.name().into(),
            keys,
            values,
            Arc::clone(&self.flags),
        );
        let node = site.topology.add_processor(site.name, parents, input, output, factory)?;
        site.topology.connect(node, self.store.name())?;
        Ok(node)
    }
}

impl<K, V> Clone for Rows<K, V> {
    fn clone(&self) -> Self {
        Self {
            keys: Arc::clone(&self.keys),
            values: Arc::clone(&self.values),
            flags: Arc::clone(&self.flags),
            store: Arc::clone(&self.store),
        }
    }
}

impl<K: 'static, V: 'static> Lower for Rows<K, V> {
    fn lower(&self, site: LowerSite<'_>) -> Result<NodeId> {
        self.lower_below(site.parents, site)
    }
}

struct TableSource<K, V> {
    topic: String,
    source_name: String,
    options: SourceOptions<K, V>,
    rows: Rows<K, V>,
}

impl<K: 'static, V: 'static> Lower for TableSource<K, V> {
    fn lower(&self, site: LowerSite<'_>) -> Result<NodeId> {
        let source = site.topology.add_source(&self.source_name, &[&self.topic], self.nullable_options())?;
        self.rows.lower_below(&[source], site)
    }
}

impl<K: 'static, V: 'static> TableSource<K, V> {
    /// The source reads null as a deletion, whatever the values' type can hold.
    fn nullable_options(&self) -> SourceOptions<K, Option<V>> {
        let SourceOptions { keys, values, extractor, reset } = self.options.clone();
        let nulls = Arc::clone(&values);
        let values: SerdeRef<Option<V>> = Arc::new(OptionSerde::new(values));
        let extractor = extractor.map(|extract| {
            let nullable: streams_core::processor::TimestampExtractor<K, Option<V>> =
                Arc::new(move |record: Record<'_, K, Option<V>>, partition_time| match record.value {
                    Some(value) => extract(record.with_value(value), partition_time),
                    None => match nulls.null() {
                        Some(null) => extract(record.with_value(&null), partition_time),
                        // The type cannot show the extractor that there is no value: the record's time counts.
                        None => Ok(record.timestamp),
                    },
                });
            nullable
        });
        SourceOptions { keys, values, extractor, reset }
    }
}

//! The table of a topic.

use std::rc::Rc;
use std::sync::Arc;

use streams_core::processor::{StreamEdge, TableEdge};
use streams_core::serde::{OptionSerde, SerdeRef};
use streams_core::state::{StoreSpec, Stores, TimestampedKeyValueStore};
use streams_core::topology::{SourceOptions, TypeSignature};
use streams_core::{NodeId, Record, Result};

use crate::graph::{Flags, GraphRef, Lower, LowerSite};
use crate::ops::table::{stored_source, unstored_source, TableFlags};
use crate::options::{Consumed, Materialized};
use crate::table::{KTable, StoredView};

/// Adds the table of a topic. Takes the number of its store (unless it is named), of the source and of the table.
pub(crate) fn table_source<K: 'static, V: 'static>(
    graph: &GraphRef,
    topic: &str,
    consumed: Consumed<K, V>,
    materialized: &Materialized<K, V>,
) -> KTable<K, V> {
    let flags = TableFlags::new();
    let mut nodes = graph.borrow_mut();
    let store_name = match materialized.given_name() {
        Some(name) => {
            flags.materialize();
            name.to_owned()
        }
        None => nodes.names().store(&format!("{topic}-")),
    };
    let generated_source = nodes.names().operator("KSTREAM-SOURCE-");
    let source_name = consumed.name.unwrap_or(generated_source);
    let name = nodes.names().operator("KTABLE-SOURCE-");
    let keys = Arc::clone(&consumed.source.keys);
    let values = Arc::clone(&consumed.source.values);
    let store = materialized.apply(Stores::timestamped_key_value(store_name.as_str(), materialized.serdes()));
    let view = StoredView::<TimestampedKeyValueStore<K, V>>::new(Arc::clone(&flags), store_name.as_str().into());
    let source = TableSource { topic: topic.to_owned(), source_name, options: consumed.source, flags, store };
    let node = nodes.add(name, &[], Flags::default(), source);
    drop(nodes);
    let table = KTable::new(Rc::clone(graph), node, Rc::new(view), [node].into()).with_serdes(Some(keys), Some(values));
    if materialized.given_name().is_some() {
        table.stored_in(&store_name)
    } else {
        table
    }
}

struct TableSource<K, V> {
    topic: String,
    source_name: String,
    options: SourceOptions<K, V>,
    flags: Arc<TableFlags>,
    store: Arc<StoreSpec>,
}

impl<K: 'static, V: 'static> Lower for TableSource<K, V> {
    fn lower(&self, site: LowerSite<'_>) -> Result<NodeId> {
        let source = site.topology.add_source(&self.source_name, &[&self.topic], self.nullable_options())?;
        let input = TypeSignature::of::<StreamEdge<K, Option<V>>>();
        let output = Some(TypeSignature::of::<TableEdge<K, V>>());
        if !self.flags.is_materialized() {
            return site.topology.add_processor(site.name, &[source], input, output, unstored_source::<K, V>());
        }
        site.topology.add_store(Arc::clone(&self.store))?;
        let values = Arc::clone(&self.options.values);
        let factory = stored_source::<K, V, TimestampedKeyValueStore<K, V>>(
            self.store.name().into(),
            values,
            Arc::clone(&self.flags),
        );
        let node = site.topology.add_processor(site.name, &[source], input, output, factory)?;
        site.topology.connect(node, self.store.name())?;
        Ok(node)
    }
}

impl<K: 'static, V: 'static> TableSource<K, V> {
    /// The source reads null as a deletion, whatever the values' type can hold.
    fn nullable_options(&self) -> SourceOptions<K, Option<V>> {
        let SourceOptions { keys, values, extractor, reset } = self.options.clone();
        let values: SerdeRef<Option<V>> = Arc::new(OptionSerde::new(values));
        let extractor = extractor.map(|extract| {
            let nullable: streams_core::processor::TimestampExtractor<K, Option<V>> =
                Arc::new(move |record: Record<'_, K, Option<V>>, partition_time| match record.value {
                    Some(value) => extract(record.with_value(value), partition_time),
                    // A deletion has no value to extract a time from: its record's time counts.
                    None => record.timestamp,
                });
            nullable
        });
        SourceOptions { keys, values, extractor, reset }
    }
}

//! Operators that read topics, and stores added for processors.

use streams_core::state::StateStore;
use streams_core::state::{EngineKind, StoreBuilder, StoreSerdes, Stores};

use crate::interpret::handles::{Handle, Opt};
use crate::interpret::options::{consumed, materialized, millis};
use crate::interpret::{missing, mistake, required, AddedStore, Builder, Stop};
use crate::model::{Node, StoreKind, StoreSpec};
use crate::value::{Cell, Datum, Type};

impl Builder {
    /// `stream`.
    pub(super) fn stream(&mut self, node: &Node) -> Result<(), Stop> {
        if node.pattern.is_some() {
            return missing("stream by pattern");
        }
        let (key, value) = types(node)?;
        let topics: Vec<&str> = node.topics.iter().flatten().map(String::as_str).collect();
        for topic in &topics {
            self.sources.insert((*topic).to_owned(), (key.clone(), value.clone()));
        }
        let stream = self.dsl.stream_of::<Datum, Opt>(&topics, consumed(node, &key, &value)?);
        self.returns(node, Handle::Stream(stream.into()), key, value)
    }

    /// `table`.
    pub(super) fn table(&mut self, node: &Node) -> Result<(), Stop> {
        let (key, value) = types(node)?;
        let topic = required(&node.topic, "topic")?;
        self.sources.insert(topic.to_owned(), (key.clone(), value.clone()));
        let store = materialized(node, &key, &value)?;
        let table = self.dsl.table_with::<Datum, Datum>(topic, consumed(node, &key, &value)?, store);
        self.returns(node, Handle::Table(table.into()), key, value)
    }

    /// A store of the case.
    pub(super) fn add_store(&mut self, spec: &StoreSpec) -> Result<(), Stop> {
        let serdes = StoreSerdes::new(Datum::serde(&spec.key), Datum::serde(&spec.value));
        let added = match spec.kind {
            StoreKind::KeyValue => {
                let store = Stores::key_value::<Datum, Datum>(spec.name.as_str(), serdes);
                AddedStore::KeyValue(self.dsl.add_store(with_options(spec, store)))
            }
            StoreKind::Window => {
                let (Some(retention), Some(size)) = (spec.retention, spec.window_size) else {
                    return mistake(format!("store `{}`: a window store has a retention and a window size", spec.name));
                };
                let (retention, size) = (millis(retention)?, millis(size)?);
                let store = Stores::window::<Datum, Datum>(spec.name.as_str(), retention, size, serdes);
                AddedStore::Window(self.dsl.add_store(with_options(spec, store)))
            }
            StoreKind::Session => return missing("session store"),
            StoreKind::Versioned => return missing("versioned store"),
        };
        self.stores.insert(spec.name.clone(), added);
        Ok(())
    }
}

fn types(node: &Node) -> Result<(Type, Type), Stop> {
    match (&node.key, &node.value) {
        (Some(key), Some(value)) => Ok((key.clone(), value.clone())),
        _ => mistake("a source has the types `key` and `value`"),
    }
}

fn with_options<S: StateStore>(spec: &StoreSpec, store: StoreBuilder<S>) -> StoreBuilder<S> {
    let store = store.with_engine(EngineKind::InMemory);
    let store = if spec.logging == Some(false) { store.with_logging_disabled() } else { store };
    if spec.caching == Some(true) {
        store.with_caching_enabled()
    } else {
        store
    }
}

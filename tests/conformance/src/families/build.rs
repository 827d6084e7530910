//! How a case is put together: nodes in the order of the program, then its inputs, in few words.
//!
//! Knows the shape of `FORMAT.md` and nothing of what an operator does. A case is data: the same calls make the same
//! JSON. What is written wrongly here (a script that does not parse) is a mistake in this program and panics.

use serde_json::{json, Map, Value};

use super::input;
use crate::model;

/// One case without what Kafka answered.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    name: String,
    about: String,
    config: Map<String, Value>,
    stores: Vec<Value>,
    nodes: Vec<Value>,
    input: Vec<Value>,
}

/// A case by its name within the family, and what it shows.
pub(crate) fn case(name: impl Into<String>, about: impl Into<String>) -> Case {
    Case {
        name: name.into(),
        about: about.into(),
        config: Map::new(),
        stores: Vec::new(),
        nodes: Vec::new(),
        input: Vec::new(),
    }
}

impl Case {
    /// The case of a family.
    ///
    /// # Panics
    /// When the format has no such field: a mistake in this program.
    pub(crate) fn finish(self, family: &str) -> model::Case {
        let name = format!("{family}/{}", self.name);
        let case = json!({
            "name": name,
            "family": family,
            "about": self.about,
            "topology": { "config": self.config, "stores": self.stores, "nodes": self.nodes },
            "input": self.input,
        });
        serde_json::from_value(case).unwrap_or_else(|error| panic!("{name} is no case: {error}"))
    }

    /// A setting of the topology.
    pub(crate) fn config(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.config.insert(name.to_owned(), value.into());
        self
    }

    /// A store added by name, for processors.
    pub(crate) fn store(mut self, store: Value) -> Self {
        self.stores.push(store);
        self
    }

    /// A key-value store for processors.
    pub(crate) fn key_value_store(self, name: &str, key: &str, value: &str) -> Self {
        self.store(json!({"name": name, "kind": "key_value", "key": key, "value": value}))
    }

    /// A node as it is.
    pub(crate) fn node(mut self, node: Value) -> Self {
        self.nodes.push(node);
        self
    }

    /// An operator on `from` that returns `id`, with the fields that it has besides.
    pub(crate) fn op(self, op: &str, id: &str, from: &str, fields: Value) -> Self {
        let mut node = Map::new();
        node.insert("op".into(), op.into());
        node.insert("id".into(), id.into());
        node.insert("from".into(), from.into());
        if let Value::Object(fields) = fields {
            node.extend(fields);
        }
        self.node(Value::Object(node))
    }

    /// A split, whose branches have the handles.
    pub(crate) fn split(self, from: &str, fields: Value) -> Self {
        let mut node = json!({"op": "split", "from": from});
        if let (Some(node), Value::Object(fields)) = (node.as_object_mut(), fields) {
            node.extend(fields);
        }
        self.node(node)
    }

    /// A stream of strings by strings.
    pub(crate) fn stream(self, id: &str, topic: &str) -> Self {
        self.stream_of(id, topic, "string", "string")
    }

    /// A stream of longs by strings.
    pub(crate) fn stream_of_longs(self, id: &str, topic: &str) -> Self {
        self.stream_of(id, topic, "string", "long")
    }

    /// A stream of given types.
    pub(crate) fn stream_of(self, id: &str, topic: &str, key: &str, value: &str) -> Self {
        self.node(json!({"op": "stream", "id": id, "topics": [topic], "key": key, "value": value}))
    }

    /// A table of strings by strings.
    pub(crate) fn table(self, id: &str, topic: &str) -> Self {
        self.table_of(id, topic, "string", "string")
    }

    /// A table of given types.
    pub(crate) fn table_of(self, id: &str, topic: &str, key: &str, value: &str) -> Self {
        self.node(json!({"op": "table", "id": id, "topic": topic, "key": key, "value": value}))
    }

    /// A table of strings by strings with a store as described.
    pub(crate) fn table_in(self, id: &str, topic: &str, materialized: Value) -> Self {
        self.node(json!({
            "op": "table", "id": id, "topic": topic, "key": "string", "value": "string", "materialized": materialized
        }))
    }

    /// A global table of strings by strings.
    pub(crate) fn global(self, id: &str, topic: &str) -> Self {
        self.node(json!({"op": "global_table", "id": id, "topic": topic, "key": "string", "value": "string"}))
    }

    /// A stream's records go to a topic.
    pub(crate) fn to(self, from: &str, topic: &str) -> Self {
        self.node(json!({"op": "to", "from": from, "topic": topic}))
    }

    /// A stream's records go to the topic `out`.
    pub(crate) fn out(self, from: &str) -> Self {
        self.to(from, "out")
    }

    /// A stream's records go to the topic `echo` before they go anywhere else: what follows an echo is its record's doing.
    pub(crate) fn echo(self, from: &str) -> Self {
        self.to(from, "echo")
    }

    /// A table's changes go to the topic `out`.
    pub(crate) fn show(self, table: &str) -> Self {
        self.show_in(table, "out")
    }

    /// A table's changes go to a topic.
    pub(crate) fn show_in(self, table: &str, topic: &str) -> Self {
        let changes = format!("{table}_changes");
        self.op("to_stream", &changes, table, json!({})).to(&changes, topic)
    }

    /// Adds inputs: see [`input::parse`].
    pub(crate) fn feed(mut self, script: impl AsRef<str>) -> Self {
        let mut steps = input::parse(script.as_ref(), &|topic| self.types(topic));
        self.input.append(&mut steps);
        self
    }

    /// The types of key and value that the topology's sources read from a topic.
    fn types(&self, topic: &str) -> (Value, Value) {
        let reads = |node: &&Value| {
            let listed = node["topics"].as_array().is_some_and(|topics| topics.iter().any(|one| one == topic));
            listed || (node["topic"] == topic && node.get("key").is_some())
        };
        match self.nodes.iter().find(reads) {
            Some(node) => (node["key"].clone(), node["value"].clone()),
            None => ("string".into(), "string".into()),
        }
    }
}

/// A tumbling window without grace.
pub(crate) fn tumbling(size: i64) -> Value {
    json!({"kind": "tumbling", "size": size})
}

/// A hopping window without grace.
pub(crate) fn hopping(size: i64, advance: i64) -> Value {
    json!({"kind": "hopping", "size": size, "advance": advance})
}

/// A sliding window without grace.
pub(crate) fn sliding(difference: i64) -> Value {
    json!({"kind": "sliding", "difference": difference})
}

/// A session window without grace.
pub(crate) fn session(gap: i64) -> Value {
    json!({"kind": "session", "gap": gap})
}

/// A join window of the same width on both sides, without grace.
pub(crate) fn within(difference: i64) -> Value {
    between(difference, difference)
}

/// A join window without grace.
pub(crate) fn between(before: i64, after: i64) -> Value {
    json!({"kind": "join", "before": before, "after": after})
}

/// The same window with a grace period.
pub(crate) fn grace(mut window: Value, grace: i64) -> Value {
    window["grace"] = grace.into();
    window
}

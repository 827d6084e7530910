//! What makes a plan valid: legal names, edges between equal types, topics read once.
//!
//! Cycles need no check: a node's parents are ids of nodes that were added before it, so none can be its own ancestor.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::topology::{NodeKind, NodeSpec};

/// Kafka's limit on the length of a topic name, which node and store names share because topics are named after them.
const NAME_LENGTH_MAX: usize = 249;

/// Topics of the brokers themselves.
const BROKERS_TOPICS: &[&str] = &["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Checks a name of a node, a store or a topic against Kafka's rules.
pub(crate) fn validate_name(what: &str, name: &str) -> Result<()> {
    let invalid = |why: String| Err(Error::new(ErrorKind::InvalidTopology, format!("{what} name {name:?} {why}")));
    if name.is_empty() {
        return invalid("is empty: give it at least one character".to_owned());
    }
    if name == "." || name == ".." {
        return invalid("is not allowed: choose another".to_owned());
    }
    if name.len() > NAME_LENGTH_MAX {
        return invalid(format!("has {} characters: at most {NAME_LENGTH_MAX} are allowed", name.len()));
    }
    if let Some((at, bad)) = name.char_indices().find(|(_, c)| !(c.is_ascii_alphanumeric() || "._-".contains(*c))) {
        return invalid(format!("has {bad:?} at position {at}: only letters, digits, '.', '_' and '-' are allowed"));
    }
    Ok(())
}

/// Checks the whole plan.
pub(crate) fn validate(nodes: &[NodeSpec]) -> Result<()> {
    if !nodes.iter().any(|node| matches!(node.kind, NodeKind::Source { .. })) {
        let message = "topology has no source: start it with `stream`, `table` or `add_source`";
        return Err(Error::new(ErrorKind::InvalidTopology, message));
    }
    validate_sources(nodes)?;
    validate_topics(nodes)?;
    validate_edges(nodes)?;
    for idle in sources_without_children(nodes) {
        tracing::warn!(source_node = idle, "nothing follows this source: its records are read and thrown away");
    }
    Ok(())
}

fn validate_sources(nodes: &[NodeSpec]) -> Result<()> {
    let mut read_by: BTreeMap<&str, &NodeSpec> = BTreeMap::new();
    for node in nodes {
        let NodeKind::Source { topics, .. } = &node.kind else { continue };
        if topics.is_empty() {
            let message = format!("source {} reads no topic: name at least one", node.name);
            return Err(Error::new(ErrorKind::InvalidTopology, message));
        }
        for topic in topics {
            if let Some(other) = read_by.insert(topic, node) {
                let message = format!(
                    "topic {topic} has already been registered by another source: {} at {} and {} at {} both read it; \
                     read it once and use the stream twice",
                    other.name, other.place, node.name, node.place
                );
                return Err(Error::new(ErrorKind::InvalidTopology, message));
            }
        }
    }
    Ok(())
}

/// Names of topics that nodes read or write, against Kafka's rules and against the broker's own topics.
fn validate_topics(nodes: &[NodeSpec]) -> Result<()> {
    for node in nodes {
        let topics: &[Arc<str>] = match &node.kind {
            NodeKind::Source { topics, .. } => topics,
            NodeKind::Sink { topic: Some(topic) } => std::slice::from_ref(topic),
            NodeKind::Sink { topic: None } | NodeKind::Processor => &[],
        };
        for topic in topics {
            validate_name("topic", topic)?;
            if BROKERS_TOPICS.contains(&&**topic) {
                let message = format!(
                    "node {} names topic {topic}, in which brokers keep their own records: choose another topic",
                    node.name
                );
                return Err(Error::new(ErrorKind::InvalidTopology, message));
            }
        }
    }
    Ok(())
}

fn sources_without_children(nodes: &[NodeSpec]) -> impl Iterator<Item = &str> {
    let is_parent = |index: usize| nodes.iter().any(|node| node.parents.iter().any(|parent| parent.index() == index));
    let sources = nodes.iter().enumerate().filter(|(_, node)| matches!(node.kind, NodeKind::Source { .. }));
    sources.filter(move |(index, _)| !is_parent(*index)).map(|(_, node)| &*node.name)
}

fn validate_edges(nodes: &[NodeSpec]) -> Result<()> {
    for node in nodes {
        if matches!(node.kind, NodeKind::Sink { .. } | NodeKind::Processor) && node.parents.is_empty() {
            let message = format!("node {} has no parent: nothing would reach it", node.name);
            return Err(Error::new(ErrorKind::InvalidTopology, message));
        }
        for parent in &node.parents {
            let parent = &nodes[parent.index()];
            match (parent.output, node.input) {
                (Some(emitted), Some(taken)) if emitted == taken => {}
                (Some(emitted), Some(taken)) => {
                    let message =
                        format!("node {} expects {taken}, and its parent {} emits {emitted}", node.name, parent.name);
                    return Err(Error::new(ErrorKind::InvalidTopology, message));
                }
                (None, _) | (_, None) => {
                    let message =
                        format!("node {} cannot be the parent of {}: it emits nothing", parent.name, node.name);
                    return Err(Error::new(ErrorKind::InvalidTopology, message));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeId;
    use crate::processor::StreamEdge;
    use crate::state::{StoreSpec, Stores};
    use crate::testing::support::{add_processor, add_processor_with};
    use crate::testing::TopologyTestDriver;
    use crate::topology::{InternalTopic, SinkOptions, SourceOptions, TopologyBuilder, TypeSignature};
    use rstest::rstest;
    use std::time::Duration;

    /// Row B37.
    #[rstest]
    #[case::empty("", "is empty")]
    #[case::dot(".", "is not allowed")]
    #[case::dots("..", "is not allowed")]
    #[case::not_ascii("caf\u{e9}", "has 'é' at position 3")]
    #[case::slash("a/b", "has '/' at position 1")]
    #[case::long(&"x".repeat(250), "has 250 characters")]
    fn illegal_names_are_refused(#[case] name: &str, #[case] why: &str) {
        let error = validate_name("node", name).expect_err("it is illegal");
        assert!(error.to_string().contains(why), "{error}");
    }

    #[rstest]
    #[case::the_longest(&"x".repeat(249))]
    #[case::three_dots("...")]
    #[case::all_kinds("Az09._-")]
    fn legal_names_are_taken(#[case] name: &str) {
        validate_name("node", name).expect("it is legal");
    }

    fn source(builder: &mut TopologyBuilder, name: &str, topic: &str) -> Result<NodeId> {
        builder.add_source::<String, String>(name, &[topic], SourceOptions::default())
    }

    fn sink(builder: &mut TopologyBuilder, name: &str, parents: &[NodeId]) -> Result<NodeId> {
        builder.add_sink::<String, String>(name, "out", SinkOptions::default(), parents)
    }

    fn keep(builder: &mut TopologyBuilder, name: &str, parents: &[NodeId]) -> Result<NodeId> {
        add_processor::<String, String>(builder, name, parents, |record, cx| cx.forward(record))
    }

    fn store(name: &str) -> Arc<StoreSpec> {
        Arc::new(Stores::in_memory_key_value::<String, String>(name).build())
    }

    type Wrong = fn(&mut TopologyBuilder) -> Result<()>;

    /// Rows B35, B36, B39, B40 and B44.
    #[rstest]
    #[case::nothing(
        |_: &mut TopologyBuilder| Ok(()),
        "topology has no source: start it with `stream`, `table` or `add_source`"
    )]
    #[case::topic_read_twice(
        |builder: &mut TopologyBuilder| {
            source(builder, "first", "orders")?;
            source(builder, "second", "orders").map(drop)
        },
        "topic orders has already been registered by another source: first at PLACE and second at PLACE both read it; \
         read it once and use the stream twice"
    )]
    #[case::node_twice(
        |builder: &mut TopologyBuilder| {
            let first = source(builder, "orders", "orders")?;
            keep(builder, "orders", &[first]).map(drop)
        },
        "node orders is already added at PLACE, and again at PLACE: name one of the two differently"
    )]
    #[case::store_twice(
        |builder: &mut TopologyBuilder| {
            builder.add_store(store("seen"))?;
            builder.add_store(store("seen"))
        },
        "a different store has already been added with the name seen at PLACE, and again at PLACE: name one of them \
         differently"
    )]
    #[case::window_store_too_short(
        |builder: &mut TopologyBuilder| {
            let (retention, size) = (Duration::from_millis(5), Duration::from_millis(10));
            builder.add_store(Arc::new(Stores::in_memory_window::<String, String>("seen", retention, size).build()))
        },
        "store seen: its retention of 5ms is shorter than its windows, which are of 10ms: rows would vanish while their \
         window is open; keep them at least as long"
    )]
    #[case::unknown_parent(
        |builder: &mut TopologyBuilder| {
            source(builder, "orders", "orders")?;
            keep(builder, "keep", &[NodeId(7)]).map(drop)
        },
        "parent 7 of node keep is unknown: add it first"
    )]
    #[case::own_parent(
        |builder: &mut TopologyBuilder| {
            source(builder, "orders", "orders")?;
            keep(builder, "keep", &[NodeId(1)]).map(drop)
        },
        "parent 1 of node keep is unknown: add it first"
    )]
    #[case::no_parent(
        |builder: &mut TopologyBuilder| {
            source(builder, "orders", "orders")?;
            sink(builder, "sink", &[]).map(drop)
        },
        "node sink has no parent: nothing would reach it"
    )]
    #[case::sink_as_parent(
        |builder: &mut TopologyBuilder| {
            let orders = source(builder, "orders", "orders")?;
            let end = sink(builder, "sink", &[orders])?;
            keep(builder, "keep", &[end]).map(drop)
        },
        "node sink cannot be the parent of keep: it emits nothing"
    )]
    #[case::types_differ(
        |builder: &mut TopologyBuilder| {
            let orders = source(builder, "orders", "orders")?;
            builder.add_sink::<String, i64>("sink", "out", SinkOptions::default(), &[orders]).map(drop)
        },
        "node sink expects dyn Sink<String, i64>, and its parent orders emits dyn Sink<String, String>"
    )]
    #[case::brokers_topic_read(
        |builder: &mut TopologyBuilder| source(builder, "offsets", "__consumer_offsets").map(drop),
        "node offsets names topic __consumer_offsets, in which brokers keep their own records: choose another topic"
    )]
    #[case::brokers_topic_written(
        |builder: &mut TopologyBuilder| {
            let orders = source(builder, "orders", "orders")?;
            let options = SinkOptions::default();
            builder.add_sink::<String, String>("sink", "__transaction_state", options, &[orders]).map(drop)
        },
        "node sink names topic __transaction_state, in which brokers keep their own records: choose another topic"
    )]
    #[case::sink_topic_of_a_path(
        |builder: &mut TopologyBuilder| {
            let orders = source(builder, "orders", "orders")?;
            builder.add_sink::<String, String>("sink", "a/b", SinkOptions::default(), &[orders]).map(drop)
        },
        "topic name \"a/b\" has '/' at position 1: only letters, digits, '.', '_' and '-' are allowed"
    )]
    #[case::no_topic(
        |builder: &mut TopologyBuilder| builder.add_source::<String, String>("orders", &[], SourceOptions::default()).map(drop),
        "source orders reads no topic: name at least one"
    )]
    fn what_is_wrong_is_named_with_its_remedy(#[case] wrong: Wrong, #[case] message: &str) {
        let mut builder = TopologyBuilder::new();
        let error = wrong(&mut builder).and_then(|()| builder.build().map(drop)).expect_err("it is wrong");
        assert_eq!(without_places(&error.to_string()), message);
        assert_eq!(error.kind(), ErrorKind::InvalidTopology);
        assert_eq!(error.kind().exit_code(), 2);
    }

    /// The lines of files in a text as the word `PLACE`.
    fn without_places(text: &str) -> String {
        let place = |word: &str| match word.split_once(".rs:") {
            Some((_, line)) => format!("PLACE{}", line.trim_start_matches(|digit: char| digit.is_ascii_digit())),
            None => word.to_owned(),
        };
        text.split(' ').map(place).collect::<Vec<_>>().join(" ")
    }

    /// Rows B35 and B36.
    #[test]
    fn both_places_in_the_program_are_named() {
        let mut builder = TopologyBuilder::new();
        let options = SourceOptions::<String, String>::default;
        let topic = InternalTopic { name: "through".into(), partitions: None };
        let [rows, other] = [store("seen"), store("seen")];
        let first = line!() + 1;
        builder.add_source("one", &["orders"], options()).expect("is new");
        builder.add_store(rows).expect("is new");
        builder.add_internal_topic(topic.clone()).expect("is new");
        builder.add_source("two", &["orders"], options()).expect("is new");
        let node = builder.add_source("one", &["sales"], options()).expect_err("the name is taken").to_string();
        let store = builder.add_store(other).expect_err("the name is taken").to_string();
        let topic = builder.add_internal_topic(topic).expect_err("the name is taken").to_string();
        let mut builder = TopologyBuilder::new();
        builder.add_source("one", &["orders"], options()).expect("is new");
        builder.add_source("two", &["orders"], options()).expect("is new");
        let read = builder.build().expect_err("the topic is read twice").to_string();
        for (text, places) in [(node, [0, 4]), (store, [1, 5]), (topic, [2, 6]), (read, [8, 9])] {
            for place in places {
                assert!(text.contains(&format!("{}:{}", file!(), first + place)), "{text}");
            }
        }
    }

    /// Row B38.
    #[test]
    fn a_store_that_is_not_connected_cannot_be_had() {
        let mut builder = TopologyBuilder::new();
        let orders = source(&mut builder, "orders", "orders").expect("valid");
        let owner = keep(&mut builder, "owner", &[orders]).expect("valid");
        builder.add_store(store("seen")).expect("valid");
        builder.connect(owner, "seen").expect("valid");
        let thief = add_processor_with::<String, String, crate::testing::support::Keep<String, String>>(
            &mut builder,
            "thief",
            &[orders],
            |node, wiring| {
                wiring.store::<crate::state::KeyValueStore<String, String>>(node, "seen").map(|_| Default::default())
            },
        );
        thief.expect("valid so far");
        let error = TopologyTestDriver::new(builder.build().expect("valid so far")).expect_err("it is not connected");
        assert_eq!(
            error.report(),
            "wire task 0_0: processor thief has no access to store seen: connect it to the store first"
        );
    }

    /// As in Kafka Streams, which is silent about it.
    #[test]
    fn a_store_that_no_processor_uses_is_left_out() {
        let mut builder = TopologyBuilder::new();
        let orders = source(&mut builder, "orders", "orders").expect("valid");
        let owner = keep(&mut builder, "owner", &[orders]).expect("valid");
        for name in ["seen", "lonely"] {
            builder.add_store(store(name)).expect("valid");
        }
        builder.connect(owner, "seen").expect("valid");
        let topology = builder.build().expect("only a warning");
        assert_eq!(topology.stores().map(|store| store.name()).collect::<Vec<_>>(), ["seen"]);
    }

    /// Row B40.
    #[test]
    fn a_source_that_feeds_nothing_is_found() {
        let mut builder = TopologyBuilder::new();
        let orders = source(&mut builder, "orders", "orders").expect("valid");
        source(&mut builder, "idle", "idle").expect("valid");
        sink(&mut builder, "sink", &[orders]).expect("valid");
        let topology = builder.build().expect("only a warning");
        assert_eq!(sources_without_children(topology.nodes()).collect::<Vec<_>>(), ["idle"]);
        assert_eq!(topology.nodes()[0].output, Some(TypeSignature::of::<StreamEdge<String, String>>()));
    }
}

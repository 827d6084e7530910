//! What the builder takes and refuses, and what the plan says afterwards: stores and their users, sources that belong together,
//! the places of a program, the order in which nodes start.

use std::panic::Location;
use std::sync::{Arc, Mutex};

use rstest::rstest;

use super::*;
use crate::error::{ErrorKind, Result};
use crate::ids::NodeId;
use crate::processor::{Context, Processor};
use crate::record::Record;
use crate::state::{StoreSpec, Stores};
use crate::testing::support::{add_processor, add_processor_with};
use crate::testing::TopologyTestDriver;

fn source(builder: &mut TopologyBuilder, name: &str, topics: &[&str]) -> NodeId {
    builder.add_source::<String, String>(name, topics, SourceOptions::default()).expect("is new")
}

fn keep(builder: &mut TopologyBuilder, name: &str, parents: &[NodeId]) -> NodeId {
    add_processor::<String, String>(builder, name, parents, |record, cx| cx.forward(record)).expect("is new")
}

fn sink(builder: &mut TopologyBuilder, name: &str, parents: &[NodeId]) -> NodeId {
    builder.add_sink::<String, String>(name, "out", SinkOptions::default(), parents).expect("is new")
}

fn store(name: &str) -> Arc<StoreSpec> {
    Arc::new(Stores::in_memory_key_value::<String, String>(name).build())
}

/// Two users of a store may both bring it, and a user may say twice that it is one.
#[test]
fn a_store_and_its_users_may_be_named_again() {
    let mut builder = TopologyBuilder::new();
    let orders = source(&mut builder, "orders", &["orders"]);
    let node = keep(&mut builder, "node", &[orders]);
    let (seen, first) = (store("seen"), store("first"));
    for spec in [&seen, &first, &seen] {
        builder.add_store(Arc::clone(spec)).expect("it is the same");
    }
    for name in ["seen", "first", "seen"] {
        builder.connect(node, name).expect("it is there");
    }
    let topology = builder.build().expect("is valid");
    assert_eq!(topology.nodes()[node.index()].stores, [Arc::from("seen"), Arc::from("first")]);
    assert!(topology.store("seen").is_some_and(|kept| Arc::ptr_eq(kept, &seen)));
}

#[test]
fn only_processors_have_stores_and_only_those_that_are_there() {
    let mut builder = TopologyBuilder::new();
    let orders = source(&mut builder, "orders", &["orders"]);
    let end = sink(&mut builder, "end", &[orders]);
    builder.add_store(store("seen")).expect("is new");
    for (node, name, message) in [
        (orders, "seen", "node orders is no processor and cannot be connected to store seen"),
        (end, "seen", "node end is no processor and cannot be connected to store seen"),
        (end, "gone", "store gone is unknown: add it first"),
    ] {
        let error = builder.connect(node, name).expect_err(message);
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::InvalidTopology, message));
    }
}

/// A node stands for all sources above it, once each, in the order in which they are found.
#[test]
fn what_is_copartitioned_are_sources() {
    let mut builder = TopologyBuilder::new();
    let [a, b, c] = ["a", "b", "c"].map(|name| source(&mut builder, name, &[name]));
    let both = keep(&mut builder, "both", &[b, a]);
    let below = keep(&mut builder, "below", &[both]);
    builder.copartition(&[c, below]);
    builder.copartition(&[a, both, a]);
    let topology = builder.build().expect("is valid");
    assert_eq!(topology.copartitioned(), [vec![c, b, a], vec![a, b]]);
}

/// What the DSL adds in the name of a line of the user's is reported with that line.
#[test]
fn a_place_that_was_set_stands_for_the_caller() {
    let mut builder = TopologyBuilder::new();
    let place = Location::caller();
    source(&mut builder, "before", &["before"]);
    builder.set_place(place);
    source(&mut builder, "behind", &["behind"]);
    let text = place.to_string();
    let topology = builder.build().expect("is valid");
    let places: Vec<bool> = topology.nodes().iter().map(|node| text.starts_with(&format!("{}:", node.place))).collect();
    assert_eq!(places, [false, true], "{text}");
}

#[rstest]
#[case::read_behind_another(&["a", "b/c"], "topic name \"b/c\" has '/' at position 1")]
#[case::of_the_brokers(&["a", "__share_group_state"], "node source names topic __share_group_state, in which brokers keep")]
#[case::read_by_another(&["a", "other"], "topic other has already been registered by another source")]
#[case::read_twice(&["a", "a"], "topic a has already been registered by another source: source at")]
fn every_topic_of_a_source_counts(#[case] topics: &[&str], #[case] message: &str) {
    let mut builder = TopologyBuilder::new();
    source(&mut builder, "first", &["one", "other"]);
    source(&mut builder, "source", topics);
    let error = builder.build().expect_err(message);
    assert!(error.to_string().starts_with(message), "{error}");
}

#[test]
fn the_type_of_every_parent_counts() {
    let mut builder = TopologyBuilder::new();
    let texts = source(&mut builder, "texts", &["texts"]);
    let numbers = builder.add_source::<String, i64>("numbers", &["numbers"], SourceOptions::default()).expect("is new");
    sink(&mut builder, "end", &[texts, numbers]);
    let error = builder.build().expect_err("the second one emits something else");
    let message = "node end expects dyn Sink<String, String>, and its parent numbers emits dyn Sink<String, i64>";
    assert_eq!(error.to_string(), message);
}

/// Writes down that it starts.
struct Started(&'static str, Arc<Mutex<Vec<&'static str>>>);

impl Processor<String, String> for Started {
    type KOut = String;
    type VOut = String;

    fn init(&mut self, _: &mut Context<'_, String, String>) -> Result<()> {
        self.1.lock().expect("not poisoned").push(self.0);
        Ok(())
    }

    fn process(&mut self, record: Record<'_, String, String>, cx: &mut Context<'_, String, String>) -> Result<()> {
        cx.forward(record)
    }
}

/// They are wired the other way round, and flushed in this order, too.
#[test]
fn nodes_start_before_those_below_them() {
    let log: Arc<Mutex<Vec<&'static str>>> = Arc::default();
    let mut builder = TopologyBuilder::new();
    let mut parent = source(&mut builder, "orders", &["orders"]);
    for name in ["first", "second", "third"] {
        let log = Arc::clone(&log);
        let make = move |_: NodeId, _: &Wiring<'_>| Ok(Started(name, Arc::clone(&log)));
        parent = add_processor_with::<String, String, Started>(&mut builder, name, &[parent], make).expect("is new");
    }
    TopologyTestDriver::new(builder.build().expect("is valid")).expect("starts");
    assert_eq!(*log.lock().expect("not poisoned"), ["first", "second", "third"]);
}

//! Texts of Kafka Streams itself (`tests/tests/describe/`), for topologies built node by node.

use std::sync::Arc;

use rstest::rstest;

use crate::ids::NodeId;
use crate::state::Stores;
use crate::testing::support::add_processor;
use crate::topology::{InternalTopic, SinkOptions, SourceOptions, Topology, TopologyBuilder};

/// Builds from lines such as `source s: topic topic`, `node n: parent parent`, `sink k -> topic: parent` and
/// `store s: node node`.
fn build(plan: &str) -> Topology {
    let mut builder = TopologyBuilder::new();
    for line in plan.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (head, rest) = line.split_once(':').expect("a colon follows the name");
        let rest: Vec<&str> = rest.split_whitespace().collect();
        let (what, name) = head.split_once(' ').expect("a kind and a name");
        let parents = |builder: &TopologyBuilder| -> Vec<NodeId> {
            rest.iter().map(|parent| builder.node(parent).expect("parents come first")).collect()
        };
        match what {
            "source" => {
                builder.add_source::<String, String>(name, &rest, SourceOptions::default()).unwrap();
            }
            "node" => {
                let parents = parents(&builder);
                add_processor::<String, String>(&mut builder, name, &parents, |record, cx| cx.forward(record)).unwrap();
            }
            "sink" => {
                let (name, topic) = name.split_once(" -> ").expect("a topic");
                let parents = parents(&builder);
                builder.add_sink::<String, String>(name, topic, SinkOptions::default(), &parents).unwrap();
            }
            "store" => {
                let spec = Stores::in_memory_key_value::<String, String>(name);
                builder.add_store(Arc::new(spec.build())).unwrap();
                for node in parents(&builder) {
                    builder.connect(node, name).unwrap();
                }
            }
            _ => panic!("no such kind: {what}"),
        }
    }
    builder.build().unwrap()
}

macro_rules! golden {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/tests/describe/papi-", $name, ".txt"))
    };
}

#[rstest]
#[case::source_only(golden!("source-only"), "source source: in")]
#[case::source_sink(golden!("source-sink"), "source source: in
    sink sink -> out: source")]
#[case::chain(golden!("chain"), "source source: in
    node p: source
    sink sink -> out: p")]
#[case::diamond(golden!("diamond"), "source source: in
    node left: source
    node right: source
    node join: left right
    sink sink -> out: join")]
#[case::nested_diamonds(golden!("nested-diamonds"), "source source: in
    node a: source
    node b: source
    node c: a b
    node d: a c
    node e: c d source
    sink sink-1 -> out1: e a
    sink sink-2 -> out2: d")]
#[case::shared_store(golden!("shared-store"), "source s1: in1
    source s2: in2
    node p1: s1
    node p2: s2
    store zebra: p1 p2
    store ant: p2")]
#[case::three_sources(golden!("three-sources"), "source s1: in1
    source s2: in2
    source s3: in3
    node p3: s3
    node p1: s1
    node p13: p1 p3
    sink k2 -> out2: s2
    sink k13 -> out13: p13")]
#[case::order_by_size(golden!("order-by-size"), "source source: in
    node e: source
    node d: e
    node c: source
    node b: c
    node a: b d source
    node f: a
    node g: a f
    sink sink -> out: g e")]
#[case::topic_order(golden!("topic-order"), "source lots: t1 t2 t3 orders a zz payments b-1
    sink sink -> out: lots")]
#[case::many_diamonds(golden!("many-diamonds"), &many_diamonds())]
fn a_description_is_kafkas(#[case] golden: &str, #[case] plan: &str) {
    assert_eq!(build(plan).describe().to_string(), golden);
}

/// Forty nodes, most with two parents: sizes overflow, and search trees of children are turned round.
fn many_diamonds() -> String {
    let mut plan = "source src: in\nnode n0: src\nnode n1: n0\n".to_owned();
    for i in 2..40_usize {
        let (last, half) = (i - 1, i / 2);
        let parents = if last == half { format!("n{last}") } else { format!("n{last} n{half}") };
        plan.push_str(&format!("node n{i}: {parents}\n"));
    }
    plan
}

#[test]
fn internal_topics_stand_without_a_prefix() {
    let mut builder = TopologyBuilder::new();
    builder.add_internal_topic(InternalTopic { name: "again".into(), partitions: None }).unwrap();
    let first = builder.add_source::<String, String>("s1", &["in"], SourceOptions::default()).unwrap();
    builder.add_sink::<String, String>("k1", "again", SinkOptions::default(), &[first]).unwrap();
    builder.add_source::<String, String>("s2", &["again"], SourceOptions::default()).unwrap();
    let text = builder.build().unwrap().describe().to_string();
    assert!(text.contains("    Sink: k1 (topic: again)\n"), "{text}");
    assert!(text.contains("\n  Sub-topology: 1\n    Source: s2 (topics: [again])\n"), "{text}");
}

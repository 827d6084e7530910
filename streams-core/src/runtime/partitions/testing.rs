//! Small topologies for the tests of this module and its neighbours.

use std::sync::Arc;

use crate::ids::NodeId;
use crate::topology::{InternalTopic, SinkOptions, SourceOptions, Topology, TopologyBuilder};

/// Partition counts by name.
pub(crate) fn counts<const N: usize>(counts: &[(&str, u32); N]) -> [(Arc<str>, u32); N] {
    counts.map(|(topic, count)| (Arc::from(topic), count))
}

fn source(builder: &mut TopologyBuilder, topic: &str) -> NodeId {
    let options = SourceOptions::<String, String>::default();
    builder.add_source(&format!("source-{topic}"), &[topic], options).expect("is new")
}

fn repartition(builder: &mut TopologyBuilder, from: &[NodeId], partitions: Option<u32>) -> NodeId {
    let name = "x-repartition";
    builder.add_internal_topic(InternalTopic { name: name.into(), partitions }).expect("is new");
    builder.add_sink("to-x", name, SinkOptions::<String, String>::default(), from).expect("is new");
    source(builder, name)
}

/// `a` and `b` are written to `x-repartition`, and that to `out`.
pub(crate) fn two_stage(partitions: Option<u32>) -> Topology {
    let mut builder = TopologyBuilder::new();
    let sources = [source(&mut builder, "a"), source(&mut builder, "b")];
    let x = repartition(&mut builder, &sources, partitions);
    builder.add_sink("out", "out", SinkOptions::<String, String>::default(), &[x]).expect("is new");
    builder.build().expect("is valid")
}

/// `c` is written to `x-repartition`, which is joined with `a` and `b`.
pub(crate) fn joined(partitions: Option<u32>) -> Topology {
    let mut builder = TopologyBuilder::new();
    let c = source(&mut builder, "c");
    let x = repartition(&mut builder, &[c], partitions);
    let sources = [source(&mut builder, "a"), source(&mut builder, "b"), x];
    builder.add_sink("out", "out", SinkOptions::<String, String>::default(), &sources).expect("is new");
    builder.copartition(&sources);
    builder.build().expect("is valid")
}

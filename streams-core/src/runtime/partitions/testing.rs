//! Small topologies for the tests of this module and its neighbours.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::NodeId;
use crate::topology::{InternalTopic, SinkOptions, SourceOptions, Topology, TopologyBuilder};

/// Partition counts by name.
pub(crate) fn counts<'a>(counts: &'a [(&str, u32)]) -> impl Iterator<Item = (Arc<str>, u32)> + use<'a> {
    counts.iter().map(|(topic, count)| (Arc::from(*topic), *count))
}

/// `a` and `b` are written to a repartition topic, `X` or `X` and its explicit number, and that to `out`.
pub(crate) fn two_stage(partitions: Option<u32>) -> Topology {
    let x = partitions.map_or_else(|| "X".to_owned(), |partitions| format!("X{partitions}"));
    drawn(&[&format!("a b > {x}"), &format!("{x} >")], &[])
}

/// A topology of parts that each are `what it reads > what it writes`, and the topics that are joined. Names in capitals
/// are repartition topics; digits behind the name are its explicit number.
pub(crate) fn drawn(parts: &[&str], together: &[&str]) -> Topology {
    let mut builder = TopologyBuilder::new();
    let words = parts.iter().flat_map(|part| part.split_whitespace());
    let internal: BTreeSet<&str> = words.filter(|word| word.starts_with(char::is_uppercase)).collect();
    for name in internal {
        let partitions = name.trim_start_matches(char::is_alphabetic).parse().ok();
        builder.add_internal_topic(InternalTopic { name: name.into(), partitions }).expect("is new");
    }
    let mut sources: BTreeMap<&str, NodeId> = BTreeMap::new();
    for (index, part) in parts.iter().enumerate() {
        let (reads, writes) = part.split_once('>').expect("a part is `reads > writes`");
        let mut parents = Vec::new();
        for topic in reads.split_whitespace() {
            let node = *sources.entry(topic).or_insert_with(|| {
                let options = SourceOptions::<String, String>::default();
                builder.add_source(&format!("source-{topic}"), &[topic], options).expect("is new")
            });
            parents.push(node);
        }
        for topic in writes.split_whitespace().chain(["out"]) {
            let (name, options) = (format!("to-{topic}-{index}"), SinkOptions::<String, String>::default());
            builder.add_sink(&name, topic, options, &parents).expect("is new");
        }
    }
    for group in together {
        let group: Vec<NodeId> = group.split_whitespace().map(|topic| sources[topic]).collect();
        builder.copartition(&group);
    }
    builder.build().expect("is valid")
}

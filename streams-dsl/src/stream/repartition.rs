//! `repartition`: a stream sent through a topic, so that equal keys meet in one task again.

use std::rc::Rc;
use std::sync::Arc;

use streams_core::processor::StreamEdge;
use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::topology::{InternalTopic, OffsetResetPolicy, SinkOptions, SourceOptions, TypeSignature};
use streams_core::{NodeId, Result};

use crate::graph::{Graph, GraphId, Lower, LowerSite};
use crate::ops::stateless::{drop_null_keys, pass_through};
use crate::options::Repartitioned;
use crate::stream::KStream;

impl<K: DefaultSerde, V: DefaultSerde> KStream<K, V> {
    /// Sends the stream through an internal topic, partitioned by its key.
    pub fn repartition(&self) -> Self {
        let keys = self.keys.clone().unwrap_or_else(K::default_serde);
        let values = self.values.clone().unwrap_or_else(V::default_serde);
        self.repartition_with(Repartitioned::with(keys, values))
    }
}

impl<K: 'static, V: 'static> KStream<K, V> {
    /// The same with options: serdes, name, number of partitions.
    #[doc(alias = "repartition")]
    pub fn repartition_with(&self, options: Repartitioned<K, V>) -> Self {
        let mut graph = self.graph.borrow_mut();
        let name = match &options.name {
            Some(name) => name.clone(),
            None => graph.names().operator("KSTREAM-REPARTITION-"),
        };
        let (keys, values) = (Arc::clone(&options.keys), Arc::clone(&options.values));
        let node = add_repartition(&mut graph, self.node, &name, options);
        drop(graph);
        Self::from_source(Rc::clone(&self.graph), node).with_serdes(Some(keys), Some(values))
    }
}

/// Adds a repartition of `parent` through the topic `<name>-repartition`; takes three numbers, as in Kafka Streams.
pub(crate) fn add_repartition<K: 'static, V: 'static>(
    graph: &mut Graph,
    parent: GraphId,
    name: &str,
    options: Repartitioned<K, V>,
) -> GraphId {
    let (generated_sink, generated_filter, generated_source) = take_repartition_names(graph);
    let topic = if name.ends_with("-repartition") { name.to_owned() } else { format!("{name}-repartition") };
    // Nodes around a topic with a generated name keep generated names; a user's name names them too.
    let (sink, filter, source) = if is_generated(name) {
        (generated_sink, generated_filter, generated_source)
    } else {
        (format!("{topic}-sink"), format!("{topic}-filter"), format!("{topic}-source"))
    };
    let Repartitioned { keys, values, partitions, .. } = options;
    let lower = Repartition { topic: topic.into(), sink, filter, keys, values, partitions };
    graph.add(source, &[parent], lower)
}

fn take_repartition_names(graph: &mut Graph) -> (String, String, String) {
    let sink = graph.names().operator("KSTREAM-SINK-");
    let filter = graph.names().operator("KSTREAM-FILTER-");
    (sink, filter, graph.names().operator("KSTREAM-SOURCE-"))
}

/// Takes the numbers of a repartition that is shared with an earlier operator: each user of it takes them, as in Kafka
/// Streams.
pub(crate) fn skip_repartition_names(graph: &mut Graph) {
    take_repartition_names(graph);
}

/// Whether a name has the form of generated ones: `KSTREAM` and, at its end, `-` and ten digits.
fn is_generated(name: &str) -> bool {
    let Some((front, digits)) = name.rsplit_once('-') else { return false };
    front.starts_with("KSTREAM") && digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

struct Repartition<K, V> {
    topic: Arc<str>,
    sink: String,
    filter: String,
    keys: SerdeRef<K>,
    values: SerdeRef<V>,
    partitions: Option<u32>,
}

impl<K: 'static, V: 'static> Lower for Repartition<K, V> {
    fn lower(&self, site: LowerSite<'_>) -> Result<NodeId> {
        let topology = site.topology;
        topology.add_internal_topic(InternalTopic { name: Arc::clone(&self.topic), partitions: self.partitions })?;
        let edge = TypeSignature::of::<StreamEdge<K, V>>();
        let factory =
            if site.keeps_null_keys { pass_through::<K, V>() } else { drop_null_keys::<K, V>(Arc::clone(&self.keys)) };
        let filter = topology.add_processor(&self.filter, site.parents, edge, Some(edge), factory)?;
        let (keys, values) = (Arc::clone(&self.keys), Arc::clone(&self.values));
        let sink = SinkOptions { keys: Arc::clone(&keys), values: Arc::clone(&values), partitioner: None };
        topology.add_sink(&self.sink, &self.topic, sink, &[filter])?;
        let source = SourceOptions { keys, values, extractor: None, reset: OffsetResetPolicy::Earliest };
        topology.add_source(site.name, &[&self.topic], source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_names_are_told_row_given_ones() {
        assert!(is_generated("KSTREAM-AGGREGATE-STATE-STORE-0000000003"));
        assert!(!is_generated("by-product"));
        assert!(!is_generated("KSTREAM-MINE-12"));
    }
}

//! `repartition`: a stream sent through a topic, so that equal keys meet in one task again.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::processor::StreamEdge;
use streams_core::serde::{DefaultSerde, SerdeRef};
use streams_core::topology::{InternalTopic, OffsetResetPolicy, SinkOptions, SourceOptions, TypeSignature};
use streams_core::{NodeId, Result};

use crate::graph::{Graph, GraphId, Lower, LowerSite, NamedAfter};
use crate::ops::stateless::{drop_null_keys, pass_through};
use crate::options::Repartitioned;
use crate::stream::KStream;

impl<K: DefaultSerde, V: DefaultSerde> KStream<K, V> {
    /// Sends the stream through an internal topic, partitioned by its key.
    #[track_caller]
    pub fn repartition(&self) -> Self {
        let keys = self.keys.clone().unwrap_or_else(K::default_serde);
        let values = self.values.clone().unwrap_or_else(V::default_serde);
        self.repartition_with(Repartitioned::with(keys, values))
    }
}

impl<K: 'static, V: 'static> KStream<K, V> {
    /// The same with options: serdes, name, number of partitions.
    #[doc(alias = "repartition")]
    #[track_caller]
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
#[track_caller]
pub(crate) fn add_repartition<K: 'static, V: 'static>(
    graph: &mut Graph,
    parent: GraphId,
    name: &str,
    options: Repartitioned<K, V>,
) -> GraphId {
    let names = Names::take(graph);
    add(graph, parent, &Rc::new(RefCell::new(names.around(name))), options)
}

/// The same for an operator that may be named later: `rename` then renames topic and nodes after it.
#[track_caller]
pub(crate) fn add_renamable_repartition<K: 'static, V: 'static>(
    graph: &mut Graph,
    parent: GraphId,
    name: &str,
    options: Repartitioned<K, V>,
) -> (GraphId, NamedAfter) {
    let generated = Names::take(graph);
    let names = Rc::new(RefCell::new(generated.around(name)));
    let node = add(graph, parent, &names, options);
    let rename = move |graph: &mut Graph, name: &str| {
        let renamed = generated.around(name);
        graph.rename(node, &renamed.source);
        *names.borrow_mut() = renamed;
    };
    (node, Rc::new(rename))
}

#[track_caller]
fn add<K: 'static, V: 'static>(
    graph: &mut Graph,
    parent: GraphId,
    names: &Rc<RefCell<Names>>,
    options: Repartitioned<K, V>,
) -> GraphId {
    let Repartitioned { keys, values, partitions, .. } = options;
    let source = names.borrow().source.clone();
    graph.add(source, &[parent], Repartition { names: Rc::clone(names), keys, values, partitions })
}

/// What a repartition calls its topic and its nodes.
#[derive(Clone)]
struct Names {
    topic: String,
    sink: String,
    filter: String,
    source: String,
}

impl Names {
    /// Takes the three numbers of a repartition. It has no topic yet.
    fn take(graph: &mut Graph) -> Self {
        let sink = graph.names().operator("KSTREAM-SINK-");
        let filter = graph.names().operator("KSTREAM-FILTER-");
        Self { topic: String::new(), sink, filter, source: graph.names().operator("KSTREAM-SOURCE-") }
    }

    /// Those of a repartition through the topic of this name. Nodes around a topic with a generated name keep generated
    /// names; a user's name names them too.
    fn around(&self, name: &str) -> Self {
        let topic = if name.ends_with("-repartition") { name.to_owned() } else { format!("{name}-repartition") };
        if is_generated(name) {
            return Self { topic, ..self.clone() };
        }
        let (sink, filter) = (format!("{topic}-sink"), format!("{topic}-filter"));
        Self { sink, filter, source: format!("{topic}-source"), topic }
    }
}

/// Takes the numbers of a repartition that is shared with an earlier operator: each user of it takes them, as in Kafka
/// Streams.
pub(crate) fn skip_repartition_names(graph: &mut Graph) {
    Names::take(graph);
}

/// Whether a name has the form of generated ones: `KSTREAM` and, at its end, `-` and ten digits.
fn is_generated(name: &str) -> bool {
    let Some((front, digits)) = name.rsplit_once('-') else { return false };
    front.starts_with("KSTREAM") && digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

struct Repartition<K, V> {
    names: Rc<RefCell<Names>>,
    keys: SerdeRef<K>,
    values: SerdeRef<V>,
    partitions: Option<u32>,
}

impl<K: 'static, V: 'static> Lower for Repartition<K, V> {
    fn lower(&self, site: LowerSite<'_>) -> Result<NodeId> {
        let topology = site.topology;
        let names = self.names.borrow();
        let topic = names.topic.as_str();
        topology.add_internal_topic(InternalTopic { name: topic.into(), partitions: self.partitions })?;
        let edge = TypeSignature::of::<StreamEdge<K, V>>();
        let factory =
            if site.keeps_null_keys { pass_through::<K, V>() } else { drop_null_keys::<K, V>(Arc::clone(&self.keys)) };
        let filter = topology.add_processor(&names.filter, site.parents, edge, Some(edge), factory)?;
        let (keys, values) = (Arc::clone(&self.keys), Arc::clone(&self.values));
        let sink = SinkOptions { keys: Arc::clone(&keys), values: Arc::clone(&values), partitioner: None };
        topology.add_sink(&names.sink, topic, sink, &[filter])?;
        let source = SourceOptions { keys, values, extractor: None, reset: OffsetResetPolicy::Earliest };
        topology.add_source(site.name, &[topic], source)
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

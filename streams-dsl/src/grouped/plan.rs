//! What all aggregations of a grouped stream share: their names, and the repartition in front of them.

use std::rc::Rc;
use std::sync::Arc;

use crate::graph::{Graph, GraphId, Lower};
use crate::grouped::KGroupedStream;
use crate::options::Repartitioned;
use crate::stream::{add_repartition, skip_repartition_names};

/// The prefix of aggregations' names.
pub(super) const AGGREGATE: &str = "KSTREAM-AGGREGATE-";
/// The prefix of reductions' names.
pub(super) const REDUCE: &str = "KSTREAM-REDUCE-";

/// The names of an aggregation.
pub(super) struct Names {
    pub(super) store: String,
    pub(super) node: String,
}

impl Names {
    /// Takes the names of an aggregation. `given` is the user's name of the store. An unnamed `count_with` takes one
    /// number more, as in Kafka Streams.
    pub(super) fn take(graph: &mut Graph, prefix: &str, given: Option<&str>, is_unnamed_count: bool) -> Self {
        if is_unnamed_count && given.is_none() {
            graph.names().store(prefix);
        }
        let store = match given {
            Some(name) => name.to_owned(),
            None => graph.names().store(prefix),
        };
        Self { store, node: graph.names().operator(prefix) }
    }
}

/// Adds an aggregation to the graph, behind a repartition where the key changed. Returns the node and its sources.
#[track_caller]
pub(super) fn add_aggregation<K: 'static, V: 'static>(
    stream: &KGroupedStream<K, V>,
    names: &Names,
    lower: impl Lower + 'static,
) -> (GraphId, Rc<[GraphId]>) {
    let mut graph = stream.graph.borrow_mut();
    let (parent, sources) = if stream.repartition_required {
        let repartition = repartition(stream, &mut graph, &names.store);
        (repartition, [repartition].into())
    } else {
        (stream.node, Rc::clone(&stream.sources))
    };
    (graph.add(names.node.as_str(), &[parent], lower), sources)
}

/// The repartition in front of an aggregation. One with the user's name is shared by all aggregations of the grouping.
#[track_caller]
fn repartition<K: 'static, V: 'static>(stream: &KGroupedStream<K, V>, graph: &mut Graph, store: &str) -> GraphId {
    let options = Repartitioned::with(Arc::clone(&stream.keys), Arc::clone(&stream.values));
    match &stream.name {
        None => add_repartition(graph, stream.node, store, options),
        Some(name) => match stream.repartition.get() {
            Some(shared) => {
                skip_repartition_names(graph);
                shared
            }
            None => {
                let node = add_repartition(graph, stream.node, name, options);
                stream.repartition.set(Some(node));
                node
            }
        },
    }
}

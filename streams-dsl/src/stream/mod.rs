//! `KStream<K, V>`: a handle on a stream of records, each of them an event.

mod fixed_key;
mod grouping;
mod joins;
mod output;
mod process;
mod repartition;
mod split;
mod stateless;
mod to_table;

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use streams_core::serde::SerdeRef;
use streams_core::topology::NodeFactory;

use crate::graph::{GraphId, GraphRef, Lower, ProcessorNode};

pub use fixed_key::{FixedKeyContext, FixedKeyProcessor, FixedKeyRecord};
pub use process::{StoreRef, StoreSet};
pub(crate) use repartition::{add_renamable_repartition, add_repartition, skip_repartition_names};
pub use split::Split;

/// A stream of records, each an event of its own. A cheap handle: use it as often as you like.
///
/// Keys and values that may be null have the type `Option<_>`; a source drops and counts null where the type cannot hold
/// it.
///
/// ```
/// use streams_core::testing::TopologyTestDriver;
/// use streams_dsl::prelude::*;
///
/// let builder = StreamsBuilder::new();
/// let lines = builder.stream::<String, String>("lines");
/// let words = lines.flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>());
/// let mut split = words.split();
/// let short = split.branch(|_, word| word.len() < 4);
/// let long = split.default_branch();
/// short.merge(&long.map_values(|word| word.to_uppercase())).to("words");
///
/// let driver = TopologyTestDriver::new(builder.build()?)?;
/// driver.input::<String, String>("lines")?.pipe_at(Timestamp(7), "poem", "a white cat".to_owned())?;
/// driver.output::<String, String>("words")?.check("poem = a @ 7\npoem = WHITE @ 7\npoem = cat @ 7");
/// # Ok::<(), Error>(())
/// ```
pub struct KStream<K, V> {
    graph: GraphRef,
    node: GraphId,
    /// The serdes that came with the records, where they are still those of the source.
    keys: Option<SerdeRef<K>>,
    values: Option<SerdeRef<V>>,
    /// The key changed since the records were last partitioned by it.
    repartition_required: bool,
    /// The repartition that unnamed joins of this stream share, once one needed it.
    repartition: Rc<Cell<Option<GraphId>>>,
    /// The source nodes upstream, whose partition counts must agree with those of what this stream is joined with.
    sources: Rc<[GraphId]>,
}

impl<K: 'static, V: 'static> KStream<K, V> {
    /// A stream that begins at `node`.
    pub(crate) fn from_source(graph: GraphRef, node: GraphId) -> Self {
        Self::new(graph, node, [node].into())
    }

    /// A stream that `node` makes of what `sources` read.
    pub(crate) fn new(graph: GraphRef, node: GraphId, sources: Rc<[GraphId]>) -> Self {
        Self { graph, node, keys: None, values: None, repartition_required: false, repartition: Rc::default(), sources }
    }

    pub(crate) fn with_serdes(self, keys: Option<SerdeRef<K>>, values: Option<SerdeRef<V>>) -> Self {
        Self { keys, values, ..self }
    }

    pub(crate) fn requiring_repartition(self, repartition_required: bool) -> Self {
        Self { repartition_required, ..self }
    }

    /// Names the operator that made this stream. Names of other operators do not move.
    ///
    /// Legal names have letters, digits, `.`, `_` and `-`; `build` reports others.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        self.graph.borrow_mut().rename(self.node, name);
        self
    }

    /// Adds an operator with this stream as its only input.
    #[track_caller]
    fn operator<K2: 'static, V2: 'static>(&self, prefix: &str, factory: Arc<dyn NodeFactory>) -> KStream<K2, V2> {
        let node = ProcessorNode::stream_to_stream::<K, V, K2, V2>(factory);
        KStream::new(Rc::clone(&self.graph), self.add(prefix, node), Rc::clone(&self.sources))
            .requiring_repartition(self.repartition_required)
    }

    #[track_caller]
    fn add(&self, prefix: &str, lower: impl Lower + 'static) -> GraphId {
        let mut graph = self.graph.borrow_mut();
        let name = graph.names().operator(prefix);
        graph.add(name, &[self.node], lower)
    }
}

impl<K, V> Clone for KStream<K, V> {
    fn clone(&self) -> Self {
        Self {
            graph: Rc::clone(&self.graph),
            node: self.node,
            keys: self.keys.clone(),
            values: self.values.clone(),
            repartition_required: self.repartition_required,
            repartition: Rc::clone(&self.repartition),
            sources: Rc::clone(&self.sources),
        }
    }
}

impl<K, V> fmt::Debug for KStream<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KStream({})", self.graph.borrow().name(self.node))
    }
}

//! The Processor API's builder: sources, processors, sinks and stores by name, and the topology they make.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::NodeId;
use crate::processor::{
    Output, Partitioner, Sink, SinkNode, StreamEdge, TimestampExtractor, TopicChooser, TypedSource,
};
use crate::serde::{DefaultSerde, SerdeRef};
use crate::state::StoreSpec;
use crate::topology::subtopology::subtopologies;
use crate::topology::validate::{validate, validate_name};
use crate::topology::{
    InternalTopic, NodeFactory, NodeKind, NodeSpec, OffsetResetPolicy, Place, Subtopology, TypeSignature, Wiring,
};

/// How a source reads its topics.
pub struct SourceOptions<K, V> {
    /// Decodes keys.
    pub keys: SerdeRef<K>,
    /// Decodes values.
    pub values: SerdeRef<V>,
    /// Chooses the event time; `None` takes the record's own.
    pub extractor: Option<TimestampExtractor<K, V>>,
    /// Where to start without a committed offset.
    pub reset: OffsetResetPolicy,
}

impl<K: DefaultSerde, V: DefaultSerde> Default for SourceOptions<K, V> {
    fn default() -> Self {
        Self {
            keys: K::default_serde(),
            values: V::default_serde(),
            extractor: None,
            reset: OffsetResetPolicy::Default,
        }
    }
}

impl<K, V> Clone for SourceOptions<K, V> {
    fn clone(&self) -> Self {
        Self {
            keys: Arc::clone(&self.keys),
            values: Arc::clone(&self.values),
            extractor: self.extractor.clone(),
            reset: self.reset,
        }
    }
}

impl<K, V> fmt::Debug for SourceOptions<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SourceOptions").field("reset", &self.reset).finish_non_exhaustive()
    }
}

/// How a sink writes its topic.
pub struct SinkOptions<K, V> {
    /// Encodes keys.
    pub keys: SerdeRef<K>,
    /// Encodes values.
    pub values: SerdeRef<V>,
    /// Chooses the partition; `None` is murmur2 of the key's bytes.
    pub partitioner: Option<Partitioner<K, V>>,
}

impl<K: DefaultSerde, V: DefaultSerde> Default for SinkOptions<K, V> {
    fn default() -> Self {
        Self { keys: K::default_serde(), values: V::default_serde(), partitioner: None }
    }
}

impl<K, V> Clone for SinkOptions<K, V> {
    fn clone(&self) -> Self {
        Self { keys: Arc::clone(&self.keys), values: Arc::clone(&self.values), partitioner: self.partitioner.clone() }
    }
}

impl<K, V> fmt::Debug for SinkOptions<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SinkOptions").field("partitioned", &self.partitioner.is_some()).finish_non_exhaustive()
    }
}

/// Collects nodes and stores until [`Self::build`].
#[derive(Debug, Default)]
pub struct TopologyBuilder {
    nodes: Vec<NodeSpec>,
    by_name: BTreeMap<Arc<str>, NodeId>,
    stores: BTreeMap<Arc<str>, Arc<StoreSpec>>,
    internal_topics: BTreeMap<Arc<str>, InternalTopic>,
    copartitioned: Vec<Vec<NodeId>>,
    /// Where stores and internal topics were added, by name.
    places: BTreeMap<Arc<str>, Place>,
    /// Where the program asked for what is added now; none means the caller.
    place: Option<Place>,
}

impl TopologyBuilder {
    /// An empty builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says which place in the program asked for what is added from now on, for messages about mistakes. Without it that is
    /// the place of the call.
    pub fn set_place(&mut self, place: &'static Location<'static>) {
        self.place = Some(Place(place));
    }

    #[track_caller]
    fn place(&self) -> Place {
        self.place.unwrap_or(Place(Location::caller()))
    }

    /// Adds a source of typed records.
    ///
    /// # Errors
    /// When the name is illegal or taken, or there is no topic.
    #[track_caller]
    pub fn add_source<K: 'static, V: 'static>(
        &mut self,
        name: &str,
        topics: &[&str],
        options: SourceOptions<K, V>,
    ) -> Result<NodeId> {
        let kind =
            NodeKind::Source { topics: topics.iter().map(|topic| Arc::from(*topic)).collect(), reset: options.reset };
        let output = Some(TypeSignature::of::<StreamEdge<K, V>>());
        self.add_node(name, kind, &[], None, output, Arc::new(SourceFactory { options }))
    }

    /// Adds a processor that `factory` makes live. `input` and `output` are its edges' types, for validation.
    ///
    /// # Errors
    /// When the name is illegal or taken, or a parent is unknown.
    #[track_caller]
    pub fn add_processor(
        &mut self,
        name: &str,
        parents: &[NodeId],
        input: TypeSignature,
        output: Option<TypeSignature>,
        factory: Arc<dyn NodeFactory>,
    ) -> Result<NodeId> {
        self.add_node(name, NodeKind::Processor, parents, Some(input), output, factory)
    }

    /// Adds a sink to a topic.
    ///
    /// # Errors
    /// When the name is illegal or taken, or a parent is unknown.
    #[track_caller]
    pub fn add_sink<K: 'static, V: 'static>(
        &mut self,
        name: &str,
        topic: &str,
        options: SinkOptions<K, V>,
        parents: &[NodeId],
    ) -> Result<NodeId> {
        let topic: Arc<str> = topic.into();
        let kind = NodeKind::Sink { topic: Some(Arc::clone(&topic)) };
        let factory = SinkFactory { topic: SinkTarget::Fixed(topic), options };
        let input = Some(TypeSignature::of::<StreamEdge<K, V>>());
        self.add_node(name, kind, parents, input, None, Arc::new(factory))
    }

    /// Adds a sink that chooses the topic for each record.
    ///
    /// # Errors
    /// When the name is illegal or taken, or a parent is unknown.
    #[track_caller]
    pub fn add_dynamic_sink<K: 'static, V: 'static>(
        &mut self,
        name: &str,
        chooser: TopicChooser<K, V>,
        options: SinkOptions<K, V>,
        parents: &[NodeId],
    ) -> Result<NodeId> {
        let factory = SinkFactory { topic: SinkTarget::Chosen(chooser), options };
        let input = Some(TypeSignature::of::<StreamEdge<K, V>>());
        self.add_node(name, NodeKind::Sink { topic: None }, parents, input, None, Arc::new(factory))
    }

    /// Adds a store. The same spec may be added again; another one under the same name is an error.
    ///
    /// # Errors
    /// When another store has the name, the name is illegal, or a window store keeps its rows for too short a time.
    #[track_caller]
    pub fn add_store(&mut self, spec: Arc<StoreSpec>) -> Result<()> {
        let name: Arc<str> = spec.name().into();
        validate_name("store", &name)?;
        spec.validate()?;
        let place = self.place();
        match self.stores.get(&name) {
            Some(existing) if !Arc::ptr_eq(existing, &spec) => {
                let message = format!(
                    "a different store has already been added with the name {name}{}: name one of them differently",
                    self.both_places(&name, place)
                );
                Err(Error::new(ErrorKind::InvalidTopology, message))
            }
            Some(_) => Ok(()),
            None => {
                self.places.insert(Arc::clone(&name), place);
                self.stores.insert(name, spec);
                Ok(())
            }
        }
    }

    /// Where a store or an internal topic was added first, and where again.
    fn both_places(&self, name: &str, again: Place) -> String {
        self.places.get(name).map_or_else(String::new, |first| format!(" at {first}, and again at {again}"))
    }

    /// Connects a node to a store that was added.
    ///
    /// # Errors
    /// When the node is no processor, or the store is unknown.
    pub fn connect(&mut self, node: NodeId, store: &str) -> Result<()> {
        let Some((name, _)) = self.stores.get_key_value(store) else {
            return Err(Error::new(ErrorKind::InvalidTopology, format!("store {store} is unknown: add it first")));
        };
        let spec = &mut self.nodes[node.index()];
        if spec.kind != NodeKind::Processor {
            let message = format!("node {} is no processor and cannot be connected to store {store}", spec.name);
            return Err(Error::new(ErrorKind::InvalidTopology, message));
        }
        if !spec.stores.contains(name) {
            spec.stores.push(Arc::clone(name));
        }
        Ok(())
    }

    /// Declares a topic that the application makes for itself; sources and sinks name it without the prefix.
    ///
    /// # Errors
    /// When the name is illegal or already declared.
    #[track_caller]
    pub fn add_internal_topic(&mut self, topic: InternalTopic) -> Result<()> {
        validate_name("internal topic", &topic.name)?;
        let (name, place) = (Arc::clone(&topic.name), self.place());
        if self.internal_topics.contains_key(&name) {
            let message = format!(
                "internal topic {name} has already been registered{}: name one of the two differently",
                self.both_places(&name, place)
            );
            return Err(Error::new(ErrorKind::InvalidTopology, message));
        }
        self.places.insert(Arc::clone(&name), place);
        self.internal_topics.insert(name, topic);
        Ok(())
    }

    /// Declares that what these nodes read must have equally many partitions. A node that is no source stands for the
    /// sources above it, as that of a table does.
    pub fn copartition(&mut self, nodes: &[NodeId]) {
        let mut sources = Vec::new();
        for node in nodes {
            self.add_sources_of(*node, &mut sources);
        }
        self.copartitioned.push(sources);
    }

    fn add_sources_of(&self, node: NodeId, sources: &mut Vec<NodeId>) {
        let Some(spec) = self.nodes.get(node.index()) else { return };
        if !matches!(spec.kind, NodeKind::Source { .. }) {
            spec.parents.iter().for_each(|parent| self.add_sources_of(*parent, sources));
        } else if !sources.contains(&node) {
            sources.push(node);
        }
    }

    /// The node that has a name.
    pub fn node(&self, name: &str) -> Option<NodeId> {
        self.by_name.get(name).copied()
    }

    /// Checks everything and closes the topology. A store that no processor is connected to is left out, as in Kafka
    /// Streams.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTopology`], naming the nodes and the remedy.
    pub fn build(mut self) -> Result<Topology> {
        validate(&self.nodes)?;
        self.stores.retain(|name, _| {
            let is_used = self.nodes.iter().any(|node| node.stores.contains(name));
            if !is_used {
                tracing::warn!(store = &**name, "no processor is connected to this store: it is left out");
            }
            is_used
        });
        let mut children = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate() {
            for parent in &node.parents {
                children[parent.index()].push(NodeId(u32::try_from(index).unwrap_or(u32::MAX)));
            }
        }
        let subtopologies = subtopologies(&self.nodes, &self.internal_topics);
        Ok(Topology(Arc::new(Plan {
            node_names: self.nodes.iter().map(|node| Arc::clone(&node.name)).collect(),
            nodes: self.nodes,
            children,
            stores: self.stores,
            internal_topics: self.internal_topics,
            copartitioned: self.copartitioned,
            subtopologies,
        })))
    }

    #[track_caller]
    fn add_node(
        &mut self,
        name: &str,
        kind: NodeKind,
        parents: &[NodeId],
        input: Option<TypeSignature>,
        output: Option<TypeSignature>,
        factory: Arc<dyn NodeFactory>,
    ) -> Result<NodeId> {
        validate_name("node", name)?;
        let name: Arc<str> = name.into();
        let place = self.place();
        if let Some(first) = self.by_name.get(&name) {
            let first = self.nodes[first.index()].place;
            let message = format!(
                "node {name} is already added at {first}, and again at {place}: name one of the two differently"
            );
            return Err(Error::new(ErrorKind::InvalidTopology, message));
        }
        if let Some(unknown) = parents.iter().find(|parent| parent.index() >= self.nodes.len()) {
            let message = format!("parent {} of node {name} is unknown: add it first", unknown.0);
            return Err(Error::new(ErrorKind::InvalidTopology, message));
        }
        let id = NodeId(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        self.by_name.insert(Arc::clone(&name), id);
        let parents = parents.to_vec();
        self.nodes.push(NodeSpec { name, kind, parents, stores: Vec::new(), input, output, place, factory });
        Ok(id)
    }
}

/// A closed, valid plan. Cloning shares it.
#[derive(Clone)]
pub struct Topology(Arc<Plan>);

struct Plan {
    nodes: Vec<NodeSpec>,
    node_names: Arc<[Arc<str>]>,
    children: Vec<Vec<NodeId>>,
    stores: BTreeMap<Arc<str>, Arc<StoreSpec>>,
    internal_topics: BTreeMap<Arc<str>, InternalTopic>,
    copartitioned: Vec<Vec<NodeId>>,
    subtopologies: Vec<Subtopology>,
}

impl Topology {
    /// All nodes; a [`NodeId`] is an index into them. Parents come before children.
    pub fn nodes(&self) -> &[NodeSpec] {
        &self.0.nodes
    }

    /// The nodes' names, shared, as a task context wants them.
    pub fn node_names(&self) -> Arc<[Arc<str>]> {
        Arc::clone(&self.0.node_names)
    }

    /// A node's children in the order in which they were added.
    pub fn children(&self, node: NodeId) -> &[NodeId] {
        &self.0.children[node.index()]
    }

    /// A store's spec by name.
    pub fn store(&self, name: &str) -> Option<&Arc<StoreSpec>> {
        self.0.stores.get(name)
    }

    /// All stores in the order of their names.
    pub fn stores(&self) -> impl Iterator<Item = &Arc<StoreSpec>> {
        self.0.stores.values()
    }

    /// The topics that the application makes for itself, without changelogs.
    pub fn internal_topics(&self) -> impl Iterator<Item = &InternalTopic> {
        self.0.internal_topics.values()
    }

    /// Whether a topic that a node names is one of them, so that it carries the application's prefix.
    pub fn is_internal_topic(&self, name: &str) -> bool {
        self.0.internal_topics.contains_key(name)
    }

    /// Groups of sources that must have equally many partitions.
    pub fn copartitioned(&self) -> &[Vec<NodeId>] {
        &self.0.copartitioned
    }

    /// The connected parts; each becomes one task per partition.
    pub fn subtopologies(&self) -> &[Subtopology] {
        &self.0.subtopologies
    }
}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.node_names.iter()).finish()
    }
}

struct SourceFactory<K, V> {
    options: SourceOptions<K, V>,
}

impl<K: 'static, V: 'static> NodeFactory for SourceFactory<K, V> {
    fn wire(&self, node: NodeId, wiring: &mut Wiring<'_>) -> Result<()> {
        let output: Output<dyn Sink<K, V>> = wiring.output(node)?;
        let SourceOptions { keys, values, extractor, .. } = self.options.clone();
        wiring.source(node, TypedSource::new(node, keys, values, extractor, output));
        Ok(())
    }
}

enum SinkTarget<K, V> {
    Fixed(Arc<str>),
    Chosen(TopicChooser<K, V>),
}

struct SinkFactory<K, V> {
    topic: SinkTarget<K, V>,
    options: SinkOptions<K, V>,
}

impl<K: 'static, V: 'static> NodeFactory for SinkFactory<K, V> {
    fn wire(&self, node: NodeId, wiring: &mut Wiring<'_>) -> Result<()> {
        let SinkOptions { keys, values, partitioner } = self.options.clone();
        let sink = match &self.topic {
            SinkTarget::Fixed(topic) => SinkNode::fixed(node, wiring.topic(topic)?, keys, values, partitioner),
            SinkTarget::Chosen(chooser) => SinkNode::chosen(node, Arc::clone(chooser), keys, values, partitioner),
        };
        wiring.input(node, sink);
        Ok(())
    }
}

//! Where a stream ends: in a topic, in a topic chosen per record, in a closure, or before eyes.

use std::sync::Arc;

use streams_core::processor::{StreamEdge, TopicChooser};
use streams_core::serde::DefaultSerde;
use streams_core::topology::{SinkOptions, TypeSignature};
use streams_core::{NodeId, Result};

use crate::graph::{Lower, LowerSite, ProcessorNode};
use crate::ops::stateless;
use crate::options::{Printed, Produced};
use crate::stream::KStream;

impl<K: DefaultSerde, V: DefaultSerde> KStream<K, V> {
    /// Writes the stream to a topic, which must exist, with the serdes of its source or of its types.
    #[track_caller]
    pub fn to(&self, topic: &str) {
        self.to_with(topic, self.produced());
    }

    /// Writes each record to the topic that `choose` names for it.
    #[doc(alias = "to")]
    #[track_caller]
    pub fn to_chosen<F>(&self, choose: F)
    where
        F: Fn(&K, &V) -> String + Send + Sync + 'static,
    {
        self.to_chosen_with(self.produced(), choose);
    }

    fn produced(&self) -> Produced<K, V> {
        let keys = self.keys.clone().unwrap_or_else(K::default_serde);
        let values = self.values.clone().unwrap_or_else(V::default_serde);
        Produced::with(keys, values)
    }
}

impl<K: 'static, V: 'static> KStream<K, V> {
    /// Writes the stream to a topic with options: serdes, partitioner, name.
    #[track_caller]
    pub fn to_with(&self, topic: &str, produced: Produced<K, V>) {
        self.add_sink(Target::Fixed(topic.to_owned()), produced);
    }

    /// Writes each record to the topic that `choose` names for it, with options.
    #[doc(alias = "to")]
    #[track_caller]
    pub fn to_chosen_with<F>(&self, produced: Produced<K, V>, choose: F)
    where
        F: Fn(&K, &V) -> String + Send + Sync + 'static,
    {
        self.add_sink(Target::Chosen(Arc::new(choose)), produced);
    }

    /// Shows every record to `look`; the stream ends there.
    #[doc(alias = "foreach")]
    #[track_caller]
    pub fn for_each<F>(&self, look: F)
    where
        F: Fn(&K, &V) + Send + Sync + 'static,
    {
        let node = ProcessorNode::new(TypeSignature::of::<StreamEdge<K, V>>(), None, stateless::foreach(look));
        self.add("KSTREAM-FOREACH-", node);
    }

    /// Prints every record as a line; the stream ends there.
    ///
    /// ```
    /// use streams_core::testing::TopologyTestDriver;
    /// use streams_dsl::prelude::*;
    ///
    /// let (mut lines, out) = std::io::pipe()?;
    /// let builder = StreamsBuilder::new();
    /// builder.stream::<String, i64>("sales").print(Printed::to_writer(out).label("sold"));
    ///
    /// let driver = TopologyTestDriver::new(builder.build()?)?;
    /// driver.input::<String, i64>("sales")?.pipe_all([("pen", 3), ("ink", 1)])?;
    /// drop(driver);
    /// drop(builder);
    /// assert_eq!(std::io::read_to_string(&mut lines)?, "[sold]: \"pen\", 3\n[sold]: \"ink\", 1\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn print(&self, printed: Printed<K, V>) {
        let name = printed.name.clone();
        let printer = self.add("KSTREAM-PRINTER-", Printer(printed));
        if let Some(name) = name {
            self.graph.borrow_mut().rename(printer, &name);
        }
    }

    #[track_caller]
    fn add_sink(&self, target: Target<K, V>, produced: Produced<K, V>) {
        let sink = self.add("KSTREAM-SINK-", StreamSink { target, options: produced.sink });
        if let Some(name) = produced.name {
            self.graph.borrow_mut().rename(sink, &name);
        }
    }
}

struct Printer<K, V>(Printed<K, V>);

impl<K: 'static, V: 'static> Lower for Printer<K, V> {
    fn lower(&self, site: LowerSite<'_>) -> Result<NodeId> {
        let Printed { out, label, mapper, .. } = &self.0;
        let label = label.as_deref().unwrap_or(site.parent_name).into();
        let factory = stateless::print(Arc::clone(out), label, Arc::clone(mapper));
        let input = TypeSignature::of::<StreamEdge<K, V>>();
        site.topology.add_processor(site.name, site.parents, input, None, factory)
    }
}

enum Target<K, V> {
    Fixed(String),
    Chosen(TopicChooser<K, V>),
}

struct StreamSink<K, V> {
    target: Target<K, V>,
    options: SinkOptions<K, V>,
}

impl<K: 'static, V: 'static> Lower for StreamSink<K, V> {
    fn lower(&self, site: LowerSite<'_>) -> Result<NodeId> {
        let options = self.options.clone();
        match &self.target {
            Target::Fixed(topic) => site.topology.add_sink(site.name, topic, options, site.parents),
            Target::Chosen(chooser) => {
                site.topology.add_dynamic_sink(site.name, Arc::clone(chooser), options, site.parents)
            }
        }
    }
}

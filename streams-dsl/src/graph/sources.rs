//! Which topics are read by which source, so that a topic that is read twice alike has one source.

use std::panic::Location;

use streams_core::topology::{OffsetResetPolicy, SourceOptions, TypeSignature};
use streams_core::{Error, ErrorKind};

use crate::graph::{Graph, GraphId};

/// What a stream's source reads, and how.
pub(crate) struct ReadTopics {
    topics: Vec<String>,
    types: TypeSignature,
    reset: OffsetResetPolicy,
    has_extractor: bool,
    /// Where the program asked for it.
    place: &'static Location<'static>,
}

impl ReadTopics {
    /// The topics in any order, with the type that is read out of them.
    #[track_caller]
    pub(crate) fn new<K, V>(topics: &[&str], types: TypeSignature, options: &SourceOptions<K, V>) -> Self {
        let mut topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        topics.sort_unstable();
        let has_extractor = options.extractor.is_some();
        Self { topics, types, reset: options.reset, has_extractor, place: Location::caller() }
    }

    /// Why a source that was added first cannot serve this reader too.
    fn differs_from(&self, first: &Self) -> Option<String> {
        let topics = self.topics.join(", ");
        if self.types != first.types {
            return Some(format!("topic {topics} is read twice, as {} and as {}", first.types, self.types));
        }
        if self.reset != first.reset {
            return Some(format!("topic {topics} is read twice, with different offset reset policies"));
        }
        let extracts = self.has_extractor || first.has_extractor;
        extracts.then(|| format!("topic {topics} is read twice, with a timestamp extractor"))
    }
}

impl Graph {
    /// The source that reads exactly these topics. Notes a mistake when it reads them in another way.
    pub(crate) fn source_of(&mut self, read: &ReadTopics) -> Option<GraphId> {
        let (first, node) = self.sources.iter().find(|(first, _)| first.topics == read.topics)?;
        let node = *node;
        if let Some(difference) = read.differs_from(first) {
            let [first, again] = [first.place, read.place].map(|place| format!("{}:{}", place.file(), place.line()));
            let message = format!("{difference} (at {first} and {again}): read it once, and use the stream twice");
            self.refuse(Error::new(ErrorKind::InvalidTopology, message));
        }
        Some(node)
    }

    /// Notes what a source reads.
    pub(crate) fn add_source(&mut self, read: ReadTopics, node: GraphId) {
        self.sources.push((read, node));
    }
}

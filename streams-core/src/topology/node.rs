//! One node of the plan: its name, kind, parents, types, and the factory that makes it live.

use std::any::{type_name, TypeId};
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::error::Result;
use crate::ids::NodeId;
use crate::serde::without_paths;
use crate::topology::Wiring;

/// Makes a node live in one task. Shared by all tasks of a topology; called once per task, children first.
pub trait NodeFactory: Send + Sync {
    /// Takes the node's outputs and stores from `wiring` and gives it the node's input.
    ///
    /// # Errors
    /// When a store cannot be had under the type the node expects.
    fn wire(&self, node: NodeId, wiring: &mut Wiring<'_>) -> Result<()>;
}

/// The type of an edge: what a node takes or emits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct TypeSignature {
    id: TypeId,
    name: &'static str,
}

impl TypeSignature {
    /// The signature of an edge type, such as `StreamEdge<String, i64>`.
    pub fn of<E: ?Sized + 'static>() -> Self {
        Self { id: TypeId::of::<E>(), name: type_name::<E>() }
    }
}

impl fmt::Display for TypeSignature {
    /// `Sink<String, i64>` without paths, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_paths(self.name))
    }
}

impl fmt::Debug for TypeSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// From where a source reads a partition that has no committed offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OffsetResetPolicy {
    /// As the consumer's setting `auto.offset.reset` says.
    #[default]
    Default,
    /// From the first record.
    Earliest,
    /// From the end: only what comes later.
    Latest,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NodeKind {
    /// Reads topics.
    Source {
        /// Their names; those of internal topics without the application's prefix.
        topics: Vec<Arc<str>>,
        /// From where, without a committed offset.
        reset: OffsetResetPolicy,
    },
    /// Transforms records.
    Processor,
    /// Writes to a topic.
    Sink {
        /// Its name, without the prefix for an internal topic; `None` when chosen per record.
        topic: Option<Arc<str>>,
    },
}

/// A topic that the topology makes for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalTopic {
    /// Its name without the application's prefix, such as `counts-repartition`.
    pub name: Arc<str>,
    /// How many partitions it must have; `None` leaves it to the largest source of what writes to it.
    pub partitions: Option<u32>,
}

/// A place in the user's program, for messages: `src/main.rs:12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(pub(crate) &'static Location<'static>);

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.file(), self.0.line())
    }
}

/// A node of the plan.
#[derive(Clone)]
pub struct NodeSpec {
    /// Its unique name.
    pub name: Arc<str>,
    /// What it is.
    pub kind: NodeKind,
    /// The nodes that feed it.
    pub parents: Vec<NodeId>,
    /// The names of the stores it is connected to.
    pub stores: Vec<Arc<str>>,
    /// What it takes; `None` for sources.
    pub input: Option<TypeSignature>,
    /// What it emits; `None` for sinks and for nodes that emit nothing.
    pub output: Option<TypeSignature>,
    /// Where the program added it.
    pub place: Place,
    pub(crate) factory: Arc<dyn NodeFactory>,
}

impl fmt::Debug for NodeSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NodeSpec")
            .field("name", &self.name)
            .field("kind", &self.kind)
            .field("parents", &self.parents)
            .field("stores", &self.stores)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::StreamEdge;

    #[test]
    fn signatures_print_without_paths() {
        let signature = TypeSignature::of::<StreamEdge<String, Option<Vec<u8>>>>();
        assert_eq!(signature.to_string(), "dyn Sink<String, Option<Vec<u8>>>");
    }
}

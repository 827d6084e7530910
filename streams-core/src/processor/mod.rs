//! The hot path: borrowed records pushed through typed edges, depth first, one at a time.
//!
//! ```text
//! raw bytes ─► source (decode into a reused slot) ─► Sink<K, V> ─► … ─► sink (encode into a reused buffer) ─► collector
//! ```
//!
//! A node is concrete code behind a [`Sink`] (a stream edge) or a [`TableSink`] (a table edge). It is wired once per
//! task, children first, so an edge owns what lies behind it. While records flow nothing is looked up by name,
//! nothing is downcast and nothing is allocated per hop.
//!
//! Nodes know neither threads nor brokers: what leaves a task goes through [`RecordCollector`], which the runtime and
//! the test driver implement. No borrow of a store is held across a forward.

mod collector;
mod context;
mod dead_letters;
mod edge;
mod live;
mod punctuation;
mod sink;
mod source;
mod task_context;

pub use collector::{RecordCollector, SinkTopic};
pub use context::{Context, Processor};
pub use edge::{Output, Shared, Sink, StreamEdge, TableEdge, TableRecord, TableSink};
pub use live::LiveNode;
pub use punctuation::{Cancellable, Punctuation, PunctuationType, Punctuations};
pub use sink::{Partitioner, SinkNode, TopicChooser};
pub use source::{RawRecord, SourceNode, TimestampExtractor, TypedSource};
pub use task_context::{DeserializationHandler, ProcessingHandler, RecordPosition, TaskContext, Verdict};

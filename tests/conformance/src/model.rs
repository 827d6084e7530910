//! A case as data, as `FORMAT.md` describes it. Unknown fields are refused, so that a typing mistake never tests less
//! than it says; names of functions are checked where they are used.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::value::{Datum, Type};

/// One file of cases: `cases/FAMILY.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// The version of Kafka Streams that answered; empty before it did.
    pub kafka: String,
    /// The cases in order.
    pub cases: Vec<Case>,
}

/// A topology, its input, and what Kafka Streams did with them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique over all families: `family/what-it-shows`.
    pub name: String,
    /// The family, which is also the name of the file.
    pub family: String,
    /// What it shows, in a sentence.
    pub about: String,
    /// The program.
    pub topology: TopologySpec,
    /// What happens to it, in order.
    pub input: Vec<Step>,
    /// What Kafka Streams answered; absent while nobody asked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<Expected>,
}

/// A program as data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TopologySpec {
    /// Settings that change the topology or the run.
    #[serde(default)]
    pub config: ConfigSpec,
    /// Stores added for processors.
    #[serde(default)]
    pub stores: Vec<StoreSpec>,
    /// The operators in the order of the program.
    pub nodes: Vec<Node>,
}

/// Settings that change the topology or the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigSpec {
    /// `none`, `all` or a list of Kafka's names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optimization: Option<Optimization>,
    /// `ensure.explicit.internal.resource.naming`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explicit_names: Option<bool>,
    /// The wall clock between two emissions of what closed or did not match, in ms; none unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emit_interval: Option<i64>,
    /// `continue`: a record whose processing fails is given up and counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processing_handler: Option<String>,
    /// `continue`: a record that cannot be read is given up and counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deserialization_handler: Option<String>,
}

/// `topology.optimization`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Optimization {
    /// `none` or `all`.
    Word(String),
    /// Some of them by Kafka's names.
    Some(Vec<String>),
}

/// A store added by name, for processors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSpec {
    /// Its name.
    pub name: String,
    /// What it keeps.
    pub kind: StoreKind,
    /// The type of its keys.
    pub key: Type,
    /// The type of its values.
    pub value: Type,
    /// How long windows and sessions are kept, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<i64>,
    /// How long a window is, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_size: Option<i64>,
    /// How long old versions are kept, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<i64>,
    /// Whether it has a changelog; it has unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<bool>,
    /// Whether it has a cache; it has none unless told otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caching: Option<bool>,
}

/// What a store keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of FORMAT.md")]
pub enum StoreKind {
    #[default]
    KeyValue,
    Window,
    Session,
    Versioned,
}

/// The operators, under the names of `FORMAT.md`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of FORMAT.md")]
pub enum Op {
    #[default]
    Stream,
    Table,
    GlobalTable,
    Filter,
    FilterNot,
    Map,
    MapValues,
    FlatMap,
    FlatMapValues,
    SelectKey,
    Peek,
    Foreach,
    Print,
    Split,
    Merge,
    Repartition,
    To,
    ToTable,
    ToStream,
    GroupByKey,
    GroupBy,
    WindowedBy,
    Count,
    Reduce,
    Aggregate,
    Cogroup,
    CogroupWith,
    StreamJoin,
    StreamLeftJoin,
    StreamOuterJoin,
    TableJoin,
    TableLeftJoin,
    GlobalJoin,
    GlobalLeftJoin,
    Join,
    LeftJoin,
    OuterJoin,
    ForeignJoin,
    ForeignLeftJoin,
    Suppress,
    TransformValues,
    Process,
    ProcessValues,
    AddGlobalStore,
}

impl Op {
    /// The name in `FORMAT.md`.
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => format!("{self:?}"),
        }
    }
}

macro_rules! node {
    ($($(#[$doc:meta])* $field:ident: $type:ty),+ $(,)?) => {
        /// One operator. Which fields an operator takes is in `FORMAT.md`; the interpreters refuse others.
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Node {
            /// What it does.
            pub op: Op,
            $($(#[$doc])* #[serde(default, skip_serializing_if = "Option::is_none")] pub $field: Option<$type>,)+
        }

        impl Node {
            /// The names of the fields that are given, beside `op`.
            pub fn given(&self) -> Vec<&'static str> {
                let mut given = Vec::new();
                $(if self.$field.is_some() { given.push(stringify!($field)); })+
                given
            }
        }
    };
}

node! {
    /// The handle of what it returns.
    id: String,
    /// The handle of its input.
    from: String,
    /// The user's name for the operator.
    name: String,
    /// `default`: every serde is left out.
    serdes: String,
    /// The topics of a stream.
    topics: Vec<String>,
    /// Topics by pattern.
    pattern: String,
    /// The topic of a table or sink.
    topic: String,
    /// The type of a source's keys.
    key: Type,
    /// The type of a source's values.
    value: Type,
    /// The timestamp extractor of a source; the key mapper of a foreign-key join.
    extractor: String,
    /// The offset reset policy.
    reset: String,
    /// How the table is stored.
    materialized: MaterializedSpec,
    /// A predicate.
    predicate: String,
    /// A mapper of the operator's kind.
    mapper: String,
    /// What `print` puts in front.
    label: String,
    /// The branches of a split.
    branches: Vec<BranchSpec>,
    /// The default branch of a split.
    default: DefaultBranchSpec,
    /// The handle of the other input.
    with: String,
    /// The number of partitions of a repartition topic.
    partitions: u32,
    /// A partitioner.
    partitioner: String,
    /// A topic chooser.
    chooser: String,
    /// Windows.
    window: WindowSpec,
    /// The emit strategy.
    emit: String,
    /// A reducer.
    reducer: String,
    /// The adder of a table's reduction.
    adder: String,
    /// What takes a row's old value away.
    subtractor: String,
    /// An initializer.
    initializer: String,
    /// An aggregator.
    aggregator: String,
    /// A session merger.
    merger: String,
    /// The type of a cogrouped aggregate.
    result: Type,
    /// A joiner.
    joiner: String,
    /// The base of a join's store names.
    store_name: String,
    /// The stores of a processor, or the kind of a join's.
    stores: StoresSpec,
    /// The grace of a join with a versioned table, in ms.
    grace: i64,
    /// Until when a suppression holds updates back.
    until: UntilSpec,
    /// A processor.
    processor: String,
    /// A store that comes with the operator.
    store: StoreSpec,
}

/// How a table is stored; `{}` gives serdes only.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MaterializedSpec {
    /// The name of the store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `in_memory` (default), `persistent` or `versioned`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<String>,
    /// How long old versions are kept, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub history: Option<i64>,
    /// How long windows are kept, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<i64>,
    /// Whether it has a cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caching: Option<bool>,
    /// Whether it has a changelog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<bool>,
}

/// A branch of a split.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BranchSpec {
    /// Which records it takes.
    pub predicate: String,
    /// The user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its handle.
    pub id: String,
    /// A value mapper that the branch's stream is handed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<String>,
}

/// The default branch of a split.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DefaultBranchSpec {
    /// Its handle.
    pub id: String,
    /// The user's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// Windows. Times are in ms; without a grace it is the factory with no grace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "the names are those of FORMAT.md")]
pub enum WindowSpec {
    Tumbling {
        size: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grace: Option<i64>,
    },
    Hopping {
        size: i64,
        advance: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grace: Option<i64>,
    },
    Sliding {
        difference: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grace: Option<i64>,
    },
    Session {
        gap: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grace: Option<i64>,
    },
    Unlimited {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        start: Option<i64>,
    },
    Join {
        before: i64,
        after: i64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grace: Option<i64>,
    },
}

/// The stores of a processor by name, or the kind of a join's stores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum StoresSpec {
    /// A kind for both stores of a join.
    Kind(String),
    /// Names.
    Names(Vec<String>),
}

/// Until when a suppression holds updates back.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UntilSpec {
    /// Until the window closes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window_close: Option<BufferSpec>,
    /// For this long, in ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<i64>,
    /// At most so many records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_records: Option<i64>,
    /// At most so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<i64>,
    /// `emit` or `shutdown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_full: Option<String>,
}

/// The limits of a strict buffer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BufferSpec {
    /// At most so many records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_records: Option<i64>,
    /// At most so many bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<i64>,
}

/// One step of the input.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Step {
    /// A record.
    Record(InputRecord),
    /// The wall clock moves on.
    Advance(AdvanceStep),
    /// Caches are flushed.
    Commit(CommitStep),
    /// The task starts again.
    Restart(RestartStep),
}

/// A record that goes in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputRecord {
    /// The topic.
    pub topic: String,
    /// The key.
    pub key: Datum,
    /// The value.
    pub value: Datum,
    /// The timestamp, in ms.
    pub ts: i64,
    /// Headers: a name and a text or null each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderSpec>,
}

/// A header: its name, and a text or null.
pub type HeaderSpec = (String, Option<String>);

/// The wall clock moves on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdvanceStep {
    /// By how much, in ms.
    pub advance: i64,
}

/// Caches are flushed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitStep {
    /// Always true.
    pub commit: bool,
}

/// The task closes and opens again, its stores read from their changelogs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestartStep {
    /// Always true.
    pub restart: bool,
}

/// What Kafka Streams answered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The topology as text, by lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub describe: Option<Vec<String>>,
    /// The topology as text with all optimizations, by lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub describe_optimized: Option<Vec<String>>,
    /// `class: message` of a topology that is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// What came of the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Runs>,
}

/// What came of the input, without and with caches.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    /// Without caches.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uncached: Option<Run>,
    /// With caches that only a commit flushes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached: Option<CachedRun>,
}

/// The run with caches, where it differs from the one without.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CachedRun {
    /// What the run without caches gave.
    Same,
    /// Something else.
    #[serde(untagged)]
    Other(Run),
}

/// What came of the input.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The records of all sink topics in the order written.
    #[serde(default)]
    pub output: Vec<OutputRecord>,
    /// Every store after the last step, unless the run fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stores: Option<BTreeMap<String, Vec<Row>>>,
    /// The bytes of every internal topic.
    #[serde(default)]
    pub internal: BTreeMap<String, Vec<InternalRecord>>,
    /// What `peek`, `foreach` and `print` saw, by node.
    #[serde(default)]
    pub seen: BTreeMap<String, Vec<serde_json::Value>>,
    /// How many records were dropped.
    #[serde(default)]
    pub dropped: u64,
    /// The class of the error, when the run ends with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails: Option<String>,
    /// At which step it fails: -1 for the start, the number of steps for the last commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fails_at: Option<i64>,
    /// What Kafka says about it, for the reader.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// A record of a sink topic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputRecord {
    /// The topic.
    pub topic: String,
    /// The key.
    pub key: Datum,
    /// The value.
    pub value: Datum,
    /// The timestamp, in ms.
    pub ts: i64,
    /// The headers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderSpec>,
}

/// A row of a store.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The key.
    pub key: Datum,
    /// The value.
    pub value: Datum,
    /// The row's time, in stores that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ts: Option<i64>,
    /// When a version ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
    /// The headers, in window stores of stream joins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderSpec>,
}

/// A record of an internal topic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InternalRecord {
    /// The key's bytes in hexadecimal.
    pub key: Option<String>,
    /// The value's bytes in hexadecimal.
    pub value: Option<String>,
    /// The timestamp, in ms; none in a suppress buffer's changelog.
    pub ts: Option<i64>,
    /// The headers: a name and the value's bytes in hexadecimal each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderSpec>,
}

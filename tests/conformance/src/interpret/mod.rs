//! Builds a case's program with the DSL, node by node; one file per family of operators.
//!
//! What the DSL does not have yet ends the build with [`Stop::Missing`] and its name, so that the case is skipped by that
//! name. What a case gets wrong ends it with [`Stop::Mistake`].

mod aggregate;
mod fields;
mod grouping;
pub(crate) mod handles;
mod join;
mod options;
mod process;
mod routing;
mod sink;
mod source;
mod stateless;
mod table;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use streams_core::topology::Topology;
use streams_core::Error;
use streams_dsl::{StoreRef, StreamsBuilder};

use crate::model::{Node, Op, Optimization, TopologySpec};
use crate::value::{Datum, Type};
use handles::{Handle, Stream, Table, Typed};

/// Why a program was not built.
#[derive(Debug)]
pub enum Stop {
    /// The DSL has no such thing yet; its name.
    Missing(String),
    /// The case is wrong.
    Mistake(String),
    /// The DSL refuses the program.
    Refused(Error),
}

/// A mistake in a case.
///
/// # Errors
/// Always [`Stop::Mistake`].
pub fn mistake<T>(message: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Mistake(message.into()))
}

/// Something that the DSL does not have yet.
pub(crate) fn missing<T>(what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Missing(what.into()))
}

/// What `peek` and `foreach` saw, by node.
#[derive(Debug, Clone, Default)]
pub struct Seen(Arc<Mutex<BTreeMap<String, Vec<Value>>>>);

impl Seen {
    fn watch(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(id.to_owned()).or_default();
    }

    fn saw(&self, id: &str, key: &Datum, value: &Datum) {
        let pair = serde_json::to_value([key, value]).unwrap_or(Value::Null);
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(id.to_owned()).or_default().push(pair);
    }

    /// Where a printer's lines go.
    fn lines(&self, id: &str) -> Lines {
        self.watch(id);
        Lines { seen: self.clone(), id: id.to_owned() }
    }

    /// All that was seen so far.
    pub fn all(&self) -> BTreeMap<String, Vec<Value>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Writes down the lines of a printer, one per write.
struct Lines {
    seen: Seen,
    id: String,
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes).trim_end_matches('\n').to_owned();
        let mut seen = self.seen.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry(self.id.clone()).or_default().push(line.into());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A program that was built.
#[derive(Debug)]
pub struct Program {
    /// The topology.
    pub topology: Topology,
    /// The types by which the records of sinks' topics are read; `out-` stands for topics that are chosen per record.
    pub sinks: BTreeMap<String, (Type, Type)>,
    /// The types of topics that are read.
    pub sources: BTreeMap<String, (Type, Type)>,
    /// What `peek` and `foreach` saw.
    pub seen: Seen,
    /// What the nodes returned, in the order of their ids.
    pub handles: Vec<Returned>,
}

/// What a node returned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: Kind,
    /// The type of its keys.
    pub key: Type,
    /// The type of its values.
    pub value: Type,
}

/// What a handle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Kind {
    Stream,
    Table,
    Grouped,
    Windowed,
}

/// A store that was added for processors.
pub(crate) enum AddedStore {
    KeyValue(StoreRef<streams_core::state::KeyValueStore<Datum, Datum>>),
    Window(StoreRef<streams_core::state::WindowStore<Datum, Datum>>),
}

/// A program in the making.
pub(crate) struct Builder {
    dsl: StreamsBuilder,
    handles: BTreeMap<String, Typed>,
    stores: BTreeMap<String, AddedStore>,
    sinks: BTreeMap<String, (Type, Type)>,
    sources: BTreeMap<String, (Type, Type)>,
    seen: Seen,
}

/// Builds a program.
///
/// # Errors
/// When the DSL lacks something, the case is wrong, or the DSL refuses the program.
pub fn build(spec: &TopologySpec) -> Result<Program, Stop> {
    require_config(spec)?;
    let mut builder = Builder {
        dsl: StreamsBuilder::new(),
        handles: BTreeMap::new(),
        stores: BTreeMap::new(),
        sinks: BTreeMap::new(),
        sources: BTreeMap::new(),
        seen: Seen::default(),
    };
    for store in &spec.stores {
        builder.add_store(store)?;
    }
    for node in &spec.nodes {
        let at = |stop: Stop| match stop {
            Stop::Mistake(what) => {
                Stop::Mistake(format!("{} `{}`: {what}", node.op.name(), node.id.as_deref().unwrap_or("")))
            }
            other => other,
        };
        fields::check(node).map_err(at)?;
        builder.interpret(node).map_err(at)?;
    }
    let topology = builder.dsl.build().map_err(Stop::Refused)?;
    let returned =
        |(id, typed): (String, Typed)| Returned { id, kind: typed.handle.kind(), key: typed.key, value: typed.value };
    let handles = builder.handles.into_iter().map(returned).collect();
    Ok(Program { topology, sinks: builder.sinks, sources: builder.sources, seen: builder.seen, handles })
}

fn require_config(spec: &TopologySpec) -> Result<(), Stop> {
    let config = &spec.config;
    match &config.optimization {
        None => {}
        Some(Optimization::Word(word)) if word == "none" => {}
        Some(_) => return missing("optimization"),
    }
    if config.emit_interval.is_some() {
        return missing("emit interval");
    }
    if config.explicit_names == Some(true) {
        return missing("ensure.explicit.internal.resource.naming");
    }
    Ok(())
}

impl Builder {
    fn interpret(&mut self, node: &Node) -> Result<(), Stop> {
        use Op::{
            Aggregate, Count, Filter, FilterNot, FlatMap, FlatMapValues, Foreach, GroupBy, GroupByKey, Join, LeftJoin,
            Map, MapValues, Merge, OuterJoin, Peek, Print, Process, ProcessValues, Reduce, Repartition, SelectKey,
            Split, TableJoin, TableLeftJoin, To, ToStream, ToTable, WindowedBy,
        };
        match node.op {
            Op::Stream => self.stream(node),
            Op::Table => self.table(node),
            Filter | FilterNot | MapValues => match self.from(node)?.handle {
                Handle::Table(_) => self.on_table(node),
                _ => self.stateless(node),
            },
            Map | FlatMap | FlatMapValues | SelectKey => self.stateless(node),
            Split => self.split(node),
            Merge => self.merge(node),
            Repartition => self.repartition(node),
            ToTable => self.table_of_stream(node),
            ToStream => self.stream_of_table(node),
            Peek | Foreach => self.look(node),
            Print => self.print(node),
            To => self.to(node),
            GroupByKey | GroupBy => self.group(node),
            WindowedBy => self.windowed_by(node),
            Count | Reduce | Aggregate => self.fold(node),
            TableJoin | TableLeftJoin => self.stream_table(node),
            Join | LeftJoin | OuterJoin => self.table_table(node),
            Process | ProcessValues => self.process(node),
            other => missing(other.name()),
        }
    }

    fn from(&self, node: &Node) -> Result<&Typed, Stop> {
        self.handle(node.from.as_deref().unwrap_or_default())
    }

    fn with(&self, node: &Node) -> Result<&Typed, Stop> {
        self.handle(node.with.as_deref().unwrap_or_default())
    }

    fn handle(&self, id: &str) -> Result<&Typed, Stop> {
        match self.handles.get(id) {
            Some(handle) => Ok(handle),
            None => mistake(format!("there is no handle `{id}`")),
        }
    }

    fn input_stream(&self, node: &Node) -> Result<(Stream, Type, Type), Stop> {
        stream_of(self.from(node)?)
    }

    fn input_table(&self, node: &Node) -> Result<(Table, Type, Type), Stop> {
        table_of(self.from(node)?)
    }

    fn returns(&mut self, node: &Node, handle: Handle, key: Type, value: Type) -> Result<(), Stop> {
        let Some(id) = &node.id else { return mistake("it returns something and has no `id`") };
        self.returns_as(id, handle, key, value)
    }

    fn returns_as(&mut self, id: &str, handle: Handle, key: Type, value: Type) -> Result<(), Stop> {
        if self.handles.insert(id.to_owned(), Typed { handle, key, value }).is_some() {
            return mistake(format!("the handle `{id}` is taken"));
        }
        Ok(())
    }
}

pub(crate) fn stream_of(typed: &Typed) -> Result<(Stream, Type, Type), Stop> {
    match &typed.handle {
        Handle::Stream(stream) => Ok((stream.clone(), typed.key.clone(), typed.value.clone())),
        other => mistake(format!("a stream is wanted, not a {:?}", other.kind())),
    }
}

pub(crate) fn table_of(typed: &Typed) -> Result<(Table, Type, Type), Stop> {
    match &typed.handle {
        Handle::Table(table) => Ok((table.clone(), typed.key.clone(), typed.value.clone())),
        other => mistake(format!("a table is wanted, not a {:?}", other.kind())),
    }
}

/// A text field that an operator cannot do without.
pub(crate) fn required<'a>(field: &'a Option<String>, name: &str) -> Result<&'a str, Stop> {
    match field {
        Some(text) => Ok(text),
        None => mistake(format!("`{name}` is missing")),
    }
}

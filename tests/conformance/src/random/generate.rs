//! Random programs of 3 to 12 operators over the whole format.
//!
//! A node is drawn for what is there, and the program so far is built with it: what we do not have yet is left out and
//! counted, so that an operator takes part as soon as it exists. Nothing here knows which ones do.

use std::collections::BTreeMap;

use super::input::input;
use super::rng::Rng;
use crate::interpret::{build, Kind, Returned, Stop};
use crate::model::{
    BranchSpec, BufferSpec, Case, DefaultBranchSpec, MaterializedSpec, Node, Op, StoreKind, StoreSpec, StoresSpec,
    TopologySpec, UntilSpec, WindowSpec,
};
use crate::value::Type;

const OPERATORS_MIN: i64 = 3;
const OPERATORS_MAX: i64 = 12;
/// Draws per operator before a program is taken as it is.
const DRAWS_MAX: usize = 200;

/// The case of a seed and an index. What we do not have is added to `left_out`.
pub(super) fn case(seed: u64, index: u64, left_out: &mut BTreeMap<String, usize>) -> Case {
    let mut rng = Rng::new(seed ^ index.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let mut program = Program { spec: TopologySpec::default(), handles: Vec::new(), ids: 0, left_out };
    for _ in 0..rng.between(1, 3) {
        program.add_source(&mut rng);
    }
    let wanted = usize::try_from(rng.between(OPERATORS_MIN, OPERATORS_MAX)).unwrap_or(3);
    for _ in 0..DRAWS_MAX {
        if program.spec.nodes.len() >= wanted {
            break;
        }
        program.draw(&mut rng);
    }
    program.add_sinks();
    let topics = program.topics();
    Case {
        name: format!("random/{seed}-{index}"),
        family: "random".to_owned(),
        about: "a random program".to_owned(),
        input: input(&mut rng, &topics),
        topology: program.spec,
        expected: None,
    }
}

struct Program<'a> {
    spec: TopologySpec,
    handles: Vec<Returned>,
    ids: usize,
    left_out: &'a mut BTreeMap<String, usize>,
}

impl Program<'_> {
    fn fresh(&mut self) -> String {
        self.ids += 1;
        format!("n{}", self.ids)
    }

    /// Takes the node if the program can be built with it.
    fn add(&mut self, node: Node, stores: Vec<StoreSpec>) {
        let mut spec = self.spec.clone();
        spec.nodes.push(node);
        spec.stores.extend(stores);
        match build(&spec) {
            Ok(built) => {
                self.handles = built.handles;
                self.spec = spec;
            }
            // What we refuse Kafka Streams should refuse too, but a program that goes on after it tells more.
            Err(Stop::Refused(_) | Stop::Mistake(_)) => {}
            Err(Stop::Missing(what)) => *self.left_out.entry(what).or_default() += 1,
        }
    }

    fn add_source(&mut self, rng: &mut Rng) {
        let id = self.fresh();
        let topic = format!("in{}", self.ids);
        let value = if rng.once_in(3) { Type::Long } else { Type::String };
        let (key, value) = (Some(Type::String), Some(value));
        let node = match rng.below(8) {
            0..=4 => {
                let extractor = rng.once_in(12).then(|| (*rng.pick(&["log_and_skip", "embedded"])).to_owned());
                Node {
                    op: Op::Stream,
                    id: Some(id),
                    topics: Some(vec![topic]),
                    key,
                    value,
                    extractor,
                    ..Node::default()
                }
            }
            5 | 6 => {
                let materialized = materialized(rng, "rows", self.ids);
                Node { op: Op::Table, id: Some(id), topic: Some(topic), key, value, materialized, ..Node::default() }
            }
            _ => Node { op: Op::GlobalTable, id: Some(id), topic: Some(topic), key, value, ..Node::default() },
        };
        self.add(node, Vec::new());
    }

    fn draw(&mut self, rng: &mut Rng) {
        if self.handles.is_empty() {
            return self.add_source(rng);
        }
        let from = rng.pick(&self.handles).clone();
        let id = self.fresh();
        let name = rng.once_in(6).then(|| format!("name-{}", self.ids));
        let base = Node { id: Some(id), from: Some(from.id.clone()), name, ..Node::default() };
        match from.kind {
            Kind::Stream => self.draw_on_stream(rng, &from, base),
            Kind::Table => self.draw_on_table(rng, &from, base),
            Kind::Grouped => self.draw_on_grouped(rng, &from, base),
            Kind::Windowed => {
                let node = fold(rng, &from.value, base, self.ids);
                self.add(node, Vec::new());
            }
        }
    }

    fn draw_on_stream(&mut self, rng: &mut Rng, from: &Returned, base: Node) {
        let ids = self.ids;
        let node = match rng.below(20) {
            0 => Node { op: *rng.pick(&[Op::Filter, Op::FilterNot]), predicate: predicate(rng), ..base },
            1 => Node { op: Op::MapValues, mapper: value_mapper(rng, &from.value), ..base },
            2 => Node { op: Op::Map, mapper: pair_mapper(rng), ..base },
            3 => {
                let mapper = if from.value == Type::String { "words" } else { "twice" };
                Node { op: Op::FlatMapValues, mapper: named(rng, &[mapper, "twice", "none"]), ..base }
            }
            4 => {
                let mapper = if from.value == Type::String { "words_as_keys" } else { "twice" };
                Node { op: Op::FlatMap, mapper: named(rng, &[mapper, mapper, "twice"]), ..base }
            }
            5 | 6 => Node { op: Op::SelectKey, mapper: key_mapper(rng, from), ..base },
            7 => Node { op: *rng.pick(&[Op::Peek, Op::Foreach]), name: None, ..base },
            8 => return self.draw_split(rng, base),
            9 => Node { op: Op::Merge, with: self.other(rng, Kind::Stream, from), ..base },
            10 => Node { op: Op::Repartition, ..base },
            11 => Node { op: Op::ToTable, materialized: materialized(rng, "table", ids), ..base },
            12 | 13 => Node { op: Op::GroupByKey, ..base },
            14 => Node { op: Op::GroupBy, mapper: key_mapper(rng, from), ..base },
            15 | 16 => {
                let op = *rng.pick(&[Op::TableJoin, Op::TableLeftJoin]);
                Node { op, with: self.other(rng, Kind::Table, from), joiner: joiner(rng), ..base }
            }
            17 => return self.draw_process(rng, from, base),
            _ => {
                let op = *rng.pick(&[Op::StreamJoin, Op::StreamLeftJoin, Op::StreamOuterJoin]);
                let grace = rng.once_in(2).then(|| rng.between(0, 20));
                let window = Some(WindowSpec::Join { before: rng.between(0, 10), after: rng.between(0, 10), grace });
                Node { op, with: self.other(rng, Kind::Stream, from), joiner: joiner(rng), window, ..base }
            }
        };
        self.add(node, Vec::new());
    }

    fn draw_split(&mut self, rng: &mut Rng, base: Node) {
        let mut branches = Vec::new();
        for _ in 0..rng.between(1, 3) {
            let (id, predicate) = (self.fresh(), predicate(rng).unwrap_or_default());
            branches.push(BranchSpec { predicate, name: None, id, chain: None });
        }
        let default = rng.once_in(2).then(|| DefaultBranchSpec { id: self.fresh(), name: None });
        self.add(Node { op: Op::Split, id: None, branches: Some(branches), default, ..base }, Vec::new());
    }

    fn draw_process(&mut self, rng: &mut Rng, from: &Returned, base: Node) {
        const PROCESSORS: &[&str] = &[
            "forward",
            "count_in_store",
            "last_value",
            "punctuate_stream",
            "punctuate_wall",
            "metadata",
            "time_shift",
            "headers",
            "window_puts",
            "session_puts",
            "versioned_puts",
        ];
        let processor = *rng.pick(PROCESSORS);
        let kind = match processor {
            "count_in_store" | "last_value" | "punctuate_stream" | "punctuate_wall" => Some(StoreKind::KeyValue),
            "window_puts" => Some(StoreKind::Window),
            "session_puts" => Some(StoreKind::Session),
            "versioned_puts" => Some(StoreKind::Versioned),
            _ => None,
        };
        let counts = matches!(processor, "count_in_store" | "punctuate_stream" | "punctuate_wall");
        let value = if counts { Type::Long } else { from.value.clone() };
        let store = kind.map(|kind| StoreSpec {
            name: format!("store-{}", self.ids),
            kind,
            key: from.key.clone(),
            value,
            retention: matches!(kind, StoreKind::Window | StoreKind::Session).then(|| rng.between(20, 60)),
            window_size: (kind == StoreKind::Window).then(|| rng.between(5, 20)),
            history: (kind == StoreKind::Versioned).then(|| rng.between(5, 50)),
            // A cached window store shows rows past its retention in Kafka, and not in ours.
            caching: (kind != StoreKind::Window && rng.once_in(3)).then_some(true),
            ..StoreSpec::default()
        });
        let stores = store.iter().map(|store| store.name.clone()).collect::<Vec<_>>();
        let stores = (!stores.is_empty()).then_some(StoresSpec::Names(stores));
        let op = if rng.once_in(4) { Op::ProcessValues } else { Op::Process };
        self.add(Node { op, processor: Some(processor.to_owned()), stores, ..base }, store.into_iter().collect());
    }

    fn draw_on_table(&mut self, rng: &mut Rng, from: &Returned, base: Node) {
        let ids = self.ids;
        let node = match rng.below(12) {
            0 | 1 => {
                let op = *rng.pick(&[Op::Filter, Op::FilterNot]);
                Node { op, predicate: predicate(rng), materialized: materialized(rng, "kept", ids), ..base }
            }
            2 | 3 => {
                let (mapper, materialized) = (value_mapper(rng, &from.value), materialized(rng, "mapped", ids));
                Node { op: Op::MapValues, mapper, materialized, ..base }
            }
            4 | 5 => {
                let mapper = rng.once_in(4).then(|| key_mapper(rng, from)).flatten();
                Node { op: Op::ToStream, mapper, ..base }
            }
            6 => Node { op: Op::GroupBy, mapper: pair_mapper(rng), ..base },
            7..=9 => {
                let op = *rng.pick(&[Op::Join, Op::LeftJoin, Op::OuterJoin]);
                let (with, materialized) = (self.other(rng, Kind::Table, from), materialized(rng, "joined", ids));
                Node { op, with, joiner: joiner(rng), materialized, ..base }
            }
            10 => {
                let op = *rng.pick(&[Op::ForeignJoin, Op::ForeignLeftJoin]);
                let extractor = Some((*rng.pick(&["value", "first_char"])).to_owned());
                let tables: Vec<&Returned> = self.handles.iter().filter(|other| other.kind == Kind::Table).collect();
                let with = Some(rng.pick(&tables).id.clone());
                Node { op, with, extractor, joiner: joiner(rng), ..base }
            }
            _ => Node { op: Op::Suppress, until: until(rng, from), ..base },
        };
        self.add(node, Vec::new());
    }

    fn draw_on_grouped(&mut self, rng: &mut Rng, from: &Returned, base: Node) {
        if rng.once_in(2) {
            let node = fold(rng, &from.value, base, self.ids);
            return self.add(node, Vec::new());
        }
        if rng.once_in(6) {
            let (aggregator, result) = (Some("append".to_owned()), Some(Type::String));
            return self.add(Node { op: Op::Cogroup, name: None, aggregator, result, ..base }, Vec::new());
        }
        let (size, grace) = (rng.between(5, 20), rng.once_in(2).then(|| rng.between(0, 20)));
        let window = match rng.below(8) {
            0..=2 => WindowSpec::Tumbling { size, grace },
            3..=4 => WindowSpec::Hopping { size, advance: rng.between(1, size), grace },
            5 => WindowSpec::Sliding { difference: size, grace },
            6 => WindowSpec::Session { gap: size, grace },
            _ => WindowSpec::Unlimited { start: None },
        };
        let emit = rng.once_in(6).then(|| "close".to_owned());
        let node = Node { op: Op::WindowedBy, name: None, window: Some(window), emit, ..base };
        self.add(node, Vec::new());
    }

    /// A handle of a kind with the same type of keys; the first of any type when there is none.
    fn other(&self, rng: &mut Rng, kind: Kind, of: &Returned) -> Option<String> {
        let others: Vec<&Returned> =
            self.handles.iter().filter(|other| other.kind == kind && other.key == of.key).collect();
        if others.is_empty() {
            return self.handles.first().map(|other| other.id.clone());
        }
        Some(rng.pick(&others).id.clone())
    }

    /// Lets every stream and table that nothing reads end in a topic of its own.
    fn add_sinks(&mut self) {
        let read = |id: &str, nodes: &[Node]| {
            nodes.iter().any(|node| node.from.as_deref() == Some(id) || node.with.as_deref() == Some(id))
        };
        for handle in self.handles.clone() {
            let mut from = handle.id.clone();
            if read(&from, &self.spec.nodes) || !matches!(handle.kind, Kind::Stream | Kind::Table) {
                continue;
            }
            if handle.kind == Kind::Table {
                let id = self.fresh();
                let node = Node { op: Op::ToStream, id: Some(id.clone()), from: Some(from), ..Node::default() };
                self.add(node, Vec::new());
                from = id;
            }
            let topic = Some(format!("to-{from}"));
            self.add(Node { op: Op::To, from: Some(from), topic, ..Node::default() }, Vec::new());
        }
    }

    fn topics(&self) -> Vec<(String, Type, Type)> {
        let mut topics = Vec::new();
        for node in &self.spec.nodes {
            if let (Some(key), Some(value)) = (&node.key, &node.value) {
                let named = node.topics.iter().flatten().chain(&node.topic);
                topics.extend(named.map(|topic| (topic.clone(), key.clone(), value.clone())));
            }
        }
        topics
    }
}

fn named(rng: &mut Rng, names: &[&str]) -> Option<String> {
    Some((*rng.pick(names)).to_owned())
}

fn predicate(rng: &mut Rng) -> Option<String> {
    named(rng, &["value_not_null", "value_even", "value_long", "key_is_a", "key_not_null", "true"])
}

fn value_mapper(rng: &mut Rng, value: &Type) -> Option<String> {
    match value {
        Type::String => named(rng, &["upper", "length", "null_if_empty", "with_key", "parse_long", "to_string"]),
        Type::Long => named(rng, &["add_one", "to_string", "with_key", "length"]),
        _ => named(rng, &["to_string", "with_key"]),
    }
}

fn key_mapper(rng: &mut Rng, from: &Returned) -> Option<String> {
    match &from.key {
        Type::Windowed(_) | Type::Session(_) => named(rng, &["unwindow", "unwindow", "key", "first_char"]),
        _ => named(rng, &["first_char", "first_char", "key", "constant", "value", "length_of_value"]),
    }
}

fn pair_mapper(rng: &mut Rng) -> Option<String> {
    named(rng, &["swap", "identity", "by_first_char", "by_value", "constant", "null_value"])
}

fn joiner(rng: &mut Rng) -> Option<String> {
    named(rng, &["concat", "concat", "sum", "left", "right", "null_if_right_null"])
}

/// Options for a store, or none.
fn materialized(rng: &mut Rng, name: &str, id: usize) -> Option<MaterializedSpec> {
    if rng.once_in(2) {
        return None;
    }
    let name = (!rng.once_in(4)).then(|| format!("{name}-{id}"));
    let caching = rng.once_in(3).then_some(false);
    let logging = rng.once_in(8).then_some(false);
    Some(MaterializedSpec { name, caching, logging, ..MaterializedSpec::default() })
}

fn fold(rng: &mut Rng, value: &Type, base: Node, id: usize) -> Node {
    let materialized = materialized(rng, "fold", id);
    let text = |name: &str| Some(name.to_owned());
    let base = Node { materialized, ..base };
    match rng.below(3) {
        0 => Node { op: Op::Count, ..base },
        1 => {
            let own = if *value == Type::Long { "sum" } else { "newest" };
            let reducer = if *value == Type::String { "concat" } else { own };
            Node { op: Op::Reduce, reducer: named(rng, &[reducer, reducer, "max", "oldest", "null"]), ..base }
        }
        _ => {
            let (initializer, aggregator) =
                *rng.pick(&[("zero", "sum"), ("empty", "append"), ("empty", "null_on_empty"), ("null", "append")]);
            let merger = None;
            Node { op: Op::Aggregate, initializer: text(initializer), aggregator: text(aggregator), merger, ..base }
        }
    }
}

fn until(rng: &mut Rng, from: &Returned) -> Option<UntilSpec> {
    if matches!(from.key, Type::Windowed(_) | Type::Session(_)) && rng.once_in(2) {
        return Some(UntilSpec { window_close: Some(BufferSpec::default()), ..UntilSpec::default() });
    }
    let max_records = rng.once_in(2).then(|| rng.between(1, 4));
    Some(UntilSpec { time: Some(rng.between(0, 20)), max_records, ..UntilSpec::default() })
}

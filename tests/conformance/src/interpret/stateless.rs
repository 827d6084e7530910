//! Operators on one stream that keep no state.

use streams_dsl::KStream;

use crate::functions::{
    flat_pair_mapper, flat_value_mapper, key_mapper, pair_mapper, predicate, value_mapper, FlatFn, FlatPairFn, MapFn,
    PairFn, PredicateFn,
};
use crate::interpret::handles::{each_stream, Handle, Opt, Stream};
use crate::interpret::{mistake, required, Builder, Stop};
use crate::model::{Node, Op};
use crate::value::{Cell, Datum};

impl Builder {
    /// `filter`, `filter_not`, `map`, `map_values`, `flat_map`, `flat_map_values`, `select_key`.
    pub(super) fn stateless(&mut self, node: &Node) -> Result<(), Stop> {
        let (stream, key, value) = self.input_stream(node)?;
        if node.materialized.is_some() {
            return mistake("a stream takes no `materialized`");
        }
        let mapper = || required(&node.mapper, "mapper");
        let (stream, key, value) = match node.op {
            Op::Filter | Op::FilterNot => {
                let predicate = predicate(required(&node.predicate, "predicate")?)?;
                let is_not = node.op == Op::FilterNot;
                (each_stream!(&stream, s => filter(s, predicate, is_not, node).into()), key, value)
            }
            Op::MapValues => {
                let (value, map) = value_mapper(mapper()?, &value)?;
                (each_stream!(&stream, s => map_values(s, map, node).into()), key, value)
            }
            Op::FlatMapValues => {
                let (value, map) = flat_value_mapper(mapper()?, &value)?;
                (each_stream!(&stream, s => flat_map_values(s, map, node).into()), key, value)
            }
            Op::Map => {
                let (key, value, map) = pair_mapper(mapper()?, &key, &value)?;
                (each_stream!(&stream, s => map_pairs(s, map, node).into()), key, value)
            }
            Op::FlatMap => {
                let (key, value, map) = flat_pair_mapper(mapper()?, &key, &value)?;
                (each_stream!(&stream, s => flat_map(s, map, node).into()), key, value)
            }
            _ => {
                let (key, map) = key_mapper(mapper()?, &key, &value)?;
                (select_key(&stream, map, node), key, value)
            }
        };
        self.returns(node, Handle::Stream(stream), key, value)
    }
}

fn named<K: 'static, V: 'static>(stream: KStream<K, V>, node: &Node) -> KStream<K, V> {
    match &node.name {
        Some(name) => stream.named(name),
        None => stream,
    }
}

fn filter<K: Cell, V: Cell>(
    stream: &KStream<K, V>,
    predicate: PredicateFn,
    is_not: bool,
    node: &Node,
) -> KStream<K, V> {
    let taken = move |key: &K, value: &V| predicate(&key.datum(), &value.datum());
    named(if is_not { stream.filter_not(taken) } else { stream.filter(taken) }, node)
}

/// `map_values`, also for the chains of branches.
pub(super) fn map_values<K: Cell, V: Cell>(stream: &KStream<K, V>, map: MapFn, node: &Node) -> KStream<K, Opt> {
    named(stream.map_values_with_key(move |key, value| Opt::of(map(&key.datum(), &value.datum()))), node)
}

fn flat_map_values<K: Cell, V: Cell>(stream: &KStream<K, V>, map: FlatFn, node: &Node) -> KStream<K, Opt> {
    let mapped = stream.flat_map_values_with_key(move |key, value| {
        map(&key.datum(), &value.datum()).into_iter().map(Opt::of).collect::<Vec<_>>()
    });
    named(mapped, node)
}

fn map_pairs<K: Cell, V: Cell>(stream: &KStream<K, V>, map: PairFn, node: &Node) -> KStream<Datum, Opt> {
    let mapped = stream.map(move |key, value| {
        let (key, value) = map(&key.datum(), &value.datum());
        (key, Opt::of(value))
    });
    named(mapped, node)
}

fn flat_map<K: Cell, V: Cell>(stream: &KStream<K, V>, map: FlatPairFn, node: &Node) -> KStream<Datum, Opt> {
    let mapped = stream.flat_map(move |key, value| {
        let pairs = map(&key.datum(), &value.datum()).into_iter();
        pairs.map(|(key, value)| (key, Opt::of(value))).collect::<Vec<_>>()
    });
    named(mapped, node)
}

/// `select_key`, also behind a table's `to_stream` with a mapper.
pub(super) fn select_key(stream: &Stream, map: MapFn, node: &Node) -> Stream {
    each_stream!(stream, s => {
        named(s.select_key(move |key, value| map(&key.datum(), &value.datum())), node).into()
    })
}

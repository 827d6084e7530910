//! Operators on one table: `filter`, `filter_not`, `map_values`, `to_stream`.

use streams_dsl::{KStream, KTable};

use crate::functions::{key_mapper, predicate, value_mapper, MapFn, PredicateFn};
use crate::interpret::handles::{each_stream, each_table, Handle, Stream};
use crate::interpret::options::materialized;
use crate::interpret::stateless::select_key;
use crate::interpret::{required, Builder, Stop};
use crate::model::{Node, Op};
use crate::value::{Cell, Datum, Type};

impl Builder {
    /// `filter`, `filter_not` and `map_values` on a table.
    pub(super) fn on_table(&mut self, node: &Node) -> Result<(), Stop> {
        let (table, key, value) = self.input_table(node)?;
        if node.op == Op::MapValues {
            let (result, map) = value_mapper(required(&node.mapper, "mapper")?, &value)?;
            let table = each_table!(&table, t => map_values(t, map, node, &key, &result)?.into());
            return self.returns(node, Handle::Table(table), key, result);
        }
        let predicate = predicate(required(&node.predicate, "predicate")?)?;
        let table = each_table!(&table, t => filter(t, predicate, node, &key, &value)?.into());
        self.returns(node, Handle::Table(table), key, value)
    }

    /// `to_stream`.
    pub(super) fn stream_of_table(&mut self, node: &Node) -> Result<(), Stop> {
        let (table, key, value) = self.input_table(node)?;
        let stream: Stream = each_table!(&table, t => to_stream(t).into());
        let stream = match &node.name {
            Some(name) => each_stream!(stream, s => s.named(name).into()),
            None => stream,
        };
        let Some(mapper) = &node.mapper else { return self.returns(node, Handle::Stream(stream), key, value) };
        let (key, map) = key_mapper(mapper, &key, &value)?;
        // The name, if there is one, is that of the first of the two operators.
        let unnamed = Node { name: None, ..node.clone() };
        self.returns(node, Handle::Stream(select_key(&stream, map, &unnamed)), key, value)
    }
}

fn named<K: 'static, V: 'static>(table: KTable<K, V>, node: &Node) -> KTable<K, V> {
    match &node.name {
        Some(name) => table.named(name),
        None => table,
    }
}

fn filter<K: Cell, V: Cell>(
    table: &KTable<K, V>,
    predicate: PredicateFn,
    node: &Node,
    key: &Type,
    value: &Type,
) -> Result<KTable<K, V>, Stop> {
    let taken = move |key: &K, value: &V| predicate(&key.datum(), &value.datum());
    let is_not = node.op == Op::FilterNot;
    let table = match (&node.materialized, is_not) {
        (None, false) => table.filter(taken),
        (None, true) => table.filter_not(taken),
        (Some(_), _) => {
            let options = materialized(node, key, value)?;
            table.filter_with(options, move |key, value| taken(key, value) != is_not)
        }
    };
    Ok(named(table, node))
}

fn map_values<K: Cell, V: Cell>(
    table: &KTable<K, V>,
    map: MapFn,
    node: &Node,
    key: &Type,
    result: &Type,
) -> Result<KTable<K, Datum>, Stop> {
    let map = move |key: &K, value: &V| map(&key.datum(), &value.datum());
    let table = match &node.materialized {
        None => table.map_values_with_key(map),
        Some(_) => table.map_values_with(materialized(node, key, result)?, map),
    };
    Ok(named(table, node))
}

fn to_stream<K: Cell, V: Cell>(table: &KTable<K, V>) -> KStream<K, Option<V>> {
    table.to_stream()
}

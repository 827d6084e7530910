//! `count`, `reduce` and `aggregate`, with and without windows.

use streams_dsl::{KGroupedStream, KTable, TimeWindowedKStream};

use crate::folds::{aggregator, initializer, reducer, AggregateFn, ReduceFn};
use crate::interpret::handles::{each_grouped, Grouped, Handle, InWindows, Table, W};
use crate::interpret::options::materialized;
use crate::interpret::{missing, mistake, required, Builder, Stop};
use crate::model::{Node, Op};
use crate::value::{Cell, Datum, Type};

impl Builder {
    /// `count`, `reduce` and `aggregate`.
    pub(super) fn fold(&mut self, node: &Node) -> Result<(), Stop> {
        let from = self.from(node)?;
        let (key, value) = (from.key.clone(), from.value.clone());
        let (table, key, value) = match &from.handle {
            Handle::Grouped(grouped) => {
                let (table, value) = fold(grouped, node, &key, &value)?;
                (table, key, value)
            }
            Handle::InWindows(windows, size) => {
                let (table, value) = fold_windows(windows, node, &key, &value)?;
                (table, key.windowed(*size), value)
            }
            other => return mistake(format!("a grouped stream is wanted, not a {:?}", other.kind())),
        };
        self.returns(node, Handle::Table(table), key, value)
    }
}

fn named<K: 'static, V: 'static>(table: KTable<K, V>, node: &Node) -> KTable<K, V> {
    match &node.name {
        Some(name) => table.named(name),
        None => table,
    }
}

fn fold(grouped: &Grouped, node: &Node, key: &Type, value: &Type) -> Result<(Table, Type), Stop> {
    match node.op {
        Op::Count => {
            let counts = each_grouped!(grouped, g => {
                named(g.count_with(materialized(node, key, &Type::Long)?), node).into()
            });
            Ok((counts, Type::Long))
        }
        Op::Reduce => {
            let reducer = reducer(required(&node.reducer, "reducer")?, value)?;
            let table = match grouped {
                Grouped::Plain(grouped) => reduce(grouped, reducer, node, key, value)?.into(),
                Grouped::Counts(grouped) => reduce(grouped, reducer, node, key, value)?.into(),
                Grouped::Windows(grouped) => reduce(grouped, reducer, node, key, value)?.into(),
                Grouped::WindowCounts(grouped) => reduce(grouped, reducer, node, key, value)?.into(),
                _ => return missing("reduce of nested nullability"),
            };
            Ok((table, value.clone()))
        }
        _ => {
            let Aggregation { result, initial, aggregator } = aggregation(node, value)?;
            let table = each_grouped!(grouped, g => {
                aggregate(g, initial, aggregator, materialized(node, key, &result)?, node).into()
            });
            Ok((table, result))
        }
    }
}

struct Aggregation {
    result: Type,
    initial: Datum,
    aggregator: AggregateFn,
}

fn aggregation(node: &Node, value: &Type) -> Result<Aggregation, Stop> {
    let (result, aggregator) = aggregator(required(&node.aggregator, "aggregator")?, value)?;
    let initial = initializer(required(&node.initializer, "initializer")?, &result)?;
    Ok(Aggregation { result, initial, aggregator })
}

fn reduce<K: Cell, V: Cell>(
    grouped: &KGroupedStream<K, V>,
    reducer: ReduceFn,
    node: &Node,
    key: &Type,
    value: &Type,
) -> Result<KTable<K, V>, Stop> {
    let reducer = move |old: &V, new: &V| V::of(reducer(&old.datum(), &new.datum()));
    Ok(named(grouped.reduce_with(materialized(node, key, value)?, reducer), node))
}

fn aggregate<K: Cell, V: Cell>(
    grouped: &KGroupedStream<K, V>,
    initial: Datum,
    aggregator: AggregateFn,
    options: streams_dsl::Materialized<K, Datum>,
    node: &Node,
) -> KTable<K, Datum> {
    let update = move |key: &K, value: &V, all: &mut Datum| {
        *all = aggregator(&key.datum(), &value.datum(), all);
    };
    named(grouped.aggregate_with(options, move || initial.clone(), update), node)
}

fn fold_windows(windows: &InWindows, node: &Node, key: &Type, value: &Type) -> Result<(Table, Type), Stop> {
    match windows {
        InWindows::Plain(windows) => fold_in(windows, node, key, value),
        InWindows::Counts(windows) => fold_in(windows, node, key, value),
    }
}

fn fold_in<V: Cell>(
    windows: &TimeWindowedKStream<Datum, V>,
    node: &Node,
    key: &Type,
    value: &Type,
) -> Result<(Table, Type), Stop>
where
    Table: From<KTable<W, V>>,
{
    match node.op {
        Op::Count => {
            let counts = windows.count_with(materialized(node, key, &Type::Long)?);
            Ok((named(counts, node).into(), Type::Long))
        }
        Op::Reduce => {
            let reducer = reducer(required(&node.reducer, "reducer")?, value)?;
            let reducer = move |old: &V, new: &V| V::of(reducer(&old.datum(), &new.datum()));
            let table = windows.reduce_with(materialized(node, key, value)?, reducer);
            Ok((named(table, node).into(), value.clone()))
        }
        _ => {
            let Aggregation { result, initial, aggregator } = aggregation(node, value)?;
            let update = move |key: &Datum, value: &V, all: &mut Datum| *all = aggregator(key, &value.datum(), all);
            let options = materialized(node, key, &result)?;
            let table = windows.aggregate_with(options, move || initial.clone(), update);
            Ok((named(table, node).into(), result))
        }
    }
}

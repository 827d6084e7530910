//! Joins with tables.

use streams_dsl::{KStream, KTable};

use crate::folds::{joiner, JoinFn};
use crate::interpret::handles::{Handle, Opt, Stream, Table};
use crate::interpret::options::{joined, materialized};
use crate::interpret::{missing, mistake, required, table_of, Builder, Stop};
use crate::model::{Node, Op};
use crate::value::{Cell, Datum, Type};

/// What both kinds of join are told.
struct Join<'a> {
    node: &'a Node,
    key: &'a Type,
    /// The type of the values on the left.
    value: &'a Type,
    result: &'a Type,
    joiner: JoinFn,
}

/// Tries the combinations of variants that have code.
macro_rules! pairs {
    ($left:ident($l:ident) = $of:expr, $right:ident($r:ident) = $with:expr => $run:expr, [$(($a:ident, $b:ident))+]) => {
        match ($of, $with) {
            $(($left::$a($l), $right::$b($r)) => $run,)+
            _ => return missing("join of nested nullability"),
        }
    };
}

impl Builder {
    /// `table_join` and `table_left_join`.
    pub(super) fn stream_table(&mut self, node: &Node) -> Result<(), Stop> {
        if node.grace.is_some() {
            return missing("join with a grace");
        }
        let (stream, key, value) = self.input_stream(node)?;
        let (table, other_key, other) = table_of(self.with(node)?)?;
        if key != other_key {
            return mistake("the two sides have different keys");
        }
        let (result, joiner) = joiner(required(&node.joiner, "joiner")?, &value, &other)?;
        let join = Join { node, key: &key, value: &value, result: &result, joiner };
        let stream: Stream = pairs!(Stream(s) = &stream, Table(t) = &table => stream_table(s, t, join).into(), [
            (Plain, Plain) (Plain, Counts) (Plain, Nullable)
            (Counts, Plain) (Counts, Counts) (Counts, Nullable)
            (Nested, Plain) (Nested, Counts) (Nested, Nullable)
            (Windows, Windows) (Windows, WindowCounts)
            (WindowCounts, Windows) (WindowCounts, WindowCounts)
        ]);
        self.returns(node, Handle::Stream(stream), key, result)
    }

    /// `join`, `left_join` and `outer_join`.
    pub(super) fn table_table(&mut self, node: &Node) -> Result<(), Stop> {
        let (table, key, value) = self.input_table(node)?;
        let (other, other_key, other_value) = table_of(self.with(node)?)?;
        if key != other_key {
            return mistake("the two sides have different keys");
        }
        let (result, joiner) = joiner(required(&node.joiner, "joiner")?, &value, &other_value)?;
        let join = Join { node, key: &key, value: &value, result: &result, joiner };
        let table: Table = pairs!(Table(l) = &table, Table(r) = &other => table_table(l, r, join)?.into(), [
            (Plain, Plain) (Plain, Counts) (Plain, Nullable)
            (Counts, Plain) (Counts, Counts) (Counts, Nullable)
            (Nullable, Plain) (Nullable, Counts) (Nullable, Nullable)
            (Windows, Windows) (Windows, WindowCounts)
            (WindowCounts, Windows) (WindowCounts, WindowCounts)
        ]);
        self.returns(node, Handle::Table(table), key, result)
    }
}

fn stream_table<K: Cell, V: Cell, T: Cell>(
    stream: &KStream<K, V>,
    table: &KTable<K, T>,
    join: Join<'_>,
) -> KStream<K, Opt> {
    let Join { node, key, value, joiner, .. } = join;
    let options = joined(node, key, value);
    if node.op == Op::TableJoin {
        let joiner = move |left: &V, right: &T| Opt::of(joiner(&left.datum(), &right.datum()));
        stream.join_table_with(table, options, joiner)
    } else {
        let joiner = move |left: &V, right: Option<&T>| Opt::of(joiner(&left.datum(), &or_null(right)));
        stream.left_join_table_with(table, options, joiner)
    }
}

fn or_null<T: Cell>(side: Option<&T>) -> Datum {
    side.map_or(Datum::Null, Cell::datum)
}

fn table_table<K: Cell, V: Cell, T: Cell>(
    left: &KTable<K, V>,
    right: &KTable<K, T>,
    join: Join<'_>,
) -> Result<KTable<K, Datum>, Stop> {
    let Join { node, key, result, joiner, .. } = join;
    let options = match &node.materialized {
        Some(_) => Some(materialized(node, key, result)?),
        None => None,
    };
    let inner = {
        let joiner = joiner.clone();
        move |left: &V, right: &T| joiner(&left.datum(), &right.datum())
    };
    let from_left = {
        let joiner = joiner.clone();
        move |left: &V, right: Option<&T>| joiner(&left.datum(), &or_null(right))
    };
    let outer = move |left: Option<&V>, right: Option<&T>| joiner(&or_null(left), &or_null(right));
    let table = match (node.op, options) {
        (Op::Join, None) => left.join(right, inner),
        (Op::Join, Some(options)) => left.join_with(right, options, inner),
        (Op::LeftJoin, None) => left.left_join(right, from_left),
        (Op::LeftJoin, Some(options)) => left.left_join_with(right, options, from_left),
        (_, None) => left.outer_join(right, outer),
        (_, Some(options)) => left.outer_join_with(right, options, outer),
    };
    Ok(match &node.name {
        Some(name) => table.named(name),
        None => table,
    })
}

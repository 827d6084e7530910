//! Tables: sources, views, and aggregations of tables with their retractions.

use serde_json::{json, Value};

use super::build::{case, Case};
use super::input::Mixture;

const UPDATES: &str = "a=x@1 b=yy@2 a=zz@3 b=~@4 a=~@5 c=~@6 a=w@7 ~=v@8 a=w@7 =e@9 b=@9";

pub(crate) fn cases() -> Vec<Case> {
    [
        sources(),
        filters(),
        values(),
        kept_views(),
        values_to_null(),
        old_values(),
        counts(),
        aggregates(),
        reduces(),
        chains(),
    ]
    .concat()
}

fn kept(name: &str) -> Value {
    json!({"name": name})
}

fn sources() -> Vec<Case> {
    vec![
        case("source", "a table that nobody asks keeps nothing and passes every change on, tombstones too; null keys are dropped")
            .table("t", "in")
            .show("t")
            .feed(UPDATES),
        case("source-kept", "a named table: rows, changelog and changes; equal values are changes too")
            .table_in("t", "in", kept("rows"))
            .show("t")
            .feed(UPDATES),
        case("source-out-of-order", "quirk 3, row 39: an older update overwrites the row, and its time goes back")
            .table_in("t", "in", kept("rows"))
            .show("t")
            .feed("a=x@10 a=y@5 b=z@7 b=~@3 b=w@1 a=~@20 a=v@0"),
        case("source-of-longs", "a table of longs by longs")
            .node(json!({"op": "table", "id": "t", "topic": "in", "key": "long", "value": "long", "materialized": kept("rows")}))
            .show("t")
            .feed("1=10@1 -1=20@2 1=~@3 ~=4@4 0=-5@0"),
        case("source-persistent", "a persistent table: the same answers")
            .table_in("t", "in", json!({"name": "rows", "store": "persistent"}))
            .show("t")
            .feed(UPDATES),
        case("source-far-future", "a row from the far future is overwritten by one of today")
            .table_in("t", "in", kept("rows"))
            .show("t")
            .feed("a=x@253402300799999 a=y@1 b=z@9223372036854775807 b=~@0"),
        case("table-and-stream-of-one-topic", "a table and then a stream of its topic: refused")
            .table("t", "in")
            .stream("s", "in")
            .op("table_left_join", "j", "s", json!({"with": "t", "joiner": "concat"}))
            .out("j")
            .feed("a=x@1 a=y@2 a=~@3 b=z@4"),
        case("stream-and-table-of-one-topic", "a stream and then a table of its topic")
            .stream("s", "in")
            .table("t", "in")
            .op("table_left_join", "j", "s", json!({"with": "t", "joiner": "concat"}))
            .out("j")
            .feed("a=x@1 a=y@2 a=~@3 b=z@4"),
        case("stream-and-table-not-joined", "a stream and a table of one topic with nothing between them")
            .stream("s", "in")
            .table("t", "in")
            .to("s", "copy")
            .show("t")
            .feed("a=x@1 a=~@2"),
    ]
}

fn filters() -> Vec<Case> {
    let one = |name: &str, about: &str, table: Value, filter: Value| {
        case(name, about).table_in("t", "in", table).op("filter", "f", "t", filter).show("f").feed(UPDATES)
    };
    vec![
        one(
            "filter",
            "row 39: over a kept table a filter knows old values: no tombstone where nothing was",
            kept("rows"),
            json!({"predicate": "value_even"}),
        ),
        one(
            "filter-kept",
            "row 39: the same where the filter has a store of its own",
            kept("rows"),
            json!({"predicate": "value_even", "materialized": kept("even")}),
        ),
        one(
            "filter-of-unkept",
            "row 39: over a table without a store: a tombstone for all that is refused, keys never seen too, whatever the filter's own store",
            json!({}),
            json!({"predicate": "value_even", "materialized": kept("even")}),
        ),
        case("filter-not", "row 39: the predicate is not asked about null: filter_not passes tombstones, though null fits it")
            .table_in("t", "in", kept("rows"))
            .op("filter_not", "f", "t", json!({"predicate": "value_null", "materialized": kept("full")}))
            .show("f")
            .feed(UPDATES),
        case("filter-of-filter", "row 39: filters on filters over a table without a store: tombstones of one go through the other")
            .table("t", "in")
            .op("filter", "f", "t", json!({"predicate": "value_even"}))
            .op("filter", "g", "f", json!({"predicate": "key_is_a", "materialized": kept("rows")}))
            .show("g")
            .feed(UPDATES),
        case("filter-then-group", "row 39: what was refused before and is refused again never reaches the repartition")
            .table("t", "in")
            .op("filter", "f", "t", json!({"predicate": "value_even"}))
            .op("group_by", "groups", "f", json!({"mapper": "by_first_char"}))
            .op("count", "counts", "groups", json!({}))
            .show("counts")
            .feed(UPDATES),
    ]
}

fn values() -> Vec<Case> {
    vec![
        case("map-values", "map_values of a table: null stays null, the mapper is not called")
            .table("t", "in")
            .op("map_values", "m", "t", json!({"mapper": "length"}))
            .show("m")
            .feed(UPDATES),
        case("map-values-kept", "map_values with a store of another type")
            .table("t", "in")
            .op("map_values", "m", "t", json!({"mapper": "length", "materialized": kept("lengths")}))
            .show("m")
            .feed(UPDATES),
        case("map-values-to-null", "a mapper that returns null makes tombstones")
            .table("t", "in")
            .op("map_values", "m", "t", json!({"mapper": "null_if_empty", "materialized": kept("full")}))
            .show("m")
            .feed("a=x@1 a=@2 a=@3 b=@1 b=y@0"),
        case("transform-values", "transform_values is called for null as well")
            .table("t", "in")
            .key_value_store("seen", "string", "long")
            .op("transform_values", "m", "t", json!({"processor": "count_in_store", "stores": ["seen"]}))
            .show("m")
            .feed(UPDATES),
        case("transform-values-kept", "transform_values with a store for its results")
            .table("t", "in")
            .key_value_store("seen", "string", "long")
            .op(
                "transform_values",
                "m",
                "t",
                json!({
                    "processor": "count_in_store", "stores": ["seen"], "materialized": kept("results")
                }),
            )
            .show("m")
            .feed(UPDATES),
        case("to-stream-with-key", "to_stream with a key mapper: tombstones have a null value to map")
            .table("t", "in")
            .op("to_stream", "s", "t", json!({"mapper": "first_char"}))
            .out("s")
            .feed(UPDATES),
    ]
}

fn kept_views() -> Vec<Case> {
    vec![
        case(
            "map-values-kept-then-filter",
            "a view with a store tells what was in it: deletions of rows pass a filter below it, others do not",
        )
        .table("t", "in")
        .op("map_values", "m", "t", json!({"mapper": "upper", "materialized": kept("upper")}))
        .op("filter", "f", "m", json!({"predicate": "value_even"}))
        .show("f")
        .feed(UPDATES)
        .feed("a=uu@10 a=~@11 b=vv@12 b=v@13 d=~@14"),
        case("map-values-kept-then-join", "a view with a store passes deletions of rows that it never had to a join")
            .table("t", "in")
            .table("r", "r")
            .op("map_values", "m", "t", json!({"mapper": "upper", "materialized": kept("upper")}))
            .op("left_join", "j", "m", json!({"with": "r", "joiner": "concat"}))
            .show("j")
            .feed("a=~@1 r:a=R@2 a=~@3 a=x@4 a=~@5 a=~@6 r:a=~@7 a=~@8"),
        case("views-kept-looked-up", "views with stores are looked up there, by a stream and by a table")
            .table("t", "in")
            .stream("s", "s")
            .table("r", "r")
            .op("map_values", "m", "t", json!({"mapper": "upper", "materialized": kept("upper")}))
            .op("filter", "f", "t", json!({"predicate": "value_even", "materialized": kept("even")}))
            .op("table_left_join", "j", "s", json!({"with": "m", "joiner": "concat"}))
            .op("table_left_join", "k", "j", json!({"with": "f", "joiner": "concat"}))
            .op("left_join", "l", "r", json!({"with": "m", "joiner": "concat"}))
            .op("left_join", "n", "r", json!({"with": "f", "joiner": "concat"}))
            .out("k")
            .show_in("l", "mapped")
            .show_in("n", "filtered")
            .feed("s:a=1@1 a=xx@2 s:a=2@3 r:a=R@4 a=y@9 r:a=S@5 s:a=3@6 a=~@7 s:a=4@8"),
    ]
}

fn values_to_null() -> Vec<Case> {
    vec![
        case(
            "map-values-to-null-not-kept",
            "a mapper that returns null makes tombstones without a store too, one for each update",
        )
        .table("t", "in")
        .op("map_values", "m", "t", json!({"mapper": "null_if_empty"}))
        .show("m")
        .feed("a=x@1 a=@2 a=@3 b=@1 b=y@0 b=~@4"),
        case(
            "map-values-to-null-mapped-again",
            "a second mapper is not called for the null of a first, nor is a predicate",
        )
        .table("t", "in")
        .op("map_values", "m", "t", json!({"mapper": "parse_long"}))
        .op("map_values", "n", "m", json!({"mapper": "length", "materialized": kept("lengths")}))
        .op("filter", "f", "m", json!({"predicate": "value_even"}))
        .op("filter_not", "g", "m", json!({"predicate": "value_even", "materialized": kept("odd")}))
        .show("n")
        .show_in("f", "even")
        .show_in("g", "odd")
        .feed("a=12@1 a=x@2 a=3@3 a=~@4 b=x@5 b=4@6 b=4@7 b=@8"),
        case(
            "map-values-to-null-filtered",
            "what a mapper made null was no row before either: no deletion passes a filter below",
        )
        .table_in("t", "in", kept("rows"))
        .op("map_values", "m", "t", json!({"mapper": "null_if_empty"}))
        .op("filter", "f", "m", json!({"predicate": "true"}))
        .show("f")
        .feed("a=@1 a=~@2 a=@3 a=x@4 a=@5 a=@6 a=~@7"),
        case("map-values-to-null-joined", "a row that was mapped to null is not there for a join that looks it up")
            .table("t", "in")
            .table("other", "other")
            .op("map_values", "m", "t", json!({"mapper": "null_if_empty"}))
            .op("left_join", "left", "other", json!({"with": "m", "joiner": "concat"}))
            .op("outer_join", "outer", "m", json!({"with": "other", "joiner": "concat"}))
            .op("join", "inner", "m", json!({"with": "other", "joiner": "concat", "materialized": kept("both")}))
            .show_in("left", "left")
            .show_in("outer", "outer")
            .show_in("inner", "inner")
            .feed("a=@1 other:a=1@2 a=x@3 other:a=2@4 a=@5 other:a=3@6 other:a=~@7 a=y@8 a=~@9"),
        case("map-values-to-null-looked-up", "a stream finds no row where the mapper gives null")
            .table("t", "in")
            .stream("s", "s")
            .op("map_values", "m", "t", json!({"mapper": "null_if_empty"}))
            .op("table_join", "j", "s", json!({"with": "m", "joiner": "concat"}))
            .op("table_left_join", "k", "s", json!({"with": "m", "joiner": "concat"}))
            .to("j", "inner")
            .to("k", "left")
            .feed("a=@1 s:a=1@2 a=x@3 s:a=2@4 a=@5 s:a=3@6"),
    ]
}

/// An uncached count tells 0 as the row before the first: a view that is computed makes a row of it, a kept one has none.
fn old_values() -> Vec<Case> {
    let counted = |name: &str, about: &str| {
        case(name, about).stream("in", "in").op("group_by_key", "groups", "in", json!({})).op(
            "count",
            "counts",
            "groups",
            json!({"materialized": {"name": "counts", "caching": false}}),
        )
    };
    vec![
        counted(
            "first-old-value-filtered",
            "quirk 2: a filter maps the first old value too, one with a store asks that",
        )
        .op("filter", "computed", "counts", json!({"predicate": "value_even"}))
        .op("filter", "stored", "counts", json!({"predicate": "value_even", "materialized": kept("even")}))
        .show_in("computed", "computed")
        .show_in("stored", "stored")
        .feed("a=x@1 b=y@2 a=z@3 a=w@4"),
        counted(
            "first-old-value-mapped",
            "quirk 2: map_values maps the first old value too, with a store it asks that",
        )
        .op("map_values", "m", "counts", json!({"mapper": "add_one"}))
        .op("map_values", "k", "counts", json!({"mapper": "add_one", "materialized": kept("more")}))
        .op("filter_not", "computed", "m", json!({"predicate": "value_even"}))
        .op("filter_not", "stored", "k", json!({"predicate": "value_even"}))
        .show_in("computed", "computed")
        .show_in("stored", "stored")
        .feed("a=x@1 b=y@2 a=z@3 a=w@4"),
        case(
            "null-aggregates-below",
            "what an aggregation makes null is no row for a join or a filter, nor is a null before the first",
        )
        .stream("in", "in")
        .table("r", "r")
        .op("group_by_key", "groups", "in", json!({}))
        .op(
            "aggregate",
            "rows",
            "groups",
            json!({
                "initializer": "null", "aggregator": "null_on_empty", "materialized": {"name": "rows", "caching": false}
            }),
        )
        .op("left_join", "j", "rows", json!({"with": "r", "joiner": "concat"}))
        .op("filter", "f", "rows", json!({"predicate": "true"}))
        .show_in("j", "joined")
        .show_in("f", "filtered")
        .feed("a=@1 r:a=R@2 a=@3 a=x@4 a=@5 a=@6 b=y@7"),
    ]
}

fn grouped(name: &str, about: &str, mapper: &str) -> Case {
    case(name, about).table("t", "in").op("group_by", "groups", "t", json!({"mapper": mapper}))
}

fn counts() -> Vec<Case> {
    let count =
        |case: Case| case.op("count", "counts", "groups", json!({"materialized": kept("counts")})).show("counts");
    vec![
        count(grouped("count", "row 38: a row moves from one group to another: subtract, then add", "by_value"))
            .feed("a=x@1 b=x@2 a=y@3 b=~@4 a=~@5 c=y@0"),
        count(grouped("count-falls-to-zero", "a count that falls to 0 stays as a row with 0", "by_value"))
            .feed("a=x@1 a=~@2 a=x@3 a=~@0"),
        count(grouped(
            "count-same-group",
            "row 38, quirk 5: a row that stays in its group: one record with new and old",
            "constant",
        ))
        .feed("a=x@1 b=y@2 a=z@3 a=~@4 b=~@9"),
        count(grouped(
            "count-null-groups",
            "row 38: pairs with a null key or a null value are left out, on the old side too",
            "by_first_char",
        ))
        .feed("a=x@1 a=@2 a=xy@3 b=@4 b=~@5 c=yx@6 ~=z@7"),
        count(grouped("count-null-values", "row 38: a grouping to null values counts nothing", "null_value"))
            .feed("a=x@1 a=~@2"),
        count(grouped("count-null-keys", "row 38: a grouping to null keys counts nothing", "null_key"))
            .feed("a=x@1 a=~@2"),
        count(grouped(
            "count-out-of-order",
            "row 38: older updates of a table move rows too; times of groups never go back",
            "by_value",
        ))
        .feed("a=x@10 a=y@5 a=x@7 b=x@1 a=~@0"),
    ]
}

fn aggregates() -> Vec<Case> {
    let aggregate =
        |name: &str, about: &str, mapper: &str| {
            grouped(name, about, mapper)
            .op("aggregate", "rows", "groups", json!({
                "initializer": "empty", "aggregator": "append", "subtractor": "strike", "materialized": kept("rows")
            }))
            .show("rows")
        };
    vec![
        aggregate("aggregate-basic", "row 38: an update of the same group is subtract and add in one step", "identity")
            .feed("A=1@10 B=2@15 A=3@20 B=4@18 C=5@5 D=6@25 B=7@15 C=8@10"),
        aggregate("aggregate-regrouped", "row 38, golden sequence 6: rows that move between groups", "by_value")
            .feed("A=1@10 A=~@15 A=1@12 B=2@20 C=~@25 B=4@23 D=@23 B=7@22"),
        aggregate(
            "aggregate-remove-old-first",
            "row 38: the old value is subtracted before the new one is added",
            "constant",
        )
        .feed("11=A@1 12=B@2 11=~@3 12=C@4"),
        aggregate("aggregate-disorder", "times of results: the greatest of record and row", "by_first_char")
            .feed("a=x@10 b=xy@5 a=y@7 b=~@20 c=x@1 a=~@2"),
        aggregate(
            "aggregate-many",
            "many rows moving between few groups, with tombstones and disorder",
            "by_first_char",
        )
        .feed(
            Mixture {
                keys: &["a", "b", "c", "d"],
                values: &["x", "xx", "y", "yy", "~", ""],
                back: 3,
                on: 5,
                records: 40,
                ..Mixture::default()
            }
            .script(41),
        ),
        grouped("aggregate-null-initializer", "row 38: a null initializer: the adder is called with null", "by_value")
            .op(
                "aggregate",
                "rows",
                "groups",
                json!({"initializer": "null", "aggregator": "append", "subtractor": "strike"}),
            )
            .show("rows")
            .feed("a=x@1 b=x@2 a=y@3 b=~@4"),
        case("aggregate-sums", "sums of longs by group, the documented example of regions")
            .table_of("t", "in", "string", "long")
            .op("group_by", "groups", "t", json!({"mapper": "constant"}))
            .op(
                "aggregate",
                "rows",
                "groups",
                json!({"initializer": "zero", "aggregator": "sum", "subtractor": "subtract"}),
            )
            .show("rows")
            .feed("alice=5@1 bob=3@2 charlie=7@3 alice=5@4 charlie=~@5 bob=-3@0"),
    ]
}

fn reduces() -> Vec<Case> {
    let reduce = |case: Case, adder: &str, subtractor: &str| {
        case.op(
            "reduce",
            "rows",
            "groups",
            json!({
                "adder": adder, "subtractor": subtractor, "materialized": kept("rows")
            }),
        )
        .show("rows")
    };
    vec![
        reduce(
            grouped("reduce", "a reduced table: the first value of a group is stored as it is", "by_first_char"),
            "concat",
            "remove",
        )
        .feed("a=x@1 b=xy@2 a=yx@3 b=~@4 a=xz@5 c=yy@0"),
        reduce(
            grouped(
                "reduce-to-null",
                "an adder that returns null deletes the row, also while the old value is subtracted",
                "constant",
            ),
            "null",
            "keep",
        )
        .feed("a=x@1 b=y@2 b=z@3 a=~@4 b=~@5"),
        reduce(
            grouped("reduce-subtract-to-null", "a subtractor that returns null: the adder begins anew", "constant"),
            "concat",
            "null",
        )
        .feed("a=x@1 b=y@2 b=z@3 a=~@4 b=~@5"),
        case("reduce-longs", "sums with retractions; a sum of nothing stays 0")
            .table_of("t", "in", "string", "long")
            .op("group_by", "groups", "t", json!({"mapper": "constant", "name": "all-of-them"}))
            .op(
                "reduce",
                "rows",
                "groups",
                json!({"adder": "sum", "subtractor": "minus", "materialized": kept("rows")}),
            )
            .show("rows")
            .feed("a=5@1 b=7@2 a=6@3 b=~@4 a=~@5 c=~@6 c=1@0"),
    ]
}

fn chains() -> Vec<Case> {
    vec![
        grouped(
            "count-of-counts",
            "a table of counts grouped by the count: retractions through two levels",
            "by_value",
        )
        .op("count", "counts", "groups", json!({}))
        .op("group_by", "again", "counts", json!({"mapper": "by_value"}))
        .op("count", "counts_of_counts", "again", json!({"materialized": kept("rows")}))
        .show("counts_of_counts")
        .feed("a=x@1 b=x@2 c=y@3 a=y@4 b=~@5 c=~@6"),
        case("views-then-group", "retractions need the old values of a view that is not kept")
            .table("t", "in")
            .op("map_values", "m", "t", json!({"mapper": "upper"}))
            .op("filter", "f", "m", json!({"predicate": "value_not_null"}))
            .op("group_by", "groups", "f", json!({"mapper": "by_value"}))
            .op("count", "counts", "groups", json!({"materialized": kept("rows")}))
            .show("counts")
            .feed(UPDATES),
        case("table-of-stream-regrouped", "a stream made a table, grouped by value: how many keys have each value")
            .stream("in", "in")
            .op("to_table", "t", "in", json!({}))
            .op("group_by", "groups", "t", json!({"mapper": "by_value"}))
            .op("count", "counts", "groups", json!({"materialized": kept("rows")}))
            .show("counts")
            .feed("a=x@1 b=x@2 a=y@3 ~=z@4 a=~@0 b=x@1"),
        case("one-table-two-groupings", "two groupings of one table; both need its old values")
            .table("t", "in")
            .op("group_by", "g1", "t", json!({"mapper": "by_value"}))
            .op("count", "c1", "g1", json!({}))
            .op("group_by", "g2", "t", json!({"mapper": "by_first_char"}))
            .op("reduce", "c2", "g2", json!({"adder": "concat", "subtractor": "remove"}))
            .show_in("c1", "one")
            .show_in("c2", "two")
            .feed(UPDATES),
    ]
}

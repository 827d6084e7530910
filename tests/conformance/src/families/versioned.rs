//! Tables in versioned stores: what is kept, what is forwarded, and which steps keep versions.

use serde_json::{json, Value};

use super::build::{case, Case};
use super::input::Mixture;

fn store(history: i64) -> Value {
    json!({"name": "rows", "store": "versioned", "history": history})
}

fn table(name: &str, about: &str, history: i64) -> Case {
    case(name, about).table_in("t", "in", store(history))
}

pub(crate) fn cases() -> Vec<Case> {
    [tables(), views(), aggregates()].concat()
}

fn tables() -> Vec<Case> {
    vec![
        table("updates", "versions of rows with the time that each ended", 1000)
            .show("t")
            .feed("a=x@1 a=y@5 b=z@3 a=~@8 a=w@10 b=~@4"),
        table(
            "out-of-order",
            "row 53, quirk 3: an older update is kept in its place and does not become the newest",
            1000,
        )
        .show("t")
        .feed("a=x@10 a=y@5 a=z@7 a=w@1 a=v@20 b=u@3"),
        table("same-time", "row 53: an update of the same time replaces the version", 1000)
            .show("t")
            .feed("a=x@10 a=y@10 a=~@10 a=z@10 a=w@5 a=v@5 a=~@5"),
        table(
            "tombstones",
            "row 53: deletions between versions, before all and after all, and of keys never seen",
            1000,
        )
        .show("t")
        .feed("a=x@10 a=~@15 a=y@20 a=~@12 a=~@5 b=~@7 b=z@6 b=w@9 c=~@1"),
        table(
            "too-old",
            "quirk 28: an update older than the history is not put, not forwarded, and counted by the store",
            10,
        )
        .show("t")
        .feed("a=x@100 a=y@89 a=z@90 b=w@91 b=v@89 c=u@200 a=t@189 a=s@190"),
        table("nulls", "null keys are dropped and counted", 100).show("t").feed("~=x@1 ~=~@2 a=~@3 =y@4"),
        table("segments", "row 53: a history longer than a segment: versions across segments", 100_000).show("t").feed(
            "a=x@1000 a=y@50000 a=z@45000 a=w@120000 a=v@70000 a=~@90000 b=u@119999 a=t@20000 a=s@19999 a=r@60000",
        ),
        table("expired", "row 53: the far future leaves the newest version of each key only", 1000)
            .show("t")
            .feed("a=x@1 b=y@500 a=z@900 c=w@253402300799999 a=v@950 b=u@253402300799500"),
        table("seeded", "row 53: random updates, deletions and disorder", 20).show("t").feed(
            Mixture { values: &["x", "y", "z", "~"], back: 8, on: 11, records: 50, ..Mixture::default() }.script(151),
        ),
        table("greatest-time", "a version of the greatest time of all", 1000)
            .show("t")
            .feed("a=x@1 a=y@9223372036854775807 a=z@5"),
        case("to-table", "a stream made a versioned table")
            .stream("in", "in")
            .op("to_table", "t", "in", json!({"materialized": store(100)}))
            .show("t")
            .feed("a=x@10 a=y@5 a=~@12 b=z@1 ~=w@2"),
    ]
}

fn views() -> Vec<Case> {
    vec![
        table("filter", "row 39: a filter of a versioned table passes tombstones on, though nothing was there", 1000)
            .op("filter", "f", "t", json!({"predicate": "value_even"}))
            .show("f")
            .feed("a=x@10 a=yy@5 a=zz@12 a=w@13 a=v@14 a=~@15 a=~@9"),
        table("filter-then-group", "row 39: a filter of a versioned table before a grouping", 1000)
            .op("filter", "f", "t", json!({"predicate": "value_even"}))
            .op("group_by", "groups", "f", json!({"mapper": "by_value"}))
            .op("count", "counts", "groups", json!({}))
            .show("counts")
            .feed("a=xx@10 a=yy@5 b=xx@12 a=w@13 a=vv@14 a=~@15 b=~@9"),
        table("grouped", "row 38: older updates of a versioned table are not grouped", 1000)
            .op("group_by", "groups", "t", json!({"mapper": "by_value"}))
            .op("count", "counts", "groups", json!({}))
            .show("counts")
            .feed("a=x@10 b=x@5 a=y@7 a=z@12 b=~@4 b=~@6"),
        table(
            "view-joined",
            "a view of a versioned table keeps versions: a stream join as of a time looks through the mapper",
            1000,
        )
        .stream("l", "l")
        .op("map_values", "m", "t", json!({"mapper": "upper"}))
        .op("table_left_join", "j", "l", json!({"with": "m", "joiner": "concat"}))
        .out("j")
        .feed("a=x@10 a=y@20 l:a=l@15 l:a=l@25 l:a=l@5"),
        table("kept-view-ends-versions", "a view with a store of its own keeps no versions", 1000)
            .stream("l", "l")
            .op("map_values", "m", "t", json!({"mapper": "upper", "materialized": {"name": "upper"}}))
            .op("table_left_join", "j", "l", json!({"with": "m", "joiner": "concat"}))
            .out("j")
            .feed("a=x@10 a=y@20 l:a=l@15 a=z@12 l:a=l@25 l:a=l@5"),
        table(
            "kept-view-of-older-updates",
            "a kept view without versions gets older updates: does it overwrite?",
            1000,
        )
        .op("map_values", "m", "t", json!({"mapper": "upper", "materialized": {"name": "upper"}}))
        .show("m")
        .feed("a=x@10 a=y@5 a=~@7 a=z@20 b=w@1"),
    ]
}

fn aggregates() -> Vec<Case> {
    let grouped =
        |name: &str, about: &str| case(name, about).stream("in", "in").op("group_by_key", "groups", "in", json!({}));
    vec![
        grouped("count", "a count in a versioned store: the time of a row never goes back, so neither do versions")
            .op("count", "counts", "groups", json!({"materialized": store(1000)}))
            .show("counts")
            .feed("a=x@10 a=y@5 b=z@7 a=w@12 a=~@13 b=v@1"),
        grouped("count-too-old", "quirk 28: a result older than the history is not put and not forwarded")
            .op("count", "counts", "groups", json!({"materialized": store(10)}))
            .show("counts")
            .feed("a=x@10 b=y@100 a=z@11 a=w@95 c=v@89 c=u@90"),
        grouped("reduce", "a reduction in a versioned store that deletes")
            .op("reduce", "rows", "groups", json!({"reducer": "null", "materialized": store(1000)}))
            .show("rows")
            .feed("a=x@10 a=y@5 a=z@7 b=w@1 b=v@9 a=u@20"),
        case("table-aggregate", "row 38: an aggregate of a table in a versioned store")
            .table("t", "in")
            .op("group_by", "groups", "t", json!({"mapper": "by_first_char"}))
            .op(
                "aggregate",
                "rows",
                "groups",
                json!({
                    "initializer": "empty", "aggregator": "append", "subtractor": "strike", "materialized": store(1000)
                }),
            )
            .show("rows")
            .feed("a=x@10 b=xy@5 a=y@7 b=~@20 c=x@1 a=~@2"),
        case("join-kept", "a join in a versioned store: results of older rows")
            .table("l", "l")
            .table("r", "r")
            .op("outer_join", "j", "l", json!({"with": "r", "joiner": "concat", "materialized": store(1000)}))
            .show("j")
            .feed("l:a=x@10 r:a=R@5 l:a=y@3 r:a=~@4 l:a=~@1 r:b=S@7 r:b=T@6"),
    ]
}

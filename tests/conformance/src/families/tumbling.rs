//! Tumbling windows: which window a record is in, when it is too late for it, and what a window's row is.

use serde_json::{json, Value};

use super::build::{case, grace, tumbling, Case};
use super::input::Mixture;

pub(crate) fn cases() -> Vec<Case> {
    [edges(), lateness(), operators(), keys()].concat()
}

/// Values appended in windows, with a named store.
pub(crate) fn appended(name: &str, about: &str, window: Value) -> Case {
    case(name, about)
        .stream("in", "in")
        .op("group_by_key", "groups", "in", json!({}))
        .op("windowed_by", "windows", "groups", json!({"window": window}))
        .op(
            "aggregate",
            "rows",
            "windows",
            json!({
                "initializer": "empty", "aggregator": "append", "materialized": {"name": "rows"}
            }),
        )
        .show("rows")
}

fn edges() -> Vec<Case> {
    vec![
        appended("edges", "a window holds its start and not its end", grace(tumbling(10), 100))
            .feed("a=x@0 a=y@9 a=z@10 a=w@19 a=v@20 a=u@10"),
        appended("size-one", "windows of 1 ms", grace(tumbling(1), 3)).feed("a=x@0 a=y@1 a=z@1 a=w@5 a=v@2 a=u@1"),
        appended("odd-size", "windows begin at multiples of their size, not of anything else", grace(tumbling(7), 20))
            .feed("a=x@6 a=y@7 a=z@13 a=w@14 a=v@100 a=u@97"),
        appended("ties", "records of one time in one window, one by one", tumbling(10))
            .feed("a=x@5 a=y@5 b=z@5 a=w@5 b=v@10 a=u@10"),
        appended("far-future", "one record of the far future closes all windows before it", grace(tumbling(10), 50))
            .feed("a=x@1 b=y@253402300799999 a=z@2 b=w@253402300799990 a=v@253402300800000"),
        appended(
            "greatest-time-continues",
            "a record whose window would end beyond all times has moved stream time before it fails",
            tumbling(10),
        )
        .config("processing_handler", "continue")
        .feed("a=x@1 a=y@9223372036854775807 a=z@2"),
        appended("greatest-time", "the window of the greatest time would end beyond all times", tumbling(10))
            .feed("a=x@1 a=y@9223372036854775807 a=z@2"),
    ]
}

fn lateness() -> Vec<Case> {
    vec![
        appended("no-grace", "without grace a window is closed when stream time reaches its end", tumbling(10))
            .feed("a=x@5 a=y@9 b=z@10 a=w@9 a=v@19 a=u@0 b=t@20 a=s@19"),
        appended(
            "grace",
            "quirk 8: with grace a window is closed when stream time reaches end and grace, not before",
            grace(tumbling(10), 5),
        )
        .feed("a=x@5 b=y@14 a=z@9 b=w@15 a=v@9 a=u@12"),
        appended(
            "stream-time-first",
            "quirk 9: a record moves stream time before it is judged late, other keys' records too",
            tumbling(10),
        )
        .feed("a=x@5 ~=y@50 a=z@6 b=w@20 a=v@11"),
        appended("null-keys-and-time", "a record dropped for its null key: does it move stream time?", tumbling(10))
            .feed("a=x@5 ~=y@100 a=z@6 a=w@101 a=v@7"),
        appended("null-values-and-time", "a null value is aggregated and moves stream time", tumbling(10))
            .feed("a=x@5 a=~@20 a=y@6 a=z@21 b=~@45 a=w@29"),
        appended(
            "again",
            "stream time does not go back when times start again from small ones",
            grace(tumbling(10), 30),
        )
        .feed("a=x@0 a=y@100 a=z@0 a=w@5 a=v@60 a=u@70 a=t@101"),
        appended(
            "hidden-row",
            "a window that is open for its own key's input, but whose row the store no longer shows, begins anew",
            tumbling(10),
        )
        .stream("other", "other")
        .op("group_by_key", "more", "other", json!({}))
        .op("cogroup", "one", "groups", json!({"aggregator": "append", "result": "string"}))
        .op("cogroup_with", "both", "one", json!({"with": "more", "aggregator": "strike"}))
        .op("windowed_by", "cut", "both", json!({"window": tumbling(10)}))
        .op("aggregate", "sum", "cut", json!({"initializer": "empty", "materialized": {"name": "sum"}}))
        .show_in("sum", "sum-out")
        .feed("a=x@1 other:a=y@2 other:b=z@25 a=w@3 other:a=v@4 a=u@30"),
        appended("disorder", "disorder within grace and beyond it, several keys", grace(tumbling(10), 8))
            .feed(Mixture { back: 12, on: 16, records: 50, ..Mixture::default() }.script(51)),
        appended("hot-key", "one key nearly always, null values and keys between", grace(tumbling(5), 5)).feed(
            Mixture {
                keys: &["a", "a", "a", "", "~"],
                values: &["x", "~", "y"],
                back: 6,
                on: 8,
                records: 50,
                ..Mixture::default()
            }
            .script(52),
        ),
    ]
}

fn operators() -> Vec<Case> {
    let windowed = |name: &str, about: &str, materialized: Value| {
        case(name, about)
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": grace(tumbling(10), 10)}))
            .op("count", "rows", "windows", json!({"materialized": materialized}))
            .show("rows")
            .feed("b=x@1 a=y@3 b=z@12 a=~@4 b=w@25 a=v@14 ab=u@14 b=t@2 =s@30")
    };
    vec![
        windowed("count", "windowed counts: null values count", json!({"name": "rows"})),
        windowed(
            "count-persistent",
            "the persistent store lists windows by key, the one in memory by time",
            json!({"name": "rows", "store": "persistent"}),
        ),
        windowed(
            "count-with-retention",
            "a store that keeps windows longer than it must: lateness is not changed by it",
            json!({"name": "rows", "retention": 1000}),
        ),
        windowed(
            "count-without-changelog",
            "windowed counts without a changelog",
            json!({"name": "rows", "logging": false}),
        ),
        case("reduce", "windowed reductions: a null value is reduced, too")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": grace(tumbling(10), 10)}))
            .op("reduce", "rows", "windows", json!({"reducer": "concat", "materialized": {"name": "rows"}}))
            .show("rows")
            .feed("a=x@1 a=y@0 a=~@2 a=z@3 b=~@4 b=w@5 a=v@15"),
        appended(
            "null-result-deletes",
            "an aggregator that returns null deletes the window's row",
            grace(tumbling(10), 10),
        )
        .feed("a=x@1")
        .op(
            "aggregate",
            "others",
            "windows",
            json!({
                "initializer": "empty", "aggregator": "null_on_empty", "materialized": {"name": "others"}
            }),
        )
        .show_in("others", "others")
        .feed("a=@2 a=@3 a=y@4 a=@15 a=z@16"),
    ]
}

fn keys() -> Vec<Case> {
    let counted = |name: &str, about: &str| {
        case(name, about)
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": grace(tumbling(10), 10)}))
            .op("count", "counts", "windows", json!({}))
    };
    vec![
        counted(
            "windowed-keys-repartitioned",
            "quirk 14: windowed keys in a repartition topic: the key and the start only",
        )
        .op("to_stream", "stream", "counts", json!({}))
        .op("repartition", "there", "stream", json!({"name": "windowed"}))
        .out("there")
        .feed("a=x@1 a=y@11 =z@12"),
        counted("windowed-to-plain-key", "windows grouped again by their count")
            .op("group_by", "again", "counts", json!({"mapper": "by_value"}))
            .op("count", "rows", "again", json!({}))
            .show("rows")
            .feed("a=x@1 a=y@11 b=z@12 a=w@2 b=v@25"),
        case(
            "windowed-source",
            "a topic with windowed keys read again: the end comes from the size that the reader gives",
        )
        .stream_of("in", "in", "string", "string")
        .op("group_by_key", "groups", "in", json!({}))
        .op("windowed_by", "windows", "groups", json!({"window": tumbling(10)}))
        .op("count", "counts", "windows", json!({}))
        .show_in("counts", "windows-out")
        .node(json!({
            "op": "stream", "id": "again", "topics": ["windows-out"],
            "key": {"windowed": "string", "size": 10}, "value": "long"
        }))
        .op("map_values", "more", "again", json!({"mapper": "add_one"}))
        .out("more")
        .feed("a=x@1 a=y@11"),
        case("long-keys", "windows of longs: the changelog's key is key, start and sequence number")
            .stream_of("in", "in", "long", "string")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": grace(tumbling(10), 10)}))
            .op("count", "counts", "windows", json!({"materialized": {"name": "counts"}}))
            .show("counts")
            .feed("-1=x@1 1=y@2 -1=z@11 1=w@3"),
    ]
}

//! Aggregations of grouped streams without windows.

use serde_json::{json, Value};

use super::build::{case, Case};
use super::input::Mixture;

pub(crate) fn cases() -> Vec<Case> {
    [shapes(), deletions(), types()].concat()
}

fn aggregate(name: &str, about: &str, fields: Value) -> Case {
    case(name, about)
        .stream("in", "in")
        .op("group_by_key", "groups", "in", json!({}))
        .op("aggregate", "totals", "groups", fields)
        .show("totals")
}

fn kept(initializer: &str, aggregator: &str) -> Value {
    json!({"initializer": initializer, "aggregator": aggregator, "materialized": {"name": "totals"}})
}

fn shapes() -> Vec<Case> {
    let append = |name: &str, about: &str, script: &str| aggregate(name, about, kept("empty", "append")).feed(script);
    vec![
        append("nulls", "records without a key or a value are dropped and counted", "a=x@1 ~=y@2 a=~@3 ~=~@4 a=z@5"),
        append("a-null-value-deletes-nothing", "a null value is no deletion: the row stays", "a=x@1 a=~@2 a=y@3"),
        append(
            "disorder",
            "a late record changes the row; the row's time does not go back",
            "a=x@10 a=y@5 b=z@7 a=w@11 b=v@0",
        ),
        append("ties", "records of one time are added in the order they come", "a=x@5 a=y@5 b=z@5 a=w@5"),
        append("empties", "an empty key is a key, an empty value a value", "=x@1 a=@2 =@3 =y@4"),
        append(
            "far-future",
            "a time far ahead stays with its row; rows of other keys keep theirs",
            "a=x@1 a=y@4102444800000 b=z@2 a=w@3",
        ),
        append(
            "greatest-time",
            "the greatest time of all is a time like any other without windows",
            "a=x@9223372036854775807 a=y@0 b=z@1",
        ),
        append(
            "again",
            "times that start again from small ones after large ones",
            "a=x@100 a=y@200 a=z@1 a=w@2 b=v@3 a=u@201",
        ),
        append(
            "hot-key",
            "one key nearly always, with disorder and nulls",
            &Mixture {
                keys: &["a", "a", "a", "a", "b"],
                values: &["x", "y", "~", "z"],
                back: 4,
                on: 6,
                ..Mixture::default()
            }
            .script(11),
        ),
        append(
            "many-keys",
            "rows and the changelog of many keys in the order of the store",
            &Mixture { keys: &["k9", "k10", "k", "", "K", "é", "z", "a_b", "~"], back: 2, ..Mixture::default() }
                .script(12),
        ),
    ]
}

fn deletions() -> Vec<Case> {
    vec![
        aggregate(
            "null-result-deletes",
            "an aggregator that returns null deletes the row; the next record begins anew",
            kept("empty", "null_on_empty"),
        )
        .feed("a=x@5 a=@3 a=y@1 a=@9 a=@10 b=@2 b=z@1"),
        aggregate(
            "null-from-the-start",
            "a null result for a key without a row: is there a tombstone?",
            kept("empty", "null_on_empty"),
        )
        .feed("a=@1 a=@2 b=@0"),
        aggregate(
            "null-initializer",
            "an initializer may return null: the aggregator is called with null",
            kept("null", "append"),
        )
        .feed("a=x@1 a=y@2 b=@3"),
        aggregate("last", "an aggregator that forgets what was before", kept("empty", "last"))
            .feed("a=x@3 a=y@1 a=@2 a=x@2"),
        aggregate("constant-result", "a result equal to the one before is passed on all the same", kept("zero", "sum"))
            .feed("a=@1 a=@2 a=x@3 a=@4"),
    ]
}

fn types() -> Vec<Case> {
    vec![
        case("longs", "sums of longs, below zero too")
            .stream_of_longs("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("aggregate", "totals", "groups", kept("zero", "sum"))
            .show("totals")
            .feed("a=5@1 a=-7@2 b=0@3 a=~@4 b=9223372036854775806@5"),
        case("long-keys", "keys of longs: negative ones come last in a store of bytes")
            .stream_of("in", "in", "long", "string")
            .op("group_by_key", "groups", "in", json!({}))
            .op("aggregate", "totals", "groups", kept("empty", "append"))
            .show("totals")
            .feed("-1=x@1 0=y@2 1=z@3 256=w@4 -9223372036854775808=v@5 ~=u@6 0=t@0"),
        aggregate(
            "persistent",
            "the same rows and order from a persistent store",
            json!({"initializer": "empty", "aggregator": "append",
                "materialized": {"name": "totals", "store": "persistent"}}),
        )
        .feed("b=x@5 a=y@3 =z@1 b=w@2 ab=v@9"),
        aggregate(
            "without-changelog",
            "a store without logging works as one with it",
            json!({"initializer": "empty", "aggregator": "append",
                "materialized": {"name": "totals", "logging": false}}),
        )
        .feed("b=x@5 a=y@3 b=w@2"),
        aggregate("into-another", "aggregates of aggregates: a stream of changes grouped again", kept("zero", "count"))
            .op("to_stream", "stream", "totals", json!({}))
            .op("group_by", "again", "stream", json!({"mapper": "value"}))
            .op("aggregate", "sums", "again", json!({"initializer": "zero", "aggregator": "sum"}))
            .show_in("sums", "sums")
            .feed("a=x@1 b=y@2 a=z@0 a=w@7 b=v@3"),
    ]
}

//! Session windows: what is merged, what is taken away, and when a session is too late.

use serde_json::{json, Value};

use super::build::{case, grace, session, Case};
use super::input::Mixture;

pub(crate) fn cases() -> Vec<Case> {
    [merging(), lateness(), operators(), keys()].concat()
}

fn appended(name: &str, about: &str, window: Value) -> Case {
    cut(
        name,
        about,
        window,
        "aggregate",
        json!({
            "initializer": "empty", "aggregator": "append", "merger": "concat", "materialized": {"name": "rows"}
        }),
    )
}

fn cut(name: &str, about: &str, window: Value, op: &str, fields: Value) -> Case {
    case(name, about)
        .stream("in", "in")
        .op("group_by_key", "groups", "in", json!({}))
        .op("windowed_by", "windows", "groups", json!({"window": window}))
        .op(op, "rows", "windows", fields)
        .show("rows")
}

fn merging() -> Vec<Case> {
    vec![
        appended("grow", "row 33, golden sequence 7: a session grows: a tombstone for the old one, then the new one", session(5))
            .feed("a=x@0 a=y@5 a=z@10 a=w@16"),
        appended("same-time", "row 33: a record of a session's own time: no tombstone when the session does not change", session(5))
            .feed("a=x@3 a=y@3 a=z@4 a=w@4"),
        appended("merge-two", "row 33: a record between two sessions merges them: tombstones in store order", grace(session(5), 50))
            .feed("a=x@0 a=y@10 a=z@5 b=w@7"),
        appended("merge-many", "row 33: a chain of sessions merged by later records", grace(session(5), 100))
            .feed("a=x@0 a=y@10 a=z@20 a=w@30 a=v@15 a=u@5 a=t@25"),
        appended("gap-edge", "a distance of exactly the gap merges, one more does not", grace(session(5), 50))
            .feed("a=x@10 a=y@15 a=z@21 a=w@5 b=v@4 b=u@10"),
        appended("gap-zero", "a gap of 0 merges equal times only", grace(session(0), 20)).feed("a=x@1 a=y@1 a=z@2 a=w@1"),
        appended("inside", "a record inside a session leaves its bounds", grace(session(5), 50)).feed("a=x@10 a=y@14 a=z@12 a=w@10"),
        appended("earlier", "a record before a session moves its start", grace(session(5), 50)).feed("a=x@10 a=y@6 a=z@2 a=w@0"),
        appended("nulls", "quirk 1: null values are aggregated, null keys dropped and counted", grace(session(5), 10)).feed("a=~@1 ~=x@2 a=y@3 a=~@4 b=~@9"),
        appended("null-result", "an aggregate that is null: the session has no row", grace(session(5), 10))
            .op("aggregate", "others", "windows", json!({
                "initializer": "empty", "aggregator": "null_on_empty", "merger": "concat", "materialized": {"name": "others"}
            }))
            .show_in("others", "others")
            .feed("a=x@1 a=@2 a=y@3 a=@10 a=@20 a=z@21"),
    ]
}

fn lateness() -> Vec<Case> {
    vec![
        appended(
            "late-no-grace",
            "row 34: gap 10 without grace: the close time is stream time less the gap",
            session(10),
        )
        .feed("A=1@0 dummy=x@20 A=2@9 A=3@10 A=4@11"),
        appended(
            "late-grace",
            "row 34: gap 10, grace 1: a record one past the close time is dropped",
            grace(session(10), 1),
        )
        .feed("OnTime1=1@0 dummy=1@11 Late1=1@0 dummy=1@12 Late2=1@0"),
        cut(
            "late-but-merged",
            "quirk 10: a record late by itself is not late when the session it joins is still open",
            session(5),
            "aggregate",
            json!({
                "initializer": "empty", "aggregator": "append", "merger": "concat",
                "materialized": {"name": "rows", "retention": 1000}
            }),
        )
        .feed("a=x@10 a=y@15 b=z@20 a=w@11 a=v@14 a=u@10 b=t@21 a=s@15"),
        appended(
            "late-and-hidden",
            "the same with the least retention: the store in memory no longer shows the session, so the record is late",
            session(5),
        )
        .feed("a=x@10 a=y@15 b=z@20 a=w@11 a=v@14 a=u@10 b=t@21 a=s@15"),
        cut(
            "late-and-hidden-persistent",
            "the same in a persistent store",
            session(5),
            "aggregate",
            json!({
                "initializer": "empty", "aggregator": "append", "merger": "concat",
                "materialized": {"name": "rows", "store": "persistent"}
            }),
        )
        .feed("a=x@10 a=y@15 b=z@20 a=w@11 a=v@14 a=u@10 b=t@21 a=s@15"),
        appended(
            "closed-inclusive",
            "quirk 8: a session whose end equals the close time is still open",
            grace(session(5), 3),
        )
        .feed("a=x@10 b=y@18 a=z@10 b=w@19 a=v@10"),
        appended("null-key-and-time", "a record dropped for its null key: does it move stream time?", session(5))
            .feed("a=x@10 ~=y@100 a=z@10"),
        appended("again", "times that start again from small ones", grace(session(5), 30))
            .feed("a=x@20 a=y@80 a=z@0 a=w@45 a=v@46 a=u@81"),
        appended("far-future", "the far future closes all sessions", grace(session(5), 30))
            .feed("a=x@20 b=y@253402300799999 a=z@20 b=w@253402300799995"),
        appended("greatest-time", "the greatest time of all: bounds beyond all times", session(5))
            .feed("a=x@1 a=y@9223372036854775807 a=z@9223372036854775803"),
        appended("disorder", "disorder within grace and beyond it, several keys", grace(session(3), 10)).feed(
            Mixture { keys: &["a", "b", "c", "d"], back: 12, on: 15, records: 50, ..Mixture::default() }.script(81),
        ),
    ]
}

fn operators() -> Vec<Case> {
    let script = "b=x@5 a=y@12 b=z@14 a=~@13 a=w@21 b=v@9 ab=u@14 a=t@17 =s@20 ~=r@22";
    vec![
        cut(
            "count",
            "row 36: sessions counted",
            grace(session(5), 20),
            "count",
            json!({"materialized": {"name": "rows"}}),
        )
        .feed(script),
        cut(
            "count-persistent",
            "sessions in a persistent store",
            grace(session(5), 20),
            "count",
            json!({"materialized": {"name": "rows", "store": "persistent"}}),
        )
        .feed(script),
        cut(
            "count-merge-persistent",
            "row 33: merged sessions of a persistent store: order of the tombstones",
            grace(session(5), 100),
            "count",
            json!({"materialized": {"name": "rows", "store": "persistent"}}),
        )
        .feed("a=x@20 a=y@0 a=z@10 a=w@30 a=v@15 a=u@25 a=t@5"),
        cut(
            "reduce",
            "sessions reduced: merged sessions are reduced with each other",
            grace(session(5), 20),
            "reduce",
            json!({"reducer": "concat", "materialized": {"name": "rows"}}),
        )
        .feed("b=x@5 a=y@12 b=z@14 a=w@21 b=v@9 a=u@17 a=t@17"),
        cut(
            "reduce-nulls",
            "sessions reduced with null values",
            grace(session(5), 20),
            "reduce",
            json!({"reducer": "concat", "materialized": {"name": "rows"}}),
        )
        .feed("a=~@1 a=x@2 a=~@3 b=y@1 b=~@2"),
        cut(
            "retention",
            "a session store that keeps longer than it must",
            grace(session(5), 5),
            "count",
            json!({"materialized": {"name": "rows", "retention": 1000}}),
        )
        .feed("a=x@5 b=y@100 a=z@94 a=w@5"),
    ]
}

fn keys() -> Vec<Case> {
    vec![
        cut(
            "session-keys-repartitioned",
            "quirk 14: session keys in a topic: key, end, start",
            grace(session(5), 20),
            "count",
            json!({}),
        )
        .op("to_stream", "stream", "rows", json!({}))
        .op("repartition", "there", "stream", json!({"name": "sessions"}))
        .out("there")
        .feed("a=x@1 a=y@3 =z@12"),
        case("long-keys", "sessions of longs: the changelog's key is key, end, start")
            .stream_of("in", "in", "long", "string")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": grace(session(5), 20)}))
            .op("count", "rows", "windows", json!({"materialized": {"name": "rows"}}))
            .show("rows")
            .feed("1=x@1 -1=y@2 1=z@4 -1=w@9"),
        cut(
            "then-group",
            "sessions grouped by their count: a merged session is subtracted",
            grace(session(5), 20),
            "count",
            json!({}),
        )
        .op("group_by", "again", "rows", json!({"mapper": "by_value"}))
        .op("count", "counts", "again", json!({}))
        .show_in("counts", "counts")
        .feed("a=x@1 b=y@2 a=z@3 b=w@4 a=v@20"),
    ]
}

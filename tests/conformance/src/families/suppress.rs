//! Suppressed tables: by time, by the end of windows, and by the room that the buffer has.

use serde_json::{json, Value};

use super::build::{case, grace, hopping, session, sliding, tumbling, Case};
use super::input::Mixture;

pub(crate) fn cases() -> Vec<Case> {
    [by_time(), room(), final_results(), downstream()].concat()
}

fn held(name: &str, about: &str, until: Value) -> Case {
    case(name, about)
        .table("t", "in")
        .show_in("t", "echo")
        .op("suppress", "held", "t", json!({"until": until}))
        .show("held")
}

fn finals(name: &str, about: &str, window: Value, until: Value) -> Case {
    let session = window["kind"] == "session";
    let mut aggregate = json!({"initializer": "empty", "aggregator": "append"});
    if session {
        aggregate["merger"] = "concat".into();
    }
    case(name, about)
        .stream("in", "in")
        .op("group_by_key", "groups", "in", json!({}))
        .op("windowed_by", "windows", "groups", json!({"window": window}))
        .op("aggregate", "rows", "windows", aggregate)
        .op("suppress", "held", "rows", json!({"until": until}))
        .show("held")
        .show_in("rows", "raw")
}

fn closes() -> Value {
    json!({"window_close": {}})
}

fn by_time() -> Vec<Case> {
    vec![
        held(
            "time-limit",
            "row 41: a key waits from its first update; the last update of the time is emitted",
            json!({"time": 5}),
        )
        .feed("a=x@0 a=y@3 b=z@4 a=w@5 c=v@9 c=u@14 a=~@20"),
        held(
            "first-time-stays",
            "quirk 12: a later update does not move a key's place in the buffer",
            json!({"time": 10}),
        )
        .feed("a=x@0 b=y@1 a=z@9 a=w@10 c=v@11 c=u@30"),
        held(
            "older-update",
            "an older update of a waiting key keeps the first buffer time and takes its own time",
            json!({"time": 10}),
        )
        .feed("a=x@5 a=y@2 b=z@14 b=w@15 b=v@3 b=u@40"),
        held("emission-order", "quirk 12: by buffer time, then by the bytes of the key", json!({"time": 10}))
            .feed("b=x@1 a=y@1 =z@1 ab=w@0 B=v@1 c=u@50"),
        held("time-zero", "a limit of 0 lets everything pass at once, older updates too", json!({"time": 0}))
            .feed("a=x@5 a=y@3 b=z@5 a=~@6 c=~@7"),
        held("tombstones", "row 42: a time limit keeps tombstones", json!({"time": 3}))
            .feed("a=x@0 a=~@1 b=y@5 b=~@9 c=z@20"),
        held("nulls-only", "a tombstone for a key never seen waits like a value", json!({"time": 3}))
            .feed("a=~@0 b=~@4 c=x@10"),
        held("disorder", "random disorder through a time limit", json!({"time": 6})).feed(
            Mixture { values: &["x", "y", "~", ""], back: 5, on: 7, records: 40, ..Mixture::default() }.script(101),
        ),
        held(
            "far-future",
            "the far future flushes the buffer; what is older then passes at once",
            json!({"time": 100}),
        )
        .feed("a=x@1 b=y@253402300799999 a=z@2 b=w@3 c=v@253402300800000"),
        held("headers", "headers of a record that waited", json!({"time": 3})).feed("a=x@0{h:1} a=y@1{h:2} b=z@9{h:3}"),
        case("counts-by-value", "row 41: counts of a regrouped table behind a time limit")
            .table("t", "in")
            .op("group_by", "groups", "t", json!({"mapper": "by_value"}))
            .op("count", "counts", "groups", json!({}))
            .op("suppress", "held", "counts", json!({"until": {"time": 2}}))
            .show("held")
            .show_in("counts", "raw")
            .feed("k1=v1@0 k1=v2@1 k2=v1@2 tick=tick@3 k1=~@4 tick=tick@5 tick=~@9"),
    ]
}

fn room() -> Vec<Case> {
    let endless = 9_000_000_000_i64;
    vec![
        case("records-emit", "row 41, golden sequence 9: room for one record: the oldest is emitted early")
            .table("t", "in")
            .op("group_by", "groups", "t", json!({"mapper": "by_value"}))
            .op("count", "counts", "groups", json!({}))
            .op("suppress", "held", "counts", json!({"until": {"time": endless, "max_records": 1, "when_full": "emit"}}))
            .show("held")
            .feed("k1=v1@0 k1=v2@1 k2=v1@2 x=x@3"),
        held("records-emit-oldest", "which of three is the oldest: by buffer time, then by key", json!({"time": endless, "max_records": 2, "when_full": "emit"}))
            .feed("b=x@5 a=y@5 c=z@4 b=w@6 d=v@1 a=~@9 e=u@9"),
        held("records-shutdown", "row 42: a full buffer that shuts down ends the run with an error", json!({"time": endless, "max_records": 2, "when_full": "shutdown"}))
            .feed("a=x@1 b=y@2 a=z@3 c=w@4 d=v@5"),
        held("records-zero", "room for no record emits at once", json!({"time": endless, "max_records": 0, "when_full": "emit"})).feed("a=x@1 a=y@2 b=~@3"),
        held("bytes-emit", "row 41: room by bytes: the oldest are emitted until the rest fits", json!({"time": endless, "max_bytes": 200, "when_full": "emit"}))
            .feed("a=x@1 b=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy@2 c=z@3 d=wwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwwww@4 e=v@5 f=u@6"),
        held("bytes-shutdown", "row 42: a buffer full by bytes that shuts down", json!({"time": endless, "max_bytes": 150, "when_full": "shutdown"}))
            .feed("a=x@1 b=yyyyyyyyyyyyyyyyyyyyyyyyyyyy@2 c=zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz@3"),
        finals("final-records-shutdown", "row 41: final results with a strict limit end the run when there is no room",
            grace(tumbling(10), 5), json!({"window_close": {"max_records": 2}}))
            .feed("a=x@1 b=y@2 a=z@3 c=w@4 a=v@30"),
        finals("final-records-enough", "row 41: final results with a strict limit that is enough",
            grace(tumbling(10), 5), json!({"window_close": {"max_records": 2, "max_bytes": 10000}}))
            .feed("a=x@1 b=y@2 a=z@16 b=w@35 a=v@60"),
    ]
}

fn final_results() -> Vec<Case> {
    vec![
        case("final-counts", "row 41: counts of windows of 2 ms with 1 ms of grace, each once")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": grace(tumbling(2), 1)}))
            .op("count", "rows", "windows", json!({}))
            .op("suppress", "held", "rows", json!({"until": closes()}))
            .show("held")
            .show_in("rows", "raw")
            .feed("k1=v1@0 k1=v1@1 k1=v1@2 k1=v1@1 k1=v1@0 k1=v1@5 k1=v1@0"),
        case("final-sliding-counts", "row 41, golden sequence 10: sliding windows by their ends")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": grace(sliding(5), 15)}))
            .op("count", "rows", "windows", json!({}))
            .op("suppress", "held", "rows", json!({"until": closes()}))
            .show("held")
            .feed("k1=v1@10 k1=v1@11 k1=v1@10 k1=v1@13 k1=v1@10 k1=v1@24 k1=v1@5 k1=v1@7 k1=v1@90"),
        case("final-session-counts", "row 41: sessions: no tombstones among final results")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": session(5)}))
            .op("count", "rows", "windows", json!({}))
            .op("suppress", "held", "rows", json!({"until": closes()}))
            .show("held")
            .show_in("rows", "raw")
            .feed("k1=v1@0 k1=v1@5 k1=v1@1 k2=v1@11 k1=v1@5 k1=v1@30"),
        finals(
            "final-tumbling",
            "final results of several keys and windows: by end, then by key",
            grace(tumbling(10), 5),
            closes(),
        )
        .feed("b=x@1 a=y@2 b=z@12 a=w@9 =v@8 c=u@40 a=t@15 c=s@100"),
        finals("final-hopping", "final results of overlapping windows", grace(hopping(10, 5), 5), closes())
            .feed("a=x@7 b=y@12 a=z@14 a=w@9 b=v@40 b=u@90"),
        finals("final-session", "final results of sessions that merge while they wait", grace(session(5), 5), closes())
            .feed("a=x@1 a=y@8 a=z@4 b=w@11 b=v@19 a=u@13 b=t@60"),
        finals("final-no-grace", "final results without grace: at the end of the window", tumbling(10), closes())
            .feed("a=x@1 b=y@9 a=z@10 a=w@5 b=v@20"),
        finals(
            "final-again",
            "times that start again from small ones: dropped before they reach the buffer",
            grace(tumbling(10), 5),
            closes(),
        )
        .feed("a=x@50 a=y@100 a=z@1 a=w@90 a=v@101 a=u@130"),
        finals("final-nulls", "null keys and values before final results", grace(tumbling(10), 5), closes())
            .feed("a=~@1 ~=x@2 b=y@3 c=z@20 ~=w@50 c=v@51"),
        finals("final-seeded", "final results of random disorder", grace(tumbling(7), 6), closes())
            .feed(Mixture { back: 7, on: 10, records: 50, ..Mixture::default() }.script(102)),
        case("final-cogroup", "row 41: final results of a windowed cogroup")
            .stream("l", "l")
            .stream("r", "r")
            .op("group_by_key", "gl", "l", json!({}))
            .op("group_by_key", "gr", "r", json!({}))
            .op("cogroup", "one", "gl", json!({"aggregator": "append", "result": "string"}))
            .op("cogroup_with", "both", "one", json!({"with": "gr", "aggregator": "strike"}))
            .op("windowed_by", "w", "both", json!({"window": grace(tumbling(10), 2)}))
            .op("aggregate", "rows", "w", json!({"initializer": "empty"}))
            .op("suppress", "held", "rows", json!({"until": closes()}))
            .show("held")
            .feed("l:a=x@1 r:a=y@2 r:b=z@11 l:a=w@13 r:a=v@30"),
    ]
}

fn downstream() -> Vec<Case> {
    vec![
        case("before-a-join", "row 41: a join below suppress sees what was emitted last, not what waits")
            .table("l", "l")
            .table("r", "r")
            .op("suppress", "held", "l", json!({"until": {"time": 10}}))
            .op("join", "j", "held", json!({"with": "r", "joiner": "concat"}))
            .show("j")
            .feed("l:a=x@0 r:a=R@1 l:b=y@11 r:a=S@12 l:a=z@13 r:a=T@14 l:b=w@30 r:a=U@31"),
        case("before-a-grouping", "row 41: a grouping below suppress gets the old value of the last update that waited, though that was never emitted")
            .table("t", "in")
            .op("suppress", "held", "t", json!({"until": {"time": 5}}))
            .op("group_by", "groups", "held", json!({"mapper": "by_value"}))
            .op("count", "counts", "groups", json!({}))
            .show("counts")
            .feed("a=x@0 a=y@1 b=x@9 a=x@10 a=z@11 b=~@30 c=q@50"),
        case("after-a-filter", "a filter with old values above a buffer")
            .table("t", "in")
            .op("filter", "even", "t", json!({"predicate": "value_even"}))
            .op("suppress", "held", "even", json!({"until": {"time": 5}}))
            .show("held")
            .feed("a=xx@0 a=y@1 b=z@2 c=ww@9 b=vv@10 b=u@11 c=~@40"),
        case("twice", "two buffers in a row with different times, one named")
            .table("t", "in")
            .op("suppress", "held", "t", json!({"until": {"time": 5}, "name": "first"}))
            .op("suppress", "more", "held", json!({"until": {"time": 10}, "name": "second"}))
            .show("more")
            .feed("a=x@0 a=y@3 b=z@6 c=w@12 c=v@25 c=u@26 d=t@60"),
        finals("kept-below", "a kept view below final results", grace(tumbling(10), 5), closes())
            .op("map_values", "upper", "held", json!({"mapper": "upper", "materialized": {"name": "upper"}}))
            .show_in("upper", "upper")
            .feed("a=x@1 b=y@2 a=z@12 b=w@40 a=v@90"),
    ]
}

//! A task that goes on elsewhere with nothing but its changelogs and committed offsets: what is as before, what begins
//! anew.

use serde_json::{json, Value};

use super::build::{between, case, grace, hopping, session, sliding, tumbling, within, Case};
use super::input::Mixture;

pub(crate) fn cases() -> Vec<Case> {
    [rows(), times(), joins(), buffers(), processors()].concat()
}

fn grouped(name: &str, about: &str) -> Case {
    case(name, about).stream("in", "in").echo("in").op("group_by_key", "groups", "in", json!({}))
}

fn cut(name: &str, about: &str, window: Value, emit: &str, materialized: Value) -> Case {
    grouped(name, about)
        .op("windowed_by", "windows", "groups", json!({"window": window, "emit": emit}))
        .op("count", "rows", "windows", json!({"materialized": materialized}))
        .show("rows")
}

fn rows() -> Vec<Case> {
    vec![
        grouped("count", "rows and their times come back from the changelog, deletions too")
            .op(
                "aggregate",
                "rows",
                "groups",
                json!({
                    "initializer": "empty", "aggregator": "null_on_empty", "materialized": {"name": "rows"}
                }),
            )
            .show("rows")
            .feed("a=x@10 b=y@5 b=@6 a=z@7 * a=w@3 b=v@1 c=u@2 * a=t@20"),
        case("table", "a table comes back from its changelog, with times that went back")
            .table_in("t", "in", json!({"name": "rows"}))
            .op("group_by", "g", "t", json!({"mapper": "by_value"}))
            .op("count", "c", "g", json!({"materialized": {"name": "counts"}}))
            .show("c")
            .feed("a=x@10 b=x@5 a=y@7 * b=~@1 a=x@2"),
        case("table-from-its-source", "row 57: an optimized table comes back from its source topic")
            .config("optimization", "all")
            .table_in("t", "in", json!({"name": "rows"}))
            .stream("l", "l")
            .op("table_left_join", "j", "l", json!({"with": "t", "joiner": "concat"}))
            .out("j")
            .feed("a=x@10 b=y@5 b=~@6 * l:a=l@7 l:b=l@8 a=z@1 * l:a=l@9"),
        case("versioned", "row 53: all versions come back, those out of order and those of deletions too")
            .table_in("t", "in", json!({"name": "rows", "store": "versioned", "history": 100}))
            .stream("l", "l")
            .op("table_left_join", "j", "l", json!({"with": "t", "joiner": "concat"}))
            .out("j")
            .feed("a=x@10 a=y@20 a=z@15 a=~@17 * l:a=l@12 l:a=l@16 l:a=l@18 l:a=l@25 a=w@18 l:a=l@19"),
        case("without-changelog", "a store without a changelog is empty")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("count", "rows", "groups", json!({"materialized": {"name": "rows", "logging": false}}))
            .show("rows")
            .feed("a=x@1 a=y@2 * a=z@3"),
        cut("sessions", "sessions come back and merge on", grace(session(5), 50), "update", json!({"name": "rows"}))
            .feed("a=x@10 a=y@20 b=z@12 * a=w@15 b=v@17"),
        cut(
            "windows-persistent",
            "windows of a persistent store come back",
            grace(hopping(10, 5), 50),
            "update",
            json!({"name": "rows", "store": "persistent"}),
        )
        .feed("a=x@10 a=y@20 b=z@12 * a=w@15 b=v@17"),
        grouped("seeded", "random disorder with two restarts in between")
            .op("windowed_by", "windows", "groups", json!({"window": grace(sliding(6), 10)}))
            .op(
                "aggregate",
                "rows",
                "windows",
                json!({
                    "initializer": "empty", "aggregator": "append", "materialized": {"name": "rows"}
                }),
            )
            .show("rows")
            .feed(Mixture { back: 5, on: 8, records: 15, ..Mixture::default() }.script(161))
            .feed("*")
            .feed(Mixture { back: 5, on: 9, records: 20, ..Mixture::default() }.script(162))
            .feed("*")
            .feed(Mixture { back: 5, on: 10, records: 15, ..Mixture::default() }.script(163)),
    ]
}

fn times() -> Vec<Case> {
    vec![
        cut("stream-time-forgotten", "an operator forgets its stream time: a record that was too late is not any more", tumbling(10), "update",
            json!({"name": "rows", "retention": 1000}))
            .feed("a=x@5 b=y@50 a=z@6 * a=w@6 b=v@30 a=u@7"),
        cut("stores-remember-time", "a store knows its time again from its changelog: a window that the operator takes to be open is not put", tumbling(10), "update",
            json!({"name": "rows"}))
            .feed("a=x@5 b=y@50 * a=w@6 a=v@7"),
        case("partition-time", "row 52: the greatest time of a partition is in the committed offset")
            .node(json!({
                "op": "stream", "id": "in", "topics": ["in"], "key": "string", "value": "string", "extractor": "partition_time"
            }))
            .out("in")
            .feed("a=x@50 b=y@-1 * c=z@-1 d=w@3 e=v@-1"),
        cut("emitted-once", "row 30: what was emitted on close is not emitted again, for how far that went is committed", grace(tumbling(10), 5), "close",
            json!({"name": "rows", "retention": 1000}))
            .feed("a=x@1 b=y@12 a=z@16 * b=w@17 a=v@27 * a=u@60"),
        cut("emitted-after-all", "windows that closed while nothing was emitted come out after a restart", grace(hopping(10, 5), 5), "close",
            json!({"name": "rows", "retention": 1000}))
            .config("emit_interval", 1000)
            .feed("a=x@1 b=y@12 a=z@30 * b=w@31 +1000 a=v@32"),
        cut("emitted-once-sessions", "row 35: sessions are not emitted again", grace(session(5), 2), "close",
            json!({"name": "rows", "retention": 1000}))
            .feed("a=x@1 b=y@10 * b=z@12 a=w@40 * b=v@60"),
    ]
}

fn joins() -> Vec<Case> {
    let joined = |name: &str, about: &str, op: &str, window: Value| {
        case(name, about)
            .stream("l", "l")
            .stream("r", "r")
            .echo("l")
            .echo("r")
            .op(op, "j", "l", json!({"with": "r", "joiner": "concat", "window": window}))
            .out("j")
    };
    vec![
        joined("stream-join", "both sides of a stream join come back, duplicates too", "stream_join", within(10))
            .feed("l:a=x@1 l:a=x@1 l:a=y@2 r:a=R@3 r:a=R@3 * l:a=z@4 r:a=S@5"),
        joined(
            "outer-join",
            "row 17: what waits for a match comes back with all its values",
            "stream_outer_join",
            grace(within(10), 5),
        )
        .feed("l:a=x@1 l:a=y@1 r:b=R@2 l:c=z@3 * r:c=S@4 r:q=Q@40 l:q=P@90"),
        joined(
            "left-join-forgets-time",
            "a join forgets its stream time and what it waits for: the first record looks all the same",
            "stream_left_join",
            between(5, 5),
        )
        .feed("l:a=x@1 * r:q=Q@100 r:q=Q@101 l:b=y@102 r:q=Q@200"),
        case("foreign-key", "subscriptions come back: a right row finds its left rows")
            .table("l", "l")
            .table("r", "r")
            .op(
                "foreign_left_join",
                "j",
                "l",
                json!({
                    "with": "r", "extractor": "second_word", "joiner": "concat", "materialized": {"name": "rows"}
                }),
            )
            .show("j")
            .feed("l:a=x_1@1 l:b=y_1@2 r:1=R@3 l:b=y_2@4 * r:1=S@5 l:a=~@6 r:2=T@7"),
        case("table-join", "both tables of a join come back")
            .table("l", "l")
            .table("r", "r")
            .op("outer_join", "j", "l", json!({"with": "r", "joiner": "concat", "materialized": {"name": "rows"}}))
            .show("j")
            .feed("l:a=x@10 r:a=R@5 l:b=y@3 * r:b=S@1 l:a=~@2 r:a=~@3"),
        case("global-table", "a global table stays")
            .stream("in", "in")
            .global("g", "g")
            .op("global_join", "j", "in", json!({"with": "g", "mapper": "key", "joiner": "concat"}))
            .out("j")
            .feed("g:a=A@1 a=x@2 * a=y@3 g:a=B@4 a=z@5"),
    ]
}

fn buffers() -> Vec<Case> {
    let held = |name: &str, about: &str, until: Value| {
        case(name, about)
            .table("t", "in")
            .show_in("t", "echo")
            .op("suppress", "held", "t", json!({"until": until}))
            .show("held")
    };
    vec![
        held(
            "suppress",
            "row 44: what waits comes back, with its first time, its headers and its order",
            json!({"time": 10}),
        )
        .feed("b=x@1{h:1} a=y@1{h:2} b=z@5{h:3} c=w@4 * d=v@11 d=u@30"),
        held(
            "suppress-room",
            "row 44: the room that is taken comes back, too",
            json!({"time": 1_000_000, "max_records": 2, "when_full": "emit"}),
        )
        .feed("a=x@1 b=y@2 * c=z@3 * d=w@4"),
        held("suppress-tombstone", "a tombstone that waits comes back", json!({"time": 10}))
            .feed("a=x@1 a=~@2 b=~@3 * c=y@50"),
        case("final-results", "row 44: final results after a restart")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": grace(tumbling(10), 5)}))
            .op("count", "rows", "windows", json!({"materialized": {"name": "rows"}}))
            .op("suppress", "held", "rows", json!({"until": {"window_close": {}}}))
            .show("held")
            .feed("a=x@1 b=y@2 a=z@12 * a=w@3 b=v@26 b=u@60"),
        case("join-grace", "row 44: what waits for a grace period is lost when it comes back from the changelog, and what follows is joined at once")
            .stream("l", "l")
            .echo("l")
            .table_in("r", "r", json!({"name": "rows", "store": "versioned", "history": 1000}))
            .op("table_left_join", "j", "l", json!({"with": "r", "joiner": "concat", "grace": 5}))
            .out("j")
            .feed("r:a=R@1 l:a=x@3{h:1} l:a=y@2{h:2} * r:a=S@2 l:b=z@7 l:b=w@30"),
    ]
}

fn processors() -> Vec<Case> {
    let punctuated = |name: &str, about: &str, processor: &str| {
        case(name, about)
            .stream("in", "in")
            .echo("in")
            .key_value_store("kept", "string", "long")
            .op("process", "done", "in", json!({"processor": processor, "stores": ["kept"]}))
            .out("done")
    };
    vec![
        punctuated(
            "punctuate-stream",
            "row 51: a schedule by stream time begins anew with the committed stream time",
            "punctuate_stream",
        )
        .feed("a=x@1 a=y@14 * b=z@15 b=w@19 a=v@20"),
        punctuated(
            "punctuate-wall",
            "row 51: a schedule by the wall clock begins anew with the restart",
            "punctuate_wall",
        )
        .feed("a=x@1 +7 * +7 b=y@2 +3"),
        case("window-store", "a processor's window store comes back")
            .stream("in", "in")
            .store(json!({
                "name": "kept", "kind": "window", "key": "string", "value": "string", "retention": 50, "window_size": 10
            }))
            .op("process", "done", "in", json!({"processor": "window_puts", "stores": ["kept"]}))
            .out("done")
            .feed("a=x@5 a=y@40 * a=z@41 a=w@10 a=v@90"),
    ]
}

//! What ports get wrong, one small case each: those quirks that no other family shows as plainly.

use serde_json::{json, Value};

use super::build::{case, grace, hopping, session, sliding, tumbling, within, Case};

pub(crate) fn cases() -> Vec<Case> {
    [aggregations(), windows(), tables(), transformed(), joins(), bytes(), changelogs(), shapes(), odd()].concat()
}

fn aggregations() -> Vec<Case> {
    let regrouped = |name: &str, about: &str, caching: bool| {
        case(name, about)
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("count", "counts", "g", json!({"materialized": {"name": "counts", "caching": caching}}))
            .op("group_by", "all", "counts", json!({"mapper": "constant"}))
            .op("count", "keys", "all", json!({"materialized": {"name": "keys"}}))
            .show("keys")
            .feed("a=x@1 b=y@2 c=z@3 a=w@4")
    };
    vec![
        case("nulls-by-window-kind", "quirk 1: null values in plain, tumbling, sliding and session counts of one stream")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("count", "plain", "g", json!({}))
            .op("windowed_by", "wt", "g", json!({"window": tumbling(10)}))
            .op("count", "tumbling", "wt", json!({}))
            .op("windowed_by", "wd", "g", json!({"window": sliding(10)}))
            .op("count", "sliding", "wd", json!({}))
            .op("windowed_by", "ws", "g", json!({"window": session(10)}))
            .op("count", "session", "ws", json!({}))
            .show_in("plain", "plain")
            .show_in("tumbling", "tumbling")
            .show_in("sliding", "sliding")
            .show_in("session", "session")
            .feed("a=~@11 a=x@12 a=~@13 ~=y@14"),
        regrouped("first-old-value", "quirk 2: the old value that a count forwards for a key without a row, uncached", false),
        regrouped("first-old-value-cached", "quirk 2: the same where the store has a cache", true),
        case("first-old-value-aggregate", "quirk 2: the old value of an aggregation for a key without a row: the initializer's, or none")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("aggregate", "sums", "g", json!({"initializer": "zero", "aggregator": "sum", "materialized": {"name": "sums"}}))
            .op("group_by", "all", "sums", json!({"mapper": "by_value"}))
            .op("aggregate", "trace", "all", json!({
                "initializer": "empty", "aggregator": "append", "subtractor": "strike", "materialized": {"name": "trace"}
            }))
            .show("trace")
            .feed("a=x@1 b=yy@2 a=z@3 c=@4"),
        case("first-old-value-reduce", "quirk 2: a reduction forwards no old value for a key without a row")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("reduce", "rows", "g", json!({"reducer": "newest", "materialized": {"name": "rows"}}))
            .op("group_by", "all", "rows", json!({"mapper": "constant"}))
            .op("count", "keys", "all", json!({"materialized": {"name": "keys"}}))
            .show("keys")
            .feed("a=x@1 b=y@2 c=z@3 a=w@4"),
    ]
}

fn windows() -> Vec<Case> {
    let cut = |name: &str, about: &str, window: Value, op: &str, fields: Value| {
        case(name, about)
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("windowed_by", "w", "g", json!({"window": window}))
            .op(op, "rows", "w", fields)
            .op("group_by", "all", "rows", json!({"mapper": "constant"}))
            .op("count", "keys", "all", json!({"materialized": {"name": "keys"}}))
            .show("keys")
            .feed("a=x@12 b=y@13 c=z@14 a=w@15")
    };
    vec![
        cut(
            "first-old-value-tumbling",
            "quirk 2: the old value of a windowed count for a window without a row",
            grace(tumbling(10), 10),
            "count",
            json!({}),
        ),
        cut(
            "first-old-value-sliding",
            "quirk 2: the old value of a sliding count for a window without a row",
            grace(sliding(10), 10),
            "count",
            json!({}),
        ),
        cut(
            "first-old-value-session",
            "quirk 2: a session count forwards no old value for a session without a row",
            grace(session(10), 10),
            "count",
            json!({}),
        ),
        cut(
            "first-old-value-hopping-reduce",
            "quirk 2: a windowed reduction forwards no old value for a window without a row",
            grace(hopping(10, 5), 10),
            "reduce",
            json!({"reducer": "newest"}),
        ),
        case(
            "session-tombstone-time",
            "quirk 10: the tombstone of a merged session has that session's end as its time",
        )
        .stream("in", "in")
        .op("group_by_key", "g", "in", json!({}))
        .op("windowed_by", "w", "g", json!({"window": grace(session(10), 50)}))
        .op("count", "rows", "w", json!({"materialized": {"name": "rows"}}))
        .show("rows")
        .feed("a=x@10{h:1} a=y@30{h:2} a=z@20{h:3}"),
    ]
}

fn tables() -> Vec<Case> {
    vec![
        case(
            "inner-join-silence",
            "quirk 4: an inner join says nothing while the other side is missing, not even a tombstone",
        )
        .table("l", "l")
        .table("r", "r")
        .op("join", "j", "l", json!({"with": "r", "joiner": "concat"}))
        .show("j")
        .feed("l:a=x@1 l:a=~@2 l:a=~@3 r:a=R@4 r:a=~@5 l:b=~@6"),
        case(
            "inner-join-tombstone-without-result",
            "quirk 4: a tombstone where there never was a result, because the other side is there",
        )
        .table("l", "l")
        .table("r", "r")
        .op("join", "j", "l", json!({"with": "r", "joiner": "concat", "materialized": {"name": "rows"}}))
        .show("j")
        .feed("r:a=R@1 l:a=~@2 l:a=~@3 r:b=S@4 l:b=x@5 l:b=~@6 l:b=~@7"),
        case(
            "subtract-before-add",
            "quirk 5: a row that moves: two records, the old one first; one that stays: one record",
        )
        .table("t", "in")
        .op("group_by", "g", "t", json!({"mapper": "by_first_char"}))
        .op(
            "aggregate",
            "rows",
            "g",
            json!({
                "initializer": "empty", "aggregator": "append", "subtractor": "strike", "materialized": {"name": "rows"}
            }),
        )
        .show("rows")
        .feed("a=x1@1 a=x2@2 a=y1@3 a=~@4 b=x3@5 a=x4@6 b=x5@7"),
    ]
}

fn transformed() -> Vec<Case> {
    vec![
        case(
            "old-values-transformed",
            "quirk 26: transform_values over a table is called for old values too, when they are needed below",
        )
        .table("t", "in")
        .key_value_store("seen", "string", "long")
        .op("transform_values", "v", "t", json!({"processor": "count_in_store", "stores": ["seen"]}))
        .op("group_by", "g", "v", json!({"mapper": "by_value"}))
        .op("count", "counts", "g", json!({}))
        .show("counts")
        .feed("a=x@1 a=y@2 a=~@3 b=z@4 a=w@5"),
        case("old-values-transformed-kept", "quirk 26: with a store of its own it is called for new values only")
            .table("t", "in")
            .key_value_store("seen", "string", "long")
            .op(
                "transform_values",
                "v",
                "t",
                json!({"processor": "count_in_store", "stores": ["seen"], "materialized": {"name": "rows"}}),
            )
            .op("group_by", "g", "v", json!({"mapper": "by_value"}))
            .op("count", "counts", "g", json!({}))
            .show("counts")
            .feed("a=x@1 a=y@2 a=~@3 b=z@4 a=w@5"),
        case(
            "versioned-source-reorders",
            "quirk 3: only a versioned table puts older updates where they belong; a plain one beside it",
        )
        .table_in("plain", "p", json!({"name": "plain"}))
        .table_in("kept", "v", json!({"name": "kept", "store": "versioned", "history": 100}))
        .show_in("plain", "plain-out")
        .show_in("kept", "kept-out")
        .feed("p:a=x@10 p:a=y@5 p:a=~@7 v:a=x@10 v:a=y@5 v:a=~@7 p:a=z@9 v:a=z@9"),
    ]
}

fn joins() -> Vec<Case> {
    vec![
        case("left-join-null-key", "quirk 24: a left join with a null key has its result at once, in the order of records, before windows close")
            .stream("l", "l")
            .stream("r", "r")
            .op("stream_left_join", "j", "l", json!({"with": "r", "joiner": "with_key", "window": grace(within(10), 1000)}))
            .out("j")
            .feed("l:a=w@1 l:~=x@5 r:a=R@6 l:~=y@2 l:b=z@7"),
        case("left-join-premature", "quirk 7: a record late for its window has its null at once, and a match later all the same")
            .stream("l", "l")
            .stream("r", "r")
            .op("stream_left_join", "j", "l", json!({"with": "r", "joiner": "concat", "window": grace(within(5), 100)}))
            .out("j")
            .feed("r:q=Q@100 l:a=x@90 r:a=R@92 l:a=y@91"),
        case("closing-window-vs-session", "quirk 8: late records at the very close time: a half-open window that ends there is closed, a sliding one and a session are not")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("windowed_by", "wt", "g", json!({"window": grace(tumbling(10), 5)}))
            .op("count", "tumbling", "wt", json!({}))
            .op("windowed_by", "wd", "g", json!({"window": grace(sliding(10), 5)}))
            .op("count", "sliding", "wd", json!({}))
            .op("windowed_by", "ws", "g", json!({"window": grace(session(10), 5)}))
            .op("count", "session", "ws", json!({}))
            .show_in("tumbling", "tumbling")
            .show_in("sliding", "sliding")
            .show_in("session", "session")
            .feed("b=x@35 a=y@29 a=z@30 c=q@20 c=p@19 b=w@36 a=v@30 d=u@20 d=t@21"),
    ]
}

fn bytes() -> Vec<Case> {
    vec![
        case(
            "keys-of-changelogs",
            "quirk 14: keys in changelogs: a window's key, start and number; a session's key, end and start",
        )
        .stream("in", "in")
        .op("group_by_key", "g", "in", json!({}))
        .op("windowed_by", "w", "g", json!({"window": grace(tumbling(10), 50)}))
        .op("count", "windows", "w", json!({"materialized": {"name": "windows"}}))
        .op("windowed_by", "s", "g", json!({"window": grace(session(5), 50)}))
        .op("count", "sessions", "s", json!({"materialized": {"name": "sessions"}}))
        .show_in("windows", "windows-out")
        .show_in("sessions", "sessions-out")
        .feed("key=x@12 key=y@16 =z@20"),
        case("segment-order", "quirk 15: a persistent window store lists rows segment by segment, not key by key")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("windowed_by", "w", "g", json!({"window": grace(tumbling(1000), 300_000)}))
            .op("count", "rows", "w", json!({"materialized": {"name": "rows", "store": "persistent"}}))
            .show("rows")
            .feed("b=x@1000 a=y@200000 a=z@2000 b=w@201000 c=v@1500 a=u@400000 b=t@150000"),
        case(
            "retention-clamp",
            "quirk 15: rows beyond the retention are not listed, though their segment is still there",
        )
        .stream("in", "in")
        .op("group_by_key", "g", "in", json!({}))
        .op("windowed_by", "w", "g", json!({"window": tumbling(10)}))
        .op("count", "rows", "w", json!({"materialized": {"name": "rows", "store": "persistent"}}))
        .show("rows")
        .feed("a=x@1 b=y@12 c=z@25 d=w@31"),
        case("retention-clamp-in-memory", "quirk 15: the same in memory")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("windowed_by", "w", "g", json!({"window": tumbling(10)}))
            .op("count", "rows", "w", json!({"materialized": {"name": "rows"}}))
            .show("rows")
            .feed("a=x@1 b=y@12 c=z@25 d=w@31"),
    ]
}

fn changelogs() -> Vec<Case> {
    vec![
        case(
            "changelog-times",
            "quirk 16: changelogs have plain values; the row's time is the record's, a tombstone has that of its cause",
        )
        .stream("in", "in")
        .op("group_by_key", "g", "in", json!({}))
        .op(
            "aggregate",
            "rows",
            "g",
            json!({
                "initializer": "empty", "aggregator": "null_on_empty", "materialized": {"name": "rows"}
            }),
        )
        .show("rows")
        .feed("a=x@10 a=y@5 a=@7 b=z@9 b=@20"),
        case(
            "changelog-time-of-processors",
            "quirk 16: a processor's store logs with the time of the record being processed",
        )
        .stream("in", "in")
        .key_value_store("kept", "string", "string")
        .op("process", "p", "in", json!({"processor": "last_value", "stores": ["kept"]}))
        .out("p")
        .feed("a=x@10 a=y@5 a=~@7"),
        case(
            "suppress-changelog",
            "quirk 12: what waits in a buffer is in its changelog, once per commit, with its context",
        )
        .table("t", "in")
        .op("suppress", "s", "t", json!({"until": {"time": 10}, "name": "buffer"}))
        .show("s")
        .feed("a=x@1{h:1,i:~} a=y@2 b=z@3 c=w@12"),
    ]
}

fn shapes() -> Vec<Case> {
    vec![
        case(
            "left-join-names",
            "quirk 18: the sides of a left join are JOINTHIS and OUTEROTHER; an inner global join is a LEFTJOIN",
        )
        .stream("l", "l")
        .stream("r", "r")
        .global("g", "g")
        .op("stream_left_join", "j", "l", json!({"with": "r", "joiner": "concat", "window": within(5)}))
        .op("global_join", "k", "j", json!({"with": "g", "mapper": "key", "joiner": "concat"}))
        .out("k")
        .feed("g:a=G@0 l:a=x@1 r:a=R@2"),
        case("global-takes-a-number", "quirk 19: a global table between two streams takes a sub-topology's number")
            .stream("one", "one")
            .to("one", "first")
            .global("g", "g")
            .global("h", "h")
            .stream("two", "two")
            .to("two", "second")
            .feed("one:a=x@1 two:b=y@2"),
        case("diamond", "quirk 20: the order of nodes when a diamond counts its children twice")
            .stream("in", "in")
            .op("filter", "a", "in", json!({"predicate": "true"}))
            .op("map_values", "b", "in", json!({"mapper": "upper"}))
            .op("peek", "c", "b", json!({}))
            .op("merge", "m", "a", json!({"with": "c"}))
            .op("merge", "n", "m", json!({"with": "b"}))
            .op("filter", "d", "n", json!({"predicate": "true"}))
            .out("d")
            .to("a", "side")
            .feed("a=x@1"),
        case("wide", "quirk 20: nodes ordered by how much hangs below them, then by name")
            .stream("in", "in")
            .op("filter", "a", "in", json!({"predicate": "true", "name": "zz"}))
            .op("filter", "b", "in", json!({"predicate": "true", "name": "aa"}))
            .op("filter", "c", "in", json!({"predicate": "true", "name": "mm"}))
            .op("filter", "d", "b", json!({"predicate": "true", "name": "bb"}))
            .op("filter", "e", "d", json!({"predicate": "true", "name": "cc"}))
            .to("a", "one")
            .to("e", "two")
            .to("c", "three")
            .feed("a=x@1"),
        case(
            "store-joins-sub-topologies",
            "quirk 20: sub-topologies joined by a store are numbered by their first node",
        )
        .stream("one", "one")
        .stream("two", "two")
        .stream("three", "three")
        .key_value_store("kept", "string", "long")
        .to("two", "copy")
        .op("process", "p", "one", json!({"processor": "count_in_store", "stores": ["kept"]}))
        .op("process", "q", "three", json!({"processor": "count_in_store", "stores": ["kept"]}))
        .to("p", "first")
        .to("q", "third")
        .feed("one:a=x@1 three:a=y@2 two:a=z@3"),
    ]
}

fn odd() -> Vec<Case> {
    vec![
        case("unlimited-and-emit", "quirk 27: an unlimited window beside a tumbling one: the same late record")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("windowed_by", "u", "g", json!({"window": {"kind": "unlimited"}}))
            .op("count", "all", "u", json!({}))
            .op("windowed_by", "w", "g", json!({"window": tumbling(10)}))
            .op("count", "some", "w", json!({}))
            .show_in("all", "all")
            .show_in("some", "some")
            .feed("a=x@50 a=y@5"),
        case("versioned-too-old-joined", "quirk 28: a row too old for its versioned table reaches nothing below")
            .table_in("t", "in", json!({"name": "rows", "store": "versioned", "history": 10}))
            .table("r", "r")
            .op("left_join", "j", "t", json!({"with": "r", "joiner": "concat"}))
            .show("j")
            .feed("a=x@100 b=y@89 a=z@88 r:b=R@101 b=w@95"),
        case("punctuation-time", "quirk 22: a punctuator gets the current time, and gaps collapse to one call")
            .stream("in", "in")
            .key_value_store("kept", "string", "long")
            .op("process", "p", "in", json!({"processor": "punctuate_stream", "stores": ["kept"]}))
            .out("p")
            .feed("a=x@7 a=y@95 a=z@99 a=w@103"),
        case("stream-time-first-sliding", "quirk 9: stream time moves before a sliding window's lateness is judged")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("windowed_by", "w", "g", json!({"window": sliding(5)}))
            .op("count", "rows", "w", json!({}))
            .show("rows")
            .feed("a=x@10 b=y@100 a=z@94 a=w@95 b=~@200 a=v@150"),
        case("null-value-moves-time", "quirk 9: does a record that is dropped for its null value move stream time?")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("windowed_by", "w", "g", json!({"window": sliding(5)}))
            .op("count", "rows", "w", json!({"materialized": {"name": "rows"}}))
            .show("rows")
            .feed("a=x@10 a=~@100 a=y@12"),
    ]
}

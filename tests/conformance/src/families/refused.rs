//! Topologies that Kafka refuses to build.

use serde_json::{json, Value};

use super::build::{between, case, grace, hopping, session, sliding, tumbling, within, Case};

pub(crate) fn cases() -> Vec<Case> {
    [names(), sources(), windows(), kept_windows(), stores(), joins(), strict(), others()].concat()
}

fn names() -> Vec<Case> {
    let named = |name: &str, about: &str, text: &str| {
        case(name, about)
            .stream("in", "in")
            .op("filter", "f", "in", json!({"predicate": "true", "name": text}))
            .out("f")
    };
    vec![
        named("empty-name", "a name must have characters", ""),
        named("dot-name", "a name must not be a dot", "."),
        named("two-dots-name", "a name must not be two dots", ".."),
        named("space-in-name", "a name has letters, digits, dots, underscores and hyphens only", "a b"),
        named("umlaut-in-name", "letters of names are those of ascii", "größe"),
        named("long-name", "a name has at most 249 characters", &"n".repeat(250)),
        case("name-twice", "two nodes must not have the same name")
            .stream("in", "in")
            .op("filter", "f", "in", json!({"predicate": "true", "name": "same"}))
            .op("map_values", "m", "f", json!({"mapper": "upper", "name": "same"}))
            .out("m"),
        case("branch-name-twice", "two branches must not have the same name")
            .stream("in", "in")
            .split(
                "in",
                json!({
                    "name": "s-",
                    "branches": [
                        {"predicate": "true", "id": "one", "name": "same"},
                        {"predicate": "true", "id": "two", "name": "same"},
                    ],
                    "default": null,
                }),
            )
            .to("one", "one")
            .to("two", "two"),
        case("store-name-invalid", "the name of a store is checked as names of operators are")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("count", "c", "g", json!({"materialized": {"name": "a b"}}))
            .show("c"),
    ]
}

fn sources() -> Vec<Case> {
    let source = |id: &str, topics: Value| -> Value {
        json!({"op": "stream", "id": id, "topics": topics, "key": "string", "value": "string"})
    };
    vec![
        case("overlapping-topics", "row 45: two sources that share some of their topics")
            .node(source("one", json!(["a", "b"])))
            .node(source("two", json!(["b", "c"])))
            .to("one", "x")
            .to("two", "y"),
        case("no-topic", "a source without topics").node(source("one", json!([]))).to("one", "x"),
        case("different-resets", "one topic with two reset policies")
            .node(json!({"op": "stream", "id": "one", "topics": ["in"], "key": "string", "value": "string", "reset": "earliest"}))
            .node(json!({"op": "stream", "id": "two", "topics": ["in"], "key": "string", "value": "string", "reset": "latest"}))
            .to("one", "x")
            .to("two", "y"),
        case("table-and-global-table", "one topic as a table and as a global table")
            .table_in("t", "in", json!({"name": "rows"}))
            .global("g", "in")
            .show("t"),
        case("stream-and-global-table", "one topic as a stream and as a global table").stream("s", "in").global("g", "in").out("s"),
        case("two-global-tables", "one topic as two global tables").global("g", "in").global("h", "in").stream("s", "s").out("s"),
    ]
}

fn windows() -> Vec<Case> {
    let cut = |name: &str, about: &str, window: Value| {
        case(name, about)
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("windowed_by", "w", "g", json!({"window": window}))
            .op("count", "c", "w", json!({}))
            .show("c")
    };
    let joined = |name: &str, about: &str, window: Value| {
        case(name, about)
            .stream("l", "l")
            .stream("r", "r")
            .op("stream_join", "j", "l", json!({"with": "r", "joiner": "concat", "window": window}))
            .out("j")
    };
    vec![
        cut("window-size-zero", "a tumbling window of no size", tumbling(0)),
        cut("window-size-negative", "a tumbling window of negative size", tumbling(-1)),
        cut("window-grace-negative", "a negative grace period", grace(tumbling(10), -1)),
        cut("advance-zero", "a hopping window that does not advance", hopping(10, 0)),
        cut("advance-beyond-size", "a hopping window that advances farther than its size", hopping(10, 11)),
        cut("sliding-negative", "a sliding window of negative difference", sliding(-1)),
        cut("session-gap-negative", "a session window of negative gap", session(-1)),
        cut(
            "unlimited-start-negative",
            "an unlimited window that starts before time",
            json!({"kind": "unlimited", "start": -1}),
        ),
        joined("join-window-negative", "a join window that ends before it begins", between(-5, 4)),
        joined("join-grace-negative", "a join window with negative grace", grace(within(5), -1)),
    ]
}

fn kept_windows() -> Vec<Case> {
    let kept = |name: &str, about: &str, window: Value, retention: i64| {
        case(name, about)
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("windowed_by", "w", "g", json!({"window": window}))
            .op("count", "c", "w", json!({"materialized": {"name": "rows", "retention": retention}}))
            .show("c")
    };
    let emitted = |name: &str, about: &str, window: Value| {
        case(name, about)
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("windowed_by", "w", "g", json!({"window": window, "emit": "close"}))
            .op("count", "c", "w", json!({}))
            .show("c")
    };
    vec![
        kept(
            "retention-below-window",
            "a window store that keeps less than size and grace",
            grace(tumbling(10), 5),
            14,
        ),
        kept(
            "retention-below-sliding",
            "a sliding window store that keeps less than twice the difference and grace",
            grace(sliding(10), 5),
            24,
        ),
        kept(
            "retention-below-session",
            "a session store that keeps less than gap and grace",
            grace(session(10), 5),
            14,
        ),
        emitted(
            "emit-unlimited",
            "quirk 27, row 35: unlimited windows never close, so they cannot emit on close",
            json!({"kind": "unlimited"}),
        ),
    ]
}

fn stores() -> Vec<Case> {
    vec![
        case("store-name-twice", "two aggregations must not have stores of one name")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("count", "c", "g", json!({"materialized": {"name": "rows"}}))
            .op("reduce", "d", "g", json!({"reducer": "newest", "materialized": {"name": "rows"}}))
            .show_in("c", "one")
            .show_in("d", "two"),
        case("added-store-twice", "two stores added under one name")
            .stream("in", "in")
            .key_value_store("rows", "string", "string")
            .key_value_store("rows", "string", "string")
            .op("process", "p", "in", json!({"processor": "last_value", "stores": ["rows"]}))
            .out("p"),
        case("store-unknown", "a processor with a store that was not added")
            .stream("in", "in")
            .op("process", "p", "in", json!({"processor": "last_value", "stores": ["rows"]}))
            .out("p"),
        case("global-store-connected", "a global store is connected to no processor by name")
            .stream("in", "in")
            .node(json!({
                "op": "global_table", "id": "g", "topic": "g", "key": "string", "value": "string",
                "materialized": {"name": "everything"}
            }))
            .op("process", "p", "in", json!({"processor": "last_value", "stores": ["everything"]}))
            .out("p"),
        case("window-store-short", "a window store that keeps less than a window")
            .stream("in", "in")
            .store(json!({"name": "rows", "kind": "window", "key": "string", "value": "string", "retention": 5, "window_size": 10}))
            .op("process", "p", "in", json!({"processor": "window_puts", "stores": ["rows"]}))
            .out("p"),
        case("versioned-history-negative", "a versioned store of negative history")
            .table_in("t", "in", json!({"name": "rows", "store": "versioned", "history": -1}))
            .show("t"),
        case("global-table-versioned", "a global table in a versioned store")
            .stream("in", "in")
            .node(json!({
                "op": "global_table", "id": "g", "topic": "g", "key": "string", "value": "string",
                "materialized": {"name": "rows", "store": "versioned", "history": 1000}
            }))
            .out("in"),
    ]
}

fn joins() -> Vec<Case> {
    let versioned = json!({"name": "rows", "store": "versioned", "history": 100});
    let looked_up = |name: &str, about: &str, table: Value, grace: i64| {
        case(name, about)
            .stream("l", "l")
            .table_in("r", "r", table)
            .op("table_join", "j", "l", json!({"with": "r", "joiner": "concat", "grace": grace}))
            .out("j")
    };
    let pairs = json!({"with": "r", "joiner": "concat", "window": within(10), "store_name": "pairs"});
    let mut other = pairs.clone();
    other["window"] = within(20);
    vec![
        looked_up(
            "join-grace-unversioned",
            "row 19: a grace period needs a versioned table",
            json!({"name": "rows"}),
            5,
        ),
        looked_up(
            "join-grace-beyond-history",
            "row 19: a grace period longer than the table's history",
            versioned.clone(),
            101,
        ),
        looked_up("table-join-grace-negative", "a negative grace period of a table join is not refused", versioned, -1)
            .feed("r:a=R@1 l:a=x@2 l:a=y@5 l:a=z@3 l:a=w@6"),
        case("join-stores-twice", "row 14: two joins with stores of one name")
            .stream("l", "l")
            .stream("r", "r")
            .op("stream_join", "j", "l", pairs)
            .op("stream_left_join", "k", "l", other)
            .to("j", "one")
            .to("k", "two"),
        case("partitions-differ", "row 49: joined repartitions of different numbers of partitions")
            .stream("l", "l")
            .stream("r", "r")
            .op("repartition", "rl", "l", json!({"partitions": 2, "name": "lefts"}))
            .op("repartition", "rr", "r", json!({"partitions": 3, "name": "rights"}))
            .op("stream_join", "j", "rl", json!({"with": "rr", "joiner": "concat", "window": within(10)}))
            .out("j"),
    ]
}

fn strict() -> Vec<Case> {
    let strict = |name: &str, about: &str| case(name, about).config("explicit_names", true);
    vec![
        strict("unnamed-store", "strict names: a count without a name for its store")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("count", "c", "g", json!({}))
            .show("c"),
        strict("unnamed-repartition", "strict names: a repartition without a name, though the store has one")
            .stream("in", "in")
            .op("group_by", "g", "in", json!({"mapper": "value"}))
            .op("count", "c", "g", json!({"materialized": {"name": "rows"}}))
            .show("c"),
        strict("unnamed-explicit-repartition", "strict names: an explicit repartition without a name")
            .stream("in", "in")
            .op("repartition", "there", "in", json!({}))
            .out("there"),
        strict("unnamed-kept-foreign-join", "strict names: a foreign-key join without a name whose result has one")
            .table_in("l", "l", json!({"name": "ls"}))
            .table_in("r", "r", json!({"name": "rs"}))
            .op(
                "foreign_join",
                "j",
                "l",
                json!({
                    "with": "r", "extractor": "value", "joiner": "concat", "materialized": {"name": "rows"}
                }),
            )
            .show("j")
            .feed("l:a=x@1 r:x=R@2"),
        strict("unnamed-join", "strict names: a stream join without a name for its stores")
            .stream("l", "l")
            .stream("r", "r")
            .op("stream_left_join", "j", "l", json!({"with": "r", "joiner": "concat", "window": within(10)}))
            .out("j"),
        strict("unnamed-foreign-join", "strict names: a foreign-key join without a name")
            .table_in("l", "l", json!({"name": "ls"}))
            .table_in("r", "r", json!({"name": "rs"}))
            .op("foreign_join", "j", "l", json!({"with": "r", "extractor": "value", "joiner": "concat"}))
            .show("j"),
        strict("unnamed-suppress", "strict names: a buffer without a name")
            .table_in("t", "in", json!({"name": "rows"}))
            .op("suppress", "s", "t", json!({"until": {"time": 5}}))
            .show("s"),
        strict("all-named", "strict names: everything that needs a name has one, so this is not refused")
            .stream("in", "in")
            .op("group_by", "g", "in", json!({"mapper": "value", "name": "groups"}))
            .op("count", "c", "g", json!({"materialized": {"name": "rows"}}))
            .show("c")
            .feed("a=x@1 b=x@2"),
    ]
}

fn others() -> Vec<Case> {
    vec![
        case("partitions-zero", "a repartition into no partitions is not refused when it is built")
            .stream("in", "in")
            .op("repartition", "r", "in", json!({"partitions": 0}))
            .out("r")
            .feed("a=x@1"),
        case("repartition-name-twice", "row 47: two groupings whose repartition topics have one name")
            .stream("in", "in")
            .op("group_by", "g", "in", json!({"mapper": "value", "name": "same"}))
            .op("count", "c", "g", json!({}))
            .op("group_by", "h", "in", json!({"mapper": "first_char", "name": "same"}))
            .op("count", "d", "h", json!({}))
            .show_in("c", "one")
            .show_in("d", "two"),
        case("final-of-no-window", "final results of a table without windows")
            .table("t", "in")
            .op("suppress", "s", "t", json!({"until": {"window_close": {}}}))
            .show("s"),
        case("suppress-versioned", "a buffer below a versioned table")
            .table_in("t", "in", json!({"name": "rows", "store": "versioned", "history": 100}))
            .op("suppress", "s", "t", json!({"until": {"time": 5}}))
            .show("s"),
        case("suppress-below-versioned-view", "a buffer below a view of a versioned table")
            .table_in("t", "in", json!({"name": "rows", "store": "versioned", "history": 100}))
            .op("filter", "f", "t", json!({"predicate": "true"}))
            .op("suppress", "s", "f", json!({"until": {"time": 5}}))
            .show("s"),
        case("unknown-optimization", "an optimization that does not exist")
            .config("optimization", json!(["reuse.everything"]))
            .stream("in", "in")
            .out("in"),
        case("all-among-others", "`all` in a list with another optimization")
            .config("optimization", json!(["all", "merge.repartition.topics"]))
            .stream("in", "in")
            .out("in"),
    ]
}

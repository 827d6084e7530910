//! Explicit repartitions and sinks: null keys, partitioners, number of partitions, dynamic topics, to_table.

use serde_json::{json, Value};

use super::build::{case, within, Case};

const MIXED: &str = "a=xx@5 ~=yy@5 b=~@3 ~=~@4 =zz@6 c=@6 a=w@1";

pub(crate) fn cases() -> Vec<Case> {
    [explicit(), null_keys(), null_keys_above(), sinks(), shared(), to_table()].concat()
}

fn explicit() -> Vec<Case> {
    let one = |name: &str, about: &str, fields: Value| {
        case(name, about).stream("in", "in").op("repartition", "there", "in", fields).out("there").feed(MIXED)
    };
    vec![
        one("plain", "repartition always makes a topic; time and value go through it, null keys do not", json!({})),
        one("with-partitions", "repartition with a number of partitions", json!({"partitions": 4})),
        one("with-partitioner", "repartition with a partitioner", json!({"partitioner": "first"})),
        one("named", "repartition with a name", json!({"name": "moved"})),
        one(
            "dropped-by-partitioner",
            "the empty set of partitions drops the record and counts it",
            json!({"partitioner": "none"}),
        ),
        case("twice", "two repartitions in a row are two topics")
            .stream("in", "in")
            .op("repartition", "one", "in", json!({}))
            .op("repartition", "two", "one", json!({"name": "second"}))
            .out("two")
            .feed(MIXED),
        case("of-longs", "repartition with longs as key and value: eight bytes each in the topic")
            .stream_of("in", "in", "long", "long")
            .op("repartition", "there", "in", json!({}))
            .out("there")
            .feed("1=-1@1 -1=1@2 0=~@3"),
        case("no-second-repartition", "a count after an explicit repartition of a changed key needs no other")
            .stream("in", "in")
            .op("select_key", "keyed", "in", json!({"mapper": "value"}))
            .op("repartition", "there", "keyed", json!({"name": "moved"}))
            .op("group_by_key", "groups", "there", json!({}))
            .op("count", "counts", "groups", json!({}))
            .show("counts")
            .feed(MIXED),
        case("headers-go-through", "headers go through a repartition topic, two of one name in order")
            .stream("in", "in")
            .op("repartition", "there", "in", json!({}))
            .out("there")
            .feed("a=x@1{h:1,h:2,i:~} b=~@2{j:}"),
    ]
}

fn null_keys() -> Vec<Case> {
    let joined = |name: &str, about: &str, op: &str| {
        case(name, about)
            .stream("l", "l")
            .stream("r", "r")
            .op("select_key", "keyed", "l", json!({"mapper": "first_char"}))
            .op(op, "j", "keyed", json!({"with": "r", "joiner": "concat", "window": within(5)}))
            .out("j")
            .feed("l:1=ax@1 l:2=@2 l:3=~@3 r:a=R@4 r:~=S@5 l:4=by@20 r:q=Q@40")
    };
    let looked_up = |name: &str, about: &str, op: &str| {
        case(name, about)
            .stream("in", "in")
            .table("t", "t")
            .op("select_key", "keyed", "in", json!({"mapper": "first_char"}))
            .op(op, "j", "keyed", json!({"with": "t", "joiner": "concat"}))
            .out("j")
            .feed("t:a=T@1 1=ax@2 2=@3 3=~@4 4=by@5")
    };
    vec![
        joined(
            "null-key-before-inner-join",
            "quirk 6: a repartition before an inner join drops null keys silently",
            "stream_join",
        ),
        joined(
            "null-key-before-left-join",
            "quirk 6, row 16: a repartition before a left join lets null keys through",
            "stream_left_join",
        ),
        joined(
            "null-key-before-outer-join",
            "quirk 6, row 16: a repartition before an outer join lets null keys through",
            "stream_outer_join",
        ),
        looked_up(
            "null-key-before-table-join",
            "row 16: a null key is dropped at the repartition before an inner table join",
            "table_join",
        ),
        looked_up(
            "null-key-before-table-left-join",
            "row 16: a null key goes through the repartition before a left table join",
            "table_left_join",
        ),
        case(
            "null-key-through-explicit",
            "row 16: a left join below an explicit repartition lets its null keys through",
        )
        .stream("l", "l")
        .stream("r", "r")
        .op("repartition", "there", "l", json!({"name": "moved"}))
        .op("stream_left_join", "j", "there", json!({"with": "r", "joiner": "concat", "window": within(5)}))
        .out("j")
        .feed("l:~=x@1 l:a=y@2 r:a=R@3"),
        case(
            "null-key-through-for-all",
            "row 16: what a left join lets through a shared repartition reaches the others, too",
        )
        .stream("l", "l")
        .stream("r", "r")
        .op("repartition", "there", "l", json!({"name": "moved"}))
        .op("stream_left_join", "j", "there", json!({"with": "r", "joiner": "concat", "window": within(5)}))
        .op("group_by_key", "groups", "there", json!({}))
        .op("count", "counts", "groups", json!({}))
        .out("j")
        .show_in("counts", "counts")
        .feed("l:~=x@1 l:a=y@2 r:a=R@3"),
    ]
}

fn null_keys_above() -> Vec<Case> {
    vec![case(
        "null-key-through-explicit-to-table-join",
        "row 16: a left table join lets null keys through an explicit repartition, whatever lies between and beside it",
    )
    .stream("l", "l")
    .table("t", "t")
    .op("repartition", "there", "l", json!({"name": "moved"}))
    .op("filter", "kept", "there", json!({"predicate": "true"}))
    .op("map_values", "upper", "kept", json!({"mapper": "upper"}))
    .op("table_left_join", "j", "upper", json!({"with": "t", "joiner": "concat"}))
    .op("group_by_key", "groups", "there", json!({}))
    .op("count", "counts", "groups", json!({}))
    .out("j")
    .show_in("counts", "counts")
    .feed("l:~=x@1 t:a=T@2 l:a=y@3 l:~=~@4")]
}

fn sinks() -> Vec<Case> {
    vec![
        case("chosen-topics", "a sink that chooses the topic by the record, null key and empty key too")
            .stream("in", "in")
            .node(json!({"op": "to", "from": "in", "chooser": "by_key"}))
            .feed("a=x@1 b=y@2 a=~@3 =z@4"),
        case("sink-partitioner", "a sink with a partitioner of its own")
            .stream("in", "in")
            .node(json!({"op": "to", "from": "in", "topic": "out", "partitioner": "first"}))
            .feed(MIXED),
        case("sink-dropped-by-partitioner", "a sink whose partitioner chooses no partition drops and counts")
            .stream("in", "in")
            .node(json!({"op": "to", "from": "in", "topic": "out", "partitioner": "none"}))
            .feed(MIXED),
        case("default-serdes", "row 7 of the ground rules: default serdes where a node leaves them out")
            .node(json!({
                "op": "stream", "id": "in", "topics": ["in"], "key": "string", "value": "string", "serdes": "default"
            }))
            .op("repartition", "there", "in", json!({"serdes": "default"}))
            .node(json!({"op": "to", "from": "there", "topic": "out", "serdes": "default"}))
            .feed("a=x@1 b=~@2"),
        case("null-key-to-a-sink", "a null key is no problem for a sink")
            .stream("in", "in")
            .op("select_key", "keyed", "in", json!({"mapper": "null_key"}))
            .out("keyed")
            .feed("a=x@1 b=~@2"),
    ]
}

fn shared() -> Vec<Case> {
    let join = |name: Option<&str>| match name {
        Some(name) => json!({"with": "t", "joiner": "concat", "name": name}),
        None => json!({"with": "t", "joiner": "concat"}),
    };
    vec![case(
        "shared-with-a-named-join",
        "joins without a name share the repartition of the join before them, also where that one is named",
    )
    .stream("in", "in")
    .table("t", "t")
    .op("select_key", "keyed", "in", json!({"mapper": "value"}))
    .op("table_join", "a", "keyed", join(Some("first")))
    .op("table_left_join", "b", "keyed", join(None))
    .op("table_join", "c", "keyed", join(Some("second")))
    .op("table_left_join", "d", "keyed", join(None))
    .to("b", "b")
    .to("d", "d")
    .feed("t:x=T@1 a=x@2 b=y@3")]
}

fn to_table() -> Vec<Case> {
    let kept = json!({"materialized": {"name": "kept"}});
    vec![
        case("to-table", "to_table upserts: null values delete, null keys are dropped and counted")
            .stream("in", "in")
            .op("to_table", "t", "in", kept.clone())
            .show("t")
            .feed(MIXED)
            .feed("a=~@7 a=~@8"),
        case(
            "to-table-after-key-change",
            "to_table after a key change repartitions first, which drops null keys silently",
        )
        .stream("in", "in")
        .op("select_key", "keyed", "in", json!({"mapper": "first_char"}))
        .op("to_table", "t", "keyed", kept.clone())
        .show("t")
        .feed(MIXED),
        case("to-table-out-of-order", "row 39: an older record overwrites a newer row and its time")
            .stream("in", "in")
            .op("to_table", "t", "in", kept)
            .show("t")
            .feed("a=x@10 a=y@5 a=~@3 b=z@2 b=z@1"),
        case("to-table-of-nulls", "a value that became null deletes, in a table that keeps nothing as in others")
            .stream("in", "in")
            .op("map_values", "full", "in", json!({"mapper": "null_if_empty"}))
            .op("to_table", "t", "full", json!({}))
            .op("map_values", "lengths", "t", json!({"mapper": "length"}))
            .show("lengths")
            .feed("a=x@1 a=@2 b=@3 b=yy@4 a=~@5"),
        case("to-table-without-store", "to_table that nobody asks keeps nothing and passes all on")
            .stream("in", "in")
            .op("to_table", "t", "in", json!({}))
            .show("t")
            .feed(MIXED),
    ]
}

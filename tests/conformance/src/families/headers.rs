//! Headers: which operators keep them, which lose them, whose they are.

use serde_json::json;

use super::build::{case, grace, session, tumbling, within, Case};

const HEADED: &str = "a=x_y@1{h:1,h:2,i:~} b=z@2{} a=w@3{j:} ~=v@4{k:null} a=~@5{l:x} a=u@0{m:late}";

pub(crate) fn cases() -> Vec<Case> {
    [kept(), stateful(), joins()].concat()
}

fn kept() -> Vec<Case> {
    vec![
        case("stateless", "stateless operators keep headers: their order, doubles, null and empty values")
            .stream("in", "in")
            .op("filter", "f", "in", json!({"predicate": "true"}))
            .op("map", "m", "f", json!({"mapper": "identity"}))
            .op("flat_map_values", "w", "m", json!({"mapper": "words"}))
            .op("select_key", "k", "w", json!({"mapper": "value"}))
            .out("k")
            .feed(HEADED),
        case("added", "a processor adds a header: the next children see it, brothers do not")
            .stream("in", "in")
            .op("process_values", "p", "in", json!({"processor": "headers", "stores": []}))
            .to("p", "one")
            .op("map_values", "m", "in", json!({"mapper": "upper"}))
            .to("m", "two")
            .feed(HEADED),
        case("added-twice", "two processors in a row add the same header twice")
            .stream("in", "in")
            .op("process", "p", "in", json!({"processor": "headers", "stores": []}))
            .op("process", "q", "p", json!({"processor": "headers", "stores": []}))
            .out("q")
            .feed(HEADED),
        case("routed", "headers through both ways of a split, a flat_map, a peek and a merge")
            .stream("in", "in")
            .split("in", json!({"branches": [{"predicate": "key_is_a", "id": "a"}], "default": {"id": "rest"}}))
            .op("flat_map", "twice", "a", json!({"mapper": "twice"}))
            .op("peek", "seen", "rest", json!({}))
            .op("merge", "all", "twice", json!({"with": "seen"}))
            .out("all")
            .feed(HEADED),
        case("repartition", "headers in a repartition topic before a count")
            .stream("in", "in")
            .op("select_key", "k", "in", json!({"mapper": "first_char"}))
            .op("group_by_key", "g", "k", json!({}))
            .op("count", "c", "g", json!({}))
            .show("c")
            .feed(HEADED),
    ]
}

fn stateful() -> Vec<Case> {
    vec![
        case("table", "a table's changes have the headers of the record; its changelog has none")
            .table_in("t", "in", json!({"name": "rows"}))
            .show("t")
            .feed(HEADED),
        case("count", "a count's result has the headers of the record that changed it")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("count", "c", "g", json!({"materialized": {"name": "rows"}}))
            .show("c")
            .feed(HEADED),
        case("table-grouping", "headers through the grouping of a table")
            .table("t", "in")
            .op("group_by", "g", "t", json!({"mapper": "by_value"}))
            .op("count", "c", "g", json!({}))
            .show("c")
            .feed("a=x@1{h:1} b=x@2{h:2} a=y@3{h:3} a=~@4{h:4}"),
        case("window", "a window's result has the headers of the record that changed it")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("windowed_by", "w", "g", json!({"window": grace(tumbling(10), 10)}))
            .op("count", "c", "w", json!({}))
            .show("c")
            .feed(HEADED),
        case("session", "headers of sessions, merged ones and their tombstones")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("windowed_by", "w", "g", json!({"window": grace(session(3), 10)}))
            .op("count", "c", "w", json!({}))
            .show("c")
            .feed("a=x@1{h:1} a=y@8{h:2} a=z@4{h:3} a=w@6{h:4}"),
        case("sliding", "headers of sliding windows, also of those made of others")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("windowed_by", "w", "g", json!({"window": {"kind": "sliding", "difference": 10, "grace": 30}}))
            .op("count", "c", "w", json!({}))
            .show("c")
            .feed("a=x@21{h:1} a=y@28{h:2} a=z@24{h:3}"),
        case("view", "headers through views that are kept")
            .table("t", "in")
            .op("map_values", "m", "t", json!({"mapper": "upper", "materialized": {"name": "upper"}}))
            .op("filter", "f", "m", json!({"predicate": "value_even", "materialized": {"name": "even"}}))
            .show("f")
            .feed("a=xx@1{h:1} a=y@2{h:2} a=~@3{h:3}"),
    ]
}

fn joins() -> Vec<Case> {
    vec![
        case("stream-join", "a stream join's result has the headers of the record that came last")
            .stream("l", "l")
            .stream("r", "r")
            .op("stream_join", "j", "l", json!({"with": "r", "joiner": "concat", "window": within(10)}))
            .out("j")
            .feed("l:a=x@1{h:left} r:a=R@2{h:right} l:a=y@0{h:left2,i:~}"),
        case("stream-table-join", "a table join's result has the stream record's headers")
            .stream("l", "l")
            .table("r", "r")
            .global("g", "g")
            .op("table_left_join", "j", "l", json!({"with": "r", "joiner": "concat"}))
            .op("global_left_join", "k", "j", json!({"with": "g", "mapper": "key", "joiner": "concat"}))
            .out("k")
            .feed("l:a=x@1{h:1} r:a=R@2{h:table} g:a=G@3{h:global} l:a=y@4{h:2}"),
        case(
            "stream-table-join-alone",
            "a table join's result has the stream record's headers, and never those of the row",
        )
        .stream("l", "l")
        .table("r", "r")
        .op("table_left_join", "j", "l", json!({"with": "r", "joiner": "concat"}))
        .out("j")
        .feed("l:a=x@1{h:1} r:a=R@2{h:table} l:a=y@4{h:2,i:~} l:a=z@3"),
        case("table-join", "a table join's result has the headers of the update that caused it")
            .table("l", "l")
            .table("r", "r")
            .op("outer_join", "j", "l", json!({"with": "r", "joiner": "concat", "materialized": {"name": "rows"}}))
            .show("j")
            .feed("l:a=x@1{h:left} r:a=R@2{h:right} l:a=~@3{h:gone}"),
        case("suppressed", "headers of what a buffer lets out: its own record's or the one's that let it out")
            .stream("in", "in")
            .op("group_by_key", "g", "in", json!({}))
            .op("windowed_by", "w", "g", json!({"window": tumbling(10)}))
            .op("count", "c", "w", json!({}))
            .op("suppress", "s", "c", json!({"until": {"window_close": {}}}))
            .show("s")
            .feed("a=x@1{h:1} a=y@2{h:2} b=z@15{h:3} b=w@40{h:4}"),
    ]
}

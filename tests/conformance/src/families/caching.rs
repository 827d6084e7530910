//! What caches change: which changes of a row a commit joins, and in which order it lets keys go. `!` commits. Every
//! case of the suite has a run with caches, too; these are about nothing else.

use serde_json::{json, Value};

use super::build::{case, grace, hopping, session, tumbling, Case};

/// Words of a line as records of one key, in a store with caching.
fn worded(name: &str, about: &str) -> Case {
    case(name, about).stream("in", "in").op("flat_map_values", "words", "in", json!({"mapper": "words"})).op(
        "group_by_key",
        "groups",
        "words",
        json!({}),
    )
}

fn cached() -> Value {
    json!({"name": "rows", "caching": true})
}

pub(crate) fn cases() -> Vec<Case> {
    [keys(), below(), expired(), windows()].concat()
}

fn keys() -> Vec<Case> {
    vec![
        worded("count", "counts between two commits: one change, with the last value")
            .op("count", "rows", "groups", json!({"materialized": cached()}))
            .show("rows")
            .feed("a=x_y@5 b=z@3 ! a=w_v_u@1 c=q@9 ! b=t@0"),
        worded("reduce", "reductions between two commits: one change")
            .op("reduce", "rows", "groups", json!({"reducer": "concat", "materialized": cached()}))
            .show("rows")
            .feed("a=x_y@5 b=z@3 ! b=w@4 a=w_v@1 !"),
        worded("transient-row", "a row made and deleted between two commits vanishes: no change, no changelog record")
            .op("reduce", "rows", "groups", json!({"reducer": "null", "materialized": cached()}))
            .show("rows")
            .feed("a=x_y@5 b=z@3 ! b=w@4 a=x_y_z@6 c=q_r@7 ! a=q@8"),
        case("order-of-keys", "several keys: the order in which a cache lets them go")
            .stream("in", "in")
            .op("flat_map", "words", "in", json!({"mapper": "words_as_keys"}))
            .op("group_by_key", "groups", "words", json!({}))
            .op("count", "rows", "groups", json!({"materialized": cached()}))
            .show("rows")
            .feed("a=c_b_a_c@5 b=b_d_b@6 ! c=z@7 d=a_d_c_a@8 e=e_z@9 !"),
        case("grouped-again", "row 38: groups of a cached table: one change of the upper count moves one row below")
            .stream("in", "in")
            .op("flat_map_values", "words", "in", json!({"mapper": "words"}))
            .op("group_by_key", "groups", "words", json!({}))
            .op("count", "rows", "groups", json!({"materialized": cached()}))
            .op("group_by", "again", "rows", json!({"mapper": "by_value"}))
            .op("count", "counts", "again", json!({"materialized": {"name": "counts", "caching": true}}))
            .show("counts")
            .feed("a=x_y@1 b=z@2 ! b=w_v@3 a=u@4 ! c=q@5"),
        case("metadata", "where a record came from that leaves a cache: Kafka names the last one that changed the row")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("count", "rows", "groups", json!({"materialized": cached()}))
            .op("to_stream", "changes", "rows", json!({}))
            .op("process", "meta", "changes", json!({"processor": "metadata", "stores": []}))
            .out("meta")
            .feed("a=x@1 b=y@2 a=z@3 ! a=w@4 !"),
        case("table-source", "a cached table: updates between two commits")
            .stream("in", "in")
            .op("flat_map_values", "words", "in", json!({"mapper": "words"}))
            .op("to_table", "t", "words", json!({"materialized": cached()}))
            .show("t")
            .feed("a=x_y@5 a=z@3 b=~@4 ! a=w_v@9 c=q@1 !"),
    ]
}

fn below() -> Vec<Case> {
    vec![
        worded("filter-below", "a filter below a cached table: the row before is that of the last commit")
            .op("count", "rows", "groups", json!({"materialized": cached()}))
            .op("filter", "even", "rows", json!({"predicate": "value_even"}))
            .show("even")
            .feed("a=x_y@1 b=z@2 ! a=w@3 b=v@4 ! a=u@5 c=t@6 b=s_r@1 ! a=q@7 !"),
        worded(
            "processor-below",
            "a processor's store below a cached table logs with the times of the rows that come to it",
        )
        .key_value_store("kept", "string", "long")
        .op("count", "rows", "groups", json!({"materialized": cached()}))
        .op("to_stream", "changes", "rows", json!({}))
        .op("process", "seen", "changes", json!({"processor": "count_in_store", "stores": ["kept"]}))
        .out("seen")
        .feed("a=x_y@5 b=z@3 ! a=w@1 c=v@9 b=u@7 !"),
        case(
            "processor-below-a-join",
            "the same below joins of tables: the time is that of the later row, and of what was before again after it",
        )
        .table_in("l", "l", json!({"name": "ls"}))
        .table("r", "r")
        .key_value_store("kept", "string", "long")
        .key_value_store("values", "string", "string")
        .op("join", "j", "l", json!({"with": "r", "joiner": "concat"}))
        .op("to_stream", "joined", "j", json!({}))
        .op("process", "seen", "joined", json!({"processor": "count_in_store", "stores": ["kept"]}))
        .out("seen")
        .op("to_stream", "changes", "l", json!({}))
        .op("process", "last", "changes", json!({"processor": "last_value", "stores": ["values"]}))
        .to("last", "last")
        .feed("l:a=x@5 r:a=R@9 ! l:a=y@3 l:b=z@4 r:b=S@2 ! l:a=~@1 r:b=T@11 l:b=w@6 !"),
    ]
}

fn expired() -> Vec<Case> {
    vec![case(
        "expired-while-cached",
        "a window whose retention ends between two commits: what leaves the cache finds its row, and joins it",
    )
    .stream("in", "in")
    .op("group_by_key", "groups", "in", json!({}))
    .op("windowed_by", "w", "groups", json!({"window": grace(tumbling(10), 5)}))
    .op("count", "rows", "w", json!({"materialized": cached()}))
    .op("join", "j", "rows", json!({"with": "rows", "joiner": "concat"}))
    .op("filter", "f", "rows", json!({"predicate": "value_even"}))
    .op("left_join", "k", "f", json!({"with": "rows", "joiner": "concat"}))
    .show_in("j", "joined")
    .show_in("k", "filtered")
    .feed("a=x@3 a=y@4 b=z@7 a=w@113 ! b=v@2 b=u@109 a=t@118 c=s@350 a=r@117 !")]
}

fn windows() -> Vec<Case> {
    vec![
        case("windows", "cached windows: overlapping ones, and late ones")
            .stream("in", "in")
            .op("flat_map_values", "words", "in", json!({"mapper": "words"}))
            .op("group_by_key", "groups", "words", json!({}))
            .op("windowed_by", "w", "groups", json!({"window": grace(hopping(10, 5), 10)}))
            .op("count", "rows", "w", json!({"materialized": cached()}))
            .show("rows")
            .feed("a=x_y@7 b=z@12 ! a=w_v@3 ! a=u@40 a=t@1 b=s@35"),
        case(
            "sessions",
            "row 33: cached sessions: removed and put again is one change; a merged one leaves a tombstone",
        )
        .stream("in", "in")
        .op("group_by_key", "groups", "in", json!({}))
        .op("windowed_by", "w", "groups", json!({"window": grace(session(5), 20)}))
        .op("count", "rows", "w", json!({"materialized": cached()}))
        .show("rows")
        .feed("a=x@0 a=y@5 ! a=z@5 b=w@12 b=v@20 ! b=u@16 a=t@7 !"),
        case("join", "cached tables of a join: both sides changed between two commits")
            .stream("in", "in")
            .op("flat_map_values", "words", "in", json!({"mapper": "words"}))
            .op("group_by_key", "groups", "words", json!({}))
            .op("count", "counts", "groups", json!({"materialized": {"name": "counts", "caching": true}}))
            .op(
                "reduce",
                "newest",
                "groups",
                json!({"reducer": "newest", "materialized": {"name": "newest", "caching": true}}),
            )
            .op(
                "outer_join",
                "j",
                "counts",
                json!({"with": "newest", "joiner": "concat", "materialized": {"name": "joined", "caching": true}}),
            )
            .show("j")
            .feed("a=x_y@1 b=z@2 ! a=w_v@0 c=q@5 ! b=t@3"),
        case("suppressed", "a buffer below a cached store")
            .stream("in", "in")
            .op("flat_map_values", "words", "in", json!({"mapper": "words"}))
            .op("group_by_key", "groups", "words", json!({}))
            .op("windowed_by", "w", "groups", json!({"window": grace(tumbling(10), 5)}))
            .op("count", "rows", "w", json!({"materialized": cached()}))
            .op("suppress", "held", "rows", json!({"until": {"window_close": {}}}))
            .show("held")
            .feed("a=x_y@7 b=z@12 ! a=w_v@3 ! a=u@40 b=t@41 !"),
        worded("caching-off", "a store with caching turned off shows every change, also where caches are on")
            .op("count", "rows", "groups", json!({"materialized": {"name": "rows", "caching": false}}))
            .show("rows")
            .feed("a=x_y@5 ! a=w_v@1 !"),
        worded("back-to-before", "a row changed and changed back between two commits is still a change")
            .op("reduce", "rows", "groups", json!({"reducer": "newest", "materialized": cached()}))
            .show("rows")
            .feed("a=x@5 ! a=y_x@6 a=x@7 !"),
    ]
}

//! Unlimited windows: one window from its start to the end of time.

use serde_json::{json, Value};

use super::build::{case, Case};

fn counted(name: &str, about: &str, window: Value) -> Case {
    case(name, about)
        .stream("in", "in")
        .op("group_by_key", "groups", "in", json!({}))
        .op("windowed_by", "windows", "groups", json!({"window": window}))
        .op("count", "rows", "windows", json!({"materialized": {"name": "rows"}}))
        .show("rows")
}

pub(crate) fn cases() -> Vec<Case> {
    let all = json!({"kind": "unlimited"});
    let from = |start: i64| json!({"kind": "unlimited", "start": start});
    vec![
        counted("all-time", "row 36: one window for all time", all.clone()).feed("a=x@0 b=y@5 a=z@3 a=~@10 ~=w@11"),
        counted("starts-on", "records before the start are in no window; they are not counted as dropped", from(10))
            .feed("a=x@9 a=y@10 b=z@50 a=w@5 a=v@10"),
        counted("never-closes", "quirk 27: no record is late for an unlimited window", all.clone())
            .feed("a=x@1 b=y@253402300799999 a=z@0 b=w@2"),
        counted(
            "greatest-time",
            "a record of the greatest time is late for its own window, and all others after it are",
            from(3),
        )
        .feed("a=x@9223372036854775807 a=y@3"),
        case("reduce", "reductions of unlimited windows, null values too")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": from(2)}))
            .op("reduce", "rows", "windows", json!({"reducer": "concat", "materialized": {"name": "rows"}}))
            .show("rows")
            .feed("a=x@5 a=y@2 a=~@3 a=z@1 b=w@2"),
        case("windowed-key-of-unlimited", "quirk 14: the key of an unlimited window in a repartition topic")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": all}))
            .op("count", "rows", "windows", json!({}))
            .op("group_by", "again", "rows", json!({"mapper": "by_value"}))
            .op("count", "counts", "again", json!({}))
            .show("counts")
            .feed("a=x@5 b=y@2 a=z@9"),
    ]
}

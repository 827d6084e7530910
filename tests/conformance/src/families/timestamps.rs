//! Times of records: extractors, negative and far times, and what time a result has.

use serde_json::{json, Value};

use super::build::{case, tumbling, within, Case};

fn extracted(name: &str, about: &str, extractor: &str, value: &str) -> Case {
    case(name, about)
        .node(json!({
            "op": "stream", "id": "in", "topics": ["in"], "key": "string", "value": value, "extractor": extractor
        }))
        .out("in")
}

pub(crate) fn cases() -> Vec<Case> {
    [extractors(), results()].concat()
}

fn extractors() -> Vec<Case> {
    let source = |extractor: &str| -> Value {
        json!({"op": "table", "id": "t", "topic": "in", "key": "string", "value": "string", "extractor": extractor,
            "materialized": {"name": "rows"}})
    };
    vec![
        case("negative-fails", "a negative time ends the run by default").stream("in", "in").out("in").feed("a=x@1 b=y@-1 c=z@2"),
        extracted("fail", "the failing extractor passes times from 0 on", "fail", "string").feed("a=x@0 b=y@9223372036854775807 c=z@-1"),
        extracted("log-and-skip", "a record skipped for its negative time is counted as dropped", "log_and_skip", "string").feed("a=x@5 b=y@-1 c=z@0 d=w@-9223372036854775808"),
        extracted("partition-time", "a negative time becomes the greatest time so far of the partition", "partition_time", "string")
            .feed("a=x@5 b=y@-1 c=z@3 d=w@-7 e=v@9 f=u@-2"),
        extracted("partition-time-zero", "0 is a partition time", "partition_time", "string").feed("a=x@0 b=y@-1 c=z@-2"),
        extracted("partition-time-at-first", "there is no partition time for the first record: the run ends", "partition_time", "string").feed("a=x@-1 b=y@1"),
        extracted("embedded", "a time taken from the value is that of results, too", "embedded", "long").feed("a=50@1 b=7@2 c=0@3 d=51@100"),
        extracted("embedded-negative", "an extractor of one's own that returns a negative time: dropped and counted", "embedded", "long").feed("a=50@1 b=-1@2 c=~@3 d=51@4"),
        case("table-log-and-skip", "an extractor of a table").node(source("log_and_skip")).show("t").feed("a=x@5 a=y@-1 b=z@3"),
        case("table-fail", "the failing extractor of a table fails on a deletion with a negative time too")
            .node(source("fail"))
            .show("t")
            .feed("a=x@5 a=~@3 a=y@4 a=~@-1 b=z@6"),
        case("table-log-and-skip-deletions", "an extractor of a table: the times of deletions")
            .node(source("log_and_skip"))
            .show("t")
            .feed("a=x@5 a=~@7 b=y@0 b=~@-1 b=~@3 c=~@0"),
        case("table-embedded", "an extractor that looks at a table's values is given null for a deletion")
            .node(json!({"op": "table", "id": "t", "topic": "in", "key": "string", "value": "long",
                "extractor": "embedded", "materialized": {"name": "rows"}}))
            .show("t")
            .feed("a=50@1 a=~@60 b=7@2 b=-1@3 b=8@9"),
        case("table-partition-time", "an extractor of a table is asked about deletions too")
            .node(source("partition_time"))
            .show("t")
            .feed("a=x@5 a=~@-1 b=y@-2 b=~@7"),
        case("embedded-then-window", "windows see the extracted time")
            .node(json!({
                "op": "stream", "id": "in", "topics": ["in"], "key": "string", "value": "long", "extractor": "embedded"
            }))
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "w", "groups", json!({"window": tumbling(10)}))
            .op("count", "counts", "w", json!({}))
            .show("counts")
            .feed("a=5@100 a=9@1 a=12@0 a=3@50 b=25@2"),
        case("extractors-of-two-sources", "each source has its own extractor")
            .node(json!({"op": "stream", "id": "l", "topics": ["l"], "key": "string", "value": "long", "extractor": "embedded"}))
            .node(json!({"op": "stream", "id": "r", "topics": ["r"], "key": "string", "value": "long", "extractor": "log_and_skip"}))
            .op("merge", "all", "l", json!({"with": "r"}))
            .out("all")
            .feed("l:a=7@1 r:a=8@2 r:a=9@-5 l:a=3@-5"),
        extracted("repartition-source-time", "a repartition topic is read with the time in it, not with the source's extractor", "embedded", "long")
            .op("repartition", "there", "in", json!({"name": "moved"}))
            .to("there", "moved-out")
            .feed("a=50@1 a=7@2"),
    ]
}

fn results() -> Vec<Case> {
    vec![
        case("times-of-results", "the times of filter, count, table, join and window results of the same records")
            .stream("in", "in")
            .op("filter", "f", "in", json!({"predicate": "true"}))
            .to("f", "filter")
            .op("group_by_key", "groups", "f", json!({}))
            .op("count", "counts", "groups", json!({}))
            .show_in("counts", "counts")
            .op("to_table", "t", "f", json!({"materialized": {"name": "rows"}}))
            .show_in("t", "table")
            .op("windowed_by", "w", "groups", json!({"window": tumbling(10)}))
            .op("reduce", "r", "w", json!({"reducer": "newest"}))
            .show_in("r", "window")
            .op("table_join", "j", "f", json!({"with": "counts", "joiner": "concat"}))
            .to("j", "join")
            .feed("a=x@15 a=y@12 a=z@3 b=w@19"),
        case("join-time", "a stream join's result has the greater time, whichever side comes last")
            .stream("l", "l")
            .stream("r", "r")
            .op("stream_join", "j", "l", json!({"with": "r", "joiner": "concat", "window": within(10)}))
            .out("j")
            .feed("l:a=x@5 r:a=R@3 l:a=y@9 r:a=S@9 l:a=z@0"),
        case("greatest-time", "the greatest time of all through stateless operators and a table")
            .stream("in", "in")
            .op("map_values", "m", "in", json!({"mapper": "upper"}))
            .op("to_table", "t", "m", json!({"materialized": {"name": "rows"}}))
            .show("t")
            .feed("a=x@9223372036854775807 a=y@0"),
    ]
}

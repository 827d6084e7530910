//! Optimizations: what `all` and each of them alone change in a topology, and that results stay the same.
//!
//! Every case of the suite has both descriptions; these run optimized, so that topics and changelogs are compared too.

use serde_json::{json, Value};

use super::build::{case, tumbling, within, Case};

pub(crate) fn cases() -> Vec<Case> {
    [sources(), repartitions(), kept_apart(), others()].concat()
}

fn sources() -> Vec<Case> {
    let table = |name: &str, about: &str, optimization: Value| {
        case(name, about)
            .config("optimization", optimization)
            .table_in("t", "in", json!({"name": "rows"}))
            .show("t")
            .feed("a=x@5 a=y@3 b=~@4 a=~@6")
    };
    vec![
        table("source-as-changelog", "row 45: a table's source topic is its changelog", json!("all")),
        table("source-as-changelog-alone", "reuse.ktable.source.topics alone", json!(["reuse.ktable.source.topics"])),
        table(
            "other-optimization-only",
            "another optimization leaves the table its changelog",
            json!(["merge.repartition.topics"]),
        ),
        case("not-for-to-table", "row 45: a repartition topic is never a table's changelog")
            .config("optimization", "all")
            .stream("in", "in")
            .op("select_key", "keyed", "in", json!({"mapper": "value"}))
            .op("to_table", "t", "keyed", json!({"materialized": {"name": "rows"}}))
            .show("t")
            .feed("a=x@1 b=y@2 a=~@3"),
        case("source-needed-by-join", "a table without a name, kept for a join, has its source as changelog")
            .config("optimization", "all")
            .stream("l", "l")
            .table("r", "r")
            .op("table_join", "j", "l", json!({"with": "r", "joiner": "concat"}))
            .out("j")
            .feed("r:a=R@1 l:a=x@2"),
        case("one-topic-two-streams", "two streams of one topic share a source, optimized or not")
            .config("optimization", "all")
            .stream("one", "in")
            .stream("two", "in")
            .op("map_values", "m", "two", json!({"mapper": "upper"}))
            .to("one", "first")
            .to("m", "second")
            .feed("a=x@1 b=y@2"),
        case("one-topic-two-tables", "two tables of one topic are refused")
            .table("one", "in")
            .table_in("two", "in", json!({"name": "rows"}))
            .op("join", "j", "one", json!({"with": "two", "joiner": "concat"}))
            .show("j")
            .feed("a=x@1 a=y@2 a=~@3"),
    ]
}

fn repartitions() -> Vec<Case> {
    let keyed = |name: &str, about: &str| {
        case(name, about)
            .config("optimization", "all")
            .stream("in", "in")
            .op("select_key", "keyed", "in", json!({"mapper": "first_char"}))
            .feed("1=ax@1 2=b@2 3=@3 4=ay@4 5=~@5 6=bz@0")
    };
    vec![
        keyed(
            "merged-repartitions",
            "row 47: two aggregations of one changed key: one repartition topic below the key change",
        )
        .op("group_by_key", "g", "keyed", json!({}))
        .op("count", "c", "g", json!({}))
        .op("windowed_by", "w", "g", json!({"window": tumbling(10)}))
        .op("count", "d", "w", json!({}))
        .show_in("c", "one")
        .show_in("d", "two"),
        keyed("merged-behind-filters", "row 47: a filter and a peek between do not hinder")
            .op("filter", "f", "keyed", json!({"predicate": "value_not_null"}))
            .op("peek", "p", "keyed", json!({}))
            .op("group_by_key", "g", "f", json!({}))
            .op("count", "c", "g", json!({}))
            .op("group_by_key", "h", "p", json!({}))
            .op("reduce", "r", "h", json!({"reducer": "newest"}))
            .show_in("c", "one")
            .show_in("r", "two"),
        keyed("values-changed-between", "row 47: a change of values between hinders the merge")
            .op("map_values", "m", "keyed", json!({"mapper": "length"}))
            .op("group_by_key", "g", "m", json!({}))
            .op("reduce", "c", "g", json!({"reducer": "sum"}))
            .op("group_by_key", "h", "keyed", json!({}))
            .op("count", "r", "h", json!({}))
            .op("count", "s", "h", json!({"name": "second"}))
            .show_in("c", "one")
            .show_in("r", "two")
            .show_in("s", "three"),
        keyed("merged-with-names", "row 47: the merged topic has the first one's name")
            .op("group_by_key", "g", "keyed", json!({"name": "first-group"}))
            .op("count", "c", "g", json!({}))
            .op("group_by_key", "h", "keyed", json!({"name": "second-group"}))
            .op("reduce", "r", "h", json!({"reducer": "newest"}))
            .show_in("c", "one")
            .show_in("r", "two"),
        keyed("join-and-count", "row 47: a join and a count of one changed key")
            .stream("other", "other")
            .op("group_by_key", "g", "keyed", json!({}))
            .op("count", "c", "g", json!({}))
            .op("stream_join", "j", "keyed", json!({"with": "other", "joiner": "concat", "window": within(10)}))
            .show_in("c", "one")
            .to("j", "two")
            .feed("other:a=O@5 other:b=P@1"),
    ]
}

fn kept_apart() -> Vec<Case> {
    let keyed = |name: &str, about: &str| {
        case(name, about)
            .config("optimization", "all")
            .stream("in", "in")
            .op("select_key", "keyed", "in", json!({"mapper": "first_char"}))
            .feed("1=ax@1 2=b@2 3=@3 4=ay@4 5=~@5 6=bz@0")
    };
    vec![
        keyed("explicit-repartition-stays", "an explicit repartition is merged with none")
            .op("repartition", "there", "keyed", json!({"name": "moved"}))
            .op("group_by_key", "g", "there", json!({}))
            .op("count", "c", "g", json!({}))
            .op("group_by_key", "h", "keyed", json!({}))
            .op("reduce", "r", "h", json!({"reducer": "newest"}))
            .show_in("c", "one")
            .show_in("r", "two"),
        keyed("merge-optimization-alone", "merge.repartition.topics alone")
            .config("optimization", json!(["merge.repartition.topics"]))
            .op("group_by_key", "g", "keyed", json!({}))
            .op("count", "c", "g", json!({}))
            .op("reduce", "r", "g", json!({"reducer": "newest"}))
            .show_in("c", "one")
            .show_in("r", "two"),
        case("merged-through-a-merge", "row 47: repartitions below a merge of two changed keys")
            .config("optimization", "all")
            .stream("l", "l")
            .stream("r", "r")
            .op("select_key", "kl", "l", json!({"mapper": "value"}))
            .op("select_key", "kr", "r", json!({"mapper": "first_char"}))
            .op("merge", "all", "kl", json!({"with": "kr"}))
            .op("group_by_key", "g", "all", json!({}))
            .op("count", "c", "g", json!({}))
            .op("reduce", "d", "g", json!({"reducer": "newest"}))
            .show_in("c", "one")
            .show_in("d", "two")
            .feed("l:1=a@1 r:2=ab@2 l:3=~@3 r:4=@4"),
        case("processors-do-not-hinder", "a processor is neither a change of keys nor of values to the optimizer: repartitions above and below it are merged")
            .config("optimization", "all")
            .stream("in", "in")
            .op("select_key", "keyed", "in", json!({"mapper": "value"}))
            .op("process_values", "p", "keyed", json!({"processor": "forward", "stores": []}))
            .op("group_by_key", "g", "p", json!({}))
            .op("count", "c", "g", json!({}))
            .op("group_by_key", "h", "keyed", json!({}))
            .op("reduce", "d", "h", json!({"reducer": "newest"}))
            .show_in("c", "one")
            .show_in("d", "two")
            .feed("a=x@1 b=y@2 c=x@3"),
    ]
}

fn others() -> Vec<Case> {
    let keyed = |name: &str, about: &str, optimization: Value| {
        case(name, about)
            .config("optimization", optimization)
            .stream("in", "in")
            .op("stream_join", "j", "in", json!({"with": "in", "joiner": "concat", "window": within(10)}))
            .out("j")
            .feed("a=x@1 a=y@5 b=z@6")
    };
    vec![
        keyed("self-join-alone", "single.store.self.join alone", json!(["single.store.self.join"])),
        case("self-join-not-of-different-nodes", "a join of a stream with its own view is no self join")
            .config("optimization", "all")
            .stream("in", "in")
            .op("filter", "f", "in", json!({"predicate": "true"}))
            .op("stream_join", "j", "in", json!({"with": "f", "joiner": "concat", "window": within(10)}))
            .out("j")
            .feed("a=x@1 a=y@5"),
        case("self-join-of-a-topic-read-twice", "two streams of one topic joined: is that a self join?")
            .config("optimization", "all")
            .stream("one", "in")
            .stream("two", "in")
            .op("stream_join", "j", "one", json!({"with": "two", "joiner": "concat", "window": within(10)}))
            .out("j")
            .feed("a=x@1 a=y@5"),
        case("foreign-key", "a foreign-key join with source topics as changelogs")
            .config("optimization", "all")
            .table("l", "l")
            .table("r", "r")
            .op("foreign_join", "j", "l", json!({"with": "r", "extractor": "value", "joiner": "concat"}))
            .op("filter", "f", "j", json!({"predicate": "true", "materialized": {"name": "rows"}}))
            .show("f")
            .feed("l:a=x@1 r:x=R@2 l:a=y@3"),
    ]
}

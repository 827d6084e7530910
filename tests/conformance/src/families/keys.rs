//! What changes keys: select_key, group_by and their repartition topics, null keys at a repartition.

use serde_json::json;

use super::build::{case, tumbling, Case};

const MIXED: &str = "a=xx@5 ~=yy@5 b=~@3 ~=~@4 =zz@6 c=@6 d=xyz@1";

pub(crate) fn cases() -> Vec<Case> {
    [selected(), grouped(), regrouped(), kept(), inherited()].concat()
}

fn selected() -> Vec<Case> {
    let one = |mapper: &str, about: &str| {
        case(format!("select-{}", mapper.replace('_', "-")), about)
            .stream("in", "in")
            .op("select_key", "keyed", "in", json!({"mapper": mapper}))
            .out("keyed")
            .feed(MIXED)
    };
    vec![
        one("first_char", "select_key may make a null key; without a repartition the record stays"),
        one("value", "select_key: the value as key, null too"),
        one("length_of_value", "select_key may change the type of the key"),
        one("null_key", "select_key: no key at all"),
        case("select-second-word", "select_key: a word that is not there makes a null key")
            .stream("in", "in")
            .op("select_key", "keyed", "in", json!({"mapper": "second_word"}))
            .out("keyed")
            .feed("a=one_two@1 b=one@2 c=one_@3 ~=one_two_three@4"),
    ]
}

fn grouped() -> Vec<Case> {
    let repartitioned = |name: &str, op: &str, mapper: &str, about: &str| {
        case(name, about)
            .stream("in", "in")
            .op(op, "keyed", "in", json!({"mapper": mapper}))
            .op("group_by_key", "groups", "keyed", json!({}))
            .op("count", "counts", "groups", json!({}))
            .show("counts")
            .feed(MIXED)
            .feed("e=xx@9 f=yy@2")
    };
    vec![
        repartitioned(
            "null-keys-are-lost-silently",
            "select_key",
            "first_char",
            "quirk 6: a repartition drops null keys and does not count them as dropped",
        ),
        repartitioned("map-needs-a-repartition", "map", "swap", "map changes keys: a count after it repartitions"),
        repartitioned(
            "flat-map-needs-a-repartition",
            "flat_map",
            "words_as_keys",
            "flat_map changes keys: a count after it repartitions",
        ),
        case("group-by-first-char", "group_by repartitions by the new key; the changelog has the new keys")
            .stream("in", "in")
            .op("group_by", "groups", "in", json!({"mapper": "first_char"}))
            .op("count", "counts", "groups", json!({}))
            .show("counts")
            .feed(MIXED),
        case("group-by-same-key", "group_by repartitions even when the key stays the same")
            .stream("in", "in")
            .op("group_by", "groups", "in", json!({"mapper": "key"}))
            .op("count", "counts", "groups", json!({}))
            .show("counts")
            .feed(MIXED),
        case("group-by-long-key", "group_by with a key of another type, windowed")
            .stream("in", "in")
            .op("group_by", "groups", "in", json!({"mapper": "length_of_value"}))
            .op("windowed_by", "windows", "groups", json!({"window": tumbling(5)}))
            .op("count", "counts", "windows", json!({}))
            .show("counts")
            .feed(MIXED),
    ]
}

fn regrouped() -> Vec<Case> {
    vec![
        case("two-counts-of-one-group", "one grouping counted twice makes two repartition topics when it has no name")
            .stream("in", "in")
            .op("group_by", "groups", "in", json!({"mapper": "value"}))
            .op("count", "one", "groups", json!({}))
            .op("reduce", "two", "groups", json!({"reducer": "newest"}))
            .show_in("one", "one")
            .show_in("two", "two")
            .feed("a=x@1 b=y@2 c=x@3"),
        case("two-counts-of-a-named-group", "one grouping with a name counted twice uses one repartition topic")
            .stream("in", "in")
            .op("group_by", "groups", "in", json!({"mapper": "value", "name": "by-value"}))
            .op("count", "one", "groups", json!({}))
            .op("reduce", "two", "groups", json!({"reducer": "newest"}))
            .show_in("one", "one")
            .show_in("two", "two")
            .feed("a=x@1 b=y@2 c=x@3"),
        case("repartition-between-two-changes", "a key change after a repartition needs another one")
            .stream("in", "in")
            .op("select_key", "keyed", "in", json!({"mapper": "value"}))
            .op("repartition", "there", "keyed", json!({}))
            .op("select_key", "again", "there", json!({"mapper": "first_char"}))
            .op("group_by_key", "groups", "again", json!({}))
            .op("count", "counts", "groups", json!({}))
            .show("counts")
            .feed("a=xx@1 b=xy@2 c=~@3 d=@4 e=yx@0"),
    ]
}

fn counted(case: Case, from: &str) -> Case {
    case.op("group_by_key", "groups", from, json!({}))
        .op("count", "counts", "groups", json!({}))
        .show("counts")
        .feed("a=x_yy@1 b=~@2 ~=zz@3 a=w@0 c=x_yy@4")
}

fn kept() -> Vec<Case> {
    vec![
        counted(
            case("values-keep-the-key", "filter, map_values, flat_map_values and peek need no repartition")
                .stream("in", "in")
                .op("filter", "one", "in", json!({"predicate": "true"}))
                .op("map_values", "two", "one", json!({"mapper": "upper"}))
                .op("flat_map_values", "three", "two", json!({"mapper": "words"}))
                .op("peek", "four", "three", json!({})),
            "four",
        ),
        counted(
            case("process-needs-a-repartition", "process may change keys: a count after it repartitions")
                .stream("in", "in")
                .op("process", "done", "in", json!({"processor": "forward", "stores": []})),
            "done",
        ),
        counted(
            case("process-values-keeps-the-key", "process_values cannot change keys: no repartition")
                .stream("in", "in")
                .op("process_values", "done", "in", json!({"processor": "forward", "stores": []})),
            "done",
        ),
        counted(
            case("branches-inherit-a-changed-key", "a branch of a stream whose key was changed needs a repartition")
                .stream("in", "in")
                .op("select_key", "keyed", "in", json!({"mapper": "value"}))
                .split("keyed", json!({"branches": [{"predicate": "value_even", "id": "even"}], "default": null})),
            "even",
        ),
        counted(
            case(
                "merge-inherits-a-changed-key",
                "merged with a stream whose key was changed, a count repartitions all",
            )
            .stream("in", "in")
            .stream("plain", "plain")
            .op("select_key", "keyed", "in", json!({"mapper": "value"}))
            .op("merge", "all", "plain", json!({"with": "keyed"})),
            "all",
        )
        .feed("plain:a=p@4 plain:~=q@5"),
    ]
}

fn inherited() -> Vec<Case> {
    vec![
        counted(
            case(
                "merge-inherits-a-changed-key-of-its-own",
                "a stream whose key was changed, merged with another: a count repartitions all",
            )
            .stream("in", "in")
            .stream("plain", "plain")
            .op("select_key", "keyed", "in", json!({"mapper": "value"}))
            .op("merge", "all", "keyed", json!({"with": "plain"})),
            "all",
        )
        .feed("plain:a=p@4 plain:~=q@5"),
        counted(
            case(
                "values-keep-a-changed-key",
                "what keeps keys keeps a changed one changed: a count after it repartitions",
            )
            .stream("in", "in")
            .op("select_key", "keyed", "in", json!({"mapper": "value"}))
            .op("filter", "one", "keyed", json!({"predicate": "true"}))
            .op("map_values", "two", "one", json!({"mapper": "upper"}))
            .op("flat_map_values", "three", "two", json!({"mapper": "words"}))
            .op("peek", "four", "three", json!({})),
            "four",
        ),
        counted(
            case("changes-of-a-table-keep-the-key", "a count of a table's changes needs no repartition")
                .table("in", "in")
                .op("filter", "kept", "in", json!({"predicate": "value_even"}))
                .op("to_stream", "changes", "kept", json!({})),
            "changes",
        ),
        counted(
            case("joined-after-a-key-change", "a stream that was repartitioned for a join needs no other for a count")
                .stream("in", "in")
                .table("t", "t")
                .op("select_key", "keyed", "in", json!({"mapper": "value"}))
                .op("table_left_join", "joined", "keyed", json!({"with": "t", "joiner": "concat"})),
            "joined",
        ),
        counted(
            case(
                "process-values-keeps-a-changed-key",
                "process_values after a key change: a count after it repartitions",
            )
            .stream("in", "in")
            .op("select_key", "keyed", "in", json!({"mapper": "value"}))
            .op("process_values", "done", "keyed", json!({"processor": "forward", "stores": []})),
            "done",
        ),
    ]
}

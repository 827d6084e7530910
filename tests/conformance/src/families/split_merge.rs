//! Splits and merges: which branch takes a record, what branches are called, in which order merged records come.

use serde_json::json;

use super::build::{case, Case};

const MIXED: &str = "a=xx@1 b=yyyyy@2 ~=zzzz@3 ab=~@4 c=q@5 =@5 a=hello@0";

pub(crate) fn cases() -> Vec<Case> {
    [splits(), below(), names(), merges()].concat()
}

fn splits() -> Vec<Case> {
    vec![
        case("first-match-wins", "a record goes to the first branch whose predicate takes it, to no other")
            .stream("in", "in")
            .split(
                "in",
                json!({
                    "branches": [{"predicate": "value_even", "id": "even"}, {"predicate": "key_is_a", "id": "a"}],
                    "default": {"id": "rest"},
                }),
            )
            .to("even", "even")
            .to("a", "a")
            .to("rest", "rest")
            .feed(MIXED),
        case("unmatched-is-dropped-silently", "without a default branch what matches nothing is lost and not counted")
            .stream("in", "in")
            .split("in", json!({"branches": [{"predicate": "value_long", "id": "long"}], "default": null}))
            .to("long", "long")
            .feed(MIXED),
        case("default-takes-nulls", "predicates are called with null; the default branch takes what they refuse")
            .stream("in", "in")
            .split(
                "in",
                json!({
                    "branches": [{"predicate": "value_not_null", "id": "full"}],
                    "default": {"id": "rest"},
                }),
            )
            .to("full", "full")
            .to("rest", "rest")
            .feed(MIXED),
        case("a-branch-that-nobody-reads", "what goes to a branch without readers is gone")
            .stream("in", "in")
            .split(
                "in",
                json!({
                    "branches": [{"predicate": "value_even", "id": "even"}, {"predicate": "true", "id": "rest"}],
                    "default": null,
                }),
            )
            .to("rest", "rest")
            .feed(MIXED),
        case("a-default-alone", "a split with a default branch only takes everything")
            .stream("in", "in")
            .split("in", json!({"branches": [], "default": {"id": "all"}}))
            .to("all", "all")
            .feed(MIXED),
    ]
}

fn below() -> Vec<Case> {
    vec![
        case("chained-branch", "a branch made by a function of a stream has what the function returned")
            .stream("in", "in")
            .split(
                "in",
                json!({
                    "branches": [{"predicate": "value_not_null", "id": "full", "chain": "upper"}],
                    "default": {"id": "rest"},
                }),
            )
            .to("full", "full")
            .to("rest", "rest")
            .feed(MIXED),
        case("split-of-a-split", "splits below a branch of another")
            .stream("in", "in")
            .split(
                "in",
                json!({
                    "branches": [{"predicate": "value_not_null", "id": "full"}],
                    "default": {"id": "null"},
                }),
            )
            .split(
                "full",
                json!({
                    "branches": [{"predicate": "key_is_a", "id": "a"}, {"predicate": "key_not_null", "id": "keyed"}],
                    "default": {"id": "keyless"},
                }),
            )
            .to("null", "null")
            .to("a", "a")
            .to("keyed", "keyed")
            .to("keyless", "keyless")
            .feed(MIXED),
    ]
}

fn names() -> Vec<Case> {
    let three = |name: &str, about: &str, split: serde_json::Value| {
        case(name, about)
            .stream("in", "in")
            .split("in", split)
            .to("one", "one")
            .to("two", "two")
            .to("rest", "rest")
            .feed("a=xx@1 b=y@2 ~=~@3")
    };
    vec![
        three(
            "numbered",
            "branches of a nameless split: its name and the position, 0 for the default",
            json!({
                "branches": [{"predicate": "value_even", "id": "one"}, {"predicate": "value_not_null", "id": "two"}],
                "default": {"id": "rest"},
            }),
        ),
        three(
            "named-split",
            "branches of a named split: the name and the position, nothing between",
            json!({
                "name": "by-size-",
                "branches": [{"predicate": "value_even", "id": "one"}, {"predicate": "value_not_null", "id": "two"}],
                "default": {"id": "rest"},
            }),
        ),
        three(
            "named-branches",
            "named branches: the split's name and the branch's, nothing between",
            json!({
                "name": "by-size-",
                "branches": [
                    {"predicate": "value_even", "id": "one", "name": "even"},
                    {"predicate": "value_not_null", "id": "two"},
                ],
                "default": {"id": "rest", "name": "other"},
            }),
        ),
        three(
            "named-branches-of-a-nameless-split",
            "named branches of a nameless split have the generated name before theirs",
            json!({
                "branches": [
                    {"predicate": "value_even", "id": "one", "name": "-even"},
                    {"predicate": "value_not_null", "id": "two", "name": "-full"},
                ],
                "default": {"id": "rest", "name": "-other"},
            }),
        ),
    ]
}

fn merges() -> Vec<Case> {
    let two = |name: &str, about: &str| case(name, about).stream("l", "l").stream("r", "r");
    let mixed = "l:a=x@1 r:a=y@0 r:~=~@3 l:b=~@2 l:a=z@9 r:a=@9";
    vec![
        two("merge-two", "a merge passes records in the order they come, times unchanged")
            .op("merge", "all", "l", json!({"with": "r"}))
            .out("all")
            .feed(mixed),
        two("merge-named", "a merge with a name")
            .op("merge", "all", "l", json!({"with": "r", "name": "both"}))
            .out("all")
            .feed(mixed),
        two("merge-three", "a merge of a merge: one sub-topology")
            .stream("m", "m")
            .op("merge", "some", "l", json!({"with": "r"}))
            .op("merge", "all", "some", json!({"with": "m"}))
            .out("all")
            .feed(mixed)
            .feed("m:c=q@4"),
        case("merge-with-itself", "a stream merged with itself passes each record twice")
            .stream("in", "in")
            .op("merge", "all", "in", json!({"with": "in"}))
            .out("all")
            .feed("a=x@1 b=~@2"),
        case("merge-of-branches", "branches of a split merged again, the other way round")
            .stream("in", "in")
            .split("in", json!({"branches": [{"predicate": "value_even", "id": "even"}], "default": {"id": "rest"}}))
            .op("map_values", "upper", "even", json!({"mapper": "upper"}))
            .op("merge", "all", "rest", json!({"with": "upper"}))
            .out("all")
            .feed(MIXED),
        two("merge-then-count", "records of both sides are counted together")
            .op("merge", "all", "l", json!({"with": "r"}))
            .op("group_by_key", "groups", "all", json!({}))
            .op("count", "counts", "groups", json!({}))
            .show("counts")
            .feed(mixed),
    ]
}

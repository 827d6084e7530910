//! Tables joined by their keys.

use serde_json::{json, Value};

use super::build::{case, Case};
use super::input::Mixture;
use super::stream_table::{IN_ORDER, OUT_OF_ORDER, SCRIPT};

const OPS: [(&str, &str); 3] = [("inner", "join"), ("left", "left_join"), ("outer", "outer_join")];

pub(crate) fn cases() -> Vec<Case> {
    [every_kind(), versioned(), chained(), kept_and_observed(), kept_with_itself(), of_views(), single()].concat()
}

fn joined(name: impl Into<String>, about: &str, op: &str, [left, right]: [Value; 2], join: Value) -> Case {
    let mut fields = json!({"with": "r", "joiner": "concat"});
    for (name, value) in join.as_object().into_iter().flatten() {
        fields[name] = value.clone();
    }
    case(name, about).table_in("l", "l", left).table_in("r", "r", right).op(op, "j", "l", fields).show("j")
}

fn plain() -> [Value; 2] {
    [json!({}), json!({})]
}

fn every_kind() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, op) in OPS {
        let one = |name: &str, about: &str, join: Value| joined(format!("{kind}-{name}"), about, op, plain(), join);
        cases.extend([
            one("in-order", "row 21: the shared script, in order, null keys dropped and counted", json!({}))
                .feed(SCRIPT)
                .feed(IN_ORDER),
            one(
                "out-of-order",
                "row 21: the shared script, out of order: times of results are the greatest of both rows",
                json!({}),
            )
            .feed(SCRIPT)
            .feed(OUT_OF_ORDER),
            one(
                "kept",
                "row 22: a join with a store: rows, times and changelog",
                json!({"materialized": {"name": "rows"}}),
            )
            .feed("l:a=x@1 r:b=R@2 r:a=S@10 l:a=y@5 l:b=z@1 r:a=~@11 l:b=~@3 r:b=T@4 l:c=~@9 r:c=~@9 l:a=~@12"),
            one("regrouped", "row 22: a grouping below a join: old values of results are right", json!({}))
                .op("group_by", "groups", "j", json!({"mapper": "by_value"}))
                .op("count", "counts", "groups", json!({}))
                .show_in("counts", "counts")
                .feed("l:a=x@1 r:a=R@2 l:a=y@3 r:a=~@4 l:a=~@5 r:b=S@6 l:b=z@7 r:b=S@8 l:b=~@9 r:b=~@10"),
            one(
                "seeded",
                "random interleaving of three keys with tombstones and disorder",
                json!({"materialized": {"name": "rows"}}),
            )
            .feed(
                Mixture {
                    topics: &["l", "r"],
                    keys: &["a", "b", "c"],
                    values: &["x", "y", "~", ""],
                    back: 5,
                    on: 7,
                    records: 45,
                }
                .script(131),
            ),
        ]);
    }
    cases
}

fn versioned() -> Vec<Case> {
    let store = |name: &str| json!({"name": name, "store": "versioned", "history": 1000});
    let mut cases = Vec::new();
    for (kind, op) in OPS {
        cases.push(
            joined(
                format!("{kind}-versioned"),
                "row 21: both tables versioned: older updates are not joined",
                op,
                [store("ls"), store("rs")],
                json!({}),
            )
            .feed(SCRIPT)
            .feed(OUT_OF_ORDER),
        );
    }
    cases.push(
        joined(
            "outer-versioned-left-only",
            "row 21: only the left table versioned",
            "outer_join",
            [store("ls"), json!({})],
            json!({}),
        )
        .feed(SCRIPT)
        .feed(OUT_OF_ORDER),
    );
    cases.push(
        joined(
            "left-versioned-right-only",
            "row 21: only the right table versioned",
            "left_join",
            [json!({}), store("rs")],
            json!({}),
        )
        .feed(SCRIPT)
        .feed(OUT_OF_ORDER),
    );
    cases
}

fn chained() -> Vec<Case> {
    let mut cases = Vec::new();
    for (first, one) in OPS {
        for (second, two) in OPS {
            cases.push(
                joined(format!("{first}-{second}"), "row 21: a join of a join, each side changing once and back", one, plain(), json!({}))
                    .table("s", "s")
                    .op(two, "k", "j", json!({"with": "s", "joiner": "concat"}))
                    .show_in("k", "all")
                    .feed("s:a=1@1 l:a=A@2 r:a=a@3 l:a=~@4 r:a=~@5 s:a=~@6 r:a=b@7 s:a=2@8 l:a=B@9 l:a=~@10 s:a=~@11 r:a=~@12"),
            );
        }
    }
    cases
}

/// A join that keeps its rows asks its sides for the row before, and not its store.
fn kept_and_observed() -> Vec<Case> {
    let kept = json!({"materialized": {"name": "rows"}});
    let mut cases = Vec::new();
    for (kind, op) in OPS {
        let script = |topics: &'static [&'static str], seed: u64| {
            Mixture { topics, keys: &["a", "b"], values: &["x", "yy", "~", "~"], back: 4, on: 5, records: 40 }
                .script(seed)
        };
        let filtered = "a filter below a join with a store: which deletions it passes shows what row it was told of";
        cases.push(
            joined(format!("{kind}-kept-filtered"), filtered, op, plain(), kept.clone())
                .op("filter", "f", "j", json!({"predicate": "value_even"}))
                .show("f")
                .feed("l:a=x@1 r:a=R@2 l:a=~@3 l:a=~@4 r:a=S@5 r:a=~@6 r:a=~@7 l:a=~@8 l:a=yy@9 r:a=T@10 l:a=~@11")
                .feed(script(&["l", "r"], 31)),
        );
        let joined_again = "a join of a join with a store: times, deletions and what the joiner gives for old values";
        cases.push(
            joined(format!("{kind}-kept-joined-again"), joined_again, op, plain(), kept.clone())
                .table("s", "s")
                .op("left_join", "k", "j", json!({"with": "s", "joiner": "concat"}))
                .show_in("k", "all")
                .feed("l:a=x@1 r:a=R@2 l:a=~@3 l:a=~@4 r:a=S@5 r:a=~@6 s:a=1@7 l:a=~@8")
                .feed(script(&["l", "r", "s"], 37)),
        );
        cases.push(
            joined(
                format!("{kind}-nulls-joined-again"),
                "a joiner that returns null, without a store: a row that is not there for the next join",
                op,
                plain(),
                json!({"joiner": "null_if_right_null"}),
            )
            .table("s", "s")
            .op("outer_join", "k", "j", json!({"with": "s", "joiner": "concat"}))
            .show_in("k", "all")
            .feed("s:a=1@1 l:a=x@2 r:a=R@3 r:a=~@4 s:a=2@5 s:a=~@6 r:a=S@7 s:a=3@8 r:a=~@9 l:a=~@10")
            .feed(script(&["l", "r", "s"], 41)),
        );
    }
    cases
}

/// Joined with itself, a join keeps a row between the two results of an update that its sides do not know of.
fn kept_with_itself() -> Vec<Case> {
    let about = "a table joined with itself, kept: the second of two deletions of a row passes a filter";
    let with_itself = |(kind, op): (&str, &str)| {
        case(format!("{kind}-kept-with-itself"), about)
            .table("t", "t")
            .op(op, "j", "t", json!({"with": "t", "joiner": "concat", "materialized": {"name": "rows"}}))
            .op("filter", "f", "j", json!({"predicate": "value_not_null"}))
            .show("f")
            .feed("t:a=x@1 t:a=y@3 t:a=~@2 t:a=~@4 t:b=z@4 t:b=~@5 t:a=w@6")
    };
    let joined_again = |(kind, op): (&str, &str)| {
        let about = "a table joined with itself, kept, and joined with that: deletions of what the store no longer has are told";
        case(format!("{kind}-kept-with-itself-joined-again"), about)
            .table_in("t", "t", json!({"name": "ts", "caching": false}))
            .op(op, "j", "t", json!({"with": "t", "joiner": "concat", "materialized": {"name": "rows"}}))
            .op("outer_join", "k", "t", json!({"with": "j", "joiner": "concat"}))
            .show("k")
            .feed("t:a=x@1 t:a=~@2 t:a=y@3 t:a=z@5 t:a=~@4 t:a=~@6")
    };
    OPS.into_iter().map(with_itself).chain(OPS.into_iter().map(joined_again)).collect()
}

/// What a view that is not kept says of the row before, and when it says nothing.
fn of_views() -> Vec<Case> {
    let refused = "l:a=x@1 r:a=y@2 r:a=RR@3 r:a=z@4 r:a=w@5 r:a=~@6 l:a=~@7 r:a=v@8";
    let of_a_filter = |(kind, op): (&str, &str)| {
        let about = "a join with a filter that knows no rows before: what it refuses again and again reaches the join";
        case(format!("{kind}-with-a-filter"), about)
            .table("l", "l")
            .table("r", "r")
            .op("filter", "f", "r", json!({"predicate": "value_even"}))
            .op(op, "j", "l", json!({"with": "f", "joiner": "concat"}))
            .show("j")
            .feed(refused)
    };
    let mut cases: Vec<Case> = OPS.into_iter().map(of_a_filter).collect();
    cases.extend([
        case(
            "times-of-lookups",
            "rows looked up through a view and through a join that are not kept have the times of what they are of",
        )
        .table("l", "l")
        .table("r", "r")
        .table("s", "s")
        .op("map_values", "m", "r", json!({"mapper": "upper"}))
        .op("join", "j", "l", json!({"with": "m", "joiner": "concat"}))
        .op("left_join", "k", "s", json!({"with": "j", "joiner": "concat"}))
        .show("j")
        .show_in("k", "all")
        .feed("r:a=r@20 l:a=x@10 s:a=1@5 l:a=y@30 s:a=2@6 r:a=q@40 s:a=3@7 r:a=~@41 s:a=4@8"),
        case("left-of-views", "deletions that views compute pass a left join while the other side has no row")
            .table("t", "t")
            .table("r", "r")
            .op("filter", "f", "t", json!({"predicate": "value_even"}))
            .op("map_values", "m", "f", json!({"mapper": "upper"}))
            .op("left_join", "j", "m", json!({"with": "r", "joiner": "concat"}))
            .show("j")
            .feed("t:a=xx@1 t:a=y@2 t:a=y@3 t:a=~@4 t:a=zz@5 t:a=~@6 t:b=~@7 r:b=R@8 t:b=~@9"),
        case(
            "itself-filtered-and-kept",
            "a filter with a store below a table joined with itself: the store knows a row that was never told",
        )
        .table("t", "t")
        .op("left_join", "j", "t", json!({"with": "t", "joiner": "concat"}))
        .op("filter_not", "f", "j", json!({"predicate": "value_even", "materialized": {"name": "rows"}}))
        .show("f")
        .feed("t:a=x@1 t:a=y@2 t:a=~@3 t:b=xx@4 t:b=~@5 t:a=z@6 t:a=zz@7 t:a=~@8"),
    ]);
    cases
}

fn single() -> Vec<Case> {
    vec![
        case("with-itself", "a table joined with itself: two results for each update")
            .table("t", "t")
            .op("join", "j", "t", json!({"with": "t", "joiner": "concat"}))
            .show("j")
            .feed("t:a=x@1 t:a=y@3 t:a=~@2 t:b=z@4"),
        case("with-its-own-view", "a table joined with its filtered view")
            .table("t", "t")
            .op("filter", "f", "t", json!({"predicate": "value_even"}))
            .op("left_join", "j", "t", json!({"with": "f", "joiner": "concat"}))
            .show("j")
            .feed("t:a=xx@1 t:a=y@3 t:a=~@2 t:b=zz@4"),
        case("views-of-both", "views that are not kept on both sides: looked up through the mapper")
            .table("l", "l")
            .table("r", "r")
            .op("map_values", "ml", "l", json!({"mapper": "upper"}))
            .op("filter", "fr", "r", json!({"predicate": "value_even"}))
            .op("outer_join", "j", "ml", json!({"with": "fr", "joiner": "concat"}))
            .show("j")
            .feed("l:a=x@1 r:a=RR@2 r:a=S@3 l:a=y@4 r:a=TT@5 l:a=~@6 r:a=U@7"),
        case("counts-joined", "two counts of different streams joined")
            .stream("l", "l")
            .stream("r", "r")
            .op("group_by_key", "gl", "l", json!({}))
            .op("count", "cl", "gl", json!({}))
            .op("group_by_key", "gr", "r", json!({}))
            .op("count", "cr", "gr", json!({}))
            .op("outer_join", "j", "cl", json!({"with": "cr", "joiner": "sum"}))
            .show("j")
            .feed("l:a=x@1 r:a=R@5 r:b=S@2 l:a=y@3 l:b=z@9 r:~=T@10"),
        case("filter-below", "a filter below an outer join: tombstones only where there was a result")
            .table("l", "l")
            .table("r", "r")
            .op("outer_join", "j", "l", json!({"with": "r", "joiner": "concat"}))
            .op("filter", "f", "j", json!({"predicate": "value_even", "materialized": {"name": "rows"}}))
            .show("f")
            .feed("l:a=x@1 r:a=RR@2 l:a=~@3 r:a=~@4 r:b=S@5 l:b=yy@6"),
        joined("joiner-returns-null", "a joiner that returns null makes tombstones", "left_join", plain(),
            json!({"joiner": "null_if_right_null", "materialized": {"name": "rows"}}))
            .feed("l:a=x@1 r:a=R@2 r:a=~@3 l:b=y@4 l:b=~@5"),
        joined("old-values-upstream", "row 22, golden sequence 5: old values of an outer join with times that go back", "outer_join", plain(),
            json!({"materialized": {"name": "rows"}}))
            .op("group_by", "groups", "j", json!({"mapper": "constant"}))
            .op("aggregate", "all", "groups", json!({"initializer": "empty", "aggregator": "append", "subtractor": "strike"}))
            .show_in("all", "all")
            .feed("l:0=X0@5 l:1=X1@6 r:0=Y0@0 r:1=Y1@10 l:0=XX0@7 l:1=XX1@7 l:2=XX2@7 l:3=XX3@7 r:0=YY0@0 r:1=YY1@5 r:2=YY2@10 r:3=YY3@15 l:0=XXX0@6 r:0=~@5 r:1=~@0 l:2=~@10"),
    ]
}

//! Tables joined by a key taken from the left value: the two topics between them, their bytes, and what is dropped.

use serde_json::{json, Value};

use super::build::{case, Case};
use super::input::Mixture;

const OPS: [(&str, &str); 2] = [("inner", "foreign_join"), ("left", "foreign_left_join")];

pub(crate) fn cases() -> Vec<Case> {
    [every_kind(), placed(), alone(), versioned()].concat()
}

/// Left values are `text fk`; the foreign key is the second word, null when there is none.
fn joined(name: impl Into<String>, about: &str, op: &str, join: Value) -> Case {
    let mut fields = json!({"with": "r", "extractor": "second_word", "joiner": "concat"});
    for (name, value) in join.as_object().into_iter().flatten() {
        fields[name] = value.clone();
    }
    case(name, about).table("l", "l").table("r", "r").op(op, "j", "l", fields).show("j")
}

fn every_kind() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, op) in OPS {
        let one = |name: &str, about: &str| joined(format!("{kind}-{name}"), about, op, json!({}));
        cases.extend([
            one(
                "from-left-then-delete",
                "row 24, golden sequence 11: the right rows first, then the left ones, then deletions",
            )
            .feed("r:1=r1@0 r:2=r2@0 r:3=r3@0 l:a=x_1@5 l:b=y_2@2 l:c=z_1@3 l:a=~@6 l:a=~@7 l:c=~@1"),
            one(
                "from-right-then-delete",
                "row 24, golden sequence 11: the left rows first; a right row nobody wants gives nothing",
            )
            .feed("l:a=x_1@5 l:b=y_2@2 l:c=z_1@3 r:1=r1@4 r:2=r2@1 r:3=r3@9 r:1=~@10 r:2=s2@0 r:3=~@11"),
            one("change-and-back", "row 24: a left row that changes its foreign key and back")
                .feed("r:1=r1@1 r:2=r2@2 l:a=x_1@3 l:a=x_2@4 l:a=x_1@5 r:2=s2@6 r:1=s1@7 l:a=y_1@8"),
            one("unmatched-changes", "row 24: changes between foreign keys that do not exist")
                .feed("l:a=x_1@1 l:a=x_2@2 l:a=y_2@3 l:a=~@4 l:a=~@5 l:b=~@6"),
            one("null-foreign-key", "row 24: a left row without a foreign key, at first, later, and again")
                .feed("r:1=r1@1 l:a=x@2 l:a=x_1@3 l:a=y@4 l:a=z@5 l:b=w@6 l:b=~@7 l:b=v_1@8 l:b=~@9"),
            one("null-values-and-keys", "null keys of both sides are dropped and counted; empty foreign keys are keys")
                .feed("l:~=x_1@1 r:~=r@2 l:a=x_@3 r:=e@4 l:=y_1@5 r:1=@6 l:a=~@7"),
            one(
                "times",
                "the time of a result is the greatest of both when the left row comes, the right row's when that comes",
            )
            .feed("r:1=r1@10 l:a=x_1@5 l:b=y_1@20 r:1=s1@1 l:a=z_1@0 r:1=~@2 l:b=w_1@3"),
            one("same-value-again", "row 24: an update that changes nothing is sent all the same")
                .feed("r:1=r1@1 l:a=x_1@2 l:a=x_1@3 r:1=r1@4 l:b=y_2@5 l:b=y_2@6"),
            one(
                "many-left-rows",
                "row 24: one right row with many left rows: results in order of the left keys' bytes",
            )
            .feed("l:b=x_1@1 l:a=y_1@2 l:ab=z_1@3 l:=w_1@4 l:c=v_10@5 l:d=u_@6 r:1=r1@7 r:10=r10@8 r:=e@9 r:1=~@10"),
            one("seeded", "random changes of rows and foreign keys, with tombstones and disorder").feed(
                Mixture {
                    topics: &["l", "l", "r"],
                    keys: &["1", "2", "3"],
                    values: &["x_1", "y_1", "x_2", "z_3", "w", "~"],
                    back: 4,
                    on: 6,
                    records: 50,
                }
                .script(141),
            ),
        ]);
    }
    cases
}

fn placed() -> Vec<Case> {
    let script = "l:a=x_1@1 r:1=r1@2 l:b=y_1@3 l:a=z_2@4 r:2=r2@0 r:1=~@5 l:a=~@6";
    let mut cases = Vec::new();
    for (kind, op) in OPS {
        cases.push(
            joined(
                format!("{kind}-kept"),
                "a foreign-key join with a store: tombstones and times in its changelog",
                op,
                json!({"materialized": {"name": "rows"}}),
            )
            .feed(script),
        );
        cases.push(
            joined(format!("{kind}-regrouped"), "a grouping below a foreign-key join: old values", op, json!({}))
                .op("group_by", "groups", "j", json!({"mapper": "by_value"}))
                .op("count", "counts", "groups", json!({}))
                .show_in("counts", "counts")
                .feed(script),
        );
        cases.push(
            joined(
                format!("{kind}-rejoined"),
                "row 24: the result joined again with the left table",
                op,
                json!({"materialized": {"name": "rows"}}),
            )
            .op("left_join", "k", "j", json!({"with": "l", "joiner": "concat"}))
            .show_in("k", "again")
            .feed(script),
        );
    }
    cases
}

fn alone() -> Vec<Case> {
    let script = "l:a=x_1@1 r:1=r1@2 l:b=y_1@3 l:a=z_2@4 r:2=r2@0 r:1=~@5 l:a=~@6";
    vec![
        joined("optimized", "row 24: a foreign-key join with source topics as changelogs", OPS[0].1, json!({}))
            .config("optimization", "all")
            .feed(script),
        joined(
            "stale-answer",
            "quirk 13: an answer to a value that is not current is dropped and counted",
            OPS[0].1,
            json!({}),
        )
        .stream("words", "words")
        .op("flat_map_values", "each", "words", json!({"mapper": "words"}))
        .op("to_table", "left", "each", json!({}))
        .op("foreign_join", "k", "left", json!({"with": "r", "extractor": "first_char", "joiner": "concat"}))
        .show_in("k", "stale")
        .feed("r:x=X@1 r:y=Y@1 words:a=x1_x2@2 words:a=y1_x3_y2@3 words:b=x1_x1@4 words:a=@5"),
        case("long-keys", "row 27: foreign keys and keys of longs: the combined key's length and bytes")
            .table_of("l", "l", "long", "long")
            .table_of("r", "r", "long", "string")
            .op("foreign_join", "j", "l", json!({"with": "r", "extractor": "value", "joiner": "concat"}))
            .show("j")
            .feed("l:1=-1@1 r:-1=r@2 l:-1=1@3 r:1=s@4 l:1=~@5 l:2=-1@6"),
        case("with-itself", "a table joined with itself by a foreign key: a tree of parents")
            .table("t", "t")
            .op("foreign_left_join", "j", "t", json!({"with": "t", "extractor": "second_word", "joiner": "concat"}))
            .show("j")
            .feed("t:a=x@1 t:b=y_a@2 t:c=z_b@3 t:a=w@4 t:b=~@5 t:d=v_d@6"),
        case("views", "views that are not kept on both sides")
            .table("l", "l")
            .table("r", "r")
            .op("filter", "fl", "l", json!({"predicate": "value_not_null"}))
            .op("map_values", "mr", "r", json!({"mapper": "upper"}))
            .op("foreign_join", "j", "fl", json!({"with": "mr", "extractor": "second_word", "joiner": "concat"}))
            .show("j")
            .feed(script),
        case("after-a-count", "an aggregate as the right side")
            .table("l", "l")
            .stream("s", "s")
            .op("group_by_key", "groups", "s", json!({}))
            .op("count", "counts", "groups", json!({}))
            .op(
                "foreign_left_join",
                "j",
                "l",
                json!({"with": "counts", "extractor": "second_word", "joiner": "concat"}),
            )
            .show("j")
            .feed("l:a=x_1@1 s:1=p@2 s:1=q@0 l:b=y_1@3 s:2=r@4 l:a=z_2@5"),
        joined("headers", "headers of what a foreign-key join sends and emits", OPS[0].1, json!({}))
            .feed("r:1=r1@1{h:r} l:a=x_1@2{h:l,i:~} r:1=s1@3{h:s}"),
        joined(
            "joiner-returns-null",
            "a joiner that returns null makes a tombstone",
            OPS[1].1,
            json!({"joiner": "null_if_right_null", "materialized": {"name": "rows"}}),
        )
        .feed(script),
    ]
}

fn versioned() -> Vec<Case> {
    let store = |name: &str| json!({"name": name, "store": "versioned", "history": 1000});
    let tables = |name: &str, about: &str, left: Value, right: Value, op: &str| {
        case(name, about)
            .table_in("l", "l", left)
            .table_in("r", "r", right)
            .op(op, "j", "l", json!({"with": "r", "extractor": "second_word", "joiner": "concat"}))
            .show("j")
            .feed("r:1=r1@10 l:a=x_1@10 l:a=y_2@5 r:1=s1@3 r:2=r2@20 l:a=z_2@21 l:a=~@15 r:2=~@19 l:a=w_1@22 r:1=t1@12")
    };
    vec![
        tables(
            "versioned-both",
            "row 24: older updates of versioned tables are dropped and counted",
            store("ls"),
            store("rs"),
            OPS[0].1,
        ),
        tables("versioned-left", "row 24: only the left table versioned", store("ls"), json!({}), OPS[1].1),
        tables("versioned-right", "row 24: only the right table versioned", json!({}), store("rs"), OPS[1].1),
        tables(
            "versioned-none",
            "row 24: the same without versions: older updates count",
            json!({}),
            json!({}),
            OPS[1].1,
        ),
    ]
}

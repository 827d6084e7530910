//! Global tables and global stores.

use serde_json::{json, Value};

use super::build::{case, Case};

const OPS: [(&str, &str); 2] = [("inner", "global_join"), ("left", "global_left_join")];

pub(crate) fn cases() -> Vec<Case> {
    [joins(), stores()].concat()
}

fn joined(name: String, about: &str, op: &str, mapper: &str, joiner: &str) -> Case {
    case(name, about)
        .stream("in", "in")
        .global("g", "g")
        .op(op, "j", "in", json!({"with": "g", "mapper": mapper, "joiner": joiner}))
        .out("j")
}

fn joins() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, op) in OPS {
        cases.extend([
            joined(
                format!("{kind}-by-value"),
                "row 20: looked up by what the mapper makes of the record",
                op,
                "first_char",
                "concat",
            )
            .feed("g:x=X@100 a=xx@1 ~=xy@2 a=y@3 g:y=Y@0 b=y@4 g:x=~@5 a=x@6"),
            joined(
                format!("{kind}-null-mapped-key"),
                "row 20: a null mapped key: no result and counted, or joined with null",
                op,
                "first_char",
                "concat",
            )
            .feed("g:x=X@1 a=@2 a=x@3 b=@4 ~=@5"),
            joined(format!("{kind}-null-value"), "row 20: a null value is dropped and counted", op, "key", "concat")
                .feed("g:a=A@1 a=~@2 b=~@3 ~=~@4 ~=x@5"),
            joined(
                format!("{kind}-table-moves"),
                "row 20: updates of the table alone give nothing; deletions count",
                op,
                "key",
                "concat",
            )
            .feed("a=x@1 g:a=A@2 g:a=B@1 a=y@0 g:a=~@9 g:~=N@3 a=z@10"),
            joined(
                format!("{kind}-joiner-with-key"),
                "a joiner that sees a key: the stream's, not the mapped one",
                op,
                "first_char",
                "with_key",
            )
            .feed("g:x=X@1 a=xx@2 ~=xy@3 b=q@4"),
        ]);
    }
    cases
}

fn stores() -> Vec<Case> {
    let named: Value = json!({
        "op": "global_table", "id": "g", "topic": "g", "key": "string", "value": "string", "materialized": {"name": "everything"}
    });
    vec![
        case("named-table", "a named global table: its rows are asked by name; there is no changelog")
            .stream("in", "in")
            .node(named)
            .op("global_join", "j", "in", json!({"with": "g", "mapper": "key", "joiner": "concat"}))
            .out("j")
            .feed("g:b=B@5 g:a=A@1 g:b=C@2 g:~=D@3 g:a=~@0 b=x@1"),
        case("table-of-longs", "a global table of other types")
            .stream("in", "in")
            .node(json!({"op": "global_table", "id": "g", "topic": "g", "key": "long", "value": "long"}))
            .op("global_left_join", "j", "in", json!({"with": "g", "mapper": "length_of_value", "joiner": "concat"}))
            .out("j")
            .feed("g:2=200@1 a=xx@2 a=x@3 a=~@4 g:0=5@5 a=@6"),
        case("two-joins-of-one-table", "a global table used twice, and by a stream whose key changed: no repartition")
            .stream("in", "in")
            .global("g", "g")
            .op("select_key", "keyed", "in", json!({"mapper": "value"}))
            .op("global_join", "j", "keyed", json!({"with": "g", "mapper": "key", "joiner": "concat"}))
            .op("global_left_join", "k", "j", json!({"with": "g", "mapper": "first_char", "joiner": "concat"}))
            .out("k")
            .feed("g:x=X@1 a=x@2 a=y@3"),
        case("key-changed-before", "a key change before a global join is still one after it: a count repartitions")
            .stream("in", "in")
            .global("g", "g")
            .op("select_key", "keyed", "in", json!({"mapper": "value"}))
            .op("global_join", "j", "keyed", json!({"with": "g", "mapper": "key", "joiner": "left"}))
            .op("group_by_key", "groups", "j", json!({}))
            .op("count", "counts", "groups", json!({}))
            .show("counts")
            .feed("g:x=X@1 a=x@2 b=x@3 a=y@4"),
        case("sub-topologies", "quirk 19: a global table takes a number of sub-topologies, wherever it stands")
            .stream("one", "one")
            .to("one", "copy")
            .global("g", "g")
            .stream("two", "two")
            .op("group_by_key", "groups", "two", json!({}))
            .op("count", "counts", "groups", json!({}))
            .show("counts")
            .feed("one:a=x@1 two:a=y@2 g:a=z@3"),
        case("global-store", "a global store written by a processor")
            .stream("in", "in")
            .node(json!({
                "op": "add_global_store", "topic": "g", "key": "string", "value": "string",
                "store": {"name": "everything", "kind": "key_value", "key": "string", "value": "string"},
            }))
            .out("in")
            .feed("g:a=A@1 g:b=B@0 g:a=~@2 a=x@3"),
    ]
}

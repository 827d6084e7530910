//! Streams joined with tables of their own keys: current rows, rows as of a time, and with a grace period.

use serde_json::{json, Value};

use super::build::{case, Case};
use super::input::Mixture;

/// The upstream script for joins of one key, first half, in order: nulls, updates, deletions on both sides.
pub(crate) const SCRIPT: &str = "l:k=~@1 r:k=~@2 l:k=A@3 r:k=a@4 l:k=B@5 r:k=b@6 l:k=~@7 r:k=~@8 l:k=C@9 r:k=c@10 \
    r:k=~@11 l:k=~@12 r:k=~@13 ";
/// Its end with records in order and null keys.
pub(crate) const IN_ORDER: &str = "r:k=d@14 l:k=D@15 l:~=E@16 r:~=e@17";
/// Its end with records out of order.
pub(crate) const OUT_OF_ORDER: &str =
    "r:k=d@7 l:k=D@6 l:k=~@2 r:k=~@3 r:k=e@14 l:k=E@15 l:k=~@10 r:k=~@9 l:k=F@4 r:k=f@3";

const OPS: [(&str, &str); 2] = [("inner", "table_join"), ("left", "table_left_join")];

pub(crate) fn cases() -> Vec<Case> {
    [current(), as_of(), with_grace(), placed()].concat()
}

fn joined(name: String, about: &str, op: &str, table: Value, join: Value) -> Case {
    let mut fields = json!({"with": "r", "joiner": "concat"});
    for (name, value) in join.as_object().into_iter().flatten() {
        fields[name] = value.clone();
    }
    let source = case(name, about).stream("l", "l");
    let echoing = if fields.get("grace").is_some() { source.echo("l") } else { source };
    echoing.table_in("r", "r", table).op(op, "j", "l", fields).out("j")
}

fn versioned(history: i64) -> Value {
    json!({"name": "rows", "store": "versioned", "history": history})
}

fn current() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, op) in OPS {
        let one = |name: &str, about: &str| joined(format!("{kind}-{name}"), about, op, json!({}), json!({}));
        cases.extend([
            one("in-order", "row 18: the shared script, in order and with null keys").feed(SCRIPT).feed(IN_ORDER),
            one(
                "out-of-order",
                "row 18: the shared script, out of order: a join takes the current row, whatever its time",
            )
            .feed(SCRIPT)
            .feed(OUT_OF_ORDER),
            one("nulls", "null values and keys of the stream: dropped and counted, or joined with null")
                .feed("l:a=~@1 l:~=x@2 l:~=~@3 r:a=R@4 l:a=~@5 l:a=@6 r:~=S@7 l:=y@8 r:=T@9 l:=z@10"),
            one(
                "no-retraction",
                "updates of the table alone give nothing; the time of a result is the stream record's",
            )
            .feed("r:a=R@100 l:a=x@1 r:a=S@50 l:a=y@60 r:a=~@0 l:a=z@2"),
            one("seeded", "random interleaving with tombstones and disorder").feed(
                Mixture {
                    topics: &["l", "r"],
                    keys: &["a", "b", "~"],
                    values: &["x", "y", "~", ""],
                    back: 4,
                    on: 6,
                    records: 40,
                }
                .script(111),
            ),
        ]);
    }
    cases.push(
        joined(
            "joiner-with-key".into(),
            "a joiner that sees the key",
            OPS[0].1,
            json!({}),
            json!({"joiner": "with_key"}),
        )
        .feed("r:a=R@1 l:a=x@2"),
    );
    cases.push(
        joined(
            "joiner-returns-null".into(),
            "a joiner that returns null: the record with null is passed on",
            OPS[1].1,
            json!({}),
            json!({"joiner": "null_if_right_null"}),
        )
        .feed("l:a=x@1 r:a=R@2 l:a=y@3"),
    );
    cases
}

fn as_of() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, op) in OPS {
        let one = |name: &str, about: &str, history: i64| {
            joined(format!("{kind}-versioned-{name}"), about, op, versioned(history), json!({}))
        };
        cases.extend([
            one("out-of-order", "row 18: a versioned table is joined as of the stream record's time", 1000)
                .feed(SCRIPT)
                .feed(OUT_OF_ORDER),
            one("history", "rows older than the history are no longer found", 10)
                .feed("r:a=R@1 r:a=S@10 r:a=T@20 l:a=x@5 l:a=y@9 l:a=z@10 l:a=w@19 l:a=v@20 r:b=U@100 l:a=u@95 l:a=t@15 l:a=s@200"),
        ]);
    }
    cases
}

fn with_grace() -> Vec<Case> {
    let mut cases = Vec::new();
    for (kind, op) in OPS {
        let one = |name: &str, about: &str, grace: i64| {
            joined(format!("{kind}-grace-{name}"), about, op, versioned(1000), json!({"grace": grace}))
        };
        cases.extend([
            one("delays", "row 19: stream records wait for the grace period and are joined in order of time", 5)
                .feed("l:a=x@1 r:a=R@0 l:a=y@3 l:a=z@2 r:a=S@2 l:b=w@6 l:a=v@8 r:a=T@8 l:b=u@30"),
            one("late", "row 19: a stream record later than the grace period is joined at once", 5)
                .feed("r:a=R@0 l:a=x@10 r:a=S@12 l:a=y@20 l:a=z@14 l:a=w@15 l:a=v@3 l:b=u@26"),
            one("ties", "row 19: waiting records of one time, of one key and of others", 2)
                .feed("r:a=R@0 r:b=S@0 l:b=x@5 l:a=y@5 l:a=z@5 l:b=w@4 l:c=v@5 l:a=u@7"),
        ]);
    }
    cases.push(
        joined(
            "grace-zero".into(),
            "a grace period of 0: a record older than stream time is joined at once",
            "table_join",
            versioned(1000),
            json!({"grace": 0}),
        )
        .feed("r:a=R@0 l:a=x@1 l:a=y@3 l:a=z@2 l:a=w@3 l:b=v@4"),
    );
    let nulls =
        |name: &str, about: &str, op: &str| joined(name.into(), about, op, versioned(1000), json!({"grace": 5}));
    cases.extend([
        nulls("grace-null-values", "null values do not wait: dropped and counted", "table_left_join")
            .feed("l:a=~@1 r:a=R@3 l:a=y@4 l:a=~@5 l:a=w@30"),
        nulls("grace-null-keys", "null keys of an inner join with grace: dropped and counted", "table_join")
            .feed("l:~=x@1 r:a=R@3 l:a=y@4 l:~=~@5 l:~=z@20 l:a=w@30"),
        nulls("grace-null-keys-left", "a null key of a left join with grace ends the run", "table_left_join")
            .feed("r:a=R@3 l:a=y@4 l:~=z@20 l:a=w@30"),
    ]);
    cases.push(
        joined(
            "grace-named".into(),
            "the buffer of a named join, with headers",
            "table_join",
            versioned(1000),
            json!({"grace": 5, "name": "lookup"}),
        )
        .feed("r:a=R@0 l:a=x@1{h:1} l:a=y@9{h:2}"),
    );
    cases
}

fn placed() -> Vec<Case> {
    vec![
        case("with-an-aggregate", "a stream joined with its own count: the count has the record already")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("count", "counts", "groups", json!({}))
            .op("table_join", "j", "in", json!({"with": "counts", "joiner": "with_key"}))
            .out("j")
            .feed("a=x@1 a=y@2 b=z@3 a=~@4 a=w@0"),
        case("with-a-view", "a stream joined with a view that is not kept: the mapper runs at lookup")
            .stream("l", "l")
            .table("r", "r")
            .op("filter", "f", "r", json!({"predicate": "value_even"}))
            .op("map_values", "m", "f", json!({"mapper": "upper"}))
            .op("table_left_join", "j", "l", json!({"with": "m", "joiner": "concat"}))
            .out("j")
            .feed("r:a=rr@1 l:a=x@2 r:a=sss@3 l:a=y@4 r:a=~@5 l:a=z@6"),
        case("repartitioned", "a stream whose key changed is repartitioned before the join")
            .stream("l", "l")
            .table("r", "r")
            .op("select_key", "keyed", "l", json!({"mapper": "value"}))
            .op("table_join", "j", "keyed", json!({"with": "r", "joiner": "concat"}))
            .out("j")
            .feed("r:x=R@1 l:a=x@2 l:b=y@3 l:c=~@4"),
        case("two-tables", "a stream joined with two tables one after the other")
            .stream("l", "l")
            .table("r", "r")
            .table("s", "s")
            .op("table_join", "j", "l", json!({"with": "r", "joiner": "concat"}))
            .op("table_left_join", "k", "j", json!({"with": "s", "joiner": "concat"}))
            .out("k")
            .feed("r:a=R@1 l:a=x@2 s:a=S@3 l:a=y@4 r:a=~@5 l:a=z@6"),
        case("types", "a stream of longs and a table of strings by longs")
            .stream_of("l", "l", "long", "long")
            .table_of("r", "r", "long", "string")
            .op("table_left_join", "j", "l", json!({"with": "r", "joiner": "concat"}))
            .out("j")
            .feed("r:1=R@1 l:1=10@2 l:2=-20@3 r:1=~@4 l:1=0@5"),
    ]
}

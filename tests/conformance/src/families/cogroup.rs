//! Several grouped streams into one table.

use serde_json::{json, Value};

use super::build::{case, grace, hopping, session, sliding, tumbling, Case};

pub(crate) fn cases() -> Vec<Case> {
    [plain(), repartitioned(), windowed()].concat()
}

fn grouped(name: &str, about: &str) -> Case {
    case(name, about)
        .stream("l", "l")
        .stream("r", "r")
        .op("group_by_key", "gl", "l", json!({}))
        .op("group_by_key", "gr", "r", json!({}))
        .op("cogroup", "one", "gl", json!({"aggregator": "append", "result": "string"}))
        .op("cogroup_with", "both", "one", json!({"with": "gr", "aggregator": "strike"}))
}

fn into(fields: Value) -> Value {
    let mut all = json!({"initializer": "empty", "materialized": {"name": "rows"}});
    for (name, value) in fields.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    all
}

fn plain() -> Vec<Case> {
    vec![
        grouped("two-inputs", "row 37: two inputs with an aggregator each into one store")
            .op("aggregate", "rows", "both", into(json!({})))
            .show("rows")
            .feed("l:a=x@1 r:a=y@2 r:b=z@3 l:b=w@4 l:a=v@5"),
        grouped("nulls", "row 37: null keys and values of either input are dropped and counted")
            .op("aggregate", "rows", "both", into(json!({})))
            .show("rows")
            .feed("l:a=x@1 r:a=~@2 r:~=z@3 l:~=~@4 l:a=~@5 r:a=y@6"),
        grouped("disorder", "the row's time is the greatest of both inputs")
            .op("aggregate", "rows", "both", into(json!({})))
            .show("rows")
            .feed("l:a=x@10 r:a=y@2 r:b=z@3 l:b=w@1 l:a=v@11 r:a=u@11"),
        grouped("named", "row 37: a named cogroup and a named store")
            .op("aggregate", "rows", "both", into(json!({"name": "together"})))
            .show("rows")
            .feed("l:a=x@1 r:a=y@2"),
        grouped(
            "numbered",
            "row 37: a cogroup without names: the store's number first, then one per input, then the merge",
        )
        .op("aggregate", "rows", "both", json!({"initializer": "empty"}))
        .show("rows")
        .feed("l:a=x@1 r:a=y@2"),
        case("one-input", "a cogroup of one input is an aggregation with other names")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("cogroup", "one", "groups", json!({"aggregator": "append", "result": "string"}))
            .op("aggregate", "rows", "one", into(json!({})))
            .show("rows")
            .feed("a=x@1 ~=y@2 a=z@0"),
        case("same-stream-twice", "row 37: one grouped stream given twice: only the second aggregator is used")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("cogroup", "one", "groups", json!({"aggregator": "append", "result": "string"}))
            .op("cogroup_with", "both", "one", json!({"with": "groups", "aggregator": "strike"}))
            .op("aggregate", "rows", "both", into(json!({})))
            .show("rows")
            .feed("a=x@1 b=y@2 a=z@0"),
        grouped("result-null-deletes", "an aggregator that returns null deletes for both inputs")
            .stream("m", "m")
            .op("group_by_key", "gm", "m", json!({}))
            .op("cogroup_with", "three", "both", json!({"with": "gm", "aggregator": "null_on_empty"}))
            .op("aggregate", "rows", "three", into(json!({})))
            .show("rows")
            .feed("l:a=x@1 m:a=@2 r:a=y@3 m:a=z@4 m:b=@5"),
        case("mixed-types", "inputs of different types into a long")
            .stream("l", "l")
            .stream_of_longs("n", "n")
            .op("group_by_key", "gl", "l", json!({}))
            .op("group_by_key", "gn", "n", json!({}))
            .op("cogroup", "one", "gl", json!({"aggregator": "sum", "result": "long"}))
            .op("cogroup_with", "both", "one", json!({"with": "gn", "aggregator": "sum"}))
            .op("aggregate", "rows", "both", json!({"initializer": "zero"}))
            .show("rows")
            .feed("l:a=xxx@1 n:a=40@2 l:a=@3 n:a=-50@0 n:b=1@1"),
    ]
}

fn repartitioned() -> Vec<Case> {
    let keyed = |name: &str, about: &str| {
        case(name, about).stream("l", "l").stream("r", "r").op("group_by_key", "gr", "r", json!({}))
    };
    let rest = |case: Case| {
        case.op("cogroup", "one", "gl", json!({"aggregator": "append", "result": "string"}))
            .op("cogroup_with", "both", "one", json!({"with": "gr", "aggregator": "strike"}))
            .op("aggregate", "rows", "both", into(json!({})))
            .show("rows")
            .feed("l:1=a@1 r:a=y@2 l:2=~@3 l:3=a@4 r:b=w@5")
    };
    vec![
        rest(keyed("one-changed-key", "row 37: only the input whose key changed is repartitioned").op(
            "group_by",
            "gl",
            "l",
            json!({"mapper": "value"}),
        )),
        rest(keyed("one-changed-key-named", "row 37: the repartition has the grouping's name").op(
            "group_by",
            "gl",
            "l",
            json!({"mapper": "value", "name": "lefts"}),
        )),
        case(
            "both-changed-keys",
            "row 37: both inputs repartitioned: without names of groupings both topics would have the store's",
        )
        .stream("l", "l")
        .stream("r", "r")
        .op("group_by", "gl", "l", json!({"mapper": "value"}))
        .op("group_by", "gr", "r", json!({"mapper": "first_char"}))
        .op("cogroup", "one", "gl", json!({"aggregator": "append", "result": "string"}))
        .op("cogroup_with", "both", "one", json!({"with": "gr", "aggregator": "strike"}))
        .op("aggregate", "rows", "both", into(json!({})))
        .show("rows")
        .feed("l:1=a@1 r:9=ab@2 l:2=~@3 l:3=@4 r:8=@5"),
        case("both-changed-keys-named", "row 37: both inputs repartitioned under names of their own")
            .stream("l", "l")
            .stream("r", "r")
            .op("group_by", "gl", "l", json!({"mapper": "value", "name": "lefts"}))
            .op("group_by", "gr", "r", json!({"mapper": "first_char", "name": "rights"}))
            .op("cogroup", "one", "gl", json!({"aggregator": "append", "result": "string"}))
            .op("cogroup_with", "both", "one", json!({"with": "gr", "aggregator": "strike"}))
            .op("aggregate", "rows", "both", into(json!({})))
            .show("rows")
            .feed("l:1=a@1 r:9=ab@2 l:2=~@3 l:3=@4 r:8=@5"),
        case("both-changed-keys-numbered", "row 37: both inputs repartitioned, nothing has a name")
            .stream("l", "l")
            .stream("r", "r")
            .op("group_by", "gl", "l", json!({"mapper": "value"}))
            .op("group_by", "gr", "r", json!({"mapper": "first_char"}))
            .op("cogroup", "one", "gl", json!({"aggregator": "append", "result": "string"}))
            .op("cogroup_with", "both", "one", json!({"with": "gr", "aggregator": "strike"}))
            .op("aggregate", "rows", "both", json!({"initializer": "empty"}))
            .show("rows")
            .feed("l:1=a@1 r:9=ab@2 l:2=~@3 l:3=@4 r:8=@5"),
    ]
}

fn windowed() -> Vec<Case> {
    let cut = |name: &str, about: &str, window: Value, merger: Value| {
        grouped(name, about)
            .op("windowed_by", "w", "both", json!({"window": window}))
            .op("aggregate", "rows", "w", into(merger))
            .show("rows")
            .feed("l:a=x@1 r:a=y@2 r:b=z@12 l:a=w@9 l:a=~@13 r:a=v@25 r:~=u@26 l:a=t@3")
    };
    vec![
        cut(
            "tumbling",
            "two inputs into tumbling windows; one stream time per input",
            grace(tumbling(10), 5),
            json!({}),
        ),
        cut("hopping", "two inputs into hopping windows", grace(hopping(10, 5), 5), json!({})),
        cut("sliding", "two inputs into sliding windows; null values are dropped", grace(sliding(10), 5), json!({})),
        cut("session", "two inputs into sessions", grace(session(5), 5), json!({"merger": "concat"})),
        cut(
            "late-by-the-other-input",
            "a late record is late for its own input's stream time only",
            tumbling(10),
            json!({}),
        ),
    ]
}

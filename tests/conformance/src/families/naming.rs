//! Names: what an operator is called when it has a name and when it has none, and what that does to later numbers, to
//! stores and to internal topics. `describe` and the names of topics show it; a few records prove that they work.

use serde_json::json;

use super::build::{case, hopping, session, sliding, tumbling, within, Case};

pub(crate) fn cases() -> Vec<Case> {
    [stateless(), stores(), repartitions(), joins(), tables(), table_joins(), conversions()].concat()
}

fn stateless() -> Vec<Case> {
    vec![
        case("every-stateless-operator-named", "row 45: named operators still use up a number, so later names stay")
            .node(json!({
                "op": "stream", "id": "in", "topics": ["in"], "key": "string", "value": "string", "name": "the-source"
            }))
            .op("filter", "a", "in", json!({"predicate": "true", "name": "the-filter"}))
            .op("filter_not", "b", "a", json!({"predicate": "value_null", "name": "the-filter-not"}))
            .op("map", "c", "b", json!({"mapper": "identity", "name": "the-map"}))
            .op("map_values", "d", "c", json!({"mapper": "upper", "name": "the-map-values"}))
            .op("flat_map", "e", "d", json!({"mapper": "twice", "name": "the-flat-map"}))
            .op("flat_map_values", "f", "e", json!({"mapper": "words", "name": "the-flat-map-values"}))
            .op("select_key", "g", "f", json!({"mapper": "value", "name": "the-select-key"}))
            .op("peek", "h", "g", json!({"name": "the-peek"}))
            .op("filter", "i", "h", json!({"predicate": "true"}))
            .op("foreach", "j", "i", json!({"name": "the-foreach"}))
            .op("print", "k", "i", json!({"name": "the-printer"}))
            .node(json!({"op": "to", "from": "i", "topic": "out", "name": "the-sink"}))
            .feed("a=x_y@1"),
        case("every-stateless-operator-numbered", "the same without names: each operator takes one number")
            .stream("in", "in")
            .op("filter", "a", "in", json!({"predicate": "true"}))
            .op("filter_not", "b", "a", json!({"predicate": "value_null"}))
            .op("map", "c", "b", json!({"mapper": "identity"}))
            .op("map_values", "d", "c", json!({"mapper": "upper"}))
            .op("flat_map", "e", "d", json!({"mapper": "twice"}))
            .op("flat_map_values", "f", "e", json!({"mapper": "words"}))
            .op("select_key", "g", "f", json!({"mapper": "value"}))
            .op("peek", "h", "g", json!({}))
            .op("filter", "i", "h", json!({"predicate": "true"}))
            .op("foreach", "j", "i", json!({}))
            .op("print", "k", "i", json!({}))
            .out("i")
            .feed("a=x_y@1"),
        case("processors-named", "process and process_values with a name use up no number")
            .stream("in", "in")
            .op("process", "a", "in", json!({"processor": "forward", "stores": [], "name": "first"}))
            .op("process_values", "b", "a", json!({"processor": "forward", "stores": [], "name": "second"}))
            .op("filter", "c", "b", json!({"predicate": "true"}))
            .out("c")
            .feed("a=x@1"),
        case("processors-numbered", "process and process_values without a name take a number each")
            .stream("in", "in")
            .op("process", "a", "in", json!({"processor": "forward", "stores": []}))
            .op("process_values", "b", "a", json!({"processor": "forward", "stores": []}))
            .op("filter", "c", "b", json!({"predicate": "true"}))
            .out("c")
            .feed("a=x@1"),
        case("many-topics-of-a-source", "a source of several topics lists them")
            .node(json!({
                "op": "stream", "id": "in", "topics": ["gamma", "alpha", "beta"], "key": "string", "value": "string"
            }))
            .out("in")
            .feed("beta:a=x@1 alpha:b=y@2 gamma:c=z@3"),
        case("pattern-of-a-source", "a source by a pattern shows the pattern")
            .node(json!({"op": "stream", "id": "in", "pattern": "in-[a-z]+", "key": "string", "value": "string"}))
            .out("in")
            .feed("in-a:a=x@1 in-b:b=y@2"),
    ]
}

fn stores() -> Vec<Case> {
    let grouped = |name: &str, about: &str| {
        case(name, about).stream("in", "in").op("group_by_key", "groups", "in", json!({})).feed("a=x@1 b=y@2")
    };
    vec![
        grouped("store-without-materialized", "an aggregation: the store takes a number, then the processor")
            .op("count", "counts", "groups", json!({}))
            .show("counts"),
        grouped("store-of-unnamed-materialized", "count with a nameless Materialized uses up one more number")
            .op("count", "counts", "groups", json!({"materialized": {}}))
            .show("counts"),
        grouped("store-named", "a named store: processor numbers stay, the changelog has the store's name")
            .op("count", "counts", "groups", json!({"materialized": {"name": "counts-store"}}))
            .show("counts"),
        grouped("store-and-operator-named", "a named operator and a named store")
            .op("count", "counts", "groups", json!({"name": "counter", "materialized": {"name": "counts-store"}}))
            .show("counts"),
        grouped("operator-named-only", "a named aggregation without a named store: the store stays numbered")
            .op("reduce", "sums", "groups", json!({"reducer": "concat", "name": "reducer"}))
            .show("sums"),
        grouped("reduce-with-unnamed-materialized", "reduce and aggregate with a nameless Materialized")
            .op("reduce", "one", "groups", json!({"reducer": "concat", "materialized": {}}))
            .op("aggregate", "two", "groups", json!({"initializer": "zero", "aggregator": "sum", "materialized": {}}))
            .show_in("one", "one")
            .show_in("two", "two"),
        grouped(
            "windowed-with-unnamed-materialized",
            "windowed counts with a nameless Materialized: tumbling, session and sliding",
        )
        .op("windowed_by", "w", "groups", json!({"window": tumbling(10)}))
        .op("count", "one", "w", json!({"materialized": {}}))
        .op("windowed_by", "s", "groups", json!({"window": session(10)}))
        .op("count", "two", "s", json!({"materialized": {}}))
        .op("windowed_by", "d", "groups", json!({"window": sliding(10)}))
        .op("count", "three", "d", json!({"materialized": {}}))
        .op("windowed_by", "h", "groups", json!({"window": hopping(10, 5)}))
        .op("count", "four", "h", json!({}))
        .show_in("one", "one")
        .show_in("two", "two")
        .show_in("three", "three")
        .show_in("four", "four"),
        grouped("no-changelog", "a store without logging has no changelog topic")
            .op("count", "counts", "groups", json!({"materialized": {"name": "quiet", "logging": false}}))
            .show("counts"),
    ]
}

fn repartitions() -> Vec<Case> {
    let keyed = |name: &str, about: &str| {
        case(name, about)
            .stream("in", "in")
            .op("select_key", "keyed", "in", json!({"mapper": "value"}))
            .feed("a=x@1 b=y@2 c=x@3")
    };
    vec![
        keyed("repartition-named-by-store", "row 47: without a grouping's name the repartition topic has the store's")
            .op("group_by_key", "groups", "keyed", json!({}))
            .op("count", "counts", "groups", json!({"materialized": {"name": "counts-store"}}))
            .show("counts"),
        keyed("repartition-named-by-grouping", "row 47: the grouping's name is the repartition topic's")
            .op("group_by_key", "groups", "keyed", json!({"name": "grouping"}))
            .op("count", "counts", "groups", json!({"materialized": {"name": "counts-store"}}))
            .show("counts"),
        keyed("repartition-suffix-once", "row 47: a name that ends with -repartition gets no second suffix")
            .op("group_by_key", "groups", "keyed", json!({"name": "my-repartition"}))
            .op("count", "counts", "groups", json!({}))
            .show("counts"),
        keyed("repartition-operator-named", "repartition with a name takes three numbers, without one four")
            .op("repartition", "one", "keyed", json!({"name": "named"}))
            .op("repartition", "two", "keyed", json!({}))
            .op("filter", "three", "two", json!({"predicate": "true"}))
            .to("one", "one")
            .to("three", "three"),
        keyed("repartition-by-window", "row 47: a windowed aggregation's repartition is named as a plain one's")
            .op("group_by_key", "groups", "keyed", json!({"name": "windows"}))
            .op("windowed_by", "w", "groups", json!({"window": tumbling(10)}))
            .op("count", "counts", "w", json!({}))
            .show("counts"),
        keyed("group-by-named", "a named group_by: its key selection takes the name, and the repartition topic too")
            .op("group_by", "groups", "keyed", json!({"mapper": "first_char", "name": "by-first"}))
            .op("count", "counts", "groups", json!({}))
            .show("counts"),
    ]
}

fn joins() -> Vec<Case> {
    let two = |name: String, about: &str| {
        case(name, about).stream("l", "l").stream("r", "r").feed("l:a=L@1 r:a=R@2 l:b=M@30 r:c=S@60")
    };
    let mut cases = Vec::new();
    for op in ["stream_join", "stream_left_join", "stream_outer_join"] {
        let short = op.replace('_', "-");
        let join = json!({"with": "r", "joiner": "concat", "window": within(10)});
        let with = |extra: serde_json::Value| {
            let mut all = join.clone();
            for (name, value) in extra.as_object().into_iter().flatten() {
                all[name] = value.clone();
            }
            all
        };
        cases.push(
            two(format!("{short}-numbered"), "row 46: a stream join's nodes and stores without names")
                .op(op, "j", "l", join.clone())
                .out("j"),
        );
        cases.push(
            two(format!("{short}-store-named"), "row 46: store_name names the stores and their changelogs only")
                .op(op, "j", "l", with(json!({"store_name": "joined"})))
                .out("j"),
        );
        cases.push(
            two(format!("{short}-named"), "row 46: a join's name goes to its nodes, and to repartition topics")
                .op("select_key", "keyed", "l", json!({"mapper": "key"}))
                .op(op, "j", "keyed", with(json!({"name": "pairs"})))
                .out("j"),
        );
    }
    cases.push(
        case("stream-table-joins-named", "stream-table and stream-global-table joins with names and without")
            .stream("in", "in")
            .table("t", "t")
            .global("g", "g")
            .op("table_join", "a", "in", json!({"with": "t", "joiner": "concat", "name": "with-table"}))
            .op("table_left_join", "b", "a", json!({"with": "t", "joiner": "concat"}))
            .op(
                "global_join",
                "c",
                "b",
                json!({"with": "g", "mapper": "key", "joiner": "concat", "name": "with-global"}),
            )
            .op("global_left_join", "d", "c", json!({"with": "g", "mapper": "key", "joiner": "concat"}))
            .out("d")
            .feed("t:a=T@1 g:a=G@1 in:a=x@2 in:b=y@3"),
    );
    cases.push(
        case(
            "stream-table-join-repartition-named",
            "the repartition of a stream before a table join has the join's name",
        )
        .stream("in", "in")
        .table("t", "t")
        .op("select_key", "keyed", "in", json!({"mapper": "value"}))
        .op("table_join", "a", "keyed", json!({"with": "t", "joiner": "concat", "name": "lookup"}))
        .out("a")
        .feed("t:x=T@1 in:a=x@2 in:b=y@3"),
    );
    cases
}

fn tables() -> Vec<Case> {
    vec![
        case("table-operators-named", "table operators with names: the numbers of the next ones stay")
            .node(json!({
                "op": "table", "id": "t", "topic": "t", "key": "string", "value": "string", "name": "the-table"
            }))
            .op("filter", "a", "t", json!({"predicate": "true", "name": "the-filter"}))
            .op("map_values", "b", "a", json!({"mapper": "upper", "name": "the-values"}))
            .op("group_by", "g", "b", json!({"mapper": "by_value", "name": "the-groups"}))
            .op("count", "c", "g", json!({"name": "the-count"}))
            .op("suppress", "s", "c", json!({"until": {"time": 0}, "name": "the-buffer"}))
            .op("to_stream", "o", "s", json!({"name": "the-stream"}))
            .out("o")
            .feed("t:a=x@1 t:b=x@2 t:a=~@3"),
        case("table-operators-numbered", "the same without names: suppress and to_stream take their numbers")
            .table("t", "t")
            .op("filter", "a", "t", json!({"predicate": "true"}))
            .op("map_values", "b", "a", json!({"mapper": "upper"}))
            .op("group_by", "g", "b", json!({"mapper": "by_value"}))
            .op("count", "c", "g", json!({}))
            .op("suppress", "s", "c", json!({"until": {"time": 0}}))
            .op("to_stream", "o", "s", json!({}))
            .out("o")
            .feed("t:a=x@1 t:b=x@2 t:a=~@3"),
    ]
}

fn table_joins() -> Vec<Case> {
    vec![
        case("table-joins-named", "table joins with names: the merge has it, the sides have it with a suffix")
            .table("l", "l")
            .table("r", "r")
            .op("join", "a", "l", json!({"with": "r", "joiner": "concat", "name": "one"}))
            .op("left_join", "b", "a", json!({"with": "r", "joiner": "concat"}))
            .op("outer_join", "c", "b", json!({"with": "r", "joiner": "concat", "materialized": {}}))
            .show("c")
            .feed("l:a=L@1 r:a=R@2"),
        case("foreign-join-named", "a named foreign-key join names its topics, stores and nodes")
            .table("l", "l")
            .table("r", "r")
            .op(
                "foreign_join",
                "j",
                "l",
                json!({"with": "r", "extractor": "value", "joiner": "concat", "name": "orders"}),
            )
            .show("j")
            .feed("l:a=x@1 r:x=R@2"),
        case("foreign-join-numbered", "a foreign-key join without a name takes its numbers in a fixed order")
            .table("l", "l")
            .table("r", "r")
            .op(
                "foreign_join",
                "j",
                "l",
                json!({"with": "r", "extractor": "value", "joiner": "concat", "materialized": {}}),
            )
            .show("j")
            .feed("l:a=x@1 r:x=R@2"),
        case(
            "table-views-with-unnamed-materialized",
            "a nameless Materialized on a table's view takes a number and makes no store",
        )
        .table("t", "t")
        .op("filter", "a", "t", json!({"predicate": "true", "materialized": {}}))
        .op("map_values", "b", "a", json!({"mapper": "upper", "materialized": {}}))
        .show("b")
        .feed("t:a=x@1"),
    ]
}

fn conversions() -> Vec<Case> {
    vec![
        case("to-table-named", "to_table with a name, with a store's name, and after a key change")
            .stream("in", "in")
            .op("to_table", "a", "in", json!({"name": "plain-table"}))
            .op("select_key", "keyed", "in", json!({"mapper": "value"}))
            .op("to_table", "b", "keyed", json!({"materialized": {"name": "kept"}}))
            .op("to_table", "c", "keyed", json!({}))
            .show_in("a", "one")
            .show_in("b", "two")
            .show_in("c", "three")
            .feed("a=x@1 b=~@2"),
        case("to-table-named-after-a-key-change", "the repartition in front of a table that is named has its name")
            .stream("in", "in")
            .op("select_key", "keyed", "in", json!({"mapper": "value"}))
            .op("to_table", "t", "keyed", json!({"name": "by-value"}))
            .op("to_table", "u", "keyed", json!({"name": "kept-by-value", "materialized": {"name": "kept"}}))
            .op("join", "j", "t", json!({"with": "u", "joiner": "concat"}))
            .show("j")
            .feed("a=x@1 b=~@2"),
        case("to-stream-with-mapper", "to_stream with a mapper adds a key selection after itself")
            .table("t", "t")
            .op("to_stream", "s", "t", json!({"mapper": "value", "name": "flipped"}))
            .op("to_stream", "s2", "t", json!({"mapper": "value"}))
            .to("s", "one")
            .to("s2", "two")
            .feed("t:a=x@1 t:a=~@2"),
    ]
}

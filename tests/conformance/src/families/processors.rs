//! Processors with stores of every kind, shared stores, and records that they change.

use serde_json::{json, Value};

use super::build::{case, Case};

fn process(name: &str, about: &str, processor: &str, stores: Value) -> Case {
    case(name, about)
        .stream("in", "in")
        .op("process", "done", "in", json!({"processor": processor, "stores": stores}))
        .out("done")
}

pub(crate) fn cases() -> Vec<Case> {
    [keyed(), windowed(), sharing(), failing()].concat()
}

fn keyed() -> Vec<Case> {
    vec![
        process("forward", "a processor that forwards: key, value, time and headers stay", "forward", json!([]))
            .feed("a=x@5{h:1} ~=~@3 =@4{h:~}"),
        process(
            "count-in-store",
            "a processor with a key-value store: rows and changelog have no time of their own",
            "count_in_store",
            json!(["kept"]),
        )
        .key_value_store("kept", "string", "long")
        .feed("a=x@5 b=y@3 ~=z@4 a=~@1 =@9"),
        process("last-value", "a store that deletes: null in the changelog", "last_value", json!(["kept"]))
            .key_value_store("kept", "string", "string")
            .feed("a=x@5 a=y@3 a=~@4 a=~@6 a=z@7 b=~@1"),
        process("metadata", "topic, partition and offset of each record", "metadata", json!([]))
            .feed("a=x@5 b=y@3 a=~@4"),
        process("time-shift", "a processor may change the time of what it forwards", "time_shift", json!([]))
            .feed("a=x@5 b=y@0 a=~@100"),
        case("metadata-below", "a child sees the metadata of the record of its source, also behind a repartition")
            .stream("in", "in")
            .op("flat_map_values", "words", "in", json!({"mapper": "words"}))
            .op("repartition", "there", "words", json!({"name": "moved"}))
            .op("process", "done", "there", json!({"processor": "metadata", "stores": []}))
            .out("done")
            .feed("a=x_y@5 b=z@3 c=w_v@4"),
        case("values", "process_values with a store; the key's type and the key stay")
            .stream("in", "in")
            .key_value_store("kept", "string", "string")
            .op("process_values", "done", "in", json!({"processor": "last_value", "stores": ["kept"]}))
            .op("group_by_key", "groups", "done", json!({}))
            .op("count", "counts", "groups", json!({}))
            .show("counts")
            .feed("a=x@5 a=y@3 b=z@4 a=w@9"),
        case("time-shift-then-window", "a time that a processor changed is what windows below it see")
            .stream("in", "in")
            .op("process_values", "done", "in", json!({"processor": "time_shift", "stores": []}))
            .op("group_by_key", "groups", "done", json!({}))
            .op("windowed_by", "w", "groups", json!({"window": {"kind": "tumbling", "size": 10}}))
            .op("count", "counts", "w", json!({}))
            .show("counts")
            .feed("a=x@4 a=y@5 a=z@14 a=w@3 a=v@15"),
    ]
}

fn windowed() -> Vec<Case> {
    let window = json!({
        "name": "kept", "kind": "window", "key": "string", "value": "string", "retention": 50, "window_size": 10
    });
    let session = json!({"name": "kept", "kind": "session", "key": "string", "value": "string", "retention": 50});
    let versioned = json!({"name": "kept", "kind": "versioned", "key": "string", "value": "string", "history": 50});
    vec![
        process(
            "window-puts",
            "a window store: expired puts are dropped and counted, rows expire with time",
            "window_puts",
            json!(["kept"]),
        )
        .store(window)
        .feed("a=x@5 a=y@5 b=z@10 a=w@40 a=v@60 a=u@9 a=t@11 b=~@10 a=s@1000 a=r@949 a=q@951"),
        process(
            "window-puts-cached",
            "a cached window store: what was put is found before a commit too",
            "window_puts",
            json!(["kept"]),
        )
        .store(json!({
            "name": "kept", "kind": "window", "key": "string", "value": "string", "retention": 1000,
            "window_size": 10, "caching": true
        }))
        .feed("a=x@5 a=y@20 a=z@10 ! b=w@15 a=v@30 b=u@5 a=t@20 !"),
        process(
            "session-puts",
            "a session store: expired puts are dropped, rows expire with time",
            "session_puts",
            json!(["kept"]),
        )
        .store(session)
        .feed("a=x@5 a=y@5 b=z@10 a=w@40 a=v@60 a=u@9 a=t@11 b=~@10 a=s@1000 a=r@949 a=q@951"),
        process("versioned-puts", "a versioned store: a value as of 5 ms before", "versioned_puts", json!(["kept"]))
            .store(versioned)
            .feed("a=x@5 a=y@10 a=z@7 a=~@12 a=w@17 b=v@100 a=u@60 a=t@40 a=s@105"),
    ]
}

fn sharing() -> Vec<Case> {
    vec![
        case("shared-store", "two processors of one store are in one sub-topology")
            .stream("l", "l")
            .stream("r", "r")
            .key_value_store("kept", "string", "long")
            .op("process", "a", "l", json!({"processor": "count_in_store", "stores": ["kept"]}))
            .op("process", "b", "r", json!({"processor": "count_in_store", "stores": ["kept"]}))
            .to("a", "one")
            .to("b", "two")
            .feed("l:a=x@1 r:a=y@2 r:b=z@3 l:b=w@4"),
        case("same-store-twice", "one processor after the other in one store")
            .stream("in", "in")
            .key_value_store("kept", "string", "long")
            .op("process", "a", "in", json!({"processor": "count_in_store", "stores": ["kept"]}))
            .op("process", "b", "a", json!({"processor": "count_in_store", "stores": ["kept"]}))
            .out("b")
            .feed("a=x@1 a=y@2 b=z@3"),
        case("stores-without-users", "a store that no processor uses: is it in the topology?")
            .stream("in", "in")
            .key_value_store("lonely", "string", "long")
            .out("in")
            .feed("a=x@1"),
        case(
            "second-store",
            "a store that is connected to a processor is in the topology, whether it looks into it or not",
        )
        .stream("in", "in")
        .key_value_store("kept", "string", "long")
        .key_value_store("idle", "string", "string")
        .op("process", "a", "in", json!({"processor": "count_in_store", "stores": ["kept", "idle"]}))
        .out("a")
        .feed("a=x@1 a=y@2"),
        case("no-changelog", "a store without logging")
            .stream("in", "in")
            .store(json!({"name": "kept", "kind": "key_value", "key": "string", "value": "long", "logging": false}))
            .op("process", "a", "in", json!({"processor": "count_in_store", "stores": ["kept"]}))
            .out("a")
            .feed("a=x@1 a=y@2"),
        case("cached", "a cached store: its changelog once per commit, what is forwarded as without")
            .stream("in", "in")
            .store(json!({"name": "kept", "kind": "key_value", "key": "string", "value": "long", "caching": true}))
            .op("flat_map", "twice", "in", json!({"mapper": "twice"}))
            .op("process", "a", "twice", json!({"processor": "count_in_store", "stores": ["kept"]}))
            .out("a")
            .feed("a=x@1 a=y@2 !"),
        case("transform-values-of-a-view", "transform_values over a view that is not kept, itself looked up by a join")
            .stream("l", "l")
            .table("t", "t")
            .op("map_values", "m", "t", json!({"mapper": "upper"}))
            .op("transform_values", "v", "m", json!({"processor": "forward", "stores": []}))
            .op("table_left_join", "j", "l", json!({"with": "v", "joiner": "concat"}))
            .out("j")
            .feed("t:a=x@1 l:a=l@2 t:a=~@3 l:a=l@4"),
    ]
}

fn failing() -> Vec<Case> {
    let fails = |name: &str, about: &str| {
        case(name, about)
            .stream("in", "in")
            .key_value_store("kept", "string", "long")
            .op("process", "a", "in", json!({"processor": "count_in_store", "stores": ["kept"]}))
            .op("map_values", "c", "in", json!({"mapper": "with_key"}))
            .op("process", "b", "in", json!({"processor": "forward_then_fail", "stores": []}))
            .to("a", "counts")
            .to("c", "copy")
            .to("b", "out")
            .feed("a=x@1 a=fail@2 b=y@3 a=z@4")
    };
    let unreadable = |name: &str, about: &str| {
        case(name, about)
            .stream_of("in", "in", "long", "long")
            .table_of("t", "t", "string", "long")
            .op("map_values", "m", "in", json!({"mapper": "add_one"}))
            .out("m")
            .show_in("t", "rows")
            .feed("1=10@1 2='x@2 'key=3@3 t:a='text@4 t:a=1@5 3=~@6")
    };
    vec![
        unreadable("unreadable", "a record that cannot be read ends the run"),
        unreadable("unreadable-and-continues", "a record that cannot be read is passed over and counts as dropped")
            .config("deserialization_handler", "continue"),
        fails("fails", "a processor that fails ends the run; what came before it is done"),
        fails(
            "fails-and-continues",
            "quirk 21: with a handler that continues, what a failed record did before stays, and it counts as dropped",
        )
        .config("processing_handler", "continue"),
    ]
}

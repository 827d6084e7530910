//! Punctuation by stream time and by the wall clock.

use serde_json::json;

use super::build::{case, Case};

fn punctuated(name: &str, about: &str, processor: &str) -> Case {
    case(name, about)
        .stream("in", "in")
        .echo("in")
        .key_value_store("kept", "string", "long")
        .op("process", "done", "in", json!({"processor": processor, "stores": ["kept"]}))
        .out("done")
}

pub(crate) fn cases() -> Vec<Case> {
    let stream = |name: &str, about: &str| punctuated(name, about, "punctuate_stream");
    let wall = |name: &str, about: &str| punctuated(name, about, "punctuate_wall");
    vec![
        stream("stream-first-record", "row 51: the first record punctuates, after it was processed")
            .feed("a=x@3 a=y@4 b=z@9"),
        stream("stream-edges", "row 51: due at multiples of the interval, with the time of the record")
            .feed("a=x@0 a=y@9 a=z@10 b=w@19 b=v@20 a=u@21"),
        stream("stream-gap", "row 51, quirk 22: a gap of many intervals punctuates once, with the current time")
            .feed("a=x@1 b=y@57 a=z@58 a=w@60"),
        stream("stream-after-gap", "row 51: after a gap the next is due at the next multiple, not an interval later")
            .feed("a=x@1 a=y@25 a=z@29 a=w@30 a=v@34"),
        stream("stream-disorder", "late records do not move stream time and punctuate nothing")
            .feed("a=x@50 a=y@3 a=z@20 a=w@59 a=v@60 b=u@0"),
        stream("stream-nulls", "records that the processor drops move stream time all the same")
            .feed("a=x@1 ~=y@15 ~=~@30 a=z@31"),
        stream("stream-far-future", "the far future punctuates once, and nothing before it does again")
            .feed("a=x@1 a=y@253402300799999 a=z@40 a=w@253402300800010"),
        stream("stream-ignores-the-clock", "the wall clock moves no stream time").feed("a=x@1 +100 +100 a=y@2"),
        stream("stream-key-order", "rows in the order of their keys' bytes")
            .feed("b=x@1 a=y@1 =z@1 ab=w@1 B=v@1 é=u@1 a=t@12"),
        wall("wall", "row 51: the wall clock punctuates when it moves").feed("a=x@1 +9 b=y@2 +1 a=z@3 +10 +5 +5"),
        wall("wall-gap", "row 51, quirk 22: a gap of many intervals punctuates once, with the current time")
            .feed("a=x@1 +57 a=y@2 +3 +10"),
        wall("wall-not-by-records", "records of later times do not punctuate by the wall clock")
            .feed("a=x@100 a=y@1000 +10 b=z@1"),
        wall("wall-without-records", "punctuation without any record").feed("+10 +10 a=x@1 +10"),
        case("stream-time-of-all-inputs", "stream time is the task's: another topic of the same task moves it")
            .stream("in", "in")
            .stream("other", "other")
            .key_value_store("kept", "string", "long")
            .op("process", "done", "in", json!({"processor": "punctuate_stream", "stores": ["kept"]}))
            .out("done")
            .to("other", "copy")
            .feed("a=x@1 other:q=Q@15 a=y@2 other:q=Q@30 a=z@3"),
        case(
            "forwarded-into-a-table",
            "what a punctuator forwards goes through stores below it with its time and no headers",
        )
        .stream("in", "in")
        .key_value_store("kept", "string", "long")
        .op("process", "done", "in", json!({"processor": "punctuate_stream", "stores": ["kept"]}))
        .op("process_values", "more", "done", json!({"processor": "headers", "stores": []}))
        .out("more")
        .op("to_table", "t", "more", json!({"materialized": {"name": "rows"}}))
        .show_in("t", "rows-out")
        .feed("a=x@1{h:1} b=y@5{h:2} a=z@12{h:3}"),
        case(
            "metadata-in-a-punctuator",
            "row 51: the metadata of what a punctuator forwards: no topic, partition and offset -1",
        )
        .stream("in", "in")
        .key_value_store("kept", "string", "long")
        .op("process", "done", "in", json!({"processor": "punctuate_wall", "stores": ["kept"]}))
        .op("process", "meta", "done", json!({"processor": "metadata", "stores": []}))
        .out("meta")
        .feed("a=x@1 +10"),
    ]
}

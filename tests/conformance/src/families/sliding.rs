//! Sliding windows: which windows a record makes, which it joins, and in which order their rows change.

use serde_json::{json, Value};

use super::build::{case, grace, sliding, Case};
use super::input::Mixture;
use super::tumbling::appended;

pub(crate) fn cases() -> Vec<Case> {
    [upstream(), early(), shapes(), lateness(), operators(), seeds()].concat()
}

fn upstream() -> Vec<Case> {
    vec![
        appended("small-input", "row 31: seven records in order", grace(sliding(10), 5))
            .feed("a=1@10 a=2@10 a=3@14 a=4@15 a=5@20 a=6@22 a=7@30"),
        appended("early-records", "row 32: records earlier than the difference", grace(sliding(50), 200))
            .feed("a=1@0 a=2@5 a=3@6 a=4@3 a=5@13 a=6@10"),
        appended("early-repeated", "row 32: early records of equal times", grace(sliding(5), 20))
            .feed("a=1@0 a=2@2 a=3@4 a=4@0 a=5@2 a=6@2 a=7@0"),
        appended("early-large", "row 32: early records with gaps and disorder", grace(sliding(10), 100))
            .feed("a=1@0 a=2@5 a=3@6 a=4@3 a=5@13 a=6@10 a=7@4 a=8@2 a=9@11 a=10@20 a=11@21"),
        appended("join-input", "row 32: the records of two keys in disorder", grace(sliding(10), 100))
            .feed("A=1@10 B=2@11 C=3@12 D=4@13 A=1@14 B=2@15 C=3@16 D=4@19 A=2@30 B=2@30 C=3@10 A=9@0"),
    ]
}

fn early() -> Vec<Case> {
    vec![
        appended("zero", "records at time 0, several times", grace(sliding(5), 10)).feed("a=x@0 a=y@0 a=z@1 a=w@0"),
        appended(
            "early-then-between",
            "an early record between two others: the combined window is split",
            grace(sliding(10), 50),
        )
        .feed("a=x@2 a=y@8 a=z@5 a=w@2 a=v@9"),
        appended("early-after-later", "an early record when a later one is there already", grace(sliding(10), 50))
            .feed("a=x@9 a=y@3 a=z@12 a=w@4"),
        appended("early-edge", "the last early time and the first that is not", grace(sliding(5), 50))
            .feed("a=x@4 a=y@5 a=z@6 a=w@5 a=v@4 a=u@10 a=t@0"),
    ]
}

fn shapes() -> Vec<Case> {
    vec![
        appended(
            "nulls",
            "quirk 1: null values are dropped and counted, unlike in time windows",
            grace(sliding(10), 10),
        )
        .feed("a=x@12 a=~@13 ~=y@14 a=z@15 ~=~@16"),
        appended("ties", "records of one time update windows once each", grace(sliding(10), 10))
            .feed("a=x@20 a=y@20 a=z@20 b=w@20 a=v@30 a=u@30 a=t@31"),
        appended("both-ends-inside", "a window holds both its ends", grace(sliding(10), 50))
            .feed("a=x@20 a=y@30 a=z@31 a=w@41 a=v@40 a=u@10"),
        appended(
            "difference-zero",
            "windows of difference 0 can be asked for, but not made: the first record ends the run",
            grace(sliding(0), 20),
        )
        .feed("a=x@5 a=y@5 a=z@6 a=w@5 a=v@0 a=u@0"),
        appended("right-window-exists", "a record that falls where windows are already", grace(sliding(10), 100))
            .feed("a=x@20 a=y@25 a=z@22 a=w@24 a=v@22 a=u@21 a=t@35 a=s@19"),
        appended(
            "falls-left",
            "a record before all others: its right window is made of theirs",
            grace(sliding(10), 100),
        )
        .feed("a=x@50 a=y@45 a=z@30 a=w@40 a=v@35"),
        appended("gap", "records farther apart than the difference share no window", grace(sliding(10), 100))
            .feed("a=x@20 a=y@31 a=z@42 a=w@36"),
        appended("far-future", "the far future closes everything", grace(sliding(10), 20))
            .feed("a=x@20 b=y@253402300799999 a=z@21 b=w@253402300799990"),
        appended("again", "times that start again from small ones, some in early windows", grace(sliding(10), 40))
            .feed("a=x@60 a=y@0 a=z@21 a=w@9 a=v@61 a=u@30"),
    ]
}

fn lateness() -> Vec<Case> {
    vec![
        appended(
            "no-grace",
            "row 32: no grace: what is before stream time less the difference is dropped",
            sliding(10),
        )
        .feed("a=x@20 b=y@30 a=z@20 a=w@19 b=v@31 a=u@20 a=t@25"),
        appended(
            "closed-inclusive",
            "quirk 8: a window whose end equals the close time is still open",
            grace(sliding(10), 5),
        )
        .feed("a=x@20 b=y@25 a=z@20 a=w@19 b=v@26 a=u@20"),
        appended(
            "some-windows-closed",
            "a late record goes to open windows and is dropped for each closed one",
            grace(sliding(10), 2),
        )
        .feed("a=x@20 a=y@25 b=z@33 a=w@22 a=v@24 a=u@21"),
        appended(
            "row-times",
            "quirk 11: a row's time is the greatest of its records, in windows made of others too",
            grace(sliding(10), 100),
        )
        .feed("a=x@30 a=y@25 a=z@28 a=w@22 a=v@25"),
        appended(
            "null-aggregate",
            "a window whose aggregate is null has no row and is made anew",
            grace(sliding(10), 50),
        )
        .op(
            "aggregate",
            "others",
            "windows",
            json!({
                "initializer": "empty", "aggregator": "null_on_empty", "materialized": {"name": "others"}
            }),
        )
        .show_in("others", "others")
        .feed("a=x@20 a=@20 a=y@25 a=@22 a=z@22"),
    ]
}

fn operators() -> Vec<Case> {
    let cut = |name: &str, about: &str, op: &str, fields: Value| {
        case(name, about)
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": grace(sliding(10), 30)}))
            .op(op, "rows", "windows", fields)
            .show("rows")
            .feed("b=x@5 a=y@12 b=z@14 a=~@13 a=w@21 b=v@9 ab=u@14 a=t@13 a=s@3")
    };
    vec![
        cut("count", "sliding counts", "count", json!({"materialized": {"name": "rows"}})),
        cut(
            "count-persistent",
            "quirk 11: the persistent store is scanned backwards: other order of results, same rows",
            "count",
            json!({"materialized": {"name": "rows", "store": "persistent"}}),
        ),
        cut(
            "reduce",
            "row 36: sliding reductions: the first value of a window as it is",
            "reduce",
            json!({"reducer": "concat", "materialized": {"name": "rows"}}),
        ),
        cut(
            "reduce-persistent",
            "sliding reductions in a persistent store",
            "reduce",
            json!({"reducer": "concat", "materialized": {"name": "rows", "store": "persistent"}}),
        ),
    ]
}

fn seeds() -> Vec<Case> {
    let disorder = Mixture { back: 8, on: 11, records: 40, ..Mixture::default() };
    let one_key = Mixture { keys: &["a"], back: 5, on: 6, records: 30, ..Mixture::default() };
    let persistent = |name: &str, about: &str, window: Value| {
        case(name, about)
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("windowed_by", "windows", "groups", json!({"window": window}))
            .op("aggregate", "rows", "windows", json!({
                "initializer": "empty", "aggregator": "append", "materialized": {"name": "rows", "store": "persistent"}
            }))
            .show("rows")
    };
    vec![
        appended("random", "row 32: random disorder, three keys", grace(sliding(8), 12)).feed(disorder.script(71)),
        appended("random-one-key", "row 32: random disorder of one key with many equal times", grace(sliding(6), 40))
            .feed(one_key.script(72)),
        appended("random-no-grace", "row 32: random disorder without grace", sliding(7)).feed(disorder.script(73)),
        persistent("random-persistent", "row 32: random disorder, scanned backwards", grace(sliding(6), 40))
            .feed(one_key.script(74)),
        persistent(
            "random-persistent-no-grace",
            "row 32: random disorder, scanned backwards, without grace",
            sliding(9),
        )
        .feed(disorder.script(75)),
    ]
}

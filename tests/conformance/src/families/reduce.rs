//! Reductions of grouped streams without windows.

use serde_json::json;

use super::build::{case, Case};
use super::input::Mixture;

fn reduce(name: &str, about: &str, reducer: &str) -> Case {
    case(name, about)
        .stream("in", "in")
        .op("group_by_key", "groups", "in", json!({}))
        .op("reduce", "rows", "groups", json!({"reducer": reducer, "materialized": {"name": "rows"}}))
        .show("rows")
}

fn reduce_longs(name: &str, about: &str, reducer: &str) -> Case {
    case(name, about)
        .stream_of_longs("in", "in")
        .op("group_by_key", "groups", "in", json!({}))
        .op("reduce", "rows", "groups", json!({"reducer": reducer, "materialized": {"name": "rows"}}))
        .show("rows")
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        reduce("first-value-unchanged", "the first value is stored as it is, the reducer sees the second", "concat")
            .feed("a=x@1 b=@2 a=y@3 b=z@4"),
        reduce("nulls", "records without a key or a value are dropped and counted", "concat")
            .feed("a=x@1 ~=y@2 a=~@3 ~=~@4 a=z@5"),
        reduce("disorder", "newest is the newest by arrival, not by time; the row's time does not go back", "newest")
            .feed("a=x@10 a=y@5 b=z@7 a=w@11 b=v@0"),
        reduce("oldest", "a reducer that keeps the first value: the row's time moves all the same", "oldest")
            .feed("a=x@1 a=y@5 a=z@3 b=w@2"),
        reduce("null-deletes", "a reducer that returns null deletes; the next value is a first one", "null")
            .feed("a=x@5 a=y@3 a=z@1 a=w@9 b=v@2 b=u@1"),
        reduce("ties", "values of one time in the order they come", "concat").feed("a=x@5 a=y@5 b=z@5 a=w@5"),
        reduce("empties", "empty keys and values are keys and values", "concat").feed("=x@1 =@2 a=@3 a=@4 =y@0"),
        reduce("again", "times that start again from small ones", "concat").feed("a=x@1000 a=y@1 b=z@2 a=w@1001 b=v@1"),
        reduce_longs("sum", "sums of longs", "sum").feed("a=1@1 a=-5@2 b=7@0 a=~@3 b=0@9"),
        reduce_longs("max", "greatest of longs with disorder", "max").feed("a=-3@5 a=-9@6 a=2@1 b=0@2 a=1@7"),
        reduce_longs("hot-key", "one key nearly always, sums with disorder and nulls", "sum").feed(
            Mixture {
                keys: &["a", "a", "a", "b"],
                values: &["1", "-2", "~", "30"],
                back: 5,
                on: 7,
                ..Mixture::default()
            }
            .script(21),
        ),
        case("after-key-change", "a reduction by another key, of values of another type")
            .stream("in", "in")
            .op("map_values", "lengths", "in", json!({"mapper": "length"}))
            .op("group_by", "groups", "lengths", json!({"mapper": "first_char"}))
            .op("reduce", "rows", "groups", json!({"reducer": "sum"}))
            .show("rows")
            .feed("a=xx@1 b=yyyyyyyyyyyy@2 c=x@3 d=~@4 e=zzzzzzzzzzz@0"),
        reduce_longs("wraps-around", "sums of longs wrap around as Java's do", "sum")
            .feed("a=9223372036854775807@1 a=1@2 a=1@3"),
    ]
}

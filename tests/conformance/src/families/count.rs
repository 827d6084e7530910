//! Counts of grouped streams without windows.

use serde_json::json;

use super::build::{case, Case};
use super::input::Mixture;

fn count(name: &str, about: &str) -> Case {
    case(name, about)
        .stream("in", "in")
        .op("group_by_key", "groups", "in", json!({}))
        .op("count", "counts", "groups", json!({"materialized": {"name": "counts"}}))
        .show("counts")
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        count("nulls", "records without a key or a value are dropped and counted")
            .feed("a=x@1 ~=y@2 a=~@3 ~=~@4 a=z@5"),
        count("disorder", "late records count; the row's time does not go back")
            .feed("a=x@10 a=y@5 b=z@7 a=w@11 b=v@0"),
        count("ties", "records of one time are counted one by one").feed("a=x@5 a=x@5 a=x@5 b=x@5 a=x@5"),
        count("hot-key", "one key nearly always, with disorder, empty keys and nulls").feed(
            Mixture {
                keys: &["a", "a", "a", "", "~"],
                values: &["x", "~", "y"],
                back: 5,
                on: 6,
                records: 40,
                ..Mixture::default()
            }
            .script(31),
        ),
        count("again", "times that start again from small ones; zero is a time")
            .feed("a=x@0 a=y@500 a=z@0 b=w@1 a=v@2"),
        count("then-filter", "a view on counts: a tombstone when the count leaves the filter")
            .op("filter", "even", "counts", json!({"predicate": "value_even"}))
            .show_in("even", "even")
            .feed("a=x@1 a=y@2 a=z@3 b=w@4 b=v@0"),
        count("then-values", "counts as text")
            .op("map_values", "texts", "counts", json!({"mapper": "to_string"}))
            .show_in("texts", "texts")
            .feed("a=x@1 a=y@2 b=z@3"),
        case("persistent-order", "a persistent store keeps rows by the bytes of their keys")
            .stream_of("in", "in", "long", "string")
            .op("group_by_key", "groups", "in", json!({}))
            .op("count", "counts", "groups", json!({"materialized": {"name": "counts", "store": "persistent"}}))
            .show("counts")
            .feed("2=x@1 -2=y@2 1=z@3 0=w@4 -1=v@5 2=u@0"),
        case("word-count", "the words of lines, counted: the first program everybody writes")
            .stream("in", "in")
            .op("flat_map_values", "words", "in", json!({"mapper": "words"}))
            .op("group_by", "groups", "words", json!({"mapper": "value"}))
            .op("count", "counts", "groups", json!({"materialized": {"name": "counts"}}))
            .show("counts")
            .feed("~=all_streams_lead_to_kafka@1 ~=hello_kafka_streams@2 a=@3 b=~@4 c=kafka__kafka@0"),
        case("two-stores-of-one-stream", "two aggregations of one stream: the first one's results come first")
            .stream("in", "in")
            .op("group_by_key", "groups", "in", json!({}))
            .op("count", "counts", "groups", json!({}))
            .op("reduce", "newest", "groups", json!({"reducer": "newest"}))
            .show_in("newest", "newest")
            .show_in("counts", "counts")
            .feed("a=x@1 a=y@0 b=z@2"),
    ]
}

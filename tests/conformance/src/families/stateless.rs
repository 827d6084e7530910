//! Operators that look at one record at a time: filter, map, flat map, peek, for each, print. Nulls, empty strings and
//! times that go back pass through all of them, so each case has all of these.

use serde_json::json;

use super::build::{case, Case};

/// Null and empty keys and values, equal and falling times.
const MIXED: &str = "a=x@5 ~=yy@5 b=~@3 ~=~@4 =zzzz@6 c=@6 ab=hello@0 a=x@7";

pub(crate) fn cases() -> Vec<Case> {
    [predicates(), mappers(), flat(), terminal(), chains()].concat()
}

fn predicates() -> Vec<Case> {
    let one = |op: &str, predicate: &str, about: &str| {
        case(format!("{op}-{predicate}").replace('_', "-"), about)
            .stream("in", "in")
            .op(op, "kept", "in", json!({"predicate": predicate}))
            .out("kept")
            .feed(MIXED)
    };
    vec![
        one("filter", "true", "filter lets everything pass that its predicate takes, null keys and values too"),
        one("filter", "value_not_null", "filter is called with null values and may drop them"),
        one("filter", "key_not_null", "filter is called with null keys and may drop them"),
        one("filter", "value_even", "a text of even length, the empty one too, passes; null does not"),
        one("filter", "key_is_a", "filter by key: a null key is no a"),
        one("filter_not", "value_null", "filter_not drops what its predicate takes"),
        one("filter_not", "value_long", "filter_not keeps null values when the predicate says false of null"),
        one("filter_not", "true", "filter_not of everything leaves nothing"),
        case("filter-longs", "filter of longs: zero and negative numbers are even, too")
            .stream_of_longs("in", "in")
            .op("filter", "kept", "in", json!({"predicate": "value_even"}))
            .out("kept")
            .feed("a=0@1 a=-2@2 a=-3@3 a=~@4 a=9223372036854775806@5"),
    ]
}

fn mappers() -> Vec<Case> {
    let map = |mapper: &str, about: &str| {
        case(format!("map-{}", mapper.replace('_', "-")), about)
            .stream("in", "in")
            .op("map", "mapped", "in", json!({"mapper": mapper}))
            .out("mapped")
            .feed(MIXED)
    };
    let values = |mapper: &str, about: &str| {
        case(format!("map-values-{}", mapper.replace('_', "-")), about)
            .stream("in", "in")
            .op("map_values", "mapped", "in", json!({"mapper": mapper}))
            .out("mapped")
            .feed(MIXED)
    };
    vec![
        map("swap", "map may exchange key and value, null for null"),
        map("by_first_char", "map to the first character: of null and of nothing it is null"),
        map("null_key", "map may take the key away"),
        map("null_value", "map may take the value away"),
        values("upper", "map_values is called with null too; key, time and order stay"),
        values("length", "map_values may change the type: text to long, null to 0"),
        values("null_if_empty", "map_values may make a null out of a value"),
        values("with_key", "map_values sees the key, null as well"),
        values("parse_long", "map_values: what is no number becomes null").feed("n=42@8 n=-7@9 n=007@10 n=4x@11"),
        case("map-values-add-one", "map_values over longs, null and the least number too")
            .stream_of_longs("in", "in")
            .op("map_values", "mapped", "in", json!({"mapper": "add_one"}))
            .out("mapped")
            .feed("a=1@1 a=~@2 a=-1@3 a=-9223372036854775808@4"),
    ]
}

fn flat() -> Vec<Case> {
    let texts = "a=x_yy_zzz@5 a=one@5 ~=k_v@4 b=~@6 =@6 c=_lead@7 d=two__gaps@8";
    let one = |op: &str, mapper: &str, about: &str| {
        case(format!("{}-{}", op.replace('_', "-"), mapper.replace('_', "-")), about)
            .stream("in", "in")
            .op(op, "many", "in", json!({"mapper": mapper}))
            .out("many")
            .feed(texts)
    };
    vec![
        one("flat_map", "words_as_keys", "flat_map: results in order, all with the time of their record"),
        one("flat_map", "twice", "flat_map: the same pair twice is two records"),
        one("flat_map", "none", "flat_map may yield nothing"),
        one("flat_map_values", "words", "flat_map_values: the key stays, a null value yields nothing"),
        one("flat_map_values", "twice", "flat_map_values: null twice is two records with null"),
        one("flat_map_values", "none", "flat_map_values may yield nothing"),
    ]
}

fn terminal() -> Vec<Case> {
    vec![
        case("peek-sees-and-passes", "peek sees every record, nulls too, and passes it on unchanged")
            .stream("in", "in")
            .op("peek", "seen", "in", json!({}))
            .out("seen")
            .feed(MIXED),
        case("peek-before-filter", "peek sees what a later filter drops, and not what an earlier one dropped")
            .stream("in", "in")
            .op("filter", "kept", "in", json!({"predicate": "value_not_null"}))
            .op("peek", "seen", "kept", json!({}))
            .op("filter", "less", "seen", json!({"predicate": "value_even"}))
            .out("less")
            .feed(MIXED),
        case("peek-before-a-failure", "peek sees a record before those below it, and so one that they fail on")
            .stream("in", "in")
            .op("peek", "seen", "in", json!({}))
            .op("process", "failing", "seen", json!({"processor": "forward_then_fail", "stores": []}))
            .out("failing")
            .feed("a=x@1 b=fail@2 c=y@3"),
        case("foreach-ends-a-stream", "for each sees every record; a topology may end with it")
            .stream("in", "in")
            .op("foreach", "seen", "in", json!({}))
            .feed(MIXED),
        case("print-with-label", "print writes [label]: key, value, null as null")
            .stream("in", "in")
            .op("print", "printed", "in", json!({"label": "records"}))
            .feed(MIXED),
        case("print-without-label", "print without a label takes the name of the node above")
            .stream("in", "in")
            .op("filter", "kept", "in", json!({"predicate": "true", "name": "keeper"}))
            .op("print", "printed", "kept", json!({}))
            .feed(MIXED),
        case("print-of-longs", "print writes longs as numbers")
            .stream_of("in", "in", "long", "long")
            .op("print", "printed", "in", json!({"label": "n"}))
            .feed("1=2@1 -1=~@2 ~=0@3"),
    ]
}

fn chains() -> Vec<Case> {
    vec![
        case(
            "two-children-in-order",
            "a record goes to the end of the first child's path before it goes to the second's",
        )
        .stream("in", "in")
        .op("map_values", "one", "in", json!({"mapper": "upper"}))
        .op("flat_map_values", "one_more", "one", json!({"mapper": "twice"}))
        .to("one_more", "out")
        .op("map_values", "two", "in", json!({"mapper": "with_key"}))
        .to("two", "out")
        .feed("a=x@1 b=y@1 a=z@0"),
        case("sink-before-child", "a sink written before another child of its stream gets the record first")
            .stream("in", "in")
            .to("in", "raw")
            .op("map_values", "mapped", "in", json!({"mapper": "upper"}))
            .to("mapped", "out")
            .to("in", "raw")
            .feed("a=x@1 b=y@2"),
        case("long-chain", "six operators in a row keep time and order")
            .stream("in", "in")
            .op("filter", "a", "in", json!({"predicate": "value_not_null"}))
            .op("flat_map_values", "b", "a", json!({"mapper": "words"}))
            .op("map_values", "c", "b", json!({"mapper": "upper"}))
            .op("map", "d", "c", json!({"mapper": "swap"}))
            .op("filter_not", "e", "d", json!({"predicate": "key_is_a"}))
            .op("select_key", "f", "e", json!({"mapper": "constant"}))
            .out("f")
            .feed("a=x_yy@3 ~=zz_top@1 b=~@2 c=@2 d=a_bb@9"),
        case("long-keys", "keys of longs pass as eight bytes")
            .stream_of("in", "in", "long", "string")
            .op("map_values", "mapped", "in", json!({"mapper": "with_key"}))
            .out("mapped")
            .feed("1=x@1 -1=y@2 ~=z@3 9223372036854775807=w@4"),
        case("texts-beyond-ascii", "lengths and cases count characters of texts beyond ascii")
            .stream("in", "in")
            .op("map_values", "upper", "in", json!({"mapper": "upper"}))
            .to("upper", "upper")
            .op("map_values", "length", "in", json!({"mapper": "length"}))
            .to("length", "length")
            .feed("é=naïve@1 ключ=слово@2 a=日本@3"),
        case("source-without-children", "a source that nothing reads from is in the topology all the same")
            .stream("in", "in")
            .stream("other", "other")
            .out("other")
            .feed("other:a=x@1"),
        case("from-a-sink-topic-again", "what goes to a topic that is a source too comes back in")
            .stream("in", "in")
            .op("map_values", "mapped", "in", json!({"mapper": "upper"}))
            .to("mapped", "between")
            .stream("again", "between")
            .op("filter", "kept", "again", json!({"predicate": "value_even"}))
            .out("kept")
            .feed("a=xx@1 b=y@2 c=~@3 between:d=zz@4"),
    ]
}

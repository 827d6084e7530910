//! Comparing origins, and reading what a file says. What an application does about it is in `tests/tests/streams`.

use rstest::rstest;

use super::compare::differences;
use super::*;

fn store(subtopology: u32, kind: &str, values: &str, inputs: &[&str]) -> StoreOrigin {
    StoreOrigin {
        subtopology,
        kind: kind.to_owned(),
        keys: "String".to_owned(),
        values: values.to_owned(),
        inputs: inputs.iter().map(ToString::to_string).collect(),
    }
}

fn origin(stores: &[(&str, StoreOrigin)], repartition_topics: &[&str]) -> Origin {
    Origin {
        version: VERSION,
        cluster_id: Some("c".to_owned()),
        stores: stores.iter().map(|(name, store)| ((*name).to_owned(), store.clone())).collect(),
        repartition_topics: repartition_topics.iter().map(ToString::to_string).collect(),
        topics: BTreeMap::from([("in".to_owned(), Uuid::from_u128(1).to_string())]),
    }
}

/// Rows B47 and B52.
#[rstest]
#[case::the_same("counts", store(0, "key-value", "i64", &["in"]), &["by-name"], &[])]
#[case::more("counts", store(0, "key-value", "i64", &["in", "also"]), &["by-name", "new"], &[])]
#[case::kind("counts", store(0, "windows of 5 ms", "i64", &["in"]), &["by-name"],
    &["store counts: it was a store of key-value, and is one of windows of 5 ms"])]
#[case::serde("counts", store(0, "key-value", "Json<Order>", &["in"]), &["by-name"],
    &["store counts: it has values written by serde i64, and the topology has serde Json<Order>"])]
#[case::place("counts", store(1, "key-value", "i64", &["other", "third"]), &["by-name"],
    &["store counts: it was in sub-topology 0, and is in 1; it was made from topic in, and is from other, third"])]
#[case::name("sums", store(0, "key-value", "i64", &["in"]), &["by-number"], &[
    "store counts: it was there and is not any more, and sums is new (the same under another name?)",
    "repartition topic by-name: it was there and is not any more, and by-number is new (the same under another name?)",
])]
#[case::gone("counts", store(0, "key-value", "i64", &["in"]), &[],
    &["repartition topic by-name: it was there and is not any more"])]
fn b47_what_differs_is_named_with_what_was_and_what_is(
    #[case] name: &str,
    #[case] is: StoreOrigin,
    #[case] repartition_topics: &[&str],
    #[case] expected: &[&str],
) {
    let was = origin(&[("counts", store(0, "key-value", "i64", &["in"]))], &["by-name"]);
    let found = differences(&was, &origin(&[(name, is)], repartition_topics));
    assert_eq!(found.iter().map(|difference| difference.text.as_str()).collect::<Vec<_>>(), expected);
}

#[test]
fn what_is_written_is_read_again_and_the_rest_is_refused() {
    let written = origin(&[("counts", store(0, "key-value", "i64", &["in"]))], &["by-name"]);
    let bytes = written.to_bytes().expect("is text");
    assert_eq!(Origin::parse(&bytes).expect("is whole"), written);
    assert_eq!(written.topic("in"), Some(Uuid::from_u128(1)));
    for len in 0..bytes.len() {
        assert_eq!(Origin::parse(&bytes[..len]).expect_err("is cut off").kind().exit_code(), 4, "{len}");
    }
    let newer = Origin::parse(br#"{"version":2,"stores":"elsewhere"}"#).expect_err("is from the future");
    assert_eq!(newer.kind().exit_code(), 2);
    assert_eq!(newer.to_string(), "it has version 2, and this program reads up to 1: run the newer program");
}

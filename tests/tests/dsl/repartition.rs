//! Streams through repartition topics.

#![expect(clippy::ptr_arg, reason = "functions that stand for closures over strings take what those take")]

use rstest::rstest;
use streams_core::testing::TopologyTestDriver;
use streams_dsl::prelude::*;

use super::script::{check, or_null};

#[test]
fn null_keys_end_silently_at_a_repartition() {
    let program = |builder: &StreamsBuilder| {
        let stream =
            builder.stream::<String, String>("in").select_key(|_, value| (value != "x").then(|| value.clone()));
        stream.repartition().to("out");
    };
    check(
        program,
        "
    in a x 1 ->
    in a y 2 -> y = y @ 2
    dropped 0",
    );
}

/// A left join takes records without a key, so a repartition above it lets them through (KIP-962).
#[test]
fn null_keys_pass_a_repartition_above_a_left_join() {
    let program = |builder: &StreamsBuilder| {
        let stream = builder.stream::<String, String>("in");
        let keyed = stream.select_key(|_, value| (value != "x").then(|| value.clone()));
        let table = builder.table::<Option<String>, String>("table");
        keyed.left_join_table(&table, |value, row| format!("{value}{}", or_null(row))).to("out");
    };
    check(
        program,
        "
        table y 1 1 ->
        in a x 1 -> null = xnull @ 1
        in a y 2 -> y = y1 @ 2
        dropped 0",
    );
}

#[test]
fn null_values_pass_a_repartition() {
    let program = |builder: &StreamsBuilder| builder.stream::<String, Option<String>>("in").repartition().to("out");
    check(
        program,
        "
    in k null 1 -> k = null @ 1
    in k a 2 -> k = a @ 2
    dropped 0",
    );
}

fn keep(key: &String, value: &String) -> (String, String) {
    (key.clone(), value.clone())
}

struct Forward;

impl Processor<String, String> for Forward {
    type KOut = String;
    type VOut = String;

    fn process(&mut self, record: Record<'_, String, String>, cx: &mut Context<'_, String, String>) -> Result<()> {
        cx.forward(record)
    }
}

type Stream = KStream<String, String>;

/// What may change the key is repartitioned before an aggregation; what may not is not; a repartition settles it.
#[rstest]
#[case::unchanged(|s: Stream| s, 0)]
#[case::filter(|s: Stream| s.filter(|_, _| true), 0)]
#[case::map_values(|s: Stream| s.map_values(String::clone), 0)]
#[case::flat_map_values(|s: Stream| s.flat_map_values(|value| Some(value.clone())), 0)]
#[case::peek(|s: Stream| s.peek(|_, _| {}), 0)]
#[case::map(|s: Stream| s.map(keep), 1)]
#[case::flat_map(|s: Stream| s.flat_map(|key, value| Some(keep(key, value))), 1)]
#[case::select_key(|s: Stream| s.select_key(|key, _| key.clone()), 1)]
#[case::process(|s: Stream| s.process(|| Forward), 1)]
#[case::branch_below(|s: Stream| s.select_key(|key, _| key.clone()).split().branch(|_, _| true), 1)]
#[case::filter_below(|s: Stream| s.select_key(|key, _| key.clone()).filter(|_, _| true).map_values(String::clone), 1)]
#[case::merge_of_one(|s: Stream| s.merge(&s.map(keep)), 1)]
#[case::repartitioned(|s: Stream| s.map(keep).repartition(), 1)]
#[case::again(|s: Stream| s.map(keep).repartition().map(keep), 2)]
#[case::table(|s: Stream| s.map(keep).group_by_key().count().to_stream().map_values(|_| String::new()), 1)]
fn a_key_change_is_repartitioned_once(#[case] change: fn(Stream) -> Stream, #[case] expected: usize) -> Result<()> {
    let builder = StreamsBuilder::new();
    change(builder.stream("in")).group_by_key().count().to_stream().to("out");
    let driver = TopologyTestDriver::new(builder.build()?)?;
    driver.input::<String, String>("in")?.pipe("k", "v".to_owned())?;
    let topics = driver.produced_topic_names();
    assert_eq!(topics.iter().filter(|name| name.ends_with("-repartition")).count(), expected, "{topics:?}");
    assert_eq!(driver.output::<String, Option<i64>>("out")?.read_key_value()?.0, "k");
    Ok(())
}

#[rstest]
#[case::repartition(|s: Stream| s.repartition_with(Repartitioned::named("mine")).to("out"), "mine-repartition")]
#[case::suffix_is_not_doubled(
    |s: Stream| s.repartition_with(Repartitioned::named("mine-repartition")).to("out"),
    "mine-repartition"
)]
#[case::grouped(
    |s: Stream| s.group_by_with(Grouped::<String, String>::named("by"), |key, _| key.clone()).count().to_stream().to("out"),
    "by-repartition"
)]
#[case::store(
    |s: Stream| s.map(keep).group_by_key().count_with(Materialized::named("rows")).to_stream().to("out"),
    "rows-repartition"
)]
#[case::generated(
    |s: Stream| s.map(keep).group_by_key().count().to_stream().to("out"),
    "KSTREAM-AGGREGATE-STATE-STORE-0000000002-repartition"
)]
fn repartition_topics_are_named(#[case] program: fn(Stream), #[case] topic: &str) -> Result<()> {
    let builder = StreamsBuilder::new();
    program(builder.stream("in"));
    let driver = TopologyTestDriver::new(builder.build()?)?;
    driver.input::<String, String>("in")?.pipe("k", "v".to_owned())?;
    let topics = driver.produced_topic_names();
    let expected = format!("topology-test-driver-{topic}");
    assert!(topics.contains(&expected), "{topics:?}");
    Ok(())
}

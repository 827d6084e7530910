//! `count`, `reduce` and `aggregate`.

use rstest::rstest;
use streams_core::testing::TopologyTestDriver;
use streams_dsl::prelude::*;

use super::script::{cached, check, or_null};

#[test]
fn words_are_counted_through_a_repartition_topic() -> Result<()> {
    let builder = StreamsBuilder::new();
    builder
        .stream::<(), String>("lines")
        .flat_map_values(|line| line.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>())
        .group_by(|_, word| word.clone())
        .count_with(Materialized::named("word-counts"))
        .to_stream()
        .to("counts");
    let driver = TopologyTestDriver::new(builder.build()?)?;
    let lines = driver.input::<(), String>("lines")?;
    lines.pipe_value_at(Timestamp(5), "the cat and The dog".to_owned())?;
    lines.pipe_value_at(Timestamp(3), "dog".to_owned())?;
    driver.output::<String, i64>("counts")?.check(
        "the = 1 @ 5\n\
         cat = 1 @ 5\n\
         and = 1 @ 5\n\
         the = 2 @ 5\n\
         dog = 1 @ 5\n\
         dog = 2 @ 5\n",
    );
    let store = driver.timestamped_key_value_store::<String, i64>("word-counts")?;
    assert_eq!(store.get(&"dog".to_owned())?.map(|row| (row.value, row.timestamp)), Some((2, Timestamp(5))));
    Ok(())
}

fn joined(all: &str, value: &str) -> String {
    format!("{all}+{value}")
}

/// Sources whose types hold null leave it to the aggregation to drop null keys and values.
fn nullable(builder: &StreamsBuilder) -> KGroupedStream<Option<String>, Option<String>> {
    builder.stream("in").group_by_key()
}

fn text(counts: &KTable<Option<String>, i64>) {
    counts.to_stream().map_values(|count| count.map(|count| count.to_string())).to("out");
}

#[test]
fn counts_take_late_records_and_their_time_never_goes_back() {
    check(
        |builder| text(&nullable(builder).count()),
        "
    in a 1 10 -> a = 1 @ 10
    in a 2 5 -> a = 2 @ 10
    in a 3 20 -> a = 3 @ 20
    in b 9 1 -> b = 1 @ 1
    in null 1 2 ->
    in a null 30 ->
    in a 4 15 -> a = 4 @ 20
    dropped 2",
    );
}

#[test]
fn a_source_that_cannot_hold_null_drops_it_first() {
    let program = |builder: &StreamsBuilder| {
        let counts = builder.stream::<String, String>("in").group_by_key().count();
        counts.to_stream().map_values(|count| count.map(|count| count.to_string())).to("out");
    };
    check(
        program,
        "
    in a 1 10 -> a = 1 @ 10
    in a 2 5 -> a = 2 @ 10
    in a 3 20 -> a = 3 @ 20
    in b 9 1 -> b = 1 @ 1
    in null 1 2 ->
    in a null 30 ->
    in a 4 15 -> a = 4 @ 20
    dropped 2",
    );
}

#[test]
fn reductions_keep_the_first_value_as_it_is() {
    let program = |builder: &StreamsBuilder| {
        let reduced = builder.stream::<String, String>("in").group_by_key().reduce(|all, value| joined(all, value));
        reduced.to_stream().to("out");
    };
    check(
        program,
        "
    in a 1 10 -> a = 1 @ 10
    in a 2 5 -> a = 1+2 @ 10
    in a 3 20 -> a = 1+2+3 @ 20
    in b 9 1 -> b = 9 @ 1
    in null 1 2 ->
    in a null 30 ->
    in a 4 15 -> a = 1+2+3+4 @ 20
    dropped 2",
    );
}

/// Out of a cache a deletion comes with the time of the record that caused it, else with the later of both.
#[rstest]
#[case::uncached(
    false,
    "
    in a 1 10 -> a = 1 @ 10
    in a del 5 -> a = null @ 10
    in a 3 2 -> a = 3 @ 2
    in a del 20 -> a = null @ 20
    dropped 0"
)]
#[case::cached(
    true,
    "
    in a 1 10 -> a = 1 @ 10
    in a del 5 -> a = null @ 5
    in a 3 2 -> a = 3 @ 2
    in a del 20 -> a = null @ 20
    dropped 0"
)]
fn a_reduction_to_null_deletes_the_row(#[case] is_cached: bool, #[case] script: &str) {
    let reduce = |all: &Option<String>, value: &Option<String>| match value.as_deref() {
        Some("del") => None,
        _ => Some(joined(or_null(all.as_ref()), or_null(value.as_ref()))),
    };
    let program = move |builder: &StreamsBuilder| {
        let reduced = nullable(builder).reduce_with(cached(is_cached), reduce);
        reduced.to_stream().map_values(|value| value.clone().flatten()).to("out");
    };
    check(program, script);
}

#[test]
fn aggregates_start_from_the_initializer() {
    let program = |builder: &StreamsBuilder| {
        let grouped = builder.stream::<String, String>("in").group_by_key();
        grouped.aggregate(|| "0".to_owned(), |_, value, all| *all = joined(all, value)).to_stream().to("out");
    };
    check(
        program,
        "
    in a 1 10 -> a = 0+1 @ 10
    in a 2 5 -> a = 0+1+2 @ 10
    in a 3 20 -> a = 0+1+2+3 @ 20
    in b 9 1 -> b = 0+9 @ 1
    in null 1 2 ->
    in a null 30 ->
    in a 4 15 -> a = 0+1+2+3+4 @ 20
    dropped 2",
    );
}

/// Only the count 0 passes the filter, and no key ever has it: what comes out is what was told of the row before.
fn zeros(builder: &StreamsBuilder, is_cached: bool) {
    let counts = builder.stream::<String, String>("in").group_by_key().count_with(cached(is_cached));
    let zeros = counts.filter(|_, count| *count == 0);
    let other = builder.table::<String, String>("other");
    zeros.left_join(&other, |count, other| format!("{count}-{}", or_null(other))).to_stream().to("out");
}

/// Without a cache Kafka Streams tells the initializer's value as the row before the first, with one it tells none.
#[rstest]
#[case::uncached(
    false,
    "
    in a x 1 -> a = null @ 1
    in a x 2 ->
    in b x 3 -> b = null @ 3
    dropped 0"
)]
#[case::cached(
    true,
    "
    in a x 1 ->
    in a x 2 ->
    in b x 3 ->
    dropped 0"
)]
fn the_row_before_the_first(#[case] is_cached: bool, #[case] script: &str) {
    check(|builder| zeros(builder, is_cached), script);
}

#[rstest]
#[case::uncached(
    false,
    "
    in a x 1 -> a = x-null @ 1
    in a x 2 -> a = null @ 2
    in b y 3 ->
    in b y 4 ->
    dropped 0"
)]
#[case::cached(
    true,
    "
    in a x 1 -> a = x-null @ 1
    in a x 2 -> a = null @ 2
    in b y 3 ->
    in b y 4 ->
    dropped 0"
)]
fn a_reduction_has_no_row_before_the_first(#[case] is_cached: bool, #[case] script: &str) {
    let program = |builder: &StreamsBuilder| {
        let grouped = builder.stream::<String, String>("in").group_by_key();
        let reduced = grouped.reduce_with(cached(is_cached), |all, value| format!("{all}{value}"));
        let other = builder.table::<String, String>("other");
        let joined = reduced
            .filter(|_, value| value == "x")
            .left_join(&other, |value, other| format!("{value}-{}", or_null(other)));
        joined.to_stream().to("out");
    };
    check(program, script);
}

#[test]
fn one_named_grouping_has_one_repartition_for_all_its_aggregations() -> Result<()> {
    let builder = StreamsBuilder::new();
    let by_value = Grouped::<String, String>::named("by-value");
    let grouped = builder.stream::<String, String>("in").group_by_with(by_value, |_, value| value.clone());
    grouped.count().to_stream().to("counts");
    grouped.reduce(|_, last| last.clone()).to_stream().to("last");
    let driver = TopologyTestDriver::new(builder.build()?)?;
    driver.input::<String, String>("in")?.pipe_all([("k", "a".to_owned()), ("k", "a".to_owned())])?;
    driver.output::<String, i64>("counts")?.check("a = 1 @ 0\na = 2 @ 0");
    driver.output::<String, String>("last")?.check("a = a @ 0\na = a @ 0");
    let topics = driver.produced_topic_names();
    assert_eq!(topics.iter().filter(|name| name.ends_with("-repartition")).count(), 1, "{topics:?}");
    Ok(())
}

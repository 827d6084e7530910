//! Tables of topics and of streams, and tables computed from them row by row.

#![expect(clippy::ptr_arg, reason = "functions that stand for closures over strings take what those take")]

use rstest::rstest;
use streams_core::testing::TopologyTestDriver;
use streams_dsl::prelude::*;

use super::script::{cached, check, or_null};

fn named(name: &str, is_cached: bool) -> Materialized<String, String> {
    cached(is_cached).store_name(name)
}

fn rows(builder: &StreamsBuilder, is_cached: bool) -> KTable<String, String> {
    builder.table_with("in", Consumed::default(), named("rows", is_cached))
}

fn with_other(table: &KTable<String, String>, builder: &StreamsBuilder) {
    let other = builder.table::<String, String>("other");
    table.left_join(&other, |value, other| format!("{value}-{}", or_null(other))).to_stream().to("out");
}

/// Null deletes, a late record overwrites, and what changes nothing is forwarded too; a null key is dropped.
#[rstest]
#[case::uncached(
    false,
    "
    in k a 5 -> k = a @ 5
    in k b 3 -> k = b @ 3
    in k b 3 -> k = b @ 3
    in k null 9 -> k = null @ 9
    in k null 2 -> k = null @ 2
    in null x 3 ->
    dropped 1"
)]
#[case::cached(
    true,
    "
    in k a 5 -> k = a @ 5
    in k b 3 -> k = b @ 3
    in k b 3 -> k = b @ 3
    in k null 9 -> k = null @ 9
    in k null 2 ->
    in null x 3 ->
    dropped 1"
)]
fn a_table_of_a_topic(#[case] is_cached: bool, #[case] script: &str) {
    check(|builder| rows(builder, is_cached).to_stream().to("out"), script);
}

#[rstest]
#[case::kept(true)]
#[case::not_kept(false)]
fn a_null_key_is_dropped_also_where_the_type_holds_null(#[case] is_kept: bool) {
    let program = |builder: &StreamsBuilder| {
        let table = if is_kept {
            builder.table_with("in", Consumed::default(), Materialized::<Option<String>, String>::named("rows"))
        } else {
            builder.table::<Option<String>, String>("in")
        };
        table.to_stream().to("out");
    };
    check(
        program,
        "
        in null x 1 ->
        in k x 2 -> k = x @ 2
        dropped 1",
    );
}

#[test]
fn rows_have_the_time_of_their_last_update() -> Result<()> {
    let builder = StreamsBuilder::new();
    rows(&builder, true).to_stream().to("out");
    let driver = TopologyTestDriver::new(builder.build()?)?;
    let input = driver.input::<String, String>("in")?;
    let store = driver.timestamped_key_value_store::<String, String>("rows")?;
    let row = || -> Result<_> { Ok(store.get(&"k".to_owned())?.map(|row| (row.value, row.timestamp))) };
    input.pipe_at(Timestamp(5), "k", "a".to_owned())?;
    input.pipe_at(Timestamp(3), "k", "b".to_owned())?;
    assert_eq!(row()?, Some(("b".to_owned(), Timestamp(3))));
    input.pipe_tombstone_at(Timestamp(1), "k")?;
    assert_eq!(row()?, None);
    Ok(())
}

fn starts_with_y(_: &String, value: &String) -> bool {
    value.starts_with('y')
}

/// A filter that knows the row before swallows deletions of rows that it never let through.
#[rstest]
#[case::of_kept_rows(
    false,
    "
    in k n 1 ->
    in k y1 2 -> k = y1 @ 2
    in k y2 3 -> k = y2 @ 3
    in k n 4 -> k = null @ 4
    in k n2 5 ->
    in k null 6 ->
    in j null 7 ->
    dropped 0"
)]
#[case::of_kept_rows_cached(
    true,
    "
    in k n 1 ->
    in k y1 2 -> k = y1 @ 2
    in k y2 3 -> k = y2 @ 3
    in k n 4 -> k = null @ 4
    in k n2 5 ->
    in k null 6 ->
    in j null 7 ->
    dropped 0"
)]
fn a_filter_of_kept_rows(#[case] is_cached: bool, #[case] script: &str) {
    check(|builder| rows(builder, is_cached).filter(starts_with_y).to_stream().to("out"), script);
}

/// A filter that does not know the row before forwards every deletion.
#[rstest]
#[case::not_kept(|table: &KTable<String, String>| table.filter(starts_with_y))]
#[case::kept_behind(|table: &KTable<String, String>| table.filter_with(named("kept", false), starts_with_y))]
#[case::turned_round(|table: &KTable<String, String>| table.filter_not(|_, value| value.starts_with('n')))]
fn a_filter_of_rows_that_are_not_kept(#[case] filter: fn(&KTable<String, String>) -> KTable<String, String>) {
    check(
        |builder| filter(&builder.table("in")).to_stream().to("out"),
        "
    in k n 1 -> k = null @ 1
    in k y1 2 -> k = y1 @ 2
    in k y2 3 -> k = y2 @ 3
    in k n 4 -> k = null @ 4
    in k n2 5 -> k = null @ 5
    in k null 6 -> k = null @ 6
    in j null 7 -> j = null @ 7
    dropped 0",
    );
}

#[test]
fn a_cache_swallows_deletions_of_rows_that_are_not_there() {
    let program = |builder: &StreamsBuilder| {
        let table = builder.table::<String, String>("in").filter_with(named("kept", true), starts_with_y);
        assert_eq!(table.queryable_store_name(), Some("kept"));
        table.to_stream().to("out");
    };
    check(
        program,
        "
    in k n 1 ->
    in k y1 2 -> k = y1 @ 2
    in k y2 3 -> k = y2 @ 3
    in k n 4 -> k = null @ 4
    in k n2 5 ->
    in k null 6 ->
    in j null 7 ->
    dropped 0",
    );
}

#[rstest]
#[case::uncached(
    false,
    "
    in k n 1 ->
    in k y1 2 -> k = y1-null @ 2
    in k y2 3 -> k = y2-null @ 3
    in k n 4 -> k = null @ 4
    in k n2 5 ->
    in k null 6 ->
    in j null 7 ->
    other k o 8 ->
    in k y3 9 -> k = y3-o @ 9
    in k null 10 -> k = null @ 10
    in k null 11 ->
    dropped 0"
)]
#[case::cached(
    true,
    "
    in k n 1 ->
    in k y1 2 -> k = y1-null @ 2
    in k y2 3 -> k = y2-null @ 3
    in k n 4 -> k = null @ 4
    in k n2 5 ->
    in k null 6 ->
    in j null 7 ->
    other k o 8 ->
    in k y3 9 -> k = y3-o @ 9
    in k null 10 -> k = null @ 10
    in k null 11 ->
    dropped 0"
)]
fn a_filtered_table_is_joined(#[case] is_cached: bool, #[case] script: &str) {
    check(|builder| with_other(&rows(builder, is_cached).filter(starts_with_y), builder), script);
}

#[rstest]
#[case::uncached(
    false,
    "
    in k n 1 ->
    in k y1 2 -> k = y1-null @ 2
    in k y2 3 -> k = y2-null @ 3
    in k n 4 -> k = null @ 4
    in k n2 5 ->
    in k null 6 ->
    in j null 7 ->
    other k o 8 ->
    in k y3 9 -> k = y3-o @ 9
    in k null 10 -> k = null @ 10
    in k null 11 ->
    dropped 0"
)]
#[case::cached(
    true,
    "
    in k n 1 ->
    in k y1 2 -> k = y1-null @ 2
    in k y2 3 -> k = y2-null @ 3
    in k n 4 -> k = null @ 4
    in k n2 5 ->
    in k null 6 ->
    in j null 7 ->
    other k o 8 ->
    in k y3 9 -> k = y3-o @ 9
    in k null 10 -> k = null @ 10
    in k null 11 ->
    dropped 0"
)]
fn a_filtered_and_kept_table_is_joined(#[case] is_cached: bool, #[case] script: &str) {
    let program = |builder: &StreamsBuilder| {
        let table = builder.table::<String, String>("in").filter_with(named("kept", is_cached), starts_with_y);
        with_other(&table, builder);
    };
    check(program, script);
}

#[rstest]
#[case::uncached(
    false,
    "
    in k n 1 -> k = n! @ 1
    in k y1 2 -> k = y1! @ 2
    in k null 6 -> k = null @ 6
    in k null 7 -> k = null @ 7
    in j null 7 -> j = null @ 7
    dropped 0"
)]
#[case::cached(
    true,
    "
    in k n 1 -> k = n! @ 1
    in k y1 2 -> k = y1! @ 2
    in k null 6 -> k = null @ 6
    in k null 7 ->
    in j null 7 ->
    dropped 0"
)]
fn mapped_values_are_kept(#[case] is_cached: bool, #[case] script: &str) {
    let program = |builder: &StreamsBuilder| {
        let table = builder.table::<String, String>("in");
        table.map_values_with(named("kept", is_cached), |_, value| format!("{value}!")).to_stream().to("out");
    };
    check(program, script);
}

/// Rows of views are computed again when they are looked up.
#[rstest]
#[case::uncached(
    false,
    "
    in k n 1 ->
    in k y1 2 -> k = ky1!-null @ 2
    other k o 3 -> k = ky1!-o @ 3
    in k n 4 -> k = null-o @ 4
    in k null 6 ->
    other k null 7 -> k = null @ 7
    other k null 8 ->
    dropped 0"
)]
#[case::cached(
    true,
    "
    in k n 1 ->
    in k y1 2 -> k = ky1!-null @ 2
    other k o 3 -> k = ky1!-o @ 3
    in k n 4 -> k = null-o @ 4
    in k null 6 ->
    other k null 7 -> k = null @ 7
    other k null 8 ->
    dropped 0"
)]
fn a_chain_of_views_is_joined(#[case] is_cached: bool, #[case] script: &str) {
    let program = |builder: &StreamsBuilder| {
        let view = rows(builder, is_cached)
            .map_values(|value| format!("{value}!"))
            .filter_not(|_, value| value.starts_with('n'))
            .map_values_with_key(|key, value| format!("{key}{value}"));
        let other = builder.table::<String, String>("other");
        let joined = view.outer_join(&other, |value, other| format!("{}-{}", or_null(value), or_null(other)));
        joined.to_stream().to("out");
    };
    check(program, script);
}

#[rstest]
#[case::uncached(
    false,
    "
    in k a 5 -> k = a @ 5
    in k b 3 -> k = b @ 3
    in k null 9 -> k = null @ 9
    in null x 3 ->
    in j null 1 -> j = null @ 1
    dropped 1"
)]
#[case::cached(
    true,
    "
    in k a 5 -> k = a @ 5
    in k b 3 -> k = b @ 3
    in k null 9 -> k = null @ 9
    in null x 3 ->
    in j null 1 ->
    dropped 1"
)]
fn a_table_of_a_stream(#[case] is_cached: bool, #[case] script: &str) {
    let program = |builder: &StreamsBuilder| {
        let stream = builder.stream::<Option<String>, Option<String>>("in");
        let materialized = cached::<Option<String>, String>(is_cached).store_name("latest");
        stream.to_table_with(materialized).to_stream().to("out");
    };
    check(program, script);
}

#[test]
fn a_table_of_a_stream_is_repartitioned_where_the_key_changed() -> Result<()> {
    let builder = StreamsBuilder::new();
    let by_value = builder.stream::<String, Option<String>>("in").select_key(|_, value| value.clone());
    by_value.to_table().to_stream().to("out");
    let driver = TopologyTestDriver::new(builder.build()?)?;
    driver.input::<String, Option<String>>("in")?.pipe_all([("k", Some("a".to_owned())), ("k", None)])?;
    driver.output::<String, Option<String>>("out")?.check("a = a @ 0");
    assert_eq!(driver.dropped_records(), 0, "a repartition drops null keys silently");
    Ok(())
}

#[test]
fn tombstones_can_be_dropped_from_a_tables_changes() {
    let program = |builder: &StreamsBuilder| {
        builder.table::<String, String>("in").to_stream().drop_tombstones().to("out");
    };
    check(
        program,
        "
        in k a 1 -> k = a @ 1
        in k null 2 ->
        dropped 0",
    );
}

/// A value that its serde writes as null is no row, whether the table keeps its rows or not.
#[rstest]
#[case::kept(true)]
#[case::not_kept(false)]
fn a_value_that_is_written_as_null_deletes(#[case] is_kept: bool) {
    let program = |builder: &StreamsBuilder| {
        let stream = builder.stream::<String, Option<String>>("in");
        let full = stream.map_values(|value| Some(value.clone().filter(|value| value != "nothing")));
        let materialized = Materialized::<String, Option<String>>::default().caching_disabled();
        let materialized = if is_kept { materialized.store_name("rows") } else { materialized };
        let table = full.to_table_with(materialized);
        table.map_values(|value| value.clone().unwrap_or_else(|| "a row".to_owned())).to_stream().to("out");
    };
    check(
        program,
        "
        in k a 1 -> k = a @ 1
        in k nothing 2 -> k = null @ 2
        in j null 3 -> j = null @ 3
        dropped 0",
    );
}

/// An extractor is shown a deletion where the values' type has a null to show.
#[test]
fn an_extractor_of_a_table_is_asked_about_deletions() {
    let nullable = |builder: &StreamsBuilder| {
        let time = |record: Record<'_, String, Option<String>>, _| Timestamp(record.value.as_ref().map_or(50, |_| 5));
        let consumed = Consumed::default().timestamp_extractor(time);
        let table = builder.table_with("in", consumed, Materialized::default());
        table.map_values(|value| or_null(value.as_ref()).to_owned()).to_stream().to("out");
    };
    let plain = |builder: &StreamsBuilder| {
        let consumed = Consumed::default().timestamp_extractor(|_: Record<'_, String, String>, _| Timestamp(5));
        builder.table_with("in", consumed, Materialized::default()).to_stream().to("out");
    };
    check(nullable, "in k a 1 -> k = a @ 5\nin k null 2 -> k = null @ 50\ndropped 0");
    check(plain, "in k a 1 -> k = a @ 5\nin k null 2 -> k = null @ 2\ndropped 0");
}

//! Joins of a stream with a table.

use rstest::rstest;
use streams_core::testing::{TestRecord, TopologyTestDriver};
use streams_dsl::prelude::*;

use super::script::{check, or_null};

type Rows = KTable<Option<String>, String>;

/// A stream whose types hold null, so that it is the join that decides about it.
fn nullable(builder: &StreamsBuilder) -> (KStream<Option<String>, Option<String>>, Rows) {
    (builder.stream("left"), builder.table("right"))
}

fn pair(value: &Option<String>, row: Option<&String>) -> String {
    format!("{}-{}", or_null(value.as_ref()), or_null(row))
}

fn inner(builder: &StreamsBuilder) {
    let (stream, table) = nullable(builder);
    stream.join_table(&table, |value, row| pair(value, Some(row))).to("out");
}

fn left(builder: &StreamsBuilder) {
    let (stream, table) = nullable(builder);
    stream.left_join_table(&table, pair).to("out");
}

/// Only the stream triggers; null values, and null keys in inner joins, are dropped and counted.
#[rstest]
#[case::inner(
    inner,
    "
    left k null 1 ->
    right k null 2 ->
    left k A 3 ->
    right k a 4 ->
    left k B 5 -> k = B-a @ 5
    right k b 6 ->
    left k null 7 ->
    right k null 8 ->
    left k C 9 ->
    right k c 10 ->
    right k null 11 ->
    left k null 12 ->
    right k null 13 ->
    right k d 14 ->
    left k D 15 -> k = D-d @ 15
    left null E 16 ->
    dropped 4"
)]
#[case::left(
    left,
    "
    left k null 1 ->
    right k null 2 ->
    left k A 3 -> k = A-null @ 3
    right k a 4 ->
    left k B 5 -> k = B-a @ 5
    right k b 6 ->
    left k null 7 ->
    right k null 8 ->
    left k C 9 -> k = C-null @ 9
    right k c 10 ->
    right k null 11 ->
    left k null 12 ->
    right k null 13 ->
    right k d 14 ->
    left k D 15 -> k = D-d @ 15
    left null E 16 -> null = E-null @ 16
    dropped 3"
)]
#[case::inner_late(
    inner,
    "
    left k null 1 ->
    right k null 2 ->
    left k A 3 ->
    right k a 4 ->
    left k B 5 -> k = B-a @ 5
    right k b 6 ->
    left k null 7 ->
    right k null 8 ->
    left k C 9 ->
    right k c 10 ->
    right k null 11 ->
    left k null 12 ->
    right k null 13 ->
    right k d 7 ->
    left k D 6 -> k = D-d @ 6
    left k null 2 ->
    right k null 3 ->
    right k e 14 ->
    left k E 15 -> k = E-e @ 15
    left k null 10 ->
    right k null 9 ->
    left k F 4 ->
    right k f 3 ->
    left null E 16 ->
    dropped 6"
)]
#[case::left_late(
    left,
    "
    left k null 1 ->
    right k null 2 ->
    left k A 3 -> k = A-null @ 3
    right k a 4 ->
    left k B 5 -> k = B-a @ 5
    right k b 6 ->
    left k null 7 ->
    right k null 8 ->
    left k C 9 -> k = C-null @ 9
    right k c 10 ->
    right k null 11 ->
    left k null 12 ->
    right k null 13 ->
    right k d 7 ->
    left k D 6 -> k = D-d @ 6
    left k null 2 ->
    right k null 3 ->
    right k e 14 ->
    left k E 15 -> k = E-e @ 15
    left k null 10 ->
    right k null 9 ->
    left k F 4 -> k = F-null @ 4
    right k f 3 ->
    left null E 16 -> null = E-null @ 16
    dropped 5"
)]
fn joins_the_current_row(#[case] program: fn(&StreamsBuilder), #[case] script: &str) {
    check(program, script);
}

#[test]
fn the_result_has_the_records_time_and_headers() -> Result<()> {
    let builder = StreamsBuilder::new();
    let table = builder.table::<String, String>("right");
    builder.stream::<String, String>("left").join_table(&table, |value, row| format!("{value}{row}")).to("out");
    let driver = TopologyTestDriver::new(builder.build()?)?;
    driver.input::<String, String>("right")?.pipe_at(Timestamp(9), "k", "r".to_owned())?;
    let mut headers = Headers::new();
    headers.push("trace", None);
    let record = TestRecord { key: "k".to_owned(), value: "l".to_owned(), timestamp: Timestamp(4), headers };
    driver.input::<String, String>("left")?.pipe_record(&record)?;
    driver.output::<String, String>("out")?.check("k = lr @ 4 {trace: null}");
    Ok(())
}

#[test]
fn two_joins_of_one_rekeyed_stream_share_its_repartition() -> Result<()> {
    let builder = StreamsBuilder::new();
    let (names, prices) = (builder.table::<String, String>("names"), builder.table::<String, i64>("prices"));
    let sales = builder.stream::<String, String>("sales").select_key(|_, sku| sku.clone());
    sales.join_table(&names, |_, name| name.clone()).to("named");
    sales.left_join_table(&prices, |sku, price| format!("{sku} {price:?}")).to("priced");
    let driver = TopologyTestDriver::new(builder.build()?)?;
    driver.input::<String, String>("names")?.pipe("sku1", "pen".to_owned())?;
    driver.input::<String, String>("sales")?.pipe("till", "sku1".to_owned())?;
    driver.output::<String, String>("named")?.check("sku1 = pen @ 0");
    driver.output::<String, String>("priced")?.check("sku1 = sku1 None @ 0");
    let topics = driver.produced_topic_names();
    assert_eq!(topics.iter().filter(|name| name.ends_with("-repartition")).count(), 1, "{topics:?}");
    Ok(())
}

#[test]
fn a_stream_joins_a_count_and_a_view() {
    let program = |builder: &StreamsBuilder| {
        let counts = builder.stream::<String, String>("right").group_by_key().count();
        let even = counts.filter(|_, count| count % 2 == 0).map_values(|count| format!("{count} times"));
        builder.stream::<String, String>("left").join_table(&even, |value, row| format!("{value} {row}")).to("out");
    };
    check(
        program,
        "
    right k x 1 ->
    left k a 2 ->
    right k x 3 ->
    left k b 4 -> k = b 2 times @ 4
    dropped 0",
    );
}

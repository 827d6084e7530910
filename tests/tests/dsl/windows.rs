//! Aggregations in time windows.

use rstest::rstest;
use streams_dsl::prelude::*;

use super::script::{cached, check, or_null, text};

fn tumbling() -> TimeWindows {
    TimeWindows::of_size_with_no_grace(millis(10))
}

fn with_grace() -> TimeWindows {
    TimeWindows::of_size_and_grace(millis(10), millis(5))
}

/// Null values are aggregated, so the source has to let them through.
fn grouped(builder: &StreamsBuilder) -> KGroupedStream<Option<String>, Option<String>> {
    builder.stream("in").group_by_key()
}

fn key(windowed: &Windowed<Option<String>>) -> Option<String> {
    Some(text(&Windowed::new(windowed.key.clone().unwrap_or_default(), windowed.window)))
}

/// The values of each key and window in the order in which they came.
fn values(builder: &StreamsBuilder, windows: TimeWindows) {
    let aggregator = |_: &Option<String>, value: &Option<String>, all: &mut String| {
        *all = format!("{all}+{}", or_null(value.as_ref()));
    };
    let values = grouped(builder).windowed_by(windows).aggregate(|| "0".to_owned(), aggregator);
    values.to_stream().select_key(|windowed, _| key(windowed)).to("out");
}

/// Stream time moves before lateness is judged, by all keys together; each closed window is one dropped record.
#[rstest]
#[case::tumbling(
    tumbling(),
    "
    in a 1 0 -> [a@0/10] = 0+1 @ 0
    in a 2 9 -> [a@0/10] = 0+1+2 @ 9
    in a 3 10 -> [a@10/20] = 0+3 @ 10
    in a late 9 ->
    in b late 5 ->
    in b null 10 -> [b@10/20] = 0+null @ 10
    in null x 10 ->
    in a 4 19 -> [a@10/20] = 0+3+4 @ 19
    in a 5 12 -> [a@10/20] = 0+3+4+5 @ 19
    in a 6 35 -> [a@30/40] = 0+6 @ 35
    in a 7 29 ->
    in a 8 30 -> [a@30/40] = 0+6+8 @ 35
    dropped 4"
)]
#[case::tumbling_with_grace(
    with_grace(),
    "
    in a 1 0 -> [a@0/10] = 0+1 @ 0
    in a 2 14 -> [a@10/20] = 0+2 @ 14
    in a 3 9 -> [a@0/10] = 0+1+3 @ 9
    in a 4 15 -> [a@10/20] = 0+2+4 @ 15
    in a 5 9 ->
    in a 6 10 -> [a@10/20] = 0+2+4+6 @ 15
    in b 7 24 -> [b@20/30] = 0+7 @ 24
    in b 8 19 -> [b@10/20] = 0+8 @ 19
    in b 9 25 -> [b@20/30] = 0+7+9 @ 25
    in b 10 19 ->
    dropped 2"
)]
#[case::hopping_with_grace(with_grace().advance_by(millis(4)), "
    in a 1 0 -> [a@0/10] = 0+1 @ 0
    in a 2 3 -> [a@0/10] = 0+1+2 @ 3
    in a 3 4 -> [a@0/10] = 0+1+2+3 @ 4; [a@4/14] = 0+3 @ 4
    in a 4 9 -> [a@0/10] = 0+1+2+3+4 @ 9; [a@4/14] = 0+3+4 @ 9; [a@8/18] = 0+4 @ 9
    in a 5 13 -> [a@4/14] = 0+3+4+5 @ 13; [a@8/18] = 0+4+5 @ 13; [a@12/22] = 0+5 @ 13
    in a 6 17 -> [a@8/18] = 0+4+5+6 @ 17; [a@12/22] = 0+5+6 @ 17; [a@16/26] = 0+6 @ 17
    in a 7 2 ->
    in a 8 9 -> [a@4/14] = 0+3+4+5+8 @ 13; [a@8/18] = 0+4+5+6+8 @ 17
    in a 9 100 -> [a@92/102] = 0+9 @ 100; [a@96/106] = 0+9 @ 100; [a@100/110] = 0+9 @ 100
    in a 10 85 ->
    in a 11 86 ->
    in a 12 95 -> [a@88/98] = 0+12 @ 95; [a@92/102] = 0+9+12 @ 100
    dropped 7")]
fn values_fall_into_windows(#[case] windows: TimeWindows, #[case] script: &str) {
    check(|builder| values(builder, windows), script);
}

#[test]
fn null_values_are_counted_in_windows() {
    let program = |builder: &StreamsBuilder| {
        let counts = grouped(builder).windowed_by(tumbling()).count();
        let counts = counts.to_stream().select_key(|windowed, _| key(windowed));
        counts.map_values(|count| count.map(|count| count.to_string())).to("out");
    };
    check(
        program,
        "
    in a 1 3 -> [a@0/10] = 1 @ 3
    in a null 1 -> [a@0/10] = 2 @ 3
    in null 3 1 ->
    in a 4 11 -> [a@10/20] = 1 @ 11
    dropped 1",
    );
}

#[test]
fn null_values_are_reduced_in_windows() {
    let program = |builder: &StreamsBuilder| {
        let reducer = |all: &Option<String>, value: &Option<String>| {
            Some(format!("{}+{}", or_null(all.as_ref()), or_null(value.as_ref())))
        };
        let reduced = grouped(builder).windowed_by(tumbling()).reduce(reducer);
        let reduced = reduced.to_stream().select_key(|windowed, _| key(windowed));
        reduced.map_values(|value| value.clone().flatten()).to("out");
    };
    check(
        program,
        "
    in a 1 3 -> [a@0/10] = 1 @ 3
    in a 2 1 -> [a@0/10] = 1+2 @ 3
    in a null 5 -> [a@0/10] = 1+2+null @ 5
    in a 4 11 -> [a@10/20] = 4 @ 11
    in a null 12 -> [a@10/20] = 4+null @ 12
    dropped 0",
    );
}

#[rstest]
#[case::uncached(
    false,
    "
    in a 1 3 -> [a@0/10] = 01 @ 3
    in a del 1 -> [a@0/10] = null @ 3
    in a 3 2 -> [a@0/10] = 03 @ 2
    in a del 9 -> [a@0/10] = null @ 9
    dropped 0"
)]
#[case::cached(
    true,
    "
    in a 1 3 -> [a@0/10] = 01 @ 3
    in a del 1 -> [a@0/10] = null @ 1
    in a 3 2 -> [a@0/10] = 03 @ 2
    in a del 9 -> [a@0/10] = null @ 9
    dropped 0"
)]
fn an_aggregate_that_becomes_null_deletes_its_window(#[case] is_cached: bool, #[case] script: &str) {
    let program = |builder: &StreamsBuilder| {
        let aggregator = |_: &Option<String>, value: &Option<String>, all: &mut Option<String>| {
            let value = or_null(value.as_ref());
            *all = (value != "del").then(|| format!("{}{value}", or_null(all.as_ref())));
        };
        let windows = grouped(builder).windowed_by(tumbling());
        let values = windows.aggregate_with(cached(is_cached), || Some("0".to_owned()), aggregator);
        let values = values.to_stream().select_key(|windowed, _| key(windowed));
        values.map_values(|value| value.clone().flatten()).to("out");
    };
    check(program, script);
}

/// No window ever has the count 0 that passes the filter: what comes out is what was told of the row before.
#[rstest]
#[case::uncached(
    false,
    "
    in a x 1 -> [a@0/10] = null @ 1
    in a x 2 ->
    in b x 3 -> [b@0/10] = null @ 3
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
    let program = |builder: &StreamsBuilder| {
        let windows = builder.stream::<String, String>("in").group_by_key().windowed_by(tumbling());
        let counts = windows.count_with(cached(is_cached));
        let (zeros, none) = (counts.filter(|_, count| *count == 0), counts.filter(|_, _| false));
        let joined = zeros.left_join(&none, |count, _| count.to_string());
        joined.to_stream().select_key(|windowed, _| text(windowed)).to("out");
    };
    check(program, script);
}

#[rstest]
#[case::too_short(14, Some("its retention of 14ms is shorter than its windows' size and grace together, 15ms"))]
#[case::just_enough(15, None)]
fn a_retention_shorter_than_the_windows_is_refused(#[case] retention: u64, #[case] refusal: Option<&str>) {
    let builder = StreamsBuilder::new();
    let materialized = Materialized::<String, i64>::named("per-window").retention(millis(retention));
    let grouped = builder.stream::<String, String>("in").group_by_key();
    grouped.windowed_by(with_grace()).count_with(materialized).to_stream().map_values(|_| 1_i64).for_each(|_, _| {});
    match (builder.build(), refusal) {
        (Ok(_), None) => {}
        (Err(error), Some(refusal)) => assert!(error.report().contains(refusal), "{}", error.report()),
        (built, refusal) => panic!("{built:?} instead of {refusal:?}"),
    }
}

#[rstest]
#[case::no_size(TimeWindows::of_size_with_no_grace(millis(0)), "the size must be larger than zero")]
#[case::advance(tumbling().advance_by(millis(11)), "no larger than the size")]
fn impossible_windows_are_refused(#[case] windows: TimeWindows, #[case] why: &str) {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, String>("in").group_by_key();
    grouped.windowed_by(windows).count().to_stream().for_each(|_, _| {});
    let error = builder.build().expect_err("it is impossible");
    assert_eq!(error.kind(), ErrorKind::InvalidTopology);
    assert!(error.report().contains(why), "{}", error.report());
}

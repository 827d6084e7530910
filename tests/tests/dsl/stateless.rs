//! Operators without state: what they forward, with which time and headers, and what they do with null.

#![expect(clippy::ptr_arg, reason = "functions that stand for closures over strings take what those take")]

use rstest::rstest;
use streams_core::testing::{TestRecord, TopologyTestDriver};
use streams_dsl::prelude::*;

use super::script::check;

type Stream = KStream<String, String>;

fn lines(builder: &StreamsBuilder) -> Stream {
    builder.stream("in")
}

fn each(line: &String) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

#[rstest]
#[case::filter(|s: Stream| s.filter(|key, value| key == "k" && value.len() > 1).to("out"), "k = a b @ 5")]
#[case::filter_not(|s: Stream| s.filter_not(|_, value| value.len() > 1).to("out"), "k = x @ 3")]
#[case::map_values(|s: Stream| s.map_values(|value| value.len().to_string()).to("out"), "k = 3 @ 5\nk = 1 @ 3")]
#[case::map_values_with_key(
    |s: Stream| s.map_values_with_key(|key, value| format!("{key}{value}")).to("out"),
    "k = ka b @ 5\nk = kx @ 3"
)]
#[case::map(|s: Stream| s.map(|key, value| (value.clone(), key.clone())).to("out"), "a b = k @ 5\nx = k @ 3")]
#[case::flat_map(
    |s: Stream| s.flat_map(|key, value| each(value).into_iter().map(|word| (word, key.clone())).collect::<Vec<_>>()).to("out"),
    "a = k @ 5\nb = k @ 5\nx = k @ 3"
)]
#[case::flat_map_values(|s: Stream| s.flat_map_values(each).to("out"), "k = a @ 5\nk = b @ 5\nk = x @ 3")]
#[case::flat_map_values_to_nothing(|s: Stream| s.flat_map_values(|_| Vec::<String>::new()).to("out"), "")]
#[case::flat_map_values_with_key(
    |s: Stream| s.flat_map_values_with_key(|key, value| [key.clone(), value.clone()]).to("out"),
    "k = k @ 5\nk = a b @ 5\nk = k @ 3\nk = x @ 3"
)]
#[case::select_key(|s: Stream| s.select_key(|_, value| value.len().to_string()).to("out"), "3 = a b @ 5\n1 = x @ 3")]
#[case::peek(|s: Stream| s.peek(|_, _| {}).to("out"), "k = a b @ 5\nk = x @ 3")]
#[case::merge_with_itself(|s: Stream| s.merge(&s).to("out"), "k = a b @ 5\nk = x @ 3")]
#[case::chosen_topic(
    |s: Stream| s.to_chosen(|_, value| if value == "x" { "out".to_owned() } else { "other".to_owned() }),
    "k = x @ 3"
)]
#[case::named_sink(|s: Stream| s.to_with("out", Produced::default().named("write")), "k = a b @ 5\nk = x @ 3")]
fn records_keep_time_and_headers(#[case] program: fn(Stream), #[case] expected: &str) -> Result<()> {
    let builder = StreamsBuilder::new();
    program(lines(&builder));
    let driver = TopologyTestDriver::new(builder.build()?)?;
    let input = driver.input::<String, String>("in")?;
    for (value, timestamp) in [("a b", 5), ("x", 3)] {
        let mut headers = Headers::new();
        headers.push("trace", None);
        let (key, value, timestamp) = ("k".to_owned(), value.to_owned(), Timestamp(timestamp));
        input.pipe_record(&TestRecord { key, value, timestamp, headers })?;
    }
    let with_headers = expected.lines().map(|line| format!("{line} {{trace: null}}\n")).collect::<String>();
    driver.output::<String, String>("out")?.check(with_headers);
    assert_eq!(driver.dropped_records(), 0);
    Ok(())
}

/// Where the types hold null, closures see it; where they do not, the source drops it and counts.
#[test]
fn null_is_seen_through_option() {
    let program = |builder: &StreamsBuilder| {
        let stream = builder.stream::<Option<String>, Option<String>>("in");
        let seen = stream.filter(|key, value| key.is_none() || value.is_none()).map_values_with_key(|key, value| {
            Some(format!("{} {}", key.as_deref().unwrap_or("no key"), value.as_deref().unwrap_or("no value")))
        });
        seen.to("out");
    };
    check(
        program,
        "
        in k v 1 ->
        in null v 2 -> null = no key v @ 2
        in k null 3 -> k = k no value @ 3
        in null null 4 -> null = no key no value @ 4
        dropped 0",
    );
}

#[test]
fn null_is_dropped_and_counted_where_the_types_do_not_hold_it() {
    check(
        |builder| lines(builder).to("out"),
        "
        in null v 1 ->
        in k null 2 ->
        in k v 3 -> k = v @ 3
        dropped 2",
    );
}

#[test]
fn closures_see_records_in_order() -> Result<()> {
    let (seen, into) = std::sync::mpsc::channel();
    let (peeked, ended) = (std::sync::Mutex::new(seen.clone()), std::sync::Mutex::new(seen));
    let builder = StreamsBuilder::new();
    let tell = |to: &std::sync::Mutex<std::sync::mpsc::Sender<String>>, what: &str, value: &String| {
        to.lock().unwrap().send(format!("{what} {value}")).unwrap();
    };
    let stream = lines(&builder).peek(move |_, value| tell(&peeked, "peek", value));
    stream.for_each(move |_, value| tell(&ended, "end", value));
    let driver = TopologyTestDriver::new(builder.build()?)?;
    driver.input::<String, String>("in")?.pipe_all([("k", "a".to_owned()), ("k", "b".to_owned())])?;
    assert_eq!(into.try_iter().collect::<Vec<_>>(), ["peek a", "end a", "peek b", "end b"]);
    Ok(())
}

#[test]
fn streams_merge_in_the_order_of_their_records() {
    let program = |builder: &StreamsBuilder| lines(builder).merge(&builder.stream("other")).to("out");
    check(
        program,
        "
        in k a 5 -> k = a @ 5
        other k b 1 -> k = b @ 1
        in k c 2 -> k = c @ 2
        dropped 0",
    );
}

#[test]
fn the_first_branch_that_takes_a_record_gets_it() {
    let program = |builder: &StreamsBuilder| {
        let mut split = lines(builder).split();
        let first = split.branch(|_, value| value.starts_with('a'));
        let second = split.branch(|_, value| value.len() > 2);
        first.map_values(|value| format!("A:{value}")).to("out");
        second.map_values(|value| format!("L:{value}")).to("out");
    };
    check(
        program,
        "
    in k abc 1 -> k = A:abc @ 1
    in k bcd 2 -> k = L:bcd @ 2
    in k x 3 ->
    dropped 0",
    );
}

#[test]
fn the_default_branch_gets_the_rest() {
    let program = |builder: &StreamsBuilder| {
        let mut split = lines(builder).split();
        let first = split.branch(|_, value| value.starts_with('a'));
        let rest = split.default_branch();
        first.map_values(|value| format!("A:{value}")).merge(&rest.map_values(|value| format!("R:{value}"))).to("out");
    };
    check(
        program,
        "
        in k abc 1 -> k = A:abc @ 1
        in k x 2 -> k = R:x @ 2
        dropped 0",
    );
}

#[test]
fn a_branch_that_nobody_uses_still_takes_its_records() {
    let program = |builder: &StreamsBuilder| {
        let mut split = lines(builder).split();
        drop(split.branch(|_, value| value.starts_with('a')));
        split.default_branch().to("out");
    };
    check(
        program,
        "
        in k abc 1 ->
        in k x 2 -> k = x @ 2
        dropped 0",
    );
}

#[test]
fn a_topic_that_is_read_twice_has_one_source() {
    let program = |builder: &StreamsBuilder| {
        lines(builder).map_values(|value| format!("first {value}")).to("out");
        lines(builder).map_values(|value| format!("second {value}")).to("out");
    };
    check(
        program,
        "
        in k a 1 -> k = first a @ 1; k = second a @ 1
        dropped 0",
    );
}

type Wrong = fn(&StreamsBuilder);

#[rstest]
#[case::other_types(
    |builder: &StreamsBuilder| {
        builder.stream::<String, String>("in").to("out");
        builder.stream::<String, i64>("in").to("out2");
    },
    "topic in is read twice, as KStream<String, String> and as KStream<String, i64> (at "
)]
#[case::extractor(
    |builder: &StreamsBuilder| {
        builder.stream::<String, String>("in").to("out");
        let consumed = Consumed::default().timestamp_extractor(|_, partition_time| partition_time);
        builder.stream_with::<String, String>("in", consumed).to("out2");
    },
    "topic in is read twice, with a timestamp extractor (at "
)]
#[case::overlapping_topics(
    |builder: &StreamsBuilder| {
        builder.stream_of::<String, String>(&["in", "in2"], Consumed::default()).to("out");
        builder.stream::<String, String>("in").to("out2");
    },
    "topic in has already been registered by another source"
)]
#[case::stream_and_table(
    |builder: &StreamsBuilder| {
        builder.stream::<String, String>("in").to("out");
        builder.table::<String, String>("in").to_stream().to("out2");
    },
    "topic in has already been registered by another source"
)]
#[case::no_topic(
    |builder: &StreamsBuilder| builder.stream_of::<String, String>(&[], Consumed::default()).to("out"),
    "reads no topic"
)]
#[case::illegal_name(
    |builder: &StreamsBuilder| lines(builder).filter(|_, _| true).named("a/b").to("out"),
    "node name \"a/b\" has '/' at position 1"
)]
#[case::same_name_twice(
    |builder: &StreamsBuilder| {
        lines(builder).peek(|_, _| {}).named("x").peek(|_, _| {}).named("x").to("out");
    },
    "node x is already added"
)]
#[case::same_store_twice(
    |builder: &StreamsBuilder| {
        let grouped = lines(builder).group_by_key();
        grouped.count_with(Materialized::named("rows")).to_stream().to("out");
        grouped.count_with(Materialized::named("rows")).to_stream().to("out2");
    },
    "a different store has already been added with the name rows"
)]
#[case::same_repartition_twice(
    |builder: &StreamsBuilder| {
        lines(builder).repartition_with(Repartitioned::named("again")).to("out");
        lines(builder).repartition_with(Repartitioned::named("again")).to("out2");
    },
    "again-repartition has already been registered"
)]
#[case::nothing(|_: &StreamsBuilder| {}, "topology has no source")]
fn wrong_programs_are_refused(#[case] program: Wrong, #[case] why: &str) {
    let builder = StreamsBuilder::new();
    program(&builder);
    let error = builder.build().expect_err("it is wrong");
    assert_eq!(error.kind(), ErrorKind::InvalidTopology);
    assert!(error.report().contains(why), "{}", error.report());
}

#[test]
fn an_extractor_gives_the_event_time() {
    let program = |builder: &StreamsBuilder| {
        let consumed = Consumed::default()
            .timestamp_extractor(|record: Record<'_, String, String>, _| Timestamp(record.value.parse().unwrap_or(-1)));
        builder.stream_with("in", consumed).to("out");
    };
    check(
        program,
        "
        in k 70 1 -> k = 70 @ 70
        in k x 2 ->
        in k 9 3 -> k = 9 @ 9
        dropped 1",
    );
}

/// Rows B35 and B36: what is wrong has two places in the program, and both are named.
#[test]
fn b35_b36_both_places_in_the_program_are_named() {
    let refusal = |builder: &StreamsBuilder| builder.build().expect_err("it is wrong").report();
    let at = |line: u32| format!("{}:{line}", file!());
    let first = line!() + 1;
    let nodes = StreamsBuilder::new();
    let stream = nodes.stream::<String, String>("in");
    let checked = stream.peek(|_, _| {}).named("x");
    checked.filter(|_, _| true).named("x").to("out");
    let stores = StreamsBuilder::new();
    let grouped = stores.stream::<String, String>("in").group_by_key();
    grouped.count_with(Materialized::named("rows"));
    grouped.reduce_with(Materialized::named("rows"), |_, new| new.clone());
    let sources = StreamsBuilder::new();
    sources.stream::<String, String>("in").to("out");
    sources.table::<String, String>("in").to_stream().to("out2");
    let types = StreamsBuilder::new();
    types.stream::<String, String>("in").to("out");
    types.stream::<String, i64>("in").to("out2");
    for (builder, one, other) in [(&nodes, 2, 3), (&stores, 6, 7), (&sources, 9, 10), (&types, 12, 13)] {
        let text = refusal(builder);
        assert!(text.contains(&at(first + one)) && text.contains(&at(first + other)), "{text}");
    }
}

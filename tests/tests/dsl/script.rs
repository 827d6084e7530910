//! Runs a topology over a script and compares all that it answers.
//!
//! A script has one line per record, `topic key value timestamp -> answers`, and ends with how many records were dropped.
//! `null` is null and `_` in a value is a space; answers are what topic `out` got before the next record, as
//! `key = value @ timestamp` with `; ` between them. Unless a test says otherwise, the answers are those of Kafka Streams
//! 4.3.1 (its TopologyTestDriver, cache of 10 MiB) for the same topology.

use std::fmt::Write as _;

use streams_core::testing::{TestOutputTopic, TopologyTestDriver};
use streams_dsl::prelude::*;

/// Builds `program`, pipes the records of `script` and compares the answers with those of the script.
#[track_caller]
pub(super) fn check(program: impl FnOnce(&StreamsBuilder), script: &str) {
    let lines: Vec<&str> = script.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let actual = run(program, &lines).unwrap_or_else(|error| error.report());
    let expected = lines.join("\n");
    assert!(actual.trim_end() == expected, "expected:\n{expected}\n\nactual:\n{actual}");
}

fn run(program: impl FnOnce(&StreamsBuilder), lines: &[&str]) -> Result<String> {
    let builder = StreamsBuilder::new();
    program(&builder);
    let driver = TopologyTestDriver::new(builder.build()?)?;
    let out = driver.output::<Option<String>, Option<String>>("out")?;
    let mut actual = String::new();
    for line in lines {
        let input = line.split("->").next().unwrap_or_default().trim();
        let &[topic, key, value, timestamp] = input.split(' ').collect::<Vec<_>>().as_slice() else { break };
        let timestamp = Timestamp(timestamp.parse().expect("a time is a number"));
        let value = bytes(value).map(|value| value.replace('_', " "));
        let topic = driver.input::<String, String>(topic)?;
        topic.pipe_bytes_at(timestamp, bytes(key).map(str::as_bytes), value.as_deref().map(str::as_bytes))?;
        let _ = writeln!(actual, "{}", format!("{input} -> {}", answers(&out)?).trim_end());
    }
    let _ = write!(actual, "dropped {}", driver.dropped_records());
    Ok(actual)
}

fn bytes(field: &str) -> Option<&str> {
    (field != "null").then_some(field)
}

fn answers(out: &TestOutputTopic<Option<String>, Option<String>>) -> Result<String> {
    Ok(out.read_text()?.replace('\n', "; "))
}

/// The windowed key as Kafka Streams prints it.
pub(super) fn text(windowed: &Windowed<String>) -> String {
    format!("[{}@{}/{}]", windowed.key, windowed.window.start, windowed.window.end)
}

/// Options for a store with or without a cache.
pub(super) fn cached<K: DefaultSerde, V: DefaultSerde>(is_cached: bool) -> Materialized<K, V> {
    let materialized = Materialized::default();
    if is_cached {
        materialized
    } else {
        materialized.caching_disabled()
    }
}

/// A value or the word null.
pub(super) fn or_null(value: Option<&String>) -> &str {
    value.map_or("null", |value| value)
}

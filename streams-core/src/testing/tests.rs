//! The driver's own behaviour, on topologies of the Processor API.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rstest::rstest;

use super::support::{add_processor, add_processor_with};
use super::{TestRecord, TopologyTestDriver};
use crate::config::StreamsConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::processor::{Context, Processor, Punctuation, PunctuationType};
use crate::record::{Headers, Record};
use crate::state::{KeyValueStore, StoreBuilder, Stores};
use crate::time::Timestamp;
use crate::topology::{InternalTopic, SinkOptions, SourceOptions, Topology, TopologyBuilder};

type Pairs = (String, i64);

fn sink<K: crate::serde::DefaultSerde, V: crate::serde::DefaultSerde>() -> SinkOptions<K, V> {
    SinkOptions::default()
}

/// `in` doubled to `out`; a 0 fails, and a record of it goes to `side` before.
fn doubling() -> Topology {
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source::<String, i64>("source", &["in"], SourceOptions::default()).unwrap();
    let side = builder.add_sink("side", "side", sink::<String, i64>(), &[source]).unwrap();
    assert_eq!(builder.node("side"), Some(side));
    let double = add_processor::<String, i64>(&mut builder, "double", &[source], |record, cx| {
        if *record.value == 0 {
            return Err(Error::new(ErrorKind::Processing, "zero cannot be doubled"));
        }
        cx.forward(record.with_value(&(record.value * 2)))
    })
    .unwrap();
    builder.add_sink("sink", "out", sink::<String, i64>(), &[double]).unwrap();
    builder.build().unwrap()
}

fn with(settings: &[(&'static str, &'static str)]) -> StreamsConfig {
    StreamsConfig::from_settings([("application.id", "shop")].into_iter().chain(settings.iter().copied())).unwrap()
}

#[test]
fn a_record_goes_through_with_its_time_and_headers() {
    let driver = TopologyTestDriver::new(doubling()).unwrap();
    let input = driver.input::<String, i64>("in").unwrap().with_auto_advance(Timestamp(10), Duration::from_millis(5));
    input.pipe("a", 1).unwrap();
    input.pipe("b", 2).unwrap();
    input.pipe_at(Timestamp(3), "late", 3).unwrap();
    let mut headers = Headers::new();
    headers.push("trace", Some(Bytes::from_static(b"x1")));
    headers.push("trace", None);
    input.pipe_record(&TestRecord { key: "h".to_owned(), value: 4, timestamp: Timestamp(20), headers }).unwrap();
    input.pipe("c", 5).unwrap();

    let output = driver.output::<String, i64>("out").unwrap();
    assert_eq!(output.read_key_value().unwrap(), ("a".to_owned(), 2));
    output.check(
        "b = 4 @ 15
         late = 6 @ 3
         h = 8 @ 20 {trace: x1, trace: null}
         c = 10 @ 20",
    );
    assert!(output.is_empty());
    assert_eq!(driver.produced_topic_names(), ["out", "side"]);
}

#[rstest]
#[case::typo("input", "the topology does not read topic input: it knows in")]
#[case::output("out", "the topology does not read topic out: it knows in")]
fn an_unknown_input_names_the_known_ones(#[case] topic: &str, #[case] message: &str) {
    let driver = TopologyTestDriver::new(doubling()).unwrap();
    assert_eq!(driver.input::<String, i64>(topic).unwrap_err().to_string(), message);
}

#[test]
fn an_unknown_output_names_the_known_ones() {
    let driver = TopologyTestDriver::new(doubling()).unwrap();
    let error = driver.output::<String, i64>("in").unwrap_err();
    assert_eq!(error.to_string(), "the topology does not write topic in: it knows out, side");
}

#[test]
fn a_failing_processor_stops_with_node_and_position() {
    let driver = TopologyTestDriver::new(doubling()).unwrap();
    let input = driver.input::<String, i64>("in").unwrap();
    input.pipe("a", 1).unwrap();
    let error = input.pipe("b", 0).unwrap_err();
    assert_eq!(error.report(), "node double of task 0_0 fails at in-0 offset 1: zero cannot be doubled");
    assert_eq!(error.kind(), ErrorKind::Processing);
}

#[test]
fn a_continuing_handler_skips_one_subtree_and_counts() {
    let config = with(&[("processing.exception.handler", "continue")]);
    let driver = TopologyTestDriver::with_config(doubling(), &config).unwrap();
    driver.input::<String, i64>("in").unwrap().pipe_all([("a", 1), ("b", 0), ("c", 3)]).unwrap();
    driver.output::<String, i64>("out").unwrap().check("a = 2 @ 0\nc = 6 @ 0");
    driver.output::<String, i64>("side").unwrap().check("a = 1 @ 0\nb = 0 @ 0\nc = 3 @ 0");
    assert_eq!(driver.dropped_records(), 1);
}

#[test]
fn a_record_that_does_not_decode_fails_or_is_passed_over() {
    let config = with(&[("deserialization.exception.handler", "continue")]);
    for (config, dropped) in [(None, None), (Some(config), Some(2))] {
        let driver = match &config {
            Some(config) => TopologyTestDriver::with_config(doubling(), config).unwrap(),
            None => TopologyTestDriver::new(doubling()).unwrap(),
        };
        let input = driver.input::<String, i64>("in").unwrap();
        let piped = input.pipe_bytes_at(Timestamp(0), Some(b"k"), Some(b"hello world"));
        match dropped {
            None => assert_eq!(
                piped.unwrap_err().report(),
                "in-0 offset 0 value: deserialize failed; mend the record's producer, or set \
                 deserialization.exception.handler=continue or a dead letter topic to pass over such records: \
                 serde `i64` got 11 bytes, expects 8"
            ),
            Some(dropped) => {
                piped.unwrap();
                input.pipe_bytes_at(Timestamp(0), Some(b"\xff"), Some(&[0; 8])).unwrap();
                input.pipe("a", 1).unwrap();
                driver.output::<String, i64>("out").unwrap().check("a = 2 @ 0");
                assert_eq!(driver.dropped_records(), dropped);
            }
        }
    }
}

#[test]
fn nulls_that_the_type_cannot_hold_are_dropped_and_counted() {
    let driver = TopologyTestDriver::new(doubling()).unwrap();
    let input = driver.input::<String, i64>("in").unwrap();
    input.pipe_value(7).unwrap();
    input.pipe_tombstone_at(Timestamp(0), "a").unwrap();
    assert_eq!(driver.dropped_records(), 2);
    assert!(driver.output::<String, i64>("out").unwrap().is_empty());
}

#[test]
fn nulls_that_the_type_holds_go_through() {
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source::<Option<String>, Option<i64>>("s", &["in"], SourceOptions::default()).unwrap();
    builder.add_sink("sink", "out", sink::<Option<String>, Option<i64>>(), &[source]).unwrap();
    let driver = TopologyTestDriver::new(builder.build().unwrap()).unwrap();
    let input = driver.input::<Option<String>, Option<i64>>("in").unwrap();
    input.pipe(None, Some(1)).unwrap();
    input.pipe("a".to_owned(), None).unwrap();
    driver.output::<Option<String>, Option<i64>>("out").unwrap().check("null = 1 @ 0\na = null @ 0");
    assert_eq!(driver.dropped_records(), 0);
}

#[test]
fn an_output_says_when_its_types_are_wrong() {
    let driver = TopologyTestDriver::new(doubling()).unwrap();
    driver.input::<String, i64>("in").unwrap().pipe("a", 1).unwrap();
    let error = driver.output::<String, i32>("out").unwrap().read_value().unwrap_err();
    assert_eq!(error.report(), "read value of a record of topic out: serde `i32` got 8 bytes, expects 4");
    let error = driver.output::<String, i32>("out").unwrap().read_value().unwrap_err();
    assert_eq!(error.to_string(), "topic out has no further record: all are read");
}

#[test]
fn a_negative_timestamp_fails_with_its_position() {
    let driver = TopologyTestDriver::new(doubling()).unwrap();
    let input = driver.input::<String, i64>("in").unwrap();
    input.pipe("a", 1).unwrap();
    let error = input.pipe_at(Timestamp(-1), "b", 1).unwrap_err();
    assert!(error.report().starts_with("in-0 offset 1: timestamp -1 is negative: "), "{}", error.report());
}

#[test]
fn an_extractor_gives_the_time_and_its_negative_drops() {
    let mut builder = TopologyBuilder::new();
    let extractor = Arc::new(|record: Record<'_, String, i64>, partition_time: Timestamp| match *record.value {
        0 => Ok(partition_time),
        9 => Err(Error::new(ErrorKind::Processing, "nine is no time")),
        value => Ok(Timestamp(value)),
    });
    let options = SourceOptions::<String, i64> { extractor: Some(extractor), ..SourceOptions::default() };
    let source = builder.add_source("s", &["in"], options).unwrap();
    builder.add_sink("sink", "out", sink::<String, i64>(), &[source]).unwrap();
    let driver = TopologyTestDriver::new(builder.build().unwrap()).unwrap();
    driver.input::<String, i64>("in").unwrap().pipe_all([("a", 70), ("b", -5), ("c", 50), ("d", 0)]).unwrap();
    driver.output::<String, i64>("out").unwrap().check("a = 70 @ 70\nc = 50 @ 50\nd = 0 @ 70");
    assert_eq!(driver.dropped_records(), 1);
    let error = driver.input::<String, i64>("in").unwrap().pipe("e", 9).unwrap_err();
    assert!(
        error.report().ends_with("in-0 offset 4: extract the record's time: nine is no time"),
        "{}",
        error.report()
    );
}

/// Row 52: tasks that go on elsewhere have what was logged and committed, and nothing else.
#[test]
fn a_restart_keeps_what_was_logged_and_committed() {
    struct Count(KeyValueStore<String, i64>, KeyValueStore<String, i64>);
    impl Processor<String, i64> for Count {
        type KOut = String;
        type VOut = i64;

        fn process(&mut self, record: Record<'_, String, i64>, cx: &mut Context<'_, String, i64>) -> Result<()> {
            let logged = self.0.get(record.key)?.unwrap_or(0) + 1;
            let unlogged = self.1.get(record.key)?.unwrap_or(0) + 1;
            self.0.put(record.key, &logged)?;
            self.1.put(record.key, &unlogged)?;
            cx.forward(record.with_value(&(10 * logged + unlogged)))
        }
    }

    let mut builder = TopologyBuilder::new();
    let extractor = Arc::new(|record: Record<'_, String, i64>, partition_time: Timestamp| {
        Ok(if record.timestamp < Timestamp(0) { partition_time } else { record.timestamp })
    });
    let options = SourceOptions::<String, i64> { extractor: Some(extractor), ..SourceOptions::default() };
    let source = builder.add_source("s", &["in"], options).unwrap();
    let count = add_processor_with::<String, i64, Count>(&mut builder, "count", &[source], |node, wiring| {
        Ok(Count(wiring.store(node, "logged")?, wiring.store(node, "unlogged")?))
    });
    let count = count.unwrap();
    let store = |name: &str| Stores::in_memory_key_value::<String, i64>(name);
    for store in [store("logged"), store("unlogged").with_logging_disabled()] {
        let store = Arc::new(store.build());
        let name = store.name().to_owned();
        builder.add_store(store).unwrap();
        builder.connect(count, &name).unwrap();
    }
    builder.add_sink("sink", "out", sink::<String, i64>(), &[count]).unwrap();

    let driver = TopologyTestDriver::new(builder.build().unwrap()).unwrap();
    let input = driver.input::<String, i64>("in").unwrap();
    input.pipe_at(Timestamp(7), "a", 0).unwrap();
    input.pipe_at(Timestamp(5), "a", 0).unwrap();
    driver.restart().unwrap();
    input.pipe_at(Timestamp(-1), "a", 0).unwrap();
    driver.output::<String, i64>("out").unwrap().check("a = 11 @ 7\na = 22 @ 5\na = 31 @ 7");
}

#[test]
fn internal_topics_are_fed_back_under_the_applications_name() {
    let mut builder = TopologyBuilder::new();
    builder.add_internal_topic(InternalTopic { name: "by-key-repartition".into(), partitions: None }).unwrap();
    let first = builder.add_source::<String, i64>("s1", &["in"], SourceOptions::default()).unwrap();
    builder.add_sink("k1", "by-key-repartition", sink::<String, i64>(), &[first]).unwrap();
    let second = builder.add_source::<String, i64>("s2", &["by-key-repartition"], SourceOptions::default()).unwrap();
    let position = add_processor::<String, i64>(&mut builder, "where", &[second], |record, cx| {
        let position = cx.record_position().expect("a record is in process").to_string();
        assert!(position.starts_with("shop-by-key-repartition-0 offset "), "{position}");
        cx.forward(record)
    })
    .unwrap();
    builder.add_sink("k2", "out", sink::<String, i64>(), &[position]).unwrap();
    let driver = TopologyTestDriver::with_config(builder.build().unwrap(), &with(&[])).unwrap();
    driver.input::<String, i64>("in").unwrap().pipe_all([("a", 1), ("b", 2)]).unwrap();
    driver.output::<String, i64>("out").unwrap().check("a = 1 @ 0\nb = 2 @ 0");
    driver.output::<String, i64>("shop-by-key-repartition").unwrap().check("a = 1 @ 0\nb = 2 @ 0");
}

struct Count(KeyValueStore<String, i64>);

impl Processor<String, i64> for Count {
    type KOut = String;
    type VOut = i64;

    fn process(&mut self, record: Record<'_, String, i64>, cx: &mut Context<'_, String, i64>) -> Result<()> {
        let count = self.0.get(record.key)?.unwrap_or(0) + record.value;
        self.0.put(record.key, &count)?;
        cx.forward(record.with_value(&count))
    }
}

#[rstest]
#[case::in_memory(Stores::in_memory_key_value("counts"))]
#[case::persistent_is_in_memory_here(Stores::persistent_key_value("counts"))]
#[case::cached(Stores::in_memory_key_value("counts").with_caching_enabled())]
fn stores_and_their_changelogs_can_be_read(#[case] store: StoreBuilder<KeyValueStore<String, i64>>) {
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source::<String, i64>("s", &["in"], SourceOptions::default()).unwrap();
    let count =
        add_processor_with(&mut builder, "count", &[source], |node, wiring| Ok(Count(wiring.store(node, "counts")?)))
            .unwrap();
    builder.add_store(Arc::new(store.build())).unwrap();
    builder.connect(count, "counts").unwrap();
    builder.add_sink("sink", "out", sink::<String, i64>(), &[count]).unwrap();
    let driver = TopologyTestDriver::with_config(builder.build().unwrap(), &with(&[])).unwrap();
    let input = driver.input::<String, i64>("in").unwrap().with_auto_advance(Timestamp(5), Duration::from_millis(1));
    input.pipe_all([("a", 1), ("b", 10), ("a", 2)]).unwrap();
    driver.output::<String, i64>("out").unwrap().check("a = 1 @ 5\nb = 10 @ 6\na = 3 @ 7");
    driver.output::<String, i64>("shop-counts-changelog").unwrap().check("a = 1 @ 5\nb = 10 @ 6\na = 3 @ 7");
    let counts = driver.key_value_store::<String, i64>("counts").unwrap();
    assert_eq!(counts.get(&"a".to_owned()).unwrap(), Some(3));

    let error = driver.key_value_store::<String, i64>("count").unwrap_err();
    assert_eq!(error.to_string(), "the topology has no store count: it knows counts");
    let error = driver.key_value_store::<String, String>("counts").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidTopology);
}

/// Reports every tick of a schedule as a record.
struct Ticker(PunctuationType);

impl Processor<String, i64> for Ticker {
    type KOut = String;
    type VOut = i64;

    fn init(&mut self, cx: &mut Context<'_, String, i64>) -> Result<()> {
        cx.schedule(Duration::from_millis(10), self.0);
        Ok(())
    }

    fn process(&mut self, record: Record<'_, String, i64>, cx: &mut Context<'_, String, i64>) -> Result<()> {
        cx.forward(record)
    }

    fn punctuate(&mut self, tick: Punctuation, cx: &mut Context<'_, String, i64>) -> Result<()> {
        assert_eq!(cx.record_position(), None);
        cx.forward(Record::new(&"tick".to_owned(), &tick.timestamp.0, tick.timestamp))
    }
}

fn ticking(clock: PunctuationType) -> TopologyTestDriver {
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source::<String, i64>("s", &["in"], SourceOptions::default()).unwrap();
    let ticker = add_processor_with(&mut builder, "ticker", &[source], move |_, _| Ok(Ticker(clock))).unwrap();
    builder.add_sink("sink", "out", sink::<String, i64>(), &[ticker]).unwrap();
    TopologyTestDriver::new(builder.build().unwrap()).unwrap()
}

#[test]
fn stream_time_ticks_after_the_record_that_moved_it() {
    let driver = ticking(PunctuationType::StreamTime);
    let input = driver.input::<String, i64>("in").unwrap();
    for at in [3, 9, 12, 5, 47, 48] {
        input.pipe_at(Timestamp(at), "r", 0).unwrap();
    }
    driver.output::<String, i64>("out").unwrap().check(
        "r = 0 @ 3
         tick = 3 @ 3
         r = 0 @ 9
         r = 0 @ 12
         tick = 12 @ 12
         r = 0 @ 5
         r = 0 @ 47
         tick = 47 @ 47
         r = 0 @ 48",
    );
}

#[test]
fn the_wall_clock_ticks_when_it_is_moved() {
    let driver = ticking(PunctuationType::WallClockTime);
    driver.input::<String, i64>("in").unwrap().pipe_at(Timestamp(1_000), "r", 0).unwrap();
    for ms in [9, 1, 35, 4] {
        driver.advance_wall_clock_time(Duration::from_millis(ms)).unwrap();
    }
    assert_eq!(driver.wall_clock_time(), Timestamp(49));
    driver.output::<String, i64>("out").unwrap().check("r = 0 @ 1000\ntick = 10 @ 10\ntick = 45 @ 45");
}

#[test]
fn a_topology_that_feeds_itself_is_followed_to_its_end() {
    let mut builder = TopologyBuilder::new();
    let source = builder.add_source::<String, i64>("s", &["countdown"], SourceOptions::default()).unwrap();
    let less = add_processor::<String, i64>(&mut builder, "less", &[source], |record, cx| match record.value {
        0 => Ok(()),
        value => cx.forward(record.with_value(&(value - 1))),
    })
    .unwrap();
    builder.add_sink("sink", "countdown", sink::<String, i64>(), &[less]).unwrap();
    let driver = TopologyTestDriver::new(builder.build().unwrap()).unwrap();
    driver.input::<String, i64>("countdown").unwrap().pipe("n", 3).unwrap();
    let values: Vec<Pairs> = driver.output("countdown").unwrap().read_key_values_to_list().unwrap();
    assert_eq!(values.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [2, 1, 0]);
}

#[test]
fn a_check_that_fails_shows_both_sides() {
    let driver = TopologyTestDriver::new(doubling()).unwrap();
    driver.input::<String, i64>("in").unwrap().pipe("a", 1).unwrap();
    let output = driver.output::<String, i64>("out").unwrap();
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| output.check("a = 3 @ 0")));
    let message = *caught.unwrap_err().downcast::<String>().expect("a formatted message");
    assert_eq!(message, "topic out has other records than expected\nexpected:\na = 3 @ 0\nactual:\na = 2 @ 0\n");
}

#[test]
fn what_was_produced_is_told_over_all_topics_in_order() {
    let driver = TopologyTestDriver::new(doubling()).unwrap();
    let input = driver.input::<String, i64>("in").unwrap();
    input.pipe_at(Timestamp(1), "a", 3).unwrap();
    input.pipe_at(Timestamp(2), "b", 0).unwrap_err();
    let told = |driver: &TopologyTestDriver| {
        let produced = driver.take_produced();
        produced.into_iter().map(|produced| (produced.topic, produced.record.timestamp.0)).collect::<Vec<_>>()
    };
    let topics = [("side", 1), ("out", 1), ("side", 2)].map(|(topic, time)| (topic.to_owned(), time));
    assert_eq!(told(&driver), topics);
    assert_eq!(told(&driver), []);
    assert_eq!(driver.output::<String, i64>("out").unwrap().len(), 1, "output topics keep their own place");
    assert_eq!(driver.store_names(), Vec::<String>::new());
}

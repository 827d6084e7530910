//! What goes in comes out, through restarts and crashes.

use rstest::rstest;
use streams_core::client::admin::OffsetSpec;
use streams_core::topology::Topology;
use streams_core::{Offset, TopicPartition};
use streams_dsl::prelude::*;

use super::harness::{close, eventually, latest, run, Cluster, Over};

/// Words of lines, counted: one repartition topic, one store with a changelog.
fn word_count() -> Topology {
    let builder = StreamsBuilder::new();
    builder
        .stream::<String, String>("lines")
        .flat_map_values(|line| line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        .group_by(|_, word| word.clone())
        .count_with(Materialized::named("counts"))
        .to_stream()
        .drop_tombstones()
        .to("words");
    builder.build().expect("is valid")
}

#[rstest]
fn words_are_counted(#[values(Over::Process, Over::Tcp)] over: Over) {
    let cluster = Cluster::new(over, &[("lines", 1), ("words", 1)]);
    cluster.produce("lines", 0, &[("a", "to be or not to be"), ("b", "to do")]);
    let streams = cluster.streams(word_count(), &[]);
    run(&streams);
    cluster.expect_latest("words", 1, &[("to", 3), ("be", 2), ("or", 1), ("not", 1), ("do", 1)]);
    close(&streams);
    assert_eq!(streams.metrics().total().records_processed, 2 + 8);
    assert_eq!(cluster.committed(&TopicPartition::new("lines", 0)), Some(Offset(2)));
    assert_eq!(cluster.committed(&TopicPartition::new("app-counts-repartition", 0)), Some(Offset(8)));
}

#[rstest]
#[case::in_process(Over::Process, "in_memory")]
#[case::over_tcp(Over::Tcp, "in_memory")]
#[cfg_attr(feature = "rocksdb", case::on_disk(Over::Process, "rocksDB"))]
fn a_restart_goes_on_where_the_last_run_ended(#[case] over: Over, #[case] engine: &str) {
    let cluster = Cluster::new(over, &[("lines", 1), ("words", 1)]);
    for (round, expected) in [(1, 2), (2, 4), (3, 6)] {
        cluster.produce("lines", 0, &[("a", "tick tick")]);
        let streams = cluster.streams(word_count(), &[("dsl.store.type", engine)]);
        run(&streams);
        cluster.expect_latest("words", 1, &[("tick", expected)]);
        close(&streams);
        let total = streams.metrics().total();
        assert_eq!(total.records_processed, 1 + 2, "round {round}");
        // A store in memory was restored from its changelog, not counted again; one on disk had everything.
        assert_eq!(total.records_restored > 0, round > 1 && engine == "in_memory", "round {round}");
    }
}

#[rstest]
#[case::in_memory("in_memory")]
#[cfg_attr(feature = "rocksdb", case::on_disk("rocksDB"))]
fn a_crash_loses_nothing(#[case] engine: &str) {
    let cluster = Cluster::new(Over::Process, &[("lines", 1), ("words", 1)]);
    cluster.produce("lines", 0, &[("a", "x x y"), ("b", "y z")]);
    // Nothing is committed while it runs, so all of it is processed again after the crash.
    let uncommitted =
        [("commit.interval.ms", "600000"), ("statestore.cache.max.bytes", "0"), ("dsl.store.type", engine)];
    let crashing = cluster.streams(word_count(), &uncommitted);
    run(&crashing);
    cluster.expect_latest("words", 1, &[("x", 2), ("y", 2), ("z", 1)]);
    drop(crashing);
    assert_eq!(cluster.committed(&TopicPartition::new("lines", 0)), None);

    cluster.produce("lines", 0, &[("c", "end")]);
    let streams = cluster.streams(word_count(), &[("dsl.store.type", engine)]);
    run(&streams);
    let records = cluster.read("words", 1, |records| latest(records).contains_key("end"));
    close(&streams);
    let counts = latest(&records);
    for (word, least) in [("x", 2), ("y", 2), ("z", 1), ("end", 1)] {
        // The lines were counted at least once. Twice is allowed, and the repartition topic has them twice then.
        assert!((least..=3 * least).contains(&counts[word]), "{word}: {counts:?}");
    }
    assert_eq!(cluster.committed(&TopicPartition::new("lines", 0)), Some(Offset(3)));
}

#[test]
fn tasks_are_spread_over_threads() {
    let cluster = Cluster::new(Over::Process, &[("lines", 4), ("words", 2)]);
    for partition in 0..4 {
        cluster.produce("lines", partition, &[("a", "one two three")]);
    }
    let streams = cluster.streams(word_count(), &[("num.stream.threads", "2")]);
    run(&streams);
    cluster.expect_latest("words", 2, &[("one", 4), ("two", 4), ("three", 4)]);
    close(&streams);
    let metrics = streams.metrics();
    let tasks: Vec<Vec<String>> =
        metrics.threads.iter().map(|thread| thread.tasks.keys().map(ToString::to_string).collect()).collect();
    assert_eq!(tasks, [["0_0", "0_2", "1_0", "1_2"], ["0_1", "0_3", "1_1", "1_3"]]);
    assert!(metrics.threads[0].name.ends_with("-StreamThread-1"), "{}", metrics.threads[0].name);
    assert_eq!(metrics.total().records_processed, 4 + 12);
}

#[test]
fn what_is_committed_of_a_repartition_topic_is_deleted() {
    let cluster = Cluster::new(Over::Process, &[("lines", 1), ("words", 1)]);
    cluster.produce("lines", 0, &[("a", "x y z")]);
    let streams = cluster.streams(word_count(), &[("repartition.purge.interval.ms", "20")]);
    run(&streams);
    let partition = TopicPartition::new("app-counts-repartition", 0);
    let mut admin = cluster.admin();
    eventually("the records' deletion", || {
        let starts = admin.list_offsets(&[(partition.clone(), OffsetSpec::Earliest)]).expect("the broker answers");
        starts.iter().any(|(_, start)| start.as_ref().is_ok_and(|start| *start == Offset(3)))
    });
    close(&streams);
    let input = [(TopicPartition::new("lines", 0), OffsetSpec::Earliest)];
    let starts = admin.list_offsets(&input).expect("the broker answers");
    assert_eq!(starts[0].1, Ok(Offset(0)), "an input is not the application's to delete");
}

/// Windows on disk, too, are there again after a restart, and restored where they are not.
#[rstest]
#[case::in_memory("in_memory")]
#[cfg_attr(feature = "rocksdb", case::on_disk("rocksDB"))]
fn windows_are_counted_through_restarts(#[case] engine: &str) {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    let topology = || {
        let builder = StreamsBuilder::new();
        let windows = TimeWindows::of_size_and_grace(secs(60), hours(1));
        let grouped = builder.stream::<String, String>("in").group_by_key().windowed_by(windows);
        let counts = grouped.count_with(Materialized::named("windows")).to_stream().drop_tombstones();
        counts.select_key(|windowed, _| windowed.key.clone()).to("out");
        builder.build().expect("is valid")
    };
    for count in 1..=3 {
        let is_wiped = count == 3;
        cluster.produce("in", 0, &[("a", ""), ("b", "")]);
        let streams = cluster.streams(topology(), &[("dsl.store.type", engine)]);
        if is_wiped {
            streams.cleanup().expect("is not started");
        }
        run(&streams);
        cluster.expect_latest("out", 1, &[("a", count), ("b", count)]);
        close(&streams);
        let is_restored = streams.metrics().total().records_restored > 0;
        assert_eq!(is_restored, count > 1 && (is_wiped || engine == "in_memory"), "run {count}");
    }
}

#[test]
fn more_records_than_fit_a_buffer_come_through_in_order() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    let values: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    let records: Vec<(&str, &str)> = values.iter().map(|value| ("k", value.as_str())).collect();
    cluster.produce("in", 0, &records);
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").filter(|_, value| value.len() > 1).to("out");
    // Small buffers everywhere: fetches are paused, and the producer fills up.
    let settings = [("buffered.records.per.partition", "10"), ("buffer.memory", "20000"), ("batch.size", "1000")];
    let streams = cluster.streams(builder.build().expect("is valid"), &settings);
    run(&streams);
    let records = cluster.read("out", 1, |records| records.len() >= 19_990);
    close(&streams);
    let read: Vec<String> = records
        .iter()
        .map(|record| String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into())
        .collect();
    assert_eq!(read, values[10..]);
}

//! What an application does when its topics or its directories change under it. Row numbers are those of
//! `tests/tests/bad_inputs/README.md`.

use std::time::Duration;

use rstest::rstest;
use streams_core::client::consumer::Consumer;
use streams_core::client::transport::{tcp::TcpTransport, BrokerId, Transport};
use streams_core::config::ConsumerConfig;
use streams_core::protocol::messages::topics::{CreatePartitionsRequest, CreatePartitionsTopic};
use streams_core::runtime::KafkaStreams;
use streams_core::topology::Topology;
use streams_core::{Clock, Offset, SystemClock, TopicPartition};
use streams_dsl::prelude::*;

use super::harness::{close, eventually, failure, run, Cluster, Hurried, Over, PATIENCE};

fn copy() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    builder.build().expect("is valid")
}

fn counted() -> Topology {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, String>("in").group_by_key();
    grouped.count_with(Materialized::named("counts")).to_stream().drop_tombstones().to("out");
    builder.build().expect("is valid")
}

fn values(cluster: &Cluster, at_least: usize) -> Vec<String> {
    let records = cluster.read("out", 1, |records| records.len() >= at_least);
    let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
    records.iter().map(|record| text(record.value.as_deref())).collect()
}

fn input() -> TopicPartition {
    TopicPartition::new("in", 0)
}

/// Commits an offset of the application's group by hand.
fn commit(cluster: &Cluster, offset: i64) {
    let config = ConsumerConfig::from_settings([("group.id", "app")]).expect("is valid");
    let mut consumer = Consumer::new(config, cluster.connect()().expect("connects"), 5).expect("is valid");
    consumer.commit_sync(&SystemClock, vec![(input(), Offset(offset).into())]).expect("is committed");
}

/// Three records were copied and committed; then five more came, of which retention took the first three.
fn gap(over: Over) -> Cluster {
    let cluster = Cluster::new(over, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("k", "0"), ("k", "1"), ("k", "2")]);
    let streams = cluster.streams(copy(), &[]);
    run(&streams);
    values(&cluster, 3);
    close(&streams);
    cluster.produce("in", 0, &[("k", "3"), ("k", "4"), ("k", "5"), ("k", "6"), ("k", "7")]);
    let deleted = cluster.admin().delete_records(&[(input(), Offset(6))]).expect("the broker answers");
    assert_eq!(deleted[0].1, Ok(Offset(6)));
    cluster
}

/// Row B57: `auto.offset.reset` says where to begin, not what may be lost.
#[rstest]
fn b57_records_that_are_gone_stop_the_application(
    #[values(Over::Process, Over::Tcp)] over: Over,
    #[values("earliest", "latest")] reset: &str,
) {
    let cluster = gap(over);
    let streams = cluster.streams(copy(), &[("auto.offset.reset", reset)]);
    streams.start().expect("starts");
    let text = failure(&streams);
    let lost = "in-0 at offset 3: out of range, the log holds 6 to 8 (3 records, 3 to 5, are deleted)";
    assert!(text.contains(lost), "{text}");
    assert!(text.contains("offset.out.of.range.policy=earliest (at offset 6) or latest (at 8)"), "{text}");
    assert_eq!(streams.failure().expect("failed").kind().exit_code(), 5);
    assert_eq!(cluster.committed(&input()), Some(Offset(3)), "nothing was passed over");
    assert_eq!(values(&cluster, 3), ["0", "1", "2"]);
}

/// Row B57, the policies.
#[rstest]
#[case("earliest", &["0", "1", "2", "6", "7", "end"])]
#[case("latest", &["0", "1", "2", "end"])]
fn b57_a_policy_goes_on_behind_the_gap(#[case] policy: &str, #[case] expected: &[&str]) {
    let cluster = gap(Over::Process);
    let streams = cluster.streams(copy(), &[("offset.out.of.range.policy", policy)]);
    run(&streams);
    // Until it has left the gap, `latest` passes over what comes.
    let mut read = Vec::new();
    eventually("a record behind the gap", || {
        cluster.produce("in", 0, &[("k", "end")]);
        read = values(&cluster, 3);
        read.last().is_some_and(|value| value == "end")
    });
    close(&streams);
    read.dedup();
    assert_eq!(read, expected);
}

/// Row B57, the other way round: the log ends before the committed offset.
#[test]
fn b57_a_log_that_lost_its_end_stops_the_application_or_is_read_again() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("k", "0"), ("k", "1")]);
    commit(&cluster, 100);
    let streams = cluster.streams(copy(), &[]);
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(
        text.contains("in-0 at offset 100: out of range, the log holds 0 to 2 (the log ends 98 records earlier)"),
        "{text}"
    );
    let streams = cluster.streams(copy(), &[("offset.out.of.range.policy", "earliest")]);
    run(&streams);
    assert_eq!(values(&cluster, 2), ["0", "1"]);
    close(&streams);
    assert_eq!(cluster.committed(&input()), Some(Offset(2)));
}

/// Row B54.
#[rstest]
fn b54_an_input_that_is_deleted_ends_the_application(#[values(Over::Process, Over::Tcp)] over: Over) {
    let cluster = Cluster::new(over, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("k", "0"), ("k", "1")]);
    let app = Hurried::run(&cluster, copy(), &[]);
    app.until("the commit", |_| cluster.committed(&input()) == Some(Offset(2)));
    let began = app.clock.now();
    cluster.delete_topic("in");
    let text = app.failure();
    assert!(text.contains("input topic in was deleted while the application ran"), "{text}");
    assert!(text.contains("last committed: in-0 at 2)"), "{text}");
    assert!(app.clock.now() - began < Duration::from_secs(30), "it took {:?}", app.clock.now() - began);
}

/// Row B55: no record of the new topic is processed.
#[rstest]
fn b55_an_input_that_is_made_anew_is_another_topic(#[values(Over::Process, Over::Tcp)] over: Over) {
    let cluster = Cluster::new(over, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("k", "old"), ("k", "old")]);
    let streams = cluster.streams(copy(), &[]);
    run(&streams);
    eventually("the commit", || cluster.committed(&input()) == Some(Offset(2)));
    cluster.delete_topic("in");
    cluster.create_topic("in");
    cluster.produce("in", 0, &[("k", "new"), ("k", "new"), ("k", "new"), ("k", "new")]);
    let text = failure(&streams);
    assert!(text.contains("input topic in was deleted and made anew while the application ran"), "{text}");
    assert_eq!(streams.failure().expect("failed").kind().exit_code(), 5);
    assert_eq!(values(&cluster, 2), ["old", "old"]);
}

/// Row B56.
#[test]
fn b56_another_number_of_partitions_ends_the_application() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    let app = Hurried::run(&cluster, copy(), &[("metadata.max.age.ms", "200")]);
    let topic = CreatePartitionsTopic { name: "in".to_owned(), count: 3, ..Default::default() };
    let request = CreatePartitionsRequest { topics: vec![topic], timeout_ms: 1_000, validate_only: false };
    let mut transport = cluster.connect()().expect("connects");
    transport.send(BrokerId::Bootstrap, request.into()).expect("is open");
    transport.poll(PATIENCE).expect("is open").expect("is answered").response.expect("is done");
    let text = app.failure();
    let expected = "input topic in has 3 partitions, and had 1 when the application started";
    assert!(text.contains(expected), "{text}");
}

/// Row B59 while it runs.
#[test]
fn b59_a_changelog_that_is_deleted_ends_the_application() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    let app = Hurried::run(&cluster, counted(), &[("metadata.max.age.ms", "200")]);
    cluster.delete_topic("app-counts-changelog");
    let text = app.failure();
    assert!(text.contains("changelog topic app-counts-changelog was deleted"), "{text}");
}

/// Row B59 between two runs, where nothing says what the state was made by: what is on disk is not wiped.
#[cfg(feature = "rocksdb")]
#[test]
fn b59_a_store_whose_changelog_is_gone_is_kept_and_not_begun_anew() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "x"), ("b", "x")]);
    let streams = cluster.streams(counted(), &[("dsl.store.type", "rocksDB")]);
    run(&streams);
    cluster.expect_latest("out", 1, &[("a", 1), ("b", 1)]);
    close(&streams);
    cluster.delete_topic("app-counts-changelog");
    std::fs::remove_file(cluster.state_dir().join("app/state-origin.json")).expect("is there");
    let again = cluster.streams(counted(), &[("dsl.store.type", "rocksDB")]);
    again.start().expect("starts");
    let text = failure(&again);
    assert!(text.contains("changelog app-counts-changelog-0 is empty"), "{text}");
    assert!(text.contains("store counts of task 0_0 are those of 2 records"), "{text}");
    assert_eq!(again.failure().expect("failed").kind().exit_code(), 4);
    assert!(cluster.state_dir().join("app/0_0/rocksdb/counts/CURRENT").exists(), "its local copy is kept");
}

/// Row B58: the log begins behind what the store has, so the store is begun anew from what there is.
#[cfg(feature = "rocksdb")]
#[test]
fn b58_a_store_behind_the_head_of_its_changelog_is_wiped_and_restored() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "x")]);
    // Only where time deletes, too, may records be deleted by hand.
    let settings = [("dsl.store.type", "rocksDB"), ("topic.cleanup.policy", "compact,delete")];
    let streams = cluster.streams(counted(), &settings);
    run(&streams);
    cluster.expect_latest("out", 1, &[("a", 1)]);
    close(&streams);
    // Rows that another instance wrote: the count 5.
    let row = "\0\0\0\0\0\0\0\u{5}";
    cluster.produce("app-counts-changelog", 0, &[("lost", row), ("lost", row), ("b", row)]);
    let changelog = TopicPartition::new("app-counts-changelog", 0);
    let deleted = cluster.admin().delete_records(&[(changelog, Offset(3))]).expect("the broker answers");
    assert_eq!(deleted[0].1, Ok(Offset(3)));
    let streams = cluster.streams(counted(), &settings);
    run(&streams);
    cluster.produce("in", 0, &[("a", "x"), ("b", "x")]);
    eventually("the end or the result", || streams.failure().is_some() || values(&cluster, 1).len() > 2);
    assert!(streams.failure().is_none(), "{:?}", streams.failure());
    cluster.expect_latest("out", 1, &[("a", 1), ("b", 6)]);
    close(&streams);
}

/// Row B104.
#[cfg(feature = "rocksdb")]
#[test]
fn b104_a_state_directory_that_is_deleted_is_restored() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    cluster.produce("in", 0, &[("a", "x"), ("b", "x")]);
    let streams = cluster.streams(counted(), &[("dsl.store.type", "rocksDB")]);
    run(&streams);
    cluster.expect_latest("out", 1, &[("a", 1), ("b", 1)]);
    eventually("the commit", || cluster.committed(&input()) == Some(Offset(2)));
    let directory = cluster.state_dir().join("app");
    std::fs::remove_dir_all(&directory).expect("is deleted");
    cluster.produce("in", 0, &[("a", "x")]);
    eventually("the directory", || directory.join("0_0/rocksdb/counts/CURRENT").exists());
    cluster.produce("in", 0, &[("a", "x"), ("b", "x")]);
    cluster.expect_latest("out", 1, &[("a", 3), ("b", 2)]);
    close(&streams);
    assert!(directory.join(".lock").exists(), "it is locked again");
}

/// `state.cleanup.delay.ms`: what a task left that the application no longer has.
#[cfg(feature = "rocksdb")]
#[test]
fn directories_of_tasks_that_are_gone_are_deleted() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 1)]);
    let gone = cluster.state_dir().join("app/0_7");
    std::fs::create_dir_all(gone.join("rocksdb")).expect("is made");
    let streams = cluster.streams(counted(), &[("dsl.store.type", "rocksDB"), ("state.cleanup.delay.ms", "1")]);
    run(&streams);
    eventually("its deletion", || !gone.exists());
    assert!(cluster.state_dir().join("app/0_0").exists(), "that of a live task stays");
    close(&streams);
}

/// Row B44: a topic of the application's own is no input and no output.
#[test]
fn b44_an_own_changelog_is_no_input() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("app-counts-changelog", 1)]);
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").group_by_key().count_with(Materialized::named("counts"));
    builder.stream::<String, i64>("app-counts-changelog").to("out");
    let error = cluster.streams(builder.build().expect("is valid"), &[]).start().expect_err("it is its own");
    assert_eq!(error.kind().exit_code(), 2);
    let expected = "names topic app-counts-changelog, which the application makes for itself";
    assert!(error.report().contains(expected), "{}", error.report());
}

/// Row B45.
#[test]
fn b45_tables_with_different_partitions_are_not_joined() {
    let cluster = Cluster::new(Over::Process, &[("prices", 2), ("stock", 3)]);
    let builder = StreamsBuilder::new();
    let (prices, stock) = (builder.table::<String, i64>("prices"), builder.table::<String, i64>("stock"));
    stock.join(&prices, |units, price| units * price).to_stream().drop_tombstones().to("out");
    let error = cluster.streams(builder.build().expect("is valid"), &[]).start().expect_err("keys would not meet");
    assert_eq!(error.kind().exit_code(), 2);
    let text = error.report();
    assert!(text.contains("topics not co-partitioned: {") && text.contains("prices=2"), "{text}");
    assert!(text.contains("stock=3") && text.contains("`repartition()`"), "{text}");
}

/// Row B45: a topic that the application makes for a join has as many partitions as the table's.
#[test]
fn b45_a_repartition_topic_takes_the_number_of_the_table() {
    let cluster = Cluster::new(Over::Process, &[("sales", 1), ("prices", 3), ("out", 1)]);
    let builder = StreamsBuilder::new();
    let prices = builder.table::<String, String>("prices");
    let by_name = builder.stream::<String, String>("sales").select_key(|_, name| name.clone());
    by_name.join_table(&prices, |sale, price| format!("{sale}{price}")).to("out");
    let streams = cluster.streams(builder.build().expect("is valid"), &[]);
    run(&streams);
    close(&streams);
    let topics = cluster.admin().list_topics().expect("the broker answers");
    let made: Vec<_> = topics.iter().filter(|topic| topic.name.ends_with("-repartition")).collect();
    assert_eq!(made.iter().map(|topic| topic.partitions).collect::<Vec<_>>(), [3], "{made:?}");
}

/// Row B46.
#[test]
fn b46_a_partitioner_that_chooses_what_is_not_there_ends_the_application() {
    let cluster = Cluster::new(Over::Process, &[("in", 1), ("out", 2)]);
    cluster.produce("in", 0, &[("k", "0")]);
    let builder = StreamsBuilder::new();
    let produced = Produced::default().partitioner(|_, _, _| Some(7));
    builder.stream::<String, String>("in").to_with("out", produced);
    let streams = cluster.streams(builder.build().expect("is valid"), &[]);
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.contains("fails at in-0 offset 0: partitioner of sink KSTREAM-SINK-0000000001"), "{text}");
    // Kafka's murmur2 of "k".
    let expected =
        "partition 7 of topic out was chosen for a key of hash 0xa291e5e0, and the topic has 2; choose one below";
    assert!(text.contains(expected), "{text}");
    assert_eq!(streams.failure().expect("failed").kind().exit_code(), 5);
}

/// Row B09.
#[test]
fn b09_a_broker_that_is_not_there_is_named_with_the_failure() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("is bound");
    let cluster = Cluster::new(Over::Process, &[]);
    let address = nobody.to_string();
    let config = cluster.config(&[("bootstrap.servers", &address), ("default.api.timeout.ms", "500")]);
    let client = config.client().clone();
    let connect = move || -> Result<Box<dyn Transport>> { Ok(Box::new(TcpTransport::new(&client)?)) };
    let error = KafkaStreams::new(copy(), config, connect).expect("is valid").start().expect_err("nobody answers");
    assert_eq!(error.kind().exit_code(), 3);
    let text = error.report();
    assert!(text.contains(&address) && text.to_lowercase().contains("refused"), "{text}");
}

//! Applications that are started over the state of another program, or of topics that are no longer there. Row numbers are
//! those of `tests/tests/bad_inputs/README.md`.

use std::time::Duration;

use rstest::rstest;
use streams_core::topology::Topology;
use streams_core::{Error, Offset, TopicPartition};
use streams_dsl::prelude::*;

use super::harness::{close, eventually, run, Cluster, Over, PATIENCE};

type Program = fn(&StreamsBuilder);

fn topology(program: Program) -> Topology {
    let builder = StreamsBuilder::new();
    program(&builder);
    builder.build().expect("is valid")
}

/// Counts of keys, in a store with a name.
fn counts(builder: &StreamsBuilder) {
    let grouped = builder.stream::<String, String>("in").group_by_key();
    grouped.count_with(Materialized::named("counts")).to_stream().drop_tombstones().to("out");
}

/// The first value of each key under the same name.
fn texts(builder: &StreamsBuilder) {
    let grouped = builder.stream::<String, String>("in").group_by_key();
    grouped.reduce_with(Materialized::named("counts"), |first, _| first.clone());
}

/// Counts in windows under the same name.
fn windows(builder: &StreamsBuilder) {
    let grouped = builder.stream::<String, String>("in").group_by_key();
    let windows = TimeWindows::of_size_with_no_grace(Duration::from_secs(60));
    grouped.windowed_by(windows).count_with(Materialized::named("counts"));
}

/// The same counts in a store whose name is a number, which was another one.
fn unnamed(builder: &StreamsBuilder) {
    builder.stream::<String, String>("in").group_by_key().count();
}

/// The same counts, behind another part of the program.
fn moved(builder: &StreamsBuilder) {
    builder.stream::<String, String>("also").to("out");
    counts(builder);
}

/// The same counts, of another topic.
fn elsewhere(builder: &StreamsBuilder) {
    builder.stream::<String, String>("also").group_by_key().count_with(Materialized::named("counts"));
}

/// The same counts, and more beside them.
fn more(builder: &StreamsBuilder) {
    counts(builder);
    builder.stream::<String, String>("also").group_by_key().count_with(Materialized::named("more"));
}

fn renamed_repartition(builder: &StreamsBuilder) {
    let stream = builder.stream::<String, String>("in").select_key(|_, value| value.clone());
    stream.repartition_with(Repartitioned::named("by-text")).to("out");
}

fn repartition(builder: &StreamsBuilder) {
    let stream = builder.stream::<String, String>("in").select_key(|_, value| value.clone());
    stream.repartition_with(Repartitioned::named("by-value")).to("out");
}

const TOPICS: [(&str, i32); 3] = [("in", 1), ("also", 1), ("out", 1)];

/// A cluster on which a program has run and processed two records.
fn after(program: Program, settings: &[(&str, &str)]) -> Cluster {
    let cluster = Cluster::new(Over::Process, &TOPICS);
    cluster.produce("in", 0, &[("a", "x"), ("b", "x")]);
    let streams = cluster.streams(topology(program), settings);
    run(&streams);
    let input = TopicPartition::new("in", 0);
    eventually("the commit", || cluster.committed(&input) == Some(Offset(2)));
    close(&streams);
    cluster
}

fn refusal(cluster: &Cluster, program: Program, settings: &[(&str, &str)]) -> Error {
    cluster.streams(topology(program), settings).start().expect_err("it does not fit")
}

const ACCEPT: (&str, &str) = ("topology.change.policy", "accept");

/// Rows B47 and B52, of stores in memory and on disk.
#[rstest]
#[case::serde(counts, texts, "store counts: it has values written by serde i64, and the topology has serde String")]
#[case::kind(counts, windows, "store counts: it was a store of key-value, and is one of windows of 60000 ms")]
#[case::name(
    counts,
    unnamed,
    "store counts: it was there and is not any more, and KSTREAM-AGGREGATE-STATE-STORE-0000000001 is new"
)]
#[case::place(counts, moved, "store counts: it was in sub-topology 0, and is in 1")]
#[case::input(counts, elsewhere, "store counts: it was made from topic in, and is from also")]
#[case::repartition(repartition, renamed_repartition, "repartition topic by-value-repartition: it was there")]
fn b47_b52_a_topology_that_does_not_fit_the_state_is_refused(
    #[case] was: Program,
    #[case] is: Program,
    #[case] difference: &str,
    #[values("in_memory", "rocksDB")] engine: &str,
) {
    if engine == "rocksDB" && !cfg!(feature = "rocksdb") {
        return;
    }
    let engine = ("dsl.store.type", engine);
    let cluster = after(was, &[engine]);
    let topics = cluster.admin().list_topics().expect("the broker answers").len();
    let error = refusal(&cluster, is, &[engine]);
    let text = error.report();
    assert!(text.starts_with("the application does not fit the state that "), "{text}");
    assert!(text.contains(&format!("; {difference}")), "{text}");
    assert!(
        text.contains("reset the application, or go on with the state as it is by topology.change.policy=accept"),
        "{text}"
    );
    assert_eq!(error.kind().exit_code(), 2);
    assert_eq!(cluster.admin().list_topics().expect("the broker answers").len(), topics, "nothing was made");

    // The program that fits goes on, and so does the other one once it was told to; then it is the one that fits.
    let streams = cluster.streams(topology(was), &[engine]);
    run(&streams);
    close(&streams);
    for settings in [&[engine, ACCEPT][..], &[engine]] {
        let streams = cluster.streams(topology(is), settings);
        streams.start().expect("is accepted");
        // What it makes of rows that are none of its own is its business.
        streams.close(PATIENCE).expect("closes");
    }
}

/// Row B47: what is only new fits, and so does anything where there never was state.
#[test]
fn b47_what_is_new_and_what_never_had_state_is_no_matter() {
    let cluster = after(counts, &[]);
    let streams = cluster.streams(topology(more), &[]);
    run(&streams);
    close(&streams);
    // The store `more` has seen no record.
    let streams = cluster.streams(topology(counts), &[]);
    run(&streams);
    close(&streams);
}

/// Row B47: an application without a state directory, or with a new one, has nothing to compare.
#[test]
fn b47_a_new_directory_is_nothing_to_compare_with() {
    let cluster = after(counts, &[]);
    cluster.streams(topology(texts), &[]).cleanup().expect("is closed");
    let streams = cluster.streams(topology(texts), &[]);
    streams.start().expect("nothing is known");
    close(&streams);
    std::fs::write(cluster.state_dir().join("file"), "").expect("is written");
    let below = cluster.state_dir().join("file/state");
    let streams = cluster.streams(topology(texts), &[("state.dir", below.to_str().expect("is text"))]);
    run(&streams);
    close(&streams);
}

/// Row B55, while the application is down: the counts are those of the old topic.
#[rstest]
fn b55_an_input_that_was_made_anew_while_the_application_was_down_is_noticed(
    #[values(Over::Process, Over::Tcp)] over: Over,
) {
    let cluster = Cluster::new(over, &TOPICS);
    cluster.produce("in", 0, &[("a", "x")]);
    let streams = cluster.streams(topology(counts), &[]);
    run(&streams);
    cluster.expect_latest("out", 1, &[("a", 1)]);
    close(&streams);
    cluster.delete_topic("in");
    cluster.create_topic("in");
    cluster.produce("in", 0, &[("b", "y")]);
    let error = refusal(&cluster, counts, &[]);
    let text = error.report();
    assert!(
        text.contains("; input topic in was deleted and made anew while the application was down (its id was "),
        "{text}"
    );
    assert!(text.contains("and the state is that of the old topic: reset the application, or go on"), "{text}");
    assert_eq!(error.kind().exit_code(), 5);

    let streams = cluster.streams(topology(counts), &[ACCEPT]);
    run(&streams);
    cluster.expect_latest("out", 1, &[("a", 1), ("b", 1)]);
    close(&streams);
}

/// Row B55, for the topic between two parts of the application.
#[test]
fn b55_a_repartition_topic_that_was_deleted_is_not_made_anew_in_silence() {
    let cluster = after(repartition, &[]);
    cluster.delete_topic("app-by-value-repartition");
    let error = refusal(&cluster, repartition, &[]);
    let expected = "repartition topic app-by-value-repartition was deleted while the application was down, and records";
    assert!(error.report().contains(expected), "{}", error.report());
    assert_eq!(error.kind().exit_code(), 5);
}

/// Row B59, of a store in memory: its changelog is all there is of it.
#[rstest]
#[case::deleted(false, "was deleted while the application was down: the state of store counts cannot be rebuilt")]
#[case::made_anew(true, "was deleted and made anew while the application was down (its id was ")]
fn b59_a_store_in_memory_whose_changelog_is_gone_does_not_begin_empty(#[case] is_made_anew: bool, #[case] how: &str) {
    let cluster = after(counts, &[]);
    cluster.delete_topic("app-counts-changelog");
    if is_made_anew {
        cluster.create_topic("app-counts-changelog");
    }
    for settings in [&[][..], &[ACCEPT]] {
        let error = refusal(&cluster, counts, settings);
        let text = error.report();
        assert!(text.contains(&format!("changelog topic app-counts-changelog {how}")), "{text}");
        assert!(text.contains("restore the topic, or delete "), "{text}");
        assert_eq!(error.kind().exit_code(), 4);
    }
    // Begun anew as the message says.
    if is_made_anew {
        cluster.delete_topic("app-counts-changelog");
    }
    std::fs::remove_dir_all(cluster.state_dir().join("app")).expect("is there");
    let streams = cluster.streams(topology(counts), &[]);
    run(&streams);
    close(&streams);
}

/// Row B32, of a state directory: another broker knows nothing of what is in it.
#[rstest]
#[case::in_memory("in_memory", false)]
#[cfg_attr(feature = "rocksdb", case::on_disk("rocksDB", true))]
fn b32_stores_on_disk_are_those_of_one_cluster(#[case] engine: &str, #[case] is_refused: bool) {
    let engine = ("dsl.store.type", engine);
    let first = after(counts, &[engine]);
    let other = Cluster::new(Over::Process, &TOPICS);
    let dir = first.state_dir().to_str().expect("is text");
    let streams = other.streams(topology(counts), &[engine, ("state.dir", dir)]);
    match streams.start() {
        Ok(()) => {
            assert!(!is_refused);
            close(&streams);
        }
        Err(error) => {
            assert!(is_refused, "{}", error.report());
            let text = error.report();
            assert!(text.contains(" has stores (counts) of an application on cluster "), "{text}");
            assert!(text.contains("set bootstrap.servers to that cluster, or state.dir"), "{text}");
            assert_eq!(error.kind().exit_code(), 2);
        }
    }
}

/// A file that says nothing, or what a newer program wrote, is refused and left as it is.
#[rstest]
#[case::noise("noise", 4, "it is damaged, and what the state was made by is not known: delete it to go on")]
#[case::newer("{\"version\":2}", 2, "it has version 2, and this program reads up to 1: run the newer program")]
fn a_record_that_cannot_be_read_is_refused(#[case] content: &str, #[case] code: u8, #[case] expected: &str) {
    let cluster = after(counts, &[]);
    let path = cluster.state_dir().join("app/state-origin.json");
    assert!(path.exists());
    std::fs::write(&path, content).expect("is written");
    let error = refusal(&cluster, counts, &[]);
    assert_eq!(error.kind().exit_code(), code);
    let text = error.report();
    assert!(text.contains(&path.display().to_string()) && text.contains(expected), "{text}");
    assert_eq!(std::fs::read_to_string(&path).expect("is there"), content);
}

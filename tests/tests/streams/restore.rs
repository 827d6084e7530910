//! Stores that no longer fit their changelog, or the disk: wiped or moved away, and restored whole.

use std::collections::BTreeMap;
#[cfg(feature = "rocksdb")]
use std::fs::{self, DirBuilder};
#[cfg(feature = "rocksdb")]
use std::os::unix::fs::DirBuilderExt;
#[cfg(feature = "rocksdb")]
use std::path::Path;
use std::sync::{Arc, Mutex};

use rstest::rstest;
use streams_core::client::admin::{Admin, OffsetSpec};
use streams_core::runtime::StateRestoreListener;
use streams_core::topology::Topology;
#[cfg(feature = "rocksdb")]
use streams_core::ErrorKind;
use streams_core::{Offset, TopicPartition};
use streams_dsl::prelude::*;

#[cfg(feature = "rocksdb")]
use super::harness::failure;
use super::harness::{close, run, Cluster, Over};

/// Counts of keys, with a changelog whose head may be deleted.
fn counts(is_logged: bool) -> Topology {
    let builder = StreamsBuilder::new();
    let cut = BTreeMap::from([("cleanup.policy".to_owned(), "compact,delete".to_owned())]);
    let store = Materialized::named("counts");
    let store = if is_logged { store.logging_enabled(cut) } else { store.logging_disabled() };
    let grouped = builder.stream::<String, String>("in").group_by_key();
    grouped.count_with(store).to_stream().drop_tombstones().to("out");
    builder.build().expect("is valid")
}

fn cluster() -> Cluster {
    Cluster::new(Over::Process, &[("in", 1), ("out", 1)])
}

const KEYS: [(&str, &str); 5] = [("a", ""), ("b", ""), ("c", ""), ("d", ""), ("e", "")];

/// No cache, and a batch for each record, so that changelogs have an offset per record and are read step by step.
fn settings(engine: &str) -> [(&str, &str); 4] {
    [
        ("dsl.store.type", engine),
        ("statestore.cache.max.bytes", "0"),
        ("producer.batch.size", "1"),
        ("restore.consumer.max.partition.fetch.bytes", "1"),
    ]
}

/// Counts each key once more and checks what comes of it.
fn count(cluster: &Cluster, engine: &str, expected: &[(&str, i64)]) {
    let streams = cluster.streams(counts(true), &settings(engine));
    cluster.produce("in", 0, &KEYS);
    run(&streams);
    cluster.expect_latest("out", 1, expected);
    close(&streams);
}

fn changelog() -> TopicPartition {
    TopicPartition::new("app-counts-changelog", 0)
}

fn cut(admin: &mut Admin, before: i64) {
    for (_, outcome) in admin.delete_records(&[(changelog(), Offset(before))]).expect("the broker answers") {
        outcome.expect("is cut");
    }
}

#[cfg(feature = "rocksdb")]
fn copy(from: &Path, to: &Path) {
    DirBuilder::new().mode(0o700).create(to).expect("is made");
    for entry in fs::read_dir(from).expect("is there") {
        let entry = entry.expect("is there");
        match entry.file_type().expect("is known").is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).expect("is copied")),
        }
    }
}

/// Cuts the changelog when the first of it is restored, and writes down what happens.
struct Cutter {
    admin: Mutex<Option<Admin>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Cutter {
    fn note(&self, line: String) {
        self.log.lock().expect("not poisoned").push(line);
    }
}

impl StateRestoreListener for Cutter {
    fn on_restore_start(&self, _: &TopicPartition, store: &str, start: Offset, end: Offset) {
        self.note(format!("{store} {start}..{end}"));
    }

    fn on_batch_restored(&self, _: &TopicPartition, _: &str, _: Offset, _: u64) {
        if let Some(mut admin) = self.admin.lock().expect("not poisoned").take() {
            cut(&mut admin, 4);
        }
    }

    fn on_restore_end(&self, _: &TopicPartition, store: &str, records: u64) {
        self.note(format!("{store} has {records}"));
    }
}

#[rstest]
#[case::in_memory("in_memory")]
#[cfg_attr(feature = "rocksdb", case::on_disk("rocksDB"))]
fn a_changelog_that_is_cut_while_it_is_read_is_read_again_into_an_empty_store(#[case] engine: &str) {
    let cluster = cluster();
    count(&cluster, engine, &[("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 1)]);
    let streams = cluster.streams(counts(true), &settings(engine));
    streams.cleanup().expect("is closed");
    let log = Arc::new(Mutex::new(Vec::new()));
    let cutter = Cutter { admin: Mutex::new(Some(cluster.admin())), log: Arc::clone(&log) };
    streams.set_state_restore_listener(cutter).expect("is not started");
    cluster.produce("in", 0, &KEYS);
    run(&streams);
    // What was read before the cut is gone with the rest: the store is what its changelog is, not more.
    cluster.expect_latest("out", 1, &[("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 2)]);
    close(&streams);
    assert_eq!(*log.lock().expect("not poisoned"), ["counts 0..5", "counts 4..5", "counts has 1"]);
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_store_on_disk_whose_next_record_was_deleted_is_wiped() {
    let cluster = cluster();
    let (state, old) = (cluster.state_dir().join("app"), cluster.state_dir().join("old"));
    count(&cluster, "rocksDB", &[("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 1)]);
    copy(&state, &old);
    count(&cluster, "rocksDB", &[("a", 2), ("b", 2), ("c", 2), ("d", 2), ("e", 2)]);
    fs::remove_dir_all(&state).expect("is there");
    fs::rename(&old, &state).expect("is there");
    cut(&mut cluster.admin(), 8);
    // The old copy's rows of a, b and c are in no changelog any more.
    count(&cluster, "rocksDB", &[("a", 1), ("b", 1), ("c", 1), ("d", 3), ("e", 3)]);
}

#[cfg(feature = "rocksdb")]
#[rstest]
#[case::noise(Some("noise"))]
#[case::nothing(None)]
fn a_store_on_disk_that_is_damaged_is_moved_away_and_restored(#[case] current: Option<&str>) {
    for is_logged in [true, false] {
        let cluster = cluster();
        let path = cluster.state_dir().join("app/0_0/rocksdb/counts");
        let again = || cluster.streams(counts(is_logged), &settings("rocksDB"));
        cluster.produce("in", 0, &KEYS);
        let streams = again();
        run(&streams);
        cluster.expect_latest("out", 1, &[("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 1)]);
        close(&streams);
        match current {
            Some(text) => fs::write(path.join("CURRENT"), text).expect("is written"),
            None => fs::remove_file(path.join("CURRENT")).expect("is there"),
        }

        cluster.produce("in", 0, &KEYS);
        let streams = again();
        if is_logged {
            run(&streams);
            cluster.expect_latest("out", 1, &[("a", 2), ("b", 2), ("c", 2), ("d", 2), ("e", 2)]);
            close(&streams);
            assert!(path.with_file_name("counts~unusable").is_dir());
            continue;
        }
        streams.start().expect("starts");
        let text = failure(&streams);
        assert_eq!(streams.failure().expect("has failed").kind(), ErrorKind::Corrupt);
        let named = "store counts of task 0_0 cannot be used and has no changelog to restore it from: put a copy";
        assert!(text.starts_with(named), "{text}");
        assert!(text.contains(&format!("open the RocksDB at {}", path.display())), "{text}");
        assert!(path.exists(), "nothing was moved");
    }
}

/// A bound of a few rows makes a thread commit although no commit is due for a long time; none, or a store in memory,
/// does not.
#[rstest]
#[cfg_attr(feature = "rocksdb", case::over_the_bound("rocksDB", "1000", true))]
#[cfg_attr(feature = "rocksdb", case::without_a_bound("rocksDB", "-1", false))]
#[case::in_memory("in_memory", "0", false)]
fn a_thread_whose_stores_hold_too_much_commits_early(#[case] engine: &str, #[case] bound: &str, #[case] early: bool) {
    let cluster = cluster();
    let settings = [
        ("dsl.store.type", engine),
        ("statestore.cache.max.bytes", "0"),
        ("commit.interval.ms", "600000"),
        ("statestore.uncommitted.max.bytes", bound),
    ];
    let keys: Vec<String> = (0..100).map(|key| format!("key {key}")).collect();
    let records: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "")).collect();
    let streams = cluster.streams(counts(true), &settings);
    cluster.produce("in", 0, &records);
    run(&streams);
    cluster.read("out", 1, |records| records.len() == 100);
    // A record that comes after the rest is through only when a round has ended.
    cluster.produce("in", 0, &[("last", "")]);
    cluster.read("out", 1, |records| records.len() == 101);
    assert_eq!(cluster.committed(&TopicPartition::new("in", 0)).is_some(), early);
    let ends = cluster.admin().list_offsets(&[(changelog(), OffsetSpec::Latest)]).expect("the broker answers");
    assert_eq!(ends[0].1.as_ref().ok(), Some(&Offset(101)));
    close(&streams);
}

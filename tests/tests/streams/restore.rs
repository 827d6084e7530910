//! Stores that no longer fit their changelog, or the disk: wiped or moved away, and restored whole.

use std::collections::BTreeMap;
#[cfg(feature = "rocksdb")]
use std::fs::{self, DirBuilder};
#[cfg(feature = "rocksdb")]
use std::os::unix::fs::DirBuilderExt;
#[cfg(feature = "rocksdb")]
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use rstest::rstest;
use streams_core::client::admin::{Admin, OffsetSpec};
use streams_core::runtime::{KafkaStreams, State, StateRestoreListener};
use streams_core::topology::Topology;
use streams_core::{Clock, ManualClock, Offset, SystemClock, TopicPartition};
use streams_dsl::prelude::*;

use super::harness::{close, run, Cluster, Over, PATIENCE};
#[cfg(feature = "rocksdb")]
use super::harness::{eventually, failure};

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

/// What was restored is as good as what was written: it is not read again.
#[cfg(feature = "rocksdb")]
#[test]
fn a_store_on_disk_is_restored_once() {
    let cluster = cluster();
    // All in one batch of the changelog.
    let settings = [("dsl.store.type", "rocksDB"), ("statestore.cache.max.bytes", "0"), ("linger.ms", "50")];
    let mut restored = Vec::new();
    for round in 0..3 {
        let streams = cluster.streams(counts(true), &settings);
        if round == 0 {
            cluster.produce("in", 0, &KEYS);
        }
        run(&streams);
        eventually("the commit", || cluster.committed(&TopicPartition::new("in", 0)) == Some(Offset(5)));
        close(&streams);
        restored.push(streams.metrics().total().records_restored);
        if round == 0 {
            streams.cleanup().expect("is closed");
        }
    }
    assert_eq!(restored, [0, 5, 0]);
}

/// Values of a key, one behind the other, with a store that is not cached; `del` deletes. A second store counts some.
fn joined() -> Topology {
    let builder = StreamsBuilder::new();
    let stream = builder.stream::<String, String>("in");
    let some = stream.filter(|_, value| value == "x").group_by_key();
    some.count_with(Materialized::named("counts").caching_disabled());
    let join = |_: &String, value: &String, all: &mut Option<String>| {
        *all = (value != "del").then(|| format!("{}{value}", all.as_deref().unwrap_or_default()));
    };
    let all = stream.group_by_key().aggregate_with(Materialized::named("all").caching_disabled(), || None, join);
    all.to_stream().map_values(|value| value.clone().flatten()).to("out");
    builder.build().expect("is valid")
}

/// Deletions are restored as deletions, and rows with their times; a task begins when all its stores are restored,
/// however different their changelogs are.
#[rstest]
#[case::in_memory("in_memory")]
#[cfg_attr(feature = "rocksdb", case::on_disk("rocksDB"))]
fn a_restored_task_is_what_it_was(#[case] engine: &str) {
    let cluster = cluster();
    let settings =
        [("dsl.store.type", engine), ("producer.batch.size", "1"), ("restore.consumer.max.partition.fetch.bytes", "1")];
    let rounds: [&[(&str, &str)]; 2] = [&[("a", "x"), ("b", "x"), ("a", "del"), ("b", "y")], &[("a", "z"), ("b", "z")]];
    let mut count = 0;
    for (time, records) in (0..2).rev().map(|round| round * 5_000).zip(rounds) {
        count += records.len();
        cluster.produce_at("in", 0, time, records);
        let streams = cluster.streams(joined(), &settings);
        run(&streams);
        cluster.read("out", 1, |records| records.len() >= count);
        close(&streams);
        // Only the changelogs are left.
        streams.cleanup().expect("is closed");
    }
    let records = cluster.read("out", 1, |records| records.len() >= count);
    let last: Vec<String> = records[4..]
        .iter()
        .map(|record| {
            let text = |bytes: &Option<_>| bytes.as_deref().map(String::from_utf8_lossy).map(String::from);
            format!("{:?} = {:?} @ {}", text(&record.key), text(&record.value), record.timestamp)
        })
        .collect();
    // An update has the later time of the row and the record; the deleted row has none any more.
    assert_eq!(last, [r#"Some("a") = Some("z") @ 0"#, r#"Some("b") = Some("xyz") @ 5003"#]);
}

/// Looks at what an application says of itself while it restores, and moves its clock so that it says so.
#[derive(Clone)]
struct Looker {
    streams: Arc<OnceLock<Arc<KafkaStreams>>>,
    clock: ManualClock,
    seen: Arc<Mutex<Vec<(u64, u64)>>>,
}

impl StateRestoreListener for Looker {
    fn on_batch_restored(&self, _: &TopicPartition, _: &str, _: Offset, _: u64) {
        self.clock.advance(Duration::from_secs(2));
        let total = self.streams.get().expect("is set").metrics().total();
        self.seen.lock().expect("not poisoned").push((total.records_restored, total.records_to_restore));
    }
}

#[test]
fn the_metrics_say_what_is_still_to_be_restored() {
    let cluster = cluster();
    count(&cluster, "in_memory", &[("a", 1), ("b", 1), ("c", 1), ("d", 1), ("e", 1)]);
    let clock = ManualClock::starting_at(SystemClock.now());
    let looker = Looker { streams: Arc::default(), clock: clock.clone(), seen: Arc::default() };
    let config = cluster.config(&settings("in_memory"));
    let streams = KafkaStreams::with_clock(counts(true), config, cluster.connect(), Arc::new(clock));
    let streams = Arc::new(streams.expect("is valid"));
    assert!(looker.streams.set(Arc::clone(&streams)).is_ok());
    streams.set_state_restore_listener(looker.clone()).expect("is not started");
    run(&streams);
    close(&streams);
    let seen = looker.seen.lock().expect("not poisoned").clone();
    // As of the step before.
    assert_eq!(seen.last(), Some(&(4, 1)), "{seen:?}");
    assert!(seen.iter().all(|(restored, left)| [0, 5].contains(&(restored + left))), "{seen:?}");
}

/// A thread whose stores are restored runs; the application runs when all of its threads do.
struct Slow {
    opened: Arc<(Mutex<bool>, Condvar)>,
}

impl StateRestoreListener for Slow {
    fn on_restore_start(&self, partition: &TopicPartition, _: &str, _: Offset, _: Offset) {
        if partition.partition.0 == 1 {
            let (opened, changed) = &*self.opened;
            let opened = opened.lock().expect("not poisoned");
            drop(changed.wait_timeout_while(opened, PATIENCE, |opened| !*opened).expect("not poisoned"));
        }
    }
}

#[test]
fn an_application_runs_when_its_last_thread_does() {
    let cluster = Cluster::new(Over::Process, &[("in", 2), ("out", 1)]);
    let settings = [("num.stream.threads", "2")];
    let records = [("a", "")];
    for partition in 0..2 {
        cluster.produce("in", partition, &records);
    }
    let streams = cluster.streams(counts(true), &settings);
    run(&streams);
    cluster.read("out", 1, |records| records.len() == 2);
    close(&streams);
    let opened = Arc::new((Mutex::new(false), Condvar::new()));
    let streams = cluster.streams(counts(true), &settings);
    streams.set_state_restore_listener(Slow { opened: Arc::clone(&opened) }).expect("is not started");
    streams.start().expect("starts");
    cluster.produce("in", 0, &records);
    cluster.read("out", 1, |records| records.len() == 3);
    assert_eq!(streams.state(), State::Rebalancing);
    *opened.0.lock().expect("not poisoned") = true;
    opened.1.notify_all();
    streams.wait_until_running(PATIENCE).expect("runs");
    close(&streams);
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
            let aside = path.with_file_name("counts~unusable");
            fs::write(aside.join("mark"), "the first").expect("is written");
            // What is damaged again takes the place of what was moved away before.
            fs::write(path.join("CURRENT"), "noise").expect("is written");
            count(&cluster, "rocksDB", &[("a", 3), ("b", 3), ("c", 3), ("d", 3), ("e", 3)]);
            assert!(aside.is_dir() && !aside.join("mark").exists());
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

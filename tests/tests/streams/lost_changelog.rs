//! A changelog that loses its end with the power and is filled again while a store that has more of it is not there: the store
//! is noticed to be of another log, however long that has become, and is restored whole.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use broker_lite::disk::memory::{Crash, MemoryDisk};
use broker_lite::{Broker, SyncPolicy};
use rstest::rstest;
#[cfg(feature = "rocksdb")]
use streams_core::protocol::Request;
use streams_core::protocol::Response;
use streams_core::runtime::StateRestoreListener;
use streams_core::topology::Topology;
use streams_core::{Offset, TopicPartition};
use streams_dsl::prelude::*;

#[cfg(feature = "rocksdb")]
use super::harness::failure;
use super::harness::{close, eventually, run, Cluster};
use super::meddler::Meddler;

fn counts() -> Topology {
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, String>("in").group_by_key();
    grouped.count_with(Materialized::named("counts")).to_stream().drop_tombstones().to("out");
    builder.build().expect("is valid")
}

/// Writes down what stores read.
#[derive(Clone, Default)]
struct Reads(Arc<Mutex<Vec<String>>>);

impl StateRestoreListener for Reads {
    fn on_restore_start(&self, partition: &TopicPartition, _: &str, start: Offset, end: Offset) {
        self.0.lock().expect("not poisoned").push(format!("{partition} {start}..{end}"));
    }
}

/// Answers about topics come late: a commit waits for that of who leads a changelog.
#[derive(Default)]
struct Late(AtomicUsize);

impl Meddler for Late {
    fn passes(&self, response: &mut Response) -> bool {
        !matches!(response, Response::Metadata(_)) || self.0.fetch_add(1, Ordering::SeqCst) % 5 == 4
    }
}

/// Brokers of one disk, one after the other, and an application with a state directory that stays.
struct Lives {
    disk: MemoryDisk,
    broker: Arc<Broker>,
    engine: &'static str,
    kept: tempfile::TempDir,
}

impl Lives {
    fn new(engine: &'static str) -> Self {
        let disk = MemoryDisk::new();
        let broker = Self::broker(&disk);
        let lives = Self { disk, broker, engine, kept: tempfile::tempdir().expect("a directory") };
        drop(Cluster::over(Arc::clone(&lives.broker), &[("in", 1), ("out", 1)]));
        lives
    }

    fn broker(disk: &MemoryDisk) -> Arc<Broker> {
        Broker::builder().disk(Arc::new(disk.clone())).sync(SyncPolicy::Os).start().expect("starts")
    }

    fn crash(&mut self, crash: Crash) {
        self.disk = self.disk.crash(crash);
        std::mem::replace(&mut self.broker, Self::broker(&self.disk)).close();
    }

    /// Makes what there is last, under the next epoch.
    fn restart(&mut self) {
        self.broker.close();
        self.crash(Crash::KeepAll);
    }

    fn settings<'a>(&self, state_dir: &'a Path) -> Vec<(&'a str, &'a str)> {
        vec![
            ("state.dir", state_dir.to_str().expect("is text")),
            ("dsl.store.type", self.engine),
            ("statestore.cache.max.bytes", "0"),
            ("producer.batch.size", "1"),
        ]
    }

    /// Counts some keys, with the state that is kept or with none. Answers what was restored.
    fn count(&self, is_kept: bool, keys: &[(&str, &str)], expected: &[(&str, i64)]) -> Vec<String> {
        let cluster = Cluster::over(Arc::clone(&self.broker), &[]);
        let state_dir = if is_kept { self.kept.path() } else { cluster.state_dir() };
        let streams = cluster.meddled(counts(), &self.settings(state_dir), &Arc::new(Late::default()), None);
        let reads = Reads::default();
        streams.set_state_restore_listener(reads.clone()).expect("is not started");
        cluster.produce("in", 0, keys);
        run(&streams);
        cluster.expect_latest("out", 1, expected);
        let input = TopicPartition::new("in", 0);
        eventually("the commit", || cluster.committed(&input) == Some(Offset(cluster.end("in", 0))));
        close(&streams);
        let reads = reads.0.lock().expect("not poisoned").clone();
        reads
    }
}

const A: (&str, &str) = ("a", "");
const B: (&str, &str) = ("b", "");

#[rstest]
#[case::to_where_the_store_is(&[B, B, B], 4, 5)]
#[case::past_it(&[B, B, B, B], 5, 6)]
fn a_changelog_that_was_cut_and_filled_again_is_read_from_the_start(
    #[values("in_memory", "rocksDB")] engine: &'static str,
    #[values(true, false)] is_own: bool,
    #[case] others: &[(&str, &str)],
    #[case] count: i64,
    #[case] end: i64,
) {
    if engine == "rocksDB" && !cfg!(feature = "rocksdb") {
        return;
    }
    let mut lives = Lives::new(engine);
    assert_eq!(lives.count(true, &[A, B], &[("a", 1), ("b", 1)]), [""; 0]);
    lives.restart();
    // Two of the changelog's records are on the disk, and three will be lost: those of the store itself, or of somebody else
    // from whom it restored them.
    lives.count(is_own, &[A, A, A], &[("a", 4), ("b", 1)]);
    lives.count(true, &[], &[("a", 4), ("b", 1)]);
    lives.crash(Crash::LoseUnsynced);
    // Somebody else goes on with the application, from what is left.
    lives.count(false, others, &[("a", 1), ("b", count)]);
    // The store was made of three records about `a` that nobody has any more.
    let reads = lives.count(true, &[A, B], &[("a", 2), ("b", count + 1)]);
    assert_eq!(reads, [format!("app-counts-changelog-0 0..{end}")]);
}

/// An epoch that began since is no reason to read anything again.
#[cfg(feature = "rocksdb")]
#[test]
fn a_changelog_that_lost_nothing_is_read_on() {
    let mut lives = Lives::new("rocksDB");
    lives.count(true, &[A, B], &[("a", 1), ("b", 1)]);
    lives.restart();
    assert_eq!(lives.count(true, &[A], &[("a", 2), ("b", 1)]), [""; 0]);
    lives.restart();
    lives.restart();
    assert_eq!(lives.count(true, &[A], &[("a", 3), ("b", 1)]), [""; 0]);
    // Somebody else goes on, and loses nothing: only that is read.
    lives.count(false, &[B], &[("a", 3), ("b", 2)]);
    lives.restart();
    assert_eq!(lives.count(true, &[A], &[("a", 4), ("b", 2)]), ["app-counts-changelog-0 4..5"]);
}

/// Nobody hears where an epoch ended.
#[cfg(feature = "rocksdb")]
struct Unheard;

#[cfg(feature = "rocksdb")]
impl Meddler for Unheard {
    fn loses(&self, request: &Request) -> bool {
        matches!(request, Request::OffsetForLeaderEpoch(_))
    }
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_changelog_of_which_nobody_says_what_it_has_is_not_trusted() {
    let mut lives = Lives::new("rocksDB");
    lives.count(true, &[A, B], &[("a", 1), ("b", 1)]);
    lives.restart();
    let cluster = Cluster::over(Arc::clone(&lives.broker), &[]);
    let mut settings = lives.settings(lives.kept.path());
    settings.push(("task.timeout.ms", "200"));
    let streams = cluster.meddled(counts(), &settings, &Arc::new(Unheard), None);
    streams.start().expect("starts");
    let text = failure(&streams);
    let what = "restore stores: whether app-counts-changelog-0 has what the rows of store counts of task 0_0 are of cannot be \
                found out for ";
    assert!(text.starts_with(what) && text.ends_with(" ms (task.timeout.ms)"), "{text}");
    assert_eq!(streams.failure().expect("failed").kind().exit_code(), 5);
}

//! When a thread commits, and in which order: nothing is committed before what follows from it is safe.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use streams_core::protocol::{ErrorCode, Request, Response};
use streams_core::runtime::KafkaStreams;
use streams_core::state::EngineKind;
use streams_core::{Clock, ManualClock, Offset, SystemClock, TopicPartition};
use streams_dsl::prelude::*;

use super::harness::{close, eventually, failure, run, Cluster, Over, PATIENCE};
use super::meddler::Meddler;

fn copy() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").to("out");
    builder.build().expect("is valid")
}

fn cluster() -> Cluster {
    Cluster::new(Over::Process, &[("in", 1), ("out", 1)])
}

fn input() -> TopicPartition {
    TopicPartition::new("in", 0)
}

/// Acknowledges outputs late, and looks at what is asked meanwhile.
#[derive(Default)]
struct Late {
    unacknowledged: AtomicI64,
    looks: AtomicUsize,
    commits: AtomicUsize,
    commits_too_early: AtomicUsize,
}

impl Meddler for Late {
    fn loses(&self, request: &Request) -> bool {
        match request {
            Request::Produce(_) => drop(self.unacknowledged.fetch_add(1, Ordering::SeqCst)),
            Request::OffsetCommit(_) => {
                let is_early = self.unacknowledged.load(Ordering::SeqCst) > 0;
                self.commits.fetch_add(1, Ordering::SeqCst);
                self.commits_too_early.fetch_add(usize::from(is_early), Ordering::SeqCst);
            }
            _ => {}
        }
        false
    }

    fn passes(&self, response: &mut Response) -> bool {
        if !matches!(response, Response::Produce(_)) {
            return true;
        }
        let is_time = self.looks.fetch_add(1, Ordering::SeqCst) % 20 == 19;
        self.unacknowledged.fetch_sub(i64::from(is_time), Ordering::SeqCst);
        is_time
    }
}

#[test]
fn offsets_are_committed_after_their_outputs_are_acknowledged() {
    let cluster = cluster();
    let late = Arc::new(Late::default());
    let streams = cluster.meddled(copy(), &[], &late, None);
    run(&streams);
    for round in 1..=3 {
        cluster.produce("in", 0, &[("a", "1")]);
        eventually("the commit", || cluster.committed(&input()) == Some(Offset(round)));
    }
    close(&streams);
    assert!(late.commits.load(Ordering::SeqCst) >= 3);
    assert_eq!(late.commits_too_early.load(Ordering::SeqCst), 0);
}

/// Holds the answers to commits back, and notes when records came meanwhile and how often it was asked since.
#[derive(Default)]
struct Holding {
    holds: AtomicBool,
    commits: AtomicUsize,
    records: AtomicUsize,
    looks_since: AtomicUsize,
}

impl Meddler for Holding {
    fn loses(&self, request: &Request) -> bool {
        self.commits.fetch_add(usize::from(matches!(request, Request::OffsetCommit(_))), Ordering::SeqCst);
        false
    }

    fn passes(&self, response: &mut Response) -> bool {
        let holds = self.holds.load(Ordering::SeqCst);
        match response {
            Response::Fetch(fetch) if holds && self.commits.load(Ordering::SeqCst) > 0 => {
                let data = fetch.responses.iter().flat_map(|topic| &topic.partitions);
                let has_records = data.filter_map(|data| data.records.as_ref()).any(|records| !records.is_empty());
                self.records.fetch_add(usize::from(has_records), Ordering::SeqCst);
                true
            }
            Response::OffsetCommit(_) => {
                let came = self.records.load(Ordering::SeqCst) > 0;
                self.looks_since.fetch_add(usize::from(came), Ordering::SeqCst);
                !holds
            }
            _ => true,
        }
    }
}

/// The state that is committed with an offset is that of the offset, and of nothing behind it.
#[test]
fn nothing_is_processed_while_a_commit_is_under_way() {
    let cluster = cluster();
    let holding = Arc::new(Holding::default());
    holding.holds.store(true, Ordering::SeqCst);
    let streams = cluster.meddled(copy(), &[], &holding, None);
    run(&streams);
    cluster.produce("in", 0, &[("a", "1")]);
    eventually("the commit to be asked for", || holding.commits.load(Ordering::SeqCst) > 0);
    cluster.produce("in", 0, &[("b", "2")]);
    eventually("the next record, and steps with it", || holding.looks_since.load(Ordering::SeqCst) > 20);
    assert_eq!(cluster.end("out", 0), 1);
    holding.holds.store(false, Ordering::SeqCst);
    eventually("the second commit", || cluster.committed(&input()) == Some(Offset(2)));
    assert_eq!(cluster.end("out", 0), 2);
    close(&streams);
}

/// Answers commits with a code.
struct Refusing(ErrorCode);

impl Meddler for Refusing {
    fn passes(&self, response: &mut Response) -> bool {
        if let Response::OffsetCommit(commit) = response {
            let partitions = commit.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
            partitions.for_each(|partition| partition.error_code = self.0);
        }
        true
    }
}

#[test]
fn a_commit_that_is_refused_ends_the_application() {
    let cluster = cluster();
    let streams = cluster.meddled(copy(), &[], &Arc::new(Refusing(ErrorCode::GROUP_AUTHORIZATION_FAILED)), None);
    cluster.produce("in", 0, &[("a", "1")]);
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.starts_with("commit the offsets of the application: "), "{text}");
    assert!(text.contains("commit in-0 at 1: the broker answers GROUP_AUTHORIZATION_FAILED"), "{text}");
}

/// However long records would linger.
#[test]
fn a_commit_sends_what_lingers() {
    let cluster = cluster();
    let lingering = [("linger.ms", "600000"), ("delivery.timeout.ms", "900000")];
    let streams = cluster.streams(copy(), &lingering);
    run(&streams);
    cluster.produce("in", 0, &[("a", "1")]);
    cluster.read("out", 1, |records| records.len() == 1);
    eventually("the commit", || cluster.committed(&input()) == Some(Offset(1)));
    close(&streams);
}

/// Asks for a commit at each record of a key.
struct Committing;

impl Processor<String, String> for Committing {
    type KOut = String;
    type VOut = String;

    fn process(&mut self, record: Record<'_, String, String>, cx: &mut Context<'_, String, String>) -> Result<()> {
        if record.key == "commit" {
            cx.commit();
        }
        cx.forward(record)
    }
}

#[test]
fn a_commit_that_user_code_asks_for_comes_at_once() {
    let cluster = cluster();
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").process(|| Committing).to("out");
    let streams = cluster.streams(builder.build().expect("is valid"), &[("commit.interval.ms", "600000")]);
    run(&streams);
    cluster.produce("in", 0, &[("a", "1")]);
    cluster.read("out", 1, |records| records.len() == 1);
    assert_eq!(cluster.committed(&input()), None);
    cluster.produce("in", 0, &[("commit", "2")]);
    eventually("the commit", || cluster.committed(&input()) == Some(Offset(2)));
    close(&streams);
}

#[test]
fn commits_are_an_interval_apart() {
    let cluster = cluster();
    let clock = ManualClock::starting_at(SystemClock.now());
    let config = cluster.config(&[("commit.interval.ms", "20000")]);
    let shared: Arc<dyn Clock> = Arc::new(clock.clone());
    let streams = KafkaStreams::with_clock(copy(), config, cluster.connect(), shared).expect("is valid");
    streams.start().expect("starts");
    // Jumps of a clock count for little, so it goes on in steps.
    let until_committed = |offset: i64| {
        eventually("the commit", || {
            clock.advance(Duration::from_millis(500));
            streams.wait_until_ended(Duration::from_millis(5));
            cluster.committed(&input()) == Some(Offset(offset))
        });
    };
    cluster.produce("in", 0, &[("a", "1")]);
    until_committed(1);
    // Each of them is through only when a round with the one before it has ended.
    for (key, records) in [("b", 2), ("c", 3), ("d", 4)] {
        cluster.produce("in", 0, &[(key, "1")]);
        eventually("the record", || cluster.end("out", 0) == records);
    }
    assert_eq!(cluster.committed(&input()), Some(Offset(1)));
    until_committed(4);
    assert!(streams.close(PATIENCE).expect("closes"));
}

/// A bound for all stores of a thread, of which each task has a part.
#[cfg(feature = "rocksdb")]
#[test]
fn what_all_tasks_hold_makes_a_thread_commit_early() {
    let cluster = Cluster::new(Over::Process, &[("in", 3), ("out", 1)]);
    let builder = StreamsBuilder::new();
    let grouped = builder.stream::<String, String>("in").group_by_key();
    grouped
        .reduce_with(Materialized::named("latest"), |_, value| value.clone())
        .to_stream()
        .drop_tombstones()
        .to("out");
    let settings = [
        ("dsl.store.type", "rocksDB"),
        ("statestore.cache.max.bytes", "0"),
        ("commit.interval.ms", "600000"),
        ("statestore.uncommitted.max.bytes", "15000"),
    ];
    let streams = cluster.streams(builder.build().expect("is valid"), &settings);
    run(&streams);
    let long = "x".repeat(10_000);
    cluster.produce("in", 0, &[("a", &long)]);
    cluster.read("out", 1, |records| records.len() == 1);
    assert_eq!(cluster.committed(&input()), None, "one task has not enough");
    cluster.produce("in", 1, &[("b", &long)]);
    eventually("the commit", || cluster.committed(&input()) == Some(Offset(1)));
    close(&streams);
}

/// Counts its ticks in a store and tells each of them.
struct Ticks {
    ticks: KeyValueStore<String, i64>,
    ends: i64,
}

impl Processor<String, String> for Ticks {
    type KOut = String;
    type VOut = i64;

    fn init(&mut self, cx: &mut Context<'_, String, i64>) -> Result<()> {
        cx.schedule(millis(5), PunctuationType::WallClockTime);
        Ok(())
    }

    fn process(&mut self, _: Record<'_, String, String>, _: &mut Context<'_, String, i64>) -> Result<()> {
        Ok(())
    }

    fn punctuate(&mut self, tick: Punctuation, cx: &mut Context<'_, String, i64>) -> Result<()> {
        let key = "ticks".to_owned();
        let ticks = self.ticks.get(&key)?.unwrap_or(0) + 1;
        assert!(ticks <= self.ends, "no more ticks");
        self.ticks.put(&key, &ticks)?;
        cx.forward(Record::new(&key, &ticks, tick.timestamp))
    }
}

fn ticks(engine: EngineKind, ends: i64) -> Topology {
    let builder = StreamsBuilder::new();
    let store = Stores::in_memory_key_value::<String, i64>("ticks").with_engine(engine);
    let store = builder.add_store(store);
    builder.stream::<String, String>("in").process_with(&store, move |ticks| Ticks { ticks, ends }).to("out");
    builder.build().expect("is valid")
}

/// Without any record, so that no offset moves.
#[rstest]
#[case::in_memory(EngineKind::InMemory)]
#[cfg_attr(feature = "rocksdb", case::on_disk(EngineKind::RocksDb))]
fn what_ticks_of_the_wall_clock_do_is_committed(#[case] engine: EngineKind) {
    let cluster = cluster();
    for _ in 0..2 {
        let before = cluster.end("out", 0);
        let streams = cluster.streams(ticks(engine, i64::MAX), &[("commit.interval.ms", "600000")]);
        run(&streams);
        eventually("some ticks", || cluster.end("out", 0) > before + 2);
        close(&streams);
        let restored = streams.metrics().total().records_restored;
        // A store on disk has all that was committed; one in memory is read back.
        assert_eq!(restored > 0, before > 0 && engine == EngineKind::InMemory, "{restored}");
    }
    let records = cluster.read("out", 1, |records| records.len() >= 6);
    let ticks = records.iter().map(|record| record.value.as_deref().and_then(|value| value.try_into().ok()));
    let ticks: Vec<i64> = ticks.map(|value| i64::from_be_bytes(value.expect("a number"))).collect();
    assert_eq!(ticks, (1..).take(ticks.len()).collect::<Vec<_>>(), "the second run went on where the first one ended");
}

#[test]
fn a_panic_in_a_tick_names_the_task() {
    let cluster = cluster();
    let streams = cluster.streams(ticks(EngineKind::InMemory, 2), &[]);
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.starts_with("user code of task 0_0 fails at a punctuation or a flush: panic at "), "{text}");
    assert!(text.contains("no more ticks"), "{text}");
}

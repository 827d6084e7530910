//! Outputs whose topic is chosen per record and not there yet: what goes there waits, and comes once, in order.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Duration;

use rstest::rstest;
use streams_core::processor::Verdict;
use streams_core::topology::Topology;
use streams_core::{Clock, ManualClock, Offset, SystemClock, TopicPartition};
use streams_dsl::prelude::*;

use super::harness::{close, eventually, failure, run, Cluster, Hurried, PATIENCE};
use super::meddler::Unchanged;

/// How the counts reach their topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Each at once.
    Straight,
    /// Out of a cache, when there is a commit.
    Cached,
    /// Out of a cache, and a partitioner wants to know the number of partitions.
    Partitioned,
}

/// Counts by key, each to a topic of the key's name.
fn counted(way: Way) -> Topology {
    let builder = StreamsBuilder::new();
    let store = Materialized::named("counts");
    let store = if way == Way::Straight { store.caching_disabled() } else { store };
    let counts = builder.stream::<String, String>("in").group_by_key().count_with(store);
    let options = match way {
        Way::Partitioned => Produced::default().partitioner(|_, _, count| Some(count - 1)),
        _ => Produced::default(),
    };
    counts.to_stream().drop_tombstones().to_chosen_with(options, |key, _| format!("of-{key}"));
    builder.build().expect("is valid")
}

const QUICK: (&str, &str) = ("metadata.max.age.ms", "50");

fn cluster() -> Cluster {
    let cluster = Cluster::without_auto_creation(&[("in", 1)]);
    cluster.produce("in", 0, &[("a", ""), ("b", ""), ("a", "")]);
    cluster
}

fn committed(cluster: &Cluster) -> Option<Offset> {
    cluster.committed(&TopicPartition::new("in", 0))
}

/// All numbers that were ever written to a topic, by their order.
fn written(cluster: &Cluster, topic: &str, at_least: usize) -> Vec<i64> {
    let records = cluster.read(topic, 1, |records| records.len() >= at_least);
    let number = |value: Option<&[u8]>| value.and_then(|value| value.try_into().ok()).map_or(-1, i64::from_be_bytes);
    records.iter().map(|record| number(record.value.as_deref())).collect()
}

#[rstest]
#[case::straight(Way::Straight, &[1, 2, 3])]
#[case::cached(Way::Cached, &[2, 3])]
#[case::partitioned(Way::Partitioned, &[2, 3])]
fn what_goes_to_a_topic_that_comes_late_is_there_once(#[case] way: Way, #[case] of_a: &[i64]) {
    let cluster = cluster();
    let streams = cluster.streams(counted(way), &[QUICK]);
    run(&streams);
    // Long enough to try again more than once, and longer than a thread takes to be built anew.
    assert!(!streams.wait_until_ended(Duration::from_millis(1_500)).is_final());
    assert_eq!(committed(&cluster), None, "nothing is done before it is written");
    // It comes behind what waits, and counts once.
    cluster.produce("in", 0, &[("a", "")]);
    assert!(!streams.wait_until_ended(Duration::from_millis(300)).is_final());
    cluster.create_topic("of-a");
    cluster.create_topic("of-b");
    assert_eq!(written(&cluster, "of-a", of_a.len()), of_a);
    assert_eq!(written(&cluster, "of-b", 1), [1]);
    eventually("the commit", || committed(&cluster) == Some(Offset(4)));
    close(&streams);
}

/// No commit is due for long: the task itself sees that it can go on.
#[test]
fn what_waits_is_written_without_a_commit() {
    let cluster = cluster();
    let streams = cluster.streams(counted(Way::Straight), &[QUICK, ("commit.interval.ms", "600000")]);
    run(&streams);
    assert!(!streams.wait_until_ended(Duration::from_millis(300)).is_final());
    cluster.produce("in", 0, &[("a", "")]);
    cluster.create_topic("of-a");
    cluster.create_topic("of-b");
    assert_eq!(written(&cluster, "of-a", 3), [1, 2, 3]);
    assert_eq!(written(&cluster, "of-b", 1), [1]);
    close(&streams);
}

/// Forwards a record with each tick of a wall clock.
struct Ticking(Arc<AtomicUsize>);

impl Processor<String, String> for Ticking {
    type KOut = String;
    type VOut = String;

    fn init(&mut self, cx: &mut Context<'_, String, String>) -> Result<()> {
        cx.schedule(Duration::from_millis(5), PunctuationType::WallClockTime);
        Ok(())
    }

    fn process(&mut self, _: Record<'_, String, String>, _: &mut Context<'_, String, String>) -> Result<()> {
        Ok(())
    }

    fn punctuate(&mut self, tick: Punctuation, cx: &mut Context<'_, String, String>) -> Result<()> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let key = "tick".to_owned();
        cx.forward(Record::new(&key, &key, tick.timestamp))
    }
}

/// Ticks would only make more of what waits.
#[test]
fn a_task_that_waits_does_not_tick() {
    let cluster = Cluster::without_auto_creation(&[("in", 1)]);
    let ticks = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&ticks);
    let builder = StreamsBuilder::new();
    let ticking = builder.stream::<String, String>("in").process(move || Ticking(Arc::clone(&shared)));
    ticking.to_chosen(|_, _| "of-ticks".to_owned());
    let streams = cluster.streams(builder.build().expect("is valid"), &[QUICK]);
    run(&streams);
    let after = |millis| {
        assert!(!streams.wait_until_ended(Duration::from_millis(millis)).is_final());
        ticks.load(Ordering::SeqCst)
    };
    let before = after(300);
    assert!(before > 0, "one of them found out that the topic is unknown");
    assert_eq!(after(300), before);
    cluster.create_topic("of-ticks");
    eventually("a tick", || ticks.load(Ordering::SeqCst) > before);
    assert!(written(&cluster, "of-ticks", before + 1).len() > before);
    close(&streams);
}

/// One topic is there and the other is not: the other tasks of the thread go on.
#[test]
fn a_task_that_waits_holds_up_no_other() {
    let cluster = Cluster::without_auto_creation(&[("in", 2), ("of-b", 1)]);
    cluster.produce("in", 0, &[("a", "")]);
    let streams = cluster.streams(counted(Way::Cached), &[QUICK]);
    run(&streams);
    for count in 1..4 {
        cluster.produce("in", 1, &[("b", "")]);
        eventually("the commit", || cluster.committed(&TopicPartition::new("in", 1)) == Some(Offset(count)));
    }
    assert_eq!(committed(&cluster), None);
    cluster.create_topic("of-a");
    assert_eq!(written(&cluster, "of-a", 1), [1]);
    close(&streams);
}

#[rstest]
fn a_task_that_waits_for_long_fails(#[values(Way::Straight, Way::Cached, Way::Partitioned)] way: Way) {
    let cluster = cluster();
    let streams = cluster.streams(counted(way), &[QUICK, ("task.timeout.ms", "200")]);
    streams.start().expect("starts");
    let text = failure(&streams);
    assert!(text.starts_with("task 0_0 fails for 200 ms (task.timeout.ms)"), "{text}");
    assert!(text.contains("is unknown, to which a sink that chooses its topic writes"), "{text}");
    assert_eq!(streams.failure().expect("failed").kind().exit_code(), 5);
    assert_eq!(committed(&cluster), None);
}

/// Nothing is committed that waits, whatever makes the application end; the next run writes it.
#[test]
fn what_waits_when_the_application_ends_is_written_by_the_next_run() {
    let cluster = cluster();
    let topology = || counted(Way::Cached);
    let streams = cluster.streams(topology(), &[QUICK]);
    run(&streams);
    assert!(streams.close(PATIENCE).expect("closes"), "it does not wait for the topics");
    assert_eq!(committed(&cluster), None);
    cluster.create_topic("of-a");
    cluster.create_topic("of-b");
    let streams = cluster.streams(topology(), &[]);
    run(&streams);
    eventually("the commit", || committed(&cluster) == Some(Offset(3)));
    close(&streams);
    assert!(written(&cluster, "of-a", 1).last() >= Some(&2) && written(&cluster, "of-b", 1).last() >= Some(&1));
}

/// What a topic that stays away would have got is the production handler's to decide about, record by record.
#[rstest]
#[case::straight(Way::Straight, 3)]
#[case::cached(Way::Cached, 2)]
fn a_handler_that_continues_does_without_what_waits(#[case] way: Way, #[case] expected: usize) {
    let cluster = cluster();
    let passed = Arc::new(AtomicUsize::new(0));
    let clock = ManualClock::starting_at(SystemClock.now());
    let streams = cluster.meddled(counted(way), &[QUICK], &Arc::new(Unchanged), Some(&clock));
    let count = Arc::clone(&passed);
    let set = streams.set_handlers(|handlers| {
        handlers.production = Arc::new(move |partition, _| {
            assert!(["of-a", "of-b"].contains(&&*partition.topic));
            count.fetch_add(1, Ordering::SeqCst);
            Verdict::Continue
        });
    });
    set.expect("is not started");
    streams.start().expect("starts");
    let app = Hurried { streams, clock };
    app.until("the commit", |_| committed(&cluster) == Some(Offset(3)));
    close(&app.streams);
    assert_eq!(passed.load(Ordering::SeqCst), expected);
}

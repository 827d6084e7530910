//! Whole applications against hand-written loops: records per second on one core, and the ratio of the two.
//!
//! Each case runs over an embedded broker (data in memory, `os` durability, in-process transport), and by hand over the
//! very same batches: once in a log as the broker's, once in a plain list of batches (see `by_hand`). Rates are per CPU
//! second of the process, broker, start and commit included; the fastest run of each side counts, and the sides take
//! turns. Prints a table, then one line of JSON per case.
//!
//! `streams [CASE]` runs the cases whose names contain the word.

use std::time::Duration;

use bytes::Bytes;
use streams_benches::application::{Cluster, INPUT, OUTPUT};
use streams_benches::by_hand::{LogKind, Topic};
use streams_benches::input::{batches, Line, RECORDS_PER_MS};
use streams_benches::{by_hand, cpu_time, per_second};
use streams_core::topology::Topology;
use streams_core::{Clock, Error, ErrorKind, Result, SystemClock, Timestamp};
use streams_dsl::prelude::*;
use streams_dsl::StreamsBuilder;

/// Records of a case.
const RECORDS: u64 = 1_000_000;
/// How often each side of a case runs; the fastest counts.
const RUNS: usize = 4;
/// How often a case on disk runs.
#[cfg(feature = "rocksdb")]
const RUNS_ON_DISK: usize = 2;

/// One line of the table.
struct Case {
    name: &'static str,
    runs: usize,
    topology: fn() -> Result<Topology>,
    settings: &'static [(&'static str, &'static str)],
    by_hand: fn(&Topic) -> Result<u64>,
    /// Whether every input record makes one update by hand and here: a cache keeps some back.
    writes_all: bool,
}

const NO_CACHE: (&str, &str) = ("statestore.cache.max.bytes", "0");
const IN_MEMORY: (&str, &str) = ("dsl.store.type", "in_memory");

const CASES: &[Case] = &[
    Case {
        name: "stateless filter+map_values",
        runs: RUNS,
        topology: stateless,
        settings: &[],
        by_hand: by_hand::stateless,
        writes_all: true,
    },
    Case {
        name: "count in memory, no cache",
        runs: RUNS,
        topology: count,
        settings: &[IN_MEMORY, NO_CACHE],
        by_hand: by_hand::count,
        writes_all: true,
    },
    Case {
        name: "count in memory, default cache",
        runs: RUNS,
        topology: count,
        settings: &[IN_MEMORY],
        by_hand: by_hand::count,
        writes_all: false,
    },
    #[cfg(feature = "rocksdb")]
    Case {
        name: "count in rocksdb, no cache",
        runs: RUNS_ON_DISK,
        topology: count,
        settings: &[("dsl.store.type", "rocksDB"), NO_CACHE],
        by_hand: by_hand::count,
        writes_all: true,
    },
    #[cfg(feature = "rocksdb")]
    Case {
        name: "count in rocksdb, default cache",
        runs: RUNS_ON_DISK,
        topology: count,
        settings: &[("dsl.store.type", "rocksDB")],
        by_hand: by_hand::count,
        writes_all: false,
    },
    Case {
        name: "tumbling count in memory, no cache",
        runs: RUNS,
        topology: windowed_count,
        settings: &[IN_MEMORY, NO_CACHE],
        by_hand: by_hand::windowed_count,
        writes_all: true,
    },
    Case {
        name: "tumbling count in memory, default cache",
        runs: RUNS,
        topology: windowed_count,
        settings: &[IN_MEMORY],
        by_hand: by_hand::windowed_count,
        writes_all: false,
    },
];

fn stateless() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    builder.stream::<String, Line>(INPUT).filter(|_, line| line.is_kept()).map_values(Line::changed).to(OUTPUT);
    builder.build()
}

fn count() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let counts = builder.stream::<String, Line>(INPUT).group_by_key().count_with(Materialized::named("counts"));
    counts.to_stream().drop_tombstones().to(OUTPUT);
    builder.build()
}

fn windowed_count() -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let width = Duration::from_millis(u64::try_from(by_hand::WINDOW_MS).unwrap_or(0));
    let counts = builder
        .stream::<String, Line>(INPUT)
        .group_by_key()
        .windowed_by(TimeWindows::of_size_with_no_grace(width))
        .count_with(Materialized::named("counts"));
    counts.to_stream().drop_tombstones().to(OUTPUT);
    builder.build()
}

/// What a case has come to, in records per CPU second.
struct Outcome {
    name: &'static str,
    streams: f64,
    same_log: f64,
    plain_log: f64,
}

/// What all cases read.
struct Inputs {
    cluster: Cluster,
    same_log: Topic,
    plain_log: Topic,
}

impl Inputs {
    fn new(batches: &[Bytes], now: Timestamp) -> Result<Self> {
        let topic = |kind| {
            let mut topic = Topic::new(kind, now)?;
            topic.fill(batches)?;
            Ok::<_, Error>(topic)
        };
        Ok(Self {
            cluster: Cluster::new(batches, RECORDS)?,
            same_log: topic(LogKind::Broker)?,
            plain_log: topic(LogKind::Plain)?,
        })
    }
}

fn measure(case: &Case, inputs: &mut Inputs) -> Result<Outcome> {
    let topology = (case.topology)()?;
    let mut best = [Duration::MAX; 3];
    for _ in 0..case.runs {
        let mut expected = 0;
        for (best, topic) in best.iter_mut().zip([&inputs.same_log, &inputs.plain_log]) {
            let start = cpu_time();
            expected = (case.by_hand)(topic)?;
            *best = (*best).min(cpu_time().saturating_sub(start));
        }
        let (elapsed, written) = inputs.cluster.run(&topology, case.settings)?;
        best[2] = best[2].min(elapsed);
        let right = if case.writes_all { written == expected } else { 0 < written && written <= expected };
        if !right {
            let message = format!("{}: {written} records in the output, and {expected} by hand", case.name);
            return Err(Error::new(ErrorKind::Internal, message));
        }
    }
    let [same_log, plain_log, streams] = best.map(|time| per_second(RECORDS, time));
    Ok(Outcome { name: case.name, streams, same_log, plain_log })
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its table")]
fn main() -> Result<()> {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    let now = SystemClock.now();
    let span = i64::try_from(RECORDS / RECORDS_PER_MS).unwrap_or(0);
    let mut inputs = Inputs::new(&batches(RECORDS, Timestamp(now.0 - span))?, now)?;
    println!(
        "{RECORDS} records of 16-byte keys and 84-byte values, 100,000 keys; broker in process, in memory, sync=os"
    );
    println!("M records per CPU second                   streams   by hand over the same log   over a plain list");
    let mut outcomes = Vec::new();
    for case in CASES.iter().filter(|case| case.name.contains(&wanted)) {
        let outcome = measure(case, &mut inputs)?;
        let Outcome { name, streams, same_log, plain_log } = outcome;
        println!(
            "{name:<40} {:>9.3} {:>15.3} (ratio {:.2}) {:>6.3} (ratio {:.2})",
            streams / 1e6,
            same_log / 1e6,
            streams / same_log,
            plain_log / 1e6,
            streams / plain_log
        );
        outcomes.push(outcome);
    }
    for Outcome { name, streams, same_log, plain_log } in outcomes {
        println!(
            "{{\"case\":\"{name}\",\"records_per_second\":{streams:.0},\"by_hand_per_second\":{same_log:.0},\
             \"ratio\":{:.3},\"by_hand_plain_per_second\":{plain_log:.0},\"ratio_plain\":{:.3}}}",
            streams / same_log,
            streams / plain_log
        );
    }
    Ok(())
}

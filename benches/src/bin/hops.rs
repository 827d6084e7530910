//! What an edge costs: a chain of 1, 5 and 10 `map_values` against the same arithmetic in a hand-written loop.
//!
//! Prints nanoseconds per record and per hop. Both sides decode the same key and value bytes first.

use std::sync::Arc;

use streams_benches::fastest;
use streams_core::processor::{RawRecord, RecordCollector, SinkTopic, TaskContext};
use streams_core::topology::{Topology, Wiring};
use streams_core::{Headers, Partition, Result, SubtopologyId, TaskId, Timestamp};
use streams_dsl::StreamsBuilder;

const RECORDS: u64 = 10_000_000;

/// Takes nothing: the chains end in a closure.
struct NoCollector;

impl RecordCollector for NoCollector {
    fn topic(&mut self, _: &str) -> Result<SinkTopic> {
        Ok(SinkTopic(0))
    }

    fn partition_count(&mut self, _: SinkTopic) -> Result<u32> {
        Ok(1)
    }

    fn send(
        &mut self,
        _: SinkTopic,
        _: Option<Partition>,
        _: Option<&[u8]>,
        _: Option<&[u8]>,
        _: Timestamp,
        _: &Headers,
    ) -> Result<()> {
        Ok(())
    }
}

fn chain(hops: usize) -> Result<Topology> {
    let builder = StreamsBuilder::new();
    let mut stream = builder.stream::<i64, i64>("numbers");
    for _ in 0..hops {
        stream = stream.map_values(|value| std::hint::black_box(value ^ 0x5a5a));
    }
    stream.for_each(|_, value| {
        std::hint::black_box(value);
    });
    builder.build()
}

fn run_chain(topology: &Topology) -> Result<u64> {
    let mut collector = NoCollector;
    let mut graph = Wiring::wire(topology, &topology.subtopologies()[0], "bench", &[], &mut collector)?;
    let task = TaskId { subtopology: SubtopologyId(0), partition: Partition(0) };
    let mut context = TaskContext::new(task, Arc::clone(&topology.node_names()), Box::new(NoCollector));
    let source = &mut graph.sources[0].source;
    for number in 0..RECORDS {
        let bytes = number.to_be_bytes();
        let raw =
            RawRecord { key: Some(&bytes), value: Some(&bytes), timestamp: Timestamp(0), headers: Headers::none() };
        source.process(raw, Timestamp(0), &mut context)?;
    }
    Ok(RECORDS)
}

fn run_by_hand(hops: usize) -> u64 {
    for number in 0..RECORDS {
        let bytes = std::hint::black_box(number.to_be_bytes());
        let key = i64::from_be_bytes(bytes);
        let mut value = i64::from_be_bytes(bytes);
        for _ in 0..hops {
            value = std::hint::black_box(value ^ 0x5a5a);
        }
        std::hint::black_box((key, value));
    }
    RECORDS
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its table")]
fn main() -> Result<()> {
    println!("{:>5} {:>12} {:>12} {:>12}", "hops", "chain ns/rec", "hand ns/rec", "ns per hop");
    let mut base = None;
    for hops in [0, 1, 5, 10] {
        let topology = chain(hops)?;
        let mut failure = None;
        let chained = fastest(|| {
            run_chain(&topology).unwrap_or_else(|error| {
                failure = Some(error);
                0
            })
        });
        if let Some(error) = failure {
            return Err(error);
        }
        let by_hand = fastest(|| run_by_hand(hops));
        let (chained, by_hand) = (nanos_per_record(chained), nanos_per_record(by_hand));
        let over_hand = chained - by_hand;
        let first = *base.get_or_insert(over_hand);
        let per_hop = if hops == 0 { 0.0 } else { (over_hand - first) / f64::from(u32::try_from(hops).unwrap_or(1)) };
        println!("{hops:>5} {chained:>12.2} {by_hand:>12.2} {per_hop:>12.2}");
    }
    Ok(())
}

fn nanos_per_record(elapsed: std::time::Duration) -> f64 {
    1e9 / streams_benches::per_second(RECORDS, elapsed)
}

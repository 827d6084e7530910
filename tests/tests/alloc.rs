//! What the hot path allocates: nothing per hop, and nothing per record in the loop of a stream thread, only per batch.
//!
//! Allocations are counted by an allocator that this binary alone uses, per thread, so that tests beside each other and
//! the broker's own threads do not count.

#![expect(unsafe_code, reason = "a counting allocator implements an unsafe trait; it only forwards to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;

use broker_lite::Broker;
use streams_core::client::admin::{Admin, NewTopic};
use streams_core::client::producer::Producer;
use streams_core::client::transport::Transport;
use streams_core::config::{AdminConfig, ProducerConfig, StreamsConfig};
use streams_core::processor::{RawRecord, RecordCollector, SinkTopic, TaskContext};
use streams_core::runtime::KafkaStreams;
use streams_core::topology::{Topology, Wiring};
use streams_core::{Clock, Headers, Partition, Result, SubtopologyId, SystemClock, TaskId, Timestamp, TopicPartition};
use streams_dsl::StreamsBuilder;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call is the system allocator's own; counting touches no memory that it hands out.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are passed on.
        unsafe { System.realloc(memory, layout, size) }
    }
}

fn count() {
    // A thread that ends has no counter any more.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

fn allocations() -> u64 {
    ALLOCATIONS.with(Cell::get)
}

/// Takes nothing: the chain ends in a closure.
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

#[test]
fn a_hop_allocates_nothing() {
    let builder = StreamsBuilder::new();
    let mut stream = builder.stream::<String, i64>("numbers");
    for _ in 0..5 {
        stream = stream.filter(|_, value| *value >= 0).map_values(|value| value + 1);
    }
    stream.for_each(|key, value| {
        std::hint::black_box((key, value));
    });
    let topology = builder.build().expect("is valid");
    let mut collector = NoCollector;
    let wired = Wiring::wire(&topology, &topology.subtopologies()[0], "alloc", &[], &mut collector);
    let mut graph = wired.expect("can be wired");
    let task = TaskId { subtopology: SubtopologyId(0), partition: Partition(0) };
    let mut context = TaskContext::new(task, Arc::clone(&topology.node_names()), Box::new(NoCollector));
    let value = 7_i64.to_be_bytes();
    let raw =
        RawRecord { key: Some(b"some key"), value: Some(&value), timestamp: Timestamp(0), headers: Headers::none() };
    // The first record makes the source's slots.
    graph.sources[0].source.process(raw, Timestamp(0), &mut context).expect("is processed");
    let before = allocations();
    for _ in 0..1_000 {
        graph.sources[0].source.process(raw, Timestamp(0), &mut context).expect("is processed");
    }
    assert_eq!(allocations() - before, 0);
}

/// Records until buffers have their sizes and rounds are long.
const WARM_UP: u64 = 50_000;
const RECORDS: u64 = 150_000;
/// A batch of 16 KiB holds more than 400 of these records, and what one costs on its way in and out, from fetch to
/// acknowledgement, is less than 40 allocations. One allocation per record would be ten times as much.
const RECORDS_PER_ALLOCATION_MIN: u64 = 10;

#[test]
fn the_loop_of_a_thread_allocates_per_batch_only() {
    let broker = Broker::builder().start().expect("starts");
    fill(&broker);
    let (seen, started, ended) =
        (Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default(), Arc::<AtomicU64>::default());
    let (at_start, at_end) = (Arc::clone(&started), Arc::clone(&ended));
    // Runs on the stream thread, and so looks at that thread's counter.
    let topology = stateless(move || match seen.fetch_add(1, Ordering::Relaxed) + 1 {
        WARM_UP => at_start.store(allocations(), Ordering::Relaxed),
        RECORDS => at_end.store(allocations(), Ordering::Relaxed),
        _ => {}
    });
    let settings = [("application.id", "alloc"), ("auto.offset.reset", "earliest"), ("commit.interval.ms", "600000")];
    let config = StreamsConfig::from_settings(settings).expect("is valid");
    let connect = move || -> Result<Box<dyn Transport>> { Ok(Box::new(broker.in_process())) };
    let streams = KafkaStreams::new(topology, config, connect).expect("is valid");
    streams.start().expect("starts");
    let deadline = SystemClock.now() + Duration::from_secs(30);
    while ended.load(Ordering::Relaxed) == 0 {
        assert!(SystemClock.now() < deadline, "the application does not come to the end: {:?}", streams.failure());
        std::thread::yield_now();
    }
    streams.close(Duration::from_secs(30)).expect("closes");
    let made = ended.load(Ordering::Relaxed) - started.load(Ordering::Relaxed);
    let allowed = (RECORDS - WARM_UP) / RECORDS_PER_ALLOCATION_MIN;
    assert!(made < allowed, "{made} allocations for {} records", RECORDS - WARM_UP);
}

fn stateless(each: impl Fn() + Send + Sync + 'static) -> Topology {
    let builder = StreamsBuilder::new();
    let input = builder.stream::<String, i64>("in");
    input
        .filter(move |_, value| {
            each();
            value % 4 != 0
        })
        .map_values(|value| value * 3)
        .to("out");
    builder.build().expect("is valid")
}

fn fill(broker: &Arc<Broker>) {
    let mut admin = Admin::new(AdminConfig::default(), Box::new(broker.in_process()), Arc::new(SystemClock), 1);
    for (_, outcome) in admin.create_topics(&[NewTopic::new("in", 1), NewTopic::new("out", 1)]).expect("answers") {
        outcome.expect("is created");
    }
    let mut producer = Producer::new(ProducerConfig::default(), Box::new(broker.in_process()), 2).expect("is valid");
    let to = TopicPartition::new("in", 0);
    for number in 0..RECORDS {
        let value = number.to_be_bytes();
        producer.send(&to, Some(b"some key"), Some(&value), Timestamp(1_000), Headers::none()).expect("is taken");
        if producer.is_full() {
            producer.poll(SystemClock.now(), Duration::ZERO).expect("is open");
        }
    }
    producer.flush(&SystemClock, Duration::from_secs(30)).expect("is acknowledged");
}

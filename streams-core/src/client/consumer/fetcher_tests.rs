//! When the consumer asks and how long it lets the broker wait, against a scripted broker that keeps those waits.

use std::collections::VecDeque;

use super::*;
use crate::client::testing::Script;
use crate::client::transport::RequestId;
use crate::protocol::messages::fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use crate::protocol::Request;

const STEP: Duration = Duration::from_millis(1);

struct Bench {
    script: Script,
    consumer: Consumer,
    now: Timestamp,
    /// Fetches that are not answered, and when they are.
    waiting: VecDeque<(Timestamp, RequestId, FetchRequest)>,
    fetches: usize,
}

fn partition(index: i32) -> TopicPartition {
    TopicPartition::new("t", index)
}

impl Bench {
    /// A consumer at offset 10 of both partitions of `t`.
    fn new() -> Self {
        let (script, transport) = Script::with_topics(&[("t", &[1, 1])]);
        let settings = [("retry.backoff.ms", "100"), ("retry.backoff.max.ms", "100")];
        let config = ConsumerConfig::from_settings(settings).expect("valid settings");
        let mut consumer = Consumer::new(config, transport, 1).expect("settings fit");
        consumer.assign(&[partition(0), partition(1)]);
        for index in [0, 1] {
            consumer.seek(&partition(index), Offset(10)).expect("it is assigned");
        }
        Self { script, consumer, now: Timestamp(1_000), waiting: VecDeque::new(), fetches: 0 }
    }

    /// Polls, and has the broker answer with nothing what it has held for as long as it was told.
    fn step(&mut self, by: Duration) {
        self.now = self.now + by;
        self.poll();
        while let Some(at) = self.waiting.iter().position(|(due, _, _)| *due <= self.now) {
            let (_, id, request) = self.waiting.remove(at).expect("it was just found");
            let data = request.topics.into_iter().flat_map(|topic| topic.partitions).map(|asked| PartitionData {
                partition_index: asked.partition,
                high_watermark: asked.fetch_offset,
                ..PartitionData::default()
            });
            let topic = FetchableTopicResponse { topic: "t".into(), partitions: data.collect(), ..Default::default() };
            self.script.answer(id, FetchResponse { responses: vec![topic], ..FetchResponse::default() });
        }
    }

    fn poll(&mut self) {
        self.consumer.poll(self.now, Duration::ZERO).expect("nothing fails");
        while let Some((id, _, request)) = self.script.take() {
            let Request::Fetch(request) = request else { panic!("{request:?}") };
            let wait = Duration::from_millis(request.max_wait_ms.try_into().expect("a time to wait"));
            self.fetches += 1;
            self.waiting.push_back((self.now + wait, id, request));
        }
    }

    fn asks_for(&self, index: i32) -> bool {
        let mut asked =
            self.waiting.iter().flat_map(|(_, _, request)| &request.topics).flat_map(|topic| &topic.partitions);
        asked.any(|asked| asked.partition == index)
    }
}

#[test]
fn a_partition_that_is_held_back_makes_nobody_busy() {
    let mut bench = Bench::new();
    bench.consumer.pause(&partition(0)).expect("it is assigned");
    (0..1_000).for_each(|_| bench.step(STEP));
    assert!((2..=16).contains(&bench.fetches), "{} fetches in a second", bench.fetches);
    assert!(!bench.asks_for(0) && bench.asks_for(1));
    bench.consumer.resume(&partition(0)).expect("it is assigned");
    bench.poll();
    assert!(bench.asks_for(0), "it does not wait until the other's fetch is answered");
    let before = bench.fetches;
    (0..1_000).for_each(|_| bench.step(STEP));
    assert!(bench.fetches - before <= 6, "{} fetches in a second", bench.fetches - before);
}

#[test]
fn what_is_held_back_for_a_moment_waits_for_no_idle_partition() {
    let mut bench = Bench::new();
    bench.consumer.pause(&partition(0)).expect("it is assigned");
    (0..3).for_each(|_| bench.step(STEP));
    let waits = bench.waiting.iter().map(|(due, _, _)| *due - bench.now).max();
    assert!(waits <= Some(STEP * 3), "{waits:?}");
}

#[test]
fn a_clock_that_is_set_back_prolongs_no_backoff_and_no_request() {
    let mut bench = Bench::new();
    bench.now = bench.now + Duration::from_secs(36_000);
    for failure in ["answered", "never answered"] {
        bench.poll();
        let (_, id, _) = bench.waiting.pop_front().expect("it asks");
        bench.now = bench.now - Duration::from_secs(3_600);
        bench.poll();
        match failure {
            "answered" => bench.script.fail(id),
            _ => bench.step(Duration::from_secs(9)),
        }
        bench.poll();
        bench.now = bench.now - Duration::from_secs(3_600);
        bench.poll();
        for _ in 0..4 {
            assert_eq!(bench.waiting.len(), 0, "{failure}: it waits first");
            bench.step(Duration::from_secs(9));
            if !bench.waiting.is_empty() {
                break;
            }
        }
        assert!(bench.asks_for(0), "{failure}: then it asks again");
        bench.waiting.truncate(1);
    }
}

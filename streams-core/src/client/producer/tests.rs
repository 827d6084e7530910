//! The producer against a scripted broker: order, repeats, duplicates, time-outs, moved leaders, lost sequences.

use std::time::Duration;

use super::*;
use crate::client::testing::Script;
use crate::client::transport::{BrokerId, RequestId};
use crate::protocol::batch::{BatchView, Scratch};
use crate::protocol::messages::produce::{PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
use crate::protocol::{ErrorCode, Request};

struct Bench {
    script: Script,
    producer: Producer,
    now: Timestamp,
}

/// One batch as the broker sees it.
#[derive(Debug, PartialEq, Eq, Clone)]
struct Seen {
    id: RequestId,
    to: BrokerId,
    partition: i32,
    epoch: i16,
    sequence: i32,
    values: Vec<String>,
}

impl Bench {
    fn new(settings: &[(&'static str, &'static str)]) -> Self {
        Self::led_by(&[1, 2], settings)
    }

    /// A producer to a topic whose partitions have these leaders.
    fn led_by(leaders: &[i32], settings: &[(&'static str, &'static str)]) -> Self {
        let (script, transport) = Script::with_topics(&[("t", leaders)]);
        let defaults = [("linger.ms", "0"), ("retry.backoff.ms", "100"), ("retry.backoff.max.ms", "100")];
        let settings = defaults.into_iter().chain(settings.iter().copied());
        let config = ProducerConfig::from_settings(settings).expect("valid settings");
        let producer = Producer::new(config, transport, 1).expect("settings fit");
        let mut bench = Self { script, producer, now: Timestamp(1_000) };
        bench.producer.partition_count("t");
        bench.step();
        bench
    }

    fn step(&mut self) {
        self.producer.poll(self.now, Duration::ZERO).expect("the transport is open");
    }

    fn advance(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
        self.step();
    }

    /// Appends a record to a partition; one batch each, because the linger is over at the next step.
    fn send(&mut self, partition: i32, value: &str) {
        let partition = TopicPartition::new("t", partition);
        self.producer
            .send(&partition, None, Some(value.as_bytes()), Timestamp(5), Headers::none())
            .expect("there is room");
        self.step();
    }

    /// Has the first record of a partition acknowledged, at offset 0 and with sequence 0.
    fn begin(&mut self, partition: i32) {
        self.send(partition, "first");
        let seen = self.seen();
        self.answer(&seen[0], ErrorCode::NONE, 0);
    }

    fn seen(&mut self) -> Vec<Seen> {
        let mut seen = Vec::new();
        while let Some((id, to, request)) = self.script.take() {
            let Request::Produce(request) = request else { panic!("unexpected {request:?}") };
            for topic in request.topic_data {
                for data in topic.partition_data {
                    let records = data.records.expect("a batch");
                    let batch = BatchView::parse(&records).expect("one batch");
                    batch.check_crc().expect("a right checksum");
                    let mut scratch = Scratch::default();
                    let values = batch.records(&mut scratch).expect("records").map(|record| {
                        String::from_utf8_lossy(record.expect("decodes").value.unwrap_or_default()).into_owned()
                    });
                    seen.push(Seen {
                        id,
                        to,
                        partition: data.index,
                        epoch: batch.producer_epoch(),
                        sequence: batch.base_sequence(),
                        values: values.collect(),
                    });
                }
            }
        }
        seen
    }

    fn answer(&mut self, seen: &Seen, error_code: ErrorCode, base_offset: i64) {
        let answer = PartitionProduceResponse { index: seen.partition, error_code, base_offset, ..Default::default() };
        let topic = TopicProduceResponse { name: "t".into(), partition_responses: vec![answer], ..Default::default() };
        self.script.answer(seen.id, ProduceResponse { responses: vec![topic], ..Default::default() });
        self.step();
    }

    fn acked(&self, partition: i32) -> Option<i64> {
        self.producer.last_acked_offset(&TopicPartition::new("t", partition)).map(|offset| offset.0)
    }
}

fn values(seen: &[Seen]) -> Vec<&str> {
    seen.iter().flat_map(|seen| seen.values.iter().map(String::as_str)).collect()
}

#[test]
fn records_of_one_linger_are_one_batch_and_are_acknowledged_with_their_last_offset() {
    let mut bench = Bench::new(&[("linger.ms", "50")]);
    for value in ["a", "b", "c"] {
        bench.send(0, value);
    }
    assert_eq!(bench.seen(), [], "still lingering");
    bench.advance(50);
    let seen = bench.seen();
    assert_eq!((values(&seen), seen[0].to, seen[0].sequence), (vec!["a", "b", "c"], BrokerId::Node(1), 0));
    assert!(!bench.producer.flushed().expect("no failure"));
    bench.answer(&seen[0], ErrorCode::NONE, 40);
    assert_eq!(bench.acked(0), Some(42));
    assert!(bench.producer.flushed().expect("no failure"));
    assert_eq!(bench.producer.buffered_bytes(), 0);
}

#[test]
fn a_full_batch_and_a_flush_do_not_linger() {
    let mut bench = Bench::new(&[("linger.ms", "1000"), ("batch.size", "200")]);
    for value in ["a".repeat(90), "b".repeat(90), "c".repeat(90)] {
        bench.send(0, &value);
    }
    for offset in 0..2 {
        let filled = bench.seen();
        assert_eq!(filled.len(), 1, "each filled a batch, and the first goes alone");
        bench.answer(&filled[0], ErrorCode::NONE, offset);
    }
    assert_eq!(bench.seen(), [], "the last one lingers");
    bench.producer.begin_flush();
    bench.step();
    assert_eq!(bench.seen().len(), 1);
}

#[test]
fn at_most_five_batches_are_on_their_way_to_a_partition() {
    let mut bench = Bench::new(&[]);
    bench.begin(0);
    for value in ["0", "1", "2", "3", "4", "5", "6"] {
        bench.send(0, value);
    }
    bench.send(1, "other");
    let seen = bench.seen();
    assert_eq!(values(&seen), ["0", "1", "2", "3", "4", "other"]);
    assert_eq!(seen.iter().map(|seen| seen.sequence).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 0]);
    bench.answer(&seen[0], ErrorCode::NONE, 1);
    assert_eq!(values(&bench.seen()), ["5"]);
}

#[test]
fn the_first_batch_goes_alone_so_that_none_is_taken_in_its_place() {
    let mut bench = Bench::new(&[]);
    bench.send(0, "0");
    bench.send(0, "1");
    let refused = bench.seen();
    assert_eq!(values(&refused), ["0"]);
    bench.answer(&refused[0], ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    bench.advance(200);
    let again = bench.seen();
    assert_eq!((values(&again), again[0].sequence), (vec!["0"], 0));
    bench.answer(&again[0], ErrorCode::NONE, 0);
    let next = bench.seen();
    assert_eq!((values(&next), next[0].sequence), (vec!["1"], 1));
}

#[test]
fn repeats_keep_the_order_one_by_one() {
    let mut bench = Bench::new(&[]);
    bench.begin(0);
    for value in ["0", "1", "2"] {
        bench.send(0, value);
    }
    let first = bench.seen();
    bench.answer(&first[0], ErrorCode::KAFKA_STORAGE_ERROR, -1);
    bench.answer(&first[1], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    bench.send(0, "3");
    assert_eq!(bench.seen(), [], "nothing new behind a batch that failed");
    bench.answer(&first[2], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    bench.advance(200);
    for (offset, sent) in (10..).zip([&["0"][..], &["1"], &["2", "3"]]) {
        let again = bench.seen();
        assert_eq!((values(&again), again[0].sequence, again[0].epoch), (sent.to_vec(), offset - 9, 0));
        bench.answer(&again[0], ErrorCode::NONE, i64::from(offset));
    }
    assert_eq!(bench.acked(0), Some(12));
}

#[test]
fn an_answer_out_of_turn_counts_when_those_before_it_have_come() {
    let mut bench = Bench::new(&[]);
    bench.begin(0);
    bench.send(0, "0");
    bench.send(0, "1");
    let seen = bench.seen();
    bench.answer(&seen[1], ErrorCode::NONE, 2);
    assert_eq!(bench.acked(0), Some(0));
    bench.answer(&seen[0], ErrorCode::NONE, 1);
    assert_eq!(bench.acked(0), Some(2));
}

#[test]
fn a_lost_answer_is_repeated_with_the_same_bytes_and_a_duplicate_is_success() {
    let mut bench = Bench::new(&[]);
    bench.begin(0);
    bench.send(0, "a");
    let lost = bench.seen();
    bench.script.fail(lost[0].id);
    bench.step();
    bench.advance(200);
    let again = bench.seen();
    assert_eq!(again, [Seen { id: again[0].id, ..lost[0].clone() }]);
    bench.answer(&again[0], ErrorCode::DUPLICATE_SEQUENCE_NUMBER, -1);
    assert!(bench.producer.flushed().expect("no failure"));
    assert_eq!(bench.acked(0), Some(0), "where the duplicate is was not said, and what came before it stays known");
    bench.answer(&lost[0], ErrorCode::NONE, 1);
    assert!(bench.producer.flushed().expect("a late answer changes nothing"));
}

#[test]
fn an_unanswered_request_is_repeated_after_its_time_and_given_up_after_the_delivery_timeout() {
    let mut bench = Bench::new(&[("request.timeout.ms", "1000"), ("delivery.timeout.ms", "2500")]);
    bench.send(0, "a");
    assert_eq!(bench.seen().len(), 1);
    bench.advance(1_000);
    bench.advance(200);
    assert_eq!(bench.seen().len(), 1, "sent again");
    bench.advance(1_400);
    let error = bench.producer.flushed().expect_err("it took too long");
    assert!(
        error.report().starts_with("send 1 records to t-0: not delivered within `delivery.timeout.ms` = 2500"),
        "{error:?}"
    );
    assert_eq!(error.kind(), ErrorKind::Retriable, "whoever has the records may send them again");
    assert!(bench.producer.flushed().expect("reported once"));
}

#[test]
fn time_before_the_first_record_does_not_count() {
    let mut bench = Bench::new(&[]);
    bench.now = bench.now + Duration::from_secs(3_600);
    bench.send(0, "a");
    let seen = bench.seen();
    assert_eq!(values(&seen), ["a"], "nobody polled for an hour, and the record is new");
    bench.answer(&seen[0], ErrorCode::NONE, 0);
    assert!(bench.producer.flushed().expect("it did not expire"));
}

#[test]
fn a_moved_leader_gets_the_batch() {
    let mut bench = Bench::new(&[]);
    bench.send(0, "a");
    let seen = bench.seen();
    bench.script.set_leaders(&[("t", &[2, 2])], 1);
    bench.answer(&seen[0], ErrorCode::NOT_LEADER_OR_FOLLOWER, -1);
    bench.advance(200);
    assert_eq!(bench.seen()[0].to, BrokerId::Node(2));
}

#[test]
fn a_batch_that_is_refused_starts_a_new_epoch_for_what_follows() {
    let mut bench = Bench::new(&[]);
    bench.begin(0);
    for (partition, value) in [(0, "bad"), (0, "good"), (1, "other")] {
        bench.send(partition, value);
    }
    let seen = bench.seen();
    bench.answer(&seen[0], ErrorCode::MESSAGE_TOO_LARGE, -1);
    bench.answer(&seen[1], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    let error = bench.producer.flushed().expect_err("it was refused");
    assert!(error.report().contains("send 1 records to t-0: the broker answers MESSAGE_TOO_LARGE"), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Refused);
    bench.advance(200);
    assert_eq!(bench.seen(), [], "the old epoch has to end first");
    bench.answer(&seen[2], ErrorCode::NONE, 0);
    let again = bench.seen();
    assert_eq!((values(&again), again[0].epoch, again[0].sequence), (vec!["good"], 1, 0));
    bench.answer(&again[0], ErrorCode::NONE, 0);
    bench.send(0, "next");
    bench.send(1, "next");
    let next = bench.seen();
    assert_eq!(next.iter().map(|seen| (seen.epoch, seen.sequence)).collect::<Vec<_>>(), [(1, 1), (1, 0)]);
    assert!(!bench.producer.flushed().expect("nothing else failed"));
}

/// Both answers are lost and the first batch expires: whether the log has the two is not known, and only the old number
/// lets the broker recognize the second.
#[rstest::rstest]
#[case::it_has_them(ErrorCode::DUPLICATE_SEQUENCE_NUMBER)]
#[case::it_has_neither(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)]
fn a_batch_behind_an_expired_one_is_repeated_as_it_was(#[case] answer: ErrorCode) {
    let mut bench = Bench::new(&[("request.timeout.ms", "2960"), ("delivery.timeout.ms", "3000")]);
    bench.begin(0);
    bench.send(0, "a");
    bench.advance(2_000);
    bench.send(0, "b");
    let lost = bench.seen();
    assert_eq!(values(&lost), ["a", "b"]);
    bench.advance(950);
    lost.iter().for_each(|lost| bench.script.fail(lost.id));
    bench.step();
    bench.advance(60);
    let error = bench.producer.flushed().expect_err("the first one took too long");
    assert!(error.report().contains("not delivered within `delivery.timeout.ms` = 3000"), "{error:?}");
    bench.send(0, "next");
    bench.advance(100);
    let again = bench.seen();
    assert_eq!(again, [Seen { id: again[0].id, ..lost[1].clone() }]);
    bench.answer(&again[0], answer, -1);
    bench.advance(200);
    let mut expected = vec!["b", "next"];
    if answer == ErrorCode::DUPLICATE_SEQUENCE_NUMBER {
        expected.remove(0);
    }
    for (sequence, value) in (0..).zip(expected) {
        let sent = bench.seen();
        assert_eq!((values(&sent), sent[0].epoch, sent[0].sequence), (vec![value], 1, sequence));
        bench.answer(&sent[0], ErrorCode::NONE, i64::from(sequence));
    }
    assert!(bench.producer.flushed().expect("nothing else failed"));
}

/// What is behind a repeated batch waits for its answer, and is not numbered again with it when it has come.
#[test]
fn batches_behind_an_expired_one_are_repeated_one_by_one() {
    let mut bench = Bench::new(&[("request.timeout.ms", "2960"), ("delivery.timeout.ms", "3000")]);
    bench.begin(0);
    bench.send(0, "a");
    bench.advance(2_000);
    bench.send(0, "b");
    bench.send(0, "c");
    let lost = bench.seen();
    bench.advance(950);
    lost.iter().for_each(|lost| bench.script.fail(lost.id));
    bench.step();
    bench.advance(60);
    bench.producer.flushed().expect_err("the first one took too long");
    for (lost, answer) in [(&lost[1], ErrorCode::NONE), (&lost[2], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER)] {
        bench.advance(200);
        let again = bench.seen();
        assert_eq!(again, [Seen { id: again[0].id, ..lost.clone() }]);
        bench.answer(&again[0], answer, 5);
    }
    bench.advance(200);
    let sent = bench.seen();
    assert_eq!((values(&sent), sent[0].epoch, sent[0].sequence), (vec!["c"], 1, 0));
}

/// The clock is set back by an hour, at each moment at which something waits for a time.
#[test]
fn a_clock_that_is_set_back_prolongs_nothing() {
    let hour = Duration::from_secs(3_600);
    let mut bench = Bench::new(&[("linger.ms", "50"), ("request.timeout.ms", "1000"), ("delivery.timeout.ms", "3000")]);
    bench.now = bench.now + hour * 10;
    bench.send(0, "a");
    bench.now = bench.now - hour;
    bench.step();
    assert_eq!(bench.seen(), [], "still lingering");
    bench.advance(50);
    let lingered = bench.seen();
    assert_eq!(values(&lingered), ["a"]);
    bench.script.fail(lingered[0].id);
    bench.step();
    bench.now = bench.now - hour;
    bench.step();
    bench.advance(200);
    assert_eq!(values(&bench.seen()), ["a"], "the backoff is over");
    bench.now = bench.now - hour;
    bench.step();
    bench.advance(1_000);
    bench.advance(200);
    assert_eq!(values(&bench.seen()), ["a"], "the request was given up after its time");
    bench.now = bench.now - hour;
    bench.step();
    bench.advance(1_000);
    bench.advance(200);
    bench.advance(1_000);
    let error = bench.producer.flushed().expect_err("the batch is given up after its time");
    assert!(error.report().contains("`delivery.timeout.ms` = 3000"), "{error:?}");
}

/// A day that the clock is set forward by has not passed for what is on its way.
#[test]
fn a_clock_that_is_set_forward_gives_no_batch_up() {
    let day = Duration::from_secs(86_400);
    let mut bench = Bench::new(&[]);
    bench.send(0, "a");
    let lost = bench.seen();
    bench.now = bench.now + day;
    bench.step();
    assert_eq!(bench.seen(), [], "its request has time left, too");
    bench.script.fail(lost[0].id);
    bench.step();
    bench.now = bench.now + day;
    bench.step();
    let again = bench.seen();
    assert_eq!(values(&again), ["a"]);
    bench.answer(&again[0], ErrorCode::NONE, 0);
    assert!(bench.producer.flushed().expect("nothing is given up"));
}

#[test]
fn without_idempotence_one_batch_is_on_its_way_so_that_order_holds() {
    let mut bench = Bench::new(&[("enable.idempotence", "false"), ("acks", "1")]);
    for value in ["0", "1", "2"] {
        bench.send(0, value);
    }
    for (offset, value) in (0..).zip(["0", "1", "2"]) {
        let seen = bench.seen();
        assert_eq!((values(&seen), seen[0].sequence), (vec![value], -1));
        bench.answer(&seen[0], ErrorCode::NONE, offset);
    }
}

/// B69: before anything is sent, with the size, the limit and the setting.
#[test]
fn a_record_that_is_too_large_names_the_setting() {
    let mut bench = Bench::new(&[("max.request.size", "100")]);
    let (partition, value) = (TopicPartition::new("t", 0), [0; 200]);
    let error = bench.producer.send(&partition, None, Some(&value), Timestamp(0), Headers::none());
    let message = error.expect_err("too large").to_string();
    let words = "bytes when serialized, which is larger than 100, the value of `max.request.size`";
    assert!(message.starts_with("send to t-0: the record is 2") && message.contains(words), "{message}");
    assert_eq!(bench.seen(), [], "nothing was sent");
    bench.send(0, "small");
    assert_eq!(bench.seen().len(), 1, "the producer goes on");
}

#[test]
fn the_buffer_says_when_it_is_full_and_refuses_far_beyond() {
    let mut bench = Bench::new(&[("buffer.memory", "1000"), ("linger.ms", "1000"), ("batch.size", "100")]);
    let (partition, value) = (TopicPartition::new("t", 9), [0; 80]);
    let mut send = || bench.producer.send(&partition, None, Some(&value), Timestamp(0), Headers::none());
    assert!((0..6).all(|_| send().is_ok()));
    let error = (0..20).find_map(|_| send().err()).expect("there is a hard limit");
    assert_eq!(error.kind(), ErrorKind::Retriable);
    assert!(bench.producer.is_full());
    bench.step();
    let error = bench.producer.flushed().expect_err("t has no partition 9");
    assert!(error.report().contains("to t-9: the topic has 2 partitions"), "{error:?}");
}

#[test]
fn a_flush_ends_and_what_comes_after_it_lingers() {
    let mut bench = Bench::new(&[("linger.ms", "50")]);
    bench.send(0, "a");
    bench.producer.begin_flush();
    bench.step();
    let flushed = bench.seen();
    assert_eq!(values(&flushed), ["a"]);
    bench.answer(&flushed[0], ErrorCode::NONE, 0);
    bench.send(0, "b");
    assert_eq!(bench.seen(), []);
    assert_eq!(bench.producer.next_wakeup(bench.now), Duration::from_millis(50), "nobody has to look before");
    bench.advance(20);
    assert_eq!((bench.seen(), bench.producer.next_wakeup(bench.now)), (vec![], Duration::from_millis(30)));
    bench.advance(30);
    assert_eq!(values(&bench.seen()), ["b"]);
}

#[test]
fn a_broker_has_only_so_many_requests_to_answer() {
    let settings = [("max.in.flight.requests.per.connection", "2")];
    let mut bench = Bench::led_by(&[1, 1, 1, 2], &settings);
    for (partition, value) in [(0, "0"), (1, "1"), (2, "2"), (3, "other broker")] {
        bench.send(partition, value);
    }
    let seen = bench.seen();
    assert_eq!(values(&seen), ["0", "1", "other broker"]);
    bench.answer(&seen[0], ErrorCode::NONE, 0);
    assert_eq!(values(&bench.seen()), ["2"]);
}

#[test]
fn batches_share_a_request_up_to_its_size() {
    let value = "x".repeat(800);
    for (size, requests) in [("1500", 2), ("1000000", 1)] {
        let mut bench = Bench::led_by(&[1, 1], &[("linger.ms", "50"), ("max.request.size", size)]);
        bench.send(0, &value);
        bench.send(1, &value);
        bench.advance(50);
        let seen = bench.seen();
        let mut ids: Vec<_> = seen.iter().map(|seen| seen.id).collect();
        ids.dedup();
        assert_eq!((seen.len(), ids.len()), (2, requests), "max.request.size={size}");
    }
}

/// `retries` counts repeats, so there is one attempt more.
#[test]
fn a_batch_is_given_up_after_its_retries_each_after_a_pause() {
    let mut bench = Bench::new(&[("retries", "2")]);
    bench.send(0, "a");
    for attempt in 1..=3 {
        let seen = bench.seen();
        assert_eq!(values(&seen), ["a"], "attempt {attempt}");
        bench.answer(&seen[0], ErrorCode::REQUEST_TIMED_OUT, -1);
        assert_eq!(bench.seen(), [], "not at once");
        bench.advance(200);
    }
    let error = bench.producer.flushed().expect_err("there was no fourth attempt");
    assert!(
        error.report().contains("t-0: given up after 3 attempts: the broker answers REQUEST_TIMED_OUT"),
        "{error:?}"
    );
    assert_eq!(error.kind(), ErrorKind::Retriable);
}

#[test]
fn the_first_batch_of_a_new_epoch_goes_alone_in_partitions_that_lost_nothing_too() {
    let mut bench = Bench::new(&[]);
    bench.begin(0);
    bench.begin(1);
    bench.send(0, "bad");
    let bad = bench.seen();
    bench.answer(&bad[0], ErrorCode::MESSAGE_TOO_LARGE, -1);
    bench.producer.flushed().expect_err("it was refused");
    bench.send(1, "0");
    bench.send(1, "1");
    let first = bench.seen();
    assert_eq!((values(&first), first[0].epoch, first[0].sequence), (vec!["0"], 1, 0));
    bench.answer(&first[0], ErrorCode::NONE, 1);
    assert_eq!(values(&bench.seen()), ["1"]);
}

/// A batch that nothing went wrong before has no excuse: a repeat would be refused for ever.
#[test]
fn a_batch_out_of_order_without_a_cause_is_a_failure() {
    let mut bench = Bench::new(&[]);
    bench.begin(0);
    bench.send(0, "a");
    let seen = bench.seen();
    bench.answer(&seen[0], ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
    let error = bench.producer.flushed().expect_err("it is lost");
    assert!(error.report().contains("t-0: the broker answers OUT_OF_ORDER_SEQUENCE_NUMBER"), "{error:?}");
}

#[test]
fn a_broker_that_forgot_the_producer_gets_a_new_epoch() {
    let mut bench = Bench::new(&[]);
    bench.begin(0);
    bench.send(0, "a");
    let seen = bench.seen();
    bench.answer(&seen[0], ErrorCode::UNKNOWN_PRODUCER_ID, -1);
    bench.advance(200);
    let again = bench.seen();
    assert_eq!((values(&again), again[0].epoch, again[0].sequence), (vec!["a"], 1, 0));
}

#[rstest::rstest]
#[case(ErrorCode::INVALID_PRODUCER_EPOCH, ErrorKind::Fenced)]
#[case(ErrorCode::PRODUCER_FENCED, ErrorKind::Fenced)]
#[case(ErrorCode::TOPIC_AUTHORIZATION_FAILED, ErrorKind::Refused)]
fn what_a_refusal_means_and_that_it_gives_memory_back(#[case] code: ErrorCode, #[case] kind: ErrorKind) {
    let mut bench = Bench::new(&[]);
    bench.send(0, "a");
    let seen = bench.seen();
    assert!(bench.producer.buffered_bytes() > 0);
    bench.answer(&seen[0], code, -1);
    assert_eq!(bench.producer.buffered_bytes(), 0);
    let partition = TopicPartition::new("t", 0);
    let error = bench.producer.send(&partition, None, Some(b"next"), Timestamp(5), Headers::none());
    let error = error.expect_err("the next one tells of it");
    assert_eq!(error.kind(), kind);
    assert!(error.report().starts_with("send 1 records to t-0: the broker answers"), "{error:?}");
    bench.send(0, "next");
}

#[test]
fn an_answer_that_leaves_a_partition_out_acknowledges_nothing() {
    let mut bench = Bench::new(&[]);
    bench.send(0, "a");
    let seen = bench.seen();
    bench.script.answer(seen[0].id, ProduceResponse::default());
    bench.step();
    assert!(!bench.producer.flushed().expect("no failure"));
    bench.advance(200);
    assert_eq!(values(&bench.seen()), ["a"]);
}

#[test]
fn headers_count_for_the_size_of_a_record() {
    let mut bench = Bench::new(&[("max.request.size", "100")]);
    let mut headers = Headers::new();
    headers.push("trace", Some(vec![0; 200].into()));
    let error = bench.producer.send(&TopicPartition::new("t", 0), None, Some(b"v"), Timestamp(0), &headers);
    assert!(error.expect_err("too large").to_string().contains("`max.request.size`"));
}

/// An answer that is lost may have been given: the question for the next epoch has to be the same again.
#[test]
fn a_new_epoch_is_asked_for_again_with_the_old_one_after_a_pause() {
    let mut bench = Bench::new(&[]);
    bench.begin(0);
    bench.send(0, "bad");
    let bad = bench.seen();
    bench.script.hold_own(true);
    bench.answer(&bad[0], ErrorCode::MESSAGE_TOO_LARGE, -1);
    for _ in 0..2 {
        let asked = bench.script.take();
        let Some((id, _, Request::InitProducerId(request))) = asked else { panic!("unexpected {asked:?}") };
        assert_eq!((request.producer_id, request.producer_epoch), (7, 0));
        bench.script.fail(id);
        bench.step();
        assert_eq!(bench.script.take(), None, "not at once");
        bench.advance(200);
    }
}

#[test]
fn sequence_numbers_wrap_to_zero() {
    assert_eq!(batch::sequence_after(i32::MAX, 1), 0);
    assert_eq!(batch::sequence_after(i32::MAX - 1, 3), 1);
}

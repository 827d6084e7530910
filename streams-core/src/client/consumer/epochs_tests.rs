//! Which positions are checked, and what becomes of each answer, against a scripted broker.

use super::*;
use crate::client::testing::Script;
use crate::client::transport::RequestId;
use crate::protocol::messages::fetch::FetchRequest;
use crate::protocol::messages::list_offsets::{
    EpochEndOffset, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult,
};
use crate::protocol::Request;

struct Bench {
    script: Script,
    consumer: Consumer,
    now: Timestamp,
}

/// What the consumer asks next.
#[derive(Debug)]
enum Asked {
    Epoch(RequestId, OffsetForLeaderEpochRequest),
    Fetch(FetchRequest),
    Offsets(RequestId, ListOffsetsRequest),
}

fn t0() -> TopicPartition {
    TopicPartition::new("t", 0)
}

impl Bench {
    /// A consumer at offset 10 of `t-0`, behind a record of this epoch, whose leader is in epoch 5.
    fn new(policy: &'static str, epoch: i32) -> Self {
        let (script, transport) = Script::with_topics(&[("t", &[1])]);
        script.set_leaders(&[("t", &[1])], 5);
        let settings = [("auto.offset.reset", policy), ("retry.backoff.ms", "100"), ("retry.backoff.max.ms", "100")];
        let config = ConsumerConfig::from_settings(settings).expect("valid settings");
        let mut consumer = Consumer::new(config, transport, 1).expect("settings fit");
        consumer.assign(&[t0()]);
        let position = OffsetAndMetadata { offset: Offset(10), leader_epoch: epoch, metadata: String::new() };
        consumer.seek_with(&t0(), &position).expect("it is assigned");
        Self { script, consumer, now: Timestamp(1_000) }
    }

    fn poll(&mut self) -> Result<Fetched> {
        self.now = self.now + Duration::from_secs(1);
        self.consumer.poll(self.now, Duration::ZERO)
    }

    fn asked(&mut self) -> Asked {
        for _ in 0..5 {
            self.poll().expect("nothing fails");
            match self.script.take() {
                Some((id, _, Request::OffsetForLeaderEpoch(request))) => return Asked::Epoch(id, request),
                Some((_, _, Request::Fetch(request))) => return Asked::Fetch(request),
                Some((id, _, Request::ListOffsets(request))) => return Asked::Offsets(id, request),
                Some(other) => panic!("unexpected {other:?}"),
                None => {}
            }
        }
        panic!("nothing is asked")
    }

    /// The next thing is this question: under which epoch of the leader, and about which epoch.
    fn expect_check(&mut self, current: i32, about: i32) -> RequestId {
        let Asked::Epoch(id, request) = self.asked() else { panic!("fetched without a check") };
        let asked = &request.topics[0].partitions[0];
        assert_eq!((request.replica_id, asked.current_leader_epoch, asked.leader_epoch), (-1, current, about));
        id
    }

    fn expect_fetch(&mut self, current: i32, offset: i64) {
        let asked = self.asked();
        let Asked::Fetch(request) = asked else { panic!("{asked:?}") };
        let asked = &request.topics[0].partitions[0];
        assert_eq!((asked.current_leader_epoch, asked.fetch_offset, asked.last_fetched_epoch), (current, offset, -1));
    }

    fn expect_lookup(&mut self, timestamp: Timestamp, found: i64) {
        let asked = self.asked();
        let Asked::Offsets(id, request) = asked else { panic!("{asked:?}") };
        assert_eq!(request.topics[0].partitions[0].timestamp, timestamp.0);
        let answer = ListOffsetsPartitionResponse { offset: found, leader_epoch: 5, ..Default::default() };
        let topic = ListOffsetsTopicResponse { name: "t".into(), partitions: vec![answer] };
        self.script.answer(id, ListOffsetsResponse { topics: vec![topic], ..Default::default() });
    }

    fn answer(&self, id: RequestId, error_code: ErrorCode, leader_epoch: i32, end_offset: i64) {
        let answer = EpochEndOffset { error_code, partition: 0, leader_epoch, end_offset };
        let topic = OffsetForLeaderTopicResult { topic: "t".into(), partitions: vec![answer] };
        self.script.answer(id, OffsetForLeaderEpochResponse { topics: vec![topic], ..Default::default() });
    }
}

#[rstest::rstest]
#[case::not_known(-1)]
#[case::of_the_leader(5)]
fn nothing_is_asked_about_an_epoch_that_cannot_have_been_cut(#[case] epoch: i32) {
    Bench::new("none", epoch).expect_fetch(5, 10);
}

#[test]
fn a_position_is_checked_once_under_each_epoch_of_the_leader() {
    let mut bench = Bench::new("none", 3);
    let id = bench.expect_check(5, 3);
    bench.script.set_leaders(&[("t", &[2])], 6);
    bench.answer(id, ErrorCode::FENCED_LEADER_EPOCH, -1, -1);
    let id = bench.expect_check(6, 3);
    bench.script.fail(id);
    let id = bench.expect_check(6, 3);
    bench.answer(id, ErrorCode::NONE, 3, 10);
    bench.expect_fetch(6, 10);
}

#[rstest::rstest]
#[case::cut("earliest", 2, 7)]
#[case::cut_whatever_the_policy("latest", 2, 7)]
fn with_a_policy_it_goes_back_to_where_the_log_differs(
    #[case] policy: &'static str,
    #[case] epoch: i32,
    #[case] end: i64,
) {
    let mut bench = Bench::new(policy, 3);
    let id = bench.expect_check(5, 3);
    bench.answer(id, ErrorCode::NONE, epoch, end);
    let id = bench.expect_check(5, epoch);
    bench.answer(id, ErrorCode::NONE, epoch, end);
    bench.expect_fetch(5, end);
}

/// A broker that was restored from a copy knows less epochs than it had.
#[rstest::rstest]
#[case("earliest", EARLIEST, 4)]
#[case("latest", LATEST, 12)]
fn an_epoch_that_nobody_knows_follows_the_policy(
    #[case] policy: &'static str,
    #[case] timestamp: Timestamp,
    #[case] offset: i64,
) {
    let mut bench = Bench::new(policy, 9);
    let id = bench.expect_check(5, 9);
    bench.answer(id, ErrorCode::NONE, -1, -1);
    bench.expect_lookup(timestamp, offset);
    bench.expect_fetch(5, offset);
}

#[rstest::rstest]
#[case::cut((2, 7), Some(7), "(3 records that were read, 7 to 9, were lost and others are in their place)")]
#[case::not_known((-1, -1), None, "(the records before it are not those that were read)")]
fn without_a_policy_it_is_said_again_and_again(
    #[case] (epoch, end): (i32, i64),
    #[case] diverged_at: Option<i64>,
    #[case] words: &str,
) {
    let mut bench = Bench::new("none", 3);
    for _ in 0..2 {
        let id = bench.expect_check(5, 3);
        bench.answer(id, ErrorCode::NONE, epoch, end);
        bench.expect_lookup(EARLIEST, 4);
        bench.expect_lookup(LATEST, 12);
        let error = (0..3).find_map(|_| bench.poll().err()).expect("it is out of range");
        let message = error.to_string();
        assert!(message.starts_with("fetch t-0 at offset 10: out of range, the log holds 4 to 12 "), "{message}");
        assert!(message.contains(words), "{message}");
        let diverged_at = diverged_at.map(Offset);
        let expected =
            OutOfRange { partition: t0(), position: Offset(10), start: Offset(4), end: Offset(12), diverged_at };
        assert_eq!(bench.consumer.out_of_range(), [expected]);
    }
}

//! Committed offsets against a scripted coordinator: lost, late and moved, refused, and answered in part.

use rstest::rstest;

use super::*;
use crate::client::testing::Script;
use crate::client::transport::{BrokerId, RequestId};
use crate::protocol::messages::find_coordinator::{Coordinator, FindCoordinatorResponse};
use crate::protocol::messages::offsets::{
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic, OffsetFetchResponse,
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
use crate::protocol::Request;

struct Bench {
    script: Script,
    consumer: Consumer,
    now: Timestamp,
}

fn partition(index: i32) -> TopicPartition {
    TopicPartition::new("t", index)
}

impl Bench {
    /// A consumer of group `g` that reads nothing, and knows the topic `t`.
    fn new() -> Self {
        let (script, transport) = Script::with_topics(&[("t", &[1, 1])]);
        let settings = [
            ("group.id", "g"),
            ("retry.backoff.ms", "100"),
            ("retry.backoff.max.ms", "100"),
            ("default.api.timeout.ms", "1000"),
        ];
        let config = ConsumerConfig::from_settings(settings).expect("valid settings");
        let consumer = Consumer::new(config, transport, 1).expect("settings fit");
        let mut bench = Self { script, consumer, now: Timestamp(1_000) };
        bench.advance(0);
        bench
    }

    fn advance(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
        self.consumer.poll(self.now, Duration::ZERO).expect("the transport is open");
    }

    /// The one request that was sent and not taken; none if there is none.
    fn sent(&mut self) -> Option<(RequestId, BrokerId, Request)> {
        let sent = self.script.take();
        assert_eq!(self.script.take(), None, "one at a time");
        sent
    }

    fn next(&mut self) -> (RequestId, BrokerId, Request) {
        self.sent().expect("something was sent")
    }

    /// Answers who coordinates the group.
    fn coordinate(&mut self, error_code: ErrorCode, node_id: i32) {
        let (id, _, request) = self.next();
        let Request::FindCoordinator(request) = request else { panic!("unexpected {request:?}") };
        assert_eq!((request.key_type, &request.coordinator_keys[..]), (0, &["g".to_owned()][..]));
        let found = Coordinator { key: "g".into(), node_id, error_code, ..Default::default() };
        let response = FindCoordinatorResponse { coordinators: vec![found], ..Default::default() };
        self.script.answer(id, response);
        self.advance(0);
    }

    fn commit(&mut self, offset: i64) -> CommitId {
        let id = self.consumer.commit(vec![(partition(0), Offset(offset).into())]).expect("there is a group");
        self.advance(0);
        id
    }

    /// The offset that is being committed, of the request on its way to a broker.
    fn committing(&mut self, to: i32) -> (RequestId, i64) {
        let (id, node, request) = self.next();
        let Request::OffsetCommit(request) = request else { panic!("unexpected {request:?}") };
        assert_eq!((node, request.group_id.as_str()), (BrokerId::Node(to), "g"));
        (id, request.topics[0].partitions[0].committed_offset)
    }

    fn answer_commit(&mut self, id: RequestId, codes: &[ErrorCode]) {
        let partitions = (0..).zip(codes);
        let partitions = partitions.map(|(partition_index, error_code)| OffsetCommitResponsePartition {
            partition_index,
            error_code: *error_code,
        });
        let topic =
            OffsetCommitResponseTopic { name: "t".into(), partitions: partitions.collect(), ..Default::default() };
        self.script.answer(id, OffsetCommitResponse { topics: vec![topic], ..Default::default() });
        self.advance(0);
    }

    fn outcome(&mut self, id: CommitId) -> Option<Result<(), String>> {
        self.consumer.commit_outcome(id).map(|outcome| outcome.map_err(|error| error.report()))
    }
}

#[test]
fn a_commit_goes_to_the_coordinator_and_the_next_one_waits_for_it() {
    let mut bench = Bench::new();
    let (first, second) = (bench.commit(5), bench.consumer.commit(vec![(partition(0), Offset(6).into())]));
    let second = second.expect("there is a group");
    bench.coordinate(ErrorCode::NONE, 2);
    let (id, offset) = bench.committing(2);
    assert_eq!(offset, 5);
    bench.advance(10);
    assert_eq!(bench.sent(), None, "a later commit never loses to an earlier one");
    bench.answer_commit(id, &[ErrorCode::NONE]);
    assert_eq!((bench.outcome(first), bench.outcome(second)), (Some(Ok(())), None));
    let (id, offset) = bench.committing(2);
    assert_eq!(offset, 6);
    bench.answer_commit(id, &[ErrorCode::NONE]);
    assert_eq!((bench.outcome(second), bench.outcome(first)), (Some(Ok(())), None), "an outcome is told once");
}

#[rstest]
#[case::it_moved(ErrorCode::NOT_COORDINATOR)]
#[case::it_is_away(ErrorCode::COORDINATOR_NOT_AVAILABLE)]
fn a_coordinator_that_moved_is_found_again_after_a_pause(#[case] code: ErrorCode) {
    let mut bench = Bench::new();
    let commit = bench.commit(5);
    bench.coordinate(ErrorCode::COORDINATOR_NOT_AVAILABLE, -1);
    assert_eq!(bench.sent(), None, "not at once");
    bench.advance(200);
    bench.coordinate(ErrorCode::NONE, 2);
    let (id, _) = bench.committing(2);
    bench.answer_commit(id, &[code]);
    assert_eq!((bench.sent(), bench.outcome(commit)), (None, None));
    bench.advance(200);
    bench.coordinate(ErrorCode::NONE, 1);
    let (id, offset) = bench.committing(1);
    assert_eq!(offset, 5);
    bench.answer_commit(id, &[ErrorCode::NONE]);
    assert_eq!(bench.outcome(commit), Some(Ok(())));
}

#[test]
fn a_coordinator_that_is_busy_is_asked_again() {
    let mut bench = Bench::new();
    let commit = bench.commit(5);
    bench.coordinate(ErrorCode::NONE, 2);
    let (id, _) = bench.committing(2);
    bench.answer_commit(id, &[ErrorCode::COORDINATOR_LOAD_IN_PROGRESS]);
    bench.advance(200);
    let (id, _) = bench.committing(2);
    bench.answer_commit(id, &[ErrorCode::NONE]);
    assert_eq!(bench.outcome(commit), Some(Ok(())));
}

#[test]
fn a_lost_answer_is_no_outcome() {
    let mut bench = Bench::new();
    let commit = bench.commit(5);
    bench.coordinate(ErrorCode::NONE, 2);
    let (lost, _) = bench.committing(2);
    bench.script.fail(lost);
    bench.advance(200);
    bench.advance(200);
    bench.coordinate(ErrorCode::NONE, 2);
    let (id, offset) = bench.committing(2);
    assert_eq!((offset, bench.outcome(commit)), (5, None));
    bench.answer_commit(id, &[ErrorCode::NONE]);
    assert_eq!(bench.outcome(commit), Some(Ok(())));
}

#[test]
fn a_refusal_of_one_partition_is_the_outcome_and_names_it() {
    let mut bench = Bench::new();
    let both = vec![(partition(0), Offset(5).into()), (partition(1), Offset(6).into())];
    let commit = bench.consumer.commit(both).expect("there is a group");
    bench.advance(0);
    bench.coordinate(ErrorCode::NONE, 2);
    let (id, _) = bench.committing(2);
    bench.answer_commit(id, &[ErrorCode::NONE, ErrorCode::TOPIC_AUTHORIZATION_FAILED]);
    let error = bench.outcome(commit).expect("it is over").expect_err("it is refused");
    let words = "offsets of group `g`: commit t-1 at 6: the broker answers TOPIC_AUTHORIZATION_FAILED";
    assert!(error.starts_with(words), "{error}");
}

#[test]
fn a_partition_that_the_answer_leaves_out_is_not_committed() {
    let mut bench = Bench::new();
    let commit = bench.commit(5);
    bench.coordinate(ErrorCode::NONE, 2);
    let (id, _) = bench.committing(2);
    bench.answer_commit(id, &[]);
    assert_eq!(bench.outcome(commit), None);
    bench.advance(200);
    assert_eq!(bench.committing(2).1, 5);
}

/// Without an answer the job ends after `default.api.timeout.ms`, as an error that may pass.
#[test]
fn a_coordinator_that_nobody_knows_is_looked_for_until_the_time_is_over() {
    let mut bench = Bench::new();
    let commit = bench.commit(5);
    for _ in 0..5 {
        bench.coordinate(ErrorCode::COORDINATOR_NOT_AVAILABLE, -1);
        assert_eq!(bench.outcome(commit), None);
        bench.advance(200);
    }
    let error = bench.consumer.commit_outcome(commit).expect("it is over").expect_err("nobody knew");
    assert_eq!(error.kind(), ErrorKind::Retriable);
    assert!(error.report().contains("no answer within `default.api.timeout.ms` = 1000"), "{error:?}");
}

#[rstest]
#[case(ErrorCode::NONE, "[Some(7), None]")]
#[case(
    ErrorCode::TOPIC_AUTHORIZATION_FAILED,
    "offsets of group `g`: fetch the committed offset of t-1: the broker answers TOPIC_AUTHORIZATION_FAILED"
)]
fn committed_offsets_are_told_or_the_error_is(#[case] code: ErrorCode, #[case] expected: &str) {
    let mut bench = Bench::new();
    let question = bench.consumer.begin_committed(&[partition(0), partition(1)]).expect("there is a group");
    bench.advance(0);
    bench.coordinate(ErrorCode::NONE, 2);
    let (id, _, request) = bench.next();
    let Request::OffsetFetch(request) = request else { panic!("unexpected {request:?}") };
    assert!(request.require_stable, "an offset in an open transaction may still be taken back");
    let answer = |partition_index, committed_offset, error_code| OffsetFetchResponsePartitions {
        partition_index,
        committed_offset,
        error_code,
        ..Default::default()
    };
    let partitions = vec![answer(0, 7, ErrorCode::NONE), answer(1, -1, code)];
    let topics = vec![OffsetFetchResponseTopics { name: "t".into(), partitions, ..Default::default() }];
    let group = OffsetFetchResponseGroup { group_id: "g".into(), topics, ..Default::default() };
    bench.script.answer(id, OffsetFetchResponse { groups: vec![group], ..Default::default() });
    bench.advance(0);
    let told = match bench.consumer.committed_outcome(question).expect("it is answered") {
        Ok(positions) => {
            let offsets = positions.iter().map(|(_, position)| position.as_ref().map(|position| position.offset.0));
            format!("{:?}", offsets.collect::<Vec<_>>())
        }
        Err(error) => error.report(),
    };
    assert!(told.starts_with(expected), "{told}");
}

//! Fetches outside of what is there, with odd limits, and with sessions; and offsets by time.

use std::time::Duration;

use broker_lite::disk::memory::MemoryDisk;
use broker_lite::{Broker, SyncPolicy};
use streams_core::protocol::batch::{BatchBuilder, BatchOptions};
use streams_core::protocol::messages::fetch::{FetchResponse, FetchTopic};
use streams_core::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use streams_core::protocol::messages::topics::{DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse};
use streams_core::protocol::ErrorCode;
use streams_core::Timestamp;

use crate::stepped::*;
use crate::support::*;

fn with_records(count: usize) -> Wire {
    let mut wire = Wire::new();
    wire.create("orders", &[]);
    for number in 0..count {
        wire.produce("orders", batch(&format!("value {number}")));
    }
    wire
}

/// A client that goes on with a session that is not there is told so, and starts again.
#[rstest::rstest]
#[case::unknown_session(12345, 5, ErrorCode::FETCH_SESSION_ID_NOT_FOUND)]
#[case::no_session_that_goes_on(0, 3, ErrorCode::FETCH_SESSION_ID_NOT_FOUND)]
#[case::epoch_that_does_not_exist(12345, -2, ErrorCode::FETCH_SESSION_ID_NOT_FOUND)]
#[case::closes_and_starts_anew(12345, 0, ErrorCode::NONE)]
#[case::closes(12345, -1, ErrorCode::NONE)]
#[case::wants_one(0, 0, ErrorCode::NONE)]
#[case::wants_none(0, -1, ErrorCode::NONE)]
fn sessions_that_are_not_there(#[case] id: i32, #[case] epoch: i32, #[case] code: ErrorCode) {
    let mut wire = with_records(1);
    for version in [7, 11, FETCH] {
        let mut request = fetch_request("orders", 0, 0);
        (request.session_id, request.session_epoch) = (id, epoch);
        let answer: FetchResponse = wire.ask(request, version);
        assert_eq!((answer.error_code, answer.session_id != 0), (code, epoch == 0));
        let records: usize = answer
            .responses
            .iter()
            .flat_map(|topic| &topic.partitions)
            .map(|data| data.records.as_ref().map_or(0, bytes::Bytes::len))
            .sum();
        assert_eq!(records > 0, code.is_none());
    }
}

/// A request of a session names no partition and still waits for those of the session, as long as it says itself.
#[test]
fn a_fetch_in_a_session_waits() {
    let broker = Stepped::over(&MemoryDisk::new(), SyncPolicy::Os);
    broker.create("orders", &[]);
    let mut request = fetch_request("orders", 0, 0);
    (request.session_epoch, request.max_wait_ms) = (0, 500);
    request.topics[0].partitions[0].fetch_offset = 0;
    let first = broker.send(request.clone(), NOW).expect_err("there is nothing yet");
    broker.produce("orders", "a");
    let first = FetchResponse::try_from(first.try_take().expect("there is something")).unwrap();
    assert_ne!(first.session_id, 0);
    (request.session_id, request.session_epoch) = (first.session_id, 1);
    request.topics[0].partitions[0].fetch_offset = 1;
    let second = broker.send(request.clone(), NOW).expect_err("there is nothing new");
    broker.0.tick(NOW + Duration::from_millis(499));
    let second = second.try_take().expect_err("there is time");
    broker.0.tick(NOW + Duration::from_millis(500));
    let second = FetchResponse::try_from(second.try_take().expect("the time is over")).unwrap();
    assert_eq!((second.session_id, second.responses), (first.session_id, Vec::new()));
    (request.session_epoch, request.topics) = (2, Vec::new());
    let third = broker.send(request, NOW).expect_err("there is nothing new");
    broker.produce("orders", "b");
    let third = FetchResponse::try_from(third.try_take().expect("there is something")).unwrap();
    assert_eq!(third.responses[0].partitions[0].high_watermark, 2);
}

/// B95: the bounds are not told with the error, as Kafka does not.
#[rstest::rstest]
#[case::b95_past_the_end("orders", 0, 3, ErrorCode::OFFSET_OUT_OF_RANGE)]
#[case::b95_before_the_start("orders", 0, -1, ErrorCode::OFFSET_OUT_OF_RANGE)]
#[case::b95_lowest("orders", 0, i64::MIN, ErrorCode::OFFSET_OUT_OF_RANGE)]
#[case::b95_highest("orders", 0, i64::MAX, ErrorCode::OFFSET_OUT_OF_RANGE)]
#[case::partition_that_is_not_there("orders", 9, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]
#[case::topic_that_is_not_there("missing", 0, 0, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]
fn a_fetch_outside_is_answered_at_once(
    #[case] topic: &str,
    #[case] index: i32,
    #[case] at: i64,
    #[case] code: ErrorCode,
) {
    let mut wire = with_records(2);
    let mut request = fetch_request(topic, index, at);
    request.max_wait_ms = i32::MAX;
    let answer: FetchResponse = wire.ask(request, FETCH);
    let data = &answer.responses[0].partitions[0];
    assert_eq!((data.error_code, data.high_watermark, data.log_start_offset), (code, -1, -1));
}

/// B95: a topic of the same name is not the topic that was deleted.
#[test]
fn the_id_of_a_deleted_topic_is_unknown_for_good() {
    let mut wire = with_records(1);
    let old = wire.describe("orders", false).topic_id;
    let topics = vec![DeleteTopicState { topic_id: old, ..DeleteTopicState::default() }];
    let _: DeleteTopicsResponse = wire.ask(DeleteTopicsRequest { topics, ..DeleteTopicsRequest::default() }, 6);
    wire.create("orders", &[]);
    let mut request = fetch_request("", 0, 0);
    request.topics[0].topic_id = old;
    let answer: FetchResponse = wire.ask(request, 13);
    assert_eq!(answer.responses[0].partitions[0].error_code, ErrorCode::UNKNOWN_TOPIC_ID);
}

/// B94: limits that make no sense are clamped: at least one batch, at most what the broker gives.
#[rstest::rstest]
#[case::b94_no_bytes(0, 1 << 20, 1, 1)]
#[case::b94_negative(-1, 1 << 20, 1, 1)]
#[case::b94_no_partition_bytes(1 << 20, 0, 1, 1)]
#[case::b94_negative_partition_bytes(1 << 20, -1, 1, 1)]
#[case::b94_everything(i32::MAX, i32::MAX, 1, 2)]
#[case::b94_least_above_most(100, 1 << 20, i32::MAX, 1)]
#[case::b94_least_negative(1 << 20, 1 << 20, -1, 2)]
fn odd_limits_are_clamped(#[case] most: i32, #[case] partition_most: i32, #[case] least: i32, #[case] batches: usize) {
    let mut wire = Wire::over(Broker::builder().configure(|config| config.fetch_bytes_max = 200));
    wire.create("orders", &[]);
    for value in ["first", "second", "third"] {
        wire.produce("orders", batch(value));
    }
    let one = batch("second").len();
    let mut request = fetch_request("orders", 0, 0);
    (request.max_bytes, request.min_bytes, request.max_wait_ms) = (most, least, i32::MAX);
    request.topics[0].partitions[0].partition_max_bytes = partition_most;
    let answer: FetchResponse = wire.ask(request, FETCH);
    let bytes = answer.responses[0].partitions[0].records.as_ref().unwrap().len();
    assert_eq!(bytes.div_ceil(one), batches, "{bytes} bytes");
}

/// B94: the longest wait is the broker's, and one request of very many partitions is one request.
#[test]
fn long_waits_and_many_partitions_are_bounded() {
    let mut wire = Wire::over(Broker::builder().configure(|config| config.fetch_wait_max = Duration::from_millis(20)));
    wire.create("orders", &[]);
    let mut request = fetch_request("orders", 0, 0);
    request.max_wait_ms = i32::MAX;
    let partition = request.topics[0].partitions[0].clone();
    request.topics[0].partitions = vec![partition; 100_000];
    let answer: FetchResponse = wire.ask(request, FETCH);
    assert_eq!(answer.responses[0].partitions.len(), 100_000);
    let mut many: FetchTopic = fetch_request("missing", 0, 0).topics.remove(0);
    many.partitions = vec![many.partitions[0].clone(); 100_000];
    let mut request = fetch_request("orders", 0, 0);
    request.topics.push(many);
    let answer: FetchResponse = wire.ask(request, FETCH);
    assert_eq!(answer.responses[1].partitions[99_999].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

fn list(wire: &mut Wire, topic: &str, wanted: &[(i32, i64)], version: i16) -> Vec<(ErrorCode, i64, i64)> {
    let partitions = wanted.iter().map(|(partition_index, timestamp)| ListOffsetsPartition {
        partition_index: *partition_index,
        timestamp: *timestamp,
        ..ListOffsetsPartition::default()
    });
    let topic = ListOffsetsTopic { name: topic.to_owned(), partitions: partitions.collect() };
    let answer: ListOffsetsResponse =
        wire.ask(ListOffsetsRequest { topics: vec![topic], ..ListOffsetsRequest::default() }, version);
    answer.topics[0].partitions.iter().map(|found| (found.error_code, found.timestamp, found.offset)).collect()
}

const NO_VERSION: (ErrorCode, i64, i64) = (ErrorCode::UNSUPPORTED_VERSION, -1, -1);
const NOTHING: (ErrorCode, i64, i64) = (ErrorCode::NONE, -1, -1);

fn found(timestamp: i64, offset: i64) -> (ErrorCode, i64, i64) {
    (ErrorCode::NONE, timestamp, offset)
}

/// Records at the times 100, 300, 200, 300, 250: as Kafka 4.3 answers, in the versions in which each value exists.
#[rstest::rstest]
#[case::latest(-1, 1, found(-1, 5))]
#[case::earliest(-2, 1, found(-1, 0))]
#[case::max_timestamp(-3, 7, found(300, 1))]
#[case::max_timestamp_too_early(-3, 6, NO_VERSION)]
#[case::earliest_local(-4, 8, found(-1, 0))]
#[case::earliest_local_too_early(-4, 7, NO_VERSION)]
#[case::latest_tiered(-5, 9, NOTHING)]
#[case::latest_tiered_too_early(-5, 8, NO_VERSION)]
#[case::earliest_pending_upload(-6, 11, NOTHING)]
#[case::earliest_pending_upload_too_early(-6, 10, NO_VERSION)]
#[case::unknown_value(-7, 11, NO_VERSION)]
#[case::lowest(i64::MIN, 11, NO_VERSION)]
#[case::time_before_all(0, 1, found(100, 0))]
#[case::time_of_the_first(100, 1, found(100, 0))]
#[case::first_that_is_not_earlier(101, 1, found(300, 1))]
#[case::time_of_the_last_only(300, 11, found(300, 1))]
#[case::time_after_all(301, 1, NOTHING)]
#[case::highest(i64::MAX, 11, NOTHING)]
fn offsets_are_listed_by_time(#[case] timestamp: i64, #[case] version: i16, #[case] expected: (ErrorCode, i64, i64)) {
    let mut wire = Wire::new();
    wire.create("orders", &[]);
    for time in [100, 300, 200, 300, 250] {
        wire.produce("orders", batch_with(&["v"], Timestamp(time), &BatchOptions::default()));
    }
    assert_eq!(list(&mut wire, "orders", &[(0, timestamp)], version), [expected]);
}

/// Within a batch, too, the record is found and not the batch.
#[test]
fn offsets_by_time_are_those_of_records() {
    let mut builder = BatchBuilder::default();
    for time in [100, 300, 200] {
        builder.append(Timestamp(time), Some(b"k"), None).unwrap();
    }
    let records = bytes::Bytes::copy_from_slice(builder.finish(&BatchOptions::default()).unwrap());
    let mut wire = Wire::new();
    wire.create("orders", &[]);
    wire.produce("orders", records);
    assert_eq!(list(&mut wire, "orders", &[(0, 150)], 7), [found(300, 1)]);
    assert_eq!(list(&mut wire, "orders", &[(0, -3)], 7), [found(300, 1)]);
}

#[test]
fn offsets_of_empty_repeated_and_missing_partitions() {
    let mut wire = with_records(0);
    assert_eq!(list(&mut wire, "orders", &[(0, -3), (1, 0)], 7), [NOTHING, NOTHING]);
    assert_eq!(list(&mut wire, "orders", &[(0, -1), (1, -2)], 7), [found(-1, 0), found(-1, 0)]);
    let refused = |code| (code, -1, -1);
    assert_eq!(list(&mut wire, "orders", &[(0, -1), (0, -2)], 7), [refused(ErrorCode::INVALID_REQUEST)]);
    let unknown = refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(list(&mut wire, "orders", &[(-1, -1), (2, -1)], 7), [unknown; 2]);
    assert_eq!(list(&mut wire, "missing", &[(0, -1)], 7), [unknown]);
}

/// The largest time among what a reader may have: not among deleted records, nor among those that are not durable yet.
#[test]
fn the_largest_time_is_that_of_a_record_that_can_be_read() {
    let disk = MemoryDisk::new();
    let broker = Stepped::over(&disk, SyncPolicy::Fsync);
    broker.create("orders", &[("segment.bytes", "1024")]);
    let at = |time: i64| batch_with(&["v"], Timestamp(time), &BatchOptions::default());
    // Two records in one batch, of which the first, with the largest time of all, is deleted later.
    let mut builder = BatchBuilder::default();
    for time in [900, 700] {
        builder.append(Timestamp(time), Some(b"k"), None).unwrap();
    }
    let both = bytes::Bytes::copy_from_slice(builder.finish(&BatchOptions::default()).unwrap());
    broker.produce_batch("orders", both, NOW);
    for time in [100, 500, 300] {
        broker.produce_batch("orders", at(time), NOW);
    }
    let unsynced = produce_request(&[("orders", 0, at(800))], -1);
    let waiting = broker.send(unsynced, NOW).expect_err("it waits for its sync");
    assert_eq!(broker.list("orders", -3), found(900, 0));
    assert_eq!(broker.delete_records("orders", 1), (ErrorCode::NONE, 1));
    assert_eq!(broker.list("orders", -3), found(700, 1));
    assert_eq!(broker.delete_records("orders", 2), (ErrorCode::NONE, 2));
    assert_eq!(broker.list("orders", -3), found(500, 3));
    broker.0.sync();
    assert!(waiting.try_take().is_ok());
    assert_eq!(broker.list("orders", -3), found(800, 5));
    for _ in 0..30 {
        broker.produce_batch("orders", at(200), NOW);
    }
    assert_eq!(broker.list("orders", -3), found(800, 5), "in a closed segment, too");
    assert_eq!(broker.delete_records("orders", 6), (ErrorCode::NONE, 6));
    assert_eq!(broker.list("orders", -3), found(200, 6));
    assert_eq!(broker.delete_records("orders", 36), (ErrorCode::NONE, 36));
    assert_eq!(broker.list("orders", -3), NOTHING);
}

//! Produce requests that are wrong as a whole or name wrong places, and producers that break their sequence.

use std::io::Write as _;

use bytes::Bytes;
use streams_core::protocol::batch::BatchOptions;
use streams_core::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use streams_core::protocol::messages::metadata::{MetadataRequest, MetadataResponse};
use streams_core::protocol::messages::produce::PartitionProduceResponse;
use streams_core::protocol::ErrorCode;
use streams_core::Timestamp;

use crate::support::*;

fn latest(wire: &mut Wire, topic: &str) -> i64 {
    let partition = ListOffsetsPartition { timestamp: -1, ..ListOffsetsPartition::default() };
    let topic = ListOffsetsTopic { name: topic.to_owned(), partitions: vec![partition] };
    let request = ListOffsetsRequest { topics: vec![topic], ..ListOffsetsRequest::default() };
    let answer: ListOffsetsResponse = wire.ask(request, 5);
    answer.topics[0].partitions[0].offset
}

/// B88, and B87 in its last line. The good one of each request is there to show that it does not suffer.
#[rstest::rstest]
#[case::b88_partition_minus_1("orders", -1, -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]
#[case::b88_partition_that_is_not_there("orders", 2, -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]
#[case::b88_topic_that_is_not_there("missing", 0, 1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]
#[case::b88_topic_without_a_name("", 0, -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)]
#[case::b87_internal("__consumer_offsets", 0, -1, ErrorCode::INVALID_TOPIC_EXCEPTION)]
fn a_wrong_place_is_refused_alone(#[case] topic: &str, #[case] index: i32, #[case] acks: i16, #[case] code: ErrorCode) {
    let mut wire = Wire::new();
    wire.create("orders", &[]);
    crate::offsets::commit_one(&mut wire, "makes the internal topic");
    let answers = wire.produce_all(&[(topic, index, batch("a")), ("orders", 0, batch("b"))], acks, PRODUCE);
    let outcomes: Vec<_> = answers.iter().map(|answer| (answer.error_code, answer.base_offset)).collect();
    assert_eq!(outcomes, [(code, -1), (ErrorCode::NONE, 0)]);
}

/// B88: both are refused, because nothing says which comes first; other partitions are not affected.
#[test]
fn a_partition_named_twice_is_refused_both_times() {
    let mut wire = Wire::new();
    wire.create("orders", &[]);
    let batches = [("orders", 0, batch("a")), ("orders", 1, batch("b")), ("orders", 0, batch("c"))];
    let answers = wire.produce_all(&batches, -1, PRODUCE);
    let codes: Vec<ErrorCode> = answers.iter().map(|answer| answer.error_code).collect();
    assert_eq!(codes, [ErrorCode::INVALID_REQUEST, ErrorCode::NONE, ErrorCode::INVALID_REQUEST]);
    let message = answers[0].error_message.as_deref();
    assert_eq!(message, Some("orders-0: the request names the partition more than once"));
    assert_eq!(latest(&mut wire, "orders"), 0, "neither was appended");
}

/// B88.
#[test]
fn acks_are_none_one_or_all() {
    let mut wire = Wire::new();
    wire.create("orders", &[]);
    for acks in [2, -2, i16::MAX] {
        let answers = wire.produce_all(&[("orders", 0, batch("a"))], acks, PRODUCE);
        assert_eq!(answers[0].error_code, ErrorCode::INVALID_REQUIRED_ACKS, "{acks}");
    }
    assert_eq!(latest(&mut wire, "orders"), 0);
}

/// A producer that wants no answer learns of a failure from the end of its connection, as with Kafka.
#[test]
fn a_failure_without_acks_ends_the_connection() {
    let mut wire = Wire::new();
    wire.create("orders", &[]);
    let server = wire.address();
    let mut stream = connect(&server);
    stream.write_all(&frame(&produce_request(&[("orders", 0, batch("a"))], 0).into(), PRODUCE)).unwrap();
    let _: MetadataResponse = ask(&mut stream, MetadataRequest::default(), METADATA);
    assert_eq!(latest(&mut wire, "orders"), 1);
    stream.write_all(&frame(&produce_request(&[("orders", 9, batch("a"))], 0).into(), PRODUCE)).unwrap();
    assert!(is_closed(&mut stream));
}

fn sequenced(wire: &mut Wire, id: i64, epoch: i16, sequence: i32) -> PartitionProduceResponse {
    let options =
        BatchOptions { producer_id: id, producer_epoch: epoch, base_sequence: sequence, ..BatchOptions::default() };
    let records: Bytes = batch_with(&["v"], Timestamp(0), &options);
    wire.produce("orders", records)
}

/// B89: the words name the producer and what is expected. Like Kafka, an unknown producer may start anywhere.
#[test]
fn sequences_without_gaps_and_newer_epochs_only() {
    let mut wire = Wire::new();
    wire.create("orders", &[]);
    assert_eq!(sequenced(&mut wire, 4711, 3, 0).base_offset, 0);
    let gap = sequenced(&mut wire, 4711, 3, 9);
    assert_eq!(gap.error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
    assert_eq!(gap.error_message.as_deref(), Some("orders-0: producer 4711 sends sequence number 9, but 1 is next"));
    assert_eq!(sequenced(&mut wire, 4711, 3, 0).base_offset, 0, "a repeat gets its first answer");
    assert_eq!(sequenced(&mut wire, 4711, 4, 0).base_offset, 1);
    let old = sequenced(&mut wire, 4711, 3, 1);
    assert_eq!(old.error_code, ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(old.error_message.as_deref(), Some("orders-0: producer 4711 uses epoch 3, which epoch 4 replaced"));
    assert_eq!(sequenced(&mut wire, 4712, 0, 5).base_offset, 2);
}

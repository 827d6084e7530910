//! Produce: places, batches and records that are wrong, and producers that number their batches.

use bytes::{Bytes, BytesMut};
use streams_core::protocol::batch::{BatchBuilder, BatchOptions, Compression};
use streams_core::protocol::messages::find_coordinator::FindCoordinatorResponse;
use streams_core::protocol::messages::produce::{PartitionProduceResponse, ProduceRequest, ProduceResponse};
use streams_core::{Offset, Timestamp};
use uuid::Uuid;

use crate::groups::{coordinator_request, is_found};
use crate::support::{batch, batch_with, patched, produce_request, with_checksum};
use crate::talk::Talk;

/// A time of the broker's clock is one after this, in 2023.
const PAST: i64 = 1_700_000_000_000;

/// Asks, and notes what became of each partition.
fn note(talk: &mut Talk, label: &str, request: ProduceRequest, version: i16) {
    let answer: ProduceResponse = talk.ask(request, version);
    assert!(answer.node_endpoints.is_empty());
    let mut found: Vec<PartitionProduceResponse> =
        answer.responses.into_iter().flat_map(|topic| topic.partition_responses).collect();
    found.sort_by_key(|partition| partition.index);
    for partition in found.iter_mut().filter(|partition| partition.log_append_time_ms > PAST) {
        partition.log_append_time_ms = i64::MAX;
    }
    talk.note(format!("{label}, v{version}"), found);
}

/// A batch for partition 0.
fn note_batch(talk: &mut Talk, label: &str, topic: &str, records: Bytes) {
    note(talk, label, produce_request(&[(topic, 0, records)], 1), 9);
}

/// By the id of a topic.
fn by_id(id: Uuid, index: i32, records: Bytes) -> ProduceRequest {
    let mut request = produce_request(&[("", index, records)], 1);
    request.topic_data[0].topic_id = id;
    request
}

pub(crate) fn produce(talk: &mut Talk) {
    let id = talk.create("produced", 1, &[]);
    for version in [3, 5, 8, 9, 12] {
        note(talk, "a batch", produce_request(&[("produced", 0, batch("v"))], 1), version);
    }
    note(talk, "a batch", by_id(id, 0, batch("v")), 13);
    talk.delete_records("produced", 2);
    note(talk, "after records were deleted", produce_request(&[("produced", 0, batch("v"))], -1), 9);
    for acks in [2, -2] {
        note(talk, &format!("acks {acks}"), produce_request(&[("produced", 0, batch("v"))], acks), 9);
    }
    for version in [7, 9] {
        note(talk, "no such topic", produce_request(&[("missing", 0, batch("v"))], 1), version);
        note(talk, "no such partition", produce_request(&[("produced", 1, batch("v"))], 1), version);
    }
    note(talk, "no such partition", by_id(id, 1, batch("v")), 13);
    note(talk, "no such id", by_id(Uuid::from_u128(7), 0, batch("v")), 13);
    note(talk, "no id", by_id(Uuid::nil(), 0, batch("v")), 13);
    note(talk, "zstd", produce_request(&[("produced", 0, zstd())], 1), 6);
    note(talk, "zstd", produce_request(&[("produced", 0, zstd())], 1), 7);
    talk.ask_until(coordinator_request("produced", 4), 4, |answer: &FindCoordinatorResponse| is_found(answer));
    talk.wait_for("__consumer_offsets", 1);
    note_batch(talk, "the topic of positions", "__consumer_offsets", batch("v"));
    talk.create("replicated", 1, &[("min.insync.replicas", "2")]);
    for acks in [-1, 1, 0x7f] {
        note(
            talk,
            &format!("too few replicas, acks {acks}"),
            produce_request(&[("replicated", 0, batch("v"))], acks),
            9,
        );
    }
}

fn zstd() -> Bytes {
    let options = BatchOptions { compression: Compression::Zstd, ..BatchOptions::default() };
    batch_with(&["v"], Timestamp(PAST), &options)
}

/// A batch of records with these times and keys.
fn of_records(records: &[(i64, Option<&str>)]) -> Bytes {
    let mut builder = BatchBuilder::default();
    for (time, key) in records {
        builder.append(Timestamp(*time), key.map(str::as_bytes), Some(b"v")).unwrap();
    }
    Bytes::copy_from_slice(builder.finish(&BatchOptions::default()).unwrap())
}

pub(crate) fn records(talk: &mut Talk) {
    talk.create("records", 1, &[("max.message.bytes", "1000")]);
    talk.produce("records", batch("first"));
    talk.delete_records("records", 1);
    let good = batch("v");
    let mut flipped = BytesMut::from(&good[..]);
    *flipped.last_mut().unwrap() ^= 1;
    let mut cut = good.clone();
    cut.truncate(good.len() - 1);
    for (label, records) in [
        ("too large", batch(&"x".repeat(1000))),
        ("a wrong checksum", flipped.freeze()),
        ("cut off", cut),
        ("two batches", Bytes::from([&good[..], &good[..]].concat())),
        ("no batch", Bytes::new()),
        (
            "a base offset",
            batch_with(&["v"], Timestamp(PAST), &BatchOptions { base_offset: Offset(5), ..BatchOptions::default() }),
        ),
        ("a count too high", patched(&[(57, &3_i32.to_be_bytes())])),
        ("a count too low", patched(&[(57, &1_i32.to_be_bytes())])),
        ("a last offset too high", patched(&[(23, &2_i32.to_be_bytes())])),
        ("count and last offset too high", patched(&[(57, &3_i32.to_be_bytes()), (23, &2_i32.to_be_bytes())])),
        ("magic 3", patched(&[(16, &[3])])),
        ("a codec that does not exist", patched(&[(21, &5_i16.to_be_bytes())])),
        ("something after the batch", Bytes::from([&good[..], &[0; 5]].concat())),
        ("half a batch after the batch", Bytes::from([&good[..], &good[..30]].concat())),
        ("less than a header", good.slice(..40)),
        ("a control batch", patched(&[(21, &0x20_i16.to_be_bytes())])),
        ("a producer without an epoch", patched(&[(43, &7_i64.to_be_bytes())])),
        ("a producer without a sequence", patched(&[(43, &7_i64.to_be_bytes()), (51, &0_i16.to_be_bytes())])),
        ("no time", of_records(&[(-1, Some("k"))])),
        ("a largest time that is wrong", patched(&[(35, &1_001_i64.to_be_bytes())])),
        ("a time in the future", of_records(&[(PAST, Some("k")), (i64::MAX, Some("k")), (i64::MAX, Some("k"))])),
    ] {
        note_batch(talk, label, "records", records);
    }
    talk.create("records-claimed", 1, &[]);
    note_batch(talk, "stamped by the client without need", "records-claimed", patched(&[(21, &8_i16.to_be_bytes())]));
    talk.create("records-recent", 1, &[("message.timestamp.before.max.ms", "1000")]);
    note_batch(talk, "a time in the past", "records-recent", of_records(&[(PAST, Some("k"))]));
    talk.create("records-compacted", 1, &[("cleanup.policy", "compact")]);
    note_batch(
        talk,
        "keys that are missing",
        "records-compacted",
        of_records(&[(PAST, Some("k")), (PAST, None), (PAST, None)]),
    );
    note_batch(
        talk,
        "a key and a time that are wrong",
        "records-compacted",
        of_records(&[(PAST, None), (i64::MAX, Some("k"))]),
    );
    note(
        talk,
        "keys that are missing",
        produce_request(&[("records-compacted", 0, of_records(&[(PAST, None)]))], 1),
        7,
    );
    talk.create("records-stamped", 1, &[("message.timestamp.type", "LogAppendTime")]);
    note_batch(talk, "stamped", "records-stamped", of_records(&[(i64::MAX, Some("k"))]));
    note_batch(talk, "stamped by the client", "records-stamped", patched(&[(21, &8_i16.to_be_bytes())]));
}

/// Some records of a producer.
fn numbered(producer_id: i64, producer_epoch: i16, base_sequence: i32, count: usize) -> Bytes {
    let options = BatchOptions { producer_id, producer_epoch, base_sequence, ..BatchOptions::default() };
    batch_with(&vec!["v"; count], Timestamp(PAST), &options)
}

pub(crate) fn sequences(talk: &mut Talk) {
    talk.create("sequences", 1, &[]);
    for (label, records) in [
        ("first batch", numbered(4711, 3, 0, 2)),
        ("next batch", numbered(4711, 3, 2, 1)),
        ("first batch again", numbered(4711, 3, 0, 2)),
        ("next batch again", numbered(4711, 3, 2, 1)),
        ("part of the first batch", numbered(4711, 3, 0, 1)),
        ("both as one batch", numbered(4711, 3, 0, 3)),
        ("a gap", numbered(4711, 3, 9, 1)),
        ("a newer epoch in the middle", numbered(4711, 4, 3, 1)),
        ("a newer epoch", numbered(4711, 4, 0, 1)),
        ("the old epoch", numbered(4711, 3, 3, 1)),
        ("the old epoch, a batch again", numbered(4711, 3, 2, 1)),
        ("an unknown producer in the middle", numbered(4712, 0, 5, 1)),
        ("and its next batch", numbered(4712, 0, 6, 1)),
        ("the last number", numbered(4713, 0, i32::MAX - 1, 2)),
        ("the number after it", numbered(4713, 0, 0, 1)),
        ("over the last number", numbered(4714, 0, i32::MAX - 1, 4)),
        ("and on", numbered(4714, 0, 2, 1)),
    ] {
        note_batch(talk, label, "sequences", records);
    }
    for number in 0..5 {
        talk.produce("sequences", numbered(4711, 4, 1 + number, 1));
    }
    note_batch(talk, "a batch again, too late", "sequences", numbered(4711, 4, 0, 1));
    note_batch(talk, "a batch again, in time", "sequences", numbered(4711, 4, 1, 1));
    talk.delete_records("sequences", 3);
    note_batch(talk, "a batch again after records were deleted", "sequences", numbered(4711, 4, 2, 1));
    note_batch(talk, "a gap after records were deleted", "sequences", numbered(4711, 4, 99, 1));
    talk.create("sequences-stamped", 1, &[("message.timestamp.type", "LogAppendTime")]);
    note_batch(talk, "stamped", "sequences-stamped", numbered(4711, 0, 0, 1));
    note_batch(talk, "stamped, again", "sequences-stamped", numbered(4711, 0, 0, 1));
    let mut transactional = BytesMut::from(&numbered(4715, 0, 0, 1)[..]);
    transactional[21..23].copy_from_slice(&0x10_i16.to_be_bytes());
    note_batch(talk, "a transaction without an id", "sequences", with_checksum(transactional));
}

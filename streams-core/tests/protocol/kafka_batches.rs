//! Record batches as Kafka's own classes write them: read as Kafka reads them, and written again to the same bytes.

use expect_test::expect;
use serde_json::Value;
use streams_core::protocol::batch::{
    BatchBuilder, BatchMut, BatchOptions, BatchView, Batches, Compression, ControlRecord, ControlType, Scratch,
    TimestampType,
};
use streams_core::protocol::ErrorCode;
use streams_core::{Offset, Timestamp};

use crate::reader;

fn lines() -> Vec<Value> {
    reader::parse(std::str::from_utf8(&reader::bytes("batches.jsonl")).expect("the fixtures are text"))
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}

fn nullable_bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Null => None,
        Value::String(hex) => Some(reader::unhex(hex)),
        repeated => {
            let times = usize::try_from(number(&repeated["times"])).expect("a count");
            Some(reader::unhex(text(&repeated["repeat"])).repeat(times))
        }
    }
}

/// A record with everything owned.
#[derive(Debug, PartialEq)]
struct Owned {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

fn kafkas_records(batch: &Value) -> Vec<Owned> {
    let records = batch["records"].as_array().expect("an array").iter().map(|record| {
        let headers = record["headers"].as_array().expect("an array").iter();
        Owned {
            offset: number(&record["offset"]),
            timestamp: number(&record["timestamp"]),
            key: nullable_bytes(&record["key"]),
            value: nullable_bytes(&record["value"]),
            headers: headers.map(|header| (text(&header[0]).to_owned(), nullable_bytes(&header[1]))).collect(),
        }
    });
    records.collect()
}

fn our_records(batch: &BatchView<'_>) -> Vec<Owned> {
    let mut scratch = Scratch::default();
    let records = batch.records(&mut scratch).expect("it decompresses").map(|record| {
        let record = record.expect("it decodes");
        let headers = record.headers.map(|header| (header.key_text().into_owned(), header.value.map(<[u8]>::to_vec)));
        Owned {
            offset: record.offset.0,
            timestamp: record.timestamp.0,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: headers.collect(),
        }
    });
    records.collect()
}

fn our_header(batch: &BatchView<'_>) -> Value {
    let horizon = batch.has_delete_horizon().then_some(batch.base_timestamp().0);
    serde_json::json!({
        "baseOffset": batch.base_offset().0,
        "lastOffset": batch.last_offset().0,
        "nextOffset": batch.next_offset().0,
        "partitionLeaderEpoch": batch.partition_leader_epoch(),
        "compression": batch.compression().expect("it exists").name(),
        "timestampType": format!("{:?}", batch.timestamp_type()),
        "transactional": batch.is_transactional(),
        "control": batch.is_control(),
        "crc": batch.crc(),
        "deleteHorizonMs": horizon,
        "baseTimestamp": batch.base_timestamp().0,
        "maxTimestamp": batch.max_timestamp().0,
        "producerId": batch.producer_id(),
        "producerEpoch": batch.producer_epoch(),
        "baseSequence": batch.base_sequence(),
        "lastSequence": batch.last_sequence(),
        "count": batch.records_count(),
    })
}

/// Writes the batch again from what was read, with our own builder.
fn rebuild(batch: &BatchView<'_>, create_times: &Value) -> Vec<u8> {
    let mut builder = BatchBuilder::default();
    if batch.has_delete_horizon() || batch.records_count() == 0 {
        builder.set_base_timestamp(batch.base_timestamp());
    }
    for (index, record) in our_records(batch).iter().enumerate() {
        let delta = i32::try_from(record.offset - batch.base_offset().0).expect("a small delta");
        let timestamp = Timestamp(create_times[index].as_i64().unwrap_or(record.timestamp));
        let headers = record.headers.iter().map(|(key, value)| (key.as_bytes(), value.as_deref()));
        builder.append_at(delta, timestamp, record.key.as_deref(), record.value.as_deref(), headers).expect("it fits");
    }
    let options = BatchOptions {
        compression: batch.compression().expect("it exists"),
        timestamp_type: batch.timestamp_type(),
        base_offset: batch.base_offset(),
        partition_leader_epoch: batch.partition_leader_epoch(),
        producer_id: batch.producer_id(),
        producer_epoch: batch.producer_epoch(),
        base_sequence: batch.base_sequence(),
        is_transactional: batch.is_transactional(),
        is_control: batch.is_control(),
    };
    let mut bytes = builder.finish(&options).expect("it compresses").to_vec();
    // What only a log sets: the last offset of a compacted batch and the bit of its delete horizon.
    bytes[21..27].copy_from_slice(&batch.as_bytes()[21..27]);
    BatchMut::parse(&mut bytes).expect("it is a batch").set_max_timestamp(batch.max_timestamp());
    bytes
}

#[test]
fn kafkas_batches_are_read_and_written_as_kafka_does() {
    let (mut refused, mut same, mut compressed) = (0, 0, 0);
    for line in &lines() {
        let (name, bytes) = (text(&line["name"]), reader::unhex(text(&line["bytes"])));
        let mut batches = Batches::new(&bytes);
        if number(&line["magic"]) < 2 {
            let error = batches.next().expect("it is an error").expect_err(name);
            assert_eq!(error.code(), ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, "{name}: {error}");
            refused += 1;
            continue;
        }
        for expected in line["batches"].as_array().expect("an array") {
            let batch = batches.next().expect("another batch").unwrap_or_else(|error| panic!("{name}: {error}"));
            batch.check_crc().unwrap_or_else(|error| panic!("{name}: {error}"));
            for (field, value) in our_header(&batch).as_object().expect("an object") {
                assert_eq!(value, &expected[field], "{name}: {field}");
            }
            assert_eq!(our_records(&batch), kafkas_records(expected), "{name}");

            let rebuilt = rebuild(&batch, &line["createTimes"]);
            if batch.compression().expect("it exists") == Compression::None {
                assert_eq!(rebuilt, batch.as_bytes(), "{name}");
                same += 1;
            } else {
                let rebuilt = BatchView::parse(&rebuilt).expect("it is a batch");
                rebuilt.check_crc().expect("it is right");
                assert_eq!(our_records(&rebuilt), kafkas_records(expected), "{name}, compressed by us");
                compressed += 1;
            }
        }
        assert!(batches.next().is_none(), "{name}");
    }
    let counts = format!("{same} to the same bytes, {compressed} compressed, {refused} of old formats refused");
    expect!["34 to the same bytes, 22 compressed, 4 of old formats refused"].assert_eq(&counts);
}

#[test]
fn kafkas_markers_are_ours() {
    let mut checked = 0;
    for line in lines().iter().filter(|line| text(&line["name"]).starts_with("marker ")) {
        let bytes = reader::unhex(text(&line["bytes"]));
        let batch = BatchView::parse(&bytes).expect("it is a batch");
        let record = our_records(&batch).remove(0);
        let marker = ControlRecord::parse(record.key.as_deref(), record.value.as_deref()).expect("it is a marker");
        let name = text(&line["name"]);
        let control_type = if name.starts_with("marker ABORT") { ControlType::Abort } else { ControlType::Commit };
        assert_eq!(marker, ControlRecord { control_type, coordinator_epoch: 31 }, "{name}");
        let (id, epoch) = (batch.producer_id(), batch.producer_epoch());
        let mut builder = BatchBuilder::default();
        let mut ours = marker.build(&mut builder, id, epoch, Timestamp(record.timestamp)).expect("it fits").to_vec();
        let mut stamped = BatchMut::parse(&mut ours).expect("it is a batch");
        stamped.set_base_offset(batch.base_offset());
        stamped.set_partition_leader_epoch(batch.partition_leader_epoch());
        assert_eq!(ours, bytes, "{name}");
        checked += 1;
    }
    assert_eq!(checked, 4);
}

#[test]
fn the_log_append_time_is_stamped_as_kafka_stamps_it() {
    for line in lines().iter().filter(|line| line.get("createTimes").is_some()) {
        let bytes = reader::unhex(text(&line["bytes"]));
        let batch = BatchView::parse(&bytes).expect("it is a batch");
        assert_eq!(batch.timestamp_type(), TimestampType::LogAppendTime);
        // As a producer sends it: at offset 0, in its own time.
        let mut sent = rebuild(&batch, &line["createTimes"]);
        sent[22] &= !(1 << 3);
        let mut stamped = BatchMut::parse(&mut sent).expect("it is a batch");
        stamped.set_base_offset(Offset(0));
        stamped.set_max_timestamp(Timestamp(number(&line["createTimes"][0])));
        assert_eq!(stamped.view().expect("it is a batch").timestamp_type(), TimestampType::CreateTime);
        stamped.set_log_append_time(batch.max_timestamp());
        stamped.set_base_offset(batch.base_offset());
        let stamped = stamped.view().expect("it is a batch");
        assert_eq!(our_records(&stamped), our_records(&batch));
        if batch.compression().expect("it exists") == Compression::None {
            assert_eq!(stamped.as_bytes(), bytes);
        }
    }
}

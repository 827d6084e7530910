//! What an append refuses, with the code that a client gets; and that a refused batch leaves no trace.

use broker_lite::disk::memory::MemoryDisk;
use broker_lite::log::{AppendContext, CleanupPolicy, Durability, LogConfig, Origin, TimestampType};
use bytes::{Bytes, BytesMut};
use streams_core::protocol::batch::{BatchMut, BatchOptions, BatchView, Compression};
use streams_core::protocol::ErrorCode;
use streams_core::{Offset, Timestamp};

use crate::support::*;

fn changed(at: usize, bytes: &[u8]) -> Bytes {
    let mut batch = BytesMut::from(&batch(&["a", "b"])[..]);
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    batch.freeze()
}

/// The same with a checksum that fits.
fn changed_well(at: usize, bytes: &[u8]) -> Bytes {
    let mut batch = BytesMut::from(&changed(at, bytes)[..]);
    let max = BatchView::parse(&batch).unwrap().max_timestamp();
    BatchMut::parse(&mut batch).unwrap().set_max_timestamp(max);
    batch.freeze()
}

fn keyless() -> Bytes {
    batch_of(&[(Some("k"), Some("v"), NOW.0), (None, Some("v"), NOW.0)], &BatchOptions::default())
}

fn at(time: i64) -> Bytes {
    batch_of(&[(Some("k"), Some("v"), NOW.0), (Some("k"), Some("v"), time)], &BatchOptions::default())
}

fn twice() -> Bytes {
    let one = sequenced(&["a"], 7, 0, 0);
    [&one[..], &one[..]].concat().into()
}

/// B66, B70, B73 to B76.
#[rstest::rstest]
#[case::nothing(Bytes::new(), ErrorCode::INVALID_RECORD, None)]
#[case::half_a_header(batch(&["a"]).slice(..30), ErrorCode::CORRUPT_MESSAGE, None)]
#[case::half_a_batch(batch(&["a"]).slice(..65), ErrorCode::CORRUPT_MESSAGE, None)]
#[case::a_byte_too_many([&batch(&["a"])[..], b"x"].concat().into(), ErrorCode::CORRUPT_MESSAGE, None)]
#[case::negative_length(changed(8, &(-1_i32).to_be_bytes()), ErrorCode::CORRUPT_MESSAGE, None)]
#[case::short_length(changed(8, &48_i32.to_be_bytes()), ErrorCode::CORRUPT_MESSAGE, None)]
#[case::huge_length(changed(8, &i32::MAX.to_be_bytes()), ErrorCode::MESSAGE_TOO_LARGE, None)]
#[case::old_version(changed(16, &[1]), ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, None)]
#[case::unknown_version(changed(16, &[3]), ErrorCode::CORRUPT_MESSAGE, None)]
#[case::wrong_checksum(changed(70, b"!"), ErrorCode::CORRUPT_MESSAGE, None)]
#[case::base_offset(changed(0, &1_i64.to_be_bytes()), ErrorCode::INVALID_RECORD, None)]
#[case::too_few_records(changed_well(57, &1_i32.to_be_bytes()), ErrorCode::INVALID_RECORD, None)]
#[case::no_records(changed_well(57, &0_i32.to_be_bytes()), ErrorCode::INVALID_RECORD, None)]
#[case::more_records_than_there_are(
    { let mut b = BytesMut::from(&changed_well(57, &9_i32.to_be_bytes())[..]);
      b[23..27].copy_from_slice(&8_i32.to_be_bytes()); let max = BatchView::parse(&b).unwrap().max_timestamp();
      BatchMut::parse(&mut b).unwrap().set_max_timestamp(max); b.freeze() },
    ErrorCode::INVALID_RECORD, None)]
#[case::unknown_codec(changed_well(21, &5_i16.to_be_bytes()), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, None)]
#[case::not_compressed(changed_well(21, &4_i16.to_be_bytes()), ErrorCode::INVALID_RECORD, None)]
#[case::control(changed_well(21, &(1_i16 << 5).to_be_bytes()), ErrorCode::INVALID_RECORD, None)]
#[case::transaction_without_producer(changed_well(21, &(1_i16 << 4).to_be_bytes()), ErrorCode::INVALID_RECORD, None)]
#[case::brokers_time(changed_well(21, &(1_i16 << 3).to_be_bytes()), ErrorCode::INVALID_TIMESTAMP, None)]
#[case::producer_without_epoch(sequenced(&["a"], 7, -1, 0), ErrorCode::INVALID_RECORD, None)]
#[case::producer_without_sequence(sequenced(&["a"], 7, 0, -1), ErrorCode::INVALID_RECORD, None)]
#[case::two_batches_of_a_producer(twice(), ErrorCode::INVALID_RECORD, None)]
#[case::no_key(keyless(), ErrorCode::INVALID_RECORD, Some(1))]
#[case::future(at(NOW.0 + 3_600_001), ErrorCode::INVALID_TIMESTAMP, Some(1))]
#[case::past(at(NOW.0 - 10_001), ErrorCode::INVALID_TIMESTAMP, Some(1))]
#[case::too_large(batch(&["x".repeat(5000).as_str()]), ErrorCode::MESSAGE_TOO_LARGE, None)]
#[case::larger_than_a_segment(batch(&["x".repeat(3000).as_str()]), ErrorCode::RECORD_LIST_TOO_LARGE, None)]
fn a_bad_batch_is_refused(#[case] bad: Bytes, #[case] code: ErrorCode, #[case] record: Option<i32>) {
    let config = LogConfig {
        durability: Durability::Os,
        cleanup_policy: CleanupPolicy { delete: false, compact: true },
        message_timestamp_before_max_ms: 10_000,
        max_message_bytes: 4000,
        segment_bytes: 2000,
        ..LogConfig::default()
    };
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &config).unwrap();
    append(&mut log, &["before"]).unwrap();
    let operations = disk.operations();
    let refused = log.append(bad, &CLIENT).unwrap_err();
    let named = refused.records().first().map(|(index, _)| *index);
    assert_eq!((refused.code(), named), (code, record), "{refused:?}");
    assert_eq!(disk.operations(), operations, "nothing was written");
    append(&mut log, &["after"]).unwrap();
    assert_eq!(records(&log).unwrap(), ["0=before", "1=after"]);
}

#[test]
fn the_extremes_of_what_is_allowed_are_taken() {
    let disk = MemoryDisk::new();
    let config = LogConfig { durability: Durability::Os, ..LogConfig::default() };
    let (mut log, _) = open(&disk, &config).unwrap();
    for batch in [at(NOW.0 + 3_600_000), at(-1), at(0), keyless()] {
        log.append(batch, &CLIENT).unwrap();
    }
    // The broker itself may write several at once.
    let two = [batch(&["a"]), batch(&["b", "c"])].concat();
    log.append(two.clone().into(), &AppendContext { origin: Origin::Broker, ..CLIENT }).unwrap();
    assert_eq!(log.append(two.into(), &CLIENT).unwrap_err().code(), ErrorCode::INVALID_RECORD);
    for compression in [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
        log.append(batch_with(&["z", "z"], &BatchOptions { compression, ..BatchOptions::default() }), &CLIENT).unwrap();
    }
    assert_eq!(log.end_offset(), Offset(19));
    assert_eq!(records(&log).unwrap().len(), 19);
}

#[test]
fn a_wrong_largest_timestamp_is_corrected() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &LogConfig { durability: Durability::Os, ..LogConfig::default() }).unwrap();
    let mut wrong = BytesMut::from(&batch(&["a", "b", "c"])[..]);
    BatchMut::parse(&mut wrong).unwrap().set_max_timestamp(Timestamp(NOW.0 - 50));
    log.append(wrong.freeze(), &CLIENT).unwrap();
    assert_eq!(records(&log).unwrap(), ["0=a", "1=b", "2=c"]);
    assert_eq!(log.max_timestamp(), Timestamp(NOW.0 + 2));
    assert_eq!(log.offset_for_timestamp(Timestamp(NOW.0 + 1)).unwrap(), Some((Offset(1), Timestamp(NOW.0 + 1))));
}

#[test]
fn the_brokers_time_is_stamped_where_the_topic_wants_it() {
    let disk = MemoryDisk::new();
    let config = LogConfig {
        durability: Durability::Os,
        message_timestamp_type: TimestampType::LogAppendTime,
        ..LogConfig::default()
    };
    let (mut log, _) = open(&disk, &config).unwrap();
    let later = AppendContext { now: Timestamp(NOW.0 + 500), ..CLIENT };
    // A time far from the broker's does not matter: it is replaced.
    let appended = log.append(at(5), &later).unwrap();
    assert_eq!(appended.log_append_time, later.now);
    assert_eq!(records(&log).unwrap(), ["0=v", "1=v"]);
    let bytes = log.read(Offset(0), 1000, Offset(2), true).unwrap();
    let view = BatchView::parse(&bytes).unwrap();
    assert_eq!((view.max_timestamp(), view.partition_leader_epoch()), (later.now, CLIENT.leader_epoch));
    assert_eq!(log.offset_for_timestamp(later.now).unwrap(), Some((Offset(0), later.now)));
}

#[test]
fn the_broker_itself_may_write_markers() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &LogConfig { durability: Durability::Os, ..LogConfig::default() }).unwrap();
    let options = BatchOptions {
        is_control: true,
        is_transactional: true,
        producer_id: 9,
        producer_epoch: 0,
        ..BatchOptions::default()
    };
    let marker = batch_with(&["m"], &options);
    assert_eq!(log.append(marker.clone(), &CLIENT).unwrap_err().code(), ErrorCode::INVALID_RECORD);
    log.append(marker, &AppendContext { origin: Origin::Broker, ..CLIENT }).unwrap();
    assert_eq!(records(&log).unwrap(), ["0=m"]);
}

//! What maintenance frees under every sync policy, and what may go before what.

use std::path::PathBuf;
use std::time::Duration;

use broker_lite::disk::memory::{Crash, MemoryDisk};
use broker_lite::SyncPolicy;
use streams_core::protocol::ErrorCode;
use streams_core::Timestamp;

use crate::stepped::*;

const INTERVAL: SyncPolicy = SyncPolicy::Interval(Duration::from_millis(5));

/// Longer than the `retention.ms` and `delete.retention.ms` of the topics below.
const LATER: Timestamp = Timestamp(NOW.0 + 10_000);

/// How many batches fill some segments of 1024 bytes.
const BATCHES: i64 = 60;

/// A broker and the first segment of a topic `orders` that has several.
fn filled(disk: &MemoryDisk, sync: SyncPolicy, configs: &[(&str, &str)]) -> (Stepped, PathBuf) {
    let broker = Stepped::over(disk, sync);
    broker.create("orders", &[configs, &[("segment.bytes", "1024")]].concat());
    for number in 0..BATCHES {
        assert_eq!(broker.produce("orders", &format!("record {number}")).base_offset, number);
    }
    let segment = segment_of(disk, "record 0");
    assert!(segments_beside(disk, &segment).0 > 3);
    (broker, segment)
}

#[rstest::rstest]
fn old_records_are_deleted(#[values(SyncPolicy::Fsync, INTERVAL, SyncPolicy::Os)] sync: SyncPolicy) {
    let disk = MemoryDisk::new();
    let (broker, segment) = filled(&disk, sync, &[("retention.ms", "1000")]);
    broker.0.maintain(NOW);
    assert_eq!(broker.list("orders", -2).2, 0, "it is not time yet");
    broker.0.maintain(LATER);
    assert_eq!(broker.list("orders", -2).2, BATCHES, "the active segment is old, too");
    assert_eq!(segments_beside(&disk, &segment), (1, 0));
    assert_eq!(broker.produce("orders", "next").base_offset, BATCHES);
    let (broker, _) = broker.crashed(&disk, Crash::KeepAll, sync);
    assert_eq!((broker.list("orders", -2).2, broker.list("orders", -1).2), (BATCHES, BATCHES + 1));
}

#[rstest::rstest]
fn a_compacted_topic_shrinks(#[values(SyncPolicy::Fsync, INTERVAL, SyncPolicy::Os)] sync: SyncPolicy) {
    let disk = MemoryDisk::new();
    let (broker, segment) = filled(&disk, sync, &[("cleanup.policy", "compact")]);
    let (_, before) = segments_beside(&disk, &segment);
    broker.0.maintain(LATER);
    let (_, after) = segments_beside(&disk, &segment);
    assert!(after < before / 2, "{before} bytes became {after}");
    let (broker, _) = broker.crashed(&disk, Crash::KeepAll, sync);
    assert_eq!((broker.list("orders", -2).2, broker.list("orders", -1).2), (0, BATCHES));
}

#[rstest::rstest]
fn deleted_records_free_their_segments(#[values(SyncPolicy::Fsync, INTERVAL, SyncPolicy::Os)] sync: SyncPolicy) {
    let disk = MemoryDisk::new();
    let (broker, segment) = filled(&disk, sync, &[("retention.ms", "-1")]);
    let (before, _) = segments_beside(&disk, &segment);
    assert_eq!(broker.delete_records("orders", BATCHES - 1), (ErrorCode::NONE, BATCHES - 1));
    assert_eq!(segments_beside(&disk, &segment).0, 1, "of {before} segments");
}

/// A broker that was killed reads little at its next start, and one whose machine lost power has all but the end.
#[rstest::rstest]
fn closed_segments_are_synced_soon(#[values(SyncPolicy::Fsync, INTERVAL, SyncPolicy::Os)] sync: SyncPolicy) {
    let disk = MemoryDisk::new();
    let (broker, segment) = filled(&disk, sync, &[]);
    broker.0.sync();
    let state = String::from_utf8(disk.content(&segment.with_file_name("log-state")).unwrap()).unwrap();
    let recovery_point = state.lines().find_map(|line| line.strip_prefix("recovery_point ")).unwrap();
    let recovery_point: i64 = recovery_point.parse().unwrap();
    assert!(recovery_point > BATCHES / 2, "{state}");
    let (broker, _) = broker.crashed(&disk, Crash::LoseUnsynced, sync);
    assert!(broker.list("orders", -1).2 >= recovery_point);
}

/// A purge is durable when it is answered, so what justifies it must have become so before: an application that lost its
/// last commit and the records since the one before would go on at a gap.
#[rstest::rstest]
fn records_go_after_the_offsets_that_passed_them(
    #[values(SyncPolicy::Fsync, INTERVAL, SyncPolicy::Os)] sync: SyncPolicy,
) {
    let disk = MemoryDisk::new();
    let broker = Stepped::over(&disk, sync);
    broker.create("orders", &[]);
    for value in ["a", "b", "c"] {
        broker.produce("orders", value);
    }
    assert_eq!(broker.commit("orders", 2), ErrorCode::NONE);
    assert_eq!(broker.delete_records("orders", 2), (ErrorCode::NONE, 2));
    let (broker, _) = broker.crashed(&disk, Crash::LoseUnsynced, sync);
    assert_eq!((broker.committed("orders"), broker.list("orders", -2).2), (2, 2));
    assert_eq!(broker.list("orders", -1).2, 3, "what was behind the purged records is there");
}

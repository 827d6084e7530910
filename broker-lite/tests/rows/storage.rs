//! Disks that are full, fail or forget: what clients see of it, and that the rest goes on.

use std::path::Path;
use std::time::Duration;

use broker_lite::disk::memory::{Crash, Fault, MemoryDisk};
use broker_lite::{Broker, SyncPolicy};
use streams_core::protocol::messages::topics::CreateTopicsResponse;
use streams_core::protocol::ErrorCode;
use streams_core::Timestamp;

use crate::connections::Logged;
use crate::damage::*;
use crate::stepped::*;
use crate::support::*;

/// B107: the refusal says why and passes with its cause, readers notice nothing, and no part of the batch stays.
#[rstest::rstest]
#[case(SyncPolicy::Fsync, 0)]
#[case(SyncPolicy::Fsync, 40)]
#[case(SyncPolicy::Os, 40)]
fn a_full_disk_refuses_writes_until_there_is_room(#[case] sync: SyncPolicy, #[case] written: usize) {
    let disk = MemoryDisk::new();
    let broker = Stepped::over(&disk, sync);
    broker.create("orders", &[]);
    assert_eq!(broker.produce("orders", "before").base_offset, 0);
    let whole = broker.fetch("orders");
    disk.fail_at(disk.operations(), Fault::NoSpace { written });
    let refused = broker.produce("orders", "refused");
    let message = refused.error_message.unwrap_or_default();
    assert_eq!(refused.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(refused.error_code.is_retriable());
    assert!(message.starts_with("orders-0: ") && message.contains("disk is full"), "{message}");
    assert_eq!(broker.fetch("orders"), whole, "reads go on and see no part of it");
    assert_eq!(broker.produce("orders", "after").base_offset, 1, "there is room again");
    assert_eq!(broker.0.failure(), None);
}

/// B107: neither a topic nor its name is left behind.
#[test]
fn a_full_disk_refuses_a_topic_as_a_whole() {
    let disk = MemoryDisk::new();
    let broker = Stepped::over(&disk, SyncPolicy::Fsync);
    let start = disk.operations();
    broker.create("first", &[]);
    let operations = disk.operations() - start;
    for at in 0..operations {
        let disk = MemoryDisk::new();
        let broker = Stepped::over(&disk, SyncPolicy::Fsync);
        disk.fail_at(disk.operations() + at, Fault::NoSpace { written: 0 });
        let answer: CreateTopicsResponse = broker.ask(create_request("first", &[]), NOW);
        let outcome = &answer.topics[0];
        let is_made = outcome.error_code.is_none();
        assert!(is_made || outcome.error_code == ErrorCode::KAFKA_STORAGE_ERROR, "operation {at}: {outcome:?}");
        if !is_made {
            broker.create("first", &[]);
        }
        assert_eq!(broker.produce("first", "v").base_offset, 0, "operation {at}");
        drop(broker);
        let again = Stepped::over(&disk.crash(Crash::LoseUnsynced), SyncPolicy::Fsync);
        assert_eq!(again.fetch("first").high_watermark, 1, "operation {at}");
    }
}

/// B99: damage below the recovery point keeps one partition from answering; file and byte are in the broker's words.
#[test]
fn a_damaged_partition_is_offline_and_says_where() {
    let broker = with_damage(shorten);
    assert_eq!(broker.fetch("broken").error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    let refused = broker.produce("broken", "v");
    let message = refused.error_message.unwrap_or_default();
    assert_eq!(refused.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(message.contains("00000000000000000000.log") && message.contains("byte"), "{message}");
    assert_eq!(broker.fetch("whole").high_watermark, 1);
    assert_eq!(broker.produce("whole", "v").base_offset, 1);
}

/// B99, B110: a flipped bit, and a device that cannot read, fail the fetches that meet them and no other.
#[rstest::rstest]
#[case::flipped(|disk: &MemoryDisk, path: &Path| disk.flip(path, 80, 1))]
#[case::unreadable(|disk: &MemoryDisk, path: &Path| disk.fail_reads(path))]
fn a_failing_read_is_that_fetch_s_alone(#[case] damage: Damage) {
    let (disk, path) = broken_and_whole();
    let broker = Stepped::over(&disk, SyncPolicy::Fsync);
    damage(&disk, &path);
    let failed = broker.fetch("broken");
    assert_eq!(
        (failed.error_code, failed.records.map(|records| records.len())),
        (ErrorCode::KAFKA_STORAGE_ERROR, Some(0))
    );
    assert_eq!((broker.fetch("whole").error_code, broker.fetch("whole").high_watermark), (ErrorCode::NONE, 1));
    assert_eq!(broker.produce("broken", "v").error_code, ErrorCode::NONE, "writing goes on");
}

/// B98: the broker warns of what it cut off after a crash, and starts.
#[test]
fn a_torn_tail_is_reported_at_start() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut wire = Wire::over(Broker::builder().data_dir(&data));
    wire.create("orders", &[]);
    wire.produce("orders", batch("kept"));
    wire.broker.close();
    drop(wire);
    let segment = std::fs::read_dir(data.join("topics")).unwrap().next().unwrap().unwrap().path();
    let segment = segment.join("0/00000000000000000000.log");
    let mut bytes = std::fs::read(&segment).unwrap();
    let whole = bytes.len();
    bytes.extend_from_slice(&batch("torn")[..50]);
    std::fs::write(&segment, bytes).unwrap();
    let (code, log) = Logged::start(&data, "warn").stop();
    assert_eq!(code, Some(0), "{log}");
    let words = format!("truncated 50 bytes of {} from byte {whole} (offset 1) on", segment.display());
    let line = log.lines().find(|line| line.contains(&format!("orders-0: {words}")));
    assert!(line.is_some_and(|line| line.contains("WARN")), "{log}");
    let mut wire = Wire::over(Broker::builder().data_dir(&data));
    assert_eq!(wire.fetch("orders", 0).high_watermark, 1);
}

/// B68: the broker's own times never go back with its clock, nor do they after a restart.
#[test]
fn append_times_do_not_go_back() {
    let disk = MemoryDisk::new();
    let broker = Stepped::over(&disk, SyncPolicy::Fsync);
    broker.create("orders", &[("message.timestamp.type", "LogAppendTime")]);
    let hour = Duration::from_secs(3600);
    let stamp = |broker: &Stepped, now: Timestamp| broker.produce_at("orders", "v", now).log_append_time_ms;
    assert_eq!(stamp(&broker, NOW + hour), (NOW + hour).0);
    assert_eq!(stamp(&broker, NOW), (NOW + hour).0);
    broker.0.close();
    let broker = Stepped::over(&disk.crash(Crash::KeepAll), SyncPolicy::Fsync);
    assert_eq!(stamp(&broker, NOW), (NOW + hour).0);
    assert_eq!(stamp(&broker, NOW + hour + hour), (NOW + hour + hour).0);
}

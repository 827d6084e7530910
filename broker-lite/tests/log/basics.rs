//! Append, sync, read and reopen, without faults.

use broker_lite::disk::memory::MemoryDisk;
use broker_lite::disk::RealDisk;
use broker_lite::log::{Durability, Log, LogConfig};
use streams_core::protocol::ErrorCode;
use streams_core::{Offset, Timestamp};

use crate::support::*;

#[test]
fn what_is_synced_is_visible_and_read_back_after_a_restart() {
    let disk = MemoryDisk::new();
    let (mut log, recovery) = open(&disk, &LogConfig::default()).unwrap();
    assert!(recovery.created);
    let first = append(&mut log, &["a", "b"]).unwrap();
    assert_eq!((first.base_offset, first.last_offset), (Offset(0), Offset(1)));
    assert_eq!(records(&log).unwrap(), Vec::<String>::new(), "nothing is visible before it is durable");
    assert_eq!(sync(&mut log).unwrap(), Offset(2));
    append(&mut log, &["c"]).unwrap();
    assert_eq!(records(&log).unwrap(), ["0=a", "1=b"]);
    sync(&mut log).unwrap();
    log.close().unwrap();
    let (log, recovery) = open(&disk, &LogConfig::default()).unwrap();
    assert_eq!((recovery.created, recovery.truncated), (false, None));
    assert_eq!(records(&log).unwrap(), ["0=a", "1=b", "2=c"]);
}

#[test]
fn many_segments_are_read_from_files_and_from_memory_alike() {
    for tail_bytes_max in [0, 300, 1 << 20] {
        let config = LogConfig {
            segment_bytes: 400,
            index_interval_bytes: 100,
            tail_bytes_max,
            durability: Durability::Os,
            ..LogConfig::default()
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let (mut log, _) = Log::open(std::sync::Arc::new(RealDisk::default()), &path, config.clone(), NOW).unwrap();
        let mut expected = Vec::new();
        for n in 0..40 {
            let values = [format!("v{n}"), format!("w{n}"), "x".repeat(n)];
            let at = append(&mut log, &values.each_ref().map(String::as_str)).unwrap().base_offset.0;
            expected.extend(values.iter().zip(at..).map(|(value, at)| format!("{at}={value}")));
        }
        assert!(std::fs::read_dir(&path).unwrap().count() > 20, "there are many segments");
        assert_eq!(records(&log).unwrap(), expected);
        sync(&mut log).unwrap();
        assert_eq!(records(&log).unwrap(), expected);
        drop(log);
        let (log, recovery) = Log::open(std::sync::Arc::new(RealDisk::default()), &path, config, NOW).unwrap();
        assert_eq!(recovery.truncated, None);
        assert_eq!(records(&log).unwrap(), expected);
    }
}

#[test]
fn offsets_out_of_range_are_refused() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &LogConfig { durability: Durability::Os, ..LogConfig::default() }).unwrap();
    append(&mut log, &["a"]).unwrap();
    assert_eq!(log.read(Offset(1), 100, Offset(9), true).unwrap().len(), 0);
    for offset in [-1, 2] {
        let refused = log.read(Offset(offset), 100, Offset(9), true).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::OFFSET_OUT_OF_RANGE);
    }
    assert_eq!(log.read(Offset(0), 1, Offset(9), false).unwrap().len(), 0);
    assert_ne!(log.read(Offset(0), 1, Offset(9), true).unwrap().len(), 0);
    assert_eq!(log.max_timestamp(), Timestamp(NOW.0));
}

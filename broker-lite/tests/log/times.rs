//! Finding records by time, and removing old ones.

use broker_lite::disk::memory::{Crash, MemoryDisk};
use broker_lite::log::{Durability, Log, LogConfig, Removed};
use streams_core::protocol::batch::BatchOptions;
use streams_core::protocol::ErrorCode;
use streams_core::{Offset, Timestamp};

use crate::support::*;

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 300,
        index_interval_bytes: 80,
        retention_ms: -1,
        message_timestamp_after_max_ms: i64::MAX,
        durability: Durability::Os,
        ..LogConfig::default()
    }
}

/// Batches of two records at these times.
fn log_at(disk: &MemoryDisk, times: &[(i64, i64)]) -> Log {
    let (mut log, _) = open(disk, &config()).unwrap();
    for (first, second) in times {
        let records = [(Some("k"), Some("v"), *first), (Some("k"), Some("w"), *second)];
        log.append(batch_of(&records, &BatchOptions::default()), &CLIENT).unwrap();
    }
    sync(&mut log).unwrap();
    log
}

const TIMES: [(i64, i64); 12] = [
    (10, 20),
    (15, 12),
    (30, 25),
    (5, 6),
    (70, 40),
    (60, 50),
    (80, 81),
    (81, 81),
    (90, 7),
    (-1, -1),
    (100, 120),
    (110, 119),
];

#[test]
fn the_first_record_at_or_after_a_time_is_found() {
    let disk = MemoryDisk::new();
    let log = log_at(&disk, &TIMES);
    let flat: Vec<i64> = TIMES.iter().flat_map(|(a, b)| [*a, *b]).collect();
    let expected = |time: i64, start: usize| {
        let at = (start..flat.len()).find(|at| flat[*at] >= time)?;
        Some((Offset(i64::try_from(at).unwrap()), Timestamp(flat[at])))
    };
    let check = |log: &Log, start: usize| {
        for time in 0..125 {
            assert_eq!(log.offset_for_timestamp(Timestamp(time)).unwrap(), expected(time, start), "time {time}");
        }
    };
    check(&log, 0);
    log.close().unwrap();
    let (mut log, _) = open(&disk, &config()).unwrap();
    check(&log, 0);
    for start in [1, 4, 9, 23] {
        log.delete_records(Offset(start)).unwrap();
        check(&log, usize::try_from(start).unwrap());
    }
}

#[test]
fn deleted_records_stay_deleted() {
    let disk = MemoryDisk::new();
    let mut log = log_at(&disk, &TIMES);
    let bytes = log.bytes();
    assert_eq!(log.delete_records(Offset(25)).unwrap_err().code(), ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(log.delete_records(Offset(9)).unwrap(), Offset(9));
    assert_eq!(log.delete_records(Offset(3)).unwrap(), Offset(9), "the log start never goes back");
    assert!(log.bytes() < bytes);
    assert_eq!(log.read(Offset(8), 100, Offset(24), true).unwrap_err().code(), ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(records(&log).unwrap()[0], "9=w");
    let (mut log, _) = open(&disk.crash(Crash::LoseUnsynced), &config()).unwrap();
    assert_eq!((log.start_offset(), log.end_offset()), (Offset(9), Offset(24)));
    assert_eq!(records(&log).unwrap().len(), 15);
    log.delete_records(Offset(24)).unwrap();
    assert_eq!(records(&log).unwrap(), Vec::<String>::new());
    assert_eq!(append(&mut log, &["next"]).unwrap().base_offset, Offset(24));
}

#[test]
fn retention_removes_old_segments_and_keeps_the_end() {
    let disk = MemoryDisk::new();
    let mut log = log_at(&disk, &TIMES);
    assert_eq!(log.retain(Timestamp(1 << 40)).unwrap(), Removed::default(), "records are kept for ever");
    log.configure(LogConfig { retention_ms: 1000, ..config() });
    let some = log.retain(Timestamp(1075)).unwrap();
    assert!(some.segments > 0 && log.start_offset() > Offset(0));
    let kept = records(&log).unwrap();
    assert!(kept.contains(&"12=v".to_owned()), "offset 12 has time 80: {kept:?}");
    let rest = log.retain(Timestamp(1 << 40)).unwrap();
    assert!(rest.segments > 0);
    assert_eq!((log.start_offset(), log.end_offset(), log.bytes()), (Offset(24), Offset(24), 0));
    for crash in [Crash::KeepAll, Crash::LoseUnsynced] {
        let image = disk.crash(crash);
        let (mut log, _) = open(&image, &config()).unwrap();
        assert_eq!((log.start_offset(), log.end_offset()), (Offset(24), Offset(24)));
        assert_eq!(append(&mut log, &["next"]).unwrap().base_offset, Offset(24));
        assert!(files(&image).iter().filter(|path| path.ends_with(".log")).count() == 1);
    }
}

#[test]
fn segments_roll_by_the_time_their_records_span() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &config()).unwrap();
    log.configure(LogConfig { segment_ms: 100, segment_bytes: 1 << 20, ..config() });
    for time in [0, 100, 101, 150, 202, 50] {
        log.append(batch_of(&[(None, None, time)], &BatchOptions::default()), &CLIENT).unwrap();
    }
    let segments: Vec<String> = files(&disk).into_iter().filter(|path| path.ends_with(".log")).collect();
    let name = |base: i64| format!("{DIR}/{base:020}.log");
    assert_eq!(segments, [name(0), name(2), name(4)]);
}

//! Sequence numbers of idempotent producers, before and after restarts.

use broker_lite::disk::memory::{Crash, MemoryDisk};
use broker_lite::log::{AppendContext, Durability, Log, LogConfig};
use streams_core::protocol::ErrorCode;
use streams_core::{Offset, Timestamp};

use crate::support::*;

fn config() -> LogConfig {
    LogConfig { durability: Durability::Os, segment_bytes: 1000, ..LogConfig::default() }
}

/// Appends a batch of two records; gives the base offset and whether it was a duplicate, or the code.
fn send(log: &mut Log, producer: i64, epoch: i16, sequence: i32) -> Result<(i64, bool), ErrorCode> {
    let appended = log.append(sequenced(&["x", "y"], producer, epoch, sequence), &CLIENT);
    appended.map(|appended| (appended.base_offset.0, appended.duplicate)).map_err(|refused| refused.code())
}

const GAP: Result<(i64, bool), ErrorCode> = Err(ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
const OLD: Result<(i64, bool), ErrorCode> = Err(ErrorCode::INVALID_PRODUCER_EPOCH);

/// B89.
#[test]
fn the_last_five_batches_are_known_and_the_next_must_follow() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &config()).unwrap();
    for n in 0..7 {
        assert_eq!(send(&mut log, 1, 0, 2 * n), Ok((2 * i64::from(n), false)));
    }
    assert_eq!(send(&mut log, 1, 0, 2), GAP, "too old to be known");
    for n in 2..7 {
        assert_eq!(send(&mut log, 1, 0, 2 * n), Ok((2 * i64::from(n), true)));
    }
    assert_eq!(send(&mut log, 1, 0, 13), GAP, "not one of the batches, but a part of one");
    assert_eq!(send(&mut log, 1, 0, 16), GAP);
    assert_eq!(send(&mut log, 1, 0, 14), Ok((14, false)));
    assert_eq!(send(&mut log, 2, 5, 100), Ok((16, false)), "an unknown producer may start anywhere");
}

/// B89.
#[test]
fn a_new_epoch_starts_at_zero_and_ends_the_old_one() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &config()).unwrap();
    assert_eq!(send(&mut log, 1, 3, 0), Ok((0, false)));
    assert_eq!(send(&mut log, 1, 4, 2), GAP);
    assert_eq!(send(&mut log, 1, 4, 0), Ok((2, false)));
    assert_eq!(send(&mut log, 1, 3, 0), OLD);
    assert_eq!(send(&mut log, 1, 3, 2), OLD);
    assert_eq!(send(&mut log, 1, 4, 0), Ok((2, true)));
}

#[test]
fn sequence_numbers_wrap_to_zero() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &config()).unwrap();
    for start in [i32::MAX - 1, i32::MAX] {
        let producer = i64::from(start);
        assert_eq!(send(&mut log, producer, 0, start).map(|sent| sent.1), Ok(false));
        let next = if start == i32::MAX { 1 } else { 0 };
        assert_eq!(send(&mut log, producer, 0, next + 1), GAP);
        assert_eq!(send(&mut log, producer, 0, next).map(|sent| sent.1), Ok(false));
        assert_eq!(send(&mut log, producer, 0, start).map(|sent| sent.1), Ok(true));
    }
    let disk = disk.crash(Crash::KeepAll);
    let (mut log, _) = open(&disk, &config()).unwrap();
    assert_eq!(send(&mut log, i64::from(i32::MAX), 0, i32::MAX).map(|sent| sent.1), Ok(true));
}

#[test]
fn duplicates_are_known_after_any_restart() {
    for clean in [false, true] {
        for drop_snapshots in [false, true] {
            let disk = MemoryDisk::new();
            let (mut log, _) = open(&disk, &config()).unwrap();
            for n in 0..30 {
                assert_eq!(send(&mut log, 1, 0, 2 * n), Ok((4 * i64::from(n), false)));
                assert_eq!(send(&mut log, 2, 1, 2 * n), Ok((4 * i64::from(n) + 2, false)));
            }
            if clean {
                log.close().unwrap();
            }
            let disk = disk.crash(Crash::KeepAll);
            let snapshots: Vec<_> = files(&disk).into_iter().filter(|path| path.ends_with("snapshot")).collect();
            assert!(!snapshots.is_empty());
            for path in snapshots.iter().filter(|_| drop_snapshots) {
                disk.overwrite(std::path::Path::new(path), b"rubbish".to_vec());
            }
            let (mut log, _) = open(&disk, &config()).unwrap();
            let case = format!("clean {clean}, without snapshots {drop_snapshots}");
            for n in 25..30 {
                assert_eq!(send(&mut log, 1, 0, 2 * n), Ok((4 * i64::from(n), true)), "{case}, batch {n}");
            }
            assert_eq!(send(&mut log, 1, 0, 48), GAP, "{case}");
            assert_eq!(send(&mut log, 2, 0, 60), OLD, "{case}");
            assert_eq!(send(&mut log, 2, 1, 60), Ok((120, false)), "{case}");
        }
    }
}

#[test]
fn silent_producers_are_forgotten_in_the_brokers_time() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &config()).unwrap();
    assert_eq!(send(&mut log, 1, 0, 0), Ok((0, false)));
    let day_ms = log.config().producer_id_expiration_ms;
    let later = AppendContext { now: Timestamp(NOW.0 + 1), ..CLIENT };
    log.append(sequenced(&["x"], 2, 0, 0), &later).unwrap();
    assert_eq!(log.expire_producers(Timestamp(NOW.0 + day_ms - 1)), 0);
    assert_eq!(log.expire_producers(Timestamp(NOW.0 + day_ms)), 1);
    assert_eq!(send(&mut log, 1, 0, 7), Ok((3, false)));
    assert_eq!(log.append(sequenced(&["x"], 2, 0, 0), &later).unwrap().base_offset, Offset(2));
}

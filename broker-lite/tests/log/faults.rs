//! What a log keeps when the machine fails it: crashes at every operation, full and failing disks.

use std::path::Path;

use broker_lite::disk::memory::{Crash, Fault, MemoryDisk};
use broker_lite::log::{Durability, Log, LogConfig};
use streams_core::protocol::ErrorCode;
use streams_core::{ErrorKind, Offset};

use crate::support::*;

fn config(durability: Durability) -> LogConfig {
    LogConfig {
        segment_bytes: 300,
        index_interval_bytes: 80,
        retention_bytes: 900,
        tail_bytes_max: 200,
        durability,
        ..LogConfig::default()
    }
}

/// What a run got to know before it failed.
#[derive(Debug, Default)]
struct Promised {
    /// Acknowledged or seen by a reader.
    records: Vec<String>,
    log_start: i64,
}

impl Promised {
    fn look(&mut self, log: &Log) -> Result<(), String> {
        let seen = records(log).map_err(|error| format!("{error:?}"))?;
        for record in seen {
            if !self.records.contains(&record) {
                self.records.push(record);
            }
        }
        Ok(())
    }
}

/// A life of a log: appends, syncs, rolls, deletions, a restart. Ends at the first error.
fn live(disk: &MemoryDisk, durability: Durability, run: &str, promised: &mut Promised) -> Result<(), String> {
    let text = |error: &dyn std::fmt::Debug| format!("{error:?}");
    for part in 0..3 {
        let (mut log, _) = open(disk, &config(durability)).map_err(|error| text(&error))?;
        for n in 0..8 {
            let values = [format!("{run}{part}{n}"), format!("{run}{part}{n}'")];
            append(&mut log, &values.each_ref().map(String::as_str)).map_err(|error| text(&error))?;
            promised.look(&log)?;
            if n % 3 == 1 {
                sync(&mut log).map_err(|error| text(&error))?;
                promised.look(&log)?;
            }
        }
        log.retain(NOW).map_err(|error| text(&error))?;
        let before = Offset(log.start_offset().0 + 3);
        let before = before.min(log.visible_end());
        promised.log_start = log.delete_records(before).map_err(|error| text(&error))?.0;
        if part == 1 {
            log.close().map_err(|error| text(&error))?;
        }
    }
    Ok(())
}

/// Everything promised is there, and nothing else is at its place.
fn check_kept(log: &Log, promised: &Promised, case: &str) {
    let kept = records(log).unwrap_or_else(|error| panic!("{case}: {error:?}"));
    assert!(log.start_offset().0 >= promised.log_start, "{case}: the log start went back");
    for record in &promised.records {
        let offset: i64 = record.split_once('=').unwrap().0.parse().unwrap();
        let gone = offset < log.start_offset().0;
        assert!(gone || kept.contains(record), "{case}: {record} is lost; there is {kept:?}");
    }
}

#[test]
fn acknowledged_records_survive_a_crash_at_every_operation() {
    let whole = MemoryDisk::new();
    live(&whole, Durability::Fsync, "a", &mut Promised::default()).unwrap();
    let operations = whole.operations();
    assert!(operations > 100, "the scenario does something: {operations}");
    for at in 0..operations {
        let disk = MemoryDisk::new();
        disk.fail_at(at, Fault::PowerOff);
        let mut promised = Promised::default();
        let failed = live(&disk, Durability::Fsync, "a", &mut promised);
        let crashes =
            [Crash::KeepAll, Crash::LoseUnsynced].into_iter().chain((0..6).map(|n| Crash::Seeded(at * 7 + n)));
        for crash in crashes {
            let case = format!("power off at operation {at} ({failed:?}), {crash:?}");
            let image = disk.crash(crash);
            let (mut log, _) = open(&image, &config(Durability::Fsync)).unwrap_or_else(|e| panic!("{case}: {e:?}"));
            check_kept(&log, &promised, &case);
            // Whatever was not acknowledged may be there or not, but now it is decided.
            let mut decided = Promised { log_start: log.start_offset().0, ..Promised::default() };
            decided.look(&log).unwrap();
            append(&mut log, &["after"]).unwrap();
            sync(&mut log).unwrap();
            decided.look(&log).unwrap();
            drop(log);
            let (log, recovery) = open(&image.crash(Crash::LoseUnsynced), &config(Durability::Fsync)).unwrap();
            assert_eq!(recovery.truncated, None, "{case}");
            check_kept(&log, &decided, &case);
        }
    }
}

#[test]
fn a_killed_process_loses_nothing_that_was_written() {
    let whole = MemoryDisk::new();
    live(&whole, Durability::Os, "a", &mut Promised::default()).unwrap();
    for at in 0..whole.operations() {
        let disk = MemoryDisk::new();
        disk.fail_at(at, Fault::PowerOff);
        let mut promised = Promised::default();
        let failed = live(&disk, Durability::Os, "a", &mut promised);
        let case = format!("killed at operation {at} ({failed:?})");
        let (log, _) = open(&disk.crash(Crash::KeepAll), &config(Durability::Os)).unwrap();
        check_kept(&log, &promised, &case);
    }
}

/// B98.
#[test]
fn a_torn_tail_is_cut_off_and_reported() {
    let disk = MemoryDisk::new();
    let config = LogConfig::default();
    let (mut log, _) = open(&disk, &config).unwrap();
    append(&mut log, &["a", "b"]).unwrap();
    sync(&mut log).unwrap();
    append(&mut log, &["c", "d"]).unwrap();
    let path = format!("{DIR}/00000000000000000000.log");
    let content = disk.content(Path::new(&path)).unwrap();
    let first = content.len() - batch(&["c", "d"]).len();
    for cut in first..content.len() {
        let image = disk.crash(Crash::KeepAll);
        image.overwrite(Path::new(&path), content[..cut].to_vec());
        let (log, recovery) = open(&image, &config).unwrap();
        assert_eq!(records(&log).unwrap(), ["0=a", "1=b"], "cut at {cut}");
        let reported = recovery.truncated.map(|cut| (cut.file, cut.at_byte, cut.bytes, cut.from_offset));
        let expected = (path.clone(), first as u64, (cut - first) as u64, Offset(2));
        assert_eq!(reported, (cut > first).then_some(expected));
    }
}

/// B107.
#[test]
fn a_full_disk_refuses_the_append_and_recovers_when_there_is_room() {
    let append_at = {
        let disk = MemoryDisk::new();
        let (mut log, _) = open(&disk, &LogConfig::default()).unwrap();
        append(&mut log, &["a"]).unwrap();
        disk.operations()
    };
    for written in 0..=batch(&["b"]).len() {
        let disk = MemoryDisk::new();
        let (mut log, _) = open(&disk, &LogConfig::default()).unwrap();
        append(&mut log, &["a"]).unwrap();
        disk.fail_at(append_at, Fault::NoSpace { written });
        let refused = append(&mut log, &["b"]).unwrap_err();
        assert_eq!(refused.code(), ErrorCode::KAFKA_STORAGE_ERROR);
        assert!(refused.to_string().contains("disk is full"), "{refused}");
        sync(&mut log).unwrap();
        assert_eq!(records(&log).unwrap(), ["0=a"]);
        let (reopened, recovery) = open(&disk.crash(Crash::KeepAll), &LogConfig::default()).unwrap();
        assert_eq!((records(&reopened).unwrap(), recovery.truncated), (vec!["0=a".to_owned()], None));
        assert_eq!(append(&mut log, &["c"]).unwrap().base_offset, Offset(1));
        sync(&mut log).unwrap();
        assert_eq!(records(&log).unwrap(), ["0=a", "1=c"]);
    }
}

/// B109.
#[test]
fn no_single_full_disk_or_failure_loses_a_record() {
    let whole = MemoryDisk::new();
    live(&whole, Durability::Fsync, "a", &mut Promised::default()).unwrap();
    for at in 0..whole.operations() {
        for fault in [Fault::NoSpace { written: 0 }, Fault::NoSpace { written: 70 }, Fault::Io] {
            let disk = MemoryDisk::new();
            disk.fail_at(at, fault);
            let mut promised = Promised::default();
            let failed = live(&disk, Durability::Fsync, "a", &mut promised);
            let case = format!("{fault:?} at operation {at} ({failed:?})");
            for crash in [Crash::KeepAll, Crash::LoseUnsynced] {
                let (log, _) =
                    open(&disk.crash(crash), &config(Durability::Fsync)).unwrap_or_else(|e| panic!("{case}: {e:?}"));
                check_kept(&log, &promised, &format!("{case}, {crash:?}"));
            }
        }
    }
}

#[test]
fn an_append_that_cannot_be_cut_off_again_stops_the_log() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &LogConfig { durability: Durability::Os, ..LogConfig::default() }).unwrap();
    append(&mut log, &["a"]).unwrap();
    disk.fail_at(disk.operations(), Fault::NoSpace { written: 10 });
    disk.fail_at(disk.operations() + 1, Fault::Io);
    append(&mut log, &["b"]).unwrap_err();
    assert!(log.stopped().unwrap().contains("cannot be cut off"));
    assert_eq!(append(&mut log, &["c"]).unwrap_err().error().kind(), ErrorKind::Closed);
    assert_eq!(records(&log).unwrap(), ["0=a"]);
}

#[test]
fn a_failed_sync_stops_the_log_for_good() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &LogConfig::default()).unwrap();
    append(&mut log, &["a"]).unwrap();
    sync(&mut log).unwrap();
    append(&mut log, &["b"]).unwrap();
    let overlapping = log.begin_sync().unwrap();
    disk.fail_at(disk.operations(), Fault::Io);
    let failed = sync(&mut log).unwrap_err();
    assert_eq!(failed.code(), ErrorCode::KAFKA_STORAGE_ERROR);
    // The device works again, but the kernel has forgotten what it could not write.
    let overlapping = overlapping.run();
    assert_eq!(log.complete_sync(overlapping).unwrap_err().error().kind(), ErrorKind::Closed);
    assert!(log.begin_sync().is_none());
    assert_eq!(append(&mut log, &["c"]).unwrap_err().code(), ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(log.stopped().unwrap().contains("a restart verifies it"));
    assert_eq!(records(&log).unwrap(), ["0=a"]);
    let (log, _) = open(&disk.crash(Crash::LoseUnsynced), &LogConfig::default()).unwrap();
    assert_eq!(records(&log).unwrap(), ["0=a"]);
}

#[test]
fn appends_go_on_while_a_sync_runs() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &config(Durability::Fsync)).unwrap();
    append(&mut log, &["a"]).unwrap();
    let ticket = log.begin_sync().unwrap();
    for n in 0..9 {
        append(&mut log, &[&format!("b{n}")]).unwrap();
    }
    let late = log.begin_sync().unwrap();
    let late = late.run();
    assert_eq!(log.complete_sync(late).unwrap(), Offset(10));
    let early = ticket.run();
    assert_eq!(log.complete_sync(early).unwrap(), Offset(10), "the durable end never goes back");
    let (log, _) = open(&disk.crash(Crash::LoseUnsynced), &config(Durability::Fsync)).unwrap();
    assert_eq!(log.end_offset(), Offset(10));
}

/// B110.
#[test]
fn a_failing_read_names_the_file_and_spares_the_rest() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &config(Durability::Os)).unwrap();
    for n in 0..9 {
        append(&mut log, &[&format!("a{n}")]).unwrap();
    }
    disk.fail_reads(Path::new(&format!("{DIR}/00000000000000000000.log")));
    let failed = log.read(Offset(0), 100, Offset(9), true).unwrap_err();
    assert_eq!(failed.code(), ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(failed.to_string().contains("00000000000000000000.log"), "{failed}");
    assert!(!log.read(Offset(8), 100, Offset(9), true).unwrap().is_empty());
    append(&mut log, &["b"]).unwrap();
}

/// B101.
#[test]
fn a_missing_segment_or_manifest_keeps_the_log_closed() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &config(Durability::Fsync)).unwrap();
    for n in 0..20 {
        append(&mut log, &[&format!("a{n}")]).unwrap();
        sync(&mut log).unwrap();
    }
    log.close().unwrap();
    let needed: Vec<String> =
        files(&disk).into_iter().filter(|path| path.ends_with(".log") || path.ends_with("log-state")).collect();
    assert!(needed.len() > 3);
    for path in needed {
        use broker_lite::disk::Disk as _;
        let image = disk.crash(Crash::KeepAll);
        image.remove_file(Path::new(&path)).unwrap();
        let refused = open(&image, &config(Durability::Fsync)).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Corrupt, "{path}: {refused:?}");
        let name = path.rsplit('/').next().unwrap();
        assert!(refused.to_string().contains(name), "{path}: {refused}");
    }
}

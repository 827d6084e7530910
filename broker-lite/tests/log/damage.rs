//! Every bit of every file of a small log, flipped; every file, cut at every byte.
//!
//! What may happen: the same records, an error that names a file, or, only for what was not checkpointed as durable, the
//! loss of a suffix that the report mentions. Never other records, never a panic.

use std::path::Path;

use broker_lite::disk::memory::{Crash, MemoryDisk};
use broker_lite::log::{Durability, LogConfig};
use streams_core::protocol::ErrorCode;
use streams_core::{ErrorKind, Offset, Timestamp};

use crate::support::*;

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 350,
        index_interval_bytes: 60,
        tail_bytes_max: 0,
        durability: Durability::Fsync,
        ..LogConfig::default()
    }
}

/// Three segments. With `close`, all of it is checkpointed as durable; else the last segment is not.
fn small_log(close: bool) -> MemoryDisk {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &config()).unwrap();
    for n in 0..10 {
        let value = format!("v{n}");
        log.append(sequenced(&[&value, "w"], 5, 0, 2 * n), &CLIENT).unwrap();
        sync(&mut log).unwrap();
    }
    if close {
        log.close().unwrap();
    }
    disk.crash(Crash::KeepAll)
}

/// What the log answers: all its records, and the first record at each of a few times.
type Answers = (Vec<String>, Vec<Option<(Offset, Timestamp)>>);

/// Opens the log and asks. `None` where it refuses, well.
fn ask(disk: &MemoryDisk, case: &str) -> Option<(Answers, bool)> {
    let (log, recovery) = match open(disk, &config()) {
        Ok(opened) => opened,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{case}: {error:?}");
            assert!(error.to_string().contains(DIR), "{case}: {error} names no file");
            return None;
        }
    };
    let times = (-1..4).map(|ms| log.offset_for_timestamp(Timestamp(NOW.0 + ms))).collect::<Result<Vec<_>, _>>();
    match (records(&log), times) {
        (Ok(records), Ok(times)) => Some(((records, times), recovery.truncated.is_some())),
        (Err(error), _) | (_, Err(error)) => {
            assert_eq!(error.code(), ErrorCode::KAFKA_STORAGE_ERROR, "{case}");
            assert!(error.to_string().contains(".log is damaged at byte"), "{case}: {error} names no byte");
            None
        }
    }
}

/// Damages a log in one way and checks what comes of it.
fn check(disk: &MemoryDisk, good: &Answers, path: &str, content: Vec<u8>, may_lose: bool, case: &str) {
    let image = disk.crash(Crash::KeepAll);
    let cut = content.len() < disk.content(Path::new(path)).unwrap().len();
    image.overwrite(Path::new(path), content);
    let Some(((records, times), truncated)) = ask(&image, case) else {
        let cache = path.ends_with("index") || path.ends_with("snapshot");
        assert!(!cache, "{case}: a cache must not matter");
        return;
    };
    assert!(good.0.starts_with(&records), "{case}: other records: {records:?}");
    let lost = records.len() < good.0.len();
    // A cut between two batches is not damage that can be seen.
    let reported = truncated || cut;
    assert!(!lost || (may_lose && reported), "{case}: records are lost without a word: {records:?}");
    if !lost {
        assert_eq!(times, good.1, "{case}");
    }
}

/// B99, B100.
#[test]
fn no_damage_goes_unnoticed() {
    for closed in [false, true] {
        let disk = small_log(closed);
        let (good, truncated) = ask(&disk.crash(Crash::KeepAll), "undamaged").unwrap();
        assert_eq!((good.0.len(), truncated), (20, false));
        let mut cases = 0;
        for path in files(&disk) {
            let content = disk.content(Path::new(&path)).unwrap();
            let may_lose = !closed;
            for at in 0..content.len() {
                for bit in 0..8 {
                    let mut flipped = content.clone();
                    flipped[at] ^= 1 << bit;
                    check(
                        &disk,
                        &good,
                        &path,
                        flipped,
                        may_lose,
                        &format!("closed {closed}, bit {bit} of byte {at} of {path}"),
                    );
                }
                let cut = content[..at].to_vec();
                check(&disk, &good, &path, cut, may_lose, &format!("closed {closed}, {path} cut at {at}"));
                cases += 9;
            }
            let longer = [&content[..], b"x"].concat();
            check(&disk, &good, &path, longer, may_lose, &format!("closed {closed}, {path} with a byte more"));
        }
        assert!(cases > 10_000, "there is something to damage: {cases} cases");
    }
}

#[test]
fn caches_may_be_missing() {
    use broker_lite::disk::Disk as _;
    let disk = small_log(true);
    let (good, _) = ask(&disk.crash(Crash::KeepAll), "undamaged").unwrap();
    let caches: Vec<String> =
        files(&disk).into_iter().filter(|path| path.ends_with("index") || path.ends_with("snapshot")).collect();
    assert!(caches.len() > 4);
    for keep in 0..=caches.len() {
        let image = disk.crash(Crash::KeepAll);
        for (_, path) in caches.iter().enumerate().filter(|(number, _)| *number != keep) {
            image.remove_file(Path::new(path)).unwrap();
        }
        assert_eq!(ask(&image, "without caches").unwrap(), (good.clone(), false));
    }
}

#[test]
fn the_error_names_file_byte_and_offset() {
    let disk = small_log(true);
    let path = format!("{DIR}/00000000000000000000.log");
    let first = sequenced(&["v0", "w"], 5, 0, 0).len();
    disk.flip(Path::new(&path), first + 70, 1);
    let (log, _) = open(&disk, &config()).unwrap();
    let refused = log.read(Offset(2), 100, Offset(20), true).unwrap_err();
    expect_test::expect![[
        r#"/data/topics/7/0/00000000000000000000.log is damaged at byte 82: the checksum of the batch is wrong"#
    ]]
    .assert_eq(&refused.to_string());
    // The last segment is read when its length is not what was promised.
    let last = files(&disk).into_iter().rfind(|path| path.ends_with(".log")).unwrap();
    let mut content = disk.content(Path::new(&last)).unwrap();
    content[70] ^= 1;
    content.push(0);
    disk.overwrite(Path::new(&last), content);
    let refused = open(&disk, &config()).unwrap_err();
    expect_test::expect!["/data/topics/7/0/00000000000000000016.log is damaged at byte 0 (offset 16), which was durable: the checksum of the batch is wrong; restore the file from a backup"].assert_eq(&refused.to_string());
}

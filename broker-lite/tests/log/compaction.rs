//! Compacted logs: the newest record of every key, at its offset, through crashes and full disks.

use std::collections::BTreeMap;

use broker_lite::disk::memory::{Crash, Fault, MemoryDisk};
use broker_lite::log::{AppendContext, CleanupPolicy, Log, LogConfig};
use streams_core::protocol::batch::{BatchOptions, Batches, Compression, Scratch};
use streams_core::{Offset, Timestamp};

use crate::support::*;

const HORIZON_MS: i64 = 1000;

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 500,
        index_interval_bytes: 90,
        cleanup_policy: CleanupPolicy { delete: false, compact: true },
        min_cleanable_dirty_ratio: 0.1,
        delete_retention_ms: HORIZON_MS,
        tail_bytes_max: 0,
        ..LogConfig::default()
    }
}

/// `key=value` or, for a tombstone, `key`.
fn put(log: &mut Log, records: &[&str], compression: Compression) {
    let parsed: Vec<_> = records
        .iter()
        .enumerate()
        .map(|(n, record)| {
            let (key, value) = record.split_once('=').map_or((*record, None), |(k, v)| (k, Some(v)));
            (Some(key), value, NOW.0 + n as i64)
        })
        .collect();
    log.append(batch_of(&parsed, &BatchOptions { compression, ..BatchOptions::default() }), &CLIENT).unwrap();
}

/// Everything readable: offset, key, value and time.
fn dump(log: &Log) -> Vec<(i64, String, Option<String>, i64)> {
    let mut all = Vec::new();
    let mut from = log.start_offset();
    let mut scratch = Scratch::default();
    loop {
        let bytes = log.read(from, 200, log.visible_end(), true).unwrap();
        if bytes.is_empty() {
            return all;
        }
        for view in Batches::new(&bytes) {
            let view = view.unwrap();
            for record in view.records(&mut scratch).unwrap() {
                let record = record.unwrap();
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                all.push((record.offset.0, text(record.key.unwrap()), record.value.map(text), record.timestamp.0));
            }
            from = view.next_offset();
        }
    }
}

/// What a table made of the log holds.
fn table(log: &Log) -> BTreeMap<String, String> {
    let mut table = BTreeMap::new();
    for (_, key, value, _) in dump(log) {
        match value {
            Some(value) => table.insert(key, value),
            None => table.remove(&key),
        };
    }
    table
}

/// Many updates of few keys, in all codecs, with tombstones; the last segment stays active.
fn filled(disk: &MemoryDisk) -> Log {
    let (mut log, _) = open(disk, &config()).unwrap();
    let codecs = [Compression::None, Compression::Lz4, Compression::Zstd, Compression::Gzip, Compression::Snappy];
    for n in 0..40_usize {
        let (a, b) = (format!("k{}=v{n}", n % 7), format!("k{}=w{n}", n % 5));
        let gone = format!("k{}", n % 11);
        let records: &[&str] = if n % 4 == 0 { &[&a, &b, &gone] } else { &[&a, &b] };
        put(&mut log, records, codecs[n % codecs.len()]);
    }
    sync(&mut log).unwrap();
    log
}

#[test]
fn the_newest_record_of_every_key_stays_at_its_offset() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk);
    let (before, table_before, end) = (dump(&log), table(&log), log.end_offset());
    let done = log.compact(NOW).unwrap().unwrap();
    assert!(done.bytes_after < done.bytes_before / 2, "{done:?}");
    let after = dump(&log);
    assert!(after.iter().all(|record| before.contains(record)), "offset, value and time stay");
    assert!(after.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert_eq!(table(&log), table_before);
    assert_eq!(log.end_offset(), end);
    assert_eq!(log.compact(NOW).unwrap(), None, "there is nothing new");
    // Any offset can be asked for, also those that are gone.
    for from in 0..end.0 {
        let bytes = log.read(Offset(from), 100, end, true).unwrap();
        let first = Batches::new(&bytes).next().unwrap().unwrap();
        assert!(first.next_offset() > Offset(from));
    }
    log.close().unwrap();
    let (log, recovery) = open(&disk, &config()).unwrap();
    assert_eq!((dump(&log), recovery.truncated), (after, None));
}

#[test]
fn tombstones_stay_for_their_time_and_take_the_older_values_with_them() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &config()).unwrap();
    put(&mut log, &["a=1", "b=1"], Compression::None);
    put(&mut log, &["a", "c=1"], Compression::Lz4);
    let fill = |log: &mut Log| {
        for n in 0..9 {
            put(log, &[&format!("fill={n}"), "x=1", "y=1", "z=1"], Compression::None);
        }
        sync(log).unwrap();
    };
    let of_a = |log: &Log| dump(log).into_iter().filter(|record| record.1 == "a").collect::<Vec<_>>();
    fill(&mut log);
    log.compact(NOW).unwrap().unwrap();
    assert_eq!(of_a(&log), [(2, "a".to_owned(), None, NOW.0)], "the time of the record stays, too");
    fill(&mut log);
    log.compact(Timestamp(NOW.0 + HORIZON_MS)).unwrap().unwrap();
    assert_eq!(of_a(&log).len(), 1, "it is not time yet");
    fill(&mut log);
    log.compact(Timestamp(NOW.0 + HORIZON_MS + 1)).unwrap().unwrap();
    assert_eq!(of_a(&log), []);
    assert_eq!(table(&log).keys().collect::<Vec<_>>(), ["b", "c", "fill", "x", "y", "z"]);
}

#[test]
fn sequence_numbers_survive_compaction_and_the_loss_of_snapshots() {
    let disk = MemoryDisk::new();
    let (mut log, _) = open(&disk, &config()).unwrap();
    let sent: Vec<i64> =
        (0..30).map(|n| log.append(sequenced(&["x"], 9, 0, n), &CLIENT).unwrap().base_offset.0).collect();
    for n in 0..9 {
        put(&mut log, &[&format!("k0={n}"), "x=1", "y=1", "z=1"], Compression::None);
    }
    sync(&mut log).unwrap();
    log.compact(NOW).unwrap().unwrap();
    assert!(dump(&log).iter().all(|record| record.0 > sent[29]), "none of its records is left");
    log.close().unwrap();
    for path in files(&disk).into_iter().filter(|path| path.ends_with("snapshot")) {
        disk.overwrite(std::path::Path::new(&path), Vec::new());
    }
    let (mut log, _) = open(&disk, &config()).unwrap();
    for n in 25..30 {
        let again = log.append(sequenced(&["x"], 9, 0, n), &CLIENT).unwrap();
        assert_eq!((again.base_offset.0, again.duplicate), (sent[usize::try_from(n).unwrap()], true));
    }
    assert!(!log.append(sequenced(&["x"], 9, 0, 30), &CLIENT).unwrap().duplicate);
}

#[test]
fn a_crash_or_fault_at_any_operation_leaves_the_old_or_the_new() {
    let disk = MemoryDisk::new();
    let log = filled(&disk);
    let expected = table(&log);
    drop(log);
    let prepared = disk.crash(Crash::KeepAll);
    let count = |disk: &MemoryDisk| {
        let (mut log, _) = open(disk, &config()).unwrap();
        let start = disk.operations();
        log.compact(NOW).unwrap().unwrap();
        (start, disk.operations())
    };
    let (start, end) = count(&prepared.crash(Crash::KeepAll));
    assert!(end - start > 10, "compaction does something: {start}..{end}");
    for at in start..end {
        for fault in [Fault::PowerOff, Fault::Io, Fault::NoSpace { written: 9 }] {
            let disk = prepared.crash(Crash::KeepAll);
            let (mut log, _) = open(&disk, &config()).unwrap();
            disk.fail_at(at, fault);
            let failed = log.compact(NOW);
            let case = format!("{fault:?} at operation {at}: {failed:?}");
            if fault != Fault::PowerOff && log.stopped().is_none() {
                assert_eq!(table(&log), expected, "{case}");
            }
            drop(log);
            for crash in [Crash::KeepAll, Crash::LoseUnsynced, Crash::Seeded(at), Crash::Seeded(at + 1000)] {
                let image = disk.crash(crash);
                let (mut log, recovery) =
                    open(&image, &config()).unwrap_or_else(|e| panic!("{case}, {crash:?}: {e:?}"));
                assert_eq!((table(&log), recovery.truncated), (expected.clone(), None), "{case}, {crash:?}");
                let later = Timestamp(NOW.0 + HORIZON_MS + 5);
                log.compact(later).unwrap();
                assert_eq!(table(&log), expected, "{case}, {crash:?}, compacted again");
            }
        }
    }
}

#[test]
fn output_is_thrown_away_when_segments_went_meanwhile() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk);
    let output = log.begin_compaction(NOW).unwrap().run().unwrap();
    log.delete_records(Offset(40)).unwrap();
    let before = dump(&log);
    assert_eq!(log.complete_compaction(output).unwrap().bytes_before, 0);
    assert_eq!(dump(&log), before);
    assert!(files(&disk).iter().all(|path| !path.ends_with(".cleaned")));
    log.compact(NOW).unwrap().unwrap();
}

#[test]
fn young_records_wait() {
    let disk = MemoryDisk::new();
    let mut log = filled(&disk);
    log.configure(LogConfig { min_compaction_lag_ms: 1000, ..config() });
    assert_eq!(log.compact(NOW).unwrap(), None);
    assert!(log.compact(Timestamp(NOW.0 + 2000)).unwrap().is_some());
    let at = AppendContext { now: NOW, ..CLIENT };
    log.append(batch(&["x"]), &at).unwrap();
    log.configure(LogConfig { cleanup_policy: CleanupPolicy { delete: true, compact: false }, ..config() });
    assert_eq!(log.compact(NOW).unwrap(), None, "the policy does not ask for it");
}

/// A log of which everything is durable but what the last append did: it rolled and wrote, or found the disk full at
/// its write. Returns how many operations it took.
fn rolled(disk: &MemoryDisk, full_at: Option<u64>) -> (Log, u64) {
    let (mut log, _) = open(disk, &LogConfig { segment_bytes: 1000, ..config() }).unwrap();
    for n in 0..10 {
        put(&mut log, &[&format!("k={n}")], Compression::None);
    }
    sync(&mut log).unwrap();
    log.configure(config());
    let before = disk.operations();
    let record = batch_of(&[(Some("k"), Some("active"), NOW.0)], &BatchOptions::default());
    match full_at {
        Some(at) => {
            disk.fail_at(before + at, Fault::NoSpace { written: 0 });
            log.append(record, &CLIENT).unwrap_err();
        }
        None => _ = log.append(record, &CLIENT).unwrap(),
    }
    assert_eq!(files(disk).iter().filter(|path| path.ends_with(".log")).count(), 2, "it rolled");
    (log, disk.operations() - before)
}

/// The newest segment that is durable may be compacted while the active one behind it is not durable yet: what is then
/// written down of it must be what is there. A full disk leaves an active segment without a record.
#[rstest::rstest]
#[case::power_lost(false, Crash::LoseUnsynced, "9")]
#[case::killed(false, Crash::KeepAll, "active")]
#[case::full_disk(true, Crash::KeepAll, "9")]
fn the_last_durable_segment_is_compacted(#[case] is_full: bool, #[case] crash: Crash, #[case] newest: &str) {
    let operations = rolled(&MemoryDisk::new(), None).1;
    let disk = MemoryDisk::new();
    let (mut log, _) = rolled(&disk, is_full.then_some(operations - 1));
    let done = log.compact(NOW).unwrap().unwrap();
    assert!(done.bytes_after < done.bytes_before, "{done:?}");
    if is_full {
        log.close().unwrap();
    } else {
        drop(log);
    }
    let image = disk.crash(crash);
    let (mut log, recovery) = open(&image, &config()).unwrap();
    assert_eq!(recovery.truncated, None);
    assert_eq!(table(&log), BTreeMap::from([("k".to_owned(), newest.to_owned())]));
    put(&mut log, &["k=after"], Compression::None);
    sync(&mut log).unwrap();
    let (log, _) = open(&image.crash(Crash::LoseUnsynced), &config()).unwrap();
    assert_eq!(table(&log), BTreeMap::from([("k".to_owned(), "after".to_owned())]));
}

/// Records without a key, from before the topic was compacted, all go; the segment stays, without a byte.
#[test]
fn a_last_durable_segment_of_which_nothing_stays() {
    let disk = MemoryDisk::new();
    let (mut log, _) =
        open(&disk, &LogConfig { cleanup_policy: CleanupPolicy { delete: true, compact: false }, ..config() }).unwrap();
    let without_key = || batch_of(&[(None, Some("v"), NOW.0)], &BatchOptions::default());
    for _ in 0..5 {
        log.append(without_key(), &CLIENT).unwrap();
    }
    sync(&mut log).unwrap();
    log.configure(LogConfig { segment_bytes: 300, ..config() });
    put(&mut log, &["k=1"], Compression::None);
    assert_eq!(log.compact(NOW).unwrap().map(|done| done.bytes_after), Some(0));
    drop(log);
    let (log, recovery) = open(&disk.crash(Crash::KeepAll), &config()).unwrap();
    assert_eq!(recovery.truncated, None);
    assert_eq!((dump(&log).len(), log.end_offset()), (1, Offset(6)));
}

//! Passes whose memory for keys ends within a segment: what was not mapped stays as it is.

use std::path::Path;

use bytes::Bytes;
use streams_core::protocol::batch::{BatchBuilder, BatchOptions, Batches};

use super::super::{AppendContext, CleanupPolicy, Origin};
use super::*;
use crate::disk::memory::MemoryDisk;

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const RETENTION_MS: i64 = 1000;

fn config() -> LogConfig {
    LogConfig {
        segment_bytes: 1000,
        cleanup_policy: CleanupPolicy { delete: false, compact: true },
        min_cleanable_dirty_ratio: 0.0,
        delete_retention_ms: RETENTION_MS,
        tail_bytes_max: 0,
        ..LogConfig::default()
    }
}

fn put(log: &mut Log, key: &str, value: Option<&str>) {
    let mut builder = BatchBuilder::default();
    builder.append(NOW, Some(key.as_bytes()), value.map(str::as_bytes)).expect("it fits");
    let batch = Bytes::copy_from_slice(builder.finish(&BatchOptions::default()).expect("it has a record"));
    log.append(batch, &AppendContext { now: NOW, leader_epoch: 0, origin: Origin::Client }).expect("appended");
}

fn sync(log: &mut Log) {
    let ticket = log.begin_sync().expect("there is something to sync");
    let synced = ticket.run();
    log.complete_sync(synced).expect("synced");
}

/// Every record as `key=value`, or `key` for a tombstone, and whether its batch has a time to go.
fn records(log: &Log) -> Vec<(String, bool)> {
    let mut all = Vec::new();
    let mut scratch = Scratch::default();
    let mut from = log.start_offset();
    loop {
        let bytes = log.read(from, 1 << 20, log.visible_end(), true).expect("readable");
        if bytes.is_empty() {
            return all;
        }
        for view in Batches::new(&bytes) {
            let view = view.expect("whole");
            let header = BatchHeader::read(view.as_bytes()).expect("a header");
            for record in view.records(&mut scratch).expect("they decode") {
                let record = record.expect("it decodes");
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let value = record.value.map(|value| format!("={}", text(value))).unwrap_or_default();
                let words = record.key.map(text).unwrap_or_default() + &value;
                all.push((words, header.has(crate::log::batch::DELETE_HORIZON_BIT)));
            }
            from = view.next_offset();
        }
    }
}

fn compact(log: &mut Log, now: Timestamp, key_bytes_max: usize) {
    let mut task = log.begin_compaction(now).expect("there is something new");
    task.key_bytes_max = key_bytes_max;
    let output = task.run().expect("it runs");
    log.complete_compaction(output).expect("it is put in place");
}

/// A tombstone that a pass did not map was not seen by it, and a later pass that does not map it either must not let it
/// go: the value that it deletes, in an older segment, would be back.
#[test]
fn what_was_not_mapped_stays() {
    let disk = MemoryDisk::new();
    let (mut log, _) = Log::open(Arc::new(disk), Path::new("/log"), config(), NOW).expect("opened");
    put(&mut log, "a", Some("old"));
    for n in 0..8 {
        put(&mut log, &format!("fill{n}"), Some("v"));
    }
    while log.active().base == Offset::ZERO {
        put(&mut log, "filler", Some("v"));
    }
    let second = log.active().base;
    for n in 0..5 {
        put(&mut log, &format!("more{n}"), Some("v"));
    }
    put(&mut log, "a", None);
    let tombstone = Offset(log.end_offset().0 - 1);
    while log.active().base == second {
        put(&mut log, "filler", Some("v"));
    }
    assert!(log.segments.iter().any(|segment| segment.base == second && segment.end > tombstone));
    sync(&mut log);

    // The first pass maps the keys of the first segment and goes on to the first new one in the second.
    compact(&mut log, NOW, "a".len() + 8 * "fill0".len() + "filler".len() + 10 * KEY_OVERHEAD_BYTES);
    assert!(log.cleaned_to > second && log.cleaned_to <= tombstone, "{} of {tombstone}", log.cleaned_to);
    let after_first = records(&log);

    // The second one maps one batch more, at a time when the tombstone would be due had the first one seen it.
    compact(&mut log, Timestamp(NOW.0 + RETENTION_MS + 1), 0);
    assert!(log.cleaned_to <= tombstone);
    let left = records(&log);
    let has = |words: &str| left.iter().any(|(record, _)| record == words);
    assert!(has("a") || !has("a=old"), "a deleted value is back: {left:?}");
    assert!(has("a"), "{left:?}");
    assert!(
        after_first.contains(&("a".to_owned(), false)),
        "its time must not begin before it is seen: {after_first:?}"
    );

    // Once it is mapped its time begins, and the old value goes at once.
    compact(&mut log, Timestamp(NOW.0 + RETENTION_MS + 2), usize::MAX);
    let left = records(&log);
    assert!(left.contains(&("a".to_owned(), true)) && left.iter().all(|(record, _)| record != "a=old"), "{left:?}");
}

//! RocksDB in a process that is killed while it writes: what is found afterwards is the rows of exactly the offset that
//! the database says it has.
//!
//! The test starts its own program again with one test to run and a directory in the environment. That one writes
//! batches, says so for each, and never stops by itself; it is killed after a number of batches that a seed chose, in
//! the midst of one of the next, of a flush or of a compaction. The next child goes on where the database says.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::ops::Bound;
use std::path::Path;
use std::process::{Command, Stdio};

use rstest::rstest;

use super::rocks::RocksStore;
use super::rocks_window::RocksWindowStore;
use super::*;
use crate::ids::Offset;

const FORMAT: &str = "1: what is killed";
const DIR: &str = "STREAMS_TEST_KILLED_DIR";
const ENGINE: &str = "STREAMS_TEST_KILLED_ENGINE";
const CHILD: &str = "state::engine::kill_tests::writes_until_it_is_killed";
/// What a child says after each batch.
const WRITTEN: &str = "batch written";
/// So many records are one batch.
const BATCH: i64 = 10;
/// So many batches are written between two flushes; a database flushes by itself too, when a buffer is full.
const BATCHES_PER_FLUSH: i64 = 37;
/// So many records fall in one segment, and so many segments are kept.
const SEGMENT: i64 = 300;
const SEGMENTS_KEPT: i64 = 3;
/// Large enough to fill RocksDB's buffers within a run.
const VALUE_BYTES: usize = 4_096;

/// The record of an offset: its key, and whether it deletes.
fn record(offset: i64, is_windowed: bool) -> (Vec<u8>, bool) {
    let segment = if is_windowed { offset / SEGMENT } else { 0 };
    let key = (offset * 31) % 97;
    ([segment.to_be_bytes(), key.to_be_bytes()].concat(), offset % 7 == 6)
}

fn value(offset: i64) -> Vec<u8> {
    offset.to_be_bytes().repeat(VALUE_BYTES / 8)
}

/// The first segment that is kept once an offset is in.
fn first_kept(offset: i64) -> i64 {
    offset / SEGMENT - SEGMENTS_KEPT
}

fn open(engine: &str, path: &Path) -> Box<dyn ByteStore> {
    match engine {
        "rows" => Box::new(RocksStore::open(path, FORMAT).unwrap()),
        _ => Box::new(RocksWindowStore::open(path, FORMAT).unwrap()),
    }
}

/// Does nothing unless a parent says where to write.
#[test]
fn writes_until_it_is_killed() {
    let (Some(dir), Some(engine)) = (std::env::var_os(DIR), std::env::var_os(ENGINE)) else { return };
    let is_windowed = engine == "windows";
    let mut store = open(engine.to_str().unwrap(), Path::new(&dir));
    let mut out = std::io::stdout().lock();
    for batch in store.checkpoint().position.map_or(0, |last| (last.offset.0 + 1) / BATCH).. {
        let offsets = batch * BATCH..(batch + 1) * BATCH;
        let records: Vec<_> = offsets
            .clone()
            .map(|offset| {
                let (key, is_deletion) = record(offset, is_windowed);
                (key, (!is_deletion).then(|| value(offset)))
            })
            .collect();
        let last = offsets.end - 1;
        let checkpoint = Checkpoint { position: Some(Offset(last).into()), stream_time: Some(Timestamp(last)) };
        let mut rows = records.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        store.write_batch(&mut rows, checkpoint).unwrap();
        if is_windowed {
            store.drop_segments_before(first_kept(last)).unwrap();
        }
        // The parent is gone when nobody takes it.
        writeln!(out, "{WRITTEN}").unwrap();
        if batch % BATCHES_PER_FLUSH == 0 {
            store.flush().unwrap();
        }
    }
}

/// Lets a child write at least so many batches and kills it.
fn write_and_be_killed(engine: &str, path: &Path, batches: usize) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--nocapture"])
        .envs([(DIR, path.as_os_str()), (ENGINE, engine.as_ref())])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let written = lines.map_while(Result::ok).filter(|line| line.contains(WRITTEN)).take(batches).count();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(written, batches, "the child ended by itself");
}

/// The rows that are there, by the offset that wrote them.
fn found(store: &mut dyn ByteStore) -> BTreeMap<Vec<u8>, i64> {
    let mut all: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
    let mut rows = Rows::default();
    while !rows.is_done() {
        let last = all.last_key_value().map(|(key, _)| key.clone());
        let from = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        rows.clear();
        store.scan((from, Bound::Unbounded), Direction::Forward, &mut rows).unwrap();
        for (key, found) in rows.iter() {
            let found = found.unwrap();
            let offset = i64::from_be_bytes(*found.first_chunk().unwrap());
            assert!(found == value(offset), "a value is mixed of two");
            all.insert(key.to_vec(), offset);
        }
    }
    all
}

/// The rows that belong to an offset.
fn expected(last: i64, is_windowed: bool) -> BTreeMap<Vec<u8>, i64> {
    let mut rows = BTreeMap::new();
    let first = if is_windowed { first_kept(last).max(0) * SEGMENT } else { 0 };
    for offset in first..=last {
        match record(offset, is_windowed) {
            (key, true) => rows.remove(&key),
            (key, false) => rows.insert(key, offset),
        };
    }
    rows
}

#[rstest]
#[case::one_family("rows")]
#[case::a_family_per_segment("windows")]
fn a_kill_leaves_the_rows_of_the_offset_that_is_stored(#[case] engine: &str) {
    let is_windowed = engine == "windows";
    let dir = tempfile::tempdir().unwrap();
    let mut survived = BTreeSet::new();
    let mut random = 7_u64;
    for _ in 0..8 {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let batches = 1 + usize::try_from(random >> 33).unwrap() % 600;
        write_and_be_killed(engine, dir.path(), batches);
        let mut store = open(engine, dir.path());
        let mut rows = found(&mut *store);
        let checkpoint = store.checkpoint();
        let Some(ChangelogPosition { offset: Offset(last), .. }) = checkpoint.position else {
            assert!(rows.is_empty(), "rows without an offset");
            continue;
        };
        assert_eq!(checkpoint.stream_time, Some(Timestamp(last)));
        assert_eq!((last + 1) % BATCH, 0, "a batch was torn");
        let mut expected = expected(last, is_windowed);
        if is_windowed {
            // Segments are dropped and made at once, not with the rows of a flush. Before what is expected, old rows
            // may have come back; what was dropped since the last flush expires before anyone reads it.
            let first = rows.keys().find_map(|key| segment_of(key)).unwrap_or(i64::MAX).max(first_kept(last));
            rows.retain(|key, _| segment_of(key).unwrap() >= first);
            expected.retain(|key, _| segment_of(key).unwrap() >= first);
        }
        assert_eq!(rows, expected, "offset {last}");
        assert!(survived.last().is_none_or(|before| *before <= last), "what was on disk before is gone");
        survived.insert(last);
    }
    assert!(survived.len() > 3, "too little reached the disk to mean anything: {survived:?}");
}

//! Stores on disk in a process that ends at a named point of a commit, of a flush, or of the end of a segment: what is found
//! afterwards is what the changelog has up to the position that the store says, and restoring goes on from there.
//!
//! The test starts its own program again with one test to run and a point in the environment. That one writes, commits and
//! flushes, and aborts when it comes to the point for the n-th time. The next child goes on with the same store.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::time::Duration;

use rstest::rstest;

use super::engine::memory::MemoryStore;
use super::engine::{segment_of, ByteStore, Checkpoint, Direction, KeyBounds, Rows, ValueRef};
use super::layers::Layers;
use super::schema::push_window_suffix;
use super::*;
use crate::error::Result;
use crate::ids::{ChangelogPosition, Offset};
use crate::time::Timestamp;

const DIR: &str = "STREAMS_TEST_ABORTED_DIR";
const KIND: &str = "STREAMS_TEST_ABORTED_KIND";
const POINT: &str = "STREAMS_TEST_ABORTED_POINT";
const CHILD: &str = "state::kill_tests::writes_until_it_aborts";
/// What a child says before it aborts, followed by the last offset that was flushed and the last one that was committed.
const REACHED: &str = "reached it at";

/// So many records are committed together, and so many commits are flushed together.
const COMMIT: i64 = 10;
const COMMITS_PER_FLUSH: i64 = 4;
/// A child that comes so far ends by itself.
const RECORDS: i64 = 2_000;
const LEADER_EPOCH: i32 = 3;

fn spec(kind: &str) -> StoreSpec {
    match kind {
        "rows" => Stores::persistent_timestamped_key_value::<String, i64>("rows").build(),
        // Segments of one minute, of which three live at a time. Each record is a second.
        _ => {
            let (retention, size) = (Duration::from_secs(120), Duration::from_secs(10));
            Stores::persistent_timestamped_window::<String, i64>("windows", retention, size).build()
        }
    }
}

fn open(kind: &str, dir: &Path) -> RestoringStore {
    spec(kind).open(dir, EngineKind::RocksDb).unwrap()
}

/// The record of an offset, as the store has it: key, time and value.
struct Write {
    key: Vec<u8>,
    /// So many bytes of the key are not in the changelog.
    hidden: usize,
    start: Timestamp,
    value: Option<Vec<u8>>,
}

impl Write {
    fn of(offset: i64, store: &RestoringStore) -> Self {
        let (start, mut key) = (Timestamp(offset * 1_000), Vec::new());
        let window = store.schema.window();
        if let Some(shape) = window {
            shape.push_segment(&mut key, start);
        }
        let hidden = key.len();
        key.extend(format!("key {}", (offset * 31) % 97).bytes());
        if window.is_some() {
            push_window_suffix(&mut key, start);
        }
        let value = [offset.to_be_bytes(), (offset * 7).to_be_bytes()].concat();
        Self { key, hidden, start, value: (offset % 7 != 6).then_some(value) }
    }

    fn logged(&self, offset: i64) -> ChangelogRow<'_> {
        let value = self.value.as_ref().map(|value| &value[8..]);
        ChangelogRow { key: &self.key[self.hidden..], value, timestamp: Timestamp(offset) }
    }
}

fn position(offset: i64) -> ChangelogPosition {
    ChangelogPosition { offset: Offset(offset), leader_epoch: Some(LEADER_EPOCH) }
}

/// An engine that ends the process.
struct Aborting {
    inner: Box<dyn ByteStore>,
    point: String,
    visits_left: Cell<u32>,
    committed: i64,
    flushed: i64,
}

impl Aborting {
    fn at(&self, point: &str) {
        if self.point != point {
            return;
        }
        self.visits_left.set(self.visits_left.get() - 1);
        if self.visits_left.get() == 0 {
            println!("{REACHED} {} {}", self.flushed, self.committed);
            std::process::abort();
        }
    }
}

impl ByteStore for Aborting {
    fn get(&self, key: &[u8]) -> Result<Option<ValueRef<'_>>> {
        self.inner.get(key)
    }

    fn put(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        self.inner.put(key, value)
    }

    fn scan(&mut self, bounds: KeyBounds<'_>, direction: Direction, rows: &mut Rows) -> Result<()> {
        self.inner.scan(bounds, direction, rows)
    }

    fn write_batch<'a>(
        &mut self,
        entries: &mut dyn Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        checkpoint: Checkpoint,
    ) -> Result<()> {
        self.at("before a commit");
        self.inner.write_batch(entries, checkpoint)?;
        self.committed = checkpoint.position.unwrap().offset.0;
        self.at("after a commit");
        Ok(())
    }

    fn checkpoint(&self) -> Checkpoint {
        self.inner.checkpoint()
    }

    fn drop_segments_before(&mut self, segment: i64) -> Result<()> {
        self.at("before the end of segments");
        self.inner.drop_segments_before(segment)?;
        self.at("after the end of segments");
        Ok(())
    }

    fn approximate_num_entries(&self) -> u64 {
        self.inner.approximate_num_entries()
    }

    fn is_persistent(&self) -> bool {
        self.inner.is_persistent()
    }

    fn flush(&mut self) -> Result<()> {
        self.at("before a flush");
        self.inner.flush()?;
        self.flushed = self.committed;
        self.at("after a flush");
        Ok(())
    }
}

/// Does nothing unless a parent says where to write and where to end.
#[test]
fn writes_until_it_aborts() {
    let variable = |name| std::env::var_os(name).map(|value| value.to_str().unwrap().to_owned());
    let (Some(dir), Some(kind), Some(point)) = (variable(DIR), variable(KIND), variable(POINT)) else { return };
    let (point, visits) = point.rsplit_once(' ').unwrap();
    let mut restored = open(&kind, Path::new(&dir));
    let found = restored.committed_offset().map_or(-1, |offset| offset.0);
    let inner = std::mem::replace(&mut restored.engine, Box::new(MemoryStore::default()));
    let visits_left = Cell::new(visits.parse().unwrap());
    let point = point.to_owned();
    restored.engine = Box::new(Aborting { inner, point, visits_left, committed: found, flushed: found });
    let mut layers = Layers::new(restored, None, 0, Rc::default());
    for offset in found + 1..RECORDS {
        let Write { key, start, value, .. } = Write::of(offset, layers.base());
        match layers.base().schema.window() {
            Some(_) => layers.put_window(&key, start, value.as_deref()).unwrap(),
            None => layers.put(&key, value.as_deref()).unwrap(),
        }
        if (offset + 1) % COMMIT == 0 {
            layers.commit(Some(position(offset))).unwrap();
        }
        if (offset + 1) % (COMMIT * COMMITS_PER_FLUSH) == 0 {
            layers.base_mut().flush().unwrap();
        }
    }
}

/// Lets a child write until it aborts; answers the offsets that it had flushed and committed.
fn write_until(point: &str, kind: &str, dir: &Path) -> (i64, i64) {
    let output = Command::new(std::env::current_exe().unwrap())
        .args([CHILD, "--exact", "--nocapture"])
        .envs([(DIR, dir.as_os_str()), (KIND, kind.as_ref()), (POINT, point.as_ref())])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.split_once(REACHED)).map(|(_, numbers)| numbers.trim());
    let (flushed, committed) = line.unwrap_or_else(|| panic!("{point}: {text}")).split_once(' ').unwrap();
    assert!(!output.status.success());
    (flushed.parse().unwrap(), committed.parse().unwrap())
}

fn rows(store: &mut RestoringStore) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let (mut all, mut rows) = (BTreeMap::new(), Rows::default());
    while !rows.is_done() {
        let last: Option<Vec<u8>> = all.last_key_value().map(|(key, _): (&Vec<u8>, _)| key.clone());
        let from = last.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        rows.clear();
        store.engine.scan((from, Bound::Unbounded), Direction::Forward, &mut rows).unwrap();
        all.extend(rows.iter().map(|(key, value)| (key.to_vec(), value.unwrap().to_vec())));
    }
    all
}

/// Reads the changelog into a store, up to an offset.
fn restore(store: &mut RestoringStore, to: i64) {
    let first = store.committed_offset().map_or(0, |offset| offset.next().0);
    let writes: Vec<Write> = (first..=to).map(|offset| Write::of(offset, store)).collect();
    let logged = (first..).zip(&writes).map(|(offset, write)| write.logged(offset));
    store.restore(logged, position(to)).unwrap();
}

/// The rows of a store are those of the changelog up to an offset. Segments end at once and not with a flush: those that have
/// ended since may be there or not.
fn check(store: &mut RestoringStore, offset: i64, kind: &str) {
    let mut expected = spec(kind).open_in_memory().unwrap();
    if offset >= 0 {
        restore(&mut expected, offset);
    }
    let (mut found, mut expected) = (rows(store), rows(&mut expected));
    if store.schema.window().is_some() {
        let first = |rows: &BTreeMap<Vec<u8>, _>| rows.keys().next().and_then(|key| segment_of(key)).unwrap_or(0);
        let first = first(&found).max(first(&expected));
        found.retain(|key, _| segment_of(key).unwrap() >= first);
        expected.retain(|key, _| segment_of(key).unwrap() >= first);
    }
    assert_eq!(found, expected, "at offset {offset}");
}

#[rstest]
#[case::rows("rows", &["before a commit 3", "after a commit 5", "before a flush 2", "after a flush 2", "after a commit 1"])]
#[case::windows("windows", &["after a commit 3", "before a flush 4", "after a flush 3", "before the end of segments 9",
    "after the end of segments 9", "after a flush 1", "before a commit 20"])]
fn a_process_that_ends_leaves_what_the_changelog_has(#[case] kind: &str, #[case] points: &[&str]) {
    let dir = tempfile::tempdir().unwrap();
    let mut last = -1;
    for point in points {
        let (flushed, committed) = write_until(point, kind, dir.path());
        let mut store = open(kind, dir.path());
        let found = store.committed_position();
        let offset = found.map_or(-1, |position| position.offset.0);
        assert!((flushed..=committed).contains(&offset), "{point}: {flushed}..={committed}, and {offset} was found");
        assert!(found.is_none_or(|found| found == position(offset)), "{found:?}");
        assert!(offset >= last, "{point}: what was on disk before is gone");
        check(&mut store, offset, kind);
        last = offset;
    }
    assert!(last > 100, "too little reached the disk to mean anything: {last}");
    let mut store = open(kind, dir.path());
    restore(&mut store, RECORDS - 1);
    store.flush().unwrap();
    drop(store);
    check(&mut open(kind, dir.path()), RECORDS - 1, kind);
}

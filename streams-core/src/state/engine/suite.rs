//! The suite that every byte engine passes: keys with a segment in front, so that both kinds of engines take them.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;

use proptest::prelude::*;
use rstest::rstest;

use super::memory::MemoryStore;
use super::memory_window::MemoryWindowStore;
use super::*;
use crate::ids::Offset;

#[cfg(feature = "rocksdb")]
const FORMAT: &str = "1: what this suite writes";

#[derive(Debug, Clone, Copy)]
enum Engine {
    Memory,
    MemoryWindow,
    #[cfg(feature = "rocksdb")]
    Rocks,
    #[cfg(feature = "rocksdb")]
    RocksWindow,
}

impl Engine {
    fn open(self, _path: &Path) -> Box<dyn ByteStore> {
        match self {
            Self::Memory => Box::new(MemoryStore::default()),
            Self::MemoryWindow => Box::new(MemoryWindowStore::default()),
            #[cfg(feature = "rocksdb")]
            Self::Rocks => Box::new(rocks::RocksStore::open(_path, FORMAT).unwrap()),
            #[cfg(feature = "rocksdb")]
            Self::RocksWindow => Box::new(rocks_window::RocksWindowStore::open(_path, FORMAT).unwrap()),
        }
    }
}

fn key(segment: i64, rest: &[u8]) -> Vec<u8> {
    [&segment.to_be_bytes()[..], rest].concat()
}

fn read(
    store: &mut dyn ByteStore,
    from: Bound<&[u8]>,
    to: Bound<&[u8]>,
    direction: Direction,
) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Rows::default();
    let mut all: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    loop {
        let place = all.last().map(|(key, _)| key.clone());
        let (from, to) = match (&place, direction) {
            (None, _) => (from, to),
            (Some(key), Direction::Forward) => (Bound::Excluded(key.as_slice()), to),
            (Some(key), Direction::Reverse) => (from, Bound::Excluded(key.as_slice())),
        };
        rows.clear();
        store.scan((from, to), direction, &mut rows).unwrap();
        assert!(rows.len() <= CHUNK_ROWS_MAX);
        all.extend(rows.iter().map(|(key, value)| (key.to_vec(), value.unwrap().to_vec())));
        if rows.is_done() {
            return all;
        }
    }
}

#[rstest]
#[case::memory(Engine::Memory)]
#[case::memory_window(Engine::MemoryWindow)]
#[cfg_attr(feature = "rocksdb", case::rocks(Engine::Rocks))]
#[cfg_attr(feature = "rocksdb", case::rocks_window(Engine::RocksWindow))]
fn rows_are_written_read_and_deleted(#[case] engine: Engine) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = engine.open(dir.path());
    let (a, b) = (key(0, b"a"), key(3, b"b"));
    assert!(store.get(&a).unwrap().is_none());
    store.put(&a, Some(b"1")).unwrap();
    store.put(&b, Some(b"")).unwrap();
    store.put(&a, Some(b"longer than before")).unwrap();
    assert_eq!(store.get(&a).unwrap().as_deref(), Some(&b"longer than before"[..]));
    assert_eq!(store.get(&b).unwrap().as_deref(), Some(&b""[..]));
    store.put(&a, None).unwrap();
    store.put(&key(9, b"never there"), None).unwrap();
    assert!(store.get(&a).unwrap().is_none());
    assert_eq!(read(&mut *store, Bound::Unbounded, Bound::Unbounded, Direction::Forward), [(b, Vec::new())]);
}

#[rstest]
#[case::memory(Engine::Memory)]
#[case::memory_window(Engine::MemoryWindow)]
#[cfg_attr(feature = "rocksdb", case::rocks(Engine::Rocks))]
#[cfg_attr(feature = "rocksdb", case::rocks_window(Engine::RocksWindow))]
fn scans_are_those_of_an_ordered_map(#[case] engine: Engine) {
    let writes =
        proptest::collection::vec((0_i64..4, proptest::collection::vec(0_u8..3, 0..3), any::<Option<u8>>()), 0..60);
    let bound = (0_i64..4, proptest::collection::vec(0_u8..3, 0..3), 0..3);
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(
        ProptestConfig { cases: if cfg!(feature = "rocksdb") { 20 } else { 200 }, ..ProptestConfig::default() },
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    let checked = runner.run(&(writes.clone(), writes, bound.clone(), bound), |(first, second, from, to)| {
        let dir = tempfile::tempdir().unwrap();
        let mut store = engine.open(dir.path());
        let mut model = BTreeMap::new();
        let as_bound = |(segment, rest, kind): (i64, Vec<u8>, i32)| match kind {
            0 => Bound::Unbounded,
            1 => Bound::Included(key(segment, &rest)),
            _ => Bound::Excluded(key(segment, &rest)),
        };
        let (from, to) = (as_bound(from), as_bound(to));
        // The second round writes after the first scan, when an engine may keep an order.
        for writes in [first, second] {
            for (segment, rest, value) in writes {
                let key = key(segment, &rest);
                store.put(&key, value.as_ref().map(std::slice::from_ref)).unwrap();
                match value {
                    Some(value) => model.insert(key, vec![value]),
                    None => model.remove(&key),
                };
            }
            let bounds = (from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
            let mut expected: Vec<_> = if is_inverted(bounds) {
                Vec::new()
            } else {
                model.range::<[u8], _>(bounds).map(|(key, value)| (key.clone(), value.clone())).collect()
            };
            prop_assert_eq!(&read(&mut *store, bounds.0, bounds.1, Direction::Forward), &expected);
            expected.reverse();
            prop_assert_eq!(&read(&mut *store, bounds.0, bounds.1, Direction::Reverse), &expected);
        }
        Ok(())
    });
    checked.unwrap();
}

#[rstest]
#[case::memory(Engine::Memory)]
#[case::memory_window(Engine::MemoryWindow)]
#[cfg_attr(feature = "rocksdb", case::rocks(Engine::Rocks))]
#[cfg_attr(feature = "rocksdb", case::rocks_window(Engine::RocksWindow))]
fn chunks_are_bounded_by_rows_and_bytes(#[case] engine: Engine) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = engine.open(dir.path());
    let large = vec![7; CHUNK_BYTES_MAX / 2];
    let keys: Vec<Vec<u8>> = (0..400_i64).map(|number| key(number / 100, &number.to_be_bytes())).collect();
    for (index, key) in keys.iter().enumerate() {
        let value = if index < 6 { large.as_slice() } else { b"small" };
        store.put(key, Some(value)).unwrap();
    }
    let mut rows = Rows::default();
    store.scan((Bound::Unbounded, Bound::Unbounded), Direction::Forward, &mut rows).unwrap();
    assert_eq!(rows.len(), 2);
    let all = read(&mut *store, Bound::Unbounded, Bound::Unbounded, Direction::Forward);
    assert_eq!(all.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), keys);
}

#[rstest]
#[case::memory(Engine::Memory)]
#[case::memory_window(Engine::MemoryWindow)]
#[cfg_attr(feature = "rocksdb", case::rocks(Engine::Rocks))]
#[cfg_attr(feature = "rocksdb", case::rocks_window(Engine::RocksWindow))]
fn a_batch_carries_its_checkpoint(#[case] engine: Engine) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = engine.open(dir.path());
    assert_eq!(store.checkpoint(), Checkpoint::default());
    let (a, b) = (key(0, b"a"), key(1, b"b"));
    let checkpoint = |offset: i64| Checkpoint {
        position: Some(ChangelogPosition { offset: Offset(offset), leader_epoch: Some(7) }),
        stream_time: Some(Timestamp(offset * 10)),
    };
    let entries = [(&a[..], Some(&b"1"[..])), (&b[..], Some(&b"2"[..])), (&a[..], None)];
    store.write_batch(&mut entries.into_iter(), checkpoint(5)).unwrap();
    assert_eq!(store.checkpoint(), checkpoint(5));
    assert!(store.get(&a).unwrap().is_none());
    store.flush().unwrap();
    if store.is_persistent() {
        // Not flushed: a crash may lose it, rows and checkpoint together.
        store.write_batch(&mut [(&a[..], Some(&b"3"[..]))].into_iter(), checkpoint(6)).unwrap();
        drop(store);
        let mut store = engine.open(dir.path());
        let rows = read(&mut *store, Bound::Unbounded, Bound::Unbounded, Direction::Forward);
        match store.checkpoint() {
            at if at == checkpoint(5) => assert_eq!(rows, [(b, b"2".to_vec())]),
            at if at == checkpoint(6) => assert_eq!(rows, [(a, b"3".to_vec()), (b, b"2".to_vec())]),
            at => panic!("no batch had {at:?}"),
        }
    }
}

#[rstest]
#[case::memory_window(Engine::MemoryWindow)]
#[cfg_attr(feature = "rocksdb", case::rocks_window(Engine::RocksWindow))]
fn segments_are_dropped_whole(#[case] engine: Engine) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = engine.open(dir.path());
    for segment in 0..10 {
        store.put(&key(segment, b"k"), Some(b"v")).unwrap();
    }
    store.drop_segments_before(7).unwrap();
    store.drop_segments_before(7).unwrap();
    assert!(store.get(&key(6, b"k")).unwrap().is_none());
    let left = read(&mut *store, Bound::Unbounded, Bound::Unbounded, Direction::Forward);
    assert_eq!(left.iter().map(|(key, _)| segment_of(key).unwrap()).collect::<Vec<_>>(), [7, 8, 9]);
    store.put(&key(6, b"again"), Some(b"v")).unwrap();
    assert!(store.get(&key(6, b"again")).unwrap().is_some());
    store.put(b"short", Some(b"v")).unwrap_err();
}

/// A program from before there were epochs moves the offset alone, and leaves the epoch of an older one behind.
#[cfg(feature = "rocksdb")]
#[rstest]
#[case::rocks(Engine::Rocks)]
#[case::rocks_window(Engine::RocksWindow)]
fn an_epoch_counts_for_its_own_offset(#[case] engine: Engine) {
    let dir = tempfile::tempdir().unwrap();
    let row = key(0, b"a");
    for (offset, leader_epoch) in [(4, None), (5, Some(i32::MAX)), (6, None), (5, Some(0)), (5, None)] {
        let mut store = engine.open(dir.path());
        let position = Some(ChangelogPosition { offset: Offset(offset), leader_epoch });
        let checkpoint = Checkpoint { position, stream_time: None };
        store.write_batch(&mut [(&row[..], Some(&b"1"[..]))].into_iter(), checkpoint).unwrap();
        assert_eq!(store.checkpoint(), checkpoint);
        store.flush().unwrap();
        drop(store);
        // The same record, once it was there under an epoch, was there under it.
        let expected = if offset == 5 { leader_epoch.or(Some(0)) } else { leader_epoch };
        let found = engine.open(dir.path()).checkpoint().position.unwrap();
        assert_eq!((found.offset, found.leader_epoch), (Offset(offset), expected));
    }
}

#[cfg(feature = "rocksdb")]
#[test]
fn a_locked_directory_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let _store = rocks::RocksStore::open(dir.path(), FORMAT).unwrap();
    let error = rocks::RocksStore::open(dir.path(), FORMAT).err().expect("the directory is in use");
    assert_eq!(error.kind(), ErrorKind::Locked, "{error:?}");
}

//! The whole stack through the typed stores, once per engine: what a processor and a task see.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use expect_test::{expect, Expect};
use rstest::rstest;

use super::layers::Layers;
use super::schema::push_window_suffix;
use super::*;
use crate::ids::{ChangelogPosition, Offset};
use crate::serde::{StringSerde, ValueAndTimestamp};
use crate::time::Timestamp;
use crate::{ErrorKind, Result};

/// What a store logged.
type Logged = (Vec<u8>, Option<Vec<u8>>, Timestamp);

/// A changelog that prints itself.
#[derive(Default)]
struct Log(RefCell<Vec<Logged>>);

impl ChangelogSink for Log {
    fn log(&self, key: &[u8], value: Option<&[u8]>, timestamp: Timestamp) -> Result<()> {
        self.0.borrow_mut().push((key.to_vec(), value.map(<[u8]>::to_vec), timestamp));
        Ok(())
    }
}

/// A store in a task's hands.
struct Fixture {
    spec: StoreSpec,
    engine: EngineKind,
    dir: tempfile::TempDir,
    log: Rc<Log>,
    time: Rc<Cell<Timestamp>>,
    cache_bytes_max: usize,
}

impl Fixture {
    fn new<S: StateStore>(builder: StoreBuilder<S>, engine: EngineKind) -> Self {
        Self {
            spec: builder.with_engine(engine).build(),
            engine,
            dir: tempfile::tempdir().unwrap(),
            log: Rc::default(),
            time: Rc::new(Cell::new(Timestamp(1))),
            cache_bytes_max: 0,
        }
    }

    fn cached<S: StateStore>(builder: StoreBuilder<S>, engine: EngineKind, cache_bytes_max: usize) -> Self {
        Self { cache_bytes_max, ..Self::new(builder.with_caching_enabled(), engine) }
    }

    fn open(&self) -> AnyStore {
        let rows = self.spec.open(self.dir.path(), EngineKind::InMemory).unwrap();
        assert_eq!(rows.is_persistent(), self.engine == EngineKind::RocksDb);
        self.attach(rows)
    }

    fn attach(&self, rows: RestoringStore) -> AnyStore {
        let context = StoreContext {
            changelog: Some(Rc::clone(&self.log) as Rc<dyn ChangelogSink>),
            cache_bytes_max: self.cache_bytes_max,
            timestamp: Rc::clone(&self.time),
        };
        self.spec.attach(rows, context)
    }

    fn check_log(&self, expected: Expect) {
        let mut text = String::new();
        for (key, value, timestamp) in self.log.0.take() {
            let value = value.map(|value| value.escape_ascii().to_string());
            text.push_str(&format!("{} = {value:?} @ {timestamp}\n", key.escape_ascii()));
        }
        expected.assert_eq(&text);
    }
}

fn rows<T: std::fmt::Debug>(mut cursor: StoreCursor<T>) -> Vec<T> {
    let mut rows = Vec::new();
    while let Some(row) = cursor.next().unwrap() {
        rows.push(row);
    }
    rows
}

fn text(value: &str) -> String {
    value.to_owned()
}

fn plain() -> StoreBuilder<KeyValueStore<String, String>> {
    Stores::in_memory_key_value("plain")
}

fn counts() -> StoreBuilder<TimestampedKeyValueStore<String, i64>> {
    Stores::in_memory_timestamped_key_value("counts")
}

const MINUTES: Duration = Duration::from_secs(60);

/// Two minutes of retention: segments of one minute.
fn windows() -> StoreBuilder<TimestampedWindowStore<String, i64>> {
    Stores::in_memory_timestamped_window("windows", 2 * MINUTES, Duration::from_secs(10))
}

#[rstest]
#[case::memory(EngineKind::InMemory)]
#[cfg_attr(feature = "rocksdb", case::rocksdb(EngineKind::RocksDb))]
fn plain_rows_are_read_back_and_logged(#[case] engine: EngineKind) {
    let fixture = Fixture::new(plain(), engine);
    let any = fixture.open();
    let store = any.handle::<KeyValueStore<String, String>>().unwrap();
    store.put(&text("b"), &text("1")).unwrap();
    fixture.time.set(Timestamp(7));
    store.put(&text("a"), &text("22")).unwrap();
    assert_eq!(store.put_if_absent(&text("a"), &text("x")).unwrap(), Some(text("22")));
    assert_eq!(store.put_if_absent(&text("c"), &text("")).unwrap(), None);
    store.delete(&text("b")).unwrap();
    assert_eq!(store.get(&text("a")).unwrap(), Some(text("22")));
    assert_eq!(store.get(&text("b")).unwrap(), None);
    assert_eq!(store.get(&text("c")).unwrap(), Some(text("")));
    let mut slot = String::with_capacity(10);
    assert!(store.get_into(&text("a"), &mut slot).unwrap());
    assert_eq!((slot.as_str(), slot.capacity()), ("22", 10));
    assert_eq!(rows(store.all()), [(text("a"), text("22")), (text("c"), text(""))]);
    assert_eq!(any.counts(), (4, 6));
    fixture.check_log(expect![[r#"
        b = Some("1") @ 1
        a = Some("22") @ 7
        c = Some("") @ 7
        b = None @ 7
    "#]]);
}

#[rstest]
#[case::memory(EngineKind::InMemory, 0)]
#[case::memory_cached(EngineKind::InMemory, 1 << 20)]
#[cfg_attr(feature = "rocksdb", case::rocksdb(EngineKind::RocksDb, 0))]
#[cfg_attr(feature = "rocksdb", case::rocksdb_cached(EngineKind::RocksDb, 1 << 20))]
fn cursors_see_all_layers_in_order(#[case] engine: EngineKind, #[case] cache_bytes_max: usize) {
    let fixture = Fixture::cached(plain(), engine, cache_bytes_max);
    let any = fixture.open();
    let store = any.handle::<KeyValueStore<String, String>>().unwrap();
    let key = |number: usize| format!("{number:04}");
    for number in (0..1000).step_by(2) {
        store.put(&key(number), &text("engine")).unwrap();
    }
    any.flush_cache().unwrap();
    any.commit(Some(Offset(499).into())).unwrap();
    for number in (0..1000).step_by(3) {
        store.put(&key(number), &text("overlay")).unwrap();
    }
    any.flush_cache().unwrap();
    for number in (0..1000).step_by(5) {
        store.delete(&key(number)).unwrap();
    }
    let expected = |range: std::ops::Range<usize>| -> Vec<(String, String)> {
        range
            .filter(|number| number % 5 != 0 && (number % 2 == 0 || number % 3 == 0))
            .map(|number| (key(number), text(if number % 3 == 0 { "overlay" } else { "engine" })))
            .collect()
    };
    let reversed = |mut rows: Vec<(String, String)>| {
        rows.reverse();
        rows
    };
    assert_eq!(rows(store.all()), expected(0..1000));
    assert_eq!(rows(store.reverse_all()), reversed(expected(0..1000)));
    assert_eq!(rows(store.range(key(101)..=key(904)).unwrap()), expected(101..905));
    assert_eq!(rows(store.range(key(101)..key(904)).unwrap()), expected(101..904));
    assert_eq!(rows(store.reverse_range(..key(300)).unwrap()), reversed(expected(0..300)));
    assert_eq!(rows(store.prefix_scan(&text("03"), &StringSerde).unwrap()), expected(300..400));
    assert_eq!(rows(store.range(key(9)..key(3)).unwrap()), []);
}

#[rstest]
#[case::memory(EngineKind::InMemory, 0)]
#[case::memory_small_cache(EngineKind::InMemory, 2000)]
#[cfg_attr(feature = "rocksdb", case::rocksdb(EngineKind::RocksDb, 0))]
#[cfg_attr(feature = "rocksdb", case::rocksdb_small_cache(EngineKind::RocksDb, 2000))]
fn rows_may_be_deleted_while_a_cursor_walks(#[case] engine: EngineKind, #[case] cache_bytes_max: usize) {
    let fixture = Fixture::cached(plain(), engine, cache_bytes_max);
    let any = fixture.open();
    let store = any.handle::<KeyValueStore<String, String>>().unwrap();
    for number in 0..500 {
        store.put(&format!("{number:03}"), &text("x")).unwrap();
    }
    let mut seen = 0;
    let mut cursor = store.all();
    while let Some((key, _)) = cursor.next().unwrap() {
        assert_eq!(key, format!("{seen:03}"));
        store.delete(&key).unwrap();
        store.put(&format!("{seen:03} again"), &text("y")).unwrap();
        store.delete(&format!("{seen:03} again")).unwrap();
        seen += 1;
    }
    assert_eq!(seen, 500);
    assert_eq!(rows(store.all()), []);
}

#[rstest]
#[case::memory(EngineKind::InMemory)]
#[cfg_attr(feature = "rocksdb", case::rocksdb(EngineKind::RocksDb))]
fn a_timestamped_row_logs_its_own_time(#[case] engine: EngineKind) {
    let fixture = Fixture::new(counts(), engine);
    let any = fixture.open();
    let store = any.handle::<TimestampedKeyValueStore<String, i64>>().unwrap();
    fixture.time.set(Timestamp(99));
    store.put(&text("a"), &1, Timestamp(5)).unwrap();
    let mut slot = 0;
    assert_eq!(store.get_into(&text("a"), &mut slot).unwrap(), Some(Timestamp(5)));
    store.put(&text("a"), &(slot + 1), Timestamp(6)).unwrap();
    assert_eq!(store.get(&text("a")).unwrap(), Some(ValueAndTimestamp::new(2, Timestamp(6))));
    let present = store.put_if_absent(&text("a"), &9, Timestamp(7)).unwrap();
    assert_eq!(present, Some(ValueAndTimestamp::new(2, Timestamp(6))), "and it is not written");
    store.delete(&text("a")).unwrap();
    assert_eq!(store.get(&text("a")).unwrap(), None);
    fixture.check_log(expect![[r#"
        a = Some("\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01") @ 5
        a = Some("\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02") @ 6
        a = None @ 99
    "#]]);
}

fn drain<K: 'static, V: 'static>(
    next: impl Fn(&mut Option<Flushed<K, V>>) -> Result<bool>,
    print: impl Fn(&Flushed<K, V>) -> String,
) -> String {
    let mut slot = None;
    let mut text = String::new();
    while next(&mut slot).unwrap() {
        text.push_str(&print(slot.as_ref().unwrap()));
        text.push('\n');
    }
    text
}

#[rstest]
#[case::memory(EngineKind::InMemory)]
#[cfg_attr(feature = "rocksdb", case::rocksdb(EngineKind::RocksDb))]
fn a_cache_forwards_the_newest_and_forgets_transient_keys(#[case] engine: EngineKind) {
    let fixture = Fixture::cached(counts(), engine, 1 << 20);
    let any = fixture.open();
    let store = any.handle::<TimestampedKeyValueStore<String, i64>>().unwrap();
    assert!(store.is_cached());
    store.set_flush_listener(FlushListener::NewAndOld);
    let flushed = || {
        store.flush_cache().unwrap();
        drain(
            |slot| store.next_flushed(slot),
            |row| format!("{}: {:?} <- {:?} @ {}", row.key, row.new, row.old, row.timestamp),
        )
    };
    store.put(&text("a"), &1, Timestamp(5)).unwrap();
    store.put(&text("b"), &1, Timestamp(6)).unwrap();
    store.put(&text("a"), &2, Timestamp(4)).unwrap();
    store.put(&text("transient"), &1, Timestamp(6)).unwrap();
    store.delete(&text("transient")).unwrap();
    assert!(!any.has_flushed());
    expect![[r#"
        b: Some(1) <- None @ 6
        a: Some(2) <- None @ 4
    "#]]
    .assert_eq(&flushed());
    any.commit(Some(Offset(1).into())).unwrap();
    fixture.time.set(Timestamp(50));
    store.delete(&text("b")).unwrap();
    store.put(&text("a"), &3, Timestamp(8)).unwrap();
    expect![[r#"
        b: None <- Some(1) @ 50
        a: Some(3) <- Some(2) @ 8
    "#]]
    .assert_eq(&flushed());
    assert_eq!(flushed(), "");
    fixture.check_log(expect![[r#"
        b = Some("\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01") @ 6
        a = Some("\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02") @ 4
        b = None @ 50
        a = Some("\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03") @ 8
    "#]]);
}

#[rstest]
#[case::memory(EngineKind::InMemory)]
#[cfg_attr(feature = "rocksdb", case::rocksdb(EngineKind::RocksDb))]
fn a_small_cache_evicts_during_puts(#[case] engine: EngineKind) {
    let fixture = Fixture::cached(counts(), engine, 2000);
    let any = fixture.open();
    let store = any.handle::<TimestampedKeyValueStore<String, i64>>().unwrap();
    store.set_flush_listener(FlushListener::New);
    let mut forwarded = std::collections::BTreeMap::new();
    let mut slot = None;
    for round in 0..5 {
        for number in 0..100 {
            let key = format!("{number:02}");
            let before = store.get(&key).unwrap().map_or(0, |row| row.value);
            assert_eq!(before, round);
            store.put(&key, &(before + 1), Timestamp(round)).unwrap();
            while store.next_flushed(&mut slot).unwrap() {
                let row = slot.as_ref().unwrap();
                forwarded.insert(row.key.clone(), row.new.unwrap());
            }
        }
    }
    assert!(forwarded.len() == 100, "{} keys left the cache", forwarded.len());
    any.set_cache_bytes(0).unwrap();
    while store.next_flushed(&mut slot).unwrap() {
        let row = slot.as_ref().unwrap();
        forwarded.insert(row.key.clone(), row.new.unwrap());
    }
    assert!(forwarded.values().all(|count| *count == 5));
}

/// The epoch is that of a leader that had the record. One that leads later may have lost it.
#[rstest]
#[case::memory(EngineKind::InMemory)]
#[cfg_attr(feature = "rocksdb", case::rocksdb(EngineKind::RocksDb))]
fn a_record_keeps_the_epoch_that_it_was_committed_with(#[case] engine: EngineKind) {
    let fixture = Fixture::cached(counts(), engine, 0);
    let any = fixture.open();
    let steps = [
        (Some((3, None)), (3, None)),
        (Some((3, Some(1))), (3, Some(1))),
        (Some((3, Some(2))), (3, Some(1))),
        (None, (3, Some(1))),
        (Some((4, Some(2))), (4, Some(2))),
        (Some((5, None)), (5, None)),
    ];
    for (acknowledged, (offset, leader_epoch)) in steps {
        let position = |(offset, leader_epoch)| ChangelogPosition { offset: Offset(offset), leader_epoch };
        any.commit(acknowledged.map(position)).unwrap();
        assert_eq!(any.committed_position(), Some(position((offset, leader_epoch))));
    }
}

#[rstest]
#[case::memory(EngineKind::InMemory)]
#[cfg_attr(feature = "rocksdb", case::rocksdb(EngineKind::RocksDb))]
fn a_commit_needs_a_flushed_cache(#[case] engine: EngineKind) {
    let fixture = Fixture::cached(counts(), engine, 1 << 20);
    let any = fixture.open();
    let store = any.handle::<TimestampedKeyValueStore<String, i64>>().unwrap();
    store.put(&text("a"), &1, Timestamp(1)).unwrap();
    assert_eq!(any.commit(Some(Offset(0).into())).unwrap_err().kind(), ErrorKind::Internal);
    any.flush_cache().unwrap();
    any.commit(Some(Offset(0).into())).unwrap();
    any.commit(None).unwrap();
    assert_eq!(any.committed_offset(), Some(Offset(0)));
}

#[rstest]
#[case::memory(EngineKind::InMemory, 0)]
#[case::memory_cached(EngineKind::InMemory, 1 << 20)]
#[cfg_attr(feature = "rocksdb", case::rocksdb(EngineKind::RocksDb, 0))]
#[cfg_attr(feature = "rocksdb", case::rocksdb_cached(EngineKind::RocksDb, 1 << 20))]
fn windows_live_for_their_retention(#[case] engine: EngineKind, #[case] cache_bytes_max: usize) {
    let fixture = Fixture::cached(windows(), engine, cache_bytes_max);
    let any = fixture.open();
    let store = any.handle::<TimestampedWindowStore<String, i64>>().unwrap();
    let at = |seconds: i64| Timestamp(seconds * 1000);
    for seconds in [0, 10, 60, 70, 130] {
        store.put(&text("a"), &seconds, at(seconds + 1), at(seconds)).unwrap();
        store.put(&text("ab"), &-seconds, at(seconds + 2), at(seconds)).unwrap();
        any.flush_cache().unwrap();
        any.commit(Some(Offset(seconds).into())).unwrap();
    }
    // Live: starts after 130 s - 120 s.
    // A cache shows what it holds all the same.
    let held = (cache_bytes_max > 0).then(|| ValueAndTimestamp::new(10, at(11)));
    assert_eq!(store.fetch(&text("a"), at(10)).unwrap(), held);
    assert_eq!(store.fetch(&text("a"), at(60)).unwrap(), Some(ValueAndTimestamp::new(60, at(61))));
    assert_eq!(store.fetch(&text("a"), at(61)).unwrap(), None);
    let of = |key: &str, from, to| -> Vec<i64> {
        rows(store.fetch_range(&text(key), at(from), at(to)).unwrap()).into_iter().map(|(_, row)| row.value).collect()
    };
    assert_eq!(of("a", 0, 1000), [60, 70, 130]);
    assert_eq!(of("ab", 60, 70), [-60, -70]);
    assert_eq!(of("a", 61, 129), [70]);
    assert!(of("b", 0, 1000).is_empty());
    let latest_first: Vec<_> = rows(store.backward_fetch_range(&text("a"), at(0), at(1000)).unwrap());
    assert_eq!(latest_first.iter().map(|(start, _)| *start).collect::<Vec<_>>(), [at(130), at(70), at(60)]);
    let all: Vec<String> = rows(store.all().unwrap()).iter().map(|(key, _)| key.to_string()).collect();
    let expected = ["[a@60000/70000]", "[a@70000/80000]", "[ab@60000/70000]", "[ab@70000/80000]"];
    assert_eq!(all[..4], expected);
    assert_eq!(all[4..], ["[a@130000/140000]", "[ab@130000/140000]"]);
    assert_eq!(rows(store.fetch_all(at(65), at(75)).unwrap()).len(), 2);

    store.put(&text("a"), &1, at(0), at(9)).unwrap();
    any.flush_cache().unwrap();
    let held = (cache_bytes_max > 0).then(|| ValueAndTimestamp::new(1, at(0)));
    assert_eq!((any.dropped_expired(), store.fetch(&text("a"), at(9)).unwrap()), (1, held));
    store.put(&text("a"), &1, at(0), Timestamp(-1)).unwrap_err();
    store.delete(&text("a"), at(70)).unwrap();
    assert_eq!(of("a", 0, 1000), [60, 130]);
}

#[rstest]
#[case::memory(EngineKind::InMemory)]
#[cfg_attr(feature = "rocksdb", case::rocksdb(EngineKind::RocksDb))]
fn a_cached_window_leaves_with_its_window(#[case] engine: EngineKind) {
    let fixture = Fixture::cached(windows(), engine, 1 << 20);
    let any = fixture.open();
    let store = any.handle::<TimestampedWindowStore<String, i64>>().unwrap();
    store.set_flush_listener(FlushListener::New);
    store.put(&text("a"), &1, Timestamp(5), Timestamp(0)).unwrap();
    store.put(&text("a"), &2, Timestamp(12_000), Timestamp(10_000)).unwrap();
    store.put(&text("a"), &3, Timestamp(7), Timestamp(0)).unwrap();
    any.flush_cache().unwrap();
    let forwarded =
        drain(|slot| store.next_flushed(slot), |row| format!("{} = {:?} @ {}", row.key, row.new, row.timestamp));
    expect![[r#"
        [a@10000/20000] = Some(2) @ 12000
        [a@0/10000] = Some(3) @ 7
    "#]]
    .assert_eq(&forwarded);
    fixture.check_log(expect![[r#"
        a\x00\x00\x00\x00\x00\x00\'\x10\x00\x00\x00\x00 = Some("\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02") @ 12000
        a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00 = Some("\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03") @ 7
    "#]]);
}

/// Replays what a store logged into a new one.
fn restore(fixture: &Fixture, dir: &Path, records: &[Logged]) -> AnyStore {
    let mut restoring = fixture.spec.open(dir, EngineKind::InMemory).unwrap();
    assert_eq!(restoring.committed_offset(), None);
    let rows = records.iter().map(|(key, value, timestamp)| ChangelogRow {
        key,
        value: value.as_deref(),
        timestamp: *timestamp,
    });
    let last = Offset(i64::try_from(records.len()).unwrap() - 1);
    // Any thread restores: only bytes are touched.
    let rows: Vec<ChangelogRow<'_>> = rows.collect();
    let restored = std::thread::scope(|scope| {
        let restore = move || restoring.restore(rows, last).map(|()| restoring);
        scope.spawn(restore).join().unwrap().unwrap()
    });
    assert_eq!(restored.committed_offset(), Some(last));
    fixture.attach(restored)
}

#[rstest]
#[case::memory(EngineKind::InMemory)]
#[cfg_attr(feature = "rocksdb", case::rocksdb(EngineKind::RocksDb))]
fn a_store_comes_back_from_its_changelog(#[case] engine: EngineKind) {
    let fixture = Fixture::new(counts(), engine);
    let store = fixture.open().handle::<TimestampedKeyValueStore<String, i64>>().unwrap();
    for number in 0..300 {
        store.put(&format!("{:03}", number % 100), &number, Timestamp(number)).unwrap();
    }
    store.delete(&text("000")).unwrap();
    let other = tempfile::tempdir().unwrap();
    let restored = restore(&fixture, other.path(), &fixture.log.0.borrow());
    let twin = restored.handle::<TimestampedKeyValueStore<String, i64>>().unwrap();
    assert_eq!(rows(twin.all()), rows(store.all()));
    assert_eq!(rows(twin.all()).len(), 99);
}

#[rstest]
#[case::memory(EngineKind::InMemory)]
#[cfg_attr(feature = "rocksdb", case::rocksdb(EngineKind::RocksDb))]
fn a_window_store_comes_back_without_what_expired(#[case] engine: EngineKind) {
    let fixture = Fixture::new(windows(), engine);
    let any = fixture.open();
    let store = any.handle::<TimestampedWindowStore<String, i64>>().unwrap();
    for seconds in 0..400 {
        store.put(&text("a"), &seconds, Timestamp(seconds * 1000), Timestamp(seconds * 1000)).unwrap();
    }
    let other = tempfile::tempdir().unwrap();
    let restored = restore(&fixture, other.path(), &fixture.log.0.borrow());
    let twin = restored.handle::<TimestampedWindowStore<String, i64>>().unwrap();
    assert_eq!(rows(twin.all().unwrap()), rows(store.all().unwrap()));
    assert_eq!(rows(twin.all().unwrap()).len(), 120);

    let damaged = ChangelogRow { key: b"no window", value: None, timestamp: Timestamp(0) };
    let error = restored.restore([damaged], Offset(500)).unwrap_err();
    assert_eq!(error.to_string(), "store `windows`: changelog key of 9 bytes is no window key");
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let open = |name: &str| {
        let spec = Stores::in_memory_key_value::<String, i64>(name).build();
        spec.open(Path::new("/nowhere"), EngineKind::InMemory).unwrap_err()
    };
    for name in ["", ".", "..", "a/b", "a b", "ä"] {
        assert_eq!(open(name).kind(), ErrorKind::InvalidTopology);
    }
    let fixture = Fixture::new(counts(), EngineKind::InMemory);
    let error = fixture.open().handle::<KeyValueStore<String, i64>>().unwrap_err();
    assert!(error.to_string().starts_with("store `counts` is a `"), "{error}");

    let nullable = Stores::in_memory_key_value::<Option<String>, Option<i64>>("nullable");
    let fixture = Fixture::new(nullable, EngineKind::InMemory);
    let store = fixture.open().handle::<KeyValueStore<Option<String>, Option<i64>>>().unwrap();
    assert_eq!(store.put(&None, &Some(1)).unwrap_err().to_string(), "store `nullable`: the key is null");
    store.put(&Some(text("a")), &Some(1)).unwrap();
    store.put(&Some(text("a")), &None).unwrap();
    assert_eq!(store.get(&Some(text("a"))).unwrap(), None);
}

#[test]
fn changelog_topics_are_configured_as_kafkas() {
    let day = Duration::from_secs(24 * 3600);
    let configs = |spec: StoreSpec| spec.changelog().unwrap().topic_configs(day);
    expect![[r#"{"cleanup.policy": "compact", "message.timestamp.type": "CreateTime"}"#]]
        .assert_eq(&format!("{:?}", configs(counts().build())));
    expect![[
        r#"{"cleanup.policy": "compact,delete", "message.timestamp.type": "CreateTime", "retention.ms": "86520000"}"#
    ]]
    .assert_eq(&format!("{:?}", configs(windows().build())));
    let own = std::collections::BTreeMap::from([(text("retention.ms"), text("5"))]);
    assert_eq!(configs(windows().with_logging_enabled(own).build())["retention.ms"], "5");
    assert!(windows().with_logging_disabled().build().changelog().is_none());
}

/// What a store on disk holds until the next commit is counted, as rows grow and shrink, and given back by the commit.
#[cfg(feature = "rocksdb")]
#[test]
fn writes_since_the_last_commit_are_counted() {
    let fixture = Fixture::new(plain(), EngineKind::RocksDb);
    let any = fixture.open();
    let store = any.handle::<KeyValueStore<String, String>>().unwrap();
    assert_eq!(any.uncommitted_bytes(), 0);
    store.put(&text("a"), &text("1")).unwrap();
    let small = any.uncommitted_bytes();
    store.put(&text("a"), &"x".repeat(5_000)).unwrap();
    assert!(any.uncommitted_bytes() > small + 4_000, "{}", any.uncommitted_bytes());
    store.put(&text("b"), &text("1")).unwrap();
    store.delete(&text("b")).unwrap();
    assert_eq!(store.approximate_num_entries(), 2, "a deletion is a row until it is committed");
    any.commit(Some(Offset(3).into())).unwrap();
    assert_eq!(any.uncommitted_bytes(), 0);
    store.put(&text("a"), &text("1")).unwrap();
    assert_eq!(any.uncommitted_bytes(), small);
}

/// The changelog has what the store drops, as in Kafka Streams.
#[test]
fn an_expired_write_is_dropped_and_logged() {
    let fixture = Fixture::new(windows(), EngineKind::InMemory);
    let any = fixture.open();
    let store = any.handle::<TimestampedWindowStore<String, i64>>().unwrap();
    store.put(&text("a"), &1, Timestamp(7), Timestamp(200_000)).unwrap();
    // Two minutes before the latest window is a millisecond too early.
    for (start, is_live) in [(80_001, true), (80_000, false)] {
        store.put(&text("b"), &2, Timestamp(8), Timestamp(start)).unwrap();
        assert_eq!(store.fetch(&text("b"), Timestamp(start)).unwrap().is_some(), is_live, "{start}");
    }
    assert_eq!(any.dropped_expired(), 1);
    assert_eq!(fixture.log.0.take().len(), 3);
}

/// Segments go when all of their rows are past the retention, after commits and after restores.
#[rstest]
#[case::memory(EngineKind::InMemory)]
#[cfg_attr(feature = "rocksdb", case::rocksdb(EngineKind::RocksDb))]
fn expired_segments_are_dropped(#[case] engine: EngineKind) {
    let fixture = Fixture::new(windows(), engine);
    let open = |dir: &Path| fixture.spec.open(dir, EngineKind::InMemory).unwrap();
    let log = Some(Rc::clone(&fixture.log) as Rc<dyn ChangelogSink>);
    let mut layers = Layers::new(open(fixture.dir.path()), log, 0, Rc::clone(&fixture.time));
    for minute in 0..20 {
        let (start, mut key) = (Timestamp(minute * 60_000), Vec::new());
        layers.window().unwrap().push_segment(&mut key, start);
        key.push(b'a');
        push_window_suffix(&mut key, start);
        layers.put_window(&key, start, Some(&[0; 9])).unwrap();
        layers.commit(None).unwrap();
        assert!(layers.approximate_num_entries() <= 3, "minute {minute}: {}", layers.approximate_num_entries());
    }
    let other = tempfile::tempdir().unwrap();
    let mut restoring = open(other.path());
    for (offset, (key, value, timestamp)) in (0..).zip(&fixture.log.0.take()) {
        let row = ChangelogRow { key, value: value.as_deref(), timestamp: *timestamp };
        restoring.restore([row], Offset(offset)).unwrap();
    }
    assert!(restoring.engine.approximate_num_entries() <= 3, "{}", restoring.engine.approximate_num_entries());
}

/// What is late stays late when a store on disk is opened again.
#[cfg(feature = "rocksdb")]
#[test]
fn a_window_store_that_is_opened_again_knows_its_time() {
    let fixture = Fixture::new(windows(), EngineKind::RocksDb);
    {
        let any = fixture.open();
        let store = any.handle::<TimestampedWindowStore<String, i64>>().unwrap();
        store.put(&text("a"), &1, Timestamp(0), Timestamp(200_000)).unwrap();
        any.commit(Some(Offset(0).into())).unwrap();
        any.flush().unwrap();
    }
    let any = fixture.open();
    assert_eq!(any.committed_offset(), Some(Offset(0)));
    let store = any.handle::<TimestampedWindowStore<String, i64>>().unwrap();
    store.put(&text("a"), &2, Timestamp(0), Timestamp(0)).unwrap();
    assert_eq!(any.dropped_expired(), 1);
    assert!(store.fetch(&text("a"), Timestamp(200_000)).unwrap().is_some());
}

/// The rows of a key lie between those of longer keys that begin with it and go on with zeros, as times do.
#[rstest]
#[case::memory(EngineKind::InMemory)]
#[cfg_attr(feature = "rocksdb", case::rocksdb(EngineKind::RocksDb))]
fn rows_of_longer_keys_are_not_those_of_a_key(#[case] engine: EngineKind) {
    let fixture = Fixture::new(windows(), engine);
    let store = fixture.open().handle::<TimestampedWindowStore<String, i64>>().unwrap();
    for (key, value) in [("a", 1), ("a\0", 2), ("a\0\0", 3)] {
        store.put(&text(key), &value, Timestamp(0), Timestamp(50_000)).unwrap();
    }
    for (key, value) in [("a", 1), ("a\0", 2), ("a\0\0", 3)] {
        let found = rows(store.fetch_range(&text(key), Timestamp(0), Timestamp(60_000)).unwrap());
        assert_eq!(found, [(Timestamp(50_000), ValueAndTimestamp::new(value, Timestamp(0)))], "{key:?}");
    }
}

#[test]
fn a_row_leaves_the_cache_with_its_own_headers() {
    let fixture = Fixture::cached(counts(), EngineKind::InMemory, 1 << 20);
    let store = fixture.open().handle::<TimestampedKeyValueStore<String, i64>>().unwrap();
    store.set_flush_listener(FlushListener::New);
    let mut headers = crate::Headers::new();
    headers.push("trace", None);
    for (key, headers) in [("a", &crate::Headers::new()), ("b", &headers), ("c", &crate::Headers::new())] {
        store.set_next_headers(headers);
        store.put(&text(key), &1, Timestamp(1)).unwrap();
    }
    store.flush_cache().unwrap();
    let with_headers = drain(|slot| store.next_flushed(slot), |row| format!("{} {}", row.key, row.headers.len()));
    assert_eq!(with_headers, "a 0\nb 1\nc 0\n");
}

//! What leaves the cache, when, and in which order.

use expect_test::{expect, Expect};

use super::*;

fn put(cache: &mut Cache, rows: &[(&str, Option<&str>)]) {
    for (at, (key, value)) in rows.iter().enumerate() {
        cache.put(key.as_bytes(), value.map(str::as_bytes), Timestamp(at as i64), None);
    }
}

fn drain(cache: &mut Cache, expected: Expect) {
    let mut text = String::new();
    while let Some((index, row)) = cache.pop_dirty() {
        let key = String::from_utf8_lossy(row.key);
        let value = row.value.map(String::from_utf8_lossy);
        text.push_str(&format!("{key} = {value:?} @ {}\n", row.timestamp));
        cache.forget_deletion(index);
    }
    expected.assert_eq(&text);
}

#[test]
fn dirty_rows_leave_in_the_order_of_their_last_write() {
    let mut cache = Cache::new(usize::MAX);
    put(&mut cache, &[("a", Some("1")), ("b", Some("2")), ("c", None), ("a", Some("333"))]);
    drain(
        &mut cache,
        expect![[r#"
        b = Some("2") @ 1
        c = None @ 2
        a = Some("333") @ 3
    "#]],
    );
    drain(&mut cache, expect![""]);
    let index = cache.touch(b"a").unwrap();
    assert_eq!(cache.value(index), Some(&b"333"[..]));
    assert_eq!(cache.touch(b"c"), None);
}

#[test]
fn a_dirty_victim_goes_first_and_takes_all_dirty_rows_along() {
    let mut cache = Cache::new(3 * ROW_OVERHEAD_BYTES);
    put(&mut cache, &[("a", Some("1")), ("b", Some("2")), ("c", Some("3"))]);
    cache.put(b"a", Some(b"4"), Timestamp(9), None);
    assert!(!cache.is_over_budget());
    cache.put(b"d", Some(b"5"), Timestamp(10), None);
    assert!(cache.is_over_budget());
    assert!(cache.evict_clean());
    drain(
        &mut cache,
        expect![[r#"
        b = Some("2") @ 1
        c = Some("3") @ 2
        a = Some("4") @ 9
        d = Some("5") @ 10
    "#]],
    );
    assert!(!cache.evict_clean());
    assert_eq!(cache.touch(b"b"), None);
    assert!(cache.touch(b"c").is_some());
    assert_eq!(cache.bytes(), 3 * ROW_OVERHEAD_BYTES);
}

#[test]
fn clean_rows_leave_by_last_use() {
    let mut cache = Cache::new(2 * ROW_OVERHEAD_BYTES);
    cache.keep_clean(b"a", b"1");
    cache.keep_clean(b"b", b"2");
    assert!(cache.touch(b"a").is_some());
    cache.keep_clean(b"c", b"3");
    assert!(!cache.evict_clean());
    let mut rows = Rows::default();
    cache.scan((std::ops::Bound::Unbounded, std::ops::Bound::Unbounded), Direction::Forward, &mut rows);
    assert_eq!(rows.iter().map(|(key, _)| key.to_vec()).collect::<Vec<_>>(), [b"a".to_vec(), b"c".to_vec()]);
}

/// The victim is the row that was used longest ago, which need not be the one written longest ago.
#[test]
fn the_victim_goes_before_rows_that_were_written_earlier() {
    let mut cache = Cache::new(2 * ROW_OVERHEAD_BYTES);
    put(&mut cache, &[("a", Some("1")), ("b", Some("2"))]);
    assert!(cache.touch(b"a").is_some());
    put(&mut cache, &[("c", Some("3"))]);
    assert!(cache.evict_clean());
    drain(
        &mut cache,
        expect![[r#"
        b = Some("2") @ 1
        a = Some("1") @ 0
        c = Some("3") @ 0
    "#]],
    );
    assert!(!cache.evict_clean());
    assert_eq!((cache.touch(b"b"), cache.touch(b"a").is_some()), (None, true));
}

#[test]
fn the_victim_goes_first_after_a_flush_that_failed_too() {
    let mut cache = Cache::new(3 * ROW_OVERHEAD_BYTES);
    put(&mut cache, &[("a", Some("1")), ("b", Some("2")), ("c", Some("3"))]);
    assert!(cache.pop_dirty().is_some());
    assert!(cache.touch(b"b").is_some());
    cache.keep_clean(b"d", b"4");
    assert!(!cache.evict_clean());
    cache.keep_clean(b"e", b"5");
    assert!(cache.evict_clean());
    drain(
        &mut cache,
        expect![[r#"
            c = Some("3") @ 2
            b = Some("2") @ 1
        "#]],
    );
}

#[test]
fn rows_count_by_their_size_now() {
    let mut cache = Cache::new(2 * ROW_OVERHEAD_BYTES);
    let long = "x".repeat(2 * ROW_OVERHEAD_BYTES);
    put(&mut cache, &[("a", Some("1"))]);
    let before = cache.bytes();
    put(&mut cache, &[("a", Some(&long))]);
    assert!(cache.is_over_budget(), "{} bytes", cache.bytes());
    put(&mut cache, &[("a", Some("1"))]);
    put(&mut cache, &[("b", None)]);
    assert!(cache.bytes() >= before + ROW_OVERHEAD_BYTES);
    while let Some((index, _)) = cache.pop_dirty() {
        cache.forget_deletion(index);
    }
    cache.set_budget(0);
    assert!(!cache.evict_clean());
    assert_eq!(cache.bytes(), 0, "nothing is left that would count");
}

#[test]
fn a_row_leaves_with_the_headers_of_its_last_write() {
    let mut cache = Cache::new(usize::MAX);
    let mut headers = Headers::new();
    headers.push("trace", None);
    for (value, headers) in [("1", None), ("2", Some(Box::new(headers))), ("3", None)] {
        let expected = headers.is_some();
        cache.put(b"a", Some(value.as_bytes()), Timestamp(1), headers.clone());
        cache.put(b"b", Some(value.as_bytes()), Timestamp(1), headers);
        if value == "2" {
            continue;
        }
        let (_, row) = cache.pop_dirty().expect("it is dirty");
        assert_eq!((row.key, row.headers.is_some()), (&b"a"[..], expected), "{value}");
    }
}

/// One key, its value, when it was used and written, and whether it is dirty.
type Modelled = (u8, Option<u8>, usize, usize, bool);

/// A list that is searched from end to end at every step.
#[derive(Default)]
struct Model(Vec<Modelled>);

impl Model {
    fn put(&mut self, key: u8, value: Option<u8>, now: usize) {
        self.0.retain(|row| row.0 != key);
        self.0.push((key, value, now, now, true));
    }

    fn touch(&mut self, key: u8, now: usize) -> bool {
        let row = self.0.iter_mut().find(|row| row.0 == key);
        row.map(|row| row.2 = now).is_some()
    }

    fn flush(&mut self, rows_max: usize, flushed: &mut Vec<(u8, Option<u8>)>) {
        self.0.sort_by_key(|row| row.3);
        for row in self.0.iter_mut().filter(|row| row.4).take(rows_max) {
            flushed.push((row.0, row.1));
            row.4 = false;
        }
        self.0.retain(|row| row.1.is_some() || row.4);
    }

    fn evict(&mut self, rows_max: usize, flushed: &mut Vec<(u8, Option<u8>)>) {
        while self.0.len() > rows_max {
            self.0.sort_by_key(|row| row.2);
            if self.0[0].4 {
                self.0[0].3 = 0;
                self.flush(usize::MAX, flushed);
            } else {
                self.0.remove(0);
            }
        }
    }
}

fn flush(cache: &mut Cache, rows_max: usize, flushed: &mut Vec<(u8, Option<u8>)>) {
    for _ in 0..rows_max {
        let Some((index, row)) = cache.pop_dirty() else { break };
        flushed.push((u8::try_from(row.key.len()).unwrap(), row.value.map(|value| value[0])));
        cache.forget_deletion(index);
    }
}

proptest::proptest! {
    /// What leaves the cache, and in which order, over any sequence of uses, writes, deletions and flushes.
    #[test]
    fn rows_leave_as_from_a_list_that_is_searched(
        rows_max in 1_usize..6,
        steps in proptest::collection::vec((0_u8..6, 0_u8..9), 1..200),
    ) {
        let mut cache = Cache::new(rows_max * ROW_OVERHEAD_BYTES);
        let (mut model, mut flushed, mut expected) = (Model::default(), Vec::new(), Vec::new());
        for (at, (step, key)) in steps.into_iter().enumerate() {
            let (now, value, bytes) = (at + 1, u8::try_from(at % 251).unwrap(), vec![b'k'; usize::from(key)]);
            match step {
                0 => {
                    cache.put(&bytes, Some(&[value]), Timestamp(0), None);
                    model.put(key, Some(value), now);
                }
                1 => {
                    cache.put(&bytes, None, Timestamp(0), None);
                    model.put(key, None, now);
                }
                2 => proptest::prop_assert_eq!(cache.touch(&bytes).is_some(), model.touch(key, now)),
                3 if model.touch(key, now) => proptest::prop_assert!(cache.touch(&bytes).is_some()),
                3 => {
                    cache.keep_clean(&bytes, &[value]);
                    model.0.push((key, Some(value), now, 0, false));
                }
                _ => {
                    // One row is as far as a flush comes that fails.
                    let rows = if step == 4 { 1 } else { usize::MAX };
                    flush(&mut cache, rows, &mut flushed);
                    model.flush(rows, &mut expected);
                }
            }
            while cache.evict_clean() {
                flush(&mut cache, usize::MAX, &mut flushed);
            }
            model.evict(rows_max, &mut expected);
            proptest::prop_assert_eq!(&flushed, &expected, "after step {}", now);
            proptest::prop_assert_eq!(cache.bytes(), model.0.len() * ROW_OVERHEAD_BYTES);
        }
    }
}

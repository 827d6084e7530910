//! The bytes of rows: how a store's keys and values look inside, and what of them the changelog sees.
//!
//! ```text
//! store            key inside                                 changelog key            row inside        changelog value
//! key-value        key                                        key                      value             value
//!   timestamped    key                                        key                      i64 ts ‖ value    value (record ts = ts)
//! window           i64 segment ‖ key ‖ i64 start ‖ i32 seq    key ‖ i64 start ‖ i32 seq    as above       as above
//! ```
//!
//! Integers are big-endian. Changelog bytes are Kafka Streams' own. The segment number (`start / segment interval`)
//! stands in front only inside: it gives all layers one order of keys, that of Kafka's segmented stores (segment by
//! segment, then key, then time), and lets an engine drop a segment whole. `seq` is always 0: a store that keeps
//! duplicates does not exist yet.
//!
//! Keys of different lengths are concatenated without a length, so a range over one key can contain rows of longer
//! keys; readers compare the key bytes of each row.

use std::ops::Bound;
use std::time::Duration;

use super::engine::SEGMENT_BYTES;
use crate::time::{duration_ms, Timestamp};

/// The bytes of a row's timestamp.
pub(crate) const TIMESTAMP_BYTES: usize = 8;
/// The bytes behind the key of a window row: start and seq.
const WINDOW_SUFFIX_BYTES: usize = 12;
/// The seq of every row of a store without duplicates.
const SEQ: i32 = 0;
/// Kafka's lower bound of a segment's length, whatever the retention.
const SEGMENT_INTERVAL_MS_MIN: i64 = 60_000;

/// What keys look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyShape {
    /// Bytes without meaning.
    Plain,
    /// Segment, key, window start, seq.
    Window(WindowShape),
}

/// The numbers of a window store that its rows depend on, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WindowShape {
    pub(crate) retention_ms: i64,
    pub(crate) window_size_ms: i64,
    pub(crate) segment_interval_ms: i64,
}

/// What values look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueShape {
    /// The value alone; its changelog record has the time of the record in process.
    Plain,
    /// A timestamp in front, which is also the time of the changelog record.
    Timestamped,
}

/// The shape of a store's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Schema {
    pub(crate) keys: KeyShape,
    pub(crate) values: ValueShape,
}

impl Schema {
    /// How many bytes of an inner key the changelog does not see.
    #[inline]
    pub(crate) fn hidden_key_bytes(self) -> usize {
        match self.keys {
            KeyShape::Plain => 0,
            KeyShape::Window(_) => SEGMENT_BYTES,
        }
    }

    /// Names the bytes that lie on disk. Rows under another name cannot be read as these, and changelogs tell no
    /// difference: a change of it is a restoration. The number in front counts changes of the engines' own layout.
    #[cfg(feature = "rocksdb")]
    pub(crate) fn format(self) -> String {
        let keys = match self.keys {
            KeyShape::Plain => "plain".to_owned(),
            KeyShape::Window(shape) => format!("windows in segments of {} ms", shape.segment_interval_ms),
        };
        let values = match self.values {
            ValueShape::Plain => "plain",
            ValueShape::Timestamped => "timestamped",
        };
        format!("1: keys {keys}, values {values}")
    }

    /// The window numbers, for a window store.
    pub(crate) fn window(self) -> Option<WindowShape> {
        match self.keys {
            KeyShape::Plain => None,
            KeyShape::Window(shape) => Some(shape),
        }
    }
}

impl WindowShape {
    /// Kafka's choice of segments: two per retention, at least a minute each.
    pub(crate) fn new(retention: Duration, window_size: Duration) -> Self {
        let retention_ms = duration_ms(retention);
        Self {
            retention_ms,
            window_size_ms: duration_ms(window_size),
            segment_interval_ms: (retention_ms / 2).max(SEGMENT_INTERVAL_MS_MIN),
        }
    }

    /// The segment of a window start. Negative starts never reach a store.
    #[inline]
    pub(crate) fn segment(self, start: Timestamp) -> i64 {
        start.0 / self.segment_interval_ms
    }

    /// The earliest window start that still lives when the latest one put is `stream_time`.
    #[inline]
    pub(crate) fn earliest_live(self, stream_time: Timestamp) -> Timestamp {
        Timestamp(stream_time.0.saturating_sub(self.retention_ms).saturating_add(1).max(0))
    }

    /// The end of a window that starts at `start`.
    pub(crate) fn end(self, start: Timestamp) -> Timestamp {
        Timestamp(start.0.saturating_add(self.window_size_ms))
    }

    /// Starts a window key: the key's own bytes follow, then [`push_window_suffix`].
    #[inline]
    pub(crate) fn push_segment(self, out: &mut Vec<u8>, start: Timestamp) {
        out.extend_from_slice(&self.segment(start).to_be_bytes());
    }

    /// Puts the segment in front of a changelog key; `None` when the bytes are no window key.
    pub(crate) fn inner_key(self, changelog_key: &[u8], out: &mut Vec<u8>) -> Option<Timestamp> {
        let start = start_of(changelog_key)?;
        if start.0 < 0 {
            return None;
        }
        out.clear();
        self.push_segment(out, start);
        out.extend_from_slice(changelog_key);
        Some(start)
    }

    /// The scans that find the rows of `key` (its own bytes) with starts in `from..=to`: one per segment, in order.
    pub(crate) fn key_ranges(self, key: &[u8], from: Timestamp, to: Timestamp) -> Vec<KeyRange> {
        if from > to {
            return Vec::new();
        }
        let bound = |segment: i64, start: Timestamp, seq: i32| {
            let mut bytes = Vec::with_capacity(SEGMENT_BYTES + key.len() + WINDOW_SUFFIX_BYTES);
            bytes.extend_from_slice(&segment.to_be_bytes());
            bytes.extend_from_slice(key);
            bytes.extend_from_slice(&start.0.to_be_bytes());
            bytes.extend_from_slice(&seq.to_be_bytes());
            Bound::Included(bytes)
        };
        (self.segment(from)..=self.segment(to))
            .map(|segment| KeyRange { from: bound(segment, from, 0), to: bound(segment, to, i32::MAX) })
            .collect()
    }

    /// The scan over all segments that can hold starts in `from..=to`.
    pub(crate) fn time_range(self, from: Timestamp, to: Timestamp) -> Vec<KeyRange> {
        if from > to {
            return Vec::new();
        }
        let bound = |segment: i64| segment.to_be_bytes().to_vec();
        vec![KeyRange {
            from: Bound::Included(bound(self.segment(from))),
            to: Bound::Excluded(bound(self.segment(to).saturating_add(1))),
        }]
    }
}

/// Ends a window key behind the key's own bytes.
#[inline]
pub(crate) fn push_window_suffix(out: &mut Vec<u8>, start: Timestamp) {
    out.extend_from_slice(&start.0.to_be_bytes());
    out.extend_from_slice(&SEQ.to_be_bytes());
}

/// The window start of a window key, inner or of the changelog.
#[inline]
pub(crate) fn start_of(window_key: &[u8]) -> Option<Timestamp> {
    let suffix = window_key.last_chunk::<WINDOW_SUFFIX_BYTES>()?;
    suffix.first_chunk::<8>().map(|bytes| Timestamp(i64::from_be_bytes(*bytes)))
}

/// The key's own bytes and the window start of an inner window key.
#[inline]
pub(crate) fn split_window_key(inner_key: &[u8]) -> Option<(&[u8], Timestamp)> {
    let start = start_of(inner_key)?;
    let key = inner_key.get(SEGMENT_BYTES..inner_key.len() - WINDOW_SUFFIX_BYTES)?;
    Some((key, start))
}

/// The timestamp and the value's own bytes of a timestamped row.
#[inline]
pub(crate) fn split_timestamped(row: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (timestamp, value) = row.split_first_chunk::<TIMESTAMP_BYTES>()?;
    Some((Timestamp(i64::from_be_bytes(*timestamp)), value))
}

/// Owned bounds of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyRange {
    pub(crate) from: Bound<Vec<u8>>,
    pub(crate) to: Bound<Vec<u8>>,
}

impl KeyRange {
    /// Every key.
    pub(crate) fn all() -> Self {
        Self { from: Bound::Unbounded, to: Bound::Unbounded }
    }

    /// The keys that begin with `prefix`.
    pub(crate) fn prefix(prefix: Vec<u8>) -> Self {
        let to = after_prefix(&prefix).map_or(Bound::Unbounded, Bound::Excluded);
        Self { from: Bound::Included(prefix), to }
    }
}

/// The smallest key behind all keys that begin with `prefix`; none when the prefix is all `0xff`.
fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut after = prefix[..=last].to_vec();
    after[last] += 1;
    Some(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka_fixtures as fixtures;
    use crate::state::engine::segment_of;

    const MINUTE: i64 = 60_000;

    fn shape() -> WindowShape {
        WindowShape::new(Duration::from_secs(600), Duration::from_secs(60))
    }

    #[test]
    fn window_keys_of_changelogs_are_kafkas() {
        let text = String::from_utf8(fixtures::bytes("stores.jsonl")).unwrap();
        let mut checked = 0;
        for line in fixtures::parse(&text).iter().filter(|line| line["format"] == "windowKey") {
            let key = line["key"].as_str().unwrap().as_bytes();
            let start = Timestamp(line["timestamp"].as_str().unwrap().parse().unwrap());
            let kafkas = fixtures::unhex(line["bytes"].as_str().unwrap());
            let mut inner = Vec::new();
            assert_eq!(shape().inner_key(&kafkas, &mut inner), Some(start), "{line}");
            assert_eq!(split_window_key(&inner), Some((key, start)), "{line}");
            if line["seq"] == SEQ {
                let mut ours = key.to_vec();
                push_window_suffix(&mut ours, start);
                assert_eq!(ours, kafkas, "{line}");
                checked += 1;
            }
        }
        assert_eq!(checked, 12);
    }

    #[test]
    fn a_window_key_is_kafkas_behind_its_segment() {
        let shape = shape();
        assert_eq!(shape.segment_interval_ms, 5 * MINUTE);
        let mut key = Vec::new();
        shape.push_segment(&mut key, Timestamp(11 * MINUTE));
        key.extend_from_slice(b"ab");
        push_window_suffix(&mut key, Timestamp(11 * MINUTE));
        let expected = [&2_i64.to_be_bytes()[..], b"ab", &(11 * MINUTE).to_be_bytes(), &[0; 4]].concat();
        assert_eq!(key, expected);
        assert_eq!(segment_of(&key), Some(2));
        assert_eq!(split_window_key(&key), Some((&b"ab"[..], Timestamp(11 * MINUTE))));

        let mut again = Vec::new();
        assert_eq!(shape.inner_key(&key[8..], &mut again), Some(Timestamp(11 * MINUTE)));
        assert_eq!(again, key);
    }

    #[test]
    fn damaged_window_keys_are_none() {
        assert_eq!(shape().inner_key(b"short", &mut Vec::new()), None);
        let negative = [b"k", &(-1_i64).to_be_bytes()[..], &[0; 4]].concat();
        assert_eq!(shape().inner_key(&negative, &mut Vec::new()), None);
        assert_eq!(split_window_key(&[0; 19]), None);
        assert_eq!(split_window_key(&[0; 20]), Some((&[][..], Timestamp(0))));
        assert_eq!(split_timestamped(&[0; 7]), None);
    }

    #[test]
    fn segments_are_at_least_a_minute() {
        let short = WindowShape::new(Duration::from_secs(10), Duration::from_secs(1));
        assert_eq!(short.segment_interval_ms, MINUTE);
        assert_eq!(short.earliest_live(Timestamp(30_000)), Timestamp(20_001));
        assert_eq!(short.earliest_live(Timestamp(500)), Timestamp(0));
    }

    #[test]
    fn a_prefix_ends_before_its_successor() {
        assert_eq!(KeyRange::prefix(b"ab".to_vec()).to, Bound::Excluded(b"ac".to_vec()));
        assert_eq!(KeyRange::prefix(b"a\xff".to_vec()).to, Bound::Excluded(b"b".to_vec()));
        assert_eq!(KeyRange::prefix(b"\xff".to_vec()).to, Bound::Unbounded);
    }
}

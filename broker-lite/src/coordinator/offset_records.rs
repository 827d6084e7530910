//! The records of `__consumer_offsets`, in Kafka's format, so that Kafka's tools can read the topic.
//!
//! ```text
//! key    version i16 = 1 | group string | topic string | partition i32
//! value  version i16 = 3 | offset i64 | leader epoch i32 | metadata string | commit timestamp i64
//! ```
//!
//! Strings have a length of i16 in front; a null value deletes. Source: Kafka's `OffsetCommitKey` and
//! `OffsetCommitValue`. Keys of other kinds belong to group memberships and are skipped.

use streams_core::time::Timestamp;

/// The versions written.
const KEY_VERSION: i16 = 1;
const VALUE_VERSION: i16 = 3;
/// Commit keys before and now.
const COMMIT_KEY_VERSIONS: std::ops::RangeInclusive<i16> = 0..=1;

/// Which position a record is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CommitKey {
    pub(crate) group: String,
    pub(crate) topic: String,
    pub(crate) partition: i32,
}

/// A committed position.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitValue {
    pub(crate) offset: i64,
    pub(crate) leader_epoch: i32,
    pub(crate) metadata: String,
    pub(crate) commit_timestamp: Timestamp,
}

impl CommitKey {
    /// Writes the key into a buffer that is emptied first.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&KEY_VERSION.to_be_bytes());
        put_string(out, &self.group);
        put_string(out, &self.topic);
        out.extend_from_slice(&self.partition.to_be_bytes());
    }

    /// Reads a key; `None` when it is of another kind or malformed.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        if !COMMIT_KEY_VERSIONS.contains(&fields.i16()?) {
            return None;
        }
        let (group, topic, partition) = (fields.string()?, fields.string()?, fields.i32()?);
        fields.0.is_empty().then_some(Self { group, topic, partition })
    }
}

impl CommitValue {
    /// Writes the value into a buffer that is emptied first.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&VALUE_VERSION.to_be_bytes());
        out.extend_from_slice(&self.offset.to_be_bytes());
        out.extend_from_slice(&self.leader_epoch.to_be_bytes());
        put_string(out, &self.metadata);
        out.extend_from_slice(&self.commit_timestamp.0.to_be_bytes());
    }

    /// Reads a value; `None` when it is malformed or of a version that this broker never wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        if fields.i16()? != VALUE_VERSION {
            return None;
        }
        let (offset, leader_epoch, metadata) = (fields.i64()?, fields.i32()?, fields.string()?);
        Some(Self { offset, leader_epoch, metadata, commit_timestamp: Timestamp(fields.i64()?) })
    }
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    let length = i16::try_from(text.len()).expect("names and metadata were checked against smaller limits");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_be_bytes)
    }

    fn i32(&mut self) -> Option<i32> {
        self.array().map(i32::from_be_bytes)
    }

    fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_be_bytes)
    }

    fn string(&mut self) -> Option<String> {
        let length = usize::try_from(self.i16()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_kafkas_bytes() {
        let key = CommitKey { group: "g".to_owned(), topic: "t1".to_owned(), partition: 3 };
        let mut bytes = Vec::new();
        key.encode(&mut bytes);
        assert_eq!(bytes, [0, 1, 0, 1, b'g', 0, 2, b't', b'1', 0, 0, 0, 3]);
        assert_eq!(CommitKey::decode(&bytes), Some(key));
        let value =
            CommitValue { offset: 258, leader_epoch: 2, metadata: "m".to_owned(), commit_timestamp: Timestamp(5) };
        value.encode(&mut bytes);
        assert_eq!(bytes, [0, 3, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 2, 0, 1, b'm', 0, 0, 0, 0, 0, 0, 0, 5]);
        assert_eq!(CommitValue::decode(&bytes), Some(value));
    }

    #[test]
    fn damaged_records_are_none() {
        let mut bytes = Vec::new();
        CommitKey { group: "group".to_owned(), topic: "t".to_owned(), partition: 0 }.encode(&mut bytes);
        for length in 0..bytes.len() {
            assert_eq!(CommitKey::decode(&bytes[..length]), None);
        }
        assert_eq!(CommitKey::decode(&[0, 2, 0, 1, b'g']), None);
        assert_eq!(CommitKey::decode(&[0, 1, 0xff, 0xff]), None);
        assert_eq!(CommitValue::decode(&[0, 9]), None);
    }
}

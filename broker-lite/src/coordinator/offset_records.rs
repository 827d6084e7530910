//! The records of `__consumer_offsets`, in Kafka's format, so that Kafka's tools can read the topic.
//!
//! ```text
//! key    version i16 = 1 | group string | topic string | partition i32
//! value  version i16 = 4 | offset i64 | leader epoch i32 | metadata compact string | commit timestamp i64 | tagged fields
//!        version i16 = 3 | offset i64 | leader epoch i32 | metadata string | commit timestamp i64
//! ```
//!
//! Strings have a length of i16 in front, compact ones their length + 1 as a varint; a null value deletes. The tagged
//! field 0 is the id of the topic: positions in a topic that is gone are not those of its successor. Version 3, which
//! has none, is read and not written. Source: Kafka's `OffsetCommitKey` and `OffsetCommitValue`. Keys of other kinds
//! belong to group memberships and are skipped.

use streams_core::time::Timestamp;
use uuid::Uuid;

/// The versions written.
const KEY_VERSION: i16 = 1;
const VALUE_VERSION: i16 = 4;
/// The version without the id of the topic.
const VALUE_VERSION_WITHOUT_ID: i16 = 3;
/// The tagged field that holds the id of the topic.
const TOPIC_ID_TAG: u32 = 0;
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
    /// Nil when the record does not say.
    pub(crate) topic_id: Uuid,
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
    /// Whether this may be a position in the topic of this id.
    pub(crate) fn is_of(&self, topic_id: Uuid) -> bool {
        self.topic_id.is_nil() || self.topic_id == topic_id
    }

    /// Writes the value into a buffer that is emptied first.
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&VALUE_VERSION.to_be_bytes());
        out.extend_from_slice(&self.offset.to_be_bytes());
        out.extend_from_slice(&self.leader_epoch.to_be_bytes());
        let length = u32::try_from(self.metadata.len()).expect("metadata was checked against a smaller limit");
        put_varint(out, length + 1);
        out.extend_from_slice(self.metadata.as_bytes());
        out.extend_from_slice(&self.commit_timestamp.0.to_be_bytes());
        let id = self.topic_id.as_bytes();
        if self.topic_id.is_nil() {
            put_varint(out, 0);
        } else {
            // One field of 16 bytes.
            [1, TOPIC_ID_TAG, 16].into_iter().for_each(|number| put_varint(out, number));
            out.extend_from_slice(id);
        }
    }

    /// Reads a value; `None` when it is malformed or of a version that this broker never wrote.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let version = fields.i16()?;
        if version != VALUE_VERSION && version != VALUE_VERSION_WITHOUT_ID {
            return None;
        }
        let has_id = version == VALUE_VERSION;
        let (offset, leader_epoch) = (fields.i64()?, fields.i32()?);
        let metadata = if has_id { fields.compact_string()? } else { fields.string()? };
        let commit_timestamp = Timestamp(fields.i64()?);
        let topic_id = if has_id { fields.tagged_topic_id()? } else { Uuid::nil() };
        Some(Self { offset, leader_epoch, metadata, commit_timestamp, topic_id })
    }
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    let length = i16::try_from(text.len()).expect("names and metadata were checked against smaller limits");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn put_varint(out: &mut Vec<u8>, mut number: u32) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
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

    fn varint(&mut self) -> Option<u32> {
        let mut number = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array()?;
            number |= u32::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// The topic id among the tagged fields, nil when it is not there; others are skipped.
    fn tagged_topic_id(&mut self) -> Option<Uuid> {
        let mut id = Uuid::nil();
        for _ in 0..self.varint()? {
            let (tag, size) = (self.varint()?, usize::try_from(self.varint()?).ok()?);
            let (field, rest) = self.0.split_at_checked(size)?;
            self.0 = rest;
            if tag == TOPIC_ID_TAG {
                id = Uuid::from_slice(field).ok()?;
            }
        }
        Some(id)
    }

    fn compact_string(&mut self) -> Option<String> {
        let length = usize::try_from(self.varint()?.checked_sub(1)?).ok()?;
        self.text(length)
    }

    fn string(&mut self) -> Option<String> {
        let length = usize::try_from(self.i16()?).ok()?;
        self.text(length)
    }

    fn text(&mut self, length: usize) -> Option<String> {
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
        let topic_id = Uuid::from_bytes([9; 16]);
        let value = CommitValue {
            offset: 258,
            leader_epoch: 2,
            metadata: "m".to_owned(),
            commit_timestamp: Timestamp(5),
            topic_id,
        };
        value.encode(&mut bytes);
        let fields =
            [&[0, 4, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 2, 2, b'm', 0, 0, 0, 0, 0, 0, 0, 5, 1, 0, 16][..], &[9; 16]];
        assert_eq!(bytes, fields.concat());
        assert_eq!(CommitValue::decode(&bytes), Some(value.clone()));
        let without_id = [0, 3, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 2, 0, 1, b'm', 0, 0, 0, 0, 0, 0, 0, 5];
        let value = CommitValue { topic_id: Uuid::nil(), ..value };
        assert_eq!(CommitValue::decode(&without_id), Some(value.clone()));
        assert!(value.is_of(topic_id));
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
        let value = CommitValue {
            offset: 1,
            leader_epoch: 0,
            metadata: "metadata".repeat(20),
            commit_timestamp: Timestamp(5),
            topic_id: Uuid::from_bytes([9; 16]),
        };
        value.encode(&mut bytes);
        for length in 0..bytes.len() {
            assert_eq!(CommitValue::decode(&bytes[..length]), None, "{length}");
        }
        assert_eq!(CommitValue::decode(&bytes), Some(value));
    }
}

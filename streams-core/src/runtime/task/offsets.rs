//! What a task commits for a partition: the offset of the next record, and Kafka Streams' metadata beside it.
//!
//! The metadata is base64 text of `i8 version = 2 ‖ i64 partition time`, big-endian, and for processors that keep some
//! `i32 n ‖ n × (i32 length ‖ UTF-8 key ‖ i64)`. Version 1 always ends after the partition time. It restores the partition time after a restart, so that late
//! records stay late. Text that does not decode means "unknown": an operator may have set the offset by hand.

use crate::ids::{Offset, TopicPartition};
use crate::time::Timestamp;

const VERSION: u8 = 2;
/// Version and partition time: what we write.
const ENCODED_LEN: usize = 9;
/// Longer metadata is not Kafka Streams'; brokers refuse more than 4,096 bytes by default.
const TEXT_LEN_MAX: usize = 1 << 16;

/// How far a task has come on a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittableOffset {
    /// The input.
    pub topic_partition: TopicPartition,
    /// The offset of the next record to process.
    pub offset: Offset,
    /// The leader epoch of the last batch that was read; -1 when unknown.
    pub leader_epoch: i32,
    /// The metadata to commit beside it.
    pub metadata: String,
}

/// What the metadata of a committed offset says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionMetadata {
    /// The largest timestamp processed from the partition; [`Timestamp::UNKNOWN`] when none was.
    pub partition_time: Timestamp,
}

impl PartitionMetadata {
    /// The text to commit.
    pub fn encode(self) -> String {
        let mut bytes = [0; ENCODED_LEN];
        bytes[0] = VERSION;
        bytes[1..9].copy_from_slice(&self.partition_time.0.to_be_bytes());
        to_base64(&bytes)
    }

    /// Reads committed text; what is not Kafka Streams' own says that the partition time is unknown.
    pub fn decode(text: &str) -> Self {
        let unknown = Self { partition_time: Timestamp::UNKNOWN };
        let Some(bytes) = from_base64(text) else { return unknown };
        match bytes.split_first() {
            Some((1 | 2, rest)) => match rest.first_chunk() {
                Some(time) => Self { partition_time: Timestamp(i64::from_be_bytes(*time)) },
                None => unknown,
            },
            _ => unknown,
        }
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn to_base64(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = (bits >> (18 - 6 * place)) & 63;
            text.push(if place > chunk.len() { '=' } else { char::from(ALPHABET[index as usize]) });
        }
    }
    text
}

fn from_base64(text: &str) -> Option<Vec<u8>> {
    if text.len() > TEXT_LEN_MAX || !text.len().is_multiple_of(4) {
        return None;
    }
    let digits = text.trim_end_matches('=').as_bytes();
    if text.len() - digits.len() > 2 {
        return None;
    }
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    for chunk in digits.chunks(4) {
        let mut bits = 0_u32;
        for digit in chunk {
            let value = ALPHABET.iter().position(|letter| letter == digit)?;
            bits = bits << 6 | u32::try_from(value).ok()?;
        }
        bits <<= 6 * (4 - chunk.len());
        bytes.extend_from_slice(&bits.to_be_bytes()[1..chunk.len()]);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    /// The texts are those of Kafka's `TopicPartitionMetadata`.
    #[rstest]
    #[case(-1, "Av//////////")]
    #[case(0, "AgAAAAAAAAAA")]
    #[case(1_700_000_000_123, "AgAAAYvP5Wh7")]
    fn partition_time_survives_a_commit(#[case] time: i64, #[case] text: &str) {
        let metadata = PartitionMetadata { partition_time: Timestamp(time) };
        assert_eq!(metadata.encode(), text);
        assert_eq!(PartitionMetadata::decode(text), metadata);
    }

    #[rstest]
    #[case::version_one("AQAAAYvP5Wh7", 1_700_000_000_123)]
    #[case::with_processor_metadata("AgAAAYvP5Wh7AAAAAA==", 1_700_000_000_123)]
    #[case::empty("", -1)]
    #[case::by_hand("reset by the operator", -1)]
    #[case::no_base64("A===", -1)]
    #[case::short("AgAA", -1)]
    #[case::newer("AwAAAYvP5Wh7", -1)]
    fn other_text_is_read_or_unknown(#[case] text: &str, #[case] time: i64) {
        assert_eq!(PartitionMetadata::decode(text).partition_time, Timestamp(time));
    }
}

//! Which partition a record goes to: Kafka's murmur2 of the key, or one that sticks for a batch when there is none.
//!
//! The numbers are Kafka's own, so that a topic written by a Java program and by this one has each key in one place.

use crate::client::retry::Random;
use crate::ids::Partition;

/// The seed and the constants of Kafka's variant of MurmurHash2 (32 bit).
const SEED: u32 = 0x9747_b28c;
const MULTIPLIER: u32 = 0x5bd1_e995;
const SHIFT: u32 = 24;

/// Kafka's hash of a key.
#[expect(clippy::cast_possible_truncation, reason = "the algorithm takes the length modulo 2^32")]
pub fn murmur2(bytes: &[u8]) -> i32 {
    let mut hash = SEED ^ bytes.len() as u32;
    let (words, tail) = bytes.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(MULTIPLIER);
        k ^= k >> SHIFT;
        hash = hash.wrapping_mul(MULTIPLIER) ^ k.wrapping_mul(MULTIPLIER);
    }
    for (index, byte) in tail.iter().enumerate().rev() {
        hash ^= u32::from(*byte) << (8 * index);
    }
    if !tail.is_empty() {
        hash = hash.wrapping_mul(MULTIPLIER);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(MULTIPLIER);
    hash ^= hash >> 15;
    hash.cast_signed()
}

/// The partition of a key among `count`, which is at least 1.
#[inline]
pub fn partition_for_key(key: &[u8], count: i32) -> Partition {
    Partition((murmur2(key) & i32::MAX) % count.max(1))
}

/// Chooses partitions for records without a key: one until enough was sent to it, then another.
#[derive(Debug)]
pub(super) struct Sticky {
    random: Random,
    current: Partition,
    bytes_left: usize,
}

impl Sticky {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed), current: Partition(0), bytes_left: 0 }
    }

    /// The partition for the next `bytes` among `count`; moves on after `batch_size` bytes.
    pub(super) fn next(&mut self, count: i32, bytes: usize, batch_size: usize) -> Partition {
        if self.bytes_left == 0 || self.current.0 >= count {
            let below = u64::try_from(count.max(1)).unwrap_or(1);
            self.current = Partition(i32::try_from(self.random.below(below)).unwrap_or(0));
            self.bytes_left = batch_size.max(1);
        }
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        self.current
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn murmur2_is_kafkas() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
        assert_eq!(partition_for_key(b"21", 10).0, (-973_932_308_i32 & i32::MAX) % 10);
    }

    #[test]
    fn records_without_a_key_stick_to_a_partition_for_a_batch() {
        let mut sticky = Sticky::new(3);
        let chosen = (0..100).map(|_| sticky.next(4, 10, 100).0).collect::<Vec<_>>();
        assert!(chosen.chunks(10).all(|batch| batch.iter().all(|partition| *partition == batch[0])));
        assert!((0..4).all(|partition| chosen.contains(&partition)), "{chosen:?}");
        let mut fewer = (0..10).map(|_| sticky.next(1, 10, 100).0);
        assert!(fewer.all(|partition| partition == 0));
    }
}

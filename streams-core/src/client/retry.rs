//! How long to wait before trying again: exponential backoff with injected randomness.

use std::time::Duration;

/// The spread of a delay around its nominal length, in percent, as in Kafka: so that clients that failed together do
/// not return together.
const JITTER_PERCENT: u64 = 20;

/// Doubles from `initial` up to `max`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    initial: Duration,
    max: Duration,
}

impl Backoff {
    pub(crate) fn new(initial: Duration, max: Duration) -> Self {
        Self { initial, max: max.max(initial) }
    }

    /// The wait after `failures` failures in a row, at least one.
    pub(crate) fn delay(&self, failures: u32, random: &mut Random) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let nominal = self.initial.saturating_mul(1 << doublings).min(self.max);
        let percent = 100 - JITTER_PERCENT + random.below(2 * JITTER_PERCENT + 1);
        nominal.saturating_mul(u32::try_from(percent).unwrap_or(100)) / 100
    }
}

/// A stream of pseudo-random numbers from a seed (SplitMix64): cheap, repeatable, not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(crate) fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not 0. The bias is negligible for the small bounds used here.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next_u64() % bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_double_up_to_the_limit_and_spread() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let mut random = Random::new(7);
        for (failures, nominal) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1_000), (4_000_000, 1_000)] {
            for _ in 0..50 {
                let delay = backoff.delay(failures, &mut random).as_millis();
                assert!((nominal * 8 / 10..=nominal * 12 / 10).contains(&delay), "{failures}: {delay}");
            }
        }
        let delays = (0..10).map(|_| backoff.delay(1, &mut random)).collect::<Vec<_>>();
        assert!(delays.iter().any(|delay| *delay != delays[0]), "must spread");
    }

    #[test]
    fn a_seed_repeats() {
        let (mut a, mut b) = (Random::new(42), Random::new(42));
        assert!((0..100).all(|_| a.next_u64() == b.next_u64()));
        assert_ne!(Random::new(1).next_u64(), Random::new(2).next_u64());
    }
}

//! Timestamps, and the clocks that only drivers read.
//!
//! Step functions take the time as an argument. A [`Clock`] belongs to a driver: a thread's loop, the broker's server,
//! a test. Nothing below a driver asks for the time.
//!
//! A driver reads the wall clock, which may be set. What measures how long something takes turns the readings into
//! `SteadyTime` first; what dates records or fires at a time of day uses them as they are.

use std::fmt;
use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;
use std::time::Duration;

/// Milliseconds since 1970-01-01T00:00:00Z. Negative values are invalid for records but can be on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Stands for "no timestamp seen yet", as in Kafka.
    pub const UNKNOWN: Self = Self(-1);

    /// The later of the two.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        Self(self.0.max(other.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    /// Saturates at the largest timestamp.
    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration_ms(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    /// Saturates at the smallest timestamp.
    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration_ms(duration)))
    }
}

impl Sub for Timestamp {
    type Output = Duration;

    /// How much later `self` is; zero when it is earlier.
    fn sub(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// 2020-01-01T00:00:00Z: this software did not exist before.
const PLAUSIBLE_FROM: Timestamp = Timestamp(1_577_836_800_000);
/// 2100-01-01T00:00:00Z.
const PLAUSIBLE_UNTIL: Timestamp = Timestamp(4_102_444_800_000);

/// Why a wall clock cannot be right, if it cannot: it shows a year before 2020 or from 2100 on.
pub fn implausible(now: Timestamp) -> Option<String> {
    let what = match now {
        now if now < PLAUSIBLE_FROM => "before 2020",
        now if now >= PLAUSIBLE_UNTIL => "after 2099",
        _ => return None,
    };
    Some(format!("the clock of this machine shows a time {what} ({now} ms since 1970)"))
}

/// A duration in whole milliseconds; the largest `i64` where it does not fit.
pub fn duration_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Where a driver reads the time. Wall-clock milliseconds; may jump, like every wall clock.
pub trait Clock: Send + Sync {
    /// The time now.
    fn now(&self) -> Timestamp;
}

/// Times to measure durations with, made of the readings of a wall clock: they never go back, and go on as the clock
/// does, by at most a given step from one reading to the next.
///
/// So an hour that the clock is set back by prolongs no wait, and a day that it is set forward by counts as one step. So
/// does a time in which nobody reads it, when a process is stopped or busy with something else.
#[derive(Debug, Clone)]
pub(crate) struct SteadyTime {
    step_max: Duration,
    /// The last reading, and the time it was turned into.
    last: Option<(Timestamp, Timestamp)>,
}

impl SteadyTime {
    /// Begins with the first reading. `step_max` has to be longer than any wait between two readings.
    pub(crate) fn new(step_max: Duration) -> Self {
        Self { step_max, last: None }
    }

    /// The time of a reading, which comes after all before it.
    pub(crate) fn at(&mut self, reading: Timestamp) -> Timestamp {
        let now = self.peek(reading);
        self.last = Some((reading, now));
        now
    }

    /// [`Self::at`] without taking note.
    pub(crate) fn peek(&self, reading: Timestamp) -> Timestamp {
        match self.last {
            None => reading,
            Some((before, then)) => then + (reading - before).min(self.step_max),
        }
    }
}

/// The machine's wall clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(duration_ms(since_epoch))
    }
}

/// A clock that a test moves. Clones share the time.
#[derive(Debug, Clone, Default)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that stands at `start`.
    pub fn starting_at(start: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(start.0)))
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(duration_ms(by), Ordering::SeqCst);
    }

    /// Sets the clock back, as happens to wall clocks.
    pub fn set_back(&self, by: Duration) {
        self.0.fetch_sub(duration_ms(by), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates() {
        assert_eq!(Timestamp(i64::MAX) + Duration::from_millis(1), Timestamp(i64::MAX));
        assert_eq!(Timestamp(5) - Timestamp(9), Duration::ZERO);
        assert_eq!(Timestamp(9) - Timestamp(5), Duration::from_millis(4));
        assert_eq!(Timestamp(i64::MAX) - Timestamp(i64::MIN), Duration::from_millis(i64::MAX as u64));
    }

    /// Row B34.
    #[test]
    fn a_clock_of_another_century_is_implausible() {
        for (now, words) in [
            (Timestamp(0), Some("before 2020 (0 ms since 1970")),
            (Timestamp(1_577_836_799_999), Some("before 2020")),
            (Timestamp(1_577_836_800_000), None),
            (Timestamp(4_102_444_799_999), None),
            (Timestamp(4_102_444_800_000), Some("after 2099 (4102444800000 ms since 1970")),
            (Timestamp(i64::MAX), Some("after 2099")),
        ] {
            let why = implausible(now);
            match words {
                None => assert_eq!(why, None, "{now}"),
                Some(words) => assert!(why.as_deref().is_some_and(|why| why.contains(words)), "{now}: {why:?}"),
            }
        }
    }

    #[test]
    fn steady_time_goes_on_as_the_clock_does_and_no_further_than_a_step() {
        let mut time = SteadyTime::new(Duration::from_millis(100));
        for (reading, expected) in [
            (1_000, 1_000),
            (1_010, 1_010),
            (500, 1_010),
            (510, 1_020),
            (9_000, 1_120),
            (9_001, 1_121),
            (i64::MAX, 1_221),
        ] {
            assert_eq!(time.peek(Timestamp(reading)), Timestamp(expected));
            assert_eq!(time.at(Timestamp(reading)), Timestamp(expected));
            assert_eq!(time.at(Timestamp(reading)), Timestamp(expected), "nothing passes while the clock stands");
        }
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::starting_at(Timestamp(10));
        let view = clock.clone();
        clock.advance(Duration::from_millis(5));
        assert_eq!(view.now(), Timestamp(15));
        clock.set_back(Duration::from_millis(7));
        assert_eq!(view.now(), Timestamp(8));
    }
}

//! Schedules by stream time and by wall clock.
//!
//! As in Kafka Streams: a stream-time schedule is aligned to multiples of its interval from 0 and so fires on the first
//! record; a wall-clock schedule is first due one interval after it was made. A gap of several intervals fires once,
//! with the time that is, not the time that was due. Schedules die with the task; `init` makes them again.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use crate::ids::NodeId;
use crate::time::{duration_ms, Timestamp};

/// Which clock a schedule follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PunctuationType {
    /// The largest timestamp that the task has processed: stands still without input.
    StreamTime,
    /// The machine's clock.
    WallClockTime,
}

/// One firing of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Punctuation {
    /// The time now, of the schedule's clock.
    pub timestamp: Timestamp,
    /// Which clock it is.
    pub clock: PunctuationType,
    /// Which of the node's schedules fired: the number that `schedule` gave it.
    pub schedule: u32,
}

/// Ends a schedule. Clones end the same one.
#[derive(Debug, Clone)]
pub struct Cancellable {
    id: u32,
    cancelled: Rc<Cell<bool>>,
}

impl Cancellable {
    /// The schedule does not fire again.
    pub fn cancel(&self) {
        self.cancelled.set(true);
    }

    /// The number under which [`Punctuation::schedule`] reports this schedule.
    pub fn id(&self) -> u32 {
        self.id
    }
}

#[derive(Debug)]
struct Schedule {
    node: NodeId,
    clock: PunctuationType,
    interval_ms: i64,
    due: Timestamp,
    handle: Cancellable,
}

/// All schedules of a task.
#[derive(Debug, Default)]
pub struct Punctuations {
    schedules: Vec<Schedule>,
    created: u32,
}

impl Punctuations {
    /// Adds a schedule for a live node. Intervals below a millisecond count as one.
    pub fn schedule(
        &mut self,
        node: NodeId,
        interval: Duration,
        clock: PunctuationType,
        wall_clock: Timestamp,
    ) -> Cancellable {
        let interval_ms = duration_ms(interval).max(1);
        let due = match clock {
            PunctuationType::StreamTime => Timestamp(0),
            PunctuationType::WallClockTime => wall_clock + interval,
        };
        let handle = Cancellable { id: self.created, cancelled: Rc::default() };
        self.created += 1;
        self.schedules.push(Schedule { node, clock, interval_ms, due, handle: handle.clone() });
        handle
    }

    /// The next due schedule of a clock, moved on to its next time: its node and the tick.
    pub fn take_due(&mut self, clock: PunctuationType, now: Timestamp) -> Option<(NodeId, Punctuation)> {
        self.schedules.retain(|schedule| !schedule.handle.cancelled.get());
        let due = self.schedules.iter_mut().filter(|s| s.clock == clock && s.due <= now).min_by_key(|s| s.due)?;
        let missed = now.0.saturating_sub(due.due.0) / due.interval_ms;
        due.due = Timestamp(due.due.0.saturating_add((missed + 1).saturating_mul(due.interval_ms)));
        Some((due.node, Punctuation { timestamp: now, clock, schedule: due.handle.id }))
    }

    /// When the next wall-clock schedule is due.
    pub fn next_wall_clock(&self) -> Option<Timestamp> {
        self.schedules.iter().filter(|s| s.clock == PunctuationType::WallClockTime).map(|s| s.due).min()
    }

    /// Whether there is no schedule, so that the step after each record can be skipped.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.schedules.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(punctuations: &mut Punctuations, clock: PunctuationType, now: i64) -> usize {
        let mut count = 0;
        while punctuations.take_due(clock, Timestamp(now)).is_some() {
            count += 1;
        }
        count
    }

    #[test]
    fn stream_time_fires_on_the_first_record_and_a_gap_fires_once() {
        let mut punctuations = Punctuations::default();
        punctuations.schedule(NodeId(0), Duration::from_millis(10), PunctuationType::StreamTime, Timestamp(0));
        let fired: Vec<usize> = [3, 9, 10, 47, 49, 50]
            .iter()
            .map(|now| fired(&mut punctuations, PunctuationType::StreamTime, *now))
            .collect();
        assert_eq!(fired, [1, 0, 1, 1, 0, 1]);
    }

    #[test]
    fn wall_clock_fires_after_an_interval_until_cancelled() {
        let mut punctuations = Punctuations::default();
        let handle =
            punctuations.schedule(NodeId(0), Duration::from_millis(10), PunctuationType::WallClockTime, Timestamp(100));
        assert_eq!(fired(&mut punctuations, PunctuationType::WallClockTime, 109), 0);
        assert_eq!(fired(&mut punctuations, PunctuationType::WallClockTime, 110), 1);
        assert_eq!(punctuations.next_wall_clock(), Some(Timestamp(120)));
        handle.cancel();
        assert_eq!(fired(&mut punctuations, PunctuationType::WallClockTime, 500), 0);
    }
}

//! Requests that wait: for records, or for their deadline.
//!
//! A waiting request is found from two sides. Each partition it waits for holds it in its [`Waiters`], so that an
//! append costs nothing when nobody waits; the [`Purgatory`] holds it by deadline. Whoever comes first completes it,
//! and the other finds it done. To park without missing an append: register with every partition, register the
//! deadline, then try once more.
//!
//! No lock of this module is held while a request is tried.
//!
//! Deadlines are times of a wall clock, which may be set back: then they move with it, so that nobody waits for the
//! hour that comes a second time. A clock that is set forward makes waiting requests due, which harms nobody.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use streams_core::time::{duration_ms, Timestamp};

/// A request that waits.
pub(crate) trait Delayed: Send + Sync {
    /// Answers the request if its condition holds, or whatever holds when `is_due`. Returns whether it is done.
    fn try_complete(&self, is_due: bool) -> bool;

    /// Whether it was answered already.
    fn is_done(&self) -> bool;
}

/// Below this many waiters a partition does not look for finished ones.
const WAITERS_UNSWEPT: usize = 16;

/// The requests that wait for one partition.
#[derive(Default)]
pub(crate) struct Waiters(Mutex<WaitList>);

#[derive(Default)]
struct WaitList {
    waiting: Vec<Arc<dyn Delayed>>,
    sweep_at: usize,
    /// How often the partition changed.
    changes: u64,
}

impl Waiters {
    /// Adds a request; drops finished ones when their number may have doubled.
    pub(crate) fn add(&self, delayed: Arc<dyn Delayed>) {
        let mut list = self.lock();
        if list.waiting.len() >= list.sweep_at.max(WAITERS_UNSWEPT) {
            list.waiting.retain(|waiting| !waiting.is_done());
            list.sweep_at = list.waiting.len() * 2;
        }
        list.waiting.push(delayed);
    }

    /// Tries every waiting request, because the partition changed. `is_due` answers them whatever they wait for.
    ///
    /// Those that still wait go back into the list; when another change came meanwhile it found them missing, so they
    /// are tried again.
    pub(crate) fn wake(&self, is_due: bool) {
        let mut returning: Vec<Arc<dyn Delayed>> = Vec::new();
        let mut changes_seen = None;
        loop {
            let waiting = {
                let mut list = self.lock();
                if changes_seen.is_none() {
                    list.changes += 1;
                }
                if changes_seen == Some(list.changes) {
                    list.waiting.append(&mut returning);
                    return;
                }
                changes_seen = Some(list.changes);
                returning.append(&mut list.waiting);
                std::mem::take(&mut returning)
            };
            returning = waiting.into_iter().filter(|delayed| !delayed.try_complete(is_due)).collect();
            if returning.is_empty() {
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, WaitList> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Waiters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Waiters")
    }
}

/// Waiting requests by deadline.
#[derive(Default)]
pub(crate) struct Purgatory {
    queue: Mutex<Queue>,
    earlier: Condvar,
}

#[derive(Default)]
struct Queue {
    by_deadline: BTreeMap<(Timestamp, u64), Arc<dyn Delayed>>,
    next_number: u64,
    sweep_at: usize,
    /// The deadline the timer sleeps towards, while it sleeps.
    timer_target: Option<Timestamp>,
    /// The latest time seen since the clock was last set back.
    seen: Option<Timestamp>,
    is_closed: bool,
}

/// A time that is less than this before one already seen was read earlier, by another thread.
const SET_BACK_MIN: Duration = Duration::from_secs(1);

impl Queue {
    /// Takes note of the time, and moves the deadlines when the clock was set back.
    fn observe(&mut self, now: Timestamp) {
        let set_back = self.seen.map_or(Duration::ZERO, |seen| seen - now);
        if set_back < SET_BACK_MIN {
            self.seen = self.seen.max(Some(now));
            return;
        }
        self.seen = Some(now);
        let parked = std::mem::take(&mut self.by_deadline);
        let by_ms = duration_ms(set_back);
        let moved = parked.into_iter().map(|((deadline, number), delayed)| {
            let deadline = Timestamp(deadline.0.saturating_sub(by_ms));
            ((deadline, number), delayed)
        });
        self.by_deadline = moved.collect();
    }
}

/// Below this many parked requests the purgatory does not look for finished ones.
const PARKED_UNSWEPT: usize = 256;

impl Purgatory {
    /// Parks a request for as long as `wait` at the most.
    pub(crate) fn park(&self, delayed: Arc<dyn Delayed>, now: Timestamp, wait: Duration) {
        let deadline = now + wait;
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.observe(now);
        if queue.by_deadline.len() >= queue.sweep_at.max(PARKED_UNSWEPT) {
            queue.by_deadline.retain(|_, parked| !parked.is_done());
            queue.sweep_at = queue.by_deadline.len() * 2;
        }
        let number = queue.next_number;
        queue.next_number += 1;
        queue.by_deadline.insert((deadline, number), delayed);
        if queue.timer_target.is_some_and(|target| deadline < target) {
            self.earlier.notify_all();
        }
    }

    /// Answers every request whose deadline has come.
    pub(crate) fn expire(&self, now: Timestamp) {
        let due = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.observe(now);
            let later = queue.by_deadline.split_off(&(Timestamp(now.0.saturating_add(1)), 0));
            std::mem::replace(&mut queue.by_deadline, later)
        };
        for delayed in due.into_values() {
            delayed.try_complete(true);
        }
    }

    /// Answers every request now, because the broker stops, and ends the timer's waits.
    pub(crate) fn close(&self) {
        let parked = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.is_closed = true;
            std::mem::take(&mut queue.by_deadline)
        };
        self.earlier.notify_all();
        for delayed in parked.into_values() {
            delayed.try_complete(true);
        }
    }

    /// For the timer: waits until the earliest deadline, an earlier one, or `at_most`. False once closed.
    pub(crate) fn wait_for_deadline(&self, now: Timestamp, at_most: Duration) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.is_closed {
            return false;
        }
        queue.observe(now);
        let limit = now + at_most;
        let target = queue.by_deadline.keys().next().map_or(limit, |(deadline, _)| limit.min(*deadline));
        let wait = target - now;
        if wait.is_zero() {
            return true;
        }
        queue.timer_target = Some(target);
        let (mut queue, _) = self.earlier.wait_timeout(queue, wait).unwrap_or_else(PoisonError::into_inner);
        queue.timer_target = None;
        !queue.is_closed
    }
}

impl fmt::Debug for Purgatory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Purgatory")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[derive(Default)]
    struct Probe {
        is_satisfied: AtomicBool,
        is_done: AtomicBool,
    }

    impl Delayed for Probe {
        fn try_complete(&self, is_due: bool) -> bool {
            if is_due || self.is_satisfied.load(Ordering::SeqCst) {
                self.is_done.store(true, Ordering::SeqCst);
            }
            self.is_done()
        }

        fn is_done(&self) -> bool {
            self.is_done.load(Ordering::SeqCst)
        }
    }

    #[test]
    fn a_deadline_completes_what_is_due_and_nothing_else() {
        let purgatory = Purgatory::default();
        let (early, late) = (Arc::new(Probe::default()), Arc::new(Probe::default()));
        purgatory.park(Arc::clone(&early) as Arc<dyn Delayed>, Timestamp(0), Duration::from_millis(10));
        purgatory.park(Arc::clone(&late) as Arc<dyn Delayed>, Timestamp(0), Duration::from_millis(11));
        purgatory.expire(Timestamp(9));
        assert!(!early.is_done());
        purgatory.expire(Timestamp(10));
        assert!(early.is_done() && !late.is_done());
    }

    /// B68.
    #[test]
    fn a_clock_that_is_set_back_keeps_nobody_waiting_longer() {
        let hour_ms = 3_600_000;
        let purgatory = Purgatory::default();
        let probe = Arc::new(Probe::default());
        purgatory.park(Arc::clone(&probe) as Arc<dyn Delayed>, Timestamp(2 * hour_ms), Duration::from_millis(500));
        // A thread that read the clock a moment before another is not a clock that was set back.
        purgatory.expire(Timestamp(2 * hour_ms - 999));
        purgatory.expire(Timestamp(hour_ms));
        purgatory.expire(Timestamp(hour_ms + 499));
        assert!(!probe.is_done());
        purgatory.expire(Timestamp(hour_ms + 500));
        assert!(probe.is_done());
    }

    #[test]
    fn a_wake_keeps_those_whose_condition_does_not_hold() {
        let waiters = Waiters::default();
        let probe = Arc::new(Probe::default());
        waiters.add(Arc::clone(&probe) as Arc<dyn Delayed>);
        waiters.wake(false);
        assert!(!probe.is_done());
        probe.is_satisfied.store(true, Ordering::SeqCst);
        waiters.wake(false);
        assert!(probe.is_done());
    }

    #[test]
    fn finished_waiters_do_not_pile_up() {
        let waiters = Waiters::default();
        for _ in 0..10_000 {
            let probe = Arc::new(Probe::default());
            waiters.add(Arc::clone(&probe) as Arc<dyn Delayed>);
            probe.try_complete(true);
        }
        let left = waiters.0.lock().unwrap_or_else(PoisonError::into_inner).waiting.len();
        assert!(left <= WAITERS_UNSWEPT + 1, "{left} finished waiters are kept");
    }
}

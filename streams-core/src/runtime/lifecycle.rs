//! The states of an application and of its threads' sum, with the transitions that are allowed and nothing else.
//!
//! ```text
//!                ┌────────────────────────────────────────────┐
//!                │                                            ▼
//! CREATED ─► REBALANCING ◄─► RUNNING ──────────────► PENDING_SHUTDOWN ─► NOT_RUNNING
//!                │              │
//!                └──────┬───────┘
//!                       ▼
//!                 PENDING_ERROR ─► ERROR
//! ```
//!
//! Names and arrows are Kafka Streams' own. [`Lifecycle`] holds the current state for all threads and tells a listener
//! of every change, in order, one at a time. The listener runs on the thread that made the change and holds no lock, so
//! it may ask for the state and may change it; such a change is told after the one at hand.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};

/// The state of an application.
///
/// ```text
/// CREATED ─► REBALANCING ◄─► RUNNING
///    │            │  │        │  │
///    │            │  └────────┼──┴─► PENDING_ERROR ─► ERROR
///    └────────────┴───────────┴────► PENDING_SHUTDOWN ─► NOT_RUNNING
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum State {
    /// Made, not started.
    Created,
    /// Tasks are being given to threads or restored; some may already process.
    Rebalancing,
    /// Every thread processes.
    Running,
    /// `close` was called; threads commit and end.
    PendingShutdown,
    /// Closed.
    NotRunning,
    /// A thread failed for good; the others end.
    PendingError,
    /// Ended by a failure.
    Error,
}

impl State {
    /// Whether the application may go from this state to another.
    pub fn may_become(self, next: Self) -> bool {
        match self {
            Self::Created => matches!(next, Self::Rebalancing | Self::PendingShutdown),
            Self::Rebalancing => matches!(next, Self::Running | Self::PendingShutdown | Self::PendingError),
            Self::Running => {
                matches!(next, Self::Rebalancing | Self::Running | Self::PendingShutdown | Self::PendingError)
            }
            Self::PendingShutdown => next == Self::NotRunning,
            Self::PendingError => next == Self::Error,
            Self::NotRunning | Self::Error => false,
        }
    }

    /// Whether nothing comes after this state.
    pub fn is_final(self) -> bool {
        matches!(self, Self::NotRunning | Self::Error)
    }

    /// Whether threads may be at work in this state.
    pub fn is_live(self) -> bool {
        matches!(self, Self::Rebalancing | Self::Running)
    }
}

impl fmt::Display for State {
    /// Kafka's name, such as `PENDING_SHUTDOWN`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "CREATED",
            Self::Rebalancing => "REBALANCING",
            Self::Running => "RUNNING",
            Self::PendingShutdown => "PENDING_SHUTDOWN",
            Self::NotRunning => "NOT_RUNNING",
            Self::PendingError => "PENDING_ERROR",
            Self::Error => "ERROR",
        })
    }
}

/// Told of every change: the new state and the old one.
pub type StateListener = Box<dyn FnMut(State, State) + Send>;

/// The state of one application, shared by its threads.
pub(crate) struct Lifecycle {
    inner: Mutex<Inner>,
    changed: Condvar,
    listener: Mutex<Option<StateListener>>,
}

struct Inner {
    state: State,
    /// Changes that the listener has not heard of: new, old.
    untold: VecDeque<(State, State)>,
    /// Somebody is telling the listener; whoever changes the state meanwhile leaves the telling to them.
    telling: bool,
}

impl Default for Lifecycle {
    fn default() -> Self {
        let inner = Inner { state: State::Created, untold: VecDeque::new(), telling: false };
        Self { inner: Mutex::new(inner), changed: Condvar::new(), listener: Mutex::new(None) }
    }
}

impl Lifecycle {
    /// The state now.
    pub(crate) fn state(&self) -> State {
        self.lock().state
    }

    /// Sets the listener.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] when the application was started already.
    pub(crate) fn set_listener(&self, listener: StateListener) -> Result<()> {
        let state = self.state();
        if state != State::Created {
            let message = format!("a state listener cannot be set in state {state}: set it before `start`");
            return Err(Error::new(ErrorKind::Closed, message));
        }
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(listener);
        Ok(())
    }

    /// Goes to another state.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] naming both states, when there is no such transition.
    pub(crate) fn become_state(&self, next: State) -> Result<()> {
        self.change(self.lock(), next)
    }

    /// Goes from `CREATED` to `REBALANCING`, once.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] naming the state, when the application was started or closed before.
    pub(crate) fn start(&self) -> Result<()> {
        let inner = self.lock();
        if inner.state != State::Created {
            let message = format!("start: the application is {}, and can be started once", inner.state);
            return Err(Error::new(ErrorKind::Closed, message));
        }
        self.change(inner, State::Rebalancing)
    }

    fn change(&self, mut inner: MutexGuard<'_, Inner>, next: State) -> Result<()> {
        let old = inner.state;
        if !old.may_become(next) {
            let message = format!("the application is {old} and cannot become {next}");
            return Err(Error::new(ErrorKind::Closed, message));
        }
        inner.state = next;
        inner.untold.push_back((next, old));
        self.changed.notify_all();
        if inner.telling {
            return Ok(());
        }
        inner.telling = true;
        drop(inner);
        self.tell();
        Ok(())
    }

    /// Waits until `reached` says yes of the state, at most `timeout`. Answers the state it saw last.
    pub(crate) fn wait_until(&self, timeout: Duration, reached: impl Fn(State) -> bool) -> State {
        let inner = self.lock();
        let waited = self.changed.wait_timeout_while(inner, timeout, |inner| !reached(inner.state));
        let (inner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        inner.state
    }

    fn tell(&self) {
        loop {
            let mut inner = self.lock();
            let Some((new, old)) = inner.untold.pop_front() else {
                inner.telling = false;
                return;
            };
            drop(inner);
            tracing::info!(%old, %new, "state changes");
            if let Some(listener) = self.listener.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
                listener(new, old);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lifecycle({})", self.state())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const ALL: [State; 7] = [
        State::Created,
        State::Rebalancing,
        State::Running,
        State::PendingShutdown,
        State::NotRunning,
        State::PendingError,
        State::Error,
    ];

    #[test]
    fn the_transitions_are_kafkas() {
        // Kafka's ordinals: CREATED 0, REBALANCING 1, RUNNING 2, PENDING_SHUTDOWN 3, NOT_RUNNING 4, PENDING_ERROR 5, ERROR 6.
        let expected: [&[usize]; 7] = [&[1, 3], &[2, 3, 5], &[1, 2, 3, 5], &[4], &[], &[6], &[]];
        for (from, expected) in ALL.into_iter().zip(expected) {
            let allowed: Vec<usize> =
                ALL.into_iter().enumerate().filter(|(_, to)| from.may_become(*to)).map(|(at, _)| at).collect();
            assert_eq!(allowed, expected, "{from}");
        }
    }

    #[test]
    fn a_refused_transition_names_both_states() {
        let lifecycle = Lifecycle::default();
        let error = lifecycle.become_state(State::Running).expect_err("it is not started");
        assert_eq!(error.to_string(), "the application is CREATED and cannot become RUNNING");
        assert_eq!(lifecycle.state(), State::Created);
    }

    #[test]
    fn the_listener_hears_changes_in_order_even_its_own() {
        let lifecycle = Arc::new(Lifecycle::default());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (inside, into) = (Arc::clone(&lifecycle), Arc::clone(&heard));
        let listener = move |new, old| {
            if new == State::Rebalancing {
                inside.become_state(State::PendingShutdown).expect("allowed");
            }
            into.lock().expect("not poisoned").push((old, new));
        };
        lifecycle.set_listener(Box::new(listener)).expect("not started");
        lifecycle.become_state(State::Rebalancing).expect("allowed");
        let expected = [(State::Created, State::Rebalancing), (State::Rebalancing, State::PendingShutdown)];
        assert_eq!(*heard.lock().expect("not poisoned"), expected);
        lifecycle.set_listener(Box::new(|_, _| {})).expect_err("it is started");
    }
}

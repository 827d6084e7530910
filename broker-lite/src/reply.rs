//! What [`Broker::handle`](crate::Broker::handle) returns: an answer, or a ticket for one that has to wait.
//!
//! A ticket is completed at most once, by whichever thread brings the missing condition about: an append, a sync, or
//! the tick after a deadline. Its holder either polls it or leaves a function to call; no lock is held while that
//! function runs.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use streams_core::protocol::Response;
use streams_core::Error;

/// The outcome of a request.
#[derive(Debug)]
pub enum Reply {
    /// The answer.
    Now(Response),
    /// The answer comes later: records or a sync are awaited.
    Later(Ticket),
    /// No answer: the connection is to be closed, for this reason.
    Close(Error),
}

enum State {
    Waiting,
    Listening(Box<dyn FnOnce(Response) + Send>),
    Ready(Response),
    Taken,
}

/// Stands for an answer that is not there yet.
pub struct Ticket(Arc<Mutex<State>>);

impl Ticket {
    /// A ticket and the end that completes it.
    pub(crate) fn pair() -> (Self, Completer) {
        let state = Arc::new(Mutex::new(State::Waiting));
        (Self(Arc::clone(&state)), Completer(state))
    }

    /// Calls `deliver` with the answer once it is there, at once if it is already. `deliver` runs on the thread that
    /// completes the ticket and must not block.
    pub fn on_complete(self, deliver: impl FnOnce(Response) + Send + 'static) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Taken) {
            State::Ready(response) => {
                drop(state);
                deliver(response);
            }
            _ => *state = State::Listening(Box::new(deliver)),
        }
    }

    /// The answer, if it is there.
    ///
    /// # Errors
    /// The ticket itself while the answer is still awaited.
    pub fn try_take(self) -> Result<Response, Self> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Waiting) {
            State::Ready(response) => Ok(response),
            _ => {
                drop(state);
                Err(self)
            }
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket")
    }
}

/// The end of a ticket that delivers the answer.
pub(crate) struct Completer(Arc<Mutex<State>>);

impl Completer {
    /// Delivers the answer.
    pub(crate) fn complete(self, response: Response) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Taken) {
            State::Listening(deliver) => {
                drop(state);
                deliver(response);
            }
            _ => *state = State::Ready(response),
        }
    }
}

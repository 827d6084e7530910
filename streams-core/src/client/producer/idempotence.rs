//! The producer id: where it comes from, and when it must be replaced.
//!
//! ```text
//!   Off                              idempotence is disabled: batches carry no id
//!   Unknown ──ask──► Asking ──answer──► Ready ──a sequence was lost──► Stale ──ask──► Asking
//! ```
//!
//! Sequence numbers count records per partition from 0. A batch that is given up may or may not be in the log, so the
//! numbers behind it are no longer known to be right. The producer then gets a new epoch, in which the numbering of
//! the partitions that lost a batch starts again at 0; partitions that lost nothing finish under the old epoch first.
//!
//! Batches behind the one that was given up may be in the log as well, where their answers were lost. Each is repeated
//! under its old number, until the broker recognizes it, takes it, or answers that the number is not the next: then
//! neither it nor what is behind it is in the log, and all of it is numbered again. Kafka's producer does the same.

use crate::client::retry::Backoff;
use crate::client::retry::Random;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::messages::transactions::{InitProducerIdRequest, InitProducerIdResponse};
use crate::protocol::Response;
use crate::time::Timestamp;

/// What a batch is stamped with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProducerId {
    pub(super) id: i64,
    pub(super) epoch: i16,
}

impl ProducerId {
    /// What a batch carries when idempotence is off.
    pub(super) const NONE: Self = Self { id: -1, epoch: -1 };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Off,
    Unknown,
    Asking { old: Option<ProducerId> },
    Ready(ProducerId),
    Stale(ProducerId),
}

/// The producer id and what is going on about it.
#[derive(Debug)]
pub(super) struct Idempotence {
    state: State,
    failures: u32,
    not_before: Timestamp,
}

impl Idempotence {
    pub(super) fn new(enabled: bool) -> Self {
        let state = if enabled { State::Unknown } else { State::Off };
        Self { state, failures: 0, not_before: Timestamp(i64::MIN) }
    }

    /// Whether batches carry sequence numbers.
    pub(super) fn is_enabled(&self) -> bool {
        self.state != State::Off
    }

    /// What a batch that was never sent is stamped with now; none while there is no id to use.
    pub(super) fn stamp(&self) -> Option<ProducerId> {
        match self.state {
            State::Off => Some(ProducerId::NONE),
            State::Ready(id) => Some(id),
            State::Unknown | State::Asking { .. } | State::Stale(_) => None,
        }
    }

    /// Whether a new epoch is needed or asked for, so that what lost its sequence waits for it.
    pub(super) fn is_stale(&self) -> bool {
        matches!(self.state, State::Stale(_) | State::Asking { old: Some(_) })
    }

    /// The id must be replaced: a batch with a sequence number was given up, or the broker forgot the producer.
    pub(super) fn lose(&mut self) {
        if let State::Ready(id) = self.state {
            self.state = State::Stale(id);
        }
    }

    /// The question to send now, if one is due. `drained` says that no partition waits for an answer under this id.
    pub(super) fn ask(&mut self, now: Timestamp, drained: bool) -> Option<InitProducerIdRequest> {
        let old = match self.state {
            State::Unknown => None,
            State::Stale(id) if drained => Some(id),
            _ => return None,
        };
        if now < self.not_before {
            return None;
        }
        self.state = State::Asking { old };
        let ProducerId { id, epoch } = old.unwrap_or(ProducerId::NONE);
        Some(InitProducerIdRequest {
            transactional_id: None,
            // Without a transactional id the broker ignores it, but a value out of range is refused by some.
            transaction_timeout_ms: i32::MAX,
            producer_id: id,
            producer_epoch: epoch,
        })
    }

    /// Takes the answer in. True when there is an id now; false when it must be asked again.
    ///
    /// # Errors
    /// When the broker will never hand one out.
    pub(super) fn answer(
        &mut self,
        now: Timestamp,
        response: Result<Response>,
        backoff: Backoff,
        random: &mut Random,
    ) -> Result<bool> {
        let State::Asking { old } = self.state else { return Ok(false) };
        let unanswered = old.map_or(State::Unknown, State::Stale);
        let mut retry = |this: &mut Self, error: &str| {
            tracing::debug!(error, "ask for a producer id");
            this.state = unanswered;
            this.failures = this.failures.saturating_add(1);
            this.not_before = now + backoff.delay(this.failures, random);
            Ok(false)
        };
        let response = match response.and_then(InitProducerIdResponse::try_from) {
            Ok(response) => response,
            Err(error) if error.kind() == ErrorKind::Retriable => return retry(self, &error.report()),
            Err(error) => {
                self.state = unanswered;
                return Err(error.context("ask for a producer id"));
            }
        };
        match response.error_code {
            code if code.is_none() => {
                self.failures = 0;
                self.state = State::Ready(ProducerId { id: response.producer_id, epoch: response.producer_epoch });
                Ok(true)
            }
            code if code.is_retriable() => retry(self, code.name()),
            code => {
                self.state = State::Unknown;
                Err(Error::new(ErrorKind::Refused, format!("ask for a producer id: the broker answers {code}")))
            }
        }
    }

    /// When the next question is due, if one waits for its time.
    pub(super) fn not_before(&self) -> Option<Timestamp> {
        matches!(self.state, State::Unknown | State::Stale(_)).then_some(self.not_before)
    }
}

//! Why a request, or one part of it, is refused: the code for the wire and words for a person.

use std::fmt;

use streams_core::protocol::ErrorCode;
use streams_core::Error;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The code on the wire.
    pub(crate) code: ErrorCode,
    /// What to tell the client where the protocol has room for words.
    pub(crate) message: Option<String>,
}

impl Refusal {
    /// A refusal that explains itself.
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self { code, message: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => f.write_str(message),
            None => self.code.fmt(f),
        }
    }
}

/// A failure of the disk, as clients see it: retriable, with the cause in the log of the broker.
pub(crate) fn storage(what: &str, error: &Error) -> Refusal {
    tracing::error!("{what}: {}", error.report());
    Refusal::new(ErrorCode::KAFKA_STORAGE_ERROR, format!("{what}: {}", error.report()))
}

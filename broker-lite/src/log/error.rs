//! Why a log refuses: Kafka's error code for the client, and an [`Error`] for whoever reads the broker's log.

use std::fmt;
use std::io;

use streams_core::protocol::ErrorCode;
use streams_core::{Error, ErrorKind};

/// How many records of one batch are named: an answer must not be larger than what it refuses.
pub(super) const RECORDS_MAX: usize = 1000;

/// What came of an operation on a log.
pub type LogResult<T> = Result<T, LogError>;

/// A refusal by a log. It is built on cold paths only.
pub struct LogError {
    code: ErrorCode,
    records: Vec<(i32, String)>,
    error: Error,
}

impl LogError {
    /// The batch breaks a rule: the client's fault, nothing was appended.
    #[cold]
    pub(crate) fn refused(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, records: Vec::new(), error: Error::new(ErrorKind::Refused, message) }
    }

    /// The same, because of the record with this index in its batch.
    #[cold]
    pub(crate) fn refused_record(code: ErrorCode, record: i32, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { records: vec![(record, message.clone())], ..Self::refused(code, message) }
    }

    /// Because of one more record of the batch. A time that is out of range gives all of them its code, as in Kafka.
    #[cold]
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.records.extend(other.records);
        if other.code == ErrorCode::INVALID_TIMESTAMP {
            (self.code, self.error) = (other.code, other.error);
        }
        self
    }

    /// The disk failed (`KAFKA_STORAGE_ERROR`).
    #[cold]
    pub(crate) fn storage(message: impl Into<String>, error: io::Error) -> Self {
        Self {
            code: ErrorCode::KAFKA_STORAGE_ERROR,
            records: Vec::new(),
            error: Error::with_source(ErrorKind::Io, message, error),
        }
    }

    /// Stored bytes are damaged (`KAFKA_STORAGE_ERROR`).
    #[cold]
    pub(crate) fn corrupt(message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::KAFKA_STORAGE_ERROR,
            records: Vec::new(),
            error: Error::new(ErrorKind::Corrupt, message),
        }
    }

    /// The log stopped for good, or is closed (`KAFKA_STORAGE_ERROR`).
    #[cold]
    pub(crate) fn stopped(message: impl Into<String>) -> Self {
        Self {
            code: ErrorCode::KAFKA_STORAGE_ERROR,
            records: Vec::new(),
            error: Error::new(ErrorKind::Closed, message),
        }
    }

    /// Kafka's code for the client.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// The records at fault by their index in the batch, and why (`RecordErrors` of a produce response).
    pub fn records(&self) -> &[(i32, String)] {
        &self.records
    }

    /// What failed, where and why.
    pub fn error(&self) -> &Error {
        &self.error
    }
}

impl fmt::Display for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl fmt::Debug for LogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {:?}", self.code, self.error)
    }
}

impl std::error::Error for LogError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.error.source()
    }
}

impl From<LogError> for Error {
    fn from(refusal: LogError) -> Self {
        refusal.error
    }
}

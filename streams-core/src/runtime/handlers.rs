//! What an application does about failures: of decoding, of user code, of writing, and of a whole thread.
//!
//! | handler | when | default |
//! |---|---|---|
//! | deserialization | a source record does not decode | fail |
//! | processing | user code answers with an error, in a processor, a punctuation or a flush | fail |
//! | production | a record cannot be written | fail |
//! | uncaught | a thread ends by an error or a panic | shut the client down |
//!
//! The processing handler is asked about what user code answers with below a node's `process`: its own failures
//! ([`ErrorKind::Processing`]), bytes that do not encode or decode, and a store that refuses one operation
//! ([`ErrorKind::Store`]), as in Kafka Streams, where a store's exception passes through the same catch. It is not asked
//! where going on would lose more than the record at hand: the disk of a store is full or its files are damaged
//! (`Io`, `Corrupt`), the broker refused an earlier write (`Refused`, which the production handler has decided about), the
//! record is to be tried again (`Retriable`), or the task is no longer ours or no longer whole (`Fenced`,
//! `TaskCorrupted`). Kafka Streams excepts only the last two.
//!
//! [`ErrorKind::Processing`]: crate::ErrorKind::Processing
//! [`ErrorKind::Store`]: crate::ErrorKind::Store
//!
//! A handler that continues passes over that one record; it is counted and logged. A dead letter topic takes the source
//! record of every failure, whether the handler goes on or not.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use crate::config::{ExceptionHandler, RuntimeConfig};
use crate::error::Error;
use crate::ids::TopicPartition;
use crate::processor::{DeserializationHandler, ProcessingHandler, Verdict};

/// Decides about records that cannot be written: given where to, and why.
pub type ProductionHandler = Arc<dyn Fn(&TopicPartition, &Error) -> Verdict + Send + Sync>;

/// What to do when a thread has ended by an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UncaughtExceptionResponse {
    /// A new thread takes over its tasks, from what was committed.
    ReplaceThread,
    /// All threads of this instance end, and its state becomes `ERROR`.
    ShutdownClient,
    /// All instances of the application end. There is one, so this is [`Self::ShutdownClient`].
    ShutdownApplication,
}

/// Decides what to do when a thread has ended by an error.
pub type UncaughtExceptionHandler = Arc<dyn Fn(&Error) -> UncaughtExceptionResponse + Send + Sync>;

/// The handlers of one application.
#[derive(Clone)]
pub struct Handlers {
    /// Asked about records that do not decode.
    pub deserialization: DeserializationHandler,
    /// Asked about records on which user code fails.
    pub processing: ProcessingHandler,
    /// Asked about records that cannot be written.
    pub production: ProductionHandler,
    /// Asked about threads that ended.
    pub uncaught: UncaughtExceptionHandler,
}

impl Handlers {
    /// The handlers that the settings name.
    pub fn from_config(config: &RuntimeConfig) -> Self {
        let deserialization = Passed::new(config.deserialization_exception_handler);
        let processing = Passed::new(config.processing_exception_handler);
        let production = Passed::new(config.production_exception_handler);
        Self {
            deserialization: Arc::new(move |position, error| {
                deserialization.decide(|count| {
                    tracing::warn!(%position, count, error = %error.report(), "passing over a record that does not decode");
                })
            }),
            processing: Arc::new(move |node, position, error| {
                processing.decide(|count| {
                    let position = position.map(tracing::field::display);
                    tracing::warn!(node, position, count, error = %error.report(), "passing over a record that failed");
                })
            }),
            production: Arc::new(move |partition, error| {
                production.decide(|count| {
                    tracing::warn!(%partition, count, error = %error.report(), "passing over records that cannot be written");
                })
            }),
            uncaught: Arc::new(|_| UncaughtExceptionResponse::ShutdownClient),
        }
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handlers")
    }
}

/// A handler of a setting: fails, or continues and logs the first of each power of two, so that a flood of bad records
/// does not become a flood of lines.
struct Passed {
    handler: ExceptionHandler,
    count: AtomicU64,
}

impl Passed {
    fn new(handler: ExceptionHandler) -> Self {
        Self { handler, count: AtomicU64::new(0) }
    }

    fn decide(&self, log: impl FnOnce(u64)) -> Verdict {
        match self.handler {
            ExceptionHandler::Fail => Verdict::Fail,
            ExceptionHandler::Continue => {
                let count = self.count.fetch_add(1, Ordering::Relaxed) + 1;
                if count.is_power_of_two() {
                    log(count);
                }
                Verdict::Continue
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn settings_choose_the_verdict() {
        for (setting, verdict) in
            [(ExceptionHandler::Fail, Verdict::Fail), (ExceptionHandler::Continue, Verdict::Continue)]
        {
            let config = RuntimeConfig {
                processing_exception_handler: setting,
                production_exception_handler: setting,
                ..RuntimeConfig::default()
            };
            let handlers = Handlers::from_config(&config);
            let error = Error::new(ErrorKind::Processing, "x");
            assert_eq!((handlers.processing)("node", None, &error), verdict);
            assert_eq!((handlers.production)(&TopicPartition::new("t", 0), &error), verdict);
            assert_eq!((handlers.uncaught)(&error), UncaughtExceptionResponse::ShutdownClient);
        }
    }
}

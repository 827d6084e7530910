//! The one error type of the framework: what the caller should do, what failed, where, why and how to mend it.
//!
//! An [`Error`] is one word wide, so `Result<()>` on the hot path is a register. [`std::fmt::Display`] prints this
//! level only; causes go through [`std::error::Error::source`], and [`Error::report`] prints the whole chain on one
//! line. A kind exists only where a caller acts differently; everything else belongs in the message.
//!
//! Messages are lowercase fragments in the present tense without a full stop ("read segment 12: ..."). They name the
//! input, the place and the remedy.

use std::error::Error as StdError;
use std::fmt;

/// What came of an operation that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What the caller should do about an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Try again later: the cause is expected to pass (a broker is away, a leader moved, a timeout).
    Retriable,
    /// A setting, an argument or a command line is wrong: fix it and start again.
    InvalidConfig,
    /// The topology is wrong or does not fit what is stored: fix the program.
    InvalidTopology,
    /// Bytes do not decode, or a value does not encode: skip the record, divert it or stop.
    Serialization,
    /// User code failed on a record.
    Processing,
    /// A state store failed.
    Store,
    /// Stored or received bytes are damaged, and reading on would lose or invent data.
    Corrupt,
    /// A task's local state no longer follows its changelog: wipe it and restore.
    TaskCorrupted,
    /// Another member took over: give the tasks up and rejoin.
    Fenced,
    /// Another process holds the directory or the name.
    Locked,
    /// The environment refuses: port, permission, disk, network.
    Io,
    /// The thing asked of is closed or in a state that does not allow it.
    Closed,
    /// The other side refuses for a reason that will not pass.
    Refused,
    /// A bug in this framework.
    Internal,
}

impl ErrorKind {
    /// The exit code of a command line that ends with an error of this kind: 2 usage, configuration or topology;
    /// 3 environment; 4 data corruption; 5 failure at run time; 6 locked or fenced.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::InvalidConfig | Self::InvalidTopology => 2,
            Self::Io | Self::Retriable => 3,
            Self::Corrupt | Self::TaskCorrupted => 4,
            Self::Locked | Self::Fenced => 6,
            Self::Serialization | Self::Processing | Self::Store | Self::Closed | Self::Refused | Self::Internal => 5,
        }
    }
}

/// An error, one word wide.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl Error {
    /// An error of a kind with a message; see the module for the form of messages.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: None }))
    }

    /// The same with a cause.
    #[cold]
    pub fn with_source(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        Self(Box::new(Inner { kind, message: message.into(), source: Some(source.into()) }))
    }

    /// Wraps this error in a message that says what was tried; the kind stays.
    #[must_use]
    #[cold]
    pub fn context(self, message: impl Into<String>) -> Self {
        let kind = self.kind();
        Self::with_source(kind, message, self)
    }

    /// What the caller should do.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// This error and its causes on one line, separated by `: `.
    pub fn report(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind(), self.report())
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

/// Adds what was tried to a failure of the standard library or of this crate.
pub trait ResultExt<T> {
    /// Wraps the failure in a message; the kind of a framework error stays, an I/O error becomes [`ErrorKind::Io`].
    fn context(self, message: impl FnOnce() -> String) -> Result<T>;
}

impl<T> ResultExt<T> for Result<T, Error> {
    fn context(self, message: impl FnOnce() -> String) -> Self {
        self.map_err(|error| error.context(message()))
    }
}

impl<T> ResultExt<T> for Result<T, std::io::Error> {
    fn context(self, message: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|error| Error::with_source(ErrorKind::Io, message(), error))
    }
}

/// Text that someone else chose, made safe for messages, logs and terminals: control and direction-changing characters
/// are escaped, so that no line can be forged and no terminal commanded.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || is_direction_mark(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    safe
}

/// Characters that reorder or hide the text around them.
fn is_direction_mark(character: char) -> bool {
    matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B84.
    #[test]
    fn commands_to_terminals_are_escaped() {
        assert_eq!(escaped("plain-1 ü"), "plain-1 ü");
        assert_eq!(escaped("a\r\n\u{1b}[2J\0\u{9b}\u{202e}b"), "a\\u{d}\\u{a}\\u{1b}[2J\\u{0}\\u{9b}\\u{202e}b");
    }

    #[test]
    fn an_error_is_one_word_and_reports_its_chain() {
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
        let io = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let error = Err::<(), _>(io).context(|| "open segment 12".to_owned()).context(|| "recover log".to_owned());
        let error = error.expect_err("it is one");
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(error.to_string(), "recover log");
        assert_eq!(error.report(), "recover log: open segment 12: no such file");
    }
}

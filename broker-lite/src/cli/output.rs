//! Where the command line writes: results to stdout, complaints to stderr, and what a closed pipe means.

use std::io::{self, Write as _};

use streams_core::error::escaped;
use streams_core::{Error, Result, ResultExt as _};

/// Writes a line of results, or several, with one call: a reader may close the pipe after what it wanted to see.
///
/// # Errors
/// When stdout does not take it.
pub(super) fn line(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    let bytes = format!("{text}\n");
    stdout.write_all(bytes.as_bytes()).and_then(|()| stdout.flush()).context(|| "write to stdout".to_owned())
}

/// Writes a complaint, which may quote a broker; where that fails too, nobody listens.
pub(super) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "error: {}", escaped(text));
}

/// Whether an error means that the reader of our output has gone, as `head` does.
pub(super) fn is_closed_pipe(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
            return true;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use streams_core::ErrorKind;

    use super::*;

    #[test]
    fn a_closed_pipe_is_told_from_other_failures() {
        let closed = Err::<(), _>(io::Error::from(io::ErrorKind::BrokenPipe)).context(|| "write".to_owned());
        assert!(is_closed_pipe(&closed.expect_err("it is one").context("print records")));
        assert!(!is_closed_pipe(&Error::new(ErrorKind::Io, "disk full")));
    }
}

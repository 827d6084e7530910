//! Text that comes from peers, made safe for logs and terminals.
//!
//! Everything a client can choose (names, ids, addresses in messages) goes through [`escape`] before it is printed, so
//! that no log line can be forged and no terminal commanded.

use streams_core::error::escaped;

/// How much of a peer's text is printed: enough to recognise it.
const PRINTED_CHARS_MAX: usize = 256;

/// The text with control and direction-changing characters escaped, cut to a printable length.
pub(crate) fn escape(text: &str) -> String {
    match text.char_indices().nth(PRINTED_CHARS_MAX) {
        Some((at, _)) => escaped(&text[..at]) + "…",
        None => escaped(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_to_terminals_are_escaped() {
        assert_eq!(escape("plain-1"), "plain-1");
        assert_eq!(escape("a\n\u{1b}[2J\u{202e}b"), "a\\u{a}\\u{1b}[2J\\u{202e}b");
        assert_eq!(escape(&"x".repeat(300)).chars().count(), PRINTED_CHARS_MAX + 1);
    }
}

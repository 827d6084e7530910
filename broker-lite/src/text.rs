//! Text that comes from peers, made safe for logs and terminals.
//!
//! Everything a client can choose (names, ids, addresses in messages) goes through [`escape`] before it is printed, so
//! that no log line can be forged and no terminal commanded.

/// How much of a peer's text is printed: enough to recognise it.
const PRINTED_CHARS_MAX: usize = 256;

/// The text with control and direction-changing characters escaped, cut to a printable length.
pub(crate) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len().min(PRINTED_CHARS_MAX));
    for (count, character) in text.chars().enumerate() {
        if count == PRINTED_CHARS_MAX {
            safe.push('…');
            break;
        }
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

    #[test]
    fn commands_to_terminals_are_escaped() {
        assert_eq!(escape("plain-1"), "plain-1");
        assert_eq!(escape("a\n\u{1b}[2J\u{202e}b"), "a\\u{a}\\u{1b}[2J\\u{202e}b");
        assert_eq!(escape(&"x".repeat(300)).chars().count(), PRINTED_CHARS_MAX + 1);
    }
}

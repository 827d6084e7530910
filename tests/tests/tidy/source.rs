//! The files that the rules look at, and a view of Rust code without its comments and literals.
//!
//! This is no parser: it knows where comments, strings and characters begin and end, and which braces match. That is
//! enough for rules about lines, names and paths, and it never fails on code that does not compile yet.

use std::fs;
use std::io;
use std::path::Path;

/// A text file of the checkout.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the checkout, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// The text with comments and literals blanked, so that lines and columns stay; empty unless Rust.
    pub(crate) code: String,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") { code_of(text) } else { String::new() };
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Whether it is a script, or holds some.
    pub(crate) fn is_shell(&self) -> bool {
        self.path.ends_with(".sh") || self.path.ends_with("Makefile") || self.path.starts_with(".ci/")
    }

    /// Whether the whole file is compiled for tests only, by the naming that STYLE.md asks for.
    pub(crate) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs"))
    }

    /// The code that is compiled outside tests.
    pub(crate) fn production_code(&self) -> String {
        if self.is_test() {
            String::new()
        } else {
            without_tests(&self.code)
        }
    }
}

/// Reads every text file below `root` that belongs to the project, in the order of their paths.
pub(crate) fn read_tree(root: &Path) -> io::Result<Vec<Source>> {
    let mut sources = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            if entry.file_type()?.is_dir() {
                let foreign = name == "target" || name == "retail-data" || (name.starts_with('.') && name != ".ci");
                if !foreign {
                    folders.push(path);
                }
            } else if is_text(&name, &path) {
                sources.push(Source::new(&path, &fs::read_to_string(entry.path())?));
            }
        }
    }
    sources.sort_by(|left, right| left.path.cmp(&right.path));
    Ok(sources)
}

fn is_text(name: &str, path: &str) -> bool {
    let kinds = [".rs", ".md", ".toml", ".sh", ".txt", ".stderr", ".yml", ".yaml"];
    name == "Makefile" || path.starts_with(".ci/") || kinds.iter().any(|kind| name.ends_with(kind))
}

/// The number of the line, from 1, that holds the character at `at`.
pub(crate) fn line_at(chars: &[char], at: usize) -> usize {
    chars[..at].iter().filter(|char| **char == '\n').count() + 1
}

pub(crate) fn is_name(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// Where the bracket that opens at `open` closes (inclusive), or the end of the code when it never does.
pub(crate) fn closing(code: &[char], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, char) in code.iter().enumerate().skip(open) {
        match char {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' if depth <= 1 => return at,
            '}' | ')' | ']' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Where the item that begins at `start` ends (exclusive): after its body, or after its semicolon.
pub(crate) fn item_end(code: &[char], start: usize) -> usize {
    let mut at = start;
    while at < code.len() {
        match code[at] {
            ';' => return at + 1,
            '{' => return (closing(code, at) + 1).min(code.len()),
            '(' | '[' => at = closing(code, at) + 1,
            _ => at += 1,
        }
    }
    code.len()
}

/// Blanks comments, strings and character literals.
fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        match opaque_end(&chars, at) {
            Some(end) => {
                code.extend(chars[at..end].iter().map(|char| if *char == '\n' { '\n' } else { ' ' }));
                at = end;
            }
            None => {
                code.push(chars[at]);
                at += 1;
            }
        }
    }
    code
}

/// The end (exclusive) of the comment or literal that begins at `at`, if one does.
fn opaque_end(chars: &[char], at: usize) -> Option<usize> {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => Some(position(chars, at, |char| char == '\n')),
        '/' if next == Some('*') => Some(block_comment_end(chars, at)),
        '"' => Some(quoted_end(chars, at, '"')),
        'r' if !continues_name(chars, at) => raw_string_end(chars, at),
        '\'' if next == Some('\\') || chars.get(at + 2) == Some(&'\'') => Some(quoted_end(chars, at, '\'')),
        _ => None,
    }
}

/// Whether the `r` at `at` belongs to a name; the `b` of `br"..."` is no name.
fn continues_name(chars: &[char], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).is_some_and(|at| is_name(chars[at]));
    before(1) && (before(2) || !matches!(chars[at - 1], 'b' | 'c'))
}

fn position(chars: &[char], from: usize, wanted: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|at| wanted(chars[*at])).unwrap_or(chars.len())
}

fn block_comment_end(chars: &[char], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut at = start;
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') if depth == 1 => return at + 2,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
    }
    chars.len()
}

fn quoted_end(chars: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            char if char == quote => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn raw_string_end(chars: &[char], start: usize) -> Option<usize> {
    let quote = position(chars, start + 1, |char| char != '#');
    if chars.get(quote) != Some(&'"') {
        return None;
    }
    let hashes = quote - start - 1;
    let closes =
        |at: usize| chars[at] == '"' && chars[at + 1..].iter().take_while(|char| **char == '#').count() >= hashes;
    Some((quote + 1..chars.len()).find(|at| closes(*at)).map_or(chars.len(), |at| at + 1 + hashes))
}

/// Blanks the items under `#[cfg(test)]`.
fn without_tests(code: &str) -> String {
    without_items(code, "#[cfg(test)]")
}

/// Blanks the macros that are defined here.
pub(crate) fn without_macros(code: &str) -> String {
    without_items(code, "macro_rules!")
}

/// Blanks the items that begin with `mark`.
fn without_items(code: &str, mark: &str) -> String {
    let mut rest = code;
    let mut kept = String::with_capacity(code.len());
    while let Some((before, item)) = rest.split_once(mark) {
        kept.push_str(before);
        let chars: Vec<char> = item.chars().collect();
        let end = item_end(&chars, skip_attributes(&chars));
        kept.extend(chars[..end].iter().filter(|char| **char == '\n'));
        let consumed: usize = chars[..end].iter().map(|char| char.len_utf8()).sum();
        rest = &item[consumed..];
    }
    kept.push_str(rest);
    kept
}

fn skip_attributes(chars: &[char]) -> usize {
    let mut at = position(chars, 0, |char| !char.is_whitespace());
    while chars.get(at) == Some(&'#') {
        let open = position(chars, at, |char| char == '[');
        at = position(chars, (closing(chars, open) + 1).min(chars.len()), |char| !char.is_whitespace());
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked() {
        let cases = [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x\"y", 'z', '\'', 'a)"#, "f(      ,    ,     , 'a)"),
            ("br#\"a\"b\"# for", "b         for"),
            ("let r#type = our\"x\";", "let r#type = our   ;"),
            ("b'{' c'", "b    c'"),
        ];
        for (text, code) in cases {
            assert_eq!(code_of(text), code, "code of {text}");
        }
    }

    #[test]
    fn items_under_cfg_test_are_dropped_and_lines_stay() {
        let code = "use a;\n#[cfg(test)]\n#[path = x[0]]\nmod tests {\n fn f() { g(); }\n}\nuse b;\n#[cfg(test)] use c::{d, e};\nuse f;";
        assert_eq!(without_tests(code), "use a;\n\n\n\n\n\nuse b;\n;\nuse f;");
    }

    #[test]
    fn test_files_are_known_by_their_names() {
        for (path, is_test) in [
            ("streams-core/src/ids.rs", false),
            ("streams-core/src/testing/mod.rs", false),
            ("streams-core/src/ids_tests.rs", true),
            ("streams-core/src/state/tests.rs", true),
            ("tests/src/lib.rs", true),
        ] {
            assert_eq!(Source::new(path, "").is_test(), is_test, "{path}");
        }
    }
}

//! The table of bad input: every test that it names exists and carries the number of its row.

use crate::source::Source;

/// A line of the table: row, file, test.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row<'a> {
    line: usize,
    id: &'a str,
    file: &'a str,
    test: &'a str,
}

/// Findings for the lines of the table in `document` whose test is not in `sources`, or not under its number.
pub(crate) fn unproven(document: &Source, sources: &[Source]) -> Vec<String> {
    let place = |row: &Row<'_>| format!("{}:{}: {}", document.path, row.line, row.id);
    rows(&document.text)
        .filter_map(|row| {
            let source = sources.iter().find(|source| source.path == row.file);
            match source.map(|source| head_of(&source.text, row.test)) {
                None => Some(format!("{} names {}, which is no file", place(&row), row.file)),
                Some(None) => Some(format!("{} names {}, which is no test of {}", place(&row), row.test, row.file)),
                Some(Some(head)) if !has_number(head, row.id) => {
                    Some(format!("{}: neither name nor comment of {} has the number", place(&row), row.test))
                }
                Some(Some(_)) => None,
            }
        })
        .collect()
}

/// The lines of four cells that begin with a number: row, what is wrong, file, test.
fn rows(text: &str) -> impl Iterator<Item = Row<'_>> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let mut cells = line.strip_prefix("| B")?.strip_suffix(" |")?.split(" | ");
        let (number, _, file, test) = (cells.next()?, cells.next()?, cells.next()?, cells.next()?);
        let id = line.get(2..3 + number.len())?;
        Some(Row { line: index + 1, id, file: file.trim_matches('`'), test: test.trim_matches('`') })
    })
}

/// The comment, the attributes and the name of a function, if the text has it.
fn head_of<'a>(text: &'a str, function: &str) -> Option<&'a str> {
    let end = text.find(&format!("fn {function}("))? + "fn ".len() + function.len();
    let start = text[..end].rfind("\n\n").unwrap_or(0);
    Some(&text[start..end])
}

/// Whether a text has the number as a word of its own, as in `Row B17.` and `b17_name`.
fn has_number(head: &str, id: &str) -> bool {
    let head = head.to_ascii_uppercase();
    let is_end = |next: Option<char>| next.is_none_or(|char| !char.is_ascii_digit());
    head.match_indices(id).any(|(at, _)| is_end(head[at + id.len()..].chars().next()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(table: &str, code: &str) -> Vec<String> {
        unproven(&Source::new("t.md", table), &[Source::new("a.rs", code)])
    }

    #[test]
    fn a_row_needs_a_test_with_its_number() {
        let table = "| row | x | file | test |\n|---|---|---|---|\n| B17 | a port | `a.rs` | `ports` |\n";
        for code in ["/// Row B17.\n#[test]\nfn ports() {}", "/// Rows B1, B17 and B2.\nfn ports() {}"] {
            assert_eq!(findings(table, code), [""; 0], "{code}");
        }
        assert_eq!(findings(&table.replace("ports", "b17_ports"), "#[test]\nfn b17_ports() {}"), [""; 0]);
        for code in ["/// Row B170.\nfn ports() {}", "/// Row B17.\nfn other() {}\n\nfn ports() {}"] {
            assert_eq!(
                findings(table, code),
                ["t.md:3: B17: neither name nor comment of ports has the number"],
                "{code}"
            );
        }
        assert_eq!(
            findings(table, "/// Row B17.\nfn port() {}"),
            ["t.md:3: B17 names ports, which is no test of a.rs"]
        );
        let elsewhere = table.replace("a.rs", "b.rs");
        assert_eq!(findings(&elsewhere, ""), ["t.md:3: B17 names b.rs, which is no file"]);
        assert_eq!(findings("| B02, B03 | not yet |\n", ""), [""; 0]);
    }
}

//! Finds the paths (`crate::a::b`, `std::{fs, io}`) that Rust code mentions, in imports and in line.
//!
//! A path is reported once per leaf of its tree: `use a::{b, c::{self, D as E}}` gives `a::b`, `a::c` and `a::c::D`.

use crate::source::{is_name, line_at};

/// One path of two segments or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mention {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
    /// The name the leaf gets where it is imported: after `as`, else its own.
    pub(crate) name: String,
    /// Whether a macro is called by this path.
    pub(crate) is_macro: bool,
}

pub(crate) fn mentions(code: &str) -> Vec<Mention> {
    let chars: Vec<char> = code.chars().collect();
    let mut scan = Scan { chars: &chars, at: 0, found: Vec::new() };
    while scan.at < chars.len() {
        if !is_name(chars[scan.at]) {
            scan.at += 1;
            continue;
        }
        let continues = continues_path(&chars, scan.at);
        let head = scan.name();
        if !continues && scan.eat("::") {
            scan.tree(vec![head]);
        }
    }
    scan.found
}

/// Whether the name at `at` follows a path's `::`, as in `<A as B>::C`; a leading `::` begins a path.
fn continues_path(chars: &[char], at: usize) -> bool {
    chars[..at].ends_with(&[':', ':'])
        && at >= 3
        && (is_name(chars[at - 3]) || matches!(chars[at - 3], '>' | ')' | ']'))
}

struct Scan<'a> {
    chars: &'a [char],
    at: usize,
    found: Vec<Mention>,
}

impl Scan<'_> {
    /// Reads what follows `prefix::`.
    fn tree(&mut self, prefix: Vec<String>) {
        self.space();
        match self.chars.get(self.at) {
            Some('{') => {
                self.at += 1;
                self.group(&prefix);
            }
            Some(char) if is_name(*char) => {
                let mut segments = prefix;
                let name = self.name();
                if name != "self" {
                    segments.push(name);
                }
                if self.eat("::") {
                    self.tree(segments);
                } else {
                    self.leaf(segments);
                }
            }
            // A glob names its parent, and so does the path before a turbofish.
            _ => self.leaf(prefix),
        }
    }

    fn group(&mut self, prefix: &[String]) {
        loop {
            self.space();
            match self.chars.get(self.at) {
                None => return,
                Some('}') => {
                    self.at += 1;
                    return;
                }
                Some(',') => self.at += 1,
                Some(char) if is_name(*char) => self.tree(prefix.to_vec()),
                Some(_) => {
                    self.leaf(prefix.to_vec());
                    self.at += 1;
                }
            }
        }
    }

    fn leaf(&mut self, segments: Vec<String>) {
        if segments.len() < 2 {
            return;
        }
        let line = line_at(self.chars, self.at.min(self.chars.len()));
        let rest = &self.chars[self.at..];
        let is_macro = rest.first() == Some(&'!') && rest.get(1) != Some(&'=');
        let mut name = segments.last().cloned().unwrap_or_default();
        let back = self.at;
        self.space();
        if self.chars[self.at..].starts_with(&['a', 's', ' ']) {
            self.at += 3;
            self.space();
            name = self.name();
        } else {
            self.at = back;
        }
        self.found.push(Mention { line, segments, name, is_macro });
    }

    fn name(&mut self) -> String {
        let name: String = self.chars[self.at..].iter().take_while(|char| is_name(**char)).collect();
        self.at += name.chars().count();
        name
    }

    fn space(&mut self) {
        while self.chars.get(self.at).is_some_and(|char| char.is_whitespace()) {
            self.at += 1;
        }
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let wanted: Vec<char> = wanted.chars().collect();
        let found = self.chars[self.at..].starts_with(&wanted);
        if found {
            self.at += wanted.len();
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_by_leaf() {
        let cases: [(&str, &[&str]); 9] = [
            ("use a;", &[]),
            ("use a::b;", &["a::b"]),
            ("use a::{b, c::{self, D as E}, f::*};", &["a::b", "a::c", "a::c::D as E", "a::f"]),
            ("use a::{\n    b,\n};\nx::y()", &["a::b", "x::y"]),
            ("let x: a::B<c::D> = e::f::<g::H>(i);", &["a::B", "c::D", "e::f", "g::H"]),
            ("<T as a::B>::C::d()", &["a::B"]),
            ("::std::fs::read(x)", &["std::fs::read"]),
            ("$crate::a::b!(c) crate::d!{} x::y != z", &["crate::a::b!", "crate::d!", "x::y"]),
            ("use self::a::B; a.b::<C>()", &["self::a::B"]),
        ];
        for (code, expected) in cases {
            let found: Vec<String> = mentions(code).iter().map(shown).collect();
            assert_eq!(found, expected, "in {code}");
        }
        assert_eq!(mentions("\nuse a::{b,\nc};").iter().map(|mention| mention.line).collect::<Vec<_>>(), [2, 3]);
    }

    fn shown(mention: &Mention) -> String {
        let path = mention.segments.join("::");
        let renamed = mention.segments.last() != Some(&mention.name);
        format!(
            "{path}{}{}",
            if mention.is_macro { "!" } else { "" },
            if renamed { format!(" as {}", mention.name) } else { String::new() }
        )
    }
}

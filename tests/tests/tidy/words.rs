//! What must not be written anywhere: unfinished marks, silenced lints, paths of somebody's machine.

use crate::source::{is_name, without_macros, Source};

/// Looked for in code, so that prose and strings may speak of them.
const BANNED_IN_CODE: [(&str, &str); 4] = [
    ("todo!", "finish it, or return an error that says what is missing"),
    ("unimplemented!", "finish it, or return an error that says what is missing"),
    ("#[ignore", "a test runs or is deleted"),
    ("#[should_panic", "return a result and look at the error"),
];

/// Looked for in code that no macro writes: one expansion of a macro may need what the next does not, so that there
/// `expect` would fail.
const SILENCED: [(&str, &str); 2] = [
    ("#[allow(", "use #[expect(lint, reason = \"..\")]"),
    ("#![allow(", "use #[expect(lint, reason = \"..\")] at its place"),
];

/// Looked for as words, in comments above all. Written in two parts, because this file is checked as well.
const BANNED_WORDS: [&str; 3] = [concat!("FIX", "ME"), concat!("XX", "X"), concat!("TO", "DO")];

/// Folders that exist on one machine. Written in two parts, because this file is checked as well.
const MACHINE_FOLDERS: [&str; 3] = [concat!("/ro", "ot/"), concat!("/wo", "rk/"), concat!("/ho", "me/")];

pub(crate) fn unfinished_or_silenced(source: &Source) -> Vec<String> {
    let mut findings = banned(source, &source.code, &BANNED_IN_CODE);
    findings.extend(banned(source, &without_macros(&source.code), &SILENCED));
    for (number, line) in (1..).zip(source.text.lines()) {
        for word in line.split(|char| !is_name(char)).filter(|word| BANNED_WORDS.contains(word)) {
            findings.push(format!("{}:{number}: `{word}`: finish it now, or leave it out", source.path));
        }
    }
    findings
}

fn banned(source: &Source, code: &str, marks: &[(&str, &str)]) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        for (mark, instead) in marks {
            if line.match_indices(mark).any(|(at, _)| !line[..at].ends_with(is_name)) {
                findings.push(format!("{}:{number}: `{mark}`: {instead}", source.path));
            }
        }
    }
    findings
}

pub(crate) fn machine_paths(source: &Source) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(source.text.lines()) {
        for folder in MACHINE_FOLDERS {
            let begins_path = |at: usize| !line[..at].ends_with(|char| is_name(char) || char == '.' || char == '-');
            if line.match_indices(folder).any(|(at, _)| begins_path(at)) {
                findings.push(format!("{}:{number}: a path below `{folder}` exists on one machine only", source.path));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfinished_and_silenced_code_is_found() {
        for (banned, _) in BANNED_IN_CODE {
            let findings =
                unfinished_or_silenced(&Source::new("a.rs", &format!("//! Doc.\n    {banned} dead_code)]\n")));
            assert_eq!(findings.len(), 1, "{banned}: {findings:?}");
            assert!(findings[0].starts_with("a.rs:2: "), "{findings:?}");
        }
        for word in BANNED_WORDS {
            let findings = unfinished_or_silenced(&Source::new("a.rs", &format!("// {word}: later\n")));
            assert_eq!(findings.len(), 1, "{word}: {findings:?}");
        }
    }

    #[test]
    fn prose_strings_and_longer_words_are_left_alone() {
        let code = "let a = \"#[allow(x)]\"; my_todo!(); macro_rules! m { () => { #[allow(b)] c }; }";
        let text = format!("//! No todo! here.\n{code} let {}_Y = 1;\n", BANNED_WORDS[1]);
        assert_eq!(unfinished_or_silenced(&Source::new("a.rs", &text)), [""; 0]);
    }

    #[test]
    fn machine_paths_are_found() {
        for folder in MACHINE_FOLDERS {
            let findings = machine_paths(&Source::new("README.md", &format!("Look.\nIn `{folder}x`.\n")));
            assert_eq!(findings.len(), 1, "{folder}: {findings:?}");
            assert!(findings[0].starts_with("README.md:2: "), "{findings:?}");
        }
        let inside =
            format!("a{}b ./x{}y https://h.example{}", MACHINE_FOLDERS[0], MACHINE_FOLDERS[1], MACHINE_FOLDERS[2]);
        assert_eq!(machine_paths(&Source::new("README.md", &inside)), [""; 0]);
    }
}

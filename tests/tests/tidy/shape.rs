//! Sizes of files and functions, and the doc that opens a file.

use crate::source::{is_name, item_end, line_at, Source};

/// Beyond this a file has more than one job.
const FILE_LINES_MAX: usize = 700;
/// What a screen shows at once.
const FUNCTION_LINES_MAX: usize = 70;

pub(crate) fn long_file(source: &Source) -> Option<String> {
    let lines = source.text.lines().count();
    (lines > FILE_LINES_MAX)
        .then(|| format!("{}:{lines}: the file is over {FILE_LINES_MAX} lines: split it along its jobs", source.path))
}

pub(crate) fn no_module_doc(source: &Source) -> Option<String> {
    let documented = source.text.lines().find(|line| !line.is_empty()).is_some_and(|line| line.starts_with("//!"));
    (!documented).then(|| {
        format!("{}:1: the file does not open with `//!`: say what it is for and what it must not do", source.path)
    })
}

/// Findings for the functions over the limit that `excused` (file, function, reason) does not name, and for the entries
/// of `excused` that name no such function.
pub(crate) fn long_functions(sources: &[Source], excused: &[(&str, &str, &str)]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut used = vec![false; excused.len()];
    for source in sources.iter().filter(|source| source.is_rust()) {
        for (line, name, lines) in functions(&source.code) {
            if lines <= FUNCTION_LINES_MAX {
                continue;
            }
            match excused.iter().position(|(path, function, _)| *path == source.path && *function == name) {
                Some(at) => used[at] = true,
                None => findings.push(format!(
                    "{}:{line}: `{name}` has {lines} lines, over {FUNCTION_LINES_MAX}: move its leaves out",
                    source.path
                )),
            }
        }
    }
    for (at, (path, function, _)) in excused.iter().enumerate() {
        if !used[at] {
            findings.push(format!("{path}: `{function}` is excused from the limit of lines and does not need it"));
        }
    }
    findings
}

/// Line, name and number of lines of each function with a body.
fn functions(code: &str) -> Vec<(usize, String, usize)> {
    let chars: Vec<char> = code.chars().collect();
    let mut found = Vec::new();
    for start in 0..chars.len() {
        let is_keyword = chars[start..].starts_with(&['f', 'n', ' ']) && (start == 0 || !is_name(chars[start - 1]));
        let name: String = chars.iter().skip(start + 3).take_while(|char| is_name(**char)).collect();
        if !is_keyword || name.is_empty() {
            continue;
        }
        let first = line_at(&chars, start);
        let end = item_end(&chars, start);
        if chars[end - 1] == '}' {
            found.push((first, name, line_at(&chars, end - 1) + 1 - first));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function_of(lines: usize) -> String {
        format!("//! Doc.\nimpl A {{\n    pub(crate) async fn long(a: [u8; 4]) -> u8\n    where\n        A: B,\n    {{\n{}    }}\n}}\nfn short() {{}}\n", "        f(\"}\");\n".repeat(lines - 5))
    }

    #[test]
    fn a_file_over_the_limit_is_found() {
        let at_limit = Source::new("a.rs", &"x\n".repeat(FILE_LINES_MAX));
        assert_eq!(long_file(&at_limit), None);
        let over = Source::new("a.rs", &"x\n".repeat(FILE_LINES_MAX + 1));
        assert!(long_file(&over).is_some_and(|finding| finding.starts_with("a.rs:701: ")));
    }

    #[test]
    fn a_file_without_module_doc_is_found() {
        assert_eq!(no_module_doc(&Source::new("a.rs", "//! Doc.\n")), None);
        for text in ["", "// Comment.\n", "/// Doc.\nfn f() {}\n", "use a;\n//! Doc.\n"] {
            assert!(no_module_doc(&Source::new("a.rs", text)).is_some(), "{text:?}");
        }
    }

    #[test]
    fn a_function_over_the_limit_is_found() {
        let at_limit = [Source::new("a.rs", &function_of(FUNCTION_LINES_MAX))];
        assert_eq!(long_functions(&at_limit, &[]), [""; 0]);
        let over = [Source::new("a.rs", &function_of(FUNCTION_LINES_MAX + 1))];
        assert_eq!(long_functions(&over, &[]), ["a.rs:3: `long` has 71 lines, over 70: move its leaves out"]);
        assert_eq!(long_functions(&over, &[("a.rs", "long", "a table")]), [""; 0]);
    }

    #[test]
    fn an_excuse_that_is_not_needed_is_found() {
        let sources = [Source::new("a.rs", &function_of(FUNCTION_LINES_MAX))];
        let findings = long_functions(&sources, &[("a.rs", "long", "a table")]);
        assert_eq!(findings, ["a.rs: `long` is excused from the limit of lines and does not need it"]);
    }

    #[test]
    fn functions_are_measured_and_declarations_are_not() {
        let code = "trait A {\n fn a(&self);\n fn b() {\n }\n}\nconst F: fn(u8) = c;\nfn c<T>(f: impl Fn() -> T) { let d = || {}; }\n";
        let names: Vec<_> =
            functions(code).into_iter().map(|(line, name, lines)| format!("{line} {name} {lines}")).collect();
        assert_eq!(names, ["3 b 2", "7 c 1"]);
    }
}

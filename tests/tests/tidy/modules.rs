//! Which module may import which: reads the table in ARCHITECTURE.md and every path that the code mentions.
//!
//! The table has a section per crate and a row per module:
//!
//! ```text
//! # a comment
//! vocabulary = error ids              a short name for a list
//! [streams-core]
//! error ids : vocabulary              these modules may import those
//! state : vocabulary serde            and always themselves and what is below them
//! state::engine : vocabulary          a longer name is a row of its own: state's list is not inherited
//! runtime : *                         anything
//! ```
//!
//! A name means a module of the section's crate, unless it begins with the name of another crate of the workspace.
//! Code that is compiled for tests only, `lib.rs` and `main.rs` are free. A module without a row is a finding, so that a
//! new module comes with a decision.

use std::collections::{BTreeMap, BTreeSet};

use crate::paths::{mentions, Mention};
use crate::source::Source;

/// The crates that the rules are about; examples, tests and benches use all of them freely.
const CRATES: [&str; 3] = ["streams-core", "streams-dsl", "broker-lite"];
const ANYTHING: &str = "*";

/// A module's full path, its crate first: `["streams_core", "state", "engine"]`.
type Path = Vec<String>;

#[derive(Debug, Default)]
pub(crate) struct Rules {
    rows: BTreeMap<Path, Vec<Path>>,
}

impl Rules {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut rules = Self::default();
        let mut short: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        let mut section = None;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split('#').next().unwrap_or_default().trim();
            let fail = |what: &str| Err(format!("line {number} of the module rules: {what}: `{line}`"));
            if line.is_empty() {
                continue;
            }
            if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
                if !CRATES.contains(&name) {
                    return fail("no such crate");
                }
                section = Some(name.replace('-', "_"));
            } else if let Some((name, list)) = line.split_once(" = ") {
                short.insert(name.trim(), list.split_whitespace().collect());
            } else if let (Some((modules, allowed)), Some(section)) = (line.split_once(" :"), &section) {
                let names = allowed.split_whitespace();
                let expanded = names.flat_map(|name| short.get(name).cloned().unwrap_or_else(|| vec![name]));
                let allowed: Vec<Path> = expanded.map(|name| full_path(section, name)).collect();
                for module in modules.split_whitespace() {
                    if rules.rows.insert(full_path(section, module), allowed.clone()).is_some() {
                        return fail("a module has two rows");
                    }
                }
            } else {
                return fail("neither `[crate]`, `name = list` nor, below a crate, `modules : list`");
            }
        }
        Ok(rules)
    }

    /// The longest row that `module` is in, with what it may import.
    fn row(&self, module: &[String]) -> Option<(&Path, &[Path])> {
        let rows = self.rows.iter().filter(|(row, _)| module.starts_with(row));
        rows.max_by_key(|(row, _)| row.len()).map(|(row, allowed)| (row, allowed.as_slice()))
    }
}

pub(crate) fn forbidden_imports(sources: &[Source], rules: &Rules) -> Vec<String> {
    let crates = Crates::read(sources);
    let mut findings = Vec::new();
    for source in sources {
        let Some(module) = module_of(&source.path) else { continue };
        if module.len() == 1 || module[1] == "main" || source.is_test() {
            continue;
        }
        let Some((row, allowed)) = rules.row(&module) else {
            let module = module.join("::");
            findings.push(format!("{}:1: `{module}` has no row in the module rules of ARCHITECTURE.md", source.path));
            continue;
        };
        for mention in mentions(&source.production_code()) {
            match crates.target(&module, &mention) {
                Target::Elsewhere => {}
                Target::Unknown(path) => findings.push(format!(
                    "{}:{}: cannot tell which module `{}` is in: name it by its module",
                    source.path,
                    mention.line,
                    path.join("::")
                )),
                Target::Module(target) if is_allowed(&target, row, allowed) => {}
                Target::Module(target) => findings.push(format!(
                    "{}:{}: `{}` must not import `{}`, by the module rules of ARCHITECTURE.md",
                    source.path,
                    mention.line,
                    row.join("::"),
                    target.join("::")
                )),
            }
        }
    }
    findings
}

/// Rows that no file answers to.
pub(crate) fn stale_rows(sources: &[Source], rules: &Rules) -> Vec<String> {
    let modules: BTreeSet<Path> = sources.iter().filter_map(|source| module_of(&source.path)).collect();
    let rows = rules.rows.keys().filter(|row| !modules.iter().any(|module| module.starts_with(row)));
    rows.map(|row| format!("ARCHITECTURE.md: the module rules have a row for `{}`, which is no file", row.join("::")))
        .collect()
}

fn is_allowed(target: &[String], row: &[String], allowed: &[Path]) -> bool {
    target.starts_with(row)
        || allowed.iter().any(|prefix| prefix.last().is_some_and(|name| name == ANYTHING) || target.starts_with(prefix))
}

fn full_path(section: &str, name: &str) -> Path {
    let segments: Path = name.split("::").map(str::to_owned).collect();
    let names_crate = CRATES.iter().any(|known| known.replace('-', "_") == segments[0]);
    if names_crate {
        segments
    } else {
        [vec![section.to_owned()], segments].concat()
    }
}

/// `["streams_core", "state", "engine"]` for `streams-core/src/state/engine/mod.rs`.
fn module_of(path: &str) -> Option<Path> {
    let (folder, rest) = path.split_once("/src/")?;
    let known = CRATES.contains(&folder);
    let mut module: Path = vec![folder.replace('-', "_")];
    module.extend(rest.strip_suffix(".rs")?.split('/').map(str::to_owned));
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    known.then_some(module)
}

enum Target {
    /// Not in this workspace, or a macro, which has no module.
    Elsewhere,
    Module(Path),
    Unknown(Path),
}

/// What is needed to find the module behind a path: the modules of each crate, what it re-exports at its root, and its
/// macros.
#[derive(Debug, Default)]
struct Crates {
    modules: BTreeSet<(String, String)>,
    reexports: BTreeMap<(String, String), Path>,
    macros: BTreeSet<String>,
}

impl Crates {
    fn read(sources: &[Source]) -> Self {
        let mut crates = Self::default();
        for source in sources {
            let Some(module) = module_of(&source.path) else { continue };
            for (_, rest) in
                source.code.match_indices("macro_rules! ").map(|(at, found)| source.code.split_at(at + found.len()))
            {
                crates.macros.insert(rest.chars().take_while(|char| crate::source::is_name(*char)).collect());
            }
            match &module[..] {
                [name] => crates.read_reexports(name, source),
                [name, first, ..] => {
                    crates.modules.insert((name.clone(), first.clone()));
                }
                [] => {}
            }
        }
        crates
    }

    fn read_reexports(&mut self, name: &str, root: &Source) {
        for mention in mentions(&root.production_code()) {
            let segments = mention.segments.iter().skip_while(|segment| matches!(segment.as_str(), "crate" | "self"));
            let path = [vec![name.to_owned()], segments.cloned().collect()].concat();
            self.reexports.insert((name.to_owned(), mention.name), path);
        }
    }

    /// The module that `mention`, made in `module`, leads to.
    fn target(&self, module: &[String], mention: &Mention) -> Target {
        let Some(path) = absolute(module, &mention.segments) else { return Target::Elsewhere };
        let Some(first) = path.get(1) else { return Target::Unknown(path) };
        let key = (path[0].clone(), first.clone());
        let by_macro = path.len() == 2 && self.macros.contains(first);
        if self.modules.contains(&key) {
            Target::Module(path)
        } else if let Some(real) = self.reexports.get(&key) {
            Target::Module([real.as_slice(), &path[2..]].concat())
        } else if mention.is_macro || by_macro {
            Target::Elsewhere
        } else {
            Target::Unknown(path)
        }
    }
}

/// `segments` from the crate's root, or `None` when they lead out of the workspace.
fn absolute(module: &[String], segments: &[String]) -> Option<Path> {
    let head = segments[0].as_str();
    let supers = segments.iter().take_while(|segment| *segment == "super").count();
    let (base, rest) = match head {
        "crate" => (&module[..1], &segments[1..]),
        "self" => (module, &segments[1..]),
        "super" => (&module[..module.len().saturating_sub(supers).max(1)], &segments[supers..]),
        _ if CRATES.iter().any(|known| known.replace('-', "_") == head) => (&segments[..1], &segments[1..]),
        _ => return None,
    };
    Some([base, rest].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: &str = "words = error ids\n[streams-core]\nerror : # nothing\nids : error\nstate : words serde\n\
                         state::engine : words\nserde : words\nruntime : *\n[broker-lite]\nlog : streams_core::ids\n";

    fn findings(path: &str, text: &str) -> Vec<String> {
        let sources = [
            Source::new("streams-core/src/lib.rs", "pub mod ids;\npub use ids::{Offset, TaskId as Task};\n"),
            Source::new("streams-core/src/ids.rs", "macro_rules! id { () => {} }"),
            Source::new("streams-core/src/runtime/mod.rs", ""),
            Source::new("streams-core/src/state/engine/rocks.rs", ""),
            Source::new("streams-core/src/serde/json.rs", ""),
            Source::new(path, text),
        ];
        forbidden_imports(&sources, &Rules::parse(RULES).expect("the rules parse"))
    }

    #[test]
    fn imports_against_the_rules_are_found() {
        let cases = [
            ("streams-core/src/state/mod.rs", "use crate::runtime::task;", "streams_core::runtime::task"),
            ("streams-core/src/state/mod.rs", "fn f() { crate::runtime::g(); }", "streams_core::runtime::g"),
            ("streams-core/src/state/cache.rs", "use super::super::runtime;", "streams_core::runtime"),
            ("streams-core/src/state/engine/memory.rs", "use crate::{serde::A, ids::B};", "streams_core::serde::A"),
            ("streams-core/src/state/engine/memory.rs", "use super::super::cache::C;", "streams_core::state::cache::C"),
            ("streams-core/src/error.rs", "use crate::Offset;", "streams_core::ids::Offset"),
            ("streams-core/src/error.rs", "use crate::Task;", "streams_core::ids::TaskId"),
            ("broker-lite/src/log/mod.rs", "use streams_core::{state::engine as e};", "streams_core::state::engine"),
        ];
        for (path, text, target) in cases {
            let found = findings(path, text);
            assert_eq!(found.len(), 1, "{text} in {path}: {found:?}");
            assert!(found[0].contains(&format!("must not import `{target}`")), "{text} in {path}: {found:?}");
        }
    }

    #[test]
    fn imports_by_the_rules_pass() {
        let cases = [
            (
                "streams-core/src/state/mod.rs",
                "use crate::{ids::A, serde::B}; use engine::C; use crate::state::engine::D;",
            ),
            ("streams-core/src/state/engine/memory.rs", "use super::rocks::A; use std::fs; use crate::Offset;"),
            ("streams-core/src/state/mod.rs", "#[cfg(test)]\nmod tests { use crate::runtime::A; }"),
            ("streams-core/src/state/tests.rs", "use crate::runtime::A;"),
            (
                "streams-core/src/runtime/task.rs",
                "use crate::state::A; use crate::id; crate::id!(); use crate::serde::B;",
            ),
            ("broker-lite/src/log/mod.rs", "use streams_core::Offset; // use streams_core::state::A;"),
            ("examples/src/lib.rs", "use streams_core::state::A;"),
        ];
        for (path, text) in cases {
            assert_eq!(findings(path, text), [""; 0], "{text} in {path}");
        }
    }

    #[test]
    fn a_module_without_a_row_and_a_name_without_a_module_are_found() {
        let found = findings("streams-core/src/new.rs", "");
        assert_eq!(
            found,
            ["streams-core/src/new.rs:1: `streams_core::new` has no row in the module rules of ARCHITECTURE.md"]
        );
        let found = findings("streams-core/src/state/a.rs", "\nuse crate::Nowhere;");
        assert_eq!(found, ["streams-core/src/state/a.rs:2: cannot tell which module `streams_core::Nowhere` is in: name it by its module"]);
    }

    #[test]
    fn a_row_without_a_module_is_found() {
        let rules = Rules::parse("[streams-core]\nids : \nstate::engine : ids\n").expect("the rules parse");
        let sources = [Source::new("streams-core/src/ids.rs", ""), Source::new("streams-core/src/state/mod.rs", "")];
        let found = stale_rows(&sources, &rules);
        assert_eq!(
            found,
            ["ARCHITECTURE.md: the module rules have a row for `streams_core::state::engine`, which is no file"]
        );
    }

    #[test]
    fn rules_that_say_nothing_are_refused() {
        for (text, what) in [
            ("ids : error", "neither"),
            ("[kafka]", "no such crate"),
            ("[streams-core]\nids", "neither"),
            ("[streams-core]\nids : error\nids :\n", "two rows"),
        ] {
            assert!(Rules::parse(text).is_err_and(|message| message.contains(what)), "{text}");
        }
    }
}

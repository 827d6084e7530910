//! Which file may touch the outside world (clocks, files, threads, sockets): reads the table in ARCHITECTURE.md.
//!
//! A row names paths of Rust, and what begins the names of the files that may mention them: `std::fs : a/b.rs a/c/`.
//! A path stands for all below it, and importing what is above it counts too, for it brings the name along.
//! Outside the three libraries, and in tests, everything is allowed.

use crate::paths::mentions;
use crate::source::Source;

/// The folders that the rules are about.
const LIBRARIES: [&str; 3] = ["streams-core/src/", "streams-dsl/src/", "broker-lite/src/"];

/// Some part of the outside world, and who may touch it.
#[derive(Debug)]
pub(crate) struct Row {
    ambient: Vec<String>,
    drivers: Vec<String>,
}

pub(crate) fn parse(text: &str) -> Result<Vec<Row>, String> {
    let words = |list: &str| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    let row = |line: &str| match line.split_once(" :") {
        Some((ambient, drivers)) => Ok(Row { ambient: words(ambient), drivers: words(drivers) }),
        None => Err(format!("neither a comment nor `paths : files`: `{line}`")),
    };
    lines.filter(|line| !line.is_empty()).map(row).collect()
}

/// Findings for each mention outside a driver.
pub(crate) fn outside_drivers(sources: &[Source], rows: &[Row]) -> Vec<String> {
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| LIBRARIES.iter().any(|library| source.path.starts_with(library))) {
        let mentions = mentions(&source.production_code());
        for row in rows.iter().filter(|row| !row.drivers.iter().any(|driver| source.path.starts_with(driver.as_str())))
        {
            for mention in &mentions {
                let path = mention.segments.join("::");
                if row.ambient.iter().any(|ambient| is_below(&path, ambient) || is_below(ambient, &path)) {
                    findings.push(format!(
                        "{}:{}: `{path}` outside a driver: take it as an argument (driver rules of ARCHITECTURE.md)",
                        source.path, mention.line
                    ));
                }
            }
        }
    }
    findings
}

/// Drivers that are no file or folder.
pub(crate) fn stale_drivers(sources: &[Source], rows: &[Row]) -> Vec<String> {
    let exists = |driver: &str| sources.iter().any(|source| source.path.starts_with(driver));
    let drivers = rows.iter().flat_map(|row| &row.drivers).filter(|driver| !exists(driver.as_str()));
    drivers.map(|driver| format!("ARCHITECTURE.md: the driver rules name `{driver}`, which does not exist")).collect()
}

fn is_below(path: &str, ambient: &str) -> bool {
    path.strip_prefix(ambient).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let rows = parse("std::net tokio::net : broker-lite/src/server/\nstd::fs std::time::Instant : # nobody\n")
            .expect("the rules parse");
        let sources = [Source::new("broker-lite/src/server/mod.rs", "use std::net::A;"), Source::new(path, text)];
        outside_drivers(&sources, &rows)
    }

    #[test]
    fn mentions_outside_drivers_are_found() {
        for (text, path) in [
            ("use std::net::TcpStream;", "std::net::TcpStream"),
            ("use std::{io, fs};", "std::fs"),
            ("fn f() { std::fs::read(x); }", "std::fs::read"),
            ("use tokio::net::TcpListener as L;", "tokio::net::TcpListener"),
            ("use std::time;", "std::time"),
        ] {
            let found = findings("broker-lite/src/log/mod.rs", text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(
                found[0].starts_with(&format!("broker-lite/src/log/mod.rs:1: `{path}` outside")),
                "{text}: {found:?}"
            );
        }
        assert_eq!(findings("broker-lite/src/server/mod.rs", "use std::fs;").len(), 1, "a driver of one thing only");
    }

    #[test]
    fn drivers_tests_and_programs_are_free() {
        for (path, text) in [
            ("broker-lite/src/server/accept.rs", "use std::net::A;"),
            ("broker-lite/src/log/tests.rs", "use std::fs;"),
            (
                "broker-lite/src/log/mod.rs",
                "use std::io; use std::network; use std::time::Duration; #[cfg(test)] mod tests { use std::fs; }",
            ),
            ("examples/src/main.rs", "use std::fs;"),
        ] {
            assert_eq!(findings(path, text), [""; 0], "{text} in {path}");
        }
    }

    #[test]
    fn a_driver_that_does_not_exist_is_found() {
        let rows = parse("std::net : gone.rs").expect("the rules parse");
        assert_eq!(
            stale_drivers(&[], &rows),
            ["ARCHITECTURE.md: the driver rules name `gone.rs`, which does not exist"]
        );
        assert!(parse("std::net gone.rs").is_err());
    }
}

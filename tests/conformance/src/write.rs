//! `conformance write`: puts the cases of [`crate::families`] into `cases/*.json`.
//!
//! An answer that a file holds stays with a case whose topology and input did not change; others wait for `make golden`.

use std::fs;
use std::io;
use std::path::Path;

use crate::families::FAMILIES;
use crate::model::{Case, Family};

/// Writes every family to `directory`. Returns how many cases there are, and how many of them wait for an answer.
///
/// # Errors
/// A file that cannot be read or written, or that is no family.
pub fn write(directory: &Path) -> io::Result<(usize, usize)> {
    let (mut total, mut waiting) = (0, 0);
    for family in FAMILIES {
        let path = directory.join(format!("{}.json", family.name));
        let before = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Family>(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Family { kafka: String::new(), cases: Vec::new() },
            Err(error) => return Err(error),
        };
        let mut cases = (family.cases)();
        for case in &mut cases {
            case.expected = before.cases.iter().find(|old| is_same(old, case)).and_then(|old| old.expected.clone());
        }
        total += cases.len();
        waiting += cases.iter().filter(|case| case.expected.is_none()).count();
        let mut text = serde_json::to_string_pretty(&Family { kafka: before.kafka, cases })?;
        text.push('\n');
        fs::write(&path, text)?;
    }
    Ok((total, waiting))
}

fn is_same(old: &Case, new: &Case) -> bool {
    old.name == new.name && old.topology == new.topology && old.input == new.input
}

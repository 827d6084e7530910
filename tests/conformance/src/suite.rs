//! The suite: the cases of a directory, run and compared.
//!
//! `known-differences.json` names cases whose difference is known and too large to mend at once, each with its reason.
//! Such a case counts as skipped; one that passes is a failure, so that the list never outlives what it excuses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::compare::{check, Compared, Outcome};
use crate::model::{Case, Family};
use crate::report::Report;

/// What is run.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only this family.
    pub family: Option<String>,
    /// Only the cases whose name contains this.
    pub case: Option<String>,
}

impl Selection {
    fn takes(&self, case: &Case) -> bool {
        self.family.as_ref().is_none_or(|family| *family == case.family)
            && self.case.as_ref().is_none_or(|part| case.name.contains(part))
    }
}

/// Reads all cases of a directory, family by family.
///
/// # Errors
/// A file that cannot be read, one that is no family, a case in the wrong file, a name that is taken twice.
pub fn load(directory: &Path) -> io::Result<Vec<Case>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort_unstable();
    let mut names = BTreeSet::new();
    let mut cases = Vec::new();
    for file in files {
        let invalid = |what: String| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {what}", file.display()));
        let family: Family = serde_json::from_slice(&fs::read(&file)?).map_err(|error| invalid(error.to_string()))?;
        for case in family.cases {
            if file.file_stem().is_none_or(|stem| stem != case.family.as_str()) {
                return Err(invalid(format!("case `{}` is of family `{}`", case.name, case.family)));
            }
            if !names.insert(case.name.clone()) {
                return Err(invalid(format!("the name `{}` is taken twice", case.name)));
            }
            cases.push(case);
        }
    }
    Ok(cases)
}

/// Reads the known differences: the reason by the name of the case.
///
/// # Errors
/// A file that cannot be read, or is no object of texts.
pub fn known_differences(path: &Path) -> io::Result<BTreeMap<String, String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

/// Runs the cases that are selected.
pub fn run(cases: &[Case], selection: &Selection, known: &BTreeMap<String, String>) -> Report {
    let mut report = Report::default();
    for case in cases.iter().filter(|case| selection.takes(case)) {
        report.add(case, with_known(check(case), known.get(&case.name)));
    }
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    for name in known.keys().filter(|name| !names.contains(name.as_str())) {
        report.stale(name);
    }
    report
}

fn with_known(compared: Compared, reason: Option<&String>) -> Compared {
    let Some(reason) = reason else { return compared };
    let outcome = match compared.outcome {
        Outcome::Failed(_) => Outcome::Skipped(format!("known difference: {reason}")),
        Outcome::Passed => {
            Outcome::Failed("it passes, but known-differences.json lists it: remove it there".to_owned())
        }
        skipped @ Outcome::Skipped(_) => skipped,
    };
    Compared { outcome, ..compared }
}

//! What came of the cases, as text: the differences, then per family how many pass, then what is missing by name.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

use crate::compare::{Compared, Outcome};
use crate::model::Case;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

/// What came of the cases.
#[derive(Debug, Clone, Default)]
pub struct Report {
    families: BTreeMap<String, Counts>,
    failures: Vec<(String, String)>,
    passed: Vec<String>,
    skipped: BTreeMap<String, Vec<String>>,
    not_compared: BTreeMap<&'static str, usize>,
    stale: Vec<String>,
}

impl Report {
    /// Adds a case.
    pub fn add(&mut self, case: &Case, compared: Compared) {
        let counts = self.families.entry(case.family.clone()).or_default();
        match compared.outcome {
            Outcome::Passed => {
                counts.passed += 1;
                self.passed.push(case.name.clone());
            }
            Outcome::Failed(why) => {
                counts.failed += 1;
                self.failures.push((case.name.clone(), format!("{}\n{why}", case.about)));
            }
            Outcome::Skipped(what) => {
                counts.skipped += 1;
                self.skipped.entry(what).or_default().push(case.name.clone());
            }
        }
        for check in compared.not_compared {
            *self.not_compared.entry(check).or_default() += 1;
        }
    }

    /// Adds a known difference of a case that does not exist.
    pub fn stale(&mut self, name: &str) {
        self.stale.push(name.to_owned());
    }

    /// Whether nothing failed.
    pub fn is_green(&self) -> bool {
        self.failures.is_empty() && self.stale.is_empty()
    }

    /// How many cases failed, known differences of no case included.
    pub fn failed(&self) -> usize {
        self.failures.len() + self.stale.len()
    }

    /// The name and the outcome of every case: what `--verbose` prints.
    pub fn verbose(&self) -> String {
        let mut text = String::new();
        for name in &self.passed {
            let _ = writeln!(text, "passed  {name}");
        }
        for (what, names) in &self.skipped {
            for name in names {
                let _ = writeln!(text, "skipped {name}: {what}");
            }
        }
        text
    }
}

impl fmt::Display for Report {
    /// Ends with `N passed, N failed, N skipped`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, why) in &self.failures {
            writeln!(f, "FAILED {name}: {why}\n")?;
        }
        for name in &self.stale {
            writeln!(f, "FAILED known-differences.json names `{name}`, which is no case\n")?;
        }
        let width = self.families.keys().map(String::len).max().unwrap_or(0).max(6);
        writeln!(f, "{:width$}  passed  failed  skipped", "family")?;
        for (family, Counts { passed, failed, skipped }) in &self.families {
            writeln!(f, "{family:width$}  {passed:6}  {failed:6}  {skipped:7}")?;
        }
        if !self.skipped.is_empty() {
            writeln!(f, "\nskipped, by what is missing:")?;
            let mut missing: Vec<(&String, usize)> =
                self.skipped.iter().map(|(what, names)| (what, names.len())).collect();
            missing.sort_by_key(|(what, count)| (std::cmp::Reverse(*count), *what));
            for (what, count) in missing {
                writeln!(f, "{count:6}  {what}")?;
            }
        }
        if !self.not_compared.is_empty() {
            writeln!(f, "\nchecks not compared:")?;
            for (check, count) in &self.not_compared {
                writeln!(f, "{count:6}  {check}")?;
            }
        }
        let skipped: usize = self.skipped.values().map(Vec::len).sum();
        write!(f, "\n{} passed, {} failed, {skipped} skipped", self.passed.len(), self.failed())
    }
}

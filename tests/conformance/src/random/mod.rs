//! Random topologies: the same case on both sides, Apache Kafka Streams and ours, and what differs, minimised.
//!
//! All randomness comes from a seed, so that a difference is found again by it. Operators that we do not have yet are left
//! out and named.

mod generate;
mod input;
mod minimise;
mod oracle;
mod rng;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use crate::compare::{check, Outcome};
use crate::model::{Case, Node, Op};

pub use oracle::Oracle;

/// What came of random cases.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// How many cases were run on both sides.
    pub ran: usize,
    /// How many of them Kafka Streams refuses or fails on, and we do too.
    pub refused: usize,
    /// The cases that differ, minimised, each with its difference.
    pub differences: Vec<(Case, String)>,
    /// What was left out because we do not have it, and how often it was drawn.
    pub left_out: BTreeMap<String, usize>,
    /// Cases whose answers are not to be compared, by the reason.
    pub incomparable: BTreeMap<&'static str, usize>,
    /// Cases that the oracle calls mistaken: the generator's own fault.
    pub mistakes: Vec<String>,
}

/// How much is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Search {
    /// Where randomness begins.
    pub seed: u64,
    /// How many cases.
    pub count: u64,
    /// The search ends after so many differences.
    pub differences_max: usize,
}

/// Generates cases and runs them on both sides. `script` starts the oracle.
///
/// # Errors
/// When the oracle does not start or dies.
pub fn search(search: Search, script: &Path, mut progress: impl FnMut(&str)) -> io::Result<Found> {
    let mut oracle = Oracle::start(script)?;
    let mut found = Found::default();
    for index in 0..search.count {
        let mut case = generate::case(search.seed, index, &mut found.left_out);
        if let Err(mistake) = oracle.ask(&mut case)? {
            found.mistakes.push(format!("{}: {mistake}", case.name));
            continue;
        }
        found.ran += 1;
        if let Some(why) = incomparable(&case) {
            *found.incomparable.entry(why).or_default() += 1;
            continue;
        }
        let is_refused = case.expected.as_ref().is_some_and(|expected| expected.refused.is_some());
        match check(&case).outcome {
            Outcome::Failed(difference) => {
                progress(&format!("{} differs, minimising ...", case.name));
                let smaller = minimise::minimise(case, difference, &mut oracle)?;
                found.differences.push(smaller);
                if found.differences.len() >= search.differences_max {
                    break;
                }
            }
            Outcome::Passed if is_refused => found.refused += 1,
            Outcome::Passed => {}
            Outcome::Skipped(what) => *found.left_out.entry(what).or_default() += 1,
        }
    }
    Ok(found)
}

/// Why the two sides need not agree on a case, if so.
fn incomparable(case: &Case) -> Option<&'static str> {
    let expected = case.expected.as_ref()?;
    if expected.refused.as_ref().is_some_and(|refused| refused.contains("null keyChangingChild")) {
        return Some("Kafka's optimizer fails on it");
    }
    let mut repartitions = 0;
    let mut subtopologies = 0;
    for line in expected.describe.iter().flatten() {
        if line.contains("Sub-topology: ") {
            (repartitions, subtopologies) = (0, subtopologies + 1);
        }
        repartitions += usize::from(line.contains("Source: ") && line.contains("-repartition]"));
        if repartitions > 1 {
            return Some("one task reads several repartition topics: records of one time have no order");
        }
    }
    let tells_place = |node: &Node| node.processor.as_deref() == Some("metadata");
    let is_cached = case.topology.nodes.iter().any(|node| node.op == Op::ToStream);
    if is_cached && case.topology.nodes.iter().any(tells_place) {
        return Some("what leaves a cache has no source record here: Kafka names the last of them");
    }
    let ticks = |node: &Node| node.processor.as_deref() == Some("punctuate_stream");
    if subtopologies > 1 && case.topology.nodes.iter().any(ticks) {
        return Some("stream time is that of one task: Kafka's driver has one for all sub-topologies");
    }
    None
}

//! Makes a differing case smaller while it still differs: fewer records, fewer nodes.

use std::io;

use super::oracle::Oracle;
use crate::compare::{check, Outcome};
use crate::model::{Case, Node};

/// How often the oracle is asked for one case: a small case is worth some seconds, not minutes.
const QUESTIONS_MAX: usize = 400;

/// The smallest case found that differs in the same part of the answer, and its difference.
pub(super) fn minimise(case: Case, difference: String, oracle: &mut Oracle) -> io::Result<(Case, String)> {
    let part = part_of(&difference);
    let mut best = Best { case, difference, part, questions: 0, oracle };
    loop {
        let before = best.size();
        best.drop_nodes()?;
        best.drop_steps()?;
        if best.size() == before || best.questions >= QUESTIONS_MAX {
            return Ok((best.case, best.difference));
        }
    }
}

/// What differs, without names and numbers: the words before the first colon or digit.
fn part_of(difference: &str) -> String {
    difference.chars().take_while(|c| !c.is_ascii_digit() && *c != '\n').take(24).collect()
}

struct Best<'a> {
    case: Case,
    difference: String,
    part: String,
    questions: usize,
    oracle: &'a mut Oracle,
}

impl Best<'_> {
    fn size(&self) -> (usize, usize) {
        (self.case.topology.nodes.len(), self.case.input.len())
    }

    /// Takes the case if it still differs.
    fn offer(&mut self, mut case: Case) -> io::Result<bool> {
        if self.questions >= QUESTIONS_MAX {
            return Ok(false);
        }
        self.questions += 1;
        if self.oracle.ask(&mut case)?.is_err() {
            return Ok(false);
        }
        if super::incomparable(&case).is_some() {
            return Ok(false);
        }
        match check(&case).outcome {
            Outcome::Failed(difference) if part_of(&difference) == self.part => {
                (self.case, self.difference) = (case, difference);
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Leaves out halves of the input, then quarters, down to single steps.
    fn drop_steps(&mut self) -> io::Result<()> {
        let mut size = self.case.input.len().div_ceil(2);
        while size > 0 {
            let mut at = 0;
            while at < self.case.input.len() {
                let mut smaller = self.case.clone();
                smaller.input.drain(at..(at + size).min(smaller.input.len()));
                if !self.offer(smaller)? {
                    at += size;
                }
            }
            size /= 2;
        }
        Ok(())
    }

    /// Leaves out nodes from the last to the first: with all that follows from them, or with their input in their place.
    fn drop_nodes(&mut self) -> io::Result<()> {
        let mut at = self.case.topology.nodes.len();
        while at > 0 {
            at -= 1;
            if at >= self.case.topology.nodes.len() {
                continue;
            }
            let without = without(&self.case, at);
            if !self.offer(without)? {
                if let Some(bridged) = bridged(&self.case, at) {
                    self.offer(bridged)?;
                }
            }
        }
        Ok(())
    }
}

fn ids(node: &Node) -> Vec<String> {
    let branches = node.branches.iter().flatten().map(|branch| branch.id.clone());
    let default = node.default.iter().map(|branch| branch.id.clone());
    node.id.iter().cloned().chain(branches).chain(default).collect()
}

fn is_stored(case: &Case, name: &str) -> bool {
    let uses = |node: &Node| match &node.stores {
        Some(crate::model::StoresSpec::Names(names)) => names.iter().any(|used| used == name),
        _ => false,
    };
    case.topology.nodes.iter().any(uses)
}

/// The case without a node and what depends on it, and without the records that nothing reads any more.
fn without(case: &Case, at: usize) -> Case {
    let mut case = case.clone();
    let mut gone = ids(&case.topology.nodes.remove(at));
    while let Some(next) =
        case.topology.nodes.iter().position(|node| node.from.iter().chain(&node.with).any(|input| gone.contains(input)))
    {
        gone.extend(ids(&case.topology.nodes.remove(next)));
    }
    let stores: Vec<_> = case.topology.stores.iter().filter(|store| is_stored(&case, &store.name)).cloned().collect();
    case.topology.stores = stores;
    let nodes = &case.topology.nodes;
    let reads =
        |topic: &String| nodes.iter().any(|node| node.topics.iter().flatten().chain(&node.topic).any(|t| t == topic));
    case.input.retain(|step| match step {
        crate::model::Step::Record(record) => reads(&record.topic),
        _ => true,
    });
    case
}

/// The case with a node's input in its place.
fn bridged(case: &Case, at: usize) -> Option<Case> {
    let mut case = case.clone();
    let node = case.topology.nodes.remove(at);
    let (id, from) = (node.id?, node.from?);
    for later in &mut case.topology.nodes {
        for input in [&mut later.from, &mut later.with].into_iter().flatten() {
            if *input == id {
                input.clone_from(&from);
            }
        }
    }
    let stores: Vec<_> = case.topology.stores.iter().filter(|store| is_stored(&case, &store.name)).cloned().collect();
    case.topology.stores = stores;
    Some(case)
}

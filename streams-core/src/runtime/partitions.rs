//! How many partitions every topic of a topology has, or must get: a pure function of the topology and the broker's
//! answer.
//!
//! A repartition topic without an explicit number gets the largest number among the topics that its writers read. Those
//! may be repartition topics themselves, so the rule is repeated until nothing changes. Then topics that are joined are
//! compared: a repartition topic without an explicit number is raised to the largest of its group; anything else that
//! differs is an error, because equal keys would meet in different tasks.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::NodeId;
use crate::topology::{NodeKind, Subtopology, Topology};

/// Partition counts by the names that the topology uses: those of internal topics without the prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PartitionCounts(BTreeMap<Arc<str>, u32>);

impl PartitionCounts {
    /// Finds the counts. `existing` has those of the topics that exist on their own, as far as they exist.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidTopology`] naming all topics that are missing, or all that do not fit each other.
    pub(crate) fn resolve(topology: &Topology, existing: &BTreeMap<Arc<str>, u32>) -> Result<Self> {
        check_sources(topology, existing)?;
        let mut counts = Self(existing.clone());
        for topic in topology.internal_topics() {
            if let Some(partitions) = topic.partitions {
                counts.0.insert(Arc::clone(&topic.name), partitions);
            }
        }
        counts.derive(topology)?;
        counts.copartition(topology)?;
        Ok(counts)
    }

    /// The count of a topic; none for one that the topology does not read or make.
    pub(crate) fn of(&self, topic: &str) -> Option<u32> {
        self.0.get(topic).copied()
    }

    /// The largest count of the topics that a sub-topology reads: the number of its tasks and of the partitions of its
    /// changelogs.
    pub(crate) fn of_subtopology(&self, part: &Subtopology) -> u32 {
        inputs(part).filter_map(|topic| self.of(topic)).max().unwrap_or(0)
    }

    /// Gives a number to every repartition topic that has none.
    fn derive(&mut self, topology: &Topology) -> Result<()> {
        loop {
            let mut unresolved = Vec::new();
            let mut progress = false;
            for topic in topology.internal_topics() {
                if self.0.contains_key(&topic.name) {
                    continue;
                }
                match self.of_writers(topology, &topic.name) {
                    Some(count) => {
                        self.0.insert(Arc::clone(&topic.name), count);
                        progress = true;
                    }
                    None => unresolved.push(&*topic.name),
                }
            }
            if unresolved.is_empty() {
                return Ok(());
            }
            if !progress {
                let message = format!(
                    "the number of partitions of {} follows from nothing, as what writes there reads only such topics: \
                     give one of them a number",
                    unresolved.join(", ")
                );
                return Err(Error::new(ErrorKind::InvalidTopology, message));
            }
        }
    }

    /// The largest count of what the writers of a topic read; none while one of those is unknown.
    fn of_writers(&self, topology: &Topology, topic: &str) -> Option<u32> {
        let mut largest = None;
        let writes = |part: &&Subtopology| part.repartition_sink_topics.iter().any(|sink| &**sink == topic);
        for part in topology.subtopologies().iter().filter(writes) {
            for input in inputs(part) {
                largest = largest.max(Some(self.of(input)?));
            }
        }
        largest
    }

    fn copartition(&mut self, topology: &Topology) -> Result<()> {
        let derived = |topic: &str| {
            topology.internal_topics().any(|internal| &*internal.name == topic && internal.partitions.is_none())
        };
        for group in topology.copartitioned() {
            let topics = source_topics(topology, group);
            let fixed = topics.iter().filter(|topic| !derived(topic)).filter_map(|topic| self.of(topic)).max();
            let largest = fixed.or_else(|| topics.iter().filter_map(|topic| self.of(topic)).max());
            let Some(largest) = largest else { continue };
            if topics.iter().any(|topic| !derived(topic) && self.of(topic) != Some(largest)) {
                return Err(self.not_copartitioned(&topics));
            }
            for topic in topics.into_iter().filter(|topic| derived(topic)) {
                self.0.insert(topic, largest);
            }
        }
        Ok(())
    }

    #[cold]
    fn not_copartitioned(&self, topics: &[Arc<str>]) -> Error {
        let counts: Vec<String> =
            topics.iter().map(|topic| format!("{topic}={}", self.of(topic).unwrap_or_default())).collect();
        let message = format!(
            "topics not co-partitioned: {{{}}}; records of one key would meet in different tasks: give the topics \
             equally many partitions, or call `repartition()` on one of the streams before the join",
            counts.join(", ")
        );
        Error::new(ErrorKind::InvalidTopology, message)
    }
}

/// All topics that a sub-topology reads, by the names that the topology uses.
pub(crate) fn inputs(part: &Subtopology) -> impl Iterator<Item = &Arc<str>> {
    part.source_topics.iter().chain(&part.repartition_source_topics)
}

fn source_topics(topology: &Topology, sources: &[NodeId]) -> Vec<Arc<str>> {
    let mut topics = Vec::new();
    for source in sources {
        if let NodeKind::Source { topics: named, .. } = &topology.nodes()[source.index()].kind {
            topics.extend(named.iter().cloned());
        }
    }
    topics
}

fn check_sources(topology: &Topology, existing: &BTreeMap<Arc<str>, u32>) -> Result<()> {
    let missing: Vec<&str> = topology
        .subtopologies()
        .iter()
        .flat_map(|part| &part.source_topics)
        .filter(|topic| !existing.contains_key(*topic))
        .map(|topic| &**topic)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut message =
        format!("source topics are missing: {}; make them before the application starts:", missing.join(", "));
    for topic in missing {
        let _ = write!(message, " `broker-lite topics --create --topic {topic} --partitions 1`");
    }
    Err(Error::new(ErrorKind::InvalidTopology, message))
}

#[cfg(test)]
pub(crate) mod testing;

#[cfg(test)]
mod tests;

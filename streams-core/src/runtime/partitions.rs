//! How many partitions every topic of a topology has, or must get: a pure function of the topology and the broker's
//! answer.
//!
//! A repartition topic without an explicit number gets the largest number among the topics that its writers read. Those
//! may be repartition topics themselves, so the rule is repeated until nothing changes. A writer may read the topic it
//! writes, as when a stream is joined with an aggregation of itself: the topic itself then counts for nothing, and only a
//! cycle that nothing enters is refused. Then topics that are joined are compared: a repartition topic without an explicit
//! number gets that of the others in its group, or the largest where all are such topics; anything else that differs is an
//! error, because equal keys would meet in different tasks. What was derived before a number changed here stays.
//!
//! These are Kafka Streams' rules, with two differences where its answer depends on the order in which it looks: it
//! takes the largest of the inputs that happen to be resolved, we of all; and it compares one join after the other, so that
//! a topic in two of them fits only the last, we compare what shares a topic together.

use std::collections::{BTreeMap, BTreeSet};
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

    /// Gives a number to every repartition topic that has none: the least numbers that satisfy the rule, so the order in
    /// which topics are looked at does not matter, and a topic in a cycle gets what enters the cycle from outside.
    fn derive(&mut self, topology: &Topology) -> Result<()> {
        let derived: Vec<&Arc<str>> = derived(topology).collect();
        loop {
            let mut progress = false;
            for topic in &derived {
                let largest = self.of_writers(topology, topic);
                if largest > self.of(topic) {
                    self.0.extend(largest.map(|largest| (Arc::clone(topic), largest)));
                    progress = true;
                }
            }
            if !progress {
                break;
            }
        }
        let unresolved: Vec<&str> =
            derived.into_iter().filter(|topic| self.of(topic).is_none()).map(|topic| &**topic).collect();
        if unresolved.is_empty() {
            return Ok(());
        }
        let message = format!(
            "the number of partitions of {} follows from nothing, as what writes there reads only such topics: \
             give one of them a number",
            unresolved.join(", ")
        );
        Err(Error::new(ErrorKind::InvalidTopology, message))
    }

    /// The largest count known of what the writers of a topic read.
    fn of_writers(&self, topology: &Topology, topic: &str) -> Option<u32> {
        let writes = |part: &&Subtopology| part.repartition_sink_topics.iter().any(|sink| &**sink == topic);
        topology.subtopologies().iter().filter(writes).flat_map(inputs).filter_map(|input| self.of(input)).max()
    }

    fn copartition(&mut self, topology: &Topology) -> Result<()> {
        let derived: BTreeSet<&Arc<str>> = derived(topology).collect();
        for topics in copartitioned_topics(topology) {
            let fixed = topics.iter().filter(|topic| !derived.contains(topic)).filter_map(|topic| self.of(topic)).max();
            let largest = fixed.or_else(|| topics.iter().filter_map(|topic| self.of(topic)).max());
            let Some(largest) = largest else { continue };
            if topics.iter().any(|topic| !derived.contains(topic) && self.of(topic) != Some(largest)) {
                return Err(self.not_copartitioned(&topics));
            }
            for topic in topics.into_iter().filter(|topic| derived.contains(topic)) {
                self.0.insert(topic, largest);
            }
        }
        Ok(())
    }

    #[cold]
    fn not_copartitioned(&self, topics: &BTreeSet<Arc<str>>) -> Error {
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

/// The repartition topics that were given no number.
fn derived(topology: &Topology) -> impl Iterator<Item = &Arc<str>> {
    topology.internal_topics().filter(|topic| topic.partitions.is_none()).map(|topic| &topic.name)
}

/// What must have equally many partitions. Groups that share a topic are one: it has only one number.
fn copartitioned_topics(topology: &Topology) -> Vec<BTreeSet<Arc<str>>> {
    let mut groups: Vec<BTreeSet<Arc<str>>> = Vec::new();
    for sources in topology.copartitioned() {
        let mut merged = source_topics(topology, sources);
        groups.retain_mut(|group| {
            let apart = group.is_disjoint(&merged);
            if !apart {
                merged.append(group);
            }
            apart
        });
        groups.push(merged);
    }
    groups
}

fn source_topics(topology: &Topology, sources: &[NodeId]) -> BTreeSet<Arc<str>> {
    let mut topics = BTreeSet::new();
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

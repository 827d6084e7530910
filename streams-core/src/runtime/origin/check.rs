//! Comparing the recorded origin with what is about to run, and recording that.
//!
//! Before anything of the application is touched: no topic is made, no store opened. Only where something differs is the
//! broker asked whether there is state at all: a name that was recorded and never held a record may change freely.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::compare::{differences, Subject};
use super::Origin;
use crate::client::admin::{Admin, OffsetSpec};
use crate::config::{StreamsConfig, TopologyChangePolicy};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Offset, TopicPartition};
use crate::protocol::ErrorCode;
use crate::runtime::assignment::full_name;
use crate::runtime::internal_topics::{changelog_topic, Prepared};
use crate::runtime::partitions::inputs;
use crate::runtime::state_dir::StateDirectory;
use crate::topology::Topology;

/// Checks that a topology may go on with the state that there is.
///
/// # Errors
/// [`ErrorKind::InvalidTopology`] naming every store, topic or repartition topic that differs, what it was and what it is;
/// [`ErrorKind::Refused`] for an input that was made anew, [`ErrorKind::Corrupt`] for a changelog that is gone, and
/// [`ErrorKind::InvalidConfig`] for another cluster.
pub(crate) fn verify(
    directory: &StateDirectory,
    topology: &Topology,
    config: &StreamsConfig,
    admin: &mut Admin,
) -> Result<()> {
    let Some(was) = read(directory)? else { return Ok(()) };
    let cluster = admin.cluster_id()?;
    if was.cluster_id.is_some() && cluster.is_some() && was.cluster_id != cluster {
        return other_cluster(directory, &was, cluster.as_deref().unwrap_or_default());
    }
    let is = Origin::of(topology);
    Check { directory, topology, config, admin, was: &was, is: &is }.run()
}

/// Records what runs from now on.
///
/// # Errors
/// [`ErrorKind::Io`] when the file cannot be written.
pub(crate) fn record(
    directory: &StateDirectory,
    topology: &Topology,
    admin: &mut Admin,
    prepared: &Prepared,
) -> Result<()> {
    let is = Origin::of(topology).on(admin.cluster_id()?, &prepared.ids);
    directory.write_origin(&is.to_bytes()?)
}

fn read(directory: &StateDirectory) -> Result<Option<Origin>> {
    let Some(bytes) = directory.read_origin()? else { return Ok(None) };
    let path = directory.origin_path();
    let parsed = Origin::parse(&bytes);
    parsed.map(Some).map_err(|error| error.context(format!("read what the state was made by from {}", path.display())))
}

/// Stores on disk belong to the cluster of their changelogs. Without any, nothing here does.
fn other_cluster(directory: &StateDirectory, was: &Origin, cluster: &str) -> Result<()> {
    let stores = directory.stores()?;
    if stores.is_empty() {
        return Ok(());
    }
    let message = format!(
        "state directory {} has stores ({}) of an application on cluster {}, and this is cluster {cluster}: set \
         bootstrap.servers to that cluster, or state.dir to a place of its own for this one, or delete the directory",
        directory.path().display(),
        stores.into_iter().collect::<Vec<_>>().join(", "),
        was.cluster_id.as_deref().unwrap_or("unknown"),
    );
    Err(Error::new(ErrorKind::InvalidConfig, message))
}

/// A comparison under way.
struct Check<'a> {
    directory: &'a StateDirectory,
    topology: &'a Topology,
    config: &'a StreamsConfig,
    admin: &'a mut Admin,
    was: &'a Origin,
    is: &'a Origin,
}

impl Check<'_> {
    fn run(mut self) -> Result<()> {
        self.check_changelogs()?;
        let mut refused = Vec::new();
        for difference in differences(self.was, self.is) {
            if self.has_state(&difference.of)? {
                refused.push(difference.text);
            }
        }
        if !refused.is_empty() {
            let remedy =
                "give them their old names and types back (stores and operators that are named keep their names \
                          when the program changes), or reset the application";
            self.refuse_or_accept(ErrorKind::InvalidTopology, &refused, remedy)?;
        }
        let renewed = self.renewed_inputs()?;
        if !renewed.is_empty() && self.has_any_state()? {
            self.refuse_or_accept(ErrorKind::Refused, &renewed, "reset the application")?;
        }
        Ok(())
    }

    fn refuse_or_accept(&self, kind: ErrorKind, what: &[String], remedy: &str) -> Result<()> {
        let (path, what) = (self.directory.path().display(), what.join("; "));
        if self.config.runtime.topology_change_policy == TopologyChangePolicy::Accept {
            tracing::warn!("going on with state that something else made, by topology.change.policy: {what}");
            return Ok(());
        }
        let message = format!(
            "the application does not fit the state that {path} and its changelogs have; {what}: {remedy}, or go on with \
             the state as it is by topology.change.policy=accept for one start"
        );
        Err(Error::new(kind, message))
    }

    /// The changelogs of stores that are still the topology's must be those that were recorded.
    fn check_changelogs(&mut self) -> Result<()> {
        let application = &self.config.application_id;
        let stores = self.is.stores.keys().filter(|store| self.was.stores.contains_key(*store));
        let changelogs: Vec<(String, &String)> =
            stores.map(|store| (changelog_topic(application, store), store)).collect();
        let recorded: Vec<&str> = changelogs
            .iter()
            .map(|(topic, _)| topic.as_str())
            .filter(|topic| self.was.topic(topic).is_some())
            .collect();
        for (topic, found) in ids(self.admin, &recorded)? {
            let Some(how) = self.was.topic(&topic).and_then(|was| renewal(was, found)) else { continue };
            let store = changelogs.iter().find(|(name, _)| *name == topic).map_or("", |(_, store)| store);
            let path = self.directory.path().display();
            let message = format!(
                "changelog topic {topic} {how}: the state of store {store} cannot be rebuilt, and what is on disk of it is \
                 kept; restore the topic, or delete {path} and reset the application to begin anew"
            );
            return Err(Error::new(ErrorKind::Corrupt, message));
        }
        Ok(())
    }

    /// The topics that are read and were deleted since: those that were made anew, and those that the application would make
    /// anew itself.
    fn renewed_inputs(&mut self) -> Result<Vec<String>> {
        let application = &self.config.application_id;
        let mut read = BTreeMap::new();
        for topic in self.topology.subtopologies().iter().flat_map(inputs) {
            let name = full_name(self.topology, application, topic);
            if self.was.topic(&name).is_some() {
                read.insert(name.to_string(), self.topology.is_internal_topic(topic));
            }
        }
        let names: Vec<&str> = read.keys().map(String::as_str).collect();
        let mut renewed = Vec::new();
        for (name, found) in ids(self.admin, &names)? {
            let is_internal = read.get(&name).copied().unwrap_or(false);
            // An input that is missing is named with all that are, where topics are prepared.
            let Some(was) = self.was.topic(&name).filter(|_| found.is_some() || is_internal) else { continue };
            let Some(how) = renewal(was, found) else { continue };
            renewed.push(match is_internal {
                true => format!("repartition topic {name} {how}, and records that waited there are gone"),
                false => format!("input topic {name} {how}, and the state is that of the old topic"),
            });
        }
        Ok(renewed)
    }

    fn has_any_state(&mut self) -> Result<bool> {
        for store in self.was.stores.keys() {
            if self.has_state(&Subject::Store(store.clone()))? {
                return Ok(true);
            }
        }
        // Without stores there are repartition topics, and what waited in one of them is gone.
        Ok(self.was.stores.is_empty())
    }

    /// Whether there are rows of a store, or records in a repartition topic.
    fn has_state(&mut self, subject: &Subject) -> Result<bool> {
        let application = &self.config.application_id;
        match subject {
            Subject::Store(store) => Ok(has_records(self.admin, &changelog_topic(application, store))?
                || (!self.was.topics.contains_key(&changelog_topic(application, store))
                    && self.directory.stores()?.contains(store))),
            Subject::RepartitionTopic(name) => has_records(self.admin, &format!("{application}-{name}")),
        }
    }
}

/// How a topic came to be another one, if it did.
fn renewal(was: Uuid, found: Option<Uuid>) -> Option<String> {
    match found {
        None => Some("was deleted while the application was down".to_owned()),
        Some(id) if id != was && !id.is_nil() => {
            Some(format!("was deleted and made anew while the application was down (its id was {was}, and is {id})"))
        }
        Some(_) => None,
    }
}

/// The ids of topics; none of those that do not exist.
fn ids(admin: &mut Admin, names: &[&str]) -> Result<Vec<(String, Option<Uuid>)>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut ids = Vec::new();
    for (name, outcome) in admin.describe_topics(names)? {
        match outcome {
            Ok(topic) => ids.push((name, Some(topic.topic_id))),
            Err(refusal) if refusal.code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => ids.push((name, None)),
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Ok(ids)
}

/// Whether any partition of a topic has a record.
fn has_records(admin: &mut Admin, topic: &str) -> Result<bool> {
    let described = admin.describe_topics(&[topic])?;
    let Some((_, Ok(found))) = described.into_iter().next() else { return Ok(false) };
    let bounds = |spec: OffsetSpec| {
        (0..found.partitions).map(move |partition| (TopicPartition::new(topic, partition), spec)).collect::<Vec<_>>()
    };
    let mut starts = Vec::new();
    for (partition, start) in admin.list_offsets(&bounds(OffsetSpec::Earliest))? {
        starts.push((partition, start?));
    }
    for (partition, end) in admin.list_offsets(&bounds(OffsetSpec::Latest))? {
        let start = starts.iter().find(|(known, _)| *known == partition).map_or(Offset::ZERO, |(_, start)| *start);
        if end? > start {
            return Ok(true);
        }
    }
    Ok(false)
}

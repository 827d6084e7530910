//! What the state of an application was made by: recorded beside it, and compared at every start.
//!
//! Stores and changelogs are bytes under names. A program whose names moved, whose types changed or whose topics are others
//! would read them as what they are not, and nothing in the bytes says so. So the state directory has one small file,
//! `state-origin.json`, with the stores (kind, serdes, sub-topology, inputs), the repartition topics and the ids of all
//! topics that the state belongs to:
//!
//! ```json
//! {"version":1,"cluster_id":"4L6g3nShT-eMCtK--X86sw",
//!  "stores":{"counts":{"subtopology":0,"kind":"key-value","keys":"String","values":"i64","inputs":["orders"]}},
//!  "repartition_topics":["by-name-repartition"],
//!  "topics":{"orders":"3f2a..","app-counts-changelog":"9c1d.."}}
//! ```
//!
//! | found at a start | what happens |
//! |---|---|
//! | nothing, or what fits; what is only new | recorded, and on it goes |
//! | a store or repartition topic with state is gone, or is another kind of thing | refused, unless `topology.change.policy=accept` |
//! | an input was made anew, and there is state of the old one | refused, unless accepted as above |
//! | a changelog was deleted or made anew | refused: the state cannot be rebuilt |
//! | another cluster, and stores on disk | refused; without them nothing here is of that cluster |
//! | a file that does not parse, or of a newer version | refused |
//!
//! A topology has the file as soon as it has a store or a repartition topic, also where all stores are in memory: their
//! state is their changelog. Only there may the directory be impossible to make; then nothing is compared.
//!
//! The file is replaced whole, by a rename, so a crash leaves the old one or the new one. It is written before the first
//! record is processed and after the internal topics are made. A crash in between leaves new topics that are not
//! recorded, which is nothing to compare with.

mod check;
mod compare;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result};
use crate::runtime::internal_topics::TopicIds;
use crate::state::StoreSpec;
use crate::topology::{Subtopology, Topology};

pub(crate) use check::{record, verify};

/// The version of the file that this code writes. It reads this one.
const VERSION: u32 = 1;

/// What the file says.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Origin {
    version: u32,
    cluster_id: Option<String>,
    stores: BTreeMap<String, StoreOrigin>,
    /// Their names without the application's.
    repartition_topics: BTreeSet<String>,
    /// The ids of inputs, changelogs and repartition topics, by full name.
    topics: BTreeMap<String, String>,
}

/// What a store is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct StoreOrigin {
    subtopology: u32,
    kind: String,
    keys: String,
    values: String,
    /// What its sub-topology reads, by the topology's names.
    inputs: BTreeSet<String>,
}

/// The version alone, to be looked at before the rest.
#[derive(serde::Deserialize)]
struct Version {
    version: u32,
}

impl Origin {
    /// That of a topology, without ids.
    fn of(topology: &Topology) -> Self {
        let mut stores = BTreeMap::new();
        for part in topology.subtopologies() {
            for spec in part.stores.iter().filter_map(|store| topology.store(store)) {
                stores.insert(spec.name().to_owned(), StoreOrigin::of(part, spec));
            }
        }
        let repartition_topics = topology.internal_topics().map(|topic| topic.name.to_string()).collect();
        Self { version: VERSION, cluster_id: None, stores, repartition_topics, topics: BTreeMap::new() }
    }

    /// The same with the ids of the cluster and its topics; of topics without one, nothing is recorded.
    fn on(self, cluster_id: Option<String>, ids: &TopicIds) -> Self {
        let known = ids.iter().filter(|(_, id)| !id.is_nil());
        let topics = known.map(|(name, id)| (name.to_string(), id.to_string())).collect();
        Self { cluster_id, topics, ..self }
    }

    /// The id that was recorded for a topic.
    fn topic(&self, name: &str) -> Option<Uuid> {
        Uuid::parse_str(self.topics.get(name)?).ok()
    }

    /// # Errors
    /// [`ErrorKind::InvalidConfig`] for a newer version, [`ErrorKind::Corrupt`] for what is none at all.
    fn parse(bytes: &[u8]) -> Result<Self> {
        let damaged = |error| {
            let message =
                "it is damaged, and what the state was made by is not known: delete it to go on without comparing";
            Error::with_source(ErrorKind::Corrupt, message, error)
        };
        let Version { version } = serde_json::from_slice(bytes).map_err(damaged)?;
        if version > VERSION {
            let message =
                format!("it has version {version}, and this program reads up to {VERSION}: run the newer program");
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        serde_json::from_slice(bytes).map_err(damaged)
    }

    /// # Errors
    /// None that can be thought of: maps of text have a JSON.
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let written = serde_json::to_vec_pretty(self);
        written.map_err(|error| Error::with_source(ErrorKind::Internal, "write the origin of the state", error))
    }
}

impl StoreOrigin {
    fn of(part: &Subtopology, spec: &StoreSpec) -> Self {
        let inputs = part.source_topics.iter().chain(&part.repartition_source_topics);
        Self {
            subtopology: part.id.0,
            kind: spec.kind(),
            keys: spec.key_serde().to_owned(),
            values: spec.value_serde().to_owned(),
            inputs: inputs.map(ToString::to_string).collect(),
        }
    }
}

//! The catalogue as it is stored: which topics exist, under which ids, with which configs and leader epochs.
//!
//! The file is replaced whole at every change. A topic exists from the moment its entry is durable until the moment
//! its absence is; directories without an entry are left over and removed at start.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streams_core::{Error, ErrorKind, Result};
use uuid::Uuid;

use crate::data_dir::{DataDir, CATALOGUE};

/// The whole file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredCatalogue {
    /// Every topic, sorted by name.
    pub(crate) topics: Vec<StoredTopic>,
}

/// One topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredTopic {
    /// The name.
    pub(crate) name: String,
    /// The id; its directory is named by it.
    #[serde(with = "id_text")]
    pub(crate) id: Uuid,
    /// What was set on the topic.
    #[serde(default)]
    pub(crate) config: BTreeMap<String, String>,
    /// Its partitions in order.
    pub(crate) partitions: Vec<StoredPartition>,
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct StoredPartition {
    /// Leader epochs with the offset at which each began, ascending.
    pub(crate) epochs: Vec<(i32, i64)>,
}

impl StoredCatalogue {
    /// Reads the file; empty when there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] when it does not decode.
    pub(crate) fn load(data_dir: &DataDir) -> Result<Self> {
        let Some(bytes) = data_dir.load(CATALOGUE)? else { return Ok(Self::default()) };
        serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!("{CATALOGUE} in the data directory is damaged: restore it from a backup");
            Error::with_source(ErrorKind::Corrupt, message, error)
        })
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// When it cannot be written; the earlier one then still holds.
    pub(crate) fn save(&self, data_dir: &DataDir) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(self).expect("strings and numbers are JSON");
        data_dir.replace(CATALOGUE, &bytes)
    }
}

/// Ids as 32 hexadecimal digits, as their directories are named.
mod id_text {
    use serde::{Deserialize as _, Deserializer, Serializer};
    use uuid::Uuid;

    pub(super) fn serialize<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&id.simple())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
        let text = String::deserialize(deserializer)?;
        Uuid::try_parse(&text).map_err(serde::de::Error::custom)
    }
}

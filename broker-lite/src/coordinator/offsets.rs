//! Committed offsets of groups: kept in memory, journaled in `__consumer_offsets`, rebuilt from there at start.
//!
//! A commit is one batch in the journal, so it is there as a whole or not at all. It becomes readable when it is as
//! durable as the policy says; of two commits of one position the later record in the journal wins, live and at start
//! alike.
//!
//! Positions are kept by the name of their topic and are those of one topic id. When a topic is deleted, they go:
//!
//! 1. Commits reach the journal only while their topic is in the catalogue (`Topics::hold`).
//! 2. Deletion takes the topic out of the catalogue, writes tombstones, and only then can the name be taken again: in
//!    the journal everything of a topic lies before anything of its successor.
//! 3. A crash can lose the tombstones. Whoever asks gets a position only if it is of the topic that there is now, and
//!    the next start drops the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use streams_core::protocol::batch::{BatchBuilder, BatchError, BatchOptions, Batches, Scratch};
use streams_core::time::Timestamp;
use streams_core::{Error, ErrorKind, Result};

use super::offset_records::{CommitKey, CommitValue};
use crate::topics::partition::{AppendRefusal, Partition};
use crate::topics::Topic;

/// How many bytes of the journal one step of the replay reads.
const REPLAY_BYTES: usize = 1 << 20;

/// A position of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Committed {
    value: CommitValue,
    /// The journal's offset of the record: later ones win.
    record_offset: i64,
}

type Positions = BTreeMap<(String, i32), Committed>;

/// The committed offsets of every group.
#[derive(Debug, Default)]
pub(crate) struct GroupOffsets {
    groups: Mutex<BTreeMap<String, Positions>>,
}

/// A commit that the journal has, to be applied once it is durable.
#[derive(Debug)]
pub(crate) struct JournaledCommit {
    entries: Vec<(CommitKey, Option<CommitValue>)>,
    base_offset: i64,
}

impl GroupOffsets {
    /// Rebuilds the positions from the journal.
    ///
    /// # Errors
    /// When the journal cannot be read to its end: positions that are missing would pass for never committed.
    pub(crate) fn replay(&self, journal: &Partition) -> Result<()> {
        let mut scratch = Scratch::default();
        let mut offset = journal.bounds().map_or(0, |(start, _)| start);
        loop {
            let records = journal.read_own(offset, REPLAY_BYTES)?;
            if records.is_empty() {
                return Ok(());
            }
            for batch in Batches::new(&records) {
                let batch = batch.map_err(|error| undecodable(offset, error))?;
                offset = batch.next_offset().0;
                if batch.is_control() {
                    continue;
                }
                for record in batch.records(&mut scratch).map_err(|error| undecodable(offset, error))? {
                    let record = record.map_err(|error| undecodable(offset, error))?;
                    let Some(key) = record.key.and_then(CommitKey::decode) else { continue };
                    let value = record.value.map(|bytes| CommitValue::decode(bytes).ok_or_else(|| unknown(&key)));
                    self.apply(key, value.transpose()?, record.offset.0);
                }
            }
        }
    }

    /// Writes a commit to the journal.
    ///
    /// # Errors
    /// When the journal refuses.
    pub(crate) fn journal(
        journal: &Partition,
        entries: Vec<(CommitKey, Option<CommitValue>)>,
        now: Timestamp,
    ) -> Result<JournaledCommit, AppendRefusal> {
        let mut builder = BatchBuilder::default();
        let (mut key_bytes, mut value_bytes) = (Vec::new(), Vec::new());
        for (key, value) in &entries {
            key.encode(&mut key_bytes);
            let value = value.as_ref().map(|value| {
                value.encode(&mut value_bytes);
                value_bytes.as_slice()
            });
            let append = builder.append(now, Some(&key_bytes), value);
            append.map_err(|error| AppendRefusal::new(error.code(), error.to_string()))?;
        }
        let batch = builder.finish(&BatchOptions::default());
        let batch = batch.map_err(|error| AppendRefusal::new(error.code(), error.to_string()))?;
        let appended = journal.append_own(Bytes::copy_from_slice(batch), now)?;
        Ok(JournaledCommit { entries, base_offset: appended.base_offset })
    }

    /// Makes a journaled commit readable.
    pub(crate) fn apply_commit(&self, commit: JournaledCommit) {
        for (record_offset, (key, value)) in (commit.base_offset..).zip(commit.entries) {
            self.apply(key, value, record_offset);
        }
    }

    fn apply(&self, key: CommitKey, value: Option<CommitValue>, record_offset: i64) {
        let mut groups = self.lock();
        let CommitKey { group, topic, partition } = key;
        let position = (topic, partition);
        match value {
            Some(value) => {
                let positions = groups.entry(group).or_default();
                if positions.get(&position).is_none_or(|known| known.record_offset < record_offset) {
                    positions.insert(position, Committed { value, record_offset });
                }
            }
            None => {
                if let Some(positions) = groups.get_mut(&group) {
                    if positions.get(&position).is_some_and(|known| known.record_offset < record_offset) {
                        positions.remove(&position);
                    }
                    if positions.is_empty() {
                        groups.remove(&group);
                    }
                }
            }
        }
    }

    /// The position of a group in one partition of a topic.
    pub(crate) fn get(&self, group: &str, topic: &Topic, partition: i32) -> Option<CommitValue> {
        let groups = self.lock();
        let found = groups.get(group)?.get(&(topic.name.to_string(), partition))?;
        Some(found.value.clone()).filter(|value| value.is_of(topic.id))
    }

    /// Every position of a group, by topic and partition.
    pub(crate) fn all(&self, group: &str) -> Vec<(String, i32, CommitValue)> {
        let groups = self.lock();
        let positions = groups.get(group).into_iter().flatten();
        positions.map(|((topic, partition), found)| (topic.clone(), *partition, found.value.clone())).collect()
    }

    /// The keys of the positions in topics of which `is_gone` says so, by name and position.
    pub(crate) fn keys_of(&self, is_gone: impl Fn(&str, &CommitValue) -> bool) -> Vec<CommitKey> {
        let mut keys = Vec::new();
        for (group, positions) in &*self.lock() {
            for ((topic, partition), found) in positions {
                if is_gone(topic, &found.value) {
                    keys.push(CommitKey { group: group.clone(), topic: topic.clone(), partition: *partition });
                }
            }
        }
        keys
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Positions>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn undecodable(offset: i64, error: BatchError) -> Error {
    Error::with_source(ErrorKind::Corrupt, format!("decode the batch before offset {offset}"), error)
}

/// Only a later version of this broker writes what this one cannot read; it is no deletion.
fn unknown(key: &CommitKey) -> Error {
    let CommitKey { group, topic, partition } = key;
    let message = format!(
        "decode the position of group {group:?} in {topic}-{partition}: its format is unknown, start the version that \
         wrote it"
    );
    Error::new(ErrorKind::Corrupt, message)
}

/// The offsets, shared with the acknowledgements that apply them.
pub(crate) type SharedOffsets = Arc<GroupOffsets>;

//! The topics under a running application: still there, still the same, still as many partitions.
//!
//! Offsets and state belong to a topic as it was when the application started, by id and not by name. The answers to
//! metadata requests are looked at before any record that came with them is used:
//!
//! | what the broker says | what happens |
//! |---|---|
//! | another id | stops at once: offsets of the deleted topic mean nothing in the new one |
//! | another number of partitions | stops at once: keys are in other partitions now |
//! | no such topic | stops after [`MISSING_GRACE`]: one broker of several can be late with its metadata |
//!
//! A fetch that fails asks for metadata, so a deletion is noticed within that grace and at the latest within
//! `metadata.max.age.ms` more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::StreamThread;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::plan::KnownTopic;
use crate::time::Timestamp;

/// How long a topic may be unknown to the broker before it counts as deleted.
const MISSING_GRACE: Duration = Duration::from_secs(10);

/// What was seen of the topics.
#[derive(Debug, Default)]
pub(super) struct TopicWatch {
    /// The metadata that was looked at.
    version: u64,
    missing_since: BTreeMap<Arc<str>, Timestamp>,
}

impl StreamThread {
    /// Looks at what the broker says about the application's topics, if it said anything new.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] naming the topic, what became of it, and what to do.
    pub(super) fn watch_topics(&mut self, now: Timestamp) -> Result<()> {
        let version = self.consumer.metadata_version();
        if self.topics.version == version {
            return Ok(());
        }
        self.topics.version = version;
        for known in &self.plan.topics {
            let missing = &mut self.topics.missing_since;
            match self.consumer.topic(&known.name) {
                None => {}
                Some(Some((id, partitions))) => {
                    missing.remove(&known.name);
                    compare(known, id, partitions)?;
                }
                Some(None) => {
                    let since = *missing.entry(Arc::clone(&known.name)).or_insert(now);
                    if now - since >= MISSING_GRACE {
                        return Err(self.is_gone(known, now - since));
                    }
                }
            }
        }
        Ok(())
    }

    #[cold]
    fn is_gone(&self, known: &KnownTopic, since: Duration) -> Error {
        let (name, seconds) = (&known.name, since.as_secs());
        let message = match &known.store {
            Some(store) => format!(
                "changelog topic {name} was deleted while the application ran (unknown to the broker for {seconds} s): \
                 the state of store {store} cannot be rebuilt; its local copy is kept as of the last commit; restore \
                 the topic, or reset the application"
            ),
            None => {
                let committed = self.committed.iter().filter(|(partition, _)| partition.topic == *name);
                let offsets: Vec<String> = committed
                    .filter_map(|(partition, position)| Some(format!("{partition} at {}", position.as_ref()?.offset)))
                    .collect();
                let offsets = if offsets.is_empty() { "none".to_owned() } else { offsets.join(", ") };
                format!(
                    "input topic {name} was deleted while the application ran (unknown to the broker for {seconds} s; \
                     last committed: {offsets}): make it anew and reset the application, or take it out of the topology"
                )
            }
        };
        Error::new(ErrorKind::Refused, message)
    }
}

/// Compares a topic with what it was at the start.
fn compare(known: &KnownTopic, id: Uuid, partitions: i32) -> Result<()> {
    let name = &known.name;
    let what = if known.store.is_some() { "changelog topic" } else { "input topic" };
    let has_other_id = id != known.id && !id.is_nil() && !known.id.is_nil();
    let message = if has_other_id {
        format!(
            "{what} {name} was deleted and made anew while the application ran (its id was {}, and is {id}): offsets and \
             state of the old topic do not belong to the new one; reset the application, then start it again",
            known.id
        )
    } else if partitions != known.partitions {
        format!(
            "{what} {name} has {partitions} partitions, and had {} when the application started: keys are in other \
             partitions now; start an application without state again, and reset one that has state",
            known.partitions
        )
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Refused, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_topic_must_stay_what_it_was() {
        let (old, new) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let known = |id, store| KnownTopic { name: "t".into(), id, partitions: 2, store };
        compare(&known(old, None), old, 2).expect("is the same");
        compare(&known(old, None), Uuid::nil(), 2).expect("a broker without ids says nothing about them");
        compare(&known(Uuid::nil(), None), new, 2).expect("it had no id at the start");
        let store: Option<Arc<str>> = Some("s".into());
        for (known, id, partitions, words) in [
            (known(old, None), new, 2, "input topic t was deleted and made anew"),
            (known(old, store), new, 2, "changelog topic t was deleted and made anew"),
            (known(old, None), old, 3, "input topic t has 3 partitions, and had 2"),
            (known(Uuid::nil(), None), new, 1, "input topic t has 1 partitions, and had 2"),
        ] {
            let error = compare(&known, id, partitions).expect_err(words);
            assert!(error.to_string().starts_with(words), "{error}");
            assert_eq!(error.kind().exit_code(), 5);
        }
    }
}

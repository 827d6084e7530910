//! Topics that the broker says it does not have: how long it has been saying so.
//!
//! A topic can be unknown for a moment, because it was just made and not every broker has heard of it, or because
//! somebody makes it anew. Waiting for it for all of `delivery.timeout.ms` would only be late: what is sent there fails
//! for good after [`MISSING_TOPIC_WAIT`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::cluster::Cluster;
use crate::time::Timestamp;

/// How long a topic that does not exist is waited for. Longer than a stream thread watches its inputs and changelogs
/// before it says that one was deleted, so that they are named as what they are.
pub(super) const MISSING_TOPIC_WAIT: Duration = Duration::from_secs(30);

/// Since when topics are missing.
#[derive(Debug, Default)]
pub(super) struct MissingTopics {
    /// The metadata that was looked at.
    version: u64,
    since: BTreeMap<Arc<str>, Timestamp>,
}

impl MissingTopics {
    /// Looks at metadata that is new.
    pub(super) fn observe(&mut self, now: Timestamp, cluster: &Cluster) {
        if self.version == cluster.version() {
            return;
        }
        self.version = cluster.version();
        self.since.retain(|topic, _| cluster.is_unknown(topic));
        for topic in cluster.wanted().filter(|topic| cluster.is_unknown(topic)) {
            self.since.entry(Arc::clone(topic)).or_insert(now);
        }
    }

    /// How long a topic has been missing, if that is too long.
    pub(super) fn missing_for(&self, topic: &str, now: Timestamp) -> Option<Duration> {
        let missing = now - *self.since.get(topic)?;
        (missing >= MISSING_TOPIC_WAIT).then_some(missing)
    }
}

//! Whether the log still has what was read: asked once under each new epoch of a partition's leader.
//!
//! A log can lose its end, when a machine loses its power or a leader is elected that did not have all of it, and be
//! filled again past a reader's position. A fetch there would succeed, and pass over the new records before it. So a
//! position carries the leader epoch of the record before it, and before the first fetch under another epoch the leader
//! is asked where that epoch ended (OffsetForLeaderEpoch, KIP-320): if that is before the position, the record is gone.
//!
//! This is what Kafka's own consumer does. Every fetch names the epoch that was checked, so the broker refuses it when
//! another has begun meanwhile. Nothing is asked about a position without an epoch, and nothing is sent in the
//! fetch's `last_fetched_epoch`, which is the followers'.

use crate::client::consumer::assignment::Position;
use crate::client::consumer::questions::{OfTopic, Questions};
use crate::client::consumer::{Consumer, Tag};
use crate::error::Result;
use crate::ids::{Offset, TopicPartition};
use crate::protocol::messages::list_offsets::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopic,
};
use crate::protocol::{Request, Response};
use crate::time::Timestamp;

/// Who asks: a consumer, and no follower.
const CONSUMER_REPLICA_ID: i32 = -1;

/// Under which epoch of the leader what is asked, and about which epoch.
#[derive(Debug, Clone, Copy)]
struct Check {
    current: i32,
    about: i32,
}

impl Consumer {
    /// Asks every broker about the positions that may not be in its log.
    pub(super) fn send_epoch_checks(&mut self, now: Timestamp) -> Result<()> {
        let mut checks = Questions::default();
        for assigned in self.assignment.iter_mut() {
            // Without a leader, the fetch asks for metadata.
            let Some(leader) = self.requests.cluster().leader(&assigned.partition) else { continue };
            let is_due = assigned.asking.is_none() && assigned.not_before <= now;
            let Some(about) = assigned.epoch.filter(|_| is_due && assigned.may_diverge(leader.epoch)) else { continue };
            assigned.asked_under = leader.epoch;
            checks.add(leader.node, &assigned.partition, Check { current: leader.epoch, about });
        }
        self.ask(now, checks, request, |serial| Tag::EpochCheck { serial })
    }

    /// Acts on a question that ended.
    pub(super) fn complete_epoch_check(&mut self, now: Timestamp, serial: u64, response: Result<Response>) {
        let what = "check whether the log has what was read";
        self.complete_questions(now, serial, what, response, |consumer, response: OffsetForLeaderEpochResponse| {
            for topic in &response.topics {
                for answer in &topic.partitions {
                    consumer.take_epoch_end(now, serial, &topic.topic, answer);
                }
            }
        });
    }

    fn take_epoch_end(&mut self, now: Timestamp, serial: u64, topic: &str, answer: &EpochEndOffset) {
        let about = (topic, answer.partition);
        let Some(assigned) = self.answered(now, serial, about, answer.error_code) else { return };
        let Position::At(position) = assigned.position else { return };
        match epoch_end(answer) {
            Some((end, _)) if end >= position => {
                assigned.checked_under = Some(assigned.asked_under);
                assigned.failures = 0;
            }
            diverged => {
                let partition = assigned.partition.clone();
                self.leave_missing_offset(&partition, position, diverged);
            }
        }
    }

    /// Whether the log is known to have the record before the position, as far as its epoch is known, under the leader of
    /// now. Nothing is known while nobody leads.
    pub(crate) fn is_checked(&self, partition: &TopicPartition) -> bool {
        let leader = self.requests.cluster().leader(partition);
        let assigned = self.assignment.get(partition);
        leader.zip(assigned).is_some_and(|(leader, assigned)| {
            matches!(assigned.position, Position::At(_)) && !assigned.may_diverge(leader.epoch)
        })
    }
}

fn request(topics: Vec<OfTopic<Check>>) -> Request {
    let partition = |(partition, Check { current, about })| OffsetForLeaderPartition {
        partition,
        current_leader_epoch: current,
        leader_epoch: about,
    };
    let topic = |(topic, checks): OfTopic<Check>| OffsetForLeaderTopic {
        topic: topic.to_string(),
        partitions: checks.into_iter().map(partition).collect(),
    };
    let topics = topics.into_iter().map(topic).collect();
    OffsetForLeaderEpochRequest { replica_id: CONSUMER_REPLICA_ID, topics }.into()
}

/// Where an epoch ended, and which it was; none where the broker knows nothing of it.
fn epoch_end(answer: &EpochEndOffset) -> Option<(Offset, i32)> {
    (answer.leader_epoch >= 0 && answer.end_offset >= 0).then_some((Offset(answer.end_offset), answer.leader_epoch))
}

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

use std::collections::BTreeMap;
use std::time::Duration;

use crate::client::consumer::assignment::Position;
use crate::client::consumer::{Consumer, Tag};
use crate::client::transport::BrokerId;
use crate::error::{ErrorKind, Result};
use crate::ids::Offset;
use crate::protocol::messages::list_offsets::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse, OffsetForLeaderPartition,
    OffsetForLeaderTopic,
};
use crate::protocol::Response;
use crate::time::Timestamp;

/// Who asks: a consumer, and no follower.
const CONSUMER_REPLICA_ID: i32 = -1;

impl Consumer {
    /// Asks every broker about the positions that may not be in its log.
    pub(super) fn send_epoch_checks(&mut self, now: Timestamp) -> Result<()> {
        let mut requests = BTreeMap::<i32, Vec<OffsetForLeaderTopic>>::new();
        for assigned in self.assignment.iter() {
            // Without a leader, the fetch asks for metadata.
            let Some(leader) = self.requests.cluster().leader(&assigned.partition) else { continue };
            let is_due = assigned.asking.is_none() && assigned.not_before <= now;
            let Some(leader_epoch) = assigned.epoch.filter(|_| is_due && assigned.may_diverge(leader.epoch)) else {
                continue;
            };
            let partition = OffsetForLeaderPartition {
                partition: assigned.partition.partition.0,
                current_leader_epoch: leader.epoch,
                leader_epoch,
            };
            let topics = requests.entry(leader.node).or_default();
            match topics.iter_mut().find(|topic| *topic.topic == *assigned.partition.topic) {
                Some(topic) => topic.partitions.push(partition),
                None => topics.push(OffsetForLeaderTopic {
                    topic: assigned.partition.topic.to_string(),
                    partitions: vec![partition],
                }),
            }
        }
        for (node, topics) in requests {
            let serial = self.next_serial();
            for topic in &topics {
                for partition in &topic.partitions {
                    if let Some(assigned) = self.assignment.named(&topic.topic, partition.partition) {
                        assigned.asking = Some(serial);
                        assigned.asked_under = partition.current_leader_epoch;
                    }
                }
            }
            let request = OffsetForLeaderEpochRequest { replica_id: CONSUMER_REPLICA_ID, topics };
            self.requests.send(now, BrokerId::Node(node), request, Duration::ZERO, Tag::EpochCheck { serial })?;
        }
        Ok(())
    }

    /// Acts on a question that ended.
    pub(super) fn complete_epoch_check(&mut self, now: Timestamp, serial: u64, response: Result<Response>) {
        match response.and_then(OffsetForLeaderEpochResponse::try_from) {
            Ok(response) => {
                for topic in &response.topics {
                    for answer in &topic.partitions {
                        self.take_epoch_end(now, serial, &topic.topic, answer);
                    }
                }
            }
            Err(error) => {
                tracing::debug!(error = %error.report(), "check positions");
                self.requests.refresh_metadata();
                if error.kind() != ErrorKind::Retriable {
                    self.errors.push_back(error.context("check whether the log has what was read"));
                }
            }
        }
        self.ask_again_later(now, serial, "the answer leaves the partition out");
    }

    fn take_epoch_end(&mut self, now: Timestamp, serial: u64, topic: &str, answer: &EpochEndOffset) {
        let Some(assigned) = self.assignment.named(topic, answer.partition) else { return };
        let Position::At(position) = assigned.position else { return };
        if assigned.asking != Some(serial) {
            return;
        }
        assigned.asking = None;
        let partition = assigned.partition.clone();
        if answer.error_code.is_error() {
            return self.take_position_error(now, &partition, answer.error_code);
        }
        match epoch_end(answer) {
            Some((end, _)) if end >= position => {
                assigned.checked_under = Some(assigned.asked_under);
                assigned.failures = 0;
            }
            diverged => self.leave_missing_offset(&partition, position, diverged),
        }
    }
}

/// Where an epoch ended, and which it was; none where the broker knows nothing of it.
fn epoch_end(answer: &EpochEndOffset) -> Option<(Offset, i32)> {
    (answer.leader_epoch >= 0 && answer.end_offset >= 0).then_some((Offset(answer.end_offset), answer.leader_epoch))
}

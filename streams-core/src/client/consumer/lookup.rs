//! Finding positions: where a partition begins and ends, and where a time is in it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::client::consumer::assignment::{Assigned, Position, LATEST};
use crate::client::consumer::fetcher::isolation_level;
use crate::client::consumer::{Consumer, OutOfRange, Tag};
use crate::client::requests::Requests;
use crate::client::transport::BrokerId;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Offset, TopicPartition};
use crate::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use crate::protocol::{ErrorCode, Response};
use crate::time::{duration_ms, Timestamp};

/// A position that could not be found out for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FailingLookup {
    pub(crate) partition: TopicPartition,
    /// How long it fails by now.
    pub(crate) waited: Duration,
    /// Why it did last.
    pub(crate) why: String,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, position, start, end, diverged_at } = self;
        write!(f, "{partition} at offset {position}: out of range, the log holds {start} to {end} ")?;
        match diverged_at {
            _ if position < start => {
                let (count, last) = (start.0.saturating_sub(position.0), start.0.saturating_sub(1));
                write!(f, "({count} records, {position} to {last}, are deleted)")
            }
            _ if position > end => write!(f, "(the log ends {} records earlier)", position.0.saturating_sub(end.0)),
            Some(diverged) => {
                let (count, last) = (position.0.saturating_sub(diverged.0), position.0.saturating_sub(1));
                write!(
                    f,
                    "({count} records that were read, {diverged} to {last}, were lost and others are in their place)"
                )
            }
            None => f.write_str("(the records before it are not those that were read)"),
        }
    }
}

/// Why nobody is known to lead a partition; none while the broker was not asked yet.
fn why_leaderless(requests: &Requests<Tag>, partition: &TopicPartition) -> Option<String> {
    match (requests.metadata_error(), requests.cluster().topic_error(&partition.topic)) {
        (Some(error), _) => Some(error),
        (None, None) => None,
        (None, Some(code)) if code.is_error() => Some(format!("the broker answers {code}")),
        (None, Some(_)) => Some("the partition has no leader".to_owned()),
    }
}

impl Consumer {
    /// Asks every broker about the partitions whose position is to be looked up.
    pub(super) fn send_lookups(&mut self, now: Timestamp) -> Result<()> {
        let mut requests = BTreeMap::<i32, Vec<ListOffsetsTopic>>::new();
        let mut leaderless = false;
        for assigned in self.assignment.iter_mut() {
            let Some(timestamp) = assigned.wants_lookup(now) else { continue };
            let Some(leader) = self.requests.cluster().leader(&assigned.partition) else {
                leaderless = true;
                if let Some(why) = why_leaderless(&self.requests, &assigned.partition) {
                    assigned.lookup_fails(now, why);
                }
                continue;
            };
            let partition = ListOffsetsPartition {
                partition_index: assigned.partition.partition.0,
                current_leader_epoch: leader.epoch,
                timestamp: timestamp.0,
            };
            let topics = requests.entry(leader.node).or_default();
            match topics.iter_mut().find(|topic| *topic.name == *assigned.partition.topic) {
                Some(topic) => topic.partitions.push(partition),
                None => topics
                    .push(ListOffsetsTopic { name: assigned.partition.topic.to_string(), partitions: vec![partition] }),
            }
        }
        if leaderless {
            self.requests.refresh_metadata();
        }
        for (node, topics) in requests {
            let serial = self.next_serial();
            for topic in &topics {
                for partition in &topic.partitions {
                    if let Some(assigned) = self.assignment.named(&topic.name, partition.partition_index) {
                        assigned.asking = Some(serial);
                    }
                }
            }
            let request = ListOffsetsRequest {
                replica_id: -1,
                isolation_level: isolation_level(self.config.isolation_level),
                topics,
                timeout_ms: i32::try_from(duration_ms(self.config.client.request_timeout)).unwrap_or(i32::MAX),
            };
            self.requests.send(now, BrokerId::Node(node), request, Duration::ZERO, Tag::Lookup { serial })?;
        }
        Ok(())
    }

    /// The partition whose look-up fails for longest, if that is `limit` or longer.
    pub(crate) fn failing_lookup(&self, now: Timestamp, limit: Duration) -> Option<FailingLookup> {
        let failing = self.assignment.iter().filter_map(|assigned| Some((assigned, assigned.failing_lookup.as_ref()?)));
        let (assigned, (since, why)) = failing.min_by_key(|(_, (since, _))| *since)?;
        let waited = self.requests.steady_between(now) - *since;
        let partition = || assigned.partition.clone();
        (waited >= limit).then(|| FailingLookup { partition: partition(), waited, why: why.clone() })
    }

    /// Acts on a look-up that ended.
    pub(super) fn complete_lookup(&mut self, now: Timestamp, serial: u64, response: Result<Response>) {
        let mut why = "the answer leaves the partition out".to_owned();
        match response.and_then(ListOffsetsResponse::try_from) {
            Ok(response) => {
                for topic in &response.topics {
                    for answer in &topic.partitions {
                        self.take_position(now, serial, &topic.name, answer);
                    }
                }
            }
            Err(error) => {
                why = error.report();
                tracing::debug!(error = why, "look positions up");
                self.requests.refresh_metadata();
                if error.kind() != ErrorKind::Retriable {
                    self.errors.push_back(error.context("look positions up"));
                }
            }
        }
        self.ask_again_later(now, serial, &why);
    }

    fn take_position(&mut self, now: Timestamp, serial: u64, topic: &str, answer: &ListOffsetsPartitionResponse) {
        let Some(assigned) = self.assignment.named(topic, answer.partition_index) else { return };
        if assigned.asking != Some(serial) {
            return;
        }
        assigned.asking = None;
        let partition = assigned.partition.clone();
        if answer.error_code.is_error() {
            return self.take_position_error(now, &partition, answer.error_code);
        }
        let found = Some(Offset(answer.offset)).filter(|offset| offset.0 >= 0);
        match (assigned.position, found) {
            (Position::Lookup(_), Some(offset)) => assigned.move_behind(offset, answer.leader_epoch),
            (Position::Lookup(LATEST), None) => self.back_off(now, &partition),
            (Position::Lookup(_), None) => assigned.move_to(Position::Lookup(LATEST)),
            (Position::OutOfRange { at, diverged, start: None }, start) => {
                assigned.position = Position::OutOfRange { at, diverged, start: Some(start.unwrap_or(Offset::ZERO)) };
            }
            (Position::OutOfRange { at, diverged: diverged_at, start: Some(start) }, end) => {
                // With its epoch, so that it is found out again for as long as nobody moves it.
                assigned.move_behind(at, assigned.epoch.unwrap_or(-1));
                assigned.not_before = now + self.config.client.retry_backoff;
                let end = end.unwrap_or(start);
                self.report_out_of_range(OutOfRange { partition, position: at, start, end, diverged_at });
            }
            (Position::Committed | Position::At(_), _) => {}
        }
    }

    /// Acts on a question about a position that the broker refuses.
    pub(super) fn take_position_error(&mut self, now: Timestamp, partition: &TopicPartition, code: ErrorCode) {
        if let Some(assigned) = self.assignment.get_mut(partition) {
            assigned.lookup_fails(now, format!("the broker answers {code}"));
        }
        if !code.is_retriable() {
            let message = format!("look up a position in {partition}: the broker answers {code}");
            self.errors.push_back(Error::new(ErrorKind::Refused, message));
        }
        if code.refreshes_metadata() {
            self.requests.cluster_mut().forget_leader(partition);
            self.requests.refresh_metadata();
        }
        self.back_off(now, partition);
    }

    /// Waits before it asks again about the partitions that an answer left out.
    pub(super) fn ask_again_later(&mut self, now: Timestamp, serial: u64, why: &str) {
        let asked = |assigned: &&Assigned| assigned.asking == Some(serial);
        let left = self.assignment.iter().filter(asked).map(|assigned| assigned.partition.clone()).collect::<Vec<_>>();
        for partition in left {
            self.back_off(now, &partition);
            if let Some(assigned) = self.assignment.get_mut(&partition) {
                assigned.asking = None;
                assigned.lookup_fails(now, why.to_owned());
            }
        }
    }

    fn report_out_of_range(&mut self, found: OutOfRange) {
        self.forget_out_of_range(&found.partition);
        self.unreported.push_back(found.partition.clone());
        self.out_of_range.push(found);
    }

    /// The error of a partition out of range, once each time it is found to be so.
    pub(super) fn next_out_of_range(&mut self) -> Option<Error> {
        let partition = self.unreported.pop_front()?;
        let found = self.out_of_range.iter().find(|found| found.partition == partition)?;
        let message =
            format!("fetch {found}; seek to where to go on, or set `auto.offset.reset` to `earliest` or `latest`");
        Some(Error::new(ErrorKind::Refused, message))
    }

    /// Partitions whose position is neither in the log nor covered by `auto.offset.reset`, until they are sought.
    pub fn out_of_range(&self) -> &[OutOfRange] {
        &self.out_of_range
    }

    /// No longer reports a partition as out of range.
    pub(super) fn forget_out_of_range(&mut self, partition: &TopicPartition) {
        self.out_of_range.retain(|known| known.partition != *partition);
        self.unreported.retain(|known| known != partition);
    }
}

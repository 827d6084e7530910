//! Fetching: one request with many partitions per broker, the next one sent before the last one's data is used.
//!
//! A fetch is a long poll: the broker answers when there is data, at the latest after `fetch.max.wait.ms`. Partitions
//! that are left out, because they are paused or their data is not used yet, must not wait long behind a poll that idles
//! for the others, and must not keep everybody busy either: the broker may wait as long as they were left out already.
//! So one that is held back for a moment waits for a moment, and one that is held back for good costs nothing.
//!
//! A partition that is resumed is asked for at once, in one more fetch beside the one on its way. Not more than once:
//! Kafka answers the requests of a connection one after the other, so fetches side by side would wait for each other.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::client::consumer::assignment::{Assigned, Position, EARLIEST, LATEST};
use crate::client::consumer::fetched::FetchedPartition;
use crate::client::consumer::{Consumer, Tag};
use crate::client::transport::BrokerId;
use crate::config::{AutoOffsetReset, IsolationLevel};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::Offset;
use crate::protocol::batch::Batches;
use crate::protocol::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData};
use crate::protocol::{ErrorCode, Response};
use crate::time::{duration_ms, Timestamp};

/// How long a broker may wait for data in any case while partitions that may have data are left out of the fetch.
const HELD_BACK_WAIT: Duration = Duration::from_millis(1);

impl Consumer {
    /// Sends a fetch to every broker that has none, for the partitions that have nothing waiting; see the module for those
    /// that are resumed.
    pub(super) fn send_fetches(&mut self, now: Timestamp) -> Result<()> {
        self.assignment.iter_mut().for_each(|assigned| assigned.note_held_back(now));
        // The shortest time for which a partition was left out, and those that are not.
        let mut requests = BTreeMap::<i32, (Option<Duration>, Vec<FetchTopic>)>::new();
        let mut leaderless = false;
        for assigned in self.assignment.rotated(self.rotation) {
            let offset = assigned.wants_fetch(now);
            if offset.is_none() && assigned.held_since.is_none() {
                continue;
            }
            let Some(leader) = self.requests.cluster().leader(&assigned.partition) else {
                leaderless = true;
                continue;
            };
            let on_their_way = self.fetching.get(&leader.node).copied().unwrap_or(0);
            let is_beside = on_their_way == 1 && assigned.is_urgent;
            if (on_their_way > 0 && !is_beside) || assigned.may_diverge(leader.epoch) {
                continue;
            }
            let (held_back, topics) = requests.entry(leader.node).or_default();
            let held_for = match assigned.held_since {
                Some(since) => Some(now - since),
                // Those that the other fetch asks for are left out of this one.
                None => is_beside.then_some(Duration::ZERO),
            };
            *held_back = held_back.iter().copied().chain(held_for).min();
            if let Some(offset) = offset {
                let partition = FetchPartition {
                    partition: assigned.partition.partition.0,
                    current_leader_epoch: leader.epoch,
                    fetch_offset: offset.0,
                    partition_max_bytes: self.config.max_partition_fetch_bytes,
                    ..Default::default()
                };
                self.add_to(topics, assigned, partition);
            }
        }
        if leaderless {
            self.requests.refresh_metadata();
        }
        for (node, (held_back, topics)) in requests {
            if !topics.is_empty() {
                self.send_fetch(now, node, held_back, topics)?;
            }
        }
        Ok(())
    }

    /// Adds a partition to a request, behind others of its topic.
    fn add_to(&self, topics: &mut Vec<FetchTopic>, assigned: &Assigned, partition: FetchPartition) {
        let name = &*assigned.partition.topic;
        match topics.iter_mut().find(|topic| topic.topic == name) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(FetchTopic {
                topic: name.to_owned(),
                topic_id: self.requests.cluster().topic_id(name),
                partitions: vec![partition],
            }),
        }
    }

    fn send_fetch(
        &mut self,
        now: Timestamp,
        node: i32,
        held_back: Option<Duration>,
        topics: Vec<FetchTopic>,
    ) -> Result<()> {
        let max_wait = held_back.map_or(Duration::MAX, |held_for| held_for.max(HELD_BACK_WAIT));
        let max_wait = max_wait.min(self.config.fetch_max_wait);
        let serial = self.next_serial();
        self.rotation = self.rotation.wrapping_add(1);
        for topic in &topics {
            for partition in &topic.partitions {
                if let Some(assigned) = self.assignment.named(&topic.topic, partition.partition) {
                    assigned.fetching = Some(serial);
                    assigned.checked_under = Some(partition.current_leader_epoch);
                    assigned.is_urgent = false;
                }
            }
        }
        let request = FetchRequest {
            max_wait_ms: i32::try_from(duration_ms(max_wait)).unwrap_or(i32::MAX),
            min_bytes: self.config.fetch_min_bytes,
            max_bytes: self.config.fetch_max_bytes,
            isolation_level: isolation_level(self.config.isolation_level),
            topics,
            ..Default::default()
        };
        *self.fetching.entry(node).or_default() += 1;
        self.requests.send(now, BrokerId::Node(node), request, max_wait, Tag::Fetch { node, serial })
    }

    /// Acts on a fetch that ended.
    pub(super) fn complete_fetch(&mut self, now: Timestamp, node: i32, serial: u64, response: Result<Response>) {
        if let Some(on_their_way) = self.fetching.get_mut(&node) {
            *on_their_way = on_their_way.saturating_sub(1);
        }
        let response = response.and_then(FetchResponse::try_from).and_then(|response| match response.error_code {
            code if code.is_error() => Err(Error::new(ErrorKind::Retriable, format!("the broker answers {code}"))),
            _ => Ok(response),
        });
        match response {
            Ok(response) => {
                for topic in response.responses {
                    let name = self.requests.cluster().name_of(&topic.topic, topic.topic_id).map(str::to_owned);
                    let Some(name) = name else { continue };
                    for data in topic.partitions {
                        self.take_data(now, serial, &name, data);
                    }
                }
            }
            Err(error) => self.fail_fetch(now, node, serial, &error),
        }
        for assigned in self.assignment.iter_mut().filter(|assigned| assigned.fetching == Some(serial)) {
            assigned.fetching = None;
        }
    }

    fn fail_fetch(&mut self, now: Timestamp, node: i32, serial: u64, error: &Error) {
        if error.kind() != ErrorKind::Retriable {
            let message = format!("fetch from broker {node}: {}", error.report());
            self.errors.push_back(Error::new(error.kind(), message));
        }
        tracing::debug!(node, error = %error.report(), "fetch");
        self.requests.refresh_metadata();
        let mut failures = 1;
        for assigned in self.assignment.iter_mut().filter(|assigned| assigned.fetching == Some(serial)) {
            assigned.failures = assigned.failures.saturating_add(1);
            failures = failures.max(assigned.failures);
        }
        let not_before = now + self.requests.retry_delay(failures);
        for assigned in self.assignment.iter_mut().filter(|assigned| assigned.fetching == Some(serial)) {
            assigned.not_before = not_before;
        }
    }

    /// Takes the data of one partition in, or acts on its error.
    fn take_data(&mut self, now: Timestamp, serial: u64, topic: &str, data: PartitionData) {
        let check_crcs = self.config.check_crcs;
        let is_committed = self.config.isolation_level == IsolationLevel::ReadCommitted;
        let Some(assigned) = self.assignment.named(topic, data.partition_index) else { return };
        let Position::At(position) = assigned.position else { return };
        if assigned.fetching != Some(serial) {
            return;
        }
        assigned.fetching = None;
        if data.error_code.is_error() {
            let partition = assigned.partition.clone();
            return self.take_fetch_error(now, &partition, position, data.error_code);
        }
        assigned.failures = 0;
        let end = if is_committed { data.last_stable_offset } else { data.high_watermark };
        assigned.end = Some(Offset(end)).filter(|end| end.0 >= 0);
        assigned.log_start = Some(Offset(data.log_start_offset)).filter(|start| start.0 >= 0);
        let records = data.records.unwrap_or_default();
        if records.is_empty() {
            return;
        }
        match whole_batches(&records, check_crcs) {
            Ok(Some(Whole { length, end, leader_epoch })) if end > position => {
                let aborted = data.aborted_transactions.unwrap_or_default();
                let mut aborted = aborted
                    .iter()
                    .map(|aborted| (aborted.producer_id, Offset(aborted.first_offset)))
                    .collect::<Vec<_>>();
                aborted.sort_by_key(|(_, first)| *first);
                assigned.fetched = Some(FetchedPartition {
                    partition: assigned.partition.clone(),
                    start: position,
                    end,
                    leader_epoch,
                    records: records.slice(..length),
                    high_watermark: Offset(data.high_watermark),
                    aborted_transactions: aborted,
                });
            }
            Ok(_) => {}
            Err(error) => {
                let what = format!("fetch {} at offset {position}", assigned.partition);
                assigned.not_before = now + Duration::from_millis(100);
                self.errors.push_back(error.context(what));
            }
        }
    }

    fn take_fetch_error(
        &mut self,
        now: Timestamp,
        partition: &crate::ids::TopicPartition,
        position: Offset,
        code: ErrorCode,
    ) {
        if code == ErrorCode::OFFSET_OUT_OF_RANGE {
            return self.leave_missing_offset(partition, position, None);
        }
        if code.refreshes_metadata() || code == ErrorCode::FENCED_LEADER_EPOCH {
            self.requests.cluster_mut().forget_leader(partition);
            self.requests.refresh_metadata();
        }
        if !code.is_retriable() {
            let message = format!("fetch {partition} at offset {position}: the broker answers {code}");
            self.errors.push_back(Error::new(ErrorKind::Refused, message));
        }
        self.back_off(now, partition);
    }

    /// Waits before a partition is asked for again.
    pub(super) fn back_off(&mut self, now: Timestamp, partition: &crate::ids::TopicPartition) {
        let Some(assigned) = self.assignment.get_mut(partition) else { return };
        assigned.failures = assigned.failures.saturating_add(1);
        let failures = assigned.failures;
        let not_before = now + self.requests.retry_delay(failures);
        if let Some(assigned) = self.assignment.get_mut(partition) {
            assigned.not_before = not_before;
        }
    }

    /// The broker has no record at the position and never will, or others than those that were read, from `diverged`
    /// on: go where the policy says, or find out what there is.
    ///
    /// With a policy, a position that diverged goes back to where it did, whatever the policy, as in Kafka's consumer.
    pub(super) fn leave_missing_offset(
        &mut self,
        partition: &crate::ids::TopicPartition,
        at: Offset,
        diverged: Option<(Offset, i32)>,
    ) {
        let policy = self.config.auto_offset_reset;
        let Some(assigned) = self.assignment.get_mut(partition) else { return };
        if policy == AutoOffsetReset::None {
            let epoch = assigned.epoch;
            let diverged = diverged.map(|(offset, _)| offset);
            assigned.move_to(Position::OutOfRange { at, diverged, start: None });
            assigned.epoch = epoch;
            return;
        }
        tracing::warn!(%partition, offset = at.0, ?policy, "the offset is out of range: records may be skipped or read again");
        match (diverged, policy) {
            (Some((offset, epoch)), _) => assigned.move_behind(offset, epoch),
            (None, AutoOffsetReset::Latest) => assigned.move_to(Position::Lookup(LATEST)),
            (None, _) => assigned.move_to(Position::Lookup(EARLIEST)),
        }
    }
}

/// The whole batches at the start of fetched bytes.
struct Whole {
    length: usize,
    /// The offset after them.
    end: Offset,
    /// The leader epoch of the last one.
    leader_epoch: i32,
}

/// The whole batches in `bytes`; none when not even the first is whole.
fn whole_batches(bytes: &Bytes, check_crcs: bool) -> Result<Option<Whole>> {
    let mut batches = Batches::new(bytes);
    let mut last = None;
    for batch in batches.by_ref() {
        let batch = batch?;
        if check_crcs {
            batch.check_crc()?;
        }
        last = Some((batch.next_offset(), batch.partition_leader_epoch()));
    }
    let length = bytes.len() - batches.rest().len();
    Ok(last.map(|(end, leader_epoch)| Whole { length, end, leader_epoch }))
}

/// An isolation level on the wire.
pub(super) fn isolation_level(level: IsolationLevel) -> i8 {
    match level {
        IsolationLevel::ReadUncommitted => 0,
        IsolationLevel::ReadCommitted => 1,
    }
}

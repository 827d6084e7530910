//! The consumer: reads assigned partitions from a position on and hands out whole fetched batches.
//!
//! A state machine: [`Consumer::poll`] sends what is due, takes answers in and returns what was fetched, without
//! decoding records. Positions move when data is handed out. The next fetch is on its way while the caller works.
//!
//! Assignment is manual: membership in a group is another module's job, and this one only commits and fetches the
//! group's offsets.

mod assignment;
mod epochs;
#[cfg(test)]
mod epochs_tests;
mod fetched;
mod fetcher;
#[cfg(test)]
mod fetcher_tests;
mod lookup;
mod offsets;
#[cfg(test)]
mod offsets_tests;
mod questions;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::client::requests::{Completed, Requests};
use crate::client::transport::{Transport, Waker};
use crate::config::{AutoOffsetReset, ConsumerConfig};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Offset, TopicPartition};
use crate::protocol::ErrorCode;
use crate::time::{Clock, Timestamp};

use assignment::{Assigned, Assignment, Position, EARLIEST, LATEST};
use offsets::{Answer, GroupOffsets};

pub use fetched::{ConsumerRecord, DataBatches, Fetched, FetchedPartition};
pub use offsets::{CommitId, OffsetAndMetadata};

/// Positions that a group has committed, by partition.
pub type CommittedPositions = Vec<(TopicPartition, Option<OffsetAndMetadata>)>;

/// Reads records of topics.
#[derive(Debug)]
pub struct Consumer {
    config: ConsumerConfig,
    requests: Requests<Tag>,
    assignment: Assignment,
    offsets: Option<GroupOffsets>,
    /// The fetch of committed offsets that partitions without a position wait for.
    fetching_committed: Option<CommitId>,
    /// How many fetches are on their way to each broker.
    fetching: BTreeMap<i32, usize>,
    errors: VecDeque<Error>,
    out_of_range: Vec<OutOfRange>,
    /// Partitions of `out_of_range` that no poll has answered with yet.
    unreported: VecDeque<TopicPartition>,
    /// Records that were decoded by [`Self::poll_records`] and not handed out.
    decoded: VecDeque<ConsumerRecord>,
    rotation: usize,
    serial: u64,
}

/// What a request in flight was for.
#[derive(Debug)]
enum Tag {
    Fetch { node: i32, serial: u64 },
    Lookup { serial: u64 },
    EpochCheck { serial: u64 },
    FindCoordinator,
    Offsets,
}

/// A position that the log does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutOfRange {
    /// The partition.
    pub partition: TopicPartition,
    /// The position.
    pub position: Offset,
    /// The first offset of the log.
    pub start: Offset,
    /// The offset after the last one.
    pub end: Offset,
    /// The first offset whose record is another one than was read, where the log was cut and written again.
    pub diverged_at: Option<Offset>,
}

impl Consumer {
    /// A consumer over a transport. `seed` spreads retries.
    ///
    /// # Errors
    /// None so far; settings that do not fit each other will be one.
    pub fn new(config: ConsumerConfig, transport: Box<dyn Transport>, seed: u64) -> Result<Self> {
        let timeout = config.client.default_api_timeout;
        Ok(Self {
            requests: Requests::new(&config.client, transport, seed, config.allow_auto_create_topics),
            assignment: Assignment::default(),
            offsets: config.group_id.clone().map(|group| GroupOffsets::new(group, timeout)),
            fetching_committed: None,
            fetching: BTreeMap::new(),
            errors: VecDeque::new(),
            out_of_range: Vec::new(),
            unreported: VecDeque::new(),
            decoded: VecDeque::new(),
            rotation: 0,
            serial: 0,
            config,
        })
    }

    /// Replaces the assignment. Partitions that stay keep their position and what was fetched for them; new ones start
    /// at the group's committed offset if there is a group, else where `auto.offset.reset` says, unless they are
    /// sought.
    pub fn assign(&mut self, partitions: &[TopicPartition]) {
        let start = if self.offsets.is_some() { Position::Committed } else { self.reset_position() };
        self.assignment.replace(partitions, start);
        let assignment = &self.assignment;
        self.out_of_range.retain(|known| assignment.get(&known.partition).is_some());
        self.unreported.retain(|partition| assignment.get(partition).is_some());
        self.decoded.retain(|record| assignment.get(&record.partition).is_some());
        let cluster = self.requests.cluster_mut();
        cluster.retain_wanted(|topic| partitions.iter().any(|partition| *partition.topic == *topic));
        let mut is_new = false;
        for partition in partitions {
            is_new |= cluster.want(&partition.topic);
        }
        if is_new {
            self.requests.refresh_metadata();
        }
    }

    /// Where a partition starts that has no position. Without a policy it is the group's to say, and it did not.
    fn reset_position(&self) -> Position {
        match self.config.auto_offset_reset {
            AutoOffsetReset::Latest => Position::Lookup(LATEST),
            AutoOffsetReset::Earliest | AutoOffsetReset::None => Position::Lookup(EARLIEST),
        }
    }

    /// The assigned partitions, in the order of their assignment.
    pub fn assignment(&self) -> impl Iterator<Item = &TopicPartition> {
        self.assignment.iter().map(|assigned| &assigned.partition)
    }

    fn assigned_mut(&mut self, partition: &TopicPartition) -> Result<&mut Assigned> {
        let missing = || Error::new(ErrorKind::Refused, format!("{partition} is not assigned to this consumer"));
        self.assignment.get_mut(partition).ok_or_else(missing)
    }

    fn move_to(&mut self, partition: &TopicPartition, position: Position) -> Result<()> {
        self.assigned_mut(partition)?.move_to(position);
        self.forget_reports(partition);
        Ok(())
    }

    fn forget_reports(&mut self, partition: &TopicPartition) {
        self.forget_out_of_range(partition);
        self.decoded.retain(|record| record.partition != *partition);
    }

    /// Goes on at an offset.
    ///
    /// # Errors
    /// When the partition is not assigned; so do all methods below that take one.
    pub fn seek(&mut self, partition: &TopicPartition, offset: Offset) -> Result<()> {
        self.move_to(partition, Position::At(offset))
    }

    /// Goes on at a committed position. Where its leader epoch is known, the broker is asked whether its log still has
    /// the record before it; if not, the position is out of range.
    ///
    /// # Errors
    /// As [`Self::seek`].
    pub fn seek_with(&mut self, partition: &TopicPartition, position: &OffsetAndMetadata) -> Result<()> {
        self.assigned_mut(partition)?.move_behind(position.offset, position.leader_epoch);
        self.forget_reports(partition);
        Ok(())
    }

    /// Goes on at the first record that exists.
    ///
    /// # Errors
    /// As [`Self::seek`].
    pub fn seek_to_beginning(&mut self, partition: &TopicPartition) -> Result<()> {
        self.move_to(partition, Position::Lookup(EARLIEST))
    }

    /// Goes on after the last record that exists when the broker is asked.
    ///
    /// # Errors
    /// As [`Self::seek`].
    pub fn seek_to_end(&mut self, partition: &TopicPartition) -> Result<()> {
        self.move_to(partition, Position::Lookup(LATEST))
    }

    /// Goes on at the first record of this time or later; at the end when there is none.
    ///
    /// # Errors
    /// As [`Self::seek`].
    pub fn seek_to_timestamp(&mut self, partition: &TopicPartition, timestamp: Timestamp) -> Result<()> {
        self.move_to(partition, Position::Lookup(timestamp.max(Timestamp(0))))
    }

    /// The offset of the next record that will be handed out; none while it is being looked up.
    pub fn position(&self, partition: &TopicPartition) -> Option<Offset> {
        let assigned = self.assignment.get(partition)?;
        let decoded = self.decoded.iter().find(|record| record.partition == *partition).map(|record| record.offset);
        match assigned.position {
            Position::At(offset) => Some(decoded.unwrap_or(offset)),
            _ => None,
        }
    }

    /// Hands nothing out of a partition, and fetches no more of it.
    ///
    /// # Errors
    /// As [`Self::seek`].
    pub fn pause(&mut self, partition: &TopicPartition) -> Result<()> {
        self.assigned_mut(partition)?.paused = true;
        Ok(())
    }

    /// Undoes [`Self::pause`].
    ///
    /// # Errors
    /// As [`Self::seek`].
    pub fn resume(&mut self, partition: &TopicPartition) -> Result<()> {
        let assigned = self.assigned_mut(partition)?;
        assigned.is_urgent |= assigned.paused;
        assigned.paused = false;
        Ok(())
    }

    /// How many offsets the position is behind the end of the partition, as of the last fetch.
    pub fn current_lag(&self, partition: &TopicPartition) -> Option<u64> {
        let end = self.end_offset(partition)?;
        let position = self.position(partition)?;
        Some(u64::try_from(end.0.saturating_sub(position.0)).unwrap_or(0))
    }

    /// The end of what this consumer can read of a partition, as of the last fetch.
    pub fn end_offset(&self, partition: &TopicPartition) -> Option<Offset> {
        self.assignment.get(partition)?.end
    }

    /// The first offset of a partition, as of the last fetch.
    pub fn beginning_offset(&self, partition: &TopicPartition) -> Option<Offset> {
        self.assignment.get(partition)?.log_start
    }

    /// Keeps asking about a topic that is not assigned, for [`Self::topic`]. Until the next [`Self::assign`].
    pub(crate) fn watch(&mut self, topic: &Arc<str>) {
        if self.requests.cluster_mut().want(topic) {
            self.requests.refresh_metadata();
        }
    }

    /// Changes with every answer about topics.
    pub(crate) fn metadata_version(&self) -> u64 {
        self.requests.cluster().version()
    }

    /// What the broker last said about a topic: its id and number of partitions; none where it has no such topic.
    /// `None` as a whole while it has not said anything.
    pub(crate) fn topic(&self, topic: &str) -> Option<Option<(Uuid, i32)>> {
        let cluster = self.requests.cluster();
        match cluster.topic_error(topic)? {
            ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => Some(None),
            _ => Some(Some((cluster.topic_id(topic), cluster.partition_count(topic)?))),
        }
    }

    /// Sends what is due, takes answers in, and hands out what was fetched. Waits up to `wait` when nothing is there;
    /// zero never waits. Returns early when any answer came, so an empty result does not mean that `wait` is over.
    ///
    /// # Errors
    /// When the transport is closed; when the broker refuses for good; [`ErrorKind::Corrupt`] for damaged batches;
    /// and for a position out of range without `auto.offset.reset`, with [`Self::out_of_range`] telling where.
    pub fn poll(&mut self, now: Timestamp, wait: Duration) -> Result<Fetched> {
        let now = self.requests.steady(now);
        self.advance(now)?;
        let mut wait = match self.has_fetched() || !self.errors.is_empty() || !self.unreported.is_empty() {
            true => Duration::ZERO,
            false => wait.min(self.due_in(now)),
        };
        while let Some(completed) = self.requests.poll(now, wait)? {
            self.complete(now, completed);
            self.advance(now)?;
            wait = Duration::ZERO;
        }
        if let Some(error) = self.errors.pop_front() {
            return Err(error);
        }
        if let Some(error) = self.next_out_of_range() {
            return Err(error);
        }
        let fetched = self.take_fetched();
        self.advance(now)?;
        Ok(fetched)
    }

    /// [`Self::poll`] for those who want records one by one, at most `max.poll.records` at a time.
    ///
    /// Records before one that does not decode are handed out first; the position stays at it, so that the error comes
    /// again until the caller seeks past it. Other partitions go on.
    ///
    /// # Errors
    /// As [`Self::poll`].
    pub fn poll_records(&mut self, now: Timestamp, wait: Duration) -> Result<Vec<ConsumerRecord>> {
        if self.decoded.is_empty() {
            for fetched in self.poll(now, wait)?.partitions {
                self.decode(&fetched);
            }
            if self.decoded.is_empty() {
                if let Some(error) = self.errors.pop_front() {
                    return Err(error);
                }
            }
        }
        let count = self.decoded.len().min(self.config.max_poll_records);
        Ok(self.decoded.drain(..count).collect())
    }

    fn decode(&mut self, fetched: &FetchedPartition) {
        let mut records = Vec::new();
        let outcome = fetched.decode_into(&mut records);
        if let Err(error) = outcome {
            let at = records.last().map_or(fetched.start, |last: &ConsumerRecord| last.offset.next());
            if let Some(assigned) = self.assignment.get_mut(&fetched.partition) {
                assigned.move_behind(at, fetched.leader_epoch);
            }
            self.errors.push_back(error.context(format!("read {} at offset {at}", fetched.partition)));
        }
        self.decoded.extend(records);
    }

    fn has_fetched(&self) -> bool {
        self.assignment.iter().any(|assigned| assigned.fetched.is_some() && !assigned.paused)
    }

    fn take_fetched(&mut self) -> Fetched {
        let mut partitions = Vec::new();
        for assigned in self.assignment.iter_mut().filter(|assigned| !assigned.paused) {
            if let Some(fetched) = assigned.fetched.take() {
                assigned.position = Position::At(fetched.end);
                assigned.epoch = Some(fetched.leader_epoch).filter(|epoch| *epoch >= 0);
                partitions.push(fetched);
            }
        }
        Fetched { partitions }
    }

    /// Sends everything that is due.
    fn advance(&mut self, now: Timestamp) -> Result<()> {
        self.fetch_committed_positions();
        if let Some(offsets) = &mut self.offsets {
            offsets.step(now, &mut self.requests)?;
        }
        self.take_committed_positions();
        self.send_lookups(now)?;
        self.send_epoch_checks(now)?;
        self.send_fetches(now)
    }

    fn complete(&mut self, now: Timestamp, completed: Completed<Tag>) {
        let Completed { tag, response } = completed;
        match (tag, &mut self.offsets) {
            (Tag::Fetch { node, serial }, _) => self.complete_fetch(now, node, serial, response),
            (Tag::Lookup { serial }, _) => self.complete_lookup(now, serial, response),
            (Tag::EpochCheck { serial }, _) => self.complete_epoch_check(now, serial, response),
            (Tag::FindCoordinator, Some(offsets)) => offsets.complete_coordinator(now, response, &mut self.requests),
            (Tag::Offsets, Some(offsets)) => offsets.complete(now, response, &mut self.requests),
            (Tag::FindCoordinator | Tag::Offsets, None) => {}
        }
    }

    /// How long nothing is due of its own accord.
    pub fn next_wakeup(&self, now: Timestamp) -> Duration {
        self.due_in(self.requests.steady_between(now))
    }

    fn due_in(&self, now: Timestamp) -> Duration {
        let offsets = self.offsets.as_ref().map_or(Duration::MAX, |offsets| offsets.next_wakeup(now));
        let waiting = self.assignment.iter().filter(|assigned| assigned.not_before > now);
        let retry = waiting.map(|assigned| assigned.not_before - now).min().unwrap_or(Duration::MAX);
        self.requests.next_wakeup(now).min(offsets).min(retry)
    }

    /// Asks for the committed offsets of partitions that start there.
    fn fetch_committed_positions(&mut self) {
        let Some(offsets) = &mut self.offsets else { return };
        if self.fetching_committed.is_some() {
            return;
        }
        let unset = self.assignment.iter().filter(|assigned| assigned.position == Position::Committed);
        let unset = unset.map(|assigned| assigned.partition.clone()).collect::<Vec<_>>();
        if !unset.is_empty() {
            self.fetching_committed = Some(offsets.fetch(unset));
        }
    }

    fn take_committed_positions(&mut self) {
        let (Some(offsets), Some(id)) = (&mut self.offsets, self.fetching_committed) else { return };
        let Some(answer) = offsets.take(id) else { return };
        self.fetching_committed = None;
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => return self.errors.push_back(error),
        };
        let reset = self.reset_position();
        for (partition, committed) in answer {
            let Some(assigned) = self.assignment.get_mut(&partition) else { continue };
            match (assigned.position, committed) {
                (Position::Committed, Some(committed)) => {
                    assigned.move_behind(committed.offset, committed.leader_epoch);
                }
                (Position::Committed, None) => {
                    assigned.move_to(reset);
                    if self.config.auto_offset_reset == AutoOffsetReset::None {
                        let message = format!(
                            "{partition}: the group has no committed offset, and `auto.offset.reset` is `none`; seek, \
                             or set it to `earliest` or `latest`"
                        );
                        assigned.paused = true;
                        self.errors.push_back(Error::new(ErrorKind::Refused, message));
                    }
                }
                _ => {}
            }
        }
    }

    /// Starts to commit positions for the group. Goes on with [`Self::poll`]; [`Self::commit_outcome`] says what came
    /// of it.
    ///
    /// # Errors
    /// When there is no `group.id`.
    pub fn commit(&mut self, offsets: Vec<(TopicPartition, OffsetAndMetadata)>) -> Result<CommitId> {
        for (partition, _) in &offsets {
            if self.requests.cluster_mut().want(&partition.topic) {
                self.requests.refresh_metadata();
            }
        }
        Ok(self.group()?.commit(offsets))
    }

    /// What came of a commit, once; none while it is on its way.
    pub fn commit_outcome(&mut self, id: CommitId) -> Option<Result<()>> {
        self.offsets.as_mut()?.take(id).map(|outcome| outcome.map(|_| ()))
    }

    /// Starts to ask for the group's committed positions. Goes on with [`Self::poll`]; [`Self::committed_outcome`] says
    /// what came of it.
    ///
    /// # Errors
    /// When there is no `group.id`.
    pub fn begin_committed(&mut self, partitions: &[TopicPartition]) -> Result<CommitId> {
        for partition in partitions {
            if self.requests.cluster_mut().want(&partition.topic) {
                self.requests.refresh_metadata();
            }
        }
        Ok(self.group()?.fetch(partitions.to_vec()))
    }

    /// The committed position of each partition that was asked for, `None` where the group has none; once. None while
    /// the question is on its way.
    pub fn committed_outcome(&mut self, id: CommitId) -> Option<Result<CommittedPositions>> {
        self.offsets.as_mut()?.take(id)
    }

    fn group(&mut self) -> Result<&mut GroupOffsets> {
        let missing =
            || Error::new(ErrorKind::InvalidConfig, "setting `group.id` is missing: it names whose offsets are meant");
        self.offsets.as_mut().ok_or_else(missing)
    }

    /// Commits and waits for the outcome, at most `default.api.timeout.ms`. What is fetched meanwhile is kept.
    ///
    /// # Errors
    /// As [`Self::commit`], and when the coordinator refuses or does not answer in time.
    pub fn commit_sync(&mut self, clock: &dyn Clock, offsets: Vec<(TopicPartition, OffsetAndMetadata)>) -> Result<()> {
        if offsets.is_empty() {
            return Ok(());
        }
        let id = self.commit(offsets)?;
        self.wait_for(clock, id).map(|_| ())
    }

    /// The committed positions of partitions, waiting for the answer at most `default.api.timeout.ms`. `None` where
    /// the group has none.
    ///
    /// # Errors
    /// As [`Self::commit_sync`].
    pub fn committed(&mut self, clock: &dyn Clock, partitions: &[TopicPartition]) -> Result<CommittedPositions> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let id = self.begin_committed(partitions)?;
        self.wait_for(clock, id)
    }

    fn wait_for(&mut self, clock: &dyn Clock, id: CommitId) -> Result<Answer> {
        loop {
            if let Some(outcome) = self.group()?.take(id) {
                return outcome;
            }
            let now = self.requests.steady(clock.now());
            self.advance(now)?;
            let mut wait = self.due_in(now).min(self.config.client.request_timeout);
            while let Some(completed) = self.requests.poll(now, wait)? {
                self.complete(now, completed);
                self.advance(now)?;
                wait = Duration::ZERO;
            }
        }
    }

    /// Ends a wait in [`Self::poll`] from another thread.
    pub fn waker(&self) -> Waker {
        self.requests.waker()
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}

//! Finding positions: where a partition begins and ends, and where a time is in it.

use std::fmt;
use std::time::Duration;

use crate::client::consumer::assignment::{Position, LATEST};
use crate::client::consumer::fetcher::isolation_level;
use crate::client::consumer::questions::{OfTopic, Questions};
use crate::client::consumer::{Consumer, OutOfRange, Tag};
use crate::client::requests::Requests;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Offset, TopicPartition};
use crate::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use crate::protocol::{Request, Response};
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
        let mut lookups = Questions::default();
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
            let lookup = ListOffsetsPartition {
                partition_index: assigned.partition.partition.0,
                current_leader_epoch: leader.epoch,
                timestamp: timestamp.0,
            };
            lookups.add(leader.node, &assigned.partition, lookup);
        }
        if leaderless {
            self.requests.refresh_metadata();
        }
        let isolation_level = isolation_level(self.config.isolation_level);
        let timeout_ms = i32::try_from(duration_ms(self.config.client.request_timeout)).unwrap_or(i32::MAX);
        let topic = |(topic, lookups): OfTopic<ListOffsetsPartition>| ListOffsetsTopic {
            name: topic.to_string(),
            partitions: lookups.into_iter().map(|(_, lookup)| lookup).collect(),
        };
        let request = |topics: Vec<OfTopic<ListOffsetsPartition>>| -> Request {
            let topics = topics.into_iter().map(topic).collect();
            ListOffsetsRequest { replica_id: -1, isolation_level, topics, timeout_ms }.into()
        };
        self.ask(now, lookups, request, |serial| Tag::Lookup { serial })
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
        let what = "look positions up";
        self.complete_questions(now, serial, what, response, |consumer, response: ListOffsetsResponse| {
            for topic in &response.topics {
                for answer in &topic.partitions {
                    consumer.take_position(now, serial, &topic.name, answer);
                }
            }
        });
    }

    fn take_position(&mut self, now: Timestamp, serial: u64, topic: &str, answer: &ListOffsetsPartitionResponse) {
        let retry_backoff = self.config.client.retry_backoff;
        let about = (topic, answer.partition_index);
        let Some(assigned) = self.answered(now, serial, about, answer.error_code) else { return };
        let partition = assigned.partition.clone();
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
                assigned.not_before = now + retry_backoff;
                let end = end.unwrap_or(start);
                self.report_out_of_range(OutOfRange { partition, position: at, start, end, diverged_at });
            }
            (Position::Committed | Position::At(_), _) => {}
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

//! The partitions a consumer reads, and where it stands in each.
//!
//! ```text
//!   Committed ──the group has an offset──► At(offset) ◄──found── Lookup(timestamp)
//!       └──it has none──► Lookup(by auto.offset.reset)               ▲
//!   At(offset) ──the broker has no such offset──► by auto.offset.reset ┘ or OutOfRange ──its bounds──► an error
//! ```
//!
//! A position carries the leader epoch of the record before it. Under each new epoch of the leader, `At` is checked
//! before it is fetched from (see `epochs`): the log may have been cut below it and refilled past it.
//!
//! Every question about a partition carries a serial number. A seek forgets the number, so that an answer to an older
//! question changes nothing.

use foldhash::fast::FixedState;
use hashbrown::{Equivalent, HashMap};

use crate::client::consumer::fetched::FetchedPartition;
use crate::ids::{Offset, Partition, TopicPartition};
use crate::time::Timestamp;

/// Asks for the offset after the last record.
pub(super) const LATEST: Timestamp = Timestamp(-1);
/// Asks for the offset of the first record that exists.
pub(super) const EARLIEST: Timestamp = Timestamp(-2);

/// Where a consumer stands in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// Where the group's committed offset says; to be asked for.
    Committed,
    /// At the first record of this time or later, or [`LATEST`] or [`EARLIEST`]; to be asked for.
    Lookup(Timestamp),
    /// At this offset.
    At(Offset),
    /// At an offset that does not exist, with no policy to leave it; its bounds are asked for, to be reported.
    OutOfRange { at: Offset, diverged: Option<Offset>, start: Option<Offset> },
}

/// One partition.
#[derive(Debug)]
pub(super) struct Assigned {
    pub(super) partition: TopicPartition,
    pub(super) position: Position,
    /// The leader epoch of the record before the position; none when it is not known, and then nothing is checked.
    pub(super) epoch: Option<i32>,
    /// The epoch of the leader that was last known to have the record before the position.
    pub(super) checked_under: Option<i32>,
    /// The epoch of the leader that is asked about the position.
    pub(super) asked_under: i32,
    pub(super) paused: bool,
    /// Whether it was resumed and not asked for since.
    pub(super) is_urgent: bool,
    /// Since when it has been left out of fetches, while it is.
    pub(super) held_since: Option<Timestamp>,
    /// What was fetched and not handed out.
    pub(super) fetched: Option<FetchedPartition>,
    /// The fetch it is part of.
    pub(super) fetching: Option<u64>,
    /// The question about its position that is not answered.
    pub(super) asking: Option<u64>,
    /// Since when looking its position up fails, and why it did last.
    pub(super) failing_lookup: Option<(Timestamp, String)>,
    /// Failures in a row, and when to try again.
    pub(super) failures: u32,
    pub(super) not_before: Timestamp,
    /// The offset up to which the last fetch could have read.
    pub(super) end: Option<Offset>,
    /// The offset of the first record, as of the last fetch.
    pub(super) log_start: Option<Offset>,
}

impl Assigned {
    fn new(partition: TopicPartition, position: Position) -> Self {
        Self {
            partition,
            position,
            epoch: None,
            checked_under: None,
            asked_under: -1,
            paused: false,
            is_urgent: false,
            held_since: None,
            fetched: None,
            fetching: None,
            asking: None,
            failing_lookup: None,
            failures: 0,
            not_before: Timestamp(i64::MIN),
            end: None,
            log_start: None,
        }
    }

    /// Moves to another position and forgets what was fetched or asked for the old one.
    pub(super) fn move_to(&mut self, position: Position) {
        self.position = position;
        self.epoch = None;
        self.checked_under = None;
        self.fetched = None;
        self.fetching = None;
        self.asking = None;
        self.failing_lookup = None;
        self.failures = 0;
        self.not_before = Timestamp(i64::MIN);
    }

    /// Moves to an offset behind a record that was written in this leader epoch; a negative one is not known.
    pub(super) fn move_behind(&mut self, offset: Offset, epoch: i32) {
        self.move_to(Position::At(offset));
        self.epoch = Some(epoch).filter(|epoch| *epoch >= 0);
    }

    /// Whether a leader in this epoch may have a log without the record before the position.
    ///
    /// Within one epoch a leader cuts nothing off, so the record's own epoch needs no question.
    pub(super) fn may_diverge(&self, leader_epoch: i32) -> bool {
        let known = [self.epoch, self.checked_under];
        matches!(self.position, Position::At(_))
            && self.epoch.is_some()
            && leader_epoch >= 0
            && !known.contains(&Some(leader_epoch))
    }

    /// Looking its position up fails, again or for the first time. No failure of one that has a position, which is only
    /// compared with what the log has.
    pub(super) fn lookup_fails(&mut self, now: Timestamp, why: String) {
        if matches!(self.position, Position::At(_)) {
            return;
        }
        let since = self.failing_lookup.as_ref().map_or(now, |(since, _)| *since);
        self.failing_lookup = Some((since, why));
    }

    /// Where to fetch, if it should be.
    pub(super) fn wants_fetch(&self, now: Timestamp) -> Option<Offset> {
        match self.position {
            Position::At(offset) if self.is_fetchable() && self.not_before <= now => Some(offset),
            _ => None,
        }
    }

    fn is_fetchable(&self) -> bool {
        !self.paused && self.fetched.is_none() && self.fetching.is_none()
    }

    /// Takes note of whether it has a position and is left out of fetches only for now.
    pub(super) fn note_held_back(&mut self, now: Timestamp) {
        let is_held_back = matches!(self.position, Position::At(_)) && (self.paused || self.fetched.is_some());
        self.held_since = is_held_back.then(|| self.held_since.unwrap_or(now));
    }

    /// Which timestamp to look up, if any.
    pub(super) fn wants_lookup(&self, now: Timestamp) -> Option<Timestamp> {
        if self.asking.is_some() || self.not_before > now {
            return None;
        }
        match self.position {
            Position::Lookup(timestamp) => Some(timestamp),
            Position::OutOfRange { start: None, .. } => Some(EARLIEST),
            Position::OutOfRange { start: Some(_), .. } => Some(LATEST),
            Position::Committed | Position::At(_) => None,
        }
    }
}

/// All partitions of a consumer, in the order of their assignment.
#[derive(Debug, Default)]
pub(super) struct Assignment {
    partitions: Vec<Assigned>,
    index: HashMap<TopicPartition, usize, FixedState>,
}

/// Finds a partition by a borrowed name; hashes as [`TopicPartition`] does.
#[derive(Hash)]
struct Named<'a> {
    topic: &'a str,
    partition: Partition,
}

impl Equivalent<TopicPartition> for Named<'_> {
    fn equivalent(&self, key: &TopicPartition) -> bool {
        self.partition == key.partition && *self.topic == *key.topic
    }
}

impl Assignment {
    /// Replaces the assignment. Partitions that stay keep their state; new ones start at `position`.
    pub(super) fn replace(&mut self, partitions: &[TopicPartition], position: Position) {
        let mut old = std::mem::take(&mut self.partitions).into_iter().map(Some).collect::<Vec<_>>();
        let old_index = std::mem::take(&mut self.index);
        for partition in partitions {
            if self.index.contains_key(partition) {
                continue;
            }
            let kept = old_index.get(partition).and_then(|index| old[*index].take());
            self.index.insert(partition.clone(), self.partitions.len());
            self.partitions.push(kept.unwrap_or_else(|| Assigned::new(partition.clone(), position)));
        }
    }

    pub(super) fn get(&self, partition: &TopicPartition) -> Option<&Assigned> {
        self.index.get(partition).map(|index| &self.partitions[*index])
    }

    pub(super) fn get_mut(&mut self, partition: &TopicPartition) -> Option<&mut Assigned> {
        self.index.get(partition).map(|index| &mut self.partitions[*index])
    }

    pub(super) fn named(&mut self, topic: &str, partition: i32) -> Option<&mut Assigned> {
        let named = Named { topic, partition: Partition(partition) };
        self.index.get(&named).map(|index| &mut self.partitions[*index])
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Assigned> {
        self.partitions.iter()
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Assigned> {
        self.partitions.iter_mut()
    }

    /// Lets the next fetch start with another partition, so that none starves under `fetch.max.bytes`.
    pub(super) fn rotated(&self, by: usize) -> impl Iterator<Item = &Assigned> {
        let split = if self.partitions.is_empty() { 0 } else { by % self.partitions.len() };
        let (first, second) = self.partitions.split_at(split);
        second.iter().chain(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_that_stay_keep_their_state() {
        let (a, b, c) = (TopicPartition::new("a", 0), TopicPartition::new("b", 1), TopicPartition::new("c", 2));
        let mut assignment = Assignment::default();
        assignment.replace(&[a.clone(), b.clone(), a.clone()], Position::Committed);
        assert_eq!(assignment.iter().count(), 2, "one entry per partition");
        assignment.get_mut(&b).expect("assigned").move_to(Position::At(Offset(7)));
        assignment.replace(&[c.clone(), b.clone()], Position::Lookup(EARLIEST));
        assert_eq!(assignment.get(&b).expect("kept").position, Position::At(Offset(7)));
        assert_eq!(assignment.get(&c).expect("new").position, Position::Lookup(EARLIEST));
        assert!(assignment.get(&a).is_none());
        assert!(assignment.named("b", 1).is_some(), "a borrowed name finds it");
        assert!(assignment.named("b", 0).is_none());
        let order = assignment.rotated(1).map(|assigned| assigned.partition.to_string()).collect::<Vec<_>>();
        assert_eq!(order, ["b-1", "c-2"]);
    }
}

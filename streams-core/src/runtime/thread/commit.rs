//! The commit of a thread's tasks, in steps that never change order.
//!
//! ```text
//! Idle ──due, asked for, or closing──► Flushing ──all acknowledged──► Offsets ──answered──► Leaders ──known──► Idle
//!                                                                      │   ▲
//!                                                                      ▼   │ a while later
//!                                                                     Refused (for now)
//! ```
//!
//! 1. **Flush the caches** of every task that did something since its last commit. What they held back goes downstream
//!    and to changelogs. The offsets to commit are those of the records processed so far; no record is processed until
//!    the commit is over.
//! 2. **Flush the producer**: wait until every output and changelog record is acknowledged, and learn the offset of the
//!    last changelog record of each store.
//! 3. **Commit the offsets** of the inputs, with the partition times beside them. At the same time, where there is a store
//!    on disk, ask who leads the changelogs.
//! 4. **Commit the stores**: each engine on disk takes the writes since its last commit, the changelog offset of step 2 and
//!    the leader epoch of step 3 in one atomic batch. Until then they were in memory only.
//!
//! The leader epoch says at the next start whether the changelog still is the one that the store's rows are of. No answer to
//! a produce request says under which epoch its records were written, so the leader is asked for afterwards. That epoch may
//! be newer than theirs. It would only matter if the changelog lost its end in between: then it either ends below the
//! store, or what follows in it is this thread's own and moves the store on.
//!
//! Why a crash loses nothing, wherever it comes (at-least-once: what was processed after the last commit is processed
//! again):
//!
//! - *Before or in step 1, or in step 2*: no offset was committed, so all records since the last commit are read again.
//!   Stores on disk are as of the last commit. Their changelogs may have records of the lost work; a restart reads these
//!   back into the store before the records are processed again, which is the double counting that at-least-once
//!   allows. Nothing is missing.
//! - *Between 2 and 3*: the same; every output is there and will be there twice.
//! - *In step 3*: either the broker has the new offsets or the old ones. With the old ones it is the case before. With
//!   the new ones it is the case that follows.
//! - *Between 3 and 4, or in step 4 between two stores*: the inputs are done. A store on disk that was not committed is
//!   behind its changelog, which is complete and acknowledged (step 2): the restart reads the rest back. No store is
//!   ever ahead of its changelog, because the offset it holds was acknowledged before.
//!
//! The order of 3 and 4 could be the other one under at-least-once, but not of 2 and 3: an offset that is committed
//! before its outputs are acknowledged loses them in a crash.

use std::time::Duration;

use super::{StreamThread, RETRY_INTERVAL};
use crate::client::consumer::{CommitId, OffsetAndMetadata};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{ChangelogPosition, TopicPartition};
use crate::state::AnyStore;
use crate::time::Timestamp;

/// How long a commit waits for the leaders of changelogs. Without them a store does not notice at the next start that its
/// changelog was cut and filled again, and nothing else is amiss.
const LEADERS_WAIT: Duration = Duration::from_secs(5);

/// How far a commit is.
#[derive(Debug)]
pub(super) enum Commit {
    /// None is under way.
    Idle,
    /// Step 2.
    Flushing(Work),
    /// Step 3.
    Offsets(Work, CommitId),
    /// Step 3 failed with an error that may pass, and is tried again at a time.
    Refused(Work, Timestamp),
    /// Step 3 is over but for the leaders, which are waited for no longer than this.
    Leaders(Work, Timestamp),
}

/// What is being committed.
#[derive(Debug)]
pub(super) struct Work {
    /// Indices of the tasks.
    tasks: Vec<usize>,
    offsets: Vec<(TopicPartition, OffsetAndMetadata)>,
    began: Timestamp,
    /// The question who leads the changelogs, once it is asked.
    leaders: Option<u64>,
}

impl Commit {
    pub(super) fn is_under_way(&self) -> bool {
        !matches!(self, Self::Idle)
    }
}

impl StreamThread {
    /// How long no commit is due.
    pub(super) fn until_commit(&self, now: Timestamp) -> Duration {
        if !self.tasks.iter().any(|running| running.task.is_commit_needed()) {
            return Duration::MAX;
        }
        self.last_commit.map_or(Duration::MAX, |last| last + self.plan.config.runtime.commit_interval - now)
    }

    /// Begins a commit when it is time, when user code asked for one, and when stores hold too much in memory. Says
    /// whether it did.
    pub(super) fn commit_if_due(&mut self, now: Timestamp) -> Result<bool> {
        let mut due = self.last_commit.is_some_and(|last| now >= last + self.plan.config.runtime.commit_interval);
        let mut uncommitted_bytes = 0;
        for running in &mut self.tasks {
            due |= running.task.take_commit_request();
            uncommitted_bytes += running.task.stores().iter().map(AnyStore::uncommitted_bytes).sum::<usize>();
        }
        if !due && uncommitted_bytes <= self.uncommitted_bytes_max {
            return Ok(false);
        }
        self.begin_commit(now)
    }

    /// Step 1. Says whether there is anything to commit.
    pub(super) fn begin_commit(&mut self, now: Timestamp) -> Result<bool> {
        let mut work = Work { tasks: Vec::new(), offsets: Vec::new(), began: now, leaders: None };
        for index in 0..self.tasks.len() {
            let running = &mut self.tasks[index];
            if !running.task.is_commit_needed() {
                continue;
            }
            self.current = Some(index);
            let committables = match running.task.prepare_commit() {
                Ok(committables) => committables,
                // The task is left out of this commit, and finishes its flush before it takes another record.
                Err(error) => {
                    self.current = None;
                    running.try_again_later(error, now, self.plan.config.runtime.task_timeout)?;
                    continue;
                }
            };
            for committable in committables {
                let position = OffsetAndMetadata {
                    offset: committable.offset,
                    leader_epoch: committable.leader_epoch,
                    metadata: committable.metadata,
                };
                work.offsets.push((committable.topic_partition, position));
            }
            self.current = None;
            work.tasks.push(index);
        }
        if work.tasks.is_empty() {
            self.last_commit = Some(now);
            return Ok(false);
        }
        self.producer.borrow_mut().begin_flush();
        self.commit = Commit::Flushing(work);
        self.commit_step(now)?;
        Ok(true)
    }

    /// Goes on with the commit that is under way, waiting for answers at most `poll.ms`.
    pub(super) fn commit_step(&mut self, now: Timestamp) -> Result<()> {
        let wait = self.plan.config.runtime.poll;
        match std::mem::replace(&mut self.commit, Commit::Idle) {
            Commit::Idle => Ok(()),
            Commit::Flushing(work) => self.flush_producer(now, wait, work),
            Commit::Offsets(work, id) => {
                self.poll(now, wait)?;
                self.take_outcome(now, work, id)
            }
            Commit::Refused(work, retry_at) if now < retry_at => {
                self.commit = Commit::Refused(work, retry_at);
                self.poll(now, wait.min(retry_at - now))
            }
            Commit::Refused(work, _) => self.commit_offsets(now, work),
            Commit::Leaders(work, until) => {
                self.producer.borrow_mut().poll(now, wait)?;
                self.commit_stores(now, work, until)
            }
        }
    }

    /// Step 2.
    fn flush_producer(&mut self, now: Timestamp, wait: Duration, mut work: Work) -> Result<()> {
        let flushed = {
            let mut producer = self.producer.borrow_mut();
            self.policy.settle_failures(&mut producer)?;
            if !producer.flushed()? {
                producer.poll(now, wait)?;
                self.policy.settle_failures(&mut producer)?;
            }
            producer.flushed()?
        };
        if flushed {
            let is_on_disk = |index: &usize| self.tasks[*index].task.stores().iter().any(AnyStore::is_persistent);
            if work.tasks.iter().any(is_on_disk) {
                work.leaders = Some(self.producer.borrow_mut().ask_for_leaders());
            }
            return self.commit_offsets(now, work);
        }
        self.commit = Commit::Flushing(work);
        Ok(())
    }

    /// Step 3.
    fn commit_offsets(&mut self, now: Timestamp, work: Work) -> Result<()> {
        if work.offsets.is_empty() {
            return self.commit_stores(now, work, now + LEADERS_WAIT);
        }
        let id = self.consumer.commit(work.offsets.clone())?;
        self.poll(now, Duration::ZERO)?;
        self.take_outcome(now, work, id)
    }

    fn take_outcome(&mut self, now: Timestamp, work: Work, id: CommitId) -> Result<()> {
        match self.consumer.commit_outcome(id) {
            None => {
                self.commit = Commit::Offsets(work, id);
                Ok(())
            }
            Some(Ok(())) => self.commit_stores(now, work, now + LEADERS_WAIT),
            Some(Err(error)) => self.offsets_refused(now, work, error),
        }
    }

    #[cold]
    fn offsets_refused(&mut self, now: Timestamp, work: Work, error: Error) -> Result<()> {
        let timeout = self.plan.config.runtime.task_timeout;
        if error.kind() != ErrorKind::Retriable || now - work.began >= timeout {
            return Err(error.context("commit the offsets of the application"));
        }
        tracing::warn!(error = %error.report(), "committing offsets fails and is tried again");
        self.commit = Commit::Refused(work, now + RETRY_INTERVAL);
        Ok(())
    }

    /// Step 4, once the leaders are known or `until` is over.
    fn commit_stores(&mut self, now: Timestamp, work: Work, until: Timestamp) -> Result<()> {
        let is_open = |question| !self.producer.borrow().knows_leaders_since(question);
        if now < until && work.leaders.is_some_and(is_open) {
            self.commit = Commit::Leaders(work, until);
            return Ok(());
        }
        for index in &work.tasks {
            let running = &mut self.tasks[*index];
            self.plan.check_stores(running.task.id())?;
            let (task, producer) = (running.task.id(), self.producer.borrow());
            running.task.post_commit(&|store| {
                let changelog = self.plan.changelog(task, store);
                let offset = producer.last_acked_offset(&changelog)?;
                let leader_epoch = work.leaders.and_then(|question| producer.leader_epoch_since(question, &changelog));
                Some(ChangelogPosition { offset, leader_epoch })
            })?;
        }
        let is_repartition = |partition: &TopicPartition| {
            work.tasks.iter().any(|index| self.tasks[*index].repartitions.contains(partition))
        };
        let committed = work.offsets.iter().filter(|(partition, _)| is_repartition(partition));
        let positions = work.offsets.iter().map(|(partition, position)| (partition.clone(), Some(position.clone())));
        self.committed.extend(positions);
        self.purge.put(committed.map(|(partition, position)| (partition.clone(), position.offset)));
        self.last_commit = Some(now);
        self.commits += 1;
        self.publish(now);
        Ok(())
    }

    /// Closes the tasks without a commit; those that are closed stay so.
    pub(crate) fn close_tasks(&mut self) {
        for running in &mut self.tasks {
            running.task.close();
        }
    }

    /// Commits what is left and closes the tasks: one step of it.
    pub(super) fn close(&mut self, now: Timestamp) -> Result<()> {
        if self.commit.is_under_way() {
            return self.commit_step(now);
        }
        if self.begin_commit(now)? {
            return Ok(());
        }
        self.close_tasks();
        self.publish(now);
        self.tasks.clear();
        self.phase = super::Phase::Closed;
        Ok(())
    }
}

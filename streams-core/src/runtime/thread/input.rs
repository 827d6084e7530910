//! What comes in: fetched batches to the tasks they belong to, and pauses for tasks that have enough.

use std::time::Duration;

use super::StreamThread;
use crate::client::consumer::Fetched;
use crate::config::OffsetOutOfRangePolicy;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::restore::require_positions;
use crate::time::Timestamp;

impl StreamThread {
    /// Lets all clients send and receive, and buffers what was fetched. Waits up to `wait` for records.
    pub(super) fn poll(&mut self, now: Timestamp, wait: Duration) -> Result<()> {
        let polled = self.consumer.poll(now, wait);
        self.watch_topics(now)?;
        match polled {
            Ok(fetched) => self.add_records(&fetched)?,
            Err(_) if !self.consumer.out_of_range().is_empty() => self.leave_lost_positions()?,
            // The consumer asks again by itself.
            Err(error) if error.kind() == ErrorKind::Retriable => {
                tracing::warn!(error = %error.report(), "fetching fails and is tried again");
            }
            Err(error) => return Err(error.context("read the application's input")),
        }
        require_positions(&self.consumer, now, self.plan.config.runtime.task_timeout)
            .map_err(|error| error.context("read the application's input"))?;
        self.pause_and_resume()?;
        self.producer.borrow_mut().poll(now, Duration::ZERO)
    }

    /// The log does not have the next record of some inputs: goes on where the settings say, or not at all.
    ///
    /// # Errors
    /// [`ErrorKind::Refused`] under the policy `fail`.
    #[cold]
    fn leave_lost_positions(&mut self) -> Result<()> {
        let policy = self.plan.config.runtime.offset_out_of_range_policy;
        for found in self.consumer.out_of_range().to_vec() {
            // Where the log was cut and written again, nothing before that is to be read a second time.
            let earliest = found.diverged_at.unwrap_or(found.start);
            let to = match policy {
                OffsetOutOfRangePolicy::Fail => {
                    let message = format!(
                        "the next record of the application is not in its input: {found}; nothing was passed over: \
                         restore the records, or go on without them by offset.out.of.range.policy=earliest (at offset \
                         {}) or latest (at {})",
                        earliest, found.end
                    );
                    return Err(Error::new(ErrorKind::Refused, message));
                }
                OffsetOutOfRangePolicy::Earliest => earliest,
                OffsetOutOfRangePolicy::Latest => found.end,
            };
            let owner = self.owners.get(&found.partition).and_then(|index| self.tasks.get_mut(*index));
            let Some(running) = owner else { continue };
            // Otherwise the consumer finds the gap again, a while later.
            if running.task.leave_gap(&found.partition, to)? {
                tracing::warn!(lost = %found, next = to.0, "going on by offset.out.of.range.policy");
                self.consumer.seek(&found.partition, to)?;
            }
        }
        Ok(())
    }

    fn add_records(&mut self, fetched: &Fetched) -> Result<()> {
        for fetched in &fetched.partitions {
            let owner = self.owners.get(&fetched.partition).and_then(|index| self.tasks.get_mut(*index));
            let Some(running) = owner else {
                let message = format!("records of {} come, and no task reads it", fetched.partition);
                return Err(Error::new(ErrorKind::Internal, message));
            };
            running.task.add_records(&fetched.partition, &fetched.records)?;
        }
        Ok(())
    }

    /// Pauses partitions that have enough buffered and resumes those that have little; tells tasks with several inputs
    /// what the broker still has, so that they can wait for it.
    fn pause_and_resume(&mut self) -> Result<()> {
        for running in &mut self.tasks {
            let several = running.inputs.len() > 1;
            for input in &mut running.inputs {
                let full = running.task.is_full(&input.partition);
                if full != input.paused {
                    input.paused = full;
                    match full {
                        true => self.consumer.pause(&input.partition)?,
                        false => self.consumer.resume(&input.partition)?,
                    }
                }
                if several {
                    running.task.set_lag(&input.partition, self.consumer.current_lag(&input.partition))?;
                }
            }
        }
        Ok(())
    }
}

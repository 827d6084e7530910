//! What comes in: fetched batches to the tasks they belong to, and pauses for tasks that have enough.

use std::time::Duration;

use super::StreamThread;
use crate::client::consumer::Fetched;
use crate::error::{Error, ErrorKind, Result};
use crate::time::Timestamp;

impl StreamThread {
    /// Lets all clients send and receive, and buffers what was fetched. Waits up to `wait` for records.
    pub(super) fn poll(&mut self, now: Timestamp, wait: Duration) -> Result<()> {
        match self.consumer.poll(now, wait) {
            Ok(fetched) => self.add_records(&fetched)?,
            // The consumer asks again by itself.
            Err(error) if error.kind() == ErrorKind::Retriable => {
                tracing::warn!(error = %error.report(), "fetching fails and is tried again");
            }
            Err(error) => return Err(error.context("read the application's input")),
        }
        self.pause_and_resume()?;
        self.producer.borrow_mut().poll(now, Duration::ZERO)
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

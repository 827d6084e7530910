//! What a task can ask of a node beside pushing records into it.

use crate::error::Result;
use crate::processor::{Punctuation, TaskContext};

/// A node with a life of its own: it starts, ticks, flushes and closes. Nodes that need none of it are not registered.
pub trait LiveNode {
    /// Runs once, after the whole task is wired and its stores are restored.
    ///
    /// # Errors
    /// What user code reports.
    fn init(&mut self, task: &mut TaskContext) -> Result<()> {
        let _ = task;
        Ok(())
    }

    /// One of the node's schedules is due.
    ///
    /// # Errors
    /// What user code reports.
    fn punctuate(&mut self, tick: Punctuation, task: &mut TaskContext) -> Result<()> {
        let _ = (tick, task);
        Ok(())
    }

    /// Forwards what caches held back. Called on commit, parents before children.
    ///
    /// # Errors
    /// What nodes downstream report.
    fn flush(&mut self, task: &mut TaskContext) -> Result<()> {
        let _ = task;
        Ok(())
    }

    /// Runs once, when the task closes.
    ///
    /// # Errors
    /// What user code reports.
    fn close(&mut self) -> Result<()> {
        Ok(())
    }
}

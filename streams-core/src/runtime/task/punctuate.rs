//! Runs the schedules that are due.

use std::cell::RefCell;
use std::rc::Rc;

use crate::error::Result;
use crate::ids::NodeId;
use crate::processor::{LiveNode, PunctuationType, TaskContext};
use crate::time::Timestamp;

/// Nodes with a life of their own, sorted by id, as wiring leaves them.
pub(super) type LiveNodes = [(NodeId, Rc<RefCell<dyn LiveNode>>)];

/// Runs every schedule of a clock that is due at `now`; says whether one ran.
///
/// # Errors
/// The first failure that the processing handler does not take.
pub(super) fn punctuate(
    clock: PunctuationType,
    now: Timestamp,
    live: &LiveNodes,
    task: &mut TaskContext,
) -> Result<bool> {
    let mut ran = false;
    while let Some((node, tick)) = task.punctuations.take_due(clock, now) {
        let Ok(index) = live.binary_search_by_key(&node, |(id, _)| *id) else { continue };
        ran = true;
        task.begin_without_record(now);
        let done = live[index].1.borrow_mut().punctuate(tick, task);
        if let Err(error) = done {
            task.on_processing_error(node, error)?;
        }
    }
    Ok(ran)
}

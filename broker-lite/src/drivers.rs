//! The threads of a broker: one syncs, one lets deadlines come, one deletes and compacts what is old. They end when the
//! broker is closed or dropped; the last one at its next turn.
//!
//! A thread holds the broker only while it works for it, so that dropping the last user's handle ends everything.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use streams_core::{Result, ResultExt as _};

use crate::broker::Broker;

/// How long the timer sleeps when no deadline is near.
const TICK_MAX: Duration = Duration::from_secs(1);

/// Starts the threads.
///
/// # Errors
/// When the system has no more threads.
pub(crate) fn start(broker: &Arc<Broker>) -> Result<()> {
    broker.set_threaded();
    let (queue, weak) = (Arc::clone(broker.sync_queue()), Arc::downgrade(broker));
    spawn("broker-sync", move || while queue.wait() && with(&weak, |broker| _ = broker.sync_with(side_by_side)) {})?;
    let (interval, clock, weak) =
        (broker.config().retention_check_interval, Arc::clone(broker.clock()), Arc::downgrade(broker));
    spawn("broker-maintenance", move || loop {
        std::thread::park_timeout(interval);
        if !with(&weak, |broker| broker.maintain(clock.now())) {
            return;
        }
    })?;
    let (purgatory, clock, weak) = (Arc::clone(broker.purgatory()), Arc::clone(broker.clock()), Arc::downgrade(broker));
    spawn("broker-timer", move || {
        while purgatory.wait_for_deadline(clock.now(), TICK_MAX) && with(&weak, |broker| broker.tick(clock.now())) {}
    })
}

fn with(broker: &Weak<Broker>, act: impl FnOnce(&Broker)) -> bool {
    let Some(broker) = broker.upgrade() else { return false };
    act(&broker);
    true
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<()> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn(run).map(drop).context(|| format!("start the thread {name}"))
}

/// How many syncs run at once: what one disk has room for in its queue, and no more.
const SYNCS_AT_ONCE: usize = 8;

/// Runs syncs on several threads: the file system commits them together.
fn side_by_side(jobs: Vec<Box<dyn FnOnce() + Send>>) {
    let helpers = jobs.len().min(SYNCS_AT_ONCE).saturating_sub(1);
    let jobs = Mutex::new(jobs);
    let next = || jobs.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let work = || {
        while let Some(sync) = next() {
            sync();
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            // Without the thread this one does its share.
            let _ = std::thread::Builder::new().name("broker-sync-share".to_owned()).spawn_scoped(scope, work);
        }
        work();
    });
}

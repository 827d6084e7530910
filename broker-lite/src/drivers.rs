//! The threads of a broker: one syncs, one lets deadlines come. Both end when the broker is closed or dropped.
//!
//! A thread holds the broker only while it works for it, so that dropping the last user's handle ends everything.

use std::sync::{Arc, Weak};
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
    spawn("broker-sync", move || while queue.wait() && with(&weak, |broker| _ = broker.sync()) {})?;
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

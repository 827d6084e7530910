//! Group commit: which partitions have unsynced data, and who waits for it to be durable.
//!
//! One round takes everything that is dirty and everyone who waits, syncs without holding a partition's lock, and then
//! answers. A waiter registers *after* its appends marked their partitions dirty, so its data is in the same round or
//! in one that already ended: rounds run one after the other. What arrives during a round waits for the next, which is
//! where the grouping comes from.
//!
//! Under `os` nobody waits, and only closed segments are synced, each once: only what is durable can be deleted or
//! compacted, and need not be read at the next start.

use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::config::SyncPolicy;
use crate::topics::partition::Partition;

/// Called when a round that covers its appends has ended; looks at its partitions for the outcome.
pub(crate) type DurableAck = Box<dyn FnOnce() + Send>;

/// What the next round takes.
#[derive(Default)]
pub(crate) struct Round {
    dirty: Vec<Arc<Partition>>,
    acks: Vec<DurableAck>,
}

impl Round {
    /// Syncs and answers. Returns whether there was anything to do. `run` runs the syncs, one of each partition, in any
    /// order or side by side, and returns when all are done. The first sync that fails leaves its reason in `failure`.
    pub(crate) fn run(self, failure: &Failure, run: impl FnOnce(Vec<SyncJob>)) -> bool {
        let is_empty = self.dirty.is_empty() && self.acks.is_empty();
        let job = |partition: Arc<Partition>| -> SyncJob {
            let failure = Arc::clone(failure);
            Box::new(move || {
                if let Some(why) = partition.sync() {
                    failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
                }
            })
        };
        run(self.dirty.into_iter().map(job).collect());
        for ack in self.acks {
            ack();
        }
        !is_empty
    }
}

/// Why a log stopped, if one did.
pub(crate) type Failure = Arc<Mutex<Option<String>>>;

/// The sync of one partition.
pub(crate) type SyncJob = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    round: Round,
    is_closed: bool,
}

/// Collects the next round.
pub(crate) struct SyncQueue {
    policy: SyncPolicy,
    queue: Mutex<Queue>,
    work: Condvar,
}

impl SyncQueue {
    /// An empty queue under a policy.
    pub(crate) fn new(policy: SyncPolicy) -> Self {
        Self { policy, queue: Mutex::default(), work: Condvar::new() }
    }

    /// Whether an append is answered only after a sync.
    pub(crate) fn awaits_sync(&self) -> bool {
        self.policy == SyncPolicy::Fsync
    }

    /// Notes that a partition has unsynced data.
    pub(crate) fn mark_dirty(&self, partition: &Arc<Partition>) {
        let is_due = self.policy != SyncPolicy::Os || partition.has_dirty_segment();
        if !is_due || !partition.enter_sync_queue() {
            return;
        }
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.round.dirty.push(Arc::clone(partition));
        if !self.awaits_sync() {
            self.work.notify_one();
        }
    }

    /// Calls `ack` after the round that covers every append made before this call.
    pub(crate) fn after_sync(&self, ack: DurableAck) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.is_closed {
            drop(queue);
            ack();
            return;
        }
        queue.round.acks.push(ack);
        self.work.notify_one();
    }

    /// Wakes the driver for data nobody waits for.
    pub(crate) fn nudge(&self) {
        self.work.notify_one();
    }

    /// What the next round has to do.
    pub(crate) fn take(&self) -> Round {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut queue.round)
    }

    /// For the driver: waits until there is work. False once closed.
    pub(crate) fn wait(&self) -> bool {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        while queue.round.dirty.is_empty() && queue.round.acks.is_empty() && !queue.is_closed {
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let SyncPolicy::Interval(every) = self.policy else { return !queue.is_closed };
        let waited = self.work.wait_timeout_while(queue, every, |queue| !queue.is_closed);
        let (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !queue.is_closed
    }

    /// Ends the driver's waits. Later waiters are answered at once; the last round is the closer's to run.
    pub(crate) fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).is_closed = true;
        self.work.notify_all();
    }
}

impl fmt::Debug for SyncQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SyncQueue({})", self.policy)
    }
}

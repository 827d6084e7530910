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

/// How far stopping has come.
///
/// ```text
/// Open ──close──► Closing ──finish──► Closed
/// ```
#[derive(Default, PartialEq, Eq)]
enum Phase {
    /// The driver runs rounds.
    #[default]
    Open,
    /// The closer runs a last round. Who comes after that is answered by [`SyncQueue::finish`].
    Closing,
    /// The logs are closed: whoever comes is answered at once, and finds that.
    Closed,
}

#[derive(Default)]
struct Queue {
    round: Round,
    phase: Phase,
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

    /// Calls `ack` after the round that covers every append made before this call, or once the logs are closed.
    pub(crate) fn after_sync(&self, ack: DurableAck) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.phase == Phase::Closed {
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
        while queue.round.dirty.is_empty() && queue.round.acks.is_empty() && queue.phase == Phase::Open {
            queue = self.work.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        let SyncPolicy::Interval(every) = self.policy else { return queue.phase == Phase::Open };
        let waited = self.work.wait_timeout_while(queue, every, |queue| queue.phase == Phase::Open);
        let (queue, _) = waited.unwrap_or_else(PoisonError::into_inner);
        queue.phase == Phase::Open
    }

    /// Ends the driver's waits. The last round is the closer's to run; it closes the logs after that and then calls
    /// [`Self::finish`].
    pub(crate) fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).phase = Phase::Closing;
        self.work.notify_all();
    }

    /// Answers who came after the last round: their logs are closed, and they find that out.
    pub(crate) fn finish(&self) {
        let late = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            queue.phase = Phase::Closed;
            std::mem::take(&mut queue.round)
        };
        late.acks.into_iter().for_each(|ack| ack());
    }
}

impl fmt::Debug for SyncQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SyncQueue({})", self.policy)
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use streams_core::protocol::batch::{BatchBuilder, BatchOptions};
    use streams_core::Timestamp;

    use super::*;
    use crate::disk::memory::MemoryDisk;
    use crate::log::{LogConfig, TailBudget};
    use crate::topics::partition::Place;

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn append(partition: &Partition) {
        let mut builder = BatchBuilder::default();
        builder.append(NOW, Some(b"k"), Some(b"v")).expect("it fits");
        let batch = Bytes::copy_from_slice(builder.finish(&BatchOptions::default()).expect("it has a record"));
        partition.append(batch, NOW).expect("appended");
    }

    /// A request may append, and reach the queue when the broker is being closed: it is told that its records are
    /// durable only if they are.
    #[test]
    fn no_append_is_acknowledged_without_a_sync_while_the_broker_stops() {
        let directory = PathBuf::from("/0");
        let tails = Arc::new(TailBudget::new(0));
        let place = Place { disk: Arc::new(MemoryDisk::new()), directory, topic: "orders", index: 0, tails };
        let partition = Arc::new(Partition::create(place, LogConfig::default(), NOW).expect("made"));
        let queue = SyncQueue::new(SyncPolicy::Fsync);
        let (acknowledged, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let arrive = || {
            append(&partition);
            queue.mark_dirty(&partition);
            let (acknowledged, refused, partition) = (acknowledged.clone(), refused.clone(), partition.clone());
            queue.after_sync(Box::new(move || {
                let outcome = if partition.offline_reason().is_none() { acknowledged } else { refused };
                outcome.fetch_add(1, Ordering::SeqCst);
            }));
        };
        let answers = || (acknowledged.load(Ordering::SeqCst), refused.load(Ordering::SeqCst));
        queue.close();
        arrive();
        assert_eq!(answers(), (0, 0), "nothing was synced yet");
        queue.take().run(&Failure::default(), |jobs| jobs.into_iter().for_each(|sync| sync()));
        assert_eq!((answers(), partition.bounds()), ((1, 0), Ok((0, 1))));
        arrive();
        assert_eq!(answers(), (1, 0), "the last round is over");
        partition.close();
        queue.finish();
        assert_eq!(answers(), (1, 1));
        queue.after_sync(Box::new({
            let refused = refused.clone();
            move || _ = refused.fetch_add(1, Ordering::SeqCst)
        }));
        assert_eq!(answers(), (1, 2), "nobody waits for what does not come");
    }
}

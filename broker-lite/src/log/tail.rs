//! The newest batches of a log in memory, as they were appended: consumers that keep up read shared bytes.
//!
//! Chunks are contiguous in offsets, oldest first; one chunk is one append. The oldest go when the bytes of the log exceed
//! its limit. Logs may share a [`TailBudget`]: then a chunk goes, too, when so many bytes were appended after it to all of
//! them together, whichever log it is in. The cache may be empty or cleared at any time: it is never the only copy.
//!
//! Locks, held for an append or a read and never one within another: the chunks of one log, which others shorten, and
//! the order of the budget.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use bytes::Bytes;
use streams_core::Offset;

/// What a chunk takes besides its bytes, in the queues and around the bytes: many small appends must count.
const CHUNK_OVERHEAD_BYTES: usize = 128;

/// One append.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) base: Offset,
    pub(super) end: Offset,
    pub(super) bytes: Bytes,
}

/// The newest appends, up to a number of bytes.
#[derive(Debug, Default)]
pub(super) struct Tail {
    chunks: Arc<Mutex<Chunks>>,
    budget: Option<Arc<TailBudget>>,
}

impl Tail {
    /// From now on this tail lives within a budget.
    pub(super) fn share(&mut self, budget: &Arc<TailBudget>) {
        self.budget = Some(Arc::clone(budget));
    }

    /// Adds an append and lets the oldest go.
    pub(super) fn push(&mut self, chunk: Chunk, bytes_max: usize) {
        let (end, bytes) = (chunk.end, chunk.bytes.len());
        self.lock().push(chunk, bytes_max);
        if let Some(budget) = &self.budget {
            budget.note(Pushed { chunks: Arc::downgrade(&self.chunks), end, bytes: bytes + CHUNK_OVERHEAD_BYTES });
        }
    }

    /// The chunks, for one read.
    pub(super) fn lock(&self) -> MutexGuard<'_, Chunks> {
        lock(&self.chunks)
    }
}

/// The chunks of one log.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    queue: VecDeque<Chunk>,
    bytes: usize,
}

impl Chunks {
    /// The chunks from the one that holds `offset` on; none when it is not in memory.
    pub(super) fn from(&self, offset: Offset) -> impl Iterator<Item = &Chunk> + '_ {
        let at = self.queue.partition_point(|chunk| chunk.end <= offset);
        let hit = self.queue.get(at).is_some_and(|chunk| chunk.base <= offset);
        self.queue.range(if hit { at } else { self.queue.len() }..)
    }

    fn push(&mut self, chunk: Chunk, bytes_max: usize) {
        if self.queue.back().is_some_and(|last| last.end != chunk.base) {
            self.queue.clear();
            self.bytes = 0;
        }
        self.bytes += chunk.bytes.len();
        self.queue.push_back(chunk);
        while self.bytes > bytes_max {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some(oldest) = self.queue.pop_front() {
            self.bytes -= oldest.bytes.len();
        }
    }

    /// Lets the chunks up to `end` go, if they are still there.
    fn drop_to(&mut self, end: Offset) {
        while self.queue.front().is_some_and(|oldest| oldest.end <= end) {
            self.pop();
        }
    }
}

/// How many bytes the tails that share it hold together.
pub struct TailBudget {
    bytes_max: usize,
    order: Mutex<Order>,
}

/// What was pushed, over all tails, oldest first; also what is gone already by the limit of its log.
#[derive(Default)]
struct Order {
    pushed: VecDeque<Pushed>,
    bytes: usize,
}

struct Pushed {
    chunks: Weak<Mutex<Chunks>>,
    end: Offset,
    bytes: usize,
}

impl TailBudget {
    /// A budget of this many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, order: Mutex::default() }
    }

    fn note(&self, pushed: Pushed) {
        {
            let mut order = lock(&self.order);
            order.bytes = order.bytes.saturating_add(pushed.bytes);
            order.pushed.push_back(pushed);
        }
        while let Some(oldest) = self.pop_surplus() {
            if let Some(chunks) = oldest.chunks.upgrade() {
                lock(&chunks).drop_to(oldest.end);
            }
        }
    }

    fn pop_surplus(&self) -> Option<Pushed> {
        let mut order = lock(&self.order);
        if order.bytes <= self.bytes_max {
            return None;
        }
        let oldest = order.pushed.pop_front()?;
        order.bytes = order.bytes.saturating_sub(oldest.bytes);
        Some(oldest)
    }
}

impl fmt::Debug for TailBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TailBudget").field("bytes_max", &self.bytes_max).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(tail: &mut Tail, base: i64, bytes: usize) {
        let chunk = Chunk { base: Offset(base), end: Offset(base + 1), bytes: Bytes::from(vec![0; bytes]) };
        tail.push(chunk, usize::MAX);
    }

    fn bases(tail: &Tail) -> Vec<i64> {
        tail.lock().queue.iter().map(|chunk| chunk.base.0).collect()
    }

    #[test]
    fn the_oldest_of_all_logs_go_first_and_idle_logs_keep_nothing() {
        let chunk_bytes = 1000;
        let budget = Arc::new(TailBudget::new(4 * (chunk_bytes + CHUNK_OVERHEAD_BYTES)));
        let (mut idle, mut busy) = (Tail::default(), Tail::default());
        idle.share(&budget);
        busy.share(&budget);
        push(&mut idle, 0, chunk_bytes);
        push(&mut busy, 0, chunk_bytes);
        push(&mut idle, 1, chunk_bytes);
        push(&mut busy, 1, chunk_bytes);
        assert_eq!((bases(&idle), bases(&busy)), (vec![0, 1], vec![0, 1]));
        push(&mut busy, 2, chunk_bytes);
        assert_eq!((bases(&idle), bases(&busy)), (vec![1], vec![0, 1, 2]));
        push(&mut busy, 3, chunk_bytes);
        push(&mut busy, 4, chunk_bytes);
        assert_eq!((bases(&idle), bases(&busy)), (vec![], vec![1, 2, 3, 4]));
        assert_eq!(idle.lock().bytes, 0);
        assert_eq!(lock(&budget.order).pushed.len(), 4, "what is noted is bounded, too");
    }

    #[test]
    fn what_is_larger_than_the_budget_or_of_a_log_that_is_gone_does_no_harm() {
        let budget = Arc::new(TailBudget::new(1000));
        let (mut kept, mut gone) = (Tail::default(), Tail::default());
        kept.share(&budget);
        gone.share(&budget);
        push(&mut gone, 0, 10);
        drop(gone);
        push(&mut kept, 7, 2000);
        assert_eq!((bases(&kept), lock(&budget.order).bytes), (vec![], 0));
        push(&mut kept, 8, 10);
        assert_eq!(bases(&kept), [8]);
    }

    #[test]
    fn small_appends_count_with_what_they_cost() {
        let budget = Arc::new(TailBudget::new(10_000));
        let mut tail = Tail::default();
        tail.share(&budget);
        (0..10_000).for_each(|base| push(&mut tail, base, 1));
        assert!(bases(&tail).len() <= 10_000 / CHUNK_OVERHEAD_BYTES);
    }
}

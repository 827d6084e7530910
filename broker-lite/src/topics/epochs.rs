//! Leader epochs of one partition: which epoch began at which offset.
//!
//! A single node takes over from itself: each start of the broker begins a new epoch at the end of what was
//! recovered. A client that had read beyond that end can find out, instead of taking new records for the old ones.
//! Epochs never go backwards for one topic id.

/// How many epochs a partition remembers. The oldest are merged: who asks for them learns an earlier end, reads some
/// records twice and loses none.
const EPOCHS_MAX: usize = 64;

/// The epochs of a partition, ascending, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Epochs(Vec<(i32, i64)>);

impl Epochs {
    /// A new partition's.
    pub(crate) fn new() -> Self {
        Self(vec![(0, 0)])
    }

    /// Those stored before, and the next one, which begins at `log_end`.
    pub(crate) fn restarted(stored: &[(i32, i64)], log_end: i64) -> Self {
        let next = stored.last().map_or(0, |(epoch, _)| epoch.saturating_add(1));
        let mut epochs: Vec<_> = stored.iter().copied().filter(|(_, start)| *start < log_end).collect();
        epochs.push((next, log_end));
        if epochs.len() > EPOCHS_MAX {
            epochs.drain(..epochs.len() - EPOCHS_MAX);
        }
        Self(epochs)
    }

    /// The pairs to store.
    pub(crate) fn pairs(&self) -> &[(i32, i64)] {
        &self.0
    }

    /// The epoch in force.
    pub(crate) fn current(&self) -> i32 {
        self.0.last().map_or(0, |(epoch, _)| *epoch)
    }

    /// The epoch in which the record at `offset` was written.
    pub(crate) fn at(&self, offset: i64) -> i32 {
        let after = self.0.partition_point(|(_, start)| *start <= offset);
        self.0.get(after.saturating_sub(1)).map_or(0, |(epoch, _)| *epoch)
    }

    /// The largest epoch up to `epoch` and the offset where it ended; `None` when that is not known.
    pub(crate) fn end_of(&self, epoch: i32, log_end: i64) -> Option<(i32, i64)> {
        if epoch == -1 || epoch > self.current() {
            return None;
        }
        let after = self.0.partition_point(|(known, _)| *known <= epoch);
        let end = self.0.get(after).map_or(log_end, |(_, start)| *start);
        match after.checked_sub(1).and_then(|index| self.0.get(index)) {
            Some((known, _)) => Some((*known, end)),
            None => Some((epoch, end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_begins_the_next_epoch_at_the_end() {
        let epochs = Epochs::restarted(Epochs::new().pairs(), 10);
        assert_eq!(epochs.pairs(), [(0, 0), (1, 10)]);
        assert_eq!((epochs.at(9), epochs.at(10)), (0, 1));
        assert_eq!(epochs.end_of(0, 15), Some((0, 10)));
        assert_eq!(epochs.end_of(1, 15), Some((1, 15)));
        assert_eq!(epochs.end_of(2, 15), None);
        assert_eq!(epochs.end_of(-1, 15), None);
    }

    #[test]
    fn an_epoch_without_records_leaves_no_trace_but_its_number() {
        let epochs = Epochs::restarted(&[(0, 0), (1, 10)], 10);
        assert_eq!(epochs.pairs(), [(0, 0), (2, 10)]);
        assert_eq!(epochs.end_of(1, 12), Some((0, 10)));
    }

    #[test]
    fn a_lost_tail_shows_as_an_earlier_end() {
        let epochs = Epochs::restarted(&[(0, 0), (3, 100)], 60);
        assert_eq!(epochs.pairs(), [(0, 0), (4, 60)]);
        assert_eq!(epochs.end_of(3, 60), Some((0, 60)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut epochs = Epochs::new();
        for start in 1..200 {
            epochs = Epochs::restarted(epochs.pairs(), start);
        }
        assert_eq!(epochs.pairs().len(), EPOCHS_MAX);
        assert_eq!(epochs.current(), 199);
        assert_eq!(epochs.end_of(3, 500), Some((3, 136)));
    }
}

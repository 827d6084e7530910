//! Deletes records of repartition topics once the application has read them.
//!
//! Such a topic is kept for ever, because no time says when its last record was read; the committed offset does. Threads
//! put what they committed into a [`PurgeQueue`]; once per `repartition.purge.interval.ms` a thread of its own asks the
//! broker to delete what lies below. Only committed offsets come here: records that were only consumed are read again
//! after a failure. A purge that fails costs disk space and no data, so it is tried again at the next interval.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::client::admin::Admin;
use crate::error::{Error, Result};
use crate::ids::{Offset, TopicPartition};

/// What may be deleted: for each partition of a repartition topic, the records below an offset.
#[derive(Debug, Clone, Default)]
pub(crate) struct PurgeQueue(Arc<Mutex<BTreeMap<TopicPartition, Offset>>>);

impl PurgeQueue {
    /// These offsets are committed.
    pub(crate) fn put(&self, committed: impl Iterator<Item = (TopicPartition, Offset)>) {
        let mut committed = committed.peekable();
        if committed.peek().is_some() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(committed);
        }
    }

    fn take(&self) -> Vec<(TopicPartition, Offset)> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect()
    }

    /// Deletes what was committed since the last call.
    ///
    /// # Errors
    /// When no broker answers. What a broker refuses for one partition is logged.
    pub(crate) fn purge(&self, admin: &mut Admin) -> Result<()> {
        let committed = self.take();
        if committed.is_empty() {
            return Ok(());
        }
        for (partition, outcome) in admin.delete_records(&committed)? {
            if let Err(refusal) = outcome {
                tracing::warn!(%partition, error = %Error::from(refusal).report(), "purging a repartition topic fails");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_committed_offset_counts() {
        let queue = PurgeQueue::default();
        let partition = |number| TopicPartition::new("app-x-repartition", number);
        queue.put([(partition(0), Offset(3)), (partition(1), Offset(1))].into_iter());
        queue.put([(partition(0), Offset(9))].into_iter());
        assert_eq!(queue.take(), [(partition(0), Offset(9)), (partition(1), Offset(1))]);
        assert!(queue.take().is_empty());
    }
}

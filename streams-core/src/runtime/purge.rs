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
        let outcomes = admin.delete_records(&committed).inspect_err(|_| self.put_back(&committed, |_| true))?;
        for (partition, outcome) in outcomes {
            if let Err(refusal) = outcome {
                tracing::warn!(%partition, error = %Error::from(refusal).report(), "purging a repartition topic fails");
                self.put_back(&committed, |failed| *failed == partition);
            }
        }
        Ok(())
    }

    /// Keeps for the next time what failed, unless more is committed already.
    fn put_back(&self, committed: &[(TopicPartition, Offset)], failed: impl Fn(&TopicPartition) -> bool) {
        let mut queue = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (partition, offset) in committed.iter().filter(|(partition, _)| failed(partition)) {
            queue.entry(partition.clone()).or_insert(*offset);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::client::testing::Script;
    use crate::config::AdminConfig;
    use crate::protocol::messages::topics::{
        DeleteRecordsPartitionResult, DeleteRecordsResponse, DeleteRecordsTopicResult,
    };
    use crate::protocol::{ErrorCode, Request};
    use crate::time::{ManualClock, Timestamp};

    #[test]
    fn the_last_committed_offset_counts() {
        let queue = PurgeQueue::default();
        let partition = |number| TopicPartition::new("app-x-repartition", number);
        queue.put([(partition(0), Offset(3)), (partition(1), Offset(1))].into_iter());
        queue.put([(partition(0), Offset(9))].into_iter());
        assert_eq!(queue.take(), [(partition(0), Offset(9)), (partition(1), Offset(1))]);
        assert!(queue.take().is_empty());
    }

    /// A purge that fails is tried again with what it was for, or with what was committed since.
    #[test]
    fn what_was_not_deleted_is_deleted_the_next_time() {
        let (script, transport) = Script::with_topics(&[("x", &[1, 1, -1])]);
        let clock = ManualClock::starting_at(Timestamp(0));
        let mut admin = Admin::new(AdminConfig::default(), transport, Arc::new(clock.clone()), 1);
        let partition = |number| TopicPartition::new("x", number);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&asked);
        let mut refuses = true;
        script.answer_with(move |_, request| {
            let Request::DeleteRecords(request) = request else { return None };
            let topic = &request.topics[0];
            let asked: Vec<_> = topic.partitions.iter().map(|asked| (asked.partition_index, asked.offset)).collect();
            let answers = asked.iter().map(|(partition_index, _)| DeleteRecordsPartitionResult {
                partition_index: *partition_index,
                error_code: match *partition_index == 1 && refuses {
                    true => ErrorCode::NOT_LEADER_OR_FOLLOWER,
                    false => ErrorCode::NONE,
                },
                ..Default::default()
            });
            let topic = DeleteRecordsTopicResult { name: topic.name.clone(), partitions: answers.collect() };
            into.lock().expect("not poisoned").push(asked);
            refuses = false;
            Some(Ok(DeleteRecordsResponse { topics: vec![topic], ..Default::default() }.into()))
        });
        let queue = PurgeQueue::default();
        queue.put([(partition(0), Offset(3)), (partition(1), Offset(4))].into_iter());
        queue.purge(&mut admin).expect("the broker answers");
        queue.put([(partition(2), Offset(5))].into_iter());
        queue.purge(&mut admin).expect_err("nobody leads that one");
        queue.put([(partition(1), Offset(9))].into_iter());
        script.set_leaders(&[("x", &[1, 1, 1])], 1);
        clock.advance(Duration::from_secs(10));
        queue.purge(&mut admin).expect("the broker answers");
        queue.purge(&mut admin).expect("there is nothing to do");
        assert_eq!(*asked.lock().expect("not poisoned"), [vec![(0, 3), (1, 4)], vec![(1, 9), (2, 5)]]);
    }
}

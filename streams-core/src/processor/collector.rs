//! What leaves a task: the trait that the runtime's producer and the test driver implement.

use crate::error::{Error, ErrorKind, Result};
use crate::ids::Partition;
use crate::record::Headers;
use crate::time::Timestamp;

/// A topic that a task writes to, resolved once, while the task is wired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SinkTopic(pub u32);

/// Sends records to topics. Its implementation batches; a send is an append to a buffer.
pub trait RecordCollector {
    /// Resolves a topic by its full name. Called while wiring, and by sinks that choose their topic per record.
    ///
    /// # Errors
    /// When the name is not a legal topic name.
    fn topic(&mut self, name: &str) -> Result<SinkTopic>;

    /// Checks that there is where sinks write to, as far as it is known before a record comes: a record that is repeated
    /// because its output was unknown is counted twice.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Retriable`] while a topic is unknown; the message names it.
    fn require_outputs(&mut self) -> Result<()> {
        Ok(())
    }

    /// Sends the records that wait because their topic was unknown when they were sent. Until that is done, the task takes
    /// no other record and nothing of it is committed.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Retriable`] while a topic is still unknown; the message names it.
    fn send_waiting(&mut self) -> Result<()> {
        Ok(())
    }

    /// How many partitions a topic has.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Retriable`] while the topic is unknown; the message names it.
    fn partition_count(&mut self, topic: SinkTopic) -> Result<u32>;

    /// The error of a record for a partition that does not exist.
    fn no_such_partition(&self, topic: SinkTopic, chosen: u32, key: Option<&[u8]>) -> Error {
        let _ = (topic, key);
        Error::new(ErrorKind::Processing, format!("partition {chosen} does not exist; choose one that does"))
    }

    /// Sends one record; null is `None`. Without a partition the default partitioner chooses by the key's bytes.
    ///
    /// # Errors
    /// When an earlier send failed for good, or the record is too large; the message names topic and partition.
    fn send(
        &mut self,
        topic: SinkTopic,
        partition: Option<Partition>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<()>;
}

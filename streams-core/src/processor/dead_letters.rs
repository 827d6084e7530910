//! Records that failed, on their way to the dead letter topic, as Kafka Streams writes them.
//!
//! The topic gets the source record: its raw key and value, its time and its headers, with six more that say what
//! failed: `__streams.errors.exception`, `.stacktrace`, `.message`, `.topic`, `.partition` and `.offset`, all text. Nodes
//! know only that they failed; the source record is at hand where it was read, so a failure is noted first and written
//! when the record has come back from its way through the graph.

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::processor::{RawRecord, RecordCollector, RecordPosition, SinkTopic};
use crate::record::Headers;

/// The failures of the record being processed. More than one when a handler continues.
#[derive(Debug, Default)]
pub(super) struct DeadLetters {
    topic: Option<SinkTopic>,
    noted: Vec<DeadLetter>,
}

#[derive(Debug)]
struct DeadLetter {
    exception: String,
    stacktrace: String,
    message: String,
    position: RecordPosition,
}

impl DeadLetters {
    /// Failures go to this topic from now on.
    pub(super) fn set_topic(&mut self, topic: SinkTopic) {
        self.topic = Some(topic);
    }

    /// The record at a position failed.
    #[cold]
    pub(super) fn note(&mut self, position: Option<&RecordPosition>, error: &Error) {
        let (Some(_), Some(position)) = (self.topic, position) else { return };
        self.noted.push(DeadLetter {
            exception: format!("{:?}", error.kind()),
            stacktrace: error.report(),
            message: error.to_string(),
            position: position.clone(),
        });
    }

    /// Whether there is something to write.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.noted.is_empty()
    }

    /// Writes what was noted about a record.
    #[cold]
    pub(super) fn send(&mut self, raw: RawRecord<'_>, collector: &mut dyn RecordCollector) -> Result<()> {
        let Some(topic) = self.topic else { return Ok(()) };
        for letter in self.noted.drain(..) {
            let mut headers: Headers = raw.headers.iter().cloned().collect();
            let RecordPosition { topic_partition, offset } = &letter.position;
            for (name, text) in [
                ("exception", letter.exception),
                ("stacktrace", letter.stacktrace),
                ("message", letter.message),
                ("topic", topic_partition.topic.to_string()),
                ("partition", topic_partition.partition.to_string()),
                ("offset", offset.to_string()),
            ] {
                headers.push(format!("__streams.errors.{name}"), Some(Bytes::from(text)));
            }
            collector.send(topic, None, raw.key, raw.value, raw.timestamp, &headers)?;
        }
        Ok(())
    }
}

//! Where bytes become typed records: decode into reused slots, extract the time, apply the null policy.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::ids::NodeId;
use crate::processor::{Output, Sink, TaskContext};
use crate::record::{Headers, Record};
use crate::serde::SerdeRef;
use crate::time::Timestamp;

/// A record as it lies in a fetched batch.
#[derive(Debug, Clone, Copy)]
pub struct RawRecord<'a> {
    /// The key's bytes; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value's bytes; `None` is null.
    pub value: Option<&'a [u8]>,
    /// The timestamp that the producer or the broker gave it.
    pub timestamp: Timestamp,
    /// The record's headers.
    pub headers: &'a Headers,
}

/// Chooses the event time of a record: given the decoded record and the largest timestamp seen on its partition. A
/// negative result drops the record.
pub type TimestampExtractor<K, V> = Arc<dyn Fn(Record<'_, K, V>, Timestamp) -> Timestamp + Send + Sync>;

/// The entry of a live graph: one per source node and task.
pub trait SourceNode {
    /// The event time by which the task orders this record against those of other partitions; `None` when the record is
    /// to be dropped (and was counted).
    ///
    /// # Errors
    /// When the time is negative and no extractor was given, or the record does not decode and the handler fails.
    fn timestamp(
        &mut self,
        raw: RawRecord<'_>,
        partition_time: Timestamp,
        task: &mut TaskContext,
    ) -> Result<Option<Timestamp>>;

    /// Decodes the record and pushes it through the graph, under the time that [`Self::timestamp`] gave.
    ///
    /// # Errors
    /// What decoding and the nodes downstream report.
    fn process(&mut self, raw: RawRecord<'_>, timestamp: Timestamp, task: &mut TaskContext) -> Result<()>;
}

/// A source of `(K, V)` records.
pub struct TypedSource<K, V> {
    node: NodeId,
    keys: SerdeRef<K>,
    values: SerdeRef<V>,
    extractor: Option<TimestampExtractor<K, V>>,
    key: Option<K>,
    value: Option<V>,
    output: Output<dyn Sink<K, V>>,
}

impl<K: 'static, V: 'static> TypedSource<K, V> {
    /// The source at `node`. Without an extractor the record's own timestamp counts, and a negative one is an error.
    pub fn new(
        node: NodeId,
        keys: SerdeRef<K>,
        values: SerdeRef<V>,
        extractor: Option<TimestampExtractor<K, V>>,
        output: Output<dyn Sink<K, V>>,
    ) -> Self {
        Self { node, keys, values, extractor, key: None, value: None, output }
    }

    /// Decodes into the slots. False when the record is dropped.
    fn decode(&mut self, raw: RawRecord<'_>, task: &mut TaskContext) -> Result<bool> {
        match decode_slot(&self.keys, raw.key, &mut self.key) {
            Ok(true) => {}
            Ok(false) => {
                task.drop_record(self.node, "its key is null and the source's key type cannot hold null");
                return Ok(false);
            }
            Err(error) => {
                task.on_deserialization_error(self.node, "key", error)?;
                return Ok(false);
            }
        }
        match decode_slot(&self.values, raw.value, &mut self.value) {
            Ok(true) => Ok(true),
            Ok(false) => {
                task.drop_record(self.node, "its value is null and the source's value type cannot hold null");
                Ok(false)
            }
            Err(error) => {
                task.on_deserialization_error(self.node, "value", error)?;
                Ok(false)
            }
        }
    }
}

/// Decodes bytes into a slot, reusing what it holds. False when the bytes are null and the type cannot hold null.
#[inline]
fn decode_slot<T: 'static>(serde: &SerdeRef<T>, bytes: Option<&[u8]>, slot: &mut Option<T>) -> Result<bool> {
    match (bytes, &mut *slot) {
        (Some(bytes), Some(value)) => serde.deserialize_into(bytes, value)?,
        (Some(bytes), None) => *slot = Some(serde.deserialize(bytes)?),
        (None, _) => match serde.null() {
            Some(null) => *slot = Some(null),
            None => return Ok(false),
        },
    }
    Ok(true)
}

impl<K: 'static, V: 'static> SourceNode for TypedSource<K, V> {
    fn timestamp(
        &mut self,
        raw: RawRecord<'_>,
        partition_time: Timestamp,
        task: &mut TaskContext,
    ) -> Result<Option<Timestamp>> {
        let Some(extractor) = self.extractor.clone() else {
            if raw.timestamp < Timestamp(0) {
                return Err(negative_timestamp(raw.timestamp, task));
            }
            return Ok(Some(raw.timestamp));
        };
        if !self.decode(raw, task)? {
            return Ok(None);
        }
        let (Some(key), Some(value)) = (&self.key, &self.value) else { return Ok(None) };
        let timestamp = extractor(Record::new(key, value, raw.timestamp).with_headers(raw.headers), partition_time);
        if timestamp < Timestamp(0) {
            task.drop_record(self.node, "its timestamp extractor gave a negative timestamp");
            return Ok(None);
        }
        Ok(Some(timestamp))
    }

    #[inline]
    fn process(&mut self, raw: RawRecord<'_>, timestamp: Timestamp, task: &mut TaskContext) -> Result<()> {
        if !self.decode(raw, task)? {
            return Ok(());
        }
        let (Some(key), Some(value)) = (&self.key, &self.value) else { return Ok(()) };
        self.output.push(Record { key, value, timestamp, headers: raw.headers }, task)
    }
}

#[cold]
fn negative_timestamp(timestamp: Timestamp, task: &TaskContext) -> Error {
    let at = task.position().map_or_else(String::new, |position| format!("{position}: "));
    Error::new(
        ErrorKind::Processing,
        format!(
            "{at}timestamp {timestamp} is negative: its producer sets none, or the topic was written before Kafka had \
             timestamps; give the source a timestamp extractor"
        ),
    )
}

impl<K, V> fmt::Debug for TypedSource<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypedSource").field("node", &self.node).finish_non_exhaustive()
    }
}

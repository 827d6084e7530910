//! Where bytes become typed records: decode into reused slots, extract the time, apply the null policy.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::ids::NodeId;
use crate::processor::{Output, RecordPosition, Sink, TaskContext};
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

/// Chooses the event time of a record: given the decoded record and the largest timestamp seen on its partition
/// ([`Timestamp::UNKNOWN`] before the first). A negative result drops the record; an error ends the run.
pub type TimestampExtractor<K, V> = Arc<dyn Fn(Record<'_, K, V>, Timestamp) -> Result<Timestamp> + Send + Sync>;

/// The entry of a live graph: one per source node and task.
pub trait SourceNode {
    /// The event time by which the task orders this record against those of other partitions; `None` when the record is
    /// to be dropped (and was counted).
    ///
    /// # Errors
    /// When the time is negative and no extractor was given, the extractor fails, or the record does not decode and the
    /// handler fails.
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
    /// Whether the slots hold the record at `decoded_at`, which was decoded for its time and not processed since. Partitions
    /// of several topics share a source, so the next record is not always the last one decoded.
    is_decoded: bool,
    decoded_at: Option<RecordPosition>,
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
        let (key, value, decoded_at) = (None, None, None);
        Self { node, keys, values, extractor, key, value, is_decoded: false, decoded_at, output }
    }

    /// Takes note of the record whose time was asked for.
    fn keep_decoded(&mut self, task: &TaskContext) {
        self.is_decoded = true;
        match (&mut self.decoded_at, task.position()) {
            (Some(at), Some(position)) if Arc::ptr_eq(&at.topic_partition.topic, &position.topic_partition.topic) => {
                at.topic_partition.partition = position.topic_partition.partition;
                at.offset = position.offset;
            }
            (at, position) => *at = position.cloned(),
        }
    }

    /// Whether the slots hold the record in hand; once.
    fn take_decoded(&mut self, task: &TaskContext) -> bool {
        std::mem::take(&mut self.is_decoded) && self.decoded_at.is_some() && self.decoded_at.as_ref() == task.position()
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
        if self.extractor.is_none() {
            if raw.timestamp < Timestamp(0) {
                return Err(negative_timestamp(raw.timestamp, task));
            }
            return Ok(Some(raw.timestamp));
        }
        self.is_decoded = false;
        if !self.decode(raw, task)? {
            return Ok(None);
        }
        self.keep_decoded(task);
        let (Some(extractor), Some(key), Some(value)) = (&self.extractor, &self.key, &self.value) else {
            return Ok(None);
        };
        let record = Record::new(key, value, raw.timestamp).with_headers(raw.headers);
        let timestamp =
            extractor(record, partition_time).context(|| format!("{}extract the record's time", place(task)))?;
        if timestamp < Timestamp(0) {
            task.drop_record(self.node, "its timestamp extractor gave a negative timestamp");
            return Ok(None);
        }
        Ok(Some(timestamp))
    }

    #[inline]
    fn process(&mut self, raw: RawRecord<'_>, timestamp: Timestamp, task: &mut TaskContext) -> Result<()> {
        if !self.take_decoded(task) && !self.decode(raw, task)? {
            return Ok(());
        }
        let (Some(key), Some(value)) = (&self.key, &self.value) else { return Ok(()) };
        self.output.push(Record { key, value, timestamp, headers: raw.headers }, task)
    }
}

/// The record in hand, for messages.
#[cold]
fn place(task: &TaskContext) -> String {
    task.position().map_or_else(String::new, |position| format!("{position}: "))
}

#[cold]
fn negative_timestamp(timestamp: Timestamp, task: &TaskContext) -> Error {
    let at = place(task);
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

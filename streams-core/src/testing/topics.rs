//! Typed handles on the topics of a test driver.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::driver::Inner;
use super::wire::{Wire, WireRecord};
use crate::error::{Error, ErrorKind, Result};
use crate::record::Headers;
use crate::serde::SerdeRef;
use crate::time::Timestamp;

/// A record that goes in or came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestRecord<K, V> {
    /// The key.
    pub key: K,
    /// The value.
    pub value: V,
    /// The timestamp.
    pub timestamp: Timestamp,
    /// The headers.
    pub headers: Headers,
}

/// A record in bytes, with the topic that it was written to. A null key or value is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProducedRecord {
    /// The topic.
    pub topic: String,
    /// The record.
    pub record: TestRecord<Option<Bytes>, Option<Bytes>>,
}

/// A topic that the topology reads. Records that are given no time get the topic's own, which starts at 0 and moves as
/// [told](Self::with_auto_advance).
pub struct TestInputTopic<K, V> {
    driver: Rc<RefCell<Inner>>,
    topic: Arc<str>,
    keys: SerdeRef<K>,
    values: SerdeRef<V>,
    time: Cell<Timestamp>,
    auto_advance: Duration,
}

impl<K, V> TestInputTopic<K, V> {
    pub(super) fn new(driver: Rc<RefCell<Inner>>, topic: Arc<str>, keys: SerdeRef<K>, values: SerdeRef<V>) -> Self {
        Self { driver, topic, keys, values, time: Cell::new(Timestamp(0)), auto_advance: Duration::ZERO }
    }

    /// Starts the topic's own time at `start` and moves it by `step` after each record that got it.
    #[must_use]
    pub fn with_auto_advance(self, start: Timestamp, step: Duration) -> Self {
        Self { time: Cell::new(start), auto_advance: step, ..self }
    }

    /// Moves the topic's own time.
    pub fn advance_time(&self, by: Duration) {
        self.time.set(self.time.get() + by);
    }
}

impl<K: 'static, V: 'static> TestInputTopic<K, V> {
    /// Pipes a record at the topic's own time.
    ///
    /// # Errors
    /// What the topology reports: the first failure that no handler takes.
    pub fn pipe(&self, key: impl Into<K>, value: V) -> Result<()> {
        let timestamp = self.take_time();
        self.pipe_at(timestamp, key, value)
    }

    /// Pipes a record.
    ///
    /// # Errors
    /// As [`Self::pipe`].
    pub fn pipe_at(&self, timestamp: Timestamp, key: impl Into<K>, value: V) -> Result<()> {
        self.pipe_record(&TestRecord { key: key.into(), value, timestamp, headers: Headers::new() })
    }

    /// Pipes a record with a null key at the topic's own time.
    ///
    /// # Errors
    /// As [`Self::pipe`].
    pub fn pipe_value(&self, value: V) -> Result<()> {
        let timestamp = self.take_time();
        self.pipe_value_at(timestamp, value)
    }

    /// Pipes a record with a null key.
    ///
    /// # Errors
    /// As [`Self::pipe`].
    pub fn pipe_value_at(&self, timestamp: Timestamp, value: V) -> Result<()> {
        let value = encode(&self.values, &value)?;
        self.pipe_wire(WireRecord { key: None, value, timestamp, headers: Headers::new() })
    }

    /// Pipes a record with a null value, whatever the value type: a tombstone.
    ///
    /// # Errors
    /// As [`Self::pipe`].
    pub fn pipe_tombstone_at(&self, timestamp: Timestamp, key: impl Into<K>) -> Result<()> {
        let key = encode(&self.keys, &key.into())?;
        self.pipe_wire(WireRecord { key, value: None, timestamp, headers: Headers::new() })
    }

    /// Pipes a record with its headers.
    ///
    /// # Errors
    /// As [`Self::pipe`].
    pub fn pipe_record(&self, record: &TestRecord<K, V>) -> Result<()> {
        let key = encode(&self.keys, &record.key)?;
        let value = encode(&self.values, &record.value)?;
        self.pipe_wire(WireRecord { key, value, timestamp: record.timestamp, headers: record.headers.clone() })
    }

    /// Pipes bytes that need not be those of any record of these types.
    ///
    /// # Errors
    /// As [`Self::pipe`].
    pub fn pipe_bytes_at(&self, timestamp: Timestamp, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<()> {
        let (key, value) = (key.map(Bytes::copy_from_slice), value.map(Bytes::copy_from_slice));
        self.pipe_wire(WireRecord { key, value, timestamp, headers: Headers::new() })
    }

    /// Pipes records one after another at the topic's own time.
    ///
    /// # Errors
    /// As [`Self::pipe`].
    pub fn pipe_all(&self, records: impl IntoIterator<Item = (impl Into<K>, V)>) -> Result<()> {
        records.into_iter().try_for_each(|(key, value)| self.pipe(key, value))
    }

    fn pipe_wire(&self, record: WireRecord) -> Result<()> {
        self.driver.borrow_mut().pipe(&self.topic, &record)
    }

    fn take_time(&self) -> Timestamp {
        let timestamp = self.time.get();
        self.time.set(timestamp + self.auto_advance);
        timestamp
    }
}

impl<K, V> fmt::Debug for TestInputTopic<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestInputTopic").field("topic", &self.topic).field("time", &self.time).finish_non_exhaustive()
    }
}

fn encode<T: 'static>(serde: &SerdeRef<T>, value: &T) -> Result<Option<Bytes>> {
    if serde.is_null(value) {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    serde.serialize(value, &mut bytes)?;
    Ok(Some(bytes.into()))
}

/// A topic that the topology writes: a queue of records that were not read yet.
pub struct TestOutputTopic<K, V> {
    wire: Rc<RefCell<Wire>>,
    index: usize,
    topic: Arc<str>,
    keys: SerdeRef<K>,
    values: SerdeRef<V>,
}

impl<K, V> TestOutputTopic<K, V> {
    pub(super) fn new(
        wire: Rc<RefCell<Wire>>,
        index: usize,
        topic: Arc<str>,
        keys: SerdeRef<K>,
        values: SerdeRef<V>,
    ) -> Self {
        Self { wire, index, topic, keys, values }
    }

    /// Whether nothing is left to read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many records are left to read.
    #[doc(alias = "getQueueSize")]
    pub fn len(&self) -> usize {
        self.wire.borrow().len(self.index)
    }
}

impl<K: 'static, V: 'static> TestOutputTopic<K, V> {
    /// Reads the next record.
    ///
    /// # Errors
    /// When there is none, or it does not decode under this handle's types.
    pub fn read_record(&self) -> Result<TestRecord<K, V>> {
        match self.next()? {
            Some(record) => Ok(record),
            None => {
                Err(Error::new(ErrorKind::Closed, format!("topic {} has no further record: all are read", self.topic)))
            }
        }
    }

    /// Reads the key and value of the next record.
    ///
    /// # Errors
    /// As [`Self::read_record`].
    pub fn read_key_value(&self) -> Result<(K, V)> {
        self.read_record().map(|record| (record.key, record.value))
    }

    /// Reads the value of the next record.
    ///
    /// # Errors
    /// As [`Self::read_record`].
    pub fn read_value(&self) -> Result<V> {
        self.read_record().map(|record| record.value)
    }

    /// Reads all records that are left.
    ///
    /// # Errors
    /// When one does not decode.
    pub fn read_records(&self) -> Result<Vec<TestRecord<K, V>>> {
        let mut records = Vec::with_capacity(self.len());
        while let Some(record) = self.next()? {
            records.push(record);
        }
        Ok(records)
    }

    /// Reads the keys and values of all records that are left.
    ///
    /// # Errors
    /// When one does not decode.
    pub fn read_key_values_to_list(&self) -> Result<Vec<(K, V)>> {
        Ok(self.read_records()?.into_iter().map(|record| (record.key, record.value)).collect())
    }

    /// Reads all records that are left; of each key the last value counts.
    ///
    /// # Errors
    /// When one does not decode.
    pub fn read_key_values_to_map(&self) -> Result<BTreeMap<K, V>>
    where
        K: Ord,
    {
        Ok(self.read_key_values_to_list()?.into_iter().collect())
    }

    fn next(&self) -> Result<Option<TestRecord<K, V>>> {
        let record = self.wire.borrow_mut().read(self.index);
        let Some(WireRecord { key, value, timestamp, headers }) = record else { return Ok(None) };
        let key = decode(&self.keys, key, "key", &self.topic)?;
        let value = decode(&self.values, value, "value", &self.topic)?;
        Ok(Some(TestRecord { key, value, timestamp, headers }))
    }
}

impl<K: fmt::Debug + 'static, V: fmt::Debug + 'static> TestOutputTopic<K, V> {
    /// Reads all records that are left as text, one line `key = value @ timestamp` each. Strings stand without quotes,
    /// `Some(x)` is `x` and `None` is `null`; headers follow in braces.
    ///
    /// # Errors
    /// When one does not decode.
    pub fn read_text(&self) -> Result<String> {
        let lines = self.read_records()?.iter().map(line).collect::<Vec<_>>();
        Ok(lines.join("\n"))
    }

    /// Reads all records that are left and compares their [text](Self::read_text) with what is expected. Indentation
    /// and empty lines around do not count.
    ///
    /// # Panics
    /// When they differ: this is an assertion.
    #[track_caller]
    pub fn check(&self, expected: impl AsRef<str>) {
        let actual = self.read_text().unwrap_or_else(|error| error.report());
        let lines = expected.as_ref().lines().map(str::trim).filter(|line| !line.is_empty());
        let expected = lines.collect::<Vec<_>>().join("\n");
        assert!(
            actual == expected,
            "topic {} has other records than expected\nexpected:\n{expected}\nactual:\n{actual}\n",
            self.topic
        );
    }
}

impl<K, V> fmt::Debug for TestOutputTopic<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestOutputTopic").field("topic", &self.topic).field("len", &self.len()).finish_non_exhaustive()
    }
}

fn decode<T: 'static>(serde: &SerdeRef<T>, bytes: Option<Bytes>, what: &str, topic: &str) -> Result<T> {
    match bytes {
        Some(bytes) => serde
            .deserialize(&bytes)
            .map_err(|error| error.context(format!("read {what} of a record of topic {topic}"))),
        None => serde.null().ok_or_else(|| {
            let wanted = std::any::type_name::<T>();
            let message =
                format!("topic {topic} has a record with a null {what}, and {wanted} holds none: read it as Option");
            Error::new(ErrorKind::Serialization, message)
        }),
    }
}

fn line<K: fmt::Debug, V: fmt::Debug>(record: &TestRecord<K, V>) -> String {
    let mut line = format!("{} = {} @ {}", plain(&record.key), plain(&record.value), record.timestamp);
    if !record.headers.is_empty() {
        let headers = record.headers.iter().map(|header| match &header.value {
            Some(value) => format!("{}: {}", header.key, String::from_utf8_lossy(value)),
            None => format!("{}: null", header.key),
        });
        line.push_str(&format!(" {{{}}}", headers.collect::<Vec<_>>().join(", ")));
    }
    line
}

/// A value as a reader of a test wants it: text without quotes, null for nothing.
fn plain(value: &impl fmt::Debug) -> String {
    let text = format!("{value:?}");
    let text = text.strip_prefix("Some(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(&text);
    if text == "None" {
        return "null".to_owned();
    }
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text).to_owned()
}

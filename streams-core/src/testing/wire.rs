//! What stands in for the broker: records per topic, in the order in which tasks wrote them.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use bytes::Bytes;

use super::topics::{ProducedRecord, TestRecord};
use crate::error::Result;
use crate::ids::{Offset, Partition};
use crate::processor::{RecordCollector, SinkTopic};
use crate::record::Headers;
use crate::state::ChangelogSink;
use crate::time::Timestamp;
use crate::topology::validate_name;

/// A record in bytes.
#[derive(Debug, Clone)]
pub(super) struct WireRecord {
    pub(super) key: Option<Bytes>,
    pub(super) value: Option<Bytes>,
    pub(super) timestamp: Timestamp,
    pub(super) headers: Headers,
}

#[derive(Debug)]
struct Topic {
    name: Arc<str>,
    records: VecDeque<WireRecord>,
    written: i64,
    /// All records of a changelog, from which its store is restored; of other topics none.
    logged: Vec<WireRecord>,
}

/// All topics that a task wrote to, or may.
#[derive(Debug, Default)]
pub(super) struct Wire {
    topics: Vec<Topic>,
    by_name: BTreeMap<Arc<str>, usize>,
    /// What was written since the driver last looked, to be fed back.
    fresh: VecDeque<(usize, WireRecord)>,
    /// What was written since a test last took it.
    produced: Vec<(usize, WireRecord)>,
}

impl Wire {
    /// The topic's place, made when it is new.
    pub(super) fn topic(&mut self, name: &str) -> usize {
        if let Some(index) = self.by_name.get(name) {
            return *index;
        }
        let name: Arc<str> = name.into();
        self.topics.push(Topic { name: Arc::clone(&name), records: VecDeque::new(), written: 0, logged: Vec::new() });
        self.by_name.insert(name, self.topics.len() - 1);
        self.topics.len() - 1
    }

    pub(super) fn send(&mut self, topic: usize, record: WireRecord) {
        self.topics[topic].records.push_back(record.clone());
        self.topics[topic].written += 1;
        self.produced.push((topic, record.clone()));
        self.fresh.push_back((topic, record));
    }

    /// As [`Self::send`], to a changelog.
    pub(super) fn log(&mut self, topic: usize, record: WireRecord) {
        self.topics[topic].logged.push(record.clone());
        self.send(topic, record);
    }

    /// All records of a changelog.
    pub(super) fn logged(&self, name: &str) -> &[WireRecord] {
        self.by_name.get(name).map_or(&[], |index| &self.topics[*index].logged)
    }

    /// The oldest record that was not fed back yet, with its topic.
    pub(super) fn next_fresh(&mut self) -> Option<(Arc<str>, WireRecord)> {
        self.fresh.pop_front().map(|(topic, record)| (Arc::clone(&self.topics[topic].name), record))
    }

    /// All that was written since the last call, in order.
    pub(super) fn take_produced(&mut self) -> Vec<ProducedRecord> {
        let produced = std::mem::take(&mut self.produced);
        let named = |(topic, record): (usize, WireRecord)| {
            let WireRecord { key, value, timestamp, headers } = record;
            let topic = self.topics[topic].name.to_string();
            ProducedRecord { topic, record: TestRecord { key, value, timestamp, headers } }
        };
        produced.into_iter().map(named).collect()
    }

    pub(super) fn read(&mut self, topic: usize) -> Option<WireRecord> {
        self.topics[topic].records.pop_front()
    }

    /// The offset of the last record that was written to the topic.
    pub(super) fn last_offset(&self, name: &str) -> Option<Offset> {
        let written = self.by_name.get(name).map(|index| self.topics[*index].written)?;
        (written > 0).then_some(Offset(written - 1))
    }

    pub(super) fn len(&self, topic: usize) -> usize {
        self.topics[topic].records.len()
    }

    /// Whether a task can write to the topic or did.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// The topics that a task can write to or did, in the order of their names.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_name.keys()
    }

    /// The topics that a task wrote to, in the order of their names.
    pub(super) fn produced(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_name.iter().filter(|(_, index)| self.topics[**index].written > 0).map(|(name, _)| name)
    }
}

/// Takes the changelog records of one store.
pub(super) struct WireChangelog {
    pub(super) wire: Rc<RefCell<Wire>>,
    pub(super) topic: usize,
}

impl ChangelogSink for WireChangelog {
    fn log(&self, key: &[u8], value: Option<&[u8]>, timestamp: Timestamp) -> Result<()> {
        let (key, value) = (Some(Bytes::copy_from_slice(key)), value.map(Bytes::copy_from_slice));
        let record = WireRecord { key, value, timestamp, headers: Headers::new() };
        self.wire.borrow_mut().log(self.topic, record);
        Ok(())
    }
}

/// Collects what one task sends.
pub(super) struct WireCollector(pub(super) Rc<RefCell<Wire>>);

impl RecordCollector for WireCollector {
    fn topic(&mut self, name: &str) -> Result<SinkTopic> {
        validate_name("topic", name)?;
        let index = self.0.borrow_mut().topic(name);
        Ok(SinkTopic(u32::try_from(index).unwrap_or(u32::MAX)))
    }

    /// Every topic has one partition here.
    fn partition_count(&mut self, _: SinkTopic) -> Result<u32> {
        Ok(1)
    }

    fn send(
        &mut self,
        topic: SinkTopic,
        _: Option<Partition>,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<()> {
        let record = WireRecord {
            key: key.map(Bytes::copy_from_slice),
            value: value.map(Bytes::copy_from_slice),
            timestamp,
            headers: headers.clone(),
        };
        self.0.borrow_mut().send(topic.0 as usize, record);
        Ok(())
    }
}

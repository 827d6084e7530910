//! The supplier at work: follows `reorder-suggestions`, delivers on `receipts`.
//!
//! In event time it is as late as the pipeline: its clock is the latest time on `totals`, which is what the pipeline has
//! processed, unless it is told a time.

use std::collections::BTreeMap;
use std::time::Duration;

use streams_core::client::consumer::{Consumer, ConsumerRecord};
use streams_core::client::producer::{partition_for_key, Producer};
use streams_core::{Clock, Error, ErrorKind, Headers, Result, SystemClock, Timestamp, TopicPartition};

use super::model::{Suggestion, Total};
use super::shop::Shop;
use super::supplier::Supplier;
use super::topology::{PRODUCT_PARTITIONS, RECEIPTS, REORDER_SUGGESTIONS, TOTALS};
use super::view;

/// So long a turn waits when there is nothing to read: it paces the loop that calls it.
const WAIT: Duration = Duration::from_millis(20);

/// A supplier with its connections.
#[derive(Debug)]
pub struct Deliveries {
    supplier: Supplier,
    consumer: Consumer,
    producer: Producer,
    partitions: Vec<TopicPartition>,
    clock: Timestamp,
    /// Rows processed, by country.
    rows: BTreeMap<String, u64>,
    /// How many deliveries were made.
    made: u64,
}

impl Deliveries {
    /// A supplier that begins to read.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub fn new(shop: &Shop, lead_time: Duration) -> Result<Self> {
        let partitions = view::partitions(shop, &[REORDER_SUGGESTIONS, TOTALS])?;
        let mut consumer = shop.consumer(&[("fetch.max.wait.ms", "50")])?;
        consumer.assign(&partitions);
        Ok(Self {
            supplier: Supplier::new(lead_time),
            consumer,
            producer: shop.producer(&[("linger.ms", "0")])?,
            partitions,
            clock: Timestamp(0),
            rows: BTreeMap::new(),
            made: 0,
        })
    }

    /// Reads what is there and delivers what is due at `now`, or else at what the pipeline has processed. Answers how
    /// many deliveries went out.
    ///
    /// # Errors
    /// When the broker refuses, or a record is not what the pipeline writes.
    pub fn turn(&mut self, now: Option<Timestamp>) -> Result<usize> {
        for record in self.consumer.poll_records(SystemClock.now(), WAIT)? {
            self.take(&record)?;
        }
        let due = self.supplier.due(now.unwrap_or(self.clock));
        for delivery in &due {
            let value = serde_json::to_vec(&delivery.receipt)
                .map_err(|error| Error::with_source(ErrorKind::Serialization, "write a receipt", error))?;
            let partitions = i32::try_from(PRODUCT_PARTITIONS).unwrap_or(i32::MAX);
            let partition = partition_for_key(delivery.code.as_bytes(), partitions);
            let to = TopicPartition::new(RECEIPTS, partition.0);
            self.producer.send(&to, Some(delivery.code.as_bytes()), Some(&value), delivery.at, Headers::none())?;
        }
        self.made += u64::try_from(due.len()).unwrap_or(0);
        self.producer.poll(SystemClock.now(), Duration::ZERO)?;
        Ok(due.len())
    }

    fn take(&mut self, record: &ConsumerRecord) -> Result<()> {
        let key = String::from_utf8_lossy(record.key.as_deref().unwrap_or_default()).into_owned();
        if &*record.partition.topic == REORDER_SUGGESTIONS {
            let suggestion = match &record.value {
                Some(value) => Some(view::decode::<Suggestion>(REORDER_SUGGESTIONS, &key, value)?),
                None => None,
            };
            self.supplier.take(&key, suggestion, record.timestamp);
        } else if let Some(value) = &record.value {
            let total: Total = view::decode(TOTALS, &key, value)?;
            self.rows.insert(key, total.rows);
            self.clock = self.clock.max(record.timestamp);
        }
        Ok(())
    }

    /// How many rows the pipeline has processed.
    pub fn rows(&self) -> u64 {
        self.rows.values().sum()
    }

    /// How many deliveries were made.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Whether everything that the pipeline wrote is read, and everything that was sent acknowledged.
    ///
    /// # Errors
    /// When the broker refuses.
    pub fn is_at_end(&mut self, shop: &Shop) -> Result<bool> {
        let ends = shop.ends(&self.partitions)?;
        let is_read =
            ends.iter().all(|(partition, end)| self.consumer.position(partition).is_some_and(|at| at >= *end));
        Ok(is_read && self.producer.flushed()?)
    }
}

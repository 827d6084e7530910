//! What the pipeline wrote, read back from its output topics.
//!
//! Nothing here counts what went in. The figures of [`Figures`] are sums over the latest row of each key.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use rust_decimal::Decimal;
use serde::de::DeserializeOwned;
use streams_core::client::consumer::FetchedPartition;
use streams_core::protocol::batch::Scratch;
use streams_core::{Clock, Error, ErrorKind, Offset, Result, SystemClock, TopicPartition};

use super::model::{DeadLetter, Invoice, Price, Stock, Total};
use super::shop::Shop;
use super::topology;

/// What all rows came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Figures {
    /// Good lines.
    pub rows: u64,
    /// Invoices.
    pub invoices: u64,
    /// Products.
    pub skus: u64,
    /// Units of all lines.
    pub units_net: i64,
    /// Units times price of all lines.
    pub revenue_net: Decimal,
    /// Merchandise sold.
    pub sold_units: i64,
    /// Merchandise that came back.
    pub returned_units: i64,
    /// Merchandise found, less what was written off.
    pub adjusted_units: i64,
    /// Orders suggested.
    pub reorders: u64,
    /// Prices changed.
    pub price_changes: u64,
    /// Rows that are no lines.
    pub dead_letters: u64,
    /// Products whose stock does not add up; none, or there is a bug.
    pub unbalanced: Vec<String>,
}

impl Figures {
    /// Reads the output topics to their ends.
    ///
    /// # Errors
    /// When the broker does not answer, or a record is not what the pipeline writes.
    pub fn read(shop: &Shop) -> Result<Self> {
        let tables = Tables::read(shop)?;
        let mut figures =
            Self { dead_letters: u64::try_from(tables.dead_letters.len()).unwrap_or(u64::MAX), ..Self::default() };
        for (_, total) in tables.rows::<Total>(topology::TOTALS)? {
            figures.rows += total.rows;
            figures.units_net += total.units_net;
            figures.revenue_net += total.revenue_net;
        }
        figures.invoices = u64::try_from(tables.rows::<Invoice>(topology::INVOICES)?.len()).unwrap_or(u64::MAX);
        for (code, stock) in tables.rows::<Stock>(topology::STOCK_LEVELS)? {
            figures.skus += 1;
            figures.sold_units += stock.sold;
            figures.returned_units += stock.returned;
            figures.adjusted_units += stock.adjusted;
            figures.reorders += stock.orders;
            if !stock.is_conserved() {
                figures.unbalanced.push(code);
            }
        }
        figures.price_changes = tables.rows::<Price>(topology::PRICES)?.iter().map(|(_, price)| price.changes).sum();
        figures.revenue_net = figures.revenue_net.normalize();
        Ok(figures)
    }
}

/// The latest value of each key, still in bytes, by topic.
#[derive(Debug, Default)]
struct Tables {
    latest: BTreeMap<String, BTreeMap<Bytes, Bytes>>,
    dead_letters: BTreeSet<Identity>,
}

/// Which row a dead letter is about: its number, or its own place where it has none.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Identity {
    Row(u64),
    At(Offset),
}

impl Tables {
    fn read(shop: &Shop) -> Result<Self> {
        let mut tables = Self::default();
        let mut scratch = Scratch::default();
        let topics =
            [topology::TOTALS, topology::INVOICES, topology::STOCK_LEVELS, topology::PRICES, topology::DEAD_LETTERS];
        read_to_end(shop, &topics, |fetched| tables.take(fetched, &mut scratch))?;
        Ok(tables)
    }

    fn take(&mut self, fetched: &FetchedPartition, scratch: &mut Scratch) -> Result<()> {
        let topic = &*fetched.partition.topic;
        if topic == topology::DEAD_LETTERS {
            return fetched.for_each_record(scratch, |record| {
                let letter: Option<DeadLetter> = record.value.and_then(|value| serde_json::from_slice(value).ok());
                let row = letter.and_then(|letter| letter.row);
                self.dead_letters.insert(row.map_or(Identity::At(record.offset), Identity::Row));
                Ok(())
            });
        }
        let latest = self.latest.entry(topic.to_owned()).or_default();
        fetched.for_each_record(scratch, |record| {
            let key = record.key.unwrap_or_default();
            match (record.value, latest.get_mut(key)) {
                (Some(value), Some(row)) => *row = Bytes::copy_from_slice(value),
                (Some(value), None) => {
                    latest.insert(Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
                }
                (None, _) => {
                    latest.remove(key);
                }
            }
            Ok(())
        })
    }

    fn rows<T: DeserializeOwned>(&self, topic: &str) -> Result<Vec<(String, T)>> {
        let decode = |(key, value): (&Bytes, &Bytes)| {
            let key = String::from_utf8_lossy(key).into_owned();
            let value = decode(topic, &key, value)?;
            Ok((key, value))
        };
        self.latest.get(topic).into_iter().flatten().map(decode).collect()
    }
}

/// A record that the pipeline wrote.
///
/// # Errors
/// [`ErrorKind::Serialization`] naming topic and key when it is something else.
pub fn decode<T: DeserializeOwned>(topic: &str, key: &str, value: &[u8]) -> Result<T> {
    serde_json::from_slice(value).map_err(|error| {
        Error::with_source(ErrorKind::Serialization, format!("read the record of `{key}` on topic {topic}"), error)
    })
}

/// All partitions of topics.
///
/// # Errors
/// When the broker does not answer.
pub fn partitions(shop: &Shop, topics: &[&str]) -> Result<Vec<TopicPartition>> {
    let mut partitions = Vec::new();
    for (name, outcome) in shop.admin().describe_topics(topics)? {
        partitions.extend((0..outcome?.partitions).map(|index| TopicPartition::new(name.as_str(), index)));
    }
    Ok(partitions)
}

/// Reads topics from their beginning to where they end now.
fn read_to_end(shop: &Shop, topics: &[&str], mut visit: impl FnMut(&FetchedPartition) -> Result<()>) -> Result<()> {
    let partitions = partitions(shop, topics)?;
    let ends = shop.ends(&partitions)?;
    let mut consumer = shop.consumer(&[])?;
    consumer.assign(&partitions);
    loop {
        let is_at_end = |(partition, end): &(TopicPartition, Offset)| {
            end.0 == 0 || consumer.position(partition).is_some_and(|position| position >= *end)
        };
        if ends.iter().all(is_at_end) {
            return Ok(());
        }
        for fetched in consumer.poll(SystemClock.now(), std::time::Duration::from_millis(50))?.partitions {
            visit(&fetched)?;
        }
    }
}

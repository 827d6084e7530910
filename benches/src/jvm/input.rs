//! The records that both sides read, generated once into the broker's topics.
//!
//! 8-byte keys in a scrambled but fixed order, `RECORDS_PER_KEY` records to each; 92-byte values that start with a
//! foreign key; times that go on evenly over `SPAN_MS`. A single input has all records on the left; a join's are
//! spread over both sides in turns. A smaller input has the same windows and as many records to a key.

use std::sync::Arc;
use std::time::Duration;

use streams_core::client::admin::{Admin, NewTopic};
use streams_core::client::producer::Producer;
use streams_core::client::transport::tcp::TcpTransport;
use streams_core::config::{AdminConfig, ProducerConfig};
use streams_core::{Clock, Headers, Result, SystemClock, Timestamp, TopicPartition};

use crate::input::scramble;

/// How many records there are to a key: 100,000 keys among 2 M records.
const RECORDS_PER_KEY: u64 = 20;
/// How many keys there are to a key of the right side of the foreign-key join.
const KEYS_PER_FOREIGN_KEY: u64 = 10;
/// Partitions of every topic.
pub const PARTITIONS: i32 = 4;
/// With the key: 100 bytes.
const VALUE_BYTES: usize = 92;
/// The event time that every input spans: 100 s, ten windows.
const SPAN_MS: u64 = 100_000;
/// When event time starts: 2024-01-01.
const START: i64 = 1_704_067_200_000;
/// The broker has this long to take what is buffered.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the records of an input go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// All to the left.
    Single,
    /// To both sides in turns, under the same keys.
    Pairs,
    /// One of ten to the right, under a foreign key.
    Foreign,
}

/// Makes the topics of one input and fills them.
///
/// # Errors
/// What the broker refuses.
pub fn fill(bootstrap: &str, prefix: &str, shape: Shape, records: u64) -> Result<()> {
    let names = [format!("{prefix}-left"), format!("{prefix}-right"), format!("{prefix}-out")];
    // The times are long past, and a broker deletes what is older than a week.
    let topic = |name| NewTopic::new(name, PARTITIONS).with_config("retention.ms", "-1");
    let topics: Vec<NewTopic> = names.iter().map(topic).collect();
    let config = AdminConfig::from_settings([("bootstrap.servers", bootstrap)])?;
    let transport = Box::new(TcpTransport::new(&config.client)?);
    for (_, outcome) in Admin::new(config, transport, Arc::new(SystemClock), 1).create_topics(&topics)? {
        outcome?;
    }
    let settings = [("bootstrap.servers", bootstrap), ("batch.size", "65536"), ("linger.ms", "50")];
    let config = ProducerConfig::from_settings(settings)?;
    let transport = Box::new(TcpTransport::new(&config.client)?);
    let mut producer = Producer::new(config, transport, 2)?;
    while names.iter().any(|name| producer.partition_count(name).is_none()) {
        producer.poll(SystemClock.now(), Duration::from_millis(100))?;
    }
    let mut key = String::new();
    let mut value = String::new();
    let keys = (records / RECORDS_PER_KEY).max(1);
    for number in 0..records {
        let side = write_record(&mut key, &mut value, shape, keys, number);
        let topic = &names[if side == Side::Left { 0 } else { 1 }];
        let Some(partition) = producer.partition_for(topic, Some(key.as_bytes()), None) else { continue };
        let time = START.saturating_add(i64::try_from(number * SPAN_MS / records).unwrap_or(i64::MAX));
        while producer.is_full() {
            producer.poll(SystemClock.now(), Duration::from_millis(100))?;
        }
        producer.send(
            &TopicPartition::new(topic.as_str(), partition.0),
            Some(key.as_bytes()),
            Some(value.as_bytes()),
            Timestamp(time),
            Headers::none(),
        )?;
        if number.is_multiple_of(256) {
            producer.poll(SystemClock.now(), Duration::ZERO)?;
        }
    }
    producer.flush(&SystemClock, PATIENCE)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Writes key and value of a record, and says where it goes.
fn write_record(key: &mut String, value: &mut String, shape: Shape, keys: u64, number: u64) -> Side {
    use std::fmt::Write as _;
    let side = match shape {
        Shape::Single => Side::Left,
        Shape::Pairs if number.is_multiple_of(2) => Side::Left,
        Shape::Pairs => Side::Right,
        Shape::Foreign if number.is_multiple_of(10) => Side::Right,
        Shape::Foreign => Side::Left,
    };
    // The two records of a pair have one key.
    let random = scramble(if shape == Shape::Pairs { number / 2 } else { number });
    let foreign_keys = keys.div_ceil(KEYS_PER_FOREIGN_KEY);
    let keys = if shape == Shape::Foreign && side == Side::Right { foreign_keys } else { keys };
    key.clear();
    value.clear();
    let written = write!(key, "k{:07}", random % keys)
        .and_then(|()| write!(value, "k{:07}{random:020}", (random >> 32) % foreign_keys));
    written.expect("a string takes what is written to it");
    while value.len() < VALUE_BYTES {
        value.push('.');
    }
    value.pop();
    value.push(if random & 1 == 0 { '0' } else { '1' });
    side
}

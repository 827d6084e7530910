//! What an application wrote in its measured run, reduced to numbers that must be equal on both sides.
//!
//! The records are read back from the broker between two ends of the output topic, so that every run over one broker is
//! told from the others. The digest is a sum of hashes: it does not depend on the order of partitions or keys. Where a
//! cache merges updates, how many records come out depends on when it is written; there the last value of each key (of
//! each window) is compared, and the number of records is only told.

use std::sync::Arc;
use std::time::Duration;

use foldhash::quality::FixedState;
use hashbrown::HashMap;
use streams_core::client::admin::{Admin, OffsetSpec};
use streams_core::client::transport::tcp::TcpTransport;
use streams_core::client::Consumer;
use streams_core::config::{AdminConfig, ConsumerConfig};
use streams_core::protocol::batch::Scratch;
use streams_core::{Clock, Error, ErrorKind, Offset, Result, SystemClock, Timestamp, TopicPartition};

use crate::jvm::input::PARTITIONS;
use crate::jvm::workloads::WINDOW;

/// How long one look at the broker lasts.
const LOOK: Duration = Duration::from_millis(100);
/// A broker on this machine hands out any output within this time.
const LIMIT: Duration = Duration::from_secs(120);

/// Which part of an output both sides must agree on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// All records.
    EveryRecord,
    /// The last value of every key.
    LastOfKey,
    /// The last value of every key, whatever its time: that of a foreign-key join's result depends on which side came
    /// last to the task of the right side.
    LastValueOfKey,
    /// The last value of every key in every window; the window is that of the record's time.
    LastOfWindow,
}

/// An output in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// How many records were written.
    pub records: u64,
    /// How many records, or last values, are in the digest.
    pub compared: u64,
    /// The sum of their hashes: key, value and, where it is compared, time.
    pub digest: u64,
}

impl Output {
    /// Whether both sides wrote the same, as far as it is compared.
    pub fn agrees_with(&self, other: &Self) -> bool {
        (self.compared, self.digest) == (other.compared, other.digest)
    }
}

/// Where the output topic of the measured run ends now, by partition.
///
/// # Errors
/// What the broker refuses.
pub fn ends(bootstrap: &str, topic: &str) -> Result<Vec<(TopicPartition, Offset)>> {
    let config = AdminConfig::from_settings([("bootstrap.servers", bootstrap)])?;
    let transport = Box::new(TcpTransport::new(&config.client)?);
    let mut admin = Admin::new(config, transport, Arc::new(SystemClock), 3);
    let asked: Vec<_> =
        (0..PARTITIONS).map(|number| (TopicPartition::new(topic, number), OffsetSpec::Latest)).collect();
    admin.list_offsets(&asked)?.into_iter().map(|(partition, end)| Ok((partition, end?))).collect()
}

/// Reads what was written to a topic since `from`.
///
/// # Errors
/// What the broker refuses, and when it does not hand everything out in time.
pub fn read(bootstrap: &str, topic: &str, from: &[(TopicPartition, Offset)], compared: Compared) -> Result<Output> {
    let to = ends(bootstrap, topic)?;
    let settings = [("bootstrap.servers", bootstrap), ("max.partition.fetch.bytes", "8388608")];
    let config = ConsumerConfig::from_settings(settings)?;
    let transport = Box::new(TcpTransport::new(&config.client)?);
    let mut consumer = Consumer::new(config, transport, 4)?;
    consumer.assign(&from.iter().map(|(partition, _)| partition.clone()).collect::<Vec<_>>());
    for (partition, start) in from {
        consumer.seek(partition, *start)?;
    }
    let mut tally = Tally::new(compared);
    let mut scratch = Scratch::default();
    let deadline = SystemClock.now() + LIMIT;
    // Positions, not records, tell the end: markers of transactions have offsets, too.
    while to.iter().any(|(partition, end)| consumer.position(partition).is_none_or(|position| position < *end)) {
        if SystemClock.now() > deadline {
            return Err(Error::new(
                ErrorKind::Internal,
                format!("read `{topic}` at {bootstrap}: not all in {LIMIT:?}"),
            ));
        }
        for fetched in consumer.poll(SystemClock.now(), LOOK)?.partitions {
            fetched.for_each_record(&mut scratch, |record| {
                tally.add(record.key, record.value, record.timestamp);
                Ok(())
            })?;
        }
    }
    Ok(tally.finish())
}

/// An output while it is read, in the order of each partition.
#[derive(Debug)]
struct Tally {
    compared: Compared,
    records: u64,
    digest: u64,
    /// By key and window, the hash of the last record; none where its value is null.
    last: HashMap<(Vec<u8>, i64), Option<u64>, FixedState>,
}

impl Tally {
    fn new(compared: Compared) -> Self {
        Self { compared, records: 0, digest: 0, last: HashMap::default() }
    }

    fn add(&mut self, key: Option<&[u8]>, value: Option<&[u8]>, time: Timestamp) {
        self.records += 1;
        let hashed_time = if self.compared == Compared::LastValueOfKey { Timestamp(0) } else { time };
        let hash = hash(key, value, hashed_time);
        let window_ms = i64::try_from(WINDOW.as_millis()).unwrap_or(i64::MAX);
        let window = match self.compared {
            Compared::EveryRecord => {
                self.digest = self.digest.wrapping_add(hash);
                return;
            }
            Compared::LastOfKey | Compared::LastValueOfKey => 0,
            Compared::LastOfWindow => time.0.div_euclid(window_ms),
        };
        self.last.insert((key.unwrap_or_default().to_vec(), window), value.map(|_| hash));
    }

    fn finish(self) -> Output {
        let (compared, digest) = match self.compared {
            Compared::EveryRecord => (self.records, self.digest),
            _ => self
                .last
                .into_values()
                .flatten()
                .fold((0, 0), |(count, sum): (u64, u64), hash| (count + 1, sum.wrapping_add(hash))),
        };
        Output { records: self.records, compared, digest }
    }
}

/// The same in every process: the state has no seed of its own.
fn hash(key: Option<&[u8]>, value: Option<&[u8]>, time: Timestamp) -> u64 {
    use std::hash::BuildHasher as _;
    FixedState::default().hash_one((key, value, time.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Line = (&'static str, Option<&'static str>, i64);

    fn output(compared: Compared, lines: &[Line]) -> Output {
        let mut tally = Tally::new(compared);
        for (key, value, time) in lines {
            tally.add(Some(key.as_bytes()), value.map(str::as_bytes), Timestamp(*time));
        }
        tally.finish()
    }

    #[test]
    fn outputs_agree_when_what_is_compared_is_the_same() {
        use Compared::{EveryRecord, LastOfKey, LastOfWindow, LastValueOfKey};
        let base: &[Line] = &[("a", Some("1"), 5), ("b", Some("1"), 6), ("a", Some("2"), 7)];
        let other_order: &[Line] = &[("b", Some("1"), 6), ("a", Some("1"), 5), ("a", Some("2"), 7)];
        let merged: &[Line] = &[("a", Some("2"), 7), ("b", Some("1"), 6)];
        let other_last: &[Line] = &[("a", Some("2"), 7), ("b", Some("1"), 6), ("a", Some("1"), 5)];
        let other_time: &[Line] = &[("a", Some("2"), 8), ("b", Some("1"), 6)];
        let other_window: &[Line] = &[("a", Some("1"), 5), ("b", Some("1"), 6), ("a", Some("2"), 10_007)];
        let deleted: &[Line] = &[("a", Some("2"), 7), ("b", Some("1"), 6), ("c", Some("1"), 1), ("c", None, 2)];
        for (compared, lines, agrees) in [
            (EveryRecord, base, true),
            (EveryRecord, other_order, true),
            (EveryRecord, merged, false),
            (EveryRecord, other_time, false),
            (LastOfKey, other_order, true),
            (LastOfKey, merged, true),
            (LastOfKey, deleted, true),
            (LastOfKey, other_last, false),
            (LastOfKey, other_time, false),
            (LastValueOfKey, other_time, true),
            (LastValueOfKey, other_last, false),
            (LastOfKey, &merged[..1], false),
            (LastOfWindow, merged, true),
            (LastOfWindow, other_window, false),
        ] {
            let agreed = output(compared, lines).agrees_with(&output(compared, base));
            assert_eq!(agreed, agrees, "{compared:?} of {lines:?}");
        }
    }

    #[test]
    fn records_are_counted_before_they_are_merged() {
        let lines: &[Line] = &[("a", Some("1"), 5), ("a", Some("2"), 7), ("c", Some("1"), 1), ("c", None, 2)];
        let found = output(Compared::LastOfKey, lines);
        assert_eq!((found.records, found.compared), (4, 1));
    }
}

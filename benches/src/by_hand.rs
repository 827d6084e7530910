//! The same work without a framework: a loop over the log's bytes, a hash table, batches of 64 KiB.
//!
//! What the loops leave out is what a user of the project gets: commits, recovery, types, operators. They run over two
//! kinds of [`Topic`]: the broker's own log, whose checks of every record both sides then pay, and a list of batches
//! whose checksums are checked on the way in and out, which is about the least that a log can do.

use std::path::Path;
use std::sync::Arc;

use broker_lite::disk::memory::MemoryDisk;
use broker_lite::log::{AppendContext, Durability, Log, LogConfig, Origin};
use bytes::Bytes;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use streams_core::{Error, ErrorKind, Offset, Result, Timestamp};

use crate::codec::{each_record, is_whole, BatchWriter};
use crate::input::{Line, VALUE_BYTES};

/// What one read asks for: `max.partition.fetch.bytes` of the project's consumer.
const READ_BYTES: usize = 1 << 20;
/// A batch is appended when it is so large; larger ones gain nothing.
const BATCH_BYTES: usize = 64 * 1024;
/// The width of the windowed case's windows.
pub const WINDOW_MS: i64 = 10_000;

/// Which log a loop reads and writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogKind {
    /// The broker's, in memory and under `os` durability.
    Broker,
    /// A list of batches.
    Plain,
}

/// A log, and the time of the appends to it.
#[derive(Debug)]
pub struct Topic {
    log: AnyLog,
    now: Timestamp,
}

#[derive(Debug)]
enum AnyLog {
    Broker(Box<Log>),
    Plain(Vec<Bytes>),
}

impl Topic {
    /// An empty one.
    ///
    /// # Errors
    /// What the log refuses.
    pub fn new(kind: LogKind, now: Timestamp) -> Result<Self> {
        let log = match kind {
            LogKind::Plain => AnyLog::Plain(Vec::new()),
            LogKind::Broker => {
                let config = LogConfig { durability: Durability::Os, ..LogConfig::default() };
                let (log, _) = Log::open(Arc::new(MemoryDisk::ephemeral()), Path::new("/log"), config, now)?;
                AnyLog::Broker(Box::new(log))
            }
        };
        Ok(Self { log, now })
    }

    /// Appends batches as they are.
    ///
    /// # Errors
    /// What the log refuses.
    pub fn fill(&mut self, batches: &[Bytes]) -> Result<()> {
        batches.iter().try_for_each(|batch| self.append(batch.clone()))
    }

    fn kind(&self) -> LogKind {
        match &self.log {
            AnyLog::Broker(_) => LogKind::Broker,
            AnyLog::Plain(_) => LogKind::Plain,
        }
    }

    /// An empty topic of the same kind.
    fn output(&self) -> Result<Output> {
        Ok(Output { topic: Self::new(self.kind(), self.now)?, batch: BatchWriter::default(), records: 0 })
    }

    fn append(&mut self, batch: Bytes) -> Result<()> {
        match &mut self.log {
            AnyLog::Broker(log) => {
                log.append(batch, &AppendContext { now: self.now, leader_epoch: 0, origin: Origin::Client })?;
            }
            AnyLog::Plain(batches) if is_whole(&batch) => batches.push(batch),
            AnyLog::Plain(_) => return Err(Error::new(ErrorKind::Corrupt, "a batch is damaged")),
        }
        Ok(())
    }

    /// Runs `step` over all records.
    fn read_all(&self, mut step: impl FnMut(i64, &[u8], &[u8]) -> Result<()>) -> Result<()> {
        match &self.log {
            AnyLog::Broker(log) => {
                let (mut at, end) = (Offset(0), log.end_offset());
                while at < end {
                    let count = each_record(&log.read(at, READ_BYTES, end, true)?, &mut step)?;
                    at = Offset(at.0.saturating_add(i64::try_from(count).unwrap_or(i64::MAX)));
                }
            }
            AnyLog::Plain(batches) => {
                for batch in batches.iter().filter(|batch| is_whole(batch)) {
                    each_record(batch, &mut step)?;
                }
            }
        }
        Ok(())
    }
}

/// A topic that a loop writes.
struct Output {
    topic: Topic,
    batch: BatchWriter,
    records: u64,
}

impl Output {
    #[inline]
    fn write(&mut self, time: i64, key: &[u8], value: &[u8]) -> Result<()> {
        self.batch.append(time, key, value);
        self.records += 1;
        if self.batch.len() >= BATCH_BYTES {
            return self.topic.append(self.batch.finish());
        }
        Ok(())
    }

    fn end(mut self) -> Result<u64> {
        if !self.batch.is_empty() {
            self.topic.append(self.batch.finish())?;
        }
        Ok(self.records)
    }
}

/// Filter and map: returns how many records it wrote.
///
/// # Errors
/// What the log refuses.
pub fn stateless(input: &Topic) -> Result<u64> {
    let mut output = input.output()?;
    input.read_all(|time, key, value| {
        let Some(line) = Line::read(value) else { return Ok(()) };
        if !line.is_kept() {
            return Ok(());
        }
        let mut changed = [0; VALUE_BYTES];
        let line = line.changed();
        changed[..8].copy_from_slice(&line.amount.to_be_bytes());
        changed[8..].copy_from_slice(&line.rest);
        output.write(time, key, &changed)
    })?;
    output.end()
}

/// The row of a key: its count and the time of the newest record.
#[derive(Default, Clone, Copy)]
struct Row {
    count: i64,
    time: i64,
}

type Counts = HashMap<[u8; 16], Row, FixedState>;

#[inline]
fn count_one(counts: &mut Counts, key: &[u8], time: i64) -> Option<Row> {
    let key: [u8; 16] = key.try_into().ok()?;
    let row = counts.entry(key).or_default();
    row.count += 1;
    row.time = row.time.max(time);
    Some(*row)
}

/// Count by key, every update to changelog and output: returns how many updates there were.
///
/// # Errors
/// What the log refuses.
pub fn count(input: &Topic) -> Result<u64> {
    let mut counts = Counts::default();
    let (mut changelog, mut output) = (input.output()?, input.output()?);
    input.read_all(|time, key, _| {
        let Some(row) = count_one(&mut counts, key, time) else { return Ok(()) };
        let value = row.count.to_be_bytes();
        changelog.write(row.time, key, &value)?;
        output.write(row.time, key, &value)
    })?;
    changelog.end()?;
    output.end()
}

/// Count by key and window, every update to changelog and output: returns how many updates there were. One table per
/// window.
///
/// # Errors
/// What the log refuses.
pub fn windowed_count(input: &Topic) -> Result<u64> {
    let mut windows: Vec<(i64, Counts)> = Vec::new();
    let (mut changelog, mut output) = (input.output()?, input.output()?);
    let mut logged = Vec::new();
    input.read_all(|time, key, _| {
        let start = time - time.rem_euclid(WINDOW_MS);
        let at = match windows.iter().rposition(|(known, _)| *known == start) {
            Some(at) => at,
            None => {
                windows.push((start, Counts::default()));
                windows.len() - 1
            }
        };
        let Some(row) = count_one(&mut windows[at].1, key, time) else { return Ok(()) };
        let value = row.count.to_be_bytes();
        logged.clear();
        logged.extend_from_slice(key);
        logged.extend_from_slice(&start.to_be_bytes());
        output.write(row.time, &logged, &value)?;
        logged.extend_from_slice(&[0; 4]);
        changelog.write(row.time, &logged, &value)
    })?;
    changelog.end()?;
    output.end()
}

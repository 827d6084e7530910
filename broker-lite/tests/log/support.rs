//! Makes batches, opens logs on a disk in memory, and reads records back.

use std::path::Path;
use std::sync::Arc;

use broker_lite::disk::memory::MemoryDisk;
use broker_lite::disk::Disk as _;
use broker_lite::log::{AppendContext, Appended, Log, LogConfig, LogResult, Origin, Recovery};
use bytes::Bytes;
use streams_core::protocol::batch::{BatchBuilder, BatchOptions, Batches, Scratch};
use streams_core::{Offset, Result, Timestamp};

/// Where the log of a test lives.
pub(crate) const DIR: &str = "/data/topics/7/0";

/// The broker's time in tests.
pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);

pub(crate) const CLIENT: AppendContext = AppendContext { now: NOW, leader_epoch: 3, origin: Origin::Client };

pub(crate) fn dir() -> &'static Path {
    Path::new(DIR)
}

pub(crate) fn open(disk: &MemoryDisk, config: &LogConfig) -> Result<(Log, Recovery)> {
    Log::open(Arc::new(disk.clone()), dir(), config.clone(), NOW)
}

/// A batch of records with these values, keys `k0`, `k1`, .., one millisecond apart from `NOW` on.
pub(crate) fn batch(values: &[&str]) -> Bytes {
    batch_with(values, &BatchOptions::default())
}

pub(crate) fn batch_with(values: &[&str], options: &BatchOptions) -> Bytes {
    let records: Vec<_> =
        values.iter().enumerate().map(|(i, value)| (format!("k{i}"), Some(*value), NOW.0 + i as i64)).collect();
    let records: Vec<_> = records.iter().map(|(key, value, time)| (Some(key.as_str()), *value, *time)).collect();
    batch_of(&records, options)
}

/// A batch of records of key, value and time.
pub(crate) fn batch_of(records: &[(Option<&str>, Option<&str>, i64)], options: &BatchOptions) -> Bytes {
    let mut builder = BatchBuilder::default();
    for (key, value, time) in records {
        builder.append(Timestamp(*time), key.map(str::as_bytes), value.map(str::as_bytes)).unwrap();
    }
    Bytes::copy_from_slice(builder.finish(options).unwrap())
}

pub(crate) fn sequenced(values: &[&str], producer_id: i64, producer_epoch: i16, base_sequence: i32) -> Bytes {
    batch_with(values, &BatchOptions { producer_id, producer_epoch, base_sequence, ..BatchOptions::default() })
}

pub(crate) fn append(log: &mut Log, values: &[&str]) -> LogResult<Appended> {
    log.append(batch(values), &CLIENT)
}

pub(crate) fn sync(log: &mut Log) -> LogResult<Offset> {
    match log.begin_sync() {
        Some(ticket) => log.complete_sync(ticket.run()),
        None => Ok(log.durable_end()),
    }
}

/// Every visible record, as `offset=value` (`-` for none), read in small pieces.
pub(crate) fn records(log: &Log) -> LogResult<Vec<String>> {
    let mut all = Vec::new();
    let mut from = log.start_offset();
    let mut scratch = Scratch::default();
    loop {
        let bytes = log.read(from, 100, log.visible_end(), true)?;
        if bytes.is_empty() {
            return Ok(all);
        }
        for view in Batches::new(&bytes) {
            let view = view.expect("a log serves whole batches");
            view.check_crc().expect("a log serves what was appended");
            for record in view.records(&mut scratch).unwrap() {
                let record = record.unwrap();
                if record.offset >= from {
                    let value = record.value.map_or("-".into(), String::from_utf8_lossy);
                    all.push(format!("{}={value}", record.offset));
                }
            }
            from = view.next_offset();
        }
    }
}

/// The files of the log on the disk, as paths.
pub(crate) fn files(disk: &MemoryDisk) -> Vec<String> {
    disk.list(dir()).unwrap().into_iter().map(|name| format!("{DIR}/{name}")).collect()
}

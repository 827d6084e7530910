//! How much of the disk is read: little for consumers that keep up, once for those that wait.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

use broker_lite::disk::memory::MemoryDisk;
use broker_lite::disk::{Disk, DiskFile, DiskLock, OpenMode};
use broker_lite::{Broker, SyncPolicy};
use streams_core::protocol::messages::fetch::FetchResponse;
use streams_core::Result;

use crate::stepped::*;
use crate::support::*;

/// A disk in memory that counts the bytes read from segments.
#[derive(Debug, Clone)]
struct CountedDisk {
    disk: MemoryDisk,
    read: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct CountedFile {
    file: Arc<dyn DiskFile>,
    read: Arc<AtomicUsize>,
}

impl CountedDisk {
    fn new() -> Self {
        Self { disk: MemoryDisk::new(), read: Arc::default() }
    }

    /// The bytes read since the last call.
    fn take(&self) -> usize {
        self.read.swap(0, Ordering::SeqCst)
    }
}

impl Disk for CountedDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.disk.open(path, mode)?;
        let is_segment = path.extension().is_some_and(|extension| extension == "log");
        Ok(if is_segment { Arc::new(CountedFile { file, read: Arc::clone(&self.read) }) } else { file })
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir_all(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.disk.list(dir)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.disk.remove_dir_all(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.disk.sync_dir(dir)
    }

    fn lock(&self, path: &Path, owner: &str) -> Result<Box<dyn DiskLock>> {
        self.disk.lock(path, owner)
    }
}

impl DiskFile for CountedFile {
    fn size(&self) -> io::Result<u64> {
        self.file.size()
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let read = self.file.read_at(buffer, at)?;
        self.read.fetch_add(read, Ordering::SeqCst);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_at(bytes, at)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.file.truncate(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

/// A broker over such a disk, with room for so many bytes of newest batches.
fn counted(sync: SyncPolicy, tail_bytes_max: usize) -> (Stepped, CountedDisk) {
    let disk = CountedDisk::new();
    let builder = Broker::builder().disk(Arc::new(disk.clone())).sync(sync);
    let broker = builder.configure(|config| config.tail_bytes_max = tail_bytes_max).open().unwrap();
    (Stepped(broker), disk)
}

/// The tails of all partitions share one budget, however many there are; what is oldest of all goes first.
#[test]
fn the_newest_batches_of_all_partitions_are_in_memory_and_no_others() {
    let batch_bytes = batch(&"v".repeat(1000)).len();
    let (broker, disk) = counted(SyncPolicy::Os, 5 * batch_bytes);
    let topics: Vec<String> = (0..20).map(|number| format!("topic-{number}")).collect();
    for topic in &topics {
        broker.create(topic, &[]);
        broker.produce(topic, &"v".repeat(1000));
    }
    let from_disk = topics.iter().filter(|topic| {
        disk.take();
        assert_eq!(broker.fetch(topic).records.unwrap().len(), batch_bytes);
        disk.take() > 0
    });
    let from_disk: Vec<&String> = from_disk.collect();
    assert_eq!(from_disk, topics[..from_disk.len()].iter().collect::<Vec<_>>(), "the newest are in memory");
    assert!((15..18).contains(&from_disk.len()), "{from_disk:?}");
}

/// A consumer that waits for many bytes reads them once and not once for each append.
#[rstest::rstest]
fn a_fetch_that_waits_reads_when_there_is_enough(#[values(SyncPolicy::Fsync, SyncPolicy::Os)] sync: SyncPolicy) {
    const APPENDS: usize = 50;
    let (broker, disk) = counted(sync, 0);
    broker.create("orders", &[]);
    broker.create("other", &[]);
    broker.produce("orders", "before");
    let (before, after) = (batch("before").len(), batch("after!").len());
    let mut request = fetch_request("orders", 0, 0);
    request.topics.push(fetch_request("other", 1, 0).topics.remove(0));
    request.max_wait_ms = 60_000;
    request.min_bytes = i32::try_from(before + APPENDS * after).unwrap();
    let mut waiting = broker.send(request, NOW).expect_err("it waits for more");
    disk.take();
    for _ in 0..APPENDS {
        waiting = waiting.try_take().expect_err("not enough yet");
        broker.produce("orders", "after!");
    }
    let answer = FetchResponse::try_from(waiting.try_take().expect("enough")).unwrap();
    let bytes = answer.responses[0].partitions[0].records.as_ref().unwrap().len();
    assert_eq!(bytes, before + APPENDS * after);
    let read = disk.take();
    assert!((bytes..4 * bytes).contains(&read), "{read} bytes were read for {bytes}");
}

/// Whoever waits learns at once that there is no reason to.
#[test]
fn a_fetch_that_waits_is_answered_when_its_offset_is_deleted() {
    let (broker, _) = counted(SyncPolicy::Os, 0);
    broker.create("orders", &[]);
    broker.produce("orders", "v");
    let wait = |offset| {
        let mut request = fetch_request("orders", 0, offset);
        (request.max_wait_ms, request.min_bytes) = (60_000, 10_000);
        broker.send(request, NOW).expect_err("it waits for more")
    };
    let (at_the_start, at_the_end) = (wait(0), wait(1));
    assert_eq!(broker.delete_records("orders", 1).1, 1);
    let answer = FetchResponse::try_from(at_the_start.try_take().expect("woken")).unwrap();
    assert_eq!(answer.responses[0].partitions[0].error_code, streams_core::protocol::ErrorCode::OFFSET_OUT_OF_RANGE);
    let at_the_end = at_the_end.try_take().expect_err("it still waits");
    // More than it takes of a partition: there is nothing to wait for.
    let mut request = fetch_request("orders", 0, 1);
    (request.max_wait_ms, request.min_bytes) = (60_000, 10_000);
    request.topics[0].partitions[0].partition_max_bytes = 100;
    let small = broker.send(request, NOW).expect_err("it waits for more");
    broker.produce("orders", "w");
    let small = small.try_take().expect_err("it takes more than one batch");
    broker.produce("orders", "x");
    assert!(small.try_take().is_ok());
    at_the_end.try_take().expect_err("it still waits");
}

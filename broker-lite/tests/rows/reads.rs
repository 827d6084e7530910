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

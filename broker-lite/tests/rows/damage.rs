//! Partitions that are damaged between two starts of the broker, beside ones that are not.

use std::path::{Path, PathBuf};

use broker_lite::disk::memory::{Crash, MemoryDisk};
use broker_lite::disk::Disk as _;
use broker_lite::SyncPolicy;

use crate::stepped::{segment_of, Stepped};

/// Something that happens to the segment of a partition.
pub(crate) type Damage = fn(&MemoryDisk, &Path);

/// Takes the last byte away.
pub(crate) fn shorten(disk: &MemoryDisk, segment: &Path) {
    let content = disk.content(segment).unwrap();
    disk.overwrite(segment, content[..content.len() - 1].to_vec());
}

/// Takes the whole partition away.
pub(crate) fn remove(disk: &MemoryDisk, segment: &Path) {
    disk.remove_dir_all(segment.parent().unwrap()).unwrap();
}

/// The disk that a broker left with a record each in partition 0 of `broken` and of `whole`, and the segment of the first.
pub(crate) fn broken_and_whole() -> (MemoryDisk, PathBuf) {
    let disk = MemoryDisk::new();
    let broker = Stepped::over(&disk, SyncPolicy::Fsync);
    for topic in ["broken", "whole"] {
        broker.create(topic, &[]);
        broker.produce(topic, &format!("a record of {topic}"));
    }
    broker.0.close();
    let image = disk.crash(Crash::KeepAll);
    let segment = segment_of(&image, "a record of broken");
    (image, segment)
}

/// A broker over that disk, on which `broken` was damaged.
pub(crate) fn with_damage(damage: Damage) -> Stepped {
    let (disk, segment) = broken_and_whole();
    damage(&disk, &segment);
    Stepped::over(&disk, SyncPolicy::Fsync)
}

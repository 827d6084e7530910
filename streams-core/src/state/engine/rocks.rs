//! The RocksDB engine of key-value stores, and what both RocksDB engines share.
//!
//! RocksDB's own write-ahead log is off: the changelog is the log. Every batch carries the checkpoint in a column
//! family of its own, and flushes are atomic over all families, so what a crash leaves is the rows and the checkpoint
//! of one batch: an older state, never a torn one.

use std::ops::Bound;
use std::path::Path;

use rocksdb::{
    ColumnFamily, ColumnFamilyDescriptor, DBPinnableSlice, FlushOptions, Options, ReadOptions, WriteBatch,
    WriteOptions, DB,
};

use super::rocks_options::{data_options, database_options, offsets_options};
use super::{is_inverted, ByteStore, Checkpoint, Direction, KeyBounds, Rows, ValueRef};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::Offset;
use crate::time::Timestamp;

/// The family of rows that are not in segments.
pub(super) const DEFAULT_FAMILY: &str = "default";
/// The family of the checkpoint, named as in Kafka Streams.
const OFFSETS_FAMILY: &str = "offsets";
const OFFSET_KEY: &[u8] = b"changelog-offset";
const STREAM_TIME_KEY: &[u8] = b"stream-time";

/// Says what was tried and failed.
#[cold]
pub(super) fn failed(what: &str) -> impl FnOnce(rocksdb::Error) -> Error + '_ {
    move |error| {
        let kind = match error.kind() {
            rocksdb::ErrorKind::Corruption => ErrorKind::Corrupt,
            rocksdb::ErrorKind::IOError if error.as_ref().contains("lock") => ErrorKind::Locked,
            rocksdb::ErrorKind::IOError => ErrorKind::Io,
            _ => ErrorKind::Store,
        };
        Error::with_source(kind, what.to_owned(), error)
    }
}

/// An open database with its checkpoint.
pub(super) struct Database {
    pub(super) db: DB,
    pub(super) checkpoint: Checkpoint,
    data_options: Options,
    reads: ReadOptions,
    writes: WriteOptions,
}

impl Database {
    /// Opens or creates the database at `path` with all families that it has.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let what = || format!("open the RocksDB at {}", path.display());
        std::fs::create_dir_all(path).map_err(|error| Error::with_source(ErrorKind::Io, what(), error))?;
        let (database_options, data_options) = (database_options(), data_options());
        let mut names = vec![DEFAULT_FAMILY.to_owned(), OFFSETS_FAMILY.to_owned()];
        if path.join("CURRENT").exists() {
            names.extend(DB::list_cf(&database_options, path).map_err(failed(&what()))?);
            names.sort();
            names.dedup();
        }
        let families = names.into_iter().map(|name| {
            let options = if name == OFFSETS_FAMILY { offsets_options() } else { data_options.clone() };
            ColumnFamilyDescriptor::new(name, options)
        });
        let db = DB::open_cf_descriptors(&database_options, path, families).map_err(failed(&what()))?;
        let mut writes = WriteOptions::default();
        writes.disable_wal(true);
        let mut database =
            Self { db, checkpoint: Checkpoint::default(), data_options, reads: ReadOptions::default(), writes };
        database.checkpoint = Checkpoint {
            offset: database.read_number(OFFSET_KEY)?.map(Offset),
            stream_time: database.read_number(STREAM_TIME_KEY)?.map(Timestamp),
        };
        Ok(database)
    }

    /// A family that must be there.
    pub(super) fn family(&self, name: &str) -> Result<&ColumnFamily> {
        self.db
            .cf_handle(name)
            .ok_or_else(|| Error::new(ErrorKind::Corrupt, format!("the RocksDB has no column family `{name}`")))
    }

    pub(super) fn create_family(&mut self, name: &str) -> Result<()> {
        self.db.create_cf(name, &self.data_options).map_err(failed("create a column family"))
    }

    fn read_number(&self, key: &[u8]) -> Result<Option<i64>> {
        let bytes = self.db.get_cf(self.family(OFFSETS_FAMILY)?, key).map_err(failed("read the checkpoint"))?;
        let number = |bytes: Vec<u8>| {
            let message = || format!("the checkpoint's `{}` holds {} bytes, not 8", key.escape_ascii(), bytes.len());
            let array = <[u8; 8]>::try_from(bytes.as_slice()).map_err(|_| Error::new(ErrorKind::Corrupt, message()))?;
            Ok(i64::from_be_bytes(array))
        };
        bytes.map(number).transpose()
    }

    #[inline]
    pub(super) fn get(&self, family: &ColumnFamily, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>> {
        self.db.get_pinned_cf_opt(family, key, &self.reads).map_err(failed("read from RocksDB"))
    }

    /// Writes a batch with the checkpoint in it.
    pub(super) fn write(&mut self, mut batch: WriteBatch, checkpoint: Checkpoint) -> Result<()> {
        let offsets = self.family(OFFSETS_FAMILY)?;
        if let Some(Offset(offset)) = checkpoint.offset {
            batch.put_cf(offsets, OFFSET_KEY, offset.to_be_bytes());
        }
        if let Some(Timestamp(time)) = checkpoint.stream_time {
            batch.put_cf(offsets, STREAM_TIME_KEY, time.to_be_bytes());
        }
        self.db.write_opt(batch, &self.writes).map_err(failed("write to RocksDB"))?;
        self.checkpoint = checkpoint;
        Ok(())
    }

    /// Reads rows of one family into `rows` until it is full or the bounds end.
    pub(super) fn scan(
        &self,
        family: &ColumnFamily,
        bounds: KeyBounds<'_>,
        direction: Direction,
        rows: &mut Rows,
    ) -> Result<()> {
        if is_inverted(bounds) {
            rows.finish();
            return Ok(());
        }
        let mut rocks = self.db.raw_iterator_cf_opt(family, ReadOptions::default());
        let (near, far) = match direction {
            Direction::Forward => bounds,
            Direction::Reverse => (bounds.1, bounds.0),
        };
        match (near, direction) {
            (Bound::Unbounded, Direction::Forward) => rocks.seek_to_first(),
            (Bound::Unbounded, Direction::Reverse) => rocks.seek_to_last(),
            (Bound::Included(key) | Bound::Excluded(key), Direction::Forward) => rocks.seek(key),
            (Bound::Included(key) | Bound::Excluded(key), Direction::Reverse) => rocks.seek_for_prev(key),
        }
        while !rows.is_full() {
            let Some((key, value)) = rocks.item() else {
                rocks.status().map_err(failed("scan RocksDB"))?;
                rows.finish();
                return Ok(());
            };
            if is_past(far, direction, key) {
                rows.finish();
                return Ok(());
            }
            if near != Bound::Excluded(key) {
                rows.push(key, Some(value));
            }
            match direction {
                Direction::Forward => rocks.next(),
                Direction::Reverse => rocks.prev(),
            }
        }
        Ok(())
    }

    pub(super) fn approximate_rows(&self, family: &ColumnFamily) -> u64 {
        self.db.property_int_value_cf(family, "rocksdb.estimate-num-keys").ok().flatten().unwrap_or(0)
    }

    /// Flushes all families together.
    pub(super) fn flush(&self, data: &[&ColumnFamily]) -> Result<()> {
        let mut families = vec![self.family(OFFSETS_FAMILY)?];
        families.extend(data);
        self.db.flush_cfs_opt(&families, &FlushOptions::default()).map_err(failed("flush RocksDB"))
    }
}

/// Whether a scan has come behind its far bound.
fn is_past(far: Bound<&[u8]>, direction: Direction, key: &[u8]) -> bool {
    match (far, direction) {
        (Bound::Unbounded, _) => false,
        (Bound::Included(far), Direction::Forward) => key > far,
        (Bound::Excluded(far), Direction::Forward) => key >= far,
        (Bound::Included(far), Direction::Reverse) => key < far,
        (Bound::Excluded(far), Direction::Reverse) => key <= far,
    }
}

/// Rows in one column family.
pub(crate) struct RocksStore(Database);

impl RocksStore {
    /// Opens or creates the store at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Database::open(path).map(Self)
    }
}

impl ByteStore for RocksStore {
    #[inline]
    fn get(&self, key: &[u8]) -> Result<Option<ValueRef<'_>>> {
        let family = self.0.family(DEFAULT_FAMILY)?;
        Ok(self.0.get(family, key)?.map(ValueRef::Rocks))
    }

    fn put(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let checkpoint = self.0.checkpoint;
        self.write_batch(&mut std::iter::once((key, value)), checkpoint)
    }

    fn scan(&mut self, bounds: KeyBounds<'_>, direction: Direction, rows: &mut Rows) -> Result<()> {
        self.0.scan(self.0.family(DEFAULT_FAMILY)?, bounds, direction, rows)
    }

    fn write_batch<'a>(
        &mut self,
        entries: &mut dyn Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        checkpoint: Checkpoint,
    ) -> Result<()> {
        let mut batch = WriteBatch::default();
        for (key, value) in entries {
            match value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
        }
        self.0.write(batch, checkpoint)
    }

    fn checkpoint(&self) -> Checkpoint {
        self.0.checkpoint
    }

    fn approximate_num_entries(&self) -> u64 {
        self.0.family(DEFAULT_FAMILY).map_or(0, |family| self.0.approximate_rows(family))
    }

    fn is_persistent(&self) -> bool {
        true
    }

    fn flush(&mut self) -> Result<()> {
        self.0.flush(&[self.0.family(DEFAULT_FAMILY)?])
    }
}

//! The RocksDB engine of key-value stores, and what both RocksDB engines share.
//!
//! RocksDB's own write-ahead log is off: the changelog is the log. Every batch carries the checkpoint in a column
//! family of its own, and flushes are atomic over all families, so what a crash leaves is the rows and the checkpoint
//! of one batch: an older state, never a torn one.
//!
//! Beside the checkpoint lies the name of the rows' format. It reaches the disk with the first rows, so a database that
//! has rows and another name, or none, was written by something else and is refused as [`ErrorKind::Corrupt`].

use std::fs::DirBuilder;
use std::ops::Bound;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rocksdb::{
    ColumnFamily, ColumnFamilyDescriptor, DBPinnableSlice, FlushOptions, Options, ReadOptions, WriteBatch,
    WriteOptions, DB,
};

use super::rocks_options::{data_options, database_options, offsets_options};
use super::{is_inverted, ByteStore, Checkpoint, Direction, KeyBounds, Rows, ValueRef};
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{ChangelogPosition, Offset};
use crate::time::Timestamp;

/// The family of rows that are not in segments.
pub(super) const DEFAULT_FAMILY: &str = "default";
/// The family of the checkpoint, named as in Kafka Streams.
const OFFSETS_FAMILY: &str = "offsets";
const OFFSET_KEY: &[u8] = b"changelog-offset";
/// Its value is an offset and a leader epoch. It counts only where the offset is that of [`OFFSET_KEY`]: a program from
/// before there were epochs moves that one alone.
const EPOCH_KEY: &[u8] = b"changelog-leader-epoch";
const STREAM_TIME_KEY: &[u8] = b"stream-time";

/// `rwxr-x---`, whatever the umask is: rows are nobody else's to change.
const DIRECTORY_MODE: u32 = 0o750;

const FORMAT_KEY: &[u8] = b"format";
/// What is shown of a format's name that is not ours.
const FORMAT_SHOWN_MAX: usize = 80;

/// Says what was tried and failed on an open database.
#[cold]
pub(super) fn failed<'a>(what: &'a str, path: &'a Path) -> impl FnOnce(rocksdb::Error) -> Error + 'a {
    move |error| {
        let path = path.display();
        match error.kind() {
            rocksdb::ErrorKind::Corruption => {
                let message = format!(
                    "{what} the RocksDB at {path}, which is damaged: stop the application and delete that directory; \
                     a store with a changelog is restored from it"
                );
                Error::with_source(ErrorKind::Corrupt, message, error)
            }
            rocksdb::ErrorKind::IOError => {
                Error::with_source(ErrorKind::Io, format!("{what} the RocksDB at {path}"), error)
            }
            _ => Error::with_source(ErrorKind::Store, format!("{what} the RocksDB at {path}"), error),
        }
    }
}

/// Says why a database does not open. What another process holds or the system refuses is not damage; a file that is
/// not there is.
#[cold]
fn not_opened(path: &Path) -> impl FnOnce(rocksdb::Error) -> Error + '_ {
    move |error| {
        let kind = match error.kind() {
            rocksdb::ErrorKind::IOError if error.as_ref().contains("No such file") => ErrorKind::Corrupt,
            rocksdb::ErrorKind::IOError if error.as_ref().contains("/LOCK: ") => ErrorKind::Locked,
            rocksdb::ErrorKind::IOError => ErrorKind::Io,
            _ => ErrorKind::Corrupt,
        };
        Error::with_source(kind, format!("open the RocksDB at {}", path.display()), error)
    }
}

/// An open database with its checkpoint.
pub(super) struct Database {
    pub(super) db: DB,
    pub(super) path: PathBuf,
    pub(super) checkpoint: Checkpoint,
    data_options: Options,
    reads: ReadOptions,
    writes: WriteOptions,
}

impl Database {
    /// Opens or creates the database at `path` with all families that it has, for rows of a format.
    pub(super) fn open(path: &Path, format: &str) -> Result<Self> {
        DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path).map_err(|error| {
            Error::with_source(ErrorKind::Io, format!("make the directory {}", path.display()), error)
        })?;
        let (database_options, data_options) = (database_options(), data_options());
        let mut names = vec![DEFAULT_FAMILY.to_owned(), OFFSETS_FAMILY.to_owned()];
        if path.join("CURRENT").exists() {
            names.extend(DB::list_cf(&database_options, path).map_err(not_opened(path))?);
            names.sort();
            names.dedup();
        }
        let families = names.iter().map(|name| {
            let options = if name == OFFSETS_FAMILY { offsets_options() } else { data_options.clone() };
            ColumnFamilyDescriptor::new(name, options)
        });
        let db = DB::open_cf_descriptors(&database_options, path, families).map_err(not_opened(path))?;
        let mut writes = WriteOptions::default();
        writes.disable_wal(true);
        let (path, reads) = (path.to_owned(), ReadOptions::default());
        let mut database = Self { db, path, checkpoint: Checkpoint::default(), data_options, reads, writes };
        database.require_format(format, &names)?;
        database.checkpoint = Checkpoint {
            position: database.read_position()?,
            stream_time: database.read_number(STREAM_TIME_KEY)?.map(Timestamp),
        };
        Ok(database)
    }

    /// Refuses rows of another format, and names that of a database that has no rows.
    fn require_format(&self, format: &str, families: &[String]) -> Result<()> {
        let offsets = self.family(OFFSETS_FAMILY)?;
        let found = self.db.get_cf(offsets, FORMAT_KEY).map_err(failed("read", &self.path))?;
        if found.as_deref() == Some(format.as_bytes()) {
            return Ok(());
        }
        for family in families.iter().filter(|family| *family != OFFSETS_FAMILY) {
            let mut rows = self.db.raw_iterator_cf(self.family(family)?);
            rows.seek_to_first();
            rows.status().map_err(failed("read", &self.path))?;
            if rows.valid() {
                return Err(self.other_format(format, found.as_deref()));
            }
        }
        self.db.put_cf_opt(offsets, FORMAT_KEY, format, &self.writes).map_err(failed("write to", &self.path))
    }

    #[cold]
    fn other_format(&self, format: &str, found: Option<&[u8]>) -> Error {
        let found = found.map_or_else(
            || "without a format: another program or an older version wrote them".to_owned(),
            |found| format!("of format `{}`", found[..found.len().min(FORMAT_SHOWN_MAX)].escape_ascii()),
        );
        let message =
            format!("the RocksDB at {} holds rows {found}; this store's format is `{format}`", self.path.display());
        Error::new(ErrorKind::Corrupt, message)
    }

    /// A family that must be there.
    pub(super) fn family(&self, name: &str) -> Result<&ColumnFamily> {
        self.db.cf_handle(name).ok_or_else(|| {
            let message = format!("the RocksDB at {} has no column family `{name}`", self.path.display());
            Error::new(ErrorKind::Corrupt, message)
        })
    }

    pub(super) fn create_family(&mut self, name: &str) -> Result<()> {
        self.db.create_cf(name, &self.data_options).map_err(failed("create a column family in", &self.path))
    }

    fn read_position(&self) -> Result<Option<ChangelogPosition>> {
        let Some(offset) = self.read_number(OFFSET_KEY)?.map(Offset) else { return Ok(None) };
        let leader_epoch = match self.read_array::<12>(EPOCH_KEY)? {
            Some([bytes @ .., a, b, c, d]) if bytes == offset.0.to_be_bytes() => Some(i32::from_be_bytes([a, b, c, d])),
            _ => None,
        };
        Ok(Some(ChangelogPosition { offset, leader_epoch }))
    }

    fn read_number(&self, key: &[u8]) -> Result<Option<i64>> {
        Ok(self.read_array(key)?.map(i64::from_be_bytes))
    }

    fn read_array<const N: usize>(&self, key: &[u8]) -> Result<Option<[u8; N]>> {
        let bytes = self.db.get_cf(self.family(OFFSETS_FAMILY)?, key).map_err(failed("read", &self.path))?;
        let array = |bytes: Vec<u8>| {
            <[u8; N]>::try_from(bytes.as_slice()).map_err(|_| {
                let (path, key, length) = (self.path.display(), key.escape_ascii(), bytes.len());
                let message = format!("the checkpoint of the RocksDB at {path}: `{key}` has {length} bytes, not {N}");
                Error::new(ErrorKind::Corrupt, message)
            })
        };
        bytes.map(array).transpose()
    }

    #[inline]
    pub(super) fn get(&self, family: &ColumnFamily, key: &[u8]) -> Result<Option<DBPinnableSlice<'_>>> {
        self.db.get_pinned_cf_opt(family, key, &self.reads).map_err(failed("read", &self.path))
    }

    /// Writes a batch with the checkpoint in it.
    pub(super) fn write(&mut self, mut batch: WriteBatch, checkpoint: Checkpoint) -> Result<()> {
        let offsets = self.family(OFFSETS_FAMILY)?;
        if let Some(ChangelogPosition { offset: Offset(offset), leader_epoch }) = checkpoint.position {
            let offset = offset.to_be_bytes();
            batch.put_cf(offsets, OFFSET_KEY, offset);
            if let Some(epoch) = leader_epoch {
                let mut value = [0; 12];
                value[..8].copy_from_slice(&offset);
                value[8..].copy_from_slice(&epoch.to_be_bytes());
                batch.put_cf(offsets, EPOCH_KEY, value);
            }
        }
        if let Some(Timestamp(time)) = checkpoint.stream_time {
            batch.put_cf(offsets, STREAM_TIME_KEY, time.to_be_bytes());
        }
        self.db.write_opt(batch, &self.writes).map_err(failed("write to", &self.path))?;
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
                rocks.status().map_err(failed("scan", &self.path))?;
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
        self.db.flush_cfs_opt(&families, &FlushOptions::default()).map_err(failed("flush", &self.path))
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
    pub(crate) fn open(path: &Path, format: &str) -> Result<Self> {
        Database::open(path, format).map(Self)
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

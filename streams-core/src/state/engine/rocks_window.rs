//! The RocksDB engine of window stores: one column family per segment, dropped whole when the segment expires.
//!
//! Kafka Streams opens a database per segment. One database with a family per segment keeps rows and checkpoint in
//! one atomic batch even where a batch touches two segments. Keys keep the segment's bytes in front; within a family
//! they are all equal, and RocksDB's blocks store them once.

use std::collections::BTreeMap;
use std::path::Path;

use rocksdb::WriteBatch;

use super::rocks::{failed, Database};
use super::{
    is_inverted, require_segment, segment_bounds, ByteStore, Checkpoint, Direction, KeyBounds, Rows, ValueRef,
};
use crate::error::Result;

/// What the names of segments' families begin with; the number of the segment follows.
const FAMILY_PREFIX: &str = "segment.";

/// Rows in a column family per segment.
pub(crate) struct RocksWindowStore {
    database: Database,
    /// The family of each segment by number.
    segments: BTreeMap<i64, String>,
}

impl RocksWindowStore {
    /// Opens or creates the store at `path`.
    pub(crate) fn open(path: &Path, format: &str) -> Result<Self> {
        let database = Database::open(path, format)?;
        let segments = segments_of(path)?;
        Ok(Self { database, segments })
    }

    fn require_family(&mut self, segment: i64) -> Result<()> {
        if !self.segments.contains_key(&segment) {
            let name = format!("{FAMILY_PREFIX}{segment}");
            self.database.create_family(&name)?;
            self.segments.insert(segment, name);
        }
        Ok(())
    }
}

/// The segments that a database has families for.
fn segments_of(path: &Path) -> Result<BTreeMap<i64, String>> {
    let names =
        rocksdb::DB::list_cf(&rocksdb::Options::default(), path).map_err(failed("list the segments of", path))?;
    let number = |name: &String| name.strip_prefix(FAMILY_PREFIX)?.parse().ok();
    Ok(names.into_iter().filter_map(|name| Some((number(&name)?, name))).collect())
}

impl ByteStore for RocksWindowStore {
    fn get(&self, key: &[u8]) -> Result<Option<ValueRef<'_>>> {
        let Some(name) = self.segments.get(&require_segment(key)?) else { return Ok(None) };
        let family = self.database.family(name)?;
        Ok(self.database.get(family, key)?.map(ValueRef::Rocks))
    }

    fn put(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let checkpoint = self.database.checkpoint;
        self.write_batch(&mut std::iter::once((key, value)), checkpoint)
    }

    fn scan(&mut self, bounds: KeyBounds<'_>, direction: Direction, rows: &mut Rows) -> Result<()> {
        if is_inverted(bounds) {
            rows.finish();
            return Ok(());
        }
        let (first, last) = segment_bounds(bounds);
        let mut segments = self.segments.range(first..=last);
        while !rows.is_full() {
            let next = match direction {
                Direction::Forward => segments.next(),
                Direction::Reverse => segments.next_back(),
            };
            let Some((_, name)) = next else {
                rows.finish();
                return Ok(());
            };
            self.database.scan(self.database.family(name)?, bounds, direction, rows.resume())?;
        }
        rows.resume();
        Ok(())
    }

    fn write_batch<'a>(
        &mut self,
        entries: &mut dyn Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        checkpoint: Checkpoint,
    ) -> Result<()> {
        let mut batch = WriteBatch::default();
        for (key, value) in entries {
            let segment = require_segment(key)?;
            if value.is_some() {
                self.require_family(segment)?;
            }
            let Some(name) = self.segments.get(&segment) else { continue };
            let family = self.database.family(name)?;
            match value {
                Some(value) => batch.put_cf(family, key, value),
                None => batch.delete_cf(family, key),
            }
        }
        self.database.write(batch, checkpoint)
    }

    fn checkpoint(&self) -> Checkpoint {
        self.database.checkpoint
    }

    fn drop_segments_before(&mut self, segment: i64) -> Result<()> {
        while let Some(entry) = self.segments.first_entry().filter(|entry| *entry.key() < segment) {
            let dropped = self.database.db.drop_cf(entry.get());
            dropped.map_err(failed("drop an expired segment of", &self.database.path))?;
            entry.remove();
        }
        Ok(())
    }

    fn approximate_num_entries(&self) -> u64 {
        let families = self.segments.values().filter_map(|name| self.database.family(name).ok());
        families.map(|family| self.database.approximate_rows(family)).sum()
    }

    fn is_persistent(&self) -> bool {
        true
    }

    fn flush(&mut self) -> Result<()> {
        let families = self.segments.values().map(|name| self.database.family(name)).collect::<Result<Vec<_>>>()?;
        self.database.flush(&families)
    }
}

//! The in-memory engine of key-value stores. Its rows die with the process and come back from the changelog.

use super::byte_map::ByteMap;
use super::{ByteStore, Checkpoint, Direction, KeyBounds, Rows, ValueRef};
use crate::error::Result;

/// Rows in one hash table.
#[derive(Debug, Default)]
pub(crate) struct MemoryStore {
    rows: ByteMap,
    checkpoint: Checkpoint,
}

impl ByteStore for MemoryStore {
    #[inline]
    fn get(&self, key: &[u8]) -> Result<Option<ValueRef<'_>>> {
        Ok(self.rows.get(key).flatten().map(ValueRef::Memory))
    }

    #[inline]
    fn put(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        match value {
            Some(_) => self.rows.insert(key, value),
            None => self.rows.remove(key),
        }
        Ok(())
    }

    fn scan(&mut self, bounds: KeyBounds<'_>, direction: Direction, rows: &mut Rows) -> Result<()> {
        self.rows.scan(bounds, direction, rows);
        Ok(())
    }

    fn write_batch<'a>(
        &mut self,
        entries: &mut dyn Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
        checkpoint: Checkpoint,
    ) -> Result<()> {
        for (key, value) in entries {
            self.put(key, value)?;
        }
        self.checkpoint = checkpoint;
        Ok(())
    }

    fn checkpoint(&self) -> Checkpoint {
        self.checkpoint
    }

    fn approximate_num_entries(&self) -> u64 {
        self.rows.len() as u64
    }

    fn is_persistent(&self) -> bool {
        false
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

//! The in-memory engine of window stores: one hash table per segment, dropped whole when the segment expires.
//!
//! Keys begin with the eight bytes of their segment's number, so that the order of segments is the order of keys.

use std::collections::BTreeMap;

use super::byte_map::ByteMap;
use super::{
    is_inverted, require_segment, segment_bounds, ByteStore, Checkpoint, Direction, KeyBounds, Rows, ValueRef,
};
use crate::error::Result;

/// Rows in a hash table per segment.
#[derive(Debug, Default)]
pub(crate) struct MemoryWindowStore {
    segments: BTreeMap<i64, ByteMap>,
    checkpoint: Checkpoint,
}

impl ByteStore for MemoryWindowStore {
    #[inline]
    fn get(&self, key: &[u8]) -> Result<Option<ValueRef<'_>>> {
        let segment = self.segments.get(&require_segment(key)?);
        Ok(segment.and_then(|rows| rows.get(key).flatten()).map(ValueRef::Memory))
    }

    #[inline]
    fn put(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let segment = require_segment(key)?;
        match value {
            Some(_) => self.segments.entry(segment).or_default().insert(key, value),
            None => {
                if let Some(rows) = self.segments.get_mut(&segment) {
                    rows.remove(key);
                }
            }
        }
        Ok(())
    }

    fn scan(&mut self, bounds: KeyBounds<'_>, direction: Direction, rows: &mut Rows) -> Result<()> {
        if is_inverted(bounds) {
            rows.finish();
            return Ok(());
        }
        let (first, last) = segment_bounds(bounds);
        let mut segments = self.segments.range_mut(first..=last);
        while !rows.is_full() {
            let next = match direction {
                Direction::Forward => segments.next(),
                Direction::Reverse => segments.next_back(),
            };
            match next {
                // A segment that ends before the chunk is full is not the end of the scan: the next one follows.
                Some((_, segment)) => segment.scan(bounds, direction, rows.resume()),
                None => {
                    rows.finish();
                    return Ok(());
                }
            }
        }
        rows.resume();
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

    fn drop_segments_before(&mut self, segment: i64) -> Result<()> {
        self.segments = self.segments.split_off(&segment);
        Ok(())
    }

    fn approximate_num_entries(&self) -> u64 {
        self.segments.values().map(|rows| rows.len() as u64).sum()
    }

    fn is_persistent(&self) -> bool {
        false
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}

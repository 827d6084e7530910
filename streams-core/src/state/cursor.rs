//! Typed iteration over a store, in chunks.
//!
//! A cursor holds no borrow of its store: it reads up to a chunk of rows, lets go, and finds its place again by key.
//! Writes and deletions between two calls are legal. They show in the rows behind the chunk at hand, never in the
//! chunk itself: a row deleted meanwhile can still be returned once.

use std::collections::VecDeque;
use std::fmt;
use std::ops::Bound;
use std::rc::Rc;

use super::engine::{Direction, Rows};
use super::facade::Shared;
use super::schema::KeyRange;
use crate::error::{Result, ResultExt};

/// Turns the bytes of a row into an item; `None` passes over the row.
type Decode<T> = Box<dyn Fn(&[u8], &[u8]) -> Result<Option<T>>>;

/// A walk over rows of a store.
///
/// ```
/// # use std::path::Path;
/// # use streams_core::state::{EngineKind, KeyValueStore, StoreContext, Stores};
/// # let spec = Stores::in_memory_key_value::<String, i64>("stock").build();
/// # let any = spec.attach(spec.open(Path::new("."), EngineKind::InMemory)?, StoreContext::detached());
/// # let store: KeyValueStore<String, i64> = any.handle()?;
/// store.put(&"85123A".to_owned(), &0)?;
/// let mut rows = store.all();
/// while let Some((key, stock)) = rows.next()? {
///     if stock == 0 {
///         store.delete(&key)?;
///     }
/// }
/// # assert!(store.all().next()?.is_none());
/// # Ok::<(), streams_core::Error>(())
/// ```
pub struct StoreCursor<T> {
    shared: Rc<Shared>,
    ranges: VecDeque<KeyRange>,
    direction: Direction,
    decode: Decode<T>,
    chunk: Rows,
    at: usize,
}

impl<T> StoreCursor<T> {
    /// Walks the ranges in order, or all of it backwards.
    pub(super) fn new(
        shared: Rc<Shared>,
        ranges: Vec<KeyRange>,
        direction: Direction,
        decode: impl Fn(&[u8], &[u8]) -> Result<Option<T>> + 'static,
    ) -> Self {
        let mut ranges = VecDeque::from(ranges);
        if direction == Direction::Reverse {
            ranges.make_contiguous().reverse();
        }
        Self { shared, ranges, direction, decode: Box::new(decode), chunk: Rows::default(), at: 0 }
    }

    /// The next row; `None` at the end.
    ///
    /// # Errors
    /// What the engine refuses, and rows that do not decode.
    #[expect(clippy::should_implement_trait, reason = "an Iterator's `Option<Result<_>>` would not read with `?`")]
    pub fn next(&mut self) -> Result<Option<T>> {
        loop {
            while let Some((key, value)) = self.chunk.row(self.at) {
                self.at += 1;
                let Some(value) = value else { continue };
                let item =
                    (self.decode)(key, value).context(|| format!("read a row of store `{}`", self.shared.name()))?;
                if item.is_some() {
                    return Ok(item);
                }
            }
            if !self.read_chunk()? {
                return Ok(None);
            }
        }
    }

    /// Reads on behind the last row; `false` when no range is left.
    fn read_chunk(&mut self) -> Result<bool> {
        if self.chunk.is_done() {
            self.ranges.pop_front();
        } else if let (Some(range), Some(last)) = (self.ranges.front_mut(), self.chunk.last_key()) {
            let place = Bound::Excluded(last.to_vec());
            match self.direction {
                Direction::Forward => range.from = place,
                Direction::Reverse => range.to = place,
            }
        }
        self.chunk.clear();
        self.at = 0;
        let Some(range) = self.ranges.front() else { return Ok(false) };
        let bounds = (as_slice(&range.from), as_slice(&range.to));
        self.shared.layers().scan(bounds, self.direction, &mut self.chunk)?;
        Ok(true)
    }
}

fn as_slice(bound: &Bound<Vec<u8>>) -> Bound<&[u8]> {
    match bound {
        Bound::Included(key) => Bound::Included(key),
        Bound::Excluded(key) => Bound::Excluded(key),
        Bound::Unbounded => Bound::Unbounded,
    }
}

impl<T> fmt::Debug for StoreCursor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreCursor").field("ranges", &self.ranges).field("at", &self.at).finish_non_exhaustive()
    }
}

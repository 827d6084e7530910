//! The layers of an open store, in bytes: what every typed facade calls, compiled once.
//!
//! ```text
//!   typed facade        encodes and decodes
//!     cache             newest rows, budgeted; absorbs writes until a flush      (if the store caches)
//!     changelog         every write that passes here is also a changelog record  (if the store logs)
//!     overlay           writes since the last commit                             (persistent engines)
//!     engine            rows with their changelog offset
//! ```
//!
//! Invariants:
//! - An engine that outlives the process gets rows only in [`Layers::commit`], in one batch with the offset of the
//!   changelog records that were acknowledged for them: it is never ahead of the committed changelog. An engine in
//!   memory dies with the task and is written directly.
//! - A commit finds no dirty row in the cache: those have no changelog record yet.
//! - Every scan sees one row per key, the newest.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use super::cache::{Cache, DirtyRow};
use super::changelog::ChangelogSink;
use super::engine::byte_map::ByteMap;
use super::engine::{ByteStore, Checkpoint, Direction, KeyBounds, Rows, ValueRef};
use super::flushed::{FlushedRow, FlushedRows};
use super::restore::RestoringStore;
use super::schema::{split_timestamped, split_window_key, ValueShape, WindowShape};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::ids::ChangelogPosition;
use crate::record::Headers;
use crate::time::Timestamp;

/// What a node wants to know of rows that leave its store's cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FlushListener {
    /// Nothing: the cache only saves writes.
    #[default]
    None,
    /// The new value of each row.
    New,
    /// The new value and the one before.
    NewAndOld,
}

/// An open store in bytes.
pub(crate) struct Layers {
    base: RestoringStore,
    overlay: Option<ByteMap>,
    changelog: Option<Rc<dyn ChangelogSink>>,
    cache: Option<Cache>,
    listener: FlushListener,
    flushed: FlushedRows,
    context_time: Rc<Cell<Timestamp>>,
    /// The headers that the next row in the cache gets.
    next_headers: Option<Box<Headers>>,
    dropped_expired: u64,
    /// The latest window start that was put; a cache holds it back from `base`.
    latest_put: Timestamp,
    cache_rows: Rows,
    overlay_rows: Rows,
    engine_rows: Rows,
}

/// The newest row below the cache.
#[inline]
fn read_below<'a>(overlay: &'a Option<ByteMap>, engine: &'a dyn ByteStore, key: &[u8]) -> Result<Option<ValueRef<'a>>> {
    match overlay.as_ref().and_then(|overlay| overlay.get(key)) {
        Some(row) => Ok(row.map(ValueRef::Memory)),
        None => engine.get(key),
    }
}

impl Layers {
    pub(crate) fn new(
        base: RestoringStore,
        changelog: Option<Rc<dyn ChangelogSink>>,
        cache_bytes_max: usize,
        context_time: Rc<Cell<Timestamp>>,
    ) -> Self {
        Self {
            overlay: base.is_persistent().then(ByteMap::default),
            base,
            changelog,
            cache: (cache_bytes_max > 0).then(|| Cache::new(cache_bytes_max)),
            listener: FlushListener::None,
            flushed: FlushedRows::default(),
            context_time,
            next_headers: None,
            dropped_expired: 0,
            latest_put: Timestamp::UNKNOWN,
            cache_rows: Rows::default(),
            overlay_rows: Rows::default(),
            engine_rows: Rows::default(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.base.name()
    }

    pub(crate) fn base(&self) -> &RestoringStore {
        &self.base
    }

    pub(crate) fn base_mut(&mut self) -> &mut RestoringStore {
        &mut self.base
    }

    /// The newest value of a key.
    #[inline]
    pub(crate) fn get(&mut self, key: &[u8]) -> Result<Option<ValueRef<'_>>> {
        if self.cache.is_some() {
            return self.get_cached(key);
        }
        read_below(&self.overlay, &*self.base.engine, key)
    }

    fn get_cached(&mut self, key: &[u8]) -> Result<Option<ValueRef<'_>>> {
        self.make_room()?;
        let Some(cache) = &mut self.cache else {
            return Err(Error::new(ErrorKind::Internal, "a cached read without a cache"));
        };
        if let Some(index) = cache.touch(key) {
            return Ok(cache.value(index).map(ValueRef::Memory));
        }
        let below = read_below(&self.overlay, &*self.base.engine, key)?;
        match below {
            // A copy of what is in memory already would only take room.
            Some(value) if self.base.engine.is_persistent() => {
                let index = cache.keep_clean(key, &value);
                Ok(cache.value(index).map(ValueRef::Memory))
            }
            below => Ok(below),
        }
    }

    /// The newest value of a key in the window that starts there. Rows past the retention are gone, but for those that the
    /// cache holds, as in Kafka Streams: a result that leaves the cache late still finds the rows that it belongs to.
    #[inline]
    pub(crate) fn get_window(&mut self, key: &[u8], start: Timestamp) -> Result<Option<ValueRef<'_>>> {
        if self.is_live(start) {
            return self.get(key);
        }
        let Some(cache) = &mut self.cache else { return Ok(None) };
        let index = cache.touch(key);
        Ok(index.and_then(|index| cache.value(index)).map(ValueRef::Memory))
    }

    /// Writes a row of a key-value store; `None` deletes it.
    #[inline]
    pub(crate) fn put(&mut self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        let timestamp = self.context_time.get();
        match &mut self.cache {
            None => self.write_below(key, value, timestamp),
            Some(cache) => {
                cache.put(key, value, timestamp, self.next_headers.take());
                self.make_room()
            }
        }
    }

    /// Writes a row of a window store unless it is past the retention. With a cache that is judged when the row leaves it.
    #[inline]
    pub(crate) fn put_window(&mut self, key: &[u8], start: Timestamp, value: Option<&[u8]>) -> Result<()> {
        self.latest_put = self.latest_put.max(start);
        if self.cache.is_some() {
            return self.put(key, value);
        }
        self.base.stream_time = self.base.stream_time.max(start);
        if !self.is_live(start) {
            self.drop_expired_write(start);
            // As in Kafka Streams the changelog has it all the same; whoever restores drops it again.
            let timestamp = self.context_time.get();
            return self.log(key, value, timestamp);
        }
        self.put(key, value)
    }

    #[cold]
    fn drop_expired_write(&mut self, start: Timestamp) {
        self.dropped_expired += 1;
        if self.dropped_expired == 1 {
            let (store, stream_time) = (self.name(), self.base.stream_time);
            tracing::warn!(store, %start, %stream_time, "skipping record for expired segment; further ones are counted");
        }
    }

    /// The window numbers; an error for a store without windows.
    pub(crate) fn window(&self) -> Result<WindowShape> {
        self.base
            .schema
            .window()
            .ok_or_else(|| Error::new(ErrorKind::Internal, format!("store `{}` has no windows", self.name())))
    }

    /// Whether a window that starts there is within the retention.
    #[inline]
    pub(crate) fn is_live(&self, start: Timestamp) -> bool {
        self.base.schema.window().is_none_or(|shape| start >= shape.earliest_live(self.base.stream_time))
    }

    /// `from..=to` without what is past the retention or later than anything put.
    pub(crate) fn live_times(&self, from: Timestamp, to: Timestamp) -> Result<(Timestamp, Timestamp)> {
        let earliest = self.window()?.earliest_live(self.base.stream_time);
        let latest = self.base.stream_time.max(self.latest_put);
        Ok((from.max(earliest), to.min(latest)))
    }

    fn write_below(&mut self, key: &[u8], value: Option<&[u8]>, timestamp: Timestamp) -> Result<()> {
        match &mut self.overlay {
            Some(overlay) => overlay.insert(key, value),
            None => self.base.engine.put(key, value)?,
        }
        self.log(key, value, timestamp)
    }

    fn log(&self, key: &[u8], value: Option<&[u8]>, timestamp: Timestamp) -> Result<()> {
        let Some(changelog) = &self.changelog else { return Ok(()) };
        let schema = self.base.schema;
        let (value, timestamp) = match (schema.values, value) {
            (ValueShape::Timestamped, Some(row)) => match split_timestamped(row) {
                Some((timestamp, value)) => (Some(value), timestamp),
                None => return Err(Error::new(ErrorKind::Internal, "a timestamped row without a timestamp")),
            },
            (_, value) => (value, timestamp),
        };
        changelog.log(&key[schema.hidden_key_bytes()..], value, timestamp)
    }

    /// Evicts until the cache is within its budget. A dirty victim flushes every dirty row.
    #[inline]
    fn make_room(&mut self) -> Result<()> {
        if self.cache.as_ref().is_some_and(Cache::is_over_budget) {
            return self.evict();
        }
        Ok(())
    }

    fn evict(&mut self) -> Result<()> {
        while self.cache.as_mut().is_some_and(Cache::evict_clean) {
            self.flush_cache()?;
        }
        Ok(())
    }

    /// Sends every dirty row down, in the order of the last writes, and queues them for the node that listens.
    pub(crate) fn flush_cache(&mut self) -> Result<()> {
        let Some(mut cache) = self.cache.take() else { return Ok(()) };
        let flushed = self.flush_rows(&mut cache);
        self.cache = Some(cache);
        flushed
    }

    fn flush_rows(&mut self, cache: &mut Cache) -> Result<()> {
        while let Some((index, row)) = cache.pop_dirty() {
            self.flush_row(row).context(|| format!("flush the cache of store `{}`", self.name()))?;
            cache.forget_deletion(index);
        }
        Ok(())
    }

    fn flush_row(&mut self, mut row: DirtyRow<'_>) -> Result<()> {
        let start = self.base.schema.window().and(split_window_key(row.key)).map(|(_, start)| start);
        let wants_old = self.listener == FlushListener::NewAndOld;
        // Where nobody listens, a deletion of nothing is written like any other row, as in Kafka Streams.
        if wants_old || (row.value.is_none() && self.listener != FlushListener::None) {
            let old = match start {
                Some(start) if !self.is_live(start) => None,
                _ => read_below(&self.overlay, &*self.base.engine, row.key)?,
            };
            if row.value.is_none() && old.is_none() {
                return Ok(());
            }
            let old = old.as_deref().filter(|_| wants_old);
            self.flushed.push(&mut row, old);
        } else if self.listener == FlushListener::New {
            self.flushed.push(&mut row, None);
        }
        if let Some(start) = start {
            self.base.stream_time = self.base.stream_time.max(start);
            if !self.is_live(start) {
                self.drop_expired_write(start);
                return self.log(row.key, row.value, row.timestamp);
            }
        }
        self.write_below(row.key, row.value, row.timestamp)
    }

    /// Says which rows are to be queued when they leave the cache.
    pub(crate) fn set_flush_listener(&mut self, listener: FlushListener) {
        self.listener = listener;
    }

    /// Gives the row that is written next these headers, for when it leaves the cache. Without a cache they are forgotten:
    /// the node forwards them itself.
    pub(crate) fn set_next_headers(&mut self, headers: &Headers) {
        if self.cache.is_some() {
            self.next_headers = (!headers.is_empty()).then(|| Box::new(headers.clone()));
        }
    }

    /// Whether there is a cache, so that results are forwarded when rows leave it and not at each put.
    pub(crate) fn is_cached(&self) -> bool {
        self.cache.is_some()
    }

    /// The next row that left the cache.
    #[inline]
    pub(crate) fn next_flushed(&mut self) -> Option<FlushedRow<'_>> {
        self.flushed.pop()
    }

    /// The row that came out last was not forwarded: it comes out again first.
    pub(crate) fn put_back_flushed(&mut self) {
        self.flushed.put_back();
    }

    /// Whether a row waits in the queue.
    #[inline]
    pub(crate) fn has_flushed(&self) -> bool {
        !self.flushed.is_empty()
    }

    /// Gives the cache another budget and evicts what is over it.
    pub(crate) fn set_cache_bytes(&mut self, bytes_max: usize) -> Result<()> {
        if let Some(cache) = &mut self.cache {
            cache.set_budget(bytes_max);
        }
        self.make_room()
    }

    /// Puts the writes since the last commit into the engine, in one batch with the position of the last changelog
    /// record that was acknowledged for them. `None` leaves the position: nothing was logged.
    pub(crate) fn commit(&mut self, position: Option<ChangelogPosition>) -> Result<()> {
        if self.cache.as_ref().is_some_and(Cache::has_dirty) {
            let message = format!("commit of store `{}` before its cache was flushed", self.name());
            return Err(Error::new(ErrorKind::Internal, message));
        }
        let position = match (position, self.base.committed_position()) {
            // The record is that of an earlier commit, and a leader since then need not have it any more.
            (Some(new), Some(old)) if new.offset == old.offset => {
                Some(ChangelogPosition { leader_epoch: old.leader_epoch.or(new.leader_epoch), ..old })
            }
            (new, old) => new.or(old),
        };
        let checkpoint = Checkpoint { position, stream_time: self.base.known_stream_time() };
        let (window, stream_time) = (self.base.schema.window(), self.base.stream_time);
        let rows = self.overlay.as_ref().map(ByteMap::sorted).unwrap_or_default();
        let mut live = rows.iter().copied().filter(|(key, _)| is_live_key(window, stream_time, key));
        self.base.engine.write_batch(&mut live, checkpoint).context(|| format!("commit store `{}`", self.base.name))?;
        if let Some(overlay) = &mut self.overlay {
            overlay.clear();
        }
        self.base.drop_expired()
    }

    /// How much memory the writes since the last commit take.
    pub(crate) fn uncommitted_bytes(&self) -> usize {
        self.overlay.as_ref().map_or(0, ByteMap::memory_bytes)
    }

    /// How many writes were dropped because their window is past the retention.
    pub(crate) fn dropped_expired(&self) -> u64 {
        self.dropped_expired
    }

    /// About how many rows there are.
    pub(crate) fn approximate_num_entries(&self) -> u64 {
        let uncommitted = self.overlay.as_ref().map_or(0, |overlay| overlay.len() as u64);
        self.base.engine.approximate_num_entries() + uncommitted
    }

    /// Reads the newest rows within the bounds; deletions stay in as rows without a value, so that the last row always
    /// says how far the scan came.
    pub(crate) fn scan(&mut self, bounds: KeyBounds<'_>, direction: Direction, out: &mut Rows) -> Result<()> {
        if self.cache.is_none() && self.overlay.is_none() {
            return self.base.engine.scan(bounds, direction, out);
        }
        self.cache_rows.clear();
        match &mut self.cache {
            Some(cache) => cache.scan(bounds, direction, &mut self.cache_rows),
            None => self.cache_rows.finish(),
        }
        self.overlay_rows.clear();
        match &mut self.overlay {
            Some(overlay) => overlay.scan(bounds, direction, &mut self.overlay_rows),
            None => self.overlay_rows.finish(),
        }
        self.engine_rows.clear();
        self.base.engine.scan(bounds, direction, &mut self.engine_rows)?;
        merge([&self.cache_rows, &self.overlay_rows, &self.engine_rows], direction, out);
        Ok(())
    }
}

fn is_live_key(window: Option<WindowShape>, stream_time: Timestamp, key: &[u8]) -> bool {
    match (window, split_window_key(key)) {
        (Some(shape), Some((_, start))) => start >= shape.earliest_live(stream_time),
        _ => true,
    }
}

/// Merges scans of the same bounds, the upper layer first: its row of a key hides those below. Where a scan stopped
/// early the others are cut at its last key, because rows behind it were not read.
fn merge(layers: [&Rows; 3], direction: Direction, out: &mut Rows) {
    let is_before = |left: &[u8], right: &[u8]| match direction {
        Direction::Forward => left < right,
        Direction::Reverse => left > right,
    };
    let cut = layers.iter().filter(|rows| !rows.is_done()).filter_map(|rows| rows.last_key()).reduce(|left, right| {
        if is_before(right, left) {
            right
        } else {
            left
        }
    });
    let mut at = [0; 3];
    loop {
        let heads = [layers[0].row(at[0]), layers[1].row(at[1]), layers[2].row(at[2])];
        let first =
            heads.iter().flatten().copied().reduce(|left, right| if is_before(right.0, left.0) { right } else { left });
        let Some((key, value)) = first else { break };
        if cut.is_some_and(|cut| is_before(cut, key)) {
            break;
        }
        out.push(key, value);
        for (place, head) in at.iter_mut().zip(heads) {
            *place += usize::from(head.is_some_and(|(other, _)| other == key));
        }
    }
    if cut.is_none() {
        out.finish();
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layers")
            .field("base", &self.base)
            .field("overlay", &self.overlay)
            .field("cached", &self.is_cached())
            .finish_non_exhaustive()
    }
}

//! A store without types: an engine and the shape of its rows. It is what a restoring thread or a standby owns, and
//! what the layers of an open store stand on.
//!
//! Restoring turns changelog records into rows and writes them together with the offset of the last one. It runs no
//! serde and no user code.

use std::fmt;
use std::sync::Arc;

use super::engine::{ByteStore, Checkpoint, Rows};
use super::schema::{KeyShape, Schema, ValueShape};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::ids::{ChangelogPosition, Offset};
use crate::time::Timestamp;

/// A record of a changelog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangelogRow<'a> {
    /// The record's key.
    pub key: &'a [u8],
    /// The record's value; `None` is a tombstone.
    pub value: Option<&'a [u8]>,
    /// The record's timestamp.
    pub timestamp: Timestamp,
}

/// An open store before it has types. `Send`, so that another thread can fill it.
pub struct RestoringStore {
    pub(super) name: Arc<str>,
    pub(super) schema: Schema,
    pub(super) engine: Box<dyn ByteStore>,
    pub(super) stream_time: Timestamp,
    key: Vec<u8>,
    row: Vec<u8>,
    batch: Rows,
}

impl RestoringStore {
    pub(super) fn new(name: Arc<str>, schema: Schema, engine: Box<dyn ByteStore>) -> Self {
        let stream_time = engine.checkpoint().stream_time.unwrap_or(Timestamp::UNKNOWN);
        Self { name, schema, engine, stream_time, key: Vec::new(), row: Vec::new(), batch: Rows::default() }
    }

    /// The store's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether rows outlive the process.
    pub fn is_persistent(&self) -> bool {
        self.engine.is_persistent()
    }

    /// The offset of the last changelog record that is in the store; reading goes on at the next one. `None` when
    /// nothing was committed or restored yet: reading begins at the start.
    pub fn committed_offset(&self) -> Option<Offset> {
        self.committed_position().map(|position| position.offset)
    }

    /// The same with what is known of the leader that had the record.
    pub fn committed_position(&self) -> Option<ChangelogPosition> {
        self.engine.checkpoint().position
    }

    /// Applies changelog records, of which the last one is at `last`. Rows and position are written together.
    ///
    /// # Errors
    /// [`ErrorKind::Corrupt`] for a key that this store cannot have written; what the engine refuses.
    pub fn restore<'a>(
        &mut self,
        rows: impl IntoIterator<Item = ChangelogRow<'a>>,
        last: impl Into<ChangelogPosition>,
    ) -> Result<()> {
        let last = last.into();
        self.batch.clear();
        for row in rows {
            self.stage(row)?;
        }
        let checkpoint = Checkpoint { position: Some(last), stream_time: self.known_stream_time() };
        self.engine
            .write_batch(&mut self.batch.iter(), checkpoint)
            .context(|| format!("restore store `{}` to offset {}", self.name, last.offset))?;
        self.drop_expired()
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    /// What the engine refuses.
    pub fn flush(&mut self) -> Result<()> {
        self.engine.flush().context(|| format!("flush store `{}`", self.name))
    }

    /// The stream time for a checkpoint.
    pub(super) fn known_stream_time(&self) -> Option<Timestamp> {
        (self.stream_time > Timestamp::UNKNOWN).then_some(self.stream_time)
    }

    /// Drops the segments whose every row is past the retention.
    pub(super) fn drop_expired(&mut self) -> Result<()> {
        match (self.schema.window(), self.known_stream_time()) {
            (Some(shape), Some(time)) => self
                .engine
                .drop_segments_before(shape.segment(shape.earliest_live(time)))
                .context(|| format!("drop expired segments of store `{}`", self.name)),
            _ => Ok(()),
        }
    }

    fn stage(&mut self, record: ChangelogRow<'_>) -> Result<()> {
        let key = match self.schema.keys {
            KeyShape::Plain => record.key,
            KeyShape::Window(shape) => {
                let Some(start) = shape.inner_key(record.key, &mut self.key) else {
                    let length = record.key.len();
                    let message = format!("store `{}`: changelog key of {length} bytes is no window key", self.name);
                    return Err(Error::new(ErrorKind::Corrupt, message));
                };
                self.stream_time = self.stream_time.max(start);
                if start < shape.earliest_live(self.stream_time) {
                    return Ok(());
                }
                &self.key
            }
        };
        match (self.schema.values, record.value) {
            (ValueShape::Timestamped, Some(value)) => {
                self.row.clear();
                self.row.extend_from_slice(&record.timestamp.0.to_be_bytes());
                self.row.extend_from_slice(value);
                self.batch.push(key, Some(&self.row));
            }
            (_, value) => self.batch.push(key, value),
        }
        Ok(())
    }
}

impl fmt::Debug for RestoringStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RestoringStore").field("name", &self.name).field("schema", &self.schema).finish_non_exhaustive()
    }
}

//! What the typed stores share: the layers behind one cell, buffers to encode into, and the two serdes.
//!
//! A typed method encodes into a buffer, calls a byte method of [`Layers`] and decodes from the store's own memory.
//! The generic part is a few lines; the work is in code that is compiled once. Nothing here is allocated per record.
//!
//! Invariant: no borrow of a store outlives a call. Serdes run while the store is borrowed and cannot reach it.

use std::cell::{Cell, RefCell, RefMut};
use std::fmt;
use std::rc::Rc;

use super::layers::Layers;
use super::schema::{push_window_suffix, split_timestamped, split_window_key, WindowShape};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::serde::{SerdeRef, ValueAndTimestamp, Window, Windowed};
use crate::time::Timestamp;

/// A store as its typed handles share it.
pub(crate) struct Shared {
    name: Rc<str>,
    layers: RefCell<Layers>,
    buffers: RefCell<Buffers>,
    put_count: Cell<u64>,
    get_count: Cell<u64>,
}

#[derive(Default)]
struct Buffers {
    key: Vec<u8>,
    row: Vec<u8>,
}

impl Shared {
    pub(super) fn new(layers: Layers) -> Rc<Self> {
        Rc::new(Self {
            name: layers.name().into(),
            layers: RefCell::new(layers),
            buffers: RefCell::default(),
            put_count: Cell::new(0),
            get_count: Cell::new(0),
        })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The layers, for one call.
    #[inline]
    pub(super) fn layers(&self) -> RefMut<'_, Layers> {
        self.layers.borrow_mut()
    }

    /// How many rows were written and read through typed handles.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.put_count.get(), self.get_count.get())
    }

    fn count(counter: &Cell<u64>) {
        counter.set(counter.get() + 1);
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A typed handle.
pub(super) struct Handle<K, V> {
    pub(super) shared: Rc<Shared>,
    pub(super) keys: SerdeRef<K>,
    pub(super) values: SerdeRef<V>,
}

impl<K, V> Clone for Handle<K, V> {
    fn clone(&self) -> Self {
        Self { shared: Rc::clone(&self.shared), keys: self.keys.clone(), values: self.values.clone() }
    }
}

impl<K, V> fmt::Debug for Handle<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handle").field(&self.shared.name()).finish()
    }
}

impl<K: 'static, V: 'static> Handle<K, V> {
    /// Reads the row of a key and lets `decode` look at it.
    #[inline]
    pub(super) fn read<R>(&self, key: &K, decode: impl FnOnce(&[u8]) -> Result<R>) -> Result<Option<R>> {
        let buffers = &mut *self.shared.buffers.borrow_mut();
        self.encode_key(key, &mut buffers.key)?;
        self.read_bytes(&buffers.key, decode)
    }

    /// The same for the row of a key and a window start.
    #[inline]
    pub(super) fn read_window<R>(
        &self,
        key: &K,
        start: Timestamp,
        decode: impl FnOnce(&[u8]) -> Result<R>,
    ) -> Result<Option<R>> {
        if start.0 < 0 {
            return Ok(None);
        }
        let buffers = &mut *self.shared.buffers.borrow_mut();
        self.encode_window_key(key, start, &mut buffers.key)?;
        Shared::count(&self.shared.get_count);
        let mut layers = self.shared.layers();
        let read = match layers.get_window(&buffers.key, start)? {
            Some(row) => decode(&row).map(Some),
            None => return Ok(None),
        };
        read.map_err(|error| self.broken_row(error))
    }

    #[inline]
    fn read_bytes<R>(&self, key: &[u8], decode: impl FnOnce(&[u8]) -> Result<R>) -> Result<Option<R>> {
        Shared::count(&self.shared.get_count);
        let mut layers = self.shared.layers();
        let read = match layers.get(key)? {
            Some(row) => decode(&row).map(Some),
            None => return Ok(None),
        };
        read.map_err(|error| self.broken_row(error))
    }

    /// Writes the row of a key; `encode` appends its bytes and says whether there are any.
    #[inline]
    pub(super) fn write(&self, key: &K, encode: impl FnOnce(&mut Vec<u8>) -> Result<bool>) -> Result<()> {
        let buffers = &mut *self.shared.buffers.borrow_mut();
        self.encode_key(key, &mut buffers.key)?;
        let row = self.encode_row(&mut buffers.row, encode)?;
        self.shared.layers().put(&buffers.key, row)
    }

    /// The same for the row of a key and a window start.
    #[inline]
    pub(super) fn write_window(
        &self,
        key: &K,
        start: Timestamp,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<bool>,
    ) -> Result<()> {
        if start.0 < 0 {
            let message = format!("store `{}`: the window start {start} is negative", self.shared.name());
            return Err(Error::new(ErrorKind::Processing, message));
        }
        let buffers = &mut *self.shared.buffers.borrow_mut();
        self.encode_window_key(key, start, &mut buffers.key)?;
        let row = self.encode_row(&mut buffers.row, encode)?;
        self.shared.layers().put_window(&buffers.key, start, row)
    }

    #[inline]
    fn encode_row<'b>(
        &self,
        row: &'b mut Vec<u8>,
        encode: impl FnOnce(&mut Vec<u8>) -> Result<bool>,
    ) -> Result<Option<&'b [u8]>> {
        Shared::count(&self.shared.put_count);
        row.clear();
        let has_value = encode(row).context(|| format!("write a value to store `{}`", self.shared.name()))?;
        Ok(has_value.then_some(row.as_slice()))
    }

    /// Encodes a key alone into an empty buffer.
    #[inline]
    pub(super) fn encode_key(&self, key: &K, out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        self.append_key(key, out)
    }

    #[inline]
    fn encode_window_key(&self, key: &K, start: Timestamp, out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        self.window_shape()?.push_segment(out, start);
        self.append_key(key, out)?;
        push_window_suffix(out, start);
        Ok(())
    }

    #[inline]
    fn append_key(&self, key: &K, out: &mut Vec<u8>) -> Result<()> {
        if self.keys.is_null(key) {
            let message = format!("store `{}`: the key is null", self.shared.name());
            return Err(Error::new(ErrorKind::Processing, message));
        }
        self.keys.serialize(key, out).context(|| format!("write a key to store `{}`", self.shared.name()))
    }

    #[inline]
    pub(super) fn window_shape(&self) -> Result<WindowShape> {
        self.shared.layers().window()
    }

    #[cold]
    fn broken_row(&self, error: Error) -> Error {
        error.context(format!("read a value of store `{}`", self.shared.name()))
    }
}

/// Decodes a timestamped row.
#[inline]
pub(super) fn decode_timestamped<V: 'static>(values: &SerdeRef<V>, row: &[u8]) -> Result<ValueAndTimestamp<V>> {
    let (timestamp, value) = require_timestamp(row)?;
    Ok(ValueAndTimestamp::new(values.deserialize(value)?, timestamp))
}

/// The two parts of a timestamped row.
#[inline]
pub(super) fn require_timestamp(row: &[u8]) -> Result<(Timestamp, &[u8])> {
    split_timestamped(row)
        .ok_or_else(|| Error::new(ErrorKind::Corrupt, format!("a row of {} bytes holds no timestamp", row.len())))
}

/// Decodes an inner window key.
pub(super) fn decode_windowed<K: 'static>(keys: &SerdeRef<K>, shape: WindowShape, key: &[u8]) -> Result<Windowed<K>> {
    let (key, start) = require_window_key(key)?;
    Ok(Windowed::new(keys.deserialize(key)?, Window::new(start, shape.end(start))))
}

/// The two parts of an inner window key.
pub(super) fn require_window_key(key: &[u8]) -> Result<(&[u8], Timestamp)> {
    split_window_key(key)
        .ok_or_else(|| Error::new(ErrorKind::Corrupt, format!("a key of {} bytes is no window key", key.len())))
}

//! Bytes to primitives and back: a bounded [`Reader`] over one frame and a [`Writer`] that builds one.
//!
//! The reader never panics, never reads past its frame and never sizes an allocation by a number it read: arrays grow
//! as their elements arrive, and what a frame may unfold to in memory is bounded by its own length
//! ([`DECODED_BYTES_PER_FRAME_BYTE_MAX`]). Payloads are slices of the frame, not copies.
//!
//! The writer keeps the first failure and reports it at the end, so that message code has no error paths of its own.
//! Large payloads are not copied: a [`Frame`] lists them between the bytes around them.

use bytes::Bytes;
use uuid::Uuid;

use super::api::ApiKey;
use crate::error::{Error, ErrorKind, Result};

/// How many bytes of memory one byte of a frame may unfold to. The widest honest message, a fetch response of
/// partitions without records, needs 5; an array of empty strings would reach 40.
pub(crate) const DECODED_BYTES_PER_FRAME_BYTE_MAX: usize = 8;

/// What a frame may unfold to whatever its length: short frames with many defaults in them are honest.
pub(crate) const DECODED_BYTES_FREE: usize = 256 << 10;

/// Payloads from this size on are listed in a [`Frame`] instead of copied; below, copying is cheaper than another
/// entry in a vectored write.
const PAYLOAD_SHARED_BYTES_MIN: usize = 4 << 10;

/// How many elements of an array are reserved before the first one is read.
const ARRAY_RESERVED_MAX: usize = 64;

/// Reads primitives from one frame, in the encoding of one API version.
#[derive(Debug)]
pub(crate) struct Reader {
    frame: Bytes,
    at: usize,
    end: usize,
    kind: &'static str,
    api: i16,
    version: i16,
    flexible: bool,
    budget: usize,
}

impl Reader {
    /// A reader at the start of a frame. `kind` is "request" or "response" and goes into error messages.
    pub(crate) fn new(frame: Bytes, kind: &'static str) -> Self {
        let end = frame.len();
        let budget = end.saturating_mul(DECODED_BYTES_PER_FRAME_BYTE_MAX).saturating_add(DECODED_BYTES_FREE);
        Self { frame, at: 0, end, kind, api: -1, version: -1, flexible: false, budget }
    }

    /// Sets which API and version the rest is decoded as.
    pub(crate) fn set_api(&mut self, api: i16, version: i16, flexible: bool) {
        (self.api, self.version, self.flexible) = (api, version, flexible);
    }

    pub(crate) fn version(&self) -> i16 {
        self.version
    }

    pub(crate) fn flexible(&self) -> bool {
        self.flexible
    }

    pub(crate) fn remaining(&self) -> usize {
        self.end - self.at
    }

    /// The error for bytes that do not decode, with the place reached.
    #[cold]
    pub(crate) fn malformed(&self, why: impl std::fmt::Display) -> Error {
        let Self { kind, api, version, at, .. } = self;
        Error::new(ErrorKind::Corrupt, format!("malformed {kind} api={api} v={version} at byte {at}: {why}"))
    }

    /// Fails unless everything was read.
    pub(crate) fn finish(&self) -> Result<()> {
        match self.remaining() {
            0 => Ok(()),
            left => Err(self.malformed(format_args!("{left} bytes left after the last field"))),
        }
    }

    fn advance(&mut self, len: usize, what: &str) -> Result<usize> {
        if len > self.remaining() {
            let left = self.remaining();
            return Err(self.malformed(format_args!("{what} needs {len} bytes and {left} are left")));
        }
        let start = self.at;
        self.at += len;
        Ok(start)
    }

    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N]> {
        let start = self.advance(N, what)?;
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.frame[start..start + N]);
        Ok(bytes)
    }

    pub(crate) fn i8(&mut self) -> Result<i8> {
        Ok(i8::from_be_bytes(self.array("an i8")?))
    }

    pub(crate) fn i16(&mut self) -> Result<i16> {
        Ok(i16::from_be_bytes(self.array("an i16")?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16> {
        Ok(u16::from_be_bytes(self.array("a u16")?))
    }

    pub(crate) fn i32(&mut self) -> Result<i32> {
        Ok(i32::from_be_bytes(self.array("an i32")?))
    }

    pub(crate) fn i64(&mut self) -> Result<i64> {
        Ok(i64::from_be_bytes(self.array("an i64")?))
    }

    pub(crate) fn uuid(&mut self) -> Result<Uuid> {
        Ok(Uuid::from_bytes(self.array("a uuid")?))
    }

    /// An unsigned varint of at most 32 bits in at most five bytes.
    pub(crate) fn uvarint(&mut self) -> Result<u32> {
        let mut value = 0_u32;
        for shift in [0, 7, 14, 21, 28] {
            let [byte] = self.array("a varint")?;
            let bits = u32::from(byte & 0x7f);
            if shift == 28 && byte > 0x0f {
                return Err(self.malformed("varint of more than 32 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(self.malformed("overlong varint"));
                }
                return Ok(value);
            }
        }
        Err(self.malformed("varint of more than five bytes"))
    }

    /// A length in the encoding of this version: `None` is null. Never more than what is left, one byte an element.
    fn length(&mut self, short: bool, what: &str) -> Result<Option<usize>> {
        let length = match (self.flexible, short) {
            (true, _) => i64::from(self.uvarint()?) - 1,
            (false, true) => i64::from(self.i16()?),
            (false, false) => i64::from(self.i32()?),
        };
        if length == -1 {
            return Ok(None);
        }
        match usize::try_from(length) {
            Ok(length) if length <= self.remaining() => Ok(Some(length)),
            Ok(length) => {
                let left = self.remaining();
                Err(self.malformed(format_args!("{what} of length {length} does not fit in the {left} bytes left")))
            }
            Err(_) => Err(self.malformed(format_args!("{what} of negative length {length}"))),
        }
    }

    fn charge(&mut self, bytes: usize, what: &str) -> Result<()> {
        match self.budget.checked_sub(bytes) {
            Some(left) => self.budget = left,
            None => {
                let factor = DECODED_BYTES_PER_FRAME_BYTE_MAX;
                return Err(self.malformed(format_args!("{what} unfolds to more than {factor} times the frame")));
            }
        }
        Ok(())
    }

    pub(crate) fn nullable_string(&mut self) -> Result<Option<String>> {
        let Some(length) = self.length(true, "string")? else { return Ok(None) };
        self.charge(length, "string")?;
        match std::str::from_utf8(&self.frame[self.at..self.at + length]) {
            Ok(text) => {
                let text = text.to_owned();
                self.at += length;
                Ok(Some(text))
            }
            Err(error) => Err(self.malformed(format_args!("string is not UTF-8: {error}"))),
        }
    }

    /// Bytes as a slice of the frame.
    pub(crate) fn nullable_bytes(&mut self) -> Result<Option<Bytes>> {
        let Some(length) = self.length(false, "bytes")? else { return Ok(None) };
        let start = self.advance(length, "bytes")?;
        Ok(Some(self.frame.slice(start..start + length)))
    }

    /// An array whose elements `read` decodes.
    pub(crate) fn nullable_array<T>(&mut self, mut read: impl FnMut(&mut Self) -> Result<T>) -> Result<Option<Vec<T>>> {
        let Some(length) = self.length(false, "array")? else { return Ok(None) };
        let mut elements = Vec::with_capacity(length.min(ARRAY_RESERVED_MAX));
        for _ in 0..length {
            self.charge(size_of::<T>(), "array")?;
            elements.push(read(self)?);
        }
        Ok(Some(elements))
    }

    /// The tagged fields at the end of a struct. `read` returns false for a tag it does not know, which is skipped.
    pub(crate) fn tagged_fields(&mut self, mut read: impl FnMut(&mut Self, u32) -> Result<bool>) -> Result<()> {
        let mut last = None;
        for _ in 0..self.uvarint()? {
            let tag = self.uvarint()?;
            if last.is_some_and(|last| tag <= last) {
                return Err(self.malformed(format_args!("tag {tag} is out of order")));
            }
            last = Some(tag);
            let size = self.uvarint()?;
            let start = match usize::try_from(size) {
                Ok(size) => self.advance(size, "a tagged field")?,
                Err(_) => return Err(self.malformed(format_args!("tagged field of {size} bytes"))),
            };
            let (after, end) = (self.at, self.end);
            (self.at, self.end) = (start, after);
            if read(self, tag)? {
                self.finish()?;
            }
            (self.at, self.end) = (after, end);
        }
        Ok(())
    }
}

/// Builds one frame, in the encoding of one API version.
#[derive(Debug)]
pub(crate) struct Writer {
    out: Vec<u8>,
    payloads: Vec<(usize, Bytes)>,
    shares_payloads: bool,
    version: i16,
    flexible: bool,
    strict: bool,
    error: Option<String>,
}

impl Writer {
    /// A writer whose frame starts with room for its size. A strict writer (requests) refuses values that the version
    /// cannot carry; the other (responses) leaves them out, as a broker answers old clients.
    pub(crate) fn new(strict: bool) -> Self {
        Self {
            out: vec![0; 4],
            payloads: Vec::new(),
            shares_payloads: true,
            version: -1,
            flexible: false,
            strict,
            error: None,
        }
    }

    /// Sets which version the rest is encoded as.
    pub(crate) fn set_version(&mut self, version: i16, flexible: bool) {
        (self.version, self.flexible) = (version, flexible);
    }

    pub(crate) fn version(&self) -> i16 {
        self.version
    }

    pub(crate) fn flexible(&self) -> bool {
        self.flexible
    }

    pub(crate) fn strict(&self) -> bool {
        self.strict
    }

    /// Notes that a value cannot be encoded; the first one is reported by [`Self::finish`].
    #[cold]
    pub(crate) fn fail(&mut self, why: String) {
        self.error.get_or_insert(why);
    }

    /// The frame with its size in front.
    pub(crate) fn finish(mut self, kind: &str, api: ApiKey) -> Result<Frame> {
        let payload_len: usize = self.payloads.iter().map(|(_, payload)| payload.len()).sum();
        let size = self.out.len() - 4 + payload_len;
        match i32::try_from(size) {
            Ok(size) => self.out[..4].copy_from_slice(&size.to_be_bytes()),
            Err(_) => self.fail(format!("{size} bytes do not fit in one frame")),
        }
        match self.error {
            None => Ok(Frame::new(self.out.into(), self.payloads)),
            Some(why) => {
                let version = self.version;
                Err(Error::new(ErrorKind::Refused, format!("encode {api} {kind} v={version}: {why}")))
            }
        }
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// An unsigned varint.
    pub(crate) fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.out.push((value & 0x7f) as u8 | 0x80);
            value >>= 7;
        }
        self.out.push(value as u8);
    }

    fn length(&mut self, length: Option<usize>, short: bool, what: &str) {
        let max = if short && !self.flexible { i16::MAX as usize } else { i32::MAX as usize - 1 };
        let length = match length {
            Some(length) if length > max => {
                self.fail(format!("{what} of length {length} is longer than {max}"));
                Some(0)
            }
            length => length,
        };
        match (self.flexible, short) {
            (true, _) => self.uvarint(length.map_or(0, |length| length as u32 + 1)),
            (false, true) => self.put(&length.map_or(-1, |length| length as i16).to_be_bytes()),
            (false, false) => self.put(&length.map_or(-1, |length| length as i32).to_be_bytes()),
        }
    }

    pub(crate) fn nullable_string(&mut self, text: Option<&str>) {
        self.length(text.map(str::len), true, "string");
        self.put(text.unwrap_or_default().as_bytes());
    }

    /// Bytes; large ones are shared with the frame instead of copied.
    pub(crate) fn nullable_bytes(&mut self, bytes: Option<&Bytes>) {
        self.length(bytes.map(Bytes::len), false, "bytes");
        match bytes {
            Some(payload) if payload.len() >= PAYLOAD_SHARED_BYTES_MIN && self.shares_payloads => {
                self.payloads.push((self.out.len(), payload.clone()));
            }
            Some(payload) => self.put(payload),
            None => {}
        }
    }

    pub(crate) fn nullable_array<T>(&mut self, elements: Option<&[T]>, mut write: impl FnMut(&mut Self, &T)) {
        self.length(elements.map(<[T]>::len), false, "array");
        for element in elements.unwrap_or_default() {
            write(self, element);
        }
    }

    /// One tagged field: tag, size and what `write` writes.
    pub(crate) fn tagged_field(&mut self, tag: u32, write: impl FnOnce(&mut Self)) {
        let before = std::mem::take(&mut self.out);
        let shared = std::mem::replace(&mut self.shares_payloads, false);
        write(self);
        self.shares_payloads = shared;
        let field = std::mem::replace(&mut self.out, before);
        self.uvarint(tag);
        match u32::try_from(field.len()) {
            Ok(size) => self.uvarint(size),
            Err(_) => self.fail(format!("tagged field {tag} of {} bytes is too long", field.len())),
        }
        self.put(&field);
    }
}

/// An encoded request or response, its size in front: parts to be sent one after another.
///
/// Large payloads (record batches) are parts of their own that share memory with the message they came from.
#[derive(Debug, Clone)]
pub struct Frame {
    parts: Vec<Bytes>,
}

impl Frame {
    fn new(out: Bytes, payloads: Vec<(usize, Bytes)>) -> Self {
        let mut parts = Vec::with_capacity(payloads.len() * 2 + 1);
        let mut from = 0;
        for (at, payload) in payloads {
            if at > from {
                parts.push(out.slice(from..at));
            }
            parts.push(payload);
            from = at;
        }
        if from < out.len() {
            parts.push(out.slice(from..));
        }
        Self { parts }
    }

    /// The parts in order, for a vectored write.
    pub fn parts(&self) -> &[Bytes] {
        &self.parts
    }

    /// The parts in order.
    pub fn into_parts(self) -> Vec<Bytes> {
        self.parts
    }

    /// How many bytes go on the wire, the four of the size included.
    pub fn wire_len(&self) -> usize {
        self.parts.iter().map(Bytes::len).sum()
    }

    /// Everything in one piece; copies payloads.
    pub fn to_vec(&self) -> Vec<u8> {
        self.parts.concat()
    }

    /// What the receiver decodes: everything after the size, in one piece; copies payloads.
    pub fn to_payload(&self) -> Bytes {
        Bytes::from(self.to_vec()).slice(4..)
    }
}

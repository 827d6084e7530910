//! Reads a segment file through a window of memory: headers and batches at ascending positions, few system calls.

use std::io;

use streams_core::Offset;

use super::batch::{BadHeader, BatchHeader, HEADER_BYTES};
use crate::disk::DiskFile;

/// The window for a walk over headers: an index points at most about this far before the batch sought.
pub(super) const WALK_BYTES: usize = 8 << 10;

/// The window for reading a whole segment.
pub(super) const SCAN_BYTES: usize = 256 << 10;

/// A window over the first `size` bytes of a file.
pub(super) struct Window<'a> {
    file: &'a dyn DiskFile,
    size: u64,
    step_bytes: usize,
    start: u64,
    buffer: Vec<u8>,
}

/// Why there is no batch at a position.
#[derive(Debug)]
pub(super) enum NoBatch {
    /// The bytes are not a batch.
    Malformed(BadHeader),
    /// The batch is longer than what is left of the file.
    Torn,
    /// The checksum is wrong.
    Checksum,
    /// The batch does not continue the one before it.
    Offset {
        /// The offset that was due.
        expected: Offset,
        /// The batch's base offset.
        found: Offset,
    },
    /// The disk failed.
    Io(io::Error),
}

impl std::fmt::Display for NoBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Malformed(bad) => bad.fmt(f),
            Self::Torn => f.write_str("the batch is longer than the file"),
            Self::Checksum => f.write_str("the checksum of the batch is wrong"),
            Self::Offset { expected, found } => write!(f, "the batch starts at offset {found} where {expected} is due"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl<'a> Window<'a> {
    pub(super) fn new(file: &'a dyn DiskFile, size: u64, step_bytes: usize) -> Self {
        Self { file, size, step_bytes, start: 0, buffer: Vec::new() }
    }

    /// The header of the batch at `at`, and whether the whole batch is in the file.
    pub(super) fn header(&mut self, at: u64) -> Result<BatchHeader, NoBatch> {
        let left = self.size.saturating_sub(at);
        let header =
            BatchHeader::read(self.bytes(at, HEADER_BYTES).map_err(NoBatch::Io)?).map_err(NoBatch::Malformed)?;
        if to_u64(header.size) > left {
            return Err(NoBatch::Torn);
        }
        Ok(header)
    }

    /// The whole batch at `at`, its checksum verified.
    pub(super) fn batch(&mut self, at: u64) -> Result<(BatchHeader, &[u8]), NoBatch> {
        let header = self.header(at)?;
        let bytes = self.bytes(at, header.size).map_err(NoBatch::Io)?;
        if bytes.len() < header.size {
            return Err(NoBatch::Torn);
        }
        if !super::batch::checksum_matches(bytes, &header) {
            return Err(NoBatch::Checksum);
        }
        Ok((header, bytes))
    }

    /// Up to `len` bytes at `at`; fewer only where the file ends. `len` is at most what is left of the file, or small.
    fn bytes(&mut self, at: u64, len: usize) -> io::Result<&[u8]> {
        let len = len.min(usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX));
        let inside = at.checked_sub(self.start).and_then(|skip| usize::try_from(skip).ok());
        let inside = inside.filter(|skip| skip.checked_add(len).is_some_and(|end| end <= self.buffer.len()));
        let skip = match inside {
            Some(skip) => skip,
            None => {
                let left = usize::try_from(self.size.saturating_sub(at)).unwrap_or(usize::MAX);
                self.buffer.resize(len.max(self.step_bytes).min(left), 0);
                let read = self.file.read_at(&mut self.buffer, at)?;
                self.buffer.truncate(read);
                self.start = at;
                0
            }
        };
        let end = (skip + len).min(self.buffer.len());
        Ok(&self.buffer[skip.min(end)..end])
    }
}

/// A length as a file position; they never differ on the machines this runs on.
pub(super) fn to_u64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

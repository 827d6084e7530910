//! The four codecs of batches. Whatever the bytes claim, decompression stops at the limit of its [`Scratch`].

use std::fmt::Display;
use std::io::{Read, Write};

use super::BatchError;
use crate::protocol::codes::ErrorCode;

/// What the records of one batch may decompress to, unless a [`Scratch`] says less. Kafka's default batch is 1 MiB;
/// this leaves room for text that compresses well in batches far above that.
pub const DECOMPRESSED_BYTES_MAX: usize = 64 << 20;

/// The largest zstd window, as a power of two: 8 MiB, what level 19 uses. A decoder allocates the window that a frame
/// asks for, whatever the frame holds.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;

/// The level at which Kafka's producers compress with zstd by default.
const ZSTD_LEVEL: i32 = 3;

/// One byte of snappy unfolds to 22 at most (a copy of 64 bytes takes three); more is a lie about the length.
const SNAPPY_RATIO_MAX: usize = 32;

/// How Java's snappy frames blocks: these bytes, then two versions, then blocks behind their length.
const XERIAL_MAGIC: [u8; 8] = *b"\x82SNAPPY\0";
const XERIAL_HEADER_LEN: usize = 16;
const XERIAL_BLOCK_LEN: usize = 32 << 10;

/// What stays allocated in a [`Scratch`] between batches.
const SCRATCH_KEPT_BYTES: usize = 4 << 20;

/// How the records of a batch are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    #[default]
    None,
    /// gzip.
    Gzip,
    /// Snappy: blocks in the framing of Java's library; one raw block is read, too.
    Snappy,
    /// LZ4 frames.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Compression {
    /// The codec with a name of the setting `compression.type`.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::None, Self::Gzip, Self::Snappy, Self::Lz4, Self::Zstd].into_iter().find(|codec| codec.name() == name)
    }

    /// The name in the setting `compression.type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gzip",
            Self::Snappy => "snappy",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    pub(super) fn bits(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    pub(super) fn from_bits(attributes: i16) -> Result<Self, BatchError> {
        match attributes & 7 {
            0 => Ok(Self::None),
            1 => Ok(Self::Gzip),
            2 => Ok(Self::Snappy),
            3 => Ok(Self::Lz4),
            4 => Ok(Self::Zstd),
            bits => {
                let message = format!("compression type {bits} does not exist");
                Err(BatchError::new(ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, message))
            }
        }
    }
}

/// Where compressed records are unfolded, up to a limit. One per reader, used for batch after batch.
#[derive(Debug)]
pub struct Scratch {
    out: Vec<u8>,
    bytes_max: usize,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::with_limit(DECOMPRESSED_BYTES_MAX)
    }
}

impl Scratch {
    /// A scratch that refuses batches which unfold to more bytes than this.
    pub fn with_limit(bytes_max: usize) -> Self {
        Self { out: Vec::new(), bytes_max }
    }

    /// Unfolds a block.
    pub(super) fn decompress(&mut self, compression: Compression, block: &[u8]) -> Result<&[u8], BatchError> {
        self.out.clear();
        self.out.shrink_to(SCRATCH_KEPT_BYTES);
        let what = compression.name();
        match compression {
            Compression::None => self.out.extend_from_slice(block),
            Compression::Gzip => self.read(what, flate2::read::GzDecoder::new(block))?,
            Compression::Snappy => self.unsnap(block)?,
            Compression::Lz4 => self.read(what, lz4_flex::frame::FrameDecoder::new(block))?,
            Compression::Zstd => {
                let mut decoder =
                    zstd::stream::read::Decoder::with_buffer(block).map_err(|error| undecodable(what, error))?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|error| undecodable(what, error))?;
                self.read(what, decoder)?;
            }
        }
        Ok(&self.out)
    }

    fn read(&mut self, what: &str, reader: impl Read) -> Result<(), BatchError> {
        let stop = u64::try_from(self.bytes_max).unwrap_or(u64::MAX).saturating_add(1);
        reader.take(stop).read_to_end(&mut self.out).map_err(|error| undecodable(what, error))?;
        if self.out.len() > self.bytes_max {
            Err(self.too_large(what))
        } else {
            Ok(())
        }
    }

    #[cold]
    fn too_large(&self, what: &str) -> BatchError {
        let message = format!("{what} block unfolds to more than {} bytes", self.bytes_max);
        BatchError::new(ErrorCode::INVALID_RECORD, message)
    }

    fn unsnap(&mut self, block: &[u8]) -> Result<(), BatchError> {
        if !block.starts_with(&XERIAL_MAGIC) {
            return self.unsnap_raw(block);
        }
        let mut rest = block.get(XERIAL_HEADER_LEN..).ok_or_else(|| undecodable("snappy", "header is cut off"))?;
        while let Some((length, after)) = rest.split_first_chunk() {
            let length = usize::try_from(i32::from_be_bytes(*length)).ok();
            let Some((raw, after)) = length.and_then(|length| after.split_at_checked(length)) else {
                return Err(undecodable("snappy", "block goes past the batch"));
            };
            self.unsnap_raw(raw)?;
            rest = after;
        }
        if rest.is_empty() {
            Ok(())
        } else {
            Err(undecodable("snappy", "length of a block is cut off"))
        }
    }

    fn unsnap_raw(&mut self, raw: &[u8]) -> Result<(), BatchError> {
        let length = snap::raw::decompress_len(raw).map_err(|error| undecodable("snappy", error))?;
        if length > self.bytes_max.saturating_sub(self.out.len()) {
            return Err(self.too_large("snappy"));
        }
        if length > raw.len().saturating_mul(SNAPPY_RATIO_MAX) {
            return Err(undecodable("snappy", format_args!("{} bytes claim to unfold to {length}", raw.len())));
        }
        let start = self.out.len();
        self.out.resize(start + length, 0);
        let decoded = snap::raw::Decoder::new().decompress(raw, &mut self.out[start..]);
        decoded.map(|_| ()).map_err(|error| undecodable("snappy", error))
    }
}

/// Compresses records and appends the block to `out`.
pub(super) fn compress(compression: Compression, records: &[u8], out: &mut Vec<u8>) -> Result<(), BatchError> {
    let what = compression.name();
    let failed = |error: std::io::Error| uncompressable(what, error);
    match compression {
        Compression::None => out.extend_from_slice(records),
        Compression::Gzip => {
            let mut encoder = flate2::write::GzEncoder::new(out, flate2::Compression::default());
            encoder.write_all(records).and_then(|()| encoder.finish()).map_err(failed)?;
        }
        Compression::Snappy => snap(records, out)?,
        Compression::Lz4 => {
            let info = lz4_flex::frame::FrameInfo::new()
                .block_size(lz4_flex::frame::BlockSize::Max64KB)
                .block_mode(lz4_flex::frame::BlockMode::Independent);
            let mut encoder = lz4_flex::frame::FrameEncoder::with_frame_info(info, out);
            encoder.write_all(records).map_err(failed)?;
            encoder.finish().map_err(|error| uncompressable(what, error))?;
        }
        Compression::Zstd => {
            let mut encoder = zstd::stream::write::Encoder::new(out, ZSTD_LEVEL).map_err(failed)?;
            encoder.write_all(records).and_then(|()| encoder.finish()).map_err(failed)?;
        }
    }
    Ok(())
}

fn snap(records: &[u8], out: &mut Vec<u8>) -> Result<(), BatchError> {
    out.extend_from_slice(&XERIAL_MAGIC);
    out.extend_from_slice(&1_i32.to_be_bytes());
    out.extend_from_slice(&1_i32.to_be_bytes());
    let mut encoder = snap::raw::Encoder::new();
    for block in records.chunks(XERIAL_BLOCK_LEN) {
        let at = out.len();
        out.resize(at + 4 + snap::raw::max_compress_len(block.len()), 0);
        let length = encoder.compress(block, &mut out[at + 4..]).map_err(|error| uncompressable("snappy", error))?;
        let field = i32::try_from(length).map_err(|error| uncompressable("snappy", error))?;
        out[at..at + 4].copy_from_slice(&field.to_be_bytes());
        out.truncate(at + 4 + length);
    }
    Ok(())
}

#[cold]
fn undecodable(what: &str, why: impl Display) -> BatchError {
    BatchError::new(ErrorCode::INVALID_RECORD, format!("{what} block does not decompress: {why}"))
}

#[cold]
fn uncompressable(what: &str, why: impl Display) -> BatchError {
    BatchError::new(ErrorCode::INVALID_RECORD, format!("compress records with {what}: {why}"))
}

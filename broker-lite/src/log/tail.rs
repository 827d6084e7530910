//! The newest batches of a log in memory, as they were appended: consumers that keep up read shared bytes.
//!
//! Chunks are contiguous in offsets, oldest first; one chunk is one append. The oldest go when the bytes exceed the
//! limit. The cache may be empty or cleared at any time: it is never the only copy.

use std::collections::VecDeque;

use bytes::Bytes;
use streams_core::Offset;

/// One append.
#[derive(Debug, Clone)]
pub(super) struct Chunk {
    pub(super) base: Offset,
    pub(super) end: Offset,
    pub(super) bytes: Bytes,
}

/// The newest appends, up to a number of bytes.
#[derive(Debug, Default)]
pub(super) struct Tail {
    chunks: VecDeque<Chunk>,
    bytes: usize,
}

impl Tail {
    /// Adds an append and lets the oldest go.
    pub(super) fn push(&mut self, chunk: Chunk, bytes_max: usize) {
        if self.chunks.back().is_some_and(|last| last.end != chunk.base) {
            self.clear();
        }
        self.bytes += chunk.bytes.len();
        self.chunks.push_back(chunk);
        while self.bytes > bytes_max {
            let Some(oldest) = self.chunks.pop_front() else { break };
            self.bytes -= oldest.bytes.len();
        }
    }

    /// The chunks from the one that holds `offset` on; none when it is not in memory.
    pub(super) fn from(&self, offset: Offset) -> impl Iterator<Item = &Chunk> + '_ {
        let at = self.chunks.partition_point(|chunk| chunk.end <= offset);
        let hit = self.chunks.get(at).is_some_and(|chunk| chunk.base <= offset);
        self.chunks.range(if hit { at } else { self.chunks.len() }..)
    }

    pub(super) fn clear(&mut self) {
        self.chunks.clear();
        self.bytes = 0;
    }
}

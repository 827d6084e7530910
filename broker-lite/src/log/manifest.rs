//! What a log knows of itself across restarts: the small file `log-state`, replaced in one durable step.
//!
//! ```text
//! log-state 1
//! log_start 100
//! recovery_point 2345
//! sparse_to 0
//! cleaned_to 0
//! segment 0 1000 1048000 1700000000000       base, end, bytes, largest timestamp; ascending
//! segment 1000 2345 900000 1700000360000     the last may have grown since
//! swap 0 1000 500000 1700000000000           a compacted file is to replace the segments of [base, end)
//! crc32c 1a2b3c4d                            of everything above
//! ```
//!
//! Everything below `recovery_point` was on disk before the file said so. Recovery holds those bytes to their word and
//! may cut only above. The list makes a missing or shortened segment visible without reading any. Replacing this file
//! is what commits retention, deletion of records and compaction.

use std::io;
use std::path::Path;

use crc_fast::{checksum, CrcAlgorithm};
use streams_core::{Error, ErrorKind, Offset, Result, ResultExt as _, Timestamp};

use crate::disk::{read_file, replace_file, Disk};

/// The file's name within the directory of a log.
pub(super) const MANIFEST_FILE: &str = "log-state";

/// The longest file: some 200,000 segments, 200 TB of one partition in segments of the default size.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;

const HEADING: &str = "log-state 1";

/// One segment as it was when the manifest was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentFacts {
    pub(super) base: Offset,
    /// The offset after the last.
    pub(super) end: Offset,
    pub(super) bytes: u64,
    pub(super) max_timestamp: Timestamp,
}

/// The content of the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    /// The first offset that readers may ask for.
    pub(super) log_start: Offset,
    /// Everything before is durable.
    pub(super) recovery_point: Offset,
    /// In segments that start before it, compaction may have made gaps.
    pub(super) sparse_to: Offset,
    /// Everything before was compacted: no key there has an older record before it.
    pub(super) cleaned_to: Offset,
    /// The segments below the recovery point.
    pub(super) segments: Vec<SegmentFacts>,
    /// A compacted file that is ready to take the place of the segments in its range.
    pub(super) swap: Option<SegmentFacts>,
}

impl Manifest {
    /// Reads the file of a log's directory; `None` when there is none.
    pub(super) fn load(disk: &dyn Disk, dir: &Path) -> Result<Option<Self>> {
        let path = dir.join(MANIFEST_FILE);
        let bytes = match read_file(disk, &path, MANIFEST_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context(|| format!("read {}", path.display())),
        };
        Self::decode(&bytes).map(Some).ok_or_else(|| {
            Error::new(
                ErrorKind::Corrupt,
                format!(
                    "{} is damaged, and with it the list of what this partition must hold: restore it from a backup",
                    path.display()
                ),
            )
        })
    }

    /// Replaces the file durably.
    pub(super) fn store(&self, disk: &dyn Disk, dir: &Path) -> io::Result<()> {
        replace_file(disk, &dir.join(MANIFEST_FILE), self.encode().as_bytes())
    }

    fn encode(&self) -> String {
        let mut text = format!(
            "{HEADING}\nlog_start {}\nrecovery_point {}\nsparse_to {}\ncleaned_to {}\n",
            self.log_start, self.recovery_point, self.sparse_to, self.cleaned_to
        );
        for segment in &self.segments {
            push_facts(&mut text, "segment", segment);
        }
        if let Some(swap) = &self.swap {
            push_facts(&mut text, "swap", swap);
        }
        let crc = checksum(CrcAlgorithm::Crc32Iscsi, text.as_bytes());
        text.push_str(&format!("crc32c {crc:08x}\n"));
        text
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let body_end = text.strip_suffix('\n')?.rfind('\n')? + 1;
        let (body, last) = text.split_at(body_end);
        let crc = checksum(CrcAlgorithm::Crc32Iscsi, body.as_bytes());
        if last != format!("crc32c {crc:08x}\n") {
            return None;
        }
        let mut lines = body.lines();
        if lines.next()? != HEADING {
            return None;
        }
        let mut manifest = Self {
            log_start: Offset(number(lines.next()?, "log_start ")?),
            recovery_point: Offset(number(lines.next()?, "recovery_point ")?),
            sparse_to: Offset(number(lines.next()?, "sparse_to ")?),
            cleaned_to: Offset(number(lines.next()?, "cleaned_to ")?),
            ..Self::default()
        };
        for line in lines {
            if let Some(facts) = line.strip_prefix("segment ") {
                manifest.segments.push(parse_facts(facts)?);
            } else {
                manifest.swap = Some(parse_facts(line.strip_prefix("swap ")?)?);
            }
        }
        Some(manifest)
    }
}

fn push_facts(text: &mut String, word: &str, facts: &SegmentFacts) {
    let SegmentFacts { base, end, bytes, max_timestamp } = facts;
    text.push_str(&format!("{word} {base} {end} {bytes} {max_timestamp}\n"));
}

fn number(line: &str, word: &str) -> Option<i64> {
    line.strip_prefix(word)?.parse().ok()
}

fn parse_facts(text: &str) -> Option<SegmentFacts> {
    let mut fields = text.split(' ');
    let facts = SegmentFacts {
        base: Offset(fields.next()?.parse().ok()?),
        end: Offset(fields.next()?.parse().ok()?),
        bytes: fields.next()?.parse().ok()?,
        max_timestamp: Timestamp(fields.next()?.parse().ok()?),
    };
    fields.next().is_none().then_some(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Manifest {
        let facts = |base, end, bytes, time| SegmentFacts {
            base: Offset(base),
            end: Offset(end),
            bytes,
            max_timestamp: Timestamp(time),
        };
        Manifest {
            log_start: Offset(100),
            recovery_point: Offset(2345),
            sparse_to: Offset(8),
            cleaned_to: Offset(7),
            segments: vec![facts(0, 1000, 1_048_000, 17), facts(1000, 2345, 900_000, -1)],
            swap: Some(facts(0, 1000, 500, 17)),
        }
    }

    #[test]
    fn it_reads_what_it_wrote() {
        for manifest in [Manifest::default(), sample()] {
            assert_eq!(Manifest::decode(manifest.encode().as_bytes()), Some(manifest));
        }
    }

    #[test]
    fn any_changed_or_missing_byte_is_noticed() {
        let text = sample().encode().into_bytes();
        for at in 0..text.len() {
            assert_eq!(Manifest::decode(&text[..at]), None, "cut at {at}");
            for bit in 0..8 {
                let mut changed = text.clone();
                changed[at] ^= 1 << bit;
                assert_eq!(Manifest::decode(&changed), None, "bit {bit} of byte {at}");
            }
        }
    }
}

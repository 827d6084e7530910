//! The settings of one log, under the names of Kafka's topic configs, with Kafka's defaults.

/// When an append counts as durable, and with that what readers may see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Durability {
    /// After an `fdatasync` that covers it; readers never see past the durable end.
    #[default]
    Fsync,
    /// After the write: the operating system decides when it reaches the disk. Readers see what is appended.
    Os,
}

/// Whose time a topic's records carry (`message.timestamp.type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TimestampType {
    /// The producer's.
    #[default]
    CreateTime,
    /// The broker's at append.
    LogAppendTime,
}

/// How much of a batch is checked before it is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Validation {
    /// Header, checksum and every record: lengths, offsets, keys of compacted topics, timestamps.
    #[default]
    Full,
    /// Header and checksum only, for producers in the same process whose batches this framework wrote.
    Header,
}

/// What happens to old records (`cleanup.policy`). Both may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Old segments are deleted by time and size.
    pub delete: bool,
    /// Only the last record of every key is kept.
    pub compact: bool,
}

/// The settings of a log. Times in milliseconds; -1 means without limit where Kafka says so.
#[derive(Debug, Clone, PartialEq)]
pub struct LogConfig {
    /// `segment.bytes`: a segment that would grow beyond is closed. At most 2 GiB - 1, because positions are `i32`.
    pub segment_bytes: u64,
    /// `segment.ms`: a segment whose records span more is closed.
    pub segment_ms: i64,
    /// `segment.index.bytes`: a segment whose offset index would grow beyond is closed.
    pub segment_index_bytes: u64,
    /// `index.interval.bytes`: how many bytes of batches lie between two index entries.
    pub index_interval_bytes: u64,
    /// `max.message.bytes`: the largest batch of a client.
    pub max_message_bytes: usize,
    /// `retention.ms`; -1 keeps records for ever.
    pub retention_ms: i64,
    /// `retention.bytes`; -1 keeps any size.
    pub retention_bytes: i64,
    /// `cleanup.policy`.
    pub cleanup_policy: CleanupPolicy,
    /// `message.timestamp.type`.
    pub message_timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far behind the broker's time a record may be.
    pub message_timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far ahead of the broker's time a record may be.
    pub message_timestamp_after_max_ms: i64,
    /// `delete.retention.ms`: how long a compacted log keeps tombstones.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`: how long a record stays out of compaction.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: after how long a record must be compacted.
    pub max_compaction_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`: which share of a log must be new before compaction is worth it.
    pub min_cleanable_dirty_ratio: f64,
    /// `producer.id.expiration.ms`: how long the sequence numbers of a silent producer are remembered.
    pub producer_id_expiration_ms: i64,
    /// When an append counts as durable.
    pub durability: Durability,
    /// How much of a batch is checked.
    pub validation: Validation,
    /// How many bytes of this log's newest batches stay in memory at the most, for consumers that keep up.
    pub tail_bytes_max: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        const DAY_MS: i64 = 24 * 60 * 60 * 1000;
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * DAY_MS,
            segment_index_bytes: 10 << 20,
            index_interval_bytes: 4096,
            max_message_bytes: 1_048_588,
            retention_ms: 7 * DAY_MS,
            retention_bytes: -1,
            cleanup_policy: CleanupPolicy { delete: true, compact: false },
            message_timestamp_type: TimestampType::CreateTime,
            message_timestamp_before_max_ms: i64::MAX,
            message_timestamp_after_max_ms: 60 * 60 * 1000,
            delete_retention_ms: DAY_MS,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            min_cleanable_dirty_ratio: 0.5,
            producer_id_expiration_ms: DAY_MS,
            durability: Durability::Fsync,
            validation: Validation::Full,
            tail_bytes_max: 8 << 20,
        }
    }
}

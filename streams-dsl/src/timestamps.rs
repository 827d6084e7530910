//! Kafka's timestamp extractors, for [`crate::Consumed::timestamp_extractor`].
//!
//! A source without an extractor takes the record's timestamp and fails on a negative one, as Kafka's default does.

use streams_core::{Error, ErrorKind, Record, Result, Timestamp};

/// What a timestamp extractor returns: a time, or a `Result` of one.
#[diagnostic::on_unimplemented(
    message = "a timestamp extractor returns a `Timestamp` or a `Result<Timestamp>`, not `{Self}`",
    note = "wrap milliseconds since 1970: `Timestamp(milliseconds)`"
)]
pub trait ExtractedTime {
    /// The time.
    ///
    /// # Errors
    /// What the extractor failed with.
    fn time(self) -> Result<Timestamp>;
}

impl ExtractedTime for Timestamp {
    fn time(self) -> Result<Timestamp> {
        Ok(self)
    }
}

impl ExtractedTime for Result<Timestamp> {
    fn time(self) -> Result<Timestamp> {
        self
    }
}

/// The record's timestamp.
///
/// # Errors
/// When it is negative.
#[doc(alias = "FailOnInvalidTimestamp")]
pub fn fail_on_invalid<K, V>(record: Record<'_, K, V>, _: Timestamp) -> Result<Timestamp> {
    if record.timestamp >= Timestamp(0) {
        return Ok(record.timestamp);
    }
    let message = format!(
        "timestamp {} is negative: its producer sets none, or the topic was written before Kafka had timestamps; use \
         another timestamp extractor",
        record.timestamp
    );
    Err(Error::new(ErrorKind::Processing, message))
}

/// The record's timestamp; a negative one drops the record, which is counted and logged.
#[doc(alias = "LogAndSkipOnInvalidTimestamp")]
pub fn log_and_skip_on_invalid<K, V>(record: Record<'_, K, V>, _: Timestamp) -> Timestamp {
    record.timestamp
}

/// The record's timestamp; in place of a negative one, the largest time seen on its partition.
///
/// # Errors
/// When a record with a negative timestamp is the first of its partition.
#[doc(alias = "UsePartitionTimeOnInvalidTimestamp")]
pub fn use_partition_time_on_invalid<K, V>(record: Record<'_, K, V>, partition_time: Timestamp) -> Result<Timestamp> {
    if record.timestamp >= Timestamp(0) {
        return Ok(record.timestamp);
    }
    if partition_time >= Timestamp(0) {
        return Ok(partition_time);
    }
    let message = format!(
        "timestamp {} is negative, and no record before it gave its partition a time: set timestamps where the topic is \
         written, or use another timestamp extractor",
        record.timestamp
    );
    Err(Error::new(ErrorKind::Processing, message))
}

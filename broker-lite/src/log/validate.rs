//! What a log demands of batches before it takes them, with Kafka's codes, in Kafka's order.
//!
//! One pass over each batch computes its checksum; nothing here changes or copies a byte.

use streams_core::protocol::batch::{BatchError, BatchView, RecordView, Scratch};
use streams_core::protocol::ErrorCode;
use streams_core::Timestamp;

use super::append::{AppendContext, Origin};
use super::batch::{
    batch_checksum, checksum_matches, BadHeader, BatchHeader, CONTROL_BIT, HEADER_BYTES, LOG_APPEND_TIME_BIT,
    TRANSACTIONAL_BIT,
};
use super::config::{LogConfig, TimestampType, Validation};
use super::error::{LogError, LogResult, RECORDS_MAX};

/// What an append needs to know of its batches.
#[derive(Debug, Clone, Copy)]
pub(super) struct Checked {
    /// The first batch; the only one of a client.
    pub(super) first: BatchHeader,
    /// How many offsets all of them take.
    pub(super) offsets: i64,
    /// The largest timestamp of the first batch is not what its header says.
    pub(super) wrong_max_timestamp: bool,
}

/// Checks everything that does not depend on what the log holds already.
pub(super) fn check(bytes: &[u8], config: &LogConfig, context: &AppendContext) -> LogResult<Checked> {
    let mut first = None;
    let mut offsets = 0_i64;
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let header = check_batch(rest, config, context)?;
        if first.is_some() && context.origin == Origin::Client {
            return Err(LogError::refused(
                ErrorCode::INVALID_RECORD,
                "a client sends one batch per partition and request, and here are more",
            ));
        }
        first.get_or_insert(header);
        offsets = offsets.saturating_add(i64::from(header.last_offset_delta) + 1);
        at += header.size;
    }
    let first = first.ok_or_else(|| LogError::refused(ErrorCode::INVALID_RECORD, "there is no batch to append"))?;
    let said = BatchHeader::read(bytes).map(|header| header.max_timestamp);
    Ok(Checked { first, offsets, wrong_max_timestamp: said != Ok(first.max_timestamp) })
}

fn check_batch(rest: &[u8], config: &LogConfig, context: &AppendContext) -> LogResult<BatchHeader> {
    let mut header = BatchHeader::read(rest).map_err(|bad| {
        let code = match bad {
            BadHeader::Magic(0 | 1) => ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT,
            _ => ErrorCode::CORRUPT_MESSAGE,
        };
        LogError::refused(code, bad.to_string())
    })?;
    // What the broker writes itself has its own limits, and must fit in a segment.
    if context.origin == Origin::Client && header.size > config.max_message_bytes {
        return Err(LogError::refused(
            ErrorCode::MESSAGE_TOO_LARGE,
            format!("the batch has {} bytes, more than max.message.bytes={}", header.size, config.max_message_bytes),
        ));
    }
    let Some(batch) = rest.get(..header.size) else {
        return Err(LogError::refused(
            ErrorCode::CORRUPT_MESSAGE,
            format!("the batch says that it has {} bytes, but only {} came", header.size, rest.len()),
        ));
    };
    if !checksum_matches(batch, &header) {
        let (stored, computed) = (header.crc, batch_checksum(batch));
        return Err(LogError::refused(
            ErrorCode::CORRUPT_MESSAGE,
            format!("the checksum of the batch is {stored:#010x}, its bytes give {computed:#010x}"),
        ));
    }
    check_header(&header, context.origin)?;
    check_header_times(&header, config, context)?;
    if context.origin == Origin::Client && config.validation == Validation::Full {
        header.max_timestamp = check_records(&header, batch, config, context)?;
    }
    Ok(header)
}

/// Reads every record: they decode, fill the batch, have the offsets that the header counts, a key where the topic is
/// compacted, and times that are in range. Returns the largest time, which some clients get wrong in the header.
fn check_records(
    header: &BatchHeader,
    batch: &[u8],
    config: &LogConfig,
    context: &AppendContext,
) -> LogResult<Timestamp> {
    let refused = |error: BatchError| LogError::refused(error.code(), error.to_string());
    let mut scratch = Scratch::default();
    let view = BatchView::parse(batch).map_err(refused)?;
    let own_times = config.message_timestamp_type == TimestampType::CreateTime;
    let mut max_timestamp = Timestamp::UNKNOWN;
    let mut refusal: Option<LogError> = None;
    for (record, index) in view.records(&mut scratch).map_err(refused)?.zip(0..) {
        let record = record.map_err(refused)?;
        if let Err(found) = check_record(&record, index, config, context) {
            let known = match refusal.take() {
                Some(refusal) => refusal.and(found),
                None => found,
            };
            if known.records().len() >= RECORDS_MAX {
                return Err(known);
            }
            refusal = Some(known);
        }
        max_timestamp = max_timestamp.max(record.timestamp);
    }
    refusal.map_or(Ok(if own_times { max_timestamp } else { header.max_timestamp }), Err)
}

fn check_record(record: &RecordView<'_>, index: i32, config: &LogConfig, context: &AppendContext) -> LogResult<()> {
    if record.offset.0 != i64::from(index) {
        let message = format!("record {index} of the batch has offset {} in it", record.offset);
        return Err(LogError::refused_record(ErrorCode::INVALID_RECORD, index, message));
    }
    if config.cleanup_policy.compact && record.key.is_none() {
        let message = "a compacted topic takes no record without a key";
        return Err(LogError::refused_record(ErrorCode::INVALID_RECORD, index, message));
    }
    match config.message_timestamp_type {
        TimestampType::CreateTime => check_time(record.timestamp, index, config, context.now),
        TimestampType::LogAppendTime => Ok(()),
    }
}

fn check_header(header: &BatchHeader, origin: Origin) -> LogResult<()> {
    let refuse = |message: &str| Err(LogError::refused(ErrorCode::INVALID_RECORD, message));
    // A record takes at least seven bytes when it is not compressed; compressed ones are counted as they decode.
    if header.count <= 0 || header.size <= HEADER_BYTES {
        return refuse("the batch has no records");
    }
    if header.count - 1 != header.last_offset_delta {
        return refuse("the batch's record count does not match its last offset");
    }
    if origin == Origin::Broker {
        return Ok(());
    }
    if header.base_offset != 0 {
        return refuse("the batch's base offset is not 0");
    }
    if header.has(CONTROL_BIT) {
        return refuse("only the broker writes control batches");
    }
    if header.producer_id >= 0 && (header.producer_epoch < 0 || header.base_sequence < 0) {
        return refuse("the batch has a producer id but no epoch or sequence number");
    }
    if header.has(TRANSACTIONAL_BIT) && header.producer_id < 0 {
        return refuse("the batch is transactional but has no producer id");
    }
    if header.has(TRANSACTIONAL_BIT) {
        return Err(LogError::refused(ErrorCode::INVALID_TXN_STATE, "no transaction is open for this partition"));
    }
    Ok(())
}

fn check_header_times(header: &BatchHeader, config: &LogConfig, context: &AppendContext) -> LogResult<()> {
    if context.origin == Origin::Broker {
        return Ok(());
    }
    if header.has(LOG_APPEND_TIME_BIT) {
        return Err(LogError::refused(
            ErrorCode::INVALID_TIMESTAMP,
            "the batch claims the broker's time; only the broker sets that",
        ));
    }
    // With full validation, the records' own times are checked, not what the header says of them.
    if config.message_timestamp_type == TimestampType::CreateTime && config.validation == Validation::Header {
        check_time(header.max_timestamp, 0, config, context.now)?;
    }
    Ok(())
}

/// Whether a record's time is near enough to the broker's.
pub(super) fn check_time(time: Timestamp, record: i32, config: &LogConfig, now: Timestamp) -> LogResult<()> {
    if time == Timestamp::UNKNOWN {
        return Ok(());
    }
    let before_ms = now.0.saturating_sub(time.0);
    let after_ms = time.0.saturating_sub(now.0);
    if before_ms > config.message_timestamp_before_max_ms || after_ms > config.message_timestamp_after_max_ms {
        return Err(LogError::refused_record(
            ErrorCode::INVALID_TIMESTAMP,
            record,
            format!(
                "timestamp {time} is out of range: the broker's time is {now}, message.timestamp.before.max.ms={}, \
                 message.timestamp.after.max.ms={}",
                config.message_timestamp_before_max_ms, config.message_timestamp_after_max_ms
            ),
        ));
    }
    Ok(())
}

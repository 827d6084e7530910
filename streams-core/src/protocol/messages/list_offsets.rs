//! Looking offsets up: by timestamp, and by leader epoch.

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Asks for offsets by timestamp.
    pub struct ListOffsetsRequest {
        [0..] replica_id: i32,
        [2..] isolation_level: i8,
        [0..] topics: Vec<ListOffsetsTopic>,
        [10.., ignorable] timeout_ms: i32,
    }

    /// One of `topics` in [`ListOffsetsRequest`].
    pub struct ListOffsetsTopic {
        [0..] name: String,
        [0..] partitions: Vec<ListOffsetsPartition>,
    }

    /// One of `partitions` in [`ListOffsetsTopic`].
    pub struct ListOffsetsPartition {
        [0..] partition_index: i32,
        [4.., ignorable] current_leader_epoch: i32 = -1,
        /// -1 latest, -2 earliest, -3 the record with the largest timestamp; else milliseconds.
        [0..] timestamp: i64,
    }

    /// The offsets found.
    pub struct ListOffsetsResponse {
        [2.., ignorable] throttle_time_ms: i32,
        [0..] topics: Vec<ListOffsetsTopicResponse>,
    }

    /// One of `topics` in [`ListOffsetsResponse`].
    pub struct ListOffsetsTopicResponse {
        [0..] name: String,
        [0..] partitions: Vec<ListOffsetsPartitionResponse>,
    }

    /// One of `partitions` in [`ListOffsetsTopicResponse`].
    pub struct ListOffsetsPartitionResponse {
        [0..] partition_index: i32,
        [0..] error_code: ErrorCode,
        [1..] timestamp: i64 = -1,
        [1..] offset: i64 = -1,
        [4..] leader_epoch: i32 = -1,
    }

    /// Asks where leader epochs ended.
    pub struct OffsetForLeaderEpochRequest {
        [3.., ignorable] replica_id: i32 = -2,
        [0..] topics: Vec<OffsetForLeaderTopic>,
    }

    /// One of `topics` in [`OffsetForLeaderEpochRequest`].
    pub struct OffsetForLeaderTopic {
        [0..] topic: String,
        [0..] partitions: Vec<OffsetForLeaderPartition>,
    }

    /// One of `partitions` in [`OffsetForLeaderTopic`].
    pub struct OffsetForLeaderPartition {
        [0..] partition: i32,
        [2.., ignorable] current_leader_epoch: i32 = -1,
        [0..] leader_epoch: i32,
    }

    /// Where they ended; -1 where that is not known.
    pub struct OffsetForLeaderEpochResponse {
        [2.., ignorable] throttle_time_ms: i32,
        [0..] topics: Vec<OffsetForLeaderTopicResult>,
    }

    /// One of `topics` in [`OffsetForLeaderEpochResponse`].
    pub struct OffsetForLeaderTopicResult {
        [0..] topic: String,
        [0..] partitions: Vec<EpochEndOffset>,
    }

    /// One of `partitions` in [`OffsetForLeaderTopicResult`].
    pub struct EpochEndOffset {
        [0..] error_code: ErrorCode,
        [0..] partition: i32,
        [1.., ignorable] leader_epoch: i32 = -1,
        [0..] end_offset: i64 = -1,
    }
}

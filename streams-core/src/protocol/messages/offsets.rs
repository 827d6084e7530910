//! Committed positions of groups.

use uuid::Uuid;

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Stores positions of a group.
    pub struct OffsetCommitRequest {
        [0..] group_id: String,
        /// -1 for a group without members.
        [1.., ignorable] generation_id_or_member_epoch: i32 = -1,
        [1.., ignorable] member_id: String,
        [7..] group_instance_id: Option<String>,
        [2..=4, ignorable] retention_time_ms: i64 = -1,
        [0..] topics: Vec<OffsetCommitRequestTopic>,
    }

    /// One of `topics` in [`OffsetCommitRequest`].
    pub struct OffsetCommitRequestTopic {
        [0..=9, ignorable] name: String,
        [10.., ignorable] topic_id: Uuid,
        [0..] partitions: Vec<OffsetCommitRequestPartition>,
    }

    /// One of `partitions` in [`OffsetCommitRequestTopic`].
    pub struct OffsetCommitRequestPartition {
        [0..] partition_index: i32,
        [0..] committed_offset: i64,
        [6.., ignorable] committed_leader_epoch: i32 = -1,
        [0..] committed_metadata: Option<String>,
    }

    /// What became of each position.
    pub struct OffsetCommitResponse {
        [3.., ignorable] throttle_time_ms: i32,
        [0..] topics: Vec<OffsetCommitResponseTopic>,
    }

    /// One of `topics` in [`OffsetCommitResponse`].
    pub struct OffsetCommitResponseTopic {
        [0..=9, ignorable] name: String,
        [10.., ignorable] topic_id: Uuid,
        [0..] partitions: Vec<OffsetCommitResponsePartition>,
    }

    /// One of `partitions` in [`OffsetCommitResponseTopic`].
    pub struct OffsetCommitResponsePartition {
        [0..] partition_index: i32,
        [0..] error_code: ErrorCode,
    }

    /// Asks for positions of groups.
    pub struct OffsetFetchRequest {
        [0..=7] group_id: String,
        /// Null is all topics with a position.
        [0..=7, null 2..=7] topics: Option<Vec<OffsetFetchRequestTopic>>,
        [8..] groups: Vec<OffsetFetchRequestGroup>,
        /// Refuses partitions with a transactional commit on its way.
        [7..] require_stable: bool,
    }

    /// One of `topics` in [`OffsetFetchRequest`].
    pub struct OffsetFetchRequestTopic {
        [0..=7] name: String,
        [0..=7] partition_indexes: Vec<i32>,
    }

    /// One of `groups` in [`OffsetFetchRequest`].
    pub struct OffsetFetchRequestGroup {
        [8..] group_id: String,
        [9.., ignorable] member_id: Option<String>,
        [9.., ignorable] member_epoch: i32 = -1,
        [8..] topics: Option<Vec<OffsetFetchRequestTopics>>,
    }

    /// One of `topics` in [`OffsetFetchRequestGroup`].
    pub struct OffsetFetchRequestTopics {
        [8..=9, ignorable] name: String,
        [10.., ignorable] topic_id: Uuid,
        [8..] partition_indexes: Vec<i32>,
    }

    /// The positions; offset -1 where there is none, which is no error.
    pub struct OffsetFetchResponse {
        [3.., ignorable] throttle_time_ms: i32,
        [0..=7] topics: Vec<OffsetFetchResponseTopic>,
        [2..=7, ignorable] error_code: ErrorCode,
        [8..] groups: Vec<OffsetFetchResponseGroup>,
    }

    /// One of `topics` in [`OffsetFetchResponse`].
    pub struct OffsetFetchResponseTopic {
        [0..=7] name: String,
        [0..=7] partitions: Vec<OffsetFetchResponsePartition>,
    }

    /// One of `partitions` in [`OffsetFetchResponseTopic`].
    pub struct OffsetFetchResponsePartition {
        [0..=7] partition_index: i32,
        [0..=7] committed_offset: i64,
        [5..=7, ignorable] committed_leader_epoch: i32 = -1,
        [0..=7] metadata: Option<String>,
        [0..=7] error_code: ErrorCode,
    }

    /// One of `groups` in [`OffsetFetchResponse`].
    pub struct OffsetFetchResponseGroup {
        [8..] group_id: String,
        [8..] topics: Vec<OffsetFetchResponseTopics>,
        [8..] error_code: ErrorCode,
    }

    /// One of `topics` in [`OffsetFetchResponseGroup`].
    pub struct OffsetFetchResponseTopics {
        [8..=9, ignorable] name: String,
        [10.., ignorable] topic_id: Uuid,
        [8..] partitions: Vec<OffsetFetchResponsePartitions>,
    }

    /// One of `partitions` in [`OffsetFetchResponseTopics`].
    pub struct OffsetFetchResponsePartitions {
        [8..] partition_index: i32,
        [8..] committed_offset: i64,
        [8.., ignorable] committed_leader_epoch: i32 = -1,
        [8..] metadata: Option<String>,
        [8..] error_code: ErrorCode,
    }
}

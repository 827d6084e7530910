//! Creating, growing, trimming and deleting topics.

use uuid::Uuid;

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Creates topics.
    pub struct CreateTopicsRequest {
        [0..] topics: Vec<CreatableTopic>,
        [0..] timeout_ms: i32 = 60000,
        [1..] validate_only: bool,
    }

    /// One of `topics` in [`CreateTopicsRequest`].
    pub struct CreatableTopic {
        [0..] name: String,
        /// -1 takes the broker's default.
        [0..] num_partitions: i32,
        /// -1 takes the broker's default.
        [0..] replication_factor: i16,
        [0..] assignments: Vec<CreatableReplicaAssignment>,
        [0..] configs: Vec<CreatableTopicConfig>,
    }

    /// One of `assignments` in [`CreatableTopic`].
    pub struct CreatableReplicaAssignment {
        [0..] partition_index: i32,
        [0..] broker_ids: Vec<i32>,
    }

    /// One of `configs` in [`CreatableTopic`].
    pub struct CreatableTopicConfig {
        [0..] name: String,
        [0..] value: Option<String>,
    }

    /// What became of each topic.
    pub struct CreateTopicsResponse {
        [2.., ignorable] throttle_time_ms: i32,
        [0..] topics: Vec<CreatableTopicResult>,
    }

    /// One of `topics` in [`CreateTopicsResponse`].
    pub struct CreatableTopicResult {
        [0..] name: String,
        [7.., ignorable] topic_id: Uuid,
        [0..] error_code: ErrorCode,
        [1.., ignorable] error_message: Option<String>,
        [5.., tag 0, ignorable] topic_config_error_code: ErrorCode,
        [5.., ignorable] num_partitions: i32 = -1,
        [5.., ignorable] replication_factor: i16 = -1,
        /// All settings in force, defaults included; clients count them.
        [5.., ignorable] configs: Option<Vec<CreatableTopicConfigs>>,
    }

    /// One of `configs` in [`CreatableTopicResult`].
    pub struct CreatableTopicConfigs {
        [5..] name: String,
        [5..] value: Option<String>,
        [5..] read_only: bool,
        [5.., ignorable] config_source: i8 = -1,
        [5..] is_sensitive: bool,
    }

    /// Deletes topics, by name or by id.
    pub struct DeleteTopicsRequest {
        [6..] topics: Vec<DeleteTopicState>,
        [0..=5, ignorable] topic_names: Vec<String>,
        [0..] timeout_ms: i32,
    }

    /// One of `topics` in [`DeleteTopicsRequest`].
    pub struct DeleteTopicState {
        [6..] name: Option<String>,
        [6..] topic_id: Uuid,
    }

    /// One result per topic asked for.
    pub struct DeleteTopicsResponse {
        [1.., ignorable] throttle_time_ms: i32,
        [0..] responses: Vec<DeletableTopicResult>,
    }

    /// One of `responses` in [`DeleteTopicsResponse`].
    pub struct DeletableTopicResult {
        [0.., null 6..] name: Option<String>,
        [6.., ignorable] topic_id: Uuid,
        [0..] error_code: ErrorCode,
        [5.., ignorable] error_message: Option<String>,
    }

    /// Raises the number of partitions of topics.
    pub struct CreatePartitionsRequest {
        [0..] topics: Vec<CreatePartitionsTopic>,
        [0..] timeout_ms: i32,
        [0..] validate_only: bool,
    }

    /// One of `topics` in [`CreatePartitionsRequest`].
    pub struct CreatePartitionsTopic {
        [0..] name: String,
        /// The number of partitions to have afterwards.
        [0..] count: i32,
        [0..] assignments: Option<Vec<CreatePartitionsAssignment>>,
    }

    /// One of `assignments` in [`CreatePartitionsTopic`].
    pub struct CreatePartitionsAssignment {
        [0..] broker_ids: Vec<i32>,
    }

    /// One result per topic asked for.
    pub struct CreatePartitionsResponse {
        [0..] throttle_time_ms: i32,
        [0..] results: Vec<CreatePartitionsTopicResult>,
    }

    /// One of `results` in [`CreatePartitionsResponse`].
    pub struct CreatePartitionsTopicResult {
        [0..] name: String,
        [0..] error_code: ErrorCode,
        [0..] error_message: Option<String>,
    }

    /// Moves the start of partitions forward.
    pub struct DeleteRecordsRequest {
        [0..] topics: Vec<DeleteRecordsTopic>,
        [0..] timeout_ms: i32,
    }

    /// One of `topics` in [`DeleteRecordsRequest`].
    pub struct DeleteRecordsTopic {
        [0..] name: String,
        [0..] partitions: Vec<DeleteRecordsPartition>,
    }

    /// One of `partitions` in [`DeleteRecordsTopic`].
    pub struct DeleteRecordsPartition {
        [0..] partition_index: i32,
        /// The first offset to keep; -1 is the high watermark.
        [0..] offset: i64,
    }

    /// The new starts.
    pub struct DeleteRecordsResponse {
        [0..] throttle_time_ms: i32,
        [0..] topics: Vec<DeleteRecordsTopicResult>,
    }

    /// One of `topics` in [`DeleteRecordsResponse`].
    pub struct DeleteRecordsTopicResult {
        [0..] name: String,
        [0..] partitions: Vec<DeleteRecordsPartitionResult>,
    }

    /// One of `partitions` in [`DeleteRecordsTopicResult`].
    pub struct DeleteRecordsPartitionResult {
        [0..] partition_index: i32,
        [0..] low_watermark: i64,
        [0..] error_code: ErrorCode,
    }
}

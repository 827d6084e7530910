//! Producer ids and transactions.

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Asks for a producer id, and fences earlier users of the transactional id.
    pub struct InitProducerIdRequest {
        [0..] transactional_id: Option<String>,
        [0..] transaction_timeout_ms: i32,
        [3..] producer_id: i64 = -1,
        [3..] producer_epoch: i16 = -1,
    }

    /// The producer id and its epoch.
    pub struct InitProducerIdResponse {
        [0.., ignorable] throttle_time_ms: i32,
        [0..] error_code: ErrorCode,
        [0..] producer_id: i64 = -1,
        [0..] producer_epoch: i16,
    }

    /// Adds partitions to transactions.
    pub struct AddPartitionsToTxnRequest {
        [4..] transactions: Vec<AddPartitionsToTxnTransaction>,
        [0..=3] v3_and_below_transactional_id: String,
        [0..=3] v3_and_below_producer_id: i64,
        [0..=3] v3_and_below_producer_epoch: i16,
        [0..=3] v3_and_below_topics: Vec<AddPartitionsToTxnTopic>,
    }

    /// One of `transactions` in [`AddPartitionsToTxnRequest`].
    pub struct AddPartitionsToTxnTransaction {
        [4..] transactional_id: String,
        [4..] producer_id: i64,
        [4..] producer_epoch: i16,
        [4..] verify_only: bool,
        [4..] topics: Vec<AddPartitionsToTxnTopic>,
    }

    /// One of `topics` in [`AddPartitionsToTxnTransaction`].
    pub struct AddPartitionsToTxnTopic {
        [0..] name: String,
        [0..] partitions: Vec<i32>,
    }

    /// What became of each partition.
    pub struct AddPartitionsToTxnResponse {
        [0..] throttle_time_ms: i32,
        [4.., ignorable] error_code: ErrorCode,
        [4..] results_by_transaction: Vec<AddPartitionsToTxnResult>,
        [0..=3] results_by_topic_v3_and_below: Vec<AddPartitionsToTxnTopicResult>,
    }

    /// One of `results_by_transaction` in [`AddPartitionsToTxnResponse`].
    pub struct AddPartitionsToTxnResult {
        [4..] transactional_id: String,
        [4..] topic_results: Vec<AddPartitionsToTxnTopicResult>,
    }

    /// One of `topic_results` in [`AddPartitionsToTxnResult`].
    pub struct AddPartitionsToTxnTopicResult {
        [0..] name: String,
        [0..] results_by_partition: Vec<AddPartitionsToTxnPartitionResult>,
    }

    /// One of `results_by_partition` in [`AddPartitionsToTxnTopicResult`].
    pub struct AddPartitionsToTxnPartitionResult {
        [0..] partition_index: i32,
        [0..] partition_error_code: ErrorCode,
    }

    /// Adds a group's offsets to a transaction.
    pub struct AddOffsetsToTxnRequest {
        [0..] transactional_id: String,
        [0..] producer_id: i64,
        [0..] producer_epoch: i16,
        [0..] group_id: String,
    }

    /// Whether that worked.
    pub struct AddOffsetsToTxnResponse {
        [0..] throttle_time_ms: i32,
        [0..] error_code: ErrorCode,
    }

    /// Stores positions of a group when the transaction commits.
    pub struct TxnOffsetCommitRequest {
        [0..] transactional_id: String,
        [0..] group_id: String,
        [0..] producer_id: i64,
        [0..] producer_epoch: i16,
        [3..] generation_id: i32 = -1,
        [3..] member_id: String,
        [3..] group_instance_id: Option<String>,
        [0..] topics: Vec<TxnOffsetCommitRequestTopic>,
    }

    /// One of `topics` in [`TxnOffsetCommitRequest`].
    pub struct TxnOffsetCommitRequestTopic {
        [0..] name: String,
        [0..] partitions: Vec<TxnOffsetCommitRequestPartition>,
    }

    /// One of `partitions` in [`TxnOffsetCommitRequestTopic`].
    pub struct TxnOffsetCommitRequestPartition {
        [0..] partition_index: i32,
        [0..] committed_offset: i64,
        [2.., ignorable] committed_leader_epoch: i32 = -1,
        [0..] committed_metadata: Option<String>,
    }

    /// What became of each position.
    pub struct TxnOffsetCommitResponse {
        [0..] throttle_time_ms: i32,
        [0..] topics: Vec<TxnOffsetCommitResponseTopic>,
    }

    /// One of `topics` in [`TxnOffsetCommitResponse`].
    pub struct TxnOffsetCommitResponseTopic {
        [0..] name: String,
        [0..] partitions: Vec<TxnOffsetCommitResponsePartition>,
    }

    /// One of `partitions` in [`TxnOffsetCommitResponseTopic`].
    pub struct TxnOffsetCommitResponsePartition {
        [0..] partition_index: i32,
        [0..] error_code: ErrorCode,
    }

    /// Ends a transaction.
    pub struct EndTxnRequest {
        [0..] transactional_id: String,
        [0..] producer_id: i64,
        [0..] producer_epoch: i16,
        /// False aborts it.
        [0..] committed: bool,
    }

    /// Whether that worked, and from v5 on the epoch to go on with.
    pub struct EndTxnResponse {
        [0..] throttle_time_ms: i32,
        [0..] error_code: ErrorCode,
        [5.., ignorable] producer_id: i64 = -1,
        [5.., ignorable] producer_epoch: i16 = -1,
    }
}

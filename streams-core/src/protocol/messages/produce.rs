//! Appending record batches. Exactly one v2 batch per partition and request.

use bytes::Bytes;
use uuid::Uuid;

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Appends one batch to each of the partitions.
    pub struct ProduceRequest {
        [3..] transactional_id: Option<String>,
        /// 0: no answer at all; 1 and -1: an answer after the append, as durable as the broker's policy says.
        [0..] acks: i16,
        /// How long the broker may wait for replicas, in milliseconds.
        [0..] timeout_ms: i32,
        [0..] topic_data: Vec<TopicProduceData>,
    }

    /// One of `topic_data` in [`ProduceRequest`].
    pub struct TopicProduceData {
        [0..=12, ignorable] name: String,
        [13.., ignorable] topic_id: Uuid,
        [0..] partition_data: Vec<PartitionProduceData>,
    }

    /// One of `partition_data` in [`TopicProduceData`].
    pub struct PartitionProduceData {
        [0..] index: i32,
        /// One record batch of magic 2.
        [0..] records: Option<Bytes>,
    }

    /// Where each batch went, or why it did not.
    pub struct ProduceResponse {
        [0..] responses: Vec<TopicProduceResponse>,
        [1.., ignorable] throttle_time_ms: i32,
        [10.., tag 0] node_endpoints: Vec<NodeEndpoint>,
    }

    /// One of `responses` in [`ProduceResponse`].
    pub struct TopicProduceResponse {
        [0..=12, ignorable] name: String,
        [13.., ignorable] topic_id: Uuid,
        [0..] partition_responses: Vec<PartitionProduceResponse>,
    }

    /// One of `partition_responses` in [`TopicProduceResponse`].
    pub struct PartitionProduceResponse {
        [0..] index: i32,
        [0..] error_code: ErrorCode,
        /// The offset of the first record; of the first append when this is a repetition.
        [0..] base_offset: i64,
        /// -1 unless the topic stamps records with the broker's time.
        [2.., ignorable] log_append_time_ms: i64 = -1,
        [5.., ignorable] log_start_offset: i64 = -1,
        [8.., ignorable] record_errors: Vec<BatchIndexAndErrorMessage>,
        [8.., ignorable] error_message: Option<String>,
        [10.., tag 0] current_leader: LeaderIdAndEpoch,
    }

    /// One of `record_errors` in [`PartitionProduceResponse`].
    pub struct BatchIndexAndErrorMessage {
        [8..] batch_index: i32,
        [8..] batch_index_error_message: Option<String>,
    }

    /// The `current_leader` of [`PartitionProduceResponse`].
    pub struct LeaderIdAndEpoch {
        [10..] leader_id: i32 = -1,
        [10..] leader_epoch: i32 = -1,
    }

    /// One of `node_endpoints` in [`ProduceResponse`].
    pub struct NodeEndpoint {
        [10..] node_id: i32,
        [10..] host: String,
        [10..] port: i32,
        [10..] rack: Option<String>,
    }
}

//! Reading record batches, with long polling and fetch sessions.

use bytes::Bytes;
use uuid::Uuid;

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Reads from partitions, and waits until there is something to read.
    pub struct FetchRequest {
        [12.., tag 0, ignorable] cluster_id: Option<String>,
        [0..=14] replica_id: i32 = -1,
        [15.., tag 1] replica_state: ReplicaState,
        /// How long to wait for `min_bytes`, in milliseconds.
        [0..] max_wait_ms: i32,
        [0..] min_bytes: i32,
        [3.., ignorable] max_bytes: i32 = i32::MAX,
        /// 0 reads everything, 1 only what is committed.
        [4.., ignorable] isolation_level: i8,
        [7.., ignorable] session_id: i32,
        /// -1 closes the session or uses none; 0 starts one.
        [7.., ignorable] session_epoch: i32 = -1,
        [0..] topics: Vec<FetchTopic>,
        [7..] forgotten_topics_data: Vec<ForgottenTopic>,
        [11.., ignorable] rack_id: String,
    }

    /// The `replica_state` of [`FetchRequest`].
    pub struct ReplicaState {
        [15..] replica_id: i32 = -1,
        [15..] replica_epoch: i64 = -1,
    }

    /// One of `topics` in [`FetchRequest`].
    pub struct FetchTopic {
        [0..=12, ignorable] topic: String,
        [13.., ignorable] topic_id: Uuid,
        [0..] partitions: Vec<FetchPartition>,
    }

    /// One of `partitions` in [`FetchTopic`].
    pub struct FetchPartition {
        [0..] partition: i32,
        [9.., ignorable] current_leader_epoch: i32 = -1,
        [0..] fetch_offset: i64,
        [12..] last_fetched_epoch: i32 = -1,
        [5.., ignorable] log_start_offset: i64 = -1,
        [0..] partition_max_bytes: i32,
        [17.., tag 0, ignorable] replica_directory_id: Uuid,
        [18.., tag 1, ignorable] high_watermark: i64 = i64::MAX,
    }

    /// One of `forgotten_topics_data` in [`FetchRequest`].
    pub struct ForgottenTopic {
        [7..=12, ignorable] topic: String,
        [13.., ignorable] topic_id: Uuid,
        [7..] partitions: Vec<i32>,
    }

    /// What was read.
    pub struct FetchResponse {
        [1.., ignorable] throttle_time_ms: i32,
        [7.., ignorable] error_code: ErrorCode,
        [7..] session_id: i32,
        [0..] responses: Vec<FetchableTopicResponse>,
        [16.., tag 0] node_endpoints: Vec<NodeEndpoint>,
    }

    /// One of `responses` in [`FetchResponse`].
    pub struct FetchableTopicResponse {
        [0..=12, ignorable] topic: String,
        [13.., ignorable] topic_id: Uuid,
        [0..] partitions: Vec<PartitionData>,
    }

    /// One of `partitions` in [`FetchableTopicResponse`].
    pub struct PartitionData {
        [0..] partition_index: i32,
        [0..] error_code: ErrorCode,
        [0..] high_watermark: i64,
        [4.., ignorable] last_stable_offset: i64 = -1,
        [5.., ignorable] log_start_offset: i64 = -1,
        [12.., tag 0] diverging_epoch: EpochEndOffset,
        [12.., tag 1] current_leader: LeaderIdAndEpoch,
        [12.., tag 2] snapshot_id: SnapshotId,
        /// Null for a reader that reads everything.
        [4.., ignorable] aborted_transactions: Option<Vec<AbortedTransaction>>,
        [11..] preferred_read_replica: i32 = -1,
        /// Whole batches; the last can be cut off.
        [0..] records: Option<Bytes>,
    }

    /// The `diverging_epoch` of [`PartitionData`].
    pub struct EpochEndOffset {
        [12..] epoch: i32 = -1,
        [12..] end_offset: i64 = -1,
    }

    /// The `current_leader` of [`PartitionData`].
    pub struct LeaderIdAndEpoch {
        [12..] leader_id: i32 = -1,
        [12..] leader_epoch: i32 = -1,
    }

    /// The `snapshot_id` of [`PartitionData`].
    pub struct SnapshotId {
        [0..] end_offset: i64 = -1,
        [0..] epoch: i32 = -1,
    }

    /// One of `aborted_transactions` in [`PartitionData`].
    pub struct AbortedTransaction {
        [4..] producer_id: i64,
        [4..] first_offset: i64,
    }

    /// One of `node_endpoints` in [`FetchResponse`].
    pub struct NodeEndpoint {
        [16..] node_id: i32,
        [16..] host: String,
        [16..] port: i32,
        [16..] rack: Option<String>,
    }
}

//! The one message with which a member joins, keeps and leaves a consumer group that the broker assigns.

use uuid::Uuid;

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Joins, keeps or leaves a consumer group.
    pub struct ConsumerGroupHeartbeatRequest {
        [0..] group_id: String,
        [0..] member_id: String,
        /// 0 joins, -1 leaves, -2 leaves for a while (static members).
        [0..] member_epoch: i32,
        [0..] instance_id: Option<String>,
        [0..] rack_id: Option<String>,
        [0..] rebalance_timeout_ms: i32 = -1,
        [0..] subscribed_topic_names: Option<Vec<String>>,
        [1..] subscribed_topic_regex: Option<String>,
        [0..] server_assignor: Option<String>,
        [0..] topic_partitions: Option<Vec<TopicPartitions>>,
    }

    /// One of `topic_partitions` in [`ConsumerGroupHeartbeatRequest`].
    pub struct TopicPartitions {
        [0..] topic_id: Uuid,
        [0..] partitions: Vec<i32>,
    }

    /// The member's epoch and, when it changed, its assignment.
    pub struct ConsumerGroupHeartbeatResponse {
        [0..] throttle_time_ms: i32,
        [0..] error_code: ErrorCode,
        [0..] error_message: Option<String>,
        [0..] member_id: Option<String>,
        [0..] member_epoch: i32,
        [0..] heartbeat_interval_ms: i32,
        [0..] assignment: Option<Assignment>,
    }

    /// The `assignment` of [`ConsumerGroupHeartbeatResponse`].
    pub struct Assignment {
        [0..] topic_partitions: Vec<TopicPartitions>,
    }
}

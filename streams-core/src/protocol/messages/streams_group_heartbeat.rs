//! The one message with which a member joins, keeps and leaves a streams group.
//!
//! A task list that is null means "as before"; an empty one means "none".

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Joins, keeps or leaves a streams group.
    pub struct StreamsGroupHeartbeatRequest {
        [0..] group_id: String,
        [0..] member_id: String,
        /// 0 joins, -1 leaves, -2 leaves for a while (static members).
        [0..] member_epoch: i32,
        [0..] endpoint_information_epoch: i32,
        [0..] instance_id: Option<String>,
        [0..] rack_id: Option<String>,
        [0..] rebalance_timeout_ms: i32 = -1,
        [0..] topology: Option<Topology>,
        [0..] active_tasks: Option<Vec<TaskIds>>,
        [0..] standby_tasks: Option<Vec<TaskIds>>,
        [0..] warmup_tasks: Option<Vec<TaskIds>>,
        [0..] process_id: Option<String>,
        [0..] user_endpoint: Option<Endpoint>,
        [0..] client_tags: Option<Vec<KeyValue>>,
        [0..] task_offsets: Option<Vec<TaskOffset>>,
        [0..] task_end_offsets: Option<Vec<TaskOffset>>,
        [0..] shutdown_application: bool,
    }

    /// The `topology` of [`StreamsGroupHeartbeatRequest`].
    pub struct Topology {
        [0..] epoch: i32,
        [0..] subtopologies: Vec<Subtopology>,
    }

    /// One of `subtopologies` in [`Topology`].
    pub struct Subtopology {
        [0..] subtopology_id: String,
        [0..] source_topics: Vec<String>,
        [0..] source_topic_regex: Vec<String>,
        [0..] state_changelog_topics: Vec<TopicInfo>,
        [0..] repartition_sink_topics: Vec<String>,
        [0..] repartition_source_topics: Vec<TopicInfo>,
        [0..] copartition_groups: Vec<CopartitionGroup>,
    }

    /// One of `state_changelog_topics` in [`Subtopology`].
    pub struct TopicInfo {
        [0..] name: String,
        [0..] partitions: i32,
        [0..] replication_factor: i16,
        [0..] topic_configs: Vec<KeyValue>,
    }

    /// One of `topic_configs` in [`TopicInfo`].
    pub struct KeyValue {
        [0..] key: String,
        [0..] value: String,
    }

    /// One of `copartition_groups` in [`Subtopology`].
    pub struct CopartitionGroup {
        [0..] source_topics: Vec<i16>,
        [0..] source_topic_regex: Vec<i16>,
        [0..] repartition_source_topics: Vec<i16>,
    }

    /// One of `active_tasks` in [`StreamsGroupHeartbeatRequest`].
    pub struct TaskIds {
        [0..] subtopology_id: String,
        [0..] partitions: Vec<i32>,
    }

    /// The `user_endpoint` of [`StreamsGroupHeartbeatRequest`].
    pub struct Endpoint {
        [0..] host: String,
        [0..] port: u16,
    }

    /// One of `task_offsets` in [`StreamsGroupHeartbeatRequest`].
    pub struct TaskOffset {
        [0..] subtopology_id: String,
        [0..] partition: i32,
        [0..] offset: i64,
    }

    /// The member's epoch and, when it changed, its tasks.
    pub struct StreamsGroupHeartbeatResponse {
        [0..] throttle_time_ms: i32,
        [0..] error_code: ErrorCode,
        [0..] error_message: Option<String>,
        [0..] member_id: String,
        [0..] member_epoch: i32,
        [0..] heartbeat_interval_ms: i32,
        [0..] acceptable_recovery_lag: i32,
        [0..] task_offset_interval_ms: i32,
        [0..] status: Option<Vec<Status>>,
        [0..] active_tasks: Option<Vec<TaskIds>>,
        [0..] standby_tasks: Option<Vec<TaskIds>>,
        [0..] warmup_tasks: Option<Vec<TaskIds>>,
        [0..] endpoint_information_epoch: i32,
        [0..] partitions_by_user_endpoint: Option<Vec<EndpointToPartitions>>,
    }

    /// One of `status` in [`StreamsGroupHeartbeatResponse`].
    pub struct Status {
        [0..] status_code: i8,
        [0..] status_detail: String,
    }

    /// One of `partitions_by_user_endpoint` in [`StreamsGroupHeartbeatResponse`].
    pub struct EndpointToPartitions {
        [0..] user_endpoint: Endpoint,
        [0..] active_partitions: Vec<TopicPartition>,
        [0..] standby_partitions: Vec<TopicPartition>,
    }

    /// One of `active_partitions` in [`EndpointToPartitions`].
    pub struct TopicPartition {
        [0..] topic: String,
        [0..] partitions: Vec<i32>,
    }
}

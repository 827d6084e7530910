//! Describing streams groups: topology, members, tasks.

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Asks for streams groups.
    pub struct StreamsGroupDescribeRequest {
        [0..] group_ids: Vec<String>,
        [0..] include_authorized_operations: bool,
    }

    /// The groups with their members.
    pub struct StreamsGroupDescribeResponse {
        [0..] throttle_time_ms: i32,
        [0..] groups: Vec<DescribedGroup>,
    }

    /// One of `groups` in [`StreamsGroupDescribeResponse`].
    pub struct DescribedGroup {
        [0..] error_code: ErrorCode,
        [0..] error_message: Option<String>,
        [0..] group_id: String,
        [0..] group_state: String,
        [0..] group_epoch: i32,
        [0..] assignment_epoch: i32,
        [0..] topology: Option<Topology>,
        [0..] members: Vec<Member>,
        [0..] authorized_operations: i32 = i32::MIN,
    }

    /// The `topology` of [`DescribedGroup`].
    pub struct Topology {
        [0..] epoch: i32,
        [0..] subtopologies: Option<Vec<Subtopology>>,
    }

    /// One of `subtopologies` in [`Topology`].
    pub struct Subtopology {
        [0..] subtopology_id: String,
        [0..] source_topics: Vec<String>,
        [0..] repartition_sink_topics: Vec<String>,
        [0..] state_changelog_topics: Vec<TopicInfo>,
        [0..] repartition_source_topics: Vec<TopicInfo>,
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

    /// One of `members` in [`DescribedGroup`].
    pub struct Member {
        [0..] member_id: String,
        [0..] member_epoch: i32,
        [0..] instance_id: Option<String>,
        [0..] rack_id: Option<String>,
        [0..] client_id: String,
        [0..] client_host: String,
        [0..] topology_epoch: i32,
        [0..] process_id: String,
        [0..] user_endpoint: Option<Endpoint>,
        [0..] client_tags: Vec<KeyValue>,
        [0..] task_offsets: Vec<TaskOffset>,
        [0..] task_end_offsets: Vec<TaskOffset>,
        [0..] assignment: Assignment,
        [0..] target_assignment: Assignment,
        [0..] is_classic: bool,
    }

    /// The `user_endpoint` of [`Member`].
    pub struct Endpoint {
        [0..] host: String,
        [0..] port: u16,
    }

    /// One of `task_offsets` in [`Member`].
    pub struct TaskOffset {
        [0..] subtopology_id: String,
        [0..] partition: i32,
        [0..] offset: i64,
    }

    /// The `assignment` of [`Member`].
    pub struct Assignment {
        [0..] active_tasks: Vec<TaskIds>,
        [0..] standby_tasks: Vec<TaskIds>,
        [0..] warmup_tasks: Vec<TaskIds>,
    }

    /// One of `active_tasks` in [`Assignment`].
    pub struct TaskIds {
        [0..] subtopology_id: String,
        [0..] partitions: Vec<i32>,
    }
}

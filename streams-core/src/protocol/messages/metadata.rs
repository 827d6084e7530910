//! What a cluster is made of: brokers, topics, partitions and their leaders.

use uuid::Uuid;

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Asks for brokers and topics.
    pub struct MetadataRequest {
        /// Which topics: null is all of them, empty is none; in v0 empty is all.
        [0.., null 1..] topics: Option<Vec<MetadataRequestTopic>>,
        /// Versions before v4 behave as if it were true.
        [4..] allow_auto_topic_creation: bool = true,
        [8..=10] include_cluster_authorized_operations: bool,
        [8..] include_topic_authorized_operations: bool,
    }

    /// One of `topics` in [`MetadataRequest`].
    pub struct MetadataRequestTopic {
        [10.., ignorable] topic_id: Uuid,
        [0.., null 10..] name: Option<String>,
    }

    /// Brokers, controller and topics of the cluster.
    pub struct MetadataResponse {
        [3.., ignorable] throttle_time_ms: i32,
        [0..] brokers: Vec<MetadataResponseBroker>,
        [2.., ignorable] cluster_id: Option<String>,
        [1.., ignorable] controller_id: i32 = -1,
        [0..] topics: Vec<MetadataResponseTopic>,
        [8..=10] cluster_authorized_operations: i32 = i32::MIN,
        [13.., ignorable] error_code: ErrorCode,
    }

    /// One of `brokers` in [`MetadataResponse`].
    pub struct MetadataResponseBroker {
        [0..] node_id: i32,
        [0..] host: String,
        [0..] port: i32,
        [1.., ignorable] rack: Option<String>,
    }

    /// One of `topics` in [`MetadataResponse`].
    pub struct MetadataResponseTopic {
        [0..] error_code: ErrorCode,
        [0.., null 12..] name: Option<String>,
        [10.., ignorable] topic_id: Uuid,
        [1.., ignorable] is_internal: bool,
        [0..] partitions: Vec<MetadataResponsePartition>,
        [8..] topic_authorized_operations: i32 = i32::MIN,
    }

    /// One of `partitions` in [`MetadataResponseTopic`].
    pub struct MetadataResponsePartition {
        [0..] error_code: ErrorCode,
        [0..] partition_index: i32,
        [0..] leader_id: i32,
        /// Must never go backwards for one topic id.
        [7.., ignorable] leader_epoch: i32 = -1,
        [0..] replica_nodes: Vec<i32>,
        [0..] isr_nodes: Vec<i32>,
        [5.., ignorable] offline_replicas: Vec<i32>,
    }

    /// Asks for the brokers of the cluster.
    pub struct DescribeClusterRequest {
        [0..] include_cluster_authorized_operations: bool,
        /// 1 is brokers, 2 is controllers.
        [1..] endpoint_type: i8 = 1,
        [2..] include_fenced_brokers: bool,
    }

    /// The brokers and the controller.
    pub struct DescribeClusterResponse {
        [0..] throttle_time_ms: i32,
        [0..] error_code: ErrorCode,
        [0..] error_message: Option<String>,
        [1..] endpoint_type: i8 = 1,
        [0..] cluster_id: String,
        [0..] controller_id: i32 = -1,
        [0..] brokers: Vec<DescribeClusterBroker>,
        [0..] cluster_authorized_operations: i32 = i32::MIN,
    }

    /// One of `brokers` in [`DescribeClusterResponse`].
    pub struct DescribeClusterBroker {
        [0..] broker_id: i32,
        [0..] host: String,
        [0..] port: i32,
        [0..] rack: Option<String>,
        [2..] is_fenced: bool,
    }
}

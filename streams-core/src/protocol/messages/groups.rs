//! Listing groups, and describing classic ones.

use bytes::Bytes;

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Asks for classic groups.
    pub struct DescribeGroupsRequest {
        [0..] groups: Vec<String>,
        [3..] include_authorized_operations: bool,
    }

    /// The groups; one that does not exist is `Dead`.
    pub struct DescribeGroupsResponse {
        [1.., ignorable] throttle_time_ms: i32,
        [0..] groups: Vec<DescribedGroup>,
    }

    /// One of `groups` in [`DescribeGroupsResponse`].
    pub struct DescribedGroup {
        [0..] error_code: ErrorCode,
        [6..] error_message: Option<String>,
        [0..] group_id: String,
        [0..] group_state: String,
        [0..] protocol_type: String,
        [0..] protocol_data: String,
        [0..] members: Vec<DescribedGroupMember>,
        [3..] authorized_operations: i32 = i32::MIN,
    }

    /// One of `members` in [`DescribedGroup`].
    pub struct DescribedGroupMember {
        [0..] member_id: String,
        [4.., ignorable] group_instance_id: Option<String>,
        [0..] client_id: String,
        [0..] client_host: String,
        [0..] member_metadata: Bytes,
        [0..] member_assignment: Bytes,
    }

    /// Asks for the groups there are.
    pub struct ListGroupsRequest {
        [4..] states_filter: Vec<String>,
        [5..] types_filter: Vec<String>,
    }

    /// The groups there are.
    pub struct ListGroupsResponse {
        [1.., ignorable] throttle_time_ms: i32,
        [0..] error_code: ErrorCode,
        [0..] groups: Vec<ListedGroup>,
    }

    /// One of `groups` in [`ListGroupsResponse`].
    pub struct ListedGroup {
        [0..] group_id: String,
        [0..] protocol_type: String,
        [4.., ignorable] group_state: String,
        [5.., ignorable] group_type: String,
    }
}

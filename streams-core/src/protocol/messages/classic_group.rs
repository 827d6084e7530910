//! The classic group protocol, in which a member computes the assignment.

use bytes::Bytes;

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Joins a classic group.
    pub struct JoinGroupRequest {
        [0..] group_id: String,
        [0..] session_timeout_ms: i32,
        [1.., ignorable] rebalance_timeout_ms: i32 = -1,
        [0..] member_id: String,
        [5..] group_instance_id: Option<String>,
        [0..] protocol_type: String,
        [0..] protocols: Vec<JoinGroupRequestProtocol>,
        [8.., ignorable] reason: Option<String>,
    }

    /// One of `protocols` in [`JoinGroupRequest`].
    pub struct JoinGroupRequestProtocol {
        [0..] name: String,
        [0..] metadata: Bytes,
    }

    /// The generation and, for the leader, the members.
    pub struct JoinGroupResponse {
        [2.., ignorable] throttle_time_ms: i32,
        [0..] error_code: ErrorCode,
        [0..] generation_id: i32 = -1,
        [7.., ignorable] protocol_type: Option<String>,
        [0.., null 7..] protocol_name: Option<String>,
        [0..] leader: String,
        [9..] skip_assignment: bool,
        [0..] member_id: String,
        [0..] members: Vec<JoinGroupResponseMember>,
    }

    /// One of `members` in [`JoinGroupResponse`].
    pub struct JoinGroupResponseMember {
        [0..] member_id: String,
        [5.., ignorable] group_instance_id: Option<String>,
        [0..] metadata: Bytes,
    }

    /// Hands in the assignment (the leader) and asks for one's own.
    pub struct SyncGroupRequest {
        [0..] group_id: String,
        [0..] generation_id: i32,
        [0..] member_id: String,
        [3..] group_instance_id: Option<String>,
        [5.., ignorable] protocol_type: Option<String>,
        [5.., ignorable] protocol_name: Option<String>,
        [0..] assignments: Vec<SyncGroupRequestAssignment>,
    }

    /// One of `assignments` in [`SyncGroupRequest`].
    pub struct SyncGroupRequestAssignment {
        [0..] member_id: String,
        [0..] assignment: Bytes,
    }

    /// The member's own assignment.
    pub struct SyncGroupResponse {
        [1.., ignorable] throttle_time_ms: i32,
        [0..] error_code: ErrorCode,
        [5.., ignorable] protocol_type: Option<String>,
        [5.., ignorable] protocol_name: Option<String>,
        [0..] assignment: Bytes,
    }

    /// Says that a member is alive.
    pub struct HeartbeatRequest {
        [0..] group_id: String,
        [0..] generation_id: i32,
        [0..] member_id: String,
        [3..] group_instance_id: Option<String>,
    }

    /// Whether the member may go on.
    pub struct HeartbeatResponse {
        [1.., ignorable] throttle_time_ms: i32,
        [0..] error_code: ErrorCode,
    }

    /// Takes members out of a group.
    pub struct LeaveGroupRequest {
        [0..] group_id: String,
        [0..=2] member_id: String,
        [3..] members: Vec<MemberIdentity>,
    }

    /// One of `members` in [`LeaveGroupRequest`].
    pub struct MemberIdentity {
        [3..] member_id: String,
        [3..] group_instance_id: Option<String>,
        [5.., ignorable] reason: Option<String>,
    }

    /// What became of each member.
    pub struct LeaveGroupResponse {
        [1.., ignorable] throttle_time_ms: i32,
        [0..] error_code: ErrorCode,
        [3..] members: Vec<MemberResponse>,
    }

    /// One of `members` in [`LeaveGroupResponse`].
    pub struct MemberResponse {
        [3..] member_id: String,
        [3..] group_instance_id: Option<String>,
        [3..] error_code: ErrorCode,
    }
}

//! Finding the broker that keeps a group or a transactional id.

use crate::protocol::codec::{field, message};
use crate::protocol::codes::ErrorCode;

message! {
    /// Asks which broker coordinates the keys.
    pub struct FindCoordinatorRequest {
        [0..=3] key: String,
        /// 0 group, 1 transactional id, 2 share partition.
        [1..] key_type: i8,
        [4..] coordinator_keys: Vec<String>,
    }

    /// The coordinators.
    pub struct FindCoordinatorResponse {
        [1.., ignorable] throttle_time_ms: i32,
        [0..=3] error_code: ErrorCode,
        [1..=3, ignorable] error_message: Option<String>,
        [0..=3] node_id: i32,
        [0..=3] host: String,
        [0..=3] port: i32,
        [4..] coordinators: Vec<Coordinator>,
    }

    /// One of `coordinators` in [`FindCoordinatorResponse`].
    pub struct Coordinator {
        [4..] key: String,
        [4..] node_id: i32,
        [4..] host: String,
        [4..] port: i32,
        [4..] error_code: ErrorCode,
        [4.., ignorable] error_message: Option<String>,
    }
}

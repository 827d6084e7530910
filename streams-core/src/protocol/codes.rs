//! The error codes of the wire: what they are called, what they mean, and what a client does about them.

use std::fmt;

/// Why a broker refused, or [`ErrorCode::NONE`]. Codes that are not in the list below keep their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ErrorCode(pub i16);

impl ErrorCode {
    /// No error.
    pub const NONE: Self = Self(0);

    /// Whether this is [`Self::NONE`].
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// Whether this is an error.
    pub fn is_error(self) -> bool {
        self != Self::NONE
    }

    /// `Ok` for [`Self::NONE`], else this as the error.
    ///
    /// # Errors
    /// When this is an error.
    pub fn ok(self) -> Result<(), Self> {
        if self.is_none() {
            Ok(())
        } else {
            Err(self)
        }
    }

    /// Whether the same request may succeed later. Kafka's clients take these codes as retriable.
    pub fn is_retriable(self) -> bool {
        matches!(
            self.0,
            2 | 3
                | 5
                | 6
                | 7
                | 9
                | 13
                | 14
                | 15
                | 16
                | 19
                | 20
                | 41
                | 51
                | 56
                | 70
                | 71
                | 72
                | 74
                | 75
                | 78
                | 80
                | 83
                | 84
                | 88
                | 89
                | 100
                | 103
                | 106
                | 122
                | 123
                | 133
        )
    }

    /// Whether a client should ask for new metadata before it tries again.
    pub fn refreshes_metadata(self) -> bool {
        matches!(self.0, 3 | 5 | 6 | 9 | 13 | 56 | 72 | 74 | 80 | 83 | 84 | 100 | 103)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}): {}", self.name(), self.0, self.message())
    }
}

/// Declares the codes once: number, name and meaning.
macro_rules! codes {
    ($( $code:literal $NAME:ident $message:literal )*) => {
        impl ErrorCode {
            $(
                #[doc = concat!("Code ", stringify!($code), ": ", $message, ".")]
                pub const $NAME: Self = Self($code);
            )*

            /// Kafka's name of the code.
            pub fn name(self) -> &'static str {
                match self.0 {
                    0 => "NONE",
                    $( $code => stringify!($NAME), )*
                    _ => "UNKNOWN_ERROR_CODE",
                }
            }

            /// What the code means, as a lowercase fragment.
            pub fn message(self) -> &'static str {
                match self.0 {
                    0 => "no error",
                    $( $code => $message, )*
                    _ => "an error code that is newer than this program",
                }
            }
        }
    };
}

codes! {
    -1 UNKNOWN_SERVER_ERROR "the broker failed in a way it has no code for; its log says how"
    1 OFFSET_OUT_OF_RANGE "the offset is not between the start and the end of the partition"
    2 CORRUPT_MESSAGE "the batch is damaged: its checksum or its length is wrong"
    3 UNKNOWN_TOPIC_OR_PARTITION "this broker has no such topic or partition"
    4 INVALID_FETCH_SIZE "the fetch size is not valid"
    5 LEADER_NOT_AVAILABLE "the partition has no leader at the moment"
    6 NOT_LEADER_OR_FOLLOWER "the broker asked does not lead or replicate the partition"
    7 REQUEST_TIMED_OUT "the broker ran out of time"
    8 BROKER_NOT_AVAILABLE "the broker is away"
    9 REPLICA_NOT_AVAILABLE "the replica is away"
    10 MESSAGE_TOO_LARGE "the batch is larger than `max.message.bytes` of the topic"
    11 STALE_CONTROLLER_EPOCH "the controller moved to another broker"
    12 OFFSET_METADATA_TOO_LARGE "the text stored with the offset is too long"
    13 NETWORK_EXCEPTION "the connection broke before the answer"
    14 COORDINATOR_LOAD_IN_PROGRESS "the coordinator is still loading its state"
    15 COORDINATOR_NOT_AVAILABLE "there is no coordinator at the moment"
    16 NOT_COORDINATOR "the broker asked is not the coordinator"
    17 INVALID_TOPIC_EXCEPTION "the topic cannot be used like this, often because of its name"
    18 RECORD_LIST_TOO_LARGE "the batch is larger than a segment"
    19 NOT_ENOUGH_REPLICAS "fewer replicas are in sync than `min.insync.replicas` asks for"
    20 NOT_ENOUGH_REPLICAS_AFTER_APPEND "the batch is in the log, but on fewer replicas than asked for"
    21 INVALID_REQUIRED_ACKS "acks must be -1, 0 or 1"
    22 ILLEGAL_GENERATION "the group is in another generation"
    23 INCONSISTENT_GROUP_PROTOCOL "the member's protocols do not fit those of the group"
    24 INVALID_GROUP_ID "the group id is not valid"
    25 UNKNOWN_MEMBER_ID "the group has no such member"
    26 INVALID_SESSION_TIMEOUT "the session timeout is outside what the broker allows"
    27 REBALANCE_IN_PROGRESS "the group is rebalancing, so the member must join again"
    28 INVALID_COMMIT_OFFSET_SIZE "the committed offset does not fit"
    29 TOPIC_AUTHORIZATION_FAILED "not authorized for the topic"
    30 GROUP_AUTHORIZATION_FAILED "not authorized for the group"
    31 CLUSTER_AUTHORIZATION_FAILED "not authorized for the cluster"
    32 INVALID_TIMESTAMP "the timestamp of a record is outside what the topic allows"
    33 UNSUPPORTED_SASL_MECHANISM "the broker does not have this SASL mechanism"
    34 ILLEGAL_SASL_STATE "the request does not fit the state of authentication"
    35 UNSUPPORTED_VERSION "the broker does not have this version of the API"
    36 TOPIC_ALREADY_EXISTS "there is a topic of this name already"
    37 INVALID_PARTITIONS "the number of partitions is not valid"
    38 INVALID_REPLICATION_FACTOR "the replication factor is below 1 or above the number of brokers"
    39 INVALID_REPLICA_ASSIGNMENT "the replica assignment is not valid"
    40 INVALID_CONFIG "a setting is unknown or its value is not valid"
    41 NOT_CONTROLLER "the broker asked is not the controller"
    42 INVALID_REQUEST "the request contradicts itself or the broker cannot serve it as it is"
    43 UNSUPPORTED_FOR_MESSAGE_FORMAT "the message format of the batch or the broker does not support this"
    44 POLICY_VIOLATION "a policy of the broker forbids it"
    45 OUT_OF_ORDER_SEQUENCE_NUMBER "the batch is not the next one of its producer"
    46 DUPLICATE_SEQUENCE_NUMBER "the batch was appended before"
    47 INVALID_PRODUCER_EPOCH "a newer producer has the same producer id"
    48 INVALID_TXN_STATE "the transaction is in a state that does not allow it"
    49 INVALID_PRODUCER_ID_MAPPING "the producer id does not belong to the transactional id"
    50 INVALID_TRANSACTION_TIMEOUT "the transaction timeout is above what the broker allows"
    51 CONCURRENT_TRANSACTIONS "the transaction before this one is still being completed"
    52 TRANSACTION_COORDINATOR_FENCED "the coordinator of the transaction is not the current one"
    53 TRANSACTIONAL_ID_AUTHORIZATION_FAILED "not authorized for the transactional id"
    54 SECURITY_DISABLED "security features are off"
    55 OPERATION_NOT_ATTEMPTED "not tried, because another part of the request failed"
    56 KAFKA_STORAGE_ERROR "the log cannot be read or written: a disk error"
    57 LOG_DIR_NOT_FOUND "there is no such log directory"
    58 SASL_AUTHENTICATION_FAILED "authentication failed"
    59 UNKNOWN_PRODUCER_ID "the broker knows nothing of this producer id (any more)"
    60 REASSIGNMENT_IN_PROGRESS "the partition is being moved"
    61 DELEGATION_TOKEN_AUTH_DISABLED "delegation tokens are off"
    62 DELEGATION_TOKEN_NOT_FOUND "there is no such delegation token"
    63 DELEGATION_TOKEN_OWNER_MISMATCH "the delegation token belongs to somebody else"
    64 DELEGATION_TOKEN_REQUEST_NOT_ALLOWED "delegation tokens cannot be used over this connection"
    65 DELEGATION_TOKEN_AUTHORIZATION_FAILED "not authorized for the delegation token"
    66 DELEGATION_TOKEN_EXPIRED "the delegation token expired"
    67 INVALID_PRINCIPAL_TYPE "this type of principal is not supported"
    68 NON_EMPTY_GROUP "the group still has members"
    69 GROUP_ID_NOT_FOUND "there is no such group"
    70 FETCH_SESSION_ID_NOT_FOUND "there is no such fetch session"
    71 INVALID_FETCH_SESSION_EPOCH "the fetch session is at another epoch"
    72 LISTENER_NOT_FOUND "the leader has no listener like the one the request came in on"
    73 TOPIC_DELETION_DISABLED "the broker does not delete topics"
    74 FENCED_LEADER_EPOCH "the leader epoch of the request is older than the broker's"
    75 UNKNOWN_LEADER_EPOCH "the leader epoch of the request is newer than the broker's"
    76 UNSUPPORTED_COMPRESSION_TYPE "the compression type is unknown, off, or too new for this version"
    77 STALE_BROKER_EPOCH "the broker registered again since"
    78 OFFSET_NOT_AVAILABLE "the new leader does not know its high watermark yet"
    79 MEMBER_ID_REQUIRED "the member must join with the id that comes with this answer"
    80 PREFERRED_LEADER_NOT_AVAILABLE "the preferred leader is away"
    81 GROUP_MAX_SIZE_REACHED "the group has as many members as it may have"
    82 FENCED_INSTANCE_ID "another member has the same `group.instance.id`"
    83 ELIGIBLE_LEADERS_NOT_AVAILABLE "no replica that could lead is there"
    84 ELECTION_NOT_NEEDED "the partition has a leader and needs no election"
    85 NO_REASSIGNMENT_IN_PROGRESS "the partition is not being moved"
    86 GROUP_SUBSCRIBED_TO_TOPIC "the group reads the topic, so its offsets must stay"
    87 INVALID_RECORD "a record of the batch is not valid for the topic"
    88 UNSTABLE_OFFSET_COMMIT "a transaction is about to change the offset"
    89 THROTTLING_QUOTA_EXCEEDED "a quota is used up"
    90 PRODUCER_FENCED "a newer producer has the same transactional id"
    91 RESOURCE_NOT_FOUND "there is no such resource"
    92 DUPLICATE_RESOURCE "there is such a resource already"
    93 UNACCEPTABLE_CREDENTIAL "the credential does not meet the rules"
    94 INCONSISTENT_VOTER_SET "the voters are not those of the cluster"
    95 INVALID_UPDATE_VERSION "the update is for another version"
    96 FEATURE_UPDATE_FAILED "the features could not be changed"
    97 PRINCIPAL_DESERIALIZATION_FAILURE "the forwarded principal does not decode"
    98 SNAPSHOT_NOT_FOUND "there is no such snapshot"
    99 POSITION_OUT_OF_RANGE "the position is beyond the snapshot's end"
    100 UNKNOWN_TOPIC_ID "this broker has no topic with this id"
    101 DUPLICATE_BROKER_REGISTRATION "another broker registered with this id"
    102 BROKER_ID_NOT_REGISTERED "no broker registered with this id"
    103 INCONSISTENT_TOPIC_ID "the topic id in the log is another one"
    104 INCONSISTENT_CLUSTER_ID "the cluster id is another one"
    105 TRANSACTIONAL_ID_NOT_FOUND "there is no such transactional id"
    106 FETCH_SESSION_TOPIC_ID_ERROR "a fetch session must use either topic names or topic ids"
    107 INELIGIBLE_REPLICA "the replica cannot join those in sync"
    108 NEW_LEADER_ELECTED "the change led to a new leader"
    109 OFFSET_MOVED_TO_TIERED_STORAGE "the offset is in remote storage only"
    110 FENCED_MEMBER_EPOCH "the group gave the member up: it must give up its partitions and join again"
    111 UNRELEASED_INSTANCE_ID "another member still holds this `group.instance.id`"
    112 UNSUPPORTED_ASSIGNOR "the group does not support the assignor"
    113 STALE_MEMBER_EPOCH "the member is at a newer epoch, so the request must be sent again with that"
    114 MISMATCHED_ENDPOINT_TYPE "the request went to the wrong kind of endpoint"
    115 UNSUPPORTED_ENDPOINT_TYPE "this kind of endpoint is not supported"
    116 UNKNOWN_CONTROLLER_ID "there is no controller with this id"
    117 UNKNOWN_SUBSCRIPTION_ID "the telemetry subscription changed"
    118 TELEMETRY_TOO_LARGE "the telemetry is larger than allowed"
    119 INVALID_REGISTRATION "the registration is not valid"
    120 TRANSACTION_ABORTABLE "the transaction failed and must be aborted; then work can go on"
    121 INVALID_RECORD_STATE "the record is not in a state that allows it"
    122 SHARE_SESSION_NOT_FOUND "there is no such share session"
    123 INVALID_SHARE_SESSION_EPOCH "the share session is at another epoch"
    124 FENCED_STATE_EPOCH "the state epoch is old"
    125 INVALID_VOTER_KEY "the voter's key is another one"
    126 DUPLICATE_VOTER "the voter is one already"
    127 VOTER_NOT_FOUND "there is no such voter"
    128 INVALID_REGULAR_EXPRESSION "the regular expression is not valid"
    129 REBOOTSTRAP_REQUIRED "the client must start again from its bootstrap addresses"
    130 STREAMS_INVALID_TOPOLOGY "the topology is not valid"
    131 STREAMS_INVALID_TOPOLOGY_EPOCH "the topology epoch is not valid"
    132 STREAMS_TOPOLOGY_FENCED "the topology epoch is old"
    133 SHARE_SESSION_LIMIT_REACHED "there are as many share sessions as there may be"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_names_and_classes() {
        assert_eq!(ErrorCode::NONE.ok(), Ok(()));
        assert_eq!(ErrorCode(3).ok(), Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
        assert_eq!(ErrorCode(-1).name(), "UNKNOWN_SERVER_ERROR");
        assert_eq!(ErrorCode(999).name(), "UNKNOWN_ERROR_CODE");
        assert!(ErrorCode::NOT_LEADER_OR_FOLLOWER.is_retriable());
        assert!(ErrorCode::NOT_LEADER_OR_FOLLOWER.refreshes_metadata());
        assert!(ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.is_retriable());
        assert!(!ErrorCode::COORDINATOR_LOAD_IN_PROGRESS.refreshes_metadata());
        assert!(!ErrorCode::UNKNOWN_SERVER_ERROR.is_retriable());
        assert!((0..=133).all(|code| ErrorCode(code).name() != "UNKNOWN_ERROR_CODE"));
    }
}

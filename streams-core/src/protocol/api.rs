//! Which APIs exist, in which versions, under which headers; whole frames to typed requests and responses and back.
//!
//! A frame here is what follows the four bytes of the size on the way in, and includes them on the way out.

use std::fmt;
use std::ops::RangeInclusive;

use bytes::Bytes;

use super::codec::Wire;
use super::messages as m;
use super::wire::{Frame, Reader, Writer};
use crate::error::{Error, ErrorKind, Result};

/// Declares every API once: its key, the versions this codec has, and the first flexible one.
macro_rules! apis {
    ($(
        $(#[$meta:meta])*
        $Api:ident = $key:literal, $min:literal..=$max:literal, flexible $flexible:literal,
        $module:ident::{$Request:ident, $Response:ident};
    )*) => {
        /// An API of the protocol, by Kafka's name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(i16)]
        pub enum ApiKey {
            $( $(#[$meta])* $Api = $key, )*
        }

        impl ApiKey {
            /// Every API of this codec, in the order of the keys.
            pub const ALL: &'static [Self] = &[$( Self::$Api, )*];

            /// The API with a key of the wire, if this codec has it.
            pub fn from_code(code: i16) -> Option<Self> {
                match code {
                    $( $key => Some(Self::$Api), )*
                    _ => None,
                }
            }

            /// The versions that this codec encodes and decodes.
            pub fn versions(self) -> RangeInclusive<i16> {
                match self {
                    $( Self::$Api => $min..=$max, )*
                }
            }

            /// The first version with compact lengths and tagged fields.
            pub fn flexible_from(self) -> i16 {
                match self {
                    $( Self::$Api => $flexible, )*
                }
            }
        }

        /// A request of any API.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum Request {
            $( $(#[$meta])* $Api(m::$module::$Request), )*
        }

        /// A response of any API.
        #[derive(Debug, Clone, PartialEq)]
        #[non_exhaustive]
        pub enum Response {
            $( $(#[$meta])* $Api(m::$module::$Response), )*
        }

        impl Request {
            /// Which API this asks.
            pub fn api_key(&self) -> ApiKey {
                match self {
                    $( Self::$Api(_) => ApiKey::$Api, )*
                }
            }

            fn write(&self, w: &mut Writer) {
                match self {
                    $( Self::$Api(request) => request.write(w), )*
                }
            }

            fn read(api: ApiKey, r: &mut Reader) -> Result<Self> {
                match api {
                    $( ApiKey::$Api => Wire::read(r).map(Self::$Api), )*
                }
            }
        }

        impl Response {
            /// Which API this answers.
            pub fn api_key(&self) -> ApiKey {
                match self {
                    $( Self::$Api(_) => ApiKey::$Api, )*
                }
            }

            fn write(&self, w: &mut Writer) {
                match self {
                    $( Self::$Api(response) => response.write(w), )*
                }
            }

            fn read(api: ApiKey, r: &mut Reader) -> Result<Self> {
                match api {
                    $( ApiKey::$Api => Wire::read(r).map(Self::$Api), )*
                }
            }
        }

        $(
            impl From<m::$module::$Request> for Request {
                fn from(request: m::$module::$Request) -> Self {
                    Self::$Api(request)
                }
            }

            impl From<m::$module::$Response> for Response {
                fn from(response: m::$module::$Response) -> Self {
                    Self::$Api(response)
                }
            }

            impl TryFrom<Response> for m::$module::$Response {
                type Error = Error;

                fn try_from(response: Response) -> Result<Self> {
                    match response {
                        Response::$Api(response) => Ok(response),
                        other => Err(unexpected_answer(ApiKey::$Api, other.api_key())),
                    }
                }
            }
        )*
    };
}

apis! {
    /// Appends record batches.
    Produce = 0, 3..=13, flexible 9, produce::{ProduceRequest, ProduceResponse};
    /// Reads record batches, waiting for them if asked to.
    Fetch = 1, 4..=18, flexible 12, fetch::{FetchRequest, FetchResponse};
    /// Looks offsets up by timestamp, earliest and latest included.
    ListOffsets = 2, 1..=11, flexible 6, list_offsets::{ListOffsetsRequest, ListOffsetsResponse};
    /// Describes brokers, topics and partitions, and creates topics on the way if allowed.
    Metadata = 3, 0..=13, flexible 9, metadata::{MetadataRequest, MetadataResponse};
    /// Stores a group's positions.
    OffsetCommit = 8, 2..=10, flexible 8, offsets::{OffsetCommitRequest, OffsetCommitResponse};
    /// Reads a group's positions.
    OffsetFetch = 9, 1..=10, flexible 6, offsets::{OffsetFetchRequest, OffsetFetchResponse};
    /// Finds the broker that coordinates a group or a transactional id.
    FindCoordinator = 10, 0..=6, flexible 3, find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
    /// Joins a classic group.
    JoinGroup = 11, 0..=9, flexible 6, classic_group::{JoinGroupRequest, JoinGroupResponse};
    /// Keeps a member of a classic group alive.
    Heartbeat = 12, 0..=4, flexible 4, classic_group::{HeartbeatRequest, HeartbeatResponse};
    /// Takes members out of a classic group.
    LeaveGroup = 13, 0..=5, flexible 4, classic_group::{LeaveGroupRequest, LeaveGroupResponse};
    /// Hands out the assignment of a classic group.
    SyncGroup = 14, 0..=5, flexible 4, classic_group::{SyncGroupRequest, SyncGroupResponse};
    /// Describes classic groups.
    DescribeGroups = 15, 0..=6, flexible 5, groups::{DescribeGroupsRequest, DescribeGroupsResponse};
    /// Lists groups of every type.
    ListGroups = 16, 0..=5, flexible 3, groups::{ListGroupsRequest, ListGroupsResponse};
    /// Says which APIs and versions the broker has.
    ApiVersions = 18, 0..=4, flexible 3, api_versions::{ApiVersionsRequest, ApiVersionsResponse};
    /// Creates topics.
    CreateTopics = 19, 2..=7, flexible 5, topics::{CreateTopicsRequest, CreateTopicsResponse};
    /// Deletes topics.
    DeleteTopics = 20, 1..=6, flexible 4, topics::{DeleteTopicsRequest, DeleteTopicsResponse};
    /// Deletes the records below an offset.
    DeleteRecords = 21, 0..=2, flexible 2, topics::{DeleteRecordsRequest, DeleteRecordsResponse};
    /// Hands out a producer id and epoch.
    InitProducerId = 22, 0..=5, flexible 2, transactions::{InitProducerIdRequest, InitProducerIdResponse};
    /// Finds where a leader epoch ended.
    OffsetForLeaderEpoch = 23, 2..=4, flexible 4,
        list_offsets::{OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse};
    /// Adds partitions to a transaction, or verifies that they are in it.
    AddPartitionsToTxn = 24, 0..=5, flexible 3, transactions::{AddPartitionsToTxnRequest, AddPartitionsToTxnResponse};
    /// Adds a group's offsets to a transaction.
    AddOffsetsToTxn = 25, 0..=4, flexible 3, transactions::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
    /// Commits or aborts a transaction.
    EndTxn = 26, 0..=5, flexible 3, transactions::{EndTxnRequest, EndTxnResponse};
    /// Commits a group's positions within a transaction.
    TxnOffsetCommit = 28, 0..=5, flexible 3, transactions::{TxnOffsetCommitRequest, TxnOffsetCommitResponse};
    /// Reads the settings of topics and brokers.
    DescribeConfigs = 32, 1..=4, flexible 4, configs::{DescribeConfigsRequest, DescribeConfigsResponse};
    /// Adds partitions to topics.
    CreatePartitions = 37, 0..=3, flexible 2, topics::{CreatePartitionsRequest, CreatePartitionsResponse};
    /// Describes the brokers of the cluster.
    DescribeCluster = 60, 0..=2, flexible 0, metadata::{DescribeClusterRequest, DescribeClusterResponse};
    /// Joins, keeps and leaves a consumer group of the protocol in which the broker assigns.
    ConsumerGroupHeartbeat = 68, 0..=1, flexible 0,
        consumer_group_heartbeat::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse};
    /// Joins, keeps and leaves a streams group.
    StreamsGroupHeartbeat = 88, 0..=0, flexible 0,
        streams_group_heartbeat::{StreamsGroupHeartbeatRequest, StreamsGroupHeartbeatResponse};
    /// Describes streams groups.
    StreamsGroupDescribe = 89, 0..=0, flexible 0,
        streams_group_describe::{StreamsGroupDescribeRequest, StreamsGroupDescribeResponse};
}

#[cold]
fn unexpected_answer(asked: ApiKey, got: ApiKey) -> Error {
    Error::new(ErrorKind::Internal, format!("{asked} was asked and {got} answered"))
}

impl ApiKey {
    /// The key on the wire.
    pub fn code(self) -> i16 {
        self as i16
    }

    /// Whether this version has compact lengths and tagged fields.
    pub fn is_flexible(self, version: i16) -> bool {
        version >= self.flexible_from()
    }

    /// The versions a broker should advertise: those of the codec, except that produce claims to start at 0. Clients
    /// built on librdkafka 2 and older switch compression off when it does not; none of them sends those versions.
    pub fn advertised_versions(self) -> RangeInclusive<i16> {
        let versions = self.versions();
        match self {
            Self::Produce => 0..=*versions.end(),
            _ => versions,
        }
    }

    /// The version of the header in front of a request of this version.
    pub fn request_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) {
            2
        } else {
            1
        }
    }

    /// The version of the header in front of a response of this version. That of ApiVersions never changes, because
    /// a client must understand the answer before it knows what the broker speaks.
    pub fn response_header_version(self, version: i16) -> i16 {
        if self.is_flexible(version) && self != Self::ApiVersions {
            1
        } else {
            0
        }
    }
}

impl fmt::Display for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// What stands in front of every request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// Which API is asked.
    pub api_key: ApiKey,
    /// The version of the request, and of its response.
    pub api_version: i16,
    /// Comes back in the response.
    pub correlation_id: i32,
    /// What the client calls itself; shown in logs and group descriptions.
    pub client_id: Option<String>,
}

/// Decodes a request frame.
///
/// A request for ApiVersions in a version above ours decodes to its default with the header as sent, because a broker
/// must answer it ([`encode_response`] then uses version 0).
///
/// Bytes after the last field are not looked at, as in Kafka: librdkafka leaves three when it asks for the metadata of
/// all topics in a flexible version.
///
/// # Errors
/// [`ErrorKind::Refused`] for an API or a version that this codec does not have, [`ErrorKind::Corrupt`] for bytes
/// that are no such request. A broker closes the connection on either.
pub fn decode_request(frame: Bytes) -> Result<(RequestHeader, Request)> {
    let mut r = Reader::new(frame, "request");
    let (code, api_version) = (r.i16()?, r.i16()?);
    r.set_api(code, api_version, false);
    let api_key = ApiKey::from_code(code);
    let known = api_key.is_some_and(|api| api.versions().contains(&api_version));
    let Some(api_key) = api_key.filter(|api| known || (*api == ApiKey::ApiVersions && api_version > 0)) else {
        return Err(unsupported("request", code, api_version));
    };
    let correlation_id = r.i32()?;
    let client_id = r.nullable_string()?;
    let header = RequestHeader { api_key, api_version, correlation_id, client_id };
    if !known {
        return Ok((header, Request::ApiVersions(m::api_versions::ApiVersionsRequest::default())));
    }
    let flexible = api_key.is_flexible(api_version);
    r.set_api(code, api_version, flexible);
    if flexible {
        r.tagged_fields(|_, _| Ok(false))?;
    }
    let request = Request::read(api_key, &mut r)?;
    Ok((header, request))
}

/// Encodes a request, its size in front. The header's API must be the request's.
///
/// # Errors
/// [`ErrorKind::Refused`] when the version cannot carry the request.
pub fn encode_request(header: &RequestHeader, request: &Request) -> Result<Frame> {
    let RequestHeader { api_key, api_version, correlation_id, client_id } = header;
    let (api, version) = (*api_key, *api_version);
    check_encodable("request", api, request.api_key(), version)?;
    let flexible = api.is_flexible(version);
    let mut w = Writer::new(true);
    api.code().write(&mut w);
    version.write(&mut w);
    correlation_id.write(&mut w);
    w.nullable_string(client_id.as_deref());
    w.set_version(version, flexible);
    if flexible {
        w.uvarint(0);
    }
    request.write(&mut w);
    w.finish("request", api)
}

/// Encodes the response to the request with this header, its size in front. Fields that the version does not have are
/// left out.
///
/// # Errors
/// [`ErrorKind::Refused`] when the response is of another API or larger than a frame can be.
pub fn encode_response(header: &RequestHeader, response: &Response) -> Result<Frame> {
    let (api, mut version) = (header.api_key, header.api_version);
    if api == ApiKey::ApiVersions && !api.versions().contains(&version) {
        version = 0;
    }
    check_encodable("response", api, response.api_key(), version)?;
    let mut w = Writer::new(false);
    header.correlation_id.write(&mut w);
    w.set_version(version, api.is_flexible(version));
    if api.response_header_version(version) == 1 {
        w.uvarint(0);
    }
    response.write(&mut w);
    w.finish("response", api)
}

/// Decodes the response to a request of this API and version; the number is the correlation id.
///
/// A broker that does not have the version of an ApiVersions request answers in version 0 with
/// [`ErrorCode::UNSUPPORTED_VERSION`](super::ErrorCode::UNSUPPORTED_VERSION); this decodes that too.
///
/// # Errors
/// [`ErrorKind::Corrupt`] for bytes that are no such response, [`ErrorKind::Refused`] for a version this codec does
/// not have.
pub fn decode_response(api: ApiKey, version: i16, frame: Bytes) -> Result<(i32, Response)> {
    if !api.versions().contains(&version) {
        return Err(unsupported("response", api.code(), version));
    }
    let decoded = read_response(api, version, frame.clone());
    if decoded.is_err() && api == ApiKey::ApiVersions && version > 0 {
        return read_response(api, 0, frame).or(decoded);
    }
    decoded
}

fn read_response(api: ApiKey, version: i16, frame: Bytes) -> Result<(i32, Response)> {
    let mut r = Reader::new(frame, "response");
    r.set_api(api.code(), version, api.is_flexible(version));
    let correlation_id = r.i32()?;
    if api.response_header_version(version) == 1 {
        r.tagged_fields(|_, _| Ok(false))?;
    }
    let response = Response::read(api, &mut r)?;
    r.finish()?;
    Ok((correlation_id, response))
}

fn check_encodable(kind: &str, api: ApiKey, body: ApiKey, version: i16) -> Result<()> {
    if api != body {
        return Err(Error::new(
            ErrorKind::Refused,
            format!("encode {kind}: the header says {api}, the body is {body}"),
        ));
    }
    if !api.versions().contains(&version) {
        return Err(unsupported(kind, api.code(), version));
    }
    Ok(())
}

#[cold]
fn unsupported(kind: &str, code: i16, version: i16) -> Error {
    let message = match ApiKey::from_code(code) {
        None => format!("unsupported {kind} api={code} v={version}: no such API here"),
        Some(api) => {
            let versions = api.versions();
            let (first, last) = (versions.start(), versions.end());
            format!("unsupported {kind} api={code} v={version}: {api} is supported from v{first} to v{last}")
        }
    };
    Error::new(ErrorKind::Refused, message)
}

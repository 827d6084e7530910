//! What the broker does for each API: one file per API, each a function from a request to its answer.
//!
//! A handler decides and calls topics, coordinators and the purgatory; it knows no socket and no thread. Each part of
//! a request (topic, partition, group) succeeds or fails on its own.

mod api_versions;
mod create_partitions;
mod create_topics;
mod delete_records;
mod delete_topics;
mod describe_configs;
pub(crate) mod fetch;
mod find_coordinator;
mod init_producer_id;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_fetch;
mod offset_for_leader_epoch;
mod produce;

use std::collections::BTreeMap;
use std::sync::Arc;

use streams_core::protocol::{ApiKey, ErrorCode, Request};
use streams_core::time::Timestamp;
use streams_core::{Error, ErrorKind};
use uuid::Uuid;

use crate::broker::{Broker, Context};
use crate::reply::Reply;
use crate::topics::Topic;

/// The APIs that this broker answers, and therefore advertises.
pub(crate) const SUPPORTED: &[ApiKey] = &[
    ApiKey::Produce,
    ApiKey::Fetch,
    ApiKey::ListOffsets,
    ApiKey::Metadata,
    ApiKey::OffsetCommit,
    ApiKey::OffsetFetch,
    ApiKey::FindCoordinator,
    ApiKey::ApiVersions,
    ApiKey::CreateTopics,
    ApiKey::DeleteTopics,
    ApiKey::DeleteRecords,
    ApiKey::InitProducerId,
    ApiKey::OffsetForLeaderEpoch,
    ApiKey::DescribeConfigs,
    ApiKey::CreatePartitions,
    ApiKey::DescribeCluster,
];

/// The topic of a request: by its id from the version on in which topics have one, else by name. A client in this process
/// may go on with names.
fn topic_of(broker: &Broker, goes_by_id: bool, name: &str, id: Uuid) -> Result<Arc<Topic>, ErrorCode> {
    match goes_by_id && name.is_empty() && id.is_nil() {
        true => Err(ErrorCode::UNKNOWN_TOPIC_ID),
        false => broker.topics().resolve(name, id),
    }
}

/// Each item of a request once, with whether the request names it more than once.
fn each_once<T, K: Ord>(items: Vec<T>, key_of: impl Fn(&T) -> K) -> Vec<(T, bool)> {
    let mut counts: BTreeMap<K, usize> = BTreeMap::new();
    for item in &items {
        *counts.entry(key_of(item)).or_default() += 1;
    }
    items.into_iter().filter_map(|item| counts.remove(&key_of(&item)).map(|count| (item, count > 1))).collect()
}

/// Answers a request, or parks it.
pub(crate) fn handle(broker: &Broker, context: &Context, request: Request, now: Timestamp) -> Reply {
    match request {
        Request::ApiVersions(request) => Reply::Now(api_versions::handle(context, &request).into()),
        Request::Metadata(request) => Reply::Now(metadata::handle(broker, context, request, now).into()),
        Request::DescribeCluster(request) => Reply::Now(metadata::describe_cluster(broker, &request).into()),
        Request::Produce(request) => produce::handle(broker, context, request, now),
        Request::Fetch(request) => fetch::handle(broker, context, request, now),
        Request::ListOffsets(request) => Reply::Now(list_offsets::handle(broker, context, request).into()),
        Request::OffsetForLeaderEpoch(request) => Reply::Now(offset_for_leader_epoch::handle(broker, request).into()),
        Request::CreateTopics(request) => Reply::Now(create_topics::handle(broker, request, now).into()),
        Request::DeleteTopics(request) => Reply::Now(delete_topics::handle(broker, context, request, now).into()),
        Request::CreatePartitions(request) => Reply::Now(create_partitions::handle(broker, request, now).into()),
        Request::DeleteRecords(request) => Reply::Now(delete_records::handle(broker, request).into()),
        Request::DescribeConfigs(request) => Reply::Now(describe_configs::handle(broker, request).into()),
        Request::FindCoordinator(request) => Reply::Now(find_coordinator::handle(broker, context, request, now).into()),
        Request::OffsetCommit(request) => offset_commit::handle(broker, context, request, now),
        Request::OffsetFetch(request) => Reply::Now(offset_fetch::handle(broker, context, request).into()),
        Request::InitProducerId(request) => Reply::Now(init_producer_id::handle(broker, &request).into()),
        other => Reply::Close(Error::new(
            ErrorKind::Refused,
            format!("api {} is not offered by this broker", other.api_key()),
        )),
    }
}

//! ListOffsets: the first and the next offset of a partition, and offsets by time.

use streams_core::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;

use super::each_once;
use crate::broker::{Broker, Context};
use crate::topics::partition::Partition;

/// The special timestamps, and the version that brought each.
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;
const MAX_TIMESTAMP_SINCE: i16 = 7;
const EARLIEST_LOCAL: i64 = -4;
const EARLIEST_LOCAL_SINCE: i16 = 8;
const LATEST_TIERED: i64 = -5;
const LATEST_TIERED_SINCE: i16 = 9;
const EARLIEST_PENDING_UPLOAD: i64 = -6;
const EARLIEST_PENDING_UPLOAD_SINCE: i16 = 11;

pub(super) fn handle(broker: &Broker, context: &Context, request: ListOffsetsRequest) -> ListOffsetsResponse {
    let topics = request.topics.into_iter().map(|topic| {
        let found = broker.topics().get(&topic.name);
        let wanted = each_once(topic.partitions, |wanted| wanted.partition_index);
        let partitions = wanted.iter().map(|(wanted, is_repeated)| {
            let partition = found.as_ref().and_then(|topic| topic.partition(wanted.partition_index));
            let outcome = match partition {
                _ if *is_repeated => Err(ErrorCode::INVALID_REQUEST),
                None => Err(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
                Some(partition) => look_up(partition, wanted, context.api_version),
            };
            outcome.unwrap_or_else(|error_code| ListOffsetsPartitionResponse {
                partition_index: wanted.partition_index,
                error_code,
                ..ListOffsetsPartitionResponse::default()
            })
        });
        let partitions = partitions.collect();
        ListOffsetsTopicResponse { name: topic.name, partitions }
    });
    ListOffsetsResponse { topics: topics.collect(), ..ListOffsetsResponse::default() }
}

fn look_up(
    partition: &Partition,
    wanted: &ListOffsetsPartition,
    version: i16,
) -> Result<ListOffsetsPartitionResponse, ErrorCode> {
    partition.check_epoch(wanted.current_leader_epoch)?;
    let since = |first: i16| if version >= first { Ok(()) } else { Err(ErrorCode::UNSUPPORTED_VERSION) };
    let (start, end) = partition.bounds()?;
    let none = (-1, -1);
    let (timestamp, offset) = match wanted.timestamp {
        LATEST => (-1, end),
        EARLIEST => (-1, start),
        MAX_TIMESTAMP => {
            since(MAX_TIMESTAMP_SINCE)?;
            partition.offset_of_max_timestamp()?.unwrap_or(none)
        }
        EARLIEST_LOCAL => {
            since(EARLIEST_LOCAL_SINCE)?;
            (-1, start)
        }
        LATEST_TIERED => {
            since(LATEST_TIERED_SINCE)?;
            none
        }
        EARLIEST_PENDING_UPLOAD => {
            since(EARLIEST_PENDING_UPLOAD_SINCE)?;
            none
        }
        target if target >= 0 => partition.offset_at(Timestamp(target))?.unwrap_or(none),
        _ => return Err(ErrorCode::UNSUPPORTED_VERSION),
    };
    Ok(ListOffsetsPartitionResponse {
        partition_index: wanted.partition_index,
        error_code: ErrorCode::NONE,
        timestamp,
        offset,
        leader_epoch: if offset < 0 { -1 } else { partition.epochs().at(offset) },
    })
}

//! A broker that is stepped by its test, on a disk in memory that fails and forgets when told to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use broker_lite::disk::memory::{Crash, MemoryDisk};
use broker_lite::disk::Disk as _;
use broker_lite::{Broker, BrokerBuilder, Context, Reply, SyncPolicy, Ticket};
use bytes::Bytes;
use streams_core::protocol::messages::fetch::{FetchResponse, PartitionData};
use streams_core::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use streams_core::protocol::messages::offsets::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
};
use streams_core::protocol::messages::produce::{PartitionProduceResponse, ProduceResponse};
use streams_core::protocol::messages::topics::{
    CreateTopicsResponse, DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
    DeleteTopicState, DeleteTopicsRequest, DeleteTopicsResponse,
};
use streams_core::protocol::{ErrorCode, Request, Response};
use streams_core::{Error, Timestamp};

use crate::support::*;

pub(crate) const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A broker without threads. Its clock stands at [`NOW`] unless a request says otherwise.
pub(crate) struct Stepped(pub(crate) Broker);

impl Stepped {
    pub(crate) fn over(disk: &MemoryDisk, sync: SyncPolicy) -> Self {
        Self(Self::builder(disk, sync).open().unwrap())
    }

    pub(crate) fn builder(disk: &MemoryDisk, sync: SyncPolicy) -> BrokerBuilder {
        Broker::builder().disk(Arc::new(disk.clone())).sync(sync)
    }

    /// Stops as if the power went, and starts over what that leaves.
    pub(crate) fn crashed(self, disk: &MemoryDisk, crash: Crash, sync: SyncPolicy) -> (Self, MemoryDisk) {
        let image = disk.crash(crash);
        drop(self);
        (Self::over(&image, sync), image)
    }

    /// Sends a request; its answer may wait.
    pub(crate) fn send(&self, request: impl Into<Request>, now: Timestamp) -> Result<Response, Ticket> {
        let request = request.into();
        let context = Context::latest(request.api_key());
        match self.0.handle(&context, request, now) {
            Reply::Now(response) => Ok(response),
            Reply::Later(ticket) => ticket.try_take(),
            Reply::Close(error) => panic!("{error}"),
        }
    }

    /// Sends a request and syncs if that is what its answer waits for.
    pub(crate) fn ask<R: TryFrom<Response, Error = Error>>(&self, request: impl Into<Request>, now: Timestamp) -> R {
        let response = self.send(request, now).unwrap_or_else(|ticket| {
            self.0.sync();
            ticket.try_take().expect("a sync answers it")
        });
        R::try_from(response).unwrap()
    }

    pub(crate) fn create(&self, topic: &str, configs: &[(&str, &str)]) {
        let answer: CreateTopicsResponse = self.ask(create_request(topic, configs), NOW);
        assert_eq!(answer.topics[0].error_code, ErrorCode::NONE);
    }

    pub(crate) fn delete(&self, topic: &str) {
        let topics = vec![DeleteTopicState { name: Some(topic.to_owned()), ..DeleteTopicState::default() }];
        let request = DeleteTopicsRequest { topics, ..DeleteTopicsRequest::default() };
        let answer: DeleteTopicsResponse = self.ask(request, NOW);
        assert_eq!(answer.responses[0].error_code, ErrorCode::NONE);
    }

    pub(crate) fn produce(&self, topic: &str, value: &str) -> PartitionProduceResponse {
        self.produce_at(topic, value, NOW)
    }

    pub(crate) fn produce_at(&self, topic: &str, value: &str, now: Timestamp) -> PartitionProduceResponse {
        self.produce_batch(topic, batch(value), now)
    }

    pub(crate) fn produce_batch(&self, topic: &str, records: Bytes, now: Timestamp) -> PartitionProduceResponse {
        let mut answer: ProduceResponse = self.ask(produce_request(&[(topic, 0, records)], -1), now);
        answer.responses.remove(0).partition_responses.remove(0)
    }

    pub(crate) fn fetch(&self, topic: &str) -> PartitionData {
        let mut answer: FetchResponse = self.ask(fetch_request(topic, 0, 0), NOW);
        answer.responses.remove(0).partitions.remove(0)
    }

    /// The code, timestamp and offset for a timestamp or one of the special values.
    pub(crate) fn list(&self, topic: &str, timestamp: i64) -> (ErrorCode, i64, i64) {
        let partitions = vec![ListOffsetsPartition { timestamp, ..ListOffsetsPartition::default() }];
        let topics = vec![ListOffsetsTopic { name: topic.to_owned(), partitions }];
        let request = ListOffsetsRequest { topics, ..ListOffsetsRequest::default() };
        let answer: ListOffsetsResponse = self.ask(request, NOW);
        let found = &answer.topics[0].partitions[0];
        (found.error_code, found.timestamp, found.offset)
    }

    /// The code and the first offset that is left.
    pub(crate) fn delete_records(&self, topic: &str, before: i64) -> (ErrorCode, i64) {
        let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset: before }];
        let topics = vec![DeleteRecordsTopic { name: topic.to_owned(), partitions }];
        let request = DeleteRecordsRequest { topics, ..DeleteRecordsRequest::default() };
        let answer: DeleteRecordsResponse = self.ask(request, NOW);
        let found = &answer.topics[0].partitions[0];
        (found.error_code, found.low_watermark)
    }

    /// A commit of group `group` for partition 0.
    pub(crate) fn commit_request(topic: &str, offset: i64) -> OffsetCommitRequest {
        let position =
            OffsetCommitRequestPartition { committed_offset: offset, ..OffsetCommitRequestPartition::default() };
        let topic = OffsetCommitRequestTopic {
            name: topic.to_owned(),
            partitions: vec![position],
            ..OffsetCommitRequestTopic::default()
        };
        OffsetCommitRequest { group_id: "group".to_owned(), topics: vec![topic], ..OffsetCommitRequest::default() }
    }

    pub(crate) fn commit(&self, topic: &str, offset: i64) -> ErrorCode {
        let answer: OffsetCommitResponse = self.ask(Self::commit_request(topic, offset), NOW);
        answer.topics[0].partitions[0].error_code
    }

    /// The offset that group `group` committed for partition 0; -1 for none.
    pub(crate) fn committed(&self, topic: &str) -> i64 {
        let topic = OffsetFetchRequestTopics {
            name: topic.to_owned(),
            partition_indexes: vec![0],
            ..OffsetFetchRequestTopics::default()
        };
        let group = OffsetFetchRequestGroup {
            group_id: "group".to_owned(),
            topics: Some(vec![topic]),
            ..OffsetFetchRequestGroup::default()
        };
        let request = OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() };
        let mut answer: OffsetFetchResponse = self.ask(request, NOW);
        let partition = answer.groups.remove(0).topics.remove(0).partitions.remove(0);
        assert_eq!(partition.error_code, ErrorCode::NONE);
        partition.committed_offset
    }
}

/// The first segment of the partition 0 that holds these bytes.
pub(crate) fn segment_of(disk: &MemoryDisk, value: &str) -> PathBuf {
    let topics = disk.list(Path::new("/data/topics")).unwrap();
    let paths = topics.iter().map(|id| PathBuf::from(format!("/data/topics/{id}/0/00000000000000000000.log")));
    let holds = |path: &PathBuf| {
        let content = disk.content(path).unwrap_or_default();
        content.windows(value.len()).any(|window| window == value.as_bytes())
    };
    paths.into_iter().find(holds).expect("the record is somewhere")
}

/// The numbers and bytes of the segments beside one.
pub(crate) fn segments_beside(disk: &MemoryDisk, segment: &Path) -> (usize, usize) {
    let dir = segment.parent().unwrap();
    let names = disk.list(dir).unwrap();
    let sizes =
        names.iter().filter(|name| name.ends_with(".log")).map(|name| disk.content(&dir.join(name)).unwrap().len());
    sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size))
}

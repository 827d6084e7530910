//! A broker in this process, asked in any version of a request over a socket, and the requests of the tests.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use broker_lite::server::{Server, ServerConfig};
use broker_lite::{Broker, BrokerBuilder};
use bytes::{Bytes, BytesMut};
use streams_core::protocol::batch::{BatchBuilder, BatchOptions};
use streams_core::protocol::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData};
use streams_core::protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use streams_core::protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
};
use streams_core::protocol::messages::topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse,
};
use streams_core::protocol::{decode_response, encode_request, ApiKey, ErrorCode, Request, RequestHeader, Response};
use streams_core::{Error, Timestamp};

/// Longer than any answer takes; only a failing test waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A version of each request in which topics go by name.
pub(crate) const PRODUCE: i16 = 9;
pub(crate) const FETCH: i16 = 12;
pub(crate) const METADATA: i16 = 9;

/// A broker, its server, and one connection that every request of a test uses: a row that says that the connection
/// stays open is proven by the next request.
pub(crate) struct Wire {
    pub(crate) broker: Arc<Broker>,
    server: Server,
    stream: TcpStream,
}

impl Wire {
    pub(crate) fn new() -> Self {
        Self::over(Broker::builder())
    }

    pub(crate) fn over(builder: BrokerBuilder) -> Self {
        let broker = builder.start().unwrap();
        let server = Server::start(&broker, ServerConfig::new("127.0.0.1:0".parse().unwrap())).unwrap();
        let stream = connect(&server.address().to_string());
        Self { broker, server, stream }
    }

    /// For a connection of its own.
    pub(crate) fn address(&self) -> String {
        self.server.address().to_string()
    }

    pub(crate) fn ask<R: TryFrom<Response, Error = Error>>(&mut self, request: impl Into<Request>, version: i16) -> R {
        ask(&mut self.stream, request, version)
    }

    /// Creates a topic of two partitions.
    pub(crate) fn create(&mut self, name: &str, configs: &[(&str, &str)]) {
        let (code, message) = self.try_create(name, configs);
        assert_eq!(code, ErrorCode::NONE, "{message}");
    }

    pub(crate) fn try_create(&mut self, name: &str, configs: &[(&str, &str)]) -> (ErrorCode, String) {
        let mut answer: CreateTopicsResponse = self.ask(create_request(name, configs), 5);
        let topic = answer.topics.remove(0);
        (topic.error_code, topic.error_message.unwrap_or_default())
    }

    /// Produces one batch to partition 0.
    pub(crate) fn produce(&mut self, topic: &str, records: Bytes) -> PartitionProduceResponse {
        self.produce_all(&[(topic, 0, records)], -1, PRODUCE).remove(0)
    }

    pub(crate) fn produce_all(
        &mut self,
        batches: &[(&str, i32, Bytes)],
        acks: i16,
        version: i16,
    ) -> Vec<PartitionProduceResponse> {
        let answer: ProduceResponse = self.ask(produce_request(batches, acks), version);
        answer.responses.into_iter().flat_map(|topic| topic.partition_responses).collect()
    }

    pub(crate) fn fetch(&mut self, topic: &str, offset: i64) -> PartitionData {
        let mut answer: FetchResponse = self.ask(fetch_request(topic, 0, offset), FETCH);
        answer.responses.remove(0).partitions.remove(0)
    }

    pub(crate) fn describe(&mut self, topic: &str, may_create: bool) -> MetadataResponseTopic {
        let wanted = MetadataRequestTopic { name: Some(topic.to_owned()), ..MetadataRequestTopic::default() };
        let request = MetadataRequest {
            topics: Some(vec![wanted]),
            allow_auto_topic_creation: may_create,
            ..MetadataRequest::default()
        };
        let mut answer: MetadataResponse = self.ask(request, 12);
        answer.topics.remove(0)
    }
}

pub(crate) fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(crate) fn frame(request: &Request, version: i16) -> Vec<u8> {
    let header = RequestHeader { api_key: request.api_key(), api_version: version, correlation_id: 7, client_id: None };
    encode_request(&header, request).unwrap().to_vec()
}

pub(crate) fn ask<R: TryFrom<Response, Error = Error>>(
    stream: &mut TcpStream,
    request: impl Into<Request>,
    version: i16,
) -> R {
    let request = request.into();
    let api: ApiKey = request.api_key();
    stream.write_all(&frame(&request, version)).unwrap();
    let mut size = [0; 4];
    stream.read_exact(&mut size).unwrap();
    let mut body = vec![0; usize::try_from(i32::from_be_bytes(size)).unwrap()];
    stream.read_exact(&mut body).unwrap();
    let (correlation_id, response) = decode_response(api, version, body.into()).unwrap();
    assert_eq!(correlation_id, 7);
    R::try_from(response).unwrap()
}

/// Whether the other side closes without a word.
pub(crate) fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 1]), Ok(0)) || stream.take_error().unwrap().is_some()
}

pub(crate) fn create_request(name: &str, configs: &[(&str, &str)]) -> CreateTopicsRequest {
    let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
    };
    let topic = CreatableTopic {
        name: name.to_owned(),
        num_partitions: 2,
        replication_factor: 1,
        configs: configs.iter().map(config).collect(),
        ..CreatableTopic::default()
    };
    CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() }
}

pub(crate) fn produce_request(batches: &[(&str, i32, Bytes)], acks: i16) -> ProduceRequest {
    let data = batches.iter().map(|(topic, index, records)| TopicProduceData {
        name: (*topic).to_owned(),
        partition_data: vec![PartitionProduceData { index: *index, records: Some(records.clone()) }],
        ..TopicProduceData::default()
    });
    ProduceRequest { acks, timeout_ms: 1000, topic_data: data.collect(), ..ProduceRequest::default() }
}

pub(crate) fn fetch_request(topic: &str, partition: i32, offset: i64) -> FetchRequest {
    let partition =
        FetchPartition { partition, fetch_offset: offset, partition_max_bytes: 1 << 20, ..FetchPartition::default() };
    let topic = FetchTopic { topic: topic.to_owned(), partitions: vec![partition], ..FetchTopic::default() };
    FetchRequest { min_bytes: 1, max_bytes: 1 << 20, topics: vec![topic], ..FetchRequest::default() }
}

/// A batch of one record (`k`, value) at a time near the clock's, which is 2026 or later.
pub(crate) fn batch(value: &str) -> Bytes {
    batch_with(&[value], Timestamp(1_700_000_000_000), &BatchOptions::default())
}

pub(crate) fn batch_with(values: &[&str], time: Timestamp, options: &BatchOptions) -> Bytes {
    let mut builder = BatchBuilder::default();
    for value in values {
        builder.append(time, Some(b"k"), Some(value.as_bytes())).unwrap();
    }
    Bytes::copy_from_slice(builder.finish(options).unwrap())
}

/// A batch of two records (`k`, `v`) with bytes changed and a checksum that fits them.
pub(crate) fn patched(patches: &[(usize, &[u8])]) -> Bytes {
    let mut bytes = BytesMut::from(&batch_with(&["v", "v"], Timestamp(1_000), &BatchOptions::default())[..]);
    for (at, patch) in patches {
        bytes[*at..at + patch.len()].copy_from_slice(patch);
    }
    with_checksum(bytes)
}

/// The batch with the checksum of its bytes.
pub(crate) fn with_checksum(mut bytes: BytesMut) -> Bytes {
    let checksum = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &bytes[21..]);
    bytes[17..21].copy_from_slice(&u32::try_from(checksum).unwrap().to_be_bytes());
    bytes.freeze()
}

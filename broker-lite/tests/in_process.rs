//! The broker through its in-process transport: what a client in the same process sees.

#![expect(clippy::unwrap_used, reason = "helpers of tests end a test, too")]

use std::sync::Arc;
use std::time::Duration;

use broker_lite::disk::memory::{Fault, MemoryDisk};
use broker_lite::{Broker, SyncPolicy};
use bytes::Bytes;
use streams_core::client::transport::{BrokerId, Transport};
use streams_core::protocol::batch::{BatchBuilder, BatchOptions, Batches, Scratch};
use streams_core::protocol::messages::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic, PartitionData};
use streams_core::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use streams_core::protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use streams_core::protocol::messages::offsets::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse,
};
use streams_core::protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
};
use streams_core::protocol::messages::topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse, DeleteRecordsPartition,
    DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic, DeleteTopicState, DeleteTopicsRequest,
    DeleteTopicsResponse,
};
use streams_core::protocol::messages::transactions::{InitProducerIdRequest, InitProducerIdResponse};
use streams_core::protocol::{ErrorCode, Request, Response};
use streams_core::time::ManualClock;
use streams_core::{Error, Timestamp};

/// Longer than any answer takes; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(20);

fn call<R: TryFrom<Response, Error = Error>>(transport: &mut impl Transport, request: impl Into<Request>) -> R {
    let id = transport.send(BrokerId::Bootstrap, request.into()).unwrap();
    let delivery = transport.poll(PATIENCE).unwrap().expect("an answer");
    assert_eq!(delivery.id, id);
    R::try_from(delivery.response.unwrap()).unwrap()
}

fn create_request(name: &str, partitions: i32, configs: &[(&str, &str)]) -> CreateTopicsRequest {
    let config = |(name, value): &(&str, &str)| CreatableTopicConfig {
        name: (*name).to_owned(),
        value: Some((*value).to_owned()),
    };
    let topic = CreatableTopic {
        name: name.to_owned(),
        num_partitions: partitions,
        replication_factor: -1,
        configs: configs.iter().map(config).collect(),
        ..CreatableTopic::default()
    };
    CreateTopicsRequest { topics: vec![topic], ..CreateTopicsRequest::default() }
}

fn create(transport: &mut impl Transport, name: &str, configs: &[(&str, &str)]) {
    let answer: CreateTopicsResponse = call(transport, create_request(name, 2, configs));
    assert_eq!(answer.topics[0].error_code, ErrorCode::NONE, "{:?}", answer.topics[0].error_message);
}

fn batch(values: &[&str], options: &BatchOptions) -> Bytes {
    let mut builder = BatchBuilder::default();
    for value in values {
        builder.append(Timestamp(1000), Some(b"key"), Some(value.as_bytes())).unwrap();
    }
    Bytes::copy_from_slice(builder.finish(options).unwrap())
}

fn produce_request(topic: &str, records: Bytes, acks: i16) -> ProduceRequest {
    ProduceRequest {
        acks,
        topic_data: vec![TopicProduceData {
            name: topic.to_owned(),
            partition_data: vec![PartitionProduceData { index: 0, records: Some(records) }],
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    }
}

fn produce(transport: &mut impl Transport, topic: &str, records: Bytes) -> PartitionProduceResponse {
    let mut answer: ProduceResponse = call(transport, produce_request(topic, records, -1));
    answer.responses.remove(0).partition_responses.remove(0)
}

fn fetch_request(topic: &str, offset: i64, wait_ms: i32) -> FetchRequest {
    FetchRequest {
        max_wait_ms: wait_ms,
        min_bytes: 1,
        topics: vec![FetchTopic {
            topic: topic.to_owned(),
            partitions: vec![FetchPartition {
                partition: 0,
                fetch_offset: offset,
                partition_max_bytes: 1 << 20,
                ..FetchPartition::default()
            }],
            ..FetchTopic::default()
        }],
        ..FetchRequest::default()
    }
}

fn fetch(transport: &mut impl Transport, topic: &str, offset: i64) -> PartitionData {
    first_partition(call(transport, fetch_request(topic, offset, 0)))
}

fn first_partition(mut answer: FetchResponse) -> PartitionData {
    answer.responses.remove(0).partitions.remove(0)
}

fn values(data: &PartitionData) -> Vec<(i64, String)> {
    let mut scratch = Scratch::default();
    let mut found = Vec::new();
    for batch in Batches::new(data.records.as_deref().unwrap_or_default()) {
        for record in batch.unwrap().records(&mut scratch).unwrap() {
            let record = record.unwrap();
            found.push((record.offset.0, String::from_utf8(record.value.unwrap().to_vec()).unwrap()));
        }
    }
    found
}

fn owned(expected: &[(i64, &str)]) -> Vec<(i64, String)> {
    expected.iter().map(|(offset, value)| (*offset, (*value).to_owned())).collect()
}

/// Runs a test over every way to keep records.
fn each_broker(check: impl Fn(Arc<Broker>)) {
    check(Broker::builder().start().unwrap());
    for sync in [SyncPolicy::Fsync, SyncPolicy::Os, SyncPolicy::Interval(Duration::from_millis(5))] {
        let dir = tempfile::tempdir().unwrap();
        check(Broker::builder().data_dir(dir.path().join("data")).sync(sync).start().unwrap());
    }
}

#[test]
fn records_come_back_in_order_with_their_offsets() {
    each_broker(|broker| {
        let mut client = broker.in_process();
        create(&mut client, "orders", &[]);
        let first = produce(&mut client, "orders", batch(&["a", "b"], &BatchOptions::default()));
        assert_eq!((first.error_code, first.base_offset), (ErrorCode::NONE, 0));
        let second = produce(&mut client, "orders", batch(&["c"], &BatchOptions::default()));
        assert_eq!((second.error_code, second.base_offset), (ErrorCode::NONE, 2));
        let data = fetch(&mut client, "orders", 0);
        assert_eq!((data.error_code, data.high_watermark), (ErrorCode::NONE, 3));
        assert_eq!(values(&data), owned(&[(0, "a"), (1, "b"), (2, "c")]));
        assert_eq!(values(&fetch(&mut client, "orders", 1)), owned(&[(0, "a"), (1, "b"), (2, "c")]));
        assert_eq!(values(&fetch(&mut client, "orders", 3)), owned(&[]));
        assert_eq!(fetch(&mut client, "orders", 4).error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
    });
}

#[test]
fn a_waiting_fetch_is_answered_by_an_append() {
    each_broker(|broker| {
        let mut consumer = broker.in_process();
        let mut producer = broker.in_process();
        create(&mut producer, "orders", &[]);
        let id = consumer.send(BrokerId::Bootstrap, fetch_request("orders", 0, 60_000).into()).unwrap();
        assert!(consumer.poll(Duration::ZERO).unwrap().is_none());
        produce(&mut producer, "orders", batch(&["a"], &BatchOptions::default()));
        let delivery = consumer.poll(PATIENCE).unwrap().expect("woken");
        assert_eq!(delivery.id, id);
        let answer = FetchResponse::try_from(delivery.response.unwrap()).unwrap();
        assert_eq!(values(&first_partition(answer)), owned(&[(0, "a")]));
    });
}

#[test]
fn a_fetch_waits_for_its_least_bytes_but_not_when_more_is_there_than_it_takes() {
    let clock = ManualClock::starting_at(Timestamp(1_000_000));
    let broker = Arc::new(Broker::builder().clock(Arc::new(clock)).open().unwrap());
    let mut client = broker.in_process();
    create(&mut client, "orders", &[]);
    let large = "x".repeat(100_000);
    produce(&mut client, "orders", batch(&[&large], &BatchOptions::default()));
    let mut request = fetch_request("orders", 0, 60_000);
    request.min_bytes = 150_000;
    let id = client.send(BrokerId::Bootstrap, request.into()).unwrap();
    assert!(client.poll(Duration::ZERO).unwrap().is_none(), "too little");
    let second = produce_request("orders", batch(&[&large], &BatchOptions::default()), -1);
    client.send(BrokerId::Bootstrap, second.into()).unwrap();
    let answers: Vec<_> = std::iter::from_fn(|| client.poll(Duration::ZERO).unwrap()).map(|answer| answer.id).collect();
    assert!(answers.contains(&id), "{answers:?}");
    let mut request = fetch_request("orders", 0, 60_000);
    request.min_bytes = 150_000;
    request.topics[0].partitions[0].partition_max_bytes = 100;
    let answer = first_partition(call(&mut client, request));
    assert_eq!(values(&answer).len(), 1, "as much as it takes, at once");
}

#[test]
fn a_waiting_fetch_is_answered_at_its_deadline() {
    let clock = ManualClock::starting_at(Timestamp(1_000_000));
    let broker = Arc::new(Broker::builder().clock(Arc::new(clock.clone())).open().unwrap());
    let mut client = broker.in_process();
    create(&mut client, "orders", &[]);
    client.send(BrokerId::Bootstrap, fetch_request("orders", 0, 500).into()).unwrap();
    clock.advance(Duration::from_millis(499));
    assert!(client.poll(Duration::ZERO).unwrap().is_none());
    clock.advance(Duration::from_millis(1));
    let delivery = client.poll(Duration::ZERO).unwrap().expect("due");
    let data = first_partition(FetchResponse::try_from(delivery.response.unwrap()).unwrap());
    assert_eq!((data.error_code, data.high_watermark), (ErrorCode::NONE, 0));
}

#[test]
fn deleting_a_topic_answers_who_waits_for_it_and_frees_its_name() {
    let broker = Broker::builder().start().unwrap();
    let mut consumer = broker.in_process();
    let mut admin = broker.in_process();
    create(&mut admin, "orders", &[]);
    produce(&mut admin, "orders", batch(&["a"], &BatchOptions::default()));
    consumer.send(BrokerId::Bootstrap, fetch_request("orders", 1, 60_000).into()).unwrap();
    let topics = vec![DeleteTopicState { name: Some("orders".to_owned()), ..DeleteTopicState::default() }];
    let answer: DeleteTopicsResponse =
        call(&mut admin, DeleteTopicsRequest { topics, ..DeleteTopicsRequest::default() });
    assert_eq!(answer.responses[0].error_code, ErrorCode::NONE);
    let delivery = consumer.poll(PATIENCE).unwrap().expect("woken");
    let data = first_partition(FetchResponse::try_from(delivery.response.unwrap()).unwrap());
    assert_eq!(data.error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    create(&mut admin, "orders", &[]);
    assert_eq!(values(&fetch(&mut admin, "orders", 0)), owned(&[]));
}

#[test]
fn only_synced_records_are_acknowledged_and_seen() {
    let broker = Arc::new(Broker::builder().disk(Arc::new(MemoryDisk::new())).sync(SyncPolicy::Fsync).open().unwrap());
    let mut client = broker.in_process();
    create(&mut client, "orders", &[]);
    let request = produce_request("orders", batch(&["a"], &BatchOptions::default()), -1);
    let context = broker_lite::Context::latest(streams_core::protocol::ApiKey::Produce);
    let broker_lite::Reply::Later(ticket) = broker.handle(&context, request.into(), Timestamp(5)) else {
        panic!("an append waits for its sync");
    };
    let read = |broker: &Broker| {
        let context = broker_lite::Context::latest(streams_core::protocol::ApiKey::Fetch);
        match broker.handle(&context, fetch_request("orders", 0, 0).into(), Timestamp(5)) {
            broker_lite::Reply::Now(answer) => values(&first_partition(FetchResponse::try_from(answer).unwrap())),
            other => panic!("a fetch without a wait answers now: {other:?}"),
        }
    };
    assert_eq!(read(&broker), owned(&[]));
    let ticket = ticket.try_take().expect_err("not yet synced");
    assert!(broker.sync());
    let answer = ProduceResponse::try_from(ticket.try_take().expect("synced")).unwrap();
    assert_eq!(answer.responses[0].partition_responses[0].error_code, ErrorCode::NONE);
    assert_eq!(read(&broker), owned(&[(0, "a")]));
}

#[test]
fn a_failed_sync_is_not_acknowledged_and_stops_its_log_only() {
    let disk = MemoryDisk::new();
    let broker = Arc::new(Broker::builder().disk(Arc::new(disk.clone())).sync(SyncPolicy::Fsync).open().unwrap());
    let mut client = broker.in_process();
    create(&mut client, "broken", &[]);
    create(&mut client, "whole", &[]);
    let request = produce_request("broken", batch(&["a"], &BatchOptions::default()), -1);
    client.send(BrokerId::Bootstrap, request.into()).unwrap();
    disk.fail_at(disk.operations(), Fault::Io);
    let delivery = client.poll(Duration::ZERO).unwrap().expect("the round answers");
    let answer = ProduceResponse::try_from(delivery.response.unwrap()).unwrap();
    assert_eq!(answer.responses[0].partition_responses[0].error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(broker.failure().is_some_and(|why| why.starts_with("partition broken-0")), "{:?}", broker.failure());
    let again = produce(&mut client, "broken", batch(&["a"], &BatchOptions::default()));
    assert_eq!(again.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    assert_eq!(values(&fetch(&mut client, "broken", 0)), owned(&[]));
    assert_eq!(produce(&mut client, "whole", batch(&["a"], &BatchOptions::default())).error_code, ErrorCode::NONE);
}

#[test]
fn an_idempotent_batch_is_appended_once() {
    each_broker(|broker| {
        let mut client = broker.in_process();
        create(&mut client, "orders", &[]);
        let request = InitProducerIdRequest { transaction_timeout_ms: 1000, ..InitProducerIdRequest::default() };
        let producer: InitProducerIdResponse = call(&mut client, request);
        assert_eq!((producer.error_code, producer.producer_epoch), (ErrorCode::NONE, 0));
        let options = |base_sequence| BatchOptions {
            producer_id: producer.producer_id,
            producer_epoch: 0,
            base_sequence,
            ..BatchOptions::default()
        };
        assert_eq!(produce(&mut client, "orders", batch(&["a", "b"], &options(0))).base_offset, 0);
        let repeated = produce(&mut client, "orders", batch(&["a", "b"], &options(0)));
        assert_eq!((repeated.error_code, repeated.base_offset), (ErrorCode::NONE, 0));
        let gap = produce(&mut client, "orders", batch(&["d"], &options(5)));
        assert_eq!(gap.error_code, ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER);
        assert_eq!(values(&fetch(&mut client, "orders", 0)), owned(&[(0, "a"), (1, "b")]));
    });
}

#[test]
fn everything_acknowledged_is_there_after_a_restart() {
    for sync in [SyncPolicy::Fsync, SyncPolicy::Os] {
        let dir = tempfile::tempdir().unwrap();
        let start = || Broker::builder().data_dir(dir.path()).sync(sync).start().unwrap();
        let broker = start();
        let mut client = broker.in_process();
        create(&mut client, "orders", &[("retention.ms", "-1")]);
        produce(&mut client, "orders", batch(&["a", "b"], &BatchOptions::default()));
        assert_eq!(commit(&mut client, "group", "orders", 2), ErrorCode::NONE);
        broker.close();

        let broker = start();
        let mut client = broker.in_process();
        assert_eq!(values(&fetch(&mut client, "orders", 0)), owned(&[(0, "a"), (1, "b")]));
        assert_eq!(committed(&mut client, "group"), [("orders".to_owned(), 0, 2)]);
        assert_eq!(produce(&mut client, "orders", batch(&["c"], &BatchOptions::default())).base_offset, 2);
        let metadata: MetadataResponse = call(&mut client, metadata_request("orders"));
        assert_eq!(metadata.topics[0].partitions[0].leader_epoch, 1, "a start begins a leader epoch");
    }
}

fn metadata_request(topic: &str) -> MetadataRequest {
    let topic = MetadataRequestTopic { name: Some(topic.to_owned()), ..MetadataRequestTopic::default() };
    MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() }
}

fn commit(client: &mut impl Transport, group: &str, topic: &str, offset: i64) -> ErrorCode {
    let metadata: MetadataResponse = call(client, metadata_request(topic));
    let request = OffsetCommitRequest {
        group_id: group.to_owned(),
        topics: vec![OffsetCommitRequestTopic {
            topic_id: metadata.topics[0].topic_id,
            partitions: vec![OffsetCommitRequestPartition {
                partition_index: 0,
                committed_offset: offset,
                committed_metadata: Some("note".to_owned()),
                ..OffsetCommitRequestPartition::default()
            }],
            ..OffsetCommitRequestTopic::default()
        }],
        ..OffsetCommitRequest::default()
    };
    let answer: OffsetCommitResponse = call(client, request);
    answer.topics[0].partitions[0].error_code
}

fn committed(client: &mut impl Transport, group: &str) -> Vec<(String, i32, i64)> {
    let group = OffsetFetchRequestGroup { group_id: group.to_owned(), ..OffsetFetchRequestGroup::default() };
    let answer: OffsetFetchResponse =
        call(client, OffsetFetchRequest { groups: vec![group], ..OffsetFetchRequest::default() });
    let topics = answer.groups.into_iter().flat_map(|group| group.topics);
    topics
        .flat_map(|topic| {
            let name = topic.name;
            let positions = topic.partitions.into_iter();
            positions.map(move |position| (name.clone(), position.partition_index, position.committed_offset))
        })
        .collect()
}

#[test]
fn committed_offsets_go_with_their_topic() {
    let broker = Broker::builder().start().unwrap();
    let mut client = broker.in_process();
    create(&mut client, "orders", &[]);
    assert_eq!(committed(&mut client, "group"), []);
    assert_eq!(commit(&mut client, "group", "orders", 7), ErrorCode::NONE);
    assert_eq!(commit(&mut client, "group", "orders", 9), ErrorCode::NONE);
    assert_eq!(committed(&mut client, "group"), [("orders".to_owned(), 0, 9)]);
    let topics = vec![DeleteTopicState { name: Some("orders".to_owned()), ..DeleteTopicState::default() }];
    let request = DeleteTopicsRequest { topics, ..DeleteTopicsRequest::default() };
    let _: DeleteTopicsResponse = call(&mut client, request);
    assert_eq!(committed(&mut client, "group"), []);
}

#[test]
fn offsets_are_found_by_time_and_deleted_by_offset() {
    each_broker(|broker| {
        let mut client = broker.in_process();
        create(&mut client, "orders", &[]);
        produce(&mut client, "orders", batch(&["a", "b"], &BatchOptions::default()));
        let mut find = |timestamp| {
            let request = ListOffsetsRequest {
                topics: vec![ListOffsetsTopic {
                    name: "orders".to_owned(),
                    partitions: vec![ListOffsetsPartition { timestamp, ..ListOffsetsPartition::default() }],
                }],
                ..ListOffsetsRequest::default()
            };
            let answer: ListOffsetsResponse = call(&mut client, request);
            let partition = &answer.topics[0].partitions[0];
            assert_eq!(partition.error_code, ErrorCode::NONE);
            (partition.timestamp, partition.offset)
        };
        assert_eq!(find(-1), (-1, 2));
        assert_eq!(find(-2), (-1, 0));
        assert_eq!(find(-3), (1000, 0));
        assert_eq!(find(1000), (1000, 0));
        assert_eq!(find(1001), (-1, -1));
        let request = DeleteRecordsRequest {
            topics: vec![DeleteRecordsTopic {
                name: "orders".to_owned(),
                partitions: vec![DeleteRecordsPartition { partition_index: 0, offset: 1 }],
            }],
            ..DeleteRecordsRequest::default()
        };
        let answer: DeleteRecordsResponse = call(&mut client, request);
        let deleted = &answer.topics[0].partitions[0];
        assert_eq!((deleted.error_code, deleted.low_watermark), (ErrorCode::NONE, 1));
        assert_eq!(fetch(&mut client, "orders", 0).error_code, ErrorCode::OFFSET_OUT_OF_RANGE);
        assert_eq!(fetch(&mut client, "orders", 1).log_start_offset, 1);
    });
}

#[rstest::rstest]
#[case("", 17)]
#[case("..", 17)]
#[case("../../etc/passwd", 17)]
#[case("a\0b", 17)]
#[case("a.b", 0)]
#[case("a_b", 17)]
#[case("taken", 36)]
#[case("Taken", 0)]
fn topic_names_are_checked(#[case] name: &str, #[case] code: i16) {
    let broker = Broker::builder().start().unwrap();
    let mut client = broker.in_process();
    create(&mut client, "taken", &[]);
    if name == "a_b" {
        create(&mut client, "a.b", &[]);
    }
    let answer: CreateTopicsResponse = call(&mut client, create_request(name, 1, &[]));
    assert_eq!(answer.topics[0].error_code.0, code, "{:?}", answer.topics[0].error_message);
}

#[test]
fn a_topic_that_does_not_exist_is_made_on_asking_if_allowed() {
    let broker = Broker::builder().configure(|config| config.default_partitions = 3).start().unwrap();
    let mut client = broker.in_process();
    let answer: MetadataResponse = call(&mut client, metadata_request("made"));
    assert_eq!((answer.topics[0].error_code, answer.topics[0].partitions.len()), (ErrorCode::NONE, 3));
    let mut asked = metadata_request("not-made");
    asked.allow_auto_topic_creation = false;
    let answer: MetadataResponse = call(&mut client, asked);
    assert_eq!(answer.topics[0].error_code, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(answer.topics[0].name.as_deref(), Some("not-made"));
}

#[test]
fn bad_produce_requests_are_refused_by_partition() {
    let broker = Broker::builder().start().unwrap();
    let mut client = broker.in_process();
    create(&mut client, "orders", &[("max.message.bytes", "200")]);
    let good = batch(&["a"], &BatchOptions::default());
    let mut flipped = good.to_vec();
    *flipped.last_mut().unwrap() ^= 1;
    for (topic, records, acks, code) in [
        ("orders", good.clone(), 2, ErrorCode::INVALID_REQUIRED_ACKS),
        ("unknown", good.clone(), -1, ErrorCode::UNKNOWN_TOPIC_OR_PARTITION),
        ("orders", Bytes::from(flipped), -1, ErrorCode::CORRUPT_MESSAGE),
        ("orders", batch(&["x".repeat(300).as_str()], &BatchOptions::default()), -1, ErrorCode::MESSAGE_TOO_LARGE),
    ] {
        let answer: ProduceResponse = call(&mut client, produce_request(topic, records, acks));
        assert_eq!(answer.responses[0].partition_responses[0].error_code, code, "{topic}");
    }
    assert_eq!(commit(&mut client, "group", "orders", 1), ErrorCode::NONE);
    let own: ProduceResponse = call(&mut client, produce_request("__consumer_offsets", good, -1));
    assert_eq!(own.responses[0].partition_responses[0].error_code, ErrorCode::INVALID_TOPIC_EXCEPTION);
    assert_eq!(values(&fetch(&mut client, "orders", 0)), owned(&[]));
}

#[test]
fn a_closed_broker_says_so() {
    let broker = Broker::builder().start().unwrap();
    let mut client = broker.in_process();
    broker.close();
    client.send(BrokerId::Bootstrap, MetadataRequest::default().into()).unwrap();
    let delivery = client.poll(PATIENCE).unwrap().expect("an answer");
    assert_eq!(delivery.response.unwrap_err().kind(), streams_core::ErrorKind::Closed);
    assert!(broker.clock().now() > Timestamp(0));
}

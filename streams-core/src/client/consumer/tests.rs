//! The consumer against a scripted broker: what it asks for and when, and what it makes of answers that are late, refused,
//! damaged or meant to harm.

use bytes::Bytes;

use super::*;
use crate::client::testing::Script;
use crate::client::transport::{BrokerId, RequestId};
use crate::protocol::batch::{
    BatchBuilder, BatchMut, BatchOptions, Compression, ControlRecord, ControlType, BATCH_HEADER_LEN,
};
use crate::protocol::messages::fetch::{FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData};
use crate::protocol::messages::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use crate::protocol::Request;

struct Bench {
    script: Script,
    consumer: Consumer,
    now: Timestamp,
    records: Vec<String>,
    errors: Vec<Error>,
}

fn partition(index: i32) -> TopicPartition {
    TopicPartition::new("t", index)
}

impl Bench {
    /// A consumer at offset 10 of both partitions of `t`.
    fn new() -> Self {
        Self::with(&[])
    }

    fn with(settings: &[(&'static str, &'static str)]) -> Self {
        let (script, transport) = Script::with_topics(&[("t", &[1, 1])]);
        let defaults = [("retry.backoff.ms", "100"), ("retry.backoff.max.ms", "100")];
        let settings = defaults.into_iter().chain(settings.iter().copied());
        let config = ConsumerConfig::from_settings(settings).expect("valid settings");
        let mut consumer = Consumer::new(config, transport, 1).expect("settings fit");
        consumer.assign(&[partition(0), partition(1)]);
        for index in [0, 1] {
            consumer.seek(&partition(index), Offset(10)).expect("it is assigned");
        }
        Self { script, consumer, now: Timestamp(1_000), records: Vec::new(), errors: Vec::new() }
    }

    /// Polls once, a second later, and keeps what comes.
    fn poll(&mut self) {
        self.poll_after(1_000);
    }

    fn poll_after(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
        let text = |record: ConsumerRecord| {
            let value = String::from_utf8_lossy(&record.value.unwrap_or_default()).into_owned();
            format!("{}@{}={value}", record.partition, record.offset)
        };
        match self.consumer.poll_records(self.now, Duration::ZERO) {
            Ok(records) => self.records.extend(records.into_iter().map(text)),
            Err(error) => self.errors.push(error),
        }
    }

    /// The requests that were sent and not taken.
    fn sent(&mut self) -> Vec<(RequestId, BrokerId, Request)> {
        std::iter::from_fn(|| self.script.take()).collect()
    }

    /// The fetch that is on its way, which is all that is.
    fn fetch(&mut self) -> (RequestId, FetchRequest) {
        self.poll_after(0);
        let mut sent = self.sent();
        match (sent.pop(), sent.is_empty()) {
            (Some((id, _, Request::Fetch(fetch))), true) => (id, fetch),
            (last, _) => panic!("not one fetch: {sent:?} {last:?}"),
        }
    }

    /// Answers a fetch with the data of some partitions.
    fn give(&mut self, id: RequestId, partitions: Vec<PartitionData>) {
        let topic = FetchableTopicResponse { topic: "t".into(), partitions, ..Default::default() };
        self.script.answer(id, FetchResponse { responses: vec![topic], ..FetchResponse::default() });
        self.poll_after(0);
    }

    /// Answers the next fetch with these bytes for the partitions it asks for; gives the offsets it asked for.
    fn answer(&mut self, records: [&Bytes; 2]) -> Vec<i64> {
        let (id, _, request) = loop {
            if let Some(sent) = self.script.take() {
                break sent;
            }
            self.poll();
        };
        let Request::Fetch(request) = request else { panic!("{request:?}") };
        let asked = request.topics.into_iter().flat_map(|topic| topic.partitions).collect::<Vec<_>>();
        let data = asked.iter().map(|asked| PartitionData {
            partition_index: asked.partition,
            high_watermark: 100,
            records: Some(records[usize::from(asked.partition == 1)].clone()),
            ..PartitionData::default()
        });
        let topic = FetchableTopicResponse { topic: "t".into(), partitions: data.collect(), ..Default::default() };
        self.script.answer(id, FetchResponse { responses: vec![topic], ..FetchResponse::default() });
        let mut offsets: Vec<_> = asked.iter().map(|asked| (asked.partition, asked.fetch_offset)).collect();
        offsets.sort_unstable();
        offsets.into_iter().map(|(_, offset)| offset).collect()
    }
}

fn batch_of(values: &[&[u8]], compression: Compression) -> Vec<u8> {
    let mut builder = BatchBuilder::default();
    for value in values {
        builder.append(Timestamp(5), None, Some(value)).expect("it fits");
    }
    let options = BatchOptions { compression, ..BatchOptions::default() };
    let mut bytes = builder.finish(&options).expect("it fits").to_vec();
    BatchMut::parse(&mut bytes).expect("one batch").set_base_offset(Offset(10));
    bytes
}

fn good() -> Vec<u8> {
    batch_of(&[b"a", b"b"], Compression::None)
}

fn changed(at: usize, byte: u8, fits: bool) -> Vec<u8> {
    let mut bytes = good();
    bytes[at] = byte;
    if fits {
        BatchMut::parse(&mut bytes).expect("one batch").set_max_timestamp(Timestamp(5));
    }
    bytes
}

/// A batch that is small and unfolds to more than any may.
fn bomb() -> Vec<u8> {
    batch_of(&[&vec![0; 65 << 20]], Compression::Zstd)
}

/// The error names the partition, the offset and what is wrong; it comes again, and the other partition goes on.
#[rstest::rstest]
#[case::b72_bomb(bomb(), "zstd block unfolds to more than 67108864 bytes")]
#[case::b73_codec(changed(22, 7, true), "compression type 7 does not exist")]
#[case::b74_checksum(changed(BATCH_HEADER_LEN + 6, b'!', false), "its bytes give 0x")]
#[case::b75_magic(changed(16, 1, false), "message format v2 required")]
#[case::b77_headers(changed(BATCH_HEADER_LEN + 7, 9, true), "negative number of headers")]
#[case::b78_record(changed(BATCH_HEADER_LEN, 0x7e, true), "record goes past the batch")]
fn a_bad_batch_is_an_error_with_its_place(#[case] bad: Vec<u8>, #[case] words: &str) {
    let (bad, good) = (Bytes::from(bad), Bytes::from(good()));
    let mut bench = Bench::new();
    assert_eq!(bench.answer([&bad, &good]), [10, 10]);
    (0..3).for_each(|_| bench.poll());
    assert_eq!(bench.records, ["t-1@10=a", "t-1@11=b"]);
    let [error] = &bench.errors[..] else { panic!("{:?}", bench.errors) };
    let message = error.report();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{message}");
    assert!(message.contains("t-0 at offset 10") && message.contains(words), "{message}");
    // One fetch may have been on its way from behind the batch.
    (0..3).for_each(|_| drop(bench.answer([&bad, &Bytes::new()])));
    assert!(bench.errors.len() > 1 && bench.errors.iter().all(|again| again.report() == message), "it comes again");
    bench.consumer.seek(&partition(0), Offset(12)).expect("it is assigned");
    let goes_on = (0..3).any(|_| bench.answer([&Bytes::new(), &Bytes::new()]).first() == Some(&12));
    assert!(goes_on, "until the caller goes past it");
}

/// Records before one that does not decode are handed out first.
#[test]
fn what_comes_before_a_bad_record_is_read() {
    // The second record's length says more than there is.
    let bad = Bytes::from(changed(BATCH_HEADER_LEN + 8, 0x7e, true));
    let mut bench = Bench::new();
    bench.answer([&bad, &Bytes::new()]);
    bench.poll();
    assert_eq!((bench.records.join(" "), bench.errors.len()), ("t-0@10=a".to_owned(), 0));
    (0..2).for_each(|_| bench.poll());
    let error = bench.errors.first().expect("then the error");
    assert!(error.report().contains("t-0 at offset 11"), "{error:?}");
}

fn data(partition_index: i32, error_code: ErrorCode, records: Vec<u8>) -> PartitionData {
    let records = Some(Bytes::from(records));
    PartitionData { partition_index, error_code, high_watermark: 100, records, ..PartitionData::default() }
}

/// The partitions that a fetch asks for with their offsets, in its order.
fn asked(fetch: &FetchRequest) -> Vec<(i32, i64)> {
    let partitions = fetch.topics.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|asked| (asked.partition, asked.fetch_offset)).collect()
}

#[test]
fn fetches_take_turns_in_which_partition_comes_first() {
    let mut bench = Bench::new();
    let (id, fetch) = bench.fetch();
    assert_eq!(asked(&fetch), [(0, 10), (1, 10)]);
    bench.give(id, Vec::new());
    assert_eq!(asked(&bench.fetch().1), [(1, 10), (0, 10)]);
}

/// The broker waits for data only where all that the consumer wants is asked for.
#[test]
fn a_partition_that_is_held_back_does_not_wait_behind_the_others() {
    let mut bench = Bench::new();
    let (id, fetch) = bench.fetch();
    assert_eq!(fetch.max_wait_ms, 500);
    bench.consumer.pause(&partition(1)).expect("it is assigned");
    bench.give(id, Vec::new());
    let (_, fetch) = bench.fetch();
    assert_eq!((asked(&fetch), fetch.max_wait_ms), (vec![(0, 10)], 1));
}

#[test]
fn what_was_fetched_before_a_pause_waits_for_the_end_of_it() {
    let mut bench = Bench::new();
    let (id, _) = bench.fetch();
    bench.consumer.pause(&partition(0)).expect("it is assigned");
    bench.give(id, vec![data(0, ErrorCode::NONE, good())]);
    bench.poll();
    assert_eq!((bench.records.len(), bench.consumer.position(&partition(0))), (0, Some(Offset(10))));
    bench.consumer.resume(&partition(0)).expect("it is assigned");
    bench.poll();
    assert_eq!(bench.records, ["t-0@10=a", "t-0@11=b"]);
}

#[test]
fn an_answer_from_before_a_seek_changes_nothing() {
    let mut bench = Bench::new();
    let (id, _) = bench.fetch();
    bench.consumer.seek(&partition(0), Offset(5)).expect("it is assigned");
    bench.give(id, vec![data(0, ErrorCode::NONE, good()), data(1, ErrorCode::NONE, good())]);
    (0..2).for_each(|_| bench.poll());
    assert_eq!(bench.records, ["t-1@10=a", "t-1@11=b"]);
    assert_eq!(bench.consumer.position(&partition(0)), Some(Offset(5)));
}

#[test]
fn records_are_handed_out_in_portions_and_a_seek_forgets_the_rest() {
    let mut bench = Bench::with(&[("max.poll.records", "1")]);
    bench.consumer.pause(&partition(1)).expect("it is assigned");
    let (id, _) = bench.fetch();
    bench.give(id, vec![data(0, ErrorCode::NONE, good())]);
    assert_eq!(bench.records, ["t-0@10=a"]);
    assert_eq!(bench.consumer.position(&partition(0)), Some(Offset(11)), "that of the next one to hand out");
    bench.consumer.seek(&partition(0), Offset(50)).expect("it is assigned");
    bench.poll();
    assert_eq!(bench.records, ["t-0@10=a"]);
}

#[rstest::rstest]
#[case("read_uncommitted", 0, 9)]
#[case("read_committed", 1, 5)]
fn the_isolation_level_is_asked_for_and_says_where_the_end_is(
    #[case] level: &'static str,
    #[case] on_the_wire: i8,
    #[case] end: i64,
) {
    let mut bench = Bench::with(&[("isolation.level", level)]);
    let (id, fetch) = bench.fetch();
    assert_eq!(fetch.isolation_level, on_the_wire);
    let ends = PartitionData { high_watermark: 9, last_stable_offset: 5, ..PartitionData::default() };
    bench.give(id, vec![ends]);
    assert_eq!(bench.consumer.end_offset(&partition(0)), Some(Offset(end)));
}

/// An error of one partition: the other one goes on at once.
#[rstest::rstest]
#[case(ErrorCode::REQUEST_TIMED_OUT, None)]
#[case(
    ErrorCode::TOPIC_AUTHORIZATION_FAILED,
    Some("fetch t-0 at offset 10: the broker answers TOPIC_AUTHORIZATION_FAILED")
)]
fn a_partition_that_is_refused_is_left_alone_for_a_while(#[case] code: ErrorCode, #[case] words: Option<&str>) {
    let mut bench = Bench::new();
    let (id, _) = bench.fetch();
    bench.give(id, vec![data(0, code, Vec::new())]);
    let errors = bench.errors.iter().map(Error::report).collect::<Vec<_>>();
    assert_eq!(errors.len(), usize::from(words.is_some()), "{errors:?}");
    assert!(words.is_none_or(|words| errors[0].starts_with(words)), "{errors:?}");
    let (id, fetch) = bench.fetch();
    assert_eq!(asked(&fetch), [(1, 10)]);
    bench.give(id, Vec::new());
    bench.poll_after(200);
    let fetches = bench.sent();
    let asks = |request: &Request| matches!(request, Request::Fetch(fetch) if asked(fetch).contains(&(0, 10)));
    assert!(fetches.iter().all(|(_, _, request)| !asks(request)), "one fetch is on its way already");
    let (id, _, _) = fetches[0];
    bench.give(id, Vec::new());
    assert!(asked(&bench.fetch().1).contains(&(0, 10)), "then it is tried again");
}

#[test]
fn a_fetch_that_is_lost_is_repeated_after_a_pause() {
    let mut bench = Bench::new();
    let (id, _) = bench.fetch();
    bench.script.fail(id);
    bench.poll_after(0);
    assert_eq!((bench.sent(), bench.errors.len()), (Vec::new(), 0));
    bench.poll_after(200);
    let sent = bench.sent();
    assert!(matches!(&sent[..], [(_, _, Request::Fetch(fetch))] if asked(fetch).len() == 2), "{sent:?}");
}

#[test]
fn a_moved_leader_gets_the_fetch() {
    let mut bench = Bench::new();
    let (id, _) = bench.fetch();
    bench.script.set_leaders(&[("t", &[2, 1])], 1);
    bench.give(id, vec![data(0, ErrorCode::NOT_LEADER_OR_FOLLOWER, Vec::new())]);
    bench.poll_after(200);
    let sent = bench.sent();
    let to_new = |sent: &&(RequestId, BrokerId, Request)| sent.1 == BrokerId::Node(2);
    let Some((_, _, Request::Fetch(fetch))) = sent.iter().find(to_new) else { panic!("{sent:?}") };
    assert_eq!((asked(fetch), fetch.topics[0].partitions[0].current_leader_epoch), (vec![(0, 10)], 1));
}

fn found(error_code: ErrorCode, offset: i64) -> ListOffsetsResponse {
    let partitions = vec![ListOffsetsPartitionResponse { error_code, offset, ..Default::default() }];
    ListOffsetsResponse {
        topics: vec![ListOffsetsTopicResponse { name: "t".into(), partitions }],
        ..Default::default()
    }
}

/// The questions for positions that were sent, with the time they ask for.
fn lookups(bench: &mut Bench) -> Vec<(RequestId, i64)> {
    let lookup = |(id, _, request): (RequestId, BrokerId, Request)| match request {
        Request::ListOffsets(request) => Some((id, request.topics[0].partitions[0].timestamp)),
        _ => None,
    };
    bench.sent().into_iter().filter_map(lookup).collect()
}

#[test]
fn an_answer_to_an_older_question_is_not_the_position() {
    let mut bench = Bench::new();
    bench.consumer.seek_to_end(&partition(0)).expect("it is assigned");
    bench.poll_after(0);
    let end = lookups(&mut bench);
    bench.consumer.seek_to_beginning(&partition(0)).expect("it is assigned");
    bench.poll_after(0);
    let beginning = lookups(&mut bench);
    assert_eq!((end[0].1, beginning[0].1), (-1, -2));
    bench.script.answer(end[0].0, found(ErrorCode::NONE, 99));
    bench.poll_after(0);
    assert_eq!(bench.consumer.position(&partition(0)), None);
    bench.script.answer(beginning[0].0, found(ErrorCode::NONE, 3));
    bench.poll_after(0);
    assert_eq!(bench.consumer.position(&partition(0)), Some(Offset(3)));
}

#[test]
fn a_look_up_is_repeated_after_a_pause_and_a_refusal_is_told() {
    let mut bench = Bench::new();
    bench.consumer.seek_to_end(&partition(0)).expect("it is assigned");
    bench.poll_after(0);
    let first = lookups(&mut bench);
    bench.script.fail(first[0].0);
    bench.poll_after(0);
    assert_eq!(lookups(&mut bench), [], "not at once");
    bench.poll_after(200);
    let second = lookups(&mut bench);
    assert_eq!((second.len(), bench.errors.len()), (1, 0));
    bench.script.answer(second[0].0, found(ErrorCode::TOPIC_AUTHORIZATION_FAILED, -1));
    bench.poll_after(0);
    let words = "look up a position in t-0: the broker answers TOPIC_AUTHORIZATION_FAILED";
    assert!(bench.errors.iter().any(|error| error.to_string().starts_with(words)), "{:?}", bench.errors);
}

/// Transactions of one record, `aborted` and `committed`, of one producer, with their markers.
#[test]
fn aborted_transactions_are_passed_over_and_nothing_else() {
    let mut builder = BatchBuilder::default();
    let mut records = Vec::new();
    for (offset, value, end) in [(0, "aborted", ControlType::Abort), (2, "committed", ControlType::Commit)] {
        builder.append(Timestamp(5), None, Some(value.as_bytes())).expect("it fits");
        let (base_offset, producer_id, is_transactional) = (Offset(offset), 7, true);
        let options = BatchOptions { base_offset, producer_id, is_transactional, ..BatchOptions::default() };
        records.extend_from_slice(builder.finish(&options).expect("it fits"));
        builder.clear();
        let marker = ControlRecord { control_type: end, coordinator_epoch: 0 };
        let mut marker = marker.build(&mut builder, 7, 0, Timestamp(5)).expect("it fits").to_vec();
        BatchMut::parse(&mut marker).expect("one batch").set_base_offset(Offset(offset + 1));
        records.extend_from_slice(&marker);
        builder.clear();
    }
    let read = |aborted_transactions: Vec<(i64, Offset)>| {
        let fetched = FetchedPartition {
            partition: partition(0),
            start: Offset(0),
            end: Offset(4),
            leader_epoch: 0,
            records: Bytes::from(records.clone()),
            high_watermark: Offset(4),
            aborted_transactions,
        };
        let records = fetched.to_records().expect("it decodes");
        records.iter().map(|record| record.offset.0).collect::<Vec<_>>()
    };
    assert_eq!(read(vec![(7, Offset(0))]), [2]);
    assert_eq!(read(vec![(8, Offset(0))]), [0, 2], "somebody else's");
    assert_eq!(read(Vec::new()), [0, 2]);
}

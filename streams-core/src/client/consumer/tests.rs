//! The consumer against a scripted broker: what it makes of batches that are damaged or meant to harm.

use bytes::Bytes;

use super::*;
use crate::client::testing::Script;
use crate::protocol::batch::{BatchBuilder, BatchMut, BatchOptions, Compression, BATCH_HEADER_LEN};
use crate::protocol::messages::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
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
        let (script, transport) = Script::with_topics(&[("t", &[1, 1])]);
        let config = ConsumerConfig::from_settings([("client.id", "c")]).expect("valid settings");
        let mut consumer = Consumer::new(config, transport, 1).expect("settings fit");
        consumer.assign(&[partition(0), partition(1)]);
        for index in [0, 1] {
            consumer.seek(&partition(index), Offset(10)).expect("it is assigned");
        }
        Self { script, consumer, now: Timestamp(1_000), records: Vec::new(), errors: Vec::new() }
    }

    /// Polls once and keeps what comes.
    fn poll(&mut self) {
        self.now = self.now + Duration::from_secs(1);
        let text = |record: ConsumerRecord| {
            let value = String::from_utf8_lossy(&record.value.unwrap_or_default()).into_owned();
            format!("{}@{}={value}", record.partition, record.offset)
        };
        match self.consumer.poll_records(self.now, Duration::ZERO) {
            Ok(records) => self.records.extend(records.into_iter().map(text)),
            Err(error) => self.errors.push(error),
        }
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

//! Record batches: round trips, the same bytes read and written by another codec, and damage of every kind.

use bytes::{Bytes, BytesMut};
use kafka_protocol::records as other;
use proptest::prelude::*;
use streams_core::protocol::batch::{
    BatchBuilder, BatchMut, BatchOptions, BatchView, Batches, Compression, ControlRecord, ControlType, Scratch,
    TimestampType, BATCH_HEADER_LEN,
};
use streams_core::protocol::ErrorCode;
use streams_core::{Offset, Timestamp};

use crate::allocator::peak_of;

const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

/// A record with everything owned.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Owned {
    offset: i64,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<(String, Option<Vec<u8>>)>,
}

fn owned(key: &str, value: &str) -> Owned {
    let (key, value) = (Some(key.as_bytes().to_vec()), Some(value.as_bytes().to_vec()));
    Owned { offset: 0, timestamp: 1_000, key, value, headers: Vec::new() }
}

/// Writes records at offsets 0, 1, ... into a batch.
fn build(builder: &mut BatchBuilder, records: &[Owned], options: &BatchOptions) -> Vec<u8> {
    builder.clear();
    for record in records {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let timestamp = Timestamp(record.timestamp);
        if record.headers.is_empty() {
            builder.append(timestamp, key, value).expect("it fits");
        } else {
            let headers = record.headers.iter().map(|(key, value)| (key.as_bytes(), value.as_deref()));
            builder.append_with_headers(timestamp, key, value, headers).expect("it fits");
        }
    }
    builder.finish(options).expect("it compresses").to_vec()
}

fn read(batch: &BatchView<'_>) -> Result<Vec<Owned>, String> {
    let mut scratch = Scratch::default();
    let records = batch.records(&mut scratch).map_err(|error| format!("{error:?}"))?;
    let records = records.map(|record| {
        let record = record.map_err(|error| format!("{error:?}"))?;
        let headers = record.headers.map(|header| (header.key_text().into_owned(), header.value.map(<[u8]>::to_vec)));
        Ok(Owned {
            offset: record.offset.0,
            timestamp: record.timestamp.0,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: headers.collect(),
        })
    });
    records.collect()
}

fn at_offsets(records: &[Owned], base: i64) -> Vec<Owned> {
    (base..).zip(records).map(|(offset, record)| Owned { offset, ..record.clone() }).collect()
}

fn blob(max: usize) -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::of(prop::collection::vec(any::<u8>(), 0..max))
}

fn records() -> impl Strategy<Value = Vec<Owned>> {
    // Deltas beyond 24.9 days need more than 32 bits.
    let timestamp = prop_oneof![0..5_000_000_000_000_i64, Just(-1), Just(1 << 60)];
    let headers = prop::collection::vec(("[a-c]{0,2}", blob(80)), 0..4);
    let record = (timestamp, blob(200), blob(300), headers);
    let record =
        record.prop_map(|(timestamp, key, value, headers)| Owned { offset: 0, timestamp, key, value, headers });
    prop::collection::vec(record, 1..40)
}

fn codec() -> impl Strategy<Value = Compression> {
    prop::sample::select(&CODECS[..])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn batches_round_trip(records in records(), compression in codec(), base in 0..1_i64 << 62) {
        let options = BatchOptions { compression, base_offset: Offset(base), ..BatchOptions::default() };
        let bytes = build(&mut BatchBuilder::default(), &records, &options);
        let batch = BatchView::parse(&bytes).unwrap();
        batch.check_crc().unwrap();
        prop_assert_eq!(batch.max_timestamp().0, records.iter().map(|record| record.timestamp).max().unwrap());
        prop_assert_eq!(batch.records_count() as usize, records.len());
        prop_assert_eq!(batch.last_offset().0, base + records.len() as i64 - 1);
        prop_assert_eq!(read(&batch).unwrap(), at_offsets(&records, base));
    }

    #[test]
    fn another_codec_reads_our_batches(records in records(), compression in codec()) {
        let records: Vec<_> = records.into_iter().map(without_repeated_headers).collect();
        let options = BatchOptions { compression, base_offset: Offset(40), ..BatchOptions::default() };
        let bytes = build(&mut BatchBuilder::default(), &records, &options);
        let set = other::RecordBatchDecoder::decode(&mut Bytes::from(bytes)).unwrap();
        let theirs: Vec<_> = set.records.iter().map(from_other).collect();
        prop_assert_eq!(theirs, at_offsets(&records, 40));
    }

    #[test]
    fn we_read_the_batches_of_another_codec(records in records(), compression in codec()) {
        let records = at_offsets(&records.into_iter().map(without_repeated_headers).collect::<Vec<_>>(), 0);
        let theirs: Vec<_> = records.iter().map(to_other).collect();
        let mut bytes = BytesMut::new();
        let compression = match compression {
            Compression::Gzip => other::Compression::Gzip,
            Compression::Snappy => other::Compression::Snappy,
            Compression::Lz4 => other::Compression::Lz4,
            Compression::Zstd => other::Compression::Zstd,
            Compression::None => other::Compression::None,
        };
        let options = other::RecordEncodeOptions { version: 2, compression };
        other::RecordBatchEncoder::encode(&mut bytes, &theirs, &options).unwrap();
        let mut ours = Vec::new();
        for batch in Batches::new(&bytes) {
            let batch = batch.unwrap();
            batch.check_crc().unwrap();
            ours.extend(read(&batch).unwrap());
        }
        prop_assert_eq!(ours, records);
    }

    #[test]
    fn damaged_batches_never_panic(records in records(), compression in codec(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let options = BatchOptions { compression, ..BatchOptions::default() };
        let mut bytes = build(&mut BatchBuilder::default(), &records, &options);
        let at = at.index(bytes.len());
        let damaged = bytes[at] != byte;
        bytes[at] = byte;
        let Ok(batch) = BatchView::parse(&bytes) else { return Ok(()) };
        let _ = read(&batch);
        // Base offset, length and leader epoch are outside the checksum, and a wrong length does not parse.
        prop_assert_eq!(batch.check_crc().is_err(), damaged && at >= 16);
    }
}

/// The other codec keeps headers in a map.
fn without_repeated_headers(mut record: Owned) -> Owned {
    record.headers.sort();
    record.headers.dedup_by(|a, b| a.0 == b.0);
    record
}

fn from_other(record: &other::Record) -> Owned {
    let headers =
        record.headers.iter().map(|(key, value)| (key.to_string(), value.as_ref().map(|value| value.to_vec())));
    Owned {
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key.as_ref().map(|key| key.to_vec()),
        value: record.value.as_ref().map(|value| value.to_vec()),
        headers: headers.collect(),
    }
}

fn to_other(record: &Owned) -> other::Record {
    let headers = record.headers.iter().map(|(key, value)| (key.clone().into(), value.clone().map(Bytes::from)));
    other::Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: -1,
        producer_epoch: -1,
        timestamp_type: other::TimestampType::Creation,
        offset: record.offset,
        sequence: i32::try_from(record.offset).expect("a small offset"),
        timestamp: record.timestamp,
        key: record.key.clone().map(Bytes::from),
        value: record.value.clone().map(Bytes::from),
        headers: headers.collect(),
    }
}

/// B77.
#[test]
fn repeated_headers_keep_their_order() {
    let header = |key: &str, value: Option<&str>| (key.to_owned(), value.map(|value| value.as_bytes().to_vec()));
    let headers = vec![header("b", Some("1")), header("a", None), header("b", Some("2")), header("", Some(""))];
    let records = [Owned { headers, ..owned("k", "v") }];
    let bytes = build(&mut BatchBuilder::default(), &records, &BatchOptions::default());
    assert_eq!(read(&BatchView::parse(&bytes).unwrap()).unwrap(), records);
}

#[test]
fn the_header_says_what_the_options_say() {
    let options = BatchOptions {
        compression: Compression::Lz4,
        base_offset: Offset(i64::from(u32::MAX)),
        partition_leader_epoch: 3,
        producer_id: 4_000,
        producer_epoch: 5,
        base_sequence: i32::MAX,
        is_transactional: true,
        ..BatchOptions::default()
    };
    let mut bytes = build(&mut BatchBuilder::default(), &[owned("a", "1"), owned("b", "2")], &options);
    let batch = BatchView::parse(&bytes).unwrap();
    assert_eq!(batch.compression().unwrap(), Compression::Lz4);
    assert_eq!((batch.base_offset(), batch.next_offset()), (Offset(0xffff_ffff), Offset(0x1_0000_0001)));
    assert_eq!(batch.partition_leader_epoch(), 3);
    assert_eq!((batch.producer_id(), batch.producer_epoch()), (4_000, 5));
    assert_eq!((batch.base_sequence(), batch.last_sequence()), (i32::MAX, 0));
    assert!(batch.is_transactional() && !batch.is_control() && !batch.has_delete_horizon());

    let crc = batch.crc();
    let mut edit = BatchMut::parse(&mut bytes).unwrap();
    edit.set_base_offset(Offset(9));
    edit.set_partition_leader_epoch(8);
    let view = edit.view().unwrap();
    assert_eq!((view.base_offset(), view.partition_leader_epoch(), view.crc()), (Offset(9), 8, crc));
    view.check_crc().unwrap();

    edit.set_producer(7, 6, 0);
    edit.set_log_append_time(Timestamp(77));
    let view = edit.view().unwrap();
    view.check_crc().unwrap();
    assert_ne!(view.crc(), crc);
    assert_eq!((view.producer_id(), view.producer_epoch(), view.last_sequence()), (7, 6, 1));
    assert_eq!((view.timestamp_type(), view.max_timestamp()), (TimestampType::LogAppendTime, Timestamp(77)));
    assert!(view.is_transactional());
    assert!(read(&view).unwrap().iter().all(|record| record.timestamp == 77));
}

#[test]
fn a_builder_is_used_again_and_finishes_again() {
    let mut builder = BatchBuilder::default();
    let records = [owned("a", &"1".repeat(1_000)), owned("b", "2")];
    let first = build(&mut builder, &records, &BatchOptions::default());
    let zipped = builder.finish(&BatchOptions { compression: Compression::Gzip, ..BatchOptions::default() }).unwrap();
    assert!(zipped.len() < first.len());
    assert_eq!(read(&BatchView::parse(zipped).unwrap()).unwrap(), at_offsets(&records, 0));
    let (second, peak) = peak_of(|| build(&mut builder, &records, &BatchOptions::default()));
    assert_eq!(second, first);
    assert!(peak <= first.len(), "only the copy of the result is allocated");
}

#[test]
fn reading_records_allocates_nothing() {
    let records: Vec<_> =
        (0..100).map(|n| Owned { headers: vec![("h".into(), None)], ..owned("k", &n.to_string()) }).collect();
    let bytes = build(&mut BatchBuilder::default(), &records, &BatchOptions::default());
    let mut scratch = Scratch::default();
    let (count, peak) = peak_of(|| {
        let batch = BatchView::parse(&bytes).unwrap();
        batch.records(&mut scratch).unwrap().map(|record| record.unwrap().headers.count()).sum::<usize>()
    });
    assert_eq!((count, peak), (100, 0));
}

#[test]
fn batches_end_before_one_that_is_cut_off() {
    let mut builder = BatchBuilder::default();
    let one = build(&mut builder, &[owned("a", "1")], &BatchOptions::default());
    let two = [one.clone(), one.clone()].concat();
    for end in 0..=two.len() {
        let mut batches = Batches::new(&two[..end]);
        let whole = batches.by_ref().map(|batch| batch.unwrap().len()).sum::<usize>();
        assert_eq!((whole, batches.rest().len()), (end / one.len() * one.len(), end % one.len()));
    }
}

#[test]
fn transactions_end_with_markers() {
    let mut builder = BatchBuilder::default();
    for control_type in [ControlType::Abort, ControlType::Commit] {
        let marker = ControlRecord { control_type, coordinator_epoch: 12 };
        let bytes = marker.build(&mut builder, 4_000, 3, Timestamp(5)).unwrap().to_vec();
        let batch = BatchView::parse(&bytes).unwrap();
        batch.check_crc().unwrap();
        assert!(batch.is_control() && batch.is_transactional());
        assert_eq!((batch.producer_id(), batch.producer_epoch(), batch.base_sequence()), (4_000, 3, -1));
        let record = read(&batch).unwrap().remove(0);
        assert_eq!(ControlRecord::parse(record.key.as_deref(), record.value.as_deref()).unwrap(), marker);
        let theirs = other::RecordBatchDecoder::decode(&mut Bytes::from(bytes)).unwrap();
        assert!(theirs.records[0].control && theirs.records[0].transactional);
    }
    assert_eq!(ControlType::from_key(Some(&[0, 0, 0, 9])).unwrap(), ControlType::Other(9));
    assert_eq!(ControlType::from_key(None).unwrap_err().code(), ErrorCode::INVALID_RECORD);
}

#[test]
fn gaps_and_far_timestamps_are_kept() {
    let mut builder = BatchBuilder::default();
    builder.append_at(3, Timestamp(1 << 40), Some(b"a"), None, []).unwrap();
    builder.append_at(70_000, Timestamp(0), None, Some(b"b"), []).unwrap();
    let error = builder.append_at(70_000, Timestamp(0), None, None, []).unwrap_err();
    assert!(error.to_string().contains("not after the last one"), "{error}");
    let bytes = builder.finish(&BatchOptions { base_offset: Offset(10), ..BatchOptions::default() }).unwrap();
    let batch = BatchView::parse(bytes).unwrap();
    assert_eq!((batch.records_count(), batch.last_offset()), (2, Offset(70_010)));
    let records = read(&batch).unwrap();
    assert_eq!(
        records.iter().map(|record| (record.offset, record.timestamp)).collect::<Vec<_>>(),
        [(13, 1 << 40), (70_010, 0)]
    );
}

#[test]
fn records_of_every_length_round_trip() {
    // Where a length, a delta or the whole record needs one more byte, and where a record is no longer packed.
    let keys = (0..2).chain(62..66).chain(8_190..8_194);
    let values = (0..2).chain(48..66).chain(8_170..8_194).chain([1 << 20]);
    let bytes = vec![b'x'; 1 << 20];
    let mut builder = BatchBuilder::default();
    let mut expected = Vec::new();
    for key in keys.map(Some).chain([None]) {
        for value in values.clone().map(Some).chain([None]) {
            let offset = 29 * i32::try_from(expected.len()).unwrap();
            let timestamp = Timestamp(i64::from(offset) * 37);
            builder
                .append_at(offset, timestamp, key.map(|len| &bytes[..len]), value.map(|len| &bytes[..len]), [])
                .unwrap();
            expected.push((Offset(i64::from(offset)), timestamp, key, value));
        }
    }
    let bytes = builder.finish(&BatchOptions::default()).unwrap();
    let mut scratch = Scratch::default();
    let records = BatchView::parse(bytes).unwrap().records(&mut scratch).unwrap().map(|record| {
        let record = record.unwrap();
        (record.offset, record.timestamp, record.key.map(<[u8]>::len), record.value.map(<[u8]>::len))
    });
    assert_eq!(records.collect::<Vec<_>>(), expected);
}

/// A batch with these bytes at these places, its checksum made right again.
fn patched(compression: Compression, patches: &[(usize, &[u8])]) -> Vec<u8> {
    let options = BatchOptions { compression, ..BatchOptions::default() };
    let mut bytes = build(&mut BatchBuilder::default(), &[owned("k", "v"), owned("k", "v")], &options);
    for (at, patch) in patches {
        bytes[*at..at + patch.len()].copy_from_slice(patch);
    }
    if let Ok(mut batch) = BatchMut::parse(&mut bytes) {
        let timestamp = batch.view().expect("it was parsed").max_timestamp();
        batch.set_max_timestamp(timestamp);
    }
    bytes
}

/// Where the first of the two records of [`patched`] starts: length 8, 0, deltas 0 and 0, "k", "v", no headers.
const RECORD: usize = BATCH_HEADER_LEN;

/// B73, B75, B76, B77, B78.
#[rstest::rstest]
#[case::length_negative(8, &[0xff; 4], ErrorCode::CORRUPT_MESSAGE, "batch of length -1 is shorter than its header")]
#[case::length_short(8, &[0, 0, 0, 48], ErrorCode::CORRUPT_MESSAGE, "shorter than its header")]
#[case::length_long(8, &[0, 0, 1, 0], ErrorCode::CORRUPT_MESSAGE, "cut off")]
#[case::magic_0(16, &[0], ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, "message format v2 required")]
#[case::magic_1_short(8, &[0, 0, 0, 30, 0xff, 0xff, 0xff, 0xff, 1], ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, "magic 1")]
#[case::codec_5(22, &[5], ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, "compression type 5 does not exist")]
#[case::last_delta_negative(23, &[0xff; 4], ErrorCode::INVALID_RECORD, "offsets 0 + -1 are out of range")]
#[case::offsets_overflow(0, &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], ErrorCode::INVALID_RECORD, "out of range")]
#[case::count_negative(57, &[0xff; 4], ErrorCode::INVALID_RECORD, "batch of -1 records")]
#[case::count_huge(57, &[0x7f, 0xff, 0xff, 0xff], ErrorCode::INVALID_RECORD, "record 2 of the batch: varint is cut off")]
#[case::count_small(57, &[0, 0, 0, 1], ErrorCode::INVALID_RECORD, "bytes left after the last record")]
#[case::record_length_negative(RECORD, &[1], ErrorCode::INVALID_RECORD, "record 0 of the batch: negative length")]
#[case::record_length_zero(RECORD, &[0], ErrorCode::INVALID_RECORD, "record of no length")]
#[case::record_past_the_end(RECORD, &[0x7e], ErrorCode::INVALID_RECORD, "record goes past the batch")]
#[case::record_shorter_than_fields(RECORD, &[4], ErrorCode::INVALID_RECORD, "varint is cut off")]
#[case::record_overlong_varint(RECORD + 2, &[0x80, 0], ErrorCode::INVALID_RECORD, "overlong varint")]
#[case::key_length_past_the_record(RECORD + 4, &[0x40], ErrorCode::INVALID_RECORD, "length goes past the record")]
#[case::key_length_negative(RECORD + 4, &[3], ErrorCode::INVALID_RECORD, "negative length")]
#[case::header_count_negative(RECORD + 8, &[9], ErrorCode::INVALID_RECORD, "negative number of headers")]
#[case::header_count_past_the_record(RECORD + 8, &[8], ErrorCode::INVALID_RECORD, "varint is cut off")]
#[case::header_key_null(RECORD + 6, &[0, 2, 1], ErrorCode::INVALID_RECORD, "null header key")]
#[case::bytes_left_in_the_record(RECORD + 6, &[0, 0, 0], ErrorCode::INVALID_RECORD, "bytes left after the headers")]
fn bad_batches_are_refused_with_kafkas_codes(
    #[case] at: usize,
    #[case] patch: &[u8],
    #[case] code: ErrorCode,
    #[case] expected: &str,
) {
    let bytes = patched(Compression::None, &[(at, patch)]);
    let mut scratch = Scratch::default();
    let result = BatchView::parse(&bytes).and_then(|batch| {
        batch.check_crc()?;
        batch.records(&mut scratch)?.try_for_each(|record| record.map(|_| ()))
    });
    let error = result.unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(error.code(), code, "{error}");
}

/// B74.
#[test]
fn a_wrong_checksum_is_shown_with_the_right_one() {
    let mut bytes = patched(Compression::None, &[]);
    *bytes.last_mut().unwrap() ^= 1;
    let batch = BatchView::parse(&bytes).unwrap();
    let error = batch.check_crc().unwrap_err();
    assert_eq!(error.code(), ErrorCode::CORRUPT_MESSAGE);
    let stored = format!("checksum is {:#010x}, its bytes give 0x", batch.crc());
    assert!(error.to_string().contains(&stored), "{error}");
}

/// B76.
#[test]
fn timestamp_sums_that_overflow_are_refused() {
    let bytes = patched(Compression::None, &[(27, &i64::MAX.to_be_bytes()), (RECORD + 2, &[2])]);
    let error = read(&BatchView::parse(&bytes).unwrap()).unwrap_err();
    assert!(error.contains("timestamp overflows"), "{error}");
}

/// A batch whose block of records is these bytes.
fn with_block(codec: u8, block: &[u8]) -> Vec<u8> {
    let mut bytes = patched(Compression::None, &[(22, &[codec])]);
    bytes.truncate(BATCH_HEADER_LEN);
    bytes.extend(block);
    let length = i32::try_from(bytes.len() - 12).expect("a short batch");
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    bytes
}

/// B72.
#[test]
fn compression_bombs_stop_at_the_limit() {
    const LIMIT: usize = 1 << 20;
    let zeros = vec![0; 64 << 20];
    let mut builder = BatchBuilder::default();
    builder.append(Timestamp(0), None, Some(&zeros)).unwrap();
    for compression in &CODECS[1..] {
        let options = BatchOptions { compression: *compression, ..BatchOptions::default() };
        let bytes = builder.finish(&options).unwrap().to_vec();
        let batch = BatchView::parse(&bytes).unwrap();
        let mut scratch = Scratch::with_limit(LIMIT);
        let (error, peak) = peak_of(|| batch.records(&mut scratch).map(|_| ()).unwrap_err());
        assert_eq!(error.code(), ErrorCode::INVALID_RECORD);
        assert_eq!(error.to_string(), format!("{} block unfolds to more than {LIMIT} bytes", compression.name()));
        assert!(peak <= 4 * LIMIT, "{}: {peak}", compression.name());
    }
}

/// B72.
#[rstest::rstest]
#[case::gzip(1, &[0x1f, 0x8b, 8, 0], "gzip block does not decompress")]
#[case::snappy_claims_4_gib(2, &[0xff, 0xff, 0xff, 0xff, 0x0f, 0], "unfolds to more than")]
#[case::snappy_claims_too_much_for_its_length(2, &[0x80, 0x80, 0x80, 0x08, 0], "5 bytes claim to unfold to 16777216")]
#[case::snappy_block_past_the_end(2, b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x7f\0", "block goes past the batch")]
#[case::snappy_block_length_negative(
    2,
    b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\xff\xff\xff\xff\0",
    "block goes past the batch"
)]
#[case::snappy_header_cut_off(2, b"\x82SNAPPY\0\0\0", "header is cut off")]
#[case::lz4(3, &[4, 0x22, 0x4d, 0x18, 0x60, 0x40, 0], "lz4 block does not decompress")]
// A frame that asks for a window of 128 MiB.
#[case::zstd_window(4, &[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x88, 0x01, 0, 0], "zstd block does not decompress")]
fn blocks_that_do_not_decompress_are_refused(#[case] codec: u8, #[case] block: &[u8], #[case] expected: &str) {
    let bytes = with_block(codec, block);
    let batch = BatchView::parse(&bytes).unwrap();
    let mut scratch = Scratch::default();
    let (error, peak) = peak_of(|| batch.records(&mut scratch).map(|_| ()).unwrap_err());
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(error.code(), ErrorCode::INVALID_RECORD);
    assert!(peak < 1 << 20, "{peak}");
}

#[test]
fn raw_snappy_is_read_too() {
    // One record of 8 bytes, nothing of it compressed: the length, a literal of nine bytes, the bytes.
    let bytes = with_block(2, &[9, 8 << 2, 0x10, 0, 0, 0, 2, b'k', 2, b'v', 0]);
    let mut bytes = bytes;
    bytes[57..61].copy_from_slice(&1_i32.to_be_bytes());
    let records = read(&BatchView::parse(&bytes).unwrap()).unwrap();
    assert_eq!((records[0].key.as_deref(), records[0].value.as_deref()), (Some(&b"k"[..]), Some(&b"v"[..])));
}

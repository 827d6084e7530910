//! Batches that break a rule: each is refused with its code and words, the connection stays, nothing is appended.

use bytes::{Bytes, BytesMut};
use streams_core::protocol::batch::{BatchBuilder, BatchOptions, Batches, Compression, Scratch, BATCH_HEADER_LEN};
use streams_core::protocol::ErrorCode;
use streams_core::Timestamp;

use crate::support::*;

/// Where the first of the two records of [`patched`] starts: length 8, attributes, deltas 0 and 0, "k", "v", no headers.
const RECORD: usize = BATCH_HEADER_LEN;

/// The compression bits lie in the lower byte of the attributes.
const CODEC: usize = 22;

fn wrong_checksum() -> Bytes {
    let mut bytes = BytesMut::from(&batch("v")[..]);
    *bytes.last_mut().unwrap() ^= 1;
    bytes.freeze()
}

fn of_magic(magic: u8) -> Bytes {
    let mut bytes = BytesMut::from(&batch("v")[..]);
    bytes[16] = magic;
    bytes.freeze()
}

/// A header count of 2^31 - 1 does not fit the record of [`patched`], so this one has a record of its own.
fn headers_without_end() -> Bytes {
    let record = [0x18, 0, 0, 0, 2, b'k', 2, b'v', 0xfe, 0xff, 0xff, 0xff, 0x0f];
    let mut bytes = BytesMut::from(&batch("v")[..RECORD]);
    bytes.extend_from_slice(&record);
    let length = i32::try_from(bytes.len() - 12).unwrap();
    bytes[8..12].copy_from_slice(&length.to_be_bytes());
    with_checksum(bytes)
}

fn timestamps_that_overflow() -> Bytes {
    patched(&[(27, &i64::MAX.to_be_bytes()), (RECORD + 2, &[2])])
}

fn far_future() -> Bytes {
    batch_with(&["v"], Timestamp(i64::MAX), &BatchOptions::default())
}

fn too_large() -> Bytes {
    batch(&"x".repeat(3000))
}

#[rstest::rstest]
#[case::b66_year_292277026(far_future(), ErrorCode::INVALID_TIMESTAMP, "message.timestamp.after.max.ms=3600000")]
#[case::b70_too_large(too_large(), ErrorCode::MESSAGE_TOO_LARGE, "bytes, more than max.message.bytes=2000")]
#[case::b73_codec_5(patched(&[(CODEC, &[5])]), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, "type 5 does not exist")]
#[case::b73_codec_6(patched(&[(CODEC, &[6])]), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, "type 6 does not exist")]
#[case::b73_codec_7(patched(&[(CODEC, &[7])]), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE, "type 7 does not exist")]
#[case::b74_checksum(wrong_checksum(), ErrorCode::CORRUPT_MESSAGE, "its bytes give 0x")]
#[case::b75_magic_0(of_magic(0), ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, "message format v2 is required")]
#[case::b75_magic_1(of_magic(1), ErrorCode::UNSUPPORTED_FOR_MESSAGE_FORMAT, "message format v2 is required")]
#[case::b76_count_negative(patched(&[(57, &[0xff; 4])]), ErrorCode::INVALID_RECORD, "no records")]
#[case::b76_count_huge(
    patched(&[(23, &[0x7f, 0xff, 0xff, 0xfe]), (57, &[0x7f, 0xff, 0xff, 0xff])]),
    ErrorCode::INVALID_RECORD,
    "record 2 of the batch: varint is cut off"
)]
#[case::b76_count_is_not_the_last_offset(patched(&[(57, &[0, 0, 0, 1])]), ErrorCode::INVALID_RECORD, "does not match")]
#[case::b76_control(patched(&[(CODEC, &[0x20])]), ErrorCode::INVALID_RECORD, "only the broker writes control batches")]
#[case::b76_offsets_overflow(patched(&[(0, &i64::MAX.to_be_bytes())]), ErrorCode::CORRUPT_MESSAGE, "out of order")]
#[case::b76_timestamps_overflow(timestamps_that_overflow(), ErrorCode::INVALID_RECORD, "timestamp overflows")]
#[case::b77_header_count(patched(&[(RECORD + 8, &[9])]), ErrorCode::INVALID_RECORD, "negative number of headers")]
#[case::b77_header_count_huge(headers_without_end(), ErrorCode::INVALID_RECORD, "varint is cut off")]
#[case::b77_header_key_null(patched(&[(RECORD + 6, &[0, 2, 1])]), ErrorCode::INVALID_RECORD, "null header key")]
#[case::b78_overlong_varint(patched(&[(RECORD + 2, &[0x80, 0])]), ErrorCode::INVALID_RECORD, "overlong varint")]
#[case::b78_shorter_than_its_fields(patched(&[(RECORD, &[4])]), ErrorCode::INVALID_RECORD, "varint is cut off")]
#[case::b78_key_past_the_record(patched(&[(RECORD + 4, &[0x40])]), ErrorCode::INVALID_RECORD, "goes past the record")]
#[case::b78_bytes_left(patched(&[(RECORD + 6, &[0, 0, 0])]), ErrorCode::INVALID_RECORD, "bytes left after the headers")]
#[case::nothing(Bytes::new(), ErrorCode::INVALID_RECORD, "no whole batch to append")]
#[case::two_batches([batch("a"), batch("b")].concat().into(), ErrorCode::INVALID_RECORD, "one batch per partition")]
fn a_bad_batch_is_refused_and_the_connection_stays(#[case] bad: Bytes, #[case] code: ErrorCode, #[case] words: &str) {
    let mut wire = Wire::new();
    wire.create("orders", &[("max.message.bytes", "2000")]);
    let answers = wire.produce_all(&[("orders", 1, bad), ("orders", 0, batch("good"))], -1, PRODUCE);
    let message = answers[0].error_message.clone().unwrap_or_default();
    assert_eq!((answers[0].error_code, answers[0].base_offset), (code, -1), "{message}");
    assert!(message.starts_with("orders-1: ") && message.contains(words), "{message}");
    assert_eq!((answers[1].error_code, answers[1].base_offset), (ErrorCode::NONE, 0), "the others of the request");
    assert_eq!(wire.produce("orders", batch("after")).base_offset, 1);
}

/// B66: which record it was, too.
#[test]
fn a_record_from_the_future_is_named() {
    let mut wire = Wire::new();
    wire.create("orders", &[]);
    let refused = wire.produce("orders", far_future());
    let named: Vec<i32> = refused.record_errors.iter().map(|record| record.batch_index).collect();
    assert_eq!(named, [0]);
    wire.create("any-time", &[("message.timestamp.after.max.ms", "9223372036854775807")]);
    assert_eq!(wire.produce("any-time", far_future()).error_code, ErrorCode::NONE);
}

/// B72: more than the limit of 64 MiB after decompression.
#[rstest::rstest]
#[case(Compression::Gzip)]
#[case(Compression::Lz4)]
#[case(Compression::Zstd)]
fn a_compression_bomb_is_refused(#[case] compression: Compression) {
    let mut builder = BatchBuilder::default();
    builder.append(Timestamp(0), None, Some(&vec![0; 65 << 20])).unwrap();
    let bomb =
        Bytes::copy_from_slice(builder.finish(&BatchOptions { compression, ..BatchOptions::default() }).unwrap());
    assert!(bomb.len() < 1 << 20, "it is small enough to be sent: {}", bomb.len());
    let mut wire = Wire::new();
    wire.create("orders", &[]);
    let refused = wire.produce("orders", bomb);
    let message = refused.error_message.unwrap_or_default();
    assert_eq!(refused.error_code, ErrorCode::INVALID_RECORD, "{message}");
    assert!(message.contains("block unfolds to more than 67108864 bytes"), "{message}");
    assert_eq!(wire.produce("orders", batch("after")).base_offset, 0);
}

/// B73: a client that asks in a version from before zstd could not read it back.
#[test]
fn zstd_needs_a_version_that_knows_it() {
    let zstd =
        batch_with(&["v"], Timestamp(0), &BatchOptions { compression: Compression::Zstd, ..BatchOptions::default() });
    let mut wire = Wire::new();
    wire.create("orders", &[]);
    let code = |wire: &mut Wire, version| wire.produce_all(&[("orders", 0, zstd.clone())], -1, version)[0].error_code;
    assert_eq!(code(&mut wire, 6), ErrorCode::UNSUPPORTED_COMPRESSION_TYPE);
    assert_eq!(code(&mut wire, 7), ErrorCode::NONE);
}

/// B77: repeated header keys stay, in their order.
#[test]
fn repeated_headers_are_kept_in_order() {
    let headers: [(&[u8], Option<&[u8]>); 4] =
        [(b"a", Some(b"1")), (b"b", Some(b"2")), (b"a", None), (b"a", Some(b"1"))];
    let mut builder = BatchBuilder::default();
    builder.append_with_headers(Timestamp(0), None, Some(b"v"), headers).unwrap();
    let bytes = Bytes::copy_from_slice(builder.finish(&BatchOptions::default()).unwrap());
    let mut wire = Wire::new();
    wire.create("orders", &[]);
    assert_eq!(wire.produce("orders", bytes).error_code, ErrorCode::NONE);
    let records = wire.fetch("orders", 0).records.unwrap();
    let mut scratch = Scratch::default();
    let batch = Batches::new(&records).next().unwrap().unwrap();
    let record = batch.records(&mut scratch).unwrap().next().unwrap().unwrap();
    let kept: Vec<_> = record.headers.map(|header| (header.key, header.value)).collect();
    assert_eq!(kept, headers);
}

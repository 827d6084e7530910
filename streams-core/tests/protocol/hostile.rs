//! Bytes from strangers: nothing panics, nothing allocates more than its input allows, and every refusal says where.

use bytes::Bytes;
use proptest::prelude::*;
use streams_core::protocol::batch::{Batches, Scratch};
use streams_core::protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use streams_core::protocol::messages::metadata::{MetadataRequest, MetadataResponse};
use streams_core::protocol::messages::produce::ProduceRequest;
use streams_core::protocol::{
    decode_request, decode_response, encode_request, encode_response, ApiKey, ErrorCode, Request, RequestHeader,
    Response,
};
use streams_core::ErrorKind;

use crate::allocator::peak_of;
use crate::fixtures::{full_lines, Line};

/// What an error message and small vectors cost whatever the input.
const FREE_BYTES: usize = 64 << 10;

/// Decodes with the allocation bound checked; true if it decoded.
fn decodes_bounded(line: &Line, frame: Bytes) -> bool {
    let input = frame.len();
    let decode = || match line.is_request {
        true => decode_request(frame).map(|_| ()),
        false => decode_response(line.api, line.version, frame).map(|_| ()),
    };
    let (result, peak) = peak_of(decode);
    assert!(peak <= 4 * input + FREE_BYTES, "{}: {peak} bytes for {input} bytes", line.name());
    if let Err(error) = &result {
        let message = error.to_string();
        assert!(message.starts_with("malformed ") || message.starts_with("unsupported "), "{message}");
    }
    result.is_ok()
}

#[test]
fn a_frame_cut_anywhere_is_refused_and_so_is_a_response_with_bytes_to_spare() {
    for line in &full_lines() {
        let frame = Bytes::from(line.frame());
        // An ApiVersions response cut to its first version is a whole answer of version 0.
        let versionless = line.api == ApiKey::ApiVersions && !line.is_request;
        for end in 0..frame.len() {
            assert!(!decodes_bounded(line, frame.slice(..end)) || versionless, "{} cut at {end}", line.name());
        }
        let mut longer = line.frame();
        longer.push(0);
        let decodes = decodes_bounded(line, longer.into());
        assert!(decodes == line.is_request || versionless, "{} and one byte", line.name());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutated_frames_are_refused_or_mean_something(
        pick in any::<prop::sample::Index>(),
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        thread_local!(static LINES: Vec<Line> = full_lines());
        LINES.with(|lines| {
            let line = &lines[pick.index(lines.len())];
            let mut frame = line.frame();
            let start = if line.is_request { 4 } else { 0 };
            for (at, byte) in mutations {
                let at = start + at.index(frame.len() - start);
                frame[at] = byte;
            }
            let frame = Bytes::from(frame);
            if decodes_bounded(line, frame.clone()) {
                let (text, bytes) = line.recode(frame).expect("what decodes encodes");
                let (again, _) = line.recode(bytes).expect("what was encoded decodes");
                prop_assert_eq!(text, again);
            }
            Ok(())
        })?;
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), api in 0_i16..95, version in 0_i16..19) {
        let mut frame = api.to_be_bytes().to_vec();
        frame.extend(version.to_be_bytes());
        frame.extend(&bytes);
        let input = frame.len();
        let (_, peak) = peak_of(|| decode_request(frame.into()).is_ok());
        prop_assert!(peak <= 4 * input + FREE_BYTES);
        if let Some(api) = ApiKey::from_code(api) {
            let (_, peak) = peak_of(|| decode_response(api, version, bytes.into()).is_ok());
            prop_assert!(peak <= 4 * input + FREE_BYTES);
        }
    }

    #[test]
    fn random_bytes_are_no_batches(bytes in prop::collection::vec(any::<u8>(), 0..300), tail in 0..200_i32, codec in 0..8_u8) {
        let mut batch = vec![0; 8];
        batch.extend((49 + tail).to_be_bytes());
        batch.extend([0, 0, 0, 0, 2, 0, 0, 0, 0, 0, codec]);
        batch.extend(bytes);
        let (_, peak) = peak_of(|| {
            let mut scratch = Scratch::with_limit(1 << 16);
            Batches::new(&batch).flatten().filter_map(|batch| Some(batch.records(&mut scratch).ok()?.count())).sum::<usize>()
        });
        // The bound of a scratch, what a zstd window takes, and what the decoders keep for themselves.
        prop_assert!(peak <= (1 << 16) * 4 + (9 << 20), "{}", peak);
    }
}

fn header(api_key: ApiKey, api_version: i16) -> RequestHeader {
    RequestHeader { api_key, api_version, correlation_id: 9, client_id: None }
}

/// A request frame with an empty client id and this body.
fn request(api: i16, version: i16, flexible: bool, body: &[u8]) -> Bytes {
    let mut frame = api.to_be_bytes().to_vec();
    frame.extend(version.to_be_bytes());
    frame.extend([0, 0, 0, 9, 0, 0]);
    frame.extend(flexible.then_some(0));
    frame.extend(body);
    frame.into()
}

/// B82, B83.
#[rstest::rstest]
#[case::array_larger_than_the_frame(3, 0, false, &[3, 0x3c, 0x0c, 0], "byte 14: array of length 54266880 does not fit in the 0 bytes left")]
#[case::array_of_int_max(3, 0, false, &[0x7f, 0xff, 0xff, 0xff], "does not fit in the 0 bytes left")]
#[case::negative_length(3, 1, false, &[0xff, 0xff, 0xff, 0xfe], "array of negative length -2")]
#[case::null_where_none_is_allowed(3, 0, false, &[0xff, 0xff, 0xff, 0xff], "topics is null")]
#[case::compact_null_where_none_is_allowed(10, 4, true, &[0, 0, 0], "null array")]
#[case::string_not_utf8(10, 0, false, &[0, 1, 0xff], "string is not UTF-8")]
#[case::overlong_varint(18, 3, true, &[0x82, 0], "overlong varint")]
#[case::varint_without_end(18, 3, true, &[0xff; 6], "varint of more than 32 bits")]
#[case::tag_size_past_the_end(18, 3, true, &[1, 1, 1, 0, 9], "a tagged field needs 9 bytes and 0 are left")]
#[case::tag_twice(18, 3, true, &[1, 1, 2, 5, 0, 5, 0], "tag 5 is out of order")]
#[case::bytes_missing(18, 3, true, &[], "a varint needs 1 bytes")]
fn malformed_requests_name_their_place(
    #[case] api: i16,
    #[case] version: i16,
    #[case] flexible: bool,
    #[case] body: &[u8],
    #[case] expected: &str,
) {
    let error = decode_request(request(api, version, flexible, body)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    let message = error.to_string();
    assert!(message.starts_with(&format!("malformed request api={api} v={version} at byte ")), "{message}");
    assert!(message.contains(expected), "{message}");
}

/// B82.
#[test]
fn many_small_elements_do_not_unfold_without_bound() {
    let names = vec![0; 8 << 20];
    let mut body = i32::try_from(names.len() / 2).unwrap().to_be_bytes().to_vec();
    body.extend(names);
    let frame = request(3, 0, false, &body);
    let input = frame.len();
    let (result, peak) = peak_of(|| decode_request(frame));
    let message = result.unwrap_err().to_string();
    assert!(message.contains("unfolds to more than"), "{message}");
    // Growing an array holds the old and the new one for a moment.
    assert!(peak <= 24 * input, "{peak} for {input}");
}

/// What librdkafka 2.16 sends for the metadata of all topics: a null array in four bytes where one is meant.
#[test]
fn bytes_after_the_last_field_of_a_request_are_skipped() {
    let (_, request) = decode_request(request(3, 13, true, &[0, 0, 0, 0, 1, 0, 0])).unwrap();
    let expected = MetadataRequest { topics: None, allow_auto_topic_creation: false, ..Default::default() };
    assert_eq!(request, Request::Metadata(expected));
}

#[test]
fn unknown_tagged_fields_are_skipped() {
    let frame = request(18, 3, true, &[2, b'a', 2, b'b', 2, 3, 2, 0xff, 0xff, 9, 0]);
    let (_, request) = decode_request(frame).unwrap();
    let expected = ApiVersionsRequest { client_software_name: "a".into(), client_software_version: "b".into() };
    assert_eq!(request, Request::ApiVersions(expected));
}

/// B81.
#[test]
fn unknown_apis_and_versions_are_refused_by_name() {
    let refusal = |api, version| {
        let error = decode_request(request(api, version, true, &[])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Refused);
        error.to_string()
    };
    assert_eq!(refusal(0, 2), "unsupported request api=0 v=2: Produce is supported from v3 to v13");
    assert_eq!(refusal(1, 99), "unsupported request api=1 v=99: Fetch is supported from v4 to v18");
    assert_eq!(refusal(18, -1), "unsupported request api=18 v=-1: ApiVersions is supported from v0 to v4");
    assert_eq!(refusal(4711, 0), "unsupported request api=4711 v=0: no such API here");
}

#[test]
fn a_client_from_the_future_gets_an_answer_it_understands() {
    let (asked, request) = decode_request(request(18, 77, true, &[1, 2, 3])).unwrap();
    assert_eq!((asked.api_version, request), (77, Request::ApiVersions(ApiVersionsRequest::default())));
    let answer = ApiVersionsResponse { error_code: ErrorCode::UNSUPPORTED_VERSION, ..Default::default() };
    let frame = encode_response(&asked, &answer.clone().into()).unwrap();
    assert_eq!(frame.to_payload(), [0, 0, 0, 9, 0, 35, 0, 0, 0, 0][..]);
    let decoded = decode_response(ApiKey::ApiVersions, 4, frame.to_payload()).unwrap();
    assert_eq!(decoded, (9, Response::ApiVersions(answer)));
}

#[test]
fn requests_are_strict_and_responses_lenient() {
    let produce = ProduceRequest { transactional_id: None, ..Default::default() };
    let error = encode_request(&header(ApiKey::Produce, 2), &produce.clone().into()).unwrap_err();
    assert!(error.to_string().contains("supported from v3"), "{error}");
    let error = encode_request(&header(ApiKey::Fetch, 4), &produce.into()).unwrap_err();
    assert!(error.to_string().contains("the header says Fetch, the body is Produce"), "{error}");

    let metadata = MetadataResponse { cluster_authorized_operations: 5, ..Default::default() };
    let frame = encode_response(&header(ApiKey::Metadata, 1), &metadata.into()).unwrap();
    let (_, response) = decode_response(ApiKey::Metadata, 1, frame.to_payload()).unwrap();
    assert_eq!(response, Response::Metadata(MetadataResponse::default()));

    let mut fetch = streams_core::protocol::messages::fetch::FetchRequest::default();
    fetch.forgotten_topics_data.push(Default::default());
    let error = encode_request(&header(ApiKey::Fetch, 4), &fetch.into()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "encode Fetch request v=4: forgotten_topics_data is set, and this version has no such field"
    );
}

#[test]
fn large_payloads_are_shared_and_not_copied() {
    let records = Bytes::from(vec![7; 1 << 20]);
    let request = full_lines().into_iter().find(|line| line.name() == "Produce v9 request").unwrap();
    let (_, decoded) = decode_request(request.frame().into()).unwrap();
    let Request::Produce(mut produce) = decoded else { panic!("not a produce request") };
    produce.topic_data[0].partition_data[0].records = Some(records.clone());
    let ((frame, payload), peak) = peak_of(|| {
        let frame = encode_request(&request.header(), &produce.clone().into()).unwrap();
        let payload = frame.parts().iter().find(|part| part.len() == records.len()).cloned();
        (frame, payload)
    });
    assert_eq!(payload.unwrap().as_ptr(), records.as_ptr());
    assert!(peak < 100_000, "{peak}");
    let whole = frame.to_payload();
    assert_eq!(frame.wire_len(), whole.len() + 4);
    let (_, again) = decode_request(whole.clone()).unwrap();
    let Request::Produce(again) = again else { panic!("not a produce request") };
    assert_eq!(again, produce);
    let slice = again.topic_data[0].partition_data[0].records.as_ref().unwrap();
    assert!(whole.as_ptr_range().contains(&slice.as_ptr()), "decoding slices the frame");
}

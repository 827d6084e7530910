//! Every frame that Kafka's own classes wrote decodes, carries the values Kafka says, and encodes to the same bytes.

use std::collections::BTreeMap;
use std::io::Read;

use bytes::Bytes;
use expect_test::expect;
use serde_json::Value;
use streams_core::protocol::{decode_request, decode_response, encode_request, encode_response, ApiKey, RequestHeader};

use crate::debug_tree;
use crate::reader;

/// A frame of Kafka's.
pub(crate) struct Line {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) is_request: bool,
    filling: String,
    frame: Vec<u8>,
    json: Value,
}

/// Versions by key and name of their API.
type Versions = BTreeMap<(i16, String), Vec<i16>>;

/// Kafka's frames of the versions that this codec has, and the versions it leaves out.
fn read_lines() -> (Vec<Line>, Versions) {
    let mut text = String::new();
    let packed = reader::bytes("messages.jsonl.gz");
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut text).expect("the fixtures unpack");
    let (mut lines, mut unsupported) = (Vec::new(), Versions::new());
    for mut line in reader::parse(&text) {
        let number = |name: &str| i16::try_from(line[name].as_i64().expect("a number")).expect("a small number");
        let text = |name: &str| line[name].as_str().expect("a text").to_owned();
        let (key, version) = (number("key"), number("version"));
        let api = ApiKey::from_code(key).filter(|api| api.versions().contains(&version));
        let Some(api) = api else {
            let versions = unsupported.entry((key, text("api"))).or_default();
            if versions.last() != Some(&version) {
                versions.push(version);
            }
            continue;
        };
        assert_eq!(text("api"), api.to_string());
        let is_request = text("kind") == "request";
        let expected =
            if is_request { api.request_header_version(version) } else { api.response_header_version(version) };
        assert_eq!(number("headerVersion"), expected, "{api} v{version}");
        let frame = [reader::unhex(&text("header")), reader::unhex(&text("body"))].concat();
        lines.push(Line { api, version, is_request, filling: text("filling"), frame, json: line["json"].take() });
    }
    (lines, unsupported)
}

/// Kafka's frames with every field set and every array of two.
pub(crate) fn full_lines() -> Vec<Line> {
    read_lines().0.into_iter().filter(|line| line.filling == "full").collect()
}

impl Line {
    pub(crate) fn header(&self) -> RequestHeader {
        let (api_key, api_version) = (self.api, self.version);
        RequestHeader { api_key, api_version, correlation_id: 7, client_id: Some("fixture".to_owned()) }
    }

    /// The whole frame as Kafka writes it, without its size.
    pub(crate) fn frame(&self) -> Vec<u8> {
        self.frame.clone()
    }

    /// Decodes a frame of this line's kind: its debug text, and its bytes when encoded again.
    pub(crate) fn recode(&self, frame: Bytes) -> streams_core::Result<(String, Bytes)> {
        if self.is_request {
            let (header, request) = decode_request(frame)?;
            Ok((format!("{request:?}"), encode_request(&header, &request)?.to_payload()))
        } else {
            let (correlation_id, response) = decode_response(self.api, self.version, frame)?;
            let header = RequestHeader { correlation_id, ..self.header() };
            Ok((format!("{response:?}"), encode_response(&header, &response)?.to_payload()))
        }
    }

    pub(crate) fn name(&self) -> String {
        let kind = if self.is_request { "request" } else { "response" };
        format!("{} v{} {kind}", self.api, self.version)
    }
}

#[test]
fn kafkas_bytes_decode_and_encode_to_themselves() {
    let lines = read_lines().0;
    for line in &lines {
        let (name, frame) = (format!("{}, {}", line.name(), line.filling), Bytes::from(line.frame()));
        let (_, bytes) = line.recode(frame.clone()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(bytes, frame, "{name}");
    }
    let every_version: usize = ApiKey::ALL.iter().map(|api| api.versions().count() * 2).sum();
    let full = lines.iter().filter(|line| line.filling == "full").count();
    assert_eq!(full, every_version, "every version of every API has its line");
}

#[test]
fn kafkas_values_are_in_the_fields_of_their_names() {
    let mut compared = 0;
    for line in &read_lines().0 {
        let (text, _) = line.recode(line.frame().into()).expect("it decodes");
        let ours = debug_tree::parse(&text);
        let place = format!("{}, {}", line.name(), line.filling);
        compared += debug_tree::compare(&place, &line.json, &ours);
    }
    assert!(compared > 10_000, "only {compared} values");
}

/// What Kafka's brokers offer and this codec does not have: a version that is new in Kafka shows here, and so does one
/// that is new here: `UPDATE_EXPECT=1 cargo test` strikes it off.
#[test]
fn what_this_codec_leaves_out_is_known_by_name() {
    let (lines, unsupported) = read_lines();
    let supported = lines.iter().filter(|line| line.filling == "full").count() / 2;
    let left_out: usize = unsupported.values().map(Vec::len).sum();
    let mut list = format!("{supported} versions decode, {left_out} do not:\n");
    for ((key, api), versions) in &unsupported {
        let versions: Vec<_> = versions.iter().map(i16::to_string).collect();
        list += &format!("{key} {api} {}\n", versions.join(" "));
    }
    expect![[r#"
        184 versions decode, 94 do not:
        17 SaslHandshake 0 1
        22 InitProducerId 6
        27 WriteTxnMarkers 1 2
        29 DescribeAcls 1 2 3
        30 CreateAcls 1 2 3
        31 DeleteAcls 1 2 3
        33 AlterConfigs 0 1 2
        34 AlterReplicaLogDirs 1 2
        35 DescribeLogDirs 1 2 3 4 5
        36 SaslAuthenticate 0 1 2
        38 CreateDelegationToken 1 2 3
        39 RenewDelegationToken 1 2
        40 ExpireDelegationToken 1 2
        41 DescribeDelegationToken 1 2 3
        42 DeleteGroups 0 1 2
        43 ElectLeaders 0 1 2
        44 IncrementalAlterConfigs 0 1
        45 AlterPartitionReassignments 0 1
        46 ListPartitionReassignments 0
        47 OffsetDelete 0
        48 DescribeClientQuotas 0 1
        49 AlterClientQuotas 0 1
        50 DescribeUserScramCredentials 0
        51 AlterUserScramCredentials 0
        55 DescribeQuorum 0 1 2
        57 UpdateFeatures 0 1 2
        61 DescribeProducers 0
        64 UnregisterBroker 0
        65 DescribeTransactions 0
        66 ListTransactions 0 1 2
        69 ConsumerGroupDescribe 0 1
        71 GetTelemetrySubscriptions 0
        72 PushTelemetry 0
        74 ListConfigResources 0 1
        75 DescribeTopicPartitions 0
        76 ShareGroupHeartbeat 1
        77 ShareGroupDescribe 1
        78 ShareFetch 1 2
        79 ShareAcknowledge 1 2
        80 AddRaftVoter 0 1
        81 RemoveRaftVoter 0
        83 InitializeShareGroupState 0
        84 ReadShareGroupState 0
        85 WriteShareGroupState 0 1
        86 DeleteShareGroupState 0
        87 ReadShareGroupStateSummary 0 1
        90 DescribeShareGroupOffsets 0 1
        91 AlterShareGroupOffsets 0
        92 DeleteShareGroupOffsets 0
    "#]]
    .assert_eq(&list);
}

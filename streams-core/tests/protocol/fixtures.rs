//! Every line that Kafka's own classes wrote decodes, carries the values Kafka says, and encodes to the same bytes.

use bytes::Bytes;
use serde_json::Value;
use streams_core::protocol::{decode_request, decode_response, encode_request, encode_response, ApiKey, RequestHeader};

const LINES: &str = include_str!("../fixtures/codec.jsonl");

/// Lines of versions that this codec leaves out: InitProducerId v6 (unstable in Kafka), as request and response.
const UNSUPPORTED: usize = 2;

pub(crate) struct Line {
    pub(crate) api: ApiKey,
    pub(crate) version: i16,
    pub(crate) is_request: bool,
    header_version: i64,
    body: Vec<u8>,
    json: Value,
}

/// Kafka's lines, with how many of them are of unsupported versions.
pub(crate) fn lines() -> (Vec<Line>, usize) {
    let mut unsupported = 0;
    let mut lines = Vec::new();
    for line in LINES.lines() {
        let mut line: Value = serde_json::from_str(line).expect("the fixtures are well formed");
        let number = |name: &str| {
            i16::try_from(line[name].as_i64().expect("the fixtures are well formed"))
                .expect("the fixtures are well formed")
        };
        let (key, version) = (number("key"), number("version"));
        let api = ApiKey::from_code(key).unwrap_or_else(|| panic!("api {key} is in the fixtures and not here"));
        assert_eq!(line["api"], api.to_string());
        if !api.versions().contains(&version) {
            unsupported += 1;
            continue;
        }
        lines.push(Line {
            api,
            version,
            is_request: line["kind"] == "request",
            header_version: line["headerVersion"].as_i64().expect("the fixtures are well formed"),
            body: unhex(line["body"].as_str().expect("the fixtures are well formed")),
            json: line["json"].take(),
        });
    }
    (lines, unsupported)
}

impl Line {
    pub(crate) fn header(&self) -> RequestHeader {
        let (api_key, api_version) = (self.api, self.version);
        RequestHeader { api_key, api_version, correlation_id: 7, client_id: Some("fixture".to_owned()) }
    }

    /// The body behind a header as Kafka would write it.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        if self.is_request {
            frame.extend(self.api.code().to_be_bytes());
            frame.extend(self.version.to_be_bytes());
            frame.extend(7_i32.to_be_bytes());
            frame.extend(b"\0\x07fixture");
            frame.extend((self.header_version == 2).then_some(0));
        } else {
            frame.extend(7_i32.to_be_bytes());
            frame.extend((self.header_version == 1).then_some(0));
        }
        frame.extend(&self.body);
        frame
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

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("the fixtures are well formed");
    (0..text.len()).step_by(2).map(digit).collect()
}

#[test]
fn kafkas_bytes_decode_and_encode_to_themselves() {
    let (lines, unsupported) = lines();
    assert_eq!(unsupported, UNSUPPORTED);
    let mut versions = 0;
    for line in &lines {
        let frame = line.frame();
        let (_, bytes) = line.recode(frame.clone().into()).unwrap_or_else(|error| panic!("{}: {error}", line.name()));
        assert_eq!(bytes, frame, "{}", line.name());
        versions += 1;
    }
    let every_version: usize = ApiKey::ALL.iter().map(|api| api.versions().count() * 2).sum();
    assert_eq!(versions, every_version, "every version of every API has its line");
}

#[test]
fn kafkas_values_are_in_the_fields_of_their_names() {
    let mut checked = 0;
    for line in &lines().0 {
        let (text, _) = line.recode(line.frame().into()).unwrap();
        let text = text.replace("Some(", "").replace("ErrorCode(", "").replace(')', "");
        let mut leaves = Vec::new();
        collect_leaves("", &line.json, &mut leaves);
        for leaf in leaves {
            assert!(text.contains(&leaf), "{}: no {leaf} in {text}", line.name());
            checked += 1;
        }
    }
    assert!(checked > 5_000, "only {checked} values");
}

/// The numbers and the generated names in Kafka's JSON, each unique, as `name: value` of a debug text.
fn collect_leaves(name: &str, value: &Value, leaves: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            fields.iter().for_each(|(name, value)| collect_leaves(&snake_case(name), value, leaves))
        }
        Value::Array(values) => match values.first() {
            Some(Value::Number(_)) => leaves.push(format!("{name}: {value}").replace(',', ", ")),
            _ => values.iter().for_each(|value| collect_leaves(name, value, leaves)),
        },
        Value::Number(_) if !name.is_empty() => leaves.push(format!("{name}: {value}")),
        Value::String(text) if text.starts_with('s') && !name.ends_with("id") => leaves.push(format!("{text:?}")),
        _ => {}
    }
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

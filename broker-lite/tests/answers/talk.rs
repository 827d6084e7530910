//! A talk with a broker: requests in any version, and what is noted of the answers.

use std::fmt::Debug;
use std::net::TcpStream;

use bytes::Bytes;
use streams_core::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use streams_core::protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use streams_core::protocol::messages::produce::{PartitionProduceResponse, ProduceResponse};
use streams_core::protocol::messages::topics::{
    CreateTopicsResponse, DeleteRecordsPartition, DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic,
};
use streams_core::protocol::{ErrorCode, Request, Response};
use streams_core::Error;
use uuid::Uuid;

use crate::support::{ask, connect, create_request, produce_request};

/// What was noted: labels and answers.
pub(crate) type Answers = Vec<(String, String)>;

/// How often a broker is asked for what it does in its own time, before it counts as never done.
const ATTEMPTS: usize = 20_000;

/// A connection and what was noted.
pub(crate) struct Talk {
    stream: TcpStream,
    answers: Answers,
    /// Texts that differ from run to run, and what is noted in their place.
    replaced: Vec<(String, String)>,
}

impl Talk {
    pub(crate) fn with(address: &str) -> Self {
        let nil = (Uuid::nil().to_string(), "nil".to_owned());
        Self { stream: connect(address), answers: Answers::new(), replaced: vec![nil] }
    }

    pub(crate) fn answers(self) -> Answers {
        self.answers
    }

    pub(crate) fn ask<R: TryFrom<Response, Error = Error>>(&mut self, request: impl Into<Request>, version: i16) -> R {
        ask(&mut self.stream, request, version)
    }

    /// Asks until the broker has done what it does in its own time.
    pub(crate) fn ask_until<R: TryFrom<Response, Error = Error> + Debug>(
        &mut self,
        request: impl Into<Request>,
        version: i16,
        is_done: impl Fn(&R) -> bool,
    ) -> R {
        let request = request.into();
        let mut answer: R = self.ask(request.clone(), version);
        for _ in 0..ATTEMPTS {
            if is_done(&answer) {
                return answer;
            }
            answer = self.ask(request.clone(), version);
        }
        panic!("it never comes to that: {answer:?}");
    }

    /// Notes values, a line each. A label that is used already gets `, again`.
    pub(crate) fn note<T: Debug>(&mut self, label: impl Into<String>, values: impl IntoIterator<Item = T>) {
        let mut label = label.into();
        while self.answers.iter().any(|(known, _)| *known == label) {
            label.push_str(", again");
        }
        let lines: Vec<String> =
            values.into_iter().map(|value| readable(&format!("{value:?}"), &self.replaced)).collect();
        self.answers.push((label, if lines.is_empty() { "nothing".to_owned() } else { lines.join("\n") }));
    }

    /// Has a text noted as another one.
    pub(crate) fn replace(&mut self, text: impl Into<String>, by: &str) {
        self.replaced.push((text.into(), by.to_owned()));
    }

    /// Creates a topic and waits until it can be used. Returns its id.
    pub(crate) fn create(&mut self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Uuid {
        let mut request = create_request(name, configs);
        request.topics[0].num_partitions = partitions;
        let answer: CreateTopicsResponse = self.ask(request, 7);
        assert_eq!(answer.topics[0].error_code, ErrorCode::NONE, "{answer:?}");
        let id = answer.topics[0].topic_id;
        self.replace(id.to_string(), &format!("id of {name}"));
        self.wait_for(name, partitions);
        id
    }

    /// Waits until a topic can be used.
    pub(crate) fn wait_for(&mut self, name: &str, partitions: i32) {
        let is_there = |topic: &MetadataResponseTopic| {
            let count = topic.partitions.iter().filter(|partition| partition.leader_id >= 0).count();
            topic.error_code.is_none() && i32::try_from(count).unwrap() >= partitions
        };
        self.ask_until(describe_request(name), 12, |answer: &MetadataResponse| is_there(&answer.topics[0]));
        let wanted = (0..partitions).map(|index| (index, -1));
        let request = list_request(name, wanted);
        self.ask_until(request, 7, |answer: &ListOffsetsResponse| {
            answer.topics.iter().flat_map(|topic| &topic.partitions).all(|found| found.error_code.is_none())
        });
    }

    /// Waits until a topic is gone.
    pub(crate) fn wait_for_end_of(&mut self, name: &str) {
        self.ask_until(describe_request(name), 12, |answer: &MetadataResponse| answer.topics[0].error_code.is_error());
    }

    /// Appends to partition 0.
    pub(crate) fn produce(&mut self, topic: &str, records: Bytes) -> PartitionProduceResponse {
        let mut answer: ProduceResponse = self.ask(produce_request(&[(topic, 0, records)], 1), 9);
        let answer = answer.responses.remove(0).partition_responses.remove(0);
        assert_eq!(answer.error_code, ErrorCode::NONE, "{answer:?}");
        answer
    }

    /// Deletes what is before an offset of partition 0.
    pub(crate) fn delete_records(&mut self, topic: &str, before: i64) {
        let partitions = vec![DeleteRecordsPartition { partition_index: 0, offset: before }];
        let topics = vec![DeleteRecordsTopic { name: topic.to_owned(), partitions }];
        let request = DeleteRecordsRequest { topics, timeout_ms: 10_000 };
        let answer: DeleteRecordsResponse = self.ask(request, 2);
        assert_eq!(answer.topics[0].partitions[0].error_code, ErrorCode::NONE, "{answer:?}");
    }
}

pub(crate) fn describe_request(topic: &str) -> MetadataRequest {
    let wanted = MetadataRequestTopic { name: Some(topic.to_owned()), ..MetadataRequestTopic::default() };
    MetadataRequest { topics: Some(vec![wanted]), allow_auto_topic_creation: false, ..MetadataRequest::default() }
}

/// For partitions and timestamps.
pub(crate) fn list_request(topic: &str, wanted: impl IntoIterator<Item = (i32, i64)>) -> ListOffsetsRequest {
    let partition = |(partition_index, timestamp)| ListOffsetsPartition {
        partition_index,
        timestamp,
        ..ListOffsetsPartition::default()
    };
    let partitions = wanted.into_iter().map(partition).collect();
    let topics = vec![ListOffsetsTopic { name: topic.to_owned(), partitions }];
    ListOffsetsRequest { replica_id: -1, topics, timeout_ms: 10_000, ..ListOffsetsRequest::default() }
}

/// Codes by name, messages without their words, and what differs from run to run replaced.
fn readable(text: &str, replaced: &[(String, String)]) -> String {
    let mut text = named_codes(text);
    text = without_words(&text);
    for (from, to) in replaced {
        text = text.replace(from, to);
    }
    text
}

fn named_codes(text: &str) -> String {
    const START: &str = "ErrorCode(";
    let mut parts = text.split(START);
    let mut named = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once(')').unwrap();
        named.push_str(ErrorCode(number.parse().unwrap()).name());
        named.push_str(rest);
    }
    named
}

/// Which words a message has, and whether there is one, is each broker's own affair.
fn without_words(text: &str) -> String {
    const START: &str = "message: Some(\"";
    let text = text.replace("message: None", "message: ..");
    let mut parts = text.split(START);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let mut is_escaped = false;
        let end = part.find(|letter| {
            let is_end = letter == '"' && !is_escaped;
            is_escaped = letter == '\\' && !is_escaped;
            is_end
        });
        kept.push_str("message: ..");
        // The quotation mark, and the bracket after it.
        kept.push_str(&part[end.unwrap() + 2..]);
    }
    kept
}

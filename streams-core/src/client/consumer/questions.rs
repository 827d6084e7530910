//! Questions about partitions to their leaders: where a log begins or ends, and whether it has what was read.
//!
//! Every question goes the same way. Those of one poll are grouped by the broker that leads, one request each, under one
//! serial number. An answer counts for the partitions that still wait under that number: a seek forgets it. What the
//! broker refuses, what fails on the way, and what an answer leaves out is asked again after a pause.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::client::consumer::assignment::Assigned;
use crate::client::consumer::{Consumer, Tag};
use crate::client::transport::BrokerId;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::TopicPartition;
use crate::protocol::{ErrorCode, Request, Response};
use crate::time::Timestamp;

/// The questions about the partitions of one topic, each with the partition's number.
pub(super) type OfTopic<Q> = (Arc<str>, Vec<(i32, Q)>);

/// What to ask of each broker, by topic.
pub(super) struct Questions<Q>(BTreeMap<i32, Vec<OfTopic<Q>>>);

impl<Q> Default for Questions<Q> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<Q> Questions<Q> {
    /// Adds a question about a partition, for the broker that leads it.
    pub(super) fn add(&mut self, leader: i32, partition: &TopicPartition, question: Q) {
        let topics = self.0.entry(leader).or_default();
        let question = (partition.partition.0, question);
        match topics.iter_mut().find(|(topic, _)| *topic == partition.topic) {
            Some((_, questions)) => questions.push(question),
            None => topics.push((Arc::clone(&partition.topic), vec![question])),
        }
    }
}

impl Consumer {
    /// Sends every broker its questions.
    pub(super) fn ask<Q>(
        &mut self,
        now: Timestamp,
        questions: Questions<Q>,
        request: impl Fn(Vec<OfTopic<Q>>) -> Request,
        tag: impl Fn(u64) -> Tag,
    ) -> Result<()> {
        for (node, topics) in questions.0 {
            let serial = self.next_serial();
            for (topic, questions) in &topics {
                for (partition, _) in questions {
                    if let Some(assigned) = self.assignment.named(topic, *partition) {
                        assigned.asking = Some(serial);
                    }
                }
            }
            self.requests.send(now, BrokerId::Node(node), request(topics), Duration::ZERO, tag(serial))?;
        }
        Ok(())
    }

    /// Acts on the end of a request: `take` on its answer, then on what it left open. `what` says what was tried.
    pub(super) fn complete_questions<R: TryFrom<Response, Error = Error>>(
        &mut self,
        now: Timestamp,
        serial: u64,
        what: &'static str,
        response: Result<Response>,
        take: impl FnOnce(&mut Self, R),
    ) {
        let why = match response.and_then(R::try_from) {
            Ok(response) => {
                take(self, response);
                "the answer leaves the partition out".to_owned()
            }
            Err(error) => {
                let why = error.report();
                tracing::debug!(error = why, "{what}");
                self.requests.refresh_metadata();
                if error.kind() != ErrorKind::Retriable {
                    self.errors.push_back(error.context(what));
                }
                why
            }
        };
        let is_open = |assigned: &&Assigned| assigned.asking == Some(serial);
        let open: Vec<_> = self.assignment.iter().filter(is_open).map(|assigned| assigned.partition.clone()).collect();
        for partition in open {
            self.back_off(now, &partition);
            if let Some(assigned) = self.assignment.get_mut(&partition) {
                assigned.asking = None;
                assigned.lookup_fails(now, why.clone());
            }
        }
    }

    /// The partition that an answer is about, if it waits for this one and the broker did not refuse.
    pub(super) fn answered(
        &mut self,
        now: Timestamp,
        serial: u64,
        (topic, partition): (&str, i32),
        code: ErrorCode,
    ) -> Option<&mut Assigned> {
        let assigned = self.assignment.named(topic, partition).filter(|assigned| assigned.asking == Some(serial))?;
        assigned.asking = None;
        if code.is_error() {
            let partition = assigned.partition.clone();
            self.take_refusal(now, &partition, code);
            return None;
        }
        self.assignment.named(topic, partition)
    }

    /// Acts on a question that the broker refuses.
    fn take_refusal(&mut self, now: Timestamp, partition: &TopicPartition, code: ErrorCode) {
        if let Some(assigned) = self.assignment.get_mut(partition) {
            assigned.lookup_fails(now, format!("the broker answers {code}"));
        }
        if !code.is_retriable() {
            let message = format!("look up a position in {partition}: the broker answers {code}");
            self.errors.push_back(Error::new(ErrorKind::Refused, message));
        }
        if code.refreshes_metadata() {
            self.requests.cluster_mut().forget_leader(partition);
            self.requests.refresh_metadata();
        }
        self.back_off(now, partition);
    }
}

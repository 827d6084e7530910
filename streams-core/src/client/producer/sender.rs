//! From full batches to acknowledged ones: what is sent when, and what an answer or a failure means.
//!
//! One step ([`Producer::send_ready`]):
//! 1. batches that are not on their way are given up when they are older than `delivery.timeout.ms`, or when the broker
//!    has been saying for a while that there is no such topic (see [`super::missing`]);
//! 2. open batches that are full of time (`linger.ms`), flushed or under memory pressure are closed;
//! 3. a producer id is asked for, where one is missing or stale;
//! 4. each broker gets requests with at most one batch per partition, until as many are unanswered as allowed.
//!
//! Order: [`Queue::next_to_send`](super::accumulator::Queue::next_to_send) keeps a partition's batches in order. With
//! idempotence up to five are on their way at once, because the broker refuses one that comes out of turn; without
//! it only one is.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::client::producer::accumulator::{Destination, Queue};
use crate::client::producer::batch::{sequence_after, State};
use crate::client::producer::{Producer, Tag};
use crate::client::requests::Completed;
use crate::client::transport::BrokerId;
use crate::config::Acks;
use crate::error::{escaped, Error, ErrorKind, Result};
use crate::ids::{Offset, TopicPartition};
use crate::protocol::messages::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceData,
};
use crate::protocol::{ErrorCode, Response};
use crate::time::{duration_ms, Timestamp};

/// Room for what stands around a batch in a request.
const REQUEST_OVERHEAD: usize = 512;
/// How many failures are kept for the caller; the first ones say most.
const ERRORS_MAX: usize = 16;

/// A batch in a request: its partition and its serial number there.
pub(super) type Sent = (Destination, u64);

impl Producer {
    /// Sends what can be sent now; see the module for the steps.
    pub(super) fn send_ready(&mut self, now: Timestamp) -> Result<()> {
        self.accumulator.stamp(now);
        self.polled_at = now;
        self.missing.observe(now, self.requests.cluster());
        self.expire(now);
        let all = self.flushing || self.accumulator.is_full();
        self.accumulator.close_due(now - self.config.linger, all);
        self.ask_for_producer_id(now)?;
        loop {
            let chosen = self.choose(now);
            if chosen.is_empty() {
                break;
            }
            for (node, batches) in chosen {
                self.send_produce(now, node, batches)?;
            }
        }
        if self.flushing && self.accumulator.is_empty() {
            self.flushing = false;
        }
        Ok(())
    }

    /// Gives up what took too long and is not on its way.
    fn expire(&mut self, now: Timestamp) {
        let oldest = now - self.config.delivery_timeout;
        let mut expired = Vec::new();
        for (destination, queue) in self.accumulator.queues() {
            let hopeless = !queue.batches.is_empty() && self.hopeless(now, queue).is_some();
            for batch in &queue.batches {
                if matches!(batch.state, State::Waiting(_)) && (hopeless || batch.created <= oldest) {
                    expired.push((destination, batch.serial));
                }
            }
        }
        for (destination, serial) in expired {
            let error = match self.hopeless(now, self.accumulator.queue(destination)) {
                Some(why) => Error::new(ErrorKind::Refused, why),
                None => {
                    let why = self.why_undelivered(destination);
                    let limit = self.config.delivery_timeout.as_millis();
                    let message = format!("not delivered within `delivery.timeout.ms` = {limit}{why}");
                    Error::new(ErrorKind::Retriable, message)
                }
            };
            self.give_up((destination, serial), error);
        }
    }

    /// Why a partition will never take a batch, if that is known.
    fn hopeless(&self, now: Timestamp, queue: &Queue) -> Option<String> {
        let TopicPartition { topic, partition } = &queue.partition;
        if let Some(missing) = self.missing.missing_for(topic, now) {
            let seconds = missing.as_secs();
            return Some(format!(
                "topic {topic} does not exist, or not any more (unknown to the broker for {seconds} s): make it"
            ));
        }
        let cluster = self.requests.cluster();
        match (cluster.topic_error(topic)?, cluster.partition_count(topic)) {
            (code, _) if code.is_error() && !code.is_retriable() => Some(format!("the broker answers {code}")),
            (_, Some(count)) if !(0..count).contains(&partition.0) => {
                Some(format!("the topic has {count} partitions, and none of this number"))
            }
            _ => None,
        }
    }

    /// What is known about why a partition's batches are not acknowledged.
    fn why_undelivered(&self, destination: Destination) -> String {
        let topic = &self.accumulator.queue(destination).partition.topic;
        match (self.requests.cluster().topic_error(topic), self.requests.metadata_error()) {
            (Some(code), _) if code.is_error() => format!(": the broker answers {code}"),
            (_, Some(error)) => format!(": {error}"),
            _ => String::new(),
        }
    }

    fn ask_for_producer_id(&mut self, now: Timestamp) -> Result<()> {
        let drained = self.accumulator.queues().all(|(_, queue)| match queue.lost_sequence {
            true => !queue.may_be_appended(),
            false => !queue.has_numbered(),
        });
        let Some(request) = self.idempotence.ask(now, drained) else {
            return Ok(());
        };
        let to =
            self.requests.cluster().brokers().first().map_or(BrokerId::Bootstrap, |broker| BrokerId::Node(broker.id));
        self.requests.send(now, to, request, Duration::ZERO, Tag::ProducerId)
    }

    /// The batches to send now, by broker: at most one per partition and as much as fits a request.
    fn choose(&mut self, now: Timestamp) -> BTreeMap<i32, Vec<Sent>> {
        let in_flight_max = match self.idempotence.is_enabled() {
            true => self.config.max_in_flight_requests_per_connection,
            false => 1,
        };
        let request_max = usize::try_from(self.config.max_request_size).unwrap_or(usize::MAX);
        let may_number = self.idempotence.stamp().is_some();
        let is_stale = self.idempotence.is_stale();
        let mut chosen = BTreeMap::<i32, (usize, Vec<Sent>)>::new();
        let mut leaderless = false;
        for (destination, queue) in self.accumulator.queues() {
            let Some(index) = queue.next_to_send(now, in_flight_max) else { continue };
            let batch = &queue.batches[index];
            let is_numbered = batch.encoded().is_some();
            // Behind a gap, a batch that the broker may have goes out under its old number, so that it is recognized; one
            // that it does not have gets a new number first.
            if (!is_numbered && !may_number) || (is_numbered && is_stale && queue.lost_sequence && batch.is_absent) {
                continue;
            }
            let Some(leader) = self.requests.cluster().leader(&queue.partition) else {
                leaderless = true;
                continue;
            };
            let unanswered = self.unanswered.get(&leader.node).copied().unwrap_or(0);
            if unanswered >= self.config.max_in_flight_requests_per_connection {
                continue;
            }
            let (bytes, batches) = chosen.entry(leader.node).or_default();
            if batches.is_empty() || *bytes + batch.bytes + REQUEST_OVERHEAD <= request_max {
                *bytes += batch.bytes + REQUEST_OVERHEAD;
                batches.push((destination, batch.serial));
            }
        }
        if leaderless {
            self.requests.refresh_metadata();
        }
        chosen.into_iter().map(|(node, (_, batches))| (node, batches)).collect()
    }

    fn send_produce(&mut self, now: Timestamp, node: i32, batches: Vec<Sent>) -> Result<()> {
        let mut topic_data: Vec<TopicProduceData> = Vec::new();
        let mut sent = Vec::with_capacity(batches.len());
        for (destination, serial) in batches {
            let data = match self.prepare(destination, serial) {
                Ok(data) => data,
                Err(error) => {
                    self.give_up((destination, serial), error);
                    continue;
                }
            };
            sent.push((destination, serial));
            let topic = &self.accumulator.queue(destination).partition.topic;
            match topic_data.iter_mut().find(|known| *known.name == **topic) {
                Some(known) => known.partition_data.push(data),
                None => topic_data.push(TopicProduceData {
                    name: topic.to_string(),
                    topic_id: self.requests.cluster().topic_id(topic),
                    partition_data: vec![data],
                }),
            }
        }
        if sent.is_empty() {
            return Ok(());
        }
        let request = ProduceRequest {
            transactional_id: None,
            acks: match self.config.acks {
                Acks::None => 0,
                Acks::Leader => 1,
                Acks::All => -1,
            },
            timeout_ms: i32::try_from(duration_ms(self.config.client.request_timeout)).unwrap_or(i32::MAX),
            topic_data,
        };
        *self.unanswered.entry(node).or_default() += 1;
        self.requests.send(now, BrokerId::Node(node), request, Duration::ZERO, Tag::Produce(node, sent))
    }

    /// Encodes a batch if it is not yet, and marks it as sent.
    fn prepare(&mut self, destination: Destination, serial: u64) -> Result<PartitionProduceData> {
        let id = self.idempotence.stamp();
        let numbered = self.idempotence.is_enabled();
        let queue = self.accumulator.queue_mut(destination);
        let index = queue.partition.partition.0;
        let first = queue.next_sequence;
        let is_behind = queue.batches.iter().any(|batch| batch.serial < serial && !batch.is_acked());
        let batch = queue.batches.iter_mut().find(|batch| batch.serial == serial);
        let batch = batch.ok_or_else(|| Error::new(ErrorKind::Internal, "a chosen batch is in its queue"))?;
        batch.state = State::InFlight;
        batch.was_sent_behind = is_behind;
        batch.is_absent = false;
        batch.attempts = batch.attempts.saturating_add(1);
        let mut builder = None;
        if let (None, Some(id)) = (batch.encoded(), id) {
            builder = batch.encode(self.compression, id, if numbered { first } else { -1 })?;
            if numbered {
                queue.next_sequence = sequence_after(first, batch.records);
            }
        }
        let records = batch.encoded().cloned();
        if let Some(builder) = builder {
            self.accumulator.recycle(builder);
        }
        Ok(PartitionProduceData { index, records })
    }

    /// Acts on a request that ended.
    pub(super) fn complete(&mut self, now: Timestamp, completed: Completed<Tag>) {
        match completed.tag {
            Tag::ProducerId => self.complete_producer_id(now, completed.response),
            Tag::Produce(node, sent) => {
                if let Some(unanswered) = self.unanswered.get_mut(&node) {
                    *unanswered = unanswered.saturating_sub(1);
                }
                self.complete_produce(now, &sent, completed.response);
            }
        }
    }

    fn complete_producer_id(&mut self, now: Timestamp, response: Result<Response>) {
        match self.idempotence.answer(now, response, self.backoff, &mut self.random) {
            Ok(true) => self.number_again(),
            Ok(false) => {}
            Err(error) => self.keep_error(None, error),
        }
    }

    /// Starts the numbering of all partitions at 0 under the new epoch, that of lost batches first.
    fn number_again(&mut self) {
        let Some(id) = self.idempotence.stamp() else { return };
        let mut failed = Vec::new();
        for (destination, queue) in self.accumulator.queues_mut() {
            queue.next_sequence = 0;
            queue.is_numbering_known = false;
            if !std::mem::take(&mut queue.lost_sequence) {
                continue;
            }
            for batch in queue.batches.iter_mut().filter(|batch| batch.sequence.is_some() && !batch.is_acked()) {
                match batch.restamp(id, queue.next_sequence) {
                    Ok(()) => queue.next_sequence = sequence_after(queue.next_sequence, batch.records),
                    Err(error) => failed.push(((destination, batch.serial), error)),
                }
            }
        }
        for (sent, error) in failed {
            self.give_up(sent, error);
        }
    }

    fn complete_produce(&mut self, now: Timestamp, sent: &[Sent], response: Result<Response>) {
        match response.and_then(ProduceResponse::try_from) {
            Ok(_) if self.config.acks == Acks::None => {
                for (destination, serial) in sent {
                    self.acknowledge((*destination, *serial), None);
                }
            }
            Ok(response) => {
                for (destination, serial) in sent {
                    match self.answer_for(&response, *destination) {
                        Some(answer) => self.complete_batch(now, (*destination, *serial), &answer),
                        None => self.retry(now, (*destination, *serial), "the answer leaves the partition out"),
                    }
                }
            }
            Err(error) if error.kind() == ErrorKind::Retriable => {
                self.requests.refresh_metadata();
                let why = error.report();
                sent.iter().for_each(|sent| self.retry(now, *sent, &why));
            }
            Err(error) => {
                let why = error.report();
                sent.iter().for_each(|sent| self.give_up(*sent, Error::new(error.kind(), why.clone())));
            }
        }
    }

    fn answer_for(&self, response: &ProduceResponse, destination: Destination) -> Option<PartitionProduceResponse> {
        let partition = &self.accumulator.queue(destination).partition;
        let topic = response
            .responses
            .iter()
            .find(|topic| self.requests.cluster().name_of(&topic.name, topic.topic_id) == Some(&*partition.topic))?;
        topic.partition_responses.iter().find(|answer| answer.index == partition.partition.0).cloned()
    }

    fn complete_batch(&mut self, now: Timestamp, sent: Sent, answer: &PartitionProduceResponse) {
        match answer.error_code {
            code if code.is_none() => {
                let records = self.batch_records(sent);
                let last = (answer.base_offset >= 0).then(|| Offset(answer.base_offset.saturating_add(records - 1)));
                self.acknowledge(sent, last);
            }
            ErrorCode::DUPLICATE_SEQUENCE_NUMBER => self.acknowledge(sent, None),
            ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER if self.follows_a_failure(sent) => {
                self.note_absent(sent);
                self.retry(now, sent, "a batch before it failed");
            }
            ErrorCode::UNKNOWN_PRODUCER_ID => {
                self.accumulator.queue_mut(sent.0).lost_sequence = true;
                self.idempotence.lose();
                self.note_absent(sent);
                self.retry(now, sent, "the broker forgot the producer");
            }
            code if code.is_retriable() => {
                if code.refreshes_metadata() {
                    let partition = self.accumulator.queue(sent.0).partition.clone();
                    self.requests.cluster_mut().forget_leader(&partition);
                    self.requests.refresh_metadata();
                }
                self.retry(now, sent, &format!("the broker answers {code}"));
            }
            code => {
                let kind = match code {
                    ErrorCode::INVALID_PRODUCER_EPOCH | ErrorCode::PRODUCER_FENCED => ErrorKind::Fenced,
                    _ => ErrorKind::Refused,
                };
                let detail =
                    answer.error_message.as_deref().map(|text| format!(": {}", escaped(text))).unwrap_or_default();
                self.give_up(sent, Error::new(kind, format!("the broker answers {code}{detail}")));
            }
        }
    }

    fn batch_records(&self, (destination, serial): Sent) -> i64 {
        let mut batches = self.accumulator.queue(destination).batches.iter();
        batches.find(|batch| batch.serial == serial).map_or(1, |batch| i64::from(batch.records))
    }

    /// The broker says that it does not have the batch.
    fn note_absent(&mut self, (destination, serial): Sent) {
        let mut batches = self.accumulator.queue_mut(destination).batches.iter_mut();
        if let Some(batch) = batches.find(|batch| batch.serial == serial) {
            batch.is_absent = true;
        }
    }

    /// Whether a batch before this one was on its way with it, or was given up: then being out of order is no wonder.
    fn follows_a_failure(&self, (destination, serial): Sent) -> bool {
        let queue = self.accumulator.queue(destination);
        queue.lost_sequence || queue.batches.iter().any(|batch| batch.serial == serial && batch.was_sent_behind)
    }

    fn acknowledge(&mut self, (destination, serial): Sent, last: Option<Offset>) {
        let queue = self.accumulator.queue_mut(destination);
        if let Some(batch) = queue.batches.iter_mut().find(|batch| batch.serial == serial) {
            batch.state = State::Acked(last);
            queue.is_numbering_known = true;
        }
        let bytes = queue.retire();
        self.accumulator.release(bytes);
    }

    fn retry(&mut self, now: Timestamp, sent: Sent, why: &str) {
        let (destination, serial) = sent;
        let retries = u32::try_from(self.config.retries).unwrap_or(0);
        let queue = self.accumulator.queue_mut(destination);
        let Some(batch) = queue.batches.iter_mut().find(|batch| batch.serial == serial) else { return };
        if batch.attempts > retries {
            let message = format!("given up after {} attempts: {why}", batch.attempts);
            return self.give_up(sent, Error::new(ErrorKind::Retriable, message));
        }
        tracing::debug!(partition = %queue.partition, attempt = batch.attempts, why, "send a batch again");
        let attempts = batch.attempts;
        let delay = self.requests.retry_delay(attempts);
        let queue = self.accumulator.queue_mut(destination);
        if let Some(batch) = queue.batches.iter_mut().find(|batch| batch.serial == serial) {
            batch.state = State::Waiting(now + delay);
        }
    }

    /// Drops a batch and keeps the error for the caller. What was numbered behind it needs a new epoch.
    fn give_up(&mut self, (destination, serial): Sent, error: Error) {
        let queue = self.accumulator.queue_mut(destination);
        let Some(index) = queue.batches.iter().position(|batch| batch.serial == serial) else { return };
        let Some(batch) = queue.batches.remove(index) else { return };
        let error = error.context(format!("send {} records to {}", batch.records, queue.partition));
        if batch.sequence.is_some() {
            queue.lost_sequence = true;
            self.idempotence.lose();
        }
        let bytes = batch.bytes + queue.retire();
        let partition = queue.partition.clone();
        self.accumulator.release(bytes);
        self.keep_error(Some(partition), error);
    }

    fn keep_error(&mut self, partition: Option<TopicPartition>, error: Error) {
        if self.errors.len() < ERRORS_MAX {
            self.errors.push_back((partition, error));
        }
    }
}

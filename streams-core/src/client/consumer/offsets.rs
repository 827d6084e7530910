//! Committed offsets of a group, for a reader that is no member of it: commit and fetch through the coordinator.
//!
//! One request is on its way at a time, so that a later commit never loses to an earlier one.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::client::cluster::Cluster;
use crate::client::requests::Requests;
use crate::client::transport::BrokerId;
use crate::error::{Error, ErrorKind, Result};
use crate::ids::{Offset, TopicPartition};
use crate::protocol::messages::find_coordinator::{FindCoordinatorRequest, FindCoordinatorResponse};
use crate::protocol::messages::offsets::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchRequestTopics, OffsetFetchResponse,
};
use crate::protocol::{ErrorCode, Request, Response};
use crate::time::Timestamp;

use super::Tag;

/// The key type of a group in FindCoordinator.
const GROUP: i8 = 0;

/// A committed position and the text stored with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetAndMetadata {
    /// Where to go on.
    pub offset: Offset,
    /// The epoch of the leader that wrote the record before it; -1 is not known.
    pub leader_epoch: i32,
    /// Anything the committer wants to find again; empty is none.
    pub metadata: String,
}

impl From<Offset> for OffsetAndMetadata {
    fn from(offset: Offset) -> Self {
        Self { offset, leader_epoch: -1, metadata: String::new() }
    }
}

/// Names a commit until its outcome is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommitId(u64);

/// What came of a job: for a fetch, the committed position of each partition asked for.
pub(super) type Answer = Vec<(TopicPartition, Option<OffsetAndMetadata>)>;

#[derive(Debug)]
enum Kind {
    Commit(Vec<(TopicPartition, OffsetAndMetadata)>),
    Fetch(Vec<TopicPartition>),
}

#[derive(Debug)]
struct Job {
    id: u64,
    kind: Kind,
    /// None until the first step after it was added.
    deadline: Option<Timestamp>,
}

/// Where the coordinator is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coordinator {
    Unknown,
    Asking,
    At(i32),
}

/// The offsets of one group.
#[derive(Debug)]
pub(super) struct GroupOffsets {
    group: String,
    timeout: Duration,
    coordinator: Coordinator,
    jobs: VecDeque<Job>,
    /// Whether the first job is on its way.
    busy: bool,
    next_id: u64,
    failures: u32,
    not_before: Timestamp,
    done: BTreeMap<u64, Result<Answer>>,
}

impl GroupOffsets {
    pub(super) fn new(group: String, timeout: Duration) -> Self {
        Self {
            group,
            timeout,
            coordinator: Coordinator::Unknown,
            jobs: VecDeque::new(),
            busy: false,
            next_id: 0,
            failures: 0,
            not_before: Timestamp(i64::MIN),
            done: BTreeMap::new(),
        }
    }

    pub(super) fn commit(&mut self, offsets: Vec<(TopicPartition, OffsetAndMetadata)>) -> CommitId {
        CommitId(self.add(Kind::Commit(offsets)))
    }

    pub(super) fn fetch(&mut self, partitions: Vec<TopicPartition>) -> CommitId {
        CommitId(self.add(Kind::Fetch(partitions)))
    }

    fn add(&mut self, kind: Kind) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.jobs.push_back(Job { id, kind, deadline: None });
        id
    }

    /// The outcome of a job, once.
    pub(super) fn take(&mut self, id: CommitId) -> Option<Result<Answer>> {
        self.done.remove(&id.0)
    }

    /// When there is something to do of its own accord.
    pub(super) fn next_wakeup(&self, now: Timestamp) -> Duration {
        match self.jobs.is_empty() || self.busy || self.coordinator == Coordinator::Asking {
            true => Duration::MAX,
            false => self.not_before - now,
        }
    }

    /// Sends what is due.
    pub(super) fn step(&mut self, now: Timestamp, requests: &mut Requests<Tag>) -> Result<()> {
        for job in &mut self.jobs {
            job.deadline.get_or_insert(now + self.timeout);
        }
        let is_over = |job: &Job| job.deadline.is_some_and(|at| at <= now);
        while !self.busy && self.jobs.front().is_some_and(is_over) {
            let waited = self.timeout.as_millis();
            let message = format!("no answer within `default.api.timeout.ms` = {waited}");
            self.fail(Error::new(ErrorKind::Retriable, message));
        }
        if self.busy || now < self.not_before {
            return Ok(());
        }
        let Some(job) = self.jobs.front() else { return Ok(()) };
        match self.coordinator {
            Coordinator::Asking => Ok(()),
            Coordinator::Unknown => {
                self.coordinator = Coordinator::Asking;
                let to = requests
                    .cluster()
                    .brokers()
                    .first()
                    .map_or(BrokerId::Bootstrap, |broker| BrokerId::Node(broker.id));
                let request = FindCoordinatorRequest {
                    key_type: GROUP,
                    coordinator_keys: vec![self.group.clone()],
                    ..Default::default()
                };
                requests.send(now, to, request, Duration::ZERO, Tag::FindCoordinator)
            }
            Coordinator::At(node) => {
                let request = self.request(&job.kind, requests.cluster());
                self.busy = true;
                requests.send(now, BrokerId::Node(node), request, Duration::ZERO, Tag::Offsets)
            }
        }
    }

    fn request(&self, kind: &Kind, cluster: &Cluster) -> Request {
        match kind {
            Kind::Commit(offsets) => self.commit_request(offsets, cluster).into(),
            Kind::Fetch(partitions) => self.fetch_request(partitions, cluster).into(),
        }
    }

    fn commit_request(
        &self,
        offsets: &[(TopicPartition, OffsetAndMetadata)],
        cluster: &Cluster,
    ) -> OffsetCommitRequest {
        let mut topics: Vec<OffsetCommitRequestTopic> = Vec::new();
        for (partition, committed) in offsets {
            let entry = OffsetCommitRequestPartition {
                partition_index: partition.partition.0,
                committed_offset: committed.offset.0,
                committed_leader_epoch: committed.leader_epoch,
                committed_metadata: Some(committed.metadata.clone()),
            };
            match topics.iter_mut().find(|topic| *topic.name == *partition.topic) {
                Some(topic) => topic.partitions.push(entry),
                None => topics.push(OffsetCommitRequestTopic {
                    name: partition.topic.to_string(),
                    topic_id: cluster.topic_id(&partition.topic),
                    partitions: vec![entry],
                }),
            }
        }
        OffsetCommitRequest { group_id: self.group.clone(), topics, ..Default::default() }
    }

    fn fetch_request(&self, partitions: &[TopicPartition], cluster: &Cluster) -> OffsetFetchRequest {
        let mut topics: Vec<OffsetFetchRequestTopics> = Vec::new();
        for partition in partitions {
            let index = partition.partition.0;
            match topics.iter_mut().find(|topic| *topic.name == *partition.topic) {
                Some(topic) => topic.partition_indexes.push(index),
                None => topics.push(OffsetFetchRequestTopics {
                    name: partition.topic.to_string(),
                    topic_id: cluster.topic_id(&partition.topic),
                    partition_indexes: vec![index],
                }),
            }
        }
        let group =
            OffsetFetchRequestGroup { group_id: self.group.clone(), topics: Some(topics), ..Default::default() };
        OffsetFetchRequest { groups: vec![group], require_stable: true, ..Default::default() }
    }

    /// Acts on the answer to who coordinates the group.
    pub(super) fn complete_coordinator(
        &mut self,
        now: Timestamp,
        response: Result<Response>,
        requests: &mut Requests<Tag>,
    ) {
        self.coordinator = Coordinator::Unknown;
        let answer = response.and_then(FindCoordinatorResponse::try_from).and_then(|response| {
            let found = response.coordinators.into_iter().find(|found| found.key == self.group);
            found.ok_or_else(|| Error::new(ErrorKind::Retriable, "the answer leaves the group out"))
        });
        match answer {
            Ok(found) if found.error_code.is_none() => {
                self.failures = 0;
                self.coordinator = Coordinator::At(found.node_id);
            }
            Ok(found) if found.error_code.is_retriable() => self.back_off(now, requests),
            Ok(found) => self.fail(Error::new(ErrorKind::Refused, format!("the broker answers {}", found.error_code))),
            Err(error) if error.kind() == ErrorKind::Retriable => self.back_off(now, requests),
            Err(error) => self.fail(error),
        }
    }

    /// Acts on the answer to the job on its way.
    pub(super) fn complete(&mut self, now: Timestamp, response: Result<Response>, requests: &mut Requests<Tag>) {
        self.busy = false;
        let Some(job) = self.jobs.front() else { return };
        let outcome = match (&job.kind, response) {
            (_, Err(error)) if error.kind() == ErrorKind::Retriable => Err(Failure::Coordinator),
            (_, Err(error)) => Err(Failure::Fatal(error)),
            (Kind::Commit(offsets), Ok(response)) => read_commit(offsets, response, requests.cluster()),
            (Kind::Fetch(partitions), Ok(response)) => {
                read_fetch(&self.group, partitions, response, requests.cluster())
            }
        };
        match outcome {
            Ok(answer) => {
                self.failures = 0;
                if let Some(job) = self.jobs.pop_front() {
                    self.done.insert(job.id, Ok(answer));
                }
            }
            Err(Failure::Passing) => self.back_off(now, requests),
            Err(Failure::Coordinator) => {
                self.coordinator = Coordinator::Unknown;
                self.back_off(now, requests);
            }
            Err(Failure::Fatal(error)) => self.fail(error),
        }
    }

    fn back_off(&mut self, now: Timestamp, requests: &mut Requests<Tag>) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + requests.retry_delay(self.failures);
    }

    fn fail(&mut self, error: Error) {
        if let Some(job) = self.jobs.pop_front() {
            self.done.insert(job.id, Err(error.context(format!("offsets of group `{}`", self.group))));
        }
    }
}

/// Why a job did not succeed.
#[derive(Debug)]
enum Failure {
    /// Try again.
    Passing,
    /// Find the coordinator, then try again.
    Coordinator,
    Fatal(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Fatal(error)
    }
}

fn check(code: ErrorCode, what: impl FnOnce() -> String) -> Result<(), Failure> {
    match code {
        code if code.is_none() => Ok(()),
        ErrorCode::NOT_COORDINATOR | ErrorCode::COORDINATOR_NOT_AVAILABLE => Err(Failure::Coordinator),
        code if code.is_retriable() => Err(Failure::Passing),
        code => Err(Failure::Fatal(Error::new(ErrorKind::Refused, format!("{}: the broker answers {code}", what())))),
    }
}

fn read_commit(
    offsets: &[(TopicPartition, OffsetAndMetadata)],
    response: Response,
    cluster: &Cluster,
) -> Result<Answer, Failure> {
    let response = OffsetCommitResponse::try_from(response)?;
    for (partition, committed) in offsets {
        let named = |topic: &&crate::protocol::messages::offsets::OffsetCommitResponseTopic| {
            cluster.name_of(&topic.name, topic.topic_id) == Some(&*partition.topic)
        };
        let mut answers = response.topics.iter().filter(named).flat_map(|topic| &topic.partitions);
        match answers.find(|answer| answer.partition_index == partition.partition.0) {
            Some(answer) => check(answer.error_code, || format!("commit {partition} at {}", committed.offset))?,
            None => return Err(Failure::Passing),
        }
    }
    Ok(Vec::new())
}

fn read_fetch(
    group: &str,
    partitions: &[TopicPartition],
    response: Response,
    cluster: &Cluster,
) -> Result<Answer, Failure> {
    let response = OffsetFetchResponse::try_from(response)?;
    let Some(group) = response.groups.iter().find(|found| found.group_id == group) else {
        return Err(Failure::Passing);
    };
    check(group.error_code, || "fetch committed offsets".to_owned())?;
    let mut answer = Vec::with_capacity(partitions.len());
    for partition in partitions {
        let named = |topic: &&crate::protocol::messages::offsets::OffsetFetchResponseTopics| {
            cluster.name_of(&topic.name, topic.topic_id) == Some(&*partition.topic)
        };
        let mut found = group.topics.iter().filter(named).flat_map(|topic| &topic.partitions);
        let Some(found) = found.find(|found| found.partition_index == partition.partition.0) else {
            return Err(Failure::Passing);
        };
        check(found.error_code, || format!("fetch the committed offset of {partition}"))?;
        let committed = (found.committed_offset >= 0).then(|| OffsetAndMetadata {
            offset: Offset(found.committed_offset),
            leader_epoch: found.committed_leader_epoch,
            metadata: found.metadata.clone().unwrap_or_default(),
        });
        answer.push((partition.clone(), committed));
    }
    Ok(answer)
}

//! The admin client: topics, their configs, their offsets. Each call waits for its outcome.
//!
//! A call fails as a whole when no broker answers within `default.api.timeout.ms`; otherwise each topic or partition
//! has an outcome of its own, a [`Refusal`] with the broker's code and words when it was refused.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::client::cluster::Cluster;
use crate::client::requests::Requests;
use crate::client::transport::{BrokerId, Transport};
use crate::config::AdminConfig;
use crate::error::{escaped, Error, ErrorKind, Result};
use crate::ids::{Offset, TopicPartition};
use crate::protocol::messages::configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResponse, DescribeConfigsResult,
};
use crate::protocol::messages::list_offsets::{
    ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopic,
};
use crate::protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use crate::protocol::messages::topics::{
    CreatableTopic, CreatableTopicConfig, CreateTopicsRequest, CreateTopicsResponse, DeleteRecordsPartition,
    DeleteRecordsRequest, DeleteRecordsResponse, DeleteRecordsTopic, DeleteTopicState, DeleteTopicsRequest,
    DeleteTopicsResponse,
};
use crate::protocol::{ErrorCode, Request, Response};
use crate::time::{duration_ms, Clock, Timestamp};

/// How often a call is repeated at most; time ends it earlier, except under a clock that stands still.
const ATTEMPTS_MAX: u32 = 1_000;
/// The resource type of a topic in DescribeConfigs.
const TOPIC_RESOURCE: i8 = 2;
/// Where a config comes from: set on the topic.
const TOPIC_CONFIG_SOURCE: i8 = 1;

/// Creates, deletes and describes topics.
pub struct Admin {
    config: AdminConfig,
    requests: Requests<()>,
    clock: Arc<dyn Clock>,
}

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions it gets; -1 is the broker's default.
    pub num_partitions: i32,
    /// How many replicas each gets; -1 is the broker's default.
    pub replication_factor: i16,
    /// Configs that differ from the broker's defaults.
    pub configs: BTreeMap<String, String>,
}

impl NewTopic {
    /// A topic with so many partitions and the broker's defaults.
    pub fn new(name: impl Into<String>, num_partitions: i32) -> Self {
        Self { name: name.into(), num_partitions, replication_factor: -1, configs: BTreeMap::new() }
    }

    /// The same with a config.
    #[must_use]
    pub fn with_config(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.configs.insert(name.into(), value.into());
        self
    }
}

/// A topic as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// Its name.
    pub name: String,
    /// Its id; zero where the broker has none.
    pub topic_id: Uuid,
    /// Whether the broker made it for itself.
    pub is_internal: bool,
    /// How many partitions it has.
    pub partitions: i32,
}

/// A config of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicConfig {
    /// Its value; none where it is secret.
    pub value: Option<String>,
    /// Whether it was set on the topic, not taken from a default.
    pub is_set_on_topic: bool,
}

/// The configs of a topic, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TopicConfigs(pub BTreeMap<String, TopicConfig>);

/// Which offset to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// That of the first record.
    Earliest,
    /// The one after the last record.
    Latest,
    /// That of the first record of this time or later.
    Timestamp(Timestamp),
}

/// Why a broker refused one topic or partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub code: ErrorCode,
    /// What was tried, and the broker's words.
    pub message: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let kind = if refusal.code.is_retriable() { ErrorKind::Retriable } else { ErrorKind::Refused };
        Self::new(kind, refusal.message)
    }
}

/// The outcome for one topic or partition.
pub type Outcome<T> = Result<T, Refusal>;

fn outcome<T>(code: ErrorCode, message: Option<&str>, what: impl FnOnce() -> String, value: T) -> Outcome<T> {
    if code.is_none() {
        return Ok(value);
    }
    let words = message.filter(|message| !message.is_empty()).map(|message| format!(": {}", escaped(message)));
    let words = words.unwrap_or_default();
    Err(Refusal { code, message: format!("{}: the broker answers {code}{words}", what()) })
}

impl fmt::Debug for Admin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admin").field("requests", &self.requests).finish_non_exhaustive()
    }
}

impl Admin {
    /// An admin client over a transport. `seed` spreads retries.
    pub fn new(config: AdminConfig, transport: Box<dyn Transport>, clock: Arc<dyn Clock>, seed: u64) -> Self {
        let requests = Requests::new(&config.client, transport, seed, false);
        Self { config, requests, clock }
    }

    /// Creates topics.
    ///
    /// # Errors
    /// When no broker answers in time; so do all calls below.
    pub fn create_topics(&mut self, topics: &[NewTopic]) -> Result<Vec<(String, Outcome<Uuid>)>> {
        let creatable = |topic: &NewTopic| CreatableTopic {
            name: topic.name.clone(),
            num_partitions: topic.num_partitions,
            replication_factor: topic.replication_factor,
            configs: topic
                .configs
                .iter()
                .map(|(name, value)| CreatableTopicConfig { name: name.clone(), value: Some(value.clone()) })
                .collect(),
            ..Default::default()
        };
        let request = CreateTopicsRequest {
            topics: topics.iter().map(creatable).collect(),
            timeout_ms: self.timeout_ms(),
            validate_only: false,
        };
        let response: CreateTopicsResponse =
            self.call_controller(request.into(), |response: &CreateTopicsResponse| {
                response.topics.iter().any(|topic| topic.error_code == ErrorCode::NOT_CONTROLLER)
            })?;
        let outcomes = response.topics.into_iter().map(|topic| {
            let what = || format!("create topic `{}`", topic.name);
            let outcome = outcome(topic.error_code, topic.error_message.as_deref(), what, topic.topic_id);
            (topic.name, outcome)
        });
        Ok(outcomes.collect())
    }

    /// Deletes topics.
    ///
    /// # Errors
    /// As [`Self::create_topics`].
    pub fn delete_topics(&mut self, names: &[&str]) -> Result<Vec<(String, Outcome<()>)>> {
        let state = |name: &&str| DeleteTopicState { name: Some((*name).to_owned()), ..Default::default() };
        let request = DeleteTopicsRequest {
            topics: names.iter().map(state).collect(),
            topic_names: names.iter().map(|name| (*name).to_owned()).collect(),
            timeout_ms: self.timeout_ms(),
        };
        let response: DeleteTopicsResponse =
            self.call_controller(request.into(), |response: &DeleteTopicsResponse| {
                response.responses.iter().any(|topic| topic.error_code == ErrorCode::NOT_CONTROLLER)
            })?;
        let outcomes = response.responses.into_iter().map(|topic| {
            let name = topic.name.unwrap_or_default();
            let what = || format!("delete topic `{name}`");
            let outcome = outcome(topic.error_code, topic.error_message.as_deref(), what, ());
            (name, outcome)
        });
        Ok(outcomes.collect())
    }

    /// Describes topics; one that does not exist is refused with
    /// [`ErrorCode::UNKNOWN_TOPIC_OR_PARTITION`], and never created.
    ///
    /// # Errors
    /// As [`Self::create_topics`].
    pub fn describe_topics(&mut self, names: &[&str]) -> Result<Vec<(String, Outcome<TopicDescription>)>> {
        let topic = |name: &&str| MetadataRequestTopic { name: Some((*name).to_owned()), ..Default::default() };
        self.metadata(Some(names.iter().map(topic).collect()))
    }

    /// The id of the cluster; none where it has none.
    ///
    /// # Errors
    /// As [`Self::create_topics`].
    pub fn cluster_id(&mut self) -> Result<Option<String>> {
        let request = MetadataRequest { topics: Some(Vec::new()), ..Default::default() };
        let response: MetadataResponse = self.call_any(request.into(), |_| false)?;
        Ok(response.cluster_id)
    }

    /// All topics, in order of their names.
    ///
    /// # Errors
    /// As [`Self::create_topics`].
    pub fn list_topics(&mut self) -> Result<Vec<TopicDescription>> {
        let mut topics = Vec::new();
        for (_, outcome) in self.metadata(None)? {
            topics.push(outcome?);
        }
        topics.sort_by(|a: &TopicDescription, b| a.name.cmp(&b.name));
        Ok(topics)
    }

    fn metadata(
        &mut self,
        topics: Option<Vec<MetadataRequestTopic>>,
    ) -> Result<Vec<(String, Outcome<TopicDescription>)>> {
        let request = MetadataRequest { topics, allow_auto_topic_creation: false, ..Default::default() };
        let response: MetadataResponse = self.call_any(request.into(), |response: &MetadataResponse| {
            response.topics.iter().any(|topic| topic.error_code == ErrorCode::LEADER_NOT_AVAILABLE)
        })?;
        let describe = |topic: MetadataResponseTopic| {
            let name = topic.name.unwrap_or_default();
            let description = TopicDescription {
                name: name.clone(),
                topic_id: topic.topic_id,
                is_internal: topic.is_internal,
                partitions: i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX),
            };
            let outcome = outcome(topic.error_code, None, || format!("describe topic `{name}`"), description);
            (name, outcome)
        };
        Ok(response.topics.into_iter().map(describe).collect())
    }

    /// All configs of topics, by name.
    ///
    /// # Errors
    /// As [`Self::create_topics`].
    pub fn describe_topic_configs(&mut self, names: &[&str]) -> Result<Vec<(String, Outcome<TopicConfigs>)>> {
        let resource = |name: &&str| DescribeConfigsResource {
            resource_type: TOPIC_RESOURCE,
            resource_name: (*name).to_owned(),
            configuration_keys: None,
        };
        let request = DescribeConfigsRequest { resources: names.iter().map(resource).collect(), ..Default::default() };
        let response: DescribeConfigsResponse = self.call_any(request.into(), |_| false)?;
        let describe = |result: DescribeConfigsResult| {
            let what = || format!("describe the configs of topic `{}`", result.resource_name);
            let configs = result.configs.into_iter().map(|config| {
                let is_set_on_topic = config.config_source == TOPIC_CONFIG_SOURCE;
                (config.name, TopicConfig { value: config.value, is_set_on_topic })
            });
            let outcome =
                outcome(result.error_code, result.error_message.as_deref(), what, TopicConfigs(configs.collect()));
            (result.resource_name, outcome)
        };
        Ok(response.results.into_iter().map(describe).collect())
    }

    /// Offsets of partitions; [`Offset`] -1 where no record has the time asked for.
    ///
    /// # Errors
    /// As [`Self::create_topics`], and when a partition has no leader in time.
    pub fn list_offsets(
        &mut self,
        partitions: &[(TopicPartition, OffsetSpec)],
    ) -> Result<Vec<(TopicPartition, Outcome<Offset>)>> {
        let names = partitions.iter().map(|(partition, _)| partition);
        let mut outcomes = Vec::with_capacity(partitions.len());
        for (node, of_node) in self.by_leader(names)? {
            let mut topics: Vec<ListOffsetsTopic> = Vec::new();
            for (partition, spec) in partitions.iter().filter(|(partition, _)| of_node.contains(partition)) {
                let timestamp = match spec {
                    OffsetSpec::Earliest => -2,
                    OffsetSpec::Latest => -1,
                    OffsetSpec::Timestamp(timestamp) => timestamp.0.max(0),
                };
                let partition_index = partition.partition.0;
                let entry = ListOffsetsPartition { partition_index, timestamp, ..Default::default() };
                match topics.iter_mut().find(|topic| *topic.name == *partition.topic) {
                    Some(topic) => topic.partitions.push(entry),
                    None => {
                        topics.push(ListOffsetsTopic { name: partition.topic.to_string(), partitions: vec![entry] })
                    }
                }
            }
            let timeout_ms = self.timeout_ms();
            let request = ListOffsetsRequest { replica_id: -1, topics, timeout_ms, ..Default::default() };
            let response: ListOffsetsResponse = self.call(|_| BrokerId::Node(node), &request.into(), |_| false)?;
            for topic in response.topics {
                for answer in topic.partitions {
                    let partition = TopicPartition::new(topic.name.as_str(), answer.partition_index);
                    let what = || format!("list offsets of {partition}");
                    let outcome = outcome(answer.error_code, None, what, Offset(answer.offset));
                    outcomes.push((partition, outcome));
                }
            }
        }
        Ok(outcomes)
    }

    /// Deletes the records of partitions below an offset. The outcome is the new first offset.
    ///
    /// # Errors
    /// As [`Self::list_offsets`].
    pub fn delete_records(
        &mut self,
        partitions: &[(TopicPartition, Offset)],
    ) -> Result<Vec<(TopicPartition, Outcome<Offset>)>> {
        let names = partitions.iter().map(|(partition, _)| partition);
        let mut outcomes = Vec::with_capacity(partitions.len());
        for (node, of_node) in self.by_leader(names)? {
            let mut topics: Vec<DeleteRecordsTopic> = Vec::new();
            for (partition, before) in partitions.iter().filter(|(partition, _)| of_node.contains(partition)) {
                let entry = DeleteRecordsPartition { partition_index: partition.partition.0, offset: before.0 };
                match topics.iter_mut().find(|topic| *topic.name == *partition.topic) {
                    Some(topic) => topic.partitions.push(entry),
                    None => {
                        topics.push(DeleteRecordsTopic { name: partition.topic.to_string(), partitions: vec![entry] })
                    }
                }
            }
            let request = DeleteRecordsRequest { topics, timeout_ms: self.timeout_ms() };
            let response: DeleteRecordsResponse = self.call(|_| BrokerId::Node(node), &request.into(), |_| false)?;
            for topic in response.topics {
                for answer in topic.partitions {
                    let partition = TopicPartition::new(topic.name.as_str(), answer.partition_index);
                    let what = || format!("delete records of {partition}");
                    let outcome = outcome(answer.error_code, None, what, Offset(answer.low_watermark));
                    outcomes.push((partition, outcome));
                }
            }
        }
        Ok(outcomes)
    }

    fn now(&mut self) -> Timestamp {
        self.requests.steady(self.clock.now())
    }

    fn timeout_ms(&self) -> i32 {
        i32::try_from(duration_ms(self.config.client.request_timeout)).unwrap_or(i32::MAX)
    }

    /// Partitions by the broker that leads them, waiting for metadata.
    fn by_leader<'a>(
        &mut self,
        partitions: impl Iterator<Item = &'a TopicPartition> + Clone,
    ) -> Result<BTreeMap<i32, Vec<TopicPartition>>> {
        for partition in partitions.clone() {
            self.requests.cluster_mut().want(&partition.topic);
        }
        self.requests.refresh_metadata();
        let deadline = self.now() + self.config.client.default_api_timeout;
        for attempt in 0.. {
            let leaderless = partitions.clone().find(|partition| self.requests.cluster().leader(partition).is_none());
            let Some(leaderless) = leaderless else { break };
            let now = self.now();
            if now >= deadline || attempt >= ATTEMPTS_MAX {
                let code = self.requests.cluster().topic_error(&leaderless.topic);
                let why = code.map(|code| code.to_string()).or_else(|| self.requests.metadata_error());
                let why = why.unwrap_or_else(|| "the cluster names none".to_owned());
                return Err(Error::new(ErrorKind::Retriable, format!("find the leader of {leaderless}: {why}")));
            }
            let wait = self.requests.next_wakeup(now).min(deadline - now);
            self.requests.poll(now, wait)?;
        }
        let mut by_leader = BTreeMap::<i32, Vec<TopicPartition>>::new();
        for partition in partitions {
            if let Some(leader) = self.requests.cluster().leader(partition) {
                by_leader.entry(leader.node).or_default().push(partition.clone());
            }
        }
        Ok(by_leader)
    }

    /// Asks the controller, again when it moved.
    fn call_controller<R>(&mut self, request: Request, moved: impl Fn(&R) -> bool) -> Result<R>
    where
        R: TryFrom<Response, Error = Error>,
    {
        let controller = |cluster: &Cluster| cluster.controller().map_or(BrokerId::Bootstrap, BrokerId::Node);
        self.call(controller, &request, moved)
    }

    fn call_any<R>(&mut self, request: Request, again: impl Fn(&R) -> bool) -> Result<R>
    where
        R: TryFrom<Response, Error = Error>,
    {
        self.call(|_| BrokerId::Bootstrap, &request, again)
    }

    /// Sends a request until it is answered for good, each time to whom the cluster says then.
    fn call<R>(&mut self, to: impl Fn(&Cluster) -> BrokerId, request: &Request, again: impl Fn(&R) -> bool) -> Result<R>
    where
        R: TryFrom<Response, Error = Error>,
    {
        let deadline = self.now() + self.config.client.default_api_timeout;
        let mut failures = 0;
        let api = request.api_key();
        loop {
            let (now, to) = (self.now(), to(self.requests.cluster()));
            self.requests.send(now, to, request.clone(), Duration::ZERO, ())?;
            let answer = self.wait_for_answer()?.and_then(R::try_from);
            let error = match answer {
                Ok(response) if !again(&response) => return Ok(response),
                Ok(_) => Error::new(ErrorKind::Retriable, "the broker asks to try again"),
                Err(error) if error.kind() == ErrorKind::Retriable => error,
                Err(error) => return Err(error.context(format!("ask {to:?} for {api}"))),
            };
            failures += 1;
            let retry_at = self.now() + self.requests.retry_delay(failures);
            if retry_at >= deadline || failures >= ATTEMPTS_MAX {
                return Err(error.context(format!("ask {to:?} for {api}")));
            }
            self.requests.refresh_metadata();
            while self.now() < retry_at && failures < ATTEMPTS_MAX {
                let now = self.now();
                self.requests.poll(now, retry_at - now)?;
                failures += u32::from(self.now() == now);
            }
        }
    }

    fn wait_for_answer(&mut self) -> Result<Result<Response>> {
        loop {
            let now = self.now();
            let wait = self.requests.next_wakeup(now);
            if let Some(completed) = self.requests.poll(now, wait)? {
                return Ok(completed.response);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::client::testing::Script;
    use crate::protocol::messages::topics::CreatableTopicResult;
    use crate::time::ManualClock;

    /// A clock that moves on whenever somebody looks at it.
    struct Ticking(ManualClock);

    impl Clock for Ticking {
        fn now(&self) -> Timestamp {
            self.0.advance(Duration::from_millis(1));
            self.0.now()
        }
    }

    #[test]
    fn topics_are_created_by_the_controller_wherever_it_moves_and_lost_answers_are_asked_for_again() {
        let (script, transport) = Script::with_topics(&[("t", &[1])]);
        let clock = Arc::new(Ticking(ManualClock::starting_at(Timestamp(0))));
        let mut admin = Admin::new(AdminConfig::default(), transport, clock, 1);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&asked);
        let mut answers = [Some(ErrorCode::NOT_CONTROLLER), None, Some(ErrorCode::TOPIC_ALREADY_EXISTS)].into_iter();
        script.answer_with(move |to, request| {
            let Request::CreateTopics(request) = request else { return None };
            let mut asked = into.lock().expect("not poisoned");
            asked.push(to);
            let Some(error_code) = answers.next()? else {
                return Some(Err(Error::new(ErrorKind::Retriable, "connection reset")));
            };
            let name = request.topics[0].name.clone();
            let topic = CreatableTopicResult { name, error_code, ..Default::default() };
            Some(Ok(CreateTopicsResponse { topics: vec![topic], ..Default::default() }.into()))
        });
        script.set_controller(2);
        let outcomes = admin.create_topics(&[NewTopic::new("new", 1)]).expect("it is answered");
        let refusal = outcomes[0].1.as_ref().expect_err("it is there already");
        assert_eq!((outcomes[0].0.as_str(), refusal.code), ("new", ErrorCode::TOPIC_ALREADY_EXISTS));
        assert!(refusal.message.starts_with("create topic `new`: "), "{refusal}");
        let expected = [BrokerId::Bootstrap, BrokerId::Node(2), BrokerId::Node(2)];
        assert_eq!(*asked.lock().expect("not poisoned"), expected);
    }
}

//! The settings of a stream application, under Kafka Streams' names and with its defaults.
//!
//! Client settings are reached through prefixes: `producer.`, `consumer.` (all consumers), `main.consumer.` and
//! `restore.consumer.` (which win over `consumer.` whatever the order), `admin.`, and `topic.` for the configs of
//! internal topics. A client setting without prefix goes to all clients, as in Kafka Streams.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::client::{self, AdminConfig, AutoOffsetReset, ClientConfig, ConsumerConfig, ProducerConfig};
use crate::config::parse;
use crate::config::settings::settings;
use crate::error::{Error, ErrorKind, Result};

/// No duration is longer: milliseconds must fit a timestamp with room to add.
const MILLIS_MAX: Duration = Duration::from_millis(i64::MAX as u64 / 4);
const ZERO: Duration = Duration::ZERO;
/// More threads than this in one process is a typing error.
const THREADS_MAX: usize = 1_024;

settings! {
    /// Settings of the runtime itself; the part of [`StreamsConfig`] without clients.
    pub struct RuntimeConfig includes [] {
        /// How many threads process tasks.
        num_stream_threads: usize = 1, "num.stream.threads", parse::integer(1..=THREADS_MAX);
        /// How often positions are committed.
        commit_interval: Duration = Duration::from_secs(30), "commit.interval.ms", parse::millis(ZERO..=MILLIS_MAX);
        /// How long a thread waits for input when it has none.
        poll: Duration = Duration::from_millis(100), "poll.ms", parse::millis(ZERO..=MILLIS_MAX);
        /// How much the record caches of all threads may hold.
        statestore_cache_max_bytes: u64 = 10_485_760, "statestore.cache.max.bytes", parse::bytes(0..=u64::MAX / 2);
        /// How much the stores on disk may hold in memory, over all threads, before a commit gives it to them: a thread
        /// that has more than its part commits early. None has no bound (Kafka's -1). It is looked at between rounds, so
        /// what one round writes comes on top.
        statestore_uncommitted_max_bytes: Option<u64> = Some(67_108_864), "statestore.uncommitted.max.bytes", uncommitted_max_bytes;
        /// A partition that has so many records waiting is paused.
        buffered_records_per_partition: usize = 1_000, "buffered.records.per.partition", parse::integer(1..=i32::MAX as usize);
        /// How long a task waits for a partition without records before it goes on without: none never waits, not
        /// even for records the broker is known to have (Kafka's -1).
        max_task_idle: Option<Duration> = Some(ZERO), "max.task.idle.ms", max_task_idle;
        /// What happens when the next record of an input is no longer, or not yet, in its log. A setting of ours: Kafka
        /// Streams follows `auto.offset.reset` here too, and skips or repeats records in silence.
        offset_out_of_range_policy: OffsetOutOfRangePolicy = OffsetOutOfRangePolicy::Fail, "offset.out.of.range.policy", parse::word(OFFSET_OUT_OF_RANGE_POLICIES);
        /// What happens when the topology or its inputs no longer fit the state that an earlier run left: stores or
        /// repartition topics that are gone or of other types, inputs that were made anew. A setting of ours: Kafka Streams
        /// goes on.
        topology_change_policy: TopologyChangePolicy = TopologyChangePolicy::Fail, "topology.change.policy", parse::word(TOPOLOGY_CHANGE_POLICIES);
        /// What a failure may do to the output.
        processing_guarantee: ProcessingGuarantee = ProcessingGuarantee::AtLeastOnce, "processing.guarantee", processing_guarantee;
        /// Where local state lives; the application's part is the directory `application.id` below it.
        state_dir: PathBuf = PathBuf::from("/tmp/kafka-streams"), "state.dir", state_dir;
        /// What happens to a record that does not decode.
        deserialization_exception_handler: ExceptionHandler = ExceptionHandler::Fail, "deserialization.exception.handler", exception_handler;
        /// What happens to a record on which user code fails.
        processing_exception_handler: ExceptionHandler = ExceptionHandler::Fail, "processing.exception.handler", exception_handler;
        /// What happens to a record that cannot be written.
        production_exception_handler: ExceptionHandler = ExceptionHandler::Fail, "production.exception.handler", exception_handler;
        /// Where records that a handler gives up are written; none drops them.
        errors_dead_letter_queue_topic_name: Option<String> = None, "errors.dead.letter.queue.topic.name", parse::optional_text;
        /// Which rewrites the DSL's optimizer may do.
        topology_optimization: TopologyOptimization = TopologyOptimization::NONE, "topology.optimization", topology_optimization;
        /// Which engine the DSL's stores use where the program does not say.
        dsl_store_type: DslStoreType = DslStoreType::RocksDb, "dsl.store.type", parse::word(DSL_STORE_TYPES);
        /// How long a task may fail with errors that may pass before it fails for good.
        task_timeout: Duration = Duration::from_secs(300), "task.timeout.ms", parse::millis(ZERO..=MILLIS_MAX);
        /// How many replicas internal topics get; -1 is the broker's default.
        replication_factor: i16 = -1, "replication.factor", parse::integer(-1..=i16::MAX);
        /// How many standby copies of each store there are.
        num_standby_replicas: usize = 0, "num.standby.replicas", standby_replicas;
        /// After how long the directory of a task that moved away is deleted.
        state_cleanup_delay: Duration = Duration::from_secs(600), "state.cleanup.delay.ms", parse::millis(ZERO..=MILLIS_MAX);
        /// How often records of repartition topics that all readers have read are deleted.
        repartition_purge_interval: Duration = Duration::from_secs(30), "repartition.purge.interval.ms", parse::millis(ZERO..=MILLIS_MAX);
        /// What is kept of a windowed changelog beyond the retention of its store, for clocks that differ.
        windowstore_changelog_additional_retention: Duration = Duration::from_secs(86_400), "windowstore.changelog.additional.retention.ms", parse::millis(ZERO..=MILLIS_MAX);
        /// How far a standby may be behind and still take over at once, in records.
        acceptable_recovery_lag: u64 = 10_000, "acceptable.recovery.lag", parse::integer(0..=i64::MAX as u64);
    }
}

/// Settings of a stream application.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StreamsConfig {
    /// Names the application: its group, the prefix of its internal topics, its directory. Never a path.
    #[doc(alias = "application.id")]
    pub application_id: String,
    /// The runtime's own settings.
    pub runtime: RuntimeConfig,
    /// Settings of the producers; `linger.ms` is 100 unless set, as in Kafka Streams.
    pub producer: ProducerConfig,
    /// Settings of the consumers that feed tasks; `auto.offset.reset` is `earliest` unless set.
    pub consumer: ConsumerConfig,
    /// Settings of the consumers that restore stores.
    pub restore_consumer: ConsumerConfig,
    /// Settings of the admin client.
    pub admin: AdminConfig,
    /// Configs of internal topics, over what the runtime decides.
    pub topic: BTreeMap<String, String>,
}

impl StreamsConfig {
    /// The defaults for an application.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when the name cannot be one: it becomes a group id, a topic prefix and a directory.
    pub fn new(application_id: &str) -> Result<Self> {
        let application_id = parse::value("application.id", application_id, parse::application_id)?;
        let mut config = Self {
            application_id,
            runtime: RuntimeConfig::default(),
            producer: ProducerConfig::default(),
            consumer: ConsumerConfig::default(),
            restore_consumer: ConsumerConfig::default(),
            admin: AdminConfig::default(),
            topic: BTreeMap::new(),
        };
        config.producer.linger = Duration::from_millis(100);
        config.consumer.auto_offset_reset = AutoOffsetReset::Earliest;
        config.consumer.max_poll_records = 1_000;
        config.restore_consumer.auto_offset_reset = AutoOffsetReset::None;
        config.impose();
        Ok(config)
    }

    /// An application whose settings are given as text under Kafka's names.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when `application.id` is missing, at an unknown name and at a bad value.
    pub fn from_settings<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let settings = settings.into_iter().collect::<Vec<_>>();
        let application_id = settings.iter().rev().find(|(key, _)| *key == "application.id").map(|(_, value)| *value);
        let Some(application_id) = application_id else {
            let message =
                "setting `application.id` is missing: it names the group, the internal topics and the state directory";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        };
        let mut config = Self::new(application_id)?;
        let (special, general): (Vec<_>, Vec<_>) = settings
            .into_iter()
            .filter(|(key, _)| *key != "application.id")
            .partition(|(key, _)| key.contains("consumer.") && !key.starts_with("consumer."));
        let (prefixed, plain): (Vec<_>, Vec<_>) =
            general.into_iter().partition(|(key, _)| PREFIXES.iter().any(|prefix| key.starts_with(prefix)));
        for (key, value) in plain.into_iter().chain(prefixed).chain(special) {
            config.set(key, value)?;
        }
        config.validate()?;
        Ok(config)
    }

    /// Sets one setting, given as text under Kafka's name, with or without a prefix.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when the name is unknown or the value is bad.
    pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
        let with_key = |error: Error| error.context(format!("setting `{key}`"));
        if let Some(key) = key.strip_prefix("producer.") {
            self.producer.set(key, value).map_err(with_key)?;
        } else if let Some(key) = key.strip_prefix("main.consumer.") {
            self.consumer.set(key, value).map_err(with_key)?;
        } else if let Some(key) = key.strip_prefix("restore.consumer.") {
            self.restore_consumer.set(key, value).map_err(with_key)?;
        } else if let Some(key) = key.strip_prefix("consumer.") {
            self.consumer.set(key, value).map_err(with_key)?;
            if key != "auto.offset.reset" {
                self.restore_consumer.set(key, value).map_err(with_key)?;
            }
        } else if let Some(key) = key.strip_prefix("admin.") {
            self.admin.set(key, value).map_err(with_key)?;
        } else if let Some(key) = key.strip_prefix("topic.") {
            self.topic.insert(key.to_owned(), value.to_owned());
        } else {
            client::set_or_refuse(key, value, |key, value| self.set_plain(key, value), known_keys)?;
        }
        self.impose();
        Ok(())
    }

    fn set_plain(&mut self, key: &str, value: &str) -> Result<bool> {
        match key {
            "application.id" => self.application_id = parse::value(key, value, parse::application_id)?,
            "cache.max.bytes.buffering" => return self.runtime.try_set("statestore.cache.max.bytes", value),
            "default.dsl.store" => return self.runtime.try_set("dsl.store.type", value),
            "default.deserialization.exception.handler" => {
                return self.runtime.try_set("deserialization.exception.handler", value);
            }
            "default.production.exception.handler" => {
                return self.runtime.try_set("production.exception.handler", value);
            }
            _ => {
                let runtime = self.runtime.try_set(key, value)?;
                let producer = self.producer.try_set(key, value)?;
                let consumer = self.consumer.try_set(key, value)?;
                if key != "auto.offset.reset" {
                    self.restore_consumer.try_set(key, value)?;
                }
                let admin = self.admin.try_set(key, value)?;
                return Ok(runtime || producer || consumer || admin);
            }
        }
        Ok(true)
    }

    /// What the runtime decides about its clients, whatever was set: the group is the application, and nobody else
    /// creates its topics.
    fn impose(&mut self) {
        self.consumer.group_id = Some(self.application_id.clone());
        self.restore_consumer.group_id = None;
        self.consumer.allow_auto_create_topics = false;
        self.restore_consumer.allow_auto_create_topics = false;
    }

    /// What all clients of the application share, as the main consumer has it.
    pub fn client(&self) -> &ClientConfig {
        &self.consumer.client
    }

    /// Checks what single settings cannot show.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] naming the settings that do not fit.
    pub fn validate(&self) -> Result<()> {
        parse::value("application.id", &self.application_id, parse::application_id)?;
        self.producer.validate()
    }
}

const PREFIXES: &[&str] = &["producer.", "consumer.", "main.consumer.", "restore.consumer.", "admin.", "topic."];

fn known_keys() -> Vec<&'static str> {
    let mut keys = RuntimeConfig::keys();
    keys.extend(ProducerConfig::keys());
    keys.extend(ConsumerConfig::keys());
    keys.push("application.id");
    keys
}

/// What happens when the next record of an input is not in its log, because retention or somebody deleted it, or the log
/// lost its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OffsetOutOfRangePolicy {
    /// The application stops and says which records are gone.
    Fail,
    /// It goes on at the first record there is.
    Earliest,
    /// It goes on after the last record there is.
    Latest,
}

const OFFSET_OUT_OF_RANGE_POLICIES: &[(&str, OffsetOutOfRangePolicy)] = &[
    ("fail", OffsetOutOfRangePolicy::Fail),
    ("earliest", OffsetOutOfRangePolicy::Earliest),
    ("latest", OffsetOutOfRangePolicy::Latest),
];

/// What happens when the topology no longer fits the state of an earlier run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TopologyChangePolicy {
    /// The application does not start and says what does not fit.
    Fail,
    /// It goes on with the state as it is. For one start: what then runs is what later starts are compared with.
    Accept,
}

const TOPOLOGY_CHANGE_POLICIES: &[(&str, TopologyChangePolicy)] =
    &[("fail", TopologyChangePolicy::Fail), ("accept", TopologyChangePolicy::Accept)];

/// What a failure may do to the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProcessingGuarantee {
    /// No record is lost; some can be processed again after a failure.
    AtLeastOnce,
}

fn processing_guarantee(text: &str) -> Result<ProcessingGuarantee, parse::Expected> {
    match text {
        "at_least_once" => Ok(ProcessingGuarantee::AtLeastOnce),
        "exactly_once_v2" => Err("`at_least_once`; `exactly_once_v2` is not implemented yet".to_owned()),
        _ => Err("`at_least_once` or `exactly_once_v2`".to_owned()),
    }
}

/// What happens to a record that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExceptionHandler {
    /// The application stops at it.
    Fail,
    /// It is logged, counted, written to the dead letter topic if there is one, and passed over.
    Continue,
}

/// Accepts `fail` and `continue`, and the names of Kafka's handler classes.
fn exception_handler(text: &str) -> Result<ExceptionHandler, parse::Expected> {
    let class = text.rsplit('.').next().unwrap_or(text);
    match class {
        "fail" | "DefaultProductionExceptionHandler" => Ok(ExceptionHandler::Fail),
        "continue" => Ok(ExceptionHandler::Continue),
        _ if class.starts_with("LogAndFail") => Ok(ExceptionHandler::Fail),
        _ if class.starts_with("LogAndContinue") => Ok(ExceptionHandler::Continue),
        _ => Err("`fail` or `continue` (or Kafka's `LogAndFail..` or `LogAndContinue..` handlers)".to_owned()),
    }
}

/// Which rewrites the DSL's optimizer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct TopologyOptimization {
    /// A table read from a topic uses that topic as its changelog.
    pub reuse_ktable_source_topics: bool,
    /// Repartition topics of one key-changing operation become one.
    pub merge_repartition_topics: bool,
    /// A join of a stream with itself uses one store.
    pub single_store_self_join: bool,
}

impl TopologyOptimization {
    /// No rewrite.
    pub const NONE: Self =
        Self { reuse_ktable_source_topics: false, merge_repartition_topics: false, single_store_self_join: false };
    /// Every rewrite.
    pub const ALL: Self =
        Self { reuse_ktable_source_topics: true, merge_repartition_topics: true, single_store_self_join: true };
}

fn topology_optimization(text: &str) -> Result<TopologyOptimization, parse::Expected> {
    let mut chosen = TopologyOptimization::NONE;
    match text {
        "none" => return Ok(TopologyOptimization::NONE),
        "all" => return Ok(TopologyOptimization::ALL),
        _ => {}
    }
    for name in text.split(',').map(str::trim) {
        match name {
            "reuse.ktable.source.topics" => chosen.reuse_ktable_source_topics = true,
            "merge.repartition.topics" => chosen.merge_repartition_topics = true,
            "single.store.self.join" => chosen.single_store_self_join = true,
            _ => {
                return Err("`none`, `all`, or a list of `reuse.ktable.source.topics`, `merge.repartition.topics`, \
                            `single.store.self.join`"
                    .to_owned())
            }
        }
    }
    Ok(chosen)
}

/// Which engine the DSL's stores use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DslStoreType {
    /// On disk.
    RocksDb,
    /// In memory; restored from the changelog at start.
    InMemory,
}

const DSL_STORE_TYPES: &[(&str, DslStoreType)] =
    &[("rocksDB", DslStoreType::RocksDb), ("in_memory", DslStoreType::InMemory)];

fn max_task_idle(text: &str) -> Result<Option<Duration>, parse::Expected> {
    match text {
        "-1" => Ok(None),
        _ => parse::millis(ZERO..=MILLIS_MAX)(text)
            .map(Some)
            .map_err(|expected| format!("-1 (never waits) or {expected}")),
    }
}

fn uncommitted_max_bytes(text: &str) -> Result<Option<u64>, parse::Expected> {
    match text {
        "-1" => Ok(None),
        _ => parse::bytes(0..=u64::MAX / 2)(text).map(Some).map_err(|expected| format!("-1 (no bound) or {expected}")),
    }
}

fn standby_replicas(text: &str) -> Result<usize, parse::Expected> {
    match text {
        "0" => Ok(0),
        _ => Err("`0`; standby replicas are not implemented yet".to_owned()),
    }
}

fn state_dir(text: &str) -> Result<PathBuf, parse::Expected> {
    match text {
        "" => Err("a directory".to_owned()),
        _ => Ok(PathBuf::from(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &[(&'static str, &'static str)]) -> Result<StreamsConfig> {
        StreamsConfig::from_settings([("application.id", "shop")].into_iter().chain(settings.iter().copied()))
    }

    #[test]
    fn defaults_are_kafka_streams_own() {
        let config = config(&[("bootstrap.servers", "localhost:9092")]).expect("valid");
        assert_eq!(config.runtime.commit_interval, Duration::from_secs(30));
        assert_eq!(config.runtime.statestore_uncommitted_max_bytes, Some(64 << 20));
        assert_eq!(config.producer.linger, Duration::from_millis(100));
        assert_eq!(config.consumer.auto_offset_reset, AutoOffsetReset::Earliest);
        assert_eq!(config.restore_consumer.auto_offset_reset, AutoOffsetReset::None);
        assert_eq!(config.consumer.group_id.as_deref(), Some("shop"));
        for client in
            [&config.producer.client, &config.consumer.client, &config.restore_consumer.client, &config.admin.client]
        {
            assert_eq!(client.bootstrap_servers[0].to_string(), "localhost:9092");
        }
    }

    #[test]
    fn a_prefix_wins_over_a_plain_setting_in_any_order() {
        let config = config(&[
            ("main.consumer.fetch.max.bytes", "3"),
            ("consumer.fetch.max.bytes", "2"),
            ("fetch.max.bytes", "1"),
            ("producer.request.timeout.ms", "7s"),
            ("request.timeout.ms", "40s"),
            ("topic.segment.bytes", "1048576"),
        ])
        .expect("valid");
        assert_eq!(config.consumer.fetch_max_bytes, 3);
        assert_eq!(config.restore_consumer.fetch_max_bytes, 2);
        assert_eq!(config.producer.client.request_timeout, Duration::from_secs(7));
        assert_eq!(config.admin.client.request_timeout, Duration::from_secs(40));
        assert_eq!(config.topic["segment.bytes"], "1048576");
    }

    /// Rows B04, B05 and B12.
    #[test]
    fn what_is_wrong_is_said() {
        for (key, value, message) in [
            ("num.stream.thread", "2", "unknown setting `num.stream.thread`: did you mean `num.stream.threads`?"),
            ("num.stream.threads", "0", "setting `num.stream.threads` is `0`: expects an integer from 1 to 1024"),
            ("num.stream.threads", "-1", "setting `num.stream.threads` is `-1`: expects an integer from 1 to 1024"),
            ("num.stream.threads", "four", "setting `num.stream.threads` is `four`: expects an integer from 1 to 1024"),
            ("statestore.uncommitted.max.bytes", "-2", "setting `statestore.uncommitted.max.bytes` is `-2`: expects -1 (no bound) or bytes from 0 to 9223372036854775807, or a size such as `64KiB`, `10MB`"),
            ("processing.guarantee", "exactly_once", "setting `processing.guarantee` is `exactly_once`: expects `at_least_once` or `exactly_once_v2`"),
            ("processing.guarantee", "exactly_once_v2", "setting `processing.guarantee` is `exactly_once_v2`: expects `at_least_once`; `exactly_once_v2` is not implemented yet"),
            ("bootstrap.servers", "localhost", "setting `bootstrap.servers` is `localhost`: expects `host:port` in each entry; `localhost` has no port"),
            ("producer.lingr.ms", "1", "setting `producer.lingr.ms`: unknown setting `lingr.ms`: did you mean `linger.ms`?"),
            ("topology.optimization", "some", "setting `topology.optimization` is `some`: expects `none`, `all`, or a list of `reuse.ktable.source.topics`, `merge.repartition.topics`, `single.store.self.join`"),
        ] {
            let error = config(&[(key, value)]).expect_err(key);
            assert_eq!(error.report(), message);
            assert_eq!(error.kind().exit_code(), 2);
        }
    }

    /// Row B06.
    #[test]
    fn an_application_needs_a_name_that_is_no_path() {
        let missing = StreamsConfig::from_settings([("poll.ms", "1")]).expect_err("has no name");
        assert!(missing.to_string().starts_with("setting `application.id` is missing"));
        for bad in ["", "../x", "a/b", "a b", ".."] {
            assert_eq!(StreamsConfig::new(bad).expect_err(bad).kind(), ErrorKind::InvalidConfig);
        }
    }

    #[test]
    fn kafkas_older_names_and_class_names_are_understood() {
        let config = config(&[
            ("cache.max.bytes.buffering", "0"),
            ("default.dsl.store", "in_memory"),
            ("deserialization.exception.handler", "org.apache.kafka.streams.errors.LogAndContinueExceptionHandler"),
            ("max.task.idle.ms", "-1"),
            ("topology.optimization", "merge.repartition.topics"),
            ("statestore.uncommitted.max.bytes", "-1"),
        ])
        .expect("valid");
        assert_eq!(config.runtime.statestore_uncommitted_max_bytes, None);
        assert_eq!(config.runtime.statestore_cache_max_bytes, 0);
        assert_eq!(config.runtime.dsl_store_type, DslStoreType::InMemory);
        assert_eq!(config.runtime.deserialization_exception_handler, ExceptionHandler::Continue);
        assert_eq!(config.runtime.max_task_idle, None);
        assert!(config.runtime.topology_optimization.merge_repartition_topics);
    }
}

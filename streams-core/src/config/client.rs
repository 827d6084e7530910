//! The settings of producer, consumer and admin client, under Kafka's names and with Kafka's defaults.
//!
//! Kafka 4.2 is the reference. Where a default differs, its line says why.

use std::time::Duration;

use crate::config::parse::{self, HostPort};
use crate::config::settings::settings;
use crate::error::{Error, ErrorKind, Result};

/// No duration in a setting is longer: it must fit Kafka's 32-bit milliseconds on the wire.
const MILLIS_MAX: Duration = Duration::from_millis(i32::MAX as u64);
const ZERO: Duration = Duration::ZERO;
const ONE_MS: Duration = Duration::from_millis(1);
/// The largest size that fits Kafka's 32-bit fields.
const BYTES_MAX: i32 = i32::MAX;

/// Settings that Kafka's Java clients know and that mean nothing here: they name classes or tune the JVM.
const JAVA_ONLY: &[&str] = &[
    "auto.include.jmx.reporter",
    "config.providers",
    "interceptor.classes",
    "key.deserializer",
    "key.serializer",
    "metric.reporters",
    "partitioner.class",
    "value.deserializer",
    "value.serializer",
];

settings! {
    /// What all clients share: how to reach brokers and how to retry.
    pub struct ClientConfig includes [] {
        /// Where to find the cluster first. Any address of it; several, in case one is away.
        bootstrap_servers: Vec<HostPort> = Vec::new(), "bootstrap.servers", parse::bootstrap_servers;
        /// How this client calls itself in the broker's log.
        client_id: String = String::new(), "client.id", parse::text;
        /// How long a request may stay unanswered before its connection is given up.
        request_timeout: Duration = Duration::from_secs(30), "request.timeout.ms", parse::millis(ONE_MS..=MILLIS_MAX);
        /// The first wait before a request is repeated; doubles with each failure.
        retry_backoff: Duration = Duration::from_millis(100), "retry.backoff.ms", parse::millis(ZERO..=MILLIS_MAX);
        /// The longest wait before a request is repeated.
        retry_backoff_max: Duration = Duration::from_secs(1), "retry.backoff.max.ms", parse::millis(ZERO..=MILLIS_MAX);
        /// The first wait before a broker is dialled again; doubles with each failure.
        reconnect_backoff: Duration = Duration::from_millis(50), "reconnect.backoff.ms", parse::millis(ZERO..=MILLIS_MAX);
        /// The longest wait before a broker is dialled again.
        reconnect_backoff_max: Duration = Duration::from_secs(1), "reconnect.backoff.max.ms", parse::millis(ZERO..=MILLIS_MAX);
        /// How long dialling a broker may take.
        socket_connection_setup_timeout: Duration = Duration::from_secs(10), "socket.connection.setup.timeout.ms", parse::millis(ONE_MS..=MILLIS_MAX);
        /// How old metadata may get before it is fetched again without a reason.
        metadata_max_age: Duration = Duration::from_secs(300), "metadata.max.age.ms", parse::millis(ZERO..=MILLIS_MAX);
        /// After how long an unused connection is closed.
        connections_max_idle: Duration = Duration::from_secs(540), "connections.max.idle.ms", parse::millis(ONE_MS..=MILLIS_MAX);
        /// How long a blocking call may take.
        default_api_timeout: Duration = Duration::from_secs(60), "default.api.timeout.ms", parse::millis(ZERO..=MILLIS_MAX);
        /// Only `PLAINTEXT` exists so far.
        security_protocol: SecurityProtocol = SecurityProtocol::Plaintext, "security.protocol", security_protocol;
    }
}

settings! {
    /// Settings of a producer.
    pub struct ProducerConfig includes [client: ClientConfig] {
        /// When a write counts as done.
        acks: Acks = Acks::All, "acks", parse::word(ACKS);
        /// A batch is sent when it holds this much.
        batch_size: i32 = 16_384, "batch.size", parse::bytes(0..=BYTES_MAX);
        /// A batch is sent when it is this old, however little it holds.
        linger: Duration = Duration::from_millis(5), "linger.ms", parse::millis(ZERO..=MILLIS_MAX);
        /// How much may wait to be acknowledged before the producer is full.
        buffer_memory: u64 = 33_554_432, "buffer.memory", parse::bytes(1..=u64::MAX / 2);
        /// How batches are compressed.
        compression_type: CompressionType = CompressionType::None, "compression.type", parse::word(COMPRESSION_TYPES);
        /// The largest request, and so the largest record.
        max_request_size: i32 = 1_048_576, "max.request.size", parse::bytes(1..=BYTES_MAX);
        /// Whether batches carry sequence numbers, so that a repeated one is written once.
        enable_idempotence: bool = true, "enable.idempotence", parse::boolean;
        /// How many requests to one broker may be unanswered. At most 5: the broker remembers so many batches.
        max_in_flight_requests_per_connection: usize = 5, "max.in.flight.requests.per.connection", parse::integer(1..=5);
        /// How long a record may take from `send` to its acknowledgement, repeats included.
        delivery_timeout: Duration = Duration::from_secs(120), "delivery.timeout.ms", parse::millis(ONE_MS..=MILLIS_MAX);
        /// How often a batch is repeated; `delivery.timeout.ms` ends it earlier.
        retries: i32 = i32::MAX, "retries", parse::integer(0..=i32::MAX);
    }
}

settings! {
    /// Settings of a consumer.
    pub struct ConsumerConfig includes [client: ClientConfig] {
        /// The group whose offsets are committed and fetched.
        group_id: Option<String> = None, "group.id", parse::optional_text;
        /// Where to start when there is no position, or none that still exists.
        auto_offset_reset: AutoOffsetReset = AutoOffsetReset::Latest, "auto.offset.reset", parse::word(AUTO_OFFSET_RESETS);
        /// The broker answers a fetch when it has this much.
        fetch_min_bytes: i32 = 1, "fetch.min.bytes", parse::bytes(0..=BYTES_MAX);
        /// The broker answers a fetch at the latest after this time.
        fetch_max_wait: Duration = Duration::from_millis(500), "fetch.max.wait.ms", parse::millis(ZERO..=MILLIS_MAX);
        /// How much one answer may hold. A first batch that is larger is delivered nevertheless.
        fetch_max_bytes: i32 = 52_428_800, "fetch.max.bytes", parse::bytes(0..=BYTES_MAX);
        /// How much one answer may hold of one partition.
        max_partition_fetch_bytes: i32 = 1_048_576, "max.partition.fetch.bytes", parse::bytes(0..=BYTES_MAX);
        /// How many records the record-by-record interface hands out at once.
        max_poll_records: usize = 500, "max.poll.records", parse::integer(1..=i32::MAX as usize);
        /// Whether records of open and aborted transactions are delivered.
        isolation_level: IsolationLevel = IsolationLevel::ReadUncommitted, "isolation.level", parse::word(ISOLATION_LEVELS);
        /// Whether checksums of fetched batches are verified. In process the broker has done so already.
        check_crcs: bool = true, "check.crcs", parse::boolean;
        /// Whether asking for an unknown topic creates it, where the broker does that.
        allow_auto_create_topics: bool = true, "allow.auto.create.topics", parse::boolean;
        /// Only `false`: offsets are committed by the caller. Kafka's default is `true`.
        enable_auto_commit: bool = false, "enable.auto.commit", auto_commit;
    }
}

settings! {
    /// Settings of an admin client.
    pub struct AdminConfig includes [client: ClientConfig] {
    }
}

/// When a write counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// When it was sent; nothing is answered, and offsets stay unknown.
    None,
    /// When the leader wrote it.
    Leader,
    /// When all in-sync replicas wrote it.
    All,
}

const ACKS: &[(&str, Acks)] = &[("all", Acks::All), ("-1", Acks::All), ("1", Acks::Leader), ("0", Acks::None)];

/// How batches are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum CompressionType {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
    /// Snappy in the xerial framing.
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    /// Zstandard.
    Zstd,
}

const COMPRESSION_TYPES: &[(&str, CompressionType)] = &[
    ("none", CompressionType::None),
    ("gzip", CompressionType::Gzip),
    ("snappy", CompressionType::Snappy),
    ("lz4", CompressionType::Lz4),
    ("zstd", CompressionType::Zstd),
];

/// Where to start when there is no position, or none that still exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AutoOffsetReset {
    /// At the first record that exists.
    Earliest,
    /// After the last record that exists.
    Latest,
    /// Nowhere: it is an error.
    None,
}

const AUTO_OFFSET_RESETS: &[(&str, AutoOffsetReset)] =
    &[("earliest", AutoOffsetReset::Earliest), ("latest", AutoOffsetReset::Latest), ("none", AutoOffsetReset::None)];

/// Which records a fetch delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IsolationLevel {
    /// All that are written.
    ReadUncommitted,
    /// Those of no transaction or of a committed one, up to the first open one.
    ReadCommitted,
}

const ISOLATION_LEVELS: &[(&str, IsolationLevel)] =
    &[("read_uncommitted", IsolationLevel::ReadUncommitted), ("read_committed", IsolationLevel::ReadCommitted)];

/// How a connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecurityProtocol {
    /// Not at all.
    Plaintext,
}

fn security_protocol(text: &str) -> Result<SecurityProtocol, parse::Expected> {
    match text.eq_ignore_ascii_case("PLAINTEXT") {
        true => Ok(SecurityProtocol::Plaintext),
        false => Err("`PLAINTEXT`; TLS and SASL are not implemented yet".to_owned()),
    }
}

fn auto_commit(text: &str) -> Result<bool, parse::Expected> {
    match text {
        "false" => Ok(false),
        _ => Err("`false`; offsets are committed explicitly, with `Consumer::commit`".to_owned()),
    }
}

/// Sets one setting or says what is wrong with its name.
pub(super) fn set_or_refuse(
    key: &str,
    value: &str,
    set: impl FnOnce(&str, &str) -> Result<bool>,
    keys: impl FnOnce() -> Vec<&'static str>,
) -> Result<()> {
    if set(key, value)? {
        return Ok(());
    }
    if JAVA_ONLY.contains(&key) {
        let message = format!("setting `{key}` belongs to Kafka's Java clients and means nothing here: remove it");
        return Err(Error::new(ErrorKind::InvalidConfig, message));
    }
    Err(parse::unknown_key(key, &keys()))
}

macro_rules! from_text {
    ($($name:ident),*) => { $(
        impl $name {
            /// The defaults with some settings given as text under Kafka's names.
            ///
            /// # Errors
            /// [`ErrorKind::InvalidConfig`] at the first unknown name or bad value.
            pub fn from_settings<'a>(settings: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
                let mut config = Self::default();
                for (key, value) in settings {
                    config.set(key, value)?;
                }
                Ok(config)
            }

            /// Sets one setting, given as text under Kafka's name.
            ///
            /// # Errors
            /// [`ErrorKind::InvalidConfig`] when the name is unknown or the value is bad.
            pub fn set(&mut self, key: &str, value: &str) -> Result<()> {
                set_or_refuse(key, value, |key, value| self.try_set(key, value), Self::keys)
            }
        }
    )* };
}

from_text!(ProducerConfig, ConsumerConfig, AdminConfig);

impl ProducerConfig {
    /// Checks what single settings cannot show.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] naming both settings that do not fit.
    pub fn validate(&self) -> Result<()> {
        if self.enable_idempotence && self.acks != Acks::All {
            let message = "settings `enable.idempotence=true` and `acks` do not fit: idempotence needs `acks=all`";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        if self.delivery_timeout < self.linger.saturating_add(self.client.request_timeout) {
            let message = format!(
                "setting `delivery.timeout.ms` is {}: expects at least `linger.ms` + `request.timeout.ms` = {}",
                self.delivery_timeout.as_millis(),
                self.linger.saturating_add(self.client.request_timeout).as_millis(),
            );
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_typed_settings() {
        let config = ProducerConfig::from_settings([
            ("linger.ms", "100"),
            ("acks", "-1"),
            ("compression.type", "LZ4"),
            ("bootstrap.servers", "a:1,b:2"),
            ("batch.size", "1MiB"),
        ])
        .expect("valid");
        assert_eq!(config.linger, Duration::from_millis(100));
        assert_eq!(config.acks, Acks::All);
        assert_eq!(config.compression_type, CompressionType::Lz4);
        assert_eq!(config.client.bootstrap_servers.len(), 2);
        assert_eq!(config.batch_size, 1 << 20);
        config.validate().expect("the defaults fit");
    }

    /// Row B13.
    #[test]
    fn what_is_wrong_is_said() {
        for (key, value, message) in [
            ("lingr.ms", "1", "unknown setting `lingr.ms`: did you mean `linger.ms`?"),
            ("request.timeot.ms", "1", "unknown setting `request.timeot.ms`: did you mean `request.timeout.ms`?"),
            (
                "max.in.flight.requests.per.connection",
                "6",
                "setting `max.in.flight.requests.per.connection` is `6`: expects an integer from 1 to 5",
            ),
            ("acks", "two", "setting `acks` is `two`: expects `all` or `-1` or `1` or `0`"),
            (
                "security.protocol",
                "SSL",
                "setting `security.protocol` is `SSL`: expects `PLAINTEXT`; TLS and SASL are not implemented yet",
            ),
            (
                "key.serializer",
                "x",
                "setting `key.serializer` belongs to Kafka's Java clients and means nothing here: remove it",
            ),
        ] {
            let error = ProducerConfig::from_settings([(key, value)]).expect_err(key);
            assert_eq!(error.to_string(), message);
            assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        }
    }

    #[test]
    fn settings_that_do_not_fit_each_other_are_refused() {
        for settings in
            [[("acks", "1"), ("enable.idempotence", "true")], [("delivery.timeout.ms", "10"), ("retries", "1")]]
        {
            ProducerConfig::from_settings(settings)
                .expect("each is valid")
                .validate()
                .expect_err("together they are not");
        }
        ConsumerConfig::from_settings([("enable.auto.commit", "true")]).expect_err("is not implemented");
    }
}

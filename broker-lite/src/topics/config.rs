//! Topic configuration under Kafka's names: the table of definitions, validation, and the typed settings in force.
//!
//! A topic stores only what was set on it; everything else is the default, so that a described value says where it
//! comes from. Values are validated when they are set, never when they are used. Source of names, types and defaults:
//! Kafka 4.2's `TopicConfig` and `LogConfig`.

use std::collections::BTreeMap;

use crate::log::{CleanupPolicy, LogConfig, TimestampType};

/// The type of a configuration value, with the number Kafka's DescribeConfigs gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConfigType {
    /// `true` or `false`.
    Boolean = 1,
    /// Free or enumerated text.
    String = 2,
    /// A 32-bit integer.
    Int = 3,
    /// A 16-bit integer.
    Short = 4,
    /// A 64-bit integer.
    Long = 5,
    /// A decimal number.
    Double = 6,
    /// Comma-separated values.
    List = 7,
}

impl ConfigType {
    /// The number of this type on the wire.
    pub(crate) fn code(self) -> i8 {
        self as i8
    }
}

/// What values a configuration takes.
#[derive(Debug, Clone, Copy)]
enum Allowed {
    /// A number in an inclusive range.
    Number(i64, i64),
    /// -1, or a number in an inclusive range.
    Level(i64, i64),
    /// A ratio between 0 and 1.
    Ratio,
    /// One of these words; for lists, any of them.
    Words(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// `*`, or a list of `partition:broker`: kept, and without effect where there is one replica.
    Replicas,
    /// Only `false`: what it would switch on is not there.
    Off,
}

/// One configuration of a topic.
#[derive(Debug)]
pub(crate) struct ConfigDef {
    /// Kafka's name.
    pub(crate) name: &'static str,
    /// The type reported to clients.
    pub(crate) kind: ConfigType,
    /// The value when nothing is set.
    pub(crate) default: &'static str,
    /// The broker setting this defaults from; empty when there is none.
    pub(crate) synonym: &'static str,
    allowed: Allowed,
}

const FOREVER: &str = "9223372036854775807";
const POLICIES: &[&str] = &["delete", "compact"];
const CODECS: &[&str] = &["producer", "uncompressed", "gzip", "snappy", "lz4", "zstd"];
const TIMESTAMP_TYPES: &[&str] = &["CreateTime", "LogAppendTime"];

/// The smallest `segment.bytes`: Kafka 4.2 wants 1 MiB; smaller segments let tests roll.
const SEGMENT_BYTES_MIN: i64 = 1024;
const INT_MAX: i64 = i32::MAX as i64;

const fn def(
    name: &'static str,
    kind: ConfigType,
    default: &'static str,
    synonym: &'static str,
    allowed: Allowed,
) -> ConfigDef {
    ConfigDef { name, kind, default, synonym, allowed }
}

/// Every topic configuration, sorted by name.
#[rustfmt::skip]
pub(crate) static TOPIC_CONFIGS: &[ConfigDef] = &[
    def("cleanup.policy", ConfigType::List, "delete", "log.cleanup.policy", Allowed::Words(POLICIES)),
    def("compression.gzip.level", ConfigType::Int, "-1", "compression.gzip.level", Allowed::Level(1, 9)),
    def("compression.lz4.level", ConfigType::Int, "9", "compression.lz4.level", Allowed::Number(1, 17)),
    def("compression.type", ConfigType::String, "producer", "compression.type", Allowed::Words(CODECS)),
    def("compression.zstd.level", ConfigType::Int, "3", "compression.zstd.level", Allowed::Number(-131_072, 22)),
    def("delete.retention.ms", ConfigType::Long, "86400000", "log.cleaner.delete.retention.ms", Allowed::Number(0, i64::MAX)),
    def("file.delete.delay.ms", ConfigType::Long, "60000", "log.segment.delete.delay.ms", Allowed::Number(0, i64::MAX)),
    def("flush.messages", ConfigType::Long, FOREVER, "log.flush.interval.messages", Allowed::Number(1, i64::MAX)),
    def("flush.ms", ConfigType::Long, FOREVER, "log.flush.interval.ms", Allowed::Number(0, i64::MAX)),
    def("follower.replication.throttled.replicas", ConfigType::List, "", "", Allowed::Replicas),
    def("index.interval.bytes", ConfigType::Int, "4096", "log.index.interval.bytes", Allowed::Number(0, INT_MAX)),
    def("leader.replication.throttled.replicas", ConfigType::List, "", "", Allowed::Replicas),
    def("local.retention.bytes", ConfigType::Long, "-2", "log.local.retention.bytes", Allowed::Number(-2, i64::MAX)),
    def("local.retention.ms", ConfigType::Long, "-2", "log.local.retention.ms", Allowed::Number(-2, i64::MAX)),
    def("max.compaction.lag.ms", ConfigType::Long, FOREVER, "log.cleaner.max.compaction.lag.ms", Allowed::Number(1, i64::MAX)),
    def("max.message.bytes", ConfigType::Int, "1048588", "message.max.bytes", Allowed::Number(0, INT_MAX)),
    def("message.timestamp.after.max.ms", ConfigType::Long, "3600000", "log.message.timestamp.after.max.ms", Allowed::Number(0, i64::MAX)),
    def("message.timestamp.before.max.ms", ConfigType::Long, FOREVER, "log.message.timestamp.before.max.ms", Allowed::Number(0, i64::MAX)),
    def("message.timestamp.type", ConfigType::String, "CreateTime", "log.message.timestamp.type", Allowed::Words(TIMESTAMP_TYPES)),
    def("min.cleanable.dirty.ratio", ConfigType::Double, "0.5", "log.cleaner.min.cleanable.ratio", Allowed::Ratio),
    def("min.compaction.lag.ms", ConfigType::Long, "0", "log.cleaner.min.compaction.lag.ms", Allowed::Number(0, i64::MAX)),
    def("min.insync.replicas", ConfigType::Int, "1", "min.insync.replicas", Allowed::Number(1, INT_MAX)),
    def("preallocate", ConfigType::Boolean, "false", "log.preallocate", Allowed::Flag),
    def("remote.log.copy.disable", ConfigType::Boolean, "false", "", Allowed::Flag),
    def("remote.log.delete.on.disable", ConfigType::Boolean, "false", "", Allowed::Flag),
    def("remote.storage.enable", ConfigType::Boolean, "false", "", Allowed::Off),
    def("retention.bytes", ConfigType::Long, "-1", "log.retention.bytes", Allowed::Number(i64::MIN, i64::MAX)),
    def("retention.ms", ConfigType::Long, "604800000", "log.retention.ms", Allowed::Number(-1, i64::MAX)),
    def("segment.bytes", ConfigType::Int, "1073741824", "log.segment.bytes", Allowed::Number(SEGMENT_BYTES_MIN, INT_MAX)),
    def("segment.index.bytes", ConfigType::Int, "10485760", "log.index.size.max.bytes", Allowed::Number(4, INT_MAX)),
    def("segment.jitter.ms", ConfigType::Long, "0", "log.roll.jitter.ms", Allowed::Number(0, i64::MAX)),
    def("segment.ms", ConfigType::Long, "604800000", "log.roll.ms", Allowed::Number(1, i64::MAX)),
    def("unclean.leader.election.enable", ConfigType::Boolean, "false", "unclean.leader.election.enable", Allowed::Flag),
];

/// Configurations that Kafka 4 removed and older tools still send: accepted and ignored.
const IGNORED: &[&str] =
    &["message.format.version", "message.downconversion.enable", "message.timestamp.difference.max.ms"];

/// The configurations set on one topic. Only valid values get in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TopicConfig {
    set: BTreeMap<&'static str, String>,
}

impl TopicConfig {
    /// Validates and collects what a client or the catalogue file asks for.
    ///
    /// # Errors
    /// A message that names the configuration, the value and what is allowed.
    pub(crate) fn parse<'a>(entries: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Result<Self, String> {
        let mut config = Self::default();
        for (name, value) in entries {
            config.put(name, value)?;
        }
        config.check_lags()?;
        Ok(config)
    }

    /// What is stored of a topic's configuration, without values that this version refuses; each of them is reported.
    pub(crate) fn stored<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>, report: impl Fn(&str)) -> Self {
        let mut config = Self::default();
        for (name, value) in entries {
            if let Err(message) = config.put(name, Some(value)) {
                report(&message);
            }
        }
        config
    }

    fn put(&mut self, name: &str, value: Option<&str>) -> Result<(), String> {
        if IGNORED.contains(&name) {
            return Ok(());
        }
        let def = find(name).ok_or_else(|| unknown(name))?;
        let value = value.ok_or_else(|| format!("null value not supported for topic config {name}"))?;
        check(def, value)?;
        self.set.insert(def.name, def.normal(value));
        Ok(())
    }

    fn check_lags(&self) -> Result<(), String> {
        let (least, most) = (self.number("min.compaction.lag.ms"), self.number("max.compaction.lag.ms"));
        if least <= most {
            return Ok(());
        }
        Err(format!("min.compaction.lag.ms={least} is larger than max.compaction.lag.ms={most}"))
    }

    /// What was set on the topic, by name.
    pub(crate) fn overrides(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.set.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The value set on the topic.
    pub(crate) fn own(&self, name: &str) -> Option<&str> {
        self.set.get(name).map(String::as_str)
    }

    /// The settings of the topic's logs; what no topic config decides comes from `base`.
    pub(crate) fn log_config(&self, base: &LogConfig) -> LogConfig {
        let is_broker_time = self.effective("message.timestamp.type") == "LogAppendTime";
        LogConfig {
            segment_bytes: u64::try_from(self.number("segment.bytes")).unwrap_or(0),
            segment_ms: self.number("segment.ms"),
            segment_index_bytes: u64::try_from(self.number("segment.index.bytes")).unwrap_or(0),
            index_interval_bytes: u64::try_from(self.number("index.interval.bytes")).unwrap_or(0),
            max_message_bytes: usize::try_from(self.number("max.message.bytes")).unwrap_or(0),
            retention_ms: self.number("retention.ms"),
            retention_bytes: self.number("retention.bytes"),
            cleanup_policy: CleanupPolicy { delete: self.has_policy("delete"), compact: self.has_policy("compact") },
            message_timestamp_type: if is_broker_time {
                TimestampType::LogAppendTime
            } else {
                TimestampType::CreateTime
            },
            message_timestamp_before_max_ms: self.number("message.timestamp.before.max.ms"),
            message_timestamp_after_max_ms: self.number("message.timestamp.after.max.ms"),
            delete_retention_ms: self.number("delete.retention.ms"),
            min_compaction_lag_ms: self.number("min.compaction.lag.ms"),
            max_compaction_lag_ms: self.number("max.compaction.lag.ms"),
            min_cleanable_dirty_ratio: self.effective("min.cleanable.dirty.ratio").parse().unwrap_or(0.5),
            ..base.clone()
        }
    }

    /// Whether `cleanup.policy` contains a word.
    pub(crate) fn has_policy(&self, policy: &str) -> bool {
        self.effective("cleanup.policy").split(',').any(|word| word.trim() == policy)
    }

    fn effective(&self, name: &str) -> &str {
        self.own(name).or_else(|| find(name).map(|def| def.default)).unwrap_or("")
    }

    fn number(&self, name: &str) -> i64 {
        self.effective(name).parse().unwrap_or(i64::MAX)
    }
}

impl ConfigDef {
    /// A valid value as it is told to clients.
    fn normal(&self, value: &str) -> String {
        match self.kind {
            ConfigType::Boolean => value.trim().to_ascii_lowercase(),
            ConfigType::Int | ConfigType::Short | ConfigType::Long | ConfigType::Double => value.trim().to_owned(),
            ConfigType::String | ConfigType::List => value.to_owned(),
        }
    }
}

/// Whether text is `partition:broker`.
fn is_replica(text: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.split_once(':').is_some_and(|(partition, broker)| is_number(partition) && is_number(broker))
}

/// The definition of a configuration.
pub(crate) fn find(name: &str) -> Option<&'static ConfigDef> {
    TOPIC_CONFIGS.binary_search_by(|def| def.name.cmp(name)).ok().and_then(|index| TOPIC_CONFIGS.get(index))
}

fn unknown(name: &str) -> String {
    format!("Unknown topic config name: {}", crate::text::escape(name))
}

fn check(def: &ConfigDef, value: &str) -> Result<(), String> {
    let refuse = |why: String| {
        Err(format!("Invalid value {} for configuration {}: {why}", crate::text::escape(value), def.name))
    };
    match def.allowed {
        Allowed::Replicas if value.is_empty() || value == "*" || value.split(',').all(is_replica) => Ok(()),
        Allowed::Replicas => refuse("expected * or a list of partition:broker".to_owned()),
        Allowed::Flag if ["true", "false"].contains(&&*def.normal(value)) => Ok(()),
        Allowed::Flag => refuse("expected true or false".to_owned()),
        Allowed::Off if def.normal(value) == "false" => Ok(()),
        Allowed::Off => refuse("this broker has no tiered storage".to_owned()),
        Allowed::Level(..) if value.trim() == "-1" => Ok(()),
        Allowed::Level(least, most) => match value.trim().parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(()),
            _ => refuse(format!("expected -1 or a whole number between {least} and {most}")),
        },
        Allowed::Ratio => match value.parse::<f64>() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(()),
            _ => refuse("expected a number between 0 and 1".to_owned()),
        },
        Allowed::Number(least, most) => match value.trim().parse::<i64>() {
            Ok(number) if (least..=most).contains(&number) => Ok(()),
            _ => refuse(format!("expected a whole number between {least} and {most}")),
        },
        Allowed::Words(words) => {
            let is_list = def.kind == ConfigType::List;
            let known = |word: &str| words.contains(&word.trim());
            // A list may be empty: what no cleanup policy names stays.
            if if is_list { value.is_empty() || value.split(',').all(known) } else { known(value) } {
                return Ok(());
            }
            refuse(format!("expected {}{}", if is_list { "a list of " } else { "one of " }, words.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_its_defaults_are_valid() {
        assert!(TOPIC_CONFIGS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for def in TOPIC_CONFIGS {
            assert_eq!(check(def, def.default), Ok(()), "{}", def.name);
        }
    }

    #[test]
    fn defaults_are_kafkas() {
        let base = LogConfig::default();
        assert_eq!(TopicConfig::default().log_config(&base), base);
    }

    #[rstest::rstest]
    #[case("cleanup.policy", "compact,delete", "")]
    #[case(
        "cleanup.policy",
        "shred",
        "Invalid value shred for configuration cleanup.policy: expected a list of delete, compact"
    )]
    #[case("retention.ms", "-1", "")]
    #[case(
        "retention.ms",
        "soon",
        "Invalid value soon for configuration retention.ms: expected a whole number between -1 and 9223372036854775807"
    )]
    #[case("retention", "1", "Unknown topic config name: retention")]
    #[case("preallocate", "yes", "Invalid value yes for configuration preallocate: expected true or false")]
    #[case(
        "min.cleanable.dirty.ratio",
        "1.5",
        "Invalid value 1.5 for configuration min.cleanable.dirty.ratio: expected a number between 0 and 1"
    )]
    #[case("message.format.version", "2.8", "")]
    fn values_are_checked(#[case] name: &str, #[case] value: &str, #[case] message: &str) {
        let outcome = TopicConfig::parse([(name, Some(value))]);
        assert_eq!(outcome.err().unwrap_or_default(), message);
    }
}

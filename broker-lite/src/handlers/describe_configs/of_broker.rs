//! The settings of the broker under Kafka's names: those that mean something here, with Kafka's types and defaults.
//!
//! Source of types, defaults and which of them Kafka can change while it runs: what Kafka 4.3 answers.

use super::{SOURCE_DEFAULT, SOURCE_STATIC_BROKER};
use crate::broker::{Broker, NODE_ID, OFFSETS_PARTITIONS, OFFSETS_SEGMENT_BYTES};
use crate::handlers::fetch::sessions::SESSIONS_MAX;
use crate::handlers::offset_commit::METADATA_UNITS_MAX;
use crate::log::LogConfig;
use crate::topics::config::{ConfigType, TOPIC_CONFIGS};

/// A setting.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) kind: ConfigType,
    pub(super) value: Option<String>,
    /// Kafka's.
    pub(super) default: Option<&'static str>,
    /// Whether it is fixed when the broker starts.
    pub(super) read_only: bool,
}

impl Setting {
    /// The number of where the value comes from.
    pub(super) fn source(&self) -> i8 {
        if self.value.as_deref() == self.default {
            SOURCE_DEFAULT
        } else {
            SOURCE_STATIC_BROKER
        }
    }

    fn unset(name: &'static str, kind: ConfigType) -> Self {
        Self { name, kind, value: None, default: None, read_only: true }
    }
}

fn fixed(name: &'static str, kind: ConfigType, value: impl ToString, default: Option<&'static str>) -> Setting {
    Setting { name, kind, value: Some(value.to_string()), default, read_only: true }
}

/// What Kafka leaves unset, because it is set in other units: the defaults of topics say what holds.
pub(super) const UNSET: &[&str] = &["log.flush.interval.ms", "log.retention.ms", "log.roll.jitter.ms", "log.roll.ms"];

/// Every setting.
pub(super) fn settings(broker: &Broker) -> Vec<Setting> {
    use ConfigType::{Boolean, Int, Long, Short};
    let config = broker.config();
    let check_interval = config.retention_check_interval.as_millis();
    let mut settings = vec![
        fixed("auto.create.topics.enable", Boolean, config.auto_create_topics, Some("true")),
        fixed("broker.id", Int, NODE_ID, Some("-1")),
        fixed("default.replication.factor", Int, 1, Some("1")),
        fixed("delete.topic.enable", Boolean, true, Some("true")),
        fixed("fetch.max.bytes", Int, config.fetch_bytes_max, Some("57671680")),
        fixed("log.cleaner.enable", Boolean, true, Some("true")),
        fixed("log.retention.check.interval.ms", Long, check_interval, Some("300000")),
        fixed("log.retention.hours", Int, 168, Some("168")),
        Setting::unset("log.retention.minutes", Int),
        fixed("log.roll.hours", Int, 168, Some("168")),
        fixed("log.roll.jitter.hours", Int, 0, Some("0")),
        fixed("max.incremental.fetch.session.cache.slots", Int, SESSIONS_MAX, Some("1000")),
        fixed("node.id", Int, NODE_ID, None),
        fixed("num.partitions", Int, config.default_partitions, Some("1")),
        fixed("offset.metadata.max.bytes", Int, METADATA_UNITS_MAX, Some("4096")),
        fixed("offsets.retention.minutes", Int, i32::MAX, Some("10080")),
        fixed("offsets.topic.num.partitions", Int, OFFSETS_PARTITIONS, Some("50")),
        fixed("offsets.topic.replication.factor", Short, 1, Some("3")),
        fixed("offsets.topic.segment.bytes", Int, OFFSETS_SEGMENT_BYTES, Some("104857600")),
    ];
    settings.extend(places(broker));
    let expiration_ms = LogConfig::default().producer_id_expiration_ms;
    let expiration = fixed("producer.id.expiration.ms", Int, expiration_ms, Some("86400000"));
    settings.push(Setting { read_only: false, ..expiration });
    settings.extend(TOPIC_CONFIGS.iter().filter(|def| !def.synonym.is_empty()).map(|def| {
        let default = Some(def.default).filter(|_| !UNSET.contains(&def.synonym));
        Setting { name: def.synonym, kind: def.kind, value: default.map(str::to_owned), default, read_only: false }
    }));
    settings.sort_by_key(|setting| setting.name);
    settings
}

/// Where the broker listens and keeps its data.
fn places(broker: &Broker) -> Vec<Setting> {
    use ConfigType::{List, String};
    const PROTOCOLS: &str = "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT";
    let (host, port) = broker.endpoint();
    let host = if host.contains(':') { format!("[{host}]") } else { host };
    // Without a server there is no port, and nowhere to listen.
    let listener = (port != 0).then(|| format!("PLAINTEXT://{host}:{port}"));
    let advertised = Setting { value: listener.clone(), ..Setting::unset("advertised.listeners", List) };
    let listeners = Setting::unset("listeners", List);
    let protocols = fixed("listener.security.protocol.map", String, PROTOCOLS, Some(PROTOCOLS));
    vec![
        advertised,
        Setting { value: listener, default: Some("PLAINTEXT://:9092"), read_only: false, ..listeners },
        Setting { read_only: false, ..protocols },
        fixed("log.dirs", List, broker.data_path().display(), None),
        fixed("process.roles", List, "broker,controller", None),
        fixed("security.inter.broker.protocol", String, "PLAINTEXT", Some("PLAINTEXT")),
    ]
}

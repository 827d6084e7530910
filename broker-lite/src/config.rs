//! Settings of a broker: data that says how it behaves, with defaults for one developer's machine.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use streams_core::{Error, ErrorKind};

/// When a write counts as done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SyncPolicy {
    /// After a group-committed `fdatasync`: survives power loss. Readers never see what is not yet synced.
    #[default]
    Fsync,
    /// After the write; a sync follows within the interval. Survives a crash of the process; power loss can take the
    /// last interval.
    Interval(Duration),
    /// After the write; the operating system decides when it reaches the disk. What Apache Kafka does by default.
    Os,
}

impl FromStr for SyncPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "fsync" => Ok(Self::Fsync),
            "os" => Ok(Self::Os),
            _ => text
                .strip_prefix("interval:")
                .and_then(|number| number.parse::<u32>().ok())
                .filter(|ms| *ms > 0)
                .map(|ms| Self::Interval(Duration::from_millis(ms.into())))
                .ok_or_else(|| {
                    Error::new(
                        ErrorKind::InvalidConfig,
                        format!(
                            "sync policy `{}` is unknown: write fsync, interval:MS (for example interval:100) or os",
                            crate::text::escape(text)
                        ),
                    )
                }),
        }
    }
}

impl fmt::Display for SyncPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fsync => f.write_str("fsync"),
            Self::Interval(every) => write!(f, "interval:{}", every.as_millis()),
            Self::Os => f.write_str("os"),
        }
    }
}

/// How a broker behaves. Names follow Kafka's broker settings.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BrokerConfig {
    /// When a write counts as done.
    pub sync: SyncPolicy,
    /// `auto.create.topics.enable`: whether asking for an unknown topic creates it.
    pub auto_create_topics: bool,
    /// `num.partitions`: partitions of a topic whose creator does not say.
    pub default_partitions: i32,
    /// Treats any replication factor as 1 instead of refusing those above: many programs hard-code 3.
    pub clamp_replication_factor: bool,
    /// How many topics there can be; each costs memory and files.
    pub topics_max: usize,
    /// How many partitions there can be in all topics together.
    pub partitions_max: usize,
    /// `fetch.max.bytes`: the most bytes of records in one answer, but for the KIP-74 first batch.
    pub fetch_bytes_max: usize,
    /// How many bytes of the newest batches stay in memory, in all partitions together, for consumers that keep up. The
    /// oldest go first.
    pub tail_bytes_max: usize,
    /// The longest a fetch is parked, whatever it asks for.
    pub fetch_wait_max: Duration,
    /// `log.retention.check.interval.ms`: how often old segments and those worth compacting are looked for.
    pub retention_check_interval: Duration,
    /// Free space below which the broker does not start, in bytes.
    pub free_bytes_min: u64,
}

impl Default for BrokerConfig {
    fn default() -> Self {
        Self {
            sync: SyncPolicy::default(),
            auto_create_topics: true,
            default_partitions: 1,
            clamp_replication_factor: true,
            topics_max: 10_000,
            partitions_max: 20_000,
            fetch_bytes_max: 55 * 1024 * 1024,
            tail_bytes_max: 64 * 1024 * 1024,
            fetch_wait_max: Duration::from_secs(60),
            retention_check_interval: Duration::from_secs(300),
            free_bytes_min: 64 * 1024 * 1024,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("fsync", Some(SyncPolicy::Fsync))]
    #[case("os", Some(SyncPolicy::Os))]
    #[case("interval:100", Some(SyncPolicy::Interval(Duration::from_millis(100))))]
    #[case("interval:0", None)]
    #[case("interval:-1", None)]
    #[case("interval:99999999999", None)]
    #[case("never", None)]
    #[case("", None)]
    fn sync_policies_parse(#[case] text: &str, #[case] expected: Option<SyncPolicy>) {
        let parsed = text.parse::<SyncPolicy>();
        assert_eq!(parsed.as_ref().ok(), expected.as_ref());
        match parsed {
            Ok(policy) => assert_eq!(policy.to_string(), text),
            Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidConfig),
        }
    }
}

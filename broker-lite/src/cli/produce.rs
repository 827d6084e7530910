//! `broker-lite produce`: each line of stdin becomes a record, with the flags of `kafka-console-producer`.

use std::io::{self, BufRead as _};
use std::time::Duration;

use clap::Args;
use streams_core::client::Producer;
use streams_core::config::ProducerConfig;
use streams_core::time::SystemClock;
use streams_core::{Error, ErrorKind, Headers, Result, ResultExt as _, Timestamp, TopicPartition};

use super::connect::{self, Connect, Property};

/// The properties of the reader of lines.
const PROPERTIES: &[&str] = &["parse.key", "key.separator", "null.marker", "ignore.error"];

/// How long the last records may take.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(120);
/// How long the topic may take to show up.
const METADATA_TIMEOUT: Duration = Duration::from_secs(60);
/// How long one wait for the broker lasts.
const WAIT: Duration = Duration::from_millis(100);

/// The arguments of `produce`.
#[derive(Debug, Args)]
pub(super) struct Produce {
    #[command(flatten)]
    connect: Connect,
    /// The topic to write to.
    #[arg(long, value_name = "NAME")]
    topic: String,
    /// How lines are read: parse.key=true, key.separator=:, null.marker=TEXT.
    #[arg(long = "property", visible_alias = "reader-property", value_name = "NAME=VALUE")]
    properties: Vec<Property>,
    /// A setting of the producer, under Kafka's name.
    #[arg(long = "producer-property", visible_alias = "command-property", value_name = "NAME=VALUE")]
    producer_properties: Vec<Property>,
    /// How to compress: none, gzip, snappy, lz4 or zstd.
    #[arg(long, value_name = "CODEC", default_value = "none")]
    compression_codec: String,
}

/// How a line becomes a record.
struct Lines {
    parses_key: bool,
    key_separator: String,
    null_marker: Option<String>,
    ignores_errors: bool,
}

impl Produce {
    pub(super) fn run(self) -> Result<()> {
        connect::check_known(&self.properties, PROPERTIES)?;
        let lines = Lines {
            parses_key: connect::flag(&self.properties, "parse.key", false),
            key_separator: connect::separator(connect::property(&self.properties, "key.separator").unwrap_or("\t")),
            null_marker: connect::property(&self.properties, "null.marker").map(str::to_owned),
            ignores_errors: connect::flag(&self.properties, "ignore.error", false),
        };
        let mut settings = self.connect.settings(&self.producer_properties);
        settings.push(("compression.type", &self.compression_codec));
        let config = ProducerConfig::from_settings(settings)?;
        let transport = Connect::transport(&config.client)?;
        let mut producer = Producer::new(config, transport, connect::seed())?;
        for (line, number) in io::stdin().lock().split(b'\n').zip(1_u64..) {
            let mut line = line.context(|| "read stdin".to_owned())?;
            if line.last() == Some(&b'\r') {
                line.pop();
            }
            let (key, value) = lines.split(&line, number)?;
            send(&mut producer, &self.topic, key, value)?;
        }
        producer.flush(&SystemClock, FLUSH_TIMEOUT)
    }
}

type KeyAndValue<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

impl Lines {
    fn split<'a>(&self, line: &'a [u8], number: u64) -> Result<KeyAndValue<'a>> {
        let separator = self.key_separator.as_bytes();
        if !self.parses_key || separator.is_empty() {
            return Ok((None, self.value(line)));
        }
        match line.windows(separator.len()).position(|window| window == separator) {
            Some(at) => Ok((self.value(&line[..at]), self.value(&line[at + separator.len()..]))),
            None if self.ignores_errors => Ok((None, self.value(line))),
            None => Err(Error::new(
                ErrorKind::Serialization,
                format!(
                    "no key separator {:?} on line {number}: set --property key.separator, or ignore.error=true",
                    self.key_separator
                ),
            )),
        }
    }

    fn value<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        (self.null_marker.as_deref().map(str::as_bytes) != Some(bytes)).then_some(bytes)
    }
}

fn send(producer: &mut Producer, topic: &str, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<()> {
    let deadline = connect::now() + METADATA_TIMEOUT;
    let partition = loop {
        if let Some(partition) = producer.partition_for(topic, key, value) {
            break partition;
        }
        let now: Timestamp = connect::now();
        if now >= deadline {
            let message = format!("no broker names the partitions of topic `{}`", crate::text::escape(topic));
            return Err(Error::new(ErrorKind::Retriable, message));
        }
        producer.poll(now, WAIT)?;
        producer.flushed()?;
    };
    while producer.is_full() {
        producer.poll(connect::now(), WAIT)?;
    }
    let partition = TopicPartition::new(topic, partition.0);
    producer.send(&partition, key, value, connect::now(), Headers::none())?;
    producer.poll(connect::now(), Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case("a:b", true, Some(("a", Some("b"))))]
    #[case("a:b:c", true, Some(("a", Some("b:c"))))]
    #[case("a:NULL", true, Some(("a", None)))]
    #[case("ab", true, None)]
    fn lines_are_split_at_the_separator(
        #[case] line: &str,
        #[case] parses_key: bool,
        #[case] expected: Option<(&str, Option<&str>)>,
    ) {
        let lines = Lines {
            parses_key,
            key_separator: ":".to_owned(),
            null_marker: Some("NULL".to_owned()),
            ignores_errors: false,
        };
        match (lines.split(line.as_bytes(), 7), expected) {
            (Ok((key, value)), Some((wanted, wanted_value))) => {
                assert_eq!((key, value), (Some(wanted.as_bytes()), wanted_value.map(str::as_bytes)));
            }
            (Err(error), None) => assert!(error.to_string().contains("line 7"), "{error}"),
            (got, expected) => panic!("{got:?} is not {expected:?}"),
        }
    }
}

//! `broker-lite consume`: prints the records of a topic, with the flags of `kafka-console-consumer`.

use std::io::{self, Write};
use std::time::Duration;

use clap::Args;
use streams_core::client::consumer::ConsumerRecord;
use streams_core::client::Consumer;
use streams_core::config::ConsumerConfig;
use streams_core::{Error, ErrorKind, Offset, Result, ResultExt as _, TopicPartition};

use super::connect::{self, Connect, Property};

/// The properties of the printer of records.
const PROPERTIES: &[&str] = &[
    "print.key",
    "print.value",
    "print.timestamp",
    "print.offset",
    "print.partition",
    "print.headers",
    "key.separator",
    "line.separator",
    "headers.separator",
    "null.literal",
];

/// How long one wait for records lasts.
const WAIT: Duration = Duration::from_millis(500);

/// The arguments of `consume`.
#[derive(Debug, Args)]
pub(super) struct Consume {
    #[command(flatten)]
    connect: Connect,
    /// The topic to read.
    #[arg(long, value_name = "NAME")]
    topic: String,
    /// Begin with the first record instead of the next one.
    #[arg(long)]
    from_beginning: bool,
    /// Read only this partition.
    #[arg(long, value_name = "N")]
    partition: Option<i32>,
    /// Where to begin in the partition: a number, earliest or latest.
    #[arg(long, value_name = "OFFSET", requires = "partition", conflicts_with = "from_beginning")]
    offset: Option<String>,
    /// Stop after so many records.
    #[arg(long, value_name = "N")]
    max_messages: Option<u64>,
    /// Stop when no record came for so long.
    #[arg(long, value_name = "MS")]
    timeout_ms: Option<u64>,
    /// Which records of transactions to read: read_uncommitted or read_committed.
    #[arg(long, value_name = "LEVEL", default_value = "read_uncommitted")]
    isolation_level: String,
    /// What is printed: print.key=true, print.offset=true, key.separator=:, null.literal=TEXT and so on.
    #[arg(long = "property", visible_alias = "formatter-property", value_name = "NAME=VALUE")]
    properties: Vec<Property>,
    /// A setting of the consumer, under Kafka's name.
    #[arg(long = "consumer-property", visible_alias = "command-property", value_name = "NAME=VALUE")]
    consumer_properties: Vec<Property>,
}

impl Consume {
    pub(super) fn run(self) -> Result<()> {
        connect::check_known(&self.properties, PROPERTIES)?;
        let printer = Printer::new(&self.properties);
        let partitions = self.partitions()?;
        let mut settings = self.connect.settings(&self.consumer_properties);
        settings.push(("isolation.level", &self.isolation_level));
        let config = ConsumerConfig::from_settings(settings)?;
        let transport = Connect::transport(&config.client)?;
        let mut consumer = Consumer::new(config, transport, connect::seed())?;
        consumer.assign(&partitions);
        for partition in &partitions {
            self.seek(&mut consumer, partition)?;
        }
        self.print(&mut consumer, &printer)
    }

    fn partitions(&self) -> Result<Vec<TopicPartition>> {
        let mut count = 0;
        for (_, outcome) in self.connect.admin()?.describe_topics(&[&self.topic])? {
            count = outcome?.partitions;
        }
        let all = (0..count).map(|index| TopicPartition::new(self.topic.as_str(), index));
        let wanted: Vec<_> =
            all.filter(|found| self.partition.is_none_or(|index| index == found.partition.0)).collect();
        if wanted.is_empty() {
            let message =
                format!("topic `{}` has {count} partitions, numbered from 0", crate::text::escape(&self.topic));
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        Ok(wanted)
    }

    fn seek(&self, consumer: &mut Consumer, partition: &TopicPartition) -> Result<()> {
        match self.offset.as_deref() {
            None if self.from_beginning => consumer.seek_to_beginning(partition),
            None | Some("latest") => consumer.seek_to_end(partition),
            Some("earliest") => consumer.seek_to_beginning(partition),
            Some(offset) => {
                let offset = offset.parse::<u32>().map(i64::from).or_else(|_| offset.parse::<i64>());
                let offset = offset.ok().filter(|offset| *offset >= 0).ok_or_else(|| {
                    let message = "--offset takes a number from 0 on, earliest or latest";
                    Error::new(ErrorKind::InvalidConfig, message)
                })?;
                consumer.seek(partition, Offset(offset))
            }
        }
    }

    fn print(&self, consumer: &mut Consumer, printer: &Printer) -> Result<()> {
        let mut stdout = io::BufWriter::new(io::stdout().lock());
        let mut left = self.max_messages.unwrap_or(u64::MAX);
        let timeout = self.timeout_ms.map(Duration::from_millis);
        let mut last_record = connect::now();
        let write_failed = || "write to stdout".to_owned();
        while left > 0 {
            let now = connect::now();
            let patience = timeout.map_or(WAIT, |timeout| timeout.saturating_sub(now - last_record));
            if patience.is_zero() {
                break;
            }
            let records = consumer.poll_records(now, patience.min(WAIT))?;
            if !records.is_empty() {
                last_record = connect::now();
            }
            for record in records.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
                printer.print(record, &mut stdout).context(write_failed)?;
                left -= 1;
            }
            stdout.flush().context(write_failed)?;
        }
        Ok(())
    }
}

/// How a record is printed: the fields asked for in Kafka's order, with a separator between.
struct Printer {
    timestamp: bool,
    partition: bool,
    offset: bool,
    headers: bool,
    key: bool,
    value: bool,
    separator: String,
    line_separator: String,
    headers_separator: String,
    null: String,
}

impl Printer {
    fn new(properties: &[Property]) -> Self {
        let flag = |name, default| connect::flag(properties, name, default);
        let text = |name, default| connect::separator(connect::property(properties, name).unwrap_or(default));
        Self {
            timestamp: flag("print.timestamp", false),
            partition: flag("print.partition", false),
            offset: flag("print.offset", false),
            headers: flag("print.headers", false),
            key: flag("print.key", false),
            value: flag("print.value", true),
            separator: text("key.separator", "\t"),
            line_separator: text("line.separator", "\n"),
            headers_separator: text("headers.separator", ","),
            null: text("null.literal", "null"),
        }
    }

    fn print(&self, record: &ConsumerRecord, out: &mut impl Write) -> io::Result<()> {
        let mut fields: Vec<Vec<u8>> = Vec::new();
        if self.timestamp {
            fields.push(format!("CreateTime:{}", record.timestamp).into_bytes());
        }
        if self.partition {
            fields.push(format!("Partition:{}", record.partition.partition).into_bytes());
        }
        if self.offset {
            fields.push(format!("Offset:{}", record.offset).into_bytes());
        }
        if self.headers {
            fields.push(self.headers_of(record));
        }
        if self.key {
            fields.push(self.or_null(record.key.as_deref()));
        }
        if self.value {
            fields.push(self.or_null(record.value.as_deref()));
        }
        out.write_all(&fields.join(self.separator.as_bytes()))?;
        out.write_all(self.line_separator.as_bytes())
    }

    fn headers_of(&self, record: &ConsumerRecord) -> Vec<u8> {
        if record.headers.is_empty() {
            return b"NO_HEADERS".to_vec();
        }
        let header = |header: &streams_core::Header| {
            let value = self.or_null(header.value.as_deref());
            [header.key.as_bytes(), b":", &value].concat()
        };
        record.headers.iter().map(header).collect::<Vec<_>>().join(self.headers_separator.as_bytes())
    }

    fn or_null(&self, bytes: Option<&[u8]>) -> Vec<u8> {
        bytes.unwrap_or(self.null.as_bytes()).to_vec()
    }
}

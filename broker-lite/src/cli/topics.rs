//! `broker-lite topics`: with the flags of `kafka-topics`.

use clap::Args;
use streams_core::client::admin::{Admin, NewTopic, OffsetSpec, TopicConfigs, TopicDescription};
use streams_core::error::escaped;
use streams_core::protocol::ErrorCode;
use streams_core::{Result, TopicPartition};

use super::connect::{Connect, Property};
use super::output;
use crate::data_dir::base64_id;

/// The arguments of `topics`.
#[derive(Debug, Args)]
pub(super) struct Topics {
    #[command(flatten)]
    connect: Connect,
    #[command(flatten)]
    action: Action,
    /// The topic.
    #[arg(long, value_name = "NAME", required_if_eq_any([("create", "true"), ("delete", "true")]))]
    topic: Option<String>,
    /// How many partitions to create; -1 takes the broker's default.
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true)]
    partitions: i32,
    /// How many replicas to ask for; -1 takes the broker's default.
    #[arg(long, value_name = "N", default_value_t = -1, allow_negative_numbers = true)]
    replication_factor: i16,
    /// A config of the topic to create; can be given several times.
    #[arg(long, value_name = "NAME=VALUE")]
    config: Vec<Property>,
    /// Do not fail when the topic to create exists.
    #[arg(long, requires = "create")]
    if_not_exists: bool,
    /// Do not fail when the topic to delete or describe does not exist.
    #[arg(long)]
    if_exists: bool,
    /// Leave out topics that the broker made for itself.
    #[arg(long)]
    exclude_internal: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Action {
    /// Create the topic.
    #[arg(long)]
    create: bool,
    /// Print the names of all topics.
    #[arg(long)]
    list: bool,
    /// Print partitions, configs and offsets of the topic, or of all.
    #[arg(long)]
    describe: bool,
    /// Delete the topic and its records.
    #[arg(long)]
    delete: bool,
}

impl Topics {
    pub(super) fn run(self) -> Result<()> {
        let mut admin = self.connect.admin()?;
        match (&self.action, &self.topic) {
            (Action { create: true, .. }, Some(topic)) => self.create(&mut admin, topic),
            (Action { delete: true, .. }, Some(topic)) => self.delete(&mut admin, topic),
            (Action { describe: true, .. }, _) => self.describe(&mut admin),
            _ => self.list(&mut admin),
        }
    }

    fn create(&self, admin: &mut Admin, topic: &str) -> Result<()> {
        let mut new = NewTopic::new(topic, self.partitions);
        new.replication_factor = self.replication_factor;
        for config in &self.config {
            new = new.with_config(&config.name, &config.value);
        }
        for (name, outcome) in admin.create_topics(&[new])? {
            match outcome {
                Ok(_) => output::line(&format!("Created topic {}.", escaped(&name)))?,
                Err(refusal) if self.if_not_exists && refusal.code == ErrorCode::TOPIC_ALREADY_EXISTS => {}
                Err(refusal) => return Err(refusal.into()),
            }
        }
        Ok(())
    }

    fn delete(&self, admin: &mut Admin, topic: &str) -> Result<()> {
        for (_, outcome) in admin.delete_topics(&[topic])? {
            match outcome {
                Err(refusal) if self.if_exists && refusal.code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {}
                outcome => outcome?,
            }
        }
        Ok(())
    }

    fn list(&self, admin: &mut Admin) -> Result<()> {
        let topics = admin.list_topics()?;
        let shown = topics.iter().filter(|topic| !(self.exclude_internal && topic.is_internal));
        shown.into_iter().try_for_each(|topic| output::line(&escaped(&topic.name)))
    }

    fn describe(&self, admin: &mut Admin) -> Result<()> {
        let topics = match &self.topic {
            None => admin.list_topics()?,
            Some(name) => {
                let mut found = Vec::new();
                for (_, outcome) in admin.describe_topics(&[name])? {
                    match outcome {
                        Ok(topic) => found.push(topic),
                        Err(refusal) if self.if_exists && refusal.code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {}
                        Err(refusal) => return Err(refusal.into()),
                    }
                }
                found
            }
        };
        for topic in topics.iter().filter(|topic| !(self.exclude_internal && topic.is_internal)) {
            let mut configs = admin.describe_topic_configs(&[&topic.name])?;
            let configs = configs.pop().map_or_else(|| Ok(TopicConfigs::default()), |(_, outcome)| outcome)?;
            describe_one(admin, topic, &configs)?;
        }
        Ok(())
    }
}

fn describe_one(admin: &mut Admin, topic: &TopicDescription, configs: &TopicConfigs) -> Result<()> {
    let own = configs.0.iter().filter(|(_, config)| config.is_set_on_topic);
    let own = own.map(|(name, config)| format!("{name}={}", config.value.as_deref().unwrap_or("")));
    let own = escaped(&own.collect::<Vec<_>>().join(","));
    let TopicDescription { name, partitions, .. } = topic;
    let shown = escaped(name);
    let id = base64_id(topic.topic_id);
    output::line(&format!("Topic: {shown}\tTopicId: {id}\tPartitionCount: {partitions}\tConfigs: {own}"))?;
    for index in 0..*partitions {
        let partition = TopicPartition::new(name.as_str(), index);
        let wanted = [(partition.clone(), OffsetSpec::Earliest)];
        let earliest = admin.list_offsets(&wanted)?;
        let latest = admin.list_offsets(&[(partition, OffsetSpec::Latest)])?;
        let offset = |found: Vec<(TopicPartition, Result<_, _>)>| {
            found.into_iter().find_map(|(_, outcome)| outcome.ok()).unwrap_or(streams_core::Offset(-1))
        };
        let (earliest, latest) = (offset(earliest), offset(latest));
        output::line(&format!("\tTopic: {shown}\tPartition: {index}\tEarliest: {earliest}\tLatest: {latest}"))?;
    }
    Ok(())
}

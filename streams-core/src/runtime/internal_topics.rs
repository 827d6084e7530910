//! The topics that an application makes for itself: which there must be, and making or checking them at the broker.
//!
//! | topic | name | cleanup.policy | and |
//! |---|---|---|---|
//! | repartition | `<application.id>-<name>` | `delete` | `retention.ms=-1`, `segment.bytes=52428800`; purged after commits |
//! | changelog | `<application.id>-<store>-changelog` | `compact` | |
//! | changelog of windows | the same | `compact,delete` | `retention.ms` = the store's and an addition |
//!
//! Settings under `topic.` win over these, and the configs given to a store win over both. A topic that exists is never
//! changed: one that does not fit is an error, because records in other partitions, or records that are deleted too
//! early, are lost state.

use std::collections::BTreeMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::client::admin::{Admin, NewTopic, TopicConfigs};
use crate::config::StreamsConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::ErrorCode;
use crate::runtime::assignment::full_name;
use crate::runtime::partitions::{inputs, PartitionCounts};
use crate::time::duration_ms;
use crate::topology::{NodeKind, Topology};

/// Kafka Streams' segment size of repartition topics: small, so that purged records free their space soon.
const REPARTITION_SEGMENT_BYTES: &str = "52428800";
/// Somebody else can make a topic between our looking and our making; more than this is no accident.
const ATTEMPTS_MAX: usize = 5;

/// The name of a store's changelog.
pub(crate) fn changelog_topic(application_id: &str, store: &str) -> String {
    format!("{application_id}-{store}-changelog")
}

/// A topic that there must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) name: String,
    pub(crate) partitions: i32,
    pub(crate) configs: BTreeMap<String, String>,
    /// What `retention.ms` must at least be where records are deleted by time.
    retention_min_ms: Option<i64>,
}

/// The internal topics of an application.
pub(crate) fn wanted(topology: &Topology, config: &StreamsConfig, counts: &PartitionCounts) -> Vec<Wanted> {
    let mut topics = Vec::new();
    for topic in topology.internal_topics() {
        let mut configs = BTreeMap::from([
            ("cleanup.policy".to_owned(), "delete".to_owned()),
            ("message.timestamp.type".to_owned(), "CreateTime".to_owned()),
            ("retention.ms".to_owned(), "-1".to_owned()),
            ("segment.bytes".to_owned(), REPARTITION_SEGMENT_BYTES.to_owned()),
        ]);
        configs.extend(config.topic.clone());
        topics.push(Wanted {
            name: full_name(topology, &config.application_id, &topic.name).to_string(),
            partitions: partitions(counts.of(&topic.name)),
            configs,
            retention_min_ms: None,
        });
    }
    let additional = config.runtime.windowstore_changelog_additional_retention;
    for part in topology.subtopologies() {
        for store in &part.stores {
            let spec = topology.store(store);
            let Some((spec, changelog)) = spec.and_then(|spec| Some((spec, spec.changelog()?))) else { continue };
            let mut configs = changelog.topic_configs(additional);
            configs.extend(config.topic.clone());
            configs.extend(changelog.overrides().clone());
            topics.push(Wanted {
                name: changelog_topic(&config.application_id, spec.name()),
                partitions: partitions(Some(counts.of_subtopology(part))),
                configs,
                retention_min_ms: changelog.retention().map(duration_ms),
            });
        }
    }
    topics
}

fn partitions(count: Option<u32>) -> i32 {
    i32::try_from(count.unwrap_or(1).max(1)).unwrap_or(i32::MAX)
}

/// What was found or made.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// How many partitions there are.
    pub(crate) counts: PartitionCounts,
    /// The ids of all topics that the application reads or keeps its state in, by full name; zero where the broker has
    /// none.
    pub(crate) ids: TopicIds,
}

/// Ids of topics by full name.
pub(crate) type TopicIds = BTreeMap<Arc<str>, Uuid>;

/// Looks at the source topics, decides about partitions, and makes or checks the internal topics.
///
/// # Errors
/// [`ErrorKind::InvalidTopology`] when source topics are missing or topics do not fit the topology;
/// [`ErrorKind::Retriable`] when no broker answers.
pub(crate) fn prepare(topology: &Topology, config: &StreamsConfig, admin: &mut Admin) -> Result<Prepared> {
    let internal = |topic: &&Arc<str>| topology.is_internal_topic(topic);
    let sources = topology.subtopologies().iter().flat_map(inputs).filter(|topic| !internal(topic));
    let mut ids = TopicIds::new();
    let existing = partition_counts(admin, &sources.map(|topic| &**topic).collect::<Vec<_>>(), &mut ids)?;
    let counts = PartitionCounts::resolve(topology, &existing)?;
    let wanted = wanted(topology, config, &counts);
    refuse_own_topics(topology, &wanted)?;
    ensure(admin, &wanted, config.runtime.replication_factor, &mut ids)?;
    Ok(Prepared { counts, ids })
}

/// Refuses sources and sinks that name a topic in which the application keeps its own state: what users write there would
/// become rows of a store.
fn refuse_own_topics(topology: &Topology, wanted: &[Wanted]) -> Result<()> {
    for node in topology.nodes() {
        let named: Vec<&Arc<str>> = match &node.kind {
            NodeKind::Source { topics, .. } => topics.iter().collect(),
            NodeKind::Sink { topic: Some(topic) } => vec![topic],
            NodeKind::Sink { topic: None } | NodeKind::Processor => continue,
        };
        // Internal topics carry no prefix in the topology, so a full name there is one that the user wrote.
        if let Some(own) = named.iter().find(|topic| wanted.iter().any(|own| *own.name == ****topic)) {
            let message = format!(
                "node {} names topic {own}, which the application makes for itself: read or write a topic of your own, \
                 or use the table's stream",
                node.name
            );
            return Err(Error::new(ErrorKind::InvalidTopology, message));
        }
    }
    Ok(())
}

/// The partition counts of those topics that exist. Their ids are noted.
fn partition_counts(admin: &mut Admin, names: &[&str], ids: &mut TopicIds) -> Result<BTreeMap<Arc<str>, u32>> {
    let mut counts = BTreeMap::new();
    if names.is_empty() {
        return Ok(counts);
    }
    let described = admin.describe_topics(names).map_err(|error| error.context("look at the application's topics"))?;
    for (name, outcome) in described {
        match outcome {
            Ok(topic) => {
                ids.insert(Arc::from(name.as_str()), topic.topic_id);
                counts.insert(Arc::from(name), u32::try_from(topic.partitions).unwrap_or(0));
            }
            Err(refusal) if refusal.code == ErrorCode::UNKNOWN_TOPIC_OR_PARTITION => {}
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Ok(counts)
}

/// Makes the topics that are missing and checks the others.
fn ensure(admin: &mut Admin, wanted: &[Wanted], replication_factor: i16, ids: &mut TopicIds) -> Result<()> {
    let mut wanted: Vec<&Wanted> = wanted.iter().collect();
    for _ in 0..ATTEMPTS_MAX {
        let existing = partition_counts(admin, &names(&wanted), ids)?;
        let (there, missing): (Vec<_>, Vec<_>) =
            wanted.into_iter().partition(|topic| existing.contains_key(topic.name.as_str()));
        for topic in &there {
            check_partitions(topic, existing[topic.name.as_str()])?;
        }
        check_configs(admin, &there)?;
        wanted = create(admin, missing, replication_factor, ids)?;
        if wanted.is_empty() {
            return Ok(());
        }
    }
    let message = format!("topics {} come and go: something else makes and deletes them", names(&wanted).join(", "));
    Err(Error::new(ErrorKind::Retriable, message))
}

fn names<'a>(wanted: &[&'a Wanted]) -> Vec<&'a str> {
    wanted.iter().map(|topic| topic.name.as_str()).collect()
}

/// Makes topics; answers those that somebody else made meanwhile.
fn create<'a>(
    admin: &mut Admin,
    missing: Vec<&'a Wanted>,
    replication_factor: i16,
    ids: &mut TopicIds,
) -> Result<Vec<&'a Wanted>> {
    if missing.is_empty() {
        return Ok(missing);
    }
    let new = |topic: &&Wanted| NewTopic {
        name: topic.name.clone(),
        num_partitions: topic.partitions,
        replication_factor,
        configs: topic.configs.clone(),
    };
    let topics: Vec<NewTopic> = missing.iter().map(new).collect();
    let outcomes =
        admin.create_topics(&topics).map_err(|error| error.context("make the application's internal topics"))?;
    let mut again = Vec::new();
    for (name, outcome) in outcomes {
        match outcome {
            Ok(id) => {
                tracing::info!(topic = %name, "made an internal topic");
                ids.insert(Arc::from(name), id);
            }
            Err(refusal) if refusal.code == ErrorCode::TOPIC_ALREADY_EXISTS => again.push(name),
            Err(refusal) if refusal.code == ErrorCode::INVALID_REPLICATION_FACTOR => {
                let message = format!("setting `replication.factor` is {replication_factor}: {refusal}");
                return Err(Error::new(ErrorKind::InvalidConfig, message));
            }
            Err(refusal) => return Err(refusal.into()),
        }
    }
    Ok(missing.into_iter().filter(|topic| again.contains(&topic.name)).collect())
}

fn check_partitions(wanted: &Wanted, actual: u32) -> Result<()> {
    if i64::from(actual) == i64::from(wanted.partitions) {
        return Ok(());
    }
    let message = format!(
        "existing internal topic {} has invalid partitions: expected: {}; actual: {actual}; the input's partitions or \
         the topology changed: reset the application, or give it another application.id",
        wanted.name, wanted.partitions
    );
    Err(Error::new(ErrorKind::InvalidTopology, message))
}

fn check_configs(admin: &mut Admin, there: &[&Wanted]) -> Result<()> {
    if there.is_empty() {
        return Ok(());
    }
    for (name, outcome) in admin.describe_topic_configs(&names(there))? {
        let actual = match outcome {
            Ok(actual) => actual,
            // Not every principal may look; what cannot be seen is not refused.
            Err(refusal) => {
                tracing::warn!(topic = %name, "cannot check an internal topic: {refusal}");
                continue;
            }
        };
        if let Some(wanted) = there.iter().find(|topic| topic.name == name) {
            check_config(wanted, &actual)?;
        }
    }
    Ok(())
}

fn check_config(wanted: &Wanted, actual: &TopicConfigs) -> Result<()> {
    let value = |key: &str| actual.0.get(key).and_then(|config| config.value.as_deref());
    let Some(policy) = value("cleanup.policy") else { return Ok(()) };
    let needed = wanted.configs.get("cleanup.policy").map_or("delete", String::as_str);
    let deletes = policies(policy).contains(&"delete");
    let compacts = policies(policy).contains(&"compact");
    // A changelog of windows may do without either policy, but a topic that must keep records may not delete, and one
    // whose keys mean nothing may not compact.
    let wrong = match (policies(needed).contains(&"compact"), policies(needed).contains(&"delete")) {
        (true, false) => deletes,
        (false, true) => compacts,
        _ => false,
    };
    if wrong {
        return Err(wrong_config(wanted, "cleanup.policy", policy, needed));
    }
    let retention = value("retention.ms").and_then(|text| text.parse::<i64>().ok());
    if let (true, Some(least), Some(actual)) = (deletes, wanted.retention_min_ms, retention) {
        if actual >= 0 && actual < least {
            return Err(wrong_config(wanted, "retention.ms", &actual.to_string(), &format!("at least {least}")));
        }
    }
    Ok(())
}

fn policies(policy: &str) -> Vec<&str> {
    policy.split(',').map(str::trim).collect()
}

#[cold]
fn wrong_config(wanted: &Wanted, key: &str, actual: &str, needed: &str) -> Error {
    let message = format!(
        "existing internal topic {} has {key}={actual}, and needs {needed}: records would be lost; set it with Kafka's \
         tools, or reset the application",
        wanted.name
    );
    Error::new(ErrorKind::InvalidTopology, message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::client::admin::TopicConfig;
    use crate::state::Stores;
    use crate::testing::support::add_processor;
    use crate::topology::{InternalTopic, SinkOptions, SourceOptions, TopologyBuilder};

    /// A word on a topic's settings, `name=value` each, in order.
    fn told(configs: &BTreeMap<String, String>) -> String {
        let told: Vec<String> = configs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        told.join(" ")
    }

    #[test]
    fn settings_of_internal_topics_and_who_wins() {
        let mut builder = TopologyBuilder::new();
        let source = builder.add_source::<String, String>("source", &["in"], SourceOptions::default()).expect("is new");
        let topic = InternalTopic { name: "by-name".into(), partitions: None };
        builder.add_internal_topic(topic).expect("is new");
        builder.add_sink::<String, String>("sink", "by-name", SinkOptions::default(), &[source]).expect("is new");
        let again = SourceOptions::<String, String>::default();
        let repartitioned = builder.add_source("repartitioned", &["by-name"], again).expect("is new");
        let node = add_processor::<String, String>(&mut builder, "node", &[repartitioned], |_, _| Ok(()));
        let node = node.expect("is new");
        let hour = Duration::from_secs(3_600);
        let own = BTreeMap::from([("segment.bytes".to_owned(), "7".to_owned())]);
        let rows = Stores::in_memory_key_value::<String, String>("rows").with_logging_enabled(own).build();
        let windows = Stores::in_memory_window::<String, String>("windows", hour, hour).build();
        for spec in [rows, windows] {
            let name = spec.name().to_owned();
            builder.add_store(Arc::new(spec)).expect("is new");
            builder.connect(node, &name).expect("is there");
        }
        let topology = builder.build().expect("is valid");
        let settings = [("application.id", "app"), ("topic.segment.bytes", "9"), ("topic.segment.ms", "5")];
        let config = StreamsConfig::from_settings(settings).expect("is valid");
        let existing = BTreeMap::from([(Arc::from("in"), 3)]);
        let counts = PartitionCounts::resolve(&topology, &existing).expect("fits");
        let wanted = wanted(&topology, &config, &counts);
        let told: Vec<String> = wanted
            .iter()
            .map(|topic| format!("{} {}: {}", topic.name, topic.partitions, told(&topic.configs)))
            .collect();
        let common = "message.timestamp.type=CreateTime";
        assert_eq!(
            told,
            [
                format!("app-by-name 3: cleanup.policy=delete {common} retention.ms=-1 segment.bytes=9 segment.ms=5"),
                format!("app-rows-changelog 3: cleanup.policy=compact {common} segment.bytes=7 segment.ms=5"),
                format!(
                    "app-windows-changelog 3: cleanup.policy=compact,delete {common} retention.ms=90000000 \
                     segment.bytes=9 segment.ms=5"
                ),
            ]
        );
    }

    fn check(needed: &str, retention_min_ms: Option<i64>, policy: &str, retention_ms: &str) -> Result<()> {
        let configs = BTreeMap::from([("cleanup.policy".to_owned(), needed.to_owned())]);
        let wanted = Wanted { name: "t".to_owned(), partitions: 1, configs, retention_min_ms };
        let config = |value: &str| TopicConfig { value: Some(value.to_owned()), is_set_on_topic: true };
        let actual = [("cleanup.policy", policy), ("retention.ms", retention_ms)];
        let actual = actual.map(|(name, value)| (name.to_owned(), config(value)));
        check_config(&wanted, &TopicConfigs(BTreeMap::from(actual)))
    }

    /// Row B50.
    #[rstest]
    #[case::changelog("compact", None, "compact", "5", None)]
    #[case::changelog_that_deletes(
        "compact",
        None,
        "compact, delete",
        "-1",
        Some("cleanup.policy=compact, delete, and needs compact")
    )]
    #[case::repartition("delete", None, "delete", "5", None)]
    #[case::repartition_that_compacts(
        "delete",
        None,
        "compact",
        "-1",
        Some("cleanup.policy=compact, and needs delete")
    )]
    #[case::windows("compact,delete", Some(100), "compact,delete", "100", None)]
    #[case::windows_kept_for_ever("compact,delete", Some(100), "compact,delete", "-1", None)]
    #[case::windows_that_only_compact("compact,delete", Some(100), "compact", "5", None)]
    #[case::windows_deleted_too_early(
        "compact,delete",
        Some(100),
        "delete",
        "99",
        Some("retention.ms=99, and needs at least 100")
    )]
    fn a_topic_that_exists_fits_or_is_refused(
        #[case] needed: &str,
        #[case] retention_min_ms: Option<i64>,
        #[case] policy: &str,
        #[case] retention_ms: &str,
        #[case] refusal: Option<&str>,
    ) {
        match (check(needed, retention_min_ms, policy, retention_ms), refusal) {
            (Ok(()), None) => {}
            (Err(error), Some(refusal)) => {
                assert_eq!(error.kind().exit_code(), 2);
                assert!(
                    error.to_string().starts_with(&format!("existing internal topic t has {refusal}: ")),
                    "{error}"
                );
            }
            (outcome, expected) => panic!("{outcome:?}, expected {expected:?}"),
        }
    }
}

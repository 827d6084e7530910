//! DescribeConfigs of topics and of the broker.

use broker_lite::Broker;
use streams_core::protocol::messages::configs::{
    DescribeConfigsRequest, DescribeConfigsResource, DescribeConfigsResourceResult, DescribeConfigsResponse,
    DescribeConfigsResult,
};
use streams_core::protocol::messages::find_coordinator::FindCoordinatorResponse;

use crate::groups::{coordinator_request, is_found};
use crate::support::Wire;
use crate::talk::Talk;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

/// What is set on the topic, in the numbers of the protocol.
const SOURCE_TOPIC: i8 = 1;

/// The configs of a broker that mean something here.
#[rustfmt::skip]
const OF_BROKERS: &[&str] = &[
    "auto.create.topics.enable", "broker.id", "compression.gzip.level", "compression.lz4.level", "compression.type",
    "compression.zstd.level", "default.replication.factor", "delete.topic.enable", "fetch.max.bytes",
    "log.cleaner.delete.retention.ms", "log.cleaner.enable", "log.cleaner.max.compaction.lag.ms",
    "log.cleaner.min.cleanable.ratio", "log.cleaner.min.compaction.lag.ms", "log.cleanup.policy",
    "log.flush.interval.messages", "log.flush.interval.ms", "log.index.interval.bytes", "log.index.size.max.bytes",
    "log.local.retention.bytes", "log.local.retention.ms", "log.message.timestamp.after.max.ms",
    "log.message.timestamp.before.max.ms", "log.message.timestamp.type", "log.preallocate", "log.retention.bytes",
    "log.retention.check.interval.ms", "log.retention.hours", "log.retention.minutes", "log.retention.ms",
    "log.roll.hours", "log.roll.jitter.hours", "log.roll.jitter.ms", "log.roll.ms", "log.segment.bytes",
    "log.segment.delete.delay.ms", "max.incremental.fetch.session.cache.slots", "message.max.bytes",
    "min.insync.replicas", "node.id", "num.partitions", "offset.metadata.max.bytes", "offsets.topic.num.partitions",
    "offsets.topic.replication.factor", "process.roles", "producer.id.expiration.ms",
    "security.inter.broker.protocol", "unclean.leader.election.enable",
];

/// Those with a value of each broker's own: the rest of what is said of them is compared.
const OWN_OF_BROKERS: &[&str] = &[
    "advertised.listeners",
    "listener.security.protocol.map",
    "listeners",
    "log.dirs",
    "offsets.retention.minutes",
    "offsets.topic.segment.bytes",
];

/// Set for all brokers while they run.
const SOURCE_DYNAMIC_DEFAULT: i8 = 3;
const SOURCE_STATIC_BROKER: i8 = 4;
const SOURCE_DEFAULT: i8 = 5;

fn resource(resource_type: i8, name: &str, keys: Option<&[&str]>) -> DescribeConfigsResource {
    DescribeConfigsResource {
        resource_type,
        resource_name: name.to_owned(),
        configuration_keys: keys.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect()),
    }
}

fn ask(
    talk: &mut Talk,
    resources: Vec<DescribeConfigsResource>,
    with_synonyms: bool,
    version: i16,
) -> Vec<DescribeConfigsResult> {
    let request = DescribeConfigsRequest { resources, include_synonyms: with_synonyms, include_documentation: false };
    let answer: DescribeConfigsResponse = talk.ask(request, version);
    answer.results
}

fn one(talk: &mut Talk, resource: DescribeConfigsResource, with_synonyms: bool) -> Vec<DescribeConfigsResourceResult> {
    let mut found = ask(talk, vec![resource], with_synonyms, 4).remove(0);
    found.configs.sort_by(|one, other| one.name.cmp(&other.name));
    // Kafka sets `min.insync.replicas` by itself, to its default.
    for config in &mut found.configs {
        config.synonyms.retain(|synonym| synonym.source != SOURCE_DYNAMIC_DEFAULT);
        if config.config_source == SOURCE_DYNAMIC_DEFAULT {
            config.config_source = SOURCE_DEFAULT;
        }
    }
    found.configs
}

pub(crate) fn of_topics(talk: &mut Talk) {
    let set = [
        ("cleanup.policy", "compact"),
        ("retention.ms", "1000"),
        ("min.insync.replicas", "1"),
        ("preallocate", "TRUE"),
    ];
    talk.create("configured", 1, &set);
    let all = one(talk, resource(TOPIC, "configured", None), true);
    talk.note("all, with synonyms", all);
    let keys = ["retention.ms", "no.such.config", "cleanup.policy", "retention.ms"];
    for version in 1..=4 {
        let mut some = ask(talk, vec![resource(TOPIC, "configured", Some(&keys))], false, version);
        some[0].configs.sort_by(|one, other| one.name.cmp(&other.name));
        talk.note(format!("some, v{version}"), some);
    }
    let none = one(talk, resource(TOPIC, "configured", Some(&[])), false);
    talk.note("none", none.iter().map(|config| &config.name));
    for (label, kind, name) in [
        ("no such topic", TOPIC, "missing"),
        ("a bad name", TOPIC, "a/b"),
        ("no name", TOPIC, ""),
        ("another broker", BROKER, "7"),
        ("no number", BROKER, "x"),
        ("a kind that does not exist", 3, "configured"),
        ("no kind", 0, "configured"),
    ] {
        let found = ask(talk, vec![resource(kind, name, Some(&["retention.ms"]))], false, 4);
        talk.note(label, found);
    }
    let twice = vec![resource(TOPIC, "configured", Some(&["retention.ms"])); 2];
    let found = ask(talk, twice, false, 4);
    talk.note("a topic twice", found);
    talk.ask_until(coordinator_request("configured", 4), 4, |answer: &FindCoordinatorResponse| is_found(answer));
    talk.wait_for("__consumer_offsets", 1);
    let mut own = one(talk, resource(TOPIC, "__consumer_offsets", None), false);
    own.retain(|config| config.config_source == SOURCE_TOPIC);
    talk.note("the topic of positions", own);
}

pub(crate) fn of_brokers(talk: &mut Talk) {
    for config in one(talk, resource(BROKER, "1", Some(OF_BROKERS)), true) {
        talk.note(config.name.clone(), [config]);
    }
    for config in one(talk, resource(BROKER, "1", Some(OWN_OF_BROKERS)), true) {
        talk.note(config.name.clone(), [(config.read_only, config.is_sensitive, config.config_type)]);
    }
    let found = ask(talk, vec![resource(BROKER, "", Some(&["num.partitions"]))], true, 4);
    talk.note("of all brokers", found);
    let found = ask(talk, vec![resource(BROKER, "1", Some(&["num.partitions", "no.such.config"]))], false, 4);
    talk.note("some", found);
}

/// Tools show where a broker is reached and where its data lies.
#[test]
fn a_broker_tells_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let wire = Wire::over(Broker::builder().data_dir(dir.path()));
    let address = wire.address();
    let mut talk = Talk::with(&address);
    let configs = one(&mut talk, resource(BROKER, "1", Some(OWN_OF_BROKERS)), true);
    let value = |name: &str| {
        let config = configs.iter().find(|config| config.name == name).unwrap();
        (config.value.clone().unwrap(), config.config_source)
    };
    let listener = (format!("PLAINTEXT://{address}"), SOURCE_STATIC_BROKER);
    assert_eq!((value("advertised.listeners"), value("listeners")), (listener.clone(), listener));
    assert_eq!(value("log.dirs"), (dir.path().to_str().unwrap().to_owned(), SOURCE_STATIC_BROKER));
}

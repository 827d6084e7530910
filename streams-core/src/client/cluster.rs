//! What a client knows of the cluster: brokers, topics with their ids, and who leads each partition.
//!
//! Only topics that somebody [wants](Cluster::want) are asked for. A leader epoch never goes back for one topic id:
//! metadata that is older than what is known is ignored, partition by partition. A topic with a new id replaces the
//! old one whole.

use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use uuid::Uuid;

use crate::client::transport::BrokerAddress;
use crate::ids::TopicPartition;
use crate::protocol::messages::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use crate::protocol::ErrorCode;

/// Who leads a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leader {
    pub(crate) node: i32,
    pub(crate) epoch: i32,
}

/// What is known of one topic.
#[derive(Debug, Clone)]
struct Topic {
    id: Uuid,
    error: ErrorCode,
    /// By partition number; none where there is no leader at the moment.
    leaders: Vec<PartitionState>,
}

#[derive(Debug, Clone, Copy)]
struct PartitionState {
    leader: Option<i32>,
    epoch: i32,
}

/// The metadata cache.
#[derive(Debug, Default)]
pub(crate) struct Cluster {
    wanted: BTreeSet<Arc<str>>,
    topics: HashMap<Arc<str>, Topic, FixedState>,
    names: HashMap<Uuid, Arc<str>, FixedState>,
    brokers: Vec<BrokerAddress>,
    controller: Option<i32>,
    version: u64,
}

impl Cluster {
    /// Asks for a topic from now on. True when that is new.
    pub(crate) fn want(&mut self, topic: &Arc<str>) -> bool {
        self.wanted.insert(Arc::clone(topic))
    }

    /// No longer asks for topics that `keep` refuses.
    pub(crate) fn retain_wanted(&mut self, keep: impl Fn(&str) -> bool) {
        self.wanted.retain(|topic| keep(topic));
    }

    /// The topics that are asked for.
    pub(crate) fn wanted(&self) -> impl Iterator<Item = &Arc<str>> {
        self.wanted.iter()
    }

    /// Whether the broker says that it has no such topic.
    pub(crate) fn is_unknown(&self, topic: &str) -> bool {
        self.topic_error(topic) == Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    }

    /// Who leads a partition, if anybody is known to.
    pub(crate) fn leader(&self, partition: &TopicPartition) -> Option<Leader> {
        let index = usize::try_from(partition.partition.0).ok()?;
        let state = self.topics.get(&partition.topic)?.leaders.get(index)?;
        Some(Leader { node: state.leader?, epoch: state.epoch })
    }

    /// How many partitions a topic has; none while that is not known.
    pub(crate) fn partition_count(&self, topic: &str) -> Option<i32> {
        let count = self.topics.get(topic)?.leaders.len();
        i32::try_from(count).ok().filter(|count| *count > 0)
    }

    /// The id of a topic; zero where the broker has none or it is not known.
    pub(crate) fn topic_id(&self, topic: &str) -> Uuid {
        self.topics.get(topic).map_or(Uuid::nil(), |topic| topic.id)
    }

    /// The name of a topic in an answer that carries a name, an id, or both.
    pub(crate) fn name_of<'a>(&'a self, name: &'a str, id: Uuid) -> Option<&'a str> {
        match name.is_empty() {
            true => self.names.get(&id).map(|name| &**name),
            false => Some(name),
        }
    }

    /// What the broker said about a topic: no error, an error, or nothing yet.
    pub(crate) fn topic_error(&self, topic: &str) -> Option<ErrorCode> {
        self.topics.get(topic).map(|topic| topic.error)
    }

    /// All brokers in order of their ids.
    pub(crate) fn brokers(&self) -> &[BrokerAddress] {
        &self.brokers
    }

    /// The broker that takes requests about topics, if it is known.
    pub(crate) fn controller(&self) -> Option<i32> {
        self.controller
    }

    /// Whether a wanted topic, or one of its leaders, is still unknown.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.wanted.iter().any(|name| match self.topics.get(name) {
            Some(topic) => topic.error.is_error() || topic.leaders.iter().any(|state| state.leader.is_none()),
            None => true,
        })
    }

    /// The question for all wanted topics.
    pub(crate) fn request(&self, allow_auto_topic_creation: bool) -> MetadataRequest {
        let topic = |name: &Arc<str>| MetadataRequestTopic { name: Some(name.to_string()), ..Default::default() };
        MetadataRequest {
            topics: Some(self.wanted.iter().map(topic).collect()),
            allow_auto_topic_creation,
            ..Default::default()
        }
    }

    /// How many answers were taken in.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Takes an answer in.
    pub(crate) fn update(&mut self, response: &MetadataResponse) {
        self.version += 1;
        self.brokers = addresses(response);
        self.controller = Some(response.controller_id).filter(|id| *id >= 0);
        for topic in &response.topics {
            self.update_topic(topic);
        }
    }

    fn update_topic(&mut self, answer: &MetadataResponseTopic) {
        let Some(name) = answer.name.as_deref() else { return };
        let name = self.wanted.get(name).map_or_else(|| Arc::from(name), Arc::clone);
        if answer.error_code.is_error() && answer.partitions.is_empty() {
            let unknown = [ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, ErrorCode::INVALID_TOPIC_EXCEPTION];
            match self.topics.get_mut(&name) {
                Some(known) if !unknown.contains(&answer.error_code) => known.error = answer.error_code,
                _ => {
                    let topic = Topic { id: Uuid::nil(), error: answer.error_code, leaders: Vec::new() };
                    self.topics.insert(name, topic);
                }
            }
            return;
        }
        let known = self.topics.get(&name).filter(|known| known.id == answer.topic_id);
        let mut leaders = known.map(|known| known.leaders.clone()).unwrap_or_default();
        let none = PartitionState { leader: None, epoch: -1 };
        leaders.resize(answer.partitions.len().max(leaders.len()), none);
        for partition in &answer.partitions {
            let index = usize::try_from(partition.partition_index).ok();
            let Some(state) = index.and_then(|index| leaders.get_mut(index)) else { continue };
            if partition.leader_epoch >= state.epoch {
                let leader = Some(partition.leader_id).filter(|id| *id >= 0 && !partition.error_code.is_error());
                *state = PartitionState { leader, epoch: partition.leader_epoch };
            }
        }
        if !answer.topic_id.is_nil() {
            self.names.insert(answer.topic_id, Arc::clone(&name));
        }
        self.topics.insert(name, Topic { id: answer.topic_id, error: answer.error_code, leaders });
    }

    /// Forgets the leader of a partition that turned out not to lead it, until metadata says more.
    pub(crate) fn forget_leader(&mut self, partition: &TopicPartition) {
        let index = usize::try_from(partition.partition.0).unwrap_or(usize::MAX);
        if let Some(state) = self.topics.get_mut(&partition.topic).and_then(|topic| topic.leaders.get_mut(index)) {
            state.leader = None;
        }
    }
}

/// The brokers of an answer; one whose port is none is left out.
fn addresses(response: &MetadataResponse) -> Vec<BrokerAddress> {
    let address = |broker: &crate::protocol::messages::metadata::MetadataResponseBroker| {
        let port = u16::try_from(broker.port).ok()?;
        Some(BrokerAddress { id: broker.node_id, host: broker.host.clone(), port })
    };
    let mut brokers = response.brokers.iter().filter_map(address).collect::<Vec<_>>();
    brokers.sort_by_key(|broker| broker.id);
    brokers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::messages::metadata::{MetadataResponseBroker, MetadataResponsePartition};

    fn answer(id: u128, leaders: &[(i32, i32)]) -> MetadataResponse {
        let partition = |(index, (leader, epoch)): (usize, &(i32, i32))| MetadataResponsePartition {
            partition_index: i32::try_from(index).expect("small"),
            leader_id: *leader,
            leader_epoch: *epoch,
            ..Default::default()
        };
        MetadataResponse {
            brokers: vec![MetadataResponseBroker { node_id: 1, host: "h".into(), port: 9092, rack: None }],
            controller_id: 1,
            topics: vec![MetadataResponseTopic {
                name: Some("t".into()),
                topic_id: Uuid::from_u128(id),
                partitions: leaders.iter().enumerate().map(partition).collect(),
                ..Default::default()
            }],
            ..Default::default()
        }
    }

    fn leader(cluster: &Cluster, partition: i32) -> Option<(i32, i32)> {
        cluster.leader(&TopicPartition::new("t", partition)).map(|leader| (leader.node, leader.epoch))
    }

    #[test]
    fn a_leader_epoch_never_goes_back_for_one_topic_id() {
        let mut cluster = Cluster::default();
        assert!(cluster.want(&Arc::from("t")));
        assert!(cluster.is_incomplete());
        cluster.update(&answer(1, &[(1, 5), (2, 5)]));
        assert_eq!((leader(&cluster, 0), leader(&cluster, 1), leader(&cluster, 2)), (Some((1, 5)), Some((2, 5)), None));
        cluster.update(&answer(1, &[(2, 4), (1, 6)]));
        assert_eq!((leader(&cluster, 0), leader(&cluster, 1)), (Some((1, 5)), Some((1, 6))));
        cluster.update(&answer(2, &[(3, 0)]));
        assert_eq!((leader(&cluster, 0), leader(&cluster, 1)), (Some((3, 0)), None));
        assert_eq!(cluster.partition_count("t"), Some(1));
        assert_eq!(cluster.name_of("", Uuid::from_u128(2)), Some("t"));
        assert!(!cluster.is_incomplete());
    }

    #[test]
    fn a_topic_without_leader_or_without_existence_stays_incomplete() {
        let mut cluster = Cluster::default();
        cluster.want(&Arc::from("t"));
        cluster.update(&answer(1, &[(-1, 0)]));
        assert!(cluster.is_incomplete());
        assert_eq!(leader(&cluster, 0), None);
        let mut gone = answer(0, &[]);
        gone.topics[0].error_code = ErrorCode::UNKNOWN_TOPIC_OR_PARTITION;
        cluster.update(&gone);
        assert_eq!(cluster.partition_count("t"), None);
        assert_eq!(cluster.topic_error("t"), Some(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION));
    }

    #[test]
    fn a_leader_that_was_wrong_is_forgotten_until_metadata_confirms_it() {
        let mut cluster = Cluster::default();
        cluster.want(&Arc::from("t"));
        cluster.update(&answer(1, &[(1, 5)]));
        cluster.forget_leader(&TopicPartition::new("t", 0));
        assert_eq!(leader(&cluster, 0), None);
        assert!(cluster.is_incomplete());
        cluster.update(&answer(1, &[(1, 5)]));
        assert_eq!(leader(&cluster, 0), Some((1, 5)));
    }

    #[test]
    fn an_error_that_passes_takes_no_leader_away_and_a_deletion_does() {
        let mut cluster = Cluster::default();
        cluster.want(&Arc::from("t"));
        cluster.update(&answer(1, &[(1, 5)]));
        for (code, left) in
            [(ErrorCode::LEADER_NOT_AVAILABLE, Some((1, 5))), (ErrorCode::UNKNOWN_TOPIC_OR_PARTITION, None)]
        {
            let mut failed = answer(0, &[]);
            failed.topics[0].error_code = code;
            cluster.update(&failed);
            assert_eq!((leader(&cluster, 0), cluster.topic_error("t")), (left, Some(code)));
            assert!(cluster.is_incomplete());
        }
    }
}

//! The broker: a state machine that is given requests and the time.
//!
//! [`Broker::handle`] answers or parks a request, [`Broker::tick`] lets deadlines come, [`Broker::sync`] makes what was
//! appended durable and answers who waited for it. Nothing here reads a clock, starts a thread or knows a socket; the
//! drivers ([`crate::drivers`], the server, the in-process transport) call in from any thread.
//!
//! Locks, in the order in which they may nest: topic changes, catalogue, partition; and the round of syncs, partition.
//! Waiter lists, the sync queue and the purgatory hold theirs only to move entries in and out. No lock is held while a
//! reply is delivered, but that of the round that it waited for.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use streams_core::protocol::{ApiKey, ErrorCode, Request};
use streams_core::time::{Clock, Timestamp};
use streams_core::{Error, ErrorKind, Result};
use uuid::Uuid;

use crate::builder::BrokerBuilder;
use crate::config::{BrokerConfig, SyncPolicy};
use crate::coordinator::offset_records::{CommitKey, CommitValue};
use crate::coordinator::offsets::{GroupOffsets, SharedOffsets};
use crate::coordinator::producer_ids::ProducerIds;
use crate::data_dir::{DataDir, CATALOGUE};
use crate::disk::Disk;
use crate::error::Refusal;
use crate::handlers;
use crate::handlers::fetch::sessions::FetchSessions;
use crate::log::{Durability, LogConfig};
use crate::purgatory::Purgatory;
use crate::reply::Reply;
use crate::syncer::{Failure, SyncQueue};
use crate::topics::config::TopicConfig;
use crate::topics::partition::Partition;
use crate::topics::{names, NewTopic, Topic, TopicLimits, Topics};

/// The id of the only broker of the cluster; Kafka's quick start uses it too.
pub(crate) const NODE_ID: i32 = 1;

/// What the topic of committed offsets has for partitions. More would only spread what one node writes.
pub(crate) const OFFSETS_PARTITIONS: usize = 1;

/// The `segment.bytes` of the topic of committed offsets: small, since only closed segments are compacted.
pub(crate) const OFFSETS_SEGMENT_BYTES: u32 = 16 << 20;

/// What a request arrives with.
#[derive(Debug, Clone)]
pub struct Context {
    /// The version of the request.
    pub api_version: i16,
}

impl Context {
    /// The context of a request that was not encoded: the latest version has every field.
    pub fn latest(api: ApiKey) -> Self {
        Self { api_version: *api.versions().end() }
    }
}

/// Where randomness comes from: new topic ids and the cluster id.
pub(crate) type IdSource = Box<dyn Fn() -> Uuid + Send + Sync>;

/// Where clients reach this broker: what Metadata and FindCoordinator answer.
#[derive(Debug, Clone)]
struct Endpoint {
    host: String,
    port: u16,
}

/// A single-node broker.
pub struct Broker {
    config: BrokerConfig,
    data_dir: Arc<DataDir>,
    cluster_id: String,
    topics: Topics,
    purgatory: Arc<Purgatory>,
    sync_queue: Arc<SyncQueue>,
    /// Held through a round: who waits in one relies on those before it having ended.
    sync_round: Mutex<()>,
    failure: Failure,
    offsets: SharedOffsets,
    fetch_sessions: Arc<FetchSessions>,
    producer_ids: ProducerIds,
    endpoint: Mutex<Endpoint>,
    ids: IdSource,
    clock: Arc<dyn Clock>,
    is_closed: AtomicBool,
    has_threads: AtomicBool,
}

/// What a broker is opened with besides its settings.
pub(crate) struct Parts {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: IdSource,
    pub(crate) owner: String,
}

impl Broker {
    /// Where every broker starts: in memory, or over a data directory.
    pub fn builder() -> BrokerBuilder {
        BrokerBuilder::default()
    }

    pub(crate) fn open(config: BrokerConfig, path: &Path, parts: Parts, now: Timestamp) -> Result<Self> {
        let Parts { disk, clock, ids, owner } = parts;
        let data_dir = Arc::new(DataDir::open(disk, path, &owner, ids())?);
        let durability = match config.sync {
            SyncPolicy::Fsync => Durability::Fsync,
            SyncPolicy::Interval(_) | SyncPolicy::Os => Durability::Os,
        };
        let log_defaults = LogConfig { durability, ..LogConfig::default() };
        let limits = TopicLimits {
            topics_max: config.topics_max,
            partitions_max: config.partitions_max,
            tail_bytes_max: config.tail_bytes_max,
        };
        let topics = Topics::open(Arc::clone(&data_dir), log_defaults, limits, now)?;
        let broker = Self {
            cluster_id: data_dir.cluster_id().to_owned(),
            producer_ids: ProducerIds::open(Arc::clone(&data_dir))?,
            data_dir,
            topics,
            purgatory: Arc::default(),
            sync_queue: Arc::new(SyncQueue::new(config.sync)),
            sync_round: Mutex::default(),
            failure: Failure::default(),
            offsets: Arc::default(),
            fetch_sessions: Arc::default(),
            endpoint: Mutex::new(Endpoint { host: "localhost".to_owned(), port: 0 }),
            ids,
            clock,
            is_closed: AtomicBool::new(false),
            has_threads: AtomicBool::new(false),
            config,
        };
        broker.replay_offsets(now)?;
        Ok(broker)
    }

    /// Takes a request: answers it, or parks it and answers through the ticket. Never blocks on another request.
    pub fn handle(&self, context: &Context, request: Request, now: Timestamp) -> Reply {
        if self.is_closed.load(Ordering::Acquire) {
            return Reply::Close(Error::new(ErrorKind::Closed, "the broker is stopped"));
        }
        handlers::handle(self, context, request, now)
    }

    /// Fails, and takes every partition offline, when the data directory is no longer the one that was opened.
    fn check_data_dir(&self) {
        let Err(error) = self.data_dir.check_present() else { return };
        let reason = error.report();
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        if failure.is_some() {
            return;
        }
        tracing::error!("{reason}");
        *failure = Some(reason.clone());
        drop(failure);
        for topic in self.topics.all() {
            topic.partitions.iter().for_each(|partition| partition.take_offline(&reason));
        }
    }

    /// Lets the time pass: answers requests whose deadline has come, and looks whether the data directory is there.
    pub fn tick(&self, now: Timestamp) {
        self.check_data_dir();
        self.purgatory.expire(now);
    }

    /// Deletes what is too old or too much, and compacts. To be called now and then, from one thread; takes as long as
    /// the disk does.
    pub fn maintain(&self, now: Timestamp) {
        for partition in self.topics.all().iter().flat_map(|topic| &topic.partitions) {
            // Only what is durable goes, and under `os` nothing else makes the newest records so.
            self.sync_now(partition);
            partition.maintain(now);
        }
    }

    /// Runs one round of the group commit: syncs what was appended and answers who waited. Returns whether there was
    /// anything to do. Blocks for as long as the disk takes, and while another round runs.
    pub fn sync(&self) -> bool {
        self.sync_with(|jobs| jobs.into_iter().for_each(|sync| sync()))
    }

    /// [`Self::sync`] with the syncs of several partitions run by `run`, which returns when all are done.
    pub(crate) fn sync_with(&self, run: impl FnOnce(Vec<Box<dyn FnOnce() + Send>>)) -> bool {
        let _one_at_a_time = self.sync_round.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_data_dir();
        self.sync_queue.take().run(&self.failure, run)
    }

    /// Syncs one partition, outside of the rounds but not beside one: of two syncs of a file at the same time only one
    /// would learn that it failed.
    pub(crate) fn sync_now(&self, partition: &Partition) {
        let _one_at_a_time = self.sync_round.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(why) = partition.sync() {
            self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(why);
        }
    }

    /// Syncs the committed offsets, where commits are answered before that.
    ///
    /// # Errors
    /// A storage error when they are not durable.
    pub(crate) fn sync_offsets(&self) -> Result<(), ErrorCode> {
        let Some(topic) = self.topics.get(names::CONSUMER_OFFSETS) else { return Ok(()) };
        topic.partitions.iter().try_for_each(|partition| {
            self.sync_now(partition);
            partition.offline_reason().map_or(Ok(()), |_| Err(ErrorCode::KAFKA_STORAGE_ERROR))
        })
    }

    /// Why a log had to stop, if one did: a sync failed, and what the disk holds is unknown until a restart verifies it;
    /// or the data directory is gone. Other logs go on; a program that serves should end and be started again.
    pub fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Stops: answers who waits, syncs and closes every log, and gives the data directory back. Nothing is lost by not
    /// calling this but time at the next start.
    pub fn close(&self) {
        if self.is_closed.swap(true, Ordering::AcqRel) {
            return;
        }
        self.sync_queue.close();
        self.sync();
        self.purgatory.close();
        for topic in self.topics.all() {
            topic.partitions.iter().for_each(|partition| partition.close());
        }
        self.sync_queue.finish();
        self.data_dir.release();
    }

    /// Says where clients reach this broker, once a listener knows.
    pub fn advertise(&self, host: impl Into<String>, port: u16) {
        *self.endpoint.lock().unwrap_or_else(PoisonError::into_inner) = Endpoint { host: host.into(), port };
    }

    /// The clock of this broker's drivers.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// The settings.
    pub fn config(&self) -> &BrokerConfig {
        &self.config
    }

    /// Where its data lies.
    pub(crate) fn data_path(&self) -> &Path {
        self.data_dir.path()
    }

    /// The id of the cluster that this broker is.
    pub fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// Notes that threads sync and tick.
    pub(crate) fn set_threaded(&self) {
        self.has_threads.store(true, Ordering::Release);
    }

    /// Whether threads sync and tick; else the caller does.
    pub(crate) fn has_threads(&self) -> bool {
        self.has_threads.load(Ordering::Acquire)
    }

    pub(crate) fn topics(&self) -> &Topics {
        &self.topics
    }

    pub(crate) fn purgatory(&self) -> &Arc<Purgatory> {
        &self.purgatory
    }

    pub(crate) fn sync_queue(&self) -> &Arc<SyncQueue> {
        &self.sync_queue
    }

    pub(crate) fn fetch_sessions(&self) -> &Arc<FetchSessions> {
        &self.fetch_sessions
    }

    pub(crate) fn offsets(&self) -> &SharedOffsets {
        &self.offsets
    }

    pub(crate) fn producer_ids(&self) -> &ProducerIds {
        &self.producer_ids
    }

    pub(crate) fn new_id(&self) -> Uuid {
        (self.ids)()
    }

    pub(crate) fn endpoint(&self) -> (String, u16) {
        let endpoint = self.endpoint.lock().unwrap_or_else(PoisonError::into_inner);
        (endpoint.host.clone(), endpoint.port)
    }

    /// The partition that holds committed offsets; made when somebody first asks for their coordinator or commits.
    pub(crate) fn offsets_journal(&self, now: Timestamp) -> Result<Arc<Partition>, Refusal> {
        let topic = match self.topics.get(names::CONSUMER_OFFSETS) {
            Some(topic) => topic,
            None => {
                let segment_bytes = OFFSETS_SEGMENT_BYTES.to_string();
                let entries = [
                    ("cleanup.policy", "compact"),
                    ("compression.type", "producer"),
                    ("segment.bytes", segment_bytes.as_str()),
                ];
                let config = TopicConfig::parse(entries.map(|(name, value)| (name, Some(value))));
                let config = config.map_err(|message| Refusal::new(ErrorCode::UNKNOWN_SERVER_ERROR, message))?;
                let new = NewTopic {
                    name: names::CONSUMER_OFFSETS,
                    id: self.new_id(),
                    partitions: OFFSETS_PARTITIONS,
                    config,
                };
                match self.topics.create(new, now) {
                    Ok(topic) => topic,
                    // Another commit made it meanwhile.
                    Err(refusal) => self.topics.get(names::CONSUMER_OFFSETS).ok_or(refusal)?,
                }
            }
        };
        topic.partition(0).cloned().ok_or_else(|| ErrorCode::COORDINATOR_NOT_AVAILABLE.into())
    }

    /// Deletes the committed offsets of a topic that is gone. Nobody waits for it: what a crash brings back is dropped
    /// at the next start.
    pub(crate) fn forget_offsets(&self, topic: &Topic, now: Timestamp) {
        let keys = self.offsets.keys_of(|name, value| name == &*topic.name && value.is_of(topic.id));
        self.delete_offsets(keys, now);
    }

    fn delete_offsets(&self, keys: Vec<CommitKey>, now: Timestamp) {
        let journal = self.topics.get(names::CONSUMER_OFFSETS).and_then(|topic| topic.partition(0).cloned());
        let Some(journal) = journal.filter(|_| !keys.is_empty()) else { return };
        let tombstones = keys.into_iter().map(|key| (key, None)).collect();
        match GroupOffsets::journal(&journal, tombstones, now) {
            Ok(commit) => {
                self.sync_queue.mark_dirty(&journal);
                self.sync_queue.nudge();
                self.offsets.apply_commit(commit);
            }
            Err(refusal) => tracing::warn!("committed offsets of deleted topics stay on disk: {}", refusal.code),
        }
    }

    /// Without all of its committed offsets a broker does not start: it would answer that groups never committed, and
    /// they would process everything again.
    fn replay_offsets(&self, now: Timestamp) -> Result<()> {
        let Some(topic) = self.topics.get(names::CONSUMER_OFFSETS) else { return Ok(()) };
        for partition in &topic.partitions {
            self.offsets.replay(partition).map_err(|error| {
                let message = format!(
                    "read the committed offsets in {partition:?}: restore its directory from a backup; or, to start \
                     without them, take {} out of {CATALOGUE}, and every group begins where its auto.offset.reset says",
                    names::CONSUMER_OFFSETS
                );
                Error::with_source(ErrorKind::Corrupt, message, error)
            })?;
        }
        // A crash came between the end of their topic and theirs.
        let is_there =
            |name: &str, value: &CommitValue| self.topics.get(name).is_some_and(|topic| value.is_of(topic.id));
        self.delete_offsets(self.offsets.keys_of(|name, value| !is_there(name, value)), now);
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.close();
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker").field("cluster_id", &self.cluster_id).finish_non_exhaustive()
    }
}

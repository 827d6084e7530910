//! Broker and application in one process, over one data directory: `broker/` and `state/` below it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use broker_lite::{Broker, SyncPolicy};
use streams_core::client::admin::{Admin, NewTopic, OffsetSpec};
use streams_core::client::consumer::Consumer;
use streams_core::client::producer::Producer;
use streams_core::config::{AdminConfig, ConsumerConfig, ProducerConfig, StreamsConfig};
use streams_core::protocol::ErrorCode;
use streams_core::runtime::{KafkaStreams, State};
use streams_core::{Error, ErrorKind, Offset, Result, ResultExt as _, SystemClock, TopicPartition};

use super::rules::Rules;
use super::topology::{self, topology};

/// The application's name: its group, and the prefix of its internal topics.
pub const APPLICATION: &str = "retail";
/// Restoring a long replay takes a while; longer than this is a fault.
const START_TIMEOUT: Duration = Duration::from_secs(600);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(30);
const BROKER_DIR: &str = "broker";
const STATE_DIR: &str = "state";

/// Where the application's stores keep their rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum StoreKind {
    /// In memory, restored from changelogs at each start.
    Memory,
    /// On disk.
    Rocksdb,
}

/// What a shop is opened with.
#[derive(Debug, Clone)]
pub struct ShopConfig {
    /// Where everything lies.
    pub data_dir: PathBuf,
    /// The stores' engine.
    pub store: StoreKind,
    /// The pipeline's rules.
    pub rules: Rules,
    /// When a write to the broker's log counts.
    pub sync: SyncPolicy,
    /// How often the application commits.
    pub commit_interval_ms: u32,
}

/// An open shop.
#[derive(Debug)]
pub struct Shop {
    broker: Arc<Broker>,
    streams: KafkaStreams,
    /// How many records of `sales` were processed before this shop was opened.
    sales_before: u64,
}

impl Shop {
    /// Opens the broker, makes the topics, starts the application and waits until its stores are restored.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when another process uses the directory, and what broker and application refuse.
    pub fn open(config: &ShopConfig) -> Result<Self> {
        if config.store == StoreKind::Rocksdb && !cfg!(feature = "rocksdb") {
            let message =
                "this program is built without RocksDB: build it with `--features rocksdb` (make: STORE=rocksdb)";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let broker = Broker::builder().data_dir(config.data_dir.join(BROKER_DIR)).sync(config.sync).start()?;
        create_topics(&broker)?;
        let connected = Arc::clone(&broker);
        let connect = move || -> Result<Box<dyn streams_core::client::transport::Transport>> {
            Ok(Box::new(connected.in_process()))
        };
        let streams = KafkaStreams::new(topology(&config.rules)?, streams_config(config)?, connect)?;
        let mut shop = Self { broker, streams, sales_before: 0 };
        shop.sales_before = shop.sales_processed()?;
        shop.streams.start()?;
        shop.streams.wait_until_running(START_TIMEOUT)?;
        Ok(shop)
    }

    /// The broker.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }

    /// Fails when the application has ended.
    ///
    /// # Errors
    /// Why it ended.
    pub fn check(&self) -> Result<()> {
        match self.streams.state() {
            State::Running | State::Rebalancing => Ok(()),
            state => Err(self
                .streams
                .failure()
                .unwrap_or_else(|| Error::new(ErrorKind::Closed, format!("the application ended: it is {state}")))),
        }
    }

    /// A producer for this process.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub fn producer(&self, settings: &[(&str, &str)]) -> Result<Producer> {
        let config = ProducerConfig::from_settings(settings.iter().copied())?;
        Producer::new(config, Box::new(self.broker.in_process()), 1)
    }

    /// A consumer for this process, which reads from the beginning.
    ///
    /// # Errors
    /// When a setting is wrong.
    pub fn consumer(&self, settings: &[(&str, &str)]) -> Result<Consumer> {
        let defaults = [("auto.offset.reset", "earliest"), ("fetch.max.wait.ms", "50")];
        let config = ConsumerConfig::from_settings(defaults.into_iter().chain(settings.iter().copied()))?;
        Consumer::new(config, Box::new(self.broker.in_process()), 2)
    }

    /// An admin client for this process.
    pub fn admin(&self) -> Admin {
        admin(&self.broker)
    }

    /// The ends of partitions.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub fn ends(&self, partitions: &[TopicPartition]) -> Result<Vec<(TopicPartition, Offset)>> {
        let latest: Vec<_> = partitions.iter().map(|partition| (partition.clone(), OffsetSpec::Latest)).collect();
        let mut ends = Vec::with_capacity(latest.len());
        for (partition, outcome) in self.admin().list_offsets(&latest)? {
            ends.push((partition, outcome?));
        }
        Ok(ends)
    }

    /// How many records of its input the application has not committed, repartition topics included. Zero means that
    /// all that was written so far is processed to its end.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub fn uncommitted(&self) -> Result<u64> {
        let is_input = |name: &str| {
            [topology::SALES, topology::PRODUCTS, topology::RECEIPTS].contains(&name) || name.ends_with("-repartition")
        };
        let topics = self.admin().list_topics()?;
        let partitions: Vec<TopicPartition> = topics
            .iter()
            .filter(|topic| is_input(&topic.name))
            .flat_map(|topic| (0..topic.partitions).map(|index| TopicPartition::new(topic.name.as_str(), index)))
            .collect();
        let committed = self.consumer(&[("group.id", APPLICATION)])?.committed(&SystemClock, &partitions)?;
        let mut missing = 0;
        for (partition, end) in self.ends(&partitions)? {
            let position =
                committed.iter().find(|(known, _)| *known == partition).and_then(|(_, position)| position.as_ref());
            let position = position.map_or(0, |position| position.offset.0);
            missing += u64::try_from(end.0 - position).unwrap_or(0);
        }
        Ok(missing)
    }

    /// How many records of `sales` the application has processed and committed since this shop was opened.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub fn sales_processed(&self) -> Result<u64> {
        let sales = TopicPartition::new(topology::SALES, 0);
        let committed = self.consumer(&[("group.id", APPLICATION)])?.committed(&SystemClock, &[sales])?;
        let position = committed.into_iter().find_map(|(_, position)| position).map_or(0, |position| position.offset.0);
        Ok(u64::try_from(position).unwrap_or(0).saturating_sub(self.sales_before))
    }

    /// Stops the application after a commit, then the broker.
    ///
    /// # Errors
    /// [`ErrorKind::Retriable`] when the application does not end in time.
    pub fn close(self) -> Result<()> {
        let has_ended = self.streams.close(CLOSE_TIMEOUT)?;
        self.broker.close();
        match has_ended {
            true => Ok(()),
            false => {
                Err(Error::new(ErrorKind::Retriable, "the application does not stop: it goes on from its last commit"))
            }
        }
    }
}

fn admin(broker: &Arc<Broker>) -> Admin {
    Admin::new(AdminConfig::default(), Box::new(broker.in_process()), Arc::new(SystemClock), 3)
}

fn streams_config(config: &ShopConfig) -> Result<StreamsConfig> {
    let commit_interval = config.commit_interval_ms.to_string();
    let state_dir = config.data_dir.join(STATE_DIR);
    let state_dir = state_dir.to_str().ok_or_else(|| {
        Error::new(ErrorKind::InvalidConfig, format!("data directory {} is no UTF-8", config.data_dir.display()))
    })?;
    let store = match config.store {
        StoreKind::Memory => "in_memory",
        StoreKind::Rocksdb => "rocksDB",
    };
    StreamsConfig::from_settings([
        ("application.id", APPLICATION),
        ("state.dir", state_dir),
        ("dsl.store.type", store),
        ("commit.interval.ms", &commit_interval),
        ("num.stream.threads", "2"),
        ("buffered.records.per.partition", "10000"),
        ("linger.ms", "5"),
        ("batch.size", "262144"),
        ("poll.ms", "20"),
        ("fetch.max.wait.ms", "50"),
        // Bytes that are not even text cannot be dead letters of ours: they go there as they are.
        ("deserialization.exception.handler", "continue"),
        ("errors.dead.letter.queue.topic.name", topology::DEAD_LETTERS),
    ])
}

fn create_topics(broker: &Arc<Broker>) -> Result<()> {
    let products = i32::try_from(topology::PRODUCT_PARTITIONS).unwrap_or(i32::MAX);
    // The shop's time is not the broker's, and no event of it may be deleted because it is long ago.
    let events = |name, partitions| NewTopic::new(name, partitions).with_config("retention.ms", "-1");
    let table = |name, partitions| NewTopic::new(name, partitions).with_config("cleanup.policy", "compact");
    let topics = [
        events(topology::SALES, 1),
        events(topology::DEAD_LETTERS, 1),
        events(topology::RECEIPTS, products),
        events(topology::PRICE_CHANGES, 1),
        table(topology::PRODUCTS, products),
        table(topology::STOCK_LEVELS, products),
        table(topology::REORDER_SUGGESTIONS, products),
        table(topology::PRICES, products),
        table(topology::DEMAND_DAILY, products),
        table(topology::INVOICES, 1),
        table(topology::TOTALS, 1),
    ];
    for (_, outcome) in admin(broker).create_topics(&topics)? {
        match outcome {
            Err(refusal) if refusal.code != ErrorCode::TOPIC_ALREADY_EXISTS => return Err(refusal.into()),
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

/// Removes what a shop left in a directory, unless one is open there, and nothing else.
///
/// # Errors
/// [`ErrorKind::Locked`] when it is in use; [`ErrorKind::Io`] when it cannot be removed.
pub fn empty(data_dir: &Path) -> Result<()> {
    let broker = data_dir.join(BROKER_DIR);
    if broker.exists() {
        // Opening it takes its lock, and refuses a directory that is no broker's.
        Broker::builder().data_dir(&broker).open()?.close();
    }
    for dir in [broker, data_dir.join(STATE_DIR)] {
        if dir.exists() {
            std::fs::remove_dir_all(&dir).context(|| format!("remove {}", dir.display()))?;
        }
    }
    Ok(())
}

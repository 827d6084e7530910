//! The topics of a broker: names, ids, configs and partitions.
//!
//! Readers take a topic as a shared value and never see half a change; changes are made one at a time, first on disk
//! and then in memory. A topic in the catalogue accepts requests at once, and one that is deleted has no name, no data
//! and no waiters left when the deletion is answered.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use foldhash::fast::FixedState;
use hashbrown::HashMap;
use streams_core::protocol::ErrorCode;
use streams_core::time::Timestamp;
use streams_core::{Result, ResultExt as _};
use uuid::Uuid;

pub(crate) mod catalogue_file;
pub(crate) mod config;
pub(crate) mod epochs;
pub(crate) mod names;
pub(crate) mod partition;

use crate::data_dir::DataDir;
use crate::error::{storage, Refusal};
use crate::log::{LogConfig, TailBudget};
use catalogue_file::{StoredCatalogue, StoredPartition, StoredTopic};
use config::TopicConfig;
use partition::{Partition, Place};

/// A topic as it is now. A change makes a new value.
#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) name: Arc<str>,
    pub(crate) id: Uuid,
    pub(crate) config: TopicConfig,
    pub(crate) partitions: Vec<Arc<Partition>>,
}

impl Topic {
    /// A partition by its number on the wire.
    pub(crate) fn partition(&self, index: i32) -> Option<&Arc<Partition>> {
        usize::try_from(index).ok().and_then(|index| self.partitions.get(index))
    }

    fn stored(&self) -> StoredTopic {
        StoredTopic {
            name: self.name.to_string(),
            id: self.id,
            config: self.config.overrides().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            partitions: self
                .partitions
                .iter()
                .map(|partition| StoredPartition { epochs: partition.epochs().pairs().to_vec() })
                .collect(),
        }
    }
}

#[derive(Debug, Default)]
struct Catalogue {
    by_name: BTreeMap<Arc<str>, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>, FixedState>,
}

/// How many topics and partitions there can be, and what they keep in memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TopicLimits {
    pub(crate) topics_max: usize,
    pub(crate) partitions_max: usize,
    /// The bytes of the newest batches of all partitions.
    pub(crate) tail_bytes_max: usize,
}

/// A topic to be created.
#[derive(Debug)]
pub(crate) struct NewTopic<'a> {
    pub(crate) name: &'a str,
    pub(crate) id: Uuid,
    pub(crate) partitions: usize,
    pub(crate) config: TopicConfig,
}

/// Every topic of a broker.
#[derive(Debug)]
pub(crate) struct Topics {
    catalogue: RwLock<Catalogue>,
    /// Held through a whole change, disk included.
    changes: Mutex<()>,
    data_dir: Arc<DataDir>,
    log_defaults: LogConfig,
    limits: TopicLimits,
    tails: Arc<TailBudget>,
}

impl Topics {
    /// Opens every topic of the data directory and begins a new leader epoch in each partition.
    ///
    /// # Errors
    /// When the catalogue or a directory cannot be read. A damaged partition does not fail this: it is offline.
    pub(crate) fn open(
        data_dir: Arc<DataDir>,
        log_defaults: LogConfig,
        limits: TopicLimits,
        now: Timestamp,
    ) -> Result<Self> {
        let stored = StoredCatalogue::load(&data_dir)?;
        let topics = Self {
            catalogue: RwLock::default(),
            changes: Mutex::default(),
            data_dir,
            log_defaults,
            limits,
            tails: Arc::new(TailBudget::new(limits.tail_bytes_max)),
        };
        topics.remove_leftovers(&stored)?;
        for topic in stored.topics {
            let config = stored_config(&topic);
            let mut partitions = Vec::new();
            for (index, stored) in topic.partitions.iter().enumerate() {
                let log_config = config.log_config(&topics.log_defaults);
                let place = topics.place(&topic.name, topic.id, index);
                partitions.push(Arc::new(Partition::open(place, log_config, &stored.epochs, now)));
            }
            topics.publish(Topic { name: topic.name.into(), id: topic.id, config, partitions });
        }
        topics.save(topics.all().iter().map(|topic| topic.stored()).collect())?;
        Ok(topics)
    }

    /// The topic of this name.
    pub(crate) fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.read().by_name.get(name).cloned()
    }

    /// The topic of this id.
    pub(crate) fn get_by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.read().by_id.get(&id).cloned()
    }

    /// The topic that a request names: by id where there is one, else by name.
    ///
    /// # Errors
    /// The code for an unknown id or name.
    pub(crate) fn resolve(&self, name: &str, id: Uuid) -> Result<Arc<Topic>, ErrorCode> {
        if id.is_nil() {
            self.get(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
        } else {
            self.get_by_id(id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)
        }
    }

    /// Every topic, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Topic>> {
        self.read().by_name.values().cloned().collect()
    }

    /// Refuses a topic that cannot be created, for the reason a creation would give.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn check_creatable(&self, name: &str, partitions: usize) -> Result<(), Refusal> {
        self.check_name(name)?;
        let catalogue = self.read();
        if catalogue.by_name.len() >= self.limits.topics_max {
            let message = format!("the broker has its maximum of {} topics", self.limits.topics_max);
            return Err(Refusal::new(ErrorCode::POLICY_VIOLATION, message));
        }
        self.check_room(&catalogue, partitions)
    }

    /// Refuses a name that no new topic can have.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn check_name(&self, name: &str) -> Result<(), Refusal> {
        names::validate(name).map_err(|message| Refusal::new(ErrorCode::INVALID_TOPIC_EXCEPTION, message))?;
        let catalogue = self.read();
        if catalogue.by_name.contains_key(name) {
            return Err(Refusal::new(ErrorCode::TOPIC_ALREADY_EXISTS, format!("Topic '{name}' already exists.")));
        }
        let key = names::collision_key(name);
        if let Some(other) = catalogue.by_name.keys().find(|other| names::collision_key(other) == key) {
            let message = format!("Topic '{name}' collides with existing topics: {other}");
            return Err(Refusal::new(ErrorCode::INVALID_TOPIC_EXCEPTION, message));
        }
        Ok(())
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// The refusal of [`Self::check_creatable`], or a failure of the disk.
    pub(crate) fn create(&self, new: NewTopic<'_>, now: Timestamp) -> Result<Arc<Topic>, Refusal> {
        let _change = self.change();
        self.check_creatable(new.name, new.partitions)?;
        let mut topic = Topic { name: new.name.into(), id: new.id, config: new.config, partitions: Vec::new() };
        self.open_partitions(&mut topic, new.partitions, now)?;
        self.save_with(&topic)?;
        tracing::info!("created topic {} with {} partitions", topic.name, topic.partitions.len());
        Ok(self.publish(topic))
    }

    /// Raises the number of partitions of a topic.
    ///
    /// # Errors
    /// When the topic is unknown, the count is not larger, or the disk fails.
    pub(crate) fn add_partitions(&self, name: &str, count: i32, now: Timestamp) -> Result<(), Refusal> {
        let _change = self.change();
        let (topic, count) = self.check_growable(name, count)?;
        let mut grown = Topic {
            name: Arc::clone(&topic.name),
            id: topic.id,
            config: topic.config.clone(),
            partitions: topic.partitions.clone(),
        };
        self.open_partitions(&mut grown, count, now)?;
        self.save_with(&grown)?;
        self.publish(grown);
        Ok(())
    }

    /// Refuses a number of partitions that a topic cannot be raised to.
    ///
    /// # Errors
    /// The refusal.
    pub(crate) fn check_growable(&self, name: &str, count: i32) -> Result<(Arc<Topic>, usize), Refusal> {
        let topic = self.get(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
        let now_has = topic.partitions.len();
        let Some(wanted) = usize::try_from(count).ok().filter(|wanted| *wanted > now_has) else {
            let message =
                format!("Topic currently has {now_has} partitions, which is not lower than requested {count}.");
            return Err(Refusal::new(ErrorCode::INVALID_PARTITIONS, message));
        };
        self.check_room(&self.read(), wanted - now_has)?;
        Ok((topic, wanted))
    }

    /// Runs `act` while no topic comes or goes; it is told which ids there are. It may append to partitions, and must
    /// not ask for topics.
    pub(crate) fn hold<R>(&self, act: impl FnOnce(&dyn Fn(Uuid) -> bool) -> R) -> R {
        let catalogue = self.read();
        act(&|id| catalogue.by_id.contains_key(&id))
    }

    /// Deletes a topic: first its entry, then who waits for it and what else is kept about it (`forget`), then its data.
    /// The name can be taken again after that.
    ///
    /// # Errors
    /// When it is unknown or the catalogue cannot be written.
    pub(crate) fn delete(&self, id: Uuid, forget: impl FnOnce(&Topic)) -> Result<(), Refusal> {
        let _change = self.change();
        let topic = self.get_by_id(id).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?;
        let remaining = self.all().iter().filter(|other| other.id != id).map(|other| other.stored()).collect();
        self.save(remaining).map_err(|error| storage("delete topic", &error))?;
        {
            let mut catalogue = self.catalogue.write().unwrap_or_else(PoisonError::into_inner);
            catalogue.by_name.remove(&topic.name);
            catalogue.by_id.remove(&id);
        }
        for partition in &topic.partitions {
            partition.delete();
        }
        forget(&topic);
        let directory = self.topic_directory(id);
        if let Err(error) = self.data_dir.disk().remove_dir_all(&directory) {
            tracing::warn!("remove {}: {error}; it is removed at the next start", directory.display());
        }
        tracing::info!("deleted topic {}", topic.name);
        Ok(())
    }

    fn check_room(&self, catalogue: &Catalogue, more: usize) -> Result<(), Refusal> {
        let have: usize = catalogue.by_name.values().map(|topic| topic.partitions.len()).sum();
        let most = self.limits.partitions_max;
        if have.saturating_add(more) <= most {
            return Ok(());
        }
        let message = format!("the broker has {have} of at most {most} partitions: {more} more do not fit");
        Err(Refusal::new(ErrorCode::POLICY_VIOLATION, message))
    }

    fn open_partitions(&self, topic: &mut Topic, count: usize, now: Timestamp) -> Result<(), Refusal> {
        self.data_dir.check_present().map_err(|error| storage("create partition", &error))?;
        for index in topic.partitions.len()..count {
            let log_config = topic.config.log_config(&self.log_defaults);
            let partition = Partition::create(self.place(&topic.name, topic.id, index), log_config, now);
            topic.partitions.push(Arc::new(partition.map_err(|error| storage("create partition", &error))?));
        }
        Ok(())
    }

    fn save_with(&self, topic: &Topic) -> Result<(), Refusal> {
        let mut stored: BTreeMap<String, StoredTopic> =
            self.all().iter().map(|other| (other.name.to_string(), other.stored())).collect();
        stored.insert(topic.name.to_string(), topic.stored());
        self.save(stored.into_values().collect()).map_err(|error| storage("write the catalogue", &error))
    }

    fn save(&self, topics: Vec<StoredTopic>) -> Result<()> {
        StoredCatalogue { topics }.save(&self.data_dir)
    }

    fn publish(&self, topic: Topic) -> Arc<Topic> {
        let topic = Arc::new(topic);
        let mut catalogue = self.catalogue.write().unwrap_or_else(PoisonError::into_inner);
        catalogue.by_name.insert(Arc::clone(&topic.name), Arc::clone(&topic));
        catalogue.by_id.insert(topic.id, Arc::clone(&topic));
        topic
    }

    /// Removes directories of topics that were being created or deleted when the broker stopped.
    fn remove_leftovers(&self, stored: &StoredCatalogue) -> Result<()> {
        let root = self.data_dir.topics();
        let disk = self.data_dir.disk();
        for name in disk.list(&root).context(|| format!("list {}", root.display()))? {
            let Ok(id) = Uuid::try_parse(&name) else { continue };
            if stored.topics.iter().all(|topic| topic.id != id) {
                let directory = root.join(&name);
                tracing::info!("remove {}, which belongs to no topic", directory.display());
                disk.remove_dir_all(&directory).context(|| format!("remove {}", directory.display()))?;
            }
        }
        Ok(())
    }

    fn topic_directory(&self, id: Uuid) -> PathBuf {
        self.data_dir.topics().join(id.simple().to_string())
    }

    fn place<'a>(&self, topic: &'a str, id: Uuid, index: usize) -> Place<'a> {
        let directory = self.topic_directory(id).join(index.to_string());
        Place { disk: Arc::clone(self.data_dir.disk()), directory, topic, index, tails: Arc::clone(&self.tails) }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Catalogue> {
        self.catalogue.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn stored_config(topic: &StoredTopic) -> TopicConfig {
    let entries = topic.config.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    TopicConfig::stored(entries, |message| {
        tracing::warn!("topic {} has a stored config that is not valid, its default holds: {message}", topic.name);
    })
}

//! Producer ids: unique for the lifetime of the data directory.
//!
//! Ids are reserved in blocks: the end of the block is durable before its first id is handed out, so a crash skips
//! ids and never repeats one.

use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use streams_core::{Error, ErrorKind, Result};

use crate::data_dir::DataDir;
use crate::error::{storage, Refusal};

const PRODUCER_IDS: &str = "producer_ids.json";

/// How many ids one write to disk reserves; Kafka's block is as large.
const BLOCK: i64 = 1000;

/// Hands out producer ids.
#[derive(Debug)]
pub(crate) struct ProducerIds {
    data_dir: Arc<DataDir>,
    block: Mutex<Block>,
}

#[derive(Debug)]
struct Block {
    next: i64,
    reserved_to: i64,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    /// Every id below may be in use.
    reserved_to: i64,
}

impl ProducerIds {
    /// Goes on where the data directory's last broker may have stopped.
    ///
    /// # Errors
    /// When the file cannot be read or is damaged.
    pub(crate) fn open(data_dir: Arc<DataDir>) -> Result<Self> {
        let reserved_to = match data_dir.load(PRODUCER_IDS)? {
            None => 0,
            Some(bytes) => {
                let stored: Stored = serde_json::from_slice(&bytes).map_err(|error| {
                    let message = format!("{PRODUCER_IDS} in the data directory is damaged: restore it from a backup");
                    Error::with_source(ErrorKind::Corrupt, message, error)
                })?;
                stored.reserved_to.max(0)
            }
        };
        Ok(Self { data_dir, block: Mutex::new(Block { next: reserved_to, reserved_to }) })
    }

    /// An id that no producer had before.
    ///
    /// # Errors
    /// When a new block cannot be reserved on disk.
    pub(crate) fn next(&self) -> Result<i64, Refusal> {
        let mut block = self.block.lock().unwrap_or_else(PoisonError::into_inner);
        if block.next == block.reserved_to {
            let reserved_to = block.reserved_to.saturating_add(BLOCK);
            let bytes = serde_json::to_vec(&Stored { reserved_to }).expect("a struct of a number is JSON");
            self.data_dir.replace(PRODUCER_IDS, &bytes).map_err(|error| storage("reserve producer ids", &error))?;
            block.reserved_to = reserved_to;
        }
        let id = block.next;
        block.next += 1;
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use uuid::Uuid;

    use super::*;
    use crate::disk::memory::MemoryDisk;

    #[test]
    fn a_restart_never_repeats_an_id() {
        let disk = MemoryDisk::new();
        let open = || {
            let data_dir = DataDir::open(Arc::new(disk.clone()), Path::new("/data"), "1", Uuid::nil()).expect("opened");
            ProducerIds::open(Arc::new(data_dir)).expect("readable")
        };
        let ids = open();
        assert_eq!([ids.next(), ids.next()], [Ok(0), Ok(1)]);
        drop(ids);
        assert_eq!(open().next(), Ok(BLOCK));
    }
}

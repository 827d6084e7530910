//! The directory of an application's local state, and the lock that keeps a second process out of it.
//!
//! ```text
//! <state.dir>/<application.id>/
//!   .lock                            owner's pid; held with flock(2) while the directory is open
//!   kafka-streams-process-metadata   {"processId":"<uuid>"}: this instance, kept across restarts
//!   state-origin.json                what the state was made by (see [`crate::runtime::origin`])
//!   0_1/                             stores of task 0_1
//! ```
//!
//! The lock is the kernel's and ends with the process, so a crash leaves nothing to clear up; the pid in the file is
//! only for the message. The directory must belong to who runs and be writable by no stranger; what is made here has its
//! mode from us, not from the umask. `application.id` was validated as a name and is no path. Names and contents are
//! Kafka Streams' own, except for `state-origin.json`, which it leaves alone.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rustix::fs::{flock, FlockOperation};
use uuid::Uuid;

use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::ids::{Partition, SubtopologyId, TaskId};
use crate::time::Timestamp;

const LOCK_FILE: &str = ".lock";
const PROCESS_FILE: &str = "kafka-streams-process-metadata";
/// What the state was made by; see [`crate::runtime::origin`].
const ORIGIN_FILE: &str = "state-origin.json";
/// No topology's is longer; a file that is was written by nobody of ours.
const ORIGIN_BYTES_MAX: u64 = 64 << 20;
/// Where in a task's directory key-value stores are; each window store has a directory of its own beside it.
const ROCKSDB_DIRECTORY: &str = "rocksdb";
/// The end of the name of a store's directory that could not be used.
const ASIDE: &str = "unusable";
/// `rwxr-x---`, as Kafka Streams makes its directories.
const DIRECTORY_MODE: u32 = 0o750;
/// `rw-r-----`.
const FILE_MODE: u32 = 0o640;
/// The rights of others than the owner to write, among the bits of a mode.
const OTHERS_WRITE: u32 = 0o022;
/// A lock file that vanishes between open and lock belongs to a clean-up; more of them in a row is no accident.
const LOCK_ATTEMPTS: usize = 16;
/// What is read of a lock file: a pid.
const PID_LENGTH_MAX: u64 = 32;

/// The open and locked directory of one application.
#[derive(Debug)]
pub(crate) struct StateDirectory {
    root: PathBuf,
    process_id: Uuid,
    /// Its lock ends when it is closed.
    lock: Mutex<File>,
    /// What was written last as the origin of the state.
    origin: Mutex<Option<Vec<u8>>>,
}

impl StateDirectory {
    /// Opens and locks `<state_dir>/<application_id>`, making it where it does not exist. `new_process_id` is asked
    /// where no earlier run left an id.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when another process has it; [`ErrorKind::Io`] when it cannot be made or written.
    pub(crate) fn open(state_dir: &Path, application_id: &str, new_process_id: impl FnOnce() -> Uuid) -> Result<Self> {
        let root = state_dir.join(application_id);
        if root.starts_with("/tmp") {
            tracing::warn!(
                path = %root.display(),
                "the state directory is under /tmp, which the system may empty; set state.dir to a lasting place"
            );
        }
        make_directory(state_dir)?;
        make_directory(&root)?;
        let found = fs::metadata(&root).context(|| format!("look at state directory {}", root.display()))?;
        refuse_strangers(&root, found.uid(), found.mode(), rustix::process::geteuid().as_raw())?;
        let lock = Mutex::new(lock(&root)?);
        let process_id = process_id(&root, new_process_id)?;
        Ok(Self { root, process_id, lock, origin: Mutex::new(None) })
    }

    /// Makes and locks the directory again if somebody deleted it since it was opened.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub(crate) fn hold(&self) -> Result<()> {
        let mut held = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        if is_in_place(&held, &self.root.join(LOCK_FILE)) {
            return Ok(());
        }
        tracing::warn!(path = %self.root.display(), "the state directory was deleted while it was in use; making it anew");
        make_directory(&self.root)?;
        *held = lock(&self.root)?;
        process_id(&self.root, || self.process_id)?;
        match &*self.origin.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(origin) => replace_file(&self.origin_path(), origin),
            None => Ok(()),
        }
    }

    /// The application's directory.
    pub(crate) fn path(&self) -> &Path {
        &self.root
    }

    /// Where it is written down what the state was made by.
    pub(crate) fn origin_path(&self) -> PathBuf {
        self.root.join(ORIGIN_FILE)
    }

    /// What the state was made by, if that was written down.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the file cannot be read.
    pub(crate) fn read_origin(&self) -> Result<Option<Vec<u8>>> {
        let path = self.origin_path();
        let mut bytes = Vec::new();
        match File::open(&path).and_then(|file| file.take(ORIGIN_BYTES_MAX).read_to_end(&mut bytes)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(|_| Some(bytes)).context(|| format!("read {}", path.display())),
        }
    }

    /// Writes down what the state is made by from now on.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when that is refused; what was written before is then still there.
    pub(crate) fn write_origin(&self, bytes: &[u8]) -> Result<()> {
        if self.read_origin()?.as_deref() != Some(bytes) {
            replace_file(&self.origin_path(), bytes)?;
        }
        *self.origin.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes.to_owned());
        Ok(())
    }

    /// The names of all stores that have rows here, of any task.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when something cannot be read.
    pub(crate) fn stores(&self) -> Result<BTreeSet<String>> {
        let mut stores = BTreeSet::new();
        for task in directories(&self.root)?.into_iter().filter(|name| parse_task(name).is_some()) {
            let path = self.root.join(&task);
            stores.extend(directories(&path)?.into_iter().filter(|name| name != ROCKSDB_DIRECTORY));
            stores.extend(directories(&path.join(ROCKSDB_DIRECTORY))?);
        }
        stores.retain(|name| !name.contains('~'));
        Ok(stores)
    }

    /// The id of this instance, the same after a restart.
    pub(crate) fn process_id(&self) -> Uuid {
        self.process_id
    }

    /// The directory of a task, made where it does not exist.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when it cannot be made.
    pub(crate) fn task_directory(&self, task: TaskId) -> Result<PathBuf> {
        let path = self.root.join(task.to_string());
        make_directory(&path)?;
        Ok(path)
    }

    /// Deletes the rows of one store of a task. It must be closed.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when something of it cannot be deleted.
    pub(crate) fn wipe_store(&self, task: TaskId, store: &str, is_windowed: bool) -> Result<()> {
        remove_directory(&self.store_directory(task, store, is_windowed))
    }

    /// Moves the rows of one store of a task out of the way, and answers where to; what was moved there before is
    /// deleted. The store must be closed.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when that is refused.
    pub(crate) fn set_store_aside(&self, task: TaskId, store: &str, is_windowed: bool) -> Result<PathBuf> {
        let from = self.store_directory(task, store, is_windowed);
        // No store can have this name.
        let to = from.with_file_name(format!("{store}~{ASIDE}"));
        remove_directory(&to)?;
        fs::rename(&from, &to).context(|| format!("move {} to {}", from.display(), to.display()))?;
        Ok(to)
    }

    fn store_directory(&self, task: TaskId, store: &str, is_windowed: bool) -> PathBuf {
        let task_directory = self.root.join(task.to_string());
        match is_windowed {
            true => task_directory.join(store),
            false => task_directory.join(ROCKSDB_DIRECTORY).join(store),
        }
    }

    /// Checks that a store's directory is there.
    ///
    /// # Errors
    /// [`ErrorKind::TaskCorrupted`] when it is not.
    pub(crate) fn check_store(&self, task: TaskId, store: &str, is_windowed: bool) -> Result<()> {
        let path = self.store_directory(task, store, is_windowed);
        match path.is_dir() {
            true => Ok(()),
            false => Err(Error::new(
                ErrorKind::TaskCorrupted,
                format!(
                    "{} was deleted while the application ran: store {store} of task {task} is restored from its changelog",
                    path.display()
                ),
            )),
        }
    }

    /// Deletes the directories of tasks that are not in `keep` and were not touched for `delay`. Answers which. What is
    /// not named like a task, or is a link, is left alone.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when something cannot be read or deleted.
    pub(crate) fn clean(&self, now: Timestamp, delay: Duration, keep: &BTreeSet<TaskId>) -> Result<Vec<TaskId>> {
        let named = || format!("read state directory {}", self.root.display());
        let mut deleted = Vec::new();
        for entry in fs::read_dir(&self.root).context(named)? {
            let entry = entry.context(named)?;
            let task = entry.file_name().to_str().and_then(parse_task).filter(|task| !keep.contains(task));
            // Of the entry itself: a link is not followed.
            let (Some(task), Ok(found)) = (task, entry.metadata()) else { continue };
            let modified =
                Timestamp(found.mtime().saturating_mul(1_000).saturating_add(found.mtime_nsec() / 1_000_000));
            if found.is_dir() && now >= modified + delay {
                remove_directory(&entry.path())?;
                deleted.push(task);
            }
        }
        deleted.sort();
        Ok(deleted)
    }

    /// Deletes the application's whole directory. Opens and locks it first, so that nobody else has it.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when another process has it; [`ErrorKind::Io`] when something of it cannot be deleted.
    pub(crate) fn delete(state_dir: &Path, application_id: &str) -> Result<()> {
        let root = state_dir.join(application_id);
        if !root.exists() {
            return Ok(());
        }
        let _lock = lock(&root)?;
        for entry in fs::read_dir(&root).context(|| format!("read state directory {}", root.display()))? {
            let entry = entry.context(|| format!("read state directory {}", root.display()))?;
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => remove_directory(&path)?,
                _ if entry.file_name() == LOCK_FILE => {}
                _ => fs::remove_file(&path).context(|| format!("delete {}", path.display()))?,
            }
        }
        // Last, so that nobody can lock a directory that is half deleted; `lock` copes with the file's vanishing.
        fs::remove_file(root.join(LOCK_FILE)).context(|| format!("delete the lock of {}", root.display()))?;
        match fs::remove_dir(&root) {
            // Another process came in between; the directory is its own now.
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
            result => result.context(|| format!("delete state directory {}", root.display())),
        }
    }
}

/// The names of the directories in one; none where it does not exist.
fn directories(path: &Path) -> Result<Vec<String>> {
    let named = || format!("read state directory {}", path.display());
    let entries = match fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.context(named)?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.context(named)?;
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        names.extend(entry.file_name().into_string().ok().filter(|_| is_directory));
    }
    Ok(names)
}

/// Replaces a file, so that a crash leaves the old one or the new one, and nothing in between.
fn replace_file(path: &Path, bytes: &[u8]) -> Result<()> {
    let named = || format!("write {}", path.display());
    let temporary = path.with_extension("tmp");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(FILE_MODE);
    let mut file = options.open(&temporary).context(named)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).context(named)?;
    fs::rename(&temporary, path).context(named)?;
    let directory = path.parent().unwrap_or(path);
    File::open(directory).and_then(|directory| directory.sync_all()).context(named)
}

/// The task that a directory's name stands for, if it stands for one.
fn parse_task(name: &str) -> Option<TaskId> {
    let (subtopology, partition) = name.split_once('_')?;
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(subtopology) || !is_number(partition) {
        return None;
    }
    let (subtopology, partition) = (subtopology.parse().ok()?, partition.parse().ok()?);
    Some(TaskId { subtopology: SubtopologyId(subtopology), partition: Partition(partition) })
}

/// Refuses a directory in which somebody else could change what we read.
fn refuse_strangers(path: &Path, owner: u32, mode: u32, uid: u32) -> Result<()> {
    let path = path.display();
    let message = if owner != uid {
        format!(
            "state directory {path} belongs to uid {owner}, and this process runs as uid {uid}: run as its owner, or set \
             state.dir to a place of your own"
        )
    } else if mode & OTHERS_WRITE != 0 {
        let mode = mode & 0o7777;
        format!(
            "state directory {path} has mode {mode:o}, which lets others write to it: take that away with `chmod go-w`, \
             or set state.dir to another place"
        )
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Io, message))
}

fn make_directory(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    if path.exists() {
        let message = format!(
            "state directory {} cannot be made, as there is a file of the same name: move the file away, or set \
             state.dir to another place",
            path.display()
        );
        return Err(Error::new(ErrorKind::Io, message));
    }
    DirBuilder::new().recursive(true).mode(DIRECTORY_MODE).create(path).map_err(|error| {
        let message = format!(
            "state directory {} does not exist and cannot be made{}; make it, or set state.dir to a place that can be \
             written",
            path.display(),
            nearest_existing(path)
        );
        Error::with_source(ErrorKind::Io, message, error)
    })
}

/// Who may write the nearest directory above `path` that exists.
fn nearest_existing(path: &Path) -> String {
    let uid = rustix::process::geteuid().as_raw();
    for ancestor in path.ancestors().skip(1) {
        if let Ok(metadata) = fs::metadata(ancestor) {
            return format!(
                ": this process runs as uid {uid}, and {} belongs to uid {} with mode {:o}",
                ancestor.display(),
                metadata.uid(),
                metadata.mode() & 0o7777
            );
        }
    }
    String::new()
}

fn remove_directory(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result.context(|| format!("delete state directory {}", path.display())),
    }
}

/// Takes the lock of a directory and writes the pid into it.
fn lock(root: &Path) -> Result<File> {
    let path = root.join(LOCK_FILE);
    let named = || format!("lock state directory {}", root.display());
    for _ in 0..LOCK_ATTEMPTS {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(FILE_MODE);
        let mut file = options.open(&path).map_err(|error| {
            let message = format!(
                "lock file {} cannot be written{}; state.dir must be writable",
                path.display(),
                nearest_existing(&path)
            );
            Error::with_source(ErrorKind::Io, message, error)
        })?;
        if let Err(error) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            return Err(match error {
                rustix::io::Errno::WOULDBLOCK => locked(root, &file),
                error => Error::with_source(ErrorKind::Io, named(), io::Error::from(error)),
            });
        }
        // Between open and lock a clean-up can have deleted the file: then this lock guards nothing.
        if is_in_place(&file, &path) {
            file.set_len(0).context(named)?;
            file.seek(SeekFrom::Start(0)).context(named)?;
            writeln!(file, "{}", std::process::id()).context(named)?;
            return Ok(file);
        }
    }
    Err(Error::new(
        ErrorKind::Locked,
        format!("{}: its lock file keeps vanishing; another process deletes it", named()),
    ))
}

/// Whether an open file is the one that a path names.
fn is_in_place(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(found)) => (held.dev(), held.ino()) == (found.dev(), found.ino()),
        _ => false,
    }
}

#[cold]
fn locked(root: &Path, file: &File) -> Error {
    let mut pid = String::new();
    let read = file.take(PID_LENGTH_MAX).read_to_string(&mut pid);
    let pid = if read.is_ok() && !pid.trim().is_empty() { pid.trim() } else { "unknown" };
    let message = format!(
        "state directory {} is locked by process {pid}: several instances of one application run in the same state \
         directory; stop the other one, or give each a state.dir of its own",
        root.display()
    );
    Error::new(ErrorKind::Locked, message)
}

#[derive(serde::Serialize, serde::Deserialize)]
struct ProcessMetadata {
    #[serde(rename = "processId")]
    process_id: String,
}

/// The id that an earlier run left, or a new one. A file that does not parse is replaced, as in Kafka Streams.
fn process_id(root: &Path, new: impl FnOnce() -> Uuid) -> Result<Uuid> {
    let path = root.join(PROCESS_FILE);
    let stored = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<ProcessMetadata>(&bytes).ok());
    if let Some(id) = stored.and_then(|metadata| Uuid::parse_str(&metadata.process_id).ok()) {
        return Ok(id);
    }
    let id = new();
    replace_file(&path, format!("{{\"processId\":\"{id}\"}}").as_bytes())?;
    Ok(id)
}

#[cfg(test)]
mod tests;

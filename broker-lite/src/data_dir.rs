//! The data directory: who owns it, which format it has, and whether it is safe to use.
//!
//! ```text
//! DIR/owner.lock        locked by the running broker; holds its pid
//! DIR/broker.json       format, cluster id: written once, when the directory is made
//! DIR/catalogue.json    topics, ids, configs, leader epochs
//! DIR/producer_ids.json the next producer id to hand out
//! DIR/topics/ID/P/      the log of partition P of the topic with this id
//! ```
//!
//! Names never become paths: directories are named by topic id. A directory that is not ours is refused, and nothing
//! in it is touched; so is one that others may write to, and one that lost what says what it holds. State files are
//! replaced whole. A directory that is deleted, replaced or unmounted while the broker runs is noticed
//! ([`DataDir::check_present`]) before a change to it and before the next write is acknowledged.

use std::io::ErrorKind as IoKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use streams_core::{Error, ErrorKind, Result, ResultExt as _};
use uuid::Uuid;

use crate::disk::{read_file, replace_file, Disk, DiskLock, TEMPORARY_SUFFIX};

/// The newest format this program reads and the one it writes.
const FORMAT: u32 = 1;

const OWNER: &str = "owner.lock";
const IDENTITY: &str = "broker.json";
const TOPICS: &str = "topics";
/// Topics, ids, configs and leader epochs; [`crate::topics`] knows what is in it.
pub(crate) const CATALOGUE: &str = "catalogue.json";
/// Mode bits by which others than the owner may write.
const OTHERS_WRITE: u32 = 0o022;
const EVERYONE_WRITES: u32 = 0o002;
/// The mode bit of directories in which only the owner of a file may remove it.
const STICKY: u32 = 0o1000;
/// Everything that belongs into a data directory; `lost+found` is made by file systems.
const KNOWN: &[&str] = &[OWNER, IDENTITY, TOPICS, CATALOGUE, "producer_ids.json", "lost+found"];
/// How many unexpected names a refusal lists.
const NAMES_LISTED: usize = 3;
/// No state file is larger: 20,000 partitions need a few megabytes.
const STATE_FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A data directory that this process owns until the value is dropped.
#[derive(Debug)]
pub(crate) struct DataDir {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    cluster_id: String,
    owner: Mutex<Option<Box<dyn DiskLock>>>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Identity {
    format: u32,
    cluster_id: String,
}

impl DataDir {
    /// Opens a data directory on `disk`, or makes it; `new_cluster_id` names a new one.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] when another process owns it; [`ErrorKind::InvalidConfig`] when its content is not ours
    /// or newer than this program; [`ErrorKind::Io`] when it cannot be made or written.
    pub(crate) fn open(disk: Arc<dyn Disk>, path: &Path, owner: &str, new_cluster_id: Uuid) -> Result<Self> {
        disk.create_dir_all(path).map_err(|error| cannot_write(path, error))?;
        let names = disk.list(path).map_err(|error| cannot_write(path, error))?;
        if !names.iter().any(|name| name == IDENTITY) {
            refuse_foreign_content(path, &names)?;
        }
        let lock = disk.lock(&path.join(OWNER), owner)?;
        refuse_loss(&*disk, path, &names)?;
        let cluster_id = identify(&*disk, path, new_cluster_id)?;
        let topics = path.join(TOPICS);
        disk.create_dir_all(&topics).context(|| format!("create {}", topics.display()))?;
        Ok(Self { disk, path: path.to_owned(), cluster_id, owner: Mutex::new(Some(lock)) })
    }

    /// Fails when the directory is no longer the one that was opened: what is written then is lost, or lies elsewhere.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] with the directory and what became of it.
    pub(crate) fn check_present(&self) -> Result<()> {
        let owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Err(error)) = owner.as_ref().map(|owner| owner.check()) else { return Ok(()) };
        let message = format!(
            "data directory {} was deleted, replaced or unmounted while the broker ran: put it back, or restore it from \
             a backup, before the next start",
            self.path.display()
        );
        Err(Error::with_source(ErrorKind::Io, message, error))
    }

    /// The id of the cluster whose data this is.
    pub(crate) fn cluster_id(&self) -> &str {
        &self.cluster_id
    }

    /// Gives the directory to whoever wants it next.
    pub(crate) fn release(&self) {
        self.owner.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// The disk it lies on.
    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the topics' directories are.
    pub(crate) fn topics(&self) -> PathBuf {
        self.path.join(TOPICS)
    }

    /// The bytes of a state file, if it exists.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn load(&self, name: &str) -> Result<Option<Vec<u8>>> {
        load(&*self.disk, &self.path.join(name))
    }

    /// Replaces a state file; afterwards either the old or the new bytes survive any crash, and the new ones once this
    /// returned.
    ///
    /// # Errors
    /// When the file cannot be written; the old bytes are then still there.
    pub(crate) fn replace(&self, name: &str, bytes: &[u8]) -> Result<()> {
        self.check_present()?;
        let file = self.path.join(name);
        replace_file(&*self.disk, &file, bytes).context(|| format!("replace {}", file.display()))
    }
}

/// Looks at a directory on the machine's own disk before it is opened: it must be a real directory with some space.
///
/// # Errors
/// [`ErrorKind::Io`] with the path, the right that is missing or the space that is free.
pub(crate) fn check_real(path: &Path, free_bytes_min: u64) -> Result<()> {
    let refuse = |why: String| Err(Error::new(ErrorKind::Io, format!("data directory {} {why}", path.display())));
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_symlink() => {
            return refuse("is a symbolic link: name the directory itself".to_owned());
        }
        Ok(found) if !found.is_dir() => return refuse("is a file: choose another --data-dir".to_owned()),
        Ok(found) => check_rights(path, &found)?,
        Err(error) if error.kind() != IoKind::NotFound => return Err(cannot_write(path, error)),
        Err(_) => {}
    }
    if path.exists() && rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_err() {
        return Err(cannot_write(path, IoKind::PermissionDenied.into()));
    }
    let Some(existing) = path.ancestors().find(|ancestor| ancestor.exists()) else { return Ok(()) };
    let space = rustix::fs::statvfs(existing)
        .map_err(std::io::Error::from)
        .context(|| format!("ask for the free space of {}", existing.display()))?;
    let free = space.f_bavail.saturating_mul(space.f_frsize);
    if free < free_bytes_min {
        return refuse(format!("has {free} B free and the broker needs {free_bytes_min} B to start: free some space"));
    }
    Ok(())
}

/// Refuses a directory in which someone else than this user could change or exchange files.
fn check_rights(path: &Path, found: &std::fs::Metadata) -> Result<()> {
    let refuse = |why: String| Err(Error::new(ErrorKind::Io, format!("data directory {} {why}", path.display())));
    let (uid, mode) = (rustix::process::geteuid().as_raw(), found.mode() & 0o7777);
    if found.uid() != uid {
        let owner = found.uid();
        return refuse(format!("belongs to uid {owner} and this program runs as uid {uid}: run it as its owner"));
    }
    if mode & OTHERS_WRITE != 0 {
        return refuse(format!("has mode {mode:o}, which lets others write to it: take that away with chmod go-w"));
    }
    let parent = path.canonicalize().ok().and_then(|path| std::fs::metadata(path.parent()?).ok());
    let parent_mode = parent.map_or(0, |parent| parent.mode() & 0o7777);
    if parent_mode & EVERYONE_WRITES != 0 && parent_mode & STICKY == 0 {
        let remedy = "choose a place where others cannot put another directory in its place";
        return refuse(format!("lies in a directory of mode {parent_mode:o}, to which everyone may write: {remedy}"));
    }
    Ok(())
}

fn cannot_write(path: &Path, error: std::io::Error) -> Error {
    let uid = rustix::process::geteuid().as_raw();
    let about = path.ancestors().find_map(|ancestor| Some((ancestor, std::fs::metadata(ancestor).ok()?)));
    let place = about.map_or_else(String::new, |(ancestor, found)| {
        format!(" ({} has mode {:o} and belongs to uid {})", ancestor.display(), found.mode() & 0o7777, found.uid())
    });
    let message = format!(
        "data directory {} cannot be written by uid {uid}{place}: choose another --data-dir or mend its rights",
        path.display()
    );
    Error::with_source(ErrorKind::Io, message, error)
}

fn refuse_foreign_content(path: &Path, names: &[String]) -> Result<()> {
    let is_foreign = |name: &&String| !KNOWN.contains(&name.as_str()) && !name.ends_with(TEMPORARY_SUFFIX);
    let foreign: Vec<String> = names.iter().filter(is_foreign).map(|name| crate::text::escape(name)).collect();
    if foreign.is_empty() {
        return Ok(());
    }
    let listed = foreign.iter().take(NAMES_LISTED).map(String::as_str).collect::<Vec<_>>().join(", ");
    Err(Error::new(
        ErrorKind::InvalidConfig,
        format!(
            "data directory {} is no broker's: it has no {IDENTITY} but {} other entries ({listed}{}); choose an empty \
             directory",
            path.display(),
            foreign.len(),
            if foreign.len() > NAMES_LISTED { ", .." } else { "" }
        ),
    ))
}

/// Refuses a directory with data but without the file that says whose or what it is: a start would take it for new and
/// remove what it does not know.
fn refuse_loss(disk: &dyn Disk, path: &Path, names: &[String]) -> Result<()> {
    let has = |name: &str| names.iter().any(|found| found == name);
    let topics = if has(TOPICS) { disk.list(&path.join(TOPICS)) } else { Ok(Vec::new()) };
    let topics = topics.context(|| format!("list {}", path.join(TOPICS).display()))?;
    let missing = match () {
        () if !has(IDENTITY) && (has(CATALOGUE) || !topics.is_empty()) => IDENTITY,
        () if !has(CATALOGUE) && !topics.is_empty() => CATALOGUE,
        () => return Ok(()),
    };
    let message = format!(
        "data directory {} holds {} topics but no {missing}: restore the file from a backup; nothing was changed",
        path.display(),
        topics.len()
    );
    Err(Error::new(ErrorKind::Corrupt, message))
}

fn identify(disk: &dyn Disk, path: &Path, new_cluster_id: Uuid) -> Result<String> {
    let file = path.join(IDENTITY);
    let Some(bytes) = load(disk, &file)? else {
        let identity = Identity { format: FORMAT, cluster_id: base64_id(new_cluster_id) };
        let bytes = serde_json::to_vec_pretty(&identity).expect("a struct of a number and a string is JSON");
        replace_file(disk, &file, &bytes).context(|| format!("write {}", file.display()))?;
        return Ok(identity.cluster_id);
    };
    let identity: Identity = serde_json::from_slice(&bytes).map_err(|error| {
        let message = format!("{} is damaged: restore it from a backup", file.display());
        Error::with_source(ErrorKind::Corrupt, message, error)
    })?;
    if identity.format > FORMAT {
        return Err(Error::new(
            ErrorKind::InvalidConfig,
            format!(
                "data directory {} has format {}, this program reads up to {FORMAT}: upgrade the program or restore a \
                 backup; nothing was changed",
                path.display(),
                identity.format
            ),
        ));
    }
    Ok(identity.cluster_id)
}

fn load(disk: &dyn Disk, file: &Path) -> Result<Option<Vec<u8>>> {
    match read_file(disk, file, STATE_FILE_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == IoKind::NotFound => Ok(None),
        Err(error) => Err(error).context(|| format!("read {}", file.display())),
    }
}

/// The text of an id as Kafka writes it: URL-safe base64 without padding.
pub(crate) fn base64_id(id: Uuid) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bytes = id.as_bytes();
    let mut text = String::with_capacity(22);
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for position in 0..=chunk.len() {
            let index = (group >> (18 - 6 * position)) & 0x3f;
            text.push(char::from(ALPHABET[index as usize]));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::disk::RealDisk;

    fn open(path: &Path) -> Result<DataDir> {
        check_real(path, 0)?;
        DataDir::open(Arc::new(RealDisk::below(path)), path, "4711", Uuid::from_u128(1))
    }

    #[test]
    fn the_cluster_id_stays() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("data/inner");
        let first = DataDir::open(Arc::new(RealDisk::below(&path)), &path, "1", Uuid::from_u128(1))
            .expect("made")
            .cluster_id()
            .to_owned();
        assert_eq!(first, "AAAAAAAAAAAAAAAAAAAAAQ");
        let again = open(&path).expect("opened");
        assert_eq!(again.cluster_id(), first);
    }

    #[test]
    fn a_second_owner_is_refused_and_told_the_pid() {
        let dir = tempfile::tempdir().expect("a directory");
        let owner = open(dir.path()).expect("first");
        let error = open(dir.path()).expect_err("second");
        assert_eq!((error.kind(), error.kind().exit_code()), (ErrorKind::Locked, 6));
        assert!(error.to_string().contains("4711"), "{error}");
        drop(owner);
        open(dir.path()).expect("free again");
    }

    /// Row B32.
    #[test]
    fn a_foreign_directory_is_refused_and_untouched() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(dir.path().join("holiday.jpg"), b"x").expect("written");
        let error = open(dir.path()).expect_err("not ours");
        assert_eq!(error.kind().exit_code(), 2);
        assert!(error.to_string().contains("holiday.jpg"), "{error}");
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 1);
    }

    #[test]
    fn a_file_is_no_directory() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("file");
        fs::write(&file, b"x").expect("written");
        let error = open(&file).expect_err("a file");
        assert_eq!(error.kind().exit_code(), 3);
        assert!(error.to_string().contains("is a file"), "{error}");
    }

    /// Row B31.
    #[test]
    fn a_newer_format_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        drop(open(dir.path()).expect("made"));
        fs::write(dir.path().join(IDENTITY), br#"{"format":7,"cluster_id":"x"}"#).expect("written");
        let error = open(dir.path()).expect_err("newer");
        assert_eq!(error.kind().exit_code(), 2);
        assert!(error.to_string().contains("format 7, this program reads up to 1"), "{error}");
        fs::write(dir.path().join(IDENTITY), b"{").expect("written");
        assert_eq!(open(dir.path()).expect_err("damaged").kind().exit_code(), 4);
    }

    /// Row B33.
    #[test]
    fn a_nearly_full_disk_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let error = check_real(dir.path(), u64::MAX).expect_err("no disk has that");
        assert_eq!(error.kind().exit_code(), 3);
        assert!(error.to_string().contains("B free"), "{error}");
    }

    #[test]
    fn state_files_are_replaced_whole() {
        let dir = tempfile::tempdir().expect("a directory");
        let data = open(dir.path()).expect("made");
        assert_eq!(data.load("catalogue.json").expect("readable"), None);
        data.replace("catalogue.json", b"one").expect("written");
        data.replace("catalogue.json", b"two").expect("written");
        assert_eq!(data.load("catalogue.json").expect("readable").as_deref(), Some(&b"two"[..]));
    }
}

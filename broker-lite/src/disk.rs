//! The file system, behind a trait: real files, and [`memory::MemoryDisk`], which forgets what was not synced.
//!
//! This is the only file of the crate that touches `std::fs`. Everything that must survive a crash goes through a
//! [`Disk`], so that tests and the simulation can cut the power between any two operations.
//!
//! What callers may rely on, and must do:
//! - A write is durable after [`DiskFile::sync`]; a created, renamed or removed name after [`Disk::sync_dir`] of its
//!   directory. Until then a crash may keep any part of it.
//! - A failed [`DiskFile::sync`] says that the content since the last sync is unknown. It must not be retried.
//! - A failed write may have written any prefix.
//! - Paths are made of numbers, ids and fixed words, never of names that a client chose. The last component is never
//!   followed when it is a symbolic link, and below the root of a [`RealDisk`] no other one is either.
//! - Files are private to their owner (0600), and so are directories (0700).

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FlockOperation, OFlags};
use streams_core::{Error, ErrorKind, Result, ResultExt as _};

pub mod memory;

/// The suffix of a file that [`replace_file`] has not renamed yet. Such files are removed at start.
pub const TEMPORARY_SUFFIX: &str = ".tmp";

/// The mode of every file that the broker makes: records are the business of the owner only.
const FILE_MODE: u32 = 0o600;

/// The mode of every directory that the broker makes.
const DIR_MODE: u32 = 0o700;

/// The longest text read from an owner file; a pid is shorter.
const OWNER_BYTES_MAX: u64 = 64;

/// How to open a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// An existing file, to read.
    Read,
    /// An existing file, to read and write.
    Write,
    /// A file to read and write, made empty when it does not exist.
    Create,
    /// A file to read and write, emptied when it exists.
    Replace,
}

/// A tree of files. Shared by every log of a broker.
pub trait Disk: fmt::Debug + Send + Sync {
    /// Opens a file.
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>>;

    /// Makes a directory and its missing parents, durably. An existing directory is fine.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, sorted.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Renames a file or directory; a file of the new name is replaced in one step.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory and all that is in it.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Takes a directory for one process by locking the file at `path`, in which `owner` (a pid) is written.
    ///
    /// # Errors
    /// [`ErrorKind::Locked`] with the owner's text when another process holds it.
    fn lock(&self, path: &Path, owner: &str) -> Result<Box<dyn DiskLock>>;
}

/// An open file. Reads and writes name their place, so that one handle serves many threads.
pub trait DiskFile: fmt::Debug + Send + Sync {
    /// The length in bytes.
    fn size(&self) -> io::Result<u64>;

    /// Reads into `buffer` from byte `at` until it is full or the file ends; returns how many bytes were read.
    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at byte `at`. On failure any prefix may have been written.
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Cuts or extends the file to `size` bytes.
    fn truncate(&self, size: u64) -> io::Result<()>;

    /// Makes content and length durable (`fdatasync`). Never retry after a failure.
    fn sync(&self) -> io::Result<()>;
}

/// Holds a directory for this process until dropped.
pub trait DiskLock: fmt::Debug + Send + Sync {
    /// Whether the directory that was locked is still the one at its path, and not deleted, replaced or unmounted.
    ///
    /// # Errors
    /// What became of it.
    fn check(&self) -> io::Result<()>;
}

/// The whole content of a small file.
///
/// # Errors
/// `NotFound`, a failed read, or [`io::ErrorKind::InvalidData`] when the file is longer than `bytes_max`.
pub fn read_file(disk: &dyn Disk, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path, OpenMode::Read)?;
    let size = file.size()?;
    if size > bytes_max {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{} has {size} bytes, more than the {bytes_max} allowed", path.display()),
        ));
    }
    let mut bytes = vec![0; usize::try_from(size).unwrap_or(usize::MAX)];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

/// Replaces a small file in one durable step: write aside, sync, rename, sync the directory. After a crash the file has
/// the old or the new content.
pub fn replace_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_aside(disk, path, bytes, true)?;
    match path.parent() {
        Some(dir) => disk.sync_dir(dir),
        None => Ok(()),
    }
}

/// Replaces a file whose loss does no harm: atomic for readers, but nothing is synced.
pub fn replace_cache_file(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_aside(disk, path, bytes, false)
}

fn write_aside(disk: &dyn Disk, path: &Path, bytes: &[u8], sync: bool) -> io::Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(TEMPORARY_SUFFIX);
    let aside = PathBuf::from(aside);
    let file = disk.open(&aside, OpenMode::Replace)?;
    file.write_at(bytes, 0)?;
    if sync {
        file.sync()?;
    }
    disk.rename(&aside, path)
}

/// Removes a file unless it is gone already.
pub fn remove_if_exists(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    match disk.remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The machine's own file system.
#[derive(Debug, Clone, Default)]
pub struct RealDisk {
    root: Option<PathBuf>,
}

impl RealDisk {
    /// The file system below a directory, where it follows no symbolic link. It is for one owner's data: who can write
    /// there between a look at a path and its use is the owner.
    pub fn below(root: impl Into<PathBuf>) -> Self {
        Self { root: Some(root.into()) }
    }

    /// Refuses a path that leads through a symbolic link at or below the root, or is one.
    fn refuse_links(&self, path: &Path) -> io::Result<()> {
        let Some(root) = &self.root else { return Ok(()) };
        let Ok(below) = path.strip_prefix(root) else { return Ok(()) };
        let mut at = root.clone();
        for part in std::iter::once(Path::new("")).chain(below.iter().map(Path::new)) {
            at.push(part);
            match std::fs::symlink_metadata(&at) {
                Ok(found) if found.is_symlink() => {
                    let message = format!("{} is a symbolic link: put what it stands for in its place", at.display());
                    return Err(io::Error::other(message));
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
                _ => {}
            }
        }
        Ok(())
    }
}

impl Disk for RealDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        self.refuse_links(path)?;
        let file = options(mode).open(path)?;
        Ok(Arc::new(RealFile(file)))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.refuse_links(path)?;
        let mut missing: Vec<&Path> = Vec::new();
        let mut at = Some(path);
        while let Some(dir) = at.filter(|dir| !dir.as_os_str().is_empty() && !dir.is_dir()) {
            missing.push(dir);
            at = dir.parent();
        }
        for dir in missing.into_iter().rev() {
            match DirBuilder::new().mode(DIR_MODE).create(dir) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
            self.sync_dir(parent.unwrap_or(Path::new(".")))?;
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.refuse_links(dir)?;
        let mut names = Vec::new();
        for entry in std::fs::read_dir(dir)? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.refuse_links(from)?;
        self.refuse_links(to)?;
        std::fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.refuse_links(path)?;
        std::fs::remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.refuse_links(path)?;
        std::fs::remove_dir_all(path)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn lock(&self, path: &Path, owner: &str) -> Result<Box<dyn DiskLock>> {
        self.refuse_links(path).context(|| format!("open {}", path.display()))?;
        let mut file = options(OpenMode::Create).open(path).context(|| format!("open {}", path.display()))?;
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => {
                let mut holder = String::new();
                // Whose it is only makes the message better.
                let _ = file.take(OWNER_BYTES_MAX).read_to_string(&mut holder);
                return Err(locked(path, holder.trim()));
            }
            Err(errno) => return Err(io::Error::from(errno)).context(|| format!("lock {}", path.display())),
        }
        file.set_len(0)
            .and_then(|()| file.write_all(owner.as_bytes()))
            .context(|| format!("write {}", path.display()))?;
        Ok(Box::new(RealLock { file, path: path.to_owned() }))
    }
}

fn options(mode: OpenMode) -> OpenOptions {
    let mut options = OpenOptions::new();
    let follow_no_link = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0);
    options.read(true).mode(FILE_MODE).custom_flags(follow_no_link);
    options.write(mode != OpenMode::Read);
    options.create(matches!(mode, OpenMode::Create | OpenMode::Replace));
    options.truncate(mode == OpenMode::Replace);
    options
}

fn locked(path: &Path, holder: &str) -> Error {
    let dir = path.parent().unwrap_or(path).display();
    let holder = if holder.is_empty() { "another process".to_owned() } else { format!("process {holder}") };
    Error::new(
        ErrorKind::Locked,
        format!("{dir} is in use by {holder} (lock file {}): stop it or choose another directory", path.display()),
    )
}

#[derive(Debug)]
struct RealFile(File);

impl DiskFile for RealFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() {
            let position = at.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
            match self.0.read_at(&mut buffer[filled..], position) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, at)
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        self.0.set_len(size)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }
}

/// The lock goes with the file handle.
#[derive(Debug)]
struct RealLock {
    file: File,
    path: PathBuf,
}

impl DiskLock for RealLock {
    fn check(&self) -> io::Result<()> {
        let (held, found) = (self.file.metadata()?, std::fs::symlink_metadata(&self.path)?);
        if (held.dev(), held.ino()) == (found.dev(), found.ino()) {
            return Ok(());
        }
        Err(io::Error::other(format!("{} is another file now", self.path.display())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// Both disks do the same through the trait.
    fn each_disk(check: impl Fn(&dyn Disk, &Path)) {
        let dir = tempfile::tempdir().unwrap();
        check(&RealDisk::below(dir.path()), dir.path());
        let memory = memory::MemoryDisk::new();
        memory.create_dir_all(Path::new("/data")).unwrap();
        check(&memory, Path::new("/data"));
    }

    #[test]
    fn files_read_what_was_written_on_both_disks() {
        each_disk(|disk, root| {
            let dir = root.join("a/b");
            disk.create_dir_all(&dir).unwrap();
            disk.create_dir_all(&dir).unwrap();
            let path = dir.join("x");
            assert_eq!(disk.open(&path, OpenMode::Read).unwrap_err().kind(), io::ErrorKind::NotFound);
            let file = disk.open(&path, OpenMode::Create).unwrap();
            file.write_at(b"hello", 0).unwrap();
            file.write_at(b"J", 0).unwrap();
            file.write_at(b"!", 6).unwrap();
            let mut buffer = [9; 16];
            assert_eq!(file.read_at(&mut buffer, 1).unwrap(), 6);
            assert_eq!(&buffer[..6], b"ello\0!");
            file.truncate(2).unwrap();
            assert_eq!(read_file(disk, &path, 2).unwrap(), b"Je");
            assert_eq!(read_file(disk, &path, 1).unwrap_err().kind(), io::ErrorKind::InvalidData);
            replace_file(disk, &dir.join("y"), b"new").unwrap();
            replace_file(disk, &dir.join("y"), b"newer").unwrap();
            assert_eq!(disk.list(&dir).unwrap(), ["x", "y"]);
            disk.rename(&path, &dir.join("z")).unwrap();
            remove_if_exists(disk, &path).unwrap();
            assert_eq!(disk.list(&dir).unwrap(), ["y", "z"]);
            disk.sync_dir(&dir).unwrap();
            disk.remove_dir_all(&root.join("a")).unwrap();
            assert_eq!(disk.list(&dir).unwrap_err().kind(), io::ErrorKind::NotFound);
        });
    }

    #[test]
    fn a_directory_is_taken_once_and_names_its_owner() {
        each_disk(|disk, root| {
            let path = root.join(".lock");
            let held = disk.lock(&path, "4711").unwrap();
            let refused = disk.lock(&path, "1").unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::Locked);
            assert!(refused.to_string().contains("in use by process 4711"), "{refused}");
            drop(held);
            disk.lock(&path, "1").unwrap();
        });
    }

    #[test]
    fn real_files_are_private_and_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let disk = RealDisk::default();
        let sub = dir.path().join("sub");
        disk.create_dir_all(&sub).unwrap();
        let path = sub.join("x");
        disk.open(&path, OpenMode::Create).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, FILE_MODE);
        assert_eq!(std::fs::metadata(&sub).unwrap().permissions().mode() & 0o777, DIR_MODE);
        std::os::unix::fs::symlink(&path, sub.join("link")).unwrap();
        assert!(disk.open(&sub.join("link"), OpenMode::Read).is_err());
    }

    /// B106: whatever the operation, and wherever the link is.
    #[test]
    fn below_its_root_a_disk_goes_through_no_link() {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let theirs = elsewhere.path().join("theirs");
        std::fs::create_dir(&theirs).unwrap();
        std::fs::write(theirs.join("x"), b"x").unwrap();
        let root = dir.path().join("data");
        let disk = RealDisk::below(&root);
        disk.create_dir_all(&root.join("real")).unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), root.join("link")).unwrap();
        let through = root.join("link/theirs");
        let refused = [
            disk.open(&through.join("x"), OpenMode::Write).map(drop),
            disk.open(&through.join("new"), OpenMode::Create).map(drop),
            disk.list(&through).map(drop),
            disk.create_dir_all(&through.join("sub")),
            disk.rename(&through.join("x"), &root.join("real/x")),
            disk.rename(&root.join("real"), &through.join("y")),
            disk.remove_file(&through.join("x")),
            disk.remove_dir_all(&through),
            disk.remove_dir_all(&root.join("link")),
        ];
        let link = format!("{} is a symbolic link", root.join("link").display());
        for (outcome, number) in refused.into_iter().zip(0..) {
            let error = outcome.expect_err("it leads away").to_string();
            assert!(error.contains(&link), "operation {number}: {error}");
        }
        assert_eq!(disk.lock(&through.join("lock"), "1").unwrap_err().kind(), ErrorKind::Io);
        assert_eq!(std::fs::read_dir(&theirs).unwrap().count(), 1, "nothing of theirs was touched");
        disk.open(&root.join("real/x"), OpenMode::Create).unwrap();
    }
}

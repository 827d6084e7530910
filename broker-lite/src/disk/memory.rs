//! A disk in memory, for tests, simulation and brokers that need not outlive their process.
//!
//! It remembers what was synced and what was not, so that [`MemoryDisk::crash`] can return what a machine would find
//! after losing power: synced content always, and of the rest nothing, everything, or a seeded choice (any prefix of
//! a directory's changes; each unsynced write whole, torn or missing, in any combination).
//! A failed sync loses what it should have kept, as Linux does. Faults are injected by the number of the operation.
//! No randomness but the seed given; no time.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streams_core::Result;

use super::{locked, Disk, DiskFile, DiskLock, OpenMode};

/// What goes wrong at an operation that changes the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full: a write stops after this many bytes; the operations after it work again.
    NoSpace {
        /// How many bytes of a write still find room.
        written: usize,
    },
    /// The device fails (`EIO`), once. A sync that fails loses what it should have made durable.
    Io,
    /// The power goes: this operation and all after it fail, and nothing of them happens.
    PowerOff,
}

/// What a crash leaves of changes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// All of them: the process was killed, the machine runs on.
    KeepAll,
    /// None of them.
    LoseUnsynced,
    /// A choice that depends on the seed.
    Seeded(u64),
}

/// A disk in memory. Clones share the disk.
#[derive(Debug, Clone)]
pub struct MemoryDisk(Arc<Mutex<State>>);

#[derive(Debug, Default, Clone)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<PathBuf, Entry>,
    durable_names: BTreeMap<PathBuf, Entry>,
    pending_names: BTreeMap<PathBuf, Vec<NameChange>>,
    next_inode: u64,
    tracks_unsynced: bool,
    locks: BTreeMap<PathBuf, String>,
    operations: u64,
    faults: BTreeMap<u64, Fault>,
    read_faults: BTreeSet<PathBuf>,
    powered_off: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Entry {
    File(u64),
    Directory,
}

#[derive(Debug, Default, Clone)]
struct Inode {
    content: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Truncate(usize),
}

#[derive(Debug, Clone)]
enum NameChange {
    Link(PathBuf, Entry),
    Unlink(PathBuf),
    Rename(PathBuf, PathBuf),
}

impl Default for MemoryDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryDisk {
    /// An empty disk that remembers what was not synced.
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State { tracks_unsynced: true, ..State::default() })))
    }

    /// An empty disk that keeps one copy of everything and cannot [`Self::crash`] but with [`Crash::KeepAll`].
    pub fn ephemeral() -> Self {
        Self(Arc::new(Mutex::new(State::default())))
    }

    /// What a machine finds after a crash at this moment: a disk of its own, without faults.
    #[must_use]
    pub fn crash(&self, crash: Crash) -> Self {
        let mut state = self.state().clone();
        match crash {
            Crash::KeepAll => {}
            Crash::LoseUnsynced => state.lose(&mut |_| 0),
            Crash::Seeded(seed) => {
                let mut random = SplitMix(seed);
                state.lose(&mut |bound| random.below(bound.saturating_add(1)));
            }
        }
        state.faults.clear();
        state.read_faults.clear();
        state.locks.clear();
        state.operations = 0;
        state.powered_off = false;
        Self(Arc::new(Mutex::new(state)))
    }

    /// How many operations that change the disk were tried so far.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Makes the operation with this number (counted from 0, as by [`Self::operations`]) fail.
    pub fn fail_at(&self, operation: u64, fault: Fault) {
        self.state().faults.insert(operation, fault);
    }

    /// Makes every read of a file fail with `EIO`.
    pub fn fail_reads(&self, path: &Path) {
        self.state().read_faults.insert(path.to_owned());
    }

    /// The content of a file, or nothing when there is none.
    pub fn content(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.state();
        let inode = state.file(path).ok()?;
        Some(state.inodes.get(&inode)?.content.clone())
    }

    /// Sets the content of a file, durably, behind the back of whoever has it open.
    pub fn overwrite(&self, path: &Path, content: Vec<u8>) {
        let mut state = self.state();
        let Ok(id) = state.file(path) else { return };
        if let Some(inode) = state.inodes.get_mut(&id) {
            inode.durable.clone_from(&content);
            inode.content = content;
            inode.pending.clear();
        }
    }

    /// Flips the bits of `mask` in one byte of a file, as a failing device does.
    pub fn flip(&self, path: &Path, at: usize, mask: u8) {
        if let Some(mut content) = self.content(path) {
            if let Some(byte) = content.get_mut(at) {
                *byte ^= mask;
            }
            self.overwrite(path, content);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Counts an operation and fails it when it is due to fail.
    fn step(&mut self) -> io::Result<()> {
        match self.fault() {
            None => Ok(()),
            Some(fault) => Err(fault_error(fault)),
        }
    }

    fn fault(&mut self) -> Option<Fault> {
        let fault = self.faults.get(&self.operations).copied();
        self.operations += 1;
        if fault == Some(Fault::PowerOff) {
            self.powered_off = true;
        }
        if self.powered_off {
            return Some(Fault::PowerOff);
        }
        fault
    }

    fn file(&self, path: &Path) -> io::Result<u64> {
        match self.names.get(path) {
            Some(Entry::File(id)) => Ok(*id),
            Some(Entry::Directory) => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            None => Err(not_found(path)),
        }
    }

    fn change_names(&mut self, change: NameChange) {
        apply_name_change(&mut self.names, &change);
        if self.tracks_unsynced {
            let path = match &change {
                NameChange::Link(path, _) | NameChange::Unlink(path) | NameChange::Rename(_, path) => path,
            };
            let dir = path.parent().unwrap_or(Path::new("")).to_owned();
            self.pending_names.entry(dir).or_default().push(change);
        }
    }

    fn sync_names(&mut self, dir: &Path) {
        for change in self.pending_names.remove(dir).unwrap_or_default() {
            apply_name_change(&mut self.durable_names, &change);
        }
    }

    fn remove_tree(&mut self, path: &Path) {
        let gone: Vec<PathBuf> = self.names.keys().filter(|name| name.starts_with(path)).cloned().collect();
        for name in gone {
            self.change_names(NameChange::Unlink(name));
        }
    }

    /// Goes back to what is durable and `keep(n)` (at most n) of what is not.
    fn lose(&mut self, keep: &mut dyn FnMut(usize) -> usize) {
        for changes in std::mem::take(&mut self.pending_names).into_values() {
            let kept = keep(changes.len());
            for change in changes.iter().take(kept) {
                apply_name_change(&mut self.durable_names, change);
            }
        }
        // A file whose directory did not survive is unreachable.
        let directories: BTreeSet<PathBuf> = self
            .durable_names
            .iter()
            .filter(|(_, entry)| **entry == Entry::Directory)
            .map(|(p, _)| p.clone())
            .collect();
        self.durable_names.retain(|path, _| {
            path.ancestors()
                .skip(1)
                .all(|dir| dir.parent().is_none() || dir == Path::new("") || directories.contains(dir))
        });
        self.names.clone_from(&self.durable_names);
        for inode in self.inodes.values_mut() {
            for change in std::mem::take(&mut inode.pending) {
                let change = match change {
                    Change::Write { at, bytes } => {
                        let kept = match keep(2) {
                            0 => 0,
                            1 => keep(bytes.len()),
                            _ => bytes.len(),
                        };
                        Change::Write { at, bytes: bytes[..kept].to_vec() }
                    }
                    Change::Truncate(_) if keep(1) == 0 => continue,
                    truncate @ Change::Truncate(_) => truncate,
                };
                apply_change(&mut inode.durable, &change);
            }
            inode.content.clone_from(&inode.durable);
        }
    }
}

fn apply_name_change(names: &mut BTreeMap<PathBuf, Entry>, change: &NameChange) {
    match change {
        NameChange::Link(path, entry) => {
            names.insert(path.clone(), *entry);
        }
        NameChange::Unlink(path) => {
            names.remove(path);
        }
        NameChange::Rename(from, to) => {
            let moved: Vec<PathBuf> = names.keys().filter(|name| name.starts_with(from)).cloned().collect();
            for name in moved {
                let Ok(rest) = name.strip_prefix(from) else { continue };
                let target = if rest.as_os_str().is_empty() { to.clone() } else { to.join(rest) };
                if let Some(entry) = names.remove(&name) {
                    names.insert(target, entry);
                }
            }
        }
    }
}

fn apply_change(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write { bytes, .. } if bytes.is_empty() => {}
        Change::Write { at, bytes } => {
            let end = at + bytes.len();
            if content.len() < end {
                content.resize(end, 0);
            }
            content[*at..end].copy_from_slice(bytes);
        }
        Change::Truncate(size) => content.resize(*size, 0),
    }
}

fn fault_error(fault: Fault) -> io::Error {
    match fault {
        Fault::NoSpace { .. } => io::Error::new(io::ErrorKind::StorageFull, "no space left on device (injected)"),
        Fault::Io => io::Error::other("input/output error (injected)"),
        Fault::PowerOff => io::Error::other("the power is off (injected)"),
    }
}

fn not_found(path: &Path) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no file or directory {}", path.display()))
}

impl Disk for MemoryDisk {
    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.state();
        let inode = match state.file(path) {
            Ok(id) => id,
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Err(error) if matches!(mode, OpenMode::Read | OpenMode::Write) => return Err(error),
            Err(_) => {
                let dir = path.parent().unwrap_or(Path::new(""));
                if state.names.get(dir) != Some(&Entry::Directory) {
                    return Err(not_found(dir));
                }
                state.step()?;
                let id = state.next_inode;
                state.next_inode += 1;
                state.inodes.insert(id, Inode::default());
                state.change_names(NameChange::Link(path.to_owned(), Entry::File(id)));
                id
            }
        };
        drop(state);
        let file = MemoryFile { disk: self.clone(), inode, path: path.to_owned() };
        if mode == OpenMode::Replace {
            file.truncate(0)?;
        }
        Ok(Arc::new(file))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        let mut ancestors: Vec<&Path> = path.ancestors().filter(|dir| !dir.as_os_str().is_empty()).collect();
        ancestors.reverse();
        for dir in ancestors {
            match state.names.get(dir) {
                Some(Entry::Directory) => {}
                Some(Entry::File(_)) => return Err(io::Error::from(io::ErrorKind::NotADirectory)),
                None => {
                    state.step()?;
                    state.change_names(NameChange::Link(dir.to_owned(), Entry::Directory));
                    state.sync_names(dir.parent().unwrap_or(Path::new("")));
                }
            }
        }
        Ok(())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let state = self.state();
        if state.names.get(dir) != Some(&Entry::Directory) {
            return Err(not_found(dir));
        }
        let children = state.names.keys().filter(|path| path.parent() == Some(dir));
        Ok(children.filter_map(|path| path.file_name()?.to_str().map(str::to_owned)).collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.names.contains_key(from) {
            return Err(not_found(from));
        }
        state.step()?;
        state.change_names(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.file(path)?;
        state.step()?;
        state.change_names(NameChange::Unlink(path.to_owned()));
        Ok(())
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state();
        if !state.names.contains_key(path) {
            return Err(not_found(path));
        }
        state.step()?;
        state.remove_tree(path);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.state();
        state.step()?;
        state.sync_names(dir);
        Ok(())
    }

    fn lock(&self, path: &Path, owner: &str) -> Result<Box<dyn DiskLock>> {
        let mut state = self.state();
        if let Some(holder) = state.locks.get(path) {
            return Err(locked(path, holder));
        }
        state.locks.insert(path.to_owned(), owner.to_owned());
        Ok(Box::new(MemoryLock { disk: self.clone(), path: path.to_owned() }))
    }
}

#[derive(Debug)]
struct MemoryLock {
    disk: MemoryDisk,
    path: PathBuf,
}

impl DiskLock for MemoryLock {
    fn check(&self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.disk.state().locks.remove(&self.path);
    }
}

#[derive(Debug)]
struct MemoryFile {
    disk: MemoryDisk,
    inode: u64,
    path: PathBuf,
}

impl MemoryFile {
    fn change(&self, state: &mut State, change: Change) {
        let tracks_unsynced = state.tracks_unsynced;
        if let Some(inode) = state.inodes.get_mut(&self.inode) {
            apply_change(&mut inode.content, &change);
            if tracks_unsynced {
                inode.pending.push(change);
            }
        }
    }
}

fn index(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

impl DiskFile for MemoryFile {
    fn size(&self) -> io::Result<u64> {
        let state = self.disk.state();
        Ok(state.inodes.get(&self.inode).map_or(0, |inode| u64::try_from(inode.content.len()).unwrap_or(u64::MAX)))
    }

    fn read_at(&self, buffer: &mut [u8], at: u64) -> io::Result<usize> {
        let state = self.disk.state();
        if state.powered_off || state.read_faults.contains(&self.path) {
            return Err(fault_error(Fault::Io));
        }
        let content = state.inodes.get(&self.inode).map_or(&[][..], |inode| &inode.content);
        let rest = content.get(index(at)..).unwrap_or(&[]);
        let read = rest.len().min(buffer.len());
        buffer[..read].copy_from_slice(&rest[..read]);
        Ok(read)
    }

    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let fault = state.fault();
        let written = match fault {
            None => bytes.len(),
            Some(Fault::NoSpace { written }) => written.min(bytes.len()),
            Some(Fault::Io) => bytes.len() / 2,
            Some(Fault::PowerOff) => 0,
        };
        self.change(&mut state, Change::Write { at: index(at), bytes: bytes[..written].to_vec() });
        match fault {
            None => Ok(()),
            Some(fault) => Err(fault_error(fault)),
        }
    }

    fn truncate(&self, size: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        state.step()?;
        self.change(&mut state, Change::Truncate(index(size)));
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let outcome = state.step();
        let powered_off = state.powered_off;
        if let Some(inode) = state.inodes.get_mut(&self.inode) {
            if outcome.is_ok() {
                for change in std::mem::take(&mut inode.pending) {
                    apply_change(&mut inode.durable, &change);
                }
            } else if !powered_off {
                inode.pending.clear();
            }
        }
        outcome
    }
}

/// A small generator of choices, for crashes only.
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(mixed % bound).unwrap_or(0)
    }
}

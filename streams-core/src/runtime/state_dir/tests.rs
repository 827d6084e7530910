//! State directories on the real file system: owners, locks, deletion.

use std::os::unix::fs::PermissionsExt as _;

use super::*;

const ID: Uuid = Uuid::from_u128(7);

fn task(subtopology: u32, partition: i32) -> TaskId {
    TaskId { subtopology: SubtopologyId(subtopology), partition: Partition(partition) }
}

#[test]
fn the_process_id_outlives_a_restart_and_damage_replaces_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = |id| StateDirectory::open(dir.path(), "shop", || Uuid::from_u128(id)).expect("opens");
    assert_eq!(open(1).process_id(), Uuid::from_u128(1));
    assert_eq!(open(2).process_id(), Uuid::from_u128(1));
    fs::write(dir.path().join("shop").join(PROCESS_FILE), b"{\"processId\":").expect("writes");
    assert_eq!(open(3).process_id(), Uuid::from_u128(3));
}

#[test]
fn a_second_owner_is_refused_with_the_pid_of_the_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let first = StateDirectory::open(dir.path(), "shop", || ID).expect("opens");
    for error in [
        StateDirectory::open(dir.path(), "shop", || ID).expect_err("it is locked"),
        StateDirectory::delete(dir.path(), "shop").expect_err("it is locked"),
    ] {
        assert_eq!(error.kind().exit_code(), 6);
        let expected = format!("shop is locked by process {}: several instances", std::process::id());
        assert!(error.to_string().contains(&expected), "{error}");
    }
    drop(first);
    StateDirectory::open(dir.path(), "shop", || ID).expect("the lock ended with its owner");
}

#[test]
fn tasks_have_directories_and_all_of_them_can_be_deleted() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = StateDirectory::open(dir.path(), "shop", || ID).expect("opens");
    let path = state.task_directory(task(1, 0)).expect("is made");
    assert_eq!(path, dir.path().join("shop").join("1_0"));
    fs::write(path.join("store"), b"x").expect("writes");
    drop(state);
    StateDirectory::delete(dir.path(), "shop").expect("is deleted");
    assert!(!dir.path().join("shop").exists());
    StateDirectory::delete(dir.path(), "shop").expect("deleting nothing is fine");
}

/// Rows B26 and B27.
#[test]
fn a_file_in_the_way_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("state");
    fs::write(&path, b"").expect("writes");
    let error = StateDirectory::open(&path, "shop", || ID).expect_err("it is a file");
    assert_eq!(error.kind().exit_code(), 3);
    assert!(error.to_string().contains("there is a file of the same name"), "{error}");
    let below = StateDirectory::open(&path.join("deeper"), "shop", || ID).expect_err("its parent is a file");
    assert!(below.to_string().contains("does not exist and cannot be made"), "{below}");
}

/// Row B26.
#[test]
fn a_directory_that_others_may_write_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = || StateDirectory::open(dir.path(), "shop", || ID);
    drop(open().expect("opens"));
    let path = dir.path().join("shop");
    let mode = || fs::metadata(&path).expect("is there").permissions().mode() & 0o777;
    assert_eq!(mode() & 0o027, 0, "made for its owner alone: {:o}", mode());
    fs::set_permissions(&path, fs::Permissions::from_mode(0o757)).expect("is ours");
    let error = open().expect_err("anybody may change it");
    assert_eq!(error.kind().exit_code(), 3);
    let expected =
        format!("{} has mode 757, which lets others write to it: take that away with `chmod go-w`", path.display());
    assert!(error.to_string().contains(&expected), "{error}");
    assert_eq!(mode(), 0o757, "modes are the owner's to change");
}

/// Row B26.
#[test]
fn the_owner_must_be_who_runs() {
    let named =
        |owner, mode| refuse_strangers(Path::new("/state/shop"), owner, mode, 7).map_err(|error| error.to_string());
    assert_eq!(named(7, 0o750), Ok(()));
    assert!(named(7, 0o770).is_err(), "a group are others, too");
    let refused = named(8, 0o750).expect_err("it is somebody else's");
    assert!(
        refused.starts_with("state directory /state/shop belongs to uid 8, and this process runs as uid 7"),
        "{refused}"
    );
}

#[test]
fn a_directory_that_was_deleted_is_noticed_and_made_and_locked_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = StateDirectory::open(dir.path(), "shop", || ID).expect("opens");
    let store = state.task_directory(task(0, 0)).expect("is made").join(ROCKSDB_DIRECTORY).join("counts");
    fs::create_dir_all(&store).expect("is made");
    state.check_store(task(0, 0), "counts", false).expect("it is there");
    fs::remove_dir_all(dir.path().join("shop")).expect("is deleted");
    let error = state.check_store(task(0, 0), "counts", false).expect_err("it is gone");
    assert_eq!(error.kind(), ErrorKind::TaskCorrupted);
    let expected = format!("{} was deleted while the application ran", store.display());
    assert!(error.to_string().contains(&expected), "{error}");

    state.hold().expect("is made again");
    assert!(state.task_directory(task(0, 0)).expect("is made").is_dir());
    StateDirectory::open(dir.path(), "shop", || ID).expect_err("it is locked again");
    fs::remove_dir_all(dir.path().join("shop")).expect("is deleted");
    let _other = StateDirectory::open(dir.path(), "shop", || ID).expect("nobody holds the new one");
    assert_eq!(state.hold().expect_err("somebody else has it now").kind(), ErrorKind::Locked);
}

#[test]
fn directories_of_tasks_that_are_no_longer_ours_go_after_a_delay() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = StateDirectory::open(dir.path(), "shop", || ID).expect("opens");
    for task in [task(0, 0), task(0, 1), task(7, 0)] {
        fs::write(state.task_directory(task).expect("is made").join("rows"), b"x").expect("writes");
    }
    let root = dir.path().join("shop");
    fs::create_dir(root.join("0_x")).expect("is made");
    std::os::unix::fs::symlink(dir.path(), root.join("9_9")).expect("is made");
    let modified = |name: &str| {
        let found = fs::metadata(root.join(name)).expect("is there");
        Timestamp(found.mtime() * 1_000 + found.mtime_nsec() / 1_000_000)
    };
    // They need not have been made in the same millisecond.
    let (one, other) = (modified("0_1"), modified("7_0"));
    let (delay, oldest, newest) = (Duration::from_secs(60), one.min(other), one.max(other));
    let keep = [task(0, 0)].into_iter().collect();
    assert_eq!(state.clean(oldest + delay - Duration::from_millis(1), delay, &keep).expect("reads"), []);
    let deleted = state.clean(newest + delay, delay, &keep).expect("deletes");
    assert_eq!(deleted, [task(0, 1), task(7, 0)]);
    let mut left: Vec<_> = fs::read_dir(&root).expect("reads").flatten().map(|entry| entry.file_name()).collect();
    left.sort();
    assert_eq!(left, [".lock", "0_0", "0_x", "9_9", PROCESS_FILE], "what is no task's, or a link, is left alone");
}

/// Wherever the process is killed while it writes, the next start finds what was written before, or all of the new.
#[test]
fn what_the_state_was_made_by_is_replaced_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let open = || StateDirectory::open(dir.path(), "shop", || ID).expect("opens");
    let (old, new) = (b"what it was made by first", b"what it was made by then!");
    let state = open();
    assert_eq!(state.read_origin().expect("reads"), None);
    state.write_origin(old).expect("writes");
    let temporary = state.origin_path().with_extension("tmp");
    drop(state);
    for len in 0..=new.len() {
        fs::write(&temporary, &new[..len]).expect("what a killed process left");
        assert_eq!(open().read_origin().expect("reads").as_deref(), Some(&old[..]), "{len}");
    }
    let state = open();
    state.write_origin(new).expect("writes over what was left");
    assert_eq!(state.read_origin().expect("reads").as_deref(), Some(&new[..]));
    assert!(!temporary.exists());

    fs::remove_dir_all(dir.path().join("shop")).expect("is deleted");
    state.hold().expect("is made again");
    assert_eq!(state.read_origin().expect("reads").as_deref(), Some(&new[..]), "with what it had");
}

#[test]
fn stores_of_all_tasks_are_found() {
    let dir = tempfile::tempdir().expect("a directory");
    let state = StateDirectory::open(dir.path(), "shop", || ID).expect("opens");
    assert!(state.stores().expect("reads").is_empty());
    for path in ["0_0/rocksdb/counts", "0_1/rocksdb/counts", "0_1/rocksdb/counts~unusable", "1_0/hourly", "stray/sums"]
    {
        fs::create_dir_all(dir.path().join("shop").join(path)).expect("is made");
    }
    assert_eq!(state.stores().expect("reads").into_iter().collect::<Vec<_>>(), ["counts", "hourly"]);
}

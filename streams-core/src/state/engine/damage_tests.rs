//! RocksDB directories that cannot be used: each is refused with its path, and none is read as if it were empty.

use std::fs;
use std::path::{Path, PathBuf};

use rstest::rstest;

use super::rocks::RocksStore;
use super::rocks_window::RocksWindowStore;
use super::*;
use crate::ids::Offset;

const FORMAT: &str = "1: keys plain, values plain";

const LONG: &str =
    "1: a name that goes on and on and on and on and on and on and on and on and on and on and on and on";

/// A database with two files of rows.
fn written(path: &Path) {
    let mut store = RocksStore::open(path, FORMAT).unwrap();
    for offset in 0..2 {
        let value = vec![b'v'; 10_000];
        let checkpoint = Checkpoint { position: Some(Offset(offset).into()), stream_time: None };
        store.write_batch(&mut [(&b"k"[..], Some(&value[..]))].into_iter(), checkpoint).unwrap();
        store.flush().unwrap();
    }
}

/// The files of a database whose names begin and end so.
fn files(path: &Path, begin: &str, end: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path());
    let is_one = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with(begin) && name.ends_with(end)
    };
    let found: Vec<PathBuf> = paths.filter(is_one).collect();
    assert!(!found.is_empty());
    found
}

/// Opens the database and reads the row.
fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    let store = RocksStore::open(path, FORMAT)?;
    let value = store.get(b"k")?.map(|value| value.to_vec());
    Ok(value)
}

#[derive(Debug, Clone, Copy)]
enum Damage {
    Remove,
    Write(&'static [u8]),
    /// In the first block, which is longer than this.
    FlipABit,
}

impl Damage {
    fn happens_to(self, path: &Path) -> std::io::Result<()> {
        match self {
            Self::Remove => fs::remove_file(path),
            Self::Write(bytes) => fs::write(path, bytes),
            Self::FlipABit => {
                let mut bytes = fs::read(path)?;
                bytes[50] ^= 1;
                fs::write(path, bytes)
            }
        }
    }
}

#[rstest]
#[case::no_current("CURRENT", "", Damage::Remove)]
#[case::current_is_noise("CURRENT", "", Damage::Write(b"noise\n"))]
#[case::current_names_nothing("CURRENT", "", Damage::Write(b"MANIFEST-999999\n"))]
#[case::no_manifest("MANIFEST", "", Damage::Remove)]
#[case::empty_manifest("MANIFEST", "", Damage::Write(b""))]
#[case::manifest_is_noise("MANIFEST", "", Damage::Write(&[0xA5; 4096]))]
#[case::no_file_of_rows("", ".sst", Damage::Remove)]
#[case::empty_file_of_rows("", ".sst", Damage::Write(b""))]
#[case::file_of_rows_is_noise("", ".sst", Damage::Write(&[0xA5; 4096]))]
#[case::rows_have_a_flipped_bit("", ".sst", Damage::FlipABit)]
fn damage_is_corruption_and_names_the_directory(#[case] begin: &str, #[case] end: &str, #[case] damage: Damage) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("0_1").join("rocksdb").join("counts");
    written(&path);
    assert_eq!(read(&path).unwrap().map(|value| value.len()), Some(10_000));
    for file in files(&path, begin, end) {
        damage.happens_to(&file).unwrap();
    }
    let error = read(&path).expect_err("it is damaged");
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{}", error.report());
    assert!(error.report().contains(&format!("the RocksDB at {}", path.display())), "{}", error.report());
}

#[rstest]
#[case::of_another_shape(Some("1: keys plain, values timestamped"), "of format `1: keys plain, values timestamped`")]
#[case::of_another_version(Some("2: keys plain, values plain"), "of format `2: keys plain, values plain`")]
#[case::of_a_long_name(
    Some(LONG),
    "of format `1: a name that goes on and on and on and on and on and on and on and on and on a`;"
)]
#[case::of_another_program(None, "without a format: another program or an older version wrote them")]
fn rows_of_another_format_are_refused(#[case] format: Option<&str>, #[case] expected: &str) {
    let dir = tempfile::tempdir().unwrap();
    match format {
        Some(format) => {
            let mut store = RocksStore::open(dir.path(), format).unwrap();
            store.put(b"k", Some(b"v")).unwrap();
            store.flush().unwrap();
        }
        // As Kafka Streams leaves a store of timestamped rows.
        None => {
            let mut options = rocksdb::Options::default();
            options.create_if_missing(true);
            options.create_missing_column_families(true);
            let families = ["default", "keyValueWithTimestamp"];
            let db = rocksdb::DB::open_cf(&options, dir.path(), families).unwrap();
            db.put_cf(db.cf_handle("keyValueWithTimestamp").unwrap(), b"k", b"v").unwrap();
        }
    }
    for opened in [
        RocksStore::open(dir.path(), FORMAT).map(drop),
        RocksWindowStore::open(dir.path(), "1: keys windows in segments of 60000 ms, values plain").map(drop),
    ] {
        let error = opened.expect_err("the rows are not this store's");
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let found = format!("the RocksDB at {} holds rows {expected}", dir.path().display());
        assert!(error.report().contains(&found), "{}", error.report());
    }
}

#[test]
fn a_database_without_rows_takes_any_format() {
    let dir = tempfile::tempdir().unwrap();
    for format in ["1: one", "1: two"] {
        let mut store = RocksStore::open(dir.path(), format).unwrap();
        store.flush().unwrap();
    }
    let mut store = RocksStore::open(dir.path(), "1: three").unwrap();
    store.put(b"k", Some(b"v")).unwrap();
    store.flush().unwrap();
    drop(store);
    RocksStore::open(dir.path(), "1: three").map(drop).unwrap();
}

//! What `broker-lite serve` says about its surroundings when it starts.

#![expect(clippy::unwrap_used, reason = "helpers of tests end a test, too")]

mod support;

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::process::{Command, Stdio};

use support::PROGRAM;

/// Starts a server with a limit of open files, and answers its first line and what it had complained about by then.
fn start_with_files(limit: &str) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    let mut child = Command::new("sh")
        .args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\""), PROGRAM, "serve", "--listen", "127.0.0.1:0"])
        .arg("--data-dir")
        .arg(dir.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let mut complaints = String::new();
    child.stderr.take().unwrap().read_to_string(&mut complaints).unwrap();
    (first, complaints)
}

/// Rows B17, B25 and B28.
#[test]
fn too_few_files_are_a_warning_with_both_numbers() {
    let (first, complaints) = start_with_files("256");
    assert!(first.starts_with("listening on 127.0.0.1:"), "{first}: {complaints}");
    assert!(complaints.contains("this process may open 256 files and needs 2024"), "{complaints}");
    assert!(complaints.contains("`ulimit -n 2024`"), "{complaints}");
    assert!(complaints.contains("is temporary: the system may delete it"), "{complaints}");
    // A soft limit that can be raised is raised without a word.
    let (first, complaints) = start_with_files("2100; ulimit -S -n 256");
    assert!(first.starts_with("listening on 127.0.0.1:"), "{first}: {complaints}");
    assert!(!complaints.contains("may open"), "{complaints}");
}

/// Row B23: a path may be any bytes, a name may not.
#[test]
fn bytes_that_are_no_text_are_a_path_and_no_name() {
    let dir = tempfile::tempdir().unwrap();
    let odd = OsStr::from_bytes(b"data-\xff");
    let mut child = Command::new(PROGRAM)
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(dir.path().join(odd))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(first.starts_with("listening on 127.0.0.1:"), "{first}");
    assert!(dir.path().join(odd).join("broker.json").exists());

    let refused = Command::new(PROGRAM).args(["topics", "--create", "--topic"]).arg(odd).output().unwrap();
    let complaints = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{complaints}");
    assert!(complaints.contains("UTF-8"), "{complaints}");
}

//! What an application logs when it starts: a person reads it. Row numbers are those of
//! `tests/tests/bad_inputs/README.md`.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::Arc;

use rstest::rstest;
use streams_core::client::transport::{tcp::TcpTransport, Transport};
use streams_core::runtime::KafkaStreams;
use streams_core::topology::Topology;
use streams_core::{Clock, Timestamp};
use streams_dsl::prelude::*;

use super::harness::{close, logged, run, Cluster, Over};

fn counted() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream::<String, String>("in").group_by_key().count_with(Materialized::named("counts"));
    builder.build().expect("is valid")
}

/// Row B28.
#[rstest]
#[case::under_tmp("/tmp", true)]
#[case::elsewhere(env!("CARGO_TARGET_TMPDIR"), false)]
fn b28_a_state_directory_that_the_system_may_empty_is_a_warning(#[case] below: &str, #[case] is_warned: bool) {
    let cluster = Cluster::new(Over::Process, &[("in", 1)]);
    let dir = tempfile::Builder::new().prefix("streams-b28-").tempdir_in(below).expect("is made");
    let streams = cluster.streams(counted(), &[("state.dir", dir.path().to_str().expect("is text"))]);
    let ((), log) = logged(|| run(&streams));
    close(&streams);
    let path = dir.path().join("app").display().to_string();
    let warning = "the state directory is under /tmp, which the system may empty; set state.dir to a lasting place";
    let line = log.lines().find(|line| line.contains(warning));
    assert_eq!(line.is_some_and(|line| line.contains(" WARN ") && line.contains(&path)), is_warned, "{log}");
}

/// A clock that goes on whenever somebody looks at it.
struct Looked(AtomicI64);

impl Clock for Looked {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.fetch_add(20, Ordering::SeqCst))
    }
}

/// Row B09: in half a minute three lines, with the address, the reason and the next try.
#[test]
fn b09_a_broker_that_is_not_there_is_logged_every_ten_seconds() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("is bound");
    let cluster = Cluster::new(Over::Process, &[]);
    let address = nobody.to_string();
    let config = cluster.config(&[
        ("bootstrap.servers", &address),
        ("default.api.timeout.ms", "29000"),
        ("retry.backoff.ms", "1"),
        ("retry.backoff.max.ms", "10"),
        ("reconnect.backoff.ms", "0"),
        ("reconnect.backoff.max.ms", "0"),
    ]);
    let client = config.client().clone();
    let connect = move || -> Result<Box<dyn Transport>> { Ok(Box::new(TcpTransport::new(&client)?)) };
    let clock = Arc::new(Looked(AtomicI64::new(1_800_000_000_000)));
    let streams = KafkaStreams::with_clock(counted(), config, connect, clock).expect("is valid");
    let (outcome, log) = logged(|| streams.start());
    outcome.expect_err("nobody answers");
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("no broker answers; trying again")).collect();
    assert_eq!(lines.len(), 3, "{log}");
    for line in lines {
        assert!(line.contains(" WARN ") && line.contains(&address), "{line}");
        assert!(line.to_lowercase().contains("refused") && line.contains("next_ms="), "{line}");
    }
}

/// Says to the process that a test starts that it is the one.
const CHILD: &str = "STREAMS_TEST_UMASK_CHILD";

/// Row B26: what we make is the owner's to change, also where the umask takes no rights away. The test runs itself again
/// in a process that has such a umask.
#[test]
fn b26_a_loose_umask_loosens_no_directory_of_ours() {
    if std::env::var_os(CHILD).is_none() {
        let this = std::env::current_exe().expect("is known");
        let test = "streams::logs::b26_a_loose_umask_loosens_no_directory_of_ours";
        let mut again = Command::new("sh");
        again.args(["-c", "umask 000; exec \"$0\" --exact \"$1\""]).arg(this).arg(test).env(CHILD, "1");
        let output = again.output().expect("runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
        return;
    }
    let cluster = Cluster::new(Over::Process, &[("in", 1)]);
    let dir = cluster.state_dir().join("state");
    let engine = if cfg!(feature = "rocksdb") { "rocksDB" } else { "in_memory" };
    // What the first makes, the second does not refuse.
    for _ in 0..2 {
        let settings = [("state.dir", dir.to_str().expect("is text")), ("dsl.store.type", engine)];
        let streams = cluster.streams(counted(), &settings);
        run(&streams);
        close(&streams);
    }
    let mut seen = 0;
    for path in [vec![dir.clone()], below(&dir)].concat() {
        let mode = fs::metadata(&path).expect("is there").mode() & 0o777;
        assert_eq!(mode & 0o022, 0, "{} has mode {mode:o}", path.display());
        seen += 1;
    }
    assert!(seen > 4, "{seen}");
}

/// All that is below a directory.
fn below(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("is a directory").flatten() {
        found.push(entry.path());
        if entry.file_type().expect("is known").is_dir() {
            found.extend(below(&entry.path()));
        }
    }
    found
}

//! The data directory in the hands of others: wrong owners, links, missing files, and its end while the broker runs.

use std::fs;
use std::os::unix::fs::{symlink, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use broker_lite::{Broker, SyncPolicy};
use streams_core::protocol::messages::metadata::{MetadataRequest, MetadataResponse};
use streams_core::protocol::messages::topics::CreateTopicsResponse;
use streams_core::protocol::ErrorCode;

use crate::connections::Logged;
use crate::program::PROGRAM;
use crate::support::*;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Starts a broker over a directory that it must refuse; one that does not is ended with code 124.
fn refused(path: &Path, code: i32, words: &[&str]) {
    let serve = ["10", PROGRAM, "serve", "--listen", "127.0.0.1:0", "--data-dir", path.to_str().unwrap()];
    let output = Command::new("timeout").args(serve).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{stderr}");
    for words in words.iter().chain(&[path.to_str().unwrap()]) {
        assert!(stderr.contains(words), "{words} is not in: {stderr}");
    }
}

#[rstest::rstest]
#[case(0o770)]
#[case(0o702)]
#[case(0o777)]
fn a_directory_that_others_may_write_to_is_refused(#[case] mode: u32) {
    let dir = tempfile::tempdir().unwrap();
    set_mode(dir.path(), mode);
    refused(dir.path(), 3, &[&format!("has mode {mode:o}, which lets others write to it"), "chmod go-w"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was written");
    set_mode(dir.path(), 0o755);
    Broker::builder().data_dir(dir.path()).start().unwrap().close();
}

#[test]
fn a_directory_that_others_may_exchange_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    set_mode(&data, 0o700);
    set_mode(dir.path(), 0o777);
    refused(&data, 3, &["lies in a directory of mode 777, to which everyone may write"]);
    set_mode(dir.path(), 0o1777);
    Broker::builder().data_dir(&data).start().unwrap().close();
}

#[test]
fn a_directory_of_someone_else_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    // Only root can give a directory away; everyone else finds one that is root's.
    let given = std::os::unix::fs::chown(dir.path(), Some(4711), None).is_ok();
    let path = if given { dir.path().to_owned() } else { PathBuf::from("/usr") };
    let owner = fs::metadata(&path).unwrap().uid();
    refused(&path, 3, &[&format!("belongs to uid {owner} and this program runs as uid"), "run it as its owner"]);
}

/// A stopped broker's directory, with a record in partition 0 of each of two topics.
fn filled() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut wire = Wire::over(Broker::builder().data_dir(&data));
    for topic in ["kept", "lost"] {
        wire.create(topic, &[]);
        assert_eq!(wire.produce(topic, batch("v")).error_code, ErrorCode::NONE);
    }
    wire.broker.close();
    (dir, data)
}

/// The directory of a topic, which its id names.
fn topic_dir(data: &Path, name: &str) -> PathBuf {
    let catalogue = fs::read_to_string(data.join("catalogue.json")).unwrap();
    let entry = catalogue.split("\"name\": ").find(|entry| entry.starts_with(&format!("\"{name}\""))).unwrap();
    let id = entry.split('"').nth(5).unwrap();
    data.join("topics").join(id)
}

/// What is left after a start: the directory's entry for the other topic works, that one does not.
fn assert_only_lost_is_offline(data: &Path, words: &str) {
    let mut wire = Wire::over(Broker::builder().data_dir(data));
    assert_eq!(wire.fetch("kept", 0).high_watermark, 1);
    assert_eq!(wire.fetch("lost", 0).error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    let refused = wire.produce("lost", batch("w"));
    let message = refused.error_message.unwrap_or_default();
    assert_eq!(refused.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(message.starts_with("partition lost-0 is offline: ") && message.contains(words), "{message}");
    wire.broker.close();
}

/// B105: an empty log in place of the lost one would pass for having lost nothing.
#[test]
fn a_lost_partition_is_offline_and_not_made_anew() {
    let (_dir, data) = filled();
    let lost = topic_dir(&data, "lost").join("0");
    fs::remove_dir_all(&lost).unwrap();
    for _ in 0..2 {
        assert_only_lost_is_offline(&data, "is missing or empty");
        assert!(!lost.exists());
    }
}

/// B105: without the file that lists them, topics would pass for left-overs and be removed.
#[rstest::rstest]
#[case("catalogue.json")]
#[case("broker.json")]
fn a_lost_list_is_no_empty_list(#[case] file: &str) {
    let (_dir, data) = filled();
    let topics = fs::read_dir(data.join("topics")).unwrap().count();
    let bytes = fs::read(data.join(file)).unwrap();
    fs::remove_file(data.join(file)).unwrap();
    refused(&data, 4, &[&format!("holds 2 topics but no {file}: restore the file from a backup")]);
    assert_eq!(fs::read_dir(data.join("topics")).unwrap().count(), topics, "nothing was removed");
    fs::write(data.join(file), bytes).unwrap();
    let mut wire = Wire::over(Broker::builder().data_dir(&data));
    assert_eq!(wire.fetch("lost", 0).high_watermark, 1);
}

/// B105, for what can become of a directory while the broker runs.
#[rstest::rstest]
#[case::deleted(|data: &Path| fs::remove_dir_all(data).unwrap())]
#[case::moved_away(|data: &Path| fs::rename(data, data.with_extension("away")).unwrap())]
#[case::replaced(|data: &Path| {
    fs::rename(data, data.with_extension("away")).unwrap();
    fs::create_dir(data).unwrap();
})]
#[case::replaced_by_a_link(|data: &Path| {
    fs::rename(data, data.with_extension("away")).unwrap();
    fs::create_dir(data.with_extension("other")).unwrap();
    symlink(data.with_extension("other"), data).unwrap();
})]
fn a_directory_that_goes_away_stops_the_broker(
    #[case] end: fn(&Path),
    #[values(SyncPolicy::Fsync, SyncPolicy::Os)] sync: SyncPolicy,
) {
    let (_dir, data) = filled();
    // Without threads: what is seen is what the steps below do.
    let broker = std::sync::Arc::new(Broker::builder().data_dir(&data).sync(sync).open().unwrap());
    let mut client = broker.in_process();
    end(&data);
    let created: CreateTopicsResponse = step(&mut client, create_request("new", &[]));
    assert_eq!(created.topics[0].error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    let gone = "was deleted, replaced or unmounted while the broker ran";
    assert!(created.topics[0].error_message.as_ref().is_some_and(|message| message.contains(gone)));
    broker.tick(broker.clock().now());
    let request = produce_request(&[("kept", 0, batch("w"))], -1);
    let produced: streams_core::protocol::messages::produce::ProduceResponse = step(&mut client, request);
    let refused = &produced.responses[0].partition_responses[0];
    assert_eq!(refused.error_code, ErrorCode::KAFKA_STORAGE_ERROR);
    assert!(refused.error_message.as_ref().is_some_and(|message| message.contains(gone)), "{refused:?}");
    assert!(broker.failure().is_some_and(|why| why.contains(data.to_str().unwrap()) && why.contains(gone)));
    drop(client);
    drop(broker);
    let is_untouched = fs::read_dir(&data).map_or(true, |mut names| names.next().is_none());
    assert!(is_untouched, "nothing was made in its place");
}

/// Sends a request to a broker without threads and steps it to the answer.
fn step<R: TryFrom<streams_core::protocol::Response, Error = streams_core::Error>>(
    client: &mut impl streams_core::client::transport::Transport,
    request: impl Into<streams_core::protocol::Request>,
) -> R {
    use streams_core::client::transport::BrokerId;
    client.send(BrokerId::Bootstrap, request.into()).unwrap();
    let answer = std::iter::from_fn(|| Some(client.poll(PATIENCE).unwrap())).take(10).flatten().next();
    R::try_from(answer.expect("an answer within a few steps").response.unwrap()).unwrap()
}

/// B105: the program ends by itself, and says why.
#[test]
fn a_server_without_its_directory_ends() {
    let (_dir, data) = filled();
    let server = Logged::start(&data, "error");
    let mut stream = connect(&server.address);
    let _: MetadataResponse = ask(&mut stream, MetadataRequest::default(), METADATA);
    fs::remove_dir_all(&data).unwrap();
    let (code, log) = server.end();
    assert_eq!(code, Some(3), "{log}");
    assert!(log.contains("error: data directory") && log.contains("was deleted, replaced or unmounted"), "{log}");
    assert!(!data.exists(), "nothing was made in its place");
}

/// B106: at start, wherever the link is; and nothing behind it is touched.
#[test]
fn links_in_the_directory_are_refused() {
    let (dir, data) = filled();
    let link = dir.path().join("link");
    symlink(&data, &link).unwrap();
    refused(&link, 3, &["is a symbolic link: name the directory itself"]);

    let (lost, away) = (topic_dir(&data, "lost"), dir.path().join("away"));
    fs::rename(&lost, &away).unwrap();
    symlink(&away, &lost).unwrap();
    assert_only_lost_is_offline(&data, "is a symbolic link: put what it stands for in its place");
    fs::remove_file(&lost).unwrap();
    fs::rename(&away, &lost).unwrap();

    fs::rename(data.join("topics"), &away).unwrap();
    symlink(&away, data.join("topics")).unwrap();
    let stray = away.join("0123456789abcdef0123456789abcdef");
    fs::create_dir(&stray).unwrap();
    refused(&data, 3, &["topics is a symbolic link"]);
    assert!(stray.exists(), "nothing was cleaned up behind the link");
}

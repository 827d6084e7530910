//! This project's client against Apache Kafka over TCP, and what is left of a cluster: nothing.

#![expect(clippy::unwrap_used, reason = "helpers of tests end a test, too")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kafka_cluster::{Kafka, KafkaCluster, Options};
use rustix::process::{test_kill_process, Pid};
use streams_core::client::admin::{NewTopic, OffsetSpec};
use streams_core::client::transport::TcpTransport;
use streams_core::client::{Admin, Consumer, Producer};
use streams_core::config::{AdminConfig, ConsumerConfig, ProducerConfig};
use streams_core::record::Headers;
use streams_core::{Clock, Offset, SystemClock, Timestamp, TopicPartition};

/// No step takes longer, however slow the machine.
const LIMIT: Duration = Duration::from_secs(60);

fn tcp(address: &str) -> Box<TcpTransport> {
    let config = ConsumerConfig::from_settings([("bootstrap.servers", address)]).unwrap().client;
    Box::new(TcpTransport::new(&config).unwrap())
}

fn is_running(pid: u32) -> bool {
    test_kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap()).is_ok()
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn records_go_through_apache_kafka_and_nothing_of_it_stays() {
    let Some(cluster) = KafkaCluster::start(&Options::default()).unwrap() else { return };
    let address = cluster.bootstrap_servers();

    let mut admin = Admin::new(AdminConfig::default(), tcp(&address), Arc::new(SystemClock), 1);
    let created = admin.create_topics(&[NewTopic::new("orders", 1)]).unwrap();
    assert!(created.iter().all(|(_, outcome)| outcome.is_ok()), "{created:?}");

    let partition = TopicPartition::new("orders", 0);
    let settings = [("compression.type", "lz4")];
    let mut producer = Producer::new(ProducerConfig::from_settings(settings).unwrap(), tcp(&address), 2).unwrap();
    for index in 0..5_i64 {
        let value = format!("value {index}");
        let timestamp = Timestamp(1_000 + index);
        producer.send(&partition, Some(b"key"), Some(value.as_bytes()), timestamp, Headers::none()).unwrap();
    }
    producer.flush(&SystemClock, LIMIT).unwrap();

    let mut listed = |spec| admin.list_offsets(&[(partition.clone(), spec)]).unwrap().remove(0).1.unwrap();
    assert_eq!(listed(OffsetSpec::Earliest), Offset(0));
    assert_eq!(listed(OffsetSpec::Latest), Offset(5));
    assert_eq!(listed(OffsetSpec::Timestamp(Timestamp(1_003))), Offset(3));

    let mut consumer = Consumer::new(ConsumerConfig::from_settings([]).unwrap(), tcp(&address), 3).unwrap();
    consumer.assign(std::slice::from_ref(&partition));
    consumer.seek(&partition, Offset(2)).unwrap();
    let deadline = SystemClock.now() + LIMIT;
    let mut values = Vec::new();
    while values.len() < 3 {
        assert!(SystemClock.now() < deadline, "only {values:?} after {LIMIT:?}");
        let records = consumer.poll_records(SystemClock.now(), Duration::from_secs(1)).unwrap();
        values.extend(
            records.iter().map(|record| String::from_utf8_lossy(record.value.as_deref().unwrap()).into_owned()),
        );
    }
    assert_eq!(values, ["value 2", "value 3", "value 4"]);

    let pid = cluster.nodes()[0].pid;
    assert!(is_running(pid));
    drop(cluster);
    assert!(!is_running(pid), "process {pid} is still there");
}

/// Runs a command that starts the program, kills the command when a node answers, and waits for the end of standard
/// error, which every process but the node itself holds open.
#[rstest::rstest]
#[case::the_program("exec \"$0\" --nodes 1")]
#[case::who_started_it("\"$0\" --nodes 1; :")]
fn a_kill_leaves_nothing(#[case] script: &str) {
    if Kafka::find_or_skip().is_none() {
        return;
    }
    let temporary = tempfile::tempdir().unwrap();
    let mut command: Child = Command::new("/bin/sh")
        .arg("-c")
        .arg(script)
        .arg(env!("CARGO_BIN_EXE_kafka-cluster"))
        .env("TMPDIR", temporary.path())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(command.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening on ").unwrap_or_default().to_owned();
    let home = fs::read_dir(temporary.path()).unwrap().next().unwrap().unwrap().path().join("node-1");
    let pid = fs::read_to_string(home.join("pid")).unwrap().trim().parse().unwrap();
    assert!(!address.is_empty() && is_running(pid), "{line}");

    command.kill().unwrap();
    command.wait().unwrap();
    let mut said = String::new();
    command.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(!is_running(pid), "process {pid} is still there: {said}");
    assert!(is_empty(temporary.path()), "files are still there: {said}");
}

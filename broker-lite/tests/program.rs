//! The program from outside: arguments, exit codes, messages, pipes, and what survives `kill -9`.

#![expect(clippy::unwrap_used, reason = "helpers of tests end a test, too")]

mod support;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use support::{program, ServerProcess, PROGRAM};

fn arguments<'a>(server: &'a ServerProcess, command: &[&'a str]) -> Vec<&'a str> {
    [command, &["--bootstrap-server", &server.address]].concat()
}

fn run(server: &ServerProcess, command: &[&str], input: &str) -> String {
    let said = program(&arguments(server, command), input);
    assert_eq!(said.code, Some(0), "{command:?}: {}", said.stderr);
    said.stdout
}

/// Rows B01, B17, B26 and B27.
#[rstest::rstest]
#[case(&["brokr"], 2, "unrecognized subcommand 'brokr'")]
#[case(&["serve", "--dta-dir", "x"], 2, "--data-dir")]
#[case(&["serve", "--data-dir", "x", "--listen", "127.0.0.1:70000"], 2, "127.0.0.1:70000")]
#[case(&["serve", "--data-dir", "x", "--sync", "never"], 2, "write fsync, interval:MS")]
#[case(&["serve", "--data-dir", "/proc/nothing", "--listen", "127.0.0.1:0"], 3, "/proc/nothing")]
#[case(&["serve", "--data-dir", "/etc/passwd", "--listen", "127.0.0.1:0"], 3, "/etc/passwd is a file")]
#[case(&["serve", "--data-dir", "/etc", "--listen", "127.0.0.1:0"], 2, "is no broker's")]
#[case(&["topics"], 2, "--create")]
#[case(&["topics", "--create"], 2, "--topic")]
#[case(&["topics", "--list", "--bootstrap-server", "localhost:99999"], 2, "localhost:99999")]
#[case(&["consume", "--topic", "t", "--property", "print.kex=true"], 2, "print.kex")]
fn bad_arguments_are_explained(#[case] command: &[&str], #[case] code: i32, #[case] words: &str) {
    let said = program(command, "");
    assert_eq!(said.code, Some(code), "{}", said.stderr);
    assert!(said.stderr.contains(words), "{}", said.stderr);
    assert!(!said.stderr.contains("panicked"), "{}", said.stderr);
}

/// Row B30.
#[test]
fn a_second_broker_over_the_same_data_is_refused() {
    let server = ServerProcess::start(&[]);
    let dir = server.data_dir().to_str().unwrap();
    let said = program(&["serve", "--listen", "127.0.0.1:0", "--data-dir", dir], "");
    assert_eq!(said.code, Some(6), "{}", said.stderr);
    assert!(said.stderr.contains(&format!("process {}", server.pid())), "{}", said.stderr);
}

#[test]
fn a_stop_is_clean() {
    let mut server = ServerProcess::start(&[]);
    run(&server, &["topics", "--create", "--topic", "orders"], "");
    assert_eq!(server.terminate(), Some(0));
}

#[test]
fn topics_are_created_described_listed_and_deleted() {
    let server = ServerProcess::start(&["--num-partitions", "2"]);
    let create = ["topics", "--create", "--topic", "orders", "--partitions", "3", "--config", "retention.ms=1000"];
    assert_eq!(run(&server, &create, ""), "Created topic orders.\n");
    let again = program(&arguments(&server, &create), "");
    assert_eq!(again.code, Some(5));
    assert!(again.stderr.contains("already exists"), "{}", again.stderr);
    run(&server, &[&create[..], &["--if-not-exists"]].concat(), "");
    run(&server, &["topics", "--create", "--topic", "defaults"], "");
    assert_eq!(run(&server, &["topics", "--list"], ""), "defaults\norders\n");
    let described = run(&server, &["topics", "--describe", "--topic", "orders"], "");
    assert!(described.contains("PartitionCount: 3\tConfigs: retention.ms=1000\n"), "{described}");
    assert!(described.contains("\tTopic: orders\tPartition: 2\tEarliest: 0\tLatest: 0\n"), "{described}");
    run(&server, &["topics", "--delete", "--topic", "orders"], "");
    assert_eq!(run(&server, &["topics", "--list"], ""), "defaults\n");
    let bad = program(&arguments(&server, &["topics", "--create", "--topic", "a/b"]), "");
    assert!(bad.stderr.contains("ASCII alphanumerics"), "{}", bad.stderr);
}

#[test]
fn lines_become_records_and_lines_again() {
    let server = ServerProcess::start(&[]);
    let keyed = ["--property", "parse.key=true", "--property", "key.separator=:"];
    run(&server, &[&["produce", "--topic", "orders"], &keyed[..]].concat(), "a:1\nb:2\na:3\n");
    let consume = ["consume", "--topic", "orders", "--from-beginning", "--max-messages", "3"];
    assert_eq!(run(&server, &consume, ""), "1\n2\n3\n");
    let all = ["--property", "print.key=true", "--property", "print.offset=true", "--property", "key.separator=|"];
    assert_eq!(run(&server, &[&consume[..], &all].concat(), ""), "Offset:0|a|1\nOffset:1|b|2\nOffset:2|a|3\n");
    let from = ["consume", "--topic", "orders", "--partition", "0", "--offset", "2", "--timeout-ms", "1500"];
    assert_eq!(run(&server, &from, ""), "3\n");
    let missing = program(&arguments(&server, &["consume", "--topic", "missing", "--from-beginning"]), "");
    assert_eq!(missing.code, Some(3), "{}", missing.stderr);
}

/// Row B24.
#[test]
fn a_reader_may_close_the_pipe() {
    let server = ServerProcess::start(&[]);
    let lines: String = (0..20_000).map(|number| format!("line {number} {}\n", "x".repeat(100))).collect();
    run(&server, &["produce", "--topic", "orders"], &lines);
    let mut consumer = Command::new(PROGRAM)
        .args(arguments(&server, &["consume", "--topic", "orders", "--from-beginning"]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = String::new();
    let mut stdout = BufReader::new(consumer.stdout.take().unwrap());
    stdout.read_line(&mut first).unwrap();
    drop(stdout);
    let output = consumer.wait_with_output().unwrap();
    assert!(first.starts_with("line 0 "), "{first}");
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// Writes until the server is killed, then checks that what was acknowledged is there, once and in order.
#[test]
fn acknowledged_records_survive_kill_9() {
    let mut server = ServerProcess::start(&["--sync", "fsync"]);
    for round in 0..3 {
        run(&server, &["topics", "--create", "--topic", &format!("t{round}")], "");
        let mut producer = AckedProducer::start(&server.address, &format!("t{round}"));
        let acked = producer.produce_until(200, || server.kill());
        server.kill_and_restart();
        let topic = format!("t{round}");
        let consume = ["consume", "--topic", &topic, "--from-beginning", "--timeout-ms", "1500"];
        let found = run(&server, &[&consume[..], &["--property", "print.offset=true"]].concat(), "");
        let found: Vec<&str> = found.lines().collect();
        assert!(found.len() >= acked, "{acked} records were acknowledged and {} are there", found.len());
        for (number, line) in found.iter().enumerate() {
            assert_eq!(*line, format!("Offset:{number}\tvalue {number}"));
        }
    }
}

/// Produces one record at a time over the wire and counts acknowledgements.
struct AckedProducer {
    stream: std::net::TcpStream,
    topic: String,
}

impl AckedProducer {
    fn start(address: &str, topic: &str) -> Self {
        Self { stream: std::net::TcpStream::connect(address).unwrap(), topic: topic.to_owned() }
    }

    /// Keeps several requests on their way; kills the server after so many acknowledgements.
    fn produce_until(&mut self, count: usize, kill: impl FnOnce()) -> usize {
        const AHEAD: usize = 5;
        let mut kill = Some(kill);
        let (mut sent, mut acked) = (0, 0);
        loop {
            while sent < acked + AHEAD {
                let request = self.request(sent);
                if self.stream.write_all(&request).is_err() {
                    return acked;
                }
                sent += 1;
            }
            if !self.read_ack(acked) {
                return acked;
            }
            acked += 1;
            if acked == count {
                if let Some(kill) = kill.take() {
                    kill();
                }
            }
        }
    }

    fn request(&self, number: usize) -> Vec<u8> {
        use streams_core::protocol::batch::{BatchBuilder, BatchOptions};
        use streams_core::protocol::messages::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
        use streams_core::protocol::{encode_request, ApiKey, RequestHeader};
        let mut builder = BatchBuilder::default();
        builder.append(streams_core::Timestamp(1), None, Some(format!("value {number}").as_bytes())).unwrap();
        let records = builder.finish(&BatchOptions::default()).unwrap().to_vec();
        let data = PartitionProduceData { index: 0, records: Some(records.into()) };
        let topic =
            TopicProduceData { name: self.topic.clone(), partition_data: vec![data], ..TopicProduceData::default() };
        let request =
            ProduceRequest { acks: -1, timeout_ms: 1000, topic_data: vec![topic], ..ProduceRequest::default() };
        let header = RequestHeader {
            api_key: ApiKey::Produce,
            api_version: 9,
            correlation_id: i32::try_from(number).unwrap(),
            client_id: None,
        };
        encode_request(&header, &request.into()).unwrap().to_vec()
    }

    /// Reads one answer; false when the server is gone.
    fn read_ack(&mut self, number: usize) -> bool {
        use std::io::Read as _;
        use streams_core::protocol::{decode_response, ApiKey, Response};
        let mut size = [0; 4];
        if self.stream.read_exact(&mut size).is_err() {
            return false;
        }
        let mut body = vec![0; usize::try_from(i32::from_be_bytes(size)).unwrap()];
        if self.stream.read_exact(&mut body).is_err() {
            return false;
        }
        let (correlation_id, response) = decode_response(ApiKey::Produce, 9, body.into()).unwrap();
        let Response::Produce(response) = response else { panic!("another answer") };
        let partition = &response.responses[0].partition_responses[0];
        assert!(partition.error_code.is_none(), "{}", partition.error_code);
        assert_eq!((usize::try_from(correlation_id), usize::try_from(partition.base_offset)), (Ok(number), Ok(number)));
        true
    }
}

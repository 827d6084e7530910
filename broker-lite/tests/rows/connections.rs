//! Bytes that are no requests: the connection ends, the broker's log names the peer, the place and what is wrong, and
//! everyone else is served.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use streams_core::protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use streams_core::protocol::messages::metadata::{MetadataRequest, MetadataResponse};
use streams_core::protocol::ErrorCode;

use crate::program::{program, PROGRAM};
use crate::support::*;

/// A server whose log is kept, killed at the end.
pub(crate) struct Logged {
    child: Child,
    pub(crate) address: String,
    log: tempfile::NamedTempFile,
}

impl Logged {
    pub(crate) fn start(data_dir: &std::path::Path, level: &str) -> Self {
        let log = tempfile::NamedTempFile::new().unwrap();
        // A server that does not end by itself ends with code 124.
        let mut child = Command::new("timeout")
            .args(["60", PROGRAM, "serve", "--listen", "127.0.0.1:0", "--log", level, "--data-dir"])
            .arg(data_dir)
            .stdout(Stdio::piped())
            .stderr(File::create(log.path()).unwrap())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
        let address = first.trim().strip_prefix("listening on ").unwrap_or_default().to_owned();
        Self { child, address, log }
    }

    /// Waits until the server ends; gives its exit code and all that it logged.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().unwrap().code();
        (code, std::fs::read_to_string(self.log.path()).unwrap())
    }

    /// Asks the server to stop first.
    pub(crate) fn stop(self) -> (Option<i32>, String) {
        assert!(self.terminate());
        self.end()
    }

    fn terminate(&self) -> bool {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    }
}

impl Drop for Logged {
    fn drop(&mut self) {
        // It may have ended already.
        if matches!(self.child.try_wait(), Ok(None)) && self.terminate() {
            let _ = self.child.wait();
        }
    }
}

/// A request of these bytes behind its size.
fn sized(bytes: &[u8]) -> Vec<u8> {
    [&i32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
}

/// A request in version 0 or 1 of an API, with a client id of its own.
fn request(api: u8, version: u8, client_id: &[u8], body: &[u8]) -> Vec<u8> {
    let length = i16::try_from(client_id.len()).unwrap().to_be_bytes();
    sized(&[&[0, api, 0, version, 0, 0, 0, 1][..], &length, client_id, body].concat())
}

const METADATA_KEY: u8 = 3;

/// What is sent, and what the log must say of it.
fn malformed() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let metadata = |body: &[u8]| request(METADATA_KEY, 0, b"", body);
    vec![
        ("B79 zero", b"\0\0\0\0".to_vec(), "invalid request size 0: 1 to 104857600 bytes are accepted"),
        ("B79 negative", b"\xff\xff\xff\xfe".to_vec(), "invalid request size -2"),
        ("B79 above the limit", b"\x06\x40\0\x01".to_vec(), "invalid request size 104857601"),
        ("B79 int max", b"\x7f\xff\xff\xff".to_vec(), "invalid request size 2147483647"),
        ("B81 api", request(99, 0, b"", b""), "unsupported request api=99 v=0: no such API here"),
        ("B81 version", request(METADATA_KEY, 99, b"", b""), "Metadata is supported from v0 to v13"),
        ("B81 too old", request(0, 2, b"", b""), "unsupported request api=0 v=2: Produce is supported from v3"),
        (
            "B82 int max",
            metadata(b"\x7f\xff\xff\xff"),
            "malformed request api=3 v=0 at byte 14: array of length 2147483647",
        ),
        ("B82 bomb", metadata(b"\x03\x3c\x0c\x00"), "array of length 54266880 does not fit in the 0 bytes left"),
        ("B82 null", metadata(b"\xff\xff\xff\xff"), "topics is null"),
        ("B82 negative", metadata(b"\xff\xff\xff\xfe"), "array of negative length -2"),
        ("B84 client id", request(METADATA_KEY, 0, b"\xff\xfe", b"\0\0\0\0"), "string is not UTF-8"),
    ]
}

#[test]
fn what_is_no_request_ends_one_connection_and_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let server = Logged::start(dir.path(), "warn");
    let mut witness = connect(&server.address);
    let mut peers = Vec::new();
    for (row, bytes, words) in malformed() {
        let mut stream = connect(&server.address);
        peers.push((row, stream.local_addr().unwrap(), words));
        // The server may close before everything is written.
        let _ = stream.write_all(&bytes);
        assert!(is_closed(&mut stream), "{row}");
        let _: MetadataResponse = ask(&mut witness, MetadataRequest::default(), METADATA);
    }
    let (code, log) = server.stop();
    assert_eq!(code, Some(0));
    for (row, peer, words) in peers {
        let line = log.lines().find(|line| line.contains(&format!("close {peer}: ")));
        assert!(line.is_some_and(|line| line.contains(words)), "{row}: {line:?} does not say: {words}");
    }
}

/// B84: what a client calls itself is kept out of the log or escaped in it.
#[test]
fn no_client_writes_lines_or_commands_into_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let server = Logged::start(dir.path(), "trace");
    let evil = b"a\x1b[2J\r\nERROR forged\0b";
    let mut stream = connect(&server.address);
    stream.write_all(&request(METADATA_KEY, 0, evil, b"\0\0\0\x01\0\x17a\x1b[2J\r\nERROR forged\0bc")).unwrap();
    stream.write_all(&request(METADATA_KEY, 0, evil, b"\xff\xff\xff\xff")).unwrap();
    let mut stream = connect(&server.address);
    let topic = std::str::from_utf8(evil).unwrap();
    let refused = produce_request(&[(topic, 0, batch("v"))], 0);
    stream.write_all(&frame(&refused.into(), PRODUCE)).unwrap();
    assert!(is_closed(&mut stream));
    let (_, log) = server.stop();
    assert!(log.contains("a\\u{1b}[2J\\u{d}\\u{a}ERROR forged\\u{0}b-0"), "{log}");
    assert!(log.lines().all(|line| !line.starts_with("ERROR") && !line.chars().any(char::is_control)), "{log}");
}

/// B84: nor into the output of our own tools, which quote the broker.
#[test]
fn tools_escape_what_they_print() {
    let mut wire = Wire::new();
    let address = wire.address();
    let _ = wire.describe("orders", true);
    for command in
        [["topics", "--create"], ["topics", "--describe"], ["topics", "--delete"], ["consume", "--from-beginning"]]
    {
        let name = ["--topic", "a\u{1b}[2J\r\nb", "--bootstrap-server", &address];
        let said = program(&[&command[..], &name[..]].concat(), "");
        assert_ne!(said.code, Some(0), "{command:?}");
        assert!(said.stderr.contains("a\\u{1b}[2J\\u{d}\\u{a}b"), "{command:?}: {}", said.stderr);
        assert!(!said.stderr.trim_end().chars().any(char::is_control), "{command:?}: {:?}", said.stderr);
    }
}

/// B81: a version of ApiVersions from the future is answered in version 0, and the connection stays.
#[test]
fn a_client_from_the_future_may_ask_again() {
    let wire = Wire::new();
    let mut stream = connect(&wire.address());
    let mut future = frame(&ApiVersionsRequest::default().into(), 3);
    future[7] = 99;
    stream.write_all(&future).unwrap();
    let mut answer = [0; 14];
    std::io::Read::read_exact(&mut stream, &mut answer).unwrap();
    let code = i16::from_be_bytes([answer[8], answer[9]]);
    assert_eq!(code, ErrorCode::UNSUPPORTED_VERSION.0, "{answer:?}");
    let rest = usize::try_from(i32::from_be_bytes([answer[0], answer[1], answer[2], answer[3]])).unwrap() - 10;
    std::io::Read::read_exact(&mut stream, &mut vec![0; rest]).unwrap();
    let again = ApiVersionsRequest { client_software_name: "a".into(), client_software_version: "1".into() };
    let answer: ApiVersionsResponse = ask(&mut stream, again, 4);
    assert_eq!(answer.error_code, ErrorCode::NONE);
}

//! The server against peers that do not behave: what is malformed ends one connection and nothing else.

#![expect(clippy::unwrap_used, reason = "helpers of tests end a test, too")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use broker_lite::server::{Server, ServerConfig};
use broker_lite::Broker;
use proptest::prelude::*;
use streams_core::protocol::messages::api_versions::ApiVersionsRequest;
use streams_core::protocol::messages::fetch::{FetchPartition, FetchRequest, FetchTopic};
use streams_core::protocol::messages::metadata::{MetadataRequest, MetadataRequestTopic};
use streams_core::protocol::messages::produce::ProduceRequest;
use streams_core::protocol::{decode_response, encode_request, ApiKey, ErrorCode, Request, RequestHeader, Response};

/// Longer than any answer takes; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(20);

struct Fixture {
    _broker: Arc<Broker>,
    server: Server,
}

impl Fixture {
    fn start(change: impl FnOnce(&mut ServerConfig)) -> Self {
        let broker = Broker::builder().start().unwrap();
        let mut config = ServerConfig::new(loopback());
        change(&mut config);
        let server = Server::start(&broker, config).unwrap();
        Self { _broker: broker, server }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Fails unless the server still answers.
    fn assert_alive(&self) {
        let response = ask(&mut self.connect(), MetadataRequest::default(), 12);
        assert!(matches!(response, Response::Metadata(_)));
    }
}

fn loopback() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn frame(request: impl Into<Request>, version: i16, correlation_id: i32) -> Vec<u8> {
    let request = request.into();
    let header = RequestHeader {
        api_key: request.api_key(),
        api_version: version,
        correlation_id,
        client_id: Some("test\u{1b}[2J\n".to_owned()),
    };
    encode_request(&header, &request).unwrap().to_vec()
}

fn read_answer(stream: &mut TcpStream, api: ApiKey, version: i16) -> (i32, Response) {
    let mut size = [0; 4];
    stream.read_exact(&mut size).unwrap();
    let mut body = vec![0; usize::try_from(i32::from_be_bytes(size)).unwrap()];
    stream.read_exact(&mut body).unwrap();
    decode_response(api, version, body.into()).unwrap()
}

fn ask(stream: &mut TcpStream, request: impl Into<Request>, version: i16) -> Response {
    let request = request.into();
    let api = request.api_key();
    stream.write_all(&frame(request, version, 7)).unwrap();
    let (correlation_id, response) = read_answer(stream, api, version);
    assert_eq!(correlation_id, 7);
    response
}

/// Whether the server closes without a word.
fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 1]), Ok(0)) || stream.take_error().unwrap().is_some()
}

fn assert_closes(fixture: &Fixture, bytes: &[u8]) {
    let mut stream = fixture.connect();
    // The server may close before everything is written.
    let _ = stream.write_all(bytes);
    match stream.read(&mut [0; 1]) {
        Ok(0) | Err(_) => {}
        Ok(_) => panic!("{bytes:?} was answered"),
    }
    fixture.assert_alive();
}

/// B79, B81, B82, B84.
#[test]
fn malformed_frames_end_the_connection() {
    let fixture = Fixture::start(|config| config.frame_bytes_max = 1 << 20);
    for bytes in [
        &b"\0\0\0\0"[..],
        b"\xff\xff\xff\xff",
        b"\x7f\xff\xff\xff",
        b"\0\x10\0\x01",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
        // An array of two billion topics.
        b"\0\0\0\x0e\0\x03\0\0\0\0\0\x01\xff\xff\x7f\xff\xff\xff",
        // An API that does not exist, and a version that does not.
        b"\0\0\0\x0a\x27\x0f\0\0\0\0\0\x01\xff\xff",
        b"\0\0\0\x0a\0\x03\0\x63\0\0\0\x01\xff\xff",
        // A client id that is not UTF-8.
        b"\0\0\0\x0e\0\x03\0\x01\0\0\0\x01\0\x02\xff\xfe\0\0\0\0",
    ] {
        assert_closes(&fixture, bytes);
    }
}

#[test]
fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let fixture = Fixture::start(|_| {});
    let mut stream = fixture.connect();
    let mut bytes = frame(ApiVersionsRequest::default(), 3, 9);
    bytes[6..8].copy_from_slice(&99_i16.to_be_bytes());
    stream.write_all(&bytes).unwrap();
    let (correlation_id, response) = read_answer(&mut stream, ApiKey::ApiVersions, 0);
    let Response::ApiVersions(response) = response else { panic!("{response:?}") };
    assert_eq!((correlation_id, response.error_code), (9, ErrorCode::UNSUPPORTED_VERSION));
    assert!(response.api_keys.iter().any(|api| api.api_key == 18 && api.max_version == 4));
}

#[test]
fn librdkafka_finds_produce_from_version_0() {
    let fixture = Fixture::start(|_| {});
    let request = ApiVersionsRequest { client_software_name: "a".into(), client_software_version: "1".into() };
    let Response::ApiVersions(response) = ask(&mut fixture.connect(), request, 3) else { panic!("another answer") };
    let produce = response.api_keys.iter().find(|api| api.api_key == 0).unwrap();
    assert_eq!((response.error_code, produce.min_version), (ErrorCode::NONE, 0));
}

#[test]
fn answers_leave_in_the_order_of_the_requests() {
    let fixture = Fixture::start(|_| {});
    let mut stream = fixture.connect();
    let topic = MetadataRequestTopic { name: Some("t".to_owned()), ..MetadataRequestTopic::default() };
    ask(&mut stream, MetadataRequest { topics: Some(vec![topic]), ..MetadataRequest::default() }, 9);
    let partition = FetchPartition { partition_max_bytes: 1000, ..FetchPartition::default() };
    let topic = FetchTopic { topic: "t".to_owned(), partitions: vec![partition], ..FetchTopic::default() };
    let fetch = FetchRequest { max_wait_ms: 200, min_bytes: 1, topics: vec![topic], ..FetchRequest::default() };
    let mut bytes = frame(fetch, 11, 1);
    // No answer, and no hole in the order.
    bytes.extend(frame(ProduceRequest { acks: 0, ..ProduceRequest::default() }, 7, 2));
    bytes.extend(frame(MetadataRequest::default(), 9, 3));
    stream.write_all(&bytes).unwrap();
    assert_eq!(read_answer(&mut stream, ApiKey::Fetch, 11).0, 1);
    assert_eq!(read_answer(&mut stream, ApiKey::Metadata, 9).0, 3);
}

/// B80.
#[test]
fn slow_peers_lose_their_place() {
    let fixture = Fixture::start(|config| {
        config.first_frame_timeout = Duration::from_millis(50);
        config.frame_timeout = Duration::from_millis(50);
        config.idle_timeout = Duration::from_millis(50);
    });
    assert!(is_closed(&mut fixture.connect()), "a peer that says nothing");
    let mut stream = fixture.connect();
    stream.write_all(b"\0\0\0\x10\0").unwrap();
    assert!(is_closed(&mut stream), "a request that never ends");
    let mut stream = fixture.connect();
    ask(&mut stream, MetadataRequest::default(), 9);
    assert!(is_closed(&mut stream), "a peer that went silent");
}

/// B80.
#[test]
fn one_connection_too_many_is_closed_and_its_place_comes_back() {
    let fixture = Fixture::start(|config| config.connections_max = 1);
    let mut first = fixture.connect();
    ask(&mut first, MetadataRequest::default(), 9);
    assert!(is_closed(&mut fixture.connect()));
    ask(&mut first, MetadataRequest::default(), 9);
    drop(first);
    let served = std::iter::repeat_with(|| {
        let mut stream = fixture.connect();
        stream.write_all(&frame(MetadataRequest::default(), 9, 1)).is_ok() && matches!(stream.read(&mut [0; 4]), Ok(4))
    });
    assert!(served.take(10_000).any(|is_served| is_served));
}

#[test]
fn a_stop_closes_connections_and_frees_the_port() {
    let fixture = Fixture::start(|_| {});
    let address = fixture.server.address();
    let mut stream = fixture.connect();
    ask(&mut stream, MetadataRequest::default(), 9);
    fixture.server.stop();
    assert!(is_closed(&mut stream));
    let broker = Broker::builder().start().unwrap();
    Server::start(&broker, ServerConfig::new(address)).unwrap().stop();
}

/// Row B20.
#[test]
fn other_machines_are_refused_unless_asked_for() {
    let broker = Broker::builder().start().unwrap();
    let mut config = ServerConfig::new("0.0.0.0:0".parse().unwrap());
    let error = Server::start(&broker, config.clone()).unwrap_err();
    assert_eq!(error.kind().exit_code(), 2);
    assert!(error.to_string().contains("--insecure-allow-remote"), "{error}");
    config.insecure_allow_remote = true;
    Server::start(&broker, config).unwrap().stop();
}

/// Row B18.
#[test]
fn a_port_in_use_is_named_with_its_owner() {
    let taken = Fixture::start(|_| {});
    let broker = Broker::builder().start().unwrap();
    let error = Server::start(&broker, ServerConfig::new(taken.server.address())).unwrap_err();
    assert_eq!(error.kind().exit_code(), 3);
    let (port, pid) = (taken.server.address().port(), std::process::id());
    assert!(
        error.to_string().contains(&format!("port {port} of 127.0.0.1 is in use by the process with pid {pid}")),
        "{error}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever follows a size, or a plausible header, the server outlives it.
    #[test]
    fn random_requests_never_take_the_server_down(api in 0_i16..70, version in 0_i16..14, body in proptest::collection::vec(any::<u8>(), 0..200)) {
        static FIXTURE: std::sync::OnceLock<Fixture> = std::sync::OnceLock::new();
        let fixture = FIXTURE.get_or_init(|| Fixture::start(|config| config.frame_timeout = Duration::from_millis(200)));
        let mut bytes = i32::try_from(body.len() + 10).unwrap().to_be_bytes().to_vec();
        bytes.extend(api.to_be_bytes());
        bytes.extend(version.to_be_bytes());
        bytes.extend([0, 0, 0, 1, 0xff, 0xff]);
        bytes.extend(body);
        let mut stream = fixture.connect();
        stream.write_all(&bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // Answered or closed; both are fine.
        let _ = stream.read_to_end(&mut answer);
        fixture.assert_alive();
    }
}

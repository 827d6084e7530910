//! What only TCP has: addresses that are wrong, and peers that are no broker.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use streams_core::client::transport::{BrokerId, Transport};
use streams_core::protocol::messages::metadata::MetadataRequest;
use streams_core::{Error, ErrorKind};

use super::support::{now, tcp, LIMIT};

/// What comes of one request to an address.
fn failure(address: &str) -> Error {
    let mut transport = tcp(address).expect("the I/O thread starts");
    transport.send(BrokerId::Bootstrap, MetadataRequest::default().into()).expect("the transport is open");
    let deadline = now() + LIMIT;
    while now() < deadline {
        if let Some(delivery) = transport.poll(Duration::from_secs(1)).expect("the transport is open") {
            return delivery.response.expect_err("nobody there speaks Kafka");
        }
    }
    panic!("no outcome within {LIMIT:?}");
}

/// Serves one connection that answers with some bytes; returns its address.
fn peer(answer: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port is found");
    let address = listener.local_addr().expect("it is bound").to_string();
    std::thread::Builder::new()
        .spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody connects");
            let mut size = [0; 4];
            stream.read_exact(&mut size).expect("a request comes");
            let mut request = vec![0; usize::try_from(u32::from_be_bytes(size)).expect("it is small")];
            stream.read_exact(&mut request).expect("all of it comes");
            stream.write_all(answer).expect("the peer is there");
        })
        .expect("a thread starts");
    address
}

#[test]
fn peers_that_are_no_broker_are_recognized() {
    for (answer, word) in [
        (&b"\x15\x03\x03\x00\x02\x02\x46"[..], "speaks TLS"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP"),
        (b"\x7f\xff\xff\xff", "no Kafka broker"),
        (b"\x00\x00\x00\x06\x00\x00\x00\x00", "closed by the broker"),
        (b"", "closed by the broker"),
    ] {
        let address = peer(answer);
        let message = failure(&address).report();
        assert!(message.contains(word) && message.contains(&address), "{answer:?}: {message}");
    }
}

#[test]
fn nobody_at_the_address_is_an_error_that_may_pass() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port is found");
    let address = listener.local_addr().expect("it is bound").to_string();
    drop(listener);
    let error = failure(&address);
    assert_eq!(error.kind(), ErrorKind::Retriable);
    assert!(error.report().contains(&address) && error.report().contains("refused"), "{error:?}");
    let two = failure(&format!("{address},{address}")).report();
    assert!(two.starts_with("connect to any of"), "{two}");
    let missing = streams_core::client::transport::TcpTransport::new(&Default::default());
    assert_eq!(missing.expect_err("there is no address").kind(), ErrorKind::InvalidConfig);
}

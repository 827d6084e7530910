//! What becomes of requests when a peer answers in pieces, wrongly, too late or not at all. Each ends once, and the next
//! goes over another connection.

use std::sync::mpsc::channel;
use std::time::Duration;

use rstest::rstest;
use streams_core::client::transport::{BrokerId, Delivery, RequestId, TcpTransport, Transport};
use streams_core::config::ConsumerConfig;
use streams_core::protocol::messages::fetch::{FetchRequest, FetchResponse};
use streams_core::protocol::messages::metadata::{MetadataRequest, MetadataResponse};
use streams_core::protocol::messages::produce::ProduceRequest;
use streams_core::protocol::{Request, RequestHeader, Response};
use streams_core::{Error, ErrorKind};

use super::peer::{frame, Conversation, Peer, Script};
use super::support::{now, Settings, LIMIT};

/// How long nothing comes that must not come.
const SILENCE: Duration = Duration::from_millis(50);

/// A transport to a peer, which makes connections again at once unless it is told otherwise.
fn transport(peer: &Peer, settings: Settings<'_>) -> TcpTransport {
    let address = [("bootstrap.servers", peer.address.as_str())];
    let quick = [("reconnect.backoff.ms", "0"), ("reconnect.backoff.max.ms", "0")];
    let settings = address.into_iter().chain(quick).chain(settings.iter().copied());
    TcpTransport::new(&ConsumerConfig::from_settings(settings).expect("valid settings").client).expect("starts")
}

fn ask(transport: &mut TcpTransport) -> RequestId {
    send(transport, MetadataRequest::default())
}

fn send(transport: &mut TcpTransport, request: impl Into<Request>) -> RequestId {
    transport.send(BrokerId::Bootstrap, request.into()).expect("the transport is open")
}

/// The next outcome: whose it is, and the number of the answer.
fn next(transport: &mut TcpTransport) -> (RequestId, Result<i32, Error>) {
    let deadline = now() + LIMIT;
    loop {
        assert!(now() < deadline, "no outcome within {LIMIT:?}");
        let Some(Delivery { id, response }) = transport.poll(LIMIT).expect("the transport is open") else { continue };
        let number = |response| match response {
            Response::Metadata(metadata) => metadata.controller_id,
            _ => -2,
        };
        return (id, response.map(number));
    }
}

fn expect_answer(transport: &mut TcpTransport, id: RequestId, number: i32) {
    let (of, outcome) = next(transport);
    assert_eq!((of, outcome.expect("it is answered")), (id, number));
}

fn expect_failure(transport: &mut TcpTransport, id: RequestId, kind: ErrorKind, words: &str) {
    let (of, outcome) = next(transport);
    let error = outcome.expect_err("it is not answered");
    assert_eq!((of, error.kind()), (id, kind), "{error}");
    assert!(error.report().contains(words), "{}", error.report());
}

fn expect_nothing(transport: &mut TcpTransport) {
    let delivery = transport.poll(SILENCE).expect("the transport is open");
    assert!(delivery.is_none(), "{delivery:?}");
}

/// The answer with a number, to be told from others.
fn answer(header: &RequestHeader, number: i32) -> Vec<u8> {
    frame(header, MetadataResponse { controller_id: number, ..Default::default() })
}

fn take(peer: &mut Conversation, count: usize) -> Vec<RequestHeader> {
    (0..count).map(|_| peer.take().0).collect()
}

/// Answers one request, and waits until the client goes.
fn answer_one(number: i32) -> Script {
    Box::new(move |peer| {
        let (header, _) = peer.take();
        peer.write(&answer(&header, number));
        peer.wait_for_the_end();
    })
}

#[rstest]
fn answers_in_pieces_are_put_together(#[values(1, 3, 7, 1_000)] bytes: usize) {
    let peer = Peer::new(vec![Box::new(move |peer| {
        let headers = take(peer, 3);
        let answers: Vec<u8> = (0..).zip(&headers).flat_map(|(number, header)| answer(header, number)).collect();
        answers.chunks(bytes).for_each(|piece| peer.write(piece));
        peer.wait_for_the_end();
    })]);
    let mut transport = transport(&peer, &[]);
    let ids = [(); 3].map(|()| ask(&mut transport));
    for (number, id) in (0..).zip(ids) {
        expect_answer(&mut transport, id, number);
    }
    expect_nothing(&mut transport);
}

/// The connection ends before an answer, within its size, within its correlation id, and before its last byte.
#[rstest]
fn a_connection_that_ends_within_an_answer_fails_what_is_open_once(#[values(0, 2, 6, -1)] cut: i32) {
    let peer = Peer::new(vec![
        Box::new(move |peer| {
            let headers = take(peer, 3);
            peer.write(&answer(&headers[0], 0));
            let second = answer(&headers[1], 1);
            let length = usize::try_from(cut).unwrap_or(second.len() - 1);
            peer.write(&second[..length]);
        }),
        answer_one(7),
    ]);
    let mut transport = transport(&peer, &[]);
    let ids = [(); 3].map(|()| ask(&mut transport));
    expect_answer(&mut transport, ids[0], 0);
    for id in &ids[1..] {
        expect_failure(&mut transport, *id, ErrorKind::Retriable, "closed by the broker");
    }
    expect_nothing(&mut transport);
    let id = ask(&mut transport);
    expect_answer(&mut transport, id, 7);
}

#[test]
fn an_answer_to_another_question_ends_the_connection() {
    let peer = Peer::new(vec![
        Box::new(|peer| {
            let mut headers = take(peer, 2);
            headers[0].correlation_id += 100;
            peer.write(&[answer(&headers[0], 0), answer(&headers[1], 1)].concat());
            peer.wait_for_the_end();
        }),
        answer_one(7),
    ]);
    let mut transport = transport(&peer, &[]);
    let ids = [(); 2].map(|()| ask(&mut transport));
    for id in ids {
        expect_failure(&mut transport, id, ErrorKind::Retriable, "came instead of");
    }
    expect_nothing(&mut transport);
    let id = ask(&mut transport);
    expect_answer(&mut transport, id, 7);
}

/// Its client would take it for the answer to the next question.
#[test]
fn an_answer_that_nobody_asked_for_ends_the_connection() {
    let peer = Peer::new(vec![
        Box::new(|peer| {
            let (header, _) = peer.take();
            let twice = [answer(&header, 0), answer(&header, 1)].concat();
            peer.write(&twice);
            peer.wait_for_the_end();
        }),
        answer_one(7),
    ]);
    let mut transport = transport(&peer, &[]);
    let id = ask(&mut transport);
    expect_answer(&mut transport, id, 0);
    peer.accepted_at();
    expect_nothing(&mut transport);
    let id = ask(&mut transport);
    expect_answer(&mut transport, id, 7);
}

#[rstest]
#[case::above_the_limit((256 << 20) + 1)]
#[case::the_largest(i32::MAX)]
#[case::negative(-1)]
#[case::too_small_for_a_correlation_id(3)]
fn a_size_that_no_answer_has_is_refused(#[case] size: i32) {
    let peer = Peer::new(vec![
        Box::new(move |peer| {
            take(peer, 2);
            peer.write(&[&size.to_be_bytes()[..], &[0; 64]].concat());
            peer.wait_for_the_end();
        }),
        answer_one(7),
    ]);
    let mut transport = transport(&peer, &[]);
    let ids = [(); 2].map(|()| ask(&mut transport));
    for id in ids {
        expect_failure(&mut transport, id, ErrorKind::Refused, "the peer is no Kafka broker");
    }
    let id = ask(&mut transport);
    expect_answer(&mut transport, id, 7);
}

/// What is announced and does not come takes no memory and is nobody's answer.
#[test]
fn a_large_answer_that_does_not_come_is_waited_for_and_not_taken() {
    let peer = Peer::new(vec![Box::new(|peer| {
        take(peer, 1);
        peer.write(&(256_i32 << 20).to_be_bytes());
        peer.write(&[0; 1_000]);
    })]);
    let mut transport = transport(&peer, &[]);
    let id = ask(&mut transport);
    expect_failure(&mut transport, id, ErrorKind::Retriable, "closed by the broker");
}

/// A body that is cut off belongs to its request alone: the connection goes on.
#[test]
fn an_answer_that_does_not_decode_is_that_of_one_request() {
    let peer = Peer::new(vec![Box::new(|peer| {
        let headers = take(peer, 2);
        let whole = answer(&headers[0], 0);
        let short = &whole[4..10];
        peer.write(&i32::try_from(short.len()).expect("small").to_be_bytes());
        peer.write(short);
        peer.write(&answer(&headers[1], 1));
        peer.wait_for_the_end();
    })]);
    let mut transport = transport(&peer, &[]);
    let ids = [(); 2].map(|()| ask(&mut transport));
    expect_failure(&mut transport, ids[0], ErrorKind::Corrupt, "response");
    expect_answer(&mut transport, ids[1], 1);
}

#[test]
fn what_is_not_answered_in_time_ends_the_connection() {
    let peer = Peer::new(vec![
        Box::new(|peer| {
            take(peer, 2);
            peer.wait_for_the_end();
        }),
        answer_one(7),
    ]);
    let mut transport = transport(&peer, &[("request.timeout.ms", "100"), ("default.api.timeout.ms", "100")]);
    let ids = [(); 2].map(|()| ask(&mut transport));
    for id in ids {
        expect_failure(&mut transport, id, ErrorKind::Retriable, "is not answered within `request.timeout.ms`");
    }
    let id = ask(&mut transport);
    expect_answer(&mut transport, id, 7);
}

/// A fetch waits at the broker. It is on a connection of its own, so nothing waits behind it.
#[test]
fn nothing_waits_behind_a_fetch() {
    let (release, waits) = channel();
    let serve = |waits: Option<std::sync::mpsc::Receiver<()>>| -> Script {
        Box::new(move |peer| {
            let (header, request) = peer.take();
            match (request, waits) {
                (Request::Fetch(_), Some(waits)) => {
                    waits.recv().expect("the other one is answered");
                    peer.write(&frame(&header, FetchResponse::default()));
                }
                (Request::Metadata(_), None) => peer.write(&answer(&header, 7)),
                (other, _) => panic!("{other:?}"),
            }
            peer.wait_for_the_end();
        })
    };
    // The listener serves one after the other, so the fetch's conversation goes on beside it.
    let beside = |script: Script| -> Script {
        Box::new(move |peer| {
            let mut own = peer.part();
            std::thread::Builder::new().spawn(move || script(&mut own)).expect("a thread starts");
        })
    };
    let peer = Peer::new(vec![beside(serve(Some(waits))), serve(None)]);
    let mut transport = transport(&peer, &[]);
    let fetch = send(&mut transport, FetchRequest::default());
    peer.accepted_at();
    let id = ask(&mut transport);
    expect_answer(&mut transport, id, 7);
    release.send(()).expect("the peer waits");
    expect_answer(&mut transport, fetch, -2);
}

/// A request without an answer by definition ends when it is written, and takes no one else's answer.
#[test]
fn a_produce_without_acknowledgement_waits_for_no_answer() {
    let peer = Peer::new(vec![Box::new(|peer| {
        let headers = take(peer, 2);
        peer.write(&answer(&headers[1], 7));
        peer.wait_for_the_end();
    })]);
    let mut transport = transport(&peer, &[]);
    let produce = send(&mut transport, ProduceRequest { acks: 0, ..Default::default() });
    let id = ask(&mut transport);
    expect_answer(&mut transport, produce, -2);
    expect_answer(&mut transport, id, 7);
}

/// A connection that is not used is closed, and what comes later goes over another one, at once.
#[test]
fn a_connection_that_is_not_used_is_closed() {
    let (closed, is_closed) = channel();
    let peer = Peer::new(vec![
        Box::new(move |peer| {
            let (header, _) = peer.take();
            peer.write(&answer(&header, 0));
            peer.wait_for_the_end();
            closed.send(()).expect("the test waits");
        }),
        answer_one(7),
    ]);
    let slow = ("reconnect.backoff.ms", "600000");
    let mut transport =
        transport(&peer, &[("connections.max.idle.ms", "50"), slow, ("reconnect.backoff.max.ms", "600000")]);
    let id = ask(&mut transport);
    expect_answer(&mut transport, id, 0);
    is_closed.recv_timeout(LIMIT).expect("it is closed");
    let id = ask(&mut transport);
    expect_answer(&mut transport, id, 7);
}

/// The pause before the next connection doubles with each that fails; a jitter takes a fifth of it at most.
#[test]
fn connections_that_fail_are_made_again_after_a_growing_pause() {
    let hang_up = || -> Script { Box::new(|_| {}) };
    let peer = Peer::new(vec![hang_up(), hang_up(), hang_up(), answer_one(7)]);
    let pauses = [("reconnect.backoff.ms", "40"), ("reconnect.backoff.max.ms", "100")];
    let mut transport = transport(&peer, &pauses);
    for _ in 0..3 {
        let id = ask(&mut transport);
        let (of, outcome) = next(&mut transport);
        assert_eq!((of, outcome.expect_err("nobody speaks").kind()), (id, ErrorKind::Retriable));
    }
    let id = ask(&mut transport);
    expect_answer(&mut transport, id, 7);
    let accepted = [(); 4].map(|()| peer.accepted_at());
    for (index, nominal) in [40, 80, 100].into_iter().enumerate() {
        let pause = accepted[index + 1] - accepted[index];
        assert!(pause >= Duration::from_millis(nominal * 8 / 10), "{index}: {pause:?}");
    }
}

/// What waits for a connection fails with it, and not one by one after a pause each.
#[test]
fn a_connection_that_cannot_be_made_fails_all_that_wait_for_it() {
    let (hang_up, told) = channel();
    let peer = Peer::new(vec![Box::new(move |_| told.recv().expect("the test goes on"))]);
    let pause = [("reconnect.backoff.ms", "600000"), ("reconnect.backoff.max.ms", "600000")];
    let mut transport = transport(&peer, &pause);
    let ids = [(); 3].map(|()| ask(&mut transport));
    peer.accepted_at();
    hang_up.send(()).expect("the peer waits");
    for id in ids {
        let (of, outcome) = next(&mut transport);
        assert_eq!((of, outcome.expect_err("nobody speaks").kind()), (id, ErrorKind::Retriable));
    }
}

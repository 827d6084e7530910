//! A peer that speaks the protocol as far as a test wants it to, connection by connection.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{channel, Receiver};

use bytes::Bytes;
use streams_core::protocol::messages::api_versions::{ApiVersion, ApiVersionsResponse};
use streams_core::protocol::{decode_request, encode_response, ApiKey, Request, RequestHeader, Response};
use streams_core::Timestamp;

use super::support::{now, LIMIT};

/// What a peer does on one connection, which ends with it.
pub(crate) type Script = Box<dyn FnOnce(&mut Conversation) + Send>;

/// A listener that serves one connection after the other.
pub(crate) struct Peer {
    pub(crate) address: String,
    accepted: Receiver<Timestamp>,
}

impl Peer {
    pub(crate) fn new(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port is found");
        let address = listener.local_addr().expect("it is bound").to_string();
        let (sender, accepted) = channel();
        let serve = move || {
            for script in scripts {
                let (stream, _) = listener.accept().expect("somebody connects");
                stream.set_read_timeout(Some(LIMIT)).expect("is a socket");
                stream.set_nodelay(true).expect("is a socket");
                // The test may have ended.
                let _ = sender.send(now());
                script(&mut Conversation { stream, greeted: false });
            }
        };
        std::thread::Builder::new().spawn(serve).expect("a thread starts");
        Self { address, accepted }
    }

    /// When the next connection was made.
    pub(crate) fn accepted_at(&self) -> Timestamp {
        self.accepted.recv_timeout(LIMIT).expect("a connection is made")
    }
}

/// One connection, from the peer's side.
pub(crate) struct Conversation {
    stream: TcpStream,
    greeted: bool,
}

impl Conversation {
    /// The next request. The question for versions, which comes first, is answered on the way.
    pub(crate) fn take(&mut self) -> (RequestHeader, Request) {
        if !self.greeted {
            self.greeted = true;
            let (header, _) = self.read().expect("it asks for versions");
            let key = |api: &ApiKey| ApiVersion {
                api_key: api.code(),
                min_version: *api.versions().start(),
                max_version: *api.versions().end(),
            };
            let api_keys = ApiKey::ALL.iter().map(key).collect();
            self.write(&frame(&header, ApiVersionsResponse { api_keys, ..Default::default() }));
        }
        self.read().expect("a request comes")
    }

    /// Waits until the client closes the connection.
    pub(crate) fn wait_for_the_end(&mut self) {
        assert_eq!(self.read().map(|(header, _)| header), None, "nothing comes any more");
    }

    fn read(&mut self) -> Option<(RequestHeader, Request)> {
        let mut size = [0; 4];
        if self.stream.read_exact(&mut size).is_err() {
            return None;
        }
        let mut request = vec![0; usize::try_from(u32::from_be_bytes(size)).expect("it is small")];
        self.stream.read_exact(&mut request).expect("all of it comes");
        Some(decode_request(Bytes::from(request)).expect("it is one"))
    }

    /// The connection, to go on with elsewhere while the listener serves the next one.
    pub(crate) fn part(&mut self) -> Self {
        Self { stream: self.stream.try_clone().expect("is a socket"), greeted: self.greeted }
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the client is there");
    }
}

/// An answer as it goes over the wire.
pub(crate) fn frame(header: &RequestHeader, response: impl Into<Response>) -> Vec<u8> {
    encode_response(header, &response.into()).expect("it is one").parts().concat()
}

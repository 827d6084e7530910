//! One lane: the connection to one broker for one purpose, made again as often as needed.
//!
//! ```text
//!   Idle ──a request──► dialling ──ok──► asking for versions ──ok──► open ──failure or time-out──► Idle, with a pause
//!                          └─failure: requests that wait are failed─┘   └──unused for long──► Idle
//! ```
//!
//! When a connection ends, all its unanswered requests fail as retriable: whether the broker acted on them is not
//! known. What a peer sends is never trusted: lengths are bounded, memory grows with the bytes that arrive.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{sleep, sleep_until, timeout, Instant};

use super::versions::{Negotiation, Versions};
use super::{Addresses, Inbox, Job};
use crate::client::retry::{Backoff, Random};
use crate::client::transport::{BrokerId, RequestId};
use crate::config::{ClientConfig, HostPort};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::protocol::messages::api_versions::{ApiVersionsRequest, ApiVersionsResponse};
use crate::protocol::messages::produce::ProduceResponse;
use crate::protocol::{decode_response, encode_request, ApiKey, Request, RequestHeader, Response};

/// The largest answer that is read: far above `fetch.max.bytes`, far below what a wrong peer's bytes say.
const FRAME_BYTES_MAX: usize = 256 << 20;
/// How much is read at a time, at least.
const READ_BYTES: usize = 64 << 10;
/// At most one line about an unreachable broker in this time.
const WARN_INTERVAL: Duration = Duration::from_secs(10);

/// A connection to one broker for one purpose.
pub(super) struct Lane {
    broker: BrokerId,
    config: Rc<ClientConfig>,
    addresses: Rc<RefCell<Addresses>>,
    inbox: Arc<Inbox>,
    backoff: Backoff,
    random: Random,
    failures: u32,
    dial_not_before: Instant,
    warned_at: Option<Instant>,
    correlation_id: i32,
}

/// A request that was written and not answered.
struct Unanswered {
    correlation_id: i32,
    id: RequestId,
    api: ApiKey,
    version: i16,
    deadline: Instant,
}

type Pending = RefCell<VecDeque<Unanswered>>;

/// A connection on which versions are known.
struct Open {
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    versions: Versions,
    peer: HostPort,
}

/// Why an open connection ended.
enum End {
    /// Nobody needs it: the client is gone.
    Done,
    /// It was unused for `connections.max.idle.ms`, or the broker closed it while nothing was asked.
    Unused,
    Failed(Error),
}

impl Lane {
    pub(super) fn new(
        broker: BrokerId,
        config: Rc<ClientConfig>,
        addresses: Rc<RefCell<Addresses>>,
        inbox: Arc<Inbox>,
    ) -> Self {
        let seed = match broker {
            BrokerId::Bootstrap => 0,
            BrokerId::Node(id) => u64::from(id.unsigned_abs()) + 1,
        };
        Self {
            broker,
            backoff: Backoff::new(config.reconnect_backoff, config.reconnect_backoff_max),
            config,
            addresses,
            inbox,
            random: Random::new(seed ^ u64::from(std::process::id())),
            failures: 0,
            dial_not_before: Instant::now(),
            warned_at: None,
            correlation_id: 0,
        }
    }

    /// Serves requests until the client is gone.
    pub(super) async fn run(mut self, mut jobs: UnboundedReceiver<Job>) {
        while let Some(first) = jobs.recv().await {
            sleep_until(self.dial_not_before).await;
            let open = match self.open().await {
                Ok(open) => open,
                Err(error) => {
                    self.take_failure(&error);
                    self.fail(first.id, &error);
                    while let Ok(job) = jobs.try_recv() {
                        self.fail(job.id, &error);
                    }
                    continue;
                }
            };
            self.failures = 0;
            let peer = open.peer.clone();
            let pending = Pending::default();
            let end = self.serve(open, first, &mut jobs, &pending).await;
            let error = match end {
                End::Done => return,
                End::Unused => Error::new(ErrorKind::Retriable, format!("connection to {peer} closed")),
                End::Failed(error) => {
                    let error = error.context(format!("connection to {peer}"));
                    self.take_failure(&error);
                    error
                }
            };
            for unanswered in pending.into_inner() {
                self.fail(unanswered.id, &error);
            }
        }
    }

    /// Fails a request. The cause passes on as retriable, because another broker or a later try may do better.
    fn fail(&self, id: RequestId, error: &Error) {
        let kind = match error.kind() {
            ErrorKind::Corrupt | ErrorKind::Refused => error.kind(),
            _ => ErrorKind::Retriable,
        };
        self.inbox.deliver(id, Err(Error::new(kind, error.report())));
    }

    /// Plans the next try, and says so once in a while.
    fn take_failure(&mut self, error: &Error) {
        self.failures = self.failures.saturating_add(1);
        let now = Instant::now();
        let pause = self.backoff.delay(self.failures, &mut self.random);
        self.dial_not_before = now + pause;
        if self.warned_at.is_none_or(|at| now >= at + WARN_INTERVAL) {
            self.warned_at = Some(now);
            tracing::warn!(broker = ?self.broker, retry_in_ms = pause.as_millis(), error = %error.report(), "no connection");
        }
    }

    /// Dials the addresses of the broker in turn and asks which versions it speaks.
    async fn open(&mut self) -> Result<Open> {
        let addresses = self.addresses.borrow().of(self.broker);
        if addresses.is_empty() {
            return Err(Error::new(
                ErrorKind::Retriable,
                format!("the metadata has no address of broker {:?}", self.broker),
            ));
        }
        let mut failures = Vec::new();
        let start = usize::try_from(self.failures).unwrap_or(0) % addresses.len();
        for peer in addresses[start..].iter().chain(&addresses[..start]) {
            let limit = self.config.socket_connection_setup_timeout;
            let opened = match timeout(limit, self.open_at(peer)).await {
                Ok(opened) => opened,
                Err(_) => {
                    Err(Error::new(ErrorKind::Retriable, format!("no connection within {} ms", limit.as_millis())))
                }
            };
            match opened {
                Ok(open) => return Ok(open),
                Err(error) if addresses.len() == 1 => return Err(error.context(format!("connect to {peer}"))),
                Err(error) => failures.push(format!("{peer}: {}", error.report())),
            }
        }
        Err(Error::new(ErrorKind::Retriable, format!("connect to any of {}", failures.join("; "))))
    }

    async fn open_at(&mut self, peer: &HostPort) -> Result<Open> {
        let stream = TcpStream::connect((peer.host.as_str(), peer.port)).await.context(|| "dial".to_owned())?;
        stream.set_nodelay(true).context(|| "set TCP_NODELAY".to_owned())?;
        let (mut read, mut write) = stream.into_split();
        let mut buffer = BytesMut::new();
        let mut version = *ApiKey::ApiVersions.versions().end();
        loop {
            let request = ApiVersionsRequest {
                client_software_name: env!("CARGO_PKG_NAME").to_owned(),
                client_software_version: env!("CARGO_PKG_VERSION").to_owned(),
            };
            let header = self.header(ApiKey::ApiVersions, version);
            write_frame(&mut write, &header, &request.into()).await?;
            let frame = read_frame(&mut read, &mut buffer).await?.ok_or_else(closed_by_peer)?;
            let (_, response) = decode_response(ApiKey::ApiVersions, version, frame)?;
            match Versions::negotiate(version, &ApiVersionsResponse::try_from(response)?)? {
                Negotiation::Done(versions) => return Ok(Open { read, write, versions, peer: peer.clone() }),
                Negotiation::AskAgain(lower) => version = lower,
            }
        }
    }

    fn header(&mut self, api_key: ApiKey, api_version: i16) -> RequestHeader {
        let correlation_id = self.correlation_id;
        self.correlation_id = self.correlation_id.wrapping_add(1);
        let client_id = Some(self.config.client_id.clone()).filter(|id| !id.is_empty());
        RequestHeader { api_key, api_version, correlation_id, client_id }
    }

    /// Writes requests and reads answers until the connection ends.
    async fn serve(&mut self, open: Open, first: Job, jobs: &mut UnboundedReceiver<Job>, pending: &Pending) -> End {
        let Open { mut read, mut write, versions, .. } = open;
        let idle = self.config.connections_max_idle;
        let inbox = Arc::clone(&self.inbox);
        let writing = async {
            let mut job = first;
            loop {
                if let Err(error) = self.write(&mut write, &versions, job, pending).await {
                    return End::Failed(error);
                }
                job = loop {
                    match timeout(idle, jobs.recv()).await {
                        Ok(Some(job)) => break job,
                        Ok(None) => return End::Done,
                        Err(_) if pending.borrow().is_empty() => return End::Unused,
                        Err(_) => {}
                    }
                };
            }
        };
        let reading = async {
            let mut buffer = BytesMut::new();
            loop {
                match read_frame(&mut read, &mut buffer).await {
                    Ok(Some(frame)) => match take_answer(frame, pending) {
                        Ok((id, response)) => inbox.deliver(id, response),
                        Err(error) => return End::Failed(error),
                    },
                    Ok(None) if pending.borrow().is_empty() => return End::Unused,
                    Ok(None) => return End::Failed(closed_by_peer()),
                    Err(error) => return End::Failed(error),
                }
            }
        };
        tokio::select! {
            end = writing => end,
            end = reading => end,
            end = watch(pending) => end,
        }
    }

    /// Writes one request. One that cannot be encoded is failed without harm to the connection.
    async fn write(
        &mut self,
        write: &mut OwnedWriteHalf,
        versions: &Versions,
        job: Job,
        pending: &Pending,
    ) -> Result<()> {
        let Job { id, request } = job;
        let api = request.api_key();
        let encoded = versions.of(api).and_then(|version| {
            let header = self.header(api, version);
            let frame = encode_request(&header, &request)?;
            Ok((header, frame))
        });
        let (header, frame) = match encoded {
            Ok(encoded) => encoded,
            Err(error) => {
                self.inbox.deliver(id, Err(error.context(format!("send {api}"))));
                return Ok(());
            }
        };
        let is_answered = !matches!(&request, Request::Produce(produce) if produce.acks == 0);
        if is_answered {
            pending.borrow_mut().push_back(Unanswered {
                correlation_id: header.correlation_id,
                id,
                api,
                version: header.api_version,
                deadline: Instant::now() + self.config.request_timeout + waits_for(&request),
            });
        }
        for part in frame.parts() {
            write.write_all(part).await.context(|| format!("write {api}"))?;
        }
        if !is_answered {
            self.inbox.deliver(id, Ok(ProduceResponse::default().into()));
        }
        Ok(())
    }
}

/// How long a broker may take over a request by design.
fn waits_for(request: &Request) -> Duration {
    match request {
        Request::Fetch(fetch) => Duration::from_millis(u64::try_from(fetch.max_wait_ms).unwrap_or(0)),
        _ => Duration::ZERO,
    }
}

/// Ends when the oldest request was not answered in time.
async fn watch(pending: &Pending) -> End {
    const LOOK_INTERVAL: Duration = Duration::from_millis(200);
    loop {
        let oldest = pending.borrow().front().map(|oldest| (oldest.api, oldest.deadline));
        match oldest {
            Some((api, deadline)) if deadline <= Instant::now() => {
                let message = format!("{api} is not answered within `request.timeout.ms`");
                return End::Failed(Error::new(ErrorKind::Retriable, message));
            }
            _ => sleep(LOOK_INTERVAL).await,
        }
    }
}

/// Matches an answer with the oldest request: a broker answers in order. An answer that does not decode belongs to
/// its request alone.
fn take_answer(frame: Bytes, pending: &Pending) -> Result<(RequestId, Result<Response>)> {
    let Some(oldest) = pending.borrow_mut().pop_front() else {
        return Err(Error::new(ErrorKind::Retriable, "an answer came that nobody asked for"));
    };
    let correlation_id = frame.first_chunk().map(|bytes| i32::from_be_bytes(*bytes));
    if correlation_id != Some(oldest.correlation_id) {
        let message = format!("answer {correlation_id:?} came instead of {}", oldest.correlation_id);
        pending.borrow_mut().push_front(oldest);
        return Err(Error::new(ErrorKind::Retriable, message));
    }
    Ok((oldest.id, decode_response(oldest.api, oldest.version, frame).map(|(_, response)| response)))
}

async fn write_frame(write: &mut OwnedWriteHalf, header: &RequestHeader, request: &Request) -> Result<()> {
    for part in encode_request(header, request)?.parts() {
        write.write_all(part).await.context(|| format!("write {}", header.api_key))?;
    }
    Ok(())
}

/// The next frame without its size; none at the end of the stream. Memory grows with the bytes that arrive, whatever
/// the size says.
async fn read_frame(read: &mut OwnedReadHalf, buffer: &mut BytesMut) -> Result<Option<Bytes>> {
    loop {
        if let Some(size) = buffer.first_chunk().copied() {
            let size = frame_size(size)?;
            if buffer.len() >= size + 4 {
                let frame = buffer.split_to(size + 4).freeze();
                return Ok(Some(frame.slice(4..)));
            }
            let missing = size + 4 - buffer.len();
            buffer.reserve(missing.min(READ_BYTES.max(buffer.len())));
        } else {
            buffer.reserve(READ_BYTES);
        }
        if read.read_buf(buffer).await.context(|| "read an answer".to_owned())? == 0 {
            return match buffer.is_empty() {
                true => Ok(None),
                false => Err(closed_by_peer()),
            };
        }
    }
}

/// The size of a frame, or who is at the other end instead of a broker without TLS.
fn frame_size(bytes: [u8; 4]) -> Result<usize> {
    let refuse = |message: String| Err(Error::new(ErrorKind::Refused, message));
    match (bytes, usize::try_from(i32::from_be_bytes(bytes))) {
        ([0x15, 0x03, 0x00..=0x04, _], _) => {
            refuse("the broker speaks TLS on this port: use its plaintext port, or set security.protocol=SSL once TLS is implemented".to_owned())
        }
        ([b'H', b'T', b'T', b'P'], _) => refuse("the peer speaks HTTP, not Kafka: is the port right?".to_owned()),
        (_, Ok(size)) if (4..=FRAME_BYTES_MAX).contains(&size) => Ok(size),
        _ => {
            let size = i32::from_be_bytes(bytes);
            refuse(format!("an answer of {size} bytes is announced ({bytes:02x?}): the peer is no Kafka broker"))
        }
    }
}

#[cold]
fn closed_by_peer() -> Error {
    Error::new(ErrorKind::Retriable, "closed by the broker")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B79. Row B10.
    #[test]
    fn peers_that_are_no_plaintext_broker_are_named() {
        for (bytes, word) in [
            ([0x15, 0x03, 0x03, 0x00], "TLS"),
            (*b"HTTP", "HTTP"),
            ([0xff; 4], "no Kafka broker"),
            ([0x7f, 0xff, 0xff, 0xff], "no Kafka broker"),
            ([0; 4], "no Kafka broker"),
        ] {
            let error = frame_size(bytes).expect_err(word);
            assert!(error.to_string().contains(word), "{error}");
            assert_eq!(error.kind(), ErrorKind::Refused);
        }
        assert_eq!(frame_size([0, 0, 1, 0]).expect("a size"), 256);
    }

    #[test]
    fn an_answer_must_be_that_of_the_oldest_request() {
        let pending = Pending::default();
        take_answer(Bytes::from_static(&[0; 8]), &pending).expect_err("nothing was asked");
        let (api, version) = (ApiKey::Heartbeat, 4);
        let deadline = Instant::now();
        pending.borrow_mut().push_back(Unanswered { correlation_id: 5, id: RequestId(1), api, version, deadline });
        let error = take_answer(Bytes::from_static(&[0, 0, 0, 4, 0]), &pending).expect_err("another one");
        assert!(error.to_string().contains("came instead of 5"), "{error}");
        let (id, response) = take_answer(Bytes::from_static(&[0, 0, 0, 5, 0]), &pending).expect("the right one");
        assert_eq!(id, RequestId(1));
        response.expect_err("its body is cut off");
    }
}

//! One connection: requests are read and handled one after the other, answers leave in the order of the requests.
//!
//! A reader decodes and hands to the broker; an answer that waits does not keep the next request from being read, up
//! to the limit of unanswered requests. A writer sends the answers in order. Bytes that are no request end the
//! connection, with one line in the log that names the peer and the place.

use std::net::SocketAddr;
use std::sync::Arc;

use streams_core::protocol::{decode_request, encode_response, ApiKey, Request, RequestHeader, Response};
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

use super::frame::{self, Limits, NoFrame};
use super::ServerConfig;
use crate::broker::{Broker, Context};
use crate::reply::Reply;
use crate::text::escape;

/// Small requests that lie together are read with one call.
const READ_BUFFER_BYTES: usize = 16 * 1024;

/// An answer on its way, in its place in the order.
struct Slot {
    header: RequestHeader,
    answer: Answer,
}

enum Answer {
    Ready(Response),
    Awaited(oneshot::Receiver<Response>),
}

/// Why the reader stopped.
enum End {
    /// The peer left, or the server stops.
    Quiet,
    /// Worth a line in the log.
    Because(String),
}

pub(super) async fn serve(
    stream: TcpStream,
    peer: SocketAddr,
    broker: Arc<Broker>,
    config: Arc<ServerConfig>,
    mut stopping: watch::Receiver<bool>,
) {
    let (read_half, write_half) = stream.into_split();
    let (slots, queued) = mpsc::channel(config.in_flight_max);
    let writer = tokio::spawn(write(write_half, queued, Arc::clone(&config)));
    let mut reader = BufReader::with_capacity(READ_BUFFER_BYTES, read_half);
    let end = tokio::select! {
        end = read(&mut reader, &broker, &config, slots) => end,
        _ = stopping.changed() => End::Quiet,
    };
    if let End::Because(why) = end {
        tracing::warn!("close {peer}: {why}");
    }
    // Answers that are on their way still go out; its failures are the peer's own business.
    let _ = writer.await;
}

async fn read(
    reader: &mut BufReader<OwnedReadHalf>,
    broker: &Broker,
    config: &ServerConfig,
    slots: mpsc::Sender<Slot>,
) -> End {
    let mut limits = Limits {
        bytes_max: config.frame_bytes_max,
        until_first_byte: config.first_frame_timeout,
        frame: config.frame_timeout,
    };
    loop {
        let frame = match frame::read(reader, limits).await {
            Ok(frame) => frame,
            Err(NoFrame::Ended) => return End::Quiet,
            Err(NoFrame::Refused(why)) => return End::Because(why),
        };
        limits.until_first_byte = config.idle_timeout;
        let (header, request) = match decode_request(frame) {
            Ok(decoded) => decoded,
            Err(error) => return End::Because(escape(&error.report())),
        };
        let wants_no_answer = matches!(&request, Request::Produce(request) if request.acks == 0);
        let answer = match handle(broker, &header, request) {
            Reply::Now(response) if wants_no_answer => match refusal(&response) {
                None => continue,
                Some(why) => return End::Because(format!("a produce request without acks failed: {why}")),
            },
            Reply::Now(response) => Answer::Ready(response),
            Reply::Later(ticket) => {
                let (answer, awaited) = oneshot::channel();
                // A peer that left has no use for its answer.
                ticket.on_complete(move |response| drop(answer.send(response)));
                Answer::Awaited(awaited)
            }
            Reply::Close(error) => return End::Because(escape(&error.report())),
        };
        if slots.send(Slot { header, answer }).await.is_err() {
            return End::Quiet;
        }
    }
}

fn handle(broker: &Broker, header: &RequestHeader, request: Request) -> Reply {
    let context = Context { api_version: header.api_version };
    let now = broker.clock().now();
    match header.api_key {
        // These make, remove and sync files: other connections go on meanwhile.
        ApiKey::CreateTopics | ApiKey::DeleteTopics | ApiKey::CreatePartitions | ApiKey::DeleteRecords => {
            tokio::task::block_in_place(|| broker.handle(&context, request, now))
        }
        _ => broker.handle(&context, request, now),
    }
}

/// The first failure in the answer to a produce request.
fn refusal(response: &Response) -> Option<String> {
    let Response::Produce(response) = response else { return None };
    response.responses.iter().find_map(|topic| {
        let partition = topic.partition_responses.iter().find(|partition| partition.error_code.is_error())?;
        let words = partition.error_message.as_deref().map_or_else(String::new, |words| format!(": {words}"));
        Some(escape(&format!("{}-{}: {}{words}", topic.name, partition.index, partition.error_code)))
    })
}

async fn write(mut stream: OwnedWriteHalf, mut queued: mpsc::Receiver<Slot>, config: Arc<ServerConfig>) {
    while let Some(Slot { header, answer }) = queued.recv().await {
        let response = match answer {
            Answer::Ready(response) => response,
            Answer::Awaited(awaited) => match awaited.await {
                Ok(response) => response,
                Err(_) => return,
            },
        };
        let frame = match encode_response(&header, &response) {
            Ok(frame) => frame,
            Err(error) => {
                tracing::error!("answer {} version {}: {}", header.api_key, header.api_version, error.report());
                return;
            }
        };
        let mut parts = Parts::new(frame.into_parts());
        match timeout(config.write_timeout, stream.write_all_buf(&mut parts)).await {
            Ok(Ok(())) => {}
            // The peer left, or does not read what it asked for.
            Ok(Err(_)) | Err(_) => return,
        }
    }
}

/// The parts of a frame as one buffer, for vectored writes without copying batches.
struct Parts {
    parts: std::collections::VecDeque<bytes::Bytes>,
    left: usize,
}

impl Parts {
    fn new(parts: Vec<bytes::Bytes>) -> Self {
        let parts: std::collections::VecDeque<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        let left = parts.iter().map(bytes::Bytes::len).sum();
        Self { parts, left }
    }
}

impl bytes::Buf for Parts {
    fn remaining(&self) -> usize {
        self.left
    }

    fn chunk(&self) -> &[u8] {
        self.parts.front().map_or(&[], |part| part.as_ref())
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [std::io::IoSlice<'a>]) -> usize {
        let filled = slices.iter_mut().zip(&self.parts).map(|(slice, part)| *slice = std::io::IoSlice::new(part));
        filled.count()
    }

    fn advance(&mut self, mut count: usize) {
        self.left = self.left.saturating_sub(count);
        while let Some(part) = self.parts.front_mut() {
            if count < part.len() {
                bytes::Buf::advance(part, count);
                return;
            }
            count -= part.len();
            self.parts.pop_front();
        }
    }
}

//! Requests off the wire: a size, then so many bytes, bounded in memory and in time.
//!
//! The buffer grows as bytes arrive and never by what the peer announces: announcing a hundred megabytes and sending
//! ten costs kilobytes.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::time::{timeout, timeout_at, Instant};

/// How much room is made at first, and the least that is added.
const GROWTH_BYTES_MIN: usize = 64 * 1024;

/// Why there is no further frame.
#[derive(Debug)]
pub(super) enum NoFrame {
    /// The peer closed between two frames, or was silent too long: nothing to report.
    Ended,
    /// The peer does what it must not; the text says what.
    Refused(String),
}

/// How long to wait, and how much to take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) bytes_max: usize,
    pub(super) until_first_byte: Duration,
    pub(super) frame: Duration,
}

/// Reads one frame, without its size.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin), limits: Limits) -> Result<Bytes, NoFrame> {
    let mut head = [0; 4];
    let first = timeout(limits.until_first_byte, stream.read(&mut head)).await;
    let mut filled = match first {
        Err(_) | Ok(Ok(0)) => return Err(NoFrame::Ended),
        Ok(Err(error)) => return Err(broken(&error)),
        Ok(Ok(read)) => read,
    };
    let frame = async {
        while filled < head.len() {
            match stream.read(&mut head[filled..]).await {
                Ok(0) => return Err(NoFrame::Refused("the connection ended within a request's size".to_owned())),
                Ok(read) => filled += read,
                Err(error) => return Err(broken(&error)),
            }
        }
        let size = check_size(head, limits.bytes_max)?;
        read_body(stream, size).await
    };
    match timeout_at(Instant::now() + limits.frame, frame).await {
        Ok(frame) => frame,
        Err(_) => {
            let message = format!("a request did not arrive within {} ms", limits.frame.as_millis());
            Err(NoFrame::Refused(message))
        }
    }
}

fn check_size(head: [u8; 4], bytes_max: usize) -> Result<usize, NoFrame> {
    let announced = i32::from_be_bytes(head);
    if let Some(size) = usize::try_from(announced).ok().filter(|size| (1..=bytes_max).contains(size)) {
        return Ok(size);
    }
    Err(NoFrame::Refused(match &head {
        [0x16, 0x03, ..] => "the peer speaks TLS, this listener does not: set security.protocol=PLAINTEXT".to_owned(),
        b"GET " | b"POST" | b"HEAD" | b"PUT " => {
            format!("the peer speaks HTTP ({announced:#x}), this is a Kafka listener")
        }
        _ => format!("invalid request size {announced}: 1 to {bytes_max} bytes are accepted"),
    }))
}

async fn read_body(stream: &mut (impl AsyncRead + Unpin), size: usize) -> Result<Bytes, NoFrame> {
    let mut body = BytesMut::with_capacity(size.min(GROWTH_BYTES_MIN));
    while body.len() < size {
        let left = size - body.len();
        if body.capacity() == body.len() {
            body.reserve(left.min(body.len().max(GROWTH_BYTES_MIN)));
        }
        let mut rest = stream.take(u64::try_from(left).unwrap_or(u64::MAX));
        match rest.read_buf(&mut body).await {
            Ok(0) => {
                let message = format!("the connection ended after {} of {size} bytes of a request", body.len());
                return Err(NoFrame::Refused(message));
            }
            Ok(_) => {}
            Err(error) => return Err(broken(&error)),
        }
    }
    Ok(body.freeze())
}

fn broken(error: &io::Error) -> NoFrame {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionAborted => NoFrame::Ended,
        _ => NoFrame::Refused(format!("read from the connection: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits =
        Limits { bytes_max: 1000, until_first_byte: Duration::from_secs(5), frame: Duration::from_secs(5) };

    async fn read_all(mut bytes: &[u8]) -> Result<Bytes, NoFrame> {
        read(&mut bytes, LIMITS).await
    }

    fn run<T>(future: impl std::future::Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(future)
    }

    /// B79. Row B11.
    #[rstest::rstest]
    #[case(b"\0\0\0\x02ab", Ok("ab"))]
    #[case(b"", Err(""))]
    #[case(b"\0\0", Err("ended within a request's size"))]
    #[case(b"\0\0\0\x09ab", Err("ended after 2 of 9 bytes"))]
    #[case(b"\0\0\0\0", Err("invalid request size 0"))]
    #[case(b"\xff\xff\xff\xff", Err("invalid request size -1"))]
    #[case(b"\x7f\xff\xff\xff", Err("invalid request size 2147483647: 1 to 1000"))]
    #[case(b"\x16\x03\x01\x02", Err("speaks TLS"))]
    #[case(b"GET / HTTP/1.1", Err("speaks HTTP (0x47455420)"))]
    fn frames_are_bounded(#[case] bytes: &[u8], #[case] expected: Result<&str, &str>) {
        match (run(read_all(bytes)), expected) {
            (Ok(frame), Ok(expected)) => assert_eq!(frame, expected.as_bytes()),
            (Err(NoFrame::Ended), Err(expected)) => assert_eq!(expected, ""),
            (Err(NoFrame::Refused(message)), Err(expected)) => {
                assert!(!expected.is_empty() && message.contains(expected), "{message}");
            }
            (got, expected) => panic!("{got:?} is not {expected:?}"),
        }
    }

    /// B79, B80.
    #[test]
    fn memory_follows_what_arrives() {
        let (mut peer, mut stream) = tokio::io::duplex(1024);
        run(async {
            use tokio::io::AsyncWriteExt as _;
            peer.write_all(b"\x05\xf5\xe1\x00ten bytes!").await.expect("written");
            let limits = Limits { bytes_max: 200_000_000, frame: Duration::from_millis(1), ..LIMITS };
            let refused = read(&mut stream, limits).await.expect_err("nothing more comes");
            assert!(matches!(refused, NoFrame::Refused(why) if why.contains("did not arrive within 1 ms")));
        });
    }
}

//! Waiting until a node answers, asked by this project's own client: its transport paces the attempts.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use streams_core::client::transport::{BrokerId, TcpTransport, Transport};
use streams_core::config::ConsumerConfig;
use streams_core::protocol::messages::metadata::{MetadataRequest, MetadataResponse};
use streams_core::protocol::Response;
use streams_core::{Clock, Error, ErrorKind, Result, SystemClock};

/// A small machine takes half a minute for three nodes, and one that compiles many programs some minutes for one.
const LIMIT: Duration = Duration::from_secs(300);
/// How long one look at the transport lasts; then the node's process is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// What of a log is shown.
const LOG_LINES: usize = 20;

/// Waits until the node at `address` names so many brokers; its process id.
///
/// # Errors
/// When its process ends, or at the limit; both with the end of the log in `home`.
pub(crate) fn wait(home: &Path, address: SocketAddr, brokers: usize) -> Result<u32> {
    let address = address.to_string();
    let settings = [("bootstrap.servers", address.as_str()), ("request.timeout.ms", "20s")];
    let mut transport = TcpTransport::new(&ConsumerConfig::from_settings(settings)?.client)?;
    let deadline = SystemClock.now() + LIMIT;
    let mut known = 0;
    while known != brokers {
        check(home)?;
        if SystemClock.now() > deadline {
            return Err(failure(home, &format!("knows {known} of {brokers} brokers after {LIMIT:?}")));
        }
        known = ask(&mut transport)?.unwrap_or(known);
    }
    let pid = fs::read_to_string(home.join("pid")).ok().and_then(|pid| pid.trim().parse().ok());
    pid.ok_or_else(|| failure(home, "answers, but left no process id"))
}

/// Fails when the node has ended.
pub(crate) fn check(home: &Path) -> Result<()> {
    match fs::read_to_string(home.join("exit")) {
        Ok(code) => Err(failure(home, &format!("ended with status {}", code.trim()))),
        Err(_) => Ok(()),
    }
}

/// One question: how many brokers the node knows, if it answers.
fn ask(transport: &mut TcpTransport) -> Result<Option<usize>> {
    transport.send(BrokerId::Bootstrap, MetadataRequest { topics: Some(Vec::new()), ..Default::default() }.into())?;
    let delivery = loop {
        if let Some(delivery) = transport.poll(LOOK)? {
            break delivery;
        }
    };
    let known = match delivery.response {
        Ok(Response::Metadata(MetadataResponse { brokers, .. })) => Some(brokers.len()),
        _ => None,
    };
    // A node that knows too few is asked again a moment later; nothing else can come meanwhile.
    transport.poll(LOOK)?;
    Ok(known)
}

fn failure(home: &Path, what: &str) -> Error {
    let log = fs::read(home.join("log")).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().collect();
    let end = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n");
    let name = home.file_name().unwrap_or_default().display();
    Error::new(ErrorKind::Io, format!("Apache Kafka's {name} {what}; its log ends with:\n{end}"))
}

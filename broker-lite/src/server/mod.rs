//! The broker over TCP: accepts connections, limits them, and stops gracefully.
//!
//! This module and what is below it are the only ones that know sockets. A server runs on threads of its own (a small
//! tokio runtime), so that the program around it needs none; one [`Server`] serves one address.
//!
//! Nothing here authenticates, so a server listens on the loopback interface unless it is told otherwise in so many
//! words.

mod connection;
mod frame;
mod port;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use streams_core::{Error, ErrorKind, Result, ResultExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{watch, Semaphore};
use tokio::task::JoinSet;

use crate::broker::Broker;

/// Threads that serve connections: requests are short, and the disk is shared anyway.
const WORKER_THREADS: usize = 2;

/// How long accepting rests after the system had no descriptor or memory for another connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often a waiting program looks whether its broker failed.
const FAILURE_CHECK: Duration = Duration::from_millis(200);

/// How a server treats its peers. The defaults suit one machine.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerConfig {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Allows other machines to connect, though nothing authenticates them.
    pub insecure_allow_remote: bool,
    /// How many connections there can be; more are closed at once.
    pub connections_max: usize,
    /// The largest request in bytes; Kafka's `socket.request.max.bytes`.
    pub frame_bytes_max: usize,
    /// How many requests of one connection can be unanswered before no more are read.
    pub in_flight_max: usize,
    /// How long a new connection may take to begin its first request.
    pub first_frame_timeout: Duration,
    /// How long a request may take to arrive once it began.
    pub frame_timeout: Duration,
    /// How long a connection may be silent; Kafka's `connections.max.idle.ms`.
    pub idle_timeout: Duration,
    /// How long a peer may leave an answer unread.
    pub write_timeout: Duration,
    /// How long a stop waits for answers on their way.
    pub stop_timeout: Duration,
}

impl ServerConfig {
    /// The defaults, on an address.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            insecure_allow_remote: false,
            connections_max: 1000,
            frame_bytes_max: 100 * 1024 * 1024,
            in_flight_max: 100,
            first_frame_timeout: Duration::from_secs(10),
            frame_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(600),
            write_timeout: Duration::from_secs(30),
            stop_timeout: Duration::from_secs(5),
        }
    }
}

/// A server that runs until it is stopped or dropped.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    accepting: Option<tokio::task::JoinHandle<()>>,
    runtime: Option<Runtime>,
    stop_timeout: Duration,
}

impl Server {
    /// Binds, tells the broker its address, and serves.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] for an address that other machines reach without the option for it;
    /// [`ErrorKind::Io`] when the port is taken or not allowed, with who has it.
    pub fn start(broker: &Arc<Broker>, config: ServerConfig) -> Result<Self> {
        check_exposure(&config)?;
        let builder = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(WORKER_THREADS)
            .thread_name("broker-server")
            .enable_all()
            .build();
        let runtime = builder.context(|| "start the server's threads".to_owned())?;
        let listener = runtime.block_on(TcpListener::bind(config.listen)).map_err(|error| refused(&config, error))?;
        let address = listener.local_addr().context(|| "ask for the server's address".to_owned())?;
        broker.advertise(address.ip().to_string(), address.port());
        let (stop, stopping) = watch::channel(false);
        let stop_timeout = config.stop_timeout;
        let accepting = runtime.spawn(accept(listener, Arc::clone(broker), Arc::new(config), stopping));
        Ok(Self { address, stop, accepting: Some(accepting), runtime: Some(runtime), stop_timeout })
    }

    /// The address with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops: accepts no more, reads no more, lets answers on their way go out for a while, and closes.
    pub fn stop(mut self) {
        self.stop_now();
    }

    /// Waits for the process to be told to stop (SIGINT or SIGTERM), or for the broker to [fail](Broker::failure).
    ///
    /// # Errors
    /// [`ErrorKind::Io`] with the broker's failure, and when the signals cannot be listened to.
    pub fn wait_for_signal(&self, broker: &Broker) -> Result<()> {
        use tokio::signal::unix::{signal, SignalKind};
        let Some(runtime) = &self.runtime else { return Ok(()) };
        let told = async {
            let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
            let mut look = tokio::time::interval(FAILURE_CHECK);
            loop {
                tokio::select! {
                    _ = terminate.recv() => return Ok(None),
                    _ = interrupt.recv() => return Ok(None),
                    _ = look.tick() => match broker.failure() {
                        None => {}
                        failure => return Ok::<_, io::Error>(failure),
                    },
                }
            }
        };
        match runtime.block_on(told).context(|| "listen for signals".to_owned())? {
            None => Ok(()),
            Some(failure) => Err(Error::new(ErrorKind::Io, failure)),
        }
    }

    fn stop_now(&mut self) {
        let (Some(runtime), Some(accepting)) = (self.runtime.take(), self.accepting.take()) else { return };
        self.stop.send_replace(true);
        runtime.block_on(async {
            // What is not answered by then is closed.
            let _ = tokio::time::timeout(self.stop_timeout, accepting).await;
        });
        runtime.shutdown_background();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop_now();
    }
}

fn check_exposure(config: &ServerConfig) -> Result<()> {
    if config.listen.ip().is_loopback() || config.insecure_allow_remote {
        return Ok(());
    }
    let message = format!(
        "refusing to expose an unauthenticated broker on {}: listen on 127.0.0.1, or add --insecure-allow-remote if \
         every machine that reaches this address may read and write everything",
        config.listen
    );
    Err(Error::new(ErrorKind::InvalidConfig, message))
}

fn refused(config: &ServerConfig, error: io::Error) -> Error {
    let port = config.listen.port();
    let message = match error.kind() {
        io::ErrorKind::AddrInUse => {
            let owner = port::owner(port).map_or_else(String::new, |pid| format!(" by the process with pid {pid}"));
            format!("port {port} of {} is in use{owner}: stop it, or take port 0 for a free one", config.listen.ip())
        }
        io::ErrorKind::PermissionDenied => {
            format!("port {port} needs rights that this user has not: take a port above 1024")
        }
        _ => format!("cannot listen on {}", config.listen),
    };
    Error::with_source(ErrorKind::Io, message, error)
}

/// Accepts connections until told to stop, then waits for those there are.
async fn accept(
    listener: TcpListener,
    broker: Arc<Broker>,
    config: Arc<ServerConfig>,
    mut stopping: watch::Receiver<bool>,
) {
    let room = Arc::new(Semaphore::new(config.connections_max));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = stopping.changed() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!("accept a connection: {error}; trying again in {} ms", ACCEPT_PAUSE.as_millis());
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
            tracing::warn!("close {peer}: there are {} connections already", config.connections_max);
            continue;
        };
        prepare(&stream);
        let serve = connection::serve(stream, peer, Arc::clone(&broker), Arc::clone(&config), stopping.clone());
        connections.spawn(async move {
            serve.await;
            drop(permit);
        });
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

fn prepare(stream: &TcpStream) {
    // Without it answers wait for more to send; that it fails is no reason to refuse a peer.
    let _ = stream.set_nodelay(true);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row B19. The tests may run as a user who is allowed every port, so the system's answer is made up.
    #[test]
    fn a_port_that_is_not_allowed_is_named_with_the_remedy() {
        let config = ServerConfig::new("127.0.0.1:92".parse().expect("an address"));
        let error = refused(&config, io::ErrorKind::PermissionDenied.into());
        assert_eq!(error.kind().exit_code(), 3);
        assert_eq!(error.to_string(), "port 92 needs rights that this user has not: take a port above 1024");
    }
}

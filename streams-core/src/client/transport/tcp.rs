//! Requests over TCP: one thread per transport that owns the sockets, and an inbox that the client's thread waits on.
//!
//! ```text
//!   client's thread            the I/O thread, named `kafka-client-io`
//!   send ──── commands ──────► router ──► one lane per broker and purpose ──► socket
//!   poll ◄─── inbox ◄──────────────────── answers, failures ◄────────────────┘
//! ```
//!
//! A broker answers the requests of one connection in order, and a fetch waits for data: so fetches have a connection
//! of their own, and nothing else waits behind them. Connections are made when there is something to send, again
//! after a growing pause, and closed when they are not used.
//!
//! This module and its children are the only ones of the crate that open sockets.

mod connection;
mod versions;

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{unbounded_channel, UnboundedReceiver, UnboundedSender};
use tokio::task::LocalSet;

use crate::client::transport::{BrokerAddress, BrokerId, Delivery, RequestId, Transport, Waker};
use crate::config::{ClientConfig, HostPort};
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::protocol::{ApiKey, Request, Response};

use connection::Lane;

/// A transport over TCP.
pub struct TcpTransport {
    commands: Option<UnboundedSender<Command>>,
    inbox: Arc<Inbox>,
    next_id: u64,
    thread: Option<JoinHandle<()>>,
}

/// From the client's thread to the I/O thread.
enum Command {
    Send(BrokerId, Box<Job>),
    Brokers(Vec<BrokerAddress>),
}

/// A request on its way.
struct Job {
    id: RequestId,
    request: Request,
}

/// Which connection a request takes: fetches wait at the broker, and nothing else should wait behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Purpose {
    Fetch,
    Other,
}

impl Purpose {
    fn of(request: &Request) -> Self {
        match request.api_key() {
            ApiKey::Fetch => Self::Fetch,
            _ => Self::Other,
        }
    }
}

/// Where brokers are: known to all lanes, changed by the router.
#[derive(Debug)]
struct Addresses {
    bootstrap: Vec<HostPort>,
    nodes: BTreeMap<i32, HostPort>,
}

impl Addresses {
    fn of(&self, broker: BrokerId) -> Vec<HostPort> {
        match broker {
            BrokerId::Bootstrap => self.bootstrap.clone(),
            BrokerId::Node(id) => self.nodes.get(&id).cloned().into_iter().collect(),
        }
    }
}

/// Answers on their way to the client's thread.
#[derive(Default)]
struct Inbox {
    state: Mutex<InboxState>,
    arrived: Condvar,
}

#[derive(Default)]
struct InboxState {
    deliveries: VecDeque<Delivery>,
    is_woken: bool,
    is_closed: bool,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, id: RequestId, response: Result<Response>) {
        self.lock().deliveries.push_back(Delivery { id, response });
        self.arrived.notify_one();
    }

    fn wake(&self) {
        self.lock().is_woken = true;
        self.arrived.notify_one();
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_all();
    }
}

impl TcpTransport {
    /// A transport to the cluster of `bootstrap.servers`. Connects when the first request is sent.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when `bootstrap.servers` is missing; [`ErrorKind::Io`] when the thread cannot be
    /// started.
    pub fn new(config: &ClientConfig) -> Result<Self> {
        if config.bootstrap_servers.is_empty() {
            let message =
                "setting `bootstrap.servers` is missing: it says where the cluster is, such as `localhost:9092`";
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let (commands, receiver) = unbounded_channel();
        let inbox = Arc::new(Inbox::default());
        let (config, thread_inbox) = (config.clone(), Arc::clone(&inbox));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context(|| "start the client's I/O runtime".to_owned())?;
        let thread = std::thread::Builder::new()
            .name("kafka-client-io".to_owned())
            .spawn(move || {
                let local = LocalSet::new();
                local.block_on(&runtime, route(config, receiver, &thread_inbox));
                drop(local);
                thread_inbox.close();
                // A name look-up that hangs must not hold up the end of the program.
                runtime.shutdown_background();
            })
            .context(|| "start the client's I/O thread".to_owned())?;
        Ok(Self { commands: Some(commands), inbox, next_id: 0, thread: Some(thread) })
    }

    fn command(&self, command: Command) -> Result<()> {
        let sent = self.commands.as_ref().is_some_and(|commands| commands.send(command).is_ok());
        sent.then_some(()).ok_or_else(closed)
    }
}

#[cold]
fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the client's I/O thread has ended")
}

impl Transport for TcpTransport {
    fn send(&mut self, to: BrokerId, request: Request) -> Result<RequestId> {
        let id = RequestId(self.next_id);
        self.next_id += 1;
        self.command(Command::Send(to, Box::new(Job { id, request })))?;
        Ok(id)
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<Delivery>> {
        let mut state = self.inbox.lock();
        if !wait.is_zero() {
            let nothing = |state: &mut InboxState| state.deliveries.is_empty() && !state.is_woken && !state.is_closed;
            let waited = self.inbox.arrived.wait_timeout_while(state, wait, nothing);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.is_woken = false;
        }
        match state.deliveries.pop_front() {
            None if state.is_closed => Err(closed()),
            delivery => Ok(delivery),
        }
    }

    fn update_brokers(&mut self, brokers: &[BrokerAddress]) {
        // A closed transport says so at the next send or poll.
        let _ = self.command(Command::Brokers(brokers.to_vec()));
    }

    fn waker(&self) -> Waker {
        let inbox = Arc::clone(&self.inbox);
        Waker::new(move || inbox.wake())
    }
}

impl Drop for TcpTransport {
    fn drop(&mut self) {
        self.commands = None;
        if let Some(thread) = self.thread.take() {
            // The thread only fails when a lane panics; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for TcpTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpTransport").field("requests", &self.next_id).finish_non_exhaustive()
    }
}

/// Hands each request to its lane, until the client drops its end.
async fn route(config: ClientConfig, mut commands: UnboundedReceiver<Command>, inbox: &Arc<Inbox>) {
    let config = Rc::new(config);
    let bootstrap = config.bootstrap_servers.clone();
    let addresses = Rc::new(RefCell::new(Addresses { bootstrap, nodes: BTreeMap::new() }));
    let mut lanes = BTreeMap::<(BrokerId, Purpose), UnboundedSender<Job>>::new();
    while let Some(command) = commands.recv().await {
        match command {
            Command::Brokers(brokers) => {
                let nodes =
                    brokers.into_iter().map(|broker| (broker.id, HostPort { host: broker.host, port: broker.port }));
                addresses.borrow_mut().nodes = nodes.collect();
            }
            Command::Send(to, job) => {
                let lane = lanes.entry((to, Purpose::of(&job.request))).or_insert_with(|| {
                    let (sender, jobs) = unbounded_channel();
                    let lane = Lane::new(to, Rc::clone(&config), Rc::clone(&addresses), Arc::clone(inbox));
                    tokio::task::spawn_local(lane.run(jobs));
                    sender
                });
                if let Err(unsent) = lane.send(*job) {
                    inbox.deliver(unsent.0.id, Err(closed()));
                }
            }
        }
    }
}

//! How requests reach a broker: one virtual call per request, none per record.
//!
//! A [`Transport`] carries typed requests and brings typed responses back. Over TCP it negotiates versions, encodes
//! and decodes; in process it hands the same values to the broker, batches as shared bytes. Everything above it is
//! one body of code, tested over both.
//!
//! A transport keeps the order of requests to one node (fetches, which wait at the broker, may be overtaken), answers
//! each request at most once, and never blocks in [`Transport::send`].

pub mod faults;
pub mod tcp;

use std::time::Duration;

use crate::error::Result;
use crate::protocol::{Request, Response};

pub use faults::{FaultRates, FaultyTransport};
pub use tcp::TcpTransport;

/// The id of a broker within its cluster, or of a bootstrap address before the cluster is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BrokerId {
    /// Any address of `bootstrap.servers`.
    Bootstrap,
    /// The broker with this id in the metadata.
    Node(i32),
}

/// Names a request until its answer is delivered. Unique within one transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// The end of a request: the broker's answer, or why there is none.
#[derive(Debug)]
pub struct Delivery {
    /// Which request ended.
    pub id: RequestId,
    /// The answer, or the failure of the connection ([`crate::ErrorKind::Retriable`]) or of the bytes.
    pub response: Result<Response>,
}

/// Carries requests to brokers.
pub trait Transport: Send {
    /// Sends a request. Its answer, or its failure, comes out of [`Self::poll`] under the id returned; a request with
    /// no answer by definition (produce with `acks=0`) is delivered once it is written.
    ///
    /// # Errors
    /// When the transport is closed. Unreachable brokers are reported through [`Self::poll`].
    fn send(&mut self, to: BrokerId, request: Request) -> Result<RequestId>;

    /// The next answer. Waits up to `wait` for one, less when [woken](Waker::wake); zero never waits.
    ///
    /// # Errors
    /// When the transport is closed.
    fn poll(&mut self, wait: Duration) -> Result<Option<Delivery>>;

    /// Tells the transport where the brokers of the cluster are, as learnt from metadata.
    fn update_brokers(&mut self, brokers: &[BrokerAddress]);

    /// A handle with which another thread ends a wait in [`Self::poll`].
    fn waker(&self) -> Waker;
}

/// Where a broker listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerAddress {
    /// The broker's id.
    pub id: i32,
    /// Its host name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Ends a wait of a [`Transport`] from another thread.
#[derive(Clone)]
pub struct Waker(std::sync::Arc<dyn Fn() + Send + Sync>);

impl Waker {
    /// A waker that runs `wake`.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self(std::sync::Arc::new(wake))
    }

    /// Ends the wait that is going on, or the next one.
    pub fn wake(&self) {
        (self.0)();
    }
}

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waker")
    }
}

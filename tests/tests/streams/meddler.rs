//! A transport that a test meddles with: requests that are lost, answers that are held back or say something else.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use streams_core::client::transport::{BrokerAddress, BrokerId, Delivery, RequestId, Transport, Waker};
use streams_core::protocol::{Request, Response};
use streams_core::{Error, ErrorKind, Result};

/// How long a wait lasts while an answer is held back: then it is looked at again.
const HELD_WAIT: Duration = Duration::from_millis(1);

/// What a test does to the requests of an application, on the thread whose client sends them.
pub(super) trait Meddler: Send + Sync + 'static {
    /// Whether a request never reaches the broker; its sender hears that the connection broke.
    fn loses(&self, request: &Request) -> bool {
        let _ = request;
        false
    }

    /// Whether an answer is delivered, changed or not. One that is not is looked at again at the next poll.
    fn passes(&self, response: &mut Response) -> bool {
        let _ = response;
        true
    }
}

/// Leaves everything as it is.
pub(super) struct Unchanged;

impl Meddler for Unchanged {}

/// A transport between an application and its broker.
pub(super) struct Meddled {
    inner: Box<dyn Transport>,
    meddler: Arc<dyn Meddler>,
    /// Requests that fail; they were never sent, and their ids are behind those of the transport inside.
    lost: Vec<RequestId>,
    next_lost: u64,
    held: VecDeque<Delivery>,
}

impl Meddled {
    pub(super) fn new(inner: Box<dyn Transport>, meddler: Arc<dyn Meddler>) -> Self {
        Self { inner, meddler, lost: Vec::new(), next_lost: 0, held: VecDeque::new() }
    }
}

fn passes(meddler: &dyn Meddler, delivery: &mut Delivery) -> bool {
    delivery.response.as_mut().map_or(true, |response| meddler.passes(response))
}

impl Transport for Meddled {
    fn send(&mut self, to: BrokerId, request: Request) -> Result<RequestId> {
        if self.meddler.loses(&request) {
            self.next_lost += 1;
            let id = RequestId(u64::MAX - self.next_lost);
            self.lost.push(id);
            return Ok(id);
        }
        self.inner.send(to, request)
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<Delivery>> {
        if let Some(id) = self.lost.pop() {
            let response = Err(Error::new(ErrorKind::Retriable, "nobody answers"));
            return Ok(Some(Delivery { id, response }));
        }
        if self.held.front_mut().is_some_and(|held| passes(&*self.meddler, held)) {
            return Ok(self.held.pop_front());
        }
        let wait = if self.held.is_empty() { wait } else { wait.min(HELD_WAIT) };
        let Some(mut delivery) = self.inner.poll(wait)? else { return Ok(None) };
        if passes(&*self.meddler, &mut delivery) {
            return Ok(Some(delivery));
        }
        self.held.push_back(delivery);
        Ok(None)
    }

    fn update_brokers(&mut self, brokers: &[BrokerAddress]) {
        self.inner.update_brokers(brokers);
    }

    fn waker(&self) -> Waker {
        self.inner.waker()
    }
}

//! The transport of a client that lives in the broker's process: typed requests in, typed answers out, no bytes.
//!
//! A request runs on the thread that sends it, so a round trip costs no thread switch; batches travel as shared bytes,
//! and what a fetch returns is the log's own memory. An answer that has to wait is delivered by whichever thread
//! completes it. Everything a TCP client's batch goes through (checks, sequence numbers, epochs) holds here too.
//!
//! Over a broker without threads ([`BrokerBuilder::open`](crate::BrokerBuilder::open)), [`Transport::poll`] steps the
//! broker and never waits, because only the caller moves the time.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use streams_core::client::transport::{BrokerAddress, BrokerId, Delivery, RequestId, Transport, Waker};
use streams_core::protocol::{Request, Response};
use streams_core::Result;

use crate::broker::{Broker, Context};
use crate::reply::Reply;

impl Broker {
    /// A transport to this broker, for one client. Each client has its own.
    pub fn in_process(self: &Arc<Self>) -> impl Transport + 'static {
        InProcess { broker: Arc::clone(self), inbox: Arc::default(), next_id: 0 }
    }
}

struct InProcess {
    broker: Arc<Broker>,
    inbox: Arc<Inbox>,
    next_id: u64,
}

/// Answers on their way to the client.
#[derive(Default)]
struct Inbox {
    state: Mutex<InboxState>,
    arrived: Condvar,
}

#[derive(Default)]
struct InboxState {
    deliveries: VecDeque<Delivery>,
    is_woken: bool,
    /// The client waits: only then is notifying worth a system call.
    is_waiting: bool,
}

impl Inbox {
    fn lock(&self) -> MutexGuard<'_, InboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deliver(&self, id: RequestId, response: Result<Response>) {
        let mut state = self.lock();
        state.deliveries.push_back(Delivery { id, response });
        let is_waiting = state.is_waiting;
        drop(state);
        if is_waiting {
            self.arrived.notify_one();
        }
    }
}

impl Transport for InProcess {
    fn send(&mut self, _to: BrokerId, request: Request) -> Result<RequestId> {
        let id = RequestId(self.next_id);
        self.next_id += 1;
        let context = Context::latest(request.api_key());
        match self.broker.handle(&context, request, self.broker.clock().now()) {
            Reply::Now(response) => self.inbox.deliver(id, Ok(response)),
            Reply::Later(ticket) => {
                let inbox = Arc::clone(&self.inbox);
                ticket.on_complete(move |response| inbox.deliver(id, Ok(response)));
            }
            Reply::Close(error) => self.inbox.deliver(id, Err(error)),
        }
        Ok(id)
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<Delivery>> {
        let mut state = self.inbox.lock();
        if let Some(delivery) = state.deliveries.pop_front() {
            return Ok(Some(delivery));
        }
        if !self.broker.has_threads() {
            drop(state);
            self.broker.sync();
            self.broker.tick(self.broker.clock().now());
            return Ok(self.inbox.lock().deliveries.pop_front());
        }
        if !wait.is_zero() && !state.is_woken {
            state.is_waiting = true;
            let nothing = |state: &mut InboxState| state.deliveries.is_empty() && !state.is_woken;
            let waited = self.inbox.arrived.wait_timeout_while(state, wait, nothing);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.is_waiting = false;
        }
        state.is_woken = false;
        Ok(state.deliveries.pop_front())
    }

    fn update_brokers(&mut self, _brokers: &[BrokerAddress]) {}

    fn waker(&self) -> Waker {
        let inbox = Arc::clone(&self.inbox);
        Waker::new(move || {
            inbox.lock().is_woken = true;
            inbox.arrived.notify_one();
        })
    }
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}

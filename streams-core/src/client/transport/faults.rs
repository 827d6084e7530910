//! A transport with faults by seed: requests and answers that are lost, late or doubled, as networks and brokers that
//! restart make them. For tests and simulations; the same seed gives the same faults for the same requests.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::{HashMap, HashSet};

use crate::client::retry::Random;
use crate::client::transport::{BrokerAddress, BrokerId, Delivery, RequestId, Transport, Waker};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::Request;

/// How many polls a late answer is held back, at most.
const LATE_POLLS_MAX: u64 = 8;
/// How long a poll waits while an answer is held back.
const LATE_WAIT: Duration = Duration::from_millis(1);

/// How often something goes wrong, in percent of requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FaultRates {
    /// The request never reaches the broker; its sender hears that the connection broke.
    pub lost_requests: u64,
    /// The broker acts on the request, but its sender hears that the connection broke.
    pub lost_answers: u64,
    /// The broker gets the request twice.
    pub repeats: u64,
    /// The answer comes late, after later ones.
    pub late_answers: u64,
}

/// A transport around another one.
pub struct FaultyTransport {
    inner: Box<dyn Transport>,
    rates: FaultRates,
    random: Random,
    next_id: u64,
    /// Requests of the inner transport whose outcome is delivered, by the id the sender has.
    forwarded: HashMap<RequestId, Forwarded, FixedState>,
    /// Requests of the inner transport whose outcome is not delivered.
    ignored: HashSet<RequestId, FixedState>,
    /// Deliveries that are held back for so many polls.
    held: VecDeque<(u64, Delivery)>,
}

struct Forwarded {
    id: RequestId,
    is_lost: bool,
    late_polls: u64,
}

impl FaultyTransport {
    /// `inner` with faults.
    pub fn new(inner: Box<dyn Transport>, rates: FaultRates, seed: u64) -> Self {
        Self {
            inner,
            rates,
            random: Random::new(seed),
            next_id: 0,
            forwarded: HashMap::default(),
            ignored: HashSet::default(),
            held: VecDeque::new(),
        }
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.random.below(100) < percent
    }
}

fn lost(id: RequestId) -> Delivery {
    Delivery { id, response: Err(Error::new(ErrorKind::Retriable, "connection reset by a planned fault")) }
}

impl Transport for FaultyTransport {
    fn send(&mut self, to: BrokerId, request: Request) -> Result<RequestId> {
        let id = RequestId(self.next_id);
        self.next_id += 1;
        if self.chance(self.rates.lost_requests) {
            self.held.push_back((0, lost(id)));
            return Ok(id);
        }
        let is_lost = self.chance(self.rates.lost_answers);
        let late_polls = if self.chance(self.rates.late_answers) { 1 + self.random.below(LATE_POLLS_MAX) } else { 0 };
        let repeated = if self.chance(self.rates.repeats) { Some(request.clone()) } else { None };
        let inner = self.inner.send(to, request)?;
        self.forwarded.insert(inner, Forwarded { id, is_lost, late_polls });
        if let Some(request) = repeated {
            let inner = self.inner.send(to, request)?;
            self.ignored.insert(inner);
        }
        Ok(id)
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<Delivery>> {
        for (polls, _) in &mut self.held {
            *polls = polls.saturating_sub(1);
        }
        if let Some(index) = self.held.iter().position(|(polls, _)| *polls == 0) {
            return Ok(self.held.remove(index).map(|(_, delivery)| delivery));
        }
        let wait = if self.held.is_empty() { wait } else { wait.min(LATE_WAIT) };
        while let Some(Delivery { id, response }) = self.inner.poll(wait)? {
            if self.ignored.remove(&id) {
                continue;
            }
            let Some(forwarded) = self.forwarded.remove(&id) else { continue };
            let delivery = match forwarded.is_lost {
                true => lost(forwarded.id),
                false => Delivery { id: forwarded.id, response },
            };
            if forwarded.late_polls == 0 {
                return Ok(Some(delivery));
            }
            self.held.push_back((forwarded.late_polls, delivery));
            return Ok(None);
        }
        Ok(None)
    }

    fn update_brokers(&mut self, brokers: &[BrokerAddress]) {
        self.inner.update_brokers(brokers);
    }

    fn waker(&self) -> Waker {
        self.inner.waker()
    }
}

impl fmt::Debug for FaultyTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyTransport").field("rates", &self.rates).finish_non_exhaustive()
    }
}

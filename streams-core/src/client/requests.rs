//! Requests in flight: what producer, consumer and admin share.
//!
//! [`Requests`] owns the transport and the metadata. Its owner sends requests with a tag of its own and gets each one
//! back exactly once: answered, failed, or timed out. Metadata is kept fresh on the way, on request or by age.
//!
//! Time comes in as readings of a wall clock, of which an owner measures durations in [`Requests::steady`] time; every
//! `now` inside the clients is such a time. The only wait is the transport's, and only as long as the caller allows.

use std::time::Duration;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::client::cluster::Cluster;
use crate::client::retry::{Backoff, Random};
use crate::client::transport::{BrokerId, Delivery, RequestId, Transport, Waker};
use crate::config::ClientConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::messages::metadata::MetadataResponse;
use crate::protocol::{Request, Response};
use crate::time::{SteadyTime, Timestamp};

/// What counts of the time between two polls of a client, at most: no wait is longer, so the rest of it nobody waited, and
/// it is no reason to give anything up that is on its way.
pub(crate) const STEP_MAX: Duration = Duration::from_secs(10);

/// A request that has ended.
#[derive(Debug)]
pub(crate) struct Completed<T> {
    /// What the owner gave when it sent the request.
    pub(crate) tag: T,
    /// The answer; an error of kind [`ErrorKind::Retriable`] when there is none.
    pub(crate) response: Result<Response>,
}

/// The transport, the metadata, and the requests that are not answered yet.
pub(crate) struct Requests<T> {
    time: SteadyTime,
    transport: Box<dyn Transport>,
    cluster: Cluster,
    pending: HashMap<RequestId, Pending<T>, FixedState>,
    /// The earliest deadline of `pending`, or earlier.
    next_deadline: Timestamp,
    request_timeout: Duration,
    backoff: Backoff,
    random: Random,
    metadata: Metadata,
}

#[derive(Debug)]
struct Pending<T> {
    /// None for a request of our own, for metadata.
    tag: Option<T>,
    to: BrokerId,
    deadline: Timestamp,
}

/// When metadata is asked for next.
#[derive(Debug)]
struct Metadata {
    needed: bool,
    asking: bool,
    /// How many questions were sent, and the number of the last one that was answered.
    asked: u64,
    answered: u64,
    failures: u32,
    not_before: Timestamp,
    fetched_at: Option<Timestamp>,
    max_age: Duration,
    allow_auto_topic_creation: bool,
    last_error: Option<Error>,
    /// Since when nobody answers, and when that was logged last.
    silence: Option<Silence>,
}

/// A time in which no broker answered.
#[derive(Debug, Clone, Copy)]
struct Silence {
    since: Timestamp,
    logged_at: Timestamp,
}

/// How often it is logged that no broker answers, so that who waits sees why, and a long outage does not fill a disk.
const SILENCE_LOG_INTERVAL: Duration = Duration::from_secs(10);

impl<T> std::fmt::Debug for Requests<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Requests").field("pending", &self.pending.len()).field("cluster", &self.cluster).finish()
    }
}

impl<T> Requests<T> {
    /// Requests over `transport`. `seed` spreads retries; `allow_auto_topic_creation` is what metadata requests say.
    pub(crate) fn new(
        config: &ClientConfig,
        transport: Box<dyn Transport>,
        seed: u64,
        allow_auto_topic_creation: bool,
    ) -> Self {
        Self {
            time: SteadyTime::new(STEP_MAX),
            transport,
            cluster: Cluster::default(),
            pending: HashMap::default(),
            next_deadline: Timestamp(i64::MAX),
            request_timeout: config.request_timeout,
            backoff: Backoff::new(config.retry_backoff, config.retry_backoff_max),
            random: Random::new(seed),
            metadata: Metadata {
                needed: true,
                asking: false,
                asked: 0,
                answered: 0,
                failures: 0,
                not_before: Timestamp(i64::MIN),
                fetched_at: None,
                max_age: config.metadata_max_age,
                allow_auto_topic_creation,
                last_error: None,
                silence: None,
            },
        }
    }

    /// The time to measure durations with, of the clock's reading for this step.
    pub(crate) fn steady(&mut self, reading: Timestamp) -> Timestamp {
        self.time.at(reading)
    }

    /// [`Self::steady`] between two steps.
    pub(crate) fn steady_between(&self, reading: Timestamp) -> Timestamp {
        self.time.peek(reading)
    }

    /// What is known of the cluster.
    pub(crate) fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// What is known of the cluster, to say what is wanted of it.
    pub(crate) fn cluster_mut(&mut self) -> &mut Cluster {
        &mut self.cluster
    }

    /// Asks for new metadata as soon as the backoff allows.
    pub(crate) fn refresh_metadata(&mut self) {
        self.metadata.needed = true;
    }

    /// Asks for metadata that is newer than this call, at once where brokers answer. Names the question for
    /// [`Self::has_answered`].
    pub(crate) fn ask_anew(&mut self) -> u64 {
        self.metadata.needed = true;
        if self.metadata.last_error.is_none() {
            self.metadata.not_before = Timestamp(i64::MIN);
        }
        self.metadata.asked + 1
    }

    /// Whether the answer to a question, or to a later one, is there.
    pub(crate) fn has_answered(&self, question: u64) -> bool {
        self.metadata.answered >= question
    }

    /// Why there is no metadata, while there is none.
    pub(crate) fn metadata_error(&self) -> Option<String> {
        self.metadata.last_error.as_ref().map(Error::report)
    }

    /// The wait after `failures` failures in a row.
    pub(crate) fn retry_delay(&mut self, failures: u32) -> Duration {
        self.backoff.delay(failures, &mut self.random)
    }

    /// Ends a wait in [`Self::poll`] from another thread.
    pub(crate) fn waker(&self) -> Waker {
        self.transport.waker()
    }

    /// Sends a request; `extra` is how long the broker may take beyond `request.timeout.ms` by design (a long poll).
    ///
    /// # Errors
    /// When the transport is closed.
    pub(crate) fn send(
        &mut self,
        now: Timestamp,
        to: BrokerId,
        request: impl Into<Request>,
        extra: Duration,
        tag: T,
    ) -> Result<()> {
        self.send_tagged(now, to, request.into(), extra, Some(tag))
    }

    fn send_tagged(
        &mut self,
        now: Timestamp,
        to: BrokerId,
        request: Request,
        extra: Duration,
        tag: Option<T>,
    ) -> Result<()> {
        let deadline = now + self.request_timeout + extra;
        let id = self.transport.send(to, request)?;
        self.next_deadline = self.next_deadline.min(deadline);
        self.pending.insert(id, Pending { tag, to, deadline });
        Ok(())
    }

    /// The next request that ended. Waits up to `wait` for an answer, no longer than for the first one of any kind.
    ///
    /// # Errors
    /// When the transport is closed.
    pub(crate) fn poll(&mut self, now: Timestamp, mut wait: Duration) -> Result<Option<Completed<T>>> {
        loop {
            self.ask_for_metadata(now)?;
            if let Some(completed) = self.time_out(now) {
                return Ok(Some(completed));
            }
            wait = wait.min(self.next_deadline - now).min(STEP_MAX);
            let Some(Delivery { id, response }) = self.transport.poll(wait)? else {
                return Ok(None);
            };
            let Some(Pending { tag, .. }) = self.pending.remove(&id) else {
                continue;
            };
            match tag {
                Some(tag) => return Ok(Some(Completed { tag, response })),
                None => self.take_metadata(now, response),
            }
            wait = Duration::ZERO;
        }
    }

    /// How long a caller may wait before [`Self::poll`] has something to do of its own accord.
    pub(crate) fn next_wakeup(&self, now: Timestamp) -> Duration {
        let metadata = match self.metadata.needed && !self.metadata.asking {
            true => self.metadata.not_before - now,
            false => Duration::MAX,
        };
        metadata.min(self.next_deadline - now)
    }

    fn ask_for_metadata(&mut self, now: Timestamp) -> Result<()> {
        let aged = self.metadata.fetched_at.is_some_and(|at| now >= at + self.metadata.max_age);
        if self.metadata.asking || now < self.metadata.not_before || !(self.metadata.needed || aged) {
            return Ok(());
        }
        let known = self.cluster.brokers();
        let to = match known.len() {
            0 => BrokerId::Bootstrap,
            count if self.metadata.failures.is_multiple_of(2) => {
                let index = self.random.below(u64::try_from(count).unwrap_or(1));
                usize::try_from(index)
                    .ok()
                    .and_then(|index| known.get(index))
                    .map_or(BrokerId::Bootstrap, |broker| BrokerId::Node(broker.id))
            }
            _ => BrokerId::Bootstrap,
        };
        let request = self.cluster.request(self.metadata.allow_auto_topic_creation);
        self.metadata.asking = true;
        self.metadata.asked += 1;
        self.metadata.needed = false;
        self.send_tagged(now, to, request.into(), Duration::ZERO, None)
    }

    fn take_metadata(&mut self, now: Timestamp, response: Result<Response>) {
        self.metadata.asking = false;
        let response = response.and_then(MetadataResponse::try_from).and_then(|response| match response.error_code {
            code if code.is_error() => Err(Error::new(ErrorKind::Retriable, format!("the broker answers {code}"))),
            _ => Ok(response),
        });
        match response {
            Ok(response) => {
                self.cluster.update(&response);
                self.transport.update_brokers(self.cluster.brokers());
                self.metadata.answered = self.metadata.asked;
                self.metadata.fetched_at = Some(now);
                self.metadata.last_error = None;
                if let Some(silence) = self.metadata.silence.take() {
                    tracing::info!(silent_ms = (now - silence.since).as_millis(), "a broker answers again");
                }
                if !self.cluster.is_incomplete() {
                    self.metadata.failures = 0;
                    return;
                }
            }
            Err(error) => {
                self.metadata.last_error = Some(error);
            }
        }
        self.metadata.needed = true;
        self.metadata.failures = self.metadata.failures.saturating_add(1);
        self.metadata.not_before = now + self.backoff.delay(self.metadata.failures, &mut self.random);
        self.log_silence(now);
    }

    /// Says that no broker answers, who was tried, why and when the next try is; not more often than
    /// [`SILENCE_LOG_INTERVAL`].
    fn log_silence(&mut self, now: Timestamp) {
        let Some(error) = &self.metadata.last_error else { return };
        let since = match self.metadata.silence {
            Some(silence) if now - silence.logged_at < SILENCE_LOG_INTERVAL => return,
            Some(silence) => silence.since,
            None => now,
        };
        self.metadata.silence = Some(Silence { since, logged_at: now });
        let (silent_ms, next_ms) = ((now - since).as_millis(), (self.metadata.not_before - now).as_millis());
        tracing::warn!(error = %error.report(), silent_ms, next_ms, "no broker answers; trying again");
    }

    /// Ends one request whose time is up; its answer, should it come, is ignored.
    fn time_out(&mut self, now: Timestamp) -> Option<Completed<T>> {
        while now >= self.next_deadline {
            let expired = self.pending.iter().filter(|(_, pending)| pending.deadline <= now).map(|(id, _)| *id).min();
            let Some(id) = expired else {
                let deadlines = self.pending.values().map(|pending| pending.deadline);
                self.next_deadline = deadlines.min().unwrap_or(Timestamp(i64::MAX));
                continue;
            };
            let Pending { tag, to, .. } = self.pending.remove(&id)?;
            let waited = self.request_timeout.as_millis();
            let error = Error::new(ErrorKind::Retriable, format!("no answer from {to:?} within {waited} ms"));
            match tag {
                Some(tag) => return Some(Completed { tag, response: Err(error) }),
                None => self.take_metadata(now, Err(error)),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::testing::Script;
    use crate::config::ConsumerConfig;
    use crate::protocol::messages::find_coordinator::FindCoordinatorRequest;

    /// Requests over a script of which only the test answers; a request is given up after a second.
    fn silent() -> (Script, Requests<&'static str>) {
        let (script, transport) = Script::with_topics(&[("t", &[1])]);
        script.hold_own(true);
        let settings = [("request.timeout.ms", "1000"), ("retry.backoff.ms", "100"), ("retry.backoff.max.ms", "100")];
        let config = ConsumerConfig::from_settings(settings).expect("valid settings");
        (script, Requests::new(&config.client, transport, 1, true))
    }

    fn poll(requests: &mut Requests<&'static str>, now: i64) -> Option<(&'static str, Result<Response>)> {
        let completed = requests.poll(Timestamp(now), Duration::ZERO).expect("the transport is open");
        completed.map(|Completed { tag, response }| (tag, response))
    }

    #[test]
    fn a_request_is_given_up_after_its_time_and_a_long_poll_after_its_own() {
        let (script, mut requests) = silent();
        let (to, ask) = (BrokerId::Node(1), FindCoordinatorRequest::default);
        requests.send(Timestamp(0), to, ask(), Duration::from_secs(5), "long").expect("is open");
        requests.send(Timestamp(0), to, ask(), Duration::ZERO, "short").expect("is open");
        assert!(poll(&mut requests, 999).is_none());
        let (tag, response) = poll(&mut requests, 1_000).expect("its time is over");
        assert_eq!(tag, "short");
        let error = response.expect_err("nobody answered");
        assert_eq!(error.kind(), ErrorKind::Retriable);
        assert_eq!(error.to_string(), "no answer from Node(1) within 1000 ms");
        let ids: Vec<RequestId> = std::iter::from_fn(|| script.take()).map(|(id, ..)| id).collect();
        script.fail(ids[1]);
        assert!(poll(&mut requests, 5_999).is_none(), "an answer that comes too late is nobody's");
        assert_eq!(poll(&mut requests, 6_000).map(|(tag, _)| tag), Some("long"));
        assert!(poll(&mut requests, 60_000).is_none(), "each ends once");
    }

    #[test]
    fn metadata_that_is_asked_for_anew_is_newer_than_the_question() {
        let (script, mut requests) = silent();
        requests.cluster_mut().want(&"t".into());
        poll(&mut requests, 0);
        let (old, ..) = script.take().expect("it asks by itself");
        let question = requests.ask_anew();
        script.set_leaders(&[("t", &[1])], 5);
        let answer = |id| script.answer(id, script.metadata());
        answer(old);
        poll(&mut requests, 1);
        assert!(!requests.has_answered(question), "that was the answer to an older one");
        let (lost, ..) = script.take().expect("it asks again at once");
        script.fail(lost);
        poll(&mut requests, 2);
        assert!(!requests.has_answered(question));
        poll(&mut requests, 500);
        let (id, ..) = script.take().expect("it asks until it is answered");
        answer(id);
        poll(&mut requests, 501);
        assert!(requests.has_answered(question));
        assert!(!requests.has_answered(requests.metadata.asked + 1));
    }

    #[test]
    fn metadata_is_asked_for_until_somebody_answers_with_pauses_and_at_the_bootstrap_servers_in_turn() {
        let (script, mut requests) = silent();
        requests.cluster_mut().want(&"t".into());
        script.hold_own(false);
        poll(&mut requests, 0);
        assert_eq!(requests.cluster().partition_count("t"), Some(1));
        script.hold_own(true);
        requests.refresh_metadata();
        let mut asked = Vec::new();
        let mut now = 0;
        for _ in 0..4 {
            poll(&mut requests, now);
            let (id, to, request) = script.take().expect("it asks");
            assert!(matches!(request, Request::Metadata(_)), "{request:?}");
            asked.push(matches!(to, BrokerId::Bootstrap));
            // Every other question is lost, the others are not answered in time.
            match asked.len() % 2 {
                0 => script.fail(id),
                _ => now += 1_000,
            }
            poll(&mut requests, now);
            assert_eq!(script.take(), None, "not at once");
            now += 200;
        }
        assert_eq!(asked, [false, true, false, true]);
    }
}

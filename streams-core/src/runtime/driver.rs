//! The threads under an application: each steps a [`StreamThread`] with the time of the clock until it is told to stop.
//!
//! ```text
//! build clients and thread ──► step ──► step ──► .. ──told to stop──► steps that close ──► ended
//!          ▲                     │
//!          │                     └─error─► corrupted, or the handler says replace ──┐
//!          └────────────────────────────────────────────────────────────────────────┘
//!                                        otherwise: all threads are told to stop, state ERROR
//! ```
//!
//! A failed [`StreamThread`] is dropped without a commit, and one built anew goes on from what is committed: stores on
//! disk hold nothing else, stores in memory are restored from their changelogs.

mod signals;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crate::client::admin::Admin;
use crate::client::consumer::Consumer;
use crate::client::producer::Producer;
use crate::client::transport::{Transport, Waker};
use crate::config::AutoOffsetReset;
use crate::error::{Error, ErrorKind, Result, ResultExt};
use crate::ids::TaskId;
use crate::runtime::assignment::TaskAssignment;
use crate::runtime::handlers::UncaughtExceptionResponse;
use crate::runtime::lifecycle::{Lifecycle, State};
use crate::runtime::metrics::Published;
use crate::runtime::panics;
use crate::runtime::plan::Plan;
use crate::runtime::purge::PurgeQueue;
use crate::runtime::thread::{Clients, StreamThread};
use crate::time::Clock;

pub(crate) use signals::on_signals;

/// A record goes through its topology on the stack, and every node of a chain keeps its value there.
const STACK_BYTES: usize = 8 * 1024 * 1024;
/// How long a thread that failed waits before it begins anew, so that one that fails at once does not spin.
const REBUILD_DELAY: Duration = Duration::from_secs(1);

/// The state directory is not looked through more often than this, however short `state.cleanup.delay.ms` is.
const CLEAN_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// Makes a connection to the broker.
pub(crate) type Connect = Box<dyn Fn() -> Result<Box<dyn Transport>> + Send + Sync>;

/// How threads are to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Stop {
    /// Not yet.
    Not = 0,
    /// After a commit.
    Gracefully = 1,
    /// Without one.
    AtOnce = 2,
}

/// What the threads of an application share with its owner. Nothing of it is touched per record.
pub(crate) struct Shared {
    pub(crate) connect: Connect,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) lifecycle: Lifecycle,
    stop: AtomicU8,
    /// Those of each thread's clients of now.
    wakers: Mutex<BTreeMap<String, [Waker; 2]>>,
    threads: Mutex<Threads>,
}

/// How the threads are.
#[derive(Debug, Default)]
struct Threads {
    live: usize,
    running: usize,
    /// The first failure for good: its kind and text.
    failure: Option<(ErrorKind, String)>,
}

impl Shared {
    pub(crate) fn new(connect: Connect, clock: Arc<dyn Clock>) -> Self {
        Self {
            connect,
            clock,
            lifecycle: Lifecycle::default(),
            stop: AtomicU8::new(Stop::Not as u8),
            wakers: Mutex::default(),
            threads: Mutex::new(Threads::default()),
        }
    }

    /// So many threads are about to be started.
    pub(crate) fn expect_threads(&self, count: usize) {
        self.with_threads(|threads| threads.live = count);
    }

    /// Tells all threads to stop and wakes them.
    pub(crate) fn stop(&self, how: Stop) {
        self.stop.fetch_max(how as u8, Ordering::SeqCst);
        // Refused where the application is ending already.
        let _ = self.lifecycle.become_state(State::PendingShutdown);
        self.wake();
        self.settle();
    }

    /// The application fails for good.
    pub(crate) fn fail(&self, error: &Error) {
        self.with_threads(|threads| {
            threads.failure.get_or_insert_with(|| (error.kind(), error.report()));
        });
        let _ = self.lifecycle.become_state(State::PendingError);
        self.stop.fetch_max(Stop::Gracefully as u8, Ordering::SeqCst);
        self.wake();
    }

    /// Why the application failed.
    pub(crate) fn failure(&self) -> Option<Error> {
        self.with_threads(|threads| threads.failure.clone()).map(|(kind, report)| Error::new(kind, report))
    }

    /// The last state is reached once no thread is left.
    pub(crate) fn settle(&self) {
        if self.with_threads(|threads| threads.live) > 0 {
            return;
        }
        // One of the two, or neither where somebody else was here before.
        let _ = self.lifecycle.become_state(State::NotRunning);
        let _ = self.lifecycle.become_state(State::Error);
    }

    fn wake(&self) {
        let wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for waker in wakers.values().flatten() {
            waker.wake();
        }
    }

    /// Takes the wakers of a thread's clients in place of those that it had before it was built anew.
    fn set_wakers(&self, thread: &str, wakers: [Waker; 2]) {
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner).insert(thread.to_owned(), wakers);
    }

    fn stopping(&self) -> Stop {
        match self.stop.load(Ordering::SeqCst) {
            0 => Stop::Not,
            1 => Stop::Gracefully,
            _ => Stop::AtOnce,
        }
    }

    fn with_threads<T>(&self, change: impl FnOnce(&mut Threads) -> T) -> T {
        change(&mut self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A thread has begun or ceased to process all its tasks.
    fn report_running(&self, running: bool) {
        let all = self.with_threads(|threads| {
            threads.running = if running { threads.running + 1 } else { threads.running.saturating_sub(1) };
            threads.running == threads.live
        });
        // Refused while the application is ending.
        let _ = self.lifecycle.become_state(if all && running { State::Running } else { State::Rebalancing });
    }

    fn thread_ended(&self) {
        self.with_threads(|threads| threads.live = threads.live.saturating_sub(1));
        self.settle();
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("lifecycle", &self.lifecycle).finish_non_exhaustive()
    }
}

/// Starts a thread that runs these tasks.
///
/// # Errors
/// [`ErrorKind::Io`] when the system refuses a thread.
pub(crate) fn spawn_thread(
    shared: &Arc<Shared>,
    plan: &Arc<Plan>,
    name: String,
    assignment: Vec<TaskAssignment>,
    published: Published,
    purge: PurgeQueue,
    seed: u64,
) -> Result<JoinHandle<()>> {
    let (name_given, shared) = (name.clone(), Arc::clone(shared));
    let worker = Worker { shared, plan: Arc::clone(plan), name, assignment, published, purge, seed };
    let builder = Builder::new().name(name_given.clone()).stack_size(STACK_BYTES);
    builder.spawn(move || worker.run()).context(|| format!("start thread {name_given}"))
}

/// What a thread needs to build its [`StreamThread`], again if need be.
struct Worker {
    shared: Arc<Shared>,
    plan: Arc<Plan>,
    name: String,
    assignment: Vec<TaskAssignment>,
    published: Published,
    purge: PurgeQueue,
    seed: u64,
}

impl Worker {
    fn run(self) {
        let shared = Arc::clone(&self.shared);
        while let Err(error) = self.run_until_it_fails() {
            if !self.goes_on_after(&error) {
                shared.fail(&error);
                break;
            }
            shared.lifecycle.wait_until(REBUILD_DELAY, |state| !state.is_live());
        }
        // The directory's lock ends with the last plan, and so before the last state is seen.
        drop(self);
        shared.thread_ended();
    }

    fn goes_on_after(&self, error: &Error) -> bool {
        if error.kind() == ErrorKind::TaskCorrupted {
            tracing::warn!(thread = self.name, error = %error.report(), "building the tasks anew from the last commit");
            return true;
        }
        let handler = Arc::clone(&self.plan.handlers.uncaught);
        let response = panics::catch(|| Ok(handler(error))).unwrap_or(UncaughtExceptionResponse::ShutdownClient);
        let replace = response == UncaughtExceptionResponse::ReplaceThread;
        let next = if replace { "replacing the thread" } else { "shutting the application down" };
        tracing::error!(thread = self.name, error = %error.report(), "a stream thread fails; {next}");
        replace
    }

    fn run_until_it_fails(&self) -> Result<()> {
        let clients = self.clients()?;
        let (plan, assignment) = (Arc::clone(&self.plan), self.assignment.clone());
        let mut thread = StreamThread::new(plan, assignment, clients, self.published.clone(), self.purge.clone())?;
        self.shared.set_wakers(&self.name, thread.wakers());
        let mut running = false;
        let outcome = self.step_until_told(&mut thread, &mut running);
        if running {
            self.shared.report_running(false);
        }
        // User code runs when its processors are closed and dropped, and may panic there too.
        let dropped = panics::catch(|| {
            thread.close_tasks();
            drop(thread);
            Ok(())
        });
        outcome.and(dropped)
    }

    fn step_until_told(&self, thread: &mut StreamThread, running: &mut bool) -> Result<()> {
        let mut closing = false;
        loop {
            match self.shared.stopping() {
                Stop::Not => {}
                Stop::Gracefully if closing => {}
                Stop::Gracefully => {
                    closing = true;
                    thread.begin_close();
                }
                Stop::AtOnce => return Ok(()),
            }
            thread.run_once(self.shared.clock.now())?;
            if thread.is_closed() {
                return Ok(());
            }
            if !*running && thread.is_running() {
                *running = true;
                self.shared.report_running(true);
            }
        }
    }

    fn clients(&self) -> Result<Clients> {
        let config = &self.plan.config;
        let connect = &self.shared.connect;
        let named = |client: &str| format!("{}-{client}", self.name);
        let mut main = config.consumer.clone();
        // The thread decides where to start, and what to do about a position that is lost.
        main.auto_offset_reset = AutoOffsetReset::None;
        main.client.client_id = named("consumer");
        let mut restore = config.restore_consumer.clone();
        restore.client.client_id = named("restore-consumer");
        let mut output = config.producer.clone();
        output.client.client_id = named("producer");
        Ok(Clients {
            consumer: Consumer::new(main, connect()?, self.seed)?,
            restore_consumer: Consumer::new(restore, connect()?, self.seed.wrapping_add(1))?,
            producer: Producer::new(output, connect()?, self.seed.wrapping_add(2))?,
        })
    }
}

/// Starts the thread that deletes directories of tasks that the application no longer has, after
/// `state.cleanup.delay.ms`.
///
/// # Errors
/// [`ErrorKind::Io`] when the system refuses a thread.
pub(crate) fn spawn_cleaner(
    shared: &Arc<Shared>,
    name: String,
    plan: &Arc<Plan>,
    keep: BTreeSet<TaskId>,
) -> Result<()> {
    let delay = plan.config.runtime.state_cleanup_delay;
    // The directory's lock must not outlive the threads because of this one.
    let (shared, plan) = (Arc::clone(shared), Arc::downgrade(plan));
    let clean = move || {
        let interval = delay.max(CLEAN_INTERVAL_MIN);
        while shared.lifecycle.wait_until(interval, |state| !state.is_live()).is_live() {
            let Some(plan) = plan.upgrade() else { return };
            let Some(directory) = &plan.directory else { return };
            match directory.clean(shared.clock.now(), delay, &keep) {
                Ok(deleted) if deleted.is_empty() => {}
                Ok(deleted) => {
                    let tasks = deleted.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                    tracing::info!(tasks, "deleted the state of tasks that the application no longer has");
                }
                Err(error) => tracing::warn!(error = %error.report(), "cleaning the state directory fails"),
            }
        }
    };
    let named = name.clone();
    // Nobody waits for it: it ends by itself when the application does.
    Builder::new().name(name).spawn(clean).map(drop).context(|| format!("start thread {named}"))
}

/// Starts the thread that purges repartition topics.
///
/// # Errors
/// [`ErrorKind::Io`] when the system refuses a thread.
pub(crate) fn spawn_purge(
    shared: &Arc<Shared>,
    name: String,
    mut admin: Admin,
    queue: PurgeQueue,
    interval: Duration,
) -> Result<()> {
    let shared = Arc::clone(shared);
    let purge = move || {
        while shared.lifecycle.wait_until(interval, |state| !state.is_live()).is_live() {
            if let Err(error) = queue.purge(&mut admin) {
                tracing::warn!(error = %error.report(), "purging repartition topics fails and is tried again");
            }
        }
    };
    let named = name.clone();
    // Nobody waits for it: it ends by itself when the application does, at the latest when its request times out.
    Builder::new().name(name).spawn(purge).map(drop).context(|| format!("start thread {named}"))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::time::{ManualClock, SystemClock, Timestamp};

    #[test]
    fn a_thread_that_is_built_anew_leaves_no_wakers_behind() {
        let connect: Connect = Box::new(|| Err(Error::new(ErrorKind::Io, "there is no broker")));
        let shared = Shared::new(connect, Arc::new(SystemClock));
        let woken = Arc::new(AtomicUsize::new(0));
        let waker = || {
            let woken = Arc::clone(&woken);
            Waker::new(move || {
                woken.fetch_add(1, Ordering::SeqCst);
            })
        };
        for _ in 0..100 {
            shared.set_wakers("app-StreamThread-1", [waker(), waker()]);
            shared.set_wakers("app-StreamThread-2", [waker(), waker()]);
        }
        assert_eq!(Arc::strong_count(&woken), 5, "what the clients before had is gone");
        shared.wake();
        assert_eq!(woken.load(Ordering::SeqCst), 4);
    }

    fn shared(threads: usize) -> Shared {
        let nowhere: Connect = Box::new(|| Err(Error::new(ErrorKind::Io, "nowhere")));
        let shared = Shared::new(nowhere, Arc::new(ManualClock::starting_at(Timestamp(0))));
        shared.lifecycle.start().expect("is new");
        shared.expect_threads(threads);
        shared
    }

    #[test]
    fn an_application_runs_while_all_its_threads_do() {
        let shared = shared(2);
        for (running, expected) in [
            (true, State::Rebalancing),
            (true, State::Running),
            (false, State::Rebalancing),
            (true, State::Running),
            (false, State::Rebalancing),
            (false, State::Rebalancing),
            (true, State::Rebalancing),
        ] {
            shared.report_running(running);
            assert_eq!(shared.lifecycle.state(), expected);
        }
    }

    #[test]
    fn the_first_failure_is_why_an_application_ended() {
        let shared = shared(2);
        shared.fail(&Error::new(ErrorKind::Corrupt, "the first"));
        shared.fail(&Error::new(ErrorKind::Io, "the second"));
        assert_eq!((shared.lifecycle.state(), shared.stopping()), (State::PendingError, Stop::Gracefully));
        shared.thread_ended();
        assert_eq!(shared.lifecycle.state(), State::PendingError, "one thread is left");
        shared.thread_ended();
        assert_eq!(shared.lifecycle.state(), State::Error);
        let failure = shared.failure().expect("it failed");
        assert_eq!((failure.kind(), failure.to_string().as_str()), (ErrorKind::Corrupt, "the first"));
    }
}

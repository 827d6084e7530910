//! An application as its owner sees it: start, state, listeners, close.
//!
//! This and [`super::driver`] are the only places of the runtime that start threads and read a clock. One thread per
//! `num.stream.threads` steps its own tasks over its own clients; they share nothing that a record passes.
//!
//! Closing:
//!
//! 1. The state becomes `PENDING_SHUTDOWN`; threads are told and woken.
//! 2. Each thread finishes its step, commits what it processed and closes its tasks.
//! 3. The last one to end makes the state `NOT_RUNNING`; the directory's lock ends with it.
//!
//! Dropping an application that was not closed ends its threads without a commit, as a crash would: nothing is lost, and
//! what was processed since the last commit is processed again after a restart.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use uuid::Uuid;

use crate::client::admin::Admin;
use crate::client::transport::tcp::TcpTransport;
use crate::client::transport::Transport;
use crate::config::StreamsConfig;
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::assignment::{assign, tasks};
use crate::runtime::driver::{on_signals, spawn_cleaner, spawn_purge, spawn_thread, Shared, Stop};
use crate::runtime::handlers::{Handlers, UncaughtExceptionResponse};
use crate::runtime::internal_topics::prepare;
use crate::runtime::lifecycle::{State, StateListener};
use crate::runtime::metrics::{Published, StreamsMetrics};
use crate::runtime::origin;
use crate::runtime::plan::{has_state, is_persistent, Plan};
use crate::runtime::purge::PurgeQueue;
use crate::runtime::restore::StateRestoreListener;
use crate::runtime::state_dir::StateDirectory;
use crate::time::{implausible, Clock, SystemClock};
use crate::topology::Topology;

/// A stream application.
///
/// A program that does nothing else ends with [`run`](Self::run):
///
/// ```no_run
/// # use streams_core::{config::StreamsConfig, runtime::KafkaStreams, topology::Topology, Result};
/// # fn run(topology: Topology) -> Result<()> {
/// let config = StreamsConfig::from_settings([
///     ("application.id", "shop"),
///     ("bootstrap.servers", "localhost:9092"),
///     ("state.dir", "/var/lib/shop"),
/// ])?;
/// KafkaStreams::connect(topology, config)?.run()
/// # }
/// ```
///
/// One that has more to do starts and closes it:
///
/// ```no_run
/// # use std::time::Duration;
/// # use streams_core::{config::StreamsConfig, runtime::KafkaStreams, topology::Topology, Result};
/// # fn run(topology: Topology, config: StreamsConfig) -> Result<()> {
/// let streams = KafkaStreams::connect(topology, config)?;
/// streams.start()?;
/// streams.wait_until_running(Duration::from_secs(30))?;
/// // ..
/// streams.close(Duration::from_secs(10))?;
/// # Ok(())
/// # }
/// ```
#[doc(alias = "StreamsBuilder")]
pub struct KafkaStreams {
    shared: Arc<Shared>,
    topology: Topology,
    config: StreamsConfig,
    setup: Mutex<Setup>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    published: Mutex<Vec<Published>>,
}

/// What is set before the start.
struct Setup {
    handlers: Handlers,
    restore_listener: Option<Arc<dyn StateRestoreListener>>,
}

impl KafkaStreams {
    /// An application that runs a topology on the brokers of `bootstrap.servers`, over TCP.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn connect(topology: Topology, config: StreamsConfig) -> Result<Self> {
        let client = config.client().clone();
        Self::new(topology, config, move || Ok(Box::new(TcpTransport::new(&client)?)))
    }

    /// An application that runs a topology. `transports` makes a connection to the broker, one for each client of each
    /// thread.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when settings do not fit each other.
    pub fn new(
        topology: Topology,
        config: StreamsConfig,
        transports: impl Fn() -> Result<Box<dyn Transport>> + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::with_clock(topology, config, transports, Arc::new(SystemClock))
    }

    /// The same under another clock.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_clock(
        topology: Topology,
        config: StreamsConfig,
        transports: impl Fn() -> Result<Box<dyn Transport>> + Send + Sync + 'static,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        config.validate()?;
        let setup = Setup { handlers: Handlers::from_config(&config.runtime), restore_listener: None };
        Ok(Self {
            shared: Arc::new(Shared::new(Box::new(transports), clock)),
            topology,
            config,
            setup: Mutex::new(setup),
            threads: Mutex::new(Vec::new()),
            published: Mutex::new(Vec::new()),
        })
    }

    /// The state now.
    pub fn state(&self) -> State {
        self.shared.lifecycle.state()
    }

    /// Is told of every change of the state: the new one and the old one.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after the start.
    pub fn set_state_listener(&self, listener: impl FnMut(State, State) + Send + 'static) -> Result<()> {
        let listener: StateListener = Box::new(listener);
        self.shared.lifecycle.set_listener(listener)
    }

    /// Decides what to do when a thread has ended by an error.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after the start.
    pub fn set_uncaught_exception_handler(
        &self,
        handler: impl Fn(&Error) -> UncaughtExceptionResponse + Send + Sync + 'static,
    ) -> Result<()> {
        self.setup("the uncaught exception handler")?.handlers.uncaught = Arc::new(handler);
        Ok(())
    }

    /// Replaces handlers that the settings named.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after the start.
    pub fn set_handlers(&self, change: impl FnOnce(&mut Handlers)) -> Result<()> {
        change(&mut self.setup("handlers")?.handlers);
        Ok(())
    }

    /// Is told how stores are restored.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] after the start.
    #[doc(alias = "set_global_state_restore_listener")]
    pub fn set_state_restore_listener(&self, listener: impl StateRestoreListener + 'static) -> Result<()> {
        self.setup("a restore listener")?.restore_listener = Some(Arc::new(listener));
        Ok(())
    }

    fn setup(&self, what: &str) -> Result<MutexGuard<'_, Setup>> {
        let state = self.state();
        if state != State::Created {
            let message = format!("{what} cannot be set in state {state}: do it before `start`");
            return Err(Error::new(ErrorKind::Closed, message));
        }
        Ok(self.setup.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Locks the state directory, makes the internal topics and starts the threads. They restore stores in the
    /// background; [`Self::wait_until_running`] waits for that.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] when it was started before; [`ErrorKind::Locked`] when another process has the state
    /// directory; [`ErrorKind::InvalidTopology`] when source topics are missing, topics do not fit, or the topology does
    /// not fit the state of an earlier run; [`ErrorKind::Refused`] and [`ErrorKind::Corrupt`] when topics that the state
    /// belongs to were deleted since. The state is then `ERROR`.
    pub fn start(&self) -> Result<()> {
        self.shared.lifecycle.start()?;
        self.launch().inspect_err(|error| {
            self.shared.fail(error);
            self.shared.settle();
        })
    }

    /// Starts, and returns when the application has ended. The first SIGINT or SIGTERM closes it, after a commit; the
    /// next one ends the process as a crash would.
    ///
    /// # Errors
    /// As [`Self::start`], and the failure that ended the application.
    pub fn run(&self) -> Result<()> {
        let shared = Arc::downgrade(&self.shared);
        let mut is_told = false;
        on_signals(move || {
            let running = shared.upgrade().filter(|shared| !shared.lifecycle.state().is_final());
            let Some(shared) = running.filter(|_| !std::mem::replace(&mut is_told, true)) else { return false };
            tracing::info!("told to stop by a signal; the next one ends the process at once");
            shared.stop(Stop::Gracefully);
            true
        })?;
        self.start()?;
        self.shared.lifecycle.wait_until(Duration::MAX, State::is_final);
        self.join();
        self.failure().map_or(Ok(()), Err)
    }

    fn launch(&self) -> Result<()> {
        if let Some(why) = implausible(self.shared.clock.now()) {
            tracing::warn!("{why}; record times, windows and retention follow the clock: set it right");
        }
        let random = random();
        let directory = self.state_directory(random)?;
        let process_id = directory.as_ref().map_or(random, StateDirectory::process_id);
        let transport = (self.shared.connect)()?;
        let mut admin =
            Admin::new(self.config.admin.clone(), transport, Arc::clone(&self.shared.clock), seed(process_id, 0));
        if let Some(directory) = &directory {
            origin::verify(directory, &self.topology, &self.config, &mut admin)?;
        }
        let prepared = prepare(&self.topology, &self.config, &mut admin)?;
        if let Some(directory) = &directory {
            origin::record(directory, &self.topology, &mut admin, &prepared)?;
        }
        let (handlers, restore_listener) = {
            let setup = self.setup.lock().unwrap_or_else(PoisonError::into_inner);
            (setup.handlers.clone(), setup.restore_listener.clone())
        };
        let tasks = tasks(&self.topology, &self.config.application_id, &prepared.counts);
        let keep = tasks.iter().map(|assignment| assignment.task).collect();
        let assignments = assign(tasks, self.config.runtime.num_stream_threads);
        let (topology, config) = (self.topology.clone(), self.config.clone());
        let plan = Arc::new(Plan::new(topology, config, handlers, restore_listener, directory, &prepared));
        let purge = PurgeQueue::default();
        let client_id = self.client_id(process_id);
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        // More threads than tasks would have nothing to do.
        let busy: Vec<_> = assignments.into_iter().filter(|tasks| !tasks.is_empty()).collect();
        self.shared.expect_threads(busy.len());
        for (index, assignment) in busy.into_iter().enumerate() {
            let name = format!("{client_id}-StreamThread-{}", index + 1);
            let published = Published::default();
            published.publish(|metrics| metrics.name.clone_from(&name));
            self.published.lock().unwrap_or_else(PoisonError::into_inner).push(published.clone());
            let seed = seed(process_id, index as u64 + 1);
            let thread = spawn_thread(&self.shared, &plan, name, assignment, published, purge.clone(), seed)?;
            threads.push(thread);
        }
        if plan.directory.is_some() {
            spawn_cleaner(&self.shared, format!("{client_id}-StateCleaner"), &plan, keep)?;
        }
        if self.topology.internal_topics().next().is_some() {
            let interval = self.config.runtime.repartition_purge_interval;
            spawn_purge(&self.shared, format!("{client_id}-CleanupThread"), admin, purge, interval)?;
        }
        Ok(())
    }

    /// The directory of the application's state; none where it has no state. State in memory only does without where the
    /// directory is refused, as it needs it for nothing but comparing.
    fn state_directory(&self, new_process_id: Uuid) -> Result<Option<StateDirectory>> {
        if !has_state(&self.topology) {
            return Ok(None);
        }
        let (state_dir, id) = (&self.config.runtime.state_dir, &self.config.application_id);
        match StateDirectory::open(state_dir, id, || new_process_id) {
            Err(error) if error.kind() == ErrorKind::Io && !is_persistent(&self.topology, &self.config) => {
                tracing::warn!(
                    error = %error.report(),
                    "without a state directory it is not noticed when the topology no longer fits its changelogs"
                );
                Ok(None)
            }
            opened => opened.map(Some),
        }
    }

    fn client_id(&self, process_id: Uuid) -> String {
        match self.config.client().client_id.as_str() {
            "" => format!("{}-{process_id}", self.config.application_id),
            named => named.to_owned(),
        }
    }

    /// Waits until every thread processes.
    ///
    /// # Errors
    /// The failure of the application if it ends instead; [`ErrorKind::Retriable`] naming the state after `timeout`.
    pub fn wait_until_running(&self, timeout: Duration) -> Result<()> {
        let state = self.shared.lifecycle.wait_until(timeout, |state| state == State::Running || !state.is_live());
        match state {
            State::Running => Ok(()),
            state => Err(self.failure().unwrap_or_else(|| {
                let message = format!("the application is {state}, not RUNNING, after {} ms", timeout.as_millis());
                Error::new(ErrorKind::Retriable, message)
            })),
        }
    }

    /// Waits until the application has ended, however it does, at most `timeout`. Answers its state.
    pub fn wait_until_ended(&self, timeout: Duration) -> State {
        self.shared.lifecycle.wait_until(timeout, State::is_final)
    }

    /// Why the application ended, if it ended by a failure.
    pub fn failure(&self) -> Option<Error> {
        self.shared.failure()
    }

    /// Stops all threads, each after a commit. Waits for them at most `timeout`; they go on closing after that. Answers
    /// whether all have ended.
    ///
    /// # Errors
    /// None so far.
    pub fn close(&self, timeout: Duration) -> Result<bool> {
        self.shared.stop(Stop::Gracefully);
        let is_own = |thread: &JoinHandle<()>| thread.thread().id() == std::thread::current().id();
        let inside = self.threads.lock().unwrap_or_else(PoisonError::into_inner).iter().any(is_own);
        // A thread that closes its own application, from a listener or a handler, cannot wait for itself.
        let timeout = if inside { Duration::ZERO } else { timeout };
        let ended = self.shared.lifecycle.wait_until(timeout, State::is_final).is_final();
        if ended && !inside {
            self.join();
        }
        Ok(ended)
    }

    /// Deletes the application's local state. It is restored from changelogs at the next start.
    ///
    /// # Errors
    /// [`ErrorKind::Closed`] while the application runs; [`ErrorKind::Locked`] when another process uses the directory.
    #[doc(alias = "clean_up")]
    pub fn cleanup(&self) -> Result<()> {
        let state = self.state();
        if state != State::Created && !state.is_final() {
            let message = format!("cleanup: the application is {state}: close it first");
            return Err(Error::new(ErrorKind::Closed, message));
        }
        StateDirectory::delete(&self.config.runtime.state_dir, &self.config.application_id)
    }

    /// What the application has counted, at most a second old while it runs.
    pub fn metrics(&self) -> StreamsMetrics {
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        StreamsMetrics { threads: published.iter().map(Published::snapshot).collect() }
    }

    fn join(&self) {
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            // Its panic, had it one, was reported as its failure.
            let _ = thread.join();
        }
    }
}

impl Drop for KafkaStreams {
    fn drop(&mut self) {
        self.shared.stop(Stop::AtOnce);
        self.join();
    }
}

impl fmt::Debug for KafkaStreams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaStreams")
            .field("application_id", &self.config.application_id)
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

#[expect(clippy::disallowed_methods, reason = "the driver is where randomness comes in")]
fn random() -> Uuid {
    Uuid::new_v4()
}

/// A seed of its own for each client of a process.
fn seed(process_id: Uuid, client: u64) -> u64 {
    let (high, low) = process_id.as_u64_pair();
    (high ^ low).wrapping_add(client.wrapping_mul(3))
}

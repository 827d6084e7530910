//! The project's side of a workload: an application in a process of its own, as `oracle.bench.Main` is on the JVM.
//!
//! The protocol is the same: `start` on a line of standard output before the measured run and `end SECONDS` after it, and
//! a line of standard input awaited after each, so that whoever measures can read CPU clocks between the two.

use std::io::{BufRead, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use streams_core::client::transport::tcp::TcpTransport;
use streams_core::config::StreamsConfig;
use streams_core::runtime::{KafkaStreams, State};
use streams_core::{Error, ErrorKind, Result, ResultExt as _};

use crate::jvm::workloads::Workload;

/// How often the metrics are read; the end of the run is known to about this precision.
const LOOK: Duration = Duration::from_millis(10);
/// A run that takes longer has failed.
const LIMIT: Duration = Duration::from_secs(1200);

/// What one process is asked to do.
#[derive(Debug)]
pub struct Task<'a> {
    /// Where the broker is.
    pub bootstrap: &'a str,
    /// What to run.
    pub workload: Workload,
    /// `processing.guarantee`.
    pub guarantee: &'a str,
    /// `num.stream.threads`.
    pub threads: &'a str,
    /// `state.dir`.
    pub state_dir: &'a Path,
}

/// Runs the task over the small input and then over the one that counts, and says so.
///
/// # Errors
/// What the application fails with.
pub fn run(task: &Task<'_>, warm_records: u64, records: u64) -> Result<()> {
    run_once(task, "warm", warm_records)?;
    say("start")?;
    let elapsed = run_once(task, "bench", records)?;
    say(&format!("end {}", elapsed.as_secs_f64()))
}

fn say(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}").and_then(|()| out.flush()).context(|| "write to standard output".to_owned())?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).context(|| "read standard input".to_owned())?;
    Ok(())
}

/// The time from having the tasks to the end of the close.
#[expect(clippy::disallowed_methods, reason = "a benchmark is a driver: it reads the clock and waits")]
fn run_once(task: &Task<'_>, prefix: &str, records: u64) -> Result<Duration> {
    let id = format!("rust-{prefix}-{}-{}", task.workload.title, task.guarantee);
    let state_dir = task.state_dir.to_string_lossy();
    let config = StreamsConfig::from_settings([
        ("bootstrap.servers", task.bootstrap),
        ("application.id", id.as_str()),
        ("processing.guarantee", task.guarantee),
        ("num.stream.threads", task.threads),
        ("state.dir", state_dir.as_ref()),
        ("auto.offset.reset", "earliest"),
        ("batch.size", "262144"),
        ("linger.ms", "100"),
    ])?;
    let Some(topology) = task.workload.topology(prefix)? else {
        return Err(failed(&format!("the workload `{}` has an operator that is not built", task.workload.title)));
    };
    let client = config.client().clone();
    let streams = KafkaStreams::new(topology, config, move || Ok(Box::new(TcpTransport::new(&client)?)))?;
    streams.start()?;
    streams.wait_until_running(LIMIT)?;
    let started = Instant::now();
    while streams.metrics().total().records_processed < records {
        if streams.state() == State::Error || started.elapsed() > LIMIT {
            return Err(streams.failure().unwrap_or_else(|| failed("the application does not come to its end")));
        }
        std::thread::sleep(LOOK);
    }
    if streams.close(LIMIT)? {
        Ok(started.elapsed())
    } else {
        Err(failed("the application does not close"))
    }
}

fn failed(message: &str) -> Error {
    Error::new(ErrorKind::Internal, message.to_owned())
}

//! The program `retail`: arguments to a command, a command to an exit code.
//!
//! Results go to stdout, everything else to stderr. Exit codes follow [`ErrorKind::exit_code`]; a reader that closes its
//! end of the pipe ends a command quietly with 0.

use std::error::Error as _;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};
use streams_core::{Error, ErrorKind, Result};

use super::demo::{self, DemoOptions};
use super::replay::{self, ReplayOptions};
use super::shop::StoreKind;

/// Where a demo keeps its data unless told.
const DEMO_DIR: &str = "retail-data/demo";
/// Where a replay keeps its data unless told; emptied at each start.
const REPLAY_DIR: &str = "retail-data/replay";

#[derive(Debug, Parser)]
#[command(name = "retail", version, about = "A shop's replenishment and price adjustment, driven by its sales")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// What to log to stderr: error, warn, info, debug, trace, or a filter such as streams_core=debug.
    #[arg(long, global = true, default_value = "warn", value_name = "FILTER")]
    log: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run broker, pipeline and made-up customers in one process, and show what happens.
    Demo {
        /// Where Kafka clients connect; without it 9092, or a free port when that is taken.
        #[arg(long)]
        port: Option<u16>,
        /// Where the data lies; a second start goes on there.
        #[arg(long, value_name = "DIR", default_value = DEMO_DIR)]
        data_dir: PathBuf,
        /// Where the pipeline's stores lie.
        #[arg(long, value_enum, default_value_t = StoreKind::Memory)]
        store: StoreKind,
        /// Stop after so long; without it on Ctrl-C.
        #[arg(long, value_name = "N")]
        seconds: Option<u64>,
        /// Print lines instead of a table that is drawn again and again, also on a terminal.
        #[arg(long)]
        plain: bool,
    },
    /// Replay a file of sales through broker and pipeline, and print the figures as JSON.
    Replay {
        /// The UCI Online Retail file as CSV, plain or gzipped.
        #[arg(long, value_name = "FILE")]
        data: PathBuf,
        /// Where the data lies; what is there is gone on with. Without it a fresh run in ./retail-data/replay.
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Where the pipeline's stores lie.
        #[arg(long, value_enum, default_value_t = StoreKind::Memory)]
        store: StoreKind,
        /// Begin anew: remove what an earlier run left in the data directory.
        #[arg(long)]
        fresh: bool,
    },
}

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    start_logging(&arguments.log);
    match execute(arguments.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.report());
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn execute(command: Command) -> Result<()> {
    match command {
        Command::Demo { port, data_dir, store, seconds, plain } => {
            let is_plain = plain || !io::stdout().is_terminal();
            let duration = seconds.map(Duration::from_secs);
            demo::run(&DemoOptions { port, data_dir, store, duration, is_plain })
        }
        Command::Replay { data, data_dir, store, fresh } => {
            let fresh = fresh || data_dir.is_none();
            let data_dir = data_dir.unwrap_or_else(|| {
                note(&format!("replaying into {REPLAY_DIR}, emptied first; --data-dir DIR keeps and goes on"));
                REPLAY_DIR.into()
            });
            replay::run(&ReplayOptions { data, data_dir, fresh, store }, &mut io::stdout().lock())
        }
    }
}

fn is_closed_pipe(error: &Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    error.kind() == ErrorKind::Io && cause.is_some_and(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

fn complain(message: &str) {
    note(&format!("retail: {message}"));
}

fn note(message: &str) {
    // There is nowhere left to say that stderr is closed.
    let _ = writeln!(io::stderr(), "{message}");
}

fn start_logging(filter: &str) {
    let filter = tracing_subscriber::EnvFilter::builder().parse_lossy(filter);
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_target(false);
    // A second run in one process finds the first one's logging in place.
    let _ = subscriber.with_ansi(io::stderr().is_terminal()).try_init();
}

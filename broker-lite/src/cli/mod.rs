//! The command line: arguments to a command, a command to an exit code.
//!
//! Names and flags are those of Kafka's own tools where there is one. Results go to stdout, everything else to stderr.
//! Exit codes follow [`streams_core::ErrorKind::exit_code`]; a reader that closes its end of the pipe ends a command
//! quietly with 0.

mod connect;
mod consume;
mod output;
mod produce;
mod serve;
mod topics;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use streams_core::Result;

/// What a command line is made of.
#[derive(Debug, Parser)]
#[command(name = "broker-lite", version, about = "A durable single-node broker that speaks the Kafka wire protocol")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// What to log to stderr: error, warn, info, debug, trace, or a filter such as broker_lite=debug.
    #[arg(long, global = true, default_value = "info", value_name = "FILTER")]
    log: String,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a data directory to Kafka clients until told to stop.
    Serve(serve::Serve),
    /// Create, list, describe and delete topics.
    Topics(topics::Topics),
    /// Write the lines of stdin to a topic.
    Produce(produce::Produce),
    /// Print the records of a topic.
    Consume(consume::Consume),
}

/// Runs the program with the arguments of the process.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    start_logging(&arguments.log);
    let outcome = match arguments.command {
        Command::Serve(command) => command.run(),
        Command::Topics(command) => command.run(),
        Command::Produce(command) => command.run(),
        Command::Consume(command) => command.run(),
    };
    finish(outcome)
}

fn finish(outcome: Result<()>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if output::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&error.report());
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn start_logging(filter: &str) {
    let filter = tracing_subscriber::EnvFilter::builder().parse_lossy(filter);
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let subscriber = subscriber.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    // A second run in one process finds the first one's logging in place.
    let _ = subscriber.try_init();
}

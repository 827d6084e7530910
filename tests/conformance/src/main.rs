//! The command line of the suite: `conformance run`, `random` and `write`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks on its standard streams")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Cases recorded from Apache Kafka Streams, run on our DSL and test driver.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Writes the cases of the families into their files, without answers.
    Write {
        /// Where the files lie.
        #[arg(long, default_value_os_t = cases())]
        directory: PathBuf,
    },
}

/// The cases of this checkout.
fn cases() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("cases")
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Write { directory } => match streams_conformance::write::write(&directory) {
            Ok((total, waiting)) => {
                println!("{total} cases written, {waiting} of them without an answer: `make golden` asks for it");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("conformance write: {error}");
                ExitCode::FAILURE
            }
        },
    }
}

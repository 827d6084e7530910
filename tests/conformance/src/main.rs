//! The command line of the suite: `conformance run`, `random` and `write`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line speaks on its standard streams")]

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use streams_conformance::random::{search, Search};
use streams_conformance::suite::{self, Selection};
use streams_conformance::write::write;

/// Cases recorded from Apache Kafka Streams, run on our DSL and test driver.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the recorded cases; no JVM is needed.
    Run(RunArgs),
    /// Runs random cases on both sides; needs a JVM.
    Random(RandomArgs),
    /// Writes the cases of the families into their files, without answers.
    Write {
        /// Where the files lie.
        #[arg(long, default_value_os_t = checkout("cases"))]
        directory: PathBuf,
    },
}

#[derive(Debug, Args)]
struct RunArgs {
    /// Only this family.
    #[arg(long)]
    family: Option<String>,
    /// Only the cases whose name contains this.
    #[arg(long)]
    case: Option<String>,
    /// Names every case with what came of it.
    #[arg(long, short)]
    verbose: bool,
    /// Where the files lie.
    #[arg(long, default_value_os_t = checkout("cases"))]
    directory: PathBuf,
    /// The cases that are known to differ.
    #[arg(long, default_value_os_t = checkout("known-differences.json"))]
    known: PathBuf,
}

#[derive(Debug, Args)]
struct RandomArgs {
    /// Where randomness begins.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many cases.
    #[arg(long, default_value_t = 100)]
    count: u64,
    /// The search ends after so many differences.
    #[arg(long, default_value_t = 5)]
    differences: usize,
    /// What starts the oracle.
    #[arg(long, default_value_os_t = checkout("../../scripts/oracle.sh"))]
    oracle: PathBuf,
}

/// A path of this checkout's suite.
fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(arguments) => run(&arguments),
        Command::Random(arguments) => random(&arguments),
        Command::Write { directory } => write(&directory).map(|(total, waiting)| {
            println!("{total} cases written, {waiting} of them without an answer: `make golden` asks for it");
            true
        }),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("conformance: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether nothing failed.
fn run(arguments: &RunArgs) -> io::Result<bool> {
    let cases = suite::load(&arguments.directory)?;
    let known = suite::known_differences(&arguments.known)?;
    let selection = Selection { family: arguments.family.clone(), case: arguments.case.clone() };
    let report = suite::run(&cases, &selection, &known);
    if arguments.verbose {
        print!("{}", report.verbose());
    }
    println!("{report}");
    Ok(report.is_green())
}

/// Returns whether nothing differs.
fn random(arguments: &RandomArgs) -> io::Result<bool> {
    let RandomArgs { seed, count, differences: differences_max, oracle } = arguments;
    let wanted = Search { seed: *seed, count: *count, differences_max: *differences_max };
    let found = search(wanted, oracle, |what| eprintln!("{what}"))?;
    for (case, difference) in &found.differences {
        println!("DIFFERENCE {}\n{}\n{difference}\n", case.name, serde_json::to_string(case)?);
    }
    for mistake in &found.mistakes {
        println!("MISTAKE of the generator: {mistake}");
    }
    if !found.incomparable.is_empty() {
        println!("not compared:");
        for (why, times) in &found.incomparable {
            println!("{times:6}  {why}");
        }
    }
    if !found.left_out.is_empty() {
        println!("left out because we do not have it, and how often it was drawn:");
        for (what, times) in &found.left_out {
            println!("{times:6}  {what}");
        }
    }
    let (different, ran, refused) = (found.differences.len(), found.ran, found.refused);
    println!("\nseed {seed}: {ran} cases, {different} different, {refused} refused by both sides");
    Ok(found.differences.is_empty() && found.mistakes.is_empty())
}

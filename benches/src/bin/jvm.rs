//! Five applications here and in Kafka Streams on the JVM, over the same input, in one run.
//!
//! `jvm` starts Apache Kafka, fills it with the input of each workload and runs Kafka Streams and our side against it;
//! then our side against broker-lite. Each application and each broker is a process, whose CPU time is told apart. The
//! JVM is warm: every process first runs a smaller input. Prints a table, then one line of JSON per row. What each run
//! wrote is read back; a run that did not write what Kafka Streams wrote fails the command, which names the workload.
//! Without a JVM or Maven it says so and ends with status 0.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};

use clap::{Parser, Subcommand};
use kafka_cluster::{KafkaCluster, Options};
use streams_benches::jvm::application::{self, Task};
use streams_benches::jvm::input::fill;
use streams_benches::jvm::output;
use streams_benches::jvm::process::measure;
use streams_benches::jvm::report::{differences, json, table, Measured, Row};
use streams_benches::jvm::workloads::{Workload, WORKLOADS};
use streams_benches::per_second;
use streams_core::{Error, ErrorKind, Result, ResultExt as _};
use tracing_subscriber::EnvFilter;

const AT_LEAST_ONCE: &str = "at_least_once";
const EXACTLY_ONCE: &str = "exactly_once_v2";
/// What the measured run of every workload writes.
const OUTPUT: &str = "bench-out";

#[derive(Debug, Parser)]
#[command(name = "jvm", version, about)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Asked>,
    /// Records of each workload that are measured. 50000 are enough to try the command, and too few to measure by.
    #[arg(long, default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    records: u64,
    /// Records of each workload with which an application warms up; a fourth of those that are measured.
    #[arg(long)]
    warm_records: Option<u64>,
    /// Threads of each application (`num.stream.threads`).
    #[arg(long, default_value_t = 1)]
    threads: u8,
    /// Only the workload of this name.
    #[arg(long)]
    workload: Option<String>,
}

impl Arguments {
    fn warm_records(&self) -> u64 {
        self.warm_records.unwrap_or(self.records / 4).max(1)
    }
}

#[derive(Debug, Subcommand)]
enum Asked {
    /// What `jvm` starts for our side of a workload: not for people.
    #[command(hide = true)]
    Application {
        bootstrap: String,
        workload: String,
        guarantee: String,
        threads: String,
        state_dir: PathBuf,
        warm: u64,
        records: u64,
    },
}

fn main() -> ExitCode {
    // What the clients say, for whoever asks: RUST_LOG=streams_core=debug.
    tracing_subscriber::fmt().with_env_filter(EnvFilter::from_default_env()).with_writer(std::io::stderr).init();
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to hear that standard error is closed.
            let _ = writeln!(std::io::stderr(), "jvm: {}", error.report());
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn run(arguments: &Arguments) -> Result<()> {
    if let Some(Asked::Application { bootstrap, workload, guarantee, threads, state_dir, warm, records }) =
        &arguments.command
    {
        let task = Task { bootstrap, workload: named(workload)?, guarantee, threads, state_dir };
        return application::run(&task, *warm, *records);
    }
    let workloads = match &arguments.workload {
        Some(title) => vec![named(title)?],
        None => WORKLOADS.to_vec(),
    };
    let mut rows = Vec::new();
    for workload in workloads {
        let Some(kafka) = KafkaCluster::start(&Options::default())? else { return Ok(()) };
        let bench = Bench { arguments, workload };
        let address = kafka.bootstrap_servers();
        let pid = kafka.nodes().first().map_or(0, |node| node.pid);
        bench.prepare(&address)?;
        for guarantee in [AT_LEAST_ONCE, EXACTLY_ONCE] {
            rows.push(bench.on_the_jvm(&address, pid, guarantee)?);
        }
        bench.ours(&address, pid, "kafka", &mut rows)?;
        drop(kafka);
        let lite = BrokerLite::start()?;
        bench.prepare(&lite.address)?;
        bench.ours(&lite.address, lite.child.id(), "broker-lite", &mut rows)?;
    }
    let (table, json) = (table(&rows, arguments.records), json(&rows, arguments.records, arguments.warm_records()));
    std::io::stdout()
        .write_all(format!("{table}\n{json}").as_bytes())
        .context(|| "write to standard output".to_owned())?;
    match differences(&rows) {
        differences if differences.is_empty() => Ok(()),
        differences => Err(Error::new(ErrorKind::Internal, format!("outputs differ:\n{}", differences.join("\n")))),
    }
}

fn named(title: &str) -> Result<Workload> {
    Workload::named(title).ok_or_else(|| {
        let known: Vec<&str> = WORKLOADS.iter().map(|workload| workload.title).collect();
        Error::new(ErrorKind::InvalidConfig, format!("there is no workload `{title}`: expected one of {known:?}"))
    })
}

/// One workload on one broker.
struct Bench<'a> {
    arguments: &'a Arguments,
    workload: Workload,
}

impl Bench<'_> {
    fn prepare(&self, address: &str) -> Result<()> {
        say(&format!("{}: writing {} records to {address} ...", self.workload.title, self.arguments.records));
        fill(address, "warm", self.workload.shape, self.arguments.warm_records())?;
        fill(address, "bench", self.workload.shape, self.arguments.records)
    }

    fn on_the_jvm(&self, address: &str, broker: u32, guarantee: &'static str) -> Result<Row> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/oracle.sh");
        let mut command = Command::new(script);
        command.arg("oracle.bench.Main");
        self.run(command, "kafka-streams", "kafka", address, broker, guarantee)
    }

    /// The rows of our side on one broker; what is not built says so by name.
    fn ours(&self, address: &str, broker: u32, name: &'static str, rows: &mut Vec<Row>) -> Result<()> {
        let missing = self.workload.missing_operator();
        rows.push(match missing {
            Some(operator) => self.row("ours", name, AT_LEAST_ONCE, Err(format!("{operator} is not built"))),
            None => {
                let mut command = Command::new(this_program()?);
                command.arg("application");
                self.run(command, "ours", name, address, broker, AT_LEAST_ONCE)?
            }
        });
        let missing = match missing {
            Some(operator) => format!("{operator} is not built, nor is {EXACTLY_ONCE}"),
            None => format!("{EXACTLY_ONCE} is not built"),
        };
        rows.push(self.row("ours", name, EXACTLY_ONCE, Err(missing)));
        Ok(())
    }

    fn run(
        &self,
        mut command: Command,
        framework: &'static str,
        broker_name: &'static str,
        address: &str,
        broker: u32,
        guarantee: &'static str,
    ) -> Result<Row> {
        say(&format!("{}: {framework} on {broker_name}, {guarantee} ...", self.workload.title));
        let state = tempfile::tempdir().context(|| "make a state directory".to_owned())?;
        let counts = [self.arguments.warm_records().to_string(), self.arguments.records.to_string()];
        command.args([address, self.workload.title, guarantee, &self.arguments.threads.to_string()]);
        let before = output::ends(address, OUTPUT)?;
        let run = measure(command.arg(state.path()).args(counts), broker)?;
        let output = output::read(address, OUTPUT, &before, self.workload.compared)?;
        let rate = per_second(self.arguments.records, run.elapsed);
        say(&format!("  {:.1} s, {rate:.0} records/s, {} records written", run.elapsed.as_secs_f64(), output.records));
        Ok(self.row(framework, broker_name, guarantee, Ok(Measured { run, output })))
    }

    fn row(
        &self,
        framework: &'static str,
        broker: &'static str,
        guarantee: &'static str,
        outcome: std::result::Result<Measured, String>,
    ) -> Row {
        Row { workload: self.workload.title, framework, broker, guarantee, outcome }
    }
}

/// `broker-lite serve`, built beside this program, on a directory of its own.
struct BrokerLite {
    child: Child,
    address: String,
    // Open, so that the broker can go on writing to it.
    out: Option<Lines<BufReader<ChildStdout>>>,
    _dir: tempfile::TempDir,
}

impl BrokerLite {
    fn start() -> Result<Self> {
        let dir = tempfile::tempdir().context(|| "make a data directory".to_owned())?;
        let program = this_program()?.with_file_name("broker-lite");
        let mut command = Command::new(&program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(dir.path());
        let child = command.stdout(Stdio::piped()).spawn().context(|| format!("start {}", program.display()))?;
        let mut broker = Self { child, address: String::new(), out: None, _dir: dir };
        let Some(out) = broker.child.stdout.take() else {
            return Err(Error::new(ErrorKind::Internal, "broker-lite has no standard output"));
        };
        let lines = broker.out.insert(BufReader::new(out).lines());
        for line in lines {
            let line = line.context(|| "read what broker-lite says".to_owned())?;
            if let Some((_, address)) = line.split_once("listening on ") {
                broker.address = address.split_whitespace().next().unwrap_or_default().to_owned();
                return Ok(broker);
            }
        }
        Err(Error::new(ErrorKind::Internal, "broker-lite ended without saying where it listens: see above"))
    }
}

impl Drop for BrokerLite {
    fn drop(&mut self) {
        // One that has ended cannot be killed, which is as well.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn this_program() -> Result<PathBuf> {
    std::env::current_exe().context(|| "find this program".to_owned())
}

fn say(line: &str) {
    // Progress only: nobody is left to hear that standard error is closed.
    let _ = writeln!(std::io::stderr(), "{line}");
}

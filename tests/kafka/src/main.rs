//! `kafka-cluster`: Apache Kafka until Ctrl-C, or until the process that started it is gone. Prints where it listens.

use std::io::Write as _;
use std::os::unix::process::parent_id;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use kafka_cluster::{Kafka, KafkaCluster, Options};
use streams_core::{Error, ErrorKind, Result, ResultExt as _};
use tokio::signal::unix::{signal, SignalKind};

/// How often we look whether the nodes, and whoever started us, are still there.
const LOOK: Duration = Duration::from_millis(200);

/// Runs Apache Kafka on free ports of 127.0.0.1 in a temporary directory, and removes it all at the end: at SIGINT or
/// SIGTERM, or when the process that started this one is gone.
#[derive(Debug, Parser)]
#[command(name = "kafka-cluster", version)]
struct Arguments {
    /// How many nodes, each broker and controller.
    #[arg(long, value_name = "N", default_value_t = 1)]
    nodes: u16,
    /// A setting of the brokers.
    #[arg(long = "property", value_name = "NAME=VALUE", value_parser = property)]
    properties: Vec<(String, String)>,
    /// Who may log in, by SASL/PLAIN, at a second listener; users for SCRAM are made over the first one.
    #[arg(long = "sasl-user", value_name = "NAME=PASSWORD", value_parser = property)]
    sasl_users: Vec<(String, String)>,
    /// The process whose end ends this one; the one that started it, unless that may be gone by now.
    #[arg(long, value_name = "PID", default_value_t = parent_id())]
    parent: u32,
    /// Start nothing: print the Java program and the class path, a line each.
    #[arg(long, conflicts_with_all = ["nodes", "properties", "sasl_users"])]
    print_class_path: bool,
}

fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to hear that standard error is closed.
            let _ = writeln!(std::io::stderr(), "kafka-cluster: {}", error.report());
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn run(arguments: Arguments) -> Result<()> {
    let kafka = Kafka::find().map_err(|missing| Error::new(ErrorKind::Io, missing))?;
    if arguments.print_class_path {
        return line(&format!("{}\n{}", kafka.java().display(), kafka.class_path()));
    }
    let properties = arguments.properties.into_iter().collect();
    let sasl_users = arguments.sasl_users.into_iter().collect();
    let options = Options { nodes: arguments.nodes, properties, sasl_users, ..Options::default() };
    // A signal that comes before we listen to it ends this process, and the nodes with it.
    let cluster = KafkaCluster::start_with(&kafka, &options)?;
    let address = cluster.bootstrap_servers();
    let sasl = cluster.sasl_bootstrap_servers().map(|address| format!("sasl on {address}\n")).unwrap_or_default();
    line(&format!("listening on {address}\n{sasl}try: kcat -b {address} -L\nCtrl-C stops it"))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context(|| "start a runtime for signals".to_owned())?;
    runtime.block_on(end(&cluster, arguments.parent))
}

/// Ends with a signal, with the process that started us, or with a node.
async fn end(cluster: &KafkaCluster, parent: u32) -> Result<()> {
    let listen = |kind| signal(kind).context(|| "listen for signals".to_owned());
    let (mut interrupt, mut terminate, mut hang_up) =
        (listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?, listen(SignalKind::hangup())?);
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hang_up.recv() => return Ok(()),
            _ = look.tick() => {
                cluster.check()?;
                if parent_id() != parent {
                    return Ok(());
                }
            }
        }
    }
}

/// Prints in one piece: a script that reads the first line may close the pipe after it.
fn line(text: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{text}").context(|| "write to standard output".to_owned())
}

//! A cluster: its settings, its start, its addresses.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::Path;

use streams_core::{Error, ErrorKind, Result, ResultExt as _};

use crate::jars::Kafka;
use crate::ready;
use crate::supervisor::Supervisor;

/// Any id will do: no two clusters ever meet.
const CLUSTER_ID: &str = "cnVzdC1zdHJlYW1zLWthZg";
/// More would not fit a small machine.
const NODES_MAX: u16 = 5;
/// How often a cluster is started again because somebody took a port between our finding it free and its use.
const STARTS_MAX: u32 = 3;
/// What Java writes when a port is taken.
const PORT_TAKEN: &str = "Address already in use";

/// How a cluster is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many nodes there are, each broker and controller; topics of the cluster's own have a replica on each.
    pub nodes: u16,
    /// Settings of the brokers, under Kafka's names, in place of those for a small machine.
    pub properties: BTreeMap<String, String>,
    /// Options of Java: heap, collector, compiler.
    pub java_options: Vec<String>,
}

impl Default for Options {
    /// One node that starts fast and stays small.
    fn default() -> Self {
        let java_options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
        Self {
            nodes: 1,
            properties: BTreeMap::new(),
            java_options: java_options.into_iter().map(str::to_owned).collect(),
        }
    }
}

/// A node of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its id, from 1.
    pub id: u16,
    /// Where clients reach it.
    pub address: SocketAddr,
    /// Its process, for who measures the processor time it takes.
    pub pid: u32,
}

/// A running cluster of Apache Kafka. Dropping it ends every process and removes every file.
#[derive(Debug)]
pub struct KafkaCluster {
    nodes: Vec<Node>,
    supervisor: Supervisor,
}

impl KafkaCluster {
    /// Starts a cluster and waits until each node knows all of them. `None`, with a line on standard error that names
    /// what is missing, on a machine without Java, or without the jars and Maven to fetch them.
    ///
    /// # Errors
    /// When a node ends or does not answer in time, with the end of its log.
    pub fn start(options: &Options) -> Result<Option<Self>> {
        Kafka::find_or_skip().map(|kafka| Self::start_with(&kafka, options)).transpose()
    }

    /// The same with jars that were found before.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_with(kafka: &Kafka, options: &Options) -> Result<Self> {
        if !(1..=NODES_MAX).contains(&options.nodes) {
            let message = format!("{} nodes: a cluster has 1 to {NODES_MAX}", options.nodes);
            return Err(Error::new(ErrorKind::InvalidConfig, message));
        }
        let mut starts = 1;
        loop {
            match Self::try_start(kafka, options) {
                Err(error) if starts < STARTS_MAX && error.to_string().contains(PORT_TAKEN) => starts += 1,
                outcome => return outcome,
            }
        }
    }

    fn try_start(kafka: &Kafka, options: &Options) -> Result<Self> {
        let clients = free_addresses(2 * options.nodes).context(|| "find free ports of 127.0.0.1".to_owned())?;
        let (clients, controllers) = clients.split_at(usize::from(options.nodes));
        let dir = tempfile::Builder::new().prefix("kafka-cluster-").tempdir();
        let dir = dir.context(|| "make a temporary directory".to_owned())?;
        for (id, client) in (1..).zip(clients) {
            let home = dir.path().join(format!("node-{id}"));
            let settings = settings(&home, id, *client, controllers, options);
            let written = fs::create_dir(&home).and_then(|()| fs::write(home.join("server.properties"), settings));
            written.context(|| format!("write {}", home.display()))?;
        }
        let started = Supervisor::start(kafka, dir.path(), CLUSTER_ID, &java_options(dir.path(), options));
        let supervisor = started.context(|| "run /bin/sh".to_owned())?;
        // From here on the supervisor removes it.
        let _ = dir.keep();
        let node = |(id, address): (u16, &SocketAddr)| {
            ready::wait(&supervisor.home(id), *address, usize::from(options.nodes)).map(|pid| Node {
                id,
                address: *address,
                pid,
            })
        };
        let nodes = (1..).zip(clients).map(node).collect::<Result<_>>()?;
        Ok(Self { nodes, supervisor })
    }

    /// The nodes, by id.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Looks whether every node still runs.
    ///
    /// # Errors
    /// When one has ended, with the end of its log.
    pub fn check(&self) -> Result<()> {
        self.nodes.iter().try_for_each(|node| ready::check(&self.supervisor.home(node.id)))
    }

    /// The setting `bootstrap.servers` of a client.
    pub fn bootstrap_servers(&self) -> String {
        self.nodes.iter().map(|node| node.address.to_string()).collect::<Vec<_>>().join(",")
    }
}

/// Native libraries and the JVM's own files go where they are removed, too.
fn java_options(dir: &Path, options: &Options) -> Vec<String> {
    let mut java_options = options.java_options.clone();
    java_options.push("-XX:-UsePerfData".to_owned());
    java_options.push(format!("-Djava.io.tmpdir={}", dir.display()));
    java_options.push("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn".to_owned());
    java_options
}

/// The file `server.properties` of a node.
fn settings(home: &Path, id: u16, client: SocketAddr, controllers: &[SocketAddr], options: &Options) -> String {
    let voters = (1..).zip(controllers).map(|(id, address): (u16, _)| format!("{id}@{address}"));
    let voters = voters.collect::<Vec<_>>().join(",");
    let controller = controllers[usize::from(id - 1)];
    let replicas = options.nodes;
    let text = format!(
        "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=CLIENT://{client},CONTROLLER://{controller}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
log.dirs={log_dirs}
offsets.topic.num.partitions=4
offsets.topic.replication.factor={replicas}
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
",
        log_dirs = home.join("data").display()
    );
    // The last of two lines for one setting counts.
    options.properties.iter().fold(text, |text, (name, value)| format!("{text}{name}={value}\n"))
}

/// Addresses that nobody listens at now.
fn free_addresses(count: u16) -> io::Result<Vec<SocketAddr>> {
    let listeners = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<io::Result<Vec<_>>>()?;
    listeners.iter().map(TcpListener::local_addr).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_caller_come_last() {
        let controllers = free_addresses(2).expect("ports are free");
        let options =
            Options { properties: [("num.io.threads".to_owned(), "3".to_owned())].into(), ..Options::default() };
        let text = settings(Path::new("home"), 2, controllers[0], &controllers, &options);
        assert!(text.contains(&format!("quorum.voters=1@{},2@{}\n", controllers[0], controllers[1])), "{text}");
        assert!(text.contains(&format!("CONTROLLER://{}\n", controllers[1])), "{text}");
        assert!(text.ends_with("\nnum.io.threads=3\n"), "{text}");
    }

    #[test]
    fn the_number_of_nodes_is_checked() {
        let kafka = Kafka::at("java", "jars");
        for nodes in [0, NODES_MAX + 1] {
            let error = KafkaCluster::start_with(&kafka, &Options { nodes, ..Options::default() });
            assert_eq!(error.expect_err("too few or too many").kind(), ErrorKind::InvalidConfig);
        }
    }
}

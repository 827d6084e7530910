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
    /// Names and passwords for SASL/PLAIN. When there are any, each node has a second listener, without TLS, which
    /// takes these and, by SCRAM, the users that an administrator makes over the first one.
    pub sasl_users: BTreeMap<String, String>,
}

impl Default for Options {
    /// One node that starts fast and stays small.
    fn default() -> Self {
        let java_options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
        Self {
            nodes: 1,
            properties: BTreeMap::new(),
            java_options: java_options.into_iter().map(str::to_owned).collect(),
            sasl_users: BTreeMap::new(),
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
    /// Where clients reach it that authenticate themselves; none without [`Options::sasl_users`].
    pub sasl_address: Option<SocketAddr>,
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
        if let Some(text) =
            options.sasl_users.iter().flat_map(|(name, password)| [name, password]).find(|text| !is_plain(text))
        {
            let message = format!("`{text}` as name or password for SASL: expects letters, digits, `-`, `_` and `.`");
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
        let addresses = free_addresses(3 * options.nodes).context(|| "find free ports of 127.0.0.1".to_owned())?;
        let (clients, others) = addresses.split_at(usize::from(options.nodes));
        let (controllers, sasl) = others.split_at(usize::from(options.nodes));
        let sasl = sasl.iter().map(|address| (!options.sasl_users.is_empty()).then_some(*address));
        let listeners: Vec<_> = clients.iter().copied().zip(sasl).collect();
        let dir = tempfile::Builder::new().prefix("kafka-cluster-").tempdir();
        let dir = dir.context(|| "make a temporary directory".to_owned())?;
        for (id, listeners) in (1..).zip(&listeners) {
            let home = dir.path().join(format!("node-{id}"));
            let settings = settings(&home, id, *listeners, controllers, options);
            let written = fs::create_dir(&home).and_then(|()| fs::write(home.join("server.properties"), settings));
            written.context(|| format!("write {}", home.display()))?;
        }
        let started = Supervisor::start(kafka, dir.path(), CLUSTER_ID, &java_options(dir.path(), options));
        let supervisor = started.context(|| "run /bin/sh".to_owned())?;
        // From here on the supervisor removes it.
        let _ = dir.keep();
        let node = |(id, (address, sasl_address)): (u16, (SocketAddr, Option<SocketAddr>))| {
            let ready = ready::wait(&supervisor.home(id), address, usize::from(options.nodes));
            ready.map(|pid| Node { id, address, sasl_address, pid })
        };
        let nodes = (1..).zip(listeners).map(node).collect::<Result<_>>()?;
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

    /// The same for clients that authenticate themselves; none without [`Options::sasl_users`].
    pub fn sasl_bootstrap_servers(&self) -> Option<String> {
        let addresses: Option<Vec<_>> = self.nodes.iter().map(|node| Some(node.sasl_address?.to_string())).collect();
        addresses.map(|addresses| addresses.join(","))
    }
}

/// Whether a text means itself in quotes within a file of properties.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char))
}

/// Native libraries and the JVM's own files go where they are removed, too.
fn java_options(dir: &Path, options: &Options) -> Vec<String> {
    let mut java_options = options.java_options.clone();
    java_options.push("-XX:-UsePerfData".to_owned());
    java_options.push(format!("-Djava.io.tmpdir={}", dir.display()));
    java_options.push("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn".to_owned());
    java_options
}

/// The file `server.properties` of a node with a listener for clients and perhaps one for those with a password.
fn settings(
    home: &Path,
    id: u16,
    (client, sasl): (SocketAddr, Option<SocketAddr>),
    controllers: &[SocketAddr],
    options: &Options,
) -> String {
    let voters = (1..).zip(controllers).map(|(id, address): (u16, _)| format!("{id}@{address}"));
    let voters = voters.collect::<Vec<_>>().join(",");
    let controller = controllers[usize::from(id - 1)];
    let replicas = options.nodes;
    let text = format!(
        "process.roles=broker,controller
node.id={id}
controller.quorum.voters={voters}
listeners=CLIENT://{client},CONTROLLER://{controller}{sasl_listener}
listener.security.protocol.map=CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT
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
        log_dirs = home.join("data").display(),
        sasl_listener = sasl.map(|address| format!(",SASL://{address}")).unwrap_or_default(),
    );
    let text = if sasl.is_some() { text + &sasl_settings(&options.sasl_users) } else { text };
    // The last of two lines for one setting counts.
    options.properties.iter().fold(text, |text, (name, value)| format!("{text}{name}={value}\n"))
}

/// Who may log in at the listener `SASL`, and how. Users for SCRAM lie in the cluster's own metadata.
fn sasl_settings(users: &BTreeMap<String, String>) -> String {
    let modules = "org.apache.kafka.common.security";
    let users: String = users.iter().map(|(name, password)| format!(" user_{name}=\"{password}\"")).collect();
    let mut text = format!(
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config={modules}.plain.PlainLoginModule required{users};
"
    );
    for mechanism in ["scram-sha-256", "scram-sha-512"] {
        let name = format!("listener.name.sasl.{mechanism}.sasl.jaas.config");
        text.push_str(&format!("{name}={modules}.scram.ScramLoginModule required;\n"));
    }
    text
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
        let text = settings(Path::new("home"), 2, (controllers[0], None), &controllers, &options);
        assert!(text.contains(&format!("quorum.voters=1@{},2@{}\n", controllers[0], controllers[1])), "{text}");
        assert!(text.contains(&format!("CONTROLLER://{}\n", controllers[1])), "{text}");
        assert!(text.ends_with("\nnum.io.threads=3\n"), "{text}");
        assert!(!text.contains("sasl."), "{text}");
    }

    #[test]
    fn users_have_a_listener_of_their_own() {
        let addresses = free_addresses(2).expect("ports are free");
        let sasl_users =
            [("ann", "a-1"), ("bob", "b-2")].map(|(name, password)| (name.to_owned(), password.to_owned()));
        let options = Options { sasl_users: sasl_users.into(), ..Options::default() };
        let text = settings(Path::new("home"), 1, (addresses[0], Some(addresses[1])), &addresses[..1], &options);
        assert!(text.contains(&format!(",SASL://{}\n", addresses[1])), "{text}");
        assert!(text.contains("PlainLoginModule required user_ann=\"a-1\" user_bob=\"b-2\";\n"), "{text}");
        assert_eq!(text.matches("ScramLoginModule required;\n").count(), 2, "{text}");
    }

    #[test]
    fn names_and_passwords_cannot_be_settings() {
        let kafka = Kafka::at("java", "jars");
        for (name, password) in [("ann", "a\"; x"), ("ann", "a\nb=c"), ("", "a")] {
            let sasl_users = [(name.to_owned(), password.to_owned())].into();
            let error = KafkaCluster::start_with(&kafka, &Options { sasl_users, ..Options::default() });
            assert_eq!(error.expect_err("quotes end").kind(), ErrorKind::InvalidConfig);
        }
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

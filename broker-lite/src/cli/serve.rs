//! `broker-lite serve`: one broker over one data directory, until SIGINT or SIGTERM.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use streams_core::Result;

use super::output;
use crate::server::{Server, ServerConfig};
use crate::{Broker, SyncPolicy};

/// The arguments of `serve`.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Where the data lies; made if it does not exist.
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
    /// Where to listen; port 0 takes a free one and prints it.
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:9092")]
    listen: SocketAddr,
    /// When a write counts: fsync, interval:MS or os.
    #[arg(long, value_name = "POLICY", default_value = "fsync")]
    sync: SyncPolicy,
    /// Partitions of topics that are created without saying how many.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(i32).range(1..=10_000))]
    num_partitions: i32,
    /// Do not create topics that a client asks about.
    #[arg(long)]
    no_auto_create_topics: bool,
    /// Allow an address that other machines reach, though nothing authenticates them.
    #[arg(long)]
    insecure_allow_remote: bool,
}

impl Serve {
    pub(super) fn run(self) -> Result<()> {
        if self.data_dir.starts_with("/tmp") || self.data_dir.starts_with("/var/tmp") {
            tracing::warn!("data directory {} is temporary: the system may delete it", self.data_dir.display());
        }
        if rustix::process::geteuid().is_root() {
            tracing::warn!("the broker runs as root and needs no such rights: give it a user of its own");
        }
        let mut config = ServerConfig::new(self.listen);
        config.insecure_allow_remote = self.insecure_allow_remote;
        let broker = Broker::builder()
            .data_dir(&self.data_dir)
            .sync(self.sync)
            .configure(|config| {
                config.default_partitions = self.num_partitions;
                config.auto_create_topics = !self.no_auto_create_topics;
            })
            .start()?;
        let server = Server::start(&broker, config)?;
        let address = server.address();
        // In one piece: a script that reads the first line may close the pipe after it.
        output::line(&format!("listening on {address}\ntry: kcat -b {address} -L"))?;
        let ended = server.wait_for_signal(&broker);
        tracing::info!("stopping: syncing and closing {}", self.data_dir.display());
        broker.close();
        server.stop();
        ended
    }
}

//! `broker-lite serve`: one broker over one data directory, until SIGINT or SIGTERM.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use rustix::process::{getrlimit, setrlimit, Resource, Rlimit};
use streams_core::time::{implausible, Timestamp};
use streams_core::{Error, ErrorKind, Result};

use super::{connect, output};
use crate::server::{Server, ServerConfig};
use crate::{Broker, SyncPolicy};

/// Files beside the connections: segments and indexes of a few hundred partitions, and what the process itself opens.
const FILES_OF_LOGS: u64 = 1_024;

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
    /// Do not start when the machine's clock cannot be right (before 2020 or after 2099), instead of a warning.
    #[arg(long)]
    strict_clock: bool,
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
        check_clock(connect::now(), self.strict_clock)?;
        let mut config = ServerConfig::new(self.listen);
        config.insecure_allow_remote = self.insecure_allow_remote;
        if let Some(shortage) = allow_files(config.connections_max as u64) {
            tracing::warn!("{shortage}");
        }
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

/// Says so when the clock cannot be right. Timestamps of records, retention and sessions follow it.
///
/// # Errors
/// [`ErrorKind::Io`] when it cannot and `strict` is set.
fn check_clock(now: Timestamp, strict: bool) -> Result<()> {
    let Some(why) = implausible(now) else { return Ok(()) };
    let message = format!("{why}: record times, retention and sessions follow it; set the clock");
    if strict {
        return Err(Error::new(ErrorKind::Io, format!("{message}, or start without --strict-clock")));
    }
    tracing::warn!("{message}");
    Ok(())
}

/// Raises the limit of open files to what is needed, as far as the system lets us. Says what is missing then.
fn allow_files(connections: u64) -> Option<String> {
    let needed = connections + FILES_OF_LOGS;
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let (current, most) = (current.unwrap_or(u64::MAX), maximum.unwrap_or(u64::MAX));
    let asked = needed.min(most);
    let raised = current < asked && setrlimit(Resource::Nofile, Rlimit { current: Some(asked), maximum }).is_ok();
    let allowed = if raised { asked } else { current };
    (allowed < needed).then(|| {
        format!(
            "this process may open {allowed} files and needs {needed}, for {connections} connections and the logs: further \
             ones will fail; raise the limit with `ulimit -n {needed}`, or LimitNOFILE={needed} in its systemd unit"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Row B34.
    #[test]
    fn a_clock_that_cannot_be_right_is_refused_on_request() {
        for strict in [false, true] {
            check_clock(Timestamp(1_800_000_000_000), strict).expect("is plausible");
        }
        check_clock(Timestamp(0), false).expect("is a warning");
        let error = check_clock(Timestamp(0), true).expect_err("is refused");
        assert_eq!(error.kind().exit_code(), 3);
        assert!(error.to_string().contains("before 2020") && error.to_string().contains("--strict-clock"), "{error}");
    }
}

//! What the tools that talk to a broker share: where it is, client settings, and `name=value` arguments.

use std::sync::Arc;

use clap::Args;
use streams_core::client::admin::Admin;
use streams_core::client::transport::tcp::TcpTransport;
use streams_core::config::{AdminConfig, ClientConfig};
use streams_core::time::{SystemClock, Timestamp};
use streams_core::{Clock, Error, ErrorKind, Result};

/// Where the broker is.
#[derive(Debug, Args)]
pub(super) struct Connect {
    /// The broker's address, or several separated by commas.
    #[arg(long, value_name = "HOST:PORT", default_value = "localhost:9092")]
    pub(super) bootstrap_server: String,
}

impl Connect {
    /// Client settings: these of the command line first, then what was asked for by name.
    pub(super) fn settings<'a>(&'a self, properties: &'a [Property]) -> Vec<(&'a str, &'a str)> {
        let own = [("bootstrap.servers", self.bootstrap_server.as_str()), ("client.id", "broker-lite")];
        own.into_iter()
            .chain(properties.iter().map(|property| (property.name.as_str(), property.value.as_str())))
            .collect()
    }

    /// A connection for a client with these settings.
    ///
    /// # Errors
    /// When an address is malformed.
    pub(super) fn transport(config: &ClientConfig) -> Result<Box<TcpTransport>> {
        TcpTransport::new(config).map(Box::new)
    }

    /// A client that asks about topics.
    ///
    /// # Errors
    /// As [`Self::transport`].
    pub(super) fn admin(&self) -> Result<Admin> {
        let config = AdminConfig::from_settings(self.settings(&[]))?;
        let transport = Self::transport(&config.client)?;
        Ok(Admin::new(config, transport, Arc::new(SystemClock), seed()))
    }
}

/// Spreads retries of processes that start together.
pub(super) fn seed() -> u64 {
    u64::from(std::process::id())
}

/// The time now; a command line is a driver.
pub(super) fn now() -> Timestamp {
    SystemClock.now()
}

/// A `name=value` argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Property {
    pub(super) name: String,
    pub(super) value: String,
}

impl std::str::FromStr for Property {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, value)) if !name.is_empty() => Ok(Self { name: name.to_owned(), value: value.to_owned() }),
            _ => Err("write it as name=value".to_owned()),
        }
    }
}

/// The value of the last property of a name.
pub(super) fn property<'a>(properties: &'a [Property], name: &str) -> Option<&'a str> {
    properties.iter().rev().find(|property| property.name == name).map(|property| property.value.as_str())
}

/// Whether a property is `true`; `default` when it is not given.
pub(super) fn flag(properties: &[Property], name: &str, default: bool) -> bool {
    property(properties, name).map_or(default, |value| value.eq_ignore_ascii_case("true"))
}

/// Refuses properties that the command does not know.
///
/// # Errors
/// [`ErrorKind::InvalidConfig`] with the names there are.
pub(super) fn check_known(properties: &[Property], known: &[&str]) -> Result<()> {
    match properties.iter().find(|property| !known.contains(&property.name.as_str())) {
        None => Ok(()),
        Some(unknown) => {
            let name = crate::text::escape(&unknown.name);
            let message = format!("property `{name}` is unknown; there are {}", known.join(", "));
            Err(Error::new(ErrorKind::InvalidConfig, message))
        }
    }
}

/// A separator as it is written on a command line: `\t`, `\n` and `\0` stand for what they are called.
pub(super) fn separator(text: &str) -> String {
    text.replace("\\t", "\t").replace("\\n", "\n").replace("\\0", "\0")
}

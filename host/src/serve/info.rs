//! What this server is.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    error::ServeError,
    limits::{LONGEST_LINE, REQUESTS},
    method::{Done, Method},
    schema::PROTOCOL,
    server::Server,
};

/// `server.info`.
pub(super) struct Info;

/// Nothing.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// What this server is.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ServerInfo {
    /// `worldflux`.
    name: &'static str,
    /// Its version.
    version: &'static str,
    /// The name of this protocol. Another version of it has another name.
    protocol: &'static str,
    /// The longest line that is read, in bytes.
    longest_line: u64,
    /// Requests that are done at once.
    most_requests: u64,
    /// The runtimes that can be named.
    runtimes: Vec<String>,
}

impl Method for Info {
    const NAME: &'static str = "server.info";
    const SUMMARY: &'static str = "Say what this server is and how much it takes.";
    type Parameters = Nothing;
    type Answer = ServerInfo;

    async fn call(server: Arc<Server>, _: Nothing) -> Result<Done<ServerInfo>, ServeError> {
        let info = ServerInfo {
            name: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            protocol: PROTOCOL,
            longest_line: LONGEST_LINE.0,
            most_requests: REQUESTS as u64,
            runtimes: server.host.catalog().entries().into_iter().map(|entry| entry.name.to_string()).collect(),
        };
        Ok(info.into())
    }
}

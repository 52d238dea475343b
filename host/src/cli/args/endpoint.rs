//! `worldflux endpoint`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::policy::{AddressRange, EndpointName, Place};

/// `worldflux endpoint`.
#[derive(Debug, Clone, Args)]
pub struct EndpointArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: EndpointVerb,
}

/// What to do with endpoints.
#[derive(Debug, Clone, Subcommand)]
pub enum EndpointVerb {
    /// Say where a host really is, or whose certificate it has; what was said before and is not said anew stays
    Add(EndpointAddArgs),
    /// List what was said of hosts
    List,
    /// Forget what was said of hosts
    Remove {
        /// The hosts, as `list` names them
        #[arg(value_name = "HOST[:PORT]", required = true)]
        endpoints: Vec<EndpointName>,
    },
}

/// `worldflux endpoint add`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A plugin that may send requests to a host reaches it on the public internet, with a certificate by an authority of the web. A server of your
own, a proxy, or a host with a certificate of your own authority needs a word from you. It grants nothing: a plugin needs its grant for the name.

    worldflux endpoint add registry.lan:5000 --private 192.168.0.0/16 --ca /etc/lan-ca.pem")]
pub struct EndpointAddArgs {
    /// The host, as plugins and grants name it, and the port [default port: 443]
    #[arg(value_name = "HOST[:PORT]")]
    pub endpoint: EndpointName,
    /// Connect there instead: `127.0.0.1:8443`, or `unix:/run/service.sock`
    #[arg(long, value_name = "PLACE")]
    pub at: Option<Place>,
    /// Let its name resolve to these addresses, which are not on the public internet: `192.168.0.0/16`
    #[arg(long = "private", value_name = "RANGE")]
    pub private: Vec<AddressRange>,
    /// Trust the authorities in this file, in PEM, and no others
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub ca: Option<PathBuf>,
}

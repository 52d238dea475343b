//! `worldflux env`.

use clap::{Args, Subcommand};

/// `worldflux env`.
#[derive(Debug, Clone, Args)]
pub struct EnvironmentArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: EnvironmentVerb,
}

/// What to do with environments.
#[derive(Debug, Clone, Subcommand)]
pub enum EnvironmentVerb {
    /// List the environments that are kept for later runs
    List,
    /// Remove environments that no run is using
    Prune {
        /// The environments, as `list` names them [default: all]
        #[arg(value_name = "ENVIRONMENT")]
        environments: Vec<String>,
    },
}

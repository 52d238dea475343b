//! `worldflux runtime`.

use clap::{Args, Subcommand};

/// `worldflux runtime`.
#[derive(Debug, Clone, Args)]
pub struct RuntimeArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: RuntimeVerb,
}

/// What to do with runtimes.
#[derive(Debug, Clone, Subcommand)]
pub enum RuntimeVerb {
    /// Print the names of the runtimes, one a line
    List,
    /// Let runtimes check whether they can work here; an `error:` line blocks runs
    Doctor {
        /// The runtimes [default: all]
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
    /// Say what a runtime is, what it takes and what it may do
    Info {
        /// The runtime
        #[arg(value_name = "NAME")]
        name: String,
    },
}

//! The verbs that are about one run.

use clap::{Args, Subcommand};

use crate::names::RunId;

/// `worldflux status`.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// The run [default: the last one]
    #[arg(value_name = "RUN")]
    pub run: Option<RunId>,
}

/// `worldflux logs`.
#[derive(Debug, Clone, Args)]
pub struct LogsArgs {
    /// The run [default: the last one]
    #[arg(value_name = "RUN")]
    pub run: Option<RunId>,
    /// Go on until the run ends
    #[arg(short, long)]
    pub follow: bool,
}

/// `worldflux kill`.
#[derive(Debug, Clone, Args)]
pub struct KillArgs {
    /// The run
    #[arg(value_name = "RUN")]
    pub run: RunId,
    /// End it at once, without giving it time to end by itself
    #[arg(long)]
    pub force: bool,
}

/// `worldflux manifest [RUN]`, `worldflux manifest verify [RUN]` and `worldflux manifest RUN verify`.
#[derive(Debug, Clone, Args)]
#[command(override_usage = "worldflux manifest [OPTIONS] [RUN]\n       worldflux manifest [OPTIONS] verify [RUN]")]
pub struct ManifestArgs {
    /// The run [default: the last one]
    #[arg(value_name = "RUN")]
    run: Option<RunId>,
    /// What to do with it
    #[command(subcommand)]
    verb: Option<ManifestVerb>,
}

/// What to do with a manifest.
#[derive(Debug, Clone, Subcommand)]
pub enum ManifestVerb {
    /// Check that every file has the size and the digest that the manifest names
    Verify {
        /// The run [default: the last one]
        #[arg(value_name = "RUN")]
        run: Option<RunId>,
    },
}

impl ManifestArgs {
    /// Which run; the last one where nothing was typed. A run that is named on both sides of `verify` is the second one.
    #[must_use]
    pub fn run(&self) -> Option<&RunId> {
        let after = self.verb.as_ref().and_then(|ManifestVerb::Verify { run }| run.as_ref());
        after.or(self.run.as_ref())
    }

    /// Whether to check it rather than print it.
    #[must_use]
    pub const fn verify(&self) -> bool {
        self.verb.is_some()
    }
}

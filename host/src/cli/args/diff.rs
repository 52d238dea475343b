//! `worldflux diff`.

use clap::Args;

use crate::names::RunId;

const EXAMPLES: &str = "\
Examples:
  worldflux run --snapshot -- make          remember the workspace before and after
  worldflux diff                            what the last run changed
  worldflux diff --patch > changes.patch    for `git apply` and `patch -p1`
  worldflux diff RUN RUN                    what is different between what two runs left";

/// `worldflux diff`.
#[derive(Debug, Clone, Args)]
#[command(after_help = EXAMPLES)]
pub struct DiffArgs {
    /// The run [default: the last one]
    #[arg(value_name = "RUN")]
    pub run: Option<RunId>,
    /// Another run: show what is different between the workspaces that the two left
    #[arg(value_name = "RUN")]
    pub other: Option<RunId>,
    /// Only count
    #[arg(long, conflicts_with_all = ["patch", "name_only"])]
    pub stat: bool,
    /// Print a patch for `git apply` and `patch -p1`, byte by byte
    #[arg(long, conflicts_with = "name_only")]
    pub patch: bool,
    /// Only print the paths
    #[arg(long)]
    pub name_only: bool,
}

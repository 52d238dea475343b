//! `worldflux plugin`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::rights::RightArgs;
use crate::names::RunId;

/// `worldflux plugin`.
#[derive(Debug, Clone, Args)]
pub struct PluginArgs {
    /// What to do
    #[command(subcommand)]
    pub verb: PluginVerb,
}

/// What to do with plugins.
#[derive(Debug, Clone, Subcommand)]
pub enum PluginVerb {
    /// Put a plugin.toml into a component, so that one file is the whole plugin
    Pack(PackArgs),
    /// Say what a plugin is, what it imports and asks for, and what that makes possible, without running it
    #[command(after_help = INSPECT)]
    Inspect(NamedArgs),
    /// Keep a copy of a plugin file, so that it can be named; nothing is granted without a yes
    Add(Box<AddArgs>),
    /// Forget an added plugin and all that it was granted
    Remove(NamedArgs),
    /// Put a new version in the place of an added plugin; what it asks for anew needs a yes
    Update(UpdateArgs),
    /// List the plugins and where they came from
    List,
    /// Allow a plugin some of what it asks for
    Grant(Box<GrantArgs>),
    /// Take back what a plugin was granted, all of it or single rights
    Revoke(Box<RevokeArgs>),
    /// List what was granted
    Grants,
    /// Tell from the record of a run what its plugin did, and what it was denied
    Audit(AuditArgs),
}

/// `worldflux plugin pack`.
#[derive(Debug, Clone, Args)]
pub struct PackArgs {
    /// The component
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub component: PathBuf,
    /// Its plugin.toml
    #[arg(value_name = "PLUGIN_TOML", value_hint = ValueHint::FilePath)]
    pub manifest: PathBuf,
    /// Write the plugin here [default: over the component]
    #[arg(short, long, value_name = "OUT", value_hint = ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// A plugin.
#[derive(Debug, Clone, Args)]
pub struct NamedArgs {
    /// The name or the file of the plugin
    #[arg(value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    pub plugin: String,
}

const INSPECT: &str = "\
Examples:
  worldflux plugin inspect ./stranger.wasm
  worldflux plugin inspect local --json";

const ADD: &str = "\
Without a right, and on a terminal, each right that it asks for is put as a question; the answer is no unless you say yes.
Elsewhere nothing is granted, and the lines that would grant are printed.

Examples:
  worldflux plugin add ./stranger.wasm
  worldflux plugin add ./stranger.wasm --command --folder /output=read
  worldflux plugin add ./mine.wasm --all-asked";

/// `worldflux plugin add`.
#[derive(Debug, Clone, Args)]
#[command(after_help = ADD)]
pub struct AddArgs {
    /// The plugin
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    /// What it is granted.
    #[command(flatten)]
    pub rights: RightArgs,
    /// Grant all that it asks for
    #[arg(long, conflicts_with = "rights")]
    pub all_asked: bool,
    /// Take it although its name differs from another plugin's in one letter only
    #[arg(long)]
    pub similar_name: bool,
}

const UPDATE: &str = "\
A new version keeps what was granted to the old one and is still asked for. Each thing that it imports or asks for beyond the old one is shown and
needs a yes; after a no everything stays as it was. What it asks for anew is not granted by that.

Examples:
  worldflux plugin update stranger             reads again the file that it was added from
  worldflux plugin update ./stranger-2.wasm
  worldflux plugin update stranger --accept-growth";

/// `worldflux plugin update`.
#[derive(Debug, Clone, Args)]
#[command(after_help = UPDATE)]
pub struct UpdateArgs {
    /// The name of an added plugin, or the file of its new version
    #[arg(value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    pub plugin: String,
    /// Say yes to everything that it imports and asks for anew
    #[arg(long)]
    pub accept_growth: bool,
}

const GRANT: &str = "\
Without a right, and on a terminal, each right that it asks for and does not have is put as a question.

Examples:
  worldflux plugin grant bare --command
  worldflux plugin grant ./bare.wasm --program git --folder /workspace=read
  worldflux plugin grant bare --folder /data/sets=read --device gpu --resource memory=16GiB
  worldflux plugin grant bare --level kernel-filter
  worldflux plugin grant ./bare.wasm --all-asked";

/// `worldflux plugin grant`.
#[derive(Debug, Clone, Args)]
#[command(after_help = GRANT)]
pub struct GrantArgs {
    /// The name or the file of the plugin
    #[arg(value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    pub plugin: String,
    /// What it is granted.
    #[command(flatten)]
    pub rights: RightArgs,
    /// All that it asks for
    #[arg(long, conflicts_with = "rights")]
    pub all_asked: bool,
}

const REVOKE: &str = "\
Runs of the plugin that go on are asked to end where everything is revoked; where a single right is, their next call is denied it.

Examples:
  worldflux plugin revoke bare
  worldflux plugin revoke bare --program git --folder /data/sets=read";

/// `worldflux plugin revoke`.
#[derive(Debug, Clone, Args)]
#[command(after_help = REVOKE)]
pub struct RevokeArgs {
    /// The name or the file of the plugin
    #[arg(value_name = "NAME|FILE", value_hint = ValueHint::FilePath)]
    pub plugin: String,
    /// What is taken; nothing means everything. `--folder X=write` leaves reading.
    #[command(flatten)]
    pub rights: RightArgs,
}

const AUDIT: &str = "\
Examples:
  worldflux plugin audit                       the last run
  worldflux plugin audit 20260501T --json      the run whose id begins like this";

/// `worldflux plugin audit`.
#[derive(Debug, Clone, Args)]
#[command(after_help = AUDIT)]
pub struct AuditArgs {
    /// The run [default: the last one]
    #[arg(value_name = "RUN")]
    pub run: Option<RunId>,
}

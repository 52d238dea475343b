//! The verbs.

use std::{ffi::OsString, path::PathBuf};

use clap::{
    Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueHint,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{
    DiffArgs, EndpointArgs, EnvironmentArgs, GlobalArgs, KillArgs, LogsArgs, ManifestArgs, PluginArgs, RunArgs, RuntimeArgs, SecretArgs,
    ServeArgs, StatusArgs,
};
use crate::policy::Level;

const EXAMPLES: &str = "\
Examples:
  worldflux run -- python3 train.py         run a command here, and get a manifest
  worldflux runs                            what ran, and how it ended
  worldflux logs -f                         follow the output of the last run
  worldflux runtime doctor                  what every runtime says about this machine

`worldflux help VERB` says more about a verb.";

/// Launch a command on any backend through a sandboxed plugin, and get a truthful manifest back.
#[derive(Debug, Clone, Parser)]
#[command(name = "worldflux", bin_name = "worldflux", version, after_help = EXAMPLES)]
pub struct Arguments {
    /// What goes with every verb.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do; `None` where nothing was typed, which asks for the help.
    #[command(subcommand)]
    pub verb: Option<Verb>,
}

/// What to do.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Run a command on a runtime, stream its output, and write its manifest
    Run(Box<RunArgs>),
    /// List the runs, newest first, and how they ended
    Runs,
    /// Say how a run is doing, and how that is known
    Status(StatusArgs),
    /// Print the output of a run
    Logs(LogsArgs),
    /// Ask a run to end
    Kill(KillArgs),
    /// Print the manifest of a run, or verify it against the files
    Manifest(ManifestArgs),
    /// Show what a run changed in its workspace, if it was run with --snapshot
    Diff(DiffArgs),
    /// Finish what a run left behind when its host was killed
    Reap,
    /// Show and remove the environments that are kept for later runs
    Env(EnvironmentArgs),
    /// Let a program drive sessions: JSON-RPC 2.0 over standard input and output
    Serve(ServeArgs),
    /// Show runtimes, and whether they can work here
    Runtime(RuntimeArgs),
    /// Check this machine, this program and every runtime
    Doctor,
    /// Attack this very machine, and say what held
    Selftest(SelftestArgs),
    /// Pack and inspect plugins, and say what they may do
    Plugin(PluginArgs),
    /// Say where hosts really are that plugins may reach, and whose certificates they have
    Endpoint(EndpointArgs),
    /// Keep secrets for plugins, which have them used and never see them
    Secret(SecretArgs),
    /// Print the completions for a shell
    Completions(CompletionsArgs),
    /// Print the manual page, or write all of them into a folder
    Man(ManArgs),
}

/// `worldflux selftest`.
#[derive(Debug, Clone, Args)]
pub struct SelftestArgs {
    /// Also let a hostile plugin, which comes inside this program, try what it can
    #[arg(long)]
    pub hostile: bool,
    /// Confine no stronger than this, as on a machine that has no more: `full-bwrap`, `kernel-filter`
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    pub level: Option<Level>,
}

fn level(text: &str) -> Result<Level, String> {
    match text.parse()? {
        Level::None => Err("that is no confinement at all, and nothing to attack".into()),
        level => Ok(level),
    }
}

/// `worldflux completions`.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// `worldflux man`.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Write one page for each verb into this folder, instead of printing the first
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
}

impl Arguments {
    /// The definition, for help, manual pages and completions. `long_version` is what `--version` prints after the name: the versions of
    /// this program, its engine and the protocol, one a line.
    #[must_use]
    pub fn definition(long_version: &'static str) -> clap::Command {
        Self::command().long_version(long_version)
    }

    /// Understand what was typed, the name of the program first. The error also carries help and version, which are no mistakes.
    pub fn read<T: Into<OsString> + Clone>(typed: impl IntoIterator<Item = T>, long_version: &'static str) -> Result<Self, clap::Error> {
        let mut definition = Self::definition(long_version);
        let matches = definition.try_get_matches_from_mut(typed).map_err(with_tip)?;
        let arguments = Self::from_arg_matches(&matches).map_err(|error| error.format(&mut definition))?;
        // Where the first stands before the verb and the second after it, clap sees no conflict.
        if arguments.global.json && matches!(&arguments.verb, Some(Verb::Run(run)) if run.events) {
            let message = "the argument '--events' cannot be used with '--json'";
            return Err(definition.error(ErrorKind::ArgumentConflict, message));
        }
        Ok(arguments)
    }
}

/// Tell who forgot the two dashes about them.
fn with_tip(mut error: clap::Error) -> clap::Error {
    let unknown = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(unknown)) if error.kind() == ErrorKind::UnknownArgument => unknown.clone(),
        _ => return error,
    };
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    if usage.contains("[-- <CMD>...]") && !unknown.starts_with('-') {
        let tip = format!("the command comes after `--`: worldflux run -- {unknown} …");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

//! `worldflux run`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use crate::config::RunOverrides;

const EXAMPLES: &str = "\
Examples:
  worldflux run -- python3 train.py --epochs 3
  worldflux run --timeout 2h --artifact '*.svg' --commit model.json -- python3 train.py
  worldflux run --spec recipes/pendulum/worldflux.toml --events
  worldflux run --runtime ./my-plugin.wasm --dry-run -- true
  worldflux run --sandbox strict --network pypi.org,files.pythonhosted.org -- pip download numpy

What is not typed comes from `worldflux.toml` in this folder or above, if there is one.
Durations are written with their unit: 250ms, 90s, 2h 30m, 1d. Sizes too: 64MiB, 10GB.";

/// `worldflux run`.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = EXAMPLES)]
#[allow(clippy::struct_excessive_bools, reason = "each is one switch as it was typed")]
pub struct RunArgs {
    /// The command and its arguments, after `--`
    #[arg(last = true, value_name = "CMD", value_hint = ValueHint::CommandWithArguments)]
    pub command: Vec<String>,

    /// Run here: the name of a runtime, or the file of a plugin [default: local]
    #[arg(long, value_name = "NAME|FILE.wasm", value_hint = ValueHint::FilePath, help_heading = "What runs, and where")]
    pub runtime: Option<String>,
    /// Read this run file too; it wins over worldflux.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "What runs, and where")]
    pub spec: Option<PathBuf>,
    /// Run the command in this folder [default: the folder of the run file, or this one]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "What runs, and where")]
    pub workspace: Option<String>,
    /// Give the command this file as standard input; `-` is your own [default: empty]
    #[arg(long, value_name = "FILE|-", value_hint = ValueHint::FilePath, help_heading = "What runs, and where")]
    pub stdin: Option<String>,
    /// Set a variable for the command; without a value, take it from your environment
    #[arg(short, long, value_name = "NAME[=VALUE]", help_heading = "What runs, and where")]
    pub env: Vec<String>,
    /// Set a setting of the runtime, such as `image=alpine` or `build.jobs=2`
    #[arg(long, value_name = "KEY=VALUE", help_heading = "What runs, and where")]
    pub set: Vec<String>,
    /// Run this line of shell in the environment first, after those of the run file
    #[arg(long, value_name = "LINE", help_heading = "What runs, and where")]
    pub setup: Vec<String>,
    /// Run no setup line at all
    #[arg(long, help_heading = "What runs, and where")]
    pub disable_setup: bool,

    /// End the command after this time; `none` is no limit [default: none]
    #[arg(long, value_name = "DURATION", help_heading = "Limits")]
    pub timeout: Option<String>,
    /// Give it this long to end by itself before it is ended by force [default: 10s]
    #[arg(long, value_name = "DURATION", help_heading = "Limits")]
    pub grace: Option<String>,
    /// Keep this much output; more is dropped and flagged [default: 8GiB]
    #[arg(long, value_name = "SIZE", help_heading = "Limits")]
    pub max_log: Option<String>,
    /// What the command sees: `own` is what your shell sees, `strict` only what was granted [default: own]
    #[arg(long, value_name = "own|strict", help_heading = "Limits")]
    pub sandbox: Option<String>,
    /// Let a strict command reach these hosts and no other; `full` is the network of this machine [default: none]
    #[arg(long, value_name = "none|HOST[:PORT]|full", value_delimiter = ',', help_heading = "Limits")]
    pub network: Vec<String>,

    /// Put logs, metrics and artifacts here [default: outputs/{run_id} in the workspace]
    #[arg(short, long, value_name = "DIR", value_hint = ValueHint::DirPath, help_heading = "Results")]
    pub output: Option<String>,
    /// Bring these files home; may be repeated [default: all in the output directory]
    #[arg(long = "artifact", value_name = "GLOB", help_heading = "Results")]
    pub artifacts: Vec<String>,
    /// Mark these of them for upload; may be repeated
    #[arg(long, value_name = "GLOB", help_heading = "Results")]
    pub commit: Vec<String>,
    /// Remember the workspace before the command and after it, for `worldflux diff`
    #[arg(long, help_heading = "Results")]
    pub snapshot: bool,
    /// Call the run this [default: the time and a random number]
    #[arg(long, value_name = "ID", help_heading = "Results")]
    pub run_id: Option<String>,
    /// Your own name for the run, the same when you try again [default: the run id]
    #[arg(long, value_name = "ID", help_heading = "Results")]
    pub client_run_id: Option<String>,
    /// What is being launched, for the manifest
    #[arg(long, value_name = "NAME", help_heading = "Results")]
    pub adapter: Option<String>,
    /// The kind of work, for the manifest: train, eval, rollout
    #[arg(long, value_name = "NAME", help_heading = "Results")]
    pub task: Option<String>,

    /// Say what would be done and what it would cost, and do nothing
    #[arg(long, conflicts_with_all = ["detach", "events"], help_heading = "How it is shown")]
    pub dry_run: bool,
    /// Print the run id and go on in the background
    #[arg(long, conflicts_with = "events", help_heading = "How it is shown")]
    pub detach: bool,
    /// Print events as JSON lines: stdout, stderr, progress, and one finished
    #[arg(long, help_heading = "How it is shown")]
    pub events: bool,
    /// Exit with the command's own exit code
    #[arg(long, help_heading = "How it is shown")]
    pub passthrough: bool,
}

/// The part of it that says what to run; the rest says how to show it.
impl From<&RunArgs> for RunOverrides {
    fn from(typed: &RunArgs) -> Self {
        let typed = typed.clone();
        Self {
            spec: typed.spec,
            inline_spec: None,
            mode: None,
            runtime: typed.runtime,
            command: typed.command,
            timeout: typed.timeout,
            grace: typed.grace,
            max_log: typed.max_log,
            stdin: typed.stdin,
            output: typed.output,
            workspace: typed.workspace,
            sandbox: typed.sandbox,
            network: typed.network,
            run_id: typed.run_id,
            client_run_id: typed.client_run_id,
            adapter: typed.adapter,
            task: typed.task,
            env: typed.env,
            artifacts: typed.artifacts,
            commit: typed.commit,
            set: typed.set,
            setup: typed.setup,
            disable_setup: typed.disable_setup,
            snapshot: typed.snapshot,
        }
    }
}

//! What was typed on the command line, as text.

use std::path::PathBuf;

use super::Mode;

/// The options of `worldflux run`, as typed, and what a program says in their place. They win over every file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunOverrides {
    /// `--spec FILE`.
    pub spec: Option<PathBuf>,
    /// What would stand in a run file in the current directory, as JSON; it wins over every file.
    pub inline_spec: Option<String>,
    /// Who the environment is for; the files say it where nothing stands here.
    pub mode: Option<Mode>,
    /// `--runtime NAME|FILE.wasm`.
    pub runtime: Option<String>,
    /// `-- CMD...`; empty where nothing was typed.
    pub command: Vec<String>,
    /// `--timeout D`.
    pub timeout: Option<String>,
    /// `--grace D`.
    pub grace: Option<String>,
    /// `--max-log SIZE`.
    pub max_log: Option<String>,
    /// `--stdin FILE|-`.
    pub stdin: Option<String>,
    /// `--output DIR`.
    pub output: Option<String>,
    /// `--workspace DIR`.
    pub workspace: Option<String>,
    /// `--sandbox own|strict`.
    pub sandbox: Option<String>,
    /// `--network none|full|HOST[:PORT]`, in order.
    pub network: Vec<String>,
    /// `--run-id ID`.
    pub run_id: Option<String>,
    /// `--client-run-id ID`.
    pub client_run_id: Option<String>,
    /// `--adapter NAME`.
    pub adapter: Option<String>,
    /// `--task NAME`.
    pub task: Option<String>,
    /// `--env NAME=VALUE` and `--env NAME`, in order.
    pub env: Vec<String>,
    /// `--artifact GLOB`, in order.
    pub artifacts: Vec<String>,
    /// `--commit GLOB`, in order.
    pub commit: Vec<String>,
    /// `--set KEY=VALUE`, in order.
    pub set: Vec<String>,
    /// `--setup LINE`, in order.
    pub setup: Vec<String>,
    /// `--disable-setup`.
    pub disable_setup: bool,
    /// `--snapshot`.
    pub snapshot: bool,
}

//! The environment of a run, as meant: the part that every runtime shares.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use super::Mode;
use crate::{policy::Profile, workspace::Compression};

/// The environment that commands run in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvironmentSettings {
    /// Its name; may be empty.
    pub name: String,
    /// Variables of the files alone; [`super::RunSettings::variables`] has them merged with those typed.
    pub variables: BTreeMap<String, String>,
    /// Whether a process on this machine starts from the variables of the host.
    pub host_variables: HostVariables,
    /// Shell lines run once before the first command.
    pub setup_commands: Vec<String>,
    /// Shell lines run after them in evaluation mode.
    pub evaluation_commands: Vec<String>,
    /// Shell lines run after a checkpoint was restored.
    pub resume_commands: Vec<String>,
    /// Shell lines that were typed, run last.
    pub typed_setup_commands: Vec<String>,
    /// Run none of these lines.
    pub setup_disabled: bool,
    /// How the name of an entry file is written, with `{entry_file}` in it.
    pub entry_file: String,
    /// What stands before the entry file in evaluation mode; may be empty.
    pub command: String,
    /// What stands before it in agent mode; may be empty.
    pub agent_command: String,
    /// What is remembered of the workspace.
    pub snapshot: SnapshotRules,
    /// Ports of the environment that are reachable from this machine.
    pub ports: Vec<Port>,
    /// Files and folders of this machine that are visible in the environment, each under another target.
    pub mounts: Vec<Mount>,
    /// `none`, `full` or a name that the runtime knows; empty for the runtime's own default.
    pub network: String,
    /// `uid:gid` or a name; empty for the runtime's own default.
    pub user: String,
}

/// Whether the command gets the variables of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostVariables {
    /// All of them, as the user said; still only the few with profile `strict`, since a file of a project cannot widen what it sees.
    Included,
    /// Only the few that every program needs, as the user said.
    LeftOut,
    /// The user did not say: all with profile `own`, which is what the user's shell would do, and the few with `strict`.
    AsProfile,
}

/// What is remembered of a folder between commands, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotRules {
    /// Remember the workspace of a run before its command and after it.
    #[serde(default)]
    pub enabled: bool,
    /// Leave out what the `.gitignore` files in it leave out, too.
    #[serde(default)]
    pub gitignore: bool,
    /// Keep only what matches one of these; empty means everything that is not ignored.
    pub keep: Vec<String>,
    /// Leave out what matches one of these.
    pub ignore: Vec<String>,
    /// How exported archives are compressed.
    pub compression: Compression,
    /// Where they go; `None` means the folder of the run.
    pub archive_folder: Option<PathBuf>,
}

/// A port of the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// On this machine; 0 lets the backend choose.
    pub host: u16,
    /// In the environment.
    pub inside: u16,
}

/// A file or folder of this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// On this machine, absolute.
    pub host: PathBuf,
    /// In the environment, absolute.
    pub target: String,
    /// Whether it can be changed there.
    pub writable: bool,
}

impl EnvironmentSettings {
    /// The shell lines that set the environment up for this mode: those for everybody, those for an evaluation, then those typed.
    #[must_use]
    pub fn setup_lines(&self, mode: Mode) -> Vec<String> {
        if self.setup_disabled {
            return vec![];
        }
        let evaluation: &[String] = if mode == Mode::Evaluation { &self.evaluation_commands } else { &[] };
        [&self.setup_commands, evaluation, &self.typed_setup_commands].concat()
    }

    /// The command line that starts the entry file `name` in this mode. `None` where that is nothing at all.
    #[must_use]
    pub fn entry_line(&self, name: &str, mode: Mode) -> Option<String> {
        let prefix = if mode == Mode::Agent { &self.agent_command } else { &self.command };
        let file = self.entry_file.replace("{entry_file}", name);
        let line = format!("{prefix} {file}").trim().to_owned();
        Some(line).filter(|_| !file.trim().is_empty())
    }
}

impl HostVariables {
    /// Whether they are all included, for a process with this profile.
    #[must_use]
    pub fn are_included(self, effective: Profile) -> bool {
        self != Self::LeftOut && effective == Profile::Own
    }
}

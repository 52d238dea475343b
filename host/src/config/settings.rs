//! What is meant: one run, checked, with nothing left to guess.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::OsString,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    ConfigError, Environment, EnvironmentSettings, NetworkChoice, RunOverrides, file::LoadedFile, find::project_file, resolve,
    show_duration, sources::Sources,
};
use crate::{
    names::{Bytes, RunId, RuntimeName},
    policy::{Grants, Narrowing, Profile},
    workspace::{Asset, GuestPath},
};

/// One run as it is meant. Every path is absolute, every text is checked.
///
/// Holds the values of variables, which may be secrets: it may be kept in the user's own state directory, and is not for the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSettings {
    /// Which run; made up where the user did not say.
    pub run_id: RunId,
    /// The caller's own name for the run, the same when the caller tries again; the run id where nothing was said.
    pub client_run_id: String,
    /// Where it runs.
    pub runtime: RuntimeChoice,
    /// What runs: program and arguments, `extra_arguments` included, and as it was typed where it was typed. Empty for a session alone.
    pub command: Vec<String>,
    /// The arguments that were appended to the command.
    pub extra_arguments: Vec<String>,
    /// When it is ended.
    pub deadline: Deadline,
    /// How long it may take to end after it was asked to, before it is ended by force.
    pub grace: Duration,
    /// How much output is kept; more is dropped and flagged.
    pub log_limit: Bytes,
    /// Where its standard input comes from.
    pub stdin: Stdin,
    /// What it sees of the machine. A stranger's plugin gets [`Profile::Strict`] whatever stands here.
    pub sandbox: Profile,
    /// What it reaches of the network where it is strict.
    #[serde(default)]
    pub network: NetworkChoice,
    /// Who the environment is for.
    pub mode: Mode,
    /// What is being launched, as the caller names it; may be empty.
    pub adapter: String,
    /// The kind of work; may be empty.
    pub task: String,
    /// The folder that the command runs in.
    pub workspace: PathBuf,
    /// The sources of what is launched.
    pub source: PathBuf,
    /// Where logs, metrics and artifacts go.
    pub output: PathBuf,
    /// Interpreter to launch with; `None` lets the plugin choose.
    pub interpreter: Option<GuestPath>,
    /// What to bring home; empty means everything in the output directory.
    pub artifacts: Vec<String>,
    /// What of it is marked for upload.
    pub commit: Vec<String>,
    /// The variables that the user gives to the command: those of the files, then those typed. Those of the host are not here.
    pub variables: BTreeMap<String, String>,
    /// The environment that the command runs in.
    pub environment: EnvironmentSettings,
    /// The files that were read, weakest first.
    pub files: Vec<PathBuf>,
    /// The folder of the strongest of them, or the current directory where there is none: what a project is.
    pub project: PathBuf,
    /// Which of the places of the run the user typed. The others were named by the project.
    pub typed_places: BTreeSet<Place>,
    /// The inputs of the run, by name. Not written down with the rest: a URL may be signed.
    #[serde(skip)]
    pub assets: BTreeMap<String, Asset>,
    /// What in the files was accepted and does nothing, with the name of the file.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What the files take from plugins, by name.
    #[serde(default)]
    pub(super) narrowings: BTreeMap<RuntimeName, Vec<Narrowing>>,
    /// What the files say to runtimes, by name.
    pub(super) parts: BTreeMap<RuntimeName, Map<String, Value>>,
    /// What was typed for the chosen runtime.
    pub(super) typed_part: Map<String, Value>,
}

/// A file or folder of this machine that a run names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Place {
    /// The folder that the command runs in.
    Workspace,
    /// Where results go.
    Output,
    /// What the command reads.
    Stdin,
}

/// Which runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RuntimeChoice {
    /// The one of this name.
    Named(RuntimeName),
    /// The plugin in this file.
    File(PathBuf),
}

/// When a command is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deadline {
    /// So long after its start.
    After(Duration),
    /// Not at all.
    Never,
}

/// Where standard input comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stdin {
    /// Nowhere: the command reads the end of file at once.
    Empty,
    /// From this program's own standard input.
    Own,
    /// From this file.
    File(PathBuf),
}

/// Who the environment is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// For a solver: no evaluation commands, and assets are copied into the workspace.
    Agent,
    /// For a check: evaluation commands run, and assets stay outside of the workspace.
    Evaluation,
}

impl RunSettings {
    /// What is meant by the built-in values, the `worldflux.toml` in `current_directory` or above, the `--spec` file and the command line;
    /// a later one wins. Reads files, changes nothing.
    pub fn resolve(overrides: &RunOverrides, environment: &Environment, current_directory: &Path) -> Result<Self, ConfigError> {
        Self::resolve_with(overrides, environment, current_directory, resolve::run_settings)
    }

    /// The same for a session, which is told its commands later: there is none in the settings, and one that a file names is not used.
    pub fn resolve_session(overrides: &RunOverrides, environment: &Environment, current_directory: &Path) -> Result<Self, ConfigError> {
        Self::resolve_with(overrides, environment, current_directory, resolve::session_settings)
    }

    fn resolve_with(
        overrides: &RunOverrides,
        environment: &Environment,
        current_directory: &Path,
        resolve: impl FnOnce(&Sources<'_>) -> Result<Self, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let mut paths: Vec<_> = project_file(current_directory)?.into_iter().collect();
        if let Some(spec) = overrides.spec.as_ref().map(|spec| current_directory.join(spec)) {
            // The same file twice would be harmless for values, and would name it twice in the manifest.
            paths.retain(|path| path.canonicalize().ok() != spec.canonicalize().ok());
            paths.push(spec);
        }
        let files = paths.iter().map(|path| LoadedFile::read(path)).collect::<Result<Vec<_>, _>>()?;
        resolve(&Sources { overrides, files: &files, environment, current_directory })
    }

    /// Work in this folder, with the sources there too unless they were somewhere else than the workspace before. Answers where the
    /// workspace was.
    pub fn work_in(&mut self, folder: PathBuf) -> PathBuf {
        if self.source == self.workspace {
            self.source.clone_from(&folder);
        }
        std::mem::replace(&mut self.workspace, folder)
    }

    /// The runtime's own settings: what the files say to `runtime`, then what was typed with `--set`.
    #[must_use]
    pub fn settings_of(&self, runtime: &RuntimeName) -> Value {
        let mut settings = self.parts.get(runtime).cloned().unwrap_or_default();
        overlay(&mut settings, self.typed_part.clone());
        Value::Object(settings)
    }

    /// What the files leave of the grants of a plugin: never more than there was.
    #[must_use]
    pub fn narrowed(&self, plugin: &RuntimeName, grants: &Grants) -> Grants {
        let narrowings = self.narrowings.get(plugin).into_iter().flatten();
        narrowings.fold(grants.clone(), |grants, narrowing| grants.narrowed(narrowing))
    }

    /// All variables of the user's command on this machine: those of the host, all of them or only the basic ones, then the user's own.
    #[must_use]
    pub fn command_variables(&self, environment: &Environment, effective: Profile) -> BTreeMap<OsString, OsString> {
        let included = self.environment.host_variables.are_included(effective);
        let mut variables = if included { environment.all().clone() } else { environment.base(effective) };
        variables.extend(self.variables.iter().map(|(name, value)| (name.into(), value.into())));
        variables
    }
}

impl Deadline {
    /// The time from the start of the command, if there is a limit.
    #[must_use]
    pub const fn duration(self) -> Option<Duration> {
        match self {
            Self::After(duration) => Some(duration),
            Self::Never => None,
        }
    }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.duration().map_or_else(|| "none".to_owned(), show_duration))
    }
}

impl fmt::Display for RuntimeChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => name.fmt(f),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// Put `upper` over `lower`: tables merge, anything else is replaced.
pub(super) fn overlay(lower: &mut Map<String, Value>, upper: Map<String, Value>) {
    for (key, value) in upper {
        match (lower.get_mut(&key), value) {
            (Some(Value::Object(lower)), Value::Object(upper)) => overlay(lower, upper),
            (_, value) => {
                lower.insert(key, value);
            }
        }
    }
}

//! Where everything is.
//!
//! ```text
//! <state directory>/            0700, owned by the user
//!   state.db                    SQLite: runs, executions, environments, descriptions (also state.db-wal, state.db-shm)
//!   key                         32 bytes, 0600: authenticates the compiled-code cache
//!   cache/                      compiled code; every file of it can be made again
//!   plugins/<64 hex digits>/    one folder for each added component, by its digest, with a copy of its bytes: plugin.wasm
//!   plugin-state/<name>/        what a plugin sees as /state
//!   snapshots/                  what workspaces held, by content
//!   environments/<id>/          locked as a folder: shared while used, exclusive while built or removed
//!     tree/                     what a plugin sees as /env
//!   runs/<run id>/
//!     lock                      locked by the host that leads the run, for as long as it does
//!     assets/                   inputs that lie beside the workspace, while the run goes on
//!     control                   FIFO: one byte asks the run to stop
//!     record.jsonl              every host call, in a hash chain
//!     manifest.json             what came of it
//!     snapshots.json            which snapshots are of its workspace
//!     workspace/                the workspace of a session that has its own, while it goes on
//!     archives/                 what a session exported, while it goes on
//!     logs/                     logs of setup and of the command
//!     output/                   the output directory, unless the user chose another
//! ```

use std::path::{Path, PathBuf};

use super::environment::EnvironmentId;
use crate::names::{Digest, RunId, RuntimeName};

/// The paths of one state directory. Makes none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The layout below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The state directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The database.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.root.join("state.db")
    }

    /// The key of the compiled-code cache.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.root.join("key")
    }

    /// Compiled code.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.root.join("cache")
    }

    /// Added components.
    #[must_use]
    pub fn plugins(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// One added component.
    #[must_use]
    pub fn plugin(&self, digest: &Digest) -> PathBuf {
        self.plugins().join(digest.hex())
    }

    /// The copy of one added component.
    #[must_use]
    pub fn component(&self, digest: &Digest) -> PathBuf {
        self.plugin(digest).join("plugin.wasm")
    }

    /// What a plugin keeps across runs.
    #[must_use]
    pub fn plugin_state(&self, name: &RuntimeName) -> PathBuf {
        self.root.join("plugin-state").join(name.as_str())
    }

    /// All environments.
    #[must_use]
    pub fn environments(&self) -> PathBuf {
        self.root.join("environments")
    }

    /// The folder that is locked for one environment.
    #[must_use]
    pub fn environment(&self, id: &EnvironmentId) -> PathBuf {
        self.environments().join(id.as_str())
    }

    /// What a plugin sees of one environment.
    #[must_use]
    pub fn environment_tree(&self, id: &EnvironmentId) -> PathBuf {
        self.environment(id).join("tree")
    }

    /// What workspaces held.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.root.join("snapshots")
    }

    /// Which snapshots are of the workspace of one run.
    #[must_use]
    pub fn snapshots_of(&self, run: &RunId) -> PathBuf {
        self.run(run).join("snapshots.json")
    }

    /// All runs.
    #[must_use]
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// Files that were fetched for runs, each named by its digest.
    #[must_use]
    pub fn assets(&self) -> PathBuf {
        self.root.join("assets")
    }

    /// The assets of one run, for as long as it goes on.
    #[must_use]
    pub fn assets_of(&self, run: &RunId) -> PathBuf {
        self.run(run).join("assets")
    }

    /// The workspace of a session that has its own, for as long as it goes on.
    #[must_use]
    pub fn workspace_of(&self, run: &RunId) -> PathBuf {
        self.run(run).join("workspace")
    }

    /// What a session exported, for as long as it goes on.
    #[must_use]
    pub fn archives_of(&self, run: &RunId) -> PathBuf {
        self.run(run).join("archives")
    }

    /// The folder of one run.
    #[must_use]
    pub fn run(&self, run: &RunId) -> PathBuf {
        self.runs().join(run.as_str())
    }

    /// The record of one run.
    #[must_use]
    pub fn record(&self, run: &RunId) -> PathBuf {
        self.run(run).join("record.jsonl")
    }

    /// The manifest of one run.
    #[must_use]
    pub fn manifest(&self, run: &RunId) -> PathBuf {
        self.run(run).join("manifest.json")
    }

    /// The logs of one run.
    #[must_use]
    pub fn logs(&self, run: &RunId) -> PathBuf {
        self.run(run).join("logs")
    }

    /// The output directory of a run whose user chose none.
    #[must_use]
    pub fn output(&self, run: &RunId) -> PathBuf {
        self.run(run).join("output")
    }

    /// The lock of the host that leads the run.
    #[must_use]
    pub fn lock(&self, run: &RunId) -> PathBuf {
        self.run(run).join("lock")
    }

    /// The FIFO by which a run is asked to stop.
    #[must_use]
    pub fn control(&self, run: &RunId) -> PathBuf {
        self.run(run).join("control")
    }
}

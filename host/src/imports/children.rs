//! The processes of one run, by their handles.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    names::{Cause, Failure, ProcessHandle},
    policy::{Permit, StartProcess},
    sandbox::{Child, Launcher, SpawnError, StartOptions},
};

/// Processes that one run may start.
///
/// Stops a plugin from starting programs in a loop, each of them allowed; at the limit every further start fails with `quota`.
const STARTS: u64 = 1_000;

/// The processes that the host started for one run and owns. Dropping it ends those that are left.
pub struct Children {
    launcher: Launcher,
    started: AtomicU64,
    table: Mutex<BTreeMap<ProcessHandle, Arc<Child>>>,
}

impl Children {
    /// No processes yet.
    #[must_use]
    pub const fn new(launcher: Launcher) -> Self {
        Self { launcher, started: AtomicU64::new(0), table: Mutex::new(BTreeMap::new()) }
    }

    /// Start a process that is not kept in the table: whoever started it waits for it.
    pub async fn start(&self, permit: Permit<StartProcess>, options: StartOptions) -> Result<Child, Failure> {
        self.number()?;
        self.launcher.start(permit, options).await.map_err(|error| spawn_failure(&error))
    }

    /// Start a process that outlives the call that started it.
    pub(super) async fn launch(&self, permit: Permit<StartProcess>, options: StartOptions) -> Result<ProcessHandle, Failure> {
        let handle = ProcessHandle::numbered(self.number()?);
        let child = self.launcher.start(permit, options).await.map_err(|error| spawn_failure(&error))?;
        self.table.lock().unwrap_or_else(PoisonError::into_inner).insert(handle.clone(), Arc::new(child));
        Ok(handle)
    }

    /// The process behind a handle of this run.
    #[must_use]
    pub fn get(&self, handle: &ProcessHandle) -> Option<Arc<Child>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).get(handle).cloned()
    }

    /// End what is left, by force.
    pub fn kill_all(&self) {
        for child in self.table.lock().unwrap_or_else(PoisonError::into_inner).values() {
            child.kill();
        }
    }

    fn number(&self) -> Result<u64, Failure> {
        let number = self.started.fetch_add(1, Ordering::Relaxed) + 1;
        if number <= STARTS {
            return Ok(number);
        }
        Err(Failure::new(Cause::Quota, format!("this run started {STARTS} processes already")))
    }
}

/// A start that did not happen, as a plugin is told.
fn spawn_failure(error: &SpawnError) -> Failure {
    let cause = match error {
        SpawnError::NotFound { .. } => Cause::NotFound,
        SpawnError::NotExecutable { file } => Cause::Invalid {
            field: "program".into(),
            value: file.to_string_lossy().chars().take(200).collect(),
            expected: "a file with execute permission".into(),
        },
        SpawnError::WorkingDirectory { directory, .. } => Cause::Invalid {
            field: "working-directory".into(),
            value: directory.to_string_lossy().chars().take(200).collect(),
            expected: "a folder that can be entered".into(),
        },
        SpawnError::Invalid { what, reason } => {
            Cause::Invalid { field: "command".into(), value: what.clone(), expected: format!("a value that can be given: {reason}") }
        }
        SpawnError::TooLong { .. } => Cause::Quota,
        SpawnError::SandboxUnavailable { .. }
        | SpawnError::View { .. }
        | SpawnError::OutsideView { .. }
        | SpawnError::Execute { .. }
        | SpawnError::Supervisor { .. } => Cause::Other,
    };
    Failure { cause, message: error.to_string(), repeatable: true, hint: error.hint() }
}

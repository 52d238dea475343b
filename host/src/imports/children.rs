//! The processes of one run, by their handles.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::time::timeout;

use super::{
    call::CommandLaunch,
    network::{Outlet, Proxies},
    usage::{Alive, Usage},
};
use crate::{
    names::{Cause, Failure, ProcessHandle},
    policy::{Limits, Permit, StartProcess},
    sandbox::{Child, Exit, Launcher, SpawnError, StartOptions},
};

/// Longest time that processes which were killed are waited for.
const END: Duration = Duration::from_secs(5);

/// The processes that outlive the call that started them.
type Table = BTreeMap<ProcessHandle, Launched>;

struct Launched {
    child: Arc<Child>,
    /// Its right to live, while it does.
    alive: Option<Alive>,
    /// The start that it is part of. Until that is over, its plugin may name it, however soon it ended.
    start: Weak<CommandLaunch>,
}

/// The processes that the host started for one run and owns, and what the run has used up. Dropping it ends those that are left.
pub struct Children {
    launcher: Launcher,
    usage: Arc<Usage>,
    started: AtomicU64,
    table: Mutex<Table>,
    proxies: Proxies,
}

/// A process that somebody waits for. It counts as alive until this is dropped.
pub struct Running {
    child: Child,
    _alive: Alive,
}

impl Running {
    /// Wait until it has ended and nothing of its tree is left.
    pub async fn wait(&self) -> Exit {
        self.child.wait().await
    }
}

impl Children {
    /// No processes yet, and the limits of every plugin.
    #[must_use]
    pub fn new(launcher: Launcher) -> Self {
        Self::within(launcher, Limits::default())
    }

    /// No processes yet, and these limits.
    #[must_use]
    pub fn within(launcher: Launcher, limits: Limits) -> Self {
        let usage = Arc::new(Usage::new(limits));
        Self { launcher, usage, started: AtomicU64::new(0), table: Mutex::default(), proxies: Proxies::default() }
    }

    /// What the run has used up.
    #[must_use]
    pub const fn usage(&self) -> &Arc<Usage> {
        &self.usage
    }

    /// Start a process that is not kept in the table: whoever started it waits for it.
    pub(super) async fn start(&self, permit: Permit<StartProcess>, options: StartOptions, outlet: &Outlet) -> Result<Running, Failure> {
        let alive = self.admit()?;
        let child = self.spawn(permit, options, outlet).await?;
        Ok(Running { child, _alive: alive })
    }

    /// Start a process that outlives the call that started it; `start` is the command that this call is to start, if it is one for that.
    pub(super) async fn launch(
        &self,
        permit: Permit<StartProcess>,
        options: StartOptions,
        outlet: &Outlet,
        start: Option<&Arc<CommandLaunch>>,
    ) -> Result<ProcessHandle, Failure> {
        let alive = Some(self.admit()?);
        let handle = ProcessHandle::numbered(self.started.fetch_add(1, Ordering::Relaxed) + 1);
        let child = Arc::new(self.spawn(permit, options, outlet).await?);
        self.table().insert(handle.clone(), Launched { child, alive, start: start.map(Arc::downgrade).unwrap_or_default() });
        Ok(handle)
    }

    /// The process behind a handle of this run.
    #[must_use]
    pub fn get(&self, handle: &ProcessHandle) -> Option<Arc<Child>> {
        self.table().get(handle).map(|launched| launched.child.clone())
    }

    /// Forget those that have ended and that nobody holds or can still ask for.
    pub fn forget_ended(&self) {
        self.table()
            .retain(|_, Launched { child, start, .. }| Arc::strong_count(child) > 1 || start.strong_count() > 0 || child.exit().is_none());
    }

    /// End what is left, by force, and wait until it is over.
    pub async fn end_all(&self) {
        let left: Vec<_> = self.table().values().map(|launched| launched.child.clone()).collect();
        for child in &left {
            child.kill();
        }
        // Longer takes only what the kernel does not let go.
        let _ = timeout(END, join_all(left.iter().map(|child| child.wait()))).await;
    }

    /// Wait until nothing more is written down about children that have ended.
    pub async fn settle(&self) {
        self.proxies.settle().await;
    }

    /// Start a process, and serve the way out of its network where it has one.
    async fn spawn(&self, permit: Permit<StartProcess>, mut options: StartOptions, outlet: &Outlet) -> Result<Child, Failure> {
        let proxy = outlet.open(&permit, &mut options)?;
        let child = self.launcher.start(permit, options).await.map_err(|error| spawn_failure(&error))?;
        if let Some(proxy) = proxy {
            self.proxies.serve(proxy, &child);
        }
        Ok(child)
    }

    /// The right to start one more.
    fn admit(&self) -> Result<Alive, Failure> {
        // Those that have ended make room; nobody told them to.
        for Launched { child, alive, .. } in self.table().values_mut() {
            if alive.is_some() && child.exit().is_some() {
                *alive = None;
            }
        }
        self.usage.start()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
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
        SpawnError::SandboxUnavailable { program, needed, have, why, fix } => Cause::Denied {
            action: format!("start program `{program}`"),
            rule: format!("it has to be confined at level `{needed}`, and this machine has proven `{have}`: {why}"),
            cure: fix.clone(),
        },
        SpawnError::NoNetwork { program, have, fix } => Cause::Denied {
            action: format!("start program `{program}` with a network"),
            rule: format!("the sandbox level `{have}` of this machine shuts out every network"),
            cure: fix.clone(),
        },
        SpawnError::Changed { program, file, cure, .. } => Cause::Denied {
            action: format!("start program `{program}`"),
            rule: format!("`{}` is not what it was when it was granted", file.display()),
            cure: cure.clone(),
        },
        SpawnError::View { .. }
        | SpawnError::Writable { .. }
        | SpawnError::OutsideView { .. }
        | SpawnError::Execute { .. }
        | SpawnError::Supervisor { .. } => Cause::Other,
    };
    Failure { cause, message: error.to_string(), repeatable: true, hint: error.hint() }
}

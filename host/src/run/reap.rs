//! Cleaning up after hosts that died: their runs are told truthfully, and what they built is released.

use std::{collections::BTreeSet, sync::Arc};

use serde::Serialize;

use super::{error::RunError, host::Host, prepare, resolve::Resolved};
use crate::{
    engine::Question,
    imports::{Call, Folders},
    names::{Export, RunId},
    policy::Folder,
    store::{EnvironmentRelease, EnvironmentState, ExecutionState, Manifest, ReasonCode, RunRow, RunStatus, Snapshots},
    workspace::Root,
};

/// What was found and done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Reaped {
    /// Runs whose host had died, with what became of them.
    pub runs: Vec<(RunId, RunStatus)>,
    /// Environments that were released.
    pub released: Vec<String>,
    /// Snapshots of workspaces that belong to no run.
    pub snapshots: usize,
    /// What could not be done, and why. It stays as it is and can be tried again.
    pub problems: Vec<String>,
}

/// What became of environments that were to be removed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Removed.
    pub released: Vec<String>,
    /// Some run uses them.
    pub in_use: Vec<String>,
    /// What could not be done, and why.
    pub problems: Vec<String>,
}

impl Host {
    /// Tell the runs of dead hosts, without calling a plugin: cheap enough for the beginning of every command.
    pub fn settle(&self) -> Result<Reaped, RunError> {
        let mut reaped = Reaped::default();
        for row in self.state.abandoned_runs()? {
            // Somebody else may be just as quick: whoever gets the lock settles.
            let Ok(_lock) = self.state.lock_run(&row.id) else { continue };
            // And its own host may have ended it meanwhile.
            if self.state.run(&row.id)?.status.is_final() {
                continue;
            }
            match self.settle_run(&row) {
                Ok(status) => reaped.runs.push((row.id, status)),
                Err(error) => reaped.problems.push(format!("run `{}`: {error}", row.id)),
            }
        }
        Ok(reaped)
    }

    /// [`Host::settle`], then release what dead hosts had built.
    pub async fn reap(self: &Arc<Self>) -> Result<Reaped, RunError> {
        let mut reaped = self.settle()?;
        self.state.remove_leftover_environments()?;
        for row in self.state.environments()? {
            let left_over = row.reuse_key.is_none() || row.state != EnvironmentState::Ready;
            if !left_over {
                continue;
            }
            let what = format!("environment `{}` of run `{}`", row.id, row.made_by);
            match self.state.take_environment(&row.id) {
                Ok(Some(release)) => match self.release_left_over(release).await {
                    Ok(()) => reaped.released.push(row.id.to_string()),
                    Err(why) => reaped.problems.push(format!("{what}: {why}")),
                },
                // It is in use.
                Ok(None) => {}
                Err(error) => reaped.problems.push(format!("{what}: {error}")),
            }
        }
        match self.prune_snapshots() {
            Ok(pruned) => reaped.snapshots = pruned,
            Err(error) => reaped.problems.push(format!("snapshots: {error}")),
        }
        Ok(reaped)
    }

    /// Remove environments that no run uses: those named, or all. Each is released by its plugin first; where that fails it stays.
    pub async fn prune(self: &Arc<Self>, wanted: &[String]) -> Result<Pruned, RunError> {
        let mut pruned = Pruned::default();
        let rows = self.state.environments()?;
        for name in wanted {
            if !rows.iter().any(|row| row.id.as_str() == name) {
                pruned.problems.push(format!("there is no environment `{name}`"));
            }
        }
        for row in rows.into_iter().filter(|row| wanted.is_empty() || wanted.iter().any(|name| row.id.as_str() == name)) {
            let id = row.id.to_string();
            match self.state.take_environment(&row.id) {
                Ok(Some(release)) => match self.release_left_over(release).await {
                    Ok(()) => pruned.released.push(id),
                    Err(why) => pruned.problems.push(format!("environment `{id}`: {why}")),
                },
                Ok(None) => pruned.in_use.push(id),
                Err(error) => pruned.problems.push(format!("environment `{id}`: {error}")),
            }
        }
        Ok(pruned)
    }

    /// What became of a run whose host is gone. Its processes are gone too: their supervisor ends them when the host dies.
    fn settle_run(&self, row: &RunRow) -> Result<RunStatus, RunError> {
        // Perhaps a secret among them. What cannot be removed is no reason not to settle the rest.
        let _ = self.remove_assets(&row.id);
        self.remove_what_was_for_a_session(&row.id);
        let layout = self.state.layout();
        // The host got as far as the manifest and was killed before it could say so.
        if let Ok(manifest) = Manifest::read(&layout.manifest(&row.id)) {
            self.state.finish_run(&row.id, manifest.status, manifest.reason.code, &manifest.reason.message)?;
            return Ok(manifest.status);
        }
        let executions = self.state.executions(&row.id)?;
        // A handle that is none of the host's own processes is something elsewhere, and may go on.
        let elsewhere = executions.iter().any(|execution| {
            let own = execution.handle.as_ref().is_some_and(|handle| handle.parse::<crate::names::ProcessHandle>().is_ok());
            execution.state != ExecutionState::Ended && execution.handle.is_some() && !own
        });
        let step = &row.step;
        let (status, message) = if elsewhere {
            (RunStatus::Unknown, format!("the host died at step `{step}`; what runs elsewhere may go on"))
        } else {
            (RunStatus::Interrupted, format!("the host died at step `{step}`; nothing of the run is left on this machine"))
        };
        self.state.finish_run(&row.id, status, ReasonCode::HostLost, &message)?;
        Ok(status)
    }

    /// The workspace and the archives of a session that had its own, and the snapshots that it could go back to.
    fn remove_what_was_for_a_session(&self, run: &RunId) {
        let layout = self.state.layout();
        for path in [layout.workspace_of(run), layout.archives_of(run)] {
            // A link there is none of ours, and is not followed.
            if let Ok(root) = Root::open(&path)
                && root.empty().is_empty()
            {
                let _ = std::fs::remove_dir(&path);
            }
        }
        if let Ok(snapshots) = self.state.snapshots(run)
            && !snapshots.passing.is_empty()
        {
            let _ = self.state.keep_snapshots(run, &Snapshots { passing: BTreeSet::new(), ..snapshots });
        }
    }

    async fn release_left_over(self: &Arc<Self>, release: EnvironmentRelease) -> Result<(), String> {
        let row = release.row().clone();
        if let Some(question) = prepare::kept_question(self, &row.made_by) {
            self.tear_down(&question, &release).await?;
        } else if row.handle.is_some() {
            return Err("the context of its run is gone, so its plugin cannot be asked to release it".into());
        }
        release.remove(&self.state).map_err(|error| error.to_string())
    }

    /// Call `teardown` of the very component that built it.
    pub(super) async fn tear_down(self: &Arc<Self>, question: &Question, release: &EnvironmentRelease) -> Result<(), String> {
        let row = release.row();
        let resolved: Resolved =
            self.resolve_for(&question.settings).await.map_err(|error| format!("its plugin cannot be used: {error}"))?;
        if resolved.file.digest != row.plugin_digest {
            let (now, then) = (resolved.file.digest.short(), row.plugin_digest.short());
            return Err(format!("its plugin `{}` is now {now} and was {then}", question.runtime));
        }
        let engine = self.engine().await.map_err(|error| error.to_string())?;
        // Where the folder is gone, the plugin still has what lies elsewhere to release.
        let state = self.state.plugin_state_folder(&question.runtime).map_err(|error| error.to_string())?;
        let folders = Folders::open([(Folder::Env, row.folder.clone()), (Folder::State, state.clone())]);
        let folders = folders.or_else(|_| Folders::open([(Folder::State, state)])).unwrap_or_default();
        let call = self.call_outside_of_a_run(Export::Teardown, &resolved.rights).map_err(|error| error.to_string())?;
        let secrets = Arc::new(self.hold(&resolved.rights).await.map_err(|error| error.to_string())?);
        let call = Call { folders: Arc::new(folders), secrets, ..call };
        let answer = engine.teardown(&resolved.plugin, call, question, row.handle.as_deref()).await;
        answer.map(|_| ()).map_err(|error| error.to_string())
    }
}

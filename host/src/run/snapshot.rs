//! What the workspace held before the command and after it.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use super::{assets::is_copied, cancel::Cancel, error::RunError, host::Host, story::Story, verdict::Verdict};
use crate::{
    names::{Digest, RunId},
    policy::Folder,
    store::{ReasonCode, RunStatus, Snapshots},
    workspace::{Diff, Objects, RelativePath, Root, Selection, Tree, Version, WorkspaceError},
};

/// Two snapshots that can be compared.
#[derive(Debug)]
pub struct Compared {
    objects: Objects,
    old: Tree,
    new: Tree,
}

impl Compared {
    /// What changed from the one to the other.
    pub fn diff(&self) -> Result<Diff<'_>, WorkspaceError> {
        Diff::between(Version::kept(&self.old, &self.objects), Version::kept(&self.new, &self.objects))
    }
}

impl Host {
    /// What run `first` changed in its workspace; or, with a second run, what is different between the workspaces that the two left.
    pub fn compare(&self, first: &RunId, second: Option<&RunId>) -> Result<Compared, RunError> {
        let of = |run: &RunId, when: &'static str| -> Result<Digest, RunError> {
            let Snapshots { before, after, .. } = self.state.snapshots(run)?;
            let found = if when == "before" { before } else { after };
            found.ok_or_else(|| RunError::NoSnapshot { run: run.clone(), when })
        };
        let (old, new) = match second {
            None => (of(first, "before")?, of(first, "after")?),
            Some(second) => (of(first, "after")?, of(second, "after")?),
        };
        let objects = self.objects()?;
        Ok(Compared { old: objects.snapshot(&old)?.tree, new: objects.snapshot(&new)?.tree, objects })
    }

    /// Remove the snapshots that are of no run; tells how many. None while another run takes one: the next time will do.
    pub(super) fn prune_snapshots(&self) -> Result<usize, RunError> {
        if !self.state.layout().snapshots().exists() {
            return Ok(0);
        }
        let mut failed = None;
        let wanted = || {
            self.state.wanted_snapshots().map_err(|error| {
                failed = Some(error);
                // Nothing is removed when it is not known what is wanted.
                WorkspaceError::Busy { root: self.state.layout().snapshots() }
            })
        };
        let pruned = self.objects()?.prune(wanted);
        match (pruned, failed) {
            (_, Some(error)) => Err(error.into()),
            (Ok(pruned), None) => Ok(pruned.snapshots),
            (Err(WorkspaceError::Busy { .. }), None) => Ok(0),
            (Err(error), None) => Err(error.into()),
        }
    }

    pub(super) fn objects(&self) -> Result<Objects, RunError> {
        Ok(Objects::open(Root::open(&self.state.snapshot_folder()?)?)?)
    }

    /// Take a snapshot and write down whose it is, before anybody could remove it.
    fn take_snapshot(&self, run: &RunId, workspace: &Root, selection: &Selection, known: Snapshots) -> Result<Snapshots, RunError> {
        let objects = self.objects()?;
        let writer = objects.writer()?;
        let digest = Some(writer.take(workspace, selection)?.snapshot.digest);
        let known = if known.before.is_none() { Snapshots { before: digest, ..known } } else { Snapshots { after: digest, ..known } };
        self.state.keep_snapshots(run, &known)?;
        Ok(known)
    }
}

impl Story {
    /// Remember the workspace as it is before anything happens in it, if the user wants to know what the run changes.
    pub(super) async fn snapshot_before(&mut self) -> Result<(), Verdict> {
        if !self.question.settings.environment.snapshot.enabled {
            return Ok(());
        }
        let mut cancelled = self.cancelled.clone();
        let taken = tokio::select! {
            taken = self.take_snapshot(self.snapshots.clone().unwrap_or_default()) => taken,
            _ = cancelled.at_least(Cancel::Stop) => return Err(Verdict::cancelled()),
        };
        match taken {
            Ok(snapshots) => {
                self.snapshots = Some(snapshots);
                Ok(())
            }
            Err(error) => {
                let message = format!("the workspace cannot be remembered: {error}");
                let (status, code) = match &error {
                    RunError::Folder(WorkspaceError::TooMany { .. } | WorkspaceError::Pattern { .. }) => {
                        (RunStatus::Blocked, ReasonCode::Invalid)
                    }
                    _ => (RunStatus::Failed, ReasonCode::HostFault),
                };
                Err(Verdict::new(status, code, message).with_next_action(error.hint().unwrap_or_default()))
            }
        }
    }

    /// The same once the command has ended, however it ended.
    pub(super) async fn snapshot_after(&mut self, verdict: Verdict) -> Verdict {
        let Some(before) = self.snapshots.clone().filter(|snapshots| snapshots.before.is_some()) else { return verdict };
        let mut cancelled = self.cancelled.clone();
        let taken = tokio::select! {
            taken = self.take_snapshot(before) => taken,
            _ = cancelled.at_least(Cancel::Kill) => return verdict,
        };
        match taken {
            Ok(snapshots) => {
                self.snapshots = Some(snapshots);
                verdict
            }
            Err(error) => {
                let message = format!("the workspace that the command left cannot be remembered: {error}");
                self.note(message.clone()).await;
                verdict.or_incomplete(ReasonCode::HostFault, message).with_hint_of(&error.hint().unwrap_or_default())
            }
        }
    }

    async fn take_snapshot(&self, known: Snapshots) -> Result<Snapshots, RunError> {
        let Some(workspace) = self.folders.root(Folder::Workspace) else { return Ok(known) };
        // The folder that is held open, not what stands at its path by now.
        let workspace = Root::open(&workspace.pinned())?;
        let (selection, host, run) =
            (self.selection(&self.question.settings.workspace, false)?, Arc::clone(&self.host), self.question.settings.run_id.clone());
        let work = tokio::task::spawn_blocking(move || host.take_snapshot(&run, &workspace, &selection, known));
        match work.await {
            Ok(taken) => taken,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(error) => Err(RunError::Output { path: "the snapshot".into(), cause: std::io::Error::other(error) }),
            },
        }
    }

    /// What the user wants to know of in `folder`, less the results of this run and of others; and less the assets that lie there, where those
    /// are nobody's work.
    pub(super) fn selection(&self, folder: &Path, less_assets: bool) -> Result<Selection, RunError> {
        let settings = &self.question.settings;
        let rules = &settings.environment.snapshot;
        let mut outputs = self.host.state.output_dirs()?;
        outputs.insert(settings.output.clone());
        let inside = outputs.iter().filter_map(|output| {
            let path = output.strip_prefix(folder).ok()?;
            RelativePath::from_os(path.as_os_str()).ok()
        });
        let assets = settings.assets.values().filter(|asset| less_assets && is_copied(asset, settings.mode));
        let without = inside.chain(assets.map(|asset| asset.save_path.clone()));
        let selection = Selection::new(&rules.keep, &rules.ignore)?.without(without.collect::<BTreeSet<_>>());
        Ok(if rules.gitignore { selection.with_gitignore() } else { selection })
    }
}

//! The way home: nothing that the run started or made is left, but an environment that is kept for the next run.

use super::{build::Claim, story::Story, verdict::Verdict};
use crate::{
    names::Export,
    store::{EnvironmentRelease, ReasonCode},
};

impl Story {
    /// End what is left of the run's processes, and release the environment unless it carries a reuse key and works.
    pub(super) async fn teardown(&mut self, verdict: Verdict) -> Verdict {
        self.children.end_all().await;
        let state = &self.host.state;
        let (release, metadata) = match std::mem::replace(&mut self.claim, Claim::None) {
            Claim::None => return verdict,
            Claim::Building(build) => {
                let row = build.row().clone();
                (build.release(state).map(Some), (row, false))
            }
            Claim::Using { environment, reused } => {
                let row = environment.row().clone();
                let works = self.environment.is_some();
                let release = match row.reuse_key {
                    Some(_) if works => environment.leave(state).map(|()| None),
                    // It was kept for this run and does not work any more: the next one builds it again.
                    Some(_) => environment.mark_broken(state).map(|()| None),
                    None => environment.release(state),
                };
                (release, (row, reused))
            }
        };
        self.environment_used = Some(metadata);
        match release {
            Ok(None) => verdict,
            Ok(Some(release)) => self.release(release, verdict).await,
            Err(error) => verdict.or_incomplete(ReasonCode::TeardownFailed, error.to_string()),
        }
    }

    /// Remove the workspace that was made for this alone.
    pub(super) async fn remove_workspace(&mut self, verdict: Verdict) -> Verdict {
        let Some(mut workspace) = self.own_workspace.take() else { return verdict };
        // It may be a large one, and other tasks go on meanwhile.
        let removing = tokio::task::spawn_blocking(move || workspace.cleanup().left).await;
        let Some(left) = removing.ok().and_then(|left| left.into_iter().next()) else { return verdict };
        let message = format!("`{}` of the workspace is still there: {}", left.path.escape_debug(), left.why);
        self.note(message.clone()).await;
        verdict.or_incomplete(ReasonCode::TeardownFailed, message)
    }

    async fn release(&mut self, release: EnvironmentRelease, verdict: Verdict) -> Verdict {
        let handle = self.environment.clone().or_else(|| release.row().handle.clone());
        let call = self.call(Export::Teardown);
        let answer = self.engine.teardown(&self.resolved.plugin, call, &self.question, handle.as_deref()).await;
        if let Err(error) = answer {
            // The row stays, in state `releasing`: `worldflux reap` tries again.
            let failed = Verdict::of_call(&error, Export::Teardown);
            let message = format!("something may be left behind: {}", failed.message);
            self.note(message.clone()).await;
            return verdict.or_incomplete(ReasonCode::TeardownFailed, message);
        }
        match release.remove(&self.host.state) {
            Ok(()) => verdict,
            Err(error) => verdict.or_incomplete(ReasonCode::TeardownFailed, error.to_string()),
        }
    }
}

//! Bringing home what a command left: every file is opened beneath its folder, measured and hashed by the host itself.

use std::{collections::BTreeSet, path::PathBuf};

use super::{event::Event, secrets::hide, story::Story, verdict::Verdict};
use crate::{
    engine::{Artifact, Outcome},
    names::{Bytes, Export},
    policy::Folder,
    store::{self, ReasonCode},
    workspace::{CopiedFile, RelativePath, WorkspaceError},
};

/// Bytes of one artifact. Stops a sparse file of a terabyte from being read to its end.
const MOST: Bytes = Bytes::gibi(256);

/// Where artifacts that lie elsewhere go, in the output directory.
const ARTIFACTS: &str = "artifacts";

impl Story {
    /// Ask the plugin what there is, and take it. What cannot be taken makes a success incomplete; the rest is kept.
    pub(super) async fn collect(&mut self, verdict: Verdict) -> Verdict {
        let (Some(handle), Some(ending)) = (self.ledger.command(), self.ledger.ending()) else { return verdict };
        let environment = self.environment.clone().unwrap_or_default();
        let call = self.call(Export::Collect);
        let outcome = self.engine.collect(&self.resolved.plugin, call, &self.question, &environment, &handle, &ending).await;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => {
                let failed = Verdict::of_call(&error, Export::Collect);
                self.note(failed.message.clone()).await;
                return verdict.or_incomplete(failed.code, failed.message).with_hint_of(&failed.next_action);
            }
        };
        let verdict = self.take_artifacts(&outcome, verdict).await;
        let verdict = self.miss(&outcome, verdict).await;
        self.outcome = Some(outcome);
        verdict
    }

    async fn take_artifacts(&mut self, outcome: &Outcome, mut verdict: Verdict) -> Verdict {
        let output_dirs = self.host.state.output_dirs().unwrap_or_default();
        for artifact in &outcome.artifacts {
            if self.is_result_of_a_run(artifact, &output_dirs) {
                continue;
            }
            match self.take(artifact) {
                Ok(taken) => self.artifacts.push(taken),
                Err(error) => {
                    let message = format!("artifact `{}` was not taken: {error}", artifact.name.escape_debug());
                    self.note(message.clone()).await;
                    verdict = verdict.or_incomplete(ReasonCode::ArtifactRefused, message);
                }
            }
        }
        verdict
    }

    /// Output directories inside the workspace, as they are by default, hold results: of this run, which are found there anyway, and of
    /// earlier ones, which are not results of this one unless they are named letter by letter.
    fn is_result_of_a_run(&self, artifact: &Artifact, output_dirs: &BTreeSet<PathBuf>) -> bool {
        let settings = &self.question.settings;
        let Some(path) = artifact.path.inside().filter(|_| artifact.path.folder() == Folder::Workspace) else { return false };
        let place = settings.workspace.join(path.as_path());
        let named = path.as_text().is_some_and(|text| settings.artifacts.iter().any(|pattern| pattern == text));
        place.starts_with(&settings.output) || (!named && place.ancestors().any(|folder| output_dirs.contains(folder)))
    }

    /// A file that was named, letter by letter, and is not there makes a success incomplete; a pattern may match nothing.
    async fn miss(&self, outcome: &Outcome, mut verdict: Verdict) -> Verdict {
        let is_pattern = |text: &str| text.contains(['*', '?', '[', '{']);
        for wanted in self.question.settings.artifacts.iter().filter(|text| !is_pattern(text)) {
            let below = |path: &str| path == wanted || path.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.starts_with('/'));
            let found = outcome.artifacts.iter().filter_map(|artifact| artifact.path.inside()?.as_text()).any(below);
            if !found {
                let message = format!("artifact `{wanted}` is not there");
                self.note(message.clone()).await;
                verdict = verdict.or_incomplete(ReasonCode::ArtifactMissing, message);
            }
        }
        verdict
    }

    fn take(&self, artifact: &Artifact) -> Result<store::Artifact, WorkspaceError> {
        let (Some(output), Some(workspace)) = (self.folders.root(Folder::Output), self.folders.root(Folder::Workspace)) else {
            return Err(WorkspaceError::BadPath { path: artifact.path.to_string(), rule: "this run has no such folder" });
        };
        let (folder, Some(path)) = (artifact.path.folder(), artifact.path.inside()) else {
            return Err(WorkspaceError::BadPath { path: artifact.path.to_string(), rule: "it is a folder" });
        };
        let (copied, place): (CopiedFile, RelativePath) = if folder == Folder::Output {
            (output.measure(path, MOST)?, path.clone())
        } else {
            let place: RelativePath = format!("{ARTIFACTS}/{}", path.as_text().unwrap_or_default()).parse()?;
            (workspace.copy_out(path, output, &place, MOST)?, place)
        };
        Ok(store::Artifact {
            name: artifact.name.clone(),
            path: store::path_in_manifest(output.path(), &output.path().join(place.as_path())),
            bytes: copied.bytes,
            sha256: copied.sha256,
            commit: artifact.commit,
            media_type: artifact.media_type.clone(),
        })
    }

    pub(super) async fn note(&self, mut text: String) {
        hide(&self.held).text(&mut text);
        let _ = self.record.note(&text, serde_json::Value::Null);
        let _ = self.events.send(Event::Note(text)).await;
    }
}

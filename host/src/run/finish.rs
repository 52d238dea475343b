//! The manifest of a run, and the end of its row.

use std::{collections::BTreeMap, path::Path};

use serde::Serialize;
use serde_json::Value;

use super::{error::RunError, event::Event, secrets::hide, story::Story, verdict::Verdict};
use crate::{
    config::RunSettings,
    engine::Cost,
    names::{Ending, Moment},
    policy::{Folder, Profile},
    store::{
        self, Body, Capabilities, EnvironmentUsed, Manifest, PluginIdentity, Provenance, Reason, ReasonCode, RecordFile, RuntimeSection,
        SandboxSection, SchemaName,
    },
};

impl Story {
    /// Write the manifest, then the end of the run. A host that is killed in between leaves a manifest, and whoever finds the row
    /// believes it.
    pub(super) async fn finish(mut self, mut verdict: Verdict) -> Result<Manifest, RunError> {
        let runtime = self.runtime_section(&mut verdict);
        if let Err(error) = self.host.remove_assets(&self.question.settings.run_id) {
            self.note(format!("assets of the run are still there: {error}")).await;
        }
        let flushed = self.record.flush();
        let settings = self.question.settings.clone();
        let mut manifest = self.manifest(&settings, &verdict, runtime);
        manifest.hide(&hide(&self.held));
        let layout = self.host.state.layout();
        let place = layout.manifest(&settings.run_id);
        manifest.output_dir = settings.output.to_string_lossy().into_owned();
        let kept = manifest.write(&place);
        manifest.output_dir = ".".into();
        let place = settings.output.join("manifest.json");
        let given = match self.folders.root(Folder::Output) {
            Some(output) => manifest.write_in(&output.pinned(), &place),
            None => manifest.write(&place),
        };
        let reason = &manifest.reason;
        let finished = self.host.state.finish_run(&settings.run_id, manifest.status, reason.code, &reason.message);
        let _ = self.events.send(Event::Finished(Box::new(manifest.clone()))).await;
        flushed.and(kept).and(given).and(finished)?;
        Ok(manifest)
    }

    fn manifest(&mut self, settings: &RunSettings, verdict: &Verdict, runtime: RuntimeSection) -> Manifest {
        let outcome = self.outcome.take();
        let phases = outcome.iter().flat_map(|outcome| &outcome.phases);
        let mut durations = std::mem::take(&mut self.durations);
        durations.extend(phases.map(|phase| (format!("backend.{}", phase.phase), phase.duration.as_secs_f64())));
        let ended_at = Moment::now();
        let ending = self.ledger.ending();
        durations.insert("total".to_owned(), ended_at.since(self.created_at).as_secs_f64());
        Manifest {
            schema: SchemaName::V1,
            run_id: settings.run_id.clone(),
            client_run_id: settings.client_run_id.clone(),
            adapter_id: settings.adapter.clone(),
            task: settings.task.clone(),
            command: settings.command.clone(),
            spec: specification(settings, &self.question.runtime_settings),
            created_at: self.created_at,
            started_at: ending.as_ref().and_then(|ending: &Ending| ending.started_at),
            ended_at,
            durations,
            status: verdict.status,
            reason: Reason {
                code: verdict.code,
                message: verdict.message.clone(),
                next_action: verdict.next_action().replace("RUN", settings.run_id.as_str()),
            },
            ending,
            runtime,
            metrics: outcome.iter().flat_map(|outcome| &outcome.metrics).map(|metric| (metric.name.clone(), metric.value)).collect(),
            logs: self.ledger.logs(),
            artifacts: std::mem::take(&mut self.artifacts),
            cost: outcome
                .and_then(|outcome| outcome.cost)
                .map(|Cost { amount, basis, is_final }| store::Cost::new(amount, basis, is_final)),
            capabilities: self.capabilities(),
            sandbox: self.sandbox_section(),
            executions: self.ledger.executions(),
            environment: self.environment_used.take().map(|(row, reused)| EnvironmentUsed {
                id: row.id,
                reuse_key: row.reuse_key,
                reused,
                metadata: row.metadata,
            }),
            snapshots: self.snapshots.take(),
            record: RecordFile::new(store::path_in_manifest(&settings.output, self.record.path()), self.record.head()),
            provenance: Provenance {
                git_commit: self.sources.commit.clone(),
                git_dirty: self.sources.dirty,
                host_version: env!("CARGO_PKG_VERSION").to_owned(),
                platform: format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH),
            },
            output_dir: String::new(),
        }
    }

    /// How the command was confined: as seen, not as wished.
    fn sandbox_section(&self) -> SandboxSection {
        let profile = self.profile();
        let level = match (profile, self.ledger.level()) {
            (_, None) if self.ledger.command().is_some() => "remote",
            (_, None) => "not-started",
            (Profile::Own, Some(_)) => "process-tree",
            (Profile::Strict, Some(level)) => level.name(),
        };
        let network = (level != "remote").then(|| self.network.reached());
        SandboxSection { profile, level: level.to_owned(), network }
    }

    /// The runtime, with what the plugin told. A key that would hide what the host says makes the run incomplete.
    fn runtime_section(&self, verdict: &mut Verdict) -> RuntimeSection {
        let about = &self.resolved.file.manifest.plugin;
        let mut section = RuntimeSection::new(
            about.name.as_str(),
            Some(PluginIdentity {
                name: about.name.to_string(),
                version: about.version.clone(),
                digest: self.resolved.file.digest,
                protocol: about.protocol.clone(),
            }),
        );
        for (key, value) in self.outcome.iter().flat_map(|outcome| &outcome.metadata) {
            if let Err(error) = section.add(key, value.clone()) {
                *verdict = verdict.clone().or_incomplete(ReasonCode::PluginFault, error.to_string());
            }
        }
        section
    }

    fn capabilities(&self) -> Capabilities {
        let rights = &self.resolved.rights;
        Capabilities { asked: object(&rights.asks), granted: object(&rights.grants), used: used(self.record.path()) }
    }
}

/// What was done, and how often, as the record tells.
fn used(record: &Path) -> BTreeMap<String, u64> {
    let mut used = BTreeMap::new();
    let Ok(entries) = store::read_record(record) else { return used };
    for entry in entries.filter_map(Result::ok) {
        let Body::Intent(call) = entry.body else { continue };
        let object = call.action.get("program").and_then(Value::as_str).map(|program| format!(" {program}"));
        *used.entry(format!("{}{}", call.import, object.unwrap_or_default())).or_default() += 1;
    }
    used
}

/// The settings as they were meant, with the names of variables and never their values.
fn specification(settings: &RunSettings, runtime_settings: &Value) -> BTreeMap<String, Value> {
    let mut specification = object(settings);
    let names = |variables: &BTreeMap<String, String>| variables.keys().cloned().collect::<Value>();
    specification.insert("variables".to_owned(), names(&settings.variables));
    if let Some(Value::Object(environment)) = specification.get_mut("environment") {
        environment.insert("variables".to_owned(), names(&settings.environment.variables));
    }
    for key in ["run_id", "client_run_id", "adapter", "task", "command", "parts", "typed_part"] {
        specification.remove(key);
    }
    specification.insert("runtime_settings".to_owned(), runtime_settings.clone());
    specification
}

fn object(value: &impl Serialize) -> BTreeMap<String, Value> {
    match serde_json::to_value(value) {
        Ok(Value::Object(object)) => object.into_iter().collect(),
        _ => BTreeMap::new(),
    }
}

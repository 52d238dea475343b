//! Questions about a runtime that begin no run: what it is, and what it would do.

use std::sync::Arc;

use serde::Serialize;

use super::{error::RunError, host::Host, network, prepare::check_places, secrets};
use crate::{
    config::{self, RunSettings},
    engine::{CallError, Description, Finding, Outline, PlannedResource, Question, Severity},
    imports::{Call, Folders},
    names::{Digest, Export},
    plugin::{PluginManifest, Source},
    policy::{Folder, Grants},
};

/// What a runtime is, what it takes and what it may do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RuntimeInfo {
    /// Who it is and what it asks for.
    #[serde(flatten)]
    pub manifest: PluginManifest,
    /// Identity of the component.
    pub digest: Digest,
    /// Where it came from.
    pub source: Source,
    /// What it could call.
    pub imports: Vec<String>,
    /// What the user allows.
    pub granted: Grants,
    /// What it says about itself.
    pub description: Description,
}

/// What a run would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The runtime.
    pub runtime: String,
    /// What would run.
    pub command: Vec<String>,
    /// What its doctor says; an error would block the run.
    pub findings: Vec<Finding>,
    /// What would be made.
    pub resources: Vec<PlannedResource>,
    /// Upper bound of the price, in US dollars; null where it is not known.
    pub price_in_all_usd: Option<f64>,
    /// The steps in words.
    pub steps: Vec<String>,
    /// Whether an environment made from the same is there already.
    pub environment_exists: bool,
}

impl Host {
    /// What a runtime is.
    pub async fn info(&self, wanted: &str) -> Result<RuntimeInfo, RunError> {
        let resolved = self.resolve(wanted).await?;
        Ok(RuntimeInfo {
            imports: resolved.file.inspection()?.imports,
            digest: resolved.file.digest,
            source: resolved.file.source.clone(),
            granted: resolved.rights.grants.clone(),
            manifest: resolved.file.manifest,
            description: resolved.description,
        })
    }

    /// What a run with these settings would do. Nothing is written, made or started, but the probes of the plugin's doctor and plan.
    pub async fn plan(&self, mut settings: RunSettings) -> Result<Plan, RunError> {
        let resolved = self.resolve_for(&settings).await?;
        let name = &resolved.description.name;
        let runtime_settings = self.name_assets(&mut settings, &resolved.description)?.value(&settings.settings_of(name))?;
        config::check_settings(name, &resolved.description.settings_schema.to_string(), &runtime_settings)?;
        check_places(self, &mut settings, &resolved.rights)?;
        network::of_command(self, &settings, &resolved).await?;
        let folders = [(Folder::Workspace, settings.workspace.clone()), (Folder::Source, settings.source.clone())];
        let folders = Arc::new(Folders::open(folders)?);
        let held = Arc::new(self.hold(&resolved.rights).await?);
        let call = |export| {
            let call = self.call_outside_of_a_run(export, &resolved.rights)?;
            Ok::<_, RunError>(Call { folders: folders.clone(), secrets: held.clone(), ..call })
        };
        let failed = |cause: CallError| RunError::Call { plugin: name.clone(), cause };
        let engine = self.engine().await?;
        let findings = engine.doctor(&resolved.plugin, call(Export::Doctor)?, &runtime_settings).await.map_err(failed)?;
        let findings = secrets::hidden([findings, secrets::findings(&resolved.rights, &held)].concat(), &held);
        let command = settings.command.clone();
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            // Nothing would be made, and a plugin that cannot work here need not say what it would make.
            return Ok(Plan {
                runtime: name.to_string(),
                command,
                findings,
                resources: vec![],
                price_in_all_usd: None,
                steps: vec![],
                environment_exists: false,
            });
        }
        let question = Question { interpreter: settings.interpreter.clone(), runtime: name.clone(), runtime_settings, settings };
        let outline: Outline = engine.plan(&resolved.plugin, call(Export::Plan)?, &question).await.map_err(failed)?;
        let kept = self.state.environments()?;
        let is_same = |key: Digest| kept.iter().any(|row| row.reuse_key == Some(key) && row.plugin_digest == resolved.file.digest);
        #[expect(clippy::cast_precision_loss, reason = "JSON has dollars as a number; exact up to 9 billion of them")]
        let price_in_all_usd = outline.price_in_all.map(|price| price.micros() as f64 / 1e6);
        Ok(Plan {
            runtime: name.to_string(),
            command,
            findings,
            resources: outline.resources,
            price_in_all_usd,
            steps: outline.steps,
            environment_exists: outline.reuse_key.is_some_and(is_same),
        })
    }
}

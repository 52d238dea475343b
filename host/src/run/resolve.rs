//! From a name or a path to a plugin that can be called.

use std::sync::Arc;

use tokio::time::Instant;

use super::{error::RunError, host::Host};
use crate::{
    config::RunSettings,
    engine::{self, CallError, Description, Plugin},
    imports::Call,
    names::Export,
    plugin::{PluginFile, Source},
    policy::{Profile, Rights},
};

/// A plugin that can be called.
pub(super) struct Resolved {
    pub(super) file: PluginFile,
    pub(super) plugin: Plugin,
    pub(super) rights: Arc<Rights>,
    pub(super) description: Description,
}

impl Host {
    /// The plugin that `wanted` means, compiled, with its rights and its description.
    pub(super) async fn resolve(&self, wanted: &str) -> Result<Resolved, RunError> {
        let file = self.catalog.find(wanted)?;
        self.make_ready(file).await
    }

    /// The same, with no more rights than the project leaves to the plugin.
    pub(super) async fn resolve_for(&self, settings: &RunSettings) -> Result<Resolved, RunError> {
        let mut resolved = self.resolve(&settings.runtime.to_string()).await?;
        let rights = &resolved.rights;
        let grants = settings.narrowed(&rights.plugin, &rights.grants);
        resolved.rights = Arc::new(Rights { grants, ..(**rights).clone() });
        Ok(resolved)
    }

    pub(super) async fn make_ready(&self, file: PluginFile) -> Result<Resolved, RunError> {
        let (plugin, rights) = self.load(&file).await?;
        let description = self.describe(&file, &plugin, &rights).await?;
        Ok(Resolved { file, plugin, rights, description })
    }

    /// A plugin, compiled, with its rights.
    pub(super) async fn load(&self, file: &PluginFile) -> Result<(Plugin, Arc<Rights>), RunError> {
        let engine = self.engine().await?;
        let name = file.manifest.plugin.name.clone();
        let loaded = {
            let file = file.clone();
            // Compiling takes seconds for a large component; the other work of the host goes on meanwhile.
            let load = move || match file.source {
                Source::Bundled => engine.load_bundled(file.bytes(), file.digest),
                Source::Added(_) | Source::File(_) => engine.load(file.bytes(), file.digest),
            };
            tokio::task::spawn_blocking(load).await
        };
        let plugin = loaded
            .unwrap_or_else(|error| Err(engine::LoadError::Engine(error.to_string())))
            .map_err(|cause| RunError::Load { plugin: name, cause })?;
        let rights = Arc::new(self.rights(file)?);
        Ok((plugin, rights))
    }

    /// What the plugin is: from the index, or by asking it once.
    pub(super) async fn describe(&self, file: &PluginFile, plugin: &Plugin, rights: &Arc<Rights>) -> Result<Description, RunError> {
        let kept = self.state.description(&file.digest)?.and_then(|text| serde_json::from_str(&text).ok());
        if let Some(description) = kept {
            return Ok(description);
        }
        let name = &file.manifest.plugin.name;
        let failed = |cause: CallError| RunError::Call { plugin: name.clone(), cause };
        let call = self.call_outside_of_a_run(Export::Describe, &no_rights(rights))?;
        let description = self.engine().await?.describe(plugin, call).await.map_err(failed)?;
        let (said, written) = (&description, &file.manifest.plugin);
        if said.name != written.name || said.version != written.version {
            return Err(RunError::Impostor {
                digest: file.digest,
                said: format!("{} {}", said.name, said.version.escape_debug()),
                written: format!("{} {}", written.name, written.version.escape_debug()),
            });
        }
        if let Ok(text) = serde_json::to_string(&description) {
            self.state.keep_description(&file.digest, name, &text)?;
        }
        Ok(description)
    }

    /// A call that belongs to no run.
    pub(super) fn call_outside_of_a_run(&self, export: Export, rights: &Arc<Rights>) -> Result<Call, RunError> {
        let deadline = Instant::now() + engine::patience(export);
        let base_variables = Arc::new(self.environment.base(rights.profile(Profile::Own)));
        Ok(Call {
            base_variables,
            client: self.client()?,
            ..Call::outside_of_a_run(export, rights.clone(), self.launcher.clone(), deadline)?
        })
    }
}

/// Nothing is granted while a plugin says what it is.
fn no_rights(rights: &Rights) -> Arc<Rights> {
    Arc::new(Rights { grants: crate::policy::Grants::default(), ..rights.clone() })
}

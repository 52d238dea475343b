//! Looking whether runtimes can work here, one beside the other.

use std::{collections::BTreeMap, sync::Arc};

use serde::Serialize;
use tokio::task::JoinSet;

use super::{error::RunError, host::Host, resolve};
use crate::{
    engine::{Finding, Severity},
    imports::{Call, Folders},
    names::{Export, RuntimeName},
    plugin::PluginFile,
    policy::Folder,
};

/// Programs that a doctor usually asks at once. Their supervisors start while the plugin is made ready.
const PROBES: usize = 3;

/// The findings about one runtime.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Doctored {
    /// What its plugin found, in its order; or one error about the plugin itself.
    pub findings: Vec<Finding>,
}

/// The findings about several runtimes, sorted by name.
pub type Health = BTreeMap<String, Doctored>;

impl Host {
    /// Examine one runtime, by name or path.
    pub async fn doctor(self: &Arc<Self>, wanted: &str) -> Result<Health, RunError> {
        let file = self.catalog.find(wanted)?;
        Ok(self.doctor_files(vec![file]).await)
    }

    /// Examine every runtime. One that traps, hangs or floods spoils only its own lines, and delays nobody else's.
    pub async fn doctor_all(self: &Arc<Self>) -> Health {
        let (mut files, mut unusable) = (vec![], Health::new());
        for name in self.catalog.entries().into_iter().map(|entry| entry.name) {
            match self.catalog.find(name.as_str()) {
                Ok(file) => files.push(file),
                Err(error) => {
                    unusable.insert(name.to_string(), broken(&error.to_string(), error.hint()));
                }
            }
        }
        let mut health = self.doctor_files(files).await;
        health.extend(unusable);
        for (path, error) in self.catalog.problems() {
            health.insert(path.display().to_string(), broken(&error.to_string(), error.hint()));
        }
        health
    }

    async fn doctor_files(self: &Arc<Self>, files: Vec<PluginFile>) -> Health {
        let mut health = Health::new();
        let mut examinations = JoinSet::new();
        for file in files {
            let (host, name) = (self.clone(), file.manifest.plugin.name.clone());
            // What is found replaces this; a panic in the examination does not.
            health.insert(name.to_string(), broken("an error in worldflux itself: its examination did not end", None));
            examinations.spawn(async move {
                let doctored = host.examine(file, &name).await;
                (name, doctored)
            });
        }
        while let Some(examined) = examinations.join_next().await {
            if let Ok((name, doctored)) = examined {
                health.insert(name.to_string(), doctored);
            }
        }
        health
    }

    async fn examine(&self, file: PluginFile, name: &RuntimeName) -> Doctored {
        self.launcher.prepare(PROBES);
        let examined = async {
            let resolved = self.make_ready(file).await?;
            let engine = self.engine().await?;
            let call = self.doctor_call(&resolved)?;
            let settings = serde_json::json!({});
            engine.doctor(&resolved.plugin, call, &settings).await.map_err(|cause| RunError::Call { plugin: name.clone(), cause })
        };
        match examined.await {
            Ok(findings) => Doctored { findings },
            Err(error) => broken(&error.to_string(), error.hint()),
        }
    }

    /// A doctor without a run sees the current directory as its workspace and the plugin's own folder, as far as they are granted.
    fn doctor_call(&self, resolved: &resolve::Resolved) -> Result<Call, RunError> {
        let mut folders = BTreeMap::from([(Folder::State, self.state.plugin_state_folder(&resolved.description.name)?)]);
        if let Ok(current) = crate::config::Environment::current_directory() {
            folders.insert(Folder::Workspace, current);
        }
        let call = self.call_outside_of_a_run(Export::Doctor, &resolved.rights)?;
        Ok(Call { folders: Arc::new(Folders::new(folders)), ..call })
    }
}

fn broken(message: &str, remedy: Option<String>) -> Doctored {
    Doctored { findings: vec![Finding::of_host(Severity::Error, "plugin", message, remedy)] }
}

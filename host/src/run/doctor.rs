//! Looking whether runtimes can work here, one beside the other.

use std::{
    collections::{BTreeMap, HashMap},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use serde::Serialize;
use tokio::{sync::Semaphore, task::JoinSet, time::timeout};

use super::{error::RunError, host::Host, secrets};
use crate::{
    engine::{Finding, Severity},
    imports::{Call, Folders},
    names::{Export, RuntimeName},
    plugin::{PluginFile, Source},
    policy::{Folder, Profile, Rights},
};

/// Programs that a doctor usually asks at once. Whoever makes the launcher of a host does well to have their supervisors started, before
/// the state is opened and the plugin made ready.
pub const PROBES: usize = 3;

/// The findings about one runtime.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Doctored {
    /// What its plugin found, in its order; or one error about the plugin itself.
    pub findings: Vec<Finding>,
}

/// The findings about several runtimes, sorted by name.
pub type Health = BTreeMap<String, Doctored>;

/// Runtimes that are examined at once. Each can have a few programs and some hundred mebibytes; more than a few at once would only wait for
/// each other.
const AT_ONCE: usize = 16;

/// Time after which an examination no longer keeps others waiting. A doctor answers in a tenth of it.
const SLOW: Duration = Duration::from_secs(2);

/// How somebody came to ask about a runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    ByName,
    WithAllOthers,
}

impl Host {
    /// Examine one runtime, by name or path.
    pub async fn doctor(self: &Arc<Self>, wanted: &str) -> Result<Health, RunError> {
        self.doctor_each(&[wanted.to_owned()], |_, _| {}).await
    }

    /// Examine every runtime. One that traps, hangs or floods spoils only its own lines, and delays nobody else's.
    pub async fn doctor_all(self: &Arc<Self>) -> Health {
        self.doctor_installed(|_, _| {}).await
    }

    /// Examine runtimes, by name or path, all where none is named. `told` hears the findings about each as soon as they are there.
    pub async fn doctor_each(self: &Arc<Self>, wanted: &[String], told: impl FnMut(&str, &Doctored)) -> Result<Health, RunError> {
        if wanted.is_empty() {
            return Ok(self.doctor_installed(told).await);
        }
        let files = wanted.iter().map(|wanted| self.catalog.find(wanted)).collect::<Result<_, _>>()?;
        Ok(self.doctor_files(files, Asked::ByName, told).await)
    }

    async fn doctor_installed(self: &Arc<Self>, mut told: impl FnMut(&str, &Doctored)) -> Health {
        let mut broken_files = Health::new();
        for (path, error) in self.catalog.problems() {
            let (name, doctored) = (path.display().to_string(), broken(&error.to_string(), error.hint()));
            told(&name, &doctored);
            broken_files.insert(name, doctored);
        }
        let mut files = vec![];
        for name in self.catalog.entries().into_iter().map(|entry| entry.name) {
            match self.catalog.find(name.as_str()) {
                Ok(file) => files.push(file),
                Err(error) => {
                    let doctored = broken(&error.to_string(), error.hint());
                    told(name.as_str(), &doctored);
                    broken_files.insert(name.to_string(), doctored);
                }
            }
        }
        let mut health = self.doctor_files(files, Asked::WithAllOthers, told).await;
        health.extend(broken_files);
        health
    }

    async fn doctor_files(self: &Arc<Self>, files: Vec<PluginFile>, asked: Asked, mut told: impl FnMut(&str, &Doctored)) -> Health {
        let mut health = Health::new();
        let mut examinations = JoinSet::new();
        let mut names = HashMap::new();
        let places = Arc::new(Semaphore::new(AT_ONCE));
        for file in files {
            let (host, name, places) = (self.clone(), file.manifest.plugin.name.clone(), places.clone());
            let examination = examinations.spawn({
                let name = name.clone();
                async move { host.examine_in_turn(file, &name, asked, places).await }
            });
            names.insert(examination.id(), name.to_string());
        }
        while let Some(examined) = examinations.join_next_with_id().await {
            let (id, doctored) = match examined {
                Ok(examined) => examined,
                Err(error) => (error.id(), broken("an error in worldflux itself: its examination did not end", None)),
            };
            let Some(name) = names.remove(&id) else { continue };
            told(&name, &doctored);
            health.insert(name, doctored);
        }
        health
    }

    async fn examine_in_turn(&self, file: PluginFile, name: &RuntimeName, asked: Asked, places: Arc<Semaphore>) -> Doctored {
        // Never closed; without a place nothing would be wrong but the haste.
        let place = places.acquire_owned().await;
        let mut examination = pin!(self.examine(file, name, asked));
        if let Ok(doctored) = timeout(SLOW, &mut examination).await {
            return doctored;
        }
        drop(place);
        examination.await
    }

    async fn examine(&self, file: PluginFile, name: &RuntimeName, asked: Asked) -> Doctored {
        let may_be_unused = asked == Asked::WithAllOthers && file.source == Source::Bundled;
        let examined = async {
            let (plugin, rights) = self.load(&file).await?;
            // One that came with this program is what it says.
            if file.source != Source::Bundled {
                self.describe(&file, &plugin, &rights).await?;
            }
            let held = Arc::new(self.hold(&rights).await?);
            let call = Call { secrets: held.clone(), ..self.doctor_call(name, &rights)? };
            let settings = serde_json::json!({});
            let findings = match self.engine().await?.doctor(&plugin, call, &settings).await {
                Ok(findings) => findings,
                Err(cause) => {
                    let error = RunError::Call { plugin: name.clone(), cause };
                    broken(&error.to_string(), error.hint()).findings
                }
            };
            let of_secrets = secrets::findings(&rights, &held);
            let of_secrets = if may_be_unused { of_secrets.into_iter().map(not_set_up).collect() } else { of_secrets };
            Ok(secrets::hidden([findings, of_secrets].concat(), &held))
        };
        let examined: Result<_, RunError> = examined.await;
        match examined {
            Ok(findings) => Doctored { findings },
            Err(error) => broken(&error.to_string(), error.hint()),
        }
    }

    /// A doctor without a run sees the current directory as its workspace and the plugin's own folder, as far as they are granted.
    fn doctor_call(&self, name: &RuntimeName, rights: &Arc<Rights>) -> Result<Call, RunError> {
        let mut folders = BTreeMap::from([(Folder::State, self.state.plugin_state_folder(name)?)]);
        // A person asks from anywhere, from home above all; a stranger's plugin then has no workspace.
        let current = crate::config::Environment::current_directory().ok();
        let is_shown = |path: &std::path::PathBuf| self.too_much(rights, Profile::Own, path).is_none();
        if let Some(current) = current.and_then(|path| path.canonicalize().ok()).filter(is_shown) {
            folders.insert(Folder::Workspace, current);
        }
        let call = self.call_outside_of_a_run(Export::Doctor, rights)?;
        Ok(Call { folders: Arc::new(Folders::open(folders)?), ..call })
    }
}

/// A runtime that came with this program and that nobody has set up is no error of the machine. Whoever asks for it by name, or runs something
/// with it, is told that it cannot work.
fn not_set_up(finding: Finding) -> Finding {
    Finding { severity: finding.severity.min(Severity::Warning), ..finding }
}

fn broken(message: &str, remedy: Option<String>) -> Doctored {
    Doctored { findings: vec![Finding::of_host(Severity::Error, "plugin", message, remedy)] }
}

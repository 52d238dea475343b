//! The attacks, one after the other, each in a fresh instance.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use tokio::time::Instant;

use super::cases::{CASES, Case, End};
use crate::{
    engine::{CallError, CompiledCache, Compiler, Engine, LoadError, Plugin},
    imports::{Call, Folders},
    names::{Export, RunId},
    plugin::{PluginError, PluginFile},
    policy::{Access, Folder, FolderName, Grants, Origin, Profile, Rights},
    sandbox::Launcher,
    store::StoreError,
    workspace::WorkspaceError,
};

/// Longest time for one attack. One that computes without end is ended by it.
const PATIENCE: Duration = Duration::from_secs(3);

/// What must not be told to the component.
const SECRET: &str = "worldflux-canary-5f2c";

/// What came of one attack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Attempt {
    /// Its number in the catalogue.
    pub case: &'static str,
    /// What was tried, in words.
    pub tried: &'static str,
    /// Whether this machine held.
    pub held: bool,
    /// What the component was told, or how it ended; where it was not held, also what was found afterwards. A stranger's text.
    pub detail: String,
}

/// Why the attacks could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SelftestError {
    /// A folder for them could not be made or looked at.
    #[error("the folder `{path}` for the attacks cannot be used: {cause}", path = path.display())]
    Place {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The hostile component cannot be read.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// It cannot be compiled, or the engine cannot be used.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// A record cannot be made.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A folder cannot be opened.
    #[error(transparent)]
    Folder(#[from] WorkspaceError),
}

/// Make every attack, in a folder made for it below `place`, and tell each as it ends. The folder is gone afterwards.
pub async fn attack_all(launcher: &Launcher, place: &Path, mut told: impl FnMut(&Attempt)) -> Result<Vec<Attempt>, SelftestError> {
    let field = Field::make(place)?;
    let file = PluginFile::hostile()?;
    let compiler = Compiler::child(launcher.clone());
    let (bytes, digest) = (file.clone(), file.digest);
    // As a stranger's: compiled in a confined child.
    let loaded = tokio::task::spawn_blocking(move || {
        let engine = Engine::new(CompiledCache::none(), compiler)?;
        let plugin = engine.load(bytes.bytes(), digest)?;
        Ok::<_, LoadError>((engine, plugin))
    });
    let (engine, plugin) = loaded.await.unwrap_or_else(|error| Err(LoadError::Engine(error.to_string())))?;
    let attacker = Attacker { launcher, engine, plugin, file, field };
    let mut attempts = Vec::new();
    for case in CASES {
        let attempt = attacker.attempt(case).await?;
        told(&attempt);
        attempts.push(attempt);
    }
    Ok(attempts)
}

struct Attacker<'a> {
    launcher: &'a Launcher,
    engine: Engine,
    plugin: Plugin,
    file: PluginFile,
    field: Field,
}

impl Attacker<'_> {
    async fn attempt(&self, case: &Case) -> Result<Attempt, SelftestError> {
        let behaviour = case.behaviour.replace("OUTSIDE", &self.field.outside().display().to_string());
        let answer = self.ask(&behaviour).await?;
        let (ended_so, detail) = match &answer {
            Ok(said) => (case.end == End::Harmless || (case.end == End::Refused && !said.starts_with("ok")), said.clone()),
            Err(CallError::Fault { fault, .. }) => (case.end == End::Ended, fault.to_string()),
            Err(error) => (false, error.to_string()),
        };
        let mut wrong = Vec::new();
        if !ended_so {
            wrong.push("it did not end as it must");
        }
        if detail.contains(SECRET) {
            wrong.push("it was told the secret");
        }
        if !self.field.is_untouched() {
            wrong.push("what lies outside was changed");
        }
        // The next call is as if nothing had been.
        if self.ask("honest").await?.is_err() {
            wrong.push("the next call was not answered");
        }
        let shown: String = detail.chars().take(300).collect();
        let detail = if wrong.is_empty() { shown } else { format!("{}: {shown}", wrong.join(", ")) };
        Ok(Attempt { case: case.number, tried: case.tried, held: wrong.is_empty(), detail })
    }

    /// What it says, in all that it says.
    async fn ask(&self, behaviour: &str) -> Result<Result<String, CallError>, SelftestError> {
        let call = self.call()?;
        let children = call.children.clone();
        let answer = self.engine.doctor(&self.plugin, call, &json!({ "doctor": behaviour })).await;
        children.end_all().await;
        Ok(answer.map(|findings| findings.into_iter().map(|finding| finding.message).collect()))
    }

    fn call(&self) -> Result<Call, SelftestError> {
        let folders = Folder::ALL.map(|folder| (folder, self.field.folder(folder)));
        let granted = [(Folder::Workspace, Access::Read), (Folder::Output, Access::Write)];
        let grants = Grants { folders: granted.map(|(folder, access)| (FolderName::Run(folder), access)).into(), ..Grants::default() };
        let rights = Rights {
            plugin: self.file.manifest.plugin.name.clone(),
            typed: self.file.manifest.plugin.name.to_string(),
            origin: Origin::Added,
            digest: self.file.digest,
            asks: self.file.manifest.asks.clone(),
            grants,
        };
        let deadline = Instant::now() + PATIENCE;
        let call = Call::outside_of_a_run(Export::Doctor, Arc::new(rights), self.launcher.clone(), deadline)?;
        Ok(Call { folders: Arc::new(Folders::open(folders)?), profile: Profile::Strict, ..call })
    }
}

/// The folders of the attack, and one beside them that nobody was granted.
struct Field(PathBuf);

impl Field {
    fn make(place: &Path) -> Result<Self, SelftestError> {
        let field = Self(place.join(format!("selftest-{}", RunId::generate())));
        let failed = |cause| SelftestError::Place { path: field.0.clone(), cause };
        let folders = Folder::ALL.map(|folder| field.folder(folder));
        for folder in folders.iter().chain([&field.outside(), &field.neighbour()]) {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
        }
        for folder in [field.outside(), field.neighbour()] {
            fs::write(folder.join("secret"), SECRET).and_then(|()| fs::write(folder.join("kept"), SECRET)).map_err(failed)?;
        }
        Ok(field)
    }

    fn folder(&self, folder: Folder) -> PathBuf {
        self.0.join(folder.guest_path().trim_start_matches('/'))
    }

    fn outside(&self) -> PathBuf {
        self.0.join("outside")
    }

    fn neighbour(&self) -> PathBuf {
        self.0.join("workspace-2")
    }

    fn is_untouched(&self) -> bool {
        let is_whole = |path: PathBuf| fs::read_to_string(path).is_ok_and(|text| text == SECRET);
        [self.outside(), self.neighbour()].iter().all(|folder| {
            let count = fs::read_dir(folder).map_or(0, Iterator::count);
            count == 2 && is_whole(folder.join("secret")) && is_whole(folder.join("kept"))
        })
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        // What is left behind lies in the user's own state directory.
        let _ = fs::remove_dir_all(&self.0);
    }
}

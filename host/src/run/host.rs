//! Everything that runs share: the state directory, the plugins, the engine, the user's grants.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use tokio::sync::OnceCell;

use super::{added::added_plugins, error::RunError};
use crate::{
    config::{EndpointFile, Environment, Folders, Register},
    egress::{Client, Dialer},
    engine::{CompiledCache, Compiler, Engine},
    plugin::{Catalog, PluginFile, Source},
    policy::{Endpoints, Grants, Origin, Profile, Rights},
    sandbox::{Launcher, Proof},
    store::State,
};

/// What a [`Host`] needs to know.
#[derive(Debug, Clone)]
pub struct HostOptions {
    /// Where state and grants are kept.
    pub folders: Folders,
    /// Plugin files, or folders of them, beside the bundled ones.
    pub plugins: Vec<PathBuf>,
    /// The environment of the program.
    pub environment: Environment,
    /// How processes are started.
    pub launcher: Launcher,
}

/// The front door of the library: runs commands, examines runtimes, cleans up. Cheap to share; everything in it is made when it is
/// needed first.
pub struct Host {
    pub(super) state: State,
    pub(super) catalog: Catalog,
    pub(super) environment: Environment,
    pub(super) launcher: Launcher,
    folders: Folders,
    engine: OnceCell<Arc<Engine>>,
    client: OnceLock<Arc<Client>>,
}

impl Host {
    /// Open the state directory, and make it where there is none. Its database is opened when it is needed first.
    pub fn open(options: HostOptions) -> Result<Self, RunError> {
        let state = State::at(&options.folders.state)?;
        Ok(Self {
            catalog: Catalog::open(&options.environment.plugins(&options.plugins), added_plugins(&options.folders)?),
            environment: options.environment,
            launcher: options.launcher.remembering(state.layout().root().to_owned()),
            state,
            folders: options.folders,
            engine: OnceCell::new(),
            client: OnceLock::new(),
        })
    }

    /// The state directory.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The folder of grants and secrets.
    pub(super) fn config_folder(&self) -> &Path {
        &self.folders.config
    }

    /// The plugins that can be named.
    #[must_use]
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
    }

    /// What confines strict commands on this machine, and how that is known. Takes a moment the first time after a restart of the machine.
    pub async fn proof(&self) -> Arc<Proof> {
        let launcher = self.launcher.clone();
        // It starts processes and waits for them.
        let found = tokio::task::spawn_blocking(move || launcher.proof()).await;
        found.unwrap_or_else(|_| self.launcher.proof())
    }

    /// What starts processes.
    #[must_use]
    pub const fn launcher(&self) -> &Launcher {
        &self.launcher
    }

    /// The engine, made when it is needed first.
    pub(super) async fn engine(&self) -> Result<Arc<Engine>, RunError> {
        let make = async || {
            let cache = match self.state.cache_key() {
                Some(key) => CompiledCache::new(self.state.cache_folder()?, key),
                None => CompiledCache::none(),
            };
            Engine::new(cache, Compiler::child(self.launcher.clone())).map(Arc::new).map_err(RunError::Engine)
        };
        self.engine.get_or_try_init(make).await.cloned()
    }

    /// What sends the requests of plugins, made when it is needed first. What the user says about endpoints later counts for the next host.
    pub(super) fn client(&self) -> Result<Arc<Client>, RunError> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let endpoints = self.endpoints()?;
        Ok(self.client.get_or_init(|| Arc::new(Client::new(Dialer::new(endpoints)))).clone())
    }

    /// What the user says about hosts, at this moment.
    pub(super) fn endpoints(&self) -> Result<Endpoints, RunError> {
        Ok(EndpointFile::load(&self.folders.config)?.endpoints().clone())
    }

    /// What a plugin may do. A bundled one came with the program that the user chose to run and has all it asks for, and what the user granted
    /// to it beside; any other has what the user granted to exactly these bytes.
    pub(super) fn rights(&self, file: &PluginFile) -> Result<Rights, RunError> {
        let granted = Register::load(&self.folders.config)?.grants_for(&file.digest, &self.folders.protected(&self.environment))?;
        let plugin = file.manifest.plugin.name.clone();
        let (origin, grants, typed) = match &file.source {
            Source::Bundled => (Origin::Bundled, Grants::all_of(&file.manifest.asks).with(granted), plugin.to_string()),
            Source::Added(_) => (Origin::Added, granted, plugin.to_string()),
            Source::File(path) => (Origin::Added, granted, path.display().to_string()),
        };
        Ok(Rights { plugin, typed, origin, digest: file.digest, asks: file.manifest.asks.clone(), grants })
    }

    /// What the plugin may do still, of what it could when the run began: what was revoked since is gone, and what was granted since waits for
    /// the next run, whose manifest tells. Where the grants cannot be read or believed, nothing.
    pub(super) fn rights_left(&self, file: &PluginFile, rights: &Arc<Rights>) -> Arc<Rights> {
        let left = self.rights(file).map_or_else(|_| Grants::default(), |now| now.grants.and(&rights.grants));
        if left == rights.grants { rights.clone() } else { Arc::new(Rights { grants: left, ..(**rights).clone() }) }
    }

    /// Why the folder at `path` is not for a plugin with `rights`, or for a command that the user wants confined: it holds a whole home, keys,
    /// or what worldflux decides by. `None` where it is, and for whoever sees all that the user's shell does.
    pub(super) fn too_much(&self, rights: &Rights, wanted: Profile, path: &Path) -> Option<String> {
        match rights.profile(wanted) {
            Profile::Own => None,
            Profile::Strict => self.folders.protected(&self.environment).rule(path),
        }
    }
}

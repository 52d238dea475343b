//! Everything that runs share: the state directory, the plugins, the engine, the user's grants.

use std::{path::PathBuf, sync::Arc};

use tokio::sync::OnceCell;

use super::error::RunError;
use crate::{
    config::{Environment, Folders, GrantFile},
    engine::{CompiledCache, Compiler, Engine},
    plugin::{Catalog, PluginFile, Source},
    policy::{Grants, Origin, Rights},
    sandbox::Launcher,
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
}

impl Host {
    /// Open the state directory, and make it where there is none.
    pub fn open(options: HostOptions) -> Result<Self, RunError> {
        let mut plugins = options.environment.plugin_path();
        plugins.extend(options.plugins);
        Ok(Self {
            state: State::open(&options.folders.state)?,
            catalog: Catalog::open(&plugins),
            environment: options.environment,
            launcher: options.launcher,
            folders: options.folders,
            engine: OnceCell::new(),
        })
    }

    /// The state directory.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The plugins that can be named.
    #[must_use]
    pub const fn catalog(&self) -> &Catalog {
        &self.catalog
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

    /// What a plugin may do. A bundled one came with the program that the user chose to run and has all it asks for; any other has what
    /// the user granted to exactly these bytes.
    pub(super) fn rights(&self, file: &PluginFile) -> Result<Rights, RunError> {
        let (origin, grants) = match file.source {
            Source::Bundled => (Origin::Bundled, Grants::all_of(&file.manifest.asks)),
            Source::File(_) => (Origin::Added, GrantFile::load(&self.folders.config)?.grants_for(&file.digest)),
        };
        let plugin = file.manifest.plugin.name.clone();
        let typed = match &file.source {
            Source::Bundled => plugin.to_string(),
            Source::File(path) => path.display().to_string(),
        };
        Ok(Rights { plugin, typed, origin, digest: file.digest, asks: file.manifest.asks.clone(), grants })
    }
}

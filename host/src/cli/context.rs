//! What every verb begins with.

use std::{path::PathBuf, sync::Arc};

use super::{args::GlobalArgs, output::Output, supervisor};
use crate::{
    config::{Environment, Folders},
    plugin::Catalog,
    policy::{Profile, Protected},
    run::{Host, HostOptions, RunError, added_plugins},
    sandbox::Launcher,
};

/// What every verb begins with.
pub(super) struct Context {
    pub(super) environment: Environment,
    pub(super) output: Output,
    pub(super) global: GlobalArgs,
}

impl Context {
    pub(super) fn new(global: GlobalArgs) -> Self {
        let environment = Environment::of_process();
        let output = Output::new(&global, environment.no_color());
        Self { environment, output, global }
    }

    pub(super) fn folders(&self) -> Result<Folders, RunError> {
        Ok(Folders::find(
            &self.environment,
            &Environment::current_directory()?,
            self.global.state_dir.as_deref(),
            self.global.config_dir.as_deref(),
        )?)
    }

    /// The plugin files that the user named, the environment first.
    pub(super) fn plugin_paths(&self) -> Vec<PathBuf> {
        self.environment.plugins(&self.global.plugins)
    }

    /// Every plugin that can be named.
    pub(super) fn catalog(&self) -> Result<Catalog, RunError> {
        Ok(Catalog::open(&self.plugin_paths(), added_plugins(&self.folders()?)?))
    }

    /// What nobody can grant on this machine.
    pub(super) fn protected(&self) -> Result<Protected, RunError> {
        Ok(self.folders()?.protected(&self.environment))
    }

    /// The front door of the library.
    pub(super) fn host(&self) -> Result<Arc<Host>, RunError> {
        self.host_with(supervisor::launcher())
    }

    /// The front door of the library, where `programs` of this machine will be wanted in a moment: their supervisors start meanwhile.
    pub(super) fn host_that_starts(&self, programs: usize) -> Result<Arc<Host>, RunError> {
        let launcher = supervisor::launcher();
        launcher.prepare(programs, Profile::Own);
        self.host_with(launcher)
    }

    fn host_with(&self, launcher: Launcher) -> Result<Arc<Host>, RunError> {
        let options =
            HostOptions { folders: self.folders()?, plugins: self.global.plugins.clone(), environment: self.environment.clone(), launcher };
        Ok(Arc::new(Host::open(options)?))
    }
}

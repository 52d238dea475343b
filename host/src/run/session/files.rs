//! The files of a session.

use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::PoisonError,
};

use super::{error::SessionError, handle::Session, memory::workspace, snapshots::blocking};
use crate::{
    config::Mode,
    engine::PathMapping,
    policy::Folder,
    run::assets::is_copied,
    workspace::{
        ASSETS_FOR_TESTS, ContentLimits, Contents, FileLimits, InputFile, Placed, Root, UnpackLimits, Unpacked, WorkspaceError, unpack,
    },
};

/// The variable that tells tests where their assets are.
const ASSETS_VARIABLE: &str = "WORLDFLUX_ASSETS_DIR";

impl Session {
    /// Read files of the workspace: each of `wanted` is the path of a file, of a folder, or a pattern. Nothing outside is ever read.
    pub async fn contents(&self, wanted: Vec<String>, limits: ContentLimits) -> Result<Contents, SessionError> {
        self.with_workspace(move |root| root.contents(&wanted, limits).map_err(SessionError::Read)).await
    }

    /// Write files into the workspace, each in one step, with the folders that they need. Nothing outside is ever written.
    pub async fn materialize(&self, files: Vec<InputFile>) -> Result<Vec<Placed>, SessionError> {
        self.with_workspace(move |root| root.materialize(&files, FileLimits::default()).map_err(SessionError::Write)).await
    }

    /// Unpack a tar archive of this machine into the workspace. A member that leads out of it, or that is neither file, folder nor link, is an
    /// error; what was unpacked before stays.
    pub async fn take_archive(&self, archive: PathBuf) -> Result<Unpacked, SessionError> {
        self.with_workspace(move |root| {
            let read = |cause| SessionError::Read(WorkspaceError::Input { path: archive.clone(), cause });
            let file = File::open(&archive).map_err(read)?;
            if !file.metadata().map_err(read)?.is_file() {
                return Err(read(std::io::Error::other("it is not a regular file")));
            }
            unpack(file, root, UnpackLimits::default()).map_err(SessionError::Write)
        })
        .await
    }

    /// Put the assets into the workspace again, in place of what is there. In evaluation mode they lie beside it, where nobody changes them:
    /// then there is nothing to do. Tells whether there was.
    pub async fn materialize_assets(&self) -> Result<bool, SessionError> {
        let story = self.life().lend().await?;
        let settings = &story.question.settings;
        let mut any = false;
        let Some(workspace) = story.folders.root(Folder::Workspace) else { return Ok(false) };
        for asset in settings.assets.values().filter(|asset| is_copied(asset, settings.mode)) {
            any = true;
            story.host.place_asset(asset, workspace, &story.resolved.rights, &story.held).await?;
        }
        Ok(any)
    }

    /// Put the assets where the tests of an evaluation find them: in the workspace, in a folder that no snapshot shows. Answers the variables
    /// that say where, which every later command of the session is given: `WORLDFLUX_ASSETS_DIR`, and one for each asset.
    pub async fn assets_for_tests(&self) -> Result<BTreeMap<String, String>, SessionError> {
        if self.mode() != Mode::Evaluation {
            return Err(SessionError::Mode { what: "assets for tests", mode: "evaluation" });
        }
        let story = self.life().lend().await?;
        let Some(workspace) = story.folders.root(Folder::Workspace) else { return Ok(BTreeMap::new()) };
        let below = |path: &Path| match &story.resolved.description.paths {
            PathMapping::HostPaths => self.workspace().join(path).to_string_lossy().into_owned(),
            PathMapping::Fixed { workspace, .. } => format!("{}/{}", workspace.trim_end_matches('/'), path.display()),
        };
        let mut variables = BTreeMap::new();
        for asset in story.question.settings.assets.values() {
            let asset = asset.for_tests().map_err(SessionError::Write)?;
            story.host.place_asset(&asset, workspace, &story.resolved.rights, &story.held).await?;
            variables.insert(asset.variable(), below(asset.save_path.as_path()));
        }
        if !variables.is_empty() {
            variables.insert(ASSETS_VARIABLE.to_owned(), below(Path::new(ASSETS_FOR_TESTS)));
        }
        self.life().added.lock().unwrap_or_else(PoisonError::into_inner).extend(variables.clone());
        Ok(variables)
    }

    /// Work in the workspace, on a thread that may wait.
    async fn with_workspace<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Root) -> Result<T, SessionError> + Send + 'static,
    ) -> Result<T, SessionError> {
        let story = self.life().lend().await?;
        blocking(move || work(workspace(&story)?)).await
    }
}

//! The assets of a run: where the environment finds them, and how they get there.

use std::{collections::BTreeMap, fs, io::Write as _, sync::Arc, time::Duration};

use http::{Request, StatusCode, Uri};

use super::{error::RunError, host::Host};
use crate::{
    config::{Mode, RunSettings},
    egress::{HttpLimits, Outbound, empty},
    engine::{Description, PathMapping},
    imports::Folders,
    names::{Digest, Digester, RunId},
    policy::{self, Folder, Refused, Rights, WantedRequest},
    secrets::Held,
    store::{ReasonCode, RunStatus},
    workspace::{Asset, AssetSource, AssetUrl, LARGEST_ASSET, Placeholders, RelativePath, Root, WorkspaceError},
};

/// How long one file may take to come.
const PATIENCE: Duration = Duration::from_hours(1);

impl Host {
    /// Put the paths of the assets into everything that the run is told, and see whether the assets of the project are there. Makes nothing.
    pub(super) fn name_assets(&self, settings: &mut RunSettings, description: &Description) -> Result<Placeholders, RunError> {
        for asset in settings.assets.values() {
            asset.check()?;
        }
        let placeholders = self.placeholders(settings, &description.paths);
        let texts = |texts: &mut Vec<String>| -> Result<(), RunError> {
            for text in texts {
                *text = placeholders.text(text)?;
            }
            Ok(())
        };
        let variables = |variables: &mut BTreeMap<String, String>| -> Result<(), RunError> {
            for value in variables.values_mut() {
                *value = placeholders.text(value)?;
            }
            Ok(())
        };
        let environment = &mut settings.environment;
        for lines in [
            &mut settings.command,
            &mut settings.extra_arguments,
            &mut environment.setup_commands,
            &mut environment.evaluation_commands,
            &mut environment.resume_commands,
            &mut environment.typed_setup_commands,
        ] {
            texts(lines)?;
        }
        variables(&mut settings.variables)?;
        variables(&mut environment.variables)?;
        Ok(placeholders)
    }

    /// Where a command finds each asset: as the runtime says that it shows its folders.
    fn placeholders(&self, settings: &RunSettings, paths: &PathMapping) -> Placeholders {
        let on_host = self.state.layout().assets_of(&settings.run_id);
        let (workspace, assets) = match paths {
            PathMapping::HostPaths => (settings.workspace.to_string_lossy().into_owned(), on_host.to_string_lossy().into_owned()),
            PathMapping::Fixed { workspace, assets, .. } => (workspace.clone(), assets.clone()),
        };
        let path = |asset: &Asset| {
            let folder = if is_copied(asset, settings.mode) { &workspace } else { &assets };
            format!("{}/{}", folder.trim_end_matches('/'), asset.save_path.as_path().display())
        };
        settings.assets.values().map(|asset| (asset.name.clone(), path(asset))).collect()
    }

    /// Put every asset where the run finds it. Where that fails the run is over.
    pub(super) async fn bring_assets(
        &self,
        settings: &RunSettings,
        folders: &Folders,
        rights: &Rights,
        held: &Held,
    ) -> Result<(), RunError> {
        let placed = self.place_assets(settings, folders, rights, held).await;
        if let Err(error) = &placed {
            // The row is there already: it must not look as if a host were still at work on it.
            let _ = self.state.finish_run(&settings.run_id, RunStatus::Failed, ReasonCode::HostFault, &error.to_string());
            let _ = self.remove_assets(&settings.run_id);
        }
        placed
    }

    async fn place_assets(&self, settings: &RunSettings, folders: &Folders, rights: &Rights, held: &Held) -> Result<(), RunError> {
        let (Some(beside), Some(workspace)) = (folders.root(Folder::Assets), folders.root(Folder::Workspace)) else { return Ok(()) };
        for asset in settings.assets.values() {
            let target = if is_copied(asset, settings.mode) { workspace } else { beside };
            self.place_asset(asset, target, rights, held).await?;
        }
        beside.seal()?;
        Ok(())
    }

    /// Put one asset into `target`, in place of what is there.
    pub(super) async fn place_asset(&self, asset: &Asset, target: &Root, rights: &Rights, held: &Held) -> Result<(), RunError> {
        match &asset.source {
            AssetSource::File(_) | AssetSource::Folder(_) | AssetSource::Archive(_) => asset.place(target)?,
            AssetSource::Url(url) => {
                let (cache, name) = self.fetched(asset, url).await?;
                asset.place_file(&cache, &name, target)?;
            }
            AssetSource::Secret(secret) => {
                let permits = policy::give_secrets(rights);
                let permit = permits.iter().find(|permit| permit.action().secret == *secret).ok_or_else(|| RunError::Refused {
                    message: format!(
                        "asset `{}` is secret `{secret}`, which plugin `{}` may not give to a command",
                        asset.name, rights.plugin
                    ),
                    hint: format!("worldflux plugin grant {} --secret {secret}", rights.typed),
                })?;
                asset.place_private(held.give(permit)?.reveal().as_bytes(), target)?;
            }
        }
        Ok(())
    }

    /// Remove the assets that lie beside the workspace of a run that is over.
    pub(super) fn remove_assets(&self, run: &RunId) -> Result<(), WorkspaceError> {
        let path = self.state.layout().assets_of(run);
        let root = match Root::open(&path) {
            Ok(root) => root,
            Err(error) if error.is_not_found() => return Ok(()),
            Err(error) => return Err(error),
        };
        if let Some(left) = root.empty().into_iter().next() {
            return Err(WorkspaceError::NotEmpty { root: path, path: left.path, cause: left.why });
        }
        fs::remove_dir(&path).map_err(|cause| WorkspaceError::Folder { path, cause })
    }

    /// The file behind a URL, from the files that were fetched before or from the network. It is kept by its digest, never by its URL.
    async fn fetched(&self, asset: &Asset, url: &AssetUrl) -> Result<(Root, RelativePath), RunError> {
        let expected = asset.sha256.unwrap_or_else(|| Digest::of(b""));
        let folder = self.state.layout().assets();
        fs::create_dir_all(&folder).map_err(|cause| WorkspaceError::Folder { path: folder.clone(), cause })?;
        let cache = Root::open(&folder)?;
        let name: RelativePath = expected.hex().parse()?;
        match cache.measure(&name, LARGEST_ASSET) {
            Ok(found) if found.sha256 == expected => return Ok((cache, name)),
            // What is broken is fetched again.
            Ok(_) => {}
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
        self.fetch(asset, url, &cache, &name, expected).await?;
        Ok((cache, name))
    }

    async fn fetch(&self, asset: &Asset, url: &AssetUrl, cache: &Root, name: &RelativePath, expected: Digest) -> Result<(), RunError> {
        let refuse = |why: String| RunError::Refused { message: format!("asset `{}` from {url}: {why}", asset.name), hint: String::new() };
        let uri: Uri = url.reveal().parse().map_err(|error: http::uri::InvalidUri| refuse(error.to_string()))?;
        let wanted = WantedRequest {
            scheme: uri.scheme_str().unwrap_or_default(),
            authority: uri.authority().map_or("", |authority| authority.as_str()),
            method: "GET",
            path: uri.path(),
        };
        let permit = policy::fetch_asset(&wanted).map_err(|refused| match refused {
            Refused::Denied(denial) => refuse(denial.to_string()),
            Refused::Invalid(failure) => refuse(failure.message),
        })?;
        let request = Request::get(uri).body(empty()).map_err(|error| refuse(error.to_string()))?;
        let client: Arc<_> = self.client()?;
        let limits = HttpLimits { response_body: LARGEST_ASSET, whole: PATIENCE, ..*client.limits() };
        let request = Outbound::new(permit, request, limits).map_err(|error| refuse(error.to_string()))?;
        let mut download = client.fetch(request).await.map_err(|error| refuse(error.to_string()))?;
        if download.status() != StatusCode::OK {
            return Err(refuse(format!("the server answers {}", download.status())));
        }
        let (replacement, mut file) = cache.replace(name, 0o600)?;
        let mut digester = Digester::default();
        while let Some(piece) = download.next().await.map_err(|error| refuse(error.to_string()))? {
            digester.update(&piece);
            file.write_all(&piece).map_err(|error| refuse(error.to_string()))?;
        }
        let found = digester.finish();
        if found != expected {
            return Err(refuse(format!("it has digest {found}, and should have {expected}")));
        }
        replacement.commit()?;
        Ok(())
    }
}

/// A secret stays out of the workspace, which is the user's and is kept.
pub(super) fn is_copied(asset: &Asset, mode: Mode) -> bool {
    mode == Mode::Agent && !matches!(asset.source, AssetSource::Secret(_))
}

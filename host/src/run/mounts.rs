//! What the environment of a run sees of this machine beside the folders of the run.

use std::path::{Path, PathBuf};

use super::error::RunError;
use crate::{
    config::{Mount, RunSettings},
    policy::{Access, Rights},
};

/// Follow the links of every mount, for the last time, and refuse the one that the user did not open.
///
/// A mount stands in a run file, and a run file can come with a project of somebody else. A daemon that makes it may have more rights than
/// the user: so, whatever the profile, a project mounts what lies in it, and a folder that the user granted to the plugin.
pub(super) fn check(settings: &mut RunSettings, rights: &Rights) -> Result<(), RunError> {
    let real = |path: &Path| path.canonicalize();
    let inside: Vec<PathBuf> =
        [&settings.project, &settings.workspace, &settings.source].into_iter().filter_map(|path| real(path).ok()).collect();
    for mount in &mut settings.environment.mounts {
        let unreadable = |cause| RunError::Output { path: mount.host.clone(), cause };
        let path = real(&mount.host).map_err(unreadable)?;
        if !inside.iter().any(|folder| path.starts_with(folder)) && !is_granted(mount, &path, rights) {
            return Err(refused(mount, &path, rights));
        }
        mount.host = path;
    }
    Ok(())
}

fn is_granted(mount: &Mount, path: &Path, rights: &Rights) -> bool {
    let wanted = if mount.writable { Access::Write } else { Access::Read };
    rights.grants.machine_folders().any(|(folder, access)| path.starts_with(folder.path()) && access >= wanted)
}

fn refused(mount: &Mount, path: &Path, rights: &Rights) -> RunError {
    let access = if mount.writable { Access::Write } else { Access::Read };
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let message = format!(
        "the mount `{}` shows `{}`, which lies outside of the project, and a project cannot open that to a container",
        mount.target,
        path.display()
    );
    RunError::Refused { message, hint: format!("if you mean it: {}", rights.cure_of_folder(folder, access)) }
}

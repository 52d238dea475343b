//! Finding the project's `worldflux.toml`.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use rustix::process::geteuid;

use super::ConfigError;

/// The name of the run file of a project.
const NAME: &str = "worldflux.toml";

/// The `worldflux.toml` in `folder`, or else in the nearest folder above.
///
/// One above that somebody else could have put there is refused, since it chooses what runs: whoever works in a folder below `/tmp`
/// would run what anybody wrote to `/tmp/worldflux.toml`. It has to belong to the user, to root or to the owner of `folder`.
pub(super) fn project_file(folder: &Path) -> Result<Option<PathBuf>, ConfigError> {
    for above in folder.ancestors() {
        let path = above.join(NAME);
        let status = match fs::metadata(&path) {
            Ok(status) => status,
            // Not a run file for us, whatever the reason: a folder above may be unreadable, and that is no error.
            Err(_) if above != folder => continue,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(cause) => return Err(ConfigError::Unreadable { what: "the run file", path, cause }),
        };
        if above != folder {
            let owners = [geteuid().as_raw(), 0, fs::metadata(folder).map_or(0, |status| status.uid())];
            let why = if !owners.contains(&status.uid()) {
                Some(format!("it belongs to user {} and lies above this folder", status.uid()))
            } else if status.mode() & 0o002 != 0 {
                Some(format!("everybody can write it (mode {:04o}), and it lies above this folder", status.mode() & 0o7777))
            } else {
                None
            };
            if let Some(why) = why {
                let cure = format!("if it is meant, name it: --spec {}", path.display());
                return Err(ConfigError::Untrusted { path, why, cure });
            }
        }
        return Ok(Some(path));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_nearest_run_file_is_found() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("a/b");
        fs::create_dir_all(&deep).unwrap();
        assert_eq!(project_file(&deep).unwrap(), None);
        fs::write(place.path().join(NAME), "").unwrap();
        assert_eq!(project_file(&deep).unwrap(), Some(place.path().join(NAME)));
        fs::write(deep.join(NAME), "").unwrap();
        assert_eq!(project_file(&deep).unwrap(), Some(deep.join(NAME)));
    }

    #[test]
    fn a_run_file_above_that_everybody_can_write_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("a");
        fs::create_dir(&deep).unwrap();
        let file = place.path().join(NAME);
        fs::write(&file, "").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        let error = project_file(&deep).unwrap_err();
        assert!(error.to_string().ends_with("everybody can write it (mode 0666), and it lies above this folder"), "{error}");
        assert!(project_file(place.path()).unwrap().is_some());
    }
}

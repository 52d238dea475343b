//! Which program supervises commands.

use std::{
    fs,
    os::{fd::IntoRawFd as _, unix::fs::MetadataExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{FileType, Mode, OFlags, fstat, open};

use crate::sandbox::Launcher;

/// The small program that is installed beside this one.
const NAME: &str = "worldflux-supervisor";

/// A launcher whose supervisor is the small program beside this one or, where there is none, this one: starting all of it takes twice as
/// long.
pub(super) fn launcher() -> Launcher {
    let this = std::env::current_exe().ok();
    this.and_then(|this| beside(&this)).map_or_else(Launcher::default, Launcher::with_supervisor)
}

/// The supervisor beside `program`, held open to the end of this process: where another version is installed meanwhile, the two still
/// fit.
///
/// Refused is one that somebody could have put there who cannot change `program` itself: whoever runs a `worldflux` in a folder that
/// everybody can write would run what anybody wrote beside it.
fn beside(program: &Path) -> Option<PathBuf> {
    let known = fs::metadata(program).ok()?;
    let file = open(program.with_file_name(NAME), OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let found = fstat(&file).ok()?;
    let shared = found.st_mode & 0o022;
    let is_ours = found.st_uid == known.uid() || found.st_uid == 0;
    let is_alike = shared & !known.mode() == 0 && (shared == 0 || found.st_gid == known.gid());
    let runs = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile && found.st_mode & 0o111 != 0;
    (is_ours && is_alike && runs).then(|| format!("/proc/self/fd/{}", file.into_raw_fd()).into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn only_a_supervisor_that_nobody_else_could_have_put_there_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let (program, supervisor) = (folder.path().join("worldflux"), folder.path().join(NAME));
        let make = |path: &Path, mode| {
            fs::write(path, "").unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        make(&program, 0o755);
        assert_eq!(beside(&program), None, "there is none");
        for (mode, is_used) in [(0o755, true), (0o700, true), (0o775, false), (0o757, false), (0o644, false)] {
            make(&supervisor, mode);
            let found = beside(&program);
            assert_eq!(found.is_some(), is_used, "{mode:o}");
            if let Some(found) = found {
                assert_eq!(fs::canonicalize(found).unwrap(), fs::canonicalize(&supervisor).unwrap());
            }
        }
        make(&program, 0o775);
        make(&supervisor, 0o775);
        assert!(beside(&program).is_some(), "whoever can write it can write the program too");
        fs::rename(&supervisor, folder.path().join("elsewhere")).unwrap();
        symlink(folder.path().join("elsewhere"), &supervisor).unwrap();
        assert_eq!(beside(&program), None, "a link leads to who knows where");
        assert_eq!(beside(&folder.path().join("worldflux (deleted)")), None);
    }
}

//! Removes and measures folders of any depth, with two open descriptors and without recursion.

use std::{
    ffi::{CStr, CString},
    os::fd::OwnedFd,
    path::Path,
};

use rustix::{
    fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags},
    io::Errno,
};

use super::error::StoreError;
use crate::names::Bytes;

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// One folder between the top and the place where a walk stands.
struct Level {
    /// Its name in the folder above.
    name: CString,
    /// Which folder it is, whatever its name.
    identity: (u64, u64),
    /// Folders in it that were not entered yet.
    folders: Vec<CString>,
}

/// Remove the folder `path` and everything below it; one that does not exist is removed already. Links are removed, not followed.
///
/// A path of any depth is fine: the walk goes down and up by one name at a time. Folders without permission to write, as package caches
/// make them, are made writable first. Where somebody moves a folder away meanwhile the walk stops instead of going on elsewhere.
pub fn remove_tree(path: &Path) -> Result<(), StoreError> {
    let failed = |error: Errno| StoreError::io("removed", path, error);
    let mut here = match open_writable(CWD, &name_of(path)?) {
        Ok(top) => top,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(failed(error)),
    };
    let mut levels = vec![remove_files(c"", &here).map_err(failed)?];
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.folders.pop() {
            here = open_writable(&here, &name).map_err(failed)?;
            levels.push(remove_files(&name, &here).map_err(failed)?);
            continue;
        }
        let done = levels.pop();
        if let (Some(done), Some(above)) = (done, levels.last()) {
            here = open_above(&here, above).map_err(failed)?;
            rustix::fs::unlinkat(&here, &done.name, AtFlags::REMOVEDIR).map_err(failed)?;
        }
    }
    match rustix::fs::rmdir(path) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(failed(error)),
    }
}

fn remove_files(name: &CStr, folder: &OwnedFd) -> Result<Level, Errno> {
    let mut folders = Vec::new();
    // The names are read before anything changes: what a listing shows of a folder that changes is not defined.
    for (name, kind) in entries(folder)? {
        if kind == FileType::Directory {
            folders.push(name);
        } else {
            rustix::fs::unlinkat(folder, &name, AtFlags::empty())?;
        }
    }
    Ok(Level { name: name.to_owned(), identity: identity(folder)?, folders })
}

fn identity(folder: &OwnedFd) -> Result<(u64, u64), Errno> {
    rustix::fs::fstat(folder).map(|found| (found.st_dev, found.st_ino))
}

fn open_above(here: &OwnedFd, above: &Level) -> Result<OwnedFd, Errno> {
    let folder = rustix::fs::openat(here, c"..", OPEN, Mode::empty())?;
    // A folder that was moved has another one above it.
    if identity(&folder)? == above.identity { Ok(folder) } else { Err(Errno::STALE) }
}

/// Open a folder, and make it writable for its owner where it is not.
fn open_writable(at: impl rustix::fd::AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let writable = Mode::RWXU;
    match rustix::fs::openat(&at, name, OPEN, Mode::empty()) {
        Ok(folder) => {
            let mode = Mode::from_raw_mode(rustix::fs::fstat(&folder)?.st_mode);
            if !mode.contains(writable) {
                rustix::fs::fchmod(&folder, writable)?;
            }
            Ok(folder)
        }
        Err(Errno::ACCESS) => {
            // By the descriptor, so that a name which became a link meanwhile changes nothing elsewhere.
            let found =
                rustix::fs::openat(&at, name, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
            rustix::fs::chmod(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&found)), writable)?;
            rustix::fs::openat(&at, name, OPEN, Mode::empty())
        }
        Err(error) => Err(error),
    }
}

/// The bytes that the files below `path` occupy on disk, each hard-linked file counted as often as it is found.
///
/// What cannot be read, and what goes away meanwhile, is not counted.
pub fn bytes_below(path: &Path) -> Result<Bytes, StoreError> {
    let failed = |error: Errno| StoreError::io("measured", path, error);
    let mut here = rustix::fs::open(path, OPEN, Mode::empty()).map_err(failed)?;
    let mut total = 0;
    let mut levels = vec![measure_files(&here, &mut total).map_err(failed)?];
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.folders.pop() {
            let entered = rustix::fs::openat(&here, &name, OPEN, Mode::empty());
            if let Ok((folder, level)) = entered.and_then(|folder| measure_files(&folder, &mut total).map(|level| (folder, level))) {
                here = folder;
                levels.push(level);
            }
            continue;
        }
        levels.pop();
        if let Some(above) = levels.last() {
            here = open_above(&here, above).map_err(failed)?;
        }
    }
    Ok(Bytes(total))
}

fn measure_files(folder: &OwnedFd, total: &mut u64) -> Result<Level, Errno> {
    let mut folders = Vec::new();
    for (name, kind) in entries(folder)? {
        if let Ok(found) = rustix::fs::statat(folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
            *total += u64::try_from(found.st_blocks).unwrap_or(0) * 512;
        }
        if kind == FileType::Directory {
            folders.push(name);
        }
    }
    Ok(Level { name: CString::default(), identity: identity(folder)?, folders })
}

fn entries(folder: &OwnedFd) -> Result<Vec<(CString, FileType)>, Errno> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let kind = match entry.file_type() {
            // Some file systems do not tell in the listing.
            FileType::Unknown => FileType::from_raw_mode(rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode),
            kind => kind,
        };
        entries.push((name.to_owned(), kind));
    }
    Ok(entries)
}

fn name_of(path: &Path) -> Result<CString, StoreError> {
    use std::os::unix::ffi::OsStrExt as _;
    CString::new(path.as_os_str().as_bytes()).map_err(|error| StoreError::io("removed", path, std::io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    #[test]
    fn a_tree_that_is_deeper_than_any_path_is_measured_and_removed() {
        // In memory where there is such a place: a disk takes long for so many folders.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
        let top = folder.path().join("deep");
        fs::create_dir(&top).unwrap();
        let mut here = rustix::fs::open(&top, OPEN, Mode::empty()).unwrap();
        for _ in 0..100_000 {
            rustix::fs::mkdirat(&here, c"d", Mode::RWXU).unwrap();
            here = rustix::fs::openat(&here, c"d", OPEN, Mode::empty()).unwrap();
        }
        let file = rustix::fs::openat(&here, c"f", OFlags::CREATE | OFlags::WRONLY, Mode::RWXU).unwrap();
        rustix::io::write(&file, &[1; 8192]).unwrap();
        drop((here, file));
        assert!(bytes_below(&top).unwrap() >= Bytes(8192));
        remove_tree(&top).unwrap();
        assert!(!top.exists());
    }

    #[test]
    fn links_are_removed_and_what_they_point_to_stays() {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("kept");
        fs::create_dir(&kept).unwrap();
        fs::write(kept.join("file"), "x").unwrap();
        let top = folder.path().join("top");
        fs::create_dir_all(top.join("a/b/c")).unwrap();
        fs::create_dir_all(top.join("a/d")).unwrap();
        fs::write(top.join("a/b/file"), "x").unwrap();
        std::os::unix::fs::symlink(&kept, top.join("a/link")).unwrap();
        std::os::unix::fs::symlink("/nowhere", top.join("dangling")).unwrap();
        remove_tree(&top).unwrap();
        assert!(!top.exists() && kept.join("file").exists());
        remove_tree(&top).unwrap();
    }

    #[test]
    fn folders_without_permissions_are_removed_too() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("top");
        fs::create_dir_all(top.join("cache/module/pkg")).unwrap();
        fs::write(top.join("cache/module/pkg/file"), "x").unwrap();
        for (name, mode) in [("cache/module/pkg", 0o555), ("cache/module", 0o000), ("cache", 0o500)] {
            fs::set_permissions(top.join(name), fs::Permissions::from_mode(mode)).unwrap();
        }
        remove_tree(&top).unwrap();
        assert!(!top.exists());
    }

    #[test]
    fn a_link_in_the_place_of_the_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let kept = folder.path().join("kept");
        fs::create_dir(&kept).unwrap();
        std::os::unix::fs::symlink(&kept, folder.path().join("link")).unwrap();
        assert!(remove_tree(&folder.path().join("link")).is_err());
        assert!(kept.exists());
    }
}

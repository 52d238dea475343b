//! Taking things out of a folder, whatever they are and however deep.

use std::{
    ffi::{CStr, CString},
    os::fd::{AsFd, AsRawFd as _, OwnedFd},
};

use rustix::{
    fs::{AtFlags, Dir, FileType, Mode, OFlags, chmod, fchmod, fstat, openat, statat, unlinkat},
    io::Errno,
};

use super::{
    RelativePath, Root, WorkspaceError,
    contain::{self, FOLDER},
};

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

impl Root {
    /// Remove what is at `path`: a file, a link, or a folder with everything in it, of any depth. What is not there is removed already.
    pub fn remove(&self, path: &RelativePath) -> Result<(), WorkspaceError> {
        let failed = |errno| self.error("remove", path, errno);
        let (parent, name) = path.split();
        let parent = match parent {
            None => None,
            Some(parent) => match contain::open(self.resolver, self.folder().as_fd(), &parent, FOLDER, Mode::empty()) {
                Ok(folder) => Some(folder),
                Err(Errno::NOENT) => return Ok(()),
                Err(errno) => return Err(failed(errno)),
            },
        };
        let name = CString::new(name.as_encoded_bytes()).map_err(|_| failed(Errno::INVAL))?;
        remove_name(parent.as_ref().unwrap_or_else(|| self.folder()), &name).map_err(failed)
    }
}

/// One folder between the top and the place where the walk stands.
struct Level {
    name: CString,
    identity: (u64, u64),
    folders: Vec<CString>,
}

/// Remove `name` from `folder`, with two open descriptors and without recursion: a chain of a hundred thousand folders is no stack overflow.
pub(super) fn remove_name(folder: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    match unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        // What Linux and POSIX answer for a folder.
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(errno) => return Err(errno),
    }
    let mut here = open_writable(folder, name)?;
    let mut levels = vec![remove_files(name, &here)?];
    while let Some(level) = levels.last_mut() {
        if let Some(name) = level.folders.pop() {
            here = open_writable(&here, &name)?;
            levels.push(remove_files(&name, &here)?);
            continue;
        }
        let done = levels.pop();
        if let (Some(done), Some(above)) = (done, levels.last()) {
            here = open_above(&here, above)?;
            unlinkat(&here, &done.name, AtFlags::REMOVEDIR)?;
        }
    }
    unlinkat(folder, name, AtFlags::REMOVEDIR)
}

/// Open a folder, and make it usable for its owner where it is not: package caches are made without permission to write.
pub(super) fn open_writable(at: impl AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    match openat(&at, name, OPEN, Mode::empty()) {
        Ok(folder) => {
            let mode = Mode::from_raw_mode(fstat(&folder)?.st_mode);
            if !mode.contains(Mode::RWXU) {
                fchmod(&folder, mode | Mode::RWXU)?;
            }
            Ok(folder)
        }
        Err(Errno::ACCESS) => {
            // By the descriptor, so that a name which became a link meanwhile changes nothing elsewhere.
            let found = openat(&at, name, OFlags::PATH | OPEN, Mode::empty())?;
            chmod(format!("/proc/self/fd/{}", found.as_raw_fd()), Mode::RWXU)?;
            openat(&at, name, OPEN, Mode::empty())
        }
        Err(errno) => Err(errno),
    }
}

/// The names in a folder and what they are.
pub(super) fn names(folder: impl AsFd) -> Result<Vec<(CString, FileType)>, Errno> {
    let mut names = Vec::new();
    for entry in Dir::read_from(&folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let kind = match entry.file_type() {
            // Some file systems do not tell in the listing.
            FileType::Unknown => FileType::from_raw_mode(statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)?.st_mode),
            kind => kind,
        };
        names.push((name.to_owned(), kind));
    }
    Ok(names)
}

fn remove_files(name: &CStr, folder: &OwnedFd) -> Result<Level, Errno> {
    let mut folders = Vec::new();
    for (name, kind) in names(folder)? {
        if kind == FileType::Directory {
            folders.push(name);
        } else {
            unlinkat(folder, &name, AtFlags::empty())?;
        }
    }
    Ok(Level { name: name.to_owned(), identity: identity(folder)?, folders })
}

fn identity(folder: &OwnedFd) -> Result<(u64, u64), Errno> {
    fstat(folder).map(|status| (status.st_dev, status.st_ino))
}

fn open_above(here: &OwnedFd, above: &Level) -> Result<OwnedFd, Errno> {
    let folder = openat(here, c"..", OPEN, Mode::empty())?;
    // A folder that was moved has another one above it.
    if identity(&folder)? == above.identity { Ok(folder) } else { Err(Errno::STALE) }
}

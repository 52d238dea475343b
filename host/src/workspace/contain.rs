//! The containment routine: the only place where a path that somebody else made up is given to the kernel.
//!
//! `openat2` resolves the whole path in one call, beneath the folder and without links. A kernel or a container runtime that does not
//! know it gets the same promise in steps: each name is opened on its own, in the folder that was opened before, without following a
//! link. Since a [`RelativePath`] has no `..`, no step can lead upwards, and a folder that is swapped for a link between two steps is
//! either still the old folder, held open, or refused.

use std::{
    ffi::OsStr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::{
    fs::{Mode, OFlags, ResolveFlags, openat, openat2},
    io::Errno,
};

use super::RelativePath;

/// How paths are resolved. Tests force the second way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolver {
    /// By `openat2`, and in steps where the kernel does not know it.
    Kernel,
    /// In steps.
    Steps,
}

/// Open `path` beneath `root`. A link anywhere in it gives `ELOOP`, or `ENOTDIR` where a folder was expected.
pub(super) fn open(resolver: Resolver, root: BorrowedFd<'_>, path: &RelativePath, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY;
    if resolver == Resolver::Steps {
        return in_steps(root, path, flags, mode);
    }
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match openat2(root, path.as_path(), flags, mode, resolve) {
        // EPERM is what some container runtimes answer to a call that they do not know.
        Err(Errno::NOSYS | Errno::PERM) => in_steps(root, path, flags, mode),
        Err(Errno::XDEV) => Err(Errno::LOOP),
        answer => answer,
    }
}

/// Open one name, which has no `/`, in `folder`, without following it if it is a link.
pub(super) fn open_name(folder: BorrowedFd<'_>, name: &OsStr, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    openat(folder, name, flags | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NOCTTY, mode)
}

/// What is needed to hold a folder open and go on from there.
pub(super) const FOLDER: OFlags = OFlags::DIRECTORY;

fn in_steps(root: BorrowedFd<'_>, path: &RelativePath, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    let (parent, last) = path.split();
    let mut folder: Option<OwnedFd> = None;
    for name in parent.iter().flat_map(RelativePath::names) {
        let current = folder.as_ref().map_or(root, AsFd::as_fd);
        folder = Some(open_name(current, name, FOLDER | OFlags::PATH, Mode::empty())?);
    }
    open_name(folder.as_ref().map_or(root, AsFd::as_fd), last, flags, mode)
}

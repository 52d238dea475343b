//! Folders that only their owner can read.

use std::{fs::DirBuilder, io, os::unix::fs::DirBuilderExt, path::Path};

use rustix::fs::{FileType, Mode, lstat};

use super::error::StoreError;

/// Make `path` and what is missing above it, mode 0700. A folder that exists keeps its mode.
pub(super) fn make(path: &Path) -> Result<(), StoreError> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().mode(0o700).recursive(true).create(path).map_err(|error| StoreError::io("made", path, error))
        }
        Err(error) => Err(StoreError::io("made", path, error)),
    }
}

/// Make the state directory if it is missing, and refuse one that somebody else could have prepared.
///
/// A link or a folder that others can write would let them swap the database, the compiled code or the key.
pub(super) fn make_private(path: &Path) -> Result<(), StoreError> {
    let unsafe_directory = |why: String| StoreError::UnsafeDirectory { path: path.to_owned(), why };
    let found = match lstat(path) {
        Err(rustix::io::Errno::NOENT) => {
            make(path)?;
            lstat(path)
        }
        found => found,
    };
    let found = found.map_err(|error| StoreError::io("opened", path, error))?;
    match FileType::from_raw_mode(found.st_mode) {
        FileType::Directory => {}
        FileType::Symlink => return Err(unsafe_directory("it is a symbolic link".into())),
        _ => return Err(unsafe_directory("it is not a folder".into())),
    }
    let me = rustix::process::geteuid().as_raw();
    if found.st_uid != me {
        return Err(unsafe_directory(format!("it belongs to user {}, this process is user {me}", found.st_uid)));
    }
    let mode = Mode::from_raw_mode(found.st_mode);
    if mode.intersects(Mode::WGRP | Mode::WOTH) {
        return Err(unsafe_directory(format!("its mode is {:04o}, so others can write in it", mode.bits() & 0o7777)));
    }
    Ok(())
}

//! A file that takes the place of what stands there, once it is whole.

use std::{
    ffi::OsString,
    fs::File,
    os::fd::{AsFd as _, OwnedFd},
};

use rustix::fs::{AtFlags, Mode, OFlags, RawMode, renameat, unlinkat};

use super::{RelativePath, Root, WorkspaceError, contain};

/// A file that is being written under a name of its own. Dropped before it is put in its place, it is gone, and what stood there stands there
/// unchanged.
#[derive(Debug)]
pub struct Replacement<'root> {
    root: &'root Root,
    path: RelativePath,
    folder: OwnedFd,
    name: OsString,
    part: Option<String>,
}

impl Root {
    /// Begin to replace the file at `path`, which need not exist; folders are made as needed. The file to write into has this mode, less what
    /// the user's mask takes away.
    pub fn replace(&self, path: &RelativePath, mode: RawMode) -> Result<(Replacement<'_>, File), WorkspaceError> {
        let (parent, name) = path.split();
        let below = parent.map(|parent| self.create_dir_all(&parent)).transpose()?;
        let folder = below.as_ref().unwrap_or(self).folder().try_clone().map_err(|cause| self.system("open", path, cause))?;
        let part = part_name();
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let file = contain::open_name(folder.as_fd(), part.as_ref(), flags, Mode::from_raw_mode(mode))
            .map_err(|errno| self.error("create", path, errno))?;
        let replacement = Replacement { root: self, path: path.clone(), folder, name: name.to_owned(), part: Some(part) };
        Ok((replacement, file.into()))
    }
}

impl Replacement<'_> {
    /// Put it in its place, in one step. A link there is replaced, not followed.
    pub fn commit(mut self) -> Result<(), WorkspaceError> {
        let Some(part) = &self.part else { return Ok(()) };
        let renamed = renameat(&self.folder, part.as_str(), &self.folder, &*self.name);
        renamed.map_err(|errno| self.root.error("write", &self.path, errno))?;
        self.part = None;
        Ok(())
    }
}

impl Drop for Replacement<'_> {
    fn drop(&mut self) {
        if let Some(part) = self.part.take() {
            let _ = unlinkat(&self.folder, part.as_str(), AtFlags::empty());
        }
    }
}

/// A name that nobody else uses, for the time of the writing. Creation is exclusive, so a name that does exist is an error, never a loss.
fn part_name() -> String {
    let mut random = [0; 8];
    if getrandom::fill(&mut random).is_err() {
        random = u64::from(std::process::id()).to_le_bytes();
    }
    format!(".{:016x}.part", u64::from_le_bytes(random))
}

//! Where a member of an archive goes, and what a link in it may say.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt as _,
};

use crate::workspace::{RelativePath, WorkspaceError, broken_rule, shown};

/// A member that was described and not unpacked yet.
#[derive(Debug)]
pub(super) struct Member {
    /// Its name, as the archive has it.
    pub(super) name: Vec<u8>,
    /// What it says, if it is a link.
    pub(super) link: Vec<u8>,
    /// What it is, as tar writes it.
    pub(super) kind: u8,
    pub(super) is_executable: bool,
    pub(super) bytes: u64,
}

impl Member {
    /// Refuse it.
    pub(super) fn refuse(&self, rule: &'static str) -> WorkspaceError {
        WorkspaceError::Member { member: shown(&self.name), rule }
    }

    /// Its place in the folder; `None` for the folder itself. A leading `./` and a trailing `/` mean nothing.
    pub(super) fn path(&self) -> Result<Option<RelativePath>, WorkspaceError> {
        self.place_of(&self.name)
    }

    /// The place of the member that a hard link is another name of.
    pub(super) fn original(&self) -> Result<RelativePath, WorkspaceError> {
        self.place_of(&self.link)?.ok_or_else(|| self.refuse("it is a hard link to the folder itself"))
    }

    /// What a symbolic link at `path` says. It has to lead to something in the folder, whatever else is a link there: so it may go up, at
    /// most to the folder, and then only down.
    pub(super) fn target(&self, path: &RelativePath) -> Result<OsString, WorkspaceError> {
        let outside = || self.refuse("it is a link that leads out of the folder");
        if self.link.is_empty() || self.link.contains(&0) || self.link.len() > 4095 {
            return Err(self.refuse("it is a link without a target"));
        }
        if self.link.starts_with(b"/") {
            return Err(outside());
        }
        let (mut above, mut went_down) = (path.names().count() - 1, false);
        for name in self.link.split(|byte| *byte == b'/') {
            match name {
                b"" | b"." => {}
                b".." if went_down => return Err(outside()),
                b".." => above = above.checked_sub(1).ok_or_else(outside)?,
                _ => went_down = true,
            }
        }
        Ok(OsStr::from_bytes(&self.link).to_owned())
    }

    fn place_of(&self, name: &[u8]) -> Result<Option<RelativePath>, WorkspaceError> {
        let mut name = name;
        while let Some(rest) = name.strip_prefix(b"./") {
            name = rest;
        }
        while let Some(rest) = name.strip_suffix(b"/").filter(|rest| !rest.is_empty()) {
            name = rest;
        }
        if name.is_empty() || name == b"." {
            return Ok(None);
        }
        if let Some(rule) = broken_rule(name) {
            return Err(self.refuse(rule));
        }
        RelativePath::from_os(OsStr::from_bytes(name)).map(Some)
    }
}

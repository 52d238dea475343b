//! A path as a plugin sees it.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

use super::{
    RelativePath, WorkspaceError,
    relative_path::{broken_rule, shown},
};
use crate::policy::Folder;

/// An absolute path as a plugin sees it: one of the folders of a run, or something in it. Always text, as the protocol says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct GuestPath {
    folder: Folder,
    inside: Option<RelativePath>,
}

impl GuestPath {
    /// The folder itself.
    #[must_use]
    pub const fn of(folder: Folder) -> Self {
        Self { folder, inside: None }
    }

    /// `inside` the folder. Refused where `inside` is not text, since the protocol cannot say it.
    pub fn new(folder: Folder, inside: RelativePath) -> Result<Self, WorkspaceError> {
        if inside.as_text().is_none() {
            return Err(WorkspaceError::BadGuestPath { path: format!("{folder}/{inside}"), rule: "it is not UTF-8" });
        }
        Ok(Self { folder, inside: Some(inside) })
    }

    /// The folder of the run in which it lies.
    #[must_use]
    pub const fn folder(&self) -> Folder {
        self.folder
    }

    /// Where it lies in that folder; `None` for the folder itself.
    #[must_use]
    pub const fn inside(&self) -> Option<&RelativePath> {
        self.inside.as_ref()
    }

    /// Where it is on this machine, when its folder is at `root`. Text only: whatever is opened is opened through a [`super::Root`].
    #[must_use]
    pub fn on_host(&self, root: &Path) -> PathBuf {
        self.inside.as_ref().map_or_else(|| root.to_owned(), |inside| root.join(inside.as_path()))
    }
}

impl FromStr for GuestPath {
    type Err = WorkspaceError;

    fn from_str(text: &str) -> Result<Self, WorkspaceError> {
        let refuse = |rule| WorkspaceError::BadGuestPath { path: shown(text.as_bytes()), rule };
        let found = Folder::ALL.into_iter().find_map(|folder| Some((folder, text.strip_prefix(folder.guest_path())?)));
        let below = |(folder, rest): (Folder, &str)| match rest.strip_prefix('/') {
            Some(inside) => Some((folder, Some(inside.to_owned()))),
            None => rest.is_empty().then_some((folder, None)),
        };
        let (folder, inside) = found
            .and_then(below)
            .ok_or_else(|| refuse("expected `/workspace`, `/source`, `/env`, `/output`, `/state` or `/assets`, or a path below"))?;
        let Some(inside) = inside else { return Ok(Self::of(folder)) };
        if let Some(rule) = broken_rule(inside.as_bytes()) {
            return Err(refuse(if inside.is_empty() { "it ends with `/`" } else { rule }));
        }
        Self::new(folder, inside.parse()?)
    }
}

impl TryFrom<String> for GuestPath {
    type Error = WorkspaceError;

    fn try_from(text: String) -> Result<Self, WorkspaceError> {
        text.parse()
    }
}

impl From<GuestPath> for String {
    fn from(path: GuestPath) -> Self {
        let inside = path.inside.as_ref().and_then(RelativePath::as_text);
        inside.map_or_else(|| path.folder.to_string(), |inside| format!("{}/{inside}", path.folder))
    }
}

/// The exact text, which may hold any character but NUL; show it to a person escaped.
impl fmt::Display for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from(self.clone()))
    }
}

impl fmt::Debug for GuestPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from(self.clone()), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_path_names_one_of_the_folders_and_stays_there() {
        for text in
            ["", "/", "workspace", "/workspace2", "/workspace/", "/workspace/../etc", "/workspace//a", "/etc", "/workspace/a\0", "/Env"]
        {
            assert!(text.parse::<GuestPath>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_guest_path_splits_and_joins_without_loss() {
        for text in ["/workspace", "/output/logs/a.log", "/env/bin/python", "/assets/ä b"] {
            let path: GuestPath = text.parse().unwrap();
            assert_eq!(path.to_string(), text);
        }
        let path: GuestPath = "/env/bin".parse().unwrap();
        assert_eq!((path.folder(), path.on_host(Path::new("/x"))), (Folder::Env, PathBuf::from("/x/bin")));
    }
}

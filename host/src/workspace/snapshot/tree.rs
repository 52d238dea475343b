//! What was in a folder.

use std::{cmp::Ordering, ffi::OsString};

use crate::{
    names::{Bytes, Digest},
    workspace::{RelativePath, Root, Selection, WorkspaceError},
};

/// Something in a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub path: RelativePath,
    /// What.
    pub node: Node,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A regular file: mode 0755 where its owner may execute it, otherwise 0644.
    File {
        /// Whether its owner may execute it.
        executable: bool,
        /// Its size.
        bytes: Bytes,
        /// The digest of its content.
        sha256: Digest,
    },
    /// A symbolic link, and what it says: any bytes, wherever they lead.
    Link(OsString),
    /// A folder in which nothing is.
    Folder,
}

/// What was in a folder, sorted by the bytes of the paths. Folders that are not empty are there because of what is in them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    pub(super) entries: Vec<Entry>,
}

/// A tree that is kept, under the digest of its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Names it: two folders with the same content have the same.
    pub digest: Digest,
    /// What was there.
    pub tree: Tree,
}

impl Tree {
    /// Nothing at all.
    pub const EMPTY: Self = Self { entries: Vec::new() };

    /// What is in `folder` now. Nothing is stored, so the contents can only be read from the folder itself.
    pub fn of(folder: &Root, selection: &Selection) -> Result<Self, WorkspaceError> {
        super::take::look(folder, selection)
    }

    /// All entries, sorted by the bytes of the paths.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What is at `path`.
    #[must_use]
    pub fn get(&self, path: &RelativePath) -> Option<&Node> {
        let found = self.entries.binary_search_by(|entry| entry.path.cmp(path)).ok()?;
        self.entries.get(found).map(|entry| &entry.node)
    }

    /// The bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> Bytes {
        let sizes = self.entries.iter().map(|entry| match entry.node {
            Node::File { bytes, .. } => bytes.0,
            Node::Link(_) | Node::Folder => 0,
        });
        Bytes(sizes.fold(0, u64::saturating_add))
    }

    /// The digest of its document.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.text())
    }

    /// Every path of the one or the other, in order, with what each has there.
    pub fn side_by_side<'t>(&'t self, other: &'t Self) -> impl Iterator<Item = (&'t RelativePath, Option<&'t Node>, Option<&'t Node>)> {
        let (mut left, mut right) = (self.entries.iter().peekable(), other.entries.iter().peekable());
        std::iter::from_fn(move || {
            let order = match (left.peek(), right.peek()) {
                (None, None) => return None,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some(left), Some(right)) => left.path.cmp(&right.path),
            };
            let old = if order == Ordering::Greater { None } else { left.next() };
            let new = if order == Ordering::Less { None } else { right.next() };
            old.or(new).map(|entry| (&entry.path, old.map(|entry| &entry.node), new.map(|entry| &entry.node)))
        })
    }
}

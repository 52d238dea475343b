//! One side of a comparison.

use std::{io::Read as _, os::unix::ffi::OsStrExt as _};

use crate::{
    names::{Bytes, Digest},
    workspace::{HardLinks, Node, Objects, RelativePath, Root, StoredContent, Tree, WorkspaceError},
};

/// A tree, and where its contents can be read.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    tree: &'a Tree,
    contents: Contents<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Contents<'a> {
    Nowhere,
    Kept(&'a Objects),
    In(&'a Root),
}

static NOTHING: Tree = Tree::EMPTY;

impl<'a> Version<'a> {
    /// An empty folder.
    #[must_use]
    pub fn nothing() -> Self {
        Self { tree: &NOTHING, contents: Contents::Nowhere }
    }

    /// A snapshot.
    #[must_use]
    pub const fn kept(tree: &'a Tree, objects: &'a Objects) -> Self {
        Self { tree, contents: Contents::Kept(objects) }
    }

    /// A folder as [`Tree::of`] found it. A file that is changed afterwards is an error when it is read.
    #[must_use]
    pub const fn folder(tree: &'a Tree, folder: &'a Root) -> Self {
        Self { tree, contents: Contents::In(folder) }
    }

    /// What is there.
    #[must_use]
    pub const fn tree(&self) -> &'a Tree {
        self.tree
    }

    /// What names it; `None` for nothing.
    pub(super) fn digest(&self) -> Option<Digest> {
        match self.contents {
            Contents::Nowhere => None,
            Contents::Kept(_) | Contents::In(_) => Some(self.tree.digest()),
        }
    }

    /// Read a file in pieces.
    pub(super) fn open(&self, path: &RelativePath, sha256: Digest, bytes: Bytes) -> Result<StoredContent, WorkspaceError> {
        match self.contents {
            Contents::Nowhere => Err(WorkspaceError::NotFound { root: "nothing".into(), path: path.to_string() }),
            Contents::Kept(objects) => objects.content(&sha256, bytes),
            Contents::In(root) => Ok(StoredContent::plain(root.open_file(path, HardLinks::Take)?, sha256, bytes)),
        }
    }

    /// What a patch shows of something: the content of a file, what a link says, nothing of a folder. The caller looked at its size.
    pub(super) fn read(&self, path: &RelativePath, node: &Node) -> Result<Vec<u8>, WorkspaceError> {
        match node {
            Node::Folder => Ok(vec![]),
            Node::Link(target) => Ok(target.as_bytes().to_vec()),
            Node::File { bytes, sha256, .. } => {
                let mut content = Vec::with_capacity(bytes.as_len());
                self.open(path, *sha256, *bytes)?.read_to_end(&mut content).map_err(|error| self.read_error(path, error))?;
                Ok(content)
            }
        }
    }

    /// What an error means that came while `path` was read.
    pub(super) fn read_error(&self, path: &RelativePath, error: std::io::Error) -> WorkspaceError {
        match (self.contents, error.downcast::<WorkspaceError>()) {
            (Contents::In(root), Ok(WorkspaceError::Content { .. })) => {
                root.system("read", path, std::io::Error::other("it was changed meanwhile"))
            }
            (_, Ok(error)) => error,
            (Contents::In(root), Err(cause)) => root.system("read", path, cause),
            (_, Err(cause)) => WorkspaceError::System { action: "read", root: "the snapshot".into(), path: path.to_string(), cause },
        }
    }
}

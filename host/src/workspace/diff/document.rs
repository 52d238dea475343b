//! A comparison as a document, for programs.

use std::os::unix::ffi::OsStrExt as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use schemars::JsonSchema;
use serde::Serialize;

use super::{
    change::{Change, ChangeKind, Lines, Stats},
    compare::Diff,
    text::{Encoding, decode_text},
};
use crate::{
    names::{Bytes, Digest},
    workspace::{Node, RelativePath, WorkspaceError},
};

/// A comparison.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DiffDocument {
    /// The digest of the old tree; nothing for an empty folder that is no snapshot.
    pub from: Option<Digest>,
    /// The digest of the new tree.
    pub to: Option<Digest>,
    /// Counts.
    pub stats: Stats,
    /// Every change, sorted by the bytes of the paths.
    pub changes: Vec<ChangeDocument>,
}

/// One change.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ChangeDocument {
    /// Where it is.
    #[serde(flatten)]
    pub path: PathDocument,
    /// Where it was, if it was renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<PathDocument>,
    /// What happened.
    pub change: ChangeKind,
    /// What was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<NodeDocument>,
    /// What is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<NodeDocument>,
    /// Whether one of the two is no text, or too large to be compared line by line.
    pub is_binary: bool,
    /// New lines.
    pub lines_added: usize,
    /// Lines that are gone.
    pub lines_removed: usize,
    /// What a patch says of it, if it was asked for, is text, and there was room.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patch: Option<String>,
    /// How the text of the patch was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
}

/// A path. JSON has only text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PathDocument {
    /// As text; what is no UTF-8 in it is replaced.
    pub path: String,
    /// Its bytes in base64 (RFC 4648), where it is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path_bytes: Option<String>,
}

/// What a path leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum NodeDocument {
    /// A regular file.
    File {
        /// `0755` or `0644`.
        mode: &'static str,
        /// Its size.
        bytes: u64,
        /// The digest of its content.
        sha256: Digest,
    },
    /// A symbolic link.
    Link {
        /// What it says.
        target: String,
    },
    /// An empty folder.
    Folder,
}

impl Diff<'_> {
    /// As a document, with the patches of text files as far as they are together not longer than `room`.
    pub fn document(&self, room: Bytes) -> Result<DiffDocument, WorkspaceError> {
        let mut room = room.as_len();
        let changes = self.changes.iter().map(|change| {
            let (added, removed) = match change.lines {
                Lines::Counted { added, removed } => (added, removed),
                Lines::Binary | Lines::Large => (0, 0),
            };
            let text = self.text(change, room)?;
            let patch = text.and_then(|text| decode_text(&text)).filter(|decoded| decoded.text.len() <= room);
            room -= patch.as_ref().map_or(0, |decoded| decoded.text.len());
            Ok(ChangeDocument {
                path: PathDocument::of(&change.path),
                from: change.from.as_ref().map(PathDocument::of),
                change: change.kind,
                old: change.old.as_ref().map(NodeDocument::of),
                new: change.new.as_ref().map(NodeDocument::of),
                is_binary: matches!(change.lines, Lines::Binary | Lines::Large),
                lines_added: added,
                lines_removed: removed,
                encoding: patch.as_ref().map(|decoded| decoded.encoding),
                patch: patch.map(|decoded| decoded.text),
            })
        });
        Ok(DiffDocument {
            from: self.old.digest(),
            to: self.new.digest(),
            stats: self.stats(),
            changes: changes.collect::<Result<_, WorkspaceError>>()?,
        })
    }

    fn text(&self, change: &Change, room: usize) -> Result<Option<Vec<u8>>, WorkspaceError> {
        if room == 0 || !matches!(change.lines, Lines::Counted { .. }) {
            return Ok(None);
        }
        let mut text = Vec::new();
        self.write_change(change, &mut text)?;
        Ok(Some(text))
    }
}

impl PathDocument {
    fn of(path: &RelativePath) -> Self {
        let bytes = path.as_path().as_os_str().as_bytes();
        let path_bytes = path.as_text().is_none().then(|| STANDARD.encode(bytes));
        Self { path: String::from_utf8_lossy(bytes).into_owned(), path_bytes }
    }
}

impl NodeDocument {
    fn of(node: &Node) -> Self {
        match node {
            Node::File { executable, bytes, sha256 } => {
                Self::File { mode: if *executable { "0755" } else { "0644" }, bytes: bytes.0, sha256: *sha256 }
            }
            Node::Link(target) => Self::Link { target: String::from_utf8_lossy(target.as_bytes()).into_owned() },
            Node::Folder => Self::Folder,
        }
    }
}

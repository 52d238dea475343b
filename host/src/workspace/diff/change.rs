//! One change, and how many there are.

use schemars::JsonSchema;
use serde::Serialize;

use crate::workspace::{Node, RelativePath};

/// One path that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Where it is; where it was, if it is gone.
    pub path: RelativePath,
    /// Where it was, if it was renamed.
    pub from: Option<RelativePath>,
    /// What happened.
    pub kind: ChangeKind,
    /// What was there.
    pub old: Option<Node>,
    /// What is there.
    pub new: Option<Node>,
    /// How much of its text changed.
    pub lines: Lines,
}

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// It is gone.
    Deleted,
    /// It has another content.
    Modified,
    /// It has the same content under another path.
    Renamed,
    /// It has the same content, and can be executed now, or cannot any more.
    Mode,
    /// It was a file and is a link, or was a link and is a folder.
    Type,
}

/// How much of a text changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lines {
    /// Its lines; both are 0 where the content is the same.
    Counted {
        /// New ones.
        added: usize,
        /// Those that are gone.
        removed: usize,
    },
    /// One of the two is not text.
    Binary,
    /// One of the two is too large to be compared line by line.
    Large,
}

/// How many changes there are. A renamed file that can be executed now counts as renamed alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
pub struct Stats {
    /// New paths.
    pub created: usize,
    /// Paths that are gone.
    pub deleted: usize,
    /// Paths with another content, mode or type.
    pub modified: usize,
    /// Paths that have another name.
    pub renamed: usize,
    /// New lines.
    pub lines_added: usize,
    /// Lines that are gone.
    pub lines_removed: usize,
}

impl Stats {
    pub(super) fn of(changes: &[Change]) -> Self {
        let mut stats = Self::default();
        for change in changes {
            match change.kind {
                ChangeKind::Created => stats.created += 1,
                ChangeKind::Deleted => stats.deleted += 1,
                ChangeKind::Modified | ChangeKind::Mode | ChangeKind::Type => stats.modified += 1,
                ChangeKind::Renamed => stats.renamed += 1,
            }
            if let Lines::Counted { added, removed } = change.lines {
                stats.lines_added += added;
                stats.lines_removed += removed;
            }
        }
        stats
    }
}

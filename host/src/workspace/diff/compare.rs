//! Which paths changed, and how.

use super::{
    change::{Change, ChangeKind, Lines, Stats},
    lines::LineDiff,
    rename,
    text::is_binary,
    version::Version,
};
use crate::{
    names::Bytes,
    workspace::{Node, RelativePath, Tree, WorkspaceError},
};

/// Files up to here are compared line by line. Stops a log of gigabytes from filling the memory, and is more than anybody reads.
pub(super) const TEXT: Bytes = Bytes::mebi(16);

/// What changed from one version to another.
#[derive(Debug, Clone)]
pub struct Diff<'a> {
    pub(super) old: Version<'a>,
    pub(super) new: Version<'a>,
    pub(super) changes: Vec<Change>,
}

impl<'a> Diff<'a> {
    /// Compare. Reads the contents of what changed, and of nothing else.
    pub fn between(old: Version<'a>, new: Version<'a>) -> Result<Self, WorkspaceError> {
        let mut changes = Vec::new();
        for (path, before, after) in old.tree().side_by_side(new.tree()) {
            if before == after || (after.is_none() && before == Some(&Node::Folder) && has_below(new.tree(), path)) {
                continue;
            }
            let kind = kind(before, after);
            let lines = Lines::Counted { added: 0, removed: 0 };
            changes.push(Change { path: path.clone(), from: None, kind, old: before.cloned(), new: after.cloned(), lines });
        }
        let mut changes = rename::join(changes);
        for change in &mut changes {
            change.lines = count(&old, &new, change)?;
        }
        Ok(Self { old, new, changes })
    }

    /// Every change, sorted by the bytes of the paths.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// How many there are.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats::of(&self.changes)
    }
}

/// Whether the tree has something in the folder `path`. A folder that is not empty any more is not gone.
fn has_below(tree: &Tree, path: &RelativePath) -> bool {
    let entries = tree.entries();
    let next = entries.partition_point(|entry| entry.path <= *path);
    // Between `a` and `a/b` there may be `a-b`.
    let after = entries.get(next..).unwrap_or_default().iter();
    let prefix = path.as_path();
    let bytes = prefix.as_os_str().as_encoded_bytes();
    after
        .take_while(|entry| entry.path.as_path().as_os_str().as_encoded_bytes().starts_with(bytes))
        .any(|entry| entry.path.as_path().starts_with(prefix))
}

fn kind(before: Option<&Node>, after: Option<&Node>) -> ChangeKind {
    match (before, after) {
        (None, _) => ChangeKind::Created,
        (_, None) => ChangeKind::Deleted,
        (Some(Node::File { sha256: old, .. }), Some(Node::File { sha256: new, .. })) if old == new => ChangeKind::Mode,
        (Some(Node::File { .. }), Some(Node::File { .. })) | (Some(Node::Link(_)), Some(Node::Link(_))) => ChangeKind::Modified,
        _ => ChangeKind::Type,
    }
}

fn count(old: &Version<'_>, new: &Version<'_>, change: &Change) -> Result<Lines, WorkspaceError> {
    if matches!(change.kind, ChangeKind::Renamed | ChangeKind::Mode) {
        return Ok(Lines::Counted { added: 0, removed: 0 });
    }
    if is_large(change.old.as_ref()) || is_large(change.new.as_ref()) {
        return Ok(Lines::Large);
    }
    let before = change.old.as_ref().map(|node| old.read(&change.path, node)).transpose()?.unwrap_or_default();
    let after = change.new.as_ref().map(|node| new.read(&change.path, node)).transpose()?.unwrap_or_default();
    if is_binary_node(change.old.as_ref(), &before) || is_binary_node(change.new.as_ref(), &after) {
        return Ok(Lines::Binary);
    }
    let (added, removed) = if change.kind == ChangeKind::Modified {
        LineDiff::new(&before, &after).counts()
    } else {
        (count_lines(&after), count_lines(&before))
    };
    Ok(Lines::Counted { added, removed })
}

fn is_large(node: Option<&Node>) -> bool {
    matches!(node, Some(Node::File { bytes, .. }) if *bytes > TEXT)
}

/// What a link says is always shown as text.
fn is_binary_node(node: Option<&Node>, content: &[u8]) -> bool {
    matches!(node, Some(Node::File { .. })) && is_binary(content)
}

fn count_lines(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text).count() + usize::from(text.last().is_some_and(|last| *last != b'\n'))
}

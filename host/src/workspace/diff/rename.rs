//! Finding out that what is gone here is what is new there.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
};

use super::change::{Change, ChangeKind};
use crate::{
    names::Digest,
    workspace::{Node, RelativePath},
};

/// What two paths have in common if one was renamed to the other.
#[derive(PartialEq, Eq, Hash)]
enum Same {
    Content(Digest),
    Target(OsString),
}

/// Make one change of a deletion and a creation of the same content, one pair at a time: that with the same file name if there is one, else
/// the first. Empty files have nothing in common.
pub(super) fn join(changes: Vec<Change>) -> Vec<Change> {
    let mut gone: HashMap<Same, Vec<RelativePath>> = HashMap::new();
    for change in changes.iter().filter(|change| change.kind == ChangeKind::Deleted).rev() {
        if let Some(same) = same(change.old.as_ref()) {
            gone.entry(same).or_default().push(change.path.clone());
        }
    }
    let mut from: HashMap<RelativePath, RelativePath> = HashMap::new();
    for change in changes.iter().filter(|change| change.kind == ChangeKind::Created) {
        let Some(candidates) = same(change.new.as_ref()).and_then(|same| gone.get_mut(&same)) else { continue };
        let name = name(&change.path);
        let chosen = candidates.iter().rposition(|candidate| self::name(candidate) == name).or_else(|| candidates.len().checked_sub(1));
        if let Some(chosen) = chosen {
            from.insert(change.path.clone(), candidates.remove(chosen));
        }
    }
    let mut moved: HashMap<RelativePath, Option<Node>> = from.values().map(|path| (path.clone(), None)).collect();
    let mut kept = Vec::with_capacity(changes.len());
    for change in changes {
        match moved.get_mut(&change.path) {
            Some(node) if change.kind == ChangeKind::Deleted => *node = change.old,
            _ => kept.push(change),
        }
    }
    for change in &mut kept {
        if let Some(path) = from.remove(&change.path) {
            change.kind = ChangeKind::Renamed;
            change.old = moved.remove(&path).flatten();
            change.from = Some(path);
        }
    }
    kept
}

fn same(node: Option<&Node>) -> Option<Same> {
    match node? {
        Node::File { bytes, sha256, .. } => (bytes.0 > 0).then_some(Same::Content(*sha256)),
        Node::Link(target) => Some(Same::Target(target.clone())),
        Node::Folder => None,
    }
}

fn name(path: &RelativePath) -> &OsStr {
    path.names().last().unwrap_or_default()
}

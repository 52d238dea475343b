//! The patch of a comparison: what `git diff --binary --full-index -M100%` would say, so that `git apply` makes the new folder of the old one.
//!
//! Git knows no empty folders: they stand in the list of changes, and not in the patch.

use std::io::{self, Write};

use sha1::{Digest as _, Sha1};

use super::{
    change::{Change, ChangeKind, Lines},
    compare::Diff,
    delta,
    git_binary::{deflated, write_half},
    lines::LineDiff,
    quote::quoted,
    version::Version,
};
use crate::{
    names::{Bytes, hex},
    workspace::{Node, RelativePath, WorkspaceError, snapshot::pour},
};

/// Bytes of one file in a patch. `git apply` takes no patch of a gibibyte, and reads all of it into its memory.
const MOST: Bytes = Bytes::mebi(256);

/// How much is moved at once.
const PIECE: usize = 256 << 10;

/// What a path was or is, in a patch.
#[derive(Clone, Copy)]
struct Side<'s> {
    version: &'s Version<'s>,
    path: &'s RelativePath,
    node: &'s Node,
}

impl Diff<'_> {
    /// Write the patch. A file that is too large for one is an error, before anything is written.
    pub fn write_patch(&self, out: &mut impl Write) -> Result<(), WorkspaceError> {
        for change in &self.changes {
            // A rename and a new mode are said without the content.
            if !matches!(change.kind, ChangeKind::Renamed | ChangeKind::Mode) {
                [&change.old, &change.new].into_iter().flatten().try_for_each(|node| check_size(&change.path, node))?;
            }
        }
        self.changes.iter().try_for_each(|change| self.write_change(change, out))?;
        out.flush().map_err(hand)
    }

    /// Write what a patch says of one change: nothing, if it is about an empty folder.
    pub(super) fn write_change(&self, change: &Change, out: &mut impl Write) -> Result<(), WorkspaceError> {
        let was_at = change.from.as_ref().unwrap_or(&change.path);
        let known = |node: &&Node| **node != Node::Folder;
        let old = change.old.as_ref().filter(known).map(|node| Side { version: &self.old, path: was_at, node });
        let new = change.new.as_ref().filter(known).map(|node| Side { version: &self.new, path: &change.path, node });
        match (old, new) {
            (None, None) => Ok(()),
            // Git has no change of the type either: the one goes, the other comes. And of a link that is renamed `git apply` does not see
            // that it makes room for a folder.
            (Some(old), Some(new)) if change.kind == ChangeKind::Type || (is_link(old.node) && old.path != new.path) => {
                write_section(Some(old), None, change.lines, out)?;
                write_section(None, Some(new), change.lines, out)
            }
            (old, new) => write_section(old, new, change.lines, out),
        }
    }
}

fn check_size(path: &RelativePath, node: &Node) -> Result<(), WorkspaceError> {
    match node {
        Node::File { bytes, .. } if *bytes > MOST => {
            Err(WorkspaceError::PatchTooLarge { path: path.to_string(), bytes: *bytes, most: MOST })
        }
        _ => Ok(()),
    }
}

fn write_section(old: Option<Side<'_>>, new: Option<Side<'_>>, lines: Lines, out: &mut impl Write) -> Result<(), WorkspaceError> {
    let (Some(before), Some(after)) = (old.or(new), new.or(old)) else { return Ok(()) };
    let mut head = b"diff --git ".to_vec();
    head.extend(quoted("a/", name(before.path)));
    head.push(b' ');
    head.extend(quoted("b/", name(after.path)));
    head.push(b'\n');
    let (was, is) = (mode(before.node), mode(after.node));
    match (old, new) {
        (None, _) => head.extend(format!("new file mode {is}\n").bytes()),
        (_, None) => head.extend(format!("deleted file mode {was}\n").bytes()),
        _ if was != is => head.extend(format!("old mode {was}\nnew mode {is}\n").bytes()),
        _ => {}
    }
    if before.path != after.path {
        head.extend_from_slice(b"similarity index 100%\nrename from ");
        head.extend(quoted("", name(before.path)));
        head.extend_from_slice(b"\nrename to ");
        head.extend(quoted("", name(after.path)));
        head.push(b'\n');
    }
    if old.is_some() && new.is_some() && is_equal(before.node, after.node) {
        return out.write_all(&head).map_err(hand);
    }
    let (was_id, is_id) = (old.map_or_else(|| Ok(nothing()), blob_id)?, new.map_or_else(|| Ok(nothing()), blob_id)?);
    let same_mode = if old.is_some() && new.is_some() && was == is { format!(" {is}") } else { String::new() };
    head.extend(format!("index {was_id}..{is_id}{same_mode}\n").bytes());
    out.write_all(&head).map_err(hand)?;
    match lines {
        Lines::Counted { .. } => write_text(old, new, out),
        Lines::Binary | Lines::Large => write_binary(old, new, out),
    }
}

fn write_text(old: Option<Side<'_>>, new: Option<Side<'_>>, out: &mut impl Write) -> Result<(), WorkspaceError> {
    let read = |side: Option<Side<'_>>| side.map_or_else(|| Ok(vec![]), |side| side.version.read(side.path, side.node));
    let (before, after) = (read(old)?, read(new)?);
    let hunks = LineDiff::new(&before, &after).unified();
    // An empty file that is made, or removed: the head says it all.
    if hunks.is_empty() {
        return Ok(());
    }
    let label = |prefix, side: Option<Side<'_>>| side.map_or_else(|| b"/dev/null".to_vec(), |side| quoted(prefix, name(side.path)));
    let text = [b"--- ", &*label("a/", old), b"\n+++ ", &*label("b/", new), b"\n", &*hunks].concat();
    out.write_all(&text).map_err(hand)
}

/// Both ways, so that the patch can be taken back. What is small is written as pieces of the other side where that is shorter.
fn write_binary(old: Option<Side<'_>>, new: Option<Side<'_>>, out: &mut impl Write) -> Result<(), WorkspaceError> {
    out.write_all(b"GIT binary patch\n").map_err(hand)?;
    let is_small = |side: &Side<'_>| (1..=delta::MOST as u64).contains(&length(side.node));
    if let (Some(old), Some(new)) = (old.filter(is_small), new.filter(is_small)) {
        let (before, after) = (old.version.read(old.path, old.node)?, new.version.read(new.path, new.node)?);
        write_shorter(&before, &after, out).map_err(hand)?;
        return write_shorter(&after, &before, out).map_err(hand);
    }
    write_literal(new, out)?;
    write_literal(old, out)
}

fn write_shorter(from: &[u8], to: &[u8], out: &mut impl Write) -> io::Result<()> {
    let delta = delta::delta(from, to);
    let (kind, content) = if deflated(&delta)? < deflated(to)? { ("delta", &*delta) } else { ("literal", to) };
    write_half(out, kind, content.len() as u64, |out| out.write_all(content))
}

/// The whole content, without having it in memory.
fn write_literal(side: Option<Side<'_>>, out: &mut impl Write) -> Result<(), WorkspaceError> {
    let written = write_half(out, "literal", side.map_or(0, |side| length(side.node)), |out| match side {
        None => Ok(()),
        Some(side) => side.pour(out).map_err(Failed),
    });
    written.map_err(|Failed(error)| error)
}

/// An error of this room, which may begin as one of the standard library.
struct Failed(WorkspaceError);

impl From<io::Error> for Failed {
    fn from(cause: io::Error) -> Self {
        Self(hand(cause))
    }
}

impl Side<'_> {
    fn pour(&self, out: &mut (impl Write + ?Sized)) -> Result<(), WorkspaceError> {
        match self.node {
            Node::File { bytes, sha256, .. } => {
                let mut content = self.version.open(self.path, *sha256, *bytes)?;
                pour(&mut content, out, &mut vec![0; PIECE]).map_err(|error| self.version.read_error(self.path, error))
            }
            node => out.write_all(&self.version.read(self.path, node)?).map_err(hand),
        }
    }
}

/// What git calls the content, in a repository of the usual kind. `git apply` checks binary patches by it.
fn blob_id(side: Side<'_>) -> Result<String, WorkspaceError> {
    let mut hash = Hash(Sha1::new());
    hash.0.update(format!("blob {}\0", length(side.node)));
    side.pour(&mut hash)?;
    Ok(hex(&hash.0.finalize()))
}

struct Hash(Sha1);

impl Write for Hash {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn nothing() -> String {
    "0".repeat(40)
}

const fn mode(node: &Node) -> &'static str {
    match node {
        Node::File { executable: true, .. } => "100755",
        Node::File { executable: false, .. } | Node::Folder => "100644",
        Node::Link(_) => "120000",
    }
}

const fn is_link(node: &Node) -> bool {
    matches!(node, Node::Link(_))
}

fn length(node: &Node) -> u64 {
    match node {
        Node::File { bytes, .. } => bytes.0,
        Node::Link(target) => target.len() as u64,
        Node::Folder => 0,
    }
}

fn is_equal(old: &Node, new: &Node) -> bool {
    match (old, new) {
        (Node::File { sha256: old, .. }, Node::File { sha256: new, .. }) => old == new,
        (old, new) => old == new,
    }
}

fn name(path: &RelativePath) -> &[u8] {
    path.as_path().as_os_str().as_encoded_bytes()
}

fn hand(cause: io::Error) -> WorkspaceError {
    match cause.downcast::<WorkspaceError>() {
        Ok(error) => error,
        Err(cause) => WorkspaceError::Hand { what: "patch", cause },
    }
}

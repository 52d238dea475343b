//! Making a folder what a snapshot says, nothing more and nothing less.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io::{self, Read},
    os::{
        fd::OwnedFd,
        unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    },
};

use rustix::{
    fs::{AtFlags, FileType, Mode, RawMode, mkdirat, readlinkat, unlinkat},
    io::Errno,
};

use super::{
    object_file::StoredContent,
    objects::Objects,
    take::in_threads,
    tree::{Entry, Node, Tree},
};
use crate::{
    names::{Bytes, Digest},
    workspace::{
        HardLinks, RelativePath, Root, Selection, WorkspaceError, remove,
        select::child,
        walk::{What, walk},
    },
};

/// How much is moved at once.
const PIECE: usize = 256 << 10;

/// What becomes of that which is in the folder and not in the snapshot.
#[derive(Debug, Clone, Copy)]
pub enum Leftovers<'s> {
    /// It is removed: afterwards the folder holds what the snapshot holds.
    Remove,
    /// It is removed as far as this selection would take it. What a snapshot never looks at, such as installed packages, stays.
    KeepUnselected(&'s Selection),
}

/// What was done to a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restored {
    /// Files and links that were written; the rest was as it should be.
    pub written: usize,
    /// Files, links and folders that were removed; a folder counts as one with everything in it.
    pub removed: usize,
}

impl Objects {
    /// Make `folder` what `tree` says: its files with their content and whether they can be executed, its links, its empty folders.
    ///
    /// Every file is written beside its place and put there in one step, so a file is never half of one. After an error the folder is
    /// somewhere in between; calling again goes on. Modes follow the user's mask; times are those of the writing.
    pub fn restore(&self, tree: &Tree, folder: &Root, leftovers: Leftovers<'_>) -> Result<Restored, WorkspaceError> {
        let mut restored = Restored::default();
        let folders = folders(tree);
        restored.removed += clear(folder, None, folder.folder(), tree, &folders, leftovers)?;
        for path in &folders {
            let (made, removed) = make_folder(folder, path)?;
            restored.removed += removed + clear(folder, Some(path), &made, tree, &folders, leftovers)?;
        }
        if let Leftovers::KeepUnselected(selection) = leftovers {
            restored.removed += remove_selected(folder, tree, &folders, selection)?;
        }
        let tool = || Ok(vec![0; PIECE]);
        let written = in_threads(tree.entries(), tool, |piece, entry| self.write(folder, entry, piece), |_| Ok(()))?;
        restored.written = written.into_iter().filter(|(_, written)| *written).count();
        Ok(restored)
    }

    /// Read one file of a tree, of at most `cap`.
    pub fn read_file(&self, tree: &Tree, path: &RelativePath, cap: Bytes) -> Result<Vec<u8>, WorkspaceError> {
        match tree.get(path) {
            Some(Node::File { bytes, sha256, .. }) => self.read(sha256, *bytes, cap),
            _ => Err(WorkspaceError::NotFound { root: "the snapshot".into(), path: path.to_string() }),
        }
    }

    /// Write what an entry says, unless it is there. Tells whether it was written.
    fn write(&self, folder: &Root, entry: &Entry, piece: &mut [u8]) -> Result<bool, WorkspaceError> {
        match &entry.node {
            Node::Folder => Ok(false),
            Node::Link(target) => {
                if links_to(folder, &entry.path, target) {
                    return Ok(false);
                }
                folder.replace_link(&entry.path, target).map(|()| true)
            }
            Node::File { executable, bytes, sha256 } => {
                if holds(folder, &entry.path, *executable, *bytes, *sha256, piece) {
                    return Ok(false);
                }
                let mut content = self.content(sha256, *bytes)?;
                let mode: RawMode = if *executable { 0o755 } else { 0o644 };
                let (replacement, mut file) = folder.replace(&entry.path, mode)?;
                pour(&mut content, &mut file, piece).map_err(|error| folder.io("write", &entry.path.to_string(), error))?;
                replacement.commit()?;
                Ok(true)
            }
        }
    }
}

/// Every folder that a tree needs, those above before those in them.
fn folders(tree: &Tree) -> BTreeSet<RelativePath> {
    let mut folders = BTreeSet::new();
    for entry in tree.entries() {
        let own = matches!(entry.node, Node::Folder).then(|| entry.path.clone());
        let mut next = own.or_else(|| entry.path.split().0);
        while let Some(folder) = next {
            next = folder.split().0;
            if !folders.insert(folder) {
                break;
            }
        }
    }
    folders
}

/// Take out of one folder what does not belong there: what the tree does not know, and folders where it has a file or a link.
fn clear(
    root: &Root,
    path: Option<&RelativePath>,
    folder: &OwnedFd,
    tree: &Tree,
    folders: &BTreeSet<RelativePath>,
    leftovers: Leftovers<'_>,
) -> Result<usize, WorkspaceError> {
    let mut removed = 0;
    let shown = path.map_or_else(|| ".".to_owned(), RelativePath::to_string);
    for (name, kind) in remove::names(folder).map_err(|errno| root.at("list", &shown, errno))? {
        let below = child(path, OsStr::from_bytes(name.to_bytes()));
        let belongs = match &below {
            Ok(below) if folders.contains(below) => true,
            Ok(below) => match tree.get(below) {
                Some(_) => kind != FileType::Directory,
                None => matches!(leftovers, Leftovers::KeepUnselected(_)),
            },
            // A path that is too long to be in a tree.
            Err(_) => matches!(leftovers, Leftovers::KeepUnselected(_)),
        };
        if !belongs {
            remove::remove_name(folder, &name)
                .map_err(|errno| root.at("remove", &below.map_or(shown.clone(), |below| below.to_string()), errno))?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Have a folder at `path`, whatever stands there. Tells how much had to go for it. The folder above is one already.
fn make_folder(root: &Root, path: &RelativePath) -> Result<(OwnedFd, usize), WorkspaceError> {
    let failed = |errno| root.error("create", path, errno);
    let (parent, name) = path.split();
    let above = parent.map(|parent| root.open_dir(&parent)).transpose()?;
    let above = above.as_ref().unwrap_or(root).folder();
    let name = std::ffi::CString::new(name.as_bytes()).map_err(|_| failed(Errno::INVAL))?;
    match remove::open_writable(above, &name) {
        Ok(folder) => return Ok((folder, 0)),
        Err(Errno::NOENT) => {}
        Err(Errno::NOTDIR | Errno::LOOP) => {
            remove::remove_name(above, &name).map_err(failed)?;
            mkdirat(above, &name, Mode::from_raw_mode(0o777)).map_err(failed)?;
            return Ok((remove::open_writable(above, &name).map_err(failed)?, 1));
        }
        Err(errno) => return Err(failed(errno)),
    }
    mkdirat(above, &name, Mode::from_raw_mode(0o777)).map_err(failed)?;
    Ok((remove::open_writable(above, &name).map_err(failed)?, 0))
}

/// Remove what the selection takes and the tree does not know, then the folders that are empty because of it.
fn remove_selected(root: &Root, tree: &Tree, folders: &BTreeSet<RelativePath>, selection: &Selection) -> Result<usize, WorkspaceError> {
    let (mut removed, mut emptied) = (0, BTreeSet::new());
    for found in walk(root, selection)?.found {
        if folders.contains(&found.path) || tree.get(&found.path).is_some() {
            continue;
        }
        let mut above = found.path.split().0;
        if matches!(found.what, What::Folder) {
            above = Some(found.path);
        } else {
            root.remove(&found.path)?;
            removed += 1;
        }
        while let Some(folder) = above.filter(|folder| !folders.contains(folder)) {
            above = folder.split().0;
            emptied.insert(folder);
        }
    }
    // Those in them before those above.
    for path in emptied.iter().rev() {
        let (parent, name) = path.split();
        let above = parent.map(|parent| root.open_dir(&parent)).transpose()?;
        match unlinkat(above.as_ref().unwrap_or(root).folder(), name, AtFlags::REMOVEDIR) {
            Ok(()) => removed += 1,
            Err(Errno::NOTEMPTY | Errno::EXIST | Errno::NOENT) => {}
            Err(errno) => return Err(root.error("remove", path, errno)),
        }
    }
    Ok(removed)
}

fn links_to(root: &Root, path: &RelativePath, target: &OsStr) -> bool {
    let (parent, name) = path.split();
    let Ok(above) = parent.map(|parent| root.open_dir(&parent)).transpose() else { return false };
    let said = readlinkat(above.as_ref().unwrap_or(root).folder(), name, Vec::new());
    said.is_ok_and(|said| said.as_bytes() == target.as_bytes())
}

/// Whether the file is what it should be. One with a second name is not: what is written to it later would be written elsewhere, too.
fn holds(root: &Root, path: &RelativePath, executable: bool, bytes: Bytes, sha256: Digest, piece: &mut [u8]) -> bool {
    let Ok(file) = root.open_file(path, HardLinks::Refuse) else { return false };
    let Ok(status) = file.metadata() else { return false };
    let mode = status.permissions().mode();
    if status.len() != bytes.0 || (mode & 0o100 != 0) != executable || mode & 0o7000 != 0 {
        return false;
    }
    pour(&mut StoredContent::plain(file, sha256, bytes), &mut io::sink(), piece).is_ok()
}

/// Move everything from `source` to `target`.
pub(in crate::workspace) fn pour(source: &mut impl Read, target: &mut (impl io::Write + ?Sized), piece: &mut [u8]) -> io::Result<()> {
    loop {
        let length = match source.read(piece) {
            Ok(0) => return target.flush(),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        target.write_all(piece.get(..length).unwrap_or_default())?;
    }
}

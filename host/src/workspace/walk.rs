//! What is in a folder, found without following a link and without leaving it.

use std::{
    ffi::{OsStr, OsString},
    os::{
        fd::{AsFd as _, BorrowedFd},
        unix::ffi::{OsStrExt as _, OsStringExt as _},
    },
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use rustix::{
    fs::{AtFlags, Dir, FileType, readlinkat, statat},
    io::Errno,
};

use super::{
    RelativePath, Root, Selection, WorkspaceError,
    select::{FolderRules, child},
    snapshot::{Stamp, in_threads},
};

/// Something that is taken.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) path: RelativePath,
    pub(super) what: What,
}

/// What it is.
#[derive(Debug)]
pub(super) enum What {
    /// A regular file, as it looked when it was listed.
    File(Stamp),
    /// A symbolic link, and what it says.
    Link(OsString),
    /// A folder of which nothing is taken.
    Folder,
}

/// Something that is in the folder and was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Other {
    /// Where it is. A folder stands for everything in it.
    pub path: RelativePath,
    /// Why it was left out.
    pub reason: LeftOut,
}

/// Why something is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    /// The patterns say so.
    Unselected,
    /// It is a pipe, a socket or a device.
    Special,
}

/// What a walk found: sorted by the bytes of the paths.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) found: Vec<Found>,
    pub(super) others: Vec<Other>,
}

/// A folder that was not looked into yet.
struct Pending {
    path: Option<RelativePath>,
    level: usize,
    rules: Option<Arc<FolderRules>>,
}

/// Walk through `root`, one level after the other. A name that goes away meanwhile was never there.
pub(super) fn walk(root: &Root, selection: &Selection) -> Result<Walked, WorkspaceError> {
    let seen = AtomicUsize::new(0);
    let mut walked = Walked::default();
    let mut level = vec![Pending { path: None, level: 0, rules: None }];
    while !level.is_empty() {
        let list = |(): &mut (), folder: &Pending| {
            let mut list = List { root, selection, seen: &seen, walked: Walked::default(), pending: vec![] };
            list.folder(folder)?;
            Ok((list.walked, list.pending))
        };
        let lists = in_threads(&level, || Ok(()), list, Ok)?;
        level = Vec::new();
        for (_, (more, pending)) in lists {
            walked.found.extend(more.found);
            walked.others.extend(more.others);
            level.extend(pending);
        }
    }
    keep_empty_folders(&mut walked.found);
    walked.others.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(walked)
}

/// What is in one folder.
struct List<'a> {
    root: &'a Root,
    selection: &'a Selection,
    /// How many names were seen, those of other folders included.
    seen: &'a AtomicUsize,
    walked: Walked,
    pending: Vec<Pending>,
}

impl List<'_> {
    fn folder(&mut self, folder: &Pending) -> Result<(), WorkspaceError> {
        let path = folder.path.as_ref();
        let opened = match path.map(|path| self.root.open_dir(path)).transpose() {
            Ok(opened) => opened,
            Err(error) if error.is_not_found() => return Ok(()),
            // Something else stands there by now, which the next walk sees.
            Err(WorkspaceError::Link { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        let here = opened.as_ref().unwrap_or(self.root).folder().as_fd();
        let rules = self.selection.rules(self.root, path, folder.rules.as_ref())?;
        if let Some(path) = path.filter(|_| self.selection.takes_folders()) {
            self.walked.found.push(Found { path: path.clone(), what: What::Folder });
        }
        let failed = |errno: Errno| self.root.at("list", &path.map_or_else(|| ".".to_owned(), RelativePath::to_string), errno);
        for entry in Dir::read_from(here).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            if self.seen.fetch_add(1, Ordering::Relaxed) >= self.selection.limits.entries {
                return Err(self.root.too_many("files and folders", self.selection.limits.entries));
            }
            let path = child(path, name)?;
            self.entry(here, name, path, entry.file_type(), folder.level, rules.as_ref())?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        folder: BorrowedFd<'_>,
        name: &OsStr,
        path: RelativePath,
        kind: FileType,
        level: usize,
        rules: Option<&Arc<FolderRules>>,
    ) -> Result<(), WorkspaceError> {
        // What the listing says may be `Unknown`, and may be over by now.
        let status = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => status,
            Err(Errno::NOENT) => return Ok(()),
            Err(errno) => return Err(self.root.error("look at", &path, errno)),
        };
        let kind = if kind == FileType::Directory { kind } else { FileType::from_raw_mode(status.st_mode) };
        if kind == FileType::Directory {
            if !self.selection.enters(&path, rules) {
                self.walked.others.push(Other { path, reason: LeftOut::Unselected });
            } else if level >= self.selection.limits.levels {
                return Err(self.root.too_many("folders in folders", self.selection.limits.levels));
            } else {
                self.pending.push(Pending { path: Some(path), level: level + 1, rules: rules.cloned() });
            }
            return Ok(());
        }
        if !self.selection.takes_file(&path, rules) {
            self.walked.others.push(Other { path, reason: LeftOut::Unselected });
            return Ok(());
        }
        let what = match kind {
            FileType::RegularFile => What::File(Stamp::of(&status)),
            FileType::Symlink => match readlinkat(folder, name, Vec::new()) {
                Ok(target) => What::Link(OsString::from_vec(target.into_bytes())),
                Err(Errno::NOENT | Errno::INVAL) => return Ok(()),
                Err(errno) => return Err(self.root.error("read the link", &path, errno)),
            },
            _ => {
                self.walked.others.push(Other { path, reason: LeftOut::Special });
                return Ok(());
            }
        };
        self.walked.found.push(Found { path, what });
        Ok(())
    }
}

/// Sort, and drop the folders that have something in them: they are there because of it.
fn keep_empty_folders(found: &mut Vec<Found>) {
    let mut full: std::collections::HashSet<RelativePath> = std::collections::HashSet::new();
    let mut last = None;
    for entry in found.iter() {
        // Most lie in the folder of the one before, which was seen to then.
        let folder = entry.path.as_path().parent().map(Path::as_os_str);
        if last == Some(folder) {
            continue;
        }
        last = Some(folder);
        let mut above = entry.path.split().0;
        while let Some(folder) = above {
            let next = folder.split().0;
            if !full.insert(folder) {
                break;
            }
            above = next;
        }
    }
    found.retain(|entry| !matches!(entry.what, What::Folder) || !full.contains(&entry.path));
    found.sort_by(|a, b| a.path.cmp(&b.path));
}

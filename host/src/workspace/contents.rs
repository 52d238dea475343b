//! Reading what somebody asks for by name, by pattern or by folder.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    os::{fd::AsFd as _, unix::ffi::OsStrExt as _},
};

use globset::{GlobBuilder, GlobMatcher};
use rustix::fs::{AtFlags, Dir, FileType, statat};

use super::{HardLinks, RelativePath, Root, WorkspaceError};
use crate::names::Bytes;

/// How much is read in one go. A pattern of a caller meets a folder of a stranger, who may have made a million files in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentLimits {
    /// Files that are read.
    pub files: usize,
    /// Names that are looked at to find them.
    pub names: usize,
    /// Folders in folders.
    pub levels: usize,
    /// Of one file.
    pub file_bytes: Bytes,
    /// Of all files together.
    pub bytes: Bytes,
}

impl Default for ContentLimits {
    fn default() -> Self {
        Self { files: 10_000, names: 200_000, levels: 128, file_bytes: Bytes::mebi(64), bytes: Bytes::mebi(256) }
    }
}

/// What was in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// Text in UTF-8.
    Text(String),
    /// Anything else.
    Bytes(Vec<u8>),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Contents {
    /// Each file once, by its path.
    pub files: BTreeMap<RelativePath, Body>,
    /// Names that were asked for and do not exist, as they were written.
    pub missing: Vec<String>,
    /// What a pattern or a folder led to and that is not read: links, pipes and the like, and files with a second name.
    pub skipped: Vec<RelativePath>,
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        String::from_utf8(bytes).map_or_else(|error| Self::Bytes(error.into_bytes()), Self::Text)
    }
}

impl Root {
    /// Read files: each of `wanted` is the path of a file, the path of a folder, which means every file in it, or a pattern in which `*` and
    /// `?` do not cross `/`, `**` does, and `[a-z]` and `{a,b}` choose. A file whose name looks like a pattern is found by its name.
    ///
    /// Where a pattern or a folder leads to a link, it is skipped; a link that is asked for by its name is an error, and so is a path that
    /// leads out of the folder. Nothing outside of it is ever read.
    pub fn contents(&self, wanted: &[String], limits: ContentLimits) -> Result<Contents, WorkspaceError> {
        let mut reader = Reader { root: self, limits, names: 0, bytes: 0, contents: Contents::default() };
        for text in wanted {
            let text = text.trim();
            match text {
                "" => {}
                "." | "./" => reader.below(None, None)?,
                text => reader.take(text)?,
            }
        }
        Ok(reader.contents)
    }

    /// The names in a folder below this one and what they are, sorted. Every name counts towards `most`.
    pub(super) fn list(
        &self,
        folder: Option<&RelativePath>,
        seen: &mut usize,
        most: usize,
    ) -> Result<Vec<(RelativePath, FileType)>, WorkspaceError> {
        let opened = match folder.map(|folder| self.open_dir(folder)).transpose() {
            Ok(opened) => opened,
            // It went away, or something else stands there by now.
            Err(WorkspaceError::NotFound { .. } | WorkspaceError::Link { .. }) if folder.is_some() => return Ok(vec![]),
            Err(error) => return Err(error),
        };
        let here = opened.as_ref().unwrap_or(self).folder().as_fd();
        let failed = |errno: rustix::io::Errno| WorkspaceError::Folder { path: self.path().to_owned(), cause: errno.into() };
        let mut listed = Vec::new();
        for entry in Dir::read_from(here).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name == "." || name == ".." {
                continue;
            }
            *seen += 1;
            if *seen > most {
                return Err(self.too_many("names to look at", most));
            }
            let path = folder.map_or_else(|| RelativePath::from_os(name), |folder| folder.child(name))?;
            let kind = match entry.file_type() {
                // Some file systems do not tell in the listing.
                FileType::Unknown => match statat(here, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(status) => FileType::from_raw_mode(status.st_mode),
                    Err(_) => continue,
                },
                kind => kind,
            };
            listed.push((path, kind));
        }
        listed.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(listed)
    }
}

struct Reader<'r> {
    root: &'r Root,
    limits: ContentLimits,
    names: usize,
    bytes: u64,
    contents: Contents,
}

impl Reader<'_> {
    fn take(&mut self, text: &str) -> Result<(), WorkspaceError> {
        let path: RelativePath = text.strip_prefix("./").unwrap_or(text).trim_end_matches('/').parse()?;
        match self.root.read(&path, HardLinks::Refuse, self.limits.file_bytes) {
            Ok(bytes) => self.put(path, bytes),
            Err(WorkspaceError::NotRegular { kind: FOLDER, .. }) => self.below(Some(&path), None),
            Err(error) if error.is_not_found() && is_pattern(text) => self.matching(&path),
            Err(error) if error.is_not_found() => {
                self.contents.missing.push(text.to_owned());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn matching(&mut self, pattern: &RelativePath) -> Result<(), WorkspaceError> {
        let text = pattern.as_text().unwrap_or_default();
        let bad = |error: &globset::Error| WorkspaceError::Pattern { pattern: pattern.to_string(), problem: error.kind().to_string() };
        let glob = GlobBuilder::new(text).literal_separator(true).build().map_err(|error| bad(&error))?.compile_matcher();
        // Nothing outside of the folder that the pattern begins with can match.
        let plain: Vec<_> = text.split('/').take_while(|name| !is_pattern(name)).collect();
        let start = plain.join("/");
        if start.is_empty() {
            return self.below(None, Some(&glob));
        }
        match self.root.open_dir(&start.parse()?) {
            Ok(_) => self.below(Some(&start.parse()?), Some(&glob)),
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Every regular file below a folder that fits, in the order of their names.
    fn below(&mut self, folder: Option<&RelativePath>, glob: Option<&GlobMatcher>) -> Result<(), WorkspaceError> {
        let mut pending = vec![(folder.cloned(), 0_usize)];
        while let Some((folder, level)) = pending.pop() {
            let mut inner = Vec::new();
            for (path, kind) in self.root.list(folder.as_ref(), &mut self.names, self.limits.names)? {
                let fits = glob.is_none_or(|glob| glob.is_match(path.as_path()));
                match kind {
                    FileType::Directory if level >= self.limits.levels => {
                        return Err(self.root.too_many("folders in folders", self.limits.levels));
                    }
                    FileType::Directory => inner.push((Some(path), level + 1)),
                    FileType::RegularFile if fits => self.found(path)?,
                    _ if fits => self.contents.skipped.push(path),
                    _ => {}
                }
            }
            inner.reverse();
            pending.append(&mut inner);
        }
        Ok(())
    }

    fn found(&mut self, path: RelativePath) -> Result<(), WorkspaceError> {
        if self.contents.files.contains_key(&path) {
            return Ok(());
        }
        match self.root.read(&path, HardLinks::Refuse, self.limits.file_bytes) {
            Ok(bytes) => self.put(path, bytes),
            // It went away or became something else since it was listed, or has a second name.
            Err(WorkspaceError::NotFound { .. }) => Ok(()),
            Err(WorkspaceError::Link { .. } | WorkspaceError::NotRegular { .. } | WorkspaceError::HardLinked { .. }) => {
                self.contents.skipped.push(path);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn put(&mut self, path: RelativePath, bytes: Vec<u8>) -> Result<(), WorkspaceError> {
        if self.contents.files.contains_key(&path) {
            return Ok(());
        }
        if self.contents.files.len() >= self.limits.files {
            return Err(self.root.too_many("files to read", self.limits.files));
        }
        self.bytes += bytes.len() as u64;
        if self.bytes > self.limits.bytes.0 {
            return Err(self.root.too_large(&path, self.limits.bytes));
        }
        self.contents.files.insert(path, Body::from(bytes));
        Ok(())
    }
}

/// What [`WorkspaceError::NotRegular`] calls a folder.
const FOLDER: &str = "a folder";

fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

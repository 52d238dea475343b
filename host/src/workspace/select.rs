//! Which paths of a folder belong to a snapshot.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use ignore::{
    Match,
    gitignore::{Gitignore, GitignoreBuilder},
};

use super::{HardLinks, RelativePath, Root, WorkspaceError};
use crate::names::Bytes;

/// What is left out where nobody says otherwise: repositories, installed packages, and what interpreters and desktops leave behind.
pub const IGNORED: [&str; 8] =
    ["**/.git", "**/.git/**", "**/node_modules/**", "**/venv/**", "**/.venv/**", "**/__pycache__/**", "**/*.pyc", "**/.DS_Store"];

/// The folder that hides the tests of an evaluation from the solver, whose snapshots must not show them either.
pub const HIDDEN: &str = ".evaluation_tests";

/// Bytes of one `.gitignore`. Stops a solver from having the host compile megabytes of patterns.
const GITIGNORE: Bytes = Bytes::kibi(64);

/// How much of a folder is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalkLimits {
    /// Names, those that are left out included. Stops a folder of millions of files from filling the memory of the host.
    pub entries: usize,
    /// Folders in folders. Stops a chain of folders from making every path in it longer than the last.
    pub levels: usize,
}

impl Default for WalkLimits {
    fn default() -> Self {
        Self { entries: 500_000, levels: 250 }
    }
}

/// Which paths are taken. In a pattern `*` matches any characters, `/` included; a folder that is left out is not looked into.
#[derive(Debug, Clone)]
pub struct Selection {
    keep: Option<GlobSet>,
    ignore: GlobSet,
    without: BTreeSet<RelativePath>,
    gitignore: bool,
    hidden: bool,
    pub(super) limits: WalkLimits,
}

impl Selection {
    /// Everything but [`HIDDEN`].
    #[must_use]
    pub fn everything() -> Self {
        Self {
            keep: None,
            ignore: GlobSet::empty(),
            without: BTreeSet::new(),
            gitignore: false,
            hidden: true,
            limits: WalkLimits::default(),
        }
    }

    /// What matches one of `keep`, or everything where there is none; less what matches one of `ignore`, and less [`HIDDEN`].
    pub fn new(keep: &[String], ignore: &[String]) -> Result<Self, WorkspaceError> {
        let keep = if keep.is_empty() { None } else { Some(patterns(keep)?) };
        Ok(Self { keep, ignore: patterns(ignore)?, ..Self::everything() })
    }

    /// Leave out, too, what the `.gitignore` files in the folder leave out.
    #[must_use]
    pub fn with_gitignore(self) -> Self {
        Self { gitignore: true, ..self }
    }

    /// Leave out these, letter by letter, with everything in them: results of a command, which are no part of what it works on.
    #[must_use]
    pub fn without(self, paths: BTreeSet<RelativePath>) -> Self {
        Self { without: paths, ..self }
    }

    /// Take [`HIDDEN`] too.
    #[must_use]
    pub fn with_hidden(self) -> Self {
        Self { hidden: false, ..self }
    }

    /// Look at so much.
    #[must_use]
    pub fn within(self, limits: WalkLimits) -> Self {
        Self { limits, ..self }
    }

    /// Whether a file or a link is taken.
    pub(super) fn takes_file(&self, path: &RelativePath, rules: Option<&Arc<FolderRules>>) -> bool {
        if self.leaves_out(path) || self.ignore.is_match(path.as_path()) || is_ignored(rules, path, false) {
            return false;
        }
        self.keep.as_ref().is_none_or(|keep| keep.is_match(path.as_path()))
    }

    /// Whether a folder is looked into.
    pub(super) fn enters(&self, path: &RelativePath, rules: Option<&Arc<FolderRules>>) -> bool {
        // `venv/*` is meant for the folder `venv`, too: nothing in it is taken.
        let below = || self.ignore.is_match(path.as_path().join(""));
        !(self.leaves_out(path) || self.ignore.is_match(path.as_path()) || below() || is_ignored(rules, path, true))
    }

    /// Whether a folder of which nothing is taken is remembered as an empty one.
    pub(super) const fn takes_folders(&self) -> bool {
        self.keep.is_none()
    }

    /// The rules of a folder: its own `.gitignore` over those above.
    pub(super) fn rules(
        &self,
        root: &Root,
        folder: Option<&RelativePath>,
        above: Option<&Arc<FolderRules>>,
    ) -> Result<Option<Arc<FolderRules>>, WorkspaceError> {
        if !self.gitignore {
            return Ok(None);
        }
        let path = child(folder, ".gitignore".as_ref())?;
        let text = match root.read(&path, HardLinks::Take, GITIGNORE) {
            Ok(text) => text,
            Err(error @ WorkspaceError::TooLarge { .. }) => return Err(error),
            // None, or something that git does not read either.
            Err(_) => return Ok(above.cloned()),
        };
        let mut builder = GitignoreBuilder::new(".");
        for line in String::from_utf8_lossy(&text).lines() {
            // As git does: a line that is no pattern matches nothing.
            let _ = builder.add_line(None, line);
        }
        let bad = |error: ignore::Error| WorkspaceError::Pattern { pattern: path.to_string(), problem: error.to_string() };
        let matcher = builder.build().map_err(bad)?;
        let depth = folder.map_or(0, |folder| folder.as_path().as_os_str().len() + 1);
        Ok(Some(Arc::new(FolderRules { matcher, depth, above: above.cloned() })))
    }

    fn leaves_out(&self, path: &RelativePath) -> bool {
        (self.hidden && path.split().1 == HIDDEN) || self.without.contains(path)
    }
}

/// What the `.gitignore` of one folder says, and those above.
#[derive(Debug)]
pub(super) struct FolderRules {
    matcher: Gitignore,
    /// Bytes of a path that lead to the folder.
    depth: usize,
    above: Option<Arc<FolderRules>>,
}

/// The innermost file that says something about the path decides.
fn is_ignored(rules: Option<&Arc<FolderRules>>, path: &RelativePath, is_folder: bool) -> bool {
    use std::os::unix::ffi::OsStrExt as _;
    let bytes = path.as_path().as_os_str().as_bytes();
    let mut rules = rules;
    while let Some(current) = rules {
        let inside = Path::new(std::ffi::OsStr::from_bytes(bytes.get(current.depth..).unwrap_or_default()));
        match current.matcher.matched(inside, is_folder) {
            Match::Ignore(_) => return true,
            Match::Whitelist(_) => return false,
            Match::None => rules = current.above.as_ref(),
        }
    }
    false
}

/// The path of `name` in `folder`.
pub(super) fn child(folder: Option<&RelativePath>, name: &std::ffi::OsStr) -> Result<RelativePath, WorkspaceError> {
    folder.map_or_else(|| RelativePath::from_os(name), |folder| folder.child(name))
}

fn patterns(texts: &[String]) -> Result<GlobSet, WorkspaceError> {
    let bad = |text: &str, error: &globset::Error| WorkspaceError::Pattern {
        pattern: text.escape_debug().take(200).collect(),
        problem: error.kind().to_string(),
    };
    let mut set = GlobSetBuilder::new();
    for text in texts {
        let glob = GlobBuilder::new(text.trim_start_matches("./")).build().map_err(|error| bad(text, &error))?;
        set.add(glob);
    }
    set.build().map_err(|error| bad(error.glob().unwrap_or("all patterns together"), &error))
}

//! Finds the regular files below a folder, in order, without following a link.

use std::{fs, path::Path};

use super::pattern::{DEEPEST, Pattern};
use crate::{AtPath, Failure};

/// The most entries that are looked at in one folder of the run.
///
/// Stops a command that leaves millions of files from using up the time and memory of the call.
const MOST_ENTRIES: usize = 200_000;

/// The longest relative path, in bytes. Longer ones are no names that a person could use.
const LONGEST_NAME: usize = 1_000;

/// What a walk found.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Relative paths of regular files that match, parts separated by `/`, in the order of their bytes within a folder.
    pub(super) files: Vec<String>,
    /// Whether a bound was met, so that there may be more.
    pub(super) cut: bool,
    /// Files whose names cannot be told to the host.
    pub(super) unnamable: usize,
    entries: usize,
}

impl Walk {
    /// Every file below `root` that matches one of `patterns`, at most `most` of them.
    pub(super) fn of(root: &Path, patterns: &[Pattern], most: usize) -> Result<Self, Failure> {
        let mut walk = Self::default();
        let depth = patterns.iter().map(Pattern::depth).max().unwrap_or(DEEPEST);
        for prefix in roots_of(patterns) {
            walk.start(root, prefix, depth, &|path| patterns.iter().any(|pattern| pattern.matches(path)), most)?;
        }
        Ok(walk)
    }

    /// Every file below `root` that is not below one of `without`.
    pub(super) fn all_but(root: &Path, without: &[&str], most: usize) -> Result<Self, Failure> {
        let mut walk = Self::default();
        let below = |path: &str, name: &str| path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        walk.start(root, "", DEEPEST, &|path| !without.iter().any(|name| below(path, name)), most)?;
        Ok(walk)
    }

    fn start(&mut self, root: &Path, prefix: &str, depth: usize, wanted: &dyn Fn(&str) -> bool, most: usize) -> Result<(), Failure> {
        let mut path = root.to_owned();
        for part in prefix.split('/').filter(|part| !part.is_empty()) {
            path.push(part);
            // A link on the way would lead out of the folder.
            if fs::symlink_metadata(&path).map_or(true, |found| found.is_symlink()) {
                return Ok(());
            }
        }
        let Ok(found) = fs::symlink_metadata(&path) else { return Ok(()) };
        if found.is_dir() {
            let reached = prefix.split('/').filter(|part| !part.is_empty()).count();
            return self.folder(&path, prefix, depth.saturating_sub(reached), wanted, most);
        }
        if found.is_file() && wanted(prefix) {
            self.take(prefix.to_owned(), most);
        }
        Ok(())
    }

    fn folder(&mut self, at: &Path, name: &str, depth: usize, wanted: &dyn Fn(&str) -> bool, most: usize) -> Result<(), Failure> {
        if depth == 0 || self.cut {
            return Ok(());
        }
        let mut entries = Vec::new();
        for entry in fs::read_dir(at).at(at)? {
            self.entries += 1;
            if self.entries > MOST_ENTRIES {
                self.cut = true;
                break;
            }
            entries.push(entry.at(at)?);
        }
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            let Ok(kind) = entry.file_type() else { continue };
            if !kind.is_dir() && !kind.is_file() {
                continue;
            }
            let file_name = entry.file_name();
            let Some(text) = file_name.to_str().filter(|text| !text.chars().any(char::is_control)) else {
                self.unnamable += 1;
                continue;
            };
            let path = if name.is_empty() { text.to_owned() } else { format!("{name}/{text}") };
            if path.len() > LONGEST_NAME {
                self.unnamable += 1;
                continue;
            }
            if kind.is_dir() {
                self.folder(&at.join(text), &path, depth - 1, wanted, most)?;
            } else if wanted(&path) {
                self.take(path, most);
            }
        }
        Ok(())
    }

    fn take(&mut self, path: String, most: usize) {
        if self.files.len() >= most {
            self.cut = true;
        } else {
            self.files.push(path);
        }
    }
}

/// The folders to start in: the prefixes of the patterns, without those that lie in another.
fn roots_of(patterns: &[Pattern]) -> Vec<&str> {
    let mut prefixes: Vec<&str> = patterns.iter().map(Pattern::prefix).collect();
    prefixes.sort_unstable_by_key(|prefix| (prefix.matches('/').count() + usize::from(!prefix.is_empty()), *prefix));
    let mut roots: Vec<&str> = Vec::new();
    let inside = |inner: &str, outer: &str| {
        outer.is_empty() || inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for prefix in prefixes {
        if !roots.iter().any(|root| inside(prefix, root)) {
            roots.push(prefix);
        }
    }
    roots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_folder_is_walked_twice() {
        let patterns: Vec<Pattern> = ["a/b/*", "a", "c/*.x", "c/d/*", "ab/*"].map(|text| Pattern::new("f", text).unwrap()).into();
        assert_eq!(roots_of(&patterns), ["a", "ab", "c"]);
        let everything = [Pattern::new("f", "a/*").unwrap(), Pattern::new("f", "**").unwrap()];
        assert_eq!(roots_of(&everything), [""]);
    }
}

//! The links on the way to a file.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs,
    path::{Component, Path, PathBuf},
};

/// Most links on the way to one file, as the kernel has it.
const LINKS: usize = 40;

/// The paths that lead to the same file: this one, then the same with its first link replaced by where it leads, and so on to one without
/// links, which is last.
pub(super) fn follow(path: &Path) -> Vec<PathBuf> {
    let mut paths = vec![path.to_owned()];
    while let Some(next) = paths.last().and_then(|path| replace_first(path)) {
        paths.push(next);
        if paths.len() > LINKS {
            break;
        }
    }
    paths
}

/// The path without its first link; `None` where there is no link in it.
fn replace_first(path: &Path) -> Option<PathBuf> {
    let mut rest: VecDeque<OsString> = path
        .components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect();
    let mut at = PathBuf::from("/");
    while let Some(name) = rest.pop_front() {
        if name == ".." {
            at.pop();
            continue;
        }
        let next = at.join(name);
        if let Ok(target) = fs::read_link(&next) {
            let mut replaced = at.join(target);
            replaced.extend(rest);
            return Some(replaced);
        }
        at = next;
    }
    (at != path).then_some(at)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_link_is_a_step_and_the_last_path_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        fs::create_dir(folder.join("real")).unwrap();
        fs::write(folder.join("real/file"), "").unwrap();
        symlink("real", folder.join("folder")).unwrap();
        symlink("folder/../folder/file", folder.join("link")).unwrap();
        let paths = follow(&folder.join("link"));
        assert_eq!(paths.first(), Some(&folder.join("link")));
        assert_eq!(paths.last(), Some(&folder.join("real/file")));
        symlink("round", folder.join("round")).unwrap();
        assert!(follow(&folder.join("round")).len() <= LINKS + 1, "a circle has an end");
    }
}

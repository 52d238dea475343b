//! Which snapshots are kept, and removing what nobody needs any more.

use std::{
    collections::{BTreeSet, HashSet},
    os::fd::OwnedFd,
    time::Duration,
};

use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, flock, openat, statat, unlinkat},
    io::Errno,
};

use super::{
    objects::{Objects, place},
    stamp,
    tree::Node,
};
use crate::{
    names::{Bytes, Digest},
    workspace::{WorkspaceError, remove},
};

/// How long it is remembered what the files of a folder held.
const REMEMBERED: Duration = Duration::from_hours(24 * 30);

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// Snapshots.
    pub snapshots: usize,
    /// Contents that no other snapshot needs.
    pub contents: usize,
    /// The space that they took.
    pub bytes: Bytes,
}

impl Objects {
    /// The digests of all snapshots, sorted.
    pub fn snapshots(&self) -> Result<Vec<Digest>, WorkspaceError> {
        let mut digests: Vec<_> = self.list(&self.trees)?.iter().filter_map(|name| digest(name)).collect();
        digests.sort_unstable();
        Ok(digests)
    }

    /// Remove every snapshot but those that `wanted` names, and every content that none of these needs.
    ///
    /// `wanted` is asked once nothing can be stored any more, so whoever writes down a digest before letting go of the [`super::Writer`]
    /// will find it again. [`WorkspaceError::Busy`] while somebody stores. A kept snapshot that cannot be read is an error, before
    /// anything is removed.
    pub fn prune(&self, wanted: impl FnOnce() -> Result<BTreeSet<Digest>, WorkspaceError>) -> Result<Pruned, WorkspaceError> {
        let lock = self.lock_file()?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(WorkspaceError::Busy { root: self.root.path().to_owned() }),
            Err(errno) => return Err(self.root.at("lock", "lock", errno)),
        }
        let wanted = wanted()?;
        let mut needed = HashSet::new();
        for digest in self.snapshots()?.iter().filter(|digest| wanted.contains(digest)) {
            let tree = self.snapshot(digest)?.tree;
            needed.extend(tree.entries().iter().filter_map(|entry| match entry.node {
                Node::File { sha256, .. } => Some(place(&sha256.hex())),
                Node::Link(_) | Node::Folder => None,
            }));
        }
        let mut pruned = Pruned::default();
        for name in self.list(&self.trees)? {
            if digest(&name).is_none_or(|digest| !wanted.contains(&digest)) {
                pruned.bytes.0 += self.remove_file(&self.trees, &name)?;
                pruned.snapshots += usize::from(!name.starts_with('.'));
            }
        }
        self.prune_contents(&needed, &mut pruned)?;
        self.forget()?;
        Ok(pruned)
    }

    fn prune_contents(&self, needed: &HashSet<String>, pruned: &mut Pruned) -> Result<(), WorkspaceError> {
        for first in self.list(&self.content)? {
            let folder = match openat(&self.content, first.as_str(), OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
            {
                Ok(folder) => folder,
                // What a program that was killed was writing.
                Err(Errno::NOTDIR) => {
                    pruned.bytes.0 += self.remove_file(&self.content, &first)?;
                    continue;
                }
                Err(errno) => return Err(self.root.at("list", &first, errno)),
            };
            for rest in self.list(&folder)? {
                if !needed.contains(&format!("{first}/{rest}")) {
                    pruned.bytes.0 += self.remove_file(&folder, &rest)?;
                    pruned.contents += 1;
                }
            }
        }
        Ok(())
    }

    /// Drop what is remembered of folders that were not looked at for long.
    fn forget(&self) -> Result<(), WorkspaceError> {
        let now = stamp::now();
        for name in self.list(&self.memory)? {
            let Ok(status) = statat(&self.memory, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) else { continue };
            let written = Duration::from_secs(u64::try_from(status.st_mtime).unwrap_or(0));
            if now.saturating_sub(written) > REMEMBERED || name.starts_with('.') {
                self.remove_file(&self.memory, &name)?;
            }
        }
        Ok(())
    }

    fn list(&self, folder: &OwnedFd) -> Result<Vec<String>, WorkspaceError> {
        let names = remove::names(folder).map_err(|errno| self.root.at("list", ".", errno))?;
        Ok(names.into_iter().filter_map(|(name, _)| name.into_string().ok()).collect())
    }

    /// Tells the space that it took.
    fn remove_file(&self, folder: &OwnedFd, name: &str) -> Result<u64, WorkspaceError> {
        let bytes = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_or(0, |status| u64::try_from(status.st_blocks).unwrap_or(0) * 512);
        match unlinkat(folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(bytes),
            Err(errno) => Err(self.root.at("remove", name, errno)),
        }
    }
}

fn digest(name: &str) -> Option<Digest> {
    format!("sha256:{name}").parse().ok()
}

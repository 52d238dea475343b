//! Which snapshots are kept, and removing what nobody needs any more.

use std::{
    collections::{BTreeSet, HashSet},
    io,
    os::{fd::OwnedFd, unix::fs::FileExt as _},
    time::Duration,
};

use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, openat, statat, unlinkat},
    io::Errno,
};

use super::{
    objects::{Locked, Objects, PACKS, digest, open_in, space},
    pack::{Packed, read_index},
    packer::{Packer, Written},
    stamp,
    tree::Node,
};
use crate::{
    names::{Bytes, Digest},
    workspace::{WorkspaceError, remove},
};

/// How long it is remembered what the files of a folder held.
const REMEMBERED: Duration = Duration::from_hours(24 * 30);

/// What writing packs anew has to give back. A few contents get a file each, and with it a block of the disk each.
const WORTH: Bytes = Bytes::mebi(1);

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
        let _lock = match Locked::new(self.lock_file()?, FlockOperation::NonBlockingLockExclusive) {
            Ok(lock) => lock,
            Err(Errno::WOULDBLOCK) => return Err(WorkspaceError::Busy { root: self.root.path().to_owned() }),
            Err(errno) => return Err(self.root.at("lock", "lock", errno)),
        };
        let wanted = wanted()?;
        let mut needed = HashSet::new();
        for digest in self.snapshots()?.iter().filter(|digest| wanted.contains(digest)) {
            let tree = self.snapshot(digest)?.tree;
            needed.extend(tree.entries().iter().filter_map(|entry| match entry.node {
                Node::File { sha256, .. } => Some(sha256),
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
        self.prune_packs(&needed, &mut pruned)?;
        self.forget()?;
        Ok(pruned)
    }

    fn prune_contents(&self, needed: &HashSet<Digest>, pruned: &mut Pruned) -> Result<(), WorkspaceError> {
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
                if digest(&format!("{first}{rest}")).is_none_or(|digest| !needed.contains(&digest)) {
                    pruned.bytes.0 += self.remove_file(&folder, &rest)?;
                    pruned.contents += 1;
                }
            }
        }
        Ok(())
    }

    /// Remove packs of which nothing is needed, and write anew what is needed of those of which that is less than half.
    fn prune_packs(&self, needed: &HashSet<Digest>, pruned: &mut Pruned) -> Result<(), WorkspaceError> {
        // What two programs stored at the same time stays in the pack that is looked at first.
        let mut missing = needed.clone();
        let (mut sparse, mut waste) = (Vec::new(), 0);
        for name in self.list(&self.packs.folder)? {
            let index = self.packed(&name)?;
            let all = bytes(&index);
            let (keep, drop): (Vec<_>, Vec<_>) = index.into_iter().partition(|packed| missing.remove(&packed.sha256));
            let drop = drop.into_iter().filter(|packed| !needed.contains(&packed.sha256)).count();
            if keep.is_empty() {
                pruned.bytes.0 += self.remove_file(&self.packs.folder, &name)?;
                pruned.contents += drop;
            } else if bytes(&keep) < all / 2 {
                waste += all - bytes(&keep);
                sparse.push((name, keep, drop));
            }
        }
        if waste < WORTH.0 {
            return Ok(());
        }
        let written = self.pack_anew(&sparse).map_err(|error| self.root.io("write", PACKS, error))?;
        let mut removed = 0;
        for (name, _, drop) in &sparse {
            // Where it was written with the same contents in the same order, it is the new one that is there.
            if digest(name).is_none_or(|digest| !written.packs.contains(&digest)) {
                removed += self.remove_file(&self.packs.folder, name)?;
            }
            pruned.contents += drop;
        }
        pruned.bytes.0 += removed.saturating_sub(written.space);
        Ok(())
    }

    /// What is in the file of this name; nothing in what a program that was killed, or a power failure, left.
    fn packed(&self, name: &str) -> Result<Vec<Packed>, WorkspaceError> {
        let Some(digest) = digest(name) else { return Ok(Vec::new()) };
        let read = || Ok(self.packs.open_pack(&digest)?.map(|file| read_index(&file, &digest)).transpose()?.flatten());
        read().map(Option::unwrap_or_default).map_err(|error| self.root.io("read", &format!("{PACKS}/{name}"), error))
    }

    /// Copy these contents of these packs.
    fn pack_anew(&self, packs: &[(String, Vec<Packed>, usize)]) -> io::Result<Written> {
        let (mut packer, mut stored) = (Packer::new(self), Vec::new());
        for (name, keep, _) in packs {
            let file = open_in(&self.packs.folder, name)?;
            for packed in keep {
                stored.resize(usize::try_from(packed.length).map_err(io::Error::other)?, 0);
                file.read_exact_at(&mut stored, packed.at)?;
                packer.add(packed.sha256, &stored)?;
            }
        }
        packer.finish()
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
        let bytes = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW).map_or(0, |status| space(&status));
        match unlinkat(folder, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(bytes),
            Err(errno) => Err(self.root.at("remove", name, errno)),
        }
    }
}

fn bytes(packed: &[Packed]) -> u64 {
    packed.iter().map(|packed| packed.length).sum()
}

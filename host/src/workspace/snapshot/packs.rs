//! The packs of a folder, and in which of them a content lies.

use std::{
    collections::{BTreeMap, HashMap},
    fs::File,
    io,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rustix::{
    fs::{AtFlags, statat},
    io::Errno,
};

use super::{
    object_file::Section,
    objects::{digest, open_in},
    pack::read_index,
    stamp::{FIELDS, Stamp},
};
use crate::{names::Digest, workspace::remove};

/// How often the folder is listed anew because a pack went away meanwhile. Each time somebody else has to have removed one.
const TRIES: usize = 4;

/// All packs. What is in them is read once, and again where something may have been added.
#[derive(Debug)]
pub(super) struct Packs {
    pub(super) folder: OwnedFd,
    known: Mutex<Arc<Known>>,
}

/// What the packs hold, as far as it was looked at.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// How each file looked when its index was read; also those that are not whole.
    looks: BTreeMap<Digest, [u64; FIELDS]>,
    places: HashMap<Digest, Place>,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    pack: Digest,
    at: u64,
    length: u64,
}

impl Known {
    pub(super) fn has(&self, sha256: &Digest) -> bool {
        self.places.contains_key(sha256)
    }
}

impl Packs {
    pub(super) fn new(folder: OwnedFd) -> Self {
        Self { folder, known: Mutex::default() }
    }

    /// Open a content, if it is in a pack that is known.
    pub(super) fn open(&self, sha256: &Digest) -> Result<Option<Section>, Errno> {
        let Some(place) = self.known().places.get(sha256).copied() else { return Ok(None) };
        Ok(self.open_pack(&place.pack)?.map(|file| Section::new(file, place.at, place.length)))
    }

    /// Open a pack, if it is there.
    pub(super) fn open_pack(&self, name: &Digest) -> Result<Option<File>, Errno> {
        match open_in(&self.folder, &name.hex()) {
            Ok(file) => Ok(Some(file)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Look at what is there by now.
    pub(super) fn refresh(&self) -> io::Result<Arc<Known>> {
        let mut known = self.known();
        for _ in 0..TRIES {
            if self.look(Arc::make_mut(&mut known))? {
                break;
            }
        }
        Ok(Arc::clone(&known))
    }

    fn known(&self) -> MutexGuard<'_, Arc<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// False where a pack went away while it was looked for: what is needed of it is in a new one, which the list need not have shown.
    fn look(&self, known: &mut Known) -> io::Result<bool> {
        let (mut there, mut is_all) = (BTreeMap::new(), true);
        for (name, _) in remove::names(&self.folder)? {
            let Some(name) = name.to_str().ok().and_then(digest) else { continue };
            match statat(&self.folder, name.hex(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(status) => {
                    there.insert(name, Stamp::of(&status).fields);
                }
                Err(Errno::NOENT) => is_all = false,
                Err(errno) => return Err(errno.into()),
            }
        }
        if known.looks.iter().any(|(name, looks)| there.get(name) != Some(looks)) {
            *known = Known::default();
        }
        for (name, looks) in there {
            if known.looks.contains_key(&name) {
                continue;
            }
            let Some(file) = self.open_pack(&name)? else {
                is_all = false;
                continue;
            };
            let index = read_index(&file, &name)?.unwrap_or_default();
            known.places.extend(index.iter().map(|packed| (packed.sha256, Place { pack: name, at: packed.at, length: packed.length })));
            known.looks.insert(name, looks);
        }
        Ok(is_all)
    }
}
